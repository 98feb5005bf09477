/*
 * What belongs to a thread stays the thread's: a compiler may keep the
 * address of a thread-local variable over a call that suspends, so the task
 * must go on where it was.
 */
#include <errno.h>
#include <netdb.h>
#include <regex.h>
#include <stdlib.h>

#include "tasks.h"

static _Thread_local int mine;

static int count_elsewhere(void *arg)
{
    (void)arg;
    return ++mine;
}

static ROTA_ASYNC(count_here)
{
    mine++;
    return rota_checkpoint();
}

/* PITFALL 19 */
TASK_TEST("a thread-local variable is the same after a sleep, a join and a "
          "job on a pool thread")
{
    mine = 100;
    int *before = &mine;
    CHECK_INT(rota_sleep(rota_us(10)), 0);
    mine++;
    CHECK_INT(rota_await(rota_create_task(count_here)), 0);
    CHECK_INT(rota_to_thread(count_elsewhere, NULL), 1); /* the pool's own */
    mine++;
    CHECK(&mine == before);
    CHECK_INT(mine, 103);
}

static ROTA_ASYNC(spoil_errno)
{
    errno = ENOTDIR;
    int rc = rota_checkpoint();
    CHECK_INT(errno, ENOTDIR);
    return rc;
}

/* PITFALL 18 */
TASK_TEST("errno is kept over a suspension, and no other task's is seen")
{
    rota_task *other = rota_create_task(spoil_errno);
    errno = EXDEV;
    CHECK_INT(rota_checkpoint(), 0);
    CHECK_INT(errno, EXDEV);
    CHECK_INT(rota_await(other), 0);
    CHECK_INT(errno, EXDEV);
}

static int by_value(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int sort_many(void)
{
    int numbers[256];
    for (int i = 0; i < 256; i++)
        numbers[i] = (i * 7919) % 256;
    qsort(numbers, 256, sizeof numbers[0], by_value);
    return numbers[255];
}

static ROTA_ASYNC(use_the_library)
{
    char text[512];
    regex_t r;
    struct addrinfo *found = NULL,
                    hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
    CHECK_INT(snprintf(text, sizeof text, "%.400Lf", 1.0L / 3.0L), 402);
    CHECK_INT(sort_many(), 255);
    CHECK_INT(regcomp(&r, "^(a|b)*c{1,20}(d+e?)*$", REG_EXTENDED), 0);
    CHECK_INT(regexec(&r, "ababababccccccdeddddde", 0, NULL, 0), 0);
    regfree(&r);
    CHECK_INT(getaddrinfo("127.0.0.1", "80", &hints, &found), 0);
    freeaddrinfo(found);
    return 0;
}

/* PITFALL 16 */
TASK_TEST("the C library's greedier functions run on a default stack")
{
    CHECK_INT(rota_await(rota_create_task(use_the_library)), 0);
}
