/*
 * The virtual clock: when it moves, and how far.
 */
#include "../task/tasks.h"
#include "sim.h"

#include <time.h>
#include <unistd.h>

static int64_t real_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

CLOCK_TEST("a sleep of a year is over at once, and a year has passed")
{
    rota_dur year = rota_seconds(365.0 * 24 * 3600);
    rota_time before = rota_now();
    int64_t really = real_now();
    CHECK_INT(rota_sleep(year), 0);
    CHECK_INT(rota_now() - before, year);
    CHECK(real_now() - really < year / 1000);
}

CLOCK_TEST("the clock stands still while anything can run")
{
    rota_time before = rota_now();
    rota_task *sleeper = rota_create_task(give_after, 1, 5);
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(rota_sleep(0), 0);
        CHECK_INT(rota_now(), before);
    }
    CHECK_INT(rota_await(sleeper), 5);
    CHECK_INT(rota_now(), before + 1);
}

static ROTA_ASYNC(say_at, (rota_time, when), (const char *, word))
{
    CHECK_INT(rota_sleep_until(when), 0);
    CHECK_INT(rota_now(), when);
    say(word);
    return 0;
}

/* PITFALL 36 */
CLOCK_TEST("it stops at every timer on its way, each at its own moment")
{
    rota_time now = rota_now();
    rota_task *t[] = {
        rota_create_task(say_at, now + 3, "c"),
        rota_create_task(say_at, now + 1, "a"),
        rota_create_task(say_at, now + rota_seconds(1e9), "e"),
        rota_create_task(say_at, now + 2, "b"),
        rota_create_task(say_at, now + 3, "d"),
    };
    CHECK_INT(rota_gather(t, 5, NULL, 0), 0);
    CHECK_STR(trace, "abcde");
}

/* TIMR-03 */
CLOCK_TEST("timers of one moment fire in the order they were armed")
{
    rota_time now = rota_now();
    const char *words[] = { "1", "2", "3", "4", "5", "6" };
    rota_task *t[6];
    for (int i = 0; i < 6; i++)
        t[i] = rota_create_task(say_at, now + rota_ms(10), words[i]);
    CHECK_INT(rota_gather(t, 6, NULL, 0), 0);
    CHECK_STR(trace, "123456");
}

/* Really sleeps, so that a clock that went on would be far ahead. */
static int nap(void *times)
{
    rota_time before = rota_now();
    struct timespec t = { 0, 20 * 1000 * 1000 };
    nanosleep(&t, NULL);
    (*(int *)times)++;
    return rota_now() == before ? 0 : -EIO;
}

static ROTA_ASYNC(note_time, (rota_dur, d), (rota_time *, when))
{
    CHECK_INT(rota_sleep(d), 0);
    *when = rota_now();
    return 0;
}

/* TIMR-09 */
CLOCK_TEST("a job on a pool thread holds the clock; a thread that is idle "
           "does not")
{
    rota_time before = rota_now(), woke;
    int naps = 0;
    rota_task *t = rota_create_task(note_time, rota_seconds(3600), &woke);
    CHECK_INT(rota_to_thread(nap, &naps), 0);
    CHECK_INT(rota_now(), before);
    CHECK_INT(rota_to_thread(nap, &naps), 0);
    CHECK_INT(rota_now(), before);
    CHECK_INT(naps, 2);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(woke, before + rota_seconds(3600));
}

static int nap_by_the_clock(void *d)
{
    rota_time before = rota_now();
    int rc = rota_sleep(*(rota_dur *)d);
    return rc < 0 ? rc : rota_now() - before == *(rota_dur *)d;
}

CLOCK_TEST("a job that sleeps by rota's clock does not wait for itself")
{
    rota_dur d = rota_seconds(3600);
    CHECK_INT(rota_to_thread(nap_by_the_clock, &d), 1);
}

/* TMO-01 */
CLOCK_TEST("a timeout ends a long sleep at its moment")
{
    rota_time before = rota_now();
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(10), rc) {
        rc = rota_sleep(rota_seconds(10));
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(rota_now() - before, rota_ms(10));
}

/* TASK-05 */
CLOCK_TEST("a task whose handle was dropped runs on")
{
    rota_time before = rota_now(), woke = 0;
    rota_task_unref(rota_create_task(note_time, rota_seconds(1), &woke));
    CHECK_INT(rota_sleep(rota_seconds(2)), 0);
    CHECK_INT(woke, before + rota_seconds(1));
}

/* SHLD-04 */
CLOCK_TEST("the grace of a shield is over at its moment")
{
    rota_time before = rota_now();
    rota_scope outer, shield;
    CHECK_INT(rota_scope_begin(&outer, 0), 0);
    rota_scope_cancel(&outer, NULL);
    CHECK_INT(rota_shield_begin(&shield, rota_ms(10)), 0);
    int rc = rota_sleep(LONG);
    CHECK_INT(rc, -ECANCELED);
    CHECK_INT(rota_now() - before, rota_ms(10));
    CHECK_INT(rota_scope_end(&shield, rc), 0);
    CHECK_INT(rota_sleep(1), -ECANCELED);
    CHECK_INT(rota_scope_end(&outer, -ECANCELED), 0);
}

/* WFOR-02 */
CLOCK_TEST("wait_for waits for the clean-up of what it cut off")
{
    rota_time before = rota_now();
    rota_task *t = rota_create_task(clean_up_for, rota_ms(50), -ECANCELED);
    CHECK_INT(rota_wait_for(t, rota_ms(10)), -ETIMEDOUT);
    CHECK_INT(rota_now() - before, rota_ms(60));
}

static ROTA_ASYNC(stubborn)
{
    for (int i = 0; i < 100; i++)
        rota_ignore(rota_sleep(rota_seconds(1)));
    return 0;
}

CLOCK_TEST("the back-off of a task that ignores its cancellation is virtual")
{
    rota_time before = rota_now();
    int64_t really = real_now();
    rota_task *t = rota_create_task(stubborn);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), 0);
    CHECK(rota_now() - before > rota_seconds(1));
    CHECK(real_now() - really < rota_seconds(20));
}

CLOCK_TEST("waiting for all to be parked does not move the clock; with a "
           "cushion it moves by that")
{
    rota_time before = rota_now(), woke = 0;
    rota_task *t = rota_create_task(note_time, rota_ms(50), &woke);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(rota_now(), before);
    CHECK_INT(woke, 0);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(rota_wait_all_blocked(rota_ms(10)), 0);
    CHECK_INT(rota_now() - before, rota_ms(11));
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(woke - before, rota_ms(50));
}

/* PITFALL 38 */
CLOCK_TEST("a process that was stopped for a while has lost no virtual time")
{
    rota_time before = rota_now();
    struct timespec stopped = { 0, 50 * 1000 * 1000 };
    rota_time woke[3];
    rota_task *t[3];
    for (int i = 0; i < 3; i++)
        t[i] = rota_create_task(note_time, rota_ms(10) * (i + 1), &woke[i]);
    CHECK_INT(rota_sleep(0), 0);
    nanosleep(&stopped, NULL);
    CHECK_INT(rota_gather(t, 3, NULL, 0), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(woke[i] - before, rota_ms(10) * (i + 1));
}

static int main_waits_for_nobody(void *arg)
{
    (void)arg;
    rota_stream *s;
    int listener = rota_listen("127.0.0.1", 80, NULL);
    CHECK_INT(rota_open_connection("127.0.0.1", 80, &s), 0);
    char byte;
    int rc = (int)rota_stream_read(s, &byte, 1); /* nobody will ever write */
    CHECK_INT(rc, -ECANCELED);
    rota_stream_close(s);
    CHECK_INT(rota_close(listener), 0);
    return rc;
}

/* LOOP-12, PITFALL 46 */
TEST("all wait and nothing is on its way: a deadlock, also for whoever reads "
     "what nobody will write")
{
    CHECK_INT(rota_sim_run(0, main_waits_for_nobody, NULL, NULL), -EDEADLK);
    CHECK_INT(rota_sim_run(3, main_waits_for_nobody, NULL, NULL), -EDEADLK);
}

static int main_sleeps(void *arg)
{
    *(rota_time *)arg = rota_now();
    return rota_sleep(LONG);
}

TEST("after the run, and before it, time is the system's")
{
    rota_time began = 0;
    int64_t before = real_now();
    CHECK(rota_now() >= before);
    CHECK_INT(rota_sim_run(1, main_sleeps, &began, NULL), 0);
    CHECK_INT(began, rota_seconds(1));
    CHECK(rota_now() >= before && rota_now() <= real_now());
    CHECK_INT(rota_sim_trace(), 0);
}

static int main_names(void *arg)
{
    CHECK_STR(rota_backend_name(), "sim");
    CHECK_INT(rota_sim_run(1, main_names, arg, NULL), -EBUSY);
    CHECK_INT(rota_run(main_names, arg, NULL), -EBUSY);
    int ends[2];
    CHECK_INT(pipe(ends), 0);
    CHECK_INT(rota_read(ends[0], arg, 1), -EOPNOTSUPP);
    CHECK_INT(rota_close(ends[0]), 0);
    CHECK_INT(rota_close(ends[1]), 0);
    return 3;
}

TEST("a simulation is a run: its name, its result, no other inside; and the "
     "kernel's descriptors are not of its world")
{
    char byte;
    CHECK_INT(rota_sim_run(7, main_names, &byte, NULL), 3);
}
