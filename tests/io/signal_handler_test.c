/*
 * Signals as callbacks of the loop.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rota.h"
#include "test.h"

static int calls[2];
static bool in_task;

static void count(void *arg)
{
    in_task = rota_current_task() != NULL;
    ++*(int *)arg;
}

static bool is_blocked(int number)
{
    sigset_t now;
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    return sigismember(&now, number) == 1;
}

static ROTA_ASYNC(send_self, (int, number))
{
    return kill(getpid(), number);
}

/* Until nothing moves any more. */
static void settle(void)
{
    CHECK_INT(rota_wait_all_blocked(rota_ms(2)), 0);
}

static int is_called(void *arg)
{
    (void)arg;
    CHECK_INT(rota_add_signal_handler(SIGUSR1, count, &calls[0]), 0);
    rota_task_unref(rota_create_task(send_self, SIGUSR1));
    settle();
    CHECK_INT(calls[0], 1);
    CHECK(!in_task);
    CHECK_INT(kill(getpid(), SIGUSR1), 0);
    CHECK_INT(calls[0], 1); /* never in the middle of a step */
    settle();
    CHECK_INT(calls[0], 2);
    return 0;
}

/* SIG-01 */
TEST("a handler is called by the loop, also when it sleeps")
{
    CHECK_INT(rota_run(is_called, NULL, NULL), 0);
    CHECK(!is_blocked(SIGUSR1)); /* it went with the loop */
    CHECK_INT(rota_run(is_called, (calls[0] = 0, NULL), NULL), 0);
}

static int refuses(void *arg)
{
    (void)arg;
    static const int bad[] = { SIGKILL, SIGSTOP, SIGSEGV, 0, -1, 65, 1000 };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_INT(rota_add_signal_handler(bad[i], count, NULL), -EINVAL);
        CHECK_INT(rota_remove_signal_handler(bad[i]), 0);
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    rota_signals *s;
    CHECK_INT(rota_signals_open(&set, &s), 0);
    CHECK_INT(rota_add_signal_handler(SIGUSR1, count, NULL), -EBUSY);
    rota_signals_close(s);
    CHECK_INT(rota_add_signal_handler(SIGUSR1, count, NULL), 0);
    CHECK_INT(rota_signals_open(&set, &s), -EBUSY);
    return 0;
}

/* SIG-02 */
TEST("what cannot be handled, and what a handle has, is refused")
{
    CHECK_INT(rota_run(refuses, NULL, NULL), 0);
}

static int seen;

static void note(int number)
{
    (void)number;
    seen++;
}

static int replaces(void *arg)
{
    (void)arg;
    signal(SIGUSR1, note);
    CHECK_INT(rota_add_signal_handler(SIGUSR1, count, &calls[0]), 0);
    CHECK_INT(rota_add_signal_handler(SIGUSR1, count, &calls[1]), 0);
    CHECK_INT(rota_add_signal_handler(SIGUSR2, count, &calls[0]), 0);
    CHECK_INT(kill(getpid(), SIGUSR1), 0);
    settle();
    CHECK_INT(calls[0], 0);
    CHECK_INT(calls[1], 1);
    CHECK_INT(rota_remove_signal_handler(SIGUSR1), 1);
    CHECK_INT(rota_remove_signal_handler(SIGUSR1), 0);
    CHECK(!is_blocked(SIGUSR1));
    CHECK(is_blocked(SIGUSR2));
    CHECK_INT(kill(getpid(), SIGUSR1), 0);
    CHECK_INT(seen, 1); /* the program's own again */
    CHECK_INT(rota_add_signal_handler(SIGUSR1, count, &calls[0]), 0);
    CHECK_INT(kill(getpid(), SIGUSR1), 0);
    settle();
    CHECK_INT(calls[0], 1);
    return 0;
}

/* SIG-03 */
TEST("the last handler counts; removed, the disposition is as before")
{
    CHECK_INT(rota_run(replaces, NULL, NULL), 0);
}

static int removes_pending(void *arg)
{
    (void)arg;
    signal(SIGUSR1, note);
    CHECK_INT(rota_add_signal_handler(SIGUSR1, count, &calls[0]), 0);
    CHECK_INT(kill(getpid(), SIGUSR1), 0);
    CHECK_INT(seen, 0);
    CHECK_INT(rota_remove_signal_handler(SIGUSR1), 1);
    CHECK_INT(seen, 1);
    settle();
    CHECK_INT(calls[0], 0);
    return 0;
}

static int ends_pending(void *arg)
{
    (void)arg;
    CHECK_INT(rota_add_signal_handler(SIGUSR1, count, &calls[0]), 0);
    return kill(getpid(), SIGUSR1);
}

/* SIG-08, PITFALL 57 */
TEST("a signal that meets the removal, or the end, acts as without rota")
{
    CHECK_INT(rota_run(removes_pending, NULL, NULL), 0);
    CHECK_INT(rota_run(ends_pending, NULL, NULL), 0);
    CHECK_INT(seen + calls[0], 2); /* whoever was first */
}

static void remove_self(void *arg)
{
    count(arg);
    CHECK_INT(rota_remove_signal_handler(SIGUSR1), 1);
    CHECK_INT(rota_remove_signal_handler(SIGUSR2), 1);
}

static int removes_in_handler(void *arg)
{
    (void)arg;
    CHECK_INT(rota_add_signal_handler(SIGUSR1, remove_self, &calls[0]), 0);
    CHECK_INT(rota_add_signal_handler(SIGUSR2, count, &calls[1]), 0);
    CHECK_INT(kill(getpid(), SIGUSR1), 0);
    settle();
    CHECK_INT(calls[0], 1);
    CHECK(!is_blocked(SIGUSR1) && !is_blocked(SIGUSR2));
    CHECK_INT(rota_add_signal_handler(SIGUSR2, count, &calls[1]), 0);
    CHECK_INT(kill(getpid(), SIGUSR2), 0);
    settle();
    CHECK_INT(calls[1], 1);
    return 0;
}

TEST("a handler may remove itself and others, and be set again")
{
    CHECK_INT(rota_run(removes_in_handler, NULL, NULL), 0);
}

static int burst(void *arg)
{
    (void)arg;
    CHECK_INT(rota_add_signal_handler(SIGUSR1, count, &calls[0]), 0);
    CHECK_INT(rota_add_signal_handler(SIGRTMIN + 1, count, &calls[1]), 0);
    for (int i = 0; i < 200; i++) {
        CHECK_INT(kill(getpid(), SIGUSR1), 0);
        CHECK_INT(kill(getpid(), SIGRTMIN + 1), 0);
    }
    settle();
    CHECK_INT(calls[0], 1);
    CHECK_INT(calls[1], 200);
    return 0;
}

/* PITFALL 57 */
TEST("a burst of one signal is one call, real-time ones are each")
{
    CHECK_INT(rota_run(burst, NULL, NULL), 0);
}

enum { CHILDREN = 100 };

static void reap_children(void *count)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ++*(int *)count;
}

static int many_children(void *arg)
{
    (void)arg;
    CHECK_INT(rota_add_signal_handler(SIGCHLD, reap_children, &calls[0]), 0);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        CHECK(pid > 0);
    }
    while (calls[0] < CHILDREN)
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
    CHECK_INT(errno, ECHILD);
    return 0;
}

/* PITFALL 57 */
TEST("SIGCHLD of many children comes at least once after the last of them")
{
    test_needs_kernel();
    CHECK_INT(rota_run(many_children, NULL, NULL), 0);
}

static void end_main(void *main)
{
    rota_task_cancel(main, "SIGUSR1");
}

static int waits_for_signal(void *arg)
{
    (void)arg;
    rota_future *never = rota_future_new();
    CHECK_INT(rota_add_signal_handler(SIGUSR1, end_main, rota_current_task()),
              0);
    if (arg)
        CHECK_INT(rota_remove_signal_handler(SIGUSR1), 1);
    else
        alarm(0), kill(getpid(), SIGUSR1);
    CHECK_INT(rota_future_wait(never, NULL), -ECANCELED);
    CHECK_STR(rota_cancel_reason(), arg ? "deadlock" : "SIGUSR1");
    rota_future_unref(never);
    return 7;
}

/* LOOP-12 */
TEST("who listens for a signal is not deadlocked; who did is")
{
    CHECK_INT(rota_run(waits_for_signal, NULL, NULL), 7);
    CHECK_INT(rota_run(waits_for_signal, "removed", NULL), -EDEADLK);
}

static int takes_sigint(void *arg)
{
    (void)arg;
    CHECK_INT(rota_add_signal_handler(SIGINT, count, &calls[0]), 0);
    CHECK_INT(kill(getpid(), SIGINT), 0);
    settle();
    CHECK_INT(calls[0], 1);
    CHECK_INT(rota_remove_signal_handler(SIGINT), 1);
    CHECK_INT(kill(getpid(), SIGINT), 0);
    return rota_sleep(rota_seconds(1000));
}

/* SIG-03 */
TEST("without its handler SIGINT is again what rota_run makes of it")
{
    signal(SIGINT, SIG_DFL);
    CHECK_INT(rota_run(takes_sigint, NULL, NULL), -EINTR);
}

/* ---------------------------------------------------------------- channels */

static rota_signal_sub *notified(rota_chan *c, int a, int b)
{
    sigset_t set;
    rota_signal_sub *sub = NULL;
    sigemptyset(&set);
    sigaddset(&set, a);
    sigaddset(&set, b);
    CHECK_INT(rota_signal_notify(c, &set, &sub), 0);
    return sub;
}

static int received(rota_chan *c)
{
    int got = 0, rc = 0;
    ROTA_TIMEOUT (rota_seconds(10), rc) {
        rc = rota_chan_recv(c, &got);
    }
    CHECK_INT(rc, 0);
    return got;
}

static int floods(void *arg)
{
    (void)arg;
    rota_chan *c[2];
    rota_signal_sub *sub[2];
    for (int i = 0; i < 2; i++) {
        c[i] = rota_chan_new(sizeof(int), 1, 0);
        CHECK_INT(rota_chan_try_send(c[i], &(int){ 99 }), 0); /* full */
        sub[i] = notified(c[i], SIGUSR1, SIGUSR2);
    }
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(kill(getpid(), SIGUSR1), 0);
        if (i % 100 == 0)
            settle();
    }
    for (int i = 0; i < 2; i++) {
        CHECK_INT(received(c[i]), 99);
        CHECK_INT(received(c[i]), SIGUSR1);
    }
    CHECK_INT(kill(getpid(), SIGUSR2), 0);
    for (int i = 0; i < 2; i++) {
        int got = received(c[i]);
        for (int j = 0; j < 2 && got == SIGUSR1; j++)
            got = received(c[i]); /* one waited for room, one came then */
        CHECK_INT(got, SIGUSR2);
        rota_signal_stop(sub[i]);
        rota_chan_unref(c[i]);
    }
    CHECK(!is_blocked(SIGUSR1) && !is_blocked(SIGUSR2));
    rota_signal_stop(NULL);
    return 0;
}

/* SIG-07 */
TEST("each full channel gets at least one of a flood once it is drained")
{
    CHECK_INT(rota_run(floods, NULL, NULL), 0);
}

static rota_signal_sub *left;

static int stops_while_kept(void *arg)
{
    rota_chan *c = rota_chan_new(sizeof(int), 0, 0);
    rota_signal_sub *sub = notified(c, SIGUSR1, SIGUSR2);
    CHECK_INT(kill(getpid(), SIGUSR1), 0);
    CHECK_INT(kill(getpid(), SIGUSR2), 0);
    settle();
    if (arg)
        left = sub; /* ... and the loop ends while two are kept */
    else
        rota_signal_stop(sub);
    int number;
    if (!arg)
        CHECK_INT(rota_chan_try_recv(c, &number), -EAGAIN);
    rota_chan_unref(c);
    return 0;
}

TEST("stopped, or at the end of the loop, what did not fit is dropped")
{
    CHECK_INT(rota_run(stops_while_kept, NULL, NULL), 0);
    CHECK_INT(rota_run(stops_while_kept, "left", NULL), 0);
    CHECK(!is_blocked(SIGUSR1));
    rota_signal_stop(left);
}

static int closes(void *arg)
{
    (void)arg;
    signal(SIGUSR1, note);
    rota_chan *c = rota_chan_new(sizeof(int), 1, 0);
    rota_signal_sub *sub = notified(c, SIGUSR1, SIGUSR1);
    rota_chan_close(c);
    CHECK_INT(kill(getpid(), SIGUSR1), 0);
    settle();
    CHECK(!is_blocked(SIGUSR1)); /* nobody wants it any more */
    rota_signal_stop(sub);
    rota_chan_unref(c);
    sigset_t set;
    sigemptyset(&set);
    c = rota_chan_new(sizeof(int), 1, 0);
    CHECK_INT(rota_signal_notify(c, &set, &sub), -EINVAL);
    sigaddset(&set, SIGUSR1);
    CHECK_INT(rota_signal_notify(NULL, &set, &sub), -EINVAL);
    rota_chan *other = rota_chan_new(sizeof(char), 1, 0);
    CHECK_INT(rota_signal_notify(other, &set, &sub), -EINVAL);
    rota_chan_unref(c);
    rota_chan_unref(other);
    return 0;
}

TEST("a closed channel is told no more; one of another type is refused")
{
    CHECK_INT(rota_run(closes, NULL, NULL), 0);
}
