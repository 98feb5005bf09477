/*
 * Waiting for some of several: rota_wait, as_completed, race, call_timeout,
 * and for all others to be parked.
 */
#include <stdlib.h>

#include "sim.h"
#include "tasks.h"

enum { THREE = 3 };

/* Three tasks and their futures. */
struct three {
    rota_task *t[THREE];
    rota_future *f[THREE];
};

static void watch(struct three *x)
{
    for (int i = 0; i < THREE; i++)
        x->f[i] = rota_task_future(x->t[i]);
}

static void drop(struct three *x)
{
    for (int i = 0; i < THREE; i++) {
        rota_task_cancel(x->t[i], NULL);
        rota_ignore(rota_await(x->t[i]));
    }
}

/* WAIT-01 */
TASK_TEST("waiting for the first leaves the others running")
{
    struct three x = { { rota_create_task(sleep_long),
                         rota_create_task(give_after, rota_ms(2), 5),
                         rota_create_task(sleep_long) },
                       { 0 } };
    watch(&x);
    CHECK_INT(rota_wait(x.f, THREE, ROTA_FIRST_COMPLETED, ROTA_FOREVER), 1);
    CHECK(rota_task_done(x.t[1]));
    CHECK(!rota_task_done(x.t[0]) && !rota_task_done(x.t[2]));
    CHECK_INT(rota_task_cancelling(x.t[0]), 0);
    /* One that is done is enough for the next wait, at once. */
    CHECK_INT(rota_wait(x.f, THREE, ROTA_FIRST_COMPLETED, 0), 1);
    drop(&x);
}

/* WAIT-02 */
TASK_TEST("waiting for the first failure ends with it, or with the last")
{
    rota_set_unhandled_handler(count_report);
    struct three x = { { rota_create_task(give, 1),
                         rota_create_task(give_after, rota_ms(2), -EIO),
                         rota_create_task(sleep_long) },
                       { 0 } };
    watch(&x);
    CHECK_INT(rota_wait(x.f, THREE, ROTA_FIRST_EXCEPTION, ROTA_FOREVER), 2);
    CHECK(!rota_task_done(x.t[2]));
    rota_task_cancel(x.t[2], NULL); /* being cancelled is no failure */
    CHECK_INT(rota_wait(x.f + 2, 1, ROTA_FIRST_EXCEPTION, ROTA_FOREVER), 1);
    for (int i = 0; i < THREE; i++)
        rota_task_unref(x.t[i]);
    CHECK_INT(reports, 1); /* rota_wait has not looked */
    struct three y = { { rota_create_task(give_after, rota_ms(1), 1),
                         rota_create_task(give, 2),
                         rota_create_task(give_after, rota_ms(2), 3) },
                       { 0 } };
    watch(&y);
    rota_task_cancel(y.t[0], NULL);
    CHECK_INT(rota_wait(y.f, THREE, ROTA_FIRST_EXCEPTION, ROTA_FOREVER), 3);
    drop(&y);
}

/* WAIT-03 */
CLOCK_TEST("when the time is over, it is told how many are done")
{
    struct three x = { { rota_create_task(give, 1),
                         rota_create_task(sleep_long),
                         rota_create_task(sleep_long) },
                       { 0 } };
    watch(&x);
    CHECK_INT(rota_wait(x.f, THREE, ROTA_ALL_COMPLETED, rota_ms(3)), 1);
    CHECK_INT(rota_wait(x.f + 1, 2, ROTA_FIRST_COMPLETED, 0), 0);
    CHECK_INT(rota_wait(x.f + 1, 2, ROTA_FIRST_COMPLETED, -5), 0);
    CHECK(!rota_task_done(x.t[1]) && !rota_task_done(x.t[2]));
    drop(&x);
}

/* WAIT-04 */
TASK_TEST("there must be something to wait for")
{
    rota_future *none[1] = { NULL };
    CHECK_INT(rota_wait(NULL, 0, ROTA_ALL_COMPLETED, 0), -EINVAL);
    CHECK_INT(rota_wait(none, 1, ROTA_ALL_COMPLETED, 0), -ENOMEM);
    rota_future *me = rota_task_future(rota_current_task());
    CHECK_INT(rota_wait(&me, 1, ROTA_ALL_COMPLETED, LONG), -EDEADLK);
    CHECK(rota_task_future(NULL) == NULL);
    rota_as_completed it;
    CHECK_INT(rota_as_completed_init(&it, NULL, 0), -EINVAL);
    CHECK_INT(rota_as_completed_init(&it, none, 1), -ENOMEM);
    CHECK_INT(rota_race(NULL, 0, NULL, NULL), -EINVAL);
}

static ROTA_ASYNC(wait_all, (struct three *, x))
{
    return rota_wait(x->f, THREE, ROTA_ALL_COMPLETED, LONG);
}

/* WAIT-05 */
TASK_TEST("cancelling who waits cancels nothing that is waited for")
{
    struct three x = { { rota_create_task(sleep_long),
                         rota_create_task(sleep_long),
                         rota_create_task(give_after, rota_ms(3), 3) },
                       { 0 } };
    watch(&x);
    rota_task *waiter = rota_create_task(wait_all, &x);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(waiter, NULL);
    CHECK_INT(rota_await(waiter), -ROTA_ECHILD);
    CHECK_INT(rota_task_cancelling(x.t[0]), 0);
    CHECK_INT(rota_await(x.t[2]), 3);
    x.t[2] = rota_create_task(nothing);
    drop(&x);
}

TASK_TEST("a future may stand twice, and be dropped while it is waited for")
{
    rota_future *f = rota_future_new();
    struct three x = { .f = { f, f, rota_future_new() } };
    rota_task *waiter = rota_create_task(wait_all, &x);
    CHECK_INT(rota_sleep(0), 0);
    rota_future_unref(f);
    CHECK_INT(rota_future_set(f, 1, NULL, NULL), 0);
    CHECK_INT(rota_future_cancel(x.f[2]), 0);
    rota_future_unref(x.f[2]);
    CHECK_INT(rota_await(waiter), 3);
}

/* RACE-01, PITFALL 42 */
TASK_TEST("done, then cancelled before it runs: the wait has its answer")
{
    struct three x = { .f = { rota_future_new(), rota_future_new(),
                              rota_future_new() } };
    rota_task *waiter = rota_create_task(wait_all, &x);
    CHECK_INT(rota_sleep(0), 0);
    for (int i = 0; i < THREE; i++)
        CHECK_INT(rota_future_set(x.f[i], i, NULL, NULL), 0);
    rota_task_cancel(waiter, NULL);
    CHECK_INT(rota_await(waiter), 3);
    for (int i = 0; i < THREE; i++)
        rota_future_unref(x.f[i]);
}

/* RACE-02, PITFALL 42 */
TASK_TEST("cancelled, then done before it runs: the wait is cancelled")
{
    struct three x = { .f = { rota_future_new(), rota_future_new(),
                              rota_future_new() } };
    rota_task *waiter = rota_create_task(wait_all, &x);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(waiter, NULL);
    for (int i = 0; i < THREE; i++)
        CHECK_INT(rota_future_set(x.f[i], i, NULL, NULL), 0);
    CHECK_INT(rota_await(waiter), -ROTA_ECHILD);
    for (int i = 0; i < THREE; i++)
        rota_future_unref(x.f[i]);
}

/* PITFALL 39 */
TASK_TEST("the end of the time and the last of them in one turn: one result")
{
    for (int round = 0; round < 200; round++) {
        rota_task *t = rota_create_task(give_after, rota_us(50), 1);
        rota_future *f = rota_task_future(t);
        int n = rota_wait(&f, 1, ROTA_ALL_COMPLETED, rota_us(50));
        CHECK(n == 0 || n == 1);
        CHECK(n == rota_task_done(t));
        CHECK_INT(rota_await(t), 1);
    }
}

/* ASC-01 */
CLOCK_TEST("futures come in the order in which they are done")
{
    struct three x = { { rota_create_task(give_after, rota_ms(3), 1),
                         rota_create_task(give_after, rota_ms(6), 2),
                         rota_create_task(give, 3) },
                       { 0 } };
    watch(&x);
    rota_as_completed it;
    CHECK_INT(rota_as_completed_init(&it, x.f, THREE), 0);
    size_t want[] = { 2, 0, 1 }, i = 9;
    for (int n = 0; n < THREE; n++) {
        CHECK_INT(rota_as_completed_next(&it, &i), 1);
        CHECK_INT(i, want[n]);
    }
    CHECK_INT(rota_as_completed_next(&it, &i), 0);
    CHECK_INT(rota_as_completed_next(&it, &i), 0);
    CHECK_INT(i, 1);
    rota_as_completed_fini(&it);
    drop(&x);
}

/* ASC-02 */
CLOCK_TEST("a deadline around one step ends that step; the rest go on")
{
    struct three x = { { rota_create_task(give, 1),
                         rota_create_task(give_after, rota_ms(10), 2),
                         rota_create_task(sleep_long) },
                       { 0 } };
    watch(&x);
    rota_as_completed it;
    CHECK_INT(rota_as_completed_init(&it, x.f, THREE), 0);
    size_t i = 9;
    CHECK_INT(rota_as_completed_next(&it, &i), 1);
    CHECK_INT(i, 0);
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(1), rc) {
        rc = rota_as_completed_next(&it, &i);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(i, 0);
    CHECK_INT(rota_task_cancelling(x.t[1]), 0);
    ROTA_TIMEOUT (rota_seconds(60), rc) {
        rc = rota_as_completed_next(&it, &i);
    }
    CHECK_INT(rc, 1);
    CHECK_INT(i, 1);
    rota_as_completed_fini(&it);
    drop(&x);
}

/* ASC-03 */
TASK_TEST("leaving after the first touches none of the others")
{
    struct three x = { { rota_create_task(give, 1),
                         rota_create_task(give_after, rota_ms(2), 2),
                         rota_create_task(give_after, rota_ms(4), 3) },
                       { 0 } };
    watch(&x);
    rota_as_completed it;
    size_t i;
    CHECK_INT(rota_as_completed_init(&it, x.f, THREE), 0);
    CHECK_INT(rota_as_completed_next(&it, &i), 1);
    rota_as_completed_fini(&it);
    CHECK_INT(rota_await(x.t[0]), 1);
    CHECK_INT(rota_await(x.t[1]), 2);
    CHECK_INT(rota_await(x.t[2]), 3);
}

static ROTA_ASYNC(next_of, (rota_as_completed *, it))
{
    size_t i;
    int rc = rota_as_completed_next(it, &i);
    return rc == 1 ? (int)i : rc;
}

/* ASC-04 */
TASK_TEST("two that end in one turn come in the order of their ends, also "
          "when the task that waits is cancelled in between")
{
    rota_future *f[2] = { rota_future_new(), rota_future_new() };
    rota_as_completed it;
    CHECK_INT(rota_as_completed_init(&it, f, 2), 0);
    rota_task *t = rota_create_task(next_of, &it);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_await(rota_create_task(next_of, &it)), -EBUSY);
    CHECK_INT(rota_future_set(f[1], 0, NULL, NULL), 0);
    rota_task_cancel(t, NULL); /* too late */
    CHECK_INT(rota_future_set(f[0], 0, NULL, NULL), 0);
    CHECK_INT(rota_await(t), 1);
    size_t i;
    CHECK_INT(rota_as_completed_next(&it, &i), 1);
    CHECK_INT(i, 0);
    rota_as_completed_fini(&it);
    rota_future_unref(f[0]);
    rota_future_unref(f[1]);
}

TASK_TEST("a step that was cancelled has taken nothing")
{
    rota_future *f = rota_future_new();
    rota_as_completed it;
    CHECK_INT(rota_as_completed_init(&it, &f, 1), 0);
    rota_task *t = rota_create_task(next_of, &it);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_future_set(f, 0, NULL, NULL), 0);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rota_await(rota_create_task(next_of, &it)), 0);
    rota_as_completed_fini(&it);
    rota_future_unref(f);
}

/* RCE-01 */
CLOCK_TEST("the first that ends well wins; the slow one is cancelled and "
           "waited for")
{
    rota_task *slow = rota_create_task(clean_up_for, rota_ms(3), -ECANCELED);
    rota_task_ref(slow);
    rota_task *t[3] = { rota_create_task(give, -EIO),
                        rota_create_task(give_after, rota_ms(2), 7), slow };
    size_t winner = 9;
    int results[3];
    CHECK_INT(rota_race(t, 3, &winner, results), 7);
    CHECK_INT(winner, 1);
    CHECK(rota_task_done(slow));
    CHECK_INT(results[0], -EIO);
    CHECK_INT(results[2], -ROTA_ECHILD);
    CHECK(t[0] == NULL && t[1] == NULL && t[2] == NULL);
    rota_task_unref(slow);
}

static int destroyed;

static void count_destroyed(void *value)
{
    (void)value;
    destroyed++;
}

static ROTA_ASYNC(give_value, (int, rc))
{
    int mine = rota_sleep(0);
    if (mine < 0)
        return mine;
    CHECK_INT(rota_task_set_value(&destroyed, count_destroyed), 0);
    return rc;
}

/* RCE-02 */
TASK_TEST("of two that end well in one turn the first wins, and the value of "
          "the other is destroyed")
{
    rota_task *t[2] = { rota_create_task(give_value, 1),
                        rota_create_task(give_value, 2) };
    rota_task *first = rota_task_ref(t[0]);
    size_t winner = 9;
    int results[2];
    CHECK_INT(rota_race(t, 2, &winner, results), 1);
    CHECK_INT(winner, 0);
    CHECK(results[1] == 2 || results[1] == -ROTA_ECHILD);
    CHECK_INT(destroyed, results[1] == 2);
    rota_outcome out;
    CHECK_INT(rota_join(first, &out), 0);
    CHECK(out.value == &destroyed);
    rota_task_unref(first);
    CHECK_INT(destroyed, results[1] == 2 ? 2 : 1);
}

CLOCK_TEST("a race nobody wins gives the last error; all results are there")
{
    rota_task *t[3] = { rota_create_task(give_after, rota_ms(2), -EIO),
                        rota_create_task(give, -EPROTO), NULL };
    size_t winner = 9;
    int results[3];
    CHECK_INT(rota_race(t, 3, &winner, results), -EIO);
    CHECK_INT(winner, 9);
    CHECK_INT(results[0], -EIO);
    CHECK_INT(results[1], -EPROTO);
    CHECK_INT(results[2], -ENOMEM);
}

static ROTA_ASYNC(race_two, (rota_task *, t), (rota_task *, u))
{
    rota_task *both[2] = { t, u };
    int rc = rota_race(both, 2, NULL, NULL);
    return rc >= 0 && rota_cancelled() ? rc + 100 : rc;
}

CLOCK_TEST("a race that was decided before its caller is cancelled gives the "
           "winner; before that, all are cancelled")
{
    rota_task *slow = rota_create_task(clean_up_for, rota_ms(3), 1);
    rota_task *r = rota_create_task(
        race_two, rota_create_task(give_after, rota_ms(1), 7), slow);
    CHECK_INT(rota_sleep(rota_ms(2)), 0);
    rota_task_cancel(r, NULL);
    CHECK_INT(rota_await(r), 107);
    rota_task *t = rota_task_ref(rota_create_task(sleep_long));
    r = rota_create_task(race_two, t, rota_create_task(clean_up_for, 0, 5));
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_task_cancel(r, NULL);
    CHECK_INT(rota_await(r), -ROTA_ECHILD);
    CHECK(rota_task_done(t));
    rota_task_unref(t);
}

static int calls;

static int called(void *rc)
{
    calls++;
    int mine = rota_sleep(rota_ms(2));
    return mine < 0 ? mine : *(int *)rc;
}

/* WFOR-09 */
TASK_TEST("a call without time is not made")
{
    int rc = 5;
    CHECK_INT(rota_call_timeout(called, &rc, 0), -ETIMEDOUT);
    CHECK_INT(rota_call_timeout(called, &rc, -1), -ETIMEDOUT);
    CHECK_INT(calls, 0);
    CHECK_INT(rota_call_timeout(called, &rc, LONG), 5);
    rc = -EIO;
    CHECK_INT(rota_call_timeout(called, &rc, LONG), -EIO);
    CHECK_INT(rota_call_timeout(called, &rc, rota_us(1)), -ETIMEDOUT);
    CHECK_INT(calls, 3);
    rota_task_cancel(rota_current_task(), NULL);
    CHECK_INT(rota_call_timeout(called, &rc, 0), -ECANCELED);
    CHECK_INT(rota_task_uncancel(rota_current_task()), 0);
    CHECK_INT(rota_sleep(0), 0);
}

static ROTA_ASYNC(yield_times, (int, n))
{
    for (int i = 0; i < n; i++)
        CHECK_INT(rota_sleep(0), 0);
    say("y");
    return rota_sleep(LONG);
}

static void say_callback(void *word)
{
    say(word);
}

TASK_TEST("all others are parked: what was ready has run, what sleeps has not")
{
    rota_task *t = rota_create_task(yield_times, 10);
    rota_task *u = rota_create_task(sleep_long);
    CHECK_INT(rota_call_soon(say_callback, "c"), 0);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_STR(trace, "cy");
    CHECK(!rota_task_done(t) && !rota_task_done(u));
    rota_task_cancel(t, NULL);
    rota_task_cancel(u, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rota_await(u), -ROTA_ECHILD);
    CHECK_INT(rota_wait_all_blocked(0), 0);
}

static ROTA_ASYNC(wait_blocked, (const char *, word))
{
    int rc = rota_wait_all_blocked(0);
    say(word);
    return rc;
}

TASK_TEST("several may wait for all others, and do not hold each other up")
{
    rota_task *t[3] = { rota_create_task(yield_times, 20),
                        rota_create_task(wait_blocked, "a"),
                        rota_create_task(wait_blocked, "b") };
    CHECK_INT(rota_await(t[1]), 0);
    CHECK_INT(rota_await(t[2]), 0);
    CHECK_STR(trace, "yab");
    rota_task_cancel(t[0], NULL);
    CHECK_INT(rota_await(t[0]), -ROTA_ECHILD);
}

static ROTA_ASYNC(tick_times, (int, n))
{
    for (int i = 0; i < n; i++)
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    say("t");
    return 0;
}

CLOCK_TEST("a cushion waits until nothing has stirred for so long")
{
    rota_task *t = rota_create_task(tick_times, 5);
    CHECK_INT(rota_wait_all_blocked(rota_ms(100)), 0);
    CHECK_STR(trace, "t");
    CHECK_INT(rota_await(t), 0);
}

static ROTA_ASYNC(never_quiet, (bool *, stop))
{
    while (!*stop)
        CHECK_INT(rota_sleep(0), 0);
    return 0;
}

TASK_TEST("waiting for all others can be cancelled")
{
    bool stop = false;
    rota_task *t = rota_create_task(never_quiet, &stop);
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(3), rc) {
        rc = rota_wait_all_blocked(0);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    ROTA_TIMEOUT (rota_ms(3), rc) {
        rc = rota_wait_all_blocked(LONG);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    stop = true;
    CHECK_INT(rota_await(t), 0);
}

static int list_tasks(void *arg)
{
    rota_task **all = arg;
    return (int)rota_all_tasks(all, 3);
}

/* EAGER-09 */
TASK_TEST("the list of all tasks has an eager one while it runs, and who "
          "spawned it")
{
    rota_task *all[3] = { 0 };
    rota_task_options o = { .eager = true };
    rota_task *t = rota_spawn(list_tasks, all, &o);
    CHECK(rota_task_done(t));
    CHECK(all[0] == rota_current_task());
    CHECK(all[1] == t);
    CHECK(all[2] == NULL);
    CHECK_INT(rota_await(t), 2);
    rota_task_unref(all[1]);
    CHECK_INT(rota_all_tasks(NULL, 0), 1); /* the ended one is gone */
    rota_task_unref(all[0]);
    rota_task *u = rota_create_task(sleep_long);
    CHECK_INT(rota_all_tasks(all, 1), 2);
    rota_task_unref(all[0]);
    rota_task_cancel(u, NULL);
    CHECK_INT(rota_await(u), -ROTA_ECHILD);
}

TEST("outside of a loop there are no tasks")
{
    CHECK_INT(rota_all_tasks(NULL, 0), 0);
}
