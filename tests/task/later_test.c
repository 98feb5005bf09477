/*
 * Timers of the user, and intervals.
 */
#include <stdlib.h>

#include "sim.h"
#include "tasks.h"

static void say_it(void *word)
{
    say(word);
}

/* TIMR-01 */
TASK_TEST("a call in no time, or less, comes in the next turn")
{
    CHECK_INT(rota_call_later(0, say_it, "a", NULL), 0);
    CHECK_INT(rota_call_later(-1, say_it, "b", NULL), 0);
    CHECK_INT(rota_call_later(INT64_MIN, say_it, "c", NULL), 0);
    CHECK_STR(trace, "");
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(strlen(trace), 3);
}

/* TIMR-03 */
CLOCK_TEST("twelve calls at one moment come in the order they were asked for")
{
    static char words[12][2];
    rota_time when = rota_now() + rota_ms(10);
    for (int i = 0; i < 12; i++) {
        words[i][0] = (char)('a' + i);
        CHECK_INT(rota_call_at(when, say_it, words[i], NULL), 0);
    }
    CHECK_INT(rota_sleep(rota_ms(9)), 0);
    CHECK_STR(trace, "");
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_STR(trace, "abcdefghijkl");
    CHECK_INT(rota_now(), when);
}

static rota_timer *later;

static void cancel_later(void *arg)
{
    say(arg);
    CHECK_INT(rota_timer_cancel(later), 1);
}

/* TIMR-04 */
CLOCK_TEST("a timer's function takes back a later one of the same moment")
{
    rota_time when = rota_now() + rota_ms(1);
    CHECK_INT(rota_call_at(when, cancel_later, "a", NULL), 0);
    CHECK_INT(rota_call_at(when, say_it, "b", &later), 0);
    CHECK_INT(rota_call_at(when, say_it, "c", NULL), 0);
    CHECK_INT(rota_sleep(rota_ms(5)), 0);
    CHECK_STR(trace, "ac");
}

static void cancel_myself(void *arg)
{
    (void)arg;
    CHECK_INT(rota_timer_cancel(later), 0);
    later = NULL;
    say("m");
}

TASK_TEST("the handle is dropped once: before, in, or after the call")
{
    rota_timer *t;
    CHECK_INT(rota_call_later(LONG, say_it, "-", &t), 0);
    CHECK_INT(rota_timer_cancel(t), 1);
    CHECK_INT(rota_call_later(0, cancel_myself, NULL, &later), 0);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_STR(trace, "m");
    CHECK_INT(rota_call_later(0, say_it, "a", &t), 0);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(rota_timer_cancel(t), 0);
    CHECK_STR(trace, "ma");
    CHECK_INT(rota_timer_cancel(NULL), 0);
}

static void call_again(void *arg)
{
    int *left = arg;
    say("x");
    if (--*left > 0)
        CHECK_INT(rota_call_later(0, call_again, left, NULL), 0);
}

/* PITFALL 37 */
TASK_TEST("a timer that sets itself again at once lets the others run")
{
    int left = 100;
    CHECK_INT(rota_call_later(0, call_again, &left, NULL), 0);
    while (left == 100)
        CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_sleep(rota_us(1)), 0);
    CHECK(left > 0); /* they come one a turn */
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(left, 0);
}

static void call_again_in_the_past(void *left)
{
    if (--*(int *)left > 0)
        CHECK_INT(rota_call_at(0, call_again_in_the_past, left, NULL), 0);
}

/* PITFALL 37 */
TASK_TEST("a timer that sets itself again for a moment long past does not keep "
          "the others from theirs")
{
    int left = 1000000;
    CHECK_INT(rota_call_at(0, call_again_in_the_past, &left, NULL), 0);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK(left > 0);
    left = 1;
    CHECK_INT(rota_wait_all_blocked(0), 0);
}

/* TIMR-05, PITFALL 36 */
TASK_TEST("a call at no time a clock reaches never comes, and holds nothing up")
{
    rota_timer *t, *u;
    CHECK_INT(rota_call_at(ROTA_FOREVER, say_it, "-", &t), 0);
    CHECK_INT(rota_call_later(ROTA_FOREVER - 1, say_it, "-", &u), 0);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(rota_timer_cancel(t), 1);
    CHECK_INT(rota_timer_cancel(u), 1);
    CHECK_INT(rota_call_later(ROTA_FOREVER, say_it, "-", NULL), 0);
    CHECK_STR(trace, "");
}

static int suspended_rc = 1;

static void suspend(void *arg)
{
    (void)arg;
    suspended_rc = rota_sleep(0);
}

TASK_TEST("a timer's function must not suspend")
{
    rota_set_misuse_handler(count_misuse);
    CHECK_INT(rota_call_later(0, suspend, NULL, NULL), 0);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(suspended_rc, -EPERM);
    CHECK_INT(misuses, 1);
    CHECK(rota_current_task() != NULL);
}

static rota_timer *left_behind;

static int leave_timer(void *arg)
{
    (void)arg;
    CHECK_INT(rota_call_later(LONG, say_it, "-", NULL), 0);
    return rota_call_later(LONG, say_it, "-", &left_behind);
}

TEST("what has not fired when the loop ends does not; its handle is still to "
     "be dropped")
{
    CHECK_INT(rota_run(leave_timer, NULL, NULL), 0);
    CHECK_INT(rota_timer_cancel(left_behind), 0);
    CHECK_STR(trace, "");
    rota_set_misuse_handler(count_misuse);
    CHECK_INT(rota_call_later(0, say_it, "-", NULL), -EPERM);
    CHECK_INT(misuses, 1);
}

/* TIMR-02, PITFALL 37 */
CLOCK_TEST("timers set and taken back in any order leave those that were not")
{
    enum { COUNT = 2000 };
    static rota_timer *t[COUNT];
    int prevented = 0;
    for (int i = 0; i < COUNT; i++)
        CHECK_INT(rota_call_later(rota_ms((int64_t)rota_sim_random(50)), say_it,
                                  "", &t[i]),
                  0);
    for (int i = 0; i < COUNT; i++)
        if (rota_sim_random(2)) {
            CHECK_INT(rota_timer_cancel(t[i]), 1);
            t[i] = NULL;
            prevented++;
        }
    CHECK_INT(rota_sleep(rota_ms(60)), 0);
    for (int i = 0; i < COUNT; i++)
        if (t[i])
            CHECK_INT(rota_timer_cancel(t[i]), 0);
    CHECK(prevented > 0 && prevented < COUNT);
}

static rota_interval it;
static rota_time begun;

/* When the next ticks come, in ms from the begin. */
static void check_ticks(int n, const int *want, const int *skipped)
{
    for (int i = 0; i < n; i++) {
        CHECK_INT(rota_interval_tick(&it), skipped ? skipped[i] : 0);
        CHECK_INT((rota_now() - begun) / 1000000, want[i]);
    }
}

static void begin_and_stall(enum rota_interval_mode mode)
{
    begun = rota_now();
    CHECK_INT(rota_interval_init(&it, rota_ms(10), mode), 0);
    CHECK_INT(rota_sleep(rota_ms(35)), 0);
}

/* TIMR-08 */
CLOCK_TEST("after a stall a bursting interval gives all ticks at once")
{
    begin_and_stall(ROTA_INTERVAL_BURST);
    int want[] = { 35, 35, 35, 35, 40, 50 };
    check_ticks(6, want, NULL);
}

/* TIMR-08 */
CLOCK_TEST("after a stall a delaying interval goes on from then")
{
    begin_and_stall(ROTA_INTERVAL_DELAY);
    int want[] = { 35, 45, 55 };
    check_ticks(3, want, NULL);
}

/* TIMR-08, PITFALL 38 */
CLOCK_TEST("after a stall a skipping interval goes on in its step")
{
    begin_and_stall(ROTA_INTERVAL_SKIP);
    int want[] = { 35, 40, 50 };
    int skipped[] = { 3, 0, 0 };
    check_ticks(3, want, skipped);
    CHECK_INT(rota_sleep(rota_ms(10)), 0);
    CHECK_INT(rota_interval_tick(&it), 0); /* just in time */
    CHECK_INT((rota_now() - begun) / 1000000, 60);
}

CLOCK_TEST("a tick that was cancelled comes with the next call")
{
    begun = rota_now();
    CHECK_INT(rota_interval_init(&it, rota_ms(10), ROTA_INTERVAL_SKIP), 0);
    CHECK_INT(rota_interval_tick(&it), 0);
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(5), rc) {
        rc = rota_interval_tick(&it);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    int want[] = { 10, 20 };
    check_ticks(2, want, NULL);
    CHECK_INT(rota_interval_init(&it, 0, ROTA_INTERVAL_SKIP), -EINVAL);
    CHECK_INT(rota_interval_init(&it, -1, ROTA_INTERVAL_SKIP), -EINVAL);
}

CLOCK_TEST("an interval longer than time itself ticks once")
{
    CHECK_INT(rota_interval_init(&it, ROTA_FOREVER, ROTA_INTERVAL_SKIP), 0);
    CHECK_INT(rota_interval_tick(&it), 0);
    int rc = 0;
    ROTA_TIMEOUT (rota_seconds(1e9), rc) {
        rc = rota_interval_tick(&it);
    }
    CHECK_INT(rc, -ETIMEDOUT);
}
