/*
 * Deadlines and shields: scopes that are cancelled by the clock, and scopes
 * in which a cancelled task may still wait.
 */
#include "sim.h"
#include "tasks.h"

/* TMO-01 */
TASK_TEST("a call that is too slow is cut, and the end says -ETIMEDOUT")
{
    rota_scope s;
    CHECK_INT(rota_timeout_begin(&s, rota_ms(5)), 0);
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    CHECK_STR(rota_cancel_reason(), "deadline");
    CHECK_INT(rota_scope_end(&s, -ECANCELED), -ETIMEDOUT);
    CHECK(rota_scope_expired(&s) && rota_scope_caught(&s));
    CHECK_INT(rota_sleep(0), 0);
}

/* TMO-02 */
TASK_TEST("a call in time is not touched")
{
    rota_scope s;
    CHECK_INT(rota_timeout_begin(&s, rota_seconds(60)), 0);
    CHECK_INT(rota_scope_end(&s, rota_sleep(rota_ms(2))), 0);
    CHECK(!rota_scope_expired(&s) && !rota_scope_cancelled(&s));
}

/* TMO-03 */
TASK_TEST("a timeout of nothing or less is over at once")
{
    rota_dur lengths[] = { 0, -1, INT64_MIN };
    for (int i = 0; i < 3; i++) {
        rota_scope s;
        CHECK_INT(rota_timeout_begin(&s, lengths[i]), 0);
        CHECK_INT(rota_scope_end(&s, rota_sleep(0)), -ETIMEDOUT);
    }
}

/* TMO-04, SEMANTICS A14 */
CLOCK_TEST("of two equal deadlines the outer end says -ETIMEDOUT")
{
    rota_scope outer, inner;
    rota_time when = rota_now() + rota_seconds(3);
    CHECK_INT(rota_timeout_begin(&outer, LONG), 0);
    CHECK_INT(rota_timeout_begin(&inner, LONG), 0);
    CHECK_INT(rota_scope_reschedule(&inner, when), 0);
    CHECK_INT(rota_scope_reschedule(&outer, when), 0);
    int rc = rota_scope_end(&inner, rota_sleep(LONG));
    CHECK_INT(rc, -ECANCELED);
    CHECK_INT(rota_scope_end(&outer, rc), -ETIMEDOUT);
    CHECK(rota_scope_expired(&inner) && rota_scope_expired(&outer));
    CHECK(!rota_scope_caught(&inner) && rota_scope_caught(&outer));
}

/* PITFALL 44 */
TASK_TEST("the inner deadline first: the outer scope goes on")
{
    int outer = 0;
    ROTA_TIMEOUT (rota_seconds(60), outer) {
        int inner = 0;
        ROTA_TIMEOUT (rota_ms(2), inner) {
            inner = rota_sleep(LONG);
        }
        CHECK_INT(inner, -ETIMEDOUT);
        outer = rota_sleep(rota_ms(1));
    }
    CHECK_INT(outer, 0);
}

/* TMO-05 */
TASK_TEST("an error of the work beats the timeout")
{
    rota_scope s;
    CHECK_INT(rota_timeout_begin(&s, rota_ms(1)), 0);
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    CHECK_INT(rota_scope_end(&s, -EIO), -EIO);
    CHECK(rota_scope_expired(&s) && !rota_scope_caught(&s));
}

/* TMO-06 */
TASK_TEST("work that never suspends is not cut by its deadline")
{
    rota_scope s;
    CHECK_INT(rota_timeout_begin(&s, rota_ms(1)), 0);
    rota_time end = rota_now() + rota_ms(3);
    while (rota_now() < end)
        ;
    CHECK(!rota_scope_expired(&s));
    CHECK_INT(rota_scope_end(&s, 0), 0);
}

static ROTA_ASYNC(sleep_with_timeout, (bool *, expired))
{
    rota_scope s;
    CHECK_INT(rota_timeout_begin(&s, rota_seconds(60)), 0);
    int rc = rota_scope_end(&s, rota_sleep(LONG));
    *expired = rota_scope_expired(&s);
    return rc;
}

/* TMO-07 */
TASK_TEST("a task cancelled inside a timeout has not timed out")
{
    bool expired = true;
    rota_task *t = rota_create_task(sleep_with_timeout, &expired);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK(!expired);
}

static ROTA_ASYNC(time_out_after_cancel)
{
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    rota_scope s;
    CHECK_INT(rota_timeout_begin(&s, 0), 0);
    CHECK_INT(rota_scope_end(&s, rota_sleep(0)), -ECANCELED);
    rota_task_uncancel(rota_current_task());
    CHECK_INT(rota_timeout_begin(&s, 0), 0);
    CHECK_INT(rota_scope_end(&s, rota_sleep(0)), -ETIMEDOUT);
    return 3;
}

/* TMO-09 */
TASK_TEST("a timeout inside a cancelled task is the task's cancellation, "
          "after uncancel its own")
{
    rota_task *t = rota_create_task(time_out_after_cancel);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), 3);
}

/* TMO-10 */
TASK_TEST("a deadline is moved later, earlier, to never, but not once it has "
          "passed")
{
    rota_scope s;
    CHECK_INT(rota_timeout_begin(&s, rota_ms(2)), 0);
    CHECK_INT(rota_scope_reschedule(&s, rota_now() + rota_seconds(60)), 0);
    CHECK_INT(rota_sleep(rota_ms(4)), 0);
    CHECK_INT(rota_scope_reschedule(&s, ROTA_FOREVER), 0);
    CHECK(rota_current_deadline() == ROTA_FOREVER);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(rota_scope_reschedule(&s, rota_now() + rota_ms(2)), 0);
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    CHECK_INT(rota_scope_reschedule(&s, ROTA_FOREVER), -EALREADY);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), -ETIMEDOUT);
    CHECK_INT(rota_scope_reschedule(&s, ROTA_FOREVER), -EALREADY);
}

static ROTA_ASYNC(reschedule_to_now, (rota_scope *, s))
{
    return rota_scope_reschedule(s, rota_now());
}

/* TMO-10 */
TASK_TEST("moving the deadline into the past cuts who waits inside")
{
    rota_scope s;
    CHECK_INT(rota_timeout_begin(&s, rota_seconds(60)), 0);
    rota_task *t = rota_create_task(reschedule_to_now, &s);
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), -ETIMEDOUT);
    CHECK_INT(rota_await(t), 0);
}

static ROTA_ASYNC(say_when_cut, (const char *, word), (int, rc))
{
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    say(word);
    return rc;
}

/* TMO-11 */
TASK_TEST("a timeout around a group cuts body and members together")
{
    rota_scope s;
    rota_group g;
    CHECK_INT(rota_timeout_begin(&s, rota_ms(3)), 0);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, say_when_cut, "m", -ECANCELED), 0);
    int rc = rota_group_end(&g, say_when_cut("b", -ECANCELED));
    CHECK_INT(rc, -ECANCELED);
    CHECK_INT(rota_scope_end(&s, rc), -ETIMEDOUT);
    CHECK_INT(strlen(trace), 2);
}

/* TMO-12 */
TASK_TEST("a member's error during the clean-up beats the timeout")
{
    rota_scope s;
    rota_group g;
    CHECK_INT(rota_timeout_begin(&s, rota_ms(2)), 0);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, say_when_cut, "m", -EIO), 0);
    int rc = rota_group_end(&g, 0);
    CHECK_INT(rc, -EIO);
    CHECK_INT(rota_scope_end(&s, rc), -EIO);
}

/* TMO-14 */
TASK_TEST("the deadline in force is the nearest up to a shield")
{
    rota_scope outer, inner, shield;
    rota_time now = rota_now();
    CHECK(rota_current_deadline() == ROTA_FOREVER);
    CHECK_INT(rota_timeout_begin(&outer, rota_seconds(10)), 0);
    rota_time first = rota_current_deadline();
    CHECK(first >= now + rota_seconds(10));
    CHECK_INT(rota_timeout_begin(&inner, rota_seconds(20)), 0);
    CHECK(rota_current_deadline() == first);
    CHECK_INT(rota_shield_begin(&shield, rota_seconds(30)), 0);
    CHECK(rota_current_deadline() >= now + rota_seconds(30));
    rota_scope_cancel(&outer, NULL);
    CHECK(rota_current_deadline() > now);
    CHECK_INT(rota_scope_end(&shield, 0), 0);
    CHECK(rota_current_deadline() == INT64_MIN);
    CHECK_INT(rota_scope_end(&inner, 0), 0);
    CHECK_INT(rota_scope_end(&outer, 0), 0);
}

static ROTA_ASYNC(read_deadline, (rota_time *, when))
{
    *when = rota_current_deadline();
    return 0;
}

/* SEMANTICS 4.5 */
TASK_TEST("a member of a group sees the deadline around the group")
{
    rota_scope s;
    rota_group g;
    rota_time when = 0;
    CHECK_INT(rota_timeout_begin(&s, rota_seconds(10)), 0);
    rota_time mine = rota_current_deadline();
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, read_deadline, &when), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK(when == mine);
    CHECK_INT(rota_scope_end(&s, 0), 0);
}

TASK_TEST("the expiry of rota_move_on_begin is no error")
{
    rota_scope s;
    CHECK_INT(rota_move_on_begin(&s, rota_ms(1)), 0);
    CHECK_INT(rota_scope_end(&s, rota_sleep(LONG)), 0);
    CHECK(rota_scope_expired(&s) && rota_scope_caught(&s));
}

/* PITFALL 36 */
TASK_TEST("a deadline that no clock reaches never comes")
{
    rota_scope s;
    CHECK_INT(rota_timeout_begin(&s, ROTA_FOREVER), 0);
    CHECK(rota_current_deadline() == ROTA_FOREVER);
    CHECK_INT(rota_scope_end(&s, rota_sleep(rota_ms(1))), 0);
    CHECK_INT(rota_timeout_begin(&s, ROTA_FOREVER - 1), 0);
    CHECK_INT(rota_scope_end(&s, rota_sleep(rota_ms(1))), 0);
    CHECK_INT(rota_timeout_begin(&s, 1), 0);
    CHECK_INT(rota_scope_end(&s, rota_sleep(LONG)), -ETIMEDOUT);
}

TASK_TEST("a scope cancelled before its deadline has not expired")
{
    rota_scope s;
    CHECK_INT(rota_timeout_begin(&s, rota_ms(1)), 0);
    rota_scope_cancel(&s, "first");
    rota_ignore(rota_sleep(0));
    ROTA_SHIELD (ROTA_FOREVER) {
        CHECK_INT(rota_sleep(rota_ms(3)), 0);
    }
    CHECK_STR(rota_cancel_reason(), "first");
    CHECK_INT(rota_scope_end(&s, -ECANCELED), 0);
    CHECK(!rota_scope_expired(&s));
}

/* SHLD-01 */
TASK_TEST("a shield hides the outer cancellation, until it ends")
{
    rota_scope outer, shield;
    CHECK_INT(rota_scope_begin(&outer, 0), 0);
    rota_scope_cancel(&outer, NULL);
    CHECK_INT(rota_shield_begin(&shield, ROTA_FOREVER), 0);
    rota_time end = rota_now() + rota_ms(3);
    CHECK_INT(rota_sleep(rota_ms(3)), 0);
    CHECK(rota_now() >= end);
    CHECK_INT(rota_scope_end(&shield, 0), 0);
    CHECK_INT(rota_sleep(0), -ECANCELED);
    CHECK_INT(rota_scope_end(&outer, -ECANCELED), 0);
}

/* SHLD-02 */
TASK_TEST("a shield's own cancellation acts, and that of scopes inside")
{
    rota_scope shield, inner;
    CHECK_INT(rota_shield_begin(&shield, ROTA_FOREVER), 0);
    CHECK_INT(rota_scope_begin(&inner, 0), 0);
    rota_scope_cancel(&inner, NULL);
    CHECK_INT(rota_scope_end(&inner, rota_sleep(LONG)), 0);
    CHECK_INT(rota_sleep(0), 0);
    rota_scope_cancel(&shield, NULL);
    CHECK_INT(rota_scope_end(&shield, rota_sleep(LONG)), 0);
    CHECK(rota_scope_caught(&shield));
}

static ROTA_ASYNC(sleep_and_stamp, (rota_time *, when))
{
    int rc = rota_sleep(LONG);
    *when = rota_now();
    return rc;
}

/* SHLD-03 */
TASK_TEST("taking a shield away releases at once what waits behind it")
{
    rota_scope outer, shield;
    rota_group g;
    rota_time cut = 0;
    CHECK_INT(rota_scope_begin(&outer, 0), 0);
    CHECK_INT(rota_shield_begin(&shield, ROTA_FOREVER), 0);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, sleep_and_stamp, &cut), 0);
    rota_scope_cancel(&outer, "outer");
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK(cut == 0);
    rota_scope_set_shield(&shield, false);
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    CHECK(cut != 0);
    CHECK_STR(rota_cancel_reason(), "outer");
    CHECK_INT(rota_group_end(&g, -ECANCELED), -ECANCELED);
    /* It is the outer scope that catches: this one was never cancelled. */
    CHECK_INT(rota_scope_end(&shield, -ECANCELED), -ECANCELED);
    CHECK_INT(rota_scope_end(&outer, -ECANCELED), 0);
    CHECK(!rota_scope_caught(&shield) && rota_scope_caught(&outer));
}

TASK_TEST("a scope that becomes a shield hides what came from outside")
{
    rota_scope outer, inner;
    CHECK_INT(rota_scope_begin(&outer, 0), 0);
    CHECK_INT(rota_scope_begin(&inner, 0), 0);
    rota_scope_cancel(&outer, NULL);
    CHECK_INT(rota_sleep(0), -ECANCELED);
    rota_scope_set_shield(&inner, true);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_scope_set_shield(&inner, true); /* again is nothing new */
    CHECK_INT(rota_scope_end(&inner, 0), 0);
    CHECK_INT(rota_scope_end(&outer, rota_sleep(0)), 0);
}

/* SHLD-04, PITFALL 44 */
TASK_TEST("clean-up that hangs is cut when the grace is over")
{
    rota_scope outer, shield;
    CHECK_INT(rota_scope_begin(&outer, 0), 0);
    rota_scope_cancel(&outer, "outer");
    CHECK_INT(rota_shield_begin(&shield, rota_ms(3)), 0);
    int rc = rota_sleep(LONG);
    CHECK_STR(rota_cancel_reason(), "deadline");
    CHECK_INT(rc, -ECANCELED);
    CHECK_INT(rota_scope_end(&shield, rc), 0);
    CHECK(rota_scope_caught(&shield) && rota_scope_expired(&shield));
    CHECK_INT(rota_sleep(0), -ECANCELED);
    CHECK_STR(rota_cancel_reason(), "outer");
    CHECK_INT(rota_scope_end(&outer, -ECANCELED), 0);
}

static ROTA_ASYNC(join_it, (rota_task *, t))
{
    rota_outcome out;
    int rc = rota_join(t, &out);
    return rc < 0 ? rc : (int)out.state;
}

/* SHLD-05, SHLD-06 */
TASK_TEST("joining does not touch what is joined; its cancel is an outcome")
{
    rota_task *t = rota_create_task(give_after, rota_ms(50), 4);
    rota_task *joiner = rota_create_task(join_it, t);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(joiner, NULL);
    CHECK_INT(rota_await(joiner), -ROTA_ECHILD);
    CHECK(!rota_task_done(t));
    CHECK_INT(rota_await(t), 4);
    t = rota_create_task(sleep_long);
    joiner = rota_create_task(join_it, t);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(joiner), ROTA_CANCELLED);
    rota_task_unref(t);
}

/* SHLD-08 */
TASK_TEST("the error of a task whose joiner gave up is reported once")
{
    rota_set_unhandled_handler(count_report);
    rota_task *t = rota_create_task(give_after, rota_ms(2), -EIO);
    rota_task *joiner = rota_create_task(join_it, t);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(joiner, NULL);
    CHECK_INT(rota_await(joiner), -ROTA_ECHILD);
    rota_task_unref(t);
    CHECK_INT(rota_sleep(rota_ms(5)), 0);
    CHECK_INT(reports, 1);
    CHECK_INT(reported_rc, -EIO);
}

/* SHLD-09 */
TASK_TEST("the end of a cancelled group waits for a shielded member")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_task *t = NULL;
    CHECK_INT(rota_group_create_task(&g, clean_up_for, rota_ms(5), 1), 0);
    CHECK_INT(rota_sleep(0), 0);
    rota_time end = rota_now() + rota_ms(5);
    rota_group_cancel(&g, NULL);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK(rota_now() >= end);
    rota_task_unref(t);
}

TASK_TEST("a group opened behind a shield is shielded with its members")
{
    rota_scope outer, shield;
    rota_group g;
    CHECK_INT(rota_scope_begin(&outer, 0), 0);
    CHECK_INT(rota_shield_begin(&shield, ROTA_FOREVER), 0);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, give_after, rota_ms(3), 0), 0);
    rota_scope_cancel(&outer, NULL);
    CHECK_INT(rota_group_end(&g, rota_sleep(rota_ms(1))), 0);
    CHECK_INT(rota_scope_end(&shield, 0), 0);
    CHECK_INT(rota_scope_end(&outer, rota_sleep(0)), 0);
    CHECK(rota_scope_caught(&outer));
}

static int return_from_block(void)
{
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(1), rc) {
        return 5;
    }
    return rc;
}

TASK_TEST("ROTA_TIMEOUT ends its scope however the block is left")
{
    CHECK_INT(return_from_block(), 5);
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(1), rc) {
        rc = 2;
        break;
    }
    CHECK_INT(rc, 2);
    ROTA_TIMEOUT (rota_ms(1), rc) {
        rc = rota_sleep(LONG);
        continue;
    }
    CHECK_INT(rc, -ETIMEDOUT);
    ROTA_TIMEOUT (rota_seconds(60)) {
        goto out;
    }
out:
    CHECK(rota_current_deadline() == ROTA_FOREVER);
    CHECK_INT(rota_sleep(rota_ms(2)), 0);
}

TEST("a block that cannot begin is skipped, and its result says why")
{
    rota_set_misuse_handler(count_misuse);
    int rc = 0;
    bool ran = false;
    ROTA_TIMEOUT (rota_ms(1), rc) {
        ran = true;
    }
    CHECK_INT(rc, -EPERM);
    CHECK(!ran);
}
