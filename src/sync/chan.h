/*
 * Inside a channel: a ring of elements, and the clauses of those who wait to
 * send and to receive. All of a channel's rules are in two steps, chan_put
 * and chan_get: they say what happens at once, or -EAGAIN. The calls, the
 * try calls and select are made of them.
 *
 * A channel of one thread has no lock and takes no atomic step; in a shared
 * one the same code runs under a lock, and a peer is woken without it.
 */
#ifndef SYNC_CHAN_H
#define SYNC_CHAN_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "rota/chan.h"
#include "sync/ring.h"
#include "task/task.h"

struct rota_chan {
    const void *home; /* as in struct waiters; NULL: any yet, or shared */
    bool shared;
    bool closed;
    size_t capacity;
    struct list senders; /* clauses; the record is an element's place */
    struct list receivers;
    struct ring ring; /* what was sent and not received */

    size_t tx_count; /* ends that are open */
    size_t rx_count;
    rota_chan_drop *drop;
    atomic_size_t refs;   /* one thread's: counted without atomic steps */
    pthread_mutex_t lock; /* of a shared one: guards all above but refs */
};

struct rota_chan_tx {
    struct rota_chan *chan;
};

struct rota_chan_rx {
    struct rota_chan *chan;
};

extern const struct wait_kind chan_send_wait;
extern const struct wait_kind chan_recv_wait;

static inline void chan_lock(struct rota_chan *c)
{
    if (c->shared)
        pthread_mutex_lock(&c->lock);
}

static inline void chan_unlock(struct rota_chan *c)
{
    if (c->shared)
        pthread_mutex_unlock(&c->lock);
}

/* May this thread use the channel? 0, or -EXDEV by way of misuse. */
int chan_settle(struct rota_chan *c, const void *thread) __attribute__((cold));

static inline int chan_here(struct rota_chan *c, const void *thread)
{
    return c->home == thread ? 0 : chan_settle(c, thread);
}

/*
 * Under the lock: sends or receives if that needs no wait: 0, -EPIPE, -EAGAIN,
 * -ENOMEM. Who waited for it and is to be told, without the lock, by
 * chan_wake, is in *peer; else that is untouched.
 */
int chan_put(struct rota_chan *c, const void *elem, struct clause **peer);
int chan_get(struct rota_chan *c, void *elem, struct clause **peer);

/* The peer's call returns 0. NULL is nothing. */
static inline void chan_wake(struct rota_chan *c, struct clause *peer)
{
    if (!peer)
        return;
    if (c->shared)
        clause_deliver(peer, 0);
    else
        clause_fire(peer, 0);
}

/* The calls, of the channel (NULL: -EINVAL) or one of its ends. */
int chan_send(struct rota_chan *c, const void *elem, const void *end);
int chan_recv(struct rota_chan *c, void *elem, const void *end);
int chan_try_send(struct rota_chan *c, const void *elem);
int chan_try_recv(struct rota_chan *c, void *elem);

/* Drops what is left in a ring of the channel's, and the ring. */
void chan_drop_all(struct rota_chan *c, struct ring *r);

#endif
