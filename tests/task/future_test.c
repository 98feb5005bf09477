/*
 * Futures: set once, awaited by many, and their callbacks.
 */
#include <stdlib.h>

#include "tasks.h"

static int freed;

static void count_free(void *value)
{
    freed++;
    free(value);
}

/* FUT-01 */
TASK_TEST("a pending future has no outcome")
{
    rota_future *f = rota_future_new();
    rota_outcome out = { .rc = 77 };
    CHECK(!rota_future_done(f));
    CHECK_INT(rota_future_outcome(f, &out), -EINPROGRESS);
    CHECK_INT(out.rc, 77);
    rota_future_unref(f);
}

/* FUT-02 */
TASK_TEST("a future is finished once; the value of a second time stays "
          "with the caller")
{
    rota_future *f = rota_future_new();
    char *late = strdup("late");
    CHECK_INT(rota_future_set(f, 3, strdup("value"), count_free), 0);
    CHECK_INT(rota_future_set(f, 4, late, count_free), -EALREADY);
    CHECK_INT(rota_future_set_error(f, -EIO), -EALREADY);
    CHECK_INT(rota_future_cancel(f), -EALREADY);
    CHECK_INT(freed, 0);
    rota_outcome out;
    CHECK_INT(rota_future_outcome(f, &out), 0);
    CHECK_INT(out.rc, 3);
    CHECK_INT(out.state, ROTA_OK);
    CHECK_STR(out.value, "value");
    rota_future_unref(f);
    CHECK_INT(freed, 1);
    free(late);
}

TASK_TEST("an error that is none, set on a future, is -EINVAL")
{
    rota_future *f = rota_future_new();
    CHECK_INT(rota_future_set_error(f, 5), 0);
    rota_outcome out;
    CHECK_INT(rota_future_wait(f, &out), 0);
    CHECK_INT(out.rc, -EINVAL);
    CHECK_INT(out.state, ROTA_ERROR);
    rota_future_unref(f);
}

static void say_it(void *word)
{
    say(word);
}

/* FUT-03 */
TASK_TEST("callbacks run later, in order, once, and not inline")
{
    rota_future *f = rota_future_new();
    CHECK_INT(rota_future_on_done(f, say_it, "1"), 0);
    CHECK_INT(rota_future_on_done(f, say_it, "2"), 0);
    CHECK_INT(rota_future_on_done(f, say_it, "3"), 0);
    CHECK_INT(rota_future_set(f, 0, NULL, NULL), 0);
    CHECK_STR(trace, "");
    rota_future_unref(f); /* they run all the same */
    CHECK_INT(rota_sleep(0), 0);
    CHECK_STR(trace, "123");
    CHECK_INT(rota_sleep(0), 0);
    CHECK_STR(trace, "123");
}

static rota_future *shared;

static void edit_callbacks(void *arg)
{
    (void)arg;
    say("1");
    CHECK_INT(rota_future_off_done(shared, say_it, "2"), 1);
    CHECK_INT(rota_future_on_done(shared, say_it, "4"), 0);
}

/* FUT-04 */
TASK_TEST("a callback may take others back and add more")
{
    shared = rota_future_new();
    CHECK_INT(rota_future_on_done(shared, edit_callbacks, NULL), 0);
    CHECK_INT(rota_future_on_done(shared, say_it, "2"), 0);
    CHECK_INT(rota_future_on_done(shared, say_it, "3"), 0);
    CHECK_INT(rota_future_set(shared, 0, NULL, NULL), 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_STR(trace, "134");
    rota_future_unref(shared);
}

/* FUT-05 */
TASK_TEST("a callback added to a done future runs in the next turn")
{
    rota_future *f = rota_future_new();
    CHECK_INT(rota_future_cancel(f), 0);
    CHECK_INT(rota_future_on_done(f, say_it, "x"), 0);
    CHECK_STR(trace, "");
    CHECK_INT(rota_sleep(0), 0);
    CHECK_STR(trace, "x");
    rota_future_unref(f);
}

TASK_TEST("all registrations of one callback are taken back at once")
{
    rota_future *f = rota_future_new();
    for (int i = 0; i < 3; i++)
        CHECK_INT(rota_future_on_done(f, say_it, "same"), 0);
    CHECK_INT(rota_future_on_done(f, say_it, "other"), 0);
    CHECK_INT(rota_future_off_done(f, say_it, "same"), 3);
    CHECK_INT(rota_future_off_done(f, say_it, "same"), 0);
    CHECK_INT(rota_future_set(f, 0, NULL, NULL), 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_STR(trace, "other");
    rota_future_unref(f);
}

TASK_TEST("the callbacks of a future that never comes go with it")
{
    rota_future *f = rota_future_new();
    CHECK_INT(rota_future_on_done(f, say_it, "never"), 0);
    rota_future_unref(f);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_STR(trace, "");
}

TASK_TEST("a task's future has callbacks too")
{
    rota_task *t = rota_create_task(give, 3);
    CHECK_INT(rota_future_on_done(rota_task_future(t), say_it, "done"), 0);
    CHECK_INT(rota_await(t), 3);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_STR(trace, "done");
}

static ROTA_ASYNC(wait_for_it, (rota_future *, f), (const char *, word))
{
    rota_outcome out;
    int rc = rota_future_wait(f, &out);
    say(word);
    return rc < 0 ? rc : out.rc;
}

/* FUT-06 */
TASK_TEST("who awaits a future is cancelled without it, and the others "
          "get the value")
{
    rota_future *f = rota_future_new();
    rota_task *t = rota_create_task(wait_for_it, f, "a");
    rota_task *u = rota_create_task(wait_for_it, f, "b");
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK(!rota_future_done(f));
    CHECK_INT(rota_future_set(f, 8, NULL, NULL), 0);
    CHECK_INT(rota_await(u), 8);
    CHECK_STR(trace, "ab");
    rota_future_unref(f);
}

TASK_TEST("many tasks await one future and wake in the order they came")
{
    rota_future *f = rota_future_new();
    rota_task *t[4];
    const char *words[] = { "a", "b", "c", "d" };
    for (int i = 0; i < 4; i++)
        t[i] = rota_create_task(wait_for_it, f, words[i]);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_future_set(f, 5, NULL, NULL), 0);
    int results[4];
    CHECK_INT(rota_gather(t, 4, results, 0), 0);
    for (int i = 0; i < 4; i++)
        CHECK_INT(results[i], 5);
    CHECK_STR(trace, "abcd");
    rota_future_unref(f);
}

TASK_TEST("who comes after the first to await a future has gone comes last")
{
    rota_future *f = rota_future_new();
    rota_task *first = rota_create_task(wait_for_it, f, "a");
    rota_task *second = rota_create_task(wait_for_it, f, "b");
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(first, NULL);
    CHECK_INT(rota_await(first), -ROTA_ECHILD);
    rota_task *third = rota_create_task(wait_for_it, f, "c");
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_future_set(f, 5, NULL, NULL), 0);
    CHECK_INT(rota_await(third), 5);
    CHECK_INT(rota_await(second), 5);
    CHECK_STR(trace, "abc");
    rota_future_unref(f);
}

TASK_TEST("a cancelled future is an outcome for who awaits it, no cancellation")
{
    rota_future *f = rota_future_new();
    CHECK_INT(rota_future_cancel(f), 0);
    rota_outcome out;
    CHECK_INT(rota_future_wait(f, &out), 0);
    CHECK_INT(out.state, ROTA_CANCELLED);
    CHECK_INT(rota_sleep(0), 0);
    rota_future_unref(f);
}

/* FUT-08 */
TASK_TEST("a failure nobody looked at is reported once, its value "
          "destroyed once")
{
    rota_set_unhandled_handler(count_report);
    rota_future *f = rota_future_new();
    CHECK_INT(rota_future_set(f, -EIO, malloc(8), count_free), 0);
    rota_future_ref(f);
    rota_future_unref(f);
    CHECK_INT(reports, 0);
    rota_future_unref(f);
    CHECK_INT(reports, 1);
    CHECK_INT(reported_rc, -EIO);
    CHECK_STR(reported_name, "future");
    CHECK_INT(freed, 1);
    f = rota_future_new();
    CHECK_INT(rota_future_set_error(f, -EIO), 0);
    CHECK_INT(rota_future_outcome(f, NULL), 0);
    rota_future_unref(f);
    CHECK_INT(reports, 1);
}

TASK_TEST("a task's future is set by nobody else, and cancelled as the task is")
{
    rota_task *t = rota_create_task(sleep_long);
    rota_future *f = rota_future_ref(rota_task_future(t));
    CHECK_INT(rota_future_set(f, 1, NULL, NULL), -EALREADY);
    CHECK_INT(rota_future_set_error(f, -EIO), -EALREADY);
    CHECK_INT(rota_future_cancel(f), 0);
    CHECK(!rota_future_done(f)); /* it ends by itself */
    rota_outcome out;
    CHECK_INT(rota_future_wait(f, &out), 0);
    CHECK_INT(out.state, ROTA_CANCELLED);
    CHECK_INT(rota_future_cancel(f), -EALREADY);
    rota_task_unref(t);
    CHECK_INT(rota_future_outcome(f, &out), 0); /* the reference holds it */
    rota_future_unref(f);
}

TASK_TEST("a future set and dropped at once is still read by who waits for it")
{
    rota_future *f = rota_future_new();
    rota_task *t = rota_create_task(wait_for_it, f, "w");
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_future_set(f, 2, NULL, NULL), 0);
    rota_future_unref(f);
    CHECK_INT(rota_await(t), 2);
}

TEST("a future made outside of a loop is a misuse")
{
    rota_set_misuse_handler(count_misuse);
    CHECK(rota_future_new() == NULL);
    CHECK_INT(misuses, 1);
}

static rota_future *outlived;

static int leave_one(void *arg)
{
    (void)arg;
    outlived = rota_future_new();
    return rota_future_on_done(outlived, say_it, "never");
}

TEST("a future that outlives its run may be set, and calls nobody any more")
{
    CHECK_INT(rota_run(leave_one, NULL, NULL), 0);
    CHECK_INT(rota_future_set(outlived, 1, malloc(8), count_free), 0);
    CHECK_INT(rota_future_on_done(outlived, say_it, "neither"), 0);
    CHECK(rota_future_done(outlived));
    rota_future_unref(outlived);
    CHECK_INT(freed, 1);
    CHECK_STR(trace, "");
}
