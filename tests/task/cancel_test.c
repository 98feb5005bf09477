/*
 * Cancel scopes: levels, nesting, reasons, and the task that does not listen.
 */
#include <stdlib.h>
#include <time.h>

#include "sim.h"
#include "tasks.h"

/* CANC-01 */
TASK_TEST("a cancelled scope stays cancelled: each call inside says so")
{
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK(!rota_cancelled());
    CHECK(rota_cancel_reason() == NULL);
    rota_scope_cancel(&s, NULL);
    CHECK(rota_cancelled());
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    CHECK_INT(rota_sleep(0), -ECANCELED);
    CHECK_INT(rota_checkpoint(), -ECANCELED);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), 0);
    CHECK(!rota_cancelled());
    CHECK_INT(rota_sleep(0), 0);
}

/* CANC-02 */
TASK_TEST("cancelling twice is cancelling once, and the end catches it")
{
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, NULL);
    rota_scope_cancel(&s, NULL);
    CHECK(!rota_scope_caught(&s));
    CHECK_INT(rota_scope_end(&s, rota_sleep(0)), 0);
    CHECK(rota_scope_caught(&s) && rota_scope_cancelled(&s));
    CHECK(!rota_scope_expired(&s));
}

/* CANC-03 */
TASK_TEST("of three nested scopes the outermost cancelled one catches")
{
    rota_scope a, b, c;
    CHECK_INT(rota_scope_begin(&a, 0), 0);
    CHECK_INT(rota_scope_begin(&b, 0), 0);
    CHECK_INT(rota_scope_begin(&c, 0), 0);
    rota_scope_cancel(&c, NULL);
    rota_scope_cancel(&b, NULL);
    int rc = rota_sleep(LONG);
    rc = rota_scope_end(&c, rc);
    CHECK_INT(rc, -ECANCELED);
    rc = rota_scope_end(&b, rc);
    CHECK_INT(rc, 0);
    rc = rota_scope_end(&a, rc);
    CHECK_INT(rc, 0);
    CHECK(!rota_scope_caught(&c) && rota_scope_caught(&b));
    CHECK(!rota_scope_caught(&a) && !rota_scope_cancelled(&a));
}

/* CANC-04 */
TASK_TEST("a scope cancelled and ended without a call between them cuts "
          "nothing")
{
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, NULL);
    CHECK_INT(rota_scope_end(&s, 7), 7);
    CHECK(!rota_scope_caught(&s));
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
}

/* CANC-05 */
TASK_TEST("a scope cancelled before it begins is cancelled on entry")
{
    rota_scope s = ROTA_SCOPE_INIT;
    rota_scope_cancel(&s, "early");
    CHECK_INT(rota_scope_begin(&s, ROTA_SCOPE_PREPARED), 0);
    CHECK_STR(rota_cancel_reason(), "early");
    CHECK_INT(rota_scope_end(&s, rota_sleep(LONG)), 0);
    CHECK(rota_scope_caught(&s));
    rota_scope fresh = ROTA_SCOPE_INIT;
    CHECK_INT(rota_scope_begin(&fresh, ROTA_SCOPE_PREPARED), 0);
    CHECK_INT(rota_scope_end(&fresh, rota_sleep(0)), 0);
    CHECK(!rota_scope_caught(&fresh));
}

/* CANC-06 */
TASK_TEST("a scope that is open cannot begin")
{
    rota_set_misuse_handler(count_misuse);
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_scope_begin(&s, 0), -EALREADY);
    CHECK_INT(rota_timeout_begin(&s, rota_ms(1)), -EALREADY);
    CHECK_INT(misuses, 2);
    CHECK_INT(rota_scope_end(&s, 0), 0);
    CHECK_INT(rota_scope_end(&s, 0), -EPERM);
    CHECK_INT(misuses, 3);
}

static ROTA_ASYNC(end_of_another, (rota_scope *, s))
{
    return rota_scope_end(s, 0);
}

/* CANC-07 */
TASK_TEST("ending a scope out of order, or another task's, is a misuse that "
          "changes nothing")
{
    rota_set_misuse_handler(count_misuse);
    rota_scope outer, inner;
    CHECK_INT(rota_scope_begin(&outer, 0), 0);
    CHECK_INT(rota_scope_begin(&inner, 0), 0);
    CHECK_INT(rota_scope_end(&outer, 3), -EINVAL);
    CHECK_HAS(misuse_text, "before those inside it");
    CHECK_INT(rota_await(rota_create_task(end_of_another, &inner)), -EPERM);
    CHECK_INT(misuses, 2);
    CHECK_INT(rota_scope_end(&inner, 1), 1);
    CHECK_INT(rota_scope_end(&outer, 2), 2);
}

static int leave_scope_open(void *arg)
{
    (void)arg;
    static rota_scope s;
    return rota_scope_begin(&s, 0);
}

static void return_with_open_scope(void)
{
    rota_run(leave_scope_open, NULL, NULL);
}

TEST("a task that returns with an open scope panics with its name")
{
    char err[512];
    CHECK(test_child(return_with_open_scope, err, sizeof err) != 0);
    CHECK_HAS(err, "returned with an open scope");
    CHECK_HAS(err, "main");
}

/* CANC-09 */
TASK_TEST("what the outer scope cancelled passes through the inner one")
{
    rota_scope outer, inner;
    CHECK_INT(rota_scope_begin(&outer, 0), 0);
    CHECK_INT(rota_scope_begin(&inner, 0), 0);
    rota_scope_cancel(&outer, NULL);
    int rc = rota_scope_end(&inner, rota_sleep(LONG));
    CHECK_INT(rc, -ECANCELED);
    CHECK(!rota_scope_caught(&inner));
    CHECK_INT(rota_scope_end(&outer, rc), 0);
    CHECK(rota_scope_caught(&outer));
}

TASK_TEST("a scope maps nothing but -ECANCELED, and only its own")
{
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), -ECANCELED);
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, NULL);
    CHECK_INT(rota_scope_end(&s, -EIO), -EIO);
    CHECK(!rota_scope_caught(&s));
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_scope_end(&s, 5), 5);
    rota_scope_cancel(&s, "after the end");
    CHECK(!rota_scope_cancelled(&s));
}

static int warnings;
static char warning[256];

static void count_warnings(enum rota_log_level level, const char *line)
{
    if (level != ROTA_LOG_WARNING)
        return;
    warnings++;
    snprintf(warning, sizeof warning, "%s", line);
}

struct deaf {
    int rounds;
    bool stop;
};

static ROTA_ASYNC(ignore_all, (struct deaf *, d))
{
    for (; !d->stop; d->rounds++)
        rota_ignore(rota_sleep(rota_seconds(1)));
    return 0;
}

/* CANC-11 */
CLOCK_TEST("a task that ignores its cancellation is warned of once, and slowed "
           "down; others are not disturbed")
{
    rota_set_log_handler(count_warnings);
    struct deaf d = { 0 };
    rota_task *t = rota_create_task(ignore_all, &d);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, "enough");
    CHECK_INT(rota_sleep(rota_ms(400)), 0);
    /* 8 freely, then pauses that double from 0.2 to 51 ms. */
    CHECK(d.rounds > 10 && d.rounds < 40);
    CHECK_INT(warnings, 1);
    CHECK_HAS(warning, "ignore_all");
    CHECK_HAS(warning, "enough");
    CHECK_HAS(warning, "cancel_test.c:");
    d.stop = true;
    CHECK_INT(rota_await(t), 0);
}

static ROTA_ASYNC(ignore_in_scopes, (struct deaf *, d))
{
    for (; !d->stop; d->rounds++)
        ROTA_TIMEOUT (rota_seconds(1)) {
            rota_ignore(rota_sleep(LONG));
        }
    return 0;
}

/* CANC-11 */
CLOCK_TEST("a scope around each call does not help a task that ignores its "
           "cancellation")
{
    rota_set_log_handler(count_warnings);
    struct deaf d = { 0 };
    rota_task *t = rota_create_task(ignore_in_scopes, &d);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_sleep(rota_ms(400)), 0);
    CHECK(d.rounds > 10 && d.rounds < 40);
    CHECK_INT(warnings, 1);
    d.stop = true;
    CHECK_INT(rota_await(t), 0);
}

static ROTA_ASYNC(restart_on_cancel, (int *, restarts))
{
    while (*restarts < 30) {
        int rc = rota_sleep(LONG);
        if (rc == -ECANCELED) {
            ++*restarts;
            rota_task_uncancel(rota_current_task());
        }
    }
    return 0;
}

TASK_TEST("a supervisor that takes each cancel back is not one that ignores it")
{
    rota_set_log_handler(count_warnings);
    int restarts = 0;
    rota_task *t = rota_create_task(restart_on_cancel, &restarts);
    for (int i = 0; i < 30; i++) {
        CHECK_INT(rota_sleep(0), 0);
        CHECK_INT(rota_sleep(0), 0);
        rota_task_cancel(t, NULL);
    }
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(restarts, 30);
    CHECK_INT(warnings, 0);
}

/* CANC-13 */
TASK_TEST("the first reason is kept")
{
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, "A");
    rota_scope_cancel(&s, "B");
    CHECK_STR(rota_cancel_reason(), "A");
    CHECK_INT(rota_scope_end(&s, 0), 0);
    CHECK(rota_cancel_reason() == NULL);
}

static rota_task *seen_source;

static ROTA_ASYNC(note_reason, (const char **, reason))
{
    int rc = rota_sleep(LONG);
    *reason = rota_cancel_reason();
    seen_source = rota_cancel_source();
    return rc;
}

static ROTA_ASYNC(group_around, (const char **, reason))
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, note_reason, reason), 0);
    return rota_group_end(&g, 0);
}

/* CANC-14 */
TASK_TEST("a grandchild reads reason and source through two groups")
{
    CHECK(rota_cancel_source() == NULL);
    const char *reason = NULL;
    rota_scope s;
    rota_group g;
    CHECK_INT(rota_timeout_begin(&s, rota_ms(3)), 0);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, group_around, &reason), 0);
    int rc = rota_group_end(&g, 0);
    CHECK_INT(rc, -ECANCELED);
    CHECK_INT(rota_scope_end(&s, rc), -ETIMEDOUT);
    CHECK_STR(reason, "deadline");
    CHECK(seen_source == rota_current_task());
}

TASK_TEST("the source of a task's own cancellation is that task; that of a "
          "group's, who opened it")
{
    const char *reason = NULL;
    rota_task *t = rota_create_task(note_reason, &reason);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    rota_task_ref(t);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK(seen_source == t);
    rota_task_unref(t);
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, note_reason, &reason), 0);
    CHECK_INT(rota_group_create_task(&g, give, -EIO), 0);
    CHECK_INT(rota_group_end(&g, 0), -EIO);
    CHECK(seen_source == rota_current_task());
}

/* CANC-15 */
TASK_TEST("ten thousand nested scopes are cancelled at once")
{
    enum { DEPTH = 10000 };
    rota_scope *s = malloc(DEPTH * sizeof *s);
    for (int i = 0; i < DEPTH; i++)
        CHECK_INT(rota_scope_begin(&s[i], 0), 0);
    rota_scope_cancel(&s[0], NULL);
    int rc = rota_sleep(LONG);
    for (int i = DEPTH; i-- > 0;)
        rc = rota_scope_end(&s[i], rc);
    CHECK_INT(rc, 0);
    CHECK(rota_scope_caught(&s[0]) && !rota_scope_caught(&s[1]));
    free(s);
}

static int released;

static ROTA_ASYNC(nest, (int, depth))
{
    if (depth == 0) {
        int rc = rota_sleep(LONG);
        released++;
        return rc;
    }
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, nest, depth - 1), 0);
    CHECK_INT(rota_group_create_task(&g, nest, 0), 0);
    int rc = rota_group_end(&g, rota_sleep(LONG));
    released++;
    return rc;
}

/* CANC-15, PITFALL 43 */
TASK_TEST("all tasks in deeply nested groups are released")
{
    int depth = test_sanitized() ? 200 : 2000;
    rota_task *t = rota_create_task(nest, depth);
    for (int i = 0; i < depth + 3; i++)
        CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(released, 2 * depth + 1);
}

static char debug_line[256];

static void keep_debug_line(enum rota_log_level level, const char *line)
{
    if (level == ROTA_LOG_DEBUG)
        snprintf(debug_line, sizeof debug_line, "%s", line);
}

/* CANC-16 */
TASK_TEST("success after a deadline has cut a call stands, and is noted; a "
          "strict scope does not take it for an answer")
{
    rota_set_log_level(ROTA_LOG_DEBUG);
    rota_set_log_handler(keep_debug_line);
    rota_scope s;
    CHECK_INT(rota_timeout_begin(&s, rota_ms(1)), 0);
    CHECK(!rota_scope_delivered(&s));
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    CHECK(rota_scope_delivered(&s));
    CHECK_INT(rota_scope_end(&s, 0), 0);
    CHECK(!rota_scope_caught(&s) && rota_scope_delivered(&s));
    CHECK_HAS(debug_line, "cut short (deadline)");
    CHECK_INT(rota_scope_begin(&s, ROTA_SCOPE_STRICT | ROTA_SCOPE_TIMEOUT), 0);
    CHECK_INT(rota_scope_reschedule(&s, rota_now() + rota_ms(1)), 0);
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    CHECK_INT(rota_scope_end(&s, 0), -ETIMEDOUT);
    CHECK(rota_scope_caught(&s));
}

/* TASK-19 */
TASK_TEST("-ECANCELED that nobody caused is an error, and noted")
{
    rota_set_log_level(ROTA_LOG_DEBUG);
    rota_set_log_handler(keep_debug_line);
    rota_task *t = rota_create_task(give, -ECANCELED);
    rota_outcome out;
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.state, ROTA_ERROR);
    CHECK_INT(out.rc, -ECANCELED);
    CHECK_HAS(debug_line, "give");
    CHECK_HAS(debug_line, "was not cancelled");
    rota_task_unref(t);
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), -ECANCELED);
    CHECK_HAS(debug_line, "no scope caused");
}

/* CANC-16 */
TASK_TEST("a strict scope does not take success for an answer when a call "
          "inside was cut")
{
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, NULL);
    rota_ignore(rota_sleep(0));
    CHECK_INT(rota_scope_end(&s, 5), 5);
    CHECK(!rota_scope_caught(&s));
    CHECK_INT(rota_scope_begin(&s, ROTA_SCOPE_STRICT), 0);
    rota_scope_cancel(&s, NULL);
    rota_ignore(rota_sleep(0));
    CHECK_INT(rota_scope_end(&s, 5), 0);
    CHECK(rota_scope_caught(&s));
    CHECK_INT(rota_scope_begin(&s, ROTA_SCOPE_STRICT), 0);
    rota_scope_cancel(&s, NULL);
    CHECK_INT(rota_scope_end(&s, 5), 5); /* nothing was cut */
}

/* CANC-16 */
TASK_TEST("what was cut behind a shield was not cut by the strict scope "
          "around it")
{
    rota_scope strict, shield;
    CHECK_INT(rota_scope_begin(&strict, ROTA_SCOPE_STRICT), 0);
    rota_scope_cancel(&strict, NULL);
    CHECK_INT(rota_shield_begin(&shield, ROTA_FOREVER), 0);
    rota_scope_cancel(&shield, NULL);
    CHECK_INT(rota_scope_end(&shield, rota_sleep(0)), 0);
    CHECK_INT(rota_scope_end(&strict, 5), 5);
}

/* CANC-17 */
TASK_TEST("a computation that checks in learns of its deadline")
{
    rota_scope s;
    rota_time end = rota_now() + rota_ms(10);
    CHECK_INT(rota_timeout_begin(&s, rota_ms(10)), 0);
    int rc = 0;
    while (rc == 0)
        rc = rota_checkpoint();
    CHECK_INT(rc, -ECANCELED);
    CHECK(rota_now() >= end);
    CHECK_INT(rota_scope_end(&s, rc), -ETIMEDOUT);
}

static ROTA_ASYNC(sleep_twice, (int *, rounds))
{
    while (rota_sleep(LONG) == 0 || ++*rounds < 2)
        ;
    return -ECANCELED;
}

/* PITFALL 40 */
TASK_TEST("a task cancelled twice in one step is cut once, and ends cancelled")
{
    int rounds = 0;
    rota_task *t = rota_create_task(sleep_twice, &rounds);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_task_cancel(t, "one"), 1);
    CHECK_INT(rota_task_cancel(t, "two"), 1);
    CHECK_INT(rota_task_cancelling(t), 2);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rounds, 2);
}

/* TASK-13 */
TASK_TEST("a task may cancel itself, and take it back")
{
    rota_task *me = rota_current_task();
    CHECK_INT(rota_task_cancel(me, "me"), 1);
    CHECK_STR(rota_cancel_reason(), "me");
    CHECK_INT(rota_sleep(0), -ECANCELED);
    CHECK_INT(rota_task_uncancel(me), 0);
    CHECK_INT(rota_task_uncancel(me), 0);
    CHECK_INT(rota_sleep(0), 0);
}

TASK_TEST("uncancel does not lift what another scope cancelled")
{
    rota_scope s;
    rota_task *me = rota_current_task();
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, NULL);
    rota_task_cancel(me, NULL);
    CHECK_INT(rota_task_uncancel(me), 0);
    CHECK_INT(rota_sleep(0), -ECANCELED);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), 0);
    CHECK_INT(rota_sleep(0), 0);
}

static void cancel_it(void *task)
{
    CHECK_INT(rota_task_cancel(task, "from a callback"), 1);
}

TASK_TEST("a callback of the loop may cancel a task")
{
    const char *reason = NULL;
    rota_task *t = rota_create_task(note_reason, &reason);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_call_soon(cancel_it, t), 0);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_STR(reason, "from a callback");
}

TEST("scopes outside of a task are a misuse")
{
    rota_set_misuse_handler(count_misuse);
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), -EPERM);
    CHECK_INT(rota_timeout_begin(&s, 1), -EPERM);
    CHECK_INT(misuses, 2);
    CHECK(!rota_cancelled());
    CHECK(rota_cancel_reason() == NULL);
    CHECK(rota_current_deadline() == ROTA_FOREVER);
}

static int nap_on_thread(void *arg)
{
    (void)arg;
    struct timespec nap = { 0, 2000000 };
    nanosleep(&nap, NULL);
    return 5;
}

static ROTA_ASYNC(go_to_thread)
{
    int rc = rota_to_thread(nap_on_thread, NULL);
    CHECK_INT(rota_sleep(0), -ECANCELED); /* the level stays */
    return rc;
}

static ROTA_ASYNC(yield_once)
{
    return rota_sleep(0);
}

static void clean_up(void *rc)
{
    rota_task_cancel(rota_current_task(), "in the end");
    *(int *)rc = rota_sleep(0);
}

static ROTA_ASYNC(cancelled_in_clean_up, (int *, rc))
{
    CHECK_INT(rota_defer(clean_up, rc), 0);
    return 6;
}

/* PITFALL 40 */
TASK_TEST("a task may be cancelled in each of its states: new, ready, parked, "
          "on a pool thread, ending, done")
{
    rota_task *t = rota_create_task(yield_once); /* new: it still starts */
    CHECK_INT(rota_task_cancel(t, NULL), 1);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    rota_task_options eager = { .eager = true };
    t = rota_spawn(yield_once_rota_entry, NULL, &eager); /* ready */
    CHECK_INT(rota_task_cancel(t, NULL), 1);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    t = rota_create_task(sleep_long);
    CHECK_INT(rota_wait_all_blocked(0), 0); /* parked */
    CHECK_INT(rota_task_cancel(t, NULL), 1);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    t = rota_create_task(go_to_thread);
    CHECK_INT(rota_sleep(rota_ms(1)), 0); /* on a thread: it is waited for */
    CHECK_INT(rota_task_cancel(t, NULL), 1);
    int rc = rota_await(t);
    CHECK(rc == 5 || rc == -ROTA_ECHILD); /* or had not begun there */
    int seen = 0;
    t = rota_task_ref(rota_create_task(cancelled_in_clean_up, &seen));
    CHECK_INT(rota_await(t), 6); /* ending: the result stands */
    CHECK_INT(seen, -ECANCELED);
    CHECK_INT(rota_task_cancel(t, NULL), 0); /* done */
    rota_task_unref(t);
}

static int cancel_a_million(void *arg)
{
    enum { BATCH = 1000 };
    static rota_task *t[BATCH];
    for (int round = *(int *)arg / BATCH; round > 0; round--) {
        for (int i = 0; i < BATCH; i++)
            t[i] = rota_create_task(sleep_long);
        if (round % 2) /* half of them before they have begun */
            CHECK_INT(rota_sleep(0), 0);
        for (int i = 0; i < BATCH; i++)
            CHECK_INT(rota_task_cancel(t[i], NULL), 1);
        CHECK_INT(rota_gather(t, BATCH, NULL, 0), -ROTA_ECHILD);
    }
    return 0;
}

/* PITFALL 47 */
TEST_LIMITED("a million tasks spawned and cancelled leave nothing behind", 120)
{
    int count = test_sanitized() ? 20000 : 1000000;
    rota_run_options o = { .debug = true };
    CHECK_INT(rota_run(cancel_a_million, &count, &o), 0);
    rota_ledger left;
    rota_ledger_get(&left);
    CHECK_INT(left.tasks + left.handles + left.stacks, 0);
    CHECK_INT(left.timers + left.ops + left.fds, 0);
}
