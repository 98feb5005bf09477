/*
 * Select under the seeds: of several things exactly one is done, and what was
 * not done has left no trace, whatever meets in one moment.
 */
#include "../task/tasks.h"
#include "rota/select.h"
#include "sim.h"

#include <poll.h>
#include <stdint.h>

enum { PAIRS = 3, CHANNELS = 3, ITEMS = 8 };

static int seen[PAIRS * ITEMS];

static void count(int item)
{
    CHECK(item >= 0 && item < PAIRS * ITEMS);
    CHECK_INT(++seen[item], 1);
}

static bool was_cut(int rc)
{
    if (rc != -ECANCELED)
        return false;
    while (rota_task_cancelling(rota_current_task()) > 0)
        rota_task_uncancel(rota_current_task());
    return true;
}

/* Sends each item on whichever channel takes it, under short limits. */
static ROTA_ASYNC(send_anywhere, (rota_chan **, c), (int, first))
{
    for (int item = first; item < first + ITEMS;) {
        rota_case cases[CHANNELS];
        for (int i = 0; i < CHANNELS; i++)
            cases[i] = rota_case_send(c[i], &item);
        int done =
            rota_select(cases, CHANNELS, (rota_dur)rota_sim_random(4), 0);
        if (done >= 0)
            CHECK_INT(cases[done].rc, 0);
        else
            CHECK(was_cut(done) || done == -EAGAIN || done == -ETIMEDOUT);
        item += done >= 0;
        if (done == -EAGAIN)
            was_cut(rota_sleep(1));
    }
    return 0;
}

/* Receives from all until each is closed. */
static ROTA_ASYNC(receive_anywhere, (rota_chan **, c))
{
    int values[CHANNELS];
    rota_case cases[CHANNELS];
    for (int i = 0; i < CHANNELS; i++)
        cases[i] = rota_case_recv(c[i], &values[i]);
    for (int open = CHANNELS; open > 0;) {
        memset(values, -1, sizeof values);
        int done = rota_select(cases, CHANNELS, ROTA_FOREVER, 0);
        if (done >= 0 && cases[done].rc == 0)
            count(values[done]);
        else if (done >= 0)
            CHECK_INT(cases[done].rc, -EPIPE);
        else
            CHECK(was_cut(done));
        for (int i = 0; i < CHANNELS; i++)
            CHECK(i == done || values[i] == -1);
        if (done >= 0 && cases[done].rc == -EPIPE) {
            cases[done].object = NULL; /* no more of that one */
            open--;
        }
    }
    return 0;
}

static ROTA_ASYNC(pester, (rota_task **, crowd), (int, times))
{
    for (int i = 0; i < times; i++) {
        CHECK_INT(rota_sleep((rota_dur)rota_sim_random(4)), 0);
        rota_task_cancel(crowd[rota_sim_random(2 * PAIRS)], "pestered");
    }
    return 0;
}

/* PITFALL 52 */
SIM_TEST("what selects send is received once by other selects, through all "
         "cancellations, limits and the closing of the channels")
{
    rota_chan *c[CHANNELS];
    rota_task *t[2 * PAIRS], *same[2 * PAIRS];
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < CHANNELS; i++)
        c[i] = rota_chan_new(sizeof(int), rota_sim_random(3), 0);
    for (int i = 0; i < PAIRS; i++) {
        t[i] = rota_create_task(send_anywhere, c, i * ITEMS);
        t[PAIRS + i] = rota_create_task(receive_anywhere, c);
    }
    for (int i = 0; i < 2 * PAIRS; i++)
        same[i] = rota_task_ref(t[i]);
    rota_task *p = rota_create_task(pester, same, 20);
    for (int i = 0; i < PAIRS; i++) {
        int rc = rota_await(t[i]);
        CHECK(rc == 0 || rc == -ROTA_ECHILD);
    }
    CHECK_INT(rota_await(p), 0);
    for (int i = 0; i < CHANNELS; i++)
        CHECK_INT(rota_chan_close(c[i]), 0);
    for (int i = 0; i < PAIRS; i++)
        CHECK_INT(rota_await(t[PAIRS + i]), 0);
    for (int i = 0; i < 2 * PAIRS; i++)
        rota_task_unref(same[i]);
    for (int i = 0; i < PAIRS * ITEMS; i++)
        CHECK_INT(seen[i], 1);
    for (int i = 0; i < CHANNELS; i++)
        rota_chan_unref(c[i]);
}

static ROTA_ASYNC(write_late, (rota_stream *, s))
{
    CHECK_INT(rota_sleep((rota_dur)rota_sim_random(4)), 0);
    return rota_stream_write(s, "x", 1, NULL);
}

static ROTA_ASYNC(send_late, (rota_chan *, c))
{
    int value = 7;
    CHECK_INT(rota_sleep((rota_dur)rota_sim_random(4)), 0);
    return rota_chan_send(c, &value);
}

SIM_TEST_WITH("a select over a channel, a simulated socket and a limit takes "
              "one, and the others are there for the next",
              1000, .net = { .jitter = 2 })
{
    rota_stream *near;
    int listener = rota_listen("127.0.0.1", 80, NULL);
    CHECK_INT(rota_open_connection("127.0.0.1", 80, &near), 0);
    int fd = rota_accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    rota_chan *c = rota_chan_new(sizeof(int), 0, 0);
    rota_task *t[] = { rota_create_task(write_late, near),
                       rota_create_task(send_late, c) };
    int bytes = 0, values = 0, value = 0;
    while (bytes + values < 2) {
        char byte;
        rota_case cases[] = { rota_case_readable(fd),
                              rota_case_recv(c, &value) };
        int done = rota_select(cases, 2, 1 + (rota_dur)rota_sim_random(4), 0);
        if (done == 0) {
            CHECK_INT(cases[0].rc, POLLIN);
            CHECK_INT(rota_read(fd, &byte, 1), 1);
            bytes++;
        } else if (done == 1) {
            CHECK_INT(cases[1].rc, 0);
            CHECK_INT(value, 7);
            values++;
        } else {
            CHECK_INT(done, -ETIMEDOUT);
        }
    }
    CHECK_INT(bytes, 1);
    CHECK_INT(values, 1);
    CHECK_INT(rota_gather(t, 2, NULL, 0), 0);
    rota_stream_close(near);
    CHECK_INT(rota_close(fd), 0);
    CHECK_INT(rota_close(listener), 0);
    rota_chan_unref(c);
}
