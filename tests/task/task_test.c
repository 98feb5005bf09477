/*
 * Tasks: made, awaited, cancelled, reported.
 */
#include <stdlib.h>
#include <sys/resource.h>

#include "rota.h"
#include "test.h"

static char trace[256];

static void say(const char *word)
{
    strncat(trace, word, sizeof trace - strlen(trace) - 1);
}

static int run(rota_fn *fn)
{
    return rota_run(fn, NULL, NULL);
}

static ROTA_ASYNC(add, (int, a), (int, b))
{
    return a + b;
}

static ROTA_ASYNC(nothing)
{
    return 0;
}

static int spawn_and_await(void *arg)
{
    (void)arg;
    CHECK_INT(add(1, 2), 3);
    rota_task *t = rota_create_task(add, 40, 2);
    rota_task *u = rota_create_task(add, .b = 5);
    CHECK(!rota_task_done(t));
    CHECK_INT(rota_await(t), 42);
    CHECK_INT(rota_await(u), 5);
    CHECK_INT(rota_await(rota_create_task(nothing)), 0);
    return 7;
}

/* TASK-01 */
TEST("a task is created, runs and gives its result")
{
    CHECK_INT(run(spawn_and_await), 7);
}

static int value_and_text(void *arg)
{
    rota_task_set_value(strdup("value"), free);
    return arg ? rota_fail(-EIO, "disk %d", 3) : 5;
}

static int join_outcomes(void *arg)
{
    (void)arg;
    rota_outcome out;
    rota_task *t = rota_spawn(value_and_text, NULL, NULL);
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.state, ROTA_OK);
    CHECK_INT(out.rc, 5);
    CHECK_STR(out.value, "value");
    CHECK_INT(rota_join(t, &out), 0);
    rota_task_unref(t);
    t = rota_spawn(value_and_text, "fail", NULL);
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.state, ROTA_ERROR);
    CHECK_INT(out.rc, -EIO);
    CHECK_STR(out.err->text, "disk 3");
    CHECK_HAS(out.err->site, "task_test.c:");
    rota_task_unref(t);
    return 0;
}

/* TASK-02, TASK-08 */
TEST("an outcome has value, error text and its place, and can "
     "be read again")
{
    CHECK_INT(run(join_outcomes), 0);
}

static void in_callback(void *arg)
{
    *(bool *)arg = rota_current_task() == NULL;
}

static int on_thread(void *arg)
{
    (void)arg;
    return rota_current_task() == NULL;
}

static int current_tasks(void *arg)
{
    (void)arg;
    bool none = false;
    CHECK(rota_current_task() != NULL);
    CHECK_STR(rota_task_name(rota_current_task()), "main");
    CHECK_INT(rota_call_soon(in_callback, &none), 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK(none);
    CHECK_INT(rota_to_thread(on_thread, NULL), 1);
    return 0;
}

/* TASK-03 */
TEST("the current task is known in a task, and nowhere else")
{
    CHECK(rota_current_task() == NULL);
    CHECK_INT(run(current_tasks), 0);
}

static int misuses;

static void count_misuse(const char *message)
{
    (void)message;
    misuses++;
}

static int join_self(void *arg)
{
    (void)arg;
    CHECK_INT(rota_join(rota_current_task(), NULL), -EDEADLK);
    rota_set_misuse_handler(count_misuse);
    CHECK_INT(rota_await(rota_current_task()), -EDEADLK);
    CHECK_INT(misuses, 1);
    return 0;
}

/* TASK-04 */
TEST("a task that awaits itself is told so at once")
{
    CHECK_INT(run(join_self), 0);
}

static rota_task *one, *two;

static ROTA_ASYNC(join_two)
{
    return rota_join(two, NULL);
}

static ROTA_ASYNC(join_one)
{
    return rota_join(one, NULL);
}

static int await_cycle(void *arg)
{
    (void)arg;
    one = rota_create_task(join_two);
    two = rota_create_task(join_one);
    CHECK_INT(rota_await(two), -EDEADLK);
    CHECK_INT(rota_await(one), 0);
    return 0;
}

/* PITFALL 46 */
TEST("two tasks that await each other: the second is told")
{
    CHECK_INT(run(await_cycle), 0);
}

static ROTA_ASYNC(late_word, (bool *, done))
{
    CHECK_INT(rota_sleep(rota_ms(5)), 0);
    *done = true;
    return 0;
}

static int drop_handle(void *arg)
{
    (void)arg;
    bool done = false;
    rota_task_unref(rota_create_task(late_word, &done));
    while (!done)
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    return 0;
}

/* TASK-05 */
TEST("a task runs on when its handle is dropped")
{
    CHECK_INT(run(drop_handle), 0);
}

static int own_arg(void *arg)
{
    int rc = rota_sleep(0);
    free(arg);
    return rc;
}

static int cancel_before_start(void *arg)
{
    (void)arg;
    rota_task *t = rota_spawn(own_arg, malloc(10), NULL);
    CHECK_INT(rota_task_cancel(t, "early"), 1);
    rota_outcome out;
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.state, ROTA_CANCELLED);
    CHECK_INT(rota_task_cancel(t, "late"), 0);
    rota_task_unref(t);
    return 0;
}

/* TASK-06, TASK-11 */
TEST("a task cancelled before its first step still starts and "
     "owns its argument; one that is over cannot be cancelled")
{
    CHECK_INT(run(cancel_before_start), 0);
}

static ROTA_ASYNC(sleep_long)
{
    return rota_sleep(rota_seconds(1000));
}

static int joined_is_cancelled(void *arg)
{
    (void)arg;
    rota_task *t = rota_create_task(sleep_long);
    rota_task *u = rota_create_task(sleep_long);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    rota_task_cancel(u, NULL);
    rota_outcome out;
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.state, ROTA_CANCELLED);
    rota_task_unref(t);
    CHECK_INT(rota_await(u), -ROTA_ECHILD);
    CHECK_INT(rota_sleep(0), 0);
    return 0;
}

/* TASK-09 */
TEST("that what I wait for was cancelled is not my cancellation")
{
    CHECK_INT(run(joined_is_cancelled), 0);
}

static ROTA_ASYNC(await_child, (rota_task **, child))
{
    *child = rota_create_task(sleep_long);
    rota_task_ref(*child);
    int rc = rota_await(*child);
    CHECK(rota_task_done(*child));
    return rc;
}

static int cancel_awaiter(void *arg)
{
    (void)arg;
    rota_task *child = NULL;
    rota_task *t = rota_create_task(await_child, &child);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_task_cancel(t, NULL);
    rota_outcome out;
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.state, ROTA_CANCELLED);
    CHECK_INT(rota_task_future(child) != NULL, 1);
    CHECK(rota_task_done(child));
    rota_task_unref(child);
    rota_task_unref(t);
    return 0;
}

TEST("SEMANTICS 25.8 cancelling who awaits cancels what it awaits, and waits "
     "for it")
{
    CHECK_INT(run(cancel_awaiter), 0);
}

static ROTA_ASYNC(recover)
{
    CHECK_INT(rota_sleep(rota_seconds(1000)), -ECANCELED);
    rota_task *me = rota_current_task();
    CHECK_INT(rota_task_cancelling(me), 1);
    CHECK_INT(rota_task_uncancel(me), 0);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    return 12;
}

static ROTA_ASYNC(recover_half)
{
    CHECK_INT(rota_sleep(rota_seconds(1000)), -ECANCELED);
    CHECK_INT(rota_task_uncancel(rota_current_task()), 1);
    return rota_sleep(0);
}

static int uncancel(void *arg)
{
    (void)arg;
    rota_task *t = rota_create_task(recover);
    rota_task *u = rota_create_task(recover_half);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    rota_task_cancel(u, NULL);
    rota_task_cancel(u, NULL);
    CHECK_INT(rota_await(t), 12);
    CHECK_INT(rota_await(u), -ROTA_ECHILD);
    return 0;
}

/* TASK-12, TASK-14 */
TEST("uncancel takes one request back; at none calls work "
     "again")
{
    CHECK_INT(run(uncancel), 0);
}

static ROTA_ASYNC(cancel_self)
{
    rota_task_cancel(rota_current_task(), "self");
    return 42;
}

static ROTA_ASYNC(cancelled_for_nothing)
{
    return -ECANCELED;
}

static ROTA_ASYNC(own_error)
{
    return rota_sleep(rota_seconds(1000)) < 0 ? -EIO : 0;
}

static int outcomes(void *arg)
{
    (void)arg;
    CHECK_INT(rota_await(rota_create_task(cancel_self)), 42);
    rota_outcome out;
    rota_task *t = rota_create_task(cancelled_for_nothing);
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.state, ROTA_ERROR);
    rota_task_unref(t);
    t = rota_create_task(own_error);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.state, ROTA_ERROR);
    CHECK_INT(out.rc, -EIO);
    rota_task_unref(t);
    return 0;
}

/* TASK-13, TASK-19, TASK-21 */
TEST("the outcome is what the function returned")
{
    CHECK_INT(run(outcomes), 0);
}

static int reports;
static int reported_rc;

static void count_report(const rota_unhandled *what)
{
    reports++;
    reported_rc = what->rc;
    CHECK_STR(what->name, "own_failure");
    CHECK_HAS(what->site, "task_test.c:");
}

static ROTA_ASYNC(own_failure)
{
    return -EPROTO;
}

static int unobserved(void *arg)
{
    (void)arg;
    rota_set_unhandled_handler(count_report);
    rota_task_unref(rota_create_task(own_failure));
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(reports, 1);
    CHECK_INT(reported_rc, -EPROTO);
    CHECK_INT(rota_await(rota_create_task(own_failure)), -EPROTO);
    rota_task *t = rota_create_task(sleep_long);
    rota_task_cancel(t, NULL);
    rota_task_unref(t);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(reports, 1);
    return 0;
}

/* TASK-15, TASK-16, TASK-18 */
TEST("an error nobody looked at is reported once; one "
     "that was awaited, or a cancelled task, is not")
{
    CHECK_INT(run(unobserved), 0);
}

static ROTA_ASYNC(yield_for_ever)
{
    int rc = 0;
    while (rc == 0)
        rc = rota_sleep(0);
    return rc;
}

static int cancel_in_yield(void *arg)
{
    (void)arg;
    rota_task *t = rota_create_task(yield_for_ever);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    return 0;
}

/* TASK-20 */
TEST("a task cancelled while it yields learns of it")
{
    CHECK_INT(run(cancel_in_yield), 0);
}

static ROTA_ASYNC(turns, (const char *, word))
{
    for (int i = 0; i < 3; i++) {
        say(word);
        CHECK_INT(rota_sleep(0), 0);
    }
    return 0;
}

static int round_robin(void *arg)
{
    (void)arg;
    rota_task *t[3] = { rota_create_task(turns, "a"),
                        rota_create_task(turns, "b"),
                        rota_create_task(turns, "c") };
    CHECK_INT(rota_gather(t, 3, NULL, 0), 0);
    CHECK_STR(trace, "abcabcabc");
    return 0;
}

/* LOOP-02 */
TEST("tasks that yield run strictly in turn")
{
    CHECK_INT(run(round_robin), 0);
}

static int nested_run(void *arg)
{
    (void)arg;
    return rota_run(nested_run, NULL, NULL);
}

/* LOOP-04 */
TEST("rota_run inside a task is refused")
{
    CHECK_INT(run(nested_run), -EBUSY);
}

static void deferred(void *arg)
{
    say(arg);
}

static ROTA_ASYNC(with_defers)
{
    CHECK_INT(rota_defer(deferred, "1"), 0);
    CHECK_INT(rota_defer(deferred, "2"), 0);
    say("0");
    return 0;
}

static int leave_tasks(void *arg)
{
    (void)arg;
    CHECK_INT(rota_await(rota_create_task(with_defers)), 0);
    CHECK_STR(trace, "021");
    rota_task_unref(rota_create_task(sleep_long));
    return 9;
}

/* LOOP-08 */
TEST("what main leaves behind is cancelled and drained; deferred calls "
     "run last first")
{
    CHECK_INT(run(leave_tasks), 9);
}

static ROTA_ASYNC(eager_child, (int, rounds))
{
    say("c");
    CHECK(rota_current_task() != NULL);
    for (int i = 0; i < rounds; i++)
        CHECK_INT(rota_sleep(0), 0);
    say("d");
    return 0;
}

static int entry_rounds(void *arg)
{
    return eager_child(arg ? 1 : 0);
}

static int eager(void *arg)
{
    (void)arg;
    rota_task_options o = { .eager = true };
    rota_task *me = rota_current_task();
    rota_task *t = rota_spawn(entry_rounds, NULL, &o);
    CHECK(rota_task_done(t));
    CHECK(rota_current_task() == me);
    say("|");
    rota_task *u = rota_spawn(entry_rounds, "1", &o);
    CHECK(!rota_task_done(u));
    say("p");
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_await(u), 0);
    CHECK_STR(trace, "cd|cpd");
    return 0;
}

/* EAGER-01, EAGER-02, EAGER-03 */
TEST("an eager task runs at once until it suspends")
{
    CHECK_INT(run(eager), 0);
}

static int spawn_a_million(void *arg)
{
    long count = test_sanitized() ? 50000 : 1000000;
    (void)arg;
    for (long i = 0; i < count; i++) {
        rota_task *t = rota_create_task(nothing);
        CHECK(t != NULL);
        if (i % 2)
            CHECK_INT(rota_await(t), 0);
        else
            rota_task_unref(t);
    }
    return 0;
}

static long peak_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

static int warm_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++)
        CHECK_INT(rota_await(rota_create_task(nothing)), 0);
    return 0;
}

/* PITFALL 47 */
TEST_LIMITED("a million tasks spawned and finished leave no memory "
             "behind",
             60)
{
    CHECK_INT(run(warm_up), 0);
    long before = peak_kib();
    CHECK_INT(run(spawn_a_million), 0);
    CHECK(peak_kib() - before < 4096 || test_sanitized());
}

static int no_memory(void *arg)
{
    (void)arg;
    rota_task_options o = { .stack_size = (size_t)1 << 46 };
    int argument = 0;
    CHECK(rota_spawn(value_and_text, &argument, &o) == NULL);
    CHECK_INT(rota_await(rota_create_task(nothing)), 0);
    return 0;
}

/* TASK-23 */
TEST("a spawn without memory gives NULL and changes nothing")
{
    CHECK_INT(run(no_memory), 0);
}

static void suspend_outside(void)
{
    rota_ignore(rota_sleep(1));
}

TEST("a suspending call outside of a task is a clear panic")
{
    char err[512];
    int status = test_child(suspend_outside, err, sizeof err);
    CHECK(status != 0);
    CHECK_HAS(err, "rota: panic: a suspending call outside of a task");
}
