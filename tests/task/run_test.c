/*
 * rota_run: the loop's turns, its fairness, and the way it ends.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rota/sim.h"
#include "tasks.h"

static int run(rota_fn *fn)
{
    return rota_run(fn, NULL, NULL);
}

static int main_fails(void *arg)
{
    (void)arg;
    rota_set_unhandled_handler(count_report);
    return rota_fail(-EXDEV, "main");
}

TEST("rota_run returns what main returned, and reports it to nobody else")
{
    CHECK_INT(run(main_fails), -EXDEV);
    CHECK_INT(reports, 0);
    CHECK_INT(run(main_fails), -EXDEV); /* and again */
}

static int same_argument(void *arg)
{
    CHECK_STR(arg, "argument");
    CHECK(strcmp(rota_backend_name(), "epoll") == 0 ||
          strcmp(rota_backend_name(), "uring") == 0);
    return 0;
}

TEST("main gets its argument, and knows its backend")
{
    char argument[] = "argument";
    CHECK_INT(rota_run(same_argument, argument, NULL), 0);
    CHECK(rota_backend_name() == NULL);
}

static int use_stack(void *arg)
{
    volatile char deep[600 * 1024];
    memset((char *)deep, 1, sizeof deep);
    return arg ? 0 : deep[7];
}

TEST("the main task's stack is as large as asked for")
{
    rota_run_options o = { .stack_size = 1024 * 1024 };
    CHECK_INT(rota_run(use_stack, NULL, &o), 1);
}

static int run_on_thread(void *arg)
{
    return rota_run(same_argument, arg, NULL);
}

/* LOOP-04 */
TASK_TEST("rota_run on a pool thread is refused")
{
    CHECK_INT(rota_to_thread(run_on_thread, NULL), -EBUSY);
}

static void say_b(void *arg)
{
    say(arg);
}

static void say_a_then_b(void *arg)
{
    say(arg);
    CHECK_INT(rota_call_soon(say_b, "b"), 0);
    say("-");
}

/* LOOP-01 */
TASK_TEST("callbacks run in order, and one that is added waits for the "
          "next turn")
{
    CHECK_INT(rota_call_soon(say_a_then_b, "a"), 0);
    CHECK_INT(rota_call_soon(say_b, "c"), 0);
    CHECK_STR(trace, "");
    CHECK_INT(rota_sleep(0), 0);
    CHECK_STR(trace, "a-c");
    CHECK_INT(rota_sleep(0), 0);
    CHECK_STR(trace, "a-cb");
}

static void suspend_in_callback(void *arg)
{
    CHECK_INT(rota_sleep(0), 0); /* misuse: -EPERM */
    (void)arg;
}

static int call_suspending(void *arg)
{
    CHECK_INT(rota_call_soon(suspend_in_callback, arg), 0);
    return rota_sleep(0);
}

static void run_call_suspending(void)
{
    run(call_suspending);
}

TEST("a callback that suspends is a clear panic")
{
    char err[512];
    CHECK(test_child(run_call_suspending, err, sizeof err) != 0);
    CHECK_HAS(err, "a suspending call outside of a task");
}

static void repost(void *arg)
{
    int *count = arg;
    ++*count;
    rota_ignore(rota_call_soon(repost, count));
}

static int reposts;

static int yield_beside(void *arg)
{
    (void)arg;
    CHECK_INT(rota_call_soon(repost, &reposts), 0);
    for (int i = 0; i < 20; i++)
        CHECK_INT(rota_sleep(0), 0);
    return rota_sleep(rota_ms(2));
}

/* THR-03 */
TEST("a callback that calls itself again for ever starves nobody, and "
     "does not hold up the end")
{
    CHECK_INT(run(yield_beside), 0);
    CHECK(reposts >= 20);
}

static int late_callbacks;

static void count_late(void *arg)
{
    (void)arg;
    late_callbacks++;
    CHECK_INT(rota_call_soon(count_late, NULL), -ESHUTDOWN);
}

static void spawn_late(void *arg)
{
    late_callbacks++;
    rota_task *t = rota_create_task(nothing);
    CHECK_INT(rota_future_on_done(rota_task_future(t), count_late, NULL), 0);
    rota_task_unref(t);
    (void)arg;
}

static int leave_callbacks(void *arg)
{
    (void)arg;
    rota_future *me = rota_task_future(rota_current_task());
    CHECK_INT(rota_future_on_done(me, count_late, NULL), 0);
    CHECK_INT(rota_future_on_done(me, spawn_late, NULL), 0);
    return 0;
}

TEST("D18 what was accepted before the end still runs, with what it spawns")
{
    CHECK_INT(run(leave_callbacks), 0);
    CHECK_INT(late_callbacks, 3);
}

static const char *reason;

static ROTA_ASYNC(note_reason)
{
    int rc = rota_sleep(LONG);
    reason = rota_cancel_reason();
    rota_task *t = rota_create_task(sleep_long);
    CHECK_INT(rota_await(t), -ECANCELED);
    return rc;
}

static int leave_sleeper(void *arg)
{
    (void)arg;
    rota_task_unref(rota_create_task(note_reason));
    CHECK_INT(rota_sleep(0), 0);
    return 4;
}

/* LOOP-08 */
TEST("what is left at the end is cancelled with the reason shutdown, "
     "also what it spawns then")
{
    CHECK_INT(run(leave_sleeper), 4);
    CHECK_STR(reason, "shutdown");
}

static int leave_failures(void *arg)
{
    (void)arg;
    rota_set_unhandled_handler(count_report);
    rota_task_unref(rota_create_task(clean_up_for, rota_ms(1), -EIO));
    rota_task_unref(rota_create_task(sleep_long));
    CHECK_INT(rota_sleep(0), 0);
    return 0;
}

/* LOOP-09 */
TEST("a task that fails during the shutdown is reported")
{
    CHECK_INT(run(leave_failures), 0);
    CHECK_INT(reports, 1);
    CHECK_INT(reported_rc, -EIO);
    CHECK_STR(reported_name, "clean_up_for");
}

static ROTA_ASYNC(deaf_until, (rota_time, end))
{
    while (rota_now() < end)
        rota_ignore(rota_sleep(LONG));
    return 0;
}

static int leave_deaf(void *arg)
{
    (void)arg;
    rota_task_unref(rota_create_task(deaf_until, rota_now() + rota_ms(5300)));
    return 0;
}

/* On a virtual clock: by the real one a slow machine wakes up late for the
 * report, when the task has ended too. */
static void run_leave_deaf(void)
{
    CHECK_INT(rota_sim_run(0, leave_deaf, NULL, NULL), 0);
}

/* LOOP-10 */
TEST("a shutdown that takes long says whom it waits for")
{
    char err[2048];
    CHECK_INT(test_child(run_leave_deaf, err, sizeof err), 0);
    CHECK_HAS(err, "shutdown waits for 1 tasks");
    CHECK_HAS(err, "deaf_until (spawned at");
}

static rota_task *kept;

static int leave_handle(void *arg)
{
    (void)arg;
    rota_set_unhandled_handler(count_report);
    kept = rota_create_task(give, -EIO);
    return rota_sleep(0);
}

TEST("a handle may outlive the loop; the error is reported when it goes")
{
    CHECK_INT(run(leave_handle), 0);
    CHECK_INT(reports, 0);
    CHECK(rota_task_done(kept));
    CHECK_INT(rota_task_cancel(kept, NULL), 0);
    rota_task_unref(kept);
    CHECK_INT(reports, 1);
}

static ROTA_ASYNC(count_yields, (int *, count), (bool *, stop))
{
    for (; !*stop; ++*count)
        CHECK_INT(rota_sleep(0), 0);
    return 0;
}

/* LOOP-05 */
TASK_TEST("a task whose calls never wait lets others run every now "
          "and then")
{
    int yields = 0;
    bool stop = false;
    rota_task *counter = rota_create_task(count_yields, &yields, &stop);
    rota_future *f = rota_future_new();
    CHECK_INT(rota_future_set(f, 0, NULL, NULL), 0);
    for (int i = 0; i < 10000; i++)
        CHECK_INT(rota_future_wait(f, NULL), 0);
    CHECK(yields >= 10000 / 129 - 2); /* it starts a turn late */
    CHECK(yields <= 10000 / 100);
    stop = true;
    CHECK_INT(rota_await(counter), 0);
    rota_future_unref(f);
}

static void sleep_in_defer(void *arg)
{
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    say(arg);
}

static void cut_in_defer(void *arg)
{
    CHECK_INT(rota_sleep(rota_ms(1)), -ECANCELED);
    ROTA_SHIELD (ROTA_FOREVER) {
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    }
    say(arg);
}

static void defer_more(void *arg)
{
    CHECK_INT(rota_defer(sleep_in_defer, arg), 0);
    say("2");
}

static ROTA_ASYNC(with_defers, (bool, cut))
{
    CHECK_INT(rota_defer(cut ? cut_in_defer : sleep_in_defer, "4"), 0);
    CHECK_INT(rota_defer(defer_more, "3"), 0);
    say("1");
    return cut ? rota_sleep(LONG) : 0;
}

TASK_TEST("deferred calls may suspend and defer more; the task ends after them")
{
    rota_task *t = rota_create_task(with_defers, false);
    CHECK_INT(rota_await(t), 0);
    CHECK_STR(trace, "1234");
}

static ROTA_ASYNC(cut_with_defer)
{
    CHECK_INT(rota_defer(cut_in_defer, "d"), 0);
    return rota_sleep(LONG);
}

TASK_TEST("deferred calls of a cancelled task need a shield to suspend")
{
    rota_task *t = rota_create_task(cut_with_defer);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_STR(trace, "d");
}

static ROTA_ASYNC(fail_twice, (int, rc))
{
    CHECK_INT(rota_fail(-EIO, "disk %d", 1), -EIO);
    if (rc != -EIO)
        return rc;
    return rota_fail(rc, "disk %s", "two");
}

TASK_TEST("E9 the text of an error goes with its code, not with another result")
{
    int codes[] = { -EIO, -EPROTO, 3 };
    for (int i = 0; i < 3; i++) {
        rota_task *t = rota_create_task(fail_twice, codes[i]);
        rota_outcome out;
        CHECK_INT(rota_join(t, &out), 0);
        CHECK_INT(out.rc, codes[i]);
        if (i == 0)
            CHECK_STR(out.err->text, "disk two");
        else
            CHECK(out.err == NULL);
        rota_task_unref(t);
    }
    CHECK_INT(rota_fail(-EIO, "x"), -EIO);
}

static ROTA_ASYNC(fail_with_text)
{
    return rota_fail(-EIO, "no %s here", "disk");
}

static int leave_unseen(void *arg)
{
    (void)arg;
    rota_task_unref(rota_create_task(fail_with_text));
    return rota_sleep(0);
}

static void run_leave_unseen(void)
{
    run(leave_unseen);
}

/* LOOP-15 */
TEST("the default handler of unhandled errors writes name, place, code "
     "and text")
{
    char err[512];
    CHECK_INT(test_child(run_leave_unseen, err, sizeof err), 0);
    CHECK_HAS(err, "fail_with_text (from ");
    CHECK_HAS(err, "run_test.c:");
    CHECK_HAS(err, "no disk here");
}

static int values_freed;

static void count_free(void *value)
{
    values_freed++;
    free(value);
}

static ROTA_ASYNC(set_values)
{
    CHECK_INT(rota_task_set_value(strdup("first"), count_free), 0);
    CHECK_INT(rota_task_set_value(strdup("second"), count_free), 0);
    return 0;
}

TASK_TEST("a task's value is the last one set; each is destroyed once")
{
    rota_task *t = rota_create_task(set_values);
    rota_outcome out;
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_STR(out.value, "second");
    CHECK_INT(values_freed, 1);
    rota_task_unref(t);
    CHECK_INT(values_freed, 2);
}

TEST("what needs a task or a loop is a misuse without")
{
    rota_set_misuse_handler(count_misuse);
    rota_group g;
    rota_task *none[1] = { NULL };
    CHECK(rota_create_task(nothing) == NULL);
    CHECK_INT(rota_call_soon(say_b, "x"), -EPERM);
    CHECK_INT(rota_defer(say_b, "x"), -EPERM);
    CHECK_INT(rota_task_set_value(NULL, NULL), -EPERM);
    CHECK_INT(rota_group_begin(&g, 0), -EPERM);
    CHECK_INT(rota_gather(none, 1, NULL, 0), -EPERM);
    CHECK_INT(rota_await(NULL), -EPERM);
    CHECK_INT(rota_sleep(0), -EPERM);
    CHECK_INT(misuses, 8);
    CHECK_INT(rota_fail(-EIO, "no task"), -EIO);
    rota_task_unref(NULL);
    rota_future_unref(NULL);
}

static int recurse(void *arg)
{
    volatile char page[4096];
    page[0] = 1;
    return (arg ? recurse(arg) : 0) + page[0];
}

static int overflow(void *arg)
{
    (void)arg;
    rota_task_options o = { .name = "deep" };
    return rota_await(rota_spawn(recurse, &o, &o));
}

static void run_overflow(void)
{
    run(overflow);
}

/* TASK-22 */
TEST("a task that runs out of stack dies with its name")
{
    if (test_sanitized())
        test_skip("the sanitizer reports it its own way");
    char err[2048];
    CHECK(test_child(run_overflow, err, sizeof err) != 0);
    CHECK_HAS(err, "overflow");
    CHECK_HAS(err, "deep");
}

static int nap_on_thread(void *arg)
{
    (void)arg;
    usleep(20000);
    return 1;
}

static ROTA_ASYNC(wait_in_vain, (rota_future *, f))
{
    CHECK_INT(rota_to_thread(nap_on_thread, NULL), 1);
    return rota_future_wait(f, NULL);
}

static int wait_for_ever(void *arg)
{
    (void)arg;
    rota_future *f = rota_future_new();
    rota_task *t = rota_create_task(wait_in_vain, f);
    CHECK_INT(rota_await(t), -ECANCELED);
    CHECK_STR(rota_cancel_reason(), "deadlock");
    rota_future_unref(f);
    return 3;
}

static void run_wait_for_ever(void)
{
    CHECK_INT(run(wait_for_ever), -EDEADLK);
}

/* LOOP-12, PITFALL 46 */
TEST("when nothing can wake any task, that is reported and main is cancelled")
{
    char err[2048];
    int status = test_child(run_wait_for_ever, err, sizeof err);
    CHECK_INT(status, 0);
    CHECK_HAS(err, "deadlock: all 2 tasks wait");
    CHECK_HAS(err, "  main (spawned at ?): await of wait_in_vain");
    CHECK_HAS(err, "  wait_in_vain (spawned at tests/task/run_test.c:");
    CHECK(!strstr(err, "abandons"));
}

TEST("every code has a text, however absurd")
{
    CHECK_STR(rota_strerror(0), "success");
    CHECK_STR(rota_strerror(-EPIPE), "Broken pipe");
    CHECK_STR(rota_strerror(EPIPE), "Broken pipe");
    CHECK_STR(rota_strerror(INT32_MIN), "unknown error");
    CHECK_STR(rota_strerror(INT32_MAX), "unknown error");
}

static int fails_in_words(void *arg)
{
    CHECK_STR(rota_errmsg(-EIO), rota_strerror(-EIO));
    if (!arg)
        return -EIO;
    CHECK_INT(rota_fail(-EIO, "disk %s", (char *)arg), -EIO);
    CHECK_STR(rota_errmsg(-EIO), "disk two");
    CHECK_STR(rota_errmsg(-EPIPE), "Broken pipe");
    rota_ignore(rota_fail(-EIO, "no data: %s fails", rota_errmsg(-EIO)));
    CHECK_STR(rota_errmsg(-EIO), "no data: disk two fails");
    return -EIO;
}

static int is_cut_off(void *arg)
{
    (void)arg;
    rota_ignore(rota_fail(-EIO, "handled"));
    return -EPIPE;
}

TEST("rota_errmsg has the words of the task, and those of main after its run")
{
    CHECK_STR(rota_errmsg(0), "success");
    CHECK_INT(rota_run(fails_in_words, "two", NULL), -EIO);
    CHECK_STR(rota_errmsg(-EIO), "no data: disk two fails");
    CHECK_STR(rota_errmsg(-EPIPE), "Broken pipe");
    CHECK_INT(rota_run(is_cut_off, NULL, NULL), -EPIPE);
    CHECK_STR(rota_errmsg(-EPIPE), "Broken pipe");
    CHECK_INT(rota_run(fails_in_words, "two", NULL), -EIO);
    CHECK_INT(rota_run(fails_in_words, NULL, NULL), -EIO);
    CHECK_STR(rota_errmsg(-EIO), rota_strerror(-EIO));
    CHECK_INT(rota_run_multi(2, fails_in_words, "two", NULL), -EIO);
    CHECK_STR(rota_errmsg(-EIO), "no data: disk two fails");
}
