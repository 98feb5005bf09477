/*
 * Work off the loop: jobs, their cancellation, and what they ask of the task
 * that waits for them.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "task/thread.h"
#include "tasks.h"

static void nap(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&t, NULL);
}

/* A job that holds its thread until the flag is set. */
static atomic_bool released;
static atomic_int running;

static int hold(void *arg)
{
    (void)arg;
    atomic_fetch_add(&running, 1);
    while (!atomic_load(&released))
        nap(1);
    return atomic_fetch_sub(&running, 1);
}

static ROTA_ASYNC(hold_thread)
{
    return rota_to_thread(hold, NULL) < 0 ? -EIO : 0;
}

static void wait_running(int count)
{
    while (atomic_load(&running) < count)
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
}

static int run_with_threads(rota_fn *fn, unsigned threads)
{
    rota_run_options o = { .threads = threads, .cpu_threads = threads };
    return rota_run(fn, NULL, &o);
}

static int double_it(void *arg)
{
    int *n = arg;
    nap(1);
    return *n *= 2;
}

static ROTA_ASYNC(double_on_thread, (int, n))
{
    int on_my_stack = n;
    int rc = rota_to_thread(double_it, &on_my_stack);
    CHECK_INT(on_my_stack, rc);
    return rc;
}

TASK_TEST("a job runs on a thread of its pool, and the task gets its result")
{
    enum { COUNT = 50 };
    rota_task *t[COUNT];
    int results[COUNT];
    for (int i = 0; i < COUNT; i++)
        t[i] = rota_create_task(double_on_thread, i);
    CHECK_INT(rota_gather(t, COUNT, results, 0), 0);
    for (int i = 0; i < COUNT; i++)
        CHECK_INT(results[i], 2 * i);
}

static int thread_name(void *name)
{
    return pthread_getname_np(pthread_self(), name, 16);
}

TASK_TEST("blocking work and computing have pools, and names, of their own")
{
    char name[16];
    CHECK_INT(rota_to_thread(thread_name, name), 0);
    CHECK_HAS(name, "rota-wk-");
    CHECK_INT(rota_to_cpu(thread_name, name), 0);
    CHECK_HAS(name, "rota-cpu-");
}

static int fail_job(void *arg)
{
    (void)arg;
    return -EXDEV;
}

static int nested_job(void *arg)
{
    int inner = rota_to_thread(fail_job, NULL);
    return inner == -EXDEV ? rota_to_cpu(double_it, arg) : 0;
}

TASK_TEST(
    "a job's error is the call's; a job that sends work on runs it itself")
{
    CHECK_INT(rota_to_thread(fail_job, NULL), -EXDEV);
    int n = 4;
    CHECK_INT(rota_to_thread(nested_job, &n), 8);
}

static bool ran;

static int note_run(void *arg)
{
    (void)arg;
    ran = true;
    return 0;
}

static ROTA_ASYNC(queue_job)
{
    return rota_to_thread(note_run, NULL);
}

static int cancel_queued(void *arg)
{
    (void)arg;
    rota_task *first = rota_create_task(hold_thread);
    wait_running(1);
    rota_task *t = rota_create_task(queue_job);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    atomic_store(&released, true);
    CHECK_INT(rota_await(first), 0);
    CHECK_INT(rota_to_thread(double_it, &(int){ 2 }), 4);
    CHECK(!ran);
    return 0;
}

/* THR-05, PITFALL 55 */
TEST("THR-05 a job that waits behind a full pool is dropped when cancelled")
{
    CHECK_INT(run_with_threads(cancel_queued, 1), 0);
}

static int write_slowly(void *arg)
{
    char *buffer = arg;
    atomic_fetch_add(&running, 1);
    for (int i = 0; i < 64; i++) {
        buffer[i] = 'x';
        nap(1);
    }
    return 64;
}

static ROTA_ASYNC(lend_stack, (int *, next))
{
    char buffer[64] = { 0 };
    int rc = rota_to_thread(write_slowly, buffer);
    CHECK_INT(buffer[63], 'x');
    *next = rota_sleep(0);
    return rc;
}

/* THR-06, PITFALL 55 */
TASK_TEST("THR-06 A21 a running job is waited for, so it may use the caller's "
          "stack; the next call is cut")
{
    int next = 0;
    rota_task *t = rota_create_task(lend_stack, &next);
    wait_running(1);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), 64);
    CHECK_INT(next, -ECANCELED);
}

static int poll_cancelled(void *arg)
{
    (void)arg;
    atomic_fetch_add(&running, 1);
    while (!rota_thread_cancelled())
        nap(1);
    CHECK(rota_cancelled());
    return -EINTR;
}

static ROTA_ASYNC(polling_job)
{
    CHECK(!rota_thread_cancelled());
    return rota_to_thread(poll_cancelled, NULL);
}

/* THR-07 */
TASK_TEST("THR-07 a job sees that its task is cancelled")
{
    rota_task *t = rota_create_task(polling_job);
    wait_running(1);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -EINTR);
}

static ROTA_ASYNC(expire_when_running, (rota_scope *, s))
{
    wait_running(1);
    return rota_scope_reschedule(s, rota_now());
}

TASK_TEST("a deadline reaches a job, whose result counts all the same")
{
    rota_scope s;
    CHECK_INT(rota_timeout_begin(&s, rota_seconds(60)), 0);
    rota_task *t = rota_create_task(expire_when_running, &s);
    int rc = rota_to_thread(poll_cancelled, NULL);
    CHECK_INT(rota_scope_end(&s, rc), -EINTR);
    CHECK_INT(rota_await(t), 0);
}

static int on_loop(void *arg)
{
    *(bool *)arg = rota_current_task() != NULL;
    int rc = rota_sleep(rota_ms(1));
    return rc < 0 ? rc : 5;
}

static int ask_loop(void *arg)
{
    CHECK(rota_current_task() == NULL);
    int rc = rota_from_thread_run(on_loop, arg);
    if (rc < 0)
        return rc;
    int later = rota_sleep(rota_ms(1)); /* passed on likewise */
    return later < 0 ? later : rc;
}

TASK_TEST("rota_from_thread_run runs code of the task, which may suspend")
{
    bool in_task = false;
    CHECK_INT(rota_to_thread(ask_loop, &in_task), 5);
    CHECK(in_task);
}

static int ask_when_cancelled(void *arg)
{
    atomic_fetch_add(&running, 1);
    while (!rota_thread_cancelled())
        nap(1);
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    CHECK_INT(rota_checkpoint(), -ECANCELED);
    return rota_from_thread_run(on_loop, arg);
}

static ROTA_ASYNC(asking_job, (bool *, in_task))
{
    return rota_to_thread(ask_when_cancelled, in_task);
}

/* THR-12 */
TASK_TEST(
    "THR-12 what a cancelled task's job asks for runs in the task's scope")
{
    bool in_task = false;
    rota_task *t = rota_create_task(asking_job, &in_task);
    wait_running(1);
    rota_task_cancel(t, NULL);
    rota_outcome out;
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.state, ROTA_CANCELLED);
    CHECK(in_task);
    rota_task_unref(t);
}

static int sleep_on_loop(void *arg)
{
    (void)arg;
    atomic_fetch_add(&running, 1);
    return rota_sleep(LONG);
}

static int told_while_asking(void *arg)
{
    (void)arg;
    CHECK(!rota_thread_cancelled());
    CHECK_INT(rota_from_thread_run(sleep_on_loop, NULL), -ECANCELED);
    return rota_thread_cancelled() ? 3 : 4;
}

static ROTA_ASYNC(told_job)
{
    return rota_to_thread(told_while_asking, NULL);
}

TASK_TEST("a job learns of a cancel that came while its task worked for it")
{
    rota_task *t = rota_create_task(told_job);
    wait_running(1);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), 3);
}

static int fill_queue(void *arg)
{
    (void)arg;
    enum { COUNT = 1500 }; /* more than a pool's queue holds */
    static rota_task *t[COUNT];
    rota_task *first = rota_create_task(hold_thread);
    wait_running(1);
    for (int i = 0; i < COUNT; i++)
        t[i] = rota_create_task(queue_job);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    for (int i = 0; i < COUNT; i++)
        if (i % 3 == 0)
            rota_task_cancel(t[i], NULL);
    atomic_store(&released, true);
    int results[COUNT];
    CHECK_INT(rota_gather(t, COUNT, results, ROTA_COLLECT), 0);
    for (int i = 0; i < COUNT; i++)
        CHECK_INT(results[i], i % 3 ? 0 : -ROTA_ECHILD);
    return rota_await(first);
}

/* PITFALL 54 */
TEST("PITFALLS 54 a full queue makes tasks wait, and none is forgotten")
{
    CHECK_INT(run_with_threads(fill_queue, 1), 0);
}

static ROTA_ASYNC(hold_class, (int, kind))
{
    return thread_run((enum pool_kind)kind, hold, NULL) < 0 ? -EIO : 0;
}

/* Each class in its turn has more to do than threads, all of which block. */
static int block_each(void *arg)
{
    (void)arg;
    enum { JOBS = 100, FEW = 2 };
    static const int threads[] = { FEW, FEW, 64, 32 };
    for (int kind = 0; kind < POOL_KINDS; kind++) {
        rota_task *t[JOBS];
        atomic_store(&released, false);
        for (int i = 0; i < JOBS; i++)
            t[i] = rota_create_task(hold_class, kind);
        wait_running(threads[kind]);
        for (int other = 0; other < POOL_KINDS; other++)
            if (other != kind)
                CHECK_INT(thread_run(other, double_it, &(int){ 3 }), 6);
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
        CHECK_INT(atomic_load(&running), threads[kind]);
        atomic_store(&released, true);
        CHECK_INT(rota_gather(t, JOBS, NULL, 0), 0);
        CHECK_INT(atomic_load(&running), 0);
    }
    return 0;
}

/* PITFALL 54 */
TEST("PITFALLS 54 a class whose threads are all blocked starves no other")
{
    CHECK_INT(run_with_threads(block_each, 2), 0);
}

/* A job that is told it is cancelled, and holds its thread until the flag. */
static int poll_and_hold(void *arg)
{
    int rc = poll_cancelled(arg);
    while (!atomic_load(&released))
        nap(1);
    return rc;
}

static ROTA_ASYNC(holding_job)
{
    return rota_to_thread(poll_and_hold, NULL);
}

static ROTA_ASYNC(release_when_cut)
{
    int rc = rota_sleep(LONG);
    atomic_store(&released, true);
    return rc;
}

static int leave_jobs(void *arg)
{
    (void)arg;
    rota_task_unref(rota_create_task(holding_job));
    wait_running(1);
    rota_task_unref(rota_create_task(queue_job));
    rota_task_unref(rota_create_task(release_when_cut));
    CHECK_INT(rota_wait_all_blocked(0), 0);
    rota_set_unhandled_handler(count_report);
    return 6;
}

/* PITFALL 55 */
TEST("PITFALLS 55 the shutdown tells a running job, drops a queued one, and "
     "waits")
{
    CHECK_INT(run_with_threads(leave_jobs, 1), 6);
    CHECK(!ran);
    CHECK_INT(reports, 1);
    CHECK_INT(reported_rc, -EINTR);
}

static int no_threads_left(void *arg)
{
    (void)arg;
    struct rlimit old, none = { 0, 0 };
    CHECK_INT(getrlimit(RLIMIT_AS, &old), 0);
    none.rlim_max = old.rlim_max;
    CHECK_INT(rota_to_cpu(double_it, &(int){ 1 }), 2); /* loads what it needs */
    CHECK_INT(setrlimit(RLIMIT_AS, &none), 0);
    int rc = rota_to_thread(double_it, &(int){ 1 });
    CHECK_INT(setrlimit(RLIMIT_AS, &old), 0);
    CHECK(rc == -EAGAIN || rc == -ENOMEM);
    CHECK_INT(rota_to_thread(double_it, &(int){ 1 }), 2);
    return 0;
}

/* PITFALL 55 */
TEST("PITFALLS 55 when no thread can be made the call says so, and later ones "
     "work")
{
    test_needs_kernel();
    if (test_sanitized())
        test_skip("sanitizers need address space");
    CHECK_INT(run_with_threads(no_threads_left, 0), 0);
}

/* An abandonable job's argument, and its end. */
struct owned {
    int result;
    atomic_bool *go;
};

static atomic_int destroyed;
static atomic_bool may_go;

static void destroy_owned(void *arg)
{
    free(arg);
    atomic_fetch_add(&destroyed, 1);
}

static struct owned *own(int result)
{
    struct owned *o = malloc(sizeof *o);
    *o = (struct owned){ result, &may_go };
    return o;
}

static int work_until_free(void *arg)
{
    struct owned *o = arg;
    atomic_fetch_add(&running, 1);
    while (!atomic_load(o->go))
        nap(1);
    atomic_fetch_sub(&running, 1);
    return o->result;
}

static ROTA_ASYNC(abandonable, (int, result), (int *, next))
{
    struct owned *o = own(result);
    int rc = rota_to_thread_abandonable(work_until_free, o, destroy_owned);
    if (rc != -ECANCELED)
        free(o);
    *next = rota_cancelled();
    return rc;
}

/* THR-08 */
TASK_TEST("an abandonable job gives its result; cancelled, it is left at once, "
          "and destroys what it owns when it ends")
{
    int next = 9;
    atomic_store(&may_go, true);
    CHECK_INT(abandonable(7, &next), 7);
    CHECK_INT(abandonable(-EIO, &next), -EIO);
    CHECK_INT(atomic_load(&destroyed), 0);

    atomic_store(&may_go, false);
    rota_task *t = rota_create_task(abandonable, 7, &next);
    wait_running(1);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(next, 1);
    CHECK_INT(atomic_load(&destroyed), 0);
    CHECK_INT(atomic_load(&running), 1);
    atomic_store(&may_go, true);
    while (atomic_load(&destroyed) == 0)
        CHECK_INT(rota_sleep(rota_ms(1)), 0);

    CHECK_INT(abandonable(-ECANCELED, &next), -ECANCELED);
    CHECK_INT(atomic_load(&destroyed), 2);
}

static int cancel_queued_abandonable(void *arg)
{
    (void)arg;
    int next = 0;
    rota_task *first = rota_create_task(hold_thread);
    wait_running(1);
    rota_task *t = rota_create_task(abandonable, 1, &next);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(atomic_load(&destroyed), 1);
    t = rota_create_task(abandonable, 1, &next);
    rota_task_cancel(t, NULL); /* before it begins */
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(atomic_load(&destroyed), 2);
    atomic_store(&released, true);
    return rota_await(first);
}

/* THR-05 */
TEST("an abandonable job that has not begun is dropped, and what it owns "
     "destroyed")
{
    CHECK_INT(run_with_threads(cancel_queued_abandonable, 1), 0);
    CHECK_INT(atomic_load(&destroyed), 2);
}

static int ask_and_go(void *arg)
{
    struct owned *o = arg;
    int rc = rota_from_thread_run(sleep_on_loop, NULL);
    CHECK_INT(rc, -ECANCELED);
    CHECK(rota_thread_cancelled());
    CHECK_INT(rota_from_thread_run(sleep_on_loop, NULL), -ESHUTDOWN);
    return o->result;
}

static ROTA_ASYNC(abandon_asker)
{
    return rota_to_thread_abandonable(ask_and_go, own(1), destroy_owned);
}

/* THR-12 */
TASK_TEST(
    "a job that is abandoned while its task works for it gets its answer, "
    "and no other")
{
    rota_task *t = rota_create_task(abandon_asker);
    wait_running(1);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    while (atomic_load(&destroyed) == 0)
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
}

static atomic_bool main_left;

static int leave_abandoned(void *arg)
{
    (void)arg;
    rota_task *t = rota_create_task(abandonable, 1, &(int){ 0 });
    wait_running(1);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    atomic_store(&main_left, true);
    return 4;
}

static void end_with_abandoned(void)
{
    rota_run_options o = { .thread_timeout = rota_ms(20) };
    CHECK_INT(rota_run(leave_abandoned, NULL, &o), 4);
    CHECK_INT(atomic_load(&destroyed), 0);
    atomic_store(&may_go, true);
    while (atomic_load(&destroyed) == 0)
        nap(1);
    nap(20);
    CHECK_INT(atomic_load(&destroyed), 1);
}

static void *let_go_soon(void *arg)
{
    while (!atomic_load(&main_left))
        nap(1);
    nap(10); /* the end waits by now */
    atomic_store(&may_go, true);
    return arg;
}

/* THR-08 */
TEST("the end waits for an abandoned job, but not longer than it is told; the "
     "job ends all the same")
{
    char err[1024];
    CHECK_INT(test_child(end_with_abandoned, err, sizeof err), 0);
    CHECK_HAS(err, "still work and are left to themselves");
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, let_go_soon, NULL), 0);
    CHECK_INT(rota_run(leave_abandoned, NULL, NULL), 4);
    CHECK_INT(atomic_load(&destroyed), 1);
    CHECK_INT(pthread_join(thread, NULL), 0);
}

static ROTA_ASYNC(abandon_often, (int, seed))
{
    unsigned random = (unsigned)seed;
    for (int i = 0; i < 60; i++) {
        random = random * 1103515245 + 12345;
        int rc = 0, next;
        ROTA_TIMEOUT (rota_us(random >> 16 & 1023), rc) {
            rc = abandonable(3, &next);
        }
        CHECK(rc == 3 || rc == -ETIMEDOUT);
    }
    return 0;
}

/* RACE-01 */
TASK_TEST("jobs are abandoned at any moment, and each argument has one owner")
{
    rota_task *t[8];
    atomic_store(&may_go, true);
    for (int i = 0; i < 8; i++)
        t[i] = rota_create_task(abandon_often, i);
    CHECK_INT(rota_gather(t, 8, NULL, 0), 0);
}

static int count_threads(void)
{
    int count = 0;
    char line[128];
    FILE *f = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, f))
        sscanf(line, "Threads: %d", &count);
    fclose(f);
    return count;
}

static int use_threads(void *arg)
{
    (void)arg;
    rota_task *t[8];
    for (int i = 0; i < 8; i++)
        t[i] = rota_create_task(double_on_thread, i);
    return rota_gather(t, 8, NULL, 0);
}

/* The kernel counts a joined thread a little longer: waits while there are
 * more than `expected`. */
static int count_settled(int expected)
{
    for (int i = 0; i < 2000 && count_threads() > expected; i++)
        nap(1);
    return count_threads();
}

TEST("no thread is left after rota_run, and it can be called again")
{
    test_needs_kernel();
    CHECK_INT(run_with_threads(use_threads, 4), 0);
    int before = count_settled(1); /* more only if a sanitizer has its own */
    for (int i = 0; i < 5; i++)
        CHECK_INT(run_with_threads(use_threads, 4), 0);
    CHECK(before == 1 || test_sanitized());
    CHECK(count_settled(before) <= before);
}

static int max_seen;

static int count_running(void *arg)
{
    int now = atomic_fetch_add(&running, 1) + 1;
    nap(1);
    atomic_fetch_sub(&running, 1);
    return now > *(int *)arg ? -ERANGE : 0;
}

static ROTA_ASYNC(count_one)
{
    return rota_to_thread(count_running, &max_seen);
}

static int stay_below(void *arg)
{
    (void)arg;
    max_seen = 3;
    rota_task *t[40];
    for (int i = 0; i < 40; i++)
        t[i] = rota_create_task(count_one);
    return rota_gather(t, 40, NULL, 0);
}

TEST("a pool never has more threads than it may")
{
    CHECK_INT(run_with_threads(stay_below, 3), 0);
}

static ROTA_ASYNC(churn, (int, seed))
{
    unsigned random = (unsigned)seed;
    for (int i = 0; i < 60; i++) {
        random = random * 1103515245 + 12345;
        int rc = 0;
        bool in_task;
        ROTA_TIMEOUT (rota_us(random >> 16 & 1023), rc) {
            rc = i % 3 ? rota_to_thread(double_it, &(int){ 1 })
                       : rota_to_thread(ask_loop, &in_task);
        }
        CHECK(rc == 2 || rc == 5 || rc == -ETIMEDOUT);
    }
    return 0;
}

static int churn_all(void *arg)
{
    (void)arg;
    rota_task *t[16];
    for (int i = 0; i < 16; i++)
        t[i] = rota_create_task(churn, i);
    return rota_gather(t, 16, NULL, 0);
}

TEST("jobs cut by deadlines at any moment give their result or -ETIMEDOUT")
{
    CHECK_INT(run_with_threads(churn_all, 4), 0);
}

TEST("work sent to a thread, or to the loop, from the wrong place is a misuse")
{
    rota_set_misuse_handler(count_misuse);
    CHECK_INT(rota_to_thread(fail_job, NULL), -EPERM);
    CHECK_INT(rota_to_cpu(fail_job, NULL), -EPERM);
    CHECK_INT(rota_from_thread_run(fail_job, NULL), -EPERM);
    CHECK(!rota_thread_cancelled());
    CHECK_INT(misuses, 3);
}
