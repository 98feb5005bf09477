/*
 * The watchdog: what takes too long is told of while it does.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "coro/sanitize.h"
#include "inspect/watchdog.h"
#include "task/tasks.h"

static char lines[16384];
static pthread_mutex_t lines_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_line(enum rota_log_level level, const char *line)
{
    (void)level;
    if (strstr(line, "io_uring is not available"))
        return; /* a fact of the machine */
    pthread_mutex_lock(&lines_lock);
    size_t len = strlen(lines);
    if (len + strlen(line) + 2 <= sizeof lines) /* the first ones tell most */
        sprintf(lines + len, "%s\n", line);
    pthread_mutex_unlock(&lines_lock);
}

static __attribute__((noinline)) bool said(const char *part)
{
    pthread_mutex_lock(&lines_lock);
    bool yes = strstr(lines, part) != NULL;
    pthread_mutex_unlock(&lines_lock);
    return yes;
}

/* A loop in debug mode, whose slow step is short. */
static void run(rota_fn *fn)
{
    rota_run_options o = { .debug = true, .slow_step = rota_ms(20) };
    rota_set_log_handler(keep_line);
    CHECK_INT(rota_run(fn, NULL, &o), 0);
}

static __attribute__((noinline)) void spin_until_told(const char *part)
{
    while (!said(part))
        ;
    __asm__ volatile("" ::: "memory");
}

static ROTA_ASYNC(hog)
{
    spin_until_told(" has run for "); /* it is told of while it spins */
    return 0;
}

static int run_hog(void *arg)
{
    (void)arg;
    return rota_await(rota_create_task(hog));
}

/* DBG-01, PITFALL 61 */
TEST("a step that takes too long is told of while it does, with its trace")
{
    run(run_hog);
    CHECK_HAS(lines, "task hog #2 (spawned at tests/inspect/watchdog_test.c:");
    CHECK_HAS(lines, "without a pause");
    /* A sanitizer delivers signals when it likes, in functions that have no
     * frame; any in its last instruction finds its caller's frame gone. */
    if (!test_sanitized()) {
        CHECK(strstr(lines, "spin_until_told+") || strstr(lines, "said+"));
        CHECK_HAS(lines, "coro_trampoline+");
    }
}

static void spin_in_callback(void *arg)
{
    (void)arg;
    spin_until_told("has run for");
}

static int run_callback(void *arg)
{
    (void)arg;
    CHECK_INT(rota_call_soon(spin_in_callback, NULL), 0);
    return rota_sleep(rota_ms(1));
}

TEST("a callback that takes too long is told of as well")
{
    run(run_callback);
    CHECK_HAS(lines, "a callback has run for ");
}

static ROTA_ASYNC(blocks)
{
    while (!said("has run for"))
        usleep(1000); /* the signal interrupts it, and it goes on */
    return 0;
}

static int run_blocked(void *arg)
{
    (void)arg;
    return rota_await(rota_create_task(blocks));
}

TEST("a task that blocks its thread is told of")
{
    run(run_blocked);
    CHECK_HAS(lines, "task blocks #2 (spawned at ");
}

static ROTA_ASYNC(deaf)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    spin_until_told("has run for");
    return 0;
}

static int run_deaf(void *arg)
{
    (void)arg;
    return rota_await(rota_create_task(deaf));
}

TEST("a thread that blocks all signals is told of without a trace")
{
    run(run_deaf);
    CHECK_HAS(lines, "task deaf #2 (spawned at ");
    CHECK_HAS(lines, "the thread does not say where it is");
}

/* Steps of less than the limit; together they are more. */
static ROTA_ASYNC(shares, (int, n))
{
    for (int i = 0; i < n; i++) {
        rota_time end = rota_now() + rota_ms(4);
        while (rota_now() < end)
            ;
        int rc = rota_sleep(0);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int share(void *arg)
{
    (void)arg;
    while (!said("one turn of the loop takes")) {
        rota_task *t[8];
        for (int i = 0; i < 8; i++)
            t[i] = rota_create_task(shares, 4);
        CHECK_INT(rota_gather(t, 8, NULL, 0), 0);
    }
    return 0;
}

TEST("a turn that takes too long is told of, though each step is short")
{
    run(share);
}

static int quick(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++)
        CHECK_INT(rota_sleep(rota_ms(5)), 0);
    return 0;
}

TEST("short steps and a loop that sleeps are nothing to tell of")
{
    rota_run_options o = { .debug = true, .slow_step = rota_seconds(1) };
    rota_set_log_handler(keep_line);
    CHECK_INT(rota_run(quick, NULL, &o), 0);
    CHECK_STR(lines, "");
}

TEST("its signal is given back, and loops may come and go")
{
    struct sigaction a;
    for (int i = 0; i < 3; i++) {
        rota_run_options o = { .debug = true };
        CHECK_INT(rota_run(quick, NULL, &o), 0);
        CHECK_INT(sigaction(SIGRTMAX, NULL, &a), 0);
        CHECK(a.sa_handler == SIG_DFL);
    }
}

static int send_signal(void *arg)
{
    (void)arg;
    raise(SIGRTMAX);
    return 0;
}

static void run_sent(void)
{
    rota_run_options o = { .debug = true };
    rota_run(send_signal, NULL, &o);
}

TEST("its signal sent by somebody else does what it always did")
{
    char err[256];
    int status = test_child(run_sent, err, sizeof err);
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGRTMAX);
}

static rota_lock locks[2];

static ROTA_ASYNC(crossed, (int, first))
{
    int rc = rota_lock_acquire(&locks[first]);
    if (rc == 0)
        rc = rota_checkpoint(); /* the other takes its first one */
    if (rc == 0)
        rc = rota_lock_acquire(&locks[!first]);
    if (rc == 0)
        rota_lock_release(&locks[!first]);
    rota_lock_release(&locks[first]);
    return rc;
}

static rota_task *cross(void)
{
    rota_lock_init(&locks[0]);
    rota_lock_init(&locks[1]);
    rota_task *a = rota_create_task(crossed, 0);
    rota_task_unref(rota_create_task(crossed, 1));
    CHECK_INT(rota_wait_all_blocked(0), 0);
    return a;
}

static int ask_for_deadlocks(void *arg)
{
    (void)arg;
    CHECK_INT(rota_report_deadlocks(), 0);
    CHECK_STR(lines, "");
    rota_task *a = cross();
    rota_task *timer = rota_create_task(sleep_long); /* goes on beside them */
    CHECK_INT(rota_report_deadlocks(), 1);
    CHECK_HAS(lines, "deadlock: 2 tasks wait for each other:");
    CHECK_HAS(lines, "crossed #2 (spawned at ");
    CHECK_HAS(lines, " of crossed #3");
    CHECK_HAS(lines, "crossed #3 (spawned at ");
    CHECK_HAS(lines, " of crossed #2");
    rota_task_cancel(a, NULL);
    rota_task_unref(a);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(rota_report_deadlocks(), 0);
    rota_task_cancel(timer, NULL);
    CHECK_INT(rota_await(timer), -ROTA_ECHILD);
    return 0;
}

/* DBG-08 */
TEST("locks taken crosswise are found while the loop goes on")
{
    rota_set_log_handler(keep_line);
    CHECK_INT(rota_run(ask_for_deadlocks, NULL, NULL), 0);
}

static int wait_for_search(void *arg)
{
    (void)arg;
    rota_task *a = cross();
    while (!said("crossed #3 (spawned at "))
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(rota_sleep(rota_ms(50)), 0); /* more searches */
    rota_task_cancel(a, NULL);
    rota_task_unref(a);
    return 0;
}

/* DBG-08 */
TEST("debug mode finds them by itself, and tells once")
{
    watchdog_deadlocks_every = rota_ms(5);
    run(wait_for_search);
    char *first = strstr(lines, "deadlock: ");
    CHECK(first && !strstr(first + 1, "deadlock: "));
}

static ROTA_ASYNC(joins, (rota_task **, other))
{
    rota_outcome out;
    return rota_join(*other, &out);
}

static ROTA_ASYNC(holds_and_joins, (rota_task **, other))
{
    int rc = rota_lock_acquire(&locks[0]);
    if (rc == 0)
        rc = rota_join(*other, NULL);
    rota_lock_release(&locks[0]);
    return rc;
}

static ROTA_ASYNC(wants_lock)
{
    int rc = rota_lock_acquire(&locks[0]);
    if (rc == 0)
        rota_lock_release(&locks[0]);
    return rc;
}

static int mixed(void *arg)
{
    (void)arg;
    static rota_task *a, *b, *c;
    rota_lock_init(&locks[0]);
    b = rota_create_task(holds_and_joins, &a);
    a = rota_create_task(wants_lock);
    c = rota_create_task(joins, &b); /* waits for the cycle, is not in it */
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(rota_report_deadlocks(), 1);
    CHECK_HAS(lines, "deadlock: 2 tasks wait for each other:");
    CHECK(!strstr(lines, "joins #4"));
    rota_task_cancel(a, NULL);
    CHECK_INT(rota_await(a), -ROTA_ECHILD);
    rota_task_unref(b);
    rota_task_unref(c);
    return 0;
}

/* PITFALL 46 */
TEST("a cycle through a lock and an await is found")
{
    rota_set_log_handler(keep_line);
    CHECK_INT(rota_run(mixed, NULL, NULL), 0);
}

static ROTA_ASYNC(patient)
{
    int rc = 0;
    ROTA_TIMEOUT (rota_seconds(100), rc) {
        rc = crossed(1);
    }
    return rc;
}

static int with_deadline(void *arg)
{
    (void)arg;
    rota_lock_init(&locks[0]);
    rota_lock_init(&locks[1]);
    rota_task *a = rota_create_task(crossed, 0);
    rota_task *b = rota_create_task(patient);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(rota_report_deadlocks(), 0);
    rota_task_cancel(b, NULL);
    CHECK_INT(rota_await(b), -ROTA_ECHILD);
    CHECK_INT(rota_await(a), 0);
    return 0;
}

TEST("tasks that have a deadline are not stuck")
{
    rota_set_log_handler(keep_line);
    CHECK_INT(rota_run(with_deadline, NULL, NULL), 0);
}

static int at_once(void *arg)
{
    (void)arg;
    return 0;
}

static void *run_again_and_again(void *arg)
{
    rota_run_options o = { .debug = true };
    (void)arg;
    for (int i = 0; i < 200; i++)
        CHECK_INT(rota_run(at_once, NULL, &o), 0);
    return NULL;
}

TEST("one loop in debug mode may begin while the last of others ends")
{
    pthread_t threads[4];
    rota_set_log_handler(keep_line);
    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, run_again_and_again, NULL),
                  0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}
