/*
 * Waiting for several tasks (gather), and for one within a time (wait_for).
 */
#include <stdlib.h>

#include "tasks.h"

/* GATH-01 */
TASK_TEST("results stand in the order of the tasks, not of their ends")
{
    rota_task *t[3] = { rota_create_task(give_after, rota_ms(8), 1),
                        rota_create_task(give_after, rota_ms(12), 2),
                        rota_create_task(give_after, rota_ms(1), 3) };
    int results[3];
    CHECK_INT(rota_gather(t, 3, results, 0), 0);
    CHECK_INT(results[0], 1);
    CHECK_INT(results[1], 2);
    CHECK_INT(results[2], 3);
    CHECK(t[0] == NULL && t[1] == NULL && t[2] == NULL);
}

/* GATH-02 */
TASK_TEST("one fails: the others are cancelled and waited for, also through "
          "their clean-up")
{
    rota_task *slow = rota_create_task(clean_up_for, rota_ms(5), -ECANCELED);
    rota_task_ref(slow);
    rota_task *t[3] = { slow, rota_create_task(give_after, rota_ms(2), -EIO),
                        rota_create_task(sleep_long) };
    int results[3];
    CHECK_INT(rota_gather(t, 3, results, 0), -EIO);
    CHECK_INT(results[0], -ROTA_ECHILD);
    CHECK_INT(results[1], -EIO);
    CHECK_INT(results[2], -ROTA_ECHILD);
    CHECK(rota_task_done(slow));
    rota_task_unref(slow);
}

/* GATH-03 */
TASK_TEST("ROTA_COLLECT gathers results and errors alike")
{
    rota_task *t[3] = { rota_create_task(give, 1), rota_create_task(give, -EIO),
                        rota_create_task(give_after, rota_ms(3), 3) };
    int results[3];
    CHECK_INT(rota_gather(t, 3, results, ROTA_COLLECT), 0);
    CHECK_INT(results[0], 1);
    CHECK_INT(results[1], -EIO);
    CHECK_INT(results[2], 3);
}

static ROTA_ASYNC(gather_two, (rota_task *, t), (rota_task *, u), (int, flags))
{
    rota_task *both[2] = { t, u };
    return rota_gather(both, 2, NULL, (unsigned)flags);
}

/* GATH-04 */
TASK_TEST("a task cancelled by somebody else is -ROTA_ECHILD, and cancels the "
          "rest, not the caller")
{
    rota_task *t = rota_task_ref(rota_create_task(sleep_long));
    rota_task *u = rota_create_task(sleep_long);
    rota_task *g = rota_create_task(gather_two, t, u, 0);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_task_cancel(t, NULL);
    rota_outcome out;
    CHECK_INT(rota_join(g, &out), 0);
    CHECK_INT(out.state, ROTA_ERROR);
    CHECK_INT(out.rc, -ROTA_ECHILD);
    rota_task_unref(g);
    rota_task_unref(t);
}

/* GATH-04 */
TASK_TEST("with ROTA_COLLECT a cancelled task cancels nobody")
{
    rota_task *t[2] = { rota_create_task(sleep_long),
                        rota_create_task(give_after, rota_ms(2), 2) };
    rota_task_cancel(t[0], NULL);
    int results[2];
    CHECK_INT(rota_gather(t, 2, results, ROTA_COLLECT), 0);
    CHECK_INT(results[0], -ROTA_ECHILD);
    CHECK_INT(results[1], 2);
}

/* GATH-05 */
TASK_TEST("a cancelled caller cancels all and waits, also under ROTA_COLLECT")
{
    for (int flags = 0; flags <= ROTA_COLLECT; flags++) {
        rota_task *t = rota_create_task(clean_up_for, rota_ms(3), -ECANCELED);
        rota_task *u = rota_create_task(sleep_long);
        rota_task_ref(t);
        rota_task_ref(u);
        rota_task *g = rota_create_task(gather_two, t, u, flags);
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
        rota_task_cancel(g, NULL);
        CHECK_INT(rota_await(g), -ROTA_ECHILD);
        CHECK(rota_task_done(t) && rota_task_done(u));
        rota_task_unref(t);
        rota_task_unref(u);
    }
}

/* GATH-06 */
TASK_TEST("nothing gathers to 0; one task may stand twice")
{
    CHECK_INT(rota_gather(NULL, 0, NULL, 0), 0);
    rota_task *t = rota_create_task(give_after, rota_ms(1), 6);
    rota_task *twice[3] = { t, rota_create_task(give, 1), t };
    int results[3];
    CHECK_INT(rota_gather(twice, 3, results, 0), 0);
    CHECK_INT(results[0], 6);
    CHECK_INT(results[1], 1);
    CHECK_INT(results[2], 6);
}

/* PITFALL 48 */
TASK_TEST("ten thousand tasks are gathered, done or not")
{
    enum { COUNT = 10000 };
    static rota_task *t[COUNT];
    static int results[COUNT];
    for (int i = 0; i < COUNT; i++)
        t[i] = i % 3 ? rota_create_task(give, i)
                     : rota_create_task(give_after, rota_ms(1), i);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_gather(t, COUNT, results, 0), 0);
    for (int i = 0; i < COUNT; i++)
        CHECK_INT(results[i], i);
}

TASK_TEST("a spawn without memory among them counts as -ENOMEM")
{
    rota_task *t[2] = { rota_create_task(sleep_long), NULL };
    int results[2];
    CHECK_INT(rota_gather(t, 2, results, 0), -ENOMEM);
    CHECK_INT(results[0], -ROTA_ECHILD);
    CHECK_INT(results[1], -ENOMEM);
    CHECK_INT(rota_await(NULL), -ENOMEM);
    CHECK_INT(rota_wait_for(NULL, rota_ms(1)), -ENOMEM);
    CHECK_INT(rota_join(NULL, NULL), -ENOMEM);
}

TASK_TEST("a task that gathers itself is told so, and keeps the handles")
{
    rota_set_misuse_handler(count_misuse);
    rota_task *t[2] = { rota_create_task(give, 1), rota_current_task() };
    CHECK_INT(rota_gather(t, 2, NULL, 0), -EDEADLK);
    CHECK_INT(misuses, 1);
    CHECK_INT(rota_await(t[0]), 1);
}

static const char *seen_reason;

static ROTA_ASYNC(note_reason)
{
    int rc = rota_sleep(LONG);
    seen_reason = rota_cancel_reason();
    return rc;
}

/* WFOR-01 */
TASK_TEST("a task too slow is cancelled, waited for, and -ETIMEDOUT")
{
    rota_task *t = rota_task_ref(rota_create_task(note_reason));
    CHECK_INT(rota_wait_for(t, rota_ms(5)), -ETIMEDOUT);
    CHECK(rota_task_done(t));
    CHECK_STR(seen_reason, "deadline");
    rota_task_unref(t);
    CHECK_INT(rota_sleep(0), 0);
}

TASK_TEST("a task in time gives its result or its error")
{
    CHECK_INT(rota_wait_for(rota_create_task(give_after, rota_ms(1), 4),
                            rota_seconds(60)),
              4);
    CHECK_INT(rota_wait_for(rota_create_task(give_after, rota_ms(1), -EIO),
                            ROTA_FOREVER),
              -EIO);
    rota_task *t = rota_create_task(sleep_long);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_wait_for(t, rota_seconds(60)), -ROTA_ECHILD);
}

/* WFOR-02 */
TASK_TEST("the clean-up of a task that is too slow is waited for")
{
    rota_time before = rota_now();
    rota_task *t = rota_create_task(clean_up_for, rota_ms(20), -ECANCELED);
    CHECK_INT(rota_wait_for(t, rota_ms(5)), -ETIMEDOUT);
    CHECK(rota_now() - before >= rota_ms(25));
}

/* WFOR-03, SEMANTICS A20 */
TASK_TEST("a task that turns the cancel into a value gives it")
{
    rota_task *t = rota_create_task(clean_up_for, 0, 42);
    CHECK_INT(rota_wait_for(t, rota_ms(2)), 42);
}

/* WFOR-04 */
TASK_TEST("the error of its clean-up beats the timeout")
{
    rota_task *t = rota_create_task(clean_up_for, 0, -EIO);
    CHECK_INT(rota_wait_for(t, rota_ms(2)), -EIO);
}

static bool started;

static ROTA_ASYNC(start_late)
{
    started = true;
    return rota_sleep(0);
}

/* WFOR-05 */
TASK_TEST("a timeout of 0 is enough for a task that is over; one that has not "
          "begun still starts")
{
    rota_task *t = rota_create_task(give, 9);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_wait_for(t, 0), 9);
    CHECK_INT(rota_wait_for(rota_create_task(start_late), -5), -ETIMEDOUT);
    CHECK(started);
    CHECK_INT(rota_sleep(0), 0);
}

static ROTA_ASYNC(wait_in, (rota_task *, t), (rota_dur, timeout))
{
    return rota_wait_for(t, timeout);
}

/* WFOR-06 */
TASK_TEST("a cancelled caller cancels the task and waits for it")
{
    rota_dur timeouts[] = { ROTA_FOREVER, rota_seconds(60) };
    for (int i = 0; i < 2; i++) {
        rota_task *t = rota_create_task(clean_up_for, rota_ms(2), 3);
        rota_task_ref(t);
        rota_task *w = rota_create_task(wait_in, t, timeouts[i]);
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
        rota_task_cancel(w, NULL);
        CHECK_INT(rota_await(w), -ROTA_ECHILD);
        CHECK(rota_task_done(t));
        rota_task_unref(t);
    }
}

static int warnings;

static void count_warnings(enum rota_log_level level, const char *line)
{
    (void)line;
    warnings += level == ROTA_LOG_WARNING;
}

static ROTA_ASYNC(ignore_three)
{
    for (int i = 0; i < 3; i++)
        rota_ignore(rota_sleep(LONG));
    return 10;
}

/* WFOR-10 */
TASK_TEST("a task that ignores three deliveries gives its value, and no "
          "warning is due")
{
    rota_set_log_handler(count_warnings);
    CHECK_INT(rota_wait_for(rota_create_task(ignore_three), rota_ms(1)), 10);
    CHECK_INT(warnings, 0);
}

TASK_TEST("of two deadlines the outer one is not taken for the inner one")
{
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(2), rc) {
        rc = rota_wait_for(rota_create_task(sleep_long), rota_seconds(60));
        CHECK_INT(rc, -ECANCELED);
    }
    CHECK_INT(rc, -ETIMEDOUT);
}

enum { LOOPS = 3, FAR = 30 };

static ROTA_ASYNC(on_loop, (rota_loop *, loop), (int, rc))
{
    CHECK(rota_current_loop() == loop);
    return rc == 0 ? rota_sleep(LONG) : give_after(rota_us(200), rc);
}

static rota_loop *loop_of(int i)
{
    return rota_loop_at((size_t)i % LOOPS);
}

static rota_task *on(int i, int rc)
{
    return rota_create_task_on(loop_of(i), on_loop, loop_of(i), rc);
}

static int gather_far(void *arg)
{
    (void)arg;
    rota_task *t[FAR + 1];
    int results[FAR + 1];
    for (int i = 0; i < FAR; i++)
        t[i] = on(i, i + 1);
    t[FAR] = t[1]; /* of another loop, twice */
    CHECK_INT(rota_gather(t, FAR + 1, results, 0), 0);
    for (int i = 0; i < FAR; i++)
        CHECK_INT(results[i], i + 1);
    CHECK_INT(results[FAR], 2);
    for (int i = 0; i < FAR; i++)
        t[i] = on(i, i == 7 ? -EIO : 0);
    CHECK_INT(rota_gather(t, FAR, results, 0), -EIO);
    CHECK_INT(results[7], -EIO);
    CHECK_INT(results[8], -ROTA_ECHILD);
    return 0;
}

/* GATH-01, GATH-02 */
TEST("tasks of several loops are gathered as those of one")
{
    CHECK_INT(rota_run_multi(LOOPS, gather_far, NULL, NULL), 0);
}

static int race_far(void *arg)
{
    (void)arg;
    for (int round = 0; round < 20; round++) {
        rota_task *t[FAR];
        int results[FAR];
        size_t winner = FAR;
        for (int i = 0; i < FAR; i++)
            t[i] = on(i, i % 5 == 1 ? -EIO : i % 5 == 2 ? i : 0);
        int rc = rota_race(t, FAR, &winner, results);
        CHECK(rc % 5 == 2);
        CHECK_INT(rc, winner);
        CHECK_INT(results[winner], rc);
        for (int i = 0; i < FAR; i++)
            CHECK(results[i] == i || results[i] == -EIO ||
                  results[i] == -ROTA_ECHILD);
    }
    return 0;
}

/* RCE-01 */
TEST("a race of tasks of several loops has one winner")
{
    CHECK_INT(rota_run_multi(LOOPS, race_far, NULL, NULL), 0);
}

static ROTA_ASYNC(gather_sleepers)
{
    rota_task *t[FAR];
    for (int i = 0; i < FAR; i++)
        t[i] = on(i, 0);
    return rota_gather(t, FAR, NULL, ROTA_COLLECT);
}

static int cancel_gather_far(void *arg)
{
    (void)arg;
    rota_task *t = rota_create_task(gather_sleepers);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    t = on(1, 0);
    rota_future *f = rota_task_future(t);
    rota_as_completed it;
    CHECK_INT(rota_wait(&f, 1, ROTA_ALL_COMPLETED, 0), -EXDEV);
    CHECK_INT(rota_as_completed_init(&it, &f, 1), -EXDEV);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    return 0;
}

/* GATH-05 */
TEST("a cancelled gather cancels tasks of other loops, and waits for them")
{
    CHECK_INT(rota_run_multi(LOOPS, cancel_gather_far, NULL, NULL), 0);
}
