/*
 * What of the library needs no descriptor, with every call failing once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "rota.h"
#include "test.h"

static ROTA_ASYNC(give, (int, n))
{
    int rc = rota_sleep(0);
    return rc < 0 ? rc : n;
}

static int spawn_and_await(void *arg)
{
    (void)arg;
    rota_task *t = rota_create_task(give, 7);
    return rota_await(t);
}

static int run_spawn_and_await(void)
{
    return rota_run(spawn_and_await, NULL, NULL);
}

/* PITFALL 17, PITFALL 63 */
FAULT_TEST("a run, a task, its result", run_spawn_and_await, 7)

static int thread_fn(void *arg)
{
    int rc = rota_sleep(rota_us(10)); /* passed to the task */
    return rc < 0 ? rc : *(int *)arg;
}

static int use_thread(void *arg)
{
    (void)arg;
    int rc = rota_to_thread(thread_fn, &(int){ 3 });
    return rc < 0 ? rc : rota_to_cpu(thread_fn, &(int){ 4 });
}

static int run_use_thread(void)
{
    return rota_run(use_thread, NULL, NULL);
}

/* PITFALL 55, PITFALL 63 */
FAULT_TEST("work on threads", run_use_thread, 4)

enum { CROWD = 24 };

static int use_group(void *arg)
{
    (void)arg;
    rota_group g;
    int rc = rota_group_begin(&g, 0);
    if (rc < 0)
        return rc;
    for (int i = 0; i < CROWD && rc == 0; i++)
        rc = rota_group_create_task(&g, give, i);
    return rota_group_end(&g, rc);
}

static int run_use_group(void)
{
    return rota_run(use_group, NULL, NULL);
}

FAULT_TEST("a group of tasks", run_use_group, 0)

static int use_gather(void *arg)
{
    (void)arg;
    rota_task *t[CROWD];
    for (int i = 0; i < CROWD; i++)
        t[i] = rota_create_task(give, i);
    int rc = rota_gather(t, CROWD, NULL, 0);
    for (int i = 0; i < CROWD; i++)
        rota_task_unref(t[i]); /* -ENOMEM: they may still be mine */
    return rc;
}

static int run_use_gather(void)
{
    return rota_run(use_gather, NULL, NULL);
}

FAULT_TEST("gather, also of tasks that could not be made", run_use_gather, 0)

static ROTA_ASYNC(nap, (rota_dur, d))
{
    return rota_sleep(d);
}

static int use_timeouts(void *arg)
{
    (void)arg;
    int rc = 0;
    ROTA_TIMEOUT (rota_us(50), rc) {
        rc = rota_sleep(rota_seconds(100));
    }
    if (rc != -ETIMEDOUT)
        return rc;
    rota_task *t = rota_create_task(nap, rota_seconds(100));
    rc = rota_wait_for(t, rota_us(50));
    if (rc == -ENOMEM && t) { /* no memory for the timer: it is still mine */
        rota_task_cancel(t, "test");
        rota_ignore(rota_await(t));
    }
    return rc;
}

static int run_use_timeouts(void)
{
    return rota_run(use_timeouts, NULL, NULL);
}

FAULT_TEST("deadlines", run_use_timeouts, -ETIMEDOUT)

static int sleep_storm(void *arg)
{
    (void)arg;
    rota_group g;
    int rc = rota_group_begin(&g, 0);
    for (int i = 0; i < 100 && rc == 0; i++)
        rc = rota_group_create_task(&g, nap, rota_us(i % 7 * 100 + 1));
    return rota_group_end(&g, rc);
}

static int run_sleep_storm(void)
{
    return rota_run(sleep_storm, NULL, NULL);
}

FAULT_TEST("many sleepers", run_sleep_storm, 0)

static void count(void *arg)
{
    ++*(int *)arg;
}

static ROTA_ASYNC(set_later, (rota_future *, f))
{
    int rc = rota_sleep(0);
    rota_ignore(rota_future_set(f, 5, NULL, NULL));
    return rc;
}

static int use_future(void *arg)
{
    (void)arg;
    static int calls; /* a callback may come after main has ended */
    rota_future *f = rota_future_new();
    if (!f)
        return -ENOMEM;
    rota_task *t = rota_create_task(set_later, f);
    rota_outcome out = { 0 };
    int rc = t ? rota_future_on_done(f, count, &calls) : -ENOMEM;
    if (rc == 0)
        rc = rota_future_wait(f, &out);
    if (rc == 0)
        rc = rota_call_soon(count, &calls);
    if (t)
        rota_ignore(rota_await(t));
    rota_future_unref(f);
    return rc < 0 ? rc : out.rc;
}

static int run_use_future(void)
{
    return rota_run(use_future, NULL, NULL);
}

FAULT_TEST("a future with callbacks", run_use_future, 5)

static int fail_and_defer(void *arg)
{
    int rc = rota_defer(count, arg);
    return rc < 0 ? rc : rota_fail(-EIO, "in words");
}

static int use_defer(void *arg)
{
    (void)arg;
    int calls = 0;
    int rc = rota_await(rota_spawn(fail_and_defer, &calls, NULL));
    return rc == -EIO && calls != 1 ? -EINVAL : rc;
}

static int run_use_defer(void)
{
    return rota_run(use_defer, NULL, NULL);
}

FAULT_TEST("deferred calls and the text of an error", run_use_defer, -EIO)

static ROTA_ASYNC(linger)
{
    int rc = rota_sleep(rota_seconds(100));
    ROTA_SHIELD (rota_seconds(1)) {
        rota_ignore(rota_sleep(rota_us(10)));
    }
    return rc;
}

static int leave_tasks(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        rota_task_unref(rota_create_task(linger));
    return rota_sleep(0);
}

static int run_leave_tasks(void)
{
    rota_run_options o = { .shutdown_timeout = rota_seconds(5), .debug = true };
    return rota_run(leave_tasks, NULL, &o);
}

FAULT_TEST("a shutdown in debug mode that has a limit", run_leave_tasks, 0)

/* -------------------------------------------- what a sweep is to find */

/* Volatile, or a compiler leaves out memory that is never written to. */
static int leak(void)
{
    char *volatile a = malloc(1), *volatile b = malloc(1);
    if (a && !b)
        return -ENOMEM;
    free(a);
    free(b);
    return a && b ? 0 : -ENOMEM;
}

static int confuse(void)
{
    char *volatile a = malloc(1);
    int rc = a ? 0 : -EIO;
    free(a);
    return rc;
}

static int crash(void)
{
    volatile char *a = malloc(1);
    *a = 1;
    free((char *)a);
    return 0;
}

static int take_care(void)
{
    char *volatile a = malloc(1);
    int rc = a ? 0 : -ENOMEM;
    free(a);
    return rc;
}

static fault_fn *wrong;

static void sweep_wrong(void)
{
    faults_sweep(&(struct fault_scenario){ .fn = wrong }, FAULT_ERROR);
}

static bool finds(fault_fn *fn, const char *what)
{
    static char err[32768];
    wrong = fn;
    return test_child(sweep_wrong, err, sizeof err) != 0 && strstr(err, what);
}

TEST("a sweep finds what leaks, gives the wrong error, or crashes")
{
    CHECK(finds(leak, "with malloc failing (errno 12): leaked blocks"));
    CHECK(finds(confuse, "with malloc failing (errno 12): came to -5"));
    CHECK(finds(crash, "fault 1: "));
    wrong = take_care;
    sweep_wrong();
}
