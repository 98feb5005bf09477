/*
 * Channels: elements handed from task to task, copied in and out, in the
 * order they came. A channel of capacity 0 has no memory of its own: a send
 * returns when a receiver has the element.
 *
 *     typedef ROTA_CHAN(int) int_chan;
 *
 *     int_chan c = { rota_chan_new(sizeof(int), 16, 0) };
 *     rc = ROTA_SEND(c, 42);             one task
 *     rc = ROTA_RECV(c, &n);             another
 *     rota_chan_close(c.chan);
 *
 * A channel belongs to one thread, unless it is made with ROTA_SHARED: then
 * tasks of any loop may send and receive, and any thread may use the calls
 * that do not suspend.
 */
#ifndef ROTA_CHAN_H
#define ROTA_CHAN_H

#include <stddef.h>
#include <stdint.h>

#include "rota/export.h"
#include "rota/shared.h"

typedef struct rota_chan rota_chan;

/* As capacity: a buffer that grows. A send then never waits. */
#define ROTA_UNBOUNDED SIZE_MAX

/*
 * Makes a channel of elements of `elem_size` bytes (0: only the sending
 * counts), of which `capacity` are kept before a send has to wait. Flags: 0,
 * or ROTA_SHARED. An owned handle, or NULL: no memory. Suspends: no.
 */
ROTA_API rota_chan *rota_chan_new(size_t elem_size, size_t capacity,
                                  unsigned flags);

/* Counts references: who uses a channel holds one. With the last it goes, and
 * what it still held is dropped; that tasks wait is then misuse (-EBUSY, and
 * the channel stays). NULL is nothing. Suspends: no. */
ROTA_API rota_chan *rota_chan_ref(rota_chan *c);
ROTA_API void rota_chan_unref(rota_chan *c);

/*
 * Has fn(element) called for each element that is dropped: accepted, and
 * never received. The memory is the channel's, and lasts until fn returns. To
 * be set before the channel is used. Suspends: no, nor may fn.
 */
typedef void rota_chan_drop(void *elem);
ROTA_API void rota_chan_on_drop(rota_chan *c, rota_chan_drop *fn);

/*
 * Sends a copy of *elem. 0: it is in the buffer, or a receiver has it;
 * -EPIPE: the channel is closed; -ECANCELED; -EINVAL: `c` is NULL; -ENOMEM: an
 * unbounded buffer cannot grow. Else the element is still the caller's.
 * Suspends: yes. Cancel: the element was not sent.
 */
ROTA_API int rota_chan_send(rota_chan *c, const void *elem) ROTA_MUST;

/*
 * Receives the next element into *elem. 0; -EPIPE: closed, and nothing is
 * left; -ECANCELED; -EINVAL: `c` is NULL. Else *elem is untouched. Suspends:
 * yes. Cancel: no element was taken.
 */
ROTA_API int rota_chan_recv(rota_chan *c, void *elem) ROTA_MUST;

/* The same without waiting: -EAGAIN when that would be needed; cancellation
 * is not looked at. Suspends: no. */
ROTA_API int rota_chan_try_send(rota_chan *c, const void *elem) ROTA_MUST;
ROTA_API int rota_chan_try_recv(rota_chan *c, void *elem) ROTA_MUST;

/*
 * Closes it: all sends and receives that wait return -EPIPE, what is in the
 * buffer can still be received. 0; -EALREADY: it was closed. Suspends: no.
 */
ROTA_API int rota_chan_close(rota_chan *c);

/* How many elements are in the buffer, and how many it may hold. */
ROTA_API size_t rota_chan_len(rota_chan *c);
ROTA_API size_t rota_chan_cap(const rota_chan *c);

/*
 * Counted ends, for channels that close themselves. When the last sending
 * end is closed, the channel is; when the last receiving end is, the buffer
 * is dropped too. Each end holds a reference. NULL: no memory. Suspends: no.
 */
typedef struct rota_chan_tx rota_chan_tx;
typedef struct rota_chan_rx rota_chan_rx;
ROTA_API rota_chan_tx *rota_chan_open_tx(rota_chan *c);
ROTA_API rota_chan_rx *rota_chan_open_rx(rota_chan *c);

/* As the calls of the channel; -EBADF: the end was closed while we waited. */
ROTA_API int rota_tx_send(rota_chan_tx *tx, const void *elem) ROTA_MUST;
ROTA_API int rota_tx_try_send(rota_chan_tx *tx, const void *elem) ROTA_MUST;
ROTA_API int rota_rx_recv(rota_chan_rx *rx, void *elem) ROTA_MUST;
ROTA_API int rota_rx_try_recv(rota_chan_rx *rx, void *elem) ROTA_MUST;

/* Closes an end and frees the handle (NULL is nothing). Who waits on it
 * returns -EBADF. Suspends: no. */
ROTA_API void rota_tx_close(rota_chan_tx *tx);
ROTA_API void rota_rx_close(rota_chan_rx *rx);

/*
 * Typed handles. The compiler then checks that what is sent could be assigned
 * to an element, and that what is received into is one. A handle is as small
 * as the pointer in it; for parameters and results give its type a name.
 */
#define ROTA_CHAN(type)                 \
    union {                             \
        rota_chan *chan;                \
        __typeof__(type) *rota_element; \
    }
#define ROTA_TX(type)                   \
    union {                             \
        rota_chan_tx *chan;             \
        __typeof__(type) *rota_element; \
    }
#define ROTA_RX(type)                   \
    union {                             \
        rota_chan_rx *chan;             \
        __typeof__(type) *rota_element; \
    }

/* A new channel in a typed handle's initialiser; arguments as rota_chan_new
 * after the size. NULL in .chan: no memory. */
#define ROTA_CHAN_NEW(handle, capacity, flags) \
    ((handle){                                 \
        rota_chan_new(sizeof *((handle *)0)->rota_element, capacity, flags) })

/* ROTA_SEND(c, value) and ROTA_RECV(c, &variable) on typed handles. */
#define ROTA_SEND(c, ...)                     \
    _Generic((c).chan, rota_chan *            \
             : rota_chan_send, rota_chan_tx * \
             : rota_tx_send)((c).chan, ROTA_ELEMENT_(c, __VA_ARGS__))
#define ROTA_TRY_SEND(c, ...)                     \
    _Generic((c).chan, rota_chan *                \
             : rota_chan_try_send, rota_chan_tx * \
             : rota_tx_try_send)((c).chan, ROTA_ELEMENT_(c, __VA_ARGS__))
#define ROTA_RECV(c, to)                      \
    _Generic((c).chan, rota_chan *            \
             : rota_chan_recv, rota_chan_rx * \
             : rota_rx_recv)((c).chan, ROTA_PLACE_(c, to))
#define ROTA_TRY_RECV(c, to)                      \
    _Generic((c).chan, rota_chan *                \
             : rota_chan_try_recv, rota_chan_rx * \
             : rota_rx_try_recv)((c).chan, ROTA_PLACE_(c, to))

/* The value as an element in memory; the place if it is one for elements. An
 * array of one, for a struct in braces would be taken for its first member. */
#define ROTA_ELEMENT_(c, ...) \
    ((__typeof__(*(c).rota_element)[1]){ __VA_ARGS__ })
#define ROTA_PLACE_(c, to) _Generic((to), __typeof__((c).rota_element) : (to))

#endif
