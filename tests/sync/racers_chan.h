/*
 * Rows of race_matrix_test.c: channels, events and futures, of one thread and
 * shared, and a select over two of them.
 */
#ifndef RACERS_CHAN_H
#define RACERS_CHAN_H

#include "steps.h"
#include "sync/chan.h"
#include "task/future.h"

enum { ELEMENT = 3 };

static rota_chan *chan;

static void chan_make(void)
{
    chan = rota_chan_new(sizeof(int), 1, 0);
    CHECK(chan);
}

static void chan_make_shared(void)
{
    chan = rota_chan_new(sizeof(int), 1, ROTA_SHARED);
    CHECK(chan);
}

static void chan_unmake(void)
{
    rota_chan_unref(chan);
}

static int chan_try_put(void)
{
    return rota_chan_try_send(chan, &(int){ ELEMENT });
}

static int chan_try_take(void)
{
    int value;
    int rc = rota_chan_try_recv(chan, &value);
    return rc < 0 ? rc : value;
}

static void chan_fill(void)
{
    CHECK_INT(chan_try_put(), 0);
}

static void chan_drain(void)
{
    CHECK_INT(chan_try_take(), ELEMENT);
}

static void chan_make_full(void)
{
    chan_make();
    chan_fill();
}

static void chan_make_full_shared(void)
{
    chan_make_shared();
    chan_fill();
}

static int chan_receive(void)
{
    int value;
    int rc = rota_chan_recv(chan, &value);
    return rc < 0 ? rc : value;
}

static int chan_send_one(void)
{
    return rota_chan_send(chan, &(int){ ELEMENT });
}

static size_t chan_elements(void)
{
    return rota_chan_len(chan);
}

static size_t chan_room(void)
{
    return 1 - rota_chan_len(chan);
}

static size_t length(const struct list *queue)
{
    size_t count = 0;
    list_each (it, queue)
        count++;
    return count;
}

static size_t chan_waiters(void)
{
    return length(&chan->senders) + length(&chan->receivers);
}

static void chan_close(void)
{
    CHECK_INT(rota_chan_close(chan), 0);
}

/* A select between the channel and an event that is never set. */
static rota_event never;

static void select_make(void)
{
    chan_make();
    CHECK_INT(rota_event_init(&never, 0), 0);
}

static void select_make_shared(void)
{
    chan_make_shared();
    CHECK_INT(rota_event_init(&never, ROTA_SHARED), 0);
}

static void select_unmake(void)
{
    CHECK_INT(rota_event_fini(&never), 0);
    chan_unmake();
}

static int select_receive(void)
{
    int value;
    rota_case cases[] = { rota_case_event(&never),
                          rota_case_recv(chan, &value) };
    int i = rota_select(cases, 2, ROTA_FOREVER, 0);
    if (i < 0)
        return i;
    CHECK_INT(i, 1);
    return cases[1].rc < 0 ? cases[1].rc : value;
}

static size_t select_waiters(void)
{
    CHECK_INT(rota_event_waiters(&never), chan_waiters());
    return chan_waiters();
}

static rota_event event;

static void event_make(void)
{
    CHECK_INT(rota_event_init(&event, 0), 0);
}

static void event_make_shared(void)
{
    CHECK_INT(rota_event_init(&event, ROTA_SHARED), 0);
}

static void event_unmake(void)
{
    CHECK_INT(rota_event_fini(&event), 0);
}

static int event_wait_for(void)
{
    return rota_event_wait(&event);
}

static void event_set(void)
{
    rota_event_set(&event);
}

static size_t event_left(void)
{
    return rota_event_is_set(&event);
}

static size_t event_waiters(void)
{
    return rota_event_waiters(&event);
}

static rota_future *future;

static void future_make(void)
{
    future = rota_future_new();
    CHECK(future);
}

static void future_unmake(void)
{
    rota_future_unref(future);
}

static int future_wait_for(void)
{
    rota_outcome out;
    int rc = rota_future_wait(future, &out);
    return rc < 0 ? rc : out.rc;
}

static void future_complete(void)
{
    CHECK_INT(rota_future_set(future, ELEMENT, NULL, NULL), 0);
}

static size_t future_left(void)
{
    return rota_future_done(future);
}

static size_t future_waiters(void)
{
    return (future->waiter != NULL) + length(&future->watches);
}

/* As they stand in the table. */
#define CHAN_RACERS                                                           \
    {                                                                         \
        "receive",     chan_make,  chan_unmake, chan_receive,                 \
        chan_try_take, NULL,       chan_fill,   chan_elements,                \
        chan_waiters,  chan_close, ELEMENT,     false                         \
    },                                                                        \
        { "shared receive", chan_make_shared, chan_unmake,                    \
          chan_receive,     chan_try_take,    NULL,                           \
          chan_fill,        chan_elements,    chan_waiters,                   \
          chan_close,       ELEMENT,          false },                        \
        { "send",       chan_make_full, chan_unmake, chan_send_one,           \
          chan_try_put, NULL,           chan_drain,  chan_room,               \
          chan_waiters, chan_close,     0,           false },                 \
        { "shared send",                                                      \
          chan_make_full_shared,                                              \
          chan_unmake,                                                        \
          chan_send_one,                                                      \
          chan_try_put,                                                       \
          NULL,                                                               \
          chan_drain,                                                         \
          chan_room,                                                          \
          chan_waiters,                                                       \
          chan_close,                                                         \
          0,                                                                  \
          false },                                                            \
        { "select",       select_make, select_unmake, select_receive,         \
          chan_try_take,  NULL,        chan_fill,     chan_elements,          \
          select_waiters, chan_close,  ELEMENT,       false },                \
        { "shared select", select_make_shared,                                \
          select_unmake,   select_receive,                                    \
          chan_try_take,   NULL,                                              \
          chan_fill,       chan_elements,                                     \
          select_waiters,  chan_close,                                        \
          ELEMENT,         false },                                           \
        { "event",   event_make, event_unmake,  event_wait_for, NULL, NULL,   \
          event_set, event_left, event_waiters, NULL,           0,    true }, \
        { "shared event",                                                     \
          event_make_shared,                                                  \
          event_unmake,                                                       \
          event_wait_for,                                                     \
          NULL,                                                               \
          NULL,                                                               \
          event_set,                                                          \
          event_left,                                                         \
          event_waiters,                                                      \
          NULL,                                                               \
          0,                                                                  \
          true },                                                             \
    {                                                                         \
        "future", future_make, future_unmake, future_wait_for, NULL, NULL,    \
            future_complete, future_left, future_waiters, NULL, ELEMENT, true \
    }

#endif
