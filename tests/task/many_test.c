/*
 * Very many tasks, and one with too little stack.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "rota.h"
#include "test.h"

enum { MANY = 200000, MANY_SANITIZED = 2000 };

static long parked, woken;

static ROTA_ASYNC(park)
{
    parked++;
    int rc = rota_sleep(ROTA_FOREVER);
    woken++;
    return rc;
}

static long lines_of(const char *path)
{
    FILE *f = fopen(path, "r");
    long count = 0;
    for (int ch; f && (ch = getc(f)) != EOF;)
        count += ch == '\n';
    if (f)
        fclose(f);
    return count;
}

static long number_in(const char *path)
{
    FILE *f = fopen(path, "r");
    long n = 0;
    if (f) {
        CHECK_INT(fscanf(f, "%ld", &n), 1);
        fclose(f);
    }
    return n;
}

static int park_many(void *arg)
{
    long count = test_sanitized() ? MANY_SANITIZED : MANY;
    (void)arg;
    rota_group g;
    rota_ignore(rota_group_begin(&g, 0));
    for (long i = 0; i < count; i++)
        CHECK_INT(rota_group_create_task(&g, park), 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(parked, count);
    long maps = lines_of("/proc/self/maps");
    long most = number_in("/proc/sys/vm/max_map_count");
    printf("# %ld tasks parked, %ld mappings of %ld\n", parked, maps, most);
    CHECK(maps < most);
    rota_group_cancel(&g, "enough");
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK_INT(woken, count);
    return 0;
}

/* PITFALL 12 */
TEST_LIMITED("200 000 tasks are parked at once, whatever "
             "vm.max_map_count says",
             120)
{
    CHECK_INT(rota_run(park_many, NULL, NULL), 0);
}

/* PITFALL 12 */
TEST_LIMITED("the same where guards must be made with mprotect",
             120)
{
    setenv("ROTA_GUARD", "mprotect", 1);
    CHECK_INT(rota_run(park_many, NULL, NULL), 0);
}

static __attribute__((noinline)) int deeper(volatile int *n)
{
    volatile char frame[512];
    frame[0] = (char)*n;
    if (++*n < 0)
        return 0; /* never: the stack ends first */
    return deeper(n) + frame[0];
}

static ROTA_ASYNC(bottomless)
{
    volatile int n = 0;
    return deeper(&n);
}

static int recurse(void *arg)
{
    (void)arg;
    return rota_await(rota_create_task(bottomless));
}

static void run_recurse(void)
{
    exit(rota_run(recurse, NULL, NULL) != 0);
}

/* TASK-22 */
TEST("a task that recurses into its guard is named, with where it was "
     "spawned")
{
    char err[4096];
    int status = test_child(run_recurse, err, sizeof err);
    if (test_sanitized()) {
        CHECK(status != 0); /* the sanitizer reports it in its own words */
        return;
    }
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGSEGV);
    CHECK_HAS(err, "stack overflow in task bottomless");
    CHECK_HAS(err, "many_test.c:");
    CHECK_HAS(err, " KiB stack");
    CHECK_HAS(err, "stack_size");
}

static ROTA_ASYNC(sleeper, (rota_dur, d))
{
    return rota_sleep(d);
}

static int gather_many(void *arg)
{
    enum { COUNT = 10000 };
    static rota_task *tasks[COUNT];
    (void)arg;
    for (int i = 0; i < COUNT; i++)
        tasks[i] = rota_create_task(sleeper, rota_us(i % 100));
    CHECK_INT(rota_gather(tasks, COUNT, NULL, 0), 0);
    return 0;
}

/* PITFALL 48 */
TEST("ten thousand tasks are gathered")
{
    CHECK_INT(rota_run(gather_many, NULL, NULL), 0);
}
