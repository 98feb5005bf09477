/* Signals: cases SIG-01 .. SIG-08 that apply to the handle. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rota.h"
#include "test.h"

static sigset_t set_of(int a, int b)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, a);
    if (b)
        sigaddset(&set, b);
    return set;
}

static rota_signals *opened(int a, int b)
{
    sigset_t set = set_of(a, b);
    rota_signals *s = NULL;
    CHECK_INT(rota_signals_open(&set, &s), 0);
    return s;
}

static bool is_blocked(int sig)
{
    sigset_t now;
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    return sigismember(&now, sig) == 1;
}

static int seen[65];

static void note(int sig)
{
    seen[sig]++;
}

ROTA_ASYNC(send_self, (int, sig))
{
    return kill(getpid(), sig);
}

static int waits_for_one(void *arg)
{
    (void)arg;
    rota_signals *s = opened(SIGUSR1, 0);
    rota_task *t = rota_create_task(send_self, SIGUSR1);
    CHECK_INT(rota_signal_next(s), SIGUSR1);
    CHECK_INT(rota_await(t), 0);
    rota_signals_close(s);
    CHECK(!is_blocked(SIGUSR1));
    return 0;
}

TEST("SIG-01: a signal sent while the loop waits is read as its number")
{
    CHECK_INT(rota_run(waits_for_one, NULL, NULL), 0);
}

static int takes_real_time(void *arg)
{
    (void)arg;
    rota_signals *s = opened(SIGRTMIN + 2, 0), *other;
    sigset_t again = set_of(SIGRTMIN + 2, 0);
    CHECK_INT(rota_signals_open(&again, &other), -EBUSY);
    CHECK_INT(kill(getpid(), SIGRTMIN + 2), 0);
    CHECK_INT(rota_signal_next(s), SIGRTMIN + 2);
    rota_signals_close(s);
    return 0;
}

TEST("a set of real-time signals alone is not taken for an empty one")
{
    CHECK_INT(rota_run(takes_real_time, NULL, NULL), 0);
}

static int refuses(void *arg)
{
    (void)arg;
    static const int bad[] = {
        SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL
    };
    rota_signals *s = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sigset_t set = set_of(bad[i], SIGUSR1);
        CHECK_INT(rota_signals_open(&set, &s), -EINVAL);
    }
    sigset_t none;
    sigemptyset(&none);
    CHECK_INT(rota_signals_open(&none, &s), -EINVAL);
    CHECK(s == NULL);
    CHECK(!is_blocked(SIGUSR1));
    return 0;
}

TEST("SIG-02: SIGKILL, SIGSTOP, crashes and the empty set are refused")
{
    CHECK_INT(rota_run(refuses, NULL, NULL), 0);
}

static int nests(void *arg)
{
    (void)arg;
    sigset_t before = set_of(SIGUSR2, 0);
    pthread_sigmask(SIG_BLOCK, &before, NULL);
    rota_signals *s = opened(SIGUSR1, SIGUSR2), *other = NULL;
    sigset_t again = set_of(SIGUSR1, SIGTERM);
    CHECK_INT(rota_signals_open(&again, &other), -EBUSY);
    CHECK(!is_blocked(SIGTERM));
    other = opened(SIGTERM, 0);
    rota_signals_close(s);
    CHECK(is_blocked(SIGUSR2)); /* it was before */
    CHECK(!is_blocked(SIGUSR1));
    CHECK(is_blocked(SIGTERM));
    rota_signals_close(other);
    CHECK(!is_blocked(SIGTERM));
    rota_signals_close(NULL);
    s = opened(SIGUSR1, SIGTERM);
    rota_signals_close(s);
    return 0;
}

TEST("SIG-03: closing restores the mask of what was blocked for it, only")
{
    CHECK_INT(rota_run(nests, NULL, NULL), 0);
}

static int many(void *arg)
{
    (void)arg;
    rota_signals *s = opened(SIGUSR1, SIGRTMIN + 1);
    for (int i = 0; i < 1000; i++)
        kill(getpid(), SIGUSR1);
    for (int i = 0; i < 3; i++)
        kill(getpid(), SIGRTMIN + 1);
    int plain = 0, real_time = 0;
    for (int i = 0; i < 4; i++)
        *(rota_signal_next(s) == SIGUSR1 ? &plain : &real_time) += 1;
    CHECK_INT(plain, 1);
    CHECK_INT(real_time, 3);
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(1), rc) {
        rc = rota_signal_next(s);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    rota_signals_close(s);
    return 0;
}

TEST("SIG-07: a burst of one signal is read once, real-time ones each")
{
    CHECK_INT(rota_run(many, NULL, NULL), 0);
}

static int leaves_one(void *arg)
{
    (void)arg;
    signal(SIGUSR1, note);
    rota_signals *s = opened(SIGUSR1, 0);
    kill(getpid(), SIGUSR1);
    CHECK_INT(seen[SIGUSR1], 0);
    rota_signals_close(s);
    CHECK_INT(seen[SIGUSR1], 1);
    return 0;
}

TEST("SIG-08: a signal that was not read acts when the handle is closed")
{
    CHECK_INT(rota_run(leaves_one, NULL, NULL), 0);
}

static int stops_at_first(void *arg)
{
    (void)arg;
    rota_signals *s = opened(SIGTERM, SIGINT);
    kill(getpid(), SIGTERM);
    CHECK_INT(rota_signal_next(s), SIGTERM);
    rota_signals_close(s);
    kill(getpid(), SIGTERM); /* the default again: ends us */
    return 0;
}

static void run_stops_at_first(void)
{
    _exit(rota_run(stops_at_first, NULL, NULL) == 0 ? 0 : 1);
}

TEST("SIG-06: once closed, the second SIGTERM ends the process")
{
    char err[256];
    int status = test_child(run_stops_at_first, err, sizeof err);
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGTERM);
}

ROTA_ASYNC(next_of, (rota_signals *, s))
{
    return rota_signal_next(s);
}

static int busy_and_closed(void *arg)
{
    (void)arg;
    rota_signals *s = opened(SIGUSR1, 0);
    rota_task *t = rota_create_task(next_of, s);
    CHECK_INT(rota_checkpoint(), 0);
    CHECK_INT(rota_signal_next(s), -EBUSY);
    rota_signals_close(s);
    CHECK_INT(rota_await(t), -EBADF);
    return 0;
}

TEST("a second waiter is told -EBUSY, a parked one -EBADF at the close")
{
    CHECK_INT(rota_run(busy_and_closed, NULL, NULL), 0);
}

static int race_rounds(void *arg)
{
    (void)arg;
    rota_signals *s = opened(SIGUSR1, 0);
    int got = 0, cancelled = 0;
    for (int i = 0; i < 2000; i++) {
        rota_task *t = rota_create_task(next_of, s);
        CHECK_INT(rota_checkpoint(), 0);
        if (i % 3 == 0)
            CHECK_INT(rota_checkpoint(), 0);
        kill(getpid(), SIGUSR1);
        if (i % 2)
            CHECK_INT(rota_checkpoint(), 0);
        rota_task_cancel(t, "test");
        int rc = rota_await(t);
        if (rc == SIGUSR1) {
            got++;
        } else {
            CHECK_INT(rc, -ROTA_ECHILD);
            cancelled++;
            CHECK_INT(rota_signal_next(s), SIGUSR1); /* still there */
        }
    }
    CHECK_INT(got + cancelled, 2000);
    rota_signals_close(s);
    return 0;
}

TEST("2000 cancels that meet a signal lose none")
{
    CHECK_INT(rota_run(race_rounds, NULL, NULL), 0);
}

enum { SENT = 200, TO_ONE = 10 };

static atomic_int ready, had[2];

/* Has what comes to its loop, until that of its own. */
ROTA_ASYNC(collect, (int, loop), (int, own))
{
    rota_signals *s = opened(SIGRTMIN, own);
    ready++;
    int number;
    while ((number = rota_signal_next(s)) == SIGRTMIN)
        had[loop]++;
    rota_signals_close(s);
    return number;
}

ROTA_ASYNC(signal_thread)
{
    for (int i = 0; i < TO_ONE; i++)
        CHECK_INT(pthread_kill(pthread_self(), SIGRTMIN), 0);
    return 0;
}

static void wait_until(const atomic_int *a, const atomic_int *b, int sum)
{
    while (*a + *b < sum)
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
}

static int two_loops(void *arg)
{
    static const atomic_int none;
    static const int own[] = { SIGUSR1, SIGUSR2 };
    rota_task *t[2];
    (void)arg;
    for (int i = 0; i < 2; i++)
        t[i] = rota_create_task_on(rota_loop_at((size_t)i), collect, i, own[i]);
    wait_until(&ready, &none, 2);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(rota_await(rota_create_task_on(rota_loop_at((size_t)i),
                                                 signal_thread)),
                  0);
        wait_until(&had[i], &none, TO_ONE);
        CHECK_INT(had[0] + had[1], (i + 1) * TO_ONE);
    }
    for (int i = 0; i < SENT; i++)
        CHECK_INT(kill(getpid(), SIGRTMIN), 0);
    wait_until(&had[0], &had[1], SENT + 2 * TO_ONE);
    for (int i = 0; i < 2; i++)
        CHECK_INT(kill(getpid(), own[i]), 0);
    for (int i = 0; i < 2; i++)
        CHECK_INT(rota_await(t[i]), own[i]);
    CHECK_INT(had[0] + had[1], SENT + 2 * TO_ONE);
    return 0;
}

/* PITFALL 57 */
TEST("two loops have each its own signals, and of a common one each once")
{
    test_needs_kernel();
    sigset_t second = set_of(SIGUSR2, 0); /* or this thread would have it */
    CHECK_INT(pthread_sigmask(SIG_BLOCK, &second, NULL), 0);
    CHECK_INT(rota_run_multi(2, two_loops, NULL, NULL), 0);
}
