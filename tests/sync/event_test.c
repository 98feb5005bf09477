/*
 * Events, of one thread and shared.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "loops.h"

struct result {
    int rc;
    int next; /* of the suspending call after it */
};

static ROTA_ASYNC(wait_for, (rota_event *, e), (struct result *, r))
{
    r->rc = rota_event_wait(e);
    say("w");
    r->next = rota_sleep(0);
    return 0;
}

static ROTA_ASYNC(wait_say, (rota_event *, e), (const char *, word))
{
    int rc = rota_event_wait(e);
    say(rc == 0 ? word : "x");
    return rc;
}

/* EVT-01 */
BOTH_TEST("a wait on a set event returns at once")
{
    rota_event e;
    CHECK_INT(rota_event_init(&e, flags), 0);
    rota_event_set(&e);
    rota_event_set(&e);
    CHECK(rota_event_is_set(&e));
    rota_task *t = rota_create_task(wait_say, &e, "other ");
    CHECK_INT(rota_event_wait(&e), 0);
    say("main ");
    CHECK_INT(rota_await(t), 0);
    CHECK_STR(trace, "main other ");
    CHECK_INT(rota_event_fini(&e), 0);
}

/* EVT-02 */
BOTH_TEST("a set lets all go on, in the order they came")
{
    rota_event e;
    CHECK_INT(rota_event_init(&e, flags), 0);
    rota_task *a = rota_create_task(wait_say, &e, "a");
    rota_task *b = rota_create_task(wait_say, &e, "b");
    rota_task *c = rota_create_task(wait_say, &e, "c");
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_event_waiters(&e), 3);
    rota_event_set(&e);
    CHECK_INT(rota_event_waiters(&e), 0);
    CHECK_INT(rota_await(c), 0);
    CHECK_INT(rota_await(a), 0);
    CHECK_INT(rota_await(b), 0);
    CHECK_STR(trace, "abc");
    CHECK_INT(rota_event_fini(&e), 0);
}

/* EVT-03 */
BOTH_TEST("set and clear in one step: who waited goes on, a new wait parks")
{
    rota_event e;
    CHECK_INT(rota_event_init(&e, flags), 0);
    struct result r = { -1, -1 }, late = { -1, -1 };
    rota_task *t = rota_create_task(wait_for, &e, &r);
    CHECK_INT(rota_sleep(0), 0);
    rota_event_set(&e);
    rota_event_clear(&e);
    CHECK(!rota_event_is_set(&e));
    rota_task *u = rota_create_task(wait_for, &e, &late);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.rc, 0);
    CHECK_INT(rota_event_waiters(&e), 1);
    rota_event_pulse(&e);
    CHECK(!rota_event_is_set(&e));
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(late.rc, 0);
    CHECK_INT(rota_event_fini(&e), 0);
}

/* EVT-04, RACE-12 */
BOTH_TEST("a cancelled waiter is none, already before it has run")
{
    rota_event e;
    CHECK_INT(rota_event_init(&e, flags), 0);
    struct result r;
    rota_task *t = rota_create_task(wait_for, &e, &r);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_event_waiters(&e), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.rc, -ECANCELED);
    CHECK_INT(rota_event_fini(&e), 0);
}

/* EVT-05, RACE-01 */
BOTH_TEST("set, then the waiter cancelled: 0, and the cancel at the next call")
{
    rota_event e;
    CHECK_INT(rota_event_init(&e, flags), 0);
    struct result r;
    rota_task *t = rota_create_task(wait_for, &e, &r);
    CHECK_INT(rota_sleep(0), 0);
    rota_event_set(&e);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.rc, 0);
    CHECK_INT(r.next, -ECANCELED);
    CHECK_INT(rota_event_fini(&e), 0);
}

/* RACE-02 */
BOTH_TEST("a waiter cancelled, then set: the other one goes on")
{
    rota_event e;
    CHECK_INT(rota_event_init(&e, flags), 0);
    struct result a, b;
    rota_task *t = rota_create_task(wait_for, &e, &a);
    rota_task *u = rota_create_task(wait_for, &e, &b);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    rota_event_set(&e);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(a.rc, -ECANCELED);
    CHECK_INT(b.rc, 0);
    CHECK_INT(b.next, 0);
    CHECK_INT(rota_event_fini(&e), 0);
}

static ROTA_ASYNC(clear_on_waking, (rota_event *, e), (struct result *, late))
{
    int rc = rota_event_wait(e);
    rota_event_clear(e);
    say("cleared ");
    (void)late;
    return rc;
}

static ROTA_ASYNC(wait_after, (rota_event *, first), (rota_event *, e),
                  (struct result *, r))
{
    int rc = rota_event_wait(first);
    if (rc < 0)
        return rc;
    say("waits ");
    r->rc = rota_event_wait(e);
    return 0;
}

/* EVT-07 */
BOTH_TEST("what the first one woken clears is clear for a later wait")
{
    rota_event first, e;
    CHECK_INT(rota_event_init(&first, flags), 0);
    CHECK_INT(rota_event_init(&e, flags), 0);
    struct result late = { -1, -1 };
    rota_task *t = rota_create_task(clear_on_waking, &e, &late);
    rota_task *u = rota_create_task(wait_after, &first, &e, &late);
    CHECK_INT(rota_sleep(0), 0);
    rota_event_set(&e);
    rota_event_set(&first);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_STR(trace, "cleared waits ");
    CHECK_INT(late.rc, -1);
    CHECK_INT(rota_event_waiters(&e), 1);
    rota_event_set(&e);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(late.rc, 0);
    CHECK_INT(rota_event_fini(&e), 0);
    CHECK_INT(rota_event_fini(&first), 0);
}

/* RACE-07 */
BOTH_TEST("a cancelled task does not wait, not even for a set event")
{
    rota_event e;
    CHECK_INT(rota_event_init(&e, flags), 0);
    rota_event_set(&e);
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, NULL);
    CHECK_INT(rota_event_wait(&e), -ECANCELED);
    CHECK(rota_event_is_set(&e));
    CHECK_INT(rota_scope_end(&s, -ECANCELED), 0);
    CHECK_INT(rota_event_wait(&e), 0);
    CHECK_INT(rota_event_fini(&e), 0);
}

BOTH_TEST("an event is not ended while tasks wait for it")
{
    rota_event e;
    CHECK_INT(rota_event_init(&e, flags), 0);
    struct result r;
    rota_task *t = rota_create_task(wait_for, &e, &r);
    CHECK_INT(rota_sleep(0), 0);
    rota_set_misuse_handler(count_misuse);
    CHECK_INT(rota_event_fini(&e), -EBUSY);
    CHECK_INT(misuses, 1);
    rota_event_set(&e);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_event_fini(&e), 0);
}

TASK_TEST("zeroed memory is a clear event")
{
    static rota_event e;
    rota_event f = ROTA_EVENT_INIT;
    CHECK(!rota_event_is_set(&e));
    rota_event_clear(&f);
    rota_event_pulse(&f);
    rota_event_set(&f);
    CHECK_INT(rota_event_wait(&f), 0);
}

static void *set_from_outside(void *e)
{
    rota_event_set(e);
    return NULL;
}

TASK_TEST("one thread's event used from another is misuse, and nothing happens")
{
    rota_event e;
    CHECK_INT(rota_event_init(&e, 0), 0);
    CHECK(!rota_event_is_set(&e)); /* now it is ours */
    rota_set_misuse_handler(count_misuse);
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, set_from_outside, &e), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_INT(misuses, 1);
    CHECK_HAS(misuse_text, "event used from another thread");
    CHECK(!rota_event_is_set(&e));
    CHECK_INT(rota_event_set_signal(&e), -EPERM);
}

static void *set_when_asleep(void *e)
{
    struct timespec nap = { 0, 30 * 1000 * 1000 };
    nanosleep(&nap, NULL);
    rota_event_set(e);
    return NULL;
}

/* EVT-06 */
TASK_TEST("a shared event set by a plain thread wakes a sleeping loop")
{
    rota_event e;
    CHECK_INT(rota_event_init(&e, ROTA_SHARED), 0);
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, set_when_asleep, &e), 0);
    CHECK_INT(rota_event_wait(&e), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_INT(rota_event_fini(&e), 0);
}

static rota_event of_signal;

static void on_signal(int number)
{
    (void)number;
    int before = errno;
    rota_ignore(rota_event_set_signal(&of_signal));
    if (errno != before)
        abort();
}

static ROTA_ASYNC(raise_soon)
{
    int rc = rota_sleep(rota_ms(1));
    raise(SIGUSR1);
    raise(SIGUSR1);
    return rc;
}

static void *signal_process(void *arg)
{
    struct timespec nap = { 0, 30 * 1000 * 1000 };
    nanosleep(&nap, NULL);
    kill(getpid(), SIGUSR1);
    return arg;
}

/* EVT-08 */
TASK_TEST("a signal handler sets a shared event, of a loop awake or asleep")
{
    CHECK_INT(rota_event_init(&of_signal, ROTA_SHARED), 0);
    struct sigaction action = { .sa_handler = on_signal };
    CHECK_INT(sigaction(SIGUSR1, &action, NULL), 0);
    rota_task *t = rota_create_task(raise_soon);
    CHECK_INT(rota_event_wait(&of_signal), 0);
    CHECK_INT(rota_await(t), 0);
    rota_event_clear(&of_signal);
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, signal_process, NULL), 0);
    CHECK_INT(rota_event_wait(&of_signal), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    raise(SIGUSR1); /* ended while it is on its way */
    CHECK_INT(rota_event_fini(&of_signal), 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_sleep(0), 0);
}

static int make_of_signal(void *arg)
{
    (void)arg;
    return rota_event_init(&of_signal, ROTA_SHARED);
}

TEST("a shared event may outlive the loop it was made on")
{
    CHECK_INT(rota_run(make_of_signal, NULL, NULL), 0);
    CHECK_INT(rota_event_set_signal(&of_signal), -ESHUTDOWN);
    CHECK_INT(rota_event_set_signal(&of_signal), -ESHUTDOWN);
    CHECK(!rota_event_is_set(&of_signal));
    rota_event_set(&of_signal);
    CHECK(rota_event_is_set(&of_signal));
    CHECK_INT(rota_event_fini(&of_signal), 0);
}

TEST("a shared event made where no loop runs cannot be set by a signal")
{
    rota_event e;
    CHECK_INT(rota_event_init(&e, ROTA_SHARED), 0);
    CHECK_INT(rota_event_set_signal(&e), -EPERM);
    rota_event_set(&e);
    CHECK(rota_event_is_set(&e));
    CHECK_INT(rota_event_fini(&e), 0);
}

struct turns {
    rota_event *mine;
    rota_event *other;
    int rounds;
};

static int take_turns(void *arg)
{
    struct turns *t = arg;
    for (int i = 0; i < t->rounds; i++) {
        CHECK_INT(rota_event_wait(t->mine), 0);
        rota_event_clear(t->mine);
        rota_event_set(t->other);
    }
    return 0;
}

/* No wake-up between loops is lost: each round needs the one before. */
TEST_LIMITED("two loops take turns through two events", 120)
{
    rota_event a, b;
    CHECK_INT(rota_event_init(&a, ROTA_SHARED), 0);
    CHECK_INT(rota_event_init(&b, ROTA_SHARED), 0);
    int rounds = test_sanitized() ? 2000 : 20000;
    struct turns t[2] = { { &a, &b, rounds }, { &b, &a, rounds } };
    rota_event_set(&a);
    run_loops(2, take_turns, t, sizeof *t);
    CHECK_INT(rota_event_fini(&a), 0);
    CHECK_INT(rota_event_fini(&b), 0);
}

/* Waits many times, each under a deadline that may come at any moment. */
static int wait_or_not(void *arg)
{
    rota_event *e = arg;
    int got = 0, cut = 0;
    for (int i = 0; i < 2000; i++) {
        int rc = 0;
        ROTA_TIMEOUT (rota_us(i % 50), rc) {
            rc = rota_event_wait(e);
        }
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        rc == 0 ? got++ : cut++;
    }
    CHECK_INT(got + cut, 2000);
    return 0;
}

static int pulse_on(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        rota_event_pulse(arg);
        if (i % 16 == 0)
            CHECK_INT(rota_sleep(0), 0);
    }
    return 0;
}

/* RACE-01, RACE-02, PITFALL 53 */
TEST_LIMITED("deadlines on one loop race with sets of others", 120)
{
    rota_event e;
    CHECK_INT(rota_event_init(&e, ROTA_SHARED), 0);
    struct one_loop loops[4];
    begin_loop(&loops[0], wait_or_not, &e);
    begin_loop(&loops[1], wait_or_not, &e);
    begin_loop(&loops[2], pulse_on, &e);
    begin_loop(&loops[3], pulse_on, &e);
    for (int i = 0; i < 4; i++)
        join_loop(&loops[i]);
    CHECK_INT(rota_event_waiters(&e), 0);
    CHECK_INT(rota_event_fini(&e), 0);
}
