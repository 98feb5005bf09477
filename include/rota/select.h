/*
 * Select: waits for the first of several things, and does exactly that one.
 *
 *     rota_case cases[] = {
 *         rota_case_recv(jobs, &job),
 *         rota_case_event(&stop),
 *     };
 *     int i = rota_select(cases, 2, rota_ms(100), 0);
 *     if (i == 0 && cases[0].rc == 0) ...            a job
 */
#ifndef ROTA_SELECT_H
#define ROTA_SELECT_H

#include <stddef.h>

#include "rota/chan.h"
#include "rota/event.h"
#include "rota/export.h"
#include "rota/future.h"
#include "rota/signal.h"
#include "rota/time.h"

enum rota_case_kind {
    ROTA_CASE_NEVER, /* is never ready; as any case without its object */
    ROTA_CASE_SEND,
    ROTA_CASE_RECV,
    ROTA_CASE_TX,
    ROTA_CASE_RX,
    ROTA_CASE_DONE,
    ROTA_CASE_EVENT,
    ROTA_CASE_READABLE,
    ROTA_CASE_WRITABLE,
    ROTA_CASE_SIGNAL,
};

/* One of the things; made by the functions below. */
typedef struct rota_case {
    enum rota_case_kind kind;
    int rc;       /* of the case that was done: what its own call returns */
    void *object; /* NULL: never ready */
    void *elem;   /* of a send or a receive: must stand until the return */
    int fd;       /* of a descriptor's case; negative: never ready */
} rota_case;

/* Sends *elem, or receives into *elem; rc as rota_chan_send, rota_chan_recv.
 * A closed channel is ready, with -EPIPE. */
static inline rota_case rota_case_send(rota_chan *c, const void *elem)
{
    return (
        rota_case){ .kind = ROTA_CASE_SEND, .object = c, .elem = (void *)elem };
}

static inline rota_case rota_case_recv(rota_chan *c, void *elem)
{
    return (rota_case){ .kind = ROTA_CASE_RECV, .object = c, .elem = elem };
}

/* The same on a counted end. */
static inline rota_case rota_case_tx(rota_chan_tx *tx, const void *elem)
{
    return (
        rota_case){ .kind = ROTA_CASE_TX, .object = tx, .elem = (void *)elem };
}

static inline rota_case rota_case_rx(rota_chan_rx *rx, void *elem)
{
    return (rota_case){ .kind = ROTA_CASE_RX, .object = rx, .elem = elem };
}

/* The same on typed handles, of a channel or of an end. */
#define ROTA_CASE_OF_SEND(c, ...)             \
    _Generic((c).chan, rota_chan *            \
             : rota_case_send, rota_chan_tx * \
             : rota_case_tx)((c).chan, ROTA_ELEMENT_(c, __VA_ARGS__))
#define ROTA_CASE_OF_RECV(c, to)              \
    _Generic((c).chan, rota_chan *            \
             : rota_case_recv, rota_chan_rx * \
             : rota_case_rx)((c).chan, ROTA_PLACE_(c, to))

/* Ready when the future is done; of a task: rota_task_future(t). rc is 0; the
 * outcome is the future's, which must be of this loop. */
static inline rota_case rota_case_done(rota_future *f)
{
    return (rota_case){ .kind = ROTA_CASE_DONE, .object = f };
}

/* Ready when the event is set; it stays so. rc is 0. */
static inline rota_case rota_case_event(rota_event *e)
{
    return (rota_case){ .kind = ROTA_CASE_EVENT, .object = e };
}

/*
 * Ready when the descriptor is readable, or writable; nothing is read. rc: the
 * events that hold, as rota_wait_fd; -EBADF: it was closed meanwhile; -EBUSY:
 * somebody waits for the same direction already, be it another case.
 */
static inline rota_case rota_case_readable(int fd)
{
    return (rota_case){ .kind = ROTA_CASE_READABLE, .fd = fd };
}

static inline rota_case rota_case_writable(int fd)
{
    return (rota_case){ .kind = ROTA_CASE_WRITABLE, .fd = fd };
}

/* Takes the next signal; rc is its number, or as for a descriptor. */
static inline rota_case rota_case_signal(rota_signals *s)
{
    return (rota_case){ .kind = ROTA_CASE_SIGNAL, .object = s };
}

enum rota_select_flags {
    /* Of several that are ready the first listed is done; else one of them by
     * chance, each as likely. */
    ROTA_SELECT_PRIORITY = 1 << 0,
};

/*
 * Waits at most `timeout` nanoseconds until one of `n` cases is ready, and
 * does that one: returns its index, and its result is in .rc. The others have
 * not happened and leave no trace. ROTA_FOREVER: no limit; <= 0: does not
 * wait. Which are ready is judged at one moment. The same object may stand in
 * several cases; a select never sends to itself.
 *
 * -EAGAIN: none is ready, and the timeout is <= 0; -ETIMEDOUT; -ECANCELED;
 * -ENOMEM (many cases, or no room for a timer). Misuse: -EPERM outside of
 * tasks; -EXDEV: something in it is of another thread and not shared. Suspends:
 * yes. Cancel: no case has happened.
 */
ROTA_API int rota_select(rota_case *cases, size_t n, rota_dur timeout,
                         unsigned flags) ROTA_MUST;

#endif
