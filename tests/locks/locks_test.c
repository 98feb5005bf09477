/*
 * librota-locks: a pthread mutex that is held over a suspension is told of,
 * before it can stop the thread for ever; one that is not is no matter.
 */
#include <pthread.h>

#include "../task/tasks.h"

static char lines[8192];
static int told;

static void keep_line(enum rota_log_level level, const char *line)
{
    (void)level;
    if (strstr(line, "io_uring is not available"))
        return; /* a fact of the machine */
    told++;
    strncat(lines, line, sizeof lines - strlen(lines) - 2);
    strcat(lines, "\n");
}

static void run(rota_fn *fn)
{
    rota_set_log_handler(keep_line);
    CHECK_INT(rota_run(fn, NULL, NULL), 0);
}

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;

static ROTA_ASYNC(holds_over_sleep)
{
    pthread_mutex_lock(&one);
    int rc = rota_sleep(rota_ms(1));
    pthread_mutex_unlock(&one);
    return rc;
}

static int hold(void *arg)
{
    (void)arg;
    return rota_await(rota_create_task(holds_over_sleep));
}

/* PITFALL 20 */
TEST("a mutex held over a suspension is told of when it is given back")
{
    run(hold);
    CHECK_INT(told, 1);
    CHECK_HAS(lines, "task holds_over_sleep (spawned at "
                     "tests/locks/locks_test.c:");
    CHECK_HAS(lines, "holds the pthread mutex ");
    CHECK_HAS(lines, " over a suspension");
}

static ROTA_ASYNC(uses_another)
{
    pthread_mutex_lock(&other);
    pthread_mutex_unlock(&other);
    CHECK_INT(told, 1); /* at once: the first task still sleeps */
    return 0;
}

static int use_another(void *arg)
{
    (void)arg;
    rota_task *t[] = { rota_create_task(holds_over_sleep),
                       rota_create_task(uses_another) };
    return rota_gather(t, 2, NULL, 0);
}

/* PITFALL 20 */
TEST("it is told of as soon as another task uses a mutex, and once")
{
    run(use_another);
    CHECK_INT(told, 1);
}

static ROTA_ASYNC(wants_the_same)
{
    int rc = pthread_mutex_trylock(&one); /* lock would stop the thread */
    CHECK_INT(rc, EBUSY);
    CHECK_HAS(lines, "and another task of its thread wants it");
    return 0;
}

static int want_the_same(void *arg)
{
    (void)arg;
    rota_task *t[] = { rota_create_task(holds_over_sleep),
                       rota_create_task(wants_the_same) };
    return rota_gather(t, 2, NULL, 0);
}

/* PITFALL 20 */
TEST("it is told that another task of the thread wants it, before it waits")
{
    run(want_the_same);
    CHECK_INT(told, 1);
}

static pthread_mutex_t recursive;

static ROTA_ASYNC(holds_recursive)
{
    pthread_mutex_lock(&recursive);
    int rc = rota_sleep(rota_ms(1));
    pthread_mutex_unlock(&recursive);
    return rc;
}

static ROTA_ASYNC(slips_in)
{
    CHECK_INT(pthread_mutex_lock(&recursive), 0); /* it lets the thread in */
    CHECK_HAS(lines, "task holds_recursive (spawned at ");
    CHECK_HAS(lines, "and another task of its thread wants it");
    pthread_mutex_unlock(&recursive);
    return 0;
}

static int slip_in(void *arg)
{
    (void)arg;
    rota_task *t[] = { rota_create_task(holds_recursive),
                       rota_create_task(slips_in) };
    return rota_gather(t, 2, NULL, 0);
}

/* PITFALL 20 */
TEST("a recursive mutex that lets a second task in is told of")
{
    pthread_mutexattr_t how;
    pthread_mutexattr_init(&how);
    pthread_mutexattr_settype(&how, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&recursive, &how);
    run(slip_in);
    CHECK_INT(told, 1);
}

static ROTA_ASYNC(behaves, (int, rounds))
{
    for (int i = 0; i < rounds; i++) {
        pthread_mutex_lock(&one);
        pthread_mutex_lock(&other);
        pthread_mutex_unlock(&one);
        pthread_mutex_unlock(&other);
        int rc = rota_sleep(0);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void *use_in_thread(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(arg);
        pthread_mutex_unlock(arg);
    }
    return NULL;
}

static int behave(void *arg)
{
    (void)arg;
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, use_in_thread, &one), 0);
    rota_task *t[4];
    for (int i = 0; i < 4; i++)
        t[i] = rota_create_task(behaves, 100);
    int rc = rota_gather(t, 4, NULL, 0);
    pthread_join(thread, NULL);
    return rc;
}

TEST("mutexes that are given back before a suspension are no matter")
{
    run(behave);
    CHECK_STR(lines, "");
}
