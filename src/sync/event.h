/*
 * Inside an event: a flag and who waits for it. A shared one has a lock, and
 * a post through which a signal handler sets it.
 */
#ifndef SYNC_EVENT_H
#define SYNC_EVENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "rota/event.h"
#include "rota/loop.h"
#include "sync/waiters.h"

struct event;

/* On the heap: a post that is under way outlives the event. */
struct event_shared {
    pthread_mutex_t lock;
    struct event *event; /* NULL: it has ended, the post frees this */
    rota_loop *home;     /* a handle of the loop the post goes to; NULL: none */
    struct post post;
    atomic_bool posted;
};

struct event {
    struct waiters waiters;      /* of a shared one: only the queue is used */
    struct event_shared *shared; /* NULL: one thread's */
    bool set;
};

static inline struct event *event_of(rota_event *e)
{
    return (struct event *)e;
}

/* Of a shared one; nothing for one thread's. */
static inline void event_lock(struct event *e)
{
    if (e->shared)
        pthread_mutex_lock(&e->shared->lock);
}

static inline void event_unlock(struct event *e)
{
    if (e->shared)
        pthread_mutex_unlock(&e->shared->lock);
}

extern const struct wait_kind event_wait;

#endif
