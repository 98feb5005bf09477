/*
 * What is always ready starves nobody: I/O, timers and posts are looked at
 * while tasks switch straight to each other.
 */
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "rota/fd.h"
#include "rota/lock.h"
#include "tasks.h"

enum {
    SLICE = 64,        /* switches before I/O is looked at */
    SLACK = 3 * SLICE, /* the turn before, and the one that finds it */
};

static int ends[2];
static bool over;
static long switches;

static ROTA_ASYNC(wait_for_byte)
{
    char byte;
    int rc = (int)rota_read(ends[0], &byte, 1);
    over = true;
    return rc;
}

/* Begins to wait for a byte, which comes once the wait is armed. */
static rota_task *await_byte(void)
{
    /* Not one that blocks: older kernels leave that to a thread. */
    CHECK_INT(pipe2(ends, O_NONBLOCK), 0);
    rota_task *t = rota_create_task(wait_for_byte);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK(write(ends[1], "x", 1) == 1);
    return t;
}

static rota_lock ball = ROTA_LOCK_INIT;

static ROTA_ASYNC(play)
{
    while (!over) {
        CHECK_INT(rota_lock_acquire(&ball), 0);
        CHECK_INT(rota_checkpoint(), 0);
        CHECK_INT(rota_lock_release(&ball), 0);
        switches++;
    }
    return 0;
}

/* LOOP-03, PITFALL 61 */
TASK_TEST("two tasks that play ball with a lock let a third read its byte")
{
    rota_task *reader = await_byte();
    rota_task *one = rota_create_task(play), *other = rota_create_task(play);
    CHECK_INT(rota_await(reader), 1);
    CHECK_INT(rota_await(one), 0);
    CHECK_INT(rota_await(other), 0);
    CHECK(switches <= SLACK);
}

/* PITFALL 61 */
TASK_TEST("one that yields in a circle lets I/O in")
{
    rota_task *reader = await_byte();
    long yields = 0;
    for (; !over; yields++)
        CHECK_INT(rota_checkpoint(), 0);
    CHECK(yields <= SLACK);
    CHECK_INT(rota_await(reader), 1);
}

static void spend(long ns)
{
    for (rota_time until = rota_now() + ns; rota_now() < until;)
        ;
}

static ROTA_ASYNC(spend_and_yield)
{
    while (!over) {
        spend(1000000);
        switches++;
        CHECK_INT(rota_checkpoint(), 0);
    }
    return 0;
}

/* PITFALL 61 */
TASK_TEST("where steps take long, I/O is looked at after fewer of them")
{
    enum { LOOK = 16 };
    rota_task *reader = await_byte();
    rota_task *one = rota_create_task(spend_and_yield);
    rota_task *other = rota_create_task(spend_and_yield);
    CHECK_INT(rota_await(reader), 1);
    CHECK(switches <= 3 * LOOK);
    CHECK_INT(rota_await(one), 0);
    CHECK_INT(rota_await(other), 0);
}

static ROTA_ASYNC(nap)
{
    int rc = rota_sleep(rota_us(100));
    over = true;
    return rc;
}

/* PITFALL 61 */
TASK_TEST("tasks that yield for ever let timers in")
{
    rota_task *sleeper = rota_create_task(nap);
    while (!over)
        CHECK_INT(rota_checkpoint(), 0);
    CHECK_INT(rota_await(sleeper), 0);
}

static void note_late(void *arg)
{
    (void)arg;
    say("late ");
}

static void call_and_note(void *arg)
{
    CHECK_INT(rota_call_soon(note_late, arg), 0);
    say("call ");
}

static ROTA_ASYNC(say_twice)
{
    say("a ");
    CHECK_INT(rota_checkpoint(), 0);
    say("b ");
    return 0;
}

/* A callback waits for the next turn, and whoever comes after it waits too:
 * first come, first served. */
TASK_TEST("a callback made in a turn is not overtaken by tasks behind it")
{
    rota_task *t = rota_create_task(say_twice);
    CHECK_INT(rota_call_soon(call_and_note, NULL), 0);
    CHECK_INT(rota_checkpoint(), 0);
    say("me ");
    CHECK_INT(rota_checkpoint(), 0);
    say("me ");
    CHECK_INT(rota_await(t), 0);
    CHECK_STR(trace, "a call me b late me ");
}

static ROTA_ASYNC(yield_once)
{
    return rota_checkpoint();
}

/* PITFALL 47, 48 */
TASK_TEST_LIMITED("a million tasks one after the other leave nothing behind",
                  120)
{
    int count = test_sanitized() ? 20000 : 1000000;
    for (int i = 0; i < count; i++) {
        rota_task *t = rota_create_task(yield_once);
        CHECK(t != NULL);
        bool cancelled = i % 2;
        if (cancelled)
            rota_task_cancel(t, "enough");
        CHECK_INT(rota_await(t), cancelled ? -ROTA_ECHILD : 0);
    }
}
