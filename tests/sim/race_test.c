/*
 * Two things that happen to a task at one moment, in every order: what is
 * returned must tell of exactly one of them, and fit what the others see.
 * Who acts when is drawn; each waiter notes what came of it.
 */
#include "../task/tasks.h"
#include "sim.h"

/* A moment out of few, so that things meet. */
static rota_dur soon(void)
{
    return rota_us((int64_t)rota_sim_random(4));
}

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
    return r->rc < 0 ? r->rc : r->next;
}

/* What has happened, in order. */
struct log {
    int set;       /* 0: not yet; else its place among the events */
    int cancelled; /* the same, of the victim's cancellation */
    int events;
};

static ROTA_ASYNC(set_soon, (rota_future *, f), (struct log *, log))
{
    CHECK_INT(rota_sleep(soon()), 0);
    log->set = ++log->events;
    return rota_future_set(f, 7, NULL, NULL);
}

static ROTA_ASYNC(cancel_soon, (rota_task *, t), (struct log *, log))
{
    CHECK_INT(rota_sleep(soon()), 0);
    if (rota_task_cancel(t, NULL))
        log->cancelled = ++log->events;
    rota_task_unref(t);
    return 0;
}

static bool parked_first(const struct log *log)
{
    return log->cancelled && (!log->set || log->cancelled < log->set);
}

/* RACE-01, RACE-02, PITFALL 39, PITFALL 42 */
SIM_TEST("a future is set and one of its waiters cancelled: he gets the first "
         "of the two, the others the value")
{
    enum { OTHERS = 3 };
    rota_future *f = rota_future_new();
    struct result r = { 1, 1 }, others[OTHERS];
    struct log log = { 0, 0, 0 };
    rota_task *t[OTHERS + 3];
    for (int i = 0; i < OTHERS; i++)
        t[i] = rota_create_task(wait_future, f, &others[i]);
    t[OTHERS] = rota_create_task(wait_future, f, &r);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_sleep(0), 0);
    t[OTHERS + 1] = rota_create_task(set_soon, f, &log);
    t[OTHERS + 2] =
        rota_create_task(cancel_soon, rota_task_ref(t[OTHERS]), &log);
    int results[OTHERS + 3];
    CHECK_INT(rota_gather(t, OTHERS + 3, results, ROTA_COLLECT), 0);
    for (int i = 0; i < OTHERS; i++) {
        CHECK_INT(others[i].rc, 7);
        CHECK_INT(others[i].next, 0);
    }
    CHECK_INT(r.rc, parked_first(&log) ? -ECANCELED : 7);
    CHECK_INT(r.next, log.cancelled ? -ECANCELED : 0);
    rota_future_unref(f);
}

static ROTA_ASYNC(wait_until, (rota_time, when), (rota_future *, f),
                  (struct log *, log))
{
    rota_scope s;
    rota_outcome out = { .rc = -1 };
    CHECK_INT(rota_timeout_begin(&s, when - rota_now()), 0);
    int rc = rota_future_wait(f, &out);
    if (rc == -ECANCELED && !log->set)
        log->cancelled = ++log->events;
    return rota_scope_end(&s, rc < 0 ? rc : out.rc);
}

/* RACE-04, RACE-05, PITFALL 39 */
SIM_TEST("a deadline and a completion at one moment: one result, and it is "
         "the first")
{
    rota_future *f = rota_future_new();
    struct log log = { 0, 0, 0 };
    rota_dur limit = soon();
    rota_task *w = rota_create_task(wait_until, rota_now() + limit, f, &log);
    rota_task *s = rota_create_task(set_soon, f, &log);
    int rc = rota_await(w);
    CHECK(rc == 7 || rc == -ETIMEDOUT);
    CHECK(rc == 7 || rota_now() - rota_seconds(1) >= limit);
    CHECK_INT(rota_await(s), 0);
    CHECK_INT(rota_future_wait(f, NULL), 0); /* a value that came is not lost */
    rota_future_unref(f);
}

/* TIMR-07 */
SIM_TEST("a sleeper is cancelled when he is due: he has slept, or was cut, "
         "and hears of the cancellation once or later")
{
    rota_dur d = soon() + 1;
    struct log log = { 0, 0, 0 };
    rota_task *t = rota_create_task(give_after, d, 5);
    rota_task *c = rota_create_task(cancel_soon, rota_task_ref(t), &log);
    rota_time before = rota_now();
    int rc = rota_await(t);
    CHECK(rc == 5 || rc == -ROTA_ECHILD);
    if (rc == 5)
        CHECK_INT(rota_now() - before, d);
    else
        CHECK(log.cancelled && rota_now() - before <= d);
    CHECK_INT(rota_await(c), 0);
}

static ROTA_ASYNC(await_it, (rota_task *, t))
{
    return rota_await(t);
}

/* PITFALL 40, PITFALL 42, PITFALL 45 */
SIM_TEST("a chain of awaiting tasks, cancelled anywhere at any time: all end, "
         "and each hears of its own fate")
{
    enum { LINKS = 4 };
    rota_task *t[LINKS];
    struct log log = { 0, 0, 0 };
    t[0] = rota_create_task(give_after, soon(), 9);
    for (int i = 1; i < LINKS; i++)
        t[i] = rota_create_task(await_it, t[i - 1]);
    int victim = (int)rota_sim_random(LINKS);
    /* The handles below the last belong to the tasks that await them. */
    rota_task *c =
        rota_create_task(cancel_soon, rota_task_ref(t[victim]), &log);
    int rc = rota_await(t[LINKS - 1]);
    CHECK(rc == 9 || (rc == -ROTA_ECHILD && log.cancelled));
    CHECK_INT(rota_await(c), 0);
}

/* WFOR-02, PITFALL 42 */
SIM_TEST("wait_for: a child that ends as its time is up has its value, or was "
         "cancelled; never both, never neither")
{
    rota_dur child = soon(), limit = soon();
    rota_task *t = rota_create_task(give_after, child, 4);
    rota_time before = rota_now();
    int rc = rota_wait_for(t, limit);
    CHECK(rc == 4 || rc == -ETIMEDOUT);
    if (child < limit)
        CHECK_INT(rc, 4);
    if (limit < child)
        CHECK_INT(rc, -ETIMEDOUT);
    CHECK(rota_now() - before <= (child < limit ? limit : child));
}

/* ------------------------------------------------------------- groups */

static int alive;

static ROTA_ASYNC(member, (rota_dur, d), (int, rc))
{
    alive++;
    int mine = rota_sleep(d);
    if (mine < 0) {
        ROTA_SHIELD (ROTA_FOREVER) {
            CHECK_INT(rota_sleep(soon()), 0);
        }
    }
    alive--;
    return mine < 0 ? mine : rc;
}

static ROTA_ASYNC(host, (int, members), (int *, first_error))
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    int rc = 0;
    for (int i = 0; i < members && rc >= 0; i++) {
        int fails = rota_sim_random(3) == 0 ? -EIO : 0;
        CHECK_INT(rota_group_create_task(&g, member, soon(), fails), 0);
        if (rota_sim_random(2))
            rc = rota_sleep(soon());
    }
    rc = rota_group_end(&g, rc);
    CHECK_INT(alive, 0); /* the end waits for all, whatever happens */
    if (rc == -EIO)
        *first_error = rc;
    return rc;
}

/* PITFALL 43 */
SIM_TEST("a group whose members fail while it is cancelled, and while it still "
         "grows: its end waits for all, and an error beats the cancellation")
{
    alive = 0;
    int error = 0;
    struct log log = { 0, 0, 0 };
    rota_task *t = rota_create_task(host, 6, &error);
    rota_task *c = rota_create_task(cancel_soon, rota_task_ref(t), &log);
    int rc = rota_await(t);
    CHECK_INT(alive, 0);
    CHECK(rc == 0 || rc == -EIO || (rc == -ROTA_ECHILD && log.cancelled));
    if (error)
        CHECK_INT(rc, -EIO);
    CHECK_INT(rota_await(c), 0);
}

/* GATH-02 */
SIM_TEST("gather: the first error cuts the others off, and all have ended "
         "when it returns")
{
    enum { MANY = 6 };
    alive = 0;
    rota_task *t[MANY];
    bool failing = false;
    for (int i = 0; i < MANY; i++) {
        bool fails = rota_sim_random(4) == 0;
        failing |= fails;
        t[i] = rota_create_task(member, soon(), fails ? -EIO : i);
    }
    int results[MANY] = { 0 };
    int rc = rota_gather(t, MANY, results, 0);
    CHECK_INT(alive, 0);
    CHECK_INT(rc, failing ? -EIO : 0);
    for (int i = 0; i < MANY && !failing; i++)
        CHECK_INT(results[i], i);
}

/* ------------------------------------------------------------- scopes */

static ROTA_ASYNC(nest, (rota_dur, outer), (rota_dur, inner), (rota_dur, work))
{
    int in = 0, out = 0;
    ROTA_TIMEOUT (outer, out) {
        ROTA_TIMEOUT (inner, in) {
            in = rota_sleep(work);
        }
        out = in == -ETIMEDOUT ? 1 : in; /* the inner one's own business */
    }
    return out;
}

/* PITFALL 44 */
SIM_TEST("two deadlines around one call: the one that is first ends it, and of "
         "two at once the outer")
{
    rota_dur outer = soon() + 1, inner = soon() + 1, work = soon() + 1;
    int rc = rota_await(rota_create_task(nest, outer, inner, work));
    if (work < outer && work < inner)
        CHECK_INT(rc, 0);
    else if (inner < outer && inner < work)
        CHECK_INT(rc, 1);
    else if (outer < work && outer <= inner)
        CHECK_INT(rc, -ETIMEDOUT);
    else
        CHECK(rc == 0 || rc == 1 || rc == -ETIMEDOUT);
}
