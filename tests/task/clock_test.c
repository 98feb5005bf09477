/*
 * Cases in which it matters when something happens: on a virtual clock, to the
 * nanosecond. And cases in which the order matters, in a thousand orders.
 */
#include "sim.h"
#include "tasks.h"

static rota_time begun;

static void begin_clock(void)
{
    begun = rota_now();
}

/* Milliseconds since then; they must be whole. */
static int passed(void)
{
    CHECK_INT((rota_now() - begun) % 1000000, 0);
    return (int)((rota_now() - begun) / 1000000);
}

/* TMO-01, TMO-02 */
CLOCK_TEST("a timeout cuts when it is due, and what is in time not at all")
{
    begin_clock();
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(10), rc) {
        rc = rota_sleep(rota_seconds(10));
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(passed(), 10);
    ROTA_TIMEOUT (rota_seconds(10), rc) {
        rc = rota_sleep(rota_ms(10));
    }
    CHECK_INT(rc, 0);
    CHECK_INT(passed(), 20);
    CHECK_INT(rota_sleep(rota_seconds(20)), 0);
}

/* TMO-04, PITFALL 44 */
CLOCK_TEST("of two timeouts of one length the outer one is the one that says "
           "so")
{
    rota_scope outer, inner;
    CHECK_INT(rota_timeout_begin(&outer, rota_ms(10)), 0);
    CHECK_INT(rota_timeout_begin(&inner, rota_ms(10)), 0);
    int rc = rota_scope_end(&inner, rota_sleep(LONG));
    CHECK_INT(rc, -ECANCELED);
    CHECK(rota_scope_expired(&inner));
    CHECK_INT(rota_scope_end(&outer, rc), -ETIMEDOUT);
    CHECK(rota_scope_expired(&outer));
}

static rota_time cut_at[2];

static ROTA_ASYNC(note_cut, (int, i))
{
    int rc = rota_sleep(LONG);
    cut_at[i] = rota_now();
    return rc;
}

/* TMO-11 */
CLOCK_TEST("a timeout around a group cuts body and member at one moment")
{
    rota_scope s;
    rota_group g;
    begin_clock();
    CHECK_INT(rota_timeout_begin(&s, rota_ms(10)), 0);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, note_cut, 0), 0);
    int rc = rota_group_end(&g, note_cut(1));
    CHECK_INT(rc, -ECANCELED);
    CHECK_INT(rota_scope_end(&s, rc), -ETIMEDOUT);
    CHECK_INT(passed(), 10);
    CHECK_INT(cut_at[0], cut_at[1]);
}

/* TMO-14 */
CLOCK_TEST("the deadline in force: 10, 10 inside 20, 30 behind a shield")
{
    rota_scope outer, inner, shield;
    rota_time now = rota_now();
    CHECK_INT(rota_timeout_begin(&outer, rota_ms(10)), 0);
    CHECK_INT(rota_current_deadline(), now + rota_ms(10));
    CHECK_INT(rota_timeout_begin(&inner, rota_ms(20)), 0);
    CHECK_INT(rota_current_deadline(), now + rota_ms(10));
    CHECK_INT(rota_shield_begin(&shield, rota_ms(30)), 0);
    CHECK_INT(rota_current_deadline(), now + rota_ms(30));
    CHECK_INT(rota_scope_end(&shield, 0), 0);
    CHECK_INT(rota_scope_end(&inner, 0), 0);
    CHECK_INT(rota_scope_end(&outer, 0), 0);
}

/* SHLD-04, PITFALL 44 */
CLOCK_TEST("clean-up that hangs is cut when its grace is over, although the "
           "outer scope is cancelled too")
{
    rota_scope outer, shield;
    begin_clock();
    CHECK_INT(rota_scope_begin(&outer, 0), 0);
    rota_scope_cancel(&outer, "outer");
    CHECK_INT(rota_shield_begin(&shield, rota_ms(10)), 0);
    int rc = rota_sleep(LONG);
    CHECK_INT(rc, -ECANCELED);
    CHECK_INT(passed(), 10);
    CHECK_INT(rota_scope_end(&shield, rc), 0);
    CHECK(rota_scope_caught(&shield) && rota_scope_expired(&shield));
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    CHECK_INT(passed(), 10);
    CHECK_INT(rota_scope_end(&outer, -ECANCELED), 0);
}

/* GATH-02 */
CLOCK_TEST("a gather in which one fails lasts until the others have cleaned up")
{
    begin_clock();
    rota_task *t[3] = { rota_create_task(give_after, rota_ms(10), -EIO),
                        rota_create_task(clean_up_for, rota_ms(5), -ECANCELED),
                        rota_create_task(clean_up_for, rota_ms(5), 0) };
    rota_task *last = rota_task_ref(t[2]);
    CHECK_INT(rota_gather(t, 3, NULL, 0), -EIO);
    CHECK_INT(passed(), 15);
    CHECK(rota_task_done(last));
    rota_task_unref(last);
}

/* WFOR-01, WFOR-02 */
CLOCK_TEST("a task too slow is waited for as long as its clean-up takes")
{
    begin_clock();
    rota_task *t = rota_create_task(clean_up_for, rota_ms(50), -ECANCELED);
    CHECK_INT(rota_wait_for(t, rota_ms(10)), -ETIMEDOUT);
    CHECK_INT(passed(), 60);
    t = rota_create_task(give_after, rota_seconds(1), 1);
    CHECK_INT(rota_wait_for(t, rota_ms(10)), -ETIMEDOUT);
    CHECK_INT(passed(), 70);
}

/* WAIT-03 */
CLOCK_TEST("a wait with a limit ends at the limit, or with the last")
{
    begin_clock();
    rota_task *t[2] = { rota_create_task(give_after, rota_ms(5), 1),
                        rota_create_task(give_after, rota_ms(20), 2) };
    rota_future *f[2] = { rota_task_future(t[0]), rota_task_future(t[1]) };
    CHECK_INT(rota_wait(f, 2, ROTA_ALL_COMPLETED, rota_ms(10)), 1);
    CHECK_INT(passed(), 10);
    CHECK_INT(rota_wait(f, 2, ROTA_ALL_COMPLETED, rota_ms(100)), 2);
    CHECK_INT(passed(), 20);
    CHECK_INT(rota_gather(t, 2, NULL, 0), 0);
}

static void set_it(void *f)
{
    CHECK_INT(rota_future_set(f, 1, NULL, NULL), 0);
}

static ROTA_ASYNC(wait_ten, (rota_future *, f))
{
    return rota_wait(&f, 1, ROTA_ALL_COMPLETED, rota_ms(10));
}

static ROTA_ASYNC(wait_ten_in_scope, (rota_future *, f))
{
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(10), rc) {
        rc = rota_future_wait(f, NULL);
    }
    return rc;
}

/* RACE-04 */
CLOCK_TEST("the future is set, then the time is over, at one moment: it is "
           "done")
{
    rota_future *f = rota_future_new();
    CHECK_INT(rota_call_later(rota_ms(10), set_it, f, NULL), 0);
    rota_task *t = rota_create_task(wait_ten, f);
    rota_task *u = rota_create_task(wait_ten_in_scope, f);
    CHECK_INT(rota_await(t), 1);
    CHECK_INT(rota_await(u), 0);
    rota_future_unref(f);
}

/* RACE-05 */
CLOCK_TEST("the time is over, then the future is set, at one moment: it is "
           "too late, and the value stays")
{
    rota_future *f = rota_future_new();
    rota_task *t = rota_create_task(wait_ten, f);
    rota_task *u = rota_create_task(wait_ten_in_scope, f);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(rota_call_later(rota_ms(10), set_it, f, NULL), 0);
    CHECK_INT(rota_await(t), 0); /* as it was when the time was over */
    CHECK_INT(rota_await(u), -ETIMEDOUT);
    rota_outcome out;
    CHECK_INT(rota_future_outcome(f, &out), 0);
    CHECK_INT(out.rc, 1);
    rota_future_unref(f);
}

static int eager_rc;

static int time_out(void *arg)
{
    (void)arg;
    ROTA_TIMEOUT (rota_ms(10), eager_rc) {
        eager_rc = rota_sleep(LONG);
    }
    return passed();
}

/* EAGER-07 */
CLOCK_TEST("the timeout of an eager task cuts it, not its spawner")
{
    rota_task_options o = { .eager = true };
    begin_clock();
    rota_task *t = rota_spawn(time_out, NULL, &o);
    CHECK(rota_current_deadline() == ROTA_FOREVER);
    CHECK_INT(rota_sleep(rota_ms(30)), 0);
    CHECK_INT(rota_await(t), 10);
    CHECK_INT(eager_rc, -ETIMEDOUT);
}

static int up_after_a_second(void *arg)
{
    int rc = rota_sleep(rota_seconds(1));
    if (rc == 0)
        rc = rota_task_started(arg);
    return rc < 0 ? rc : rota_sleep(rota_seconds(1));
}

/* GRP-18 */
CLOCK_TEST("a start takes until the task is up, the end until it is over")
{
    rota_group g;
    int seven = 7;
    void *value;
    begin_clock();
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_start(&g, up_after_a_second, &seven, &value), 0);
    CHECK_INT(*(int *)value, 7);
    CHECK_INT(passed(), 1000);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK_INT(passed(), 2000);
}

/* GRP-27 */
CLOCK_TEST("a group that needs one ends with it and the clean-up of the rest")
{
    rota_group g;
    begin_clock();
    CHECK_INT(rota_group_begin(&g, ROTA_GROUP_ANY), 0);
    CHECK_INT(rota_group_create_task(&g, give_after, rota_ms(10), 1), 0);
    CHECK_INT(rota_group_create_task(&g, clean_up_for, rota_ms(5), -EIO), 0);
    CHECK_INT(rota_group_create_task(&g, give_after, LONG, 1), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK_INT(passed(), 15);
}

struct parent {
    int end;
    int next;
};

static ROTA_ASYNC(group_of_one, (struct parent *, p), (rota_dur, d))
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, give_after, d, -EIO), 0);
    p->end = rota_group_end(&g, 0);
    p->next = rota_sleep(0);
    return 0;
}

static void cancel_it(void *t)
{
    CHECK_INT(rota_task_cancel(t, NULL), 1);
}

/* GRP-16 */
CLOCK_TEST("the member's sleep ends, then its host is cancelled, in one turn: "
           "the error, then the cancel; the other way round: the cancel")
{
    for (int cancel_first = 0; cancel_first < 2; cancel_first++) {
        struct parent p;
        rota_time when = rota_now() + rota_ms(10);
        rota_task *t = rota_create_task(group_of_one, &p, rota_ms(10));
        if (cancel_first)
            CHECK_INT(rota_call_at(when, cancel_it, t, NULL), 0);
        CHECK_INT(rota_wait_all_blocked(0), 0);
        if (!cancel_first)
            CHECK_INT(rota_call_at(when, cancel_it, t, NULL), 0);
        CHECK_INT(rota_await(t), 0); /* nothing forces it to be cancelled */
        CHECK_INT(p.end, cancel_first ? -ECANCELED : -EIO);
        CHECK_INT(p.next, -ECANCELED);
    }
}

static int wake_ups;
static bool stop;

static ROTA_ASYNC(ignore_all)
{
    for (; !stop; wake_ups++)
        rota_ignore(rota_sleep(rota_seconds(1)));
    return 0;
}

static ROTA_ASYNC(tick_on_time)
{
    for (int i = 0; i < 1000; i++) {
        rota_time due = rota_now() + rota_ms(1);
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
        CHECK_INT(rota_now(), due);
    }
    return 0;
}

static int warnings;

static void count_warnings(enum rota_log_level level, const char *line)
{
    (void)line;
    warnings += level == ROTA_LOG_WARNING;
}

/* CANC-11, PITFALL 41 */
CLOCK_TEST("a task that ignores its cancellation is slowed down to 20 "
           "wake-ups a second; the others keep their time")
{
    rota_set_log_handler(count_warnings);
    rota_task *t = rota_create_task(ignore_all);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(rota_create_task(tick_on_time)), 0);
    CHECK(wake_ups > 8 && wake_ups <= 50);
    int before = wake_ups;
    CHECK_INT(rota_sleep(rota_seconds(1)), 0);
    CHECK(wake_ups > before && wake_ups - before <= 25);
    CHECK_INT(warnings, 1);
    stop = true;
    CHECK_INT(rota_await(t), 0);
}

/* TASK-05 */
CLOCK_TEST("a task whose handle was dropped does what it was to do")
{
    rota_set_unhandled_handler(count_report);
    rota_task_unref(rota_create_task(note_cut, 0));
    rota_task_unref(rota_create_task(give_after, rota_seconds(1), 0));
    CHECK_INT(rota_sleep(rota_seconds(1001)), 0);
    CHECK(cut_at[0] > 0);
    CHECK_INT(reports, 0);
}

CLOCK_TEST("waiting for all others takes no time, a cushion as long as it is "
           "quiet")
{
    begin_clock();
    rota_task *t = rota_create_task(tick_on_time);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(passed(), 0);
    CHECK_INT(rota_wait_all_blocked(rota_ms(10)), 0);
    CHECK(rota_task_done(t));
    CHECK(passed() >= 1010 && passed() <= 1020);
    CHECK_INT(rota_await(t), 0);
}

/* What chance does to three tasks: their results, and a cancel of the one who
 * waits for them. */
enum { THREE = 3 };

struct chance {
    rota_task *t[THREE];
    rota_task *kept[THREE];
};

static ROTA_ASYNC(by_chance)
{
    for (uint64_t n = rota_sim_random(4); n > 0; n--) {
        int rc = rota_sleep(rota_ms((int64_t)rota_sim_random(3)));
        if (rc < 0 && rota_sim_random(4) > 0)
            return rc;
    }
    return rota_sim_random(3) ? 1 : -EIO;
}

static void deal(struct chance *c)
{
    for (int i = 0; i < THREE; i++) {
        c->t[i] = rota_create_task(by_chance);
        c->kept[i] = rota_task_ref(c->t[i]);
    }
}

/* All are over, as they must be when whoever owns them has returned. */
static void check_over(struct chance *c)
{
    for (int i = 0; i < THREE; i++) {
        CHECK(rota_task_done(c->kept[i]));
        rota_task_unref(c->kept[i]);
    }
}

static ROTA_ASYNC(gather_chance, (unsigned, flags))
{
    struct chance c;
    int results[THREE];
    deal(&c);
    int rc = rota_gather(c.t, THREE, results, flags);
    check_over(&c);
    bool failed = false;
    for (int i = 0; i < THREE; i++)
        failed |= results[i] < 0;
    if (rc == 0 && flags == 0)
        CHECK(!failed);
    if (rc < 0 && rc != -ECANCELED)
        CHECK(flags == 0 && failed);
    return rc;
}

static ROTA_ASYNC(race_chance)
{
    struct chance c;
    int results[THREE];
    size_t winner = THREE;
    deal(&c);
    int rc = rota_race(c.t, THREE, &winner, results);
    check_over(&c);
    CHECK((rc >= 0) == (winner < THREE));
    if (rc >= 0)
        CHECK_INT(results[winner], rc);
    return rc;
}

/* Runs it for a while, and cancels it or not. */
static void cancel_by_chance(rota_task *t)
{
    CHECK_INT(rota_sleep(rota_ms((int64_t)rota_sim_random(6))), 0);
    if (rota_sim_random(2))
        rota_task_cancel(t, NULL);
    rota_ignore(rota_await(t));
}

/* GATH-05, PITFALL 40, PITFALL 42 */
SIM_TEST("a gather, in any order and cancelled at any moment, leaves nobody "
         "behind")
{
    cancel_by_chance(
        rota_create_task(gather_chance, (unsigned)rota_sim_random(2)));
    CHECK_INT(rota_all_tasks(NULL, 0), 1);
}

/* RCE-02, PITFALL 40, PITFALL 42 */
SIM_TEST("a race, in any order and cancelled at any moment, has one winner or "
         "none, and leaves nobody behind")
{
    cancel_by_chance(rota_create_task(race_chance));
    CHECK_INT(rota_all_tasks(NULL, 0), 1);
}

static int up_by_chance(void *arg)
{
    bool *up = arg;
    int rc = by_chance();
    if (rc >= 0) {
        rc = rota_task_started(up);
        *up = rc == 0;
    }
    return rc < 0 ? rc : by_chance();
}

static ROTA_ASYNC(start_chance, (rota_group *, g), (bool *, up))
{
    void *value = NULL;
    int rc = rota_group_start(g, up_by_chance, up, &value);
    CHECK((rc == 0) == *up);
    CHECK((rc == 0) == (value == up));
    return rc;
}

/* GRP-23, PITFALL 43 */
SIM_TEST("a start, in any order and cancelled at any moment, has moved its "
         "task or ended it")
{
    rota_group g;
    bool up[THREE] = { 0 };
    rota_task *t[THREE];
    CHECK_INT(rota_group_begin(&g, ROTA_GROUP_ISOLATE), 0);
    rota_group_limit(&g, 2);
    for (int i = 0; i < THREE; i++)
        t[i] = rota_create_task(start_chance, &g, &up[i]);
    for (int i = 0; i < THREE; i++)
        cancel_by_chance(t[i]);
    if (rota_sim_random(2))
        rota_group_cancel(&g, NULL);
    int rc = rota_group_end(&g, 0);
    CHECK(rc == 0 || rc == -EIO);
    CHECK_INT(rota_all_tasks(NULL, 0), 1);
}

static ROTA_ASYNC(linked_chance, (rota_token *, a), (rota_token *, b))
{
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_scope_link(&s, a), 0);
    CHECK_INT(rota_scope_link(&s, b), 0);
    int rc = rota_sleep(rota_ms(3));
    bool told = rota_token_cause(a) || rota_token_cause(b);
    CHECK(rc == 0 || (rc == -ECANCELED && told));
    return rota_scope_end(&s, rc);
}

/* CANC-18 */
SIM_TEST("scopes of two tokens, in any order, are cancelled by either or end "
         "before")
{
    rota_token *a = rota_token_new(), *b = rota_token_new();
    rota_task *t[THREE];
    for (int i = 0; i < THREE; i++)
        t[i] = rota_create_task(linked_chance, a, b);
    CHECK_INT(rota_sleep(rota_ms((int64_t)rota_sim_random(5))), 0);
    rota_token_cancel(rota_sim_random(2) ? a : b, NULL);
    CHECK_INT(rota_sleep(rota_ms((int64_t)rota_sim_random(2))), 0);
    rota_token_cancel(b, NULL);
    CHECK_INT(rota_gather(t, THREE, NULL, 0), 0);
    rota_token_unref(a);
    rota_token_unref(b);
}
