/*
 * The end of rota_run when tasks, threads or the user do not play along.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rota/sim.h"
#include "tasks.h"

static bool let_go;
static int cleaned;

/* Ignores its cancellation for ever. */
static ROTA_ASYNC(deaf)
{
    while (!let_go)
        rota_ignore(rota_sleep(LONG));
    return 0;
}

/* Waits where no cancellation reaches it, for what will not come. */
static ROTA_ASYNC(buried, (rota_future *, f))
{
    ROTA_SHIELD (ROTA_FOREVER) {
        rota_ignore(rota_future_wait(f, NULL));
    }
    return 0;
}

static ROTA_ASYNC(tidy)
{
    rota_future *never = rota_future_new();
    int rc = rota_future_wait(never, NULL);
    rota_future_unref(never);
    ROTA_SHIELD (ROTA_FOREVER) {
        CHECK_INT(rota_sleep(rota_ms(5)), 0);
    }
    cleaned++;
    return rc;
}

static rota_task *kept;

static int leave_deaf(void *arg)
{
    kept = rota_create_task(deaf);
    rota_task_unref(rota_create_task(tidy));
    CHECK_INT(rota_sleep(0), 0);
    return *(int *)arg;
}

static int run_limited(rota_fn *fn, void *arg)
{
    rota_run_options o = { .shutdown_timeout = rota_ms(60),
                           .thread_timeout = rota_ms(20) };
    return rota_run(fn, arg, &o);
}

static int plain(void *arg)
{
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    return *(int *)arg;
}

/* On a virtual clock, where who needs 5 ms has them before the limit. */
static int run_limited_simulated(rota_fn *fn, void *arg)
{
    rota_sim_options o = { .run.shutdown_timeout = rota_ms(60) };
    return rota_sim_run(0, fn, arg, &o);
}

static void run_deaf(void)
{
    CHECK_INT(run_limited_simulated(leave_deaf, &(int){ 4 }), -ETIMEDOUT);
    CHECK_INT(cleaned, 1);
    CHECK(!rota_task_done(kept));
    CHECK_INT(rota_task_cancel(kept, "late"), 1); /* harmless */
    rota_task_unref(kept);
    CHECK_INT(run_limited(leave_deaf, &(int){ -EIO }), -EIO);
    CHECK_INT(rota_run(plain, &(int){ 9 }, NULL), 9);
}

/* LOOP-10 */
TEST("a task that ignores its cancellation is abandoned after the limit, and "
     "named; main's own failure stands")
{
    char err[2048];
    CHECK_INT(test_child(run_deaf, err, sizeof err), 0);
    CHECK_HAS(err, "shutdown abandons 1 tasks:");
    CHECK_HAS(err, "  deaf (spawned at tests/task/shutdown_test.c:");
    CHECK_HAS(err, ": sleep, told ");
    CHECK_HAS(err, "ignores its cancellation (shutdown)");
}

static int count;

static void count_call(void *arg)
{
    (void)arg;
    count++;
}

/* Something outside still points at a task that was abandoned. */
static int leave_waiter(void *f)
{
    rota_task_unref(rota_create_task(buried, f));
    rota_task_unref(rota_create_task(deaf));
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_call_soon(count_call, NULL), 0);
    return 0;
}

static void *ask_deaf(void *arg)
{
    rota_tfuture **f = arg;
    rota_outcome out;
    CHECK_INT(rota_tfuture_wait(*f, ROTA_FOREVER, &out), -ESHUTDOWN);
    CHECK_INT(rota_tfuture_wait_cancel(*f, 0, &out), -ESHUTDOWN);
    rota_tfuture_unref(*f);
    return NULL;
}

static int be_asked(void *arg)
{
    static rota_tfuture *f;
    f = rota_run_coroutine_threadsafe(rota_current_loop(), deaf_rota_entry,
                                      NULL);
    CHECK_INT(pthread_create(arg, NULL, ask_deaf, &f), 0);
    return rota_sleep(0); /* it has begun */
}

TEST("a thread that blocks for a task that is abandoned is told so")
{
    pthread_t thread;
    CHECK_INT(run_limited(be_asked, &thread), -ETIMEDOUT);
    CHECK_INT(pthread_join(thread, NULL), 0);
}

static rota_future *common;

static int make_and_leave(void *arg)
{
    (void)arg;
    common = rota_future_ref(rota_future_new());
    return leave_waiter(common);
}

TEST("an abandoned task is in no queue any more, and what was accepted runs "
     "all the same")
{
    CHECK_INT(run_limited(make_and_leave, NULL), -ETIMEDOUT);
    CHECK_INT(count, 1);
    CHECK_INT(rota_future_set(common, 0, NULL, NULL), 0);
    rota_future_unref(common);
}

static int wait_buried(void *arg)
{
    (void)arg;
    rota_task_unref(rota_create_task(tidy));
    ROTA_SHIELD (ROTA_FOREVER) {
        rota_ignore(rota_future_wait(rota_future_new(), NULL));
    }
    return 0;
}

static void run_wait_buried(void)
{
    CHECK_INT(rota_run(wait_buried, NULL, NULL), -EDEADLK);
    CHECK_INT(cleaned, 1); /* the others ended in order */
    CHECK_INT(rota_run(plain, &(int){ 9 }, NULL), 9);
}

/* LOOP-12, PITFALL 46, PITFALL 60 */
TEST("a main that cannot even be cancelled does not hang the program")
{
    if (test_sanitized())
        test_skip("what it abandons is a leak");
    char err[4096];
    CHECK_INT(test_child(run_wait_buried, err, sizeof err), 0);
    CHECK_HAS(err, "deadlock: all ");
    CHECK_HAS(err, "shutdown abandons 1 tasks:");
    CHECK_HAS(err, "  main (spawned at ?): await");
}

static int leave_buried(void *arg)
{
    (void)arg;
    static rota_future *f; /* static, so that it is no leak */
    f = rota_future_new();
    rota_task_unref(rota_create_task(buried, f));
    return rota_sleep(0);
}

TEST("a task behind a shield that nothing can wake does not hang the end")
{
    CHECK_INT(rota_run(leave_buried, NULL, NULL), -EDEADLK);
}

static sem_t begun, go, gone;

static int block(void *arg)
{
    (void)arg;
    sem_post(&begun);
    while (sem_wait(&go) < 0)
        ;
    /* The task that waits for this is gone. */
    CHECK_INT(rota_from_thread_run(plain, &(int){ 1 }), -ESHUTDOWN);
    sem_post(&gone);
    return 1;
}

static ROTA_ASYNC(block_on_thread)
{
    return rota_to_thread(block, NULL);
}

static int leave_blocked(void *arg)
{
    (void)arg;
    sem_init(&begun, 0, 0);
    sem_init(&go, 0, 0);
    sem_init(&gone, 0, 0);
    rota_task_unref(rota_create_task(block_on_thread));
    while (sem_trywait(&begun) < 0)
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    return 0;
}

static void run_blocked(void)
{
    CHECK_INT(run_limited(leave_blocked, NULL), -ETIMEDOUT);
    CHECK_INT(rota_run(plain, &(int){ 9 }, NULL), 9);
    sem_post(&go);
    while (sem_wait(&gone) < 0)
        ;
    usleep(20000); /* the thread frees what is left of its pool */
}

/* PITFALL 55 */
TEST("a thread that does not come back is left to itself after its limit")
{
    char err[2048];
    if (test_child(run_blocked, err, sizeof err) != 0)
        test_fail(TEST_AT, "%s", err);
    CHECK_HAS(err, "block_on_thread (spawned at ");
    CHECK_HAS(err, ": to_thread");
    CHECK_HAS(err, "1 threads of the pool wk still work");
}

/* ------------------------------------------------------------------ SIGINT */

static struct sigaction disposition(void)
{
    struct sigaction now;
    CHECK_INT(sigaction(SIGINT, NULL, &now), 0);
    return now;
}

static int sleep_till_interrupt(void *arg)
{
    (void)arg;
    CHECK(disposition().sa_handler != SIG_DFL);
    kill(getpid(), SIGINT);
    int rc = rota_sleep(LONG);
    CHECK_INT(rc, -ECANCELED);
    CHECK_STR(rota_cancel_reason(), "SIGINT");
    ROTA_SHIELD (ROTA_FOREVER) {
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    }
    cleaned++;
    return rc;
}

/* SIG-04 */
TEST("SIGINT cancels main, whose clean-up runs; rota_run returns -EINTR")
{
    signal(SIGINT, SIG_DFL);
    CHECK_INT(rota_run(sleep_till_interrupt, NULL, NULL), -EINTR);
    CHECK_INT(cleaned, 1);
    CHECK(disposition().sa_handler == SIG_DFL);
    CHECK_INT(rota_run(sleep_till_interrupt, NULL, NULL), -EINTR);
}

static int catch_interrupt(void *arg)
{
    (void)arg;
    kill(getpid(), SIGINT);
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    return 3;
}

/* SIG-05 */
TEST("a main that makes something of SIGINT returns what it likes")
{
    signal(SIGINT, SIG_DFL);
    CHECK_INT(rota_run(catch_interrupt, NULL, NULL), 3);
}

static int compute(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        kill(getpid(), SIGINT);
    return 0;
}

static void run_compute(void)
{
    signal(SIGINT, SIG_DFL);
    rota_run(compute, NULL, NULL);
}

static int compute_once(void *arg)
{
    (void)arg;
    kill(getpid(), SIGINT);
    CHECK(rota_cancel_reason() == NULL); /* nothing interrupts a step */
    return rota_sleep(LONG);
}

/* SIG-06, PITFALL 60 */
TEST("the first SIGINT waits for a computing task, the second ends it")
{
    char err[512];
    signal(SIGINT, SIG_DFL);
    CHECK_INT(rota_run(compute_once, NULL, NULL), -EINTR);
    int status = test_child(run_compute, err, sizeof err);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

static int seen;

static void note(int sig)
{
    (void)sig;
    seen++;
}

static int interrupt_self(void *arg)
{
    (void)arg;
    kill(getpid(), SIGINT);
    return rota_sleep(rota_ms(1));
}

TEST("a program's own handler of SIGINT stays, and so does ignoring it")
{
    signal(SIGINT, note);
    CHECK_INT(rota_run(interrupt_self, NULL, NULL), 0);
    CHECK_INT(seen, 1);
    signal(SIGINT, SIG_IGN);
    CHECK_INT(rota_run(interrupt_self, NULL, NULL), 0);
    CHECK(disposition().sa_handler == SIG_IGN);
}

static int has_default(void *arg)
{
    CHECK(disposition().sa_handler == SIG_DFL);
    return arg != NULL;
}

TEST("with keep_sigint rota_run does nothing about it")
{
    signal(SIGINT, SIG_DFL);
    rota_run_options o = { .keep_sigint = true };
    CHECK_INT(rota_run(has_default, NULL, &o), 0);
}

static int interrupt_the_end(void *arg)
{
    (void)arg;
    rota_task_unref(rota_create_task(tidy));
    CHECK_INT(rota_sleep(0), 0);
    return 0;
}

static ROTA_ASYNC(interrupt_late)
{
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    kill(getpid(), SIGINT); /* main is over */
    return 0;
}

static int interrupt_end(void *arg)
{
    rota_task_unref(rota_create_task(interrupt_late));
    return interrupt_the_end(arg);
}

static void run_interrupt_end(void)
{
    signal(SIGINT, SIG_DFL);
    rota_run(interrupt_end, NULL, NULL);
    _exit(5);
}

TEST("a SIGINT that comes when main is over acts once the end is done")
{
    char err[512];
    int status = test_child(run_interrupt_end, err, sizeof err);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

static void *run_beside(void *arg)
{
    CHECK_INT(rota_run(plain, arg, NULL), 9);
    return NULL;
}

static int run_two(void *arg)
{
    pthread_t other;
    CHECK_INT(pthread_create(&other, NULL, run_beside, arg), 0);
    CHECK_INT(pthread_join(other, NULL), 0);
    CHECK(disposition().sa_handler != SIG_DFL); /* ours still */
    return 0;
}

TEST("the end of a loop leaves alone what another one has set")
{
    signal(SIGINT, SIG_DFL);
    CHECK_INT(rota_run(run_two, &(int){ 9 }, NULL), 0);
    CHECK(disposition().sa_handler == SIG_DFL);
}
