/*
 * Two things that happen to a waiting call in one step: the first decides,
 * and what it decided is returned (SEMANTICS 3 and its appendix A).
 */
#include "sim.h"
#include "tasks.h"

struct result {
    int rc;
    int next; /* of the suspending call after it */
};

static ROTA_ASYNC(wait_future, (rota_future *, f), (struct result *, r))
{
    rota_outcome out = { .rc = -1 };
    int rc = rota_future_wait(f, &out);
    r->rc = rc < 0 ? rc : out.rc;
    r->next = rota_sleep(0);
    return 0;
}

TASK_TEST(
    "RACE-01 A1 future set, then its waiter cancelled: the value, and the "
    "cancel at the next call")
{
    rota_future *f = rota_future_new();
    struct result r;
    rota_task *t = rota_create_task(wait_future, f, &r);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_future_set(f, 7, NULL, NULL), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.rc, 7);
    CHECK_INT(r.next, -ECANCELED);
    rota_future_unref(f);
}

/* RACE-02 */
TASK_TEST("A2 a waiter cancelled, then the future set: the others get "
          "the value")
{
    rota_future *f = rota_future_new();
    struct result a, b;
    rota_task *t = rota_create_task(wait_future, f, &a);
    rota_task *u = rota_create_task(wait_future, f, &b);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_future_set(f, 7, NULL, NULL), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(a.rc, -ECANCELED);
    CHECK_INT(b.rc, 7);
    CHECK_INT(b.next, 0);
    rota_future_unref(f);
}

/* A timer of the loop that sets a future: a task that sleeps until then. */
static ROTA_ASYNC(set_at, (rota_time, when), (rota_future *, f))
{
    CHECK_INT(rota_sleep_until(when), 0);
    return rota_future_set(f, 7, NULL, NULL);
}

static ROTA_ASYNC(wait_until, (rota_time, when), (rota_future *, f),
                  (struct result *, r))
{
    rota_scope s;
    rota_outcome out = { .rc = -1 };
    CHECK_INT(rota_timeout_begin(&s, rota_seconds(60)), 0);
    CHECK_INT(rota_scope_reschedule(&s, when), 0);
    int rc = rota_future_wait(f, &out);
    r->next = rota_sleep(0);
    r->rc = rota_scope_end(&s, rc);
    return rc < 0 ? rc : out.rc;
}

/* RACE-04, RACE-05 */
CLOCK_TEST("A6 a deadline and a completion at one moment: one "
           "result, and a value that came is not lost")
{
    for (int i = 0; i < 20; i++) {
        rota_future *f = rota_future_new();
        rota_time when = rota_now() + rota_ms(1);
        struct result r;
        rota_task *set, *wait;
        if (i % 2) {
            set = rota_create_task(set_at, when, f);
            wait = rota_create_task(wait_until, when, f, &r);
        } else {
            wait = rota_create_task(wait_until, when, f, &r);
            set = rota_create_task(set_at, when, f);
        }
        int rc = rota_await(wait);
        /* The sleeper runs a step after its timer, so the deadline wins. */
        CHECK_INT(rc, -ECANCELED);
        CHECK_INT(r.rc, -ETIMEDOUT);
        CHECK_INT(rota_await(set), 0);
        CHECK_INT(rota_future_wait(f, NULL), 0);
        rota_future_unref(f);
    }
}

static ROTA_ASYNC(sleep_then, (rota_time, when), (struct result *, r))
{
    r->rc = rota_sleep_until(when);
    r->next = rota_sleep(0);
    return 0;
}

static ROTA_ASYNC(cancel_at, (rota_time, when), (rota_task *, t))
{
    int rc = rota_sleep_until(when);
    rota_task_cancel(t, NULL);
    return rc;
}

/* TIMR-07 */
CLOCK_TEST("A3 a sleep woken by its timer, then cancelled, has slept; "
           "the next call is cut")
{
    rota_time when = rota_now() + rota_ms(3);
    struct result r;
    rota_task *t = rota_create_task(sleep_then, when, &r);
    rota_task *late = rota_create_task(cancel_at, when, t);
    CHECK_INT(rota_await(late), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.rc, 0);
    CHECK_INT(r.next, -ECANCELED); /* it had yielded again */
}

static void cancel_now(void *task)
{
    rota_task_cancel(task, NULL);
}

static ROTA_ASYNC(nap_then, (rota_dur, d), (struct result *, r))
{
    r->rc = rota_sleep(d);
    r->next = rota_sleep(0);
    return 0;
}

static ROTA_ASYNC(spin_past, (rota_dur, d), (rota_task *, t))
{
    rota_time when = rota_now() + d; /* it sleeps: not later than that */
    while (rota_now() < when)
        ;
    /* Timers expire before ready callbacks: it is woken, then cancelled. */
    CHECK_INT(rota_call_soon(cancel_now, t), 0);
    return 0;
}

/* TIMR-07 */
TASK_TEST("timer and cancel meet in one turn: the timer was first")
{
    struct result r = { 1, 1 };
    rota_task *t = rota_create_task(nap_then, rota_ms(5), &r);
    rota_task *spin = rota_create_task(spin_past, rota_ms(5), t);
    CHECK_INT(rota_await(spin), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.rc, 0);
    CHECK_INT(r.next, -ECANCELED);
}

/* RACE-07 */
TASK_TEST("A7 cancelled at entry, the call is not attempted; reading "
          "works")
{
    rota_future *f = rota_future_new();
    CHECK_INT(rota_future_set(f, 4, NULL, NULL), 0);
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, NULL);
    rota_outcome out = { .rc = 99 };
    CHECK_INT(rota_future_wait(f, &out), -ECANCELED);
    CHECK_INT(out.rc, 99);
    CHECK_INT(rota_future_outcome(f, &out), 0);
    CHECK_INT(out.rc, 4);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), 0);
    rota_future_unref(f);
}

TASK_TEST(
    "SEMANTICS 25.13 under an expired scope a ready object is not touched")
{
    rota_future *f = rota_future_new();
    CHECK_INT(rota_future_set(f, 4, NULL, NULL), 0);
    int rc = 0;
    ROTA_TIMEOUT (0, rc) {
        rc = rota_future_wait(f, NULL);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    rota_future_unref(f);
}

static ROTA_ASYNC(join_it, (rota_task *, t), (struct result *, r))
{
    rota_outcome out = { .rc = -1 };
    int rc = rota_join(t, &out);
    r->rc = rc < 0 ? rc : out.rc;
    r->next = rota_sleep(0);
    return 0;
}

static ROTA_ASYNC(cancel_and_end, (rota_task **, victim))
{
    rota_task_cancel(*victim, NULL);
    return 5;
}

/* RACE-02 */
TASK_TEST("a joiner cancelled in the step before its task ends")
{
    rota_task *joiner = NULL;
    struct result r;
    rota_task *t = rota_create_task(cancel_and_end, &joiner);
    struct join_it_rota_args args = { t, &r };
    rota_task_options eager = { .eager = true };
    joiner = rota_spawn_copy(join_it_rota_entry, &args, sizeof args, &eager,
                             "joiner", ROTA_HERE);
    CHECK_INT(rota_await(joiner), 0);
    CHECK_INT(r.rc, -ECANCELED);
    CHECK_INT(rota_await(t), 5);
}

static ROTA_ASYNC(end_then_cancel, (rota_task *, joiner), (rota_future *, f))
{
    CHECK_INT(rota_future_set(f, 1, NULL, NULL), 0);
    rota_task_cancel(joiner, NULL);
    return 0;
}

/* PITFALL 42 */
TASK_TEST("completion and cancel in one turn, in both orders")
{
    for (int i = 0; i < 2; i++) {
        rota_future *f = rota_future_new();
        struct result r;
        rota_task *t = rota_create_task(wait_future, f, &r);
        CHECK_INT(rota_sleep(0), 0);
        if (i)
            rota_task_cancel(t, NULL);
        CHECK_INT(rota_await(rota_create_task(end_then_cancel, t, f)), 0);
        CHECK_INT(rota_await(t), 0);
        CHECK_INT(r.rc, i ? -ECANCELED : 1);
        CHECK_INT(r.next, -ECANCELED);
        rota_future_unref(f);
    }
}

static ROTA_ASYNC(return_now, (int, rc))
{
    return rc;
}

TASK_TEST("A12 A13 what a cancelled task returns is its outcome")
{
    int codes[] = { 42, -ECANCELED, -EIO };
    enum rota_state states[] = { ROTA_OK, ROTA_CANCELLED, ROTA_ERROR };
    for (int i = 0; i < 3; i++) {
        rota_task *t = rota_create_task(return_now, codes[i]);
        rota_task_cancel(t, NULL);
        rota_outcome out;
        CHECK_INT(rota_join(t, &out), 0);
        CHECK_INT(out.rc, codes[i]);
        CHECK_INT(out.state, states[i]);
        rota_task_unref(t);
    }
}

/* PITFALL 45 */
TASK_TEST("a joiner reads the outcome although another, awaiting "
          "the same task, dropped it first")
{
    rota_task *t = rota_create_task(give_after, rota_ms(1), 6);
    struct result r;
    rota_task *joiner = rota_create_task(join_it, t, &r);
    CHECK_INT(rota_await(t), 6);
    CHECK_INT(rota_await(joiner), 0);
    CHECK_INT(r.rc, 6);
}

/* PITFALL 45 */
TASK_TEST("two tasks join one, and its result outlives its stack")
{
    rota_task *t = rota_create_task(give_after, rota_ms(1), 6);
    struct result a, b;
    rota_task *u = rota_create_task(join_it, t, &a);
    rota_task *v = rota_create_task(join_it, t, &b);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(rota_await(v), 0);
    for (int i = 0; i < 100; i++)
        CHECK_INT(rota_await(rota_create_task(return_now, i)), i);
    CHECK_INT(a.rc, 6);
    CHECK_INT(b.rc, 6);
    CHECK_INT(rota_await(t), 6);
}

static ROTA_ASYNC(wait_many_ways, (rota_future *, f), (int, seed))
{
    unsigned random = (unsigned)seed;
    int cut = 0;
    for (int i = 0; i < 50; i++) {
        random = random * 1103515245 + 12345;
        int rc = 0;
        ROTA_TIMEOUT (rota_us(random >> 16 & 255), rc) {
            rc = i % 2 ? rota_future_wait(f, NULL)
                       : rota_sleep(rota_us(random >> 8 & 255));
        }
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        cut += rc < 0;
    }
    return cut;
}

TASK_TEST("deadlines, sleeps and waits in a crowd give 0 or -ETIMEDOUT, and "
          "leave nothing behind")
{
    rota_future *f = rota_future_new();
    rota_task *t[64];
    for (int i = 0; i < 64; i++)
        t[i] = rota_create_task(wait_many_ways, f, i);
    int results[64];
    CHECK_INT(rota_gather(t, 64, results, 0), 0);
    for (int i = 0; i < 64; i++)
        CHECK(results[i] >= 25); /* the future never comes */
    rota_future_unref(f);
}
