/*
 * Channels: what a send and a receive do at once, and how they wait. An
 * element goes straight to a receiver that waits; a receiver that makes room
 * moves the first waiting sender's element in. So nobody overtakes, and a
 * task that was cancelled before its turn has sent and taken nothing.
 */
#include "sync/chan.h"

#include <stdlib.h>

#include "base/misuse.h"
#include "sync/taken.h"

int chan_settle(struct rota_chan *c, const void *thread)
{
    if (c->shared)
        return 0;
    if (c->home)
        return misuse(-EXDEV,
                      "a channel used from another thread than its own: it "
                      "was not made with ROTA_SHARED");
    c->home = thread;
    return 0;
}

rota_chan *rota_chan_new(size_t elem_size, size_t capacity, unsigned flags)
{
    struct rota_chan *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    size_t room = capacity;
    if (capacity == ROTA_UNBOUNDED && elem_size > 0)
        room = 0; /* grows */
    if (ring_init(&c->ring, elem_size, room) < 0) {
        free(c);
        return NULL;
    }
    c->shared = flags & ROTA_SHARED;
    c->capacity = capacity;
    list_init(&c->senders);
    list_init(&c->receivers);
    atomic_init(&c->refs, 1);
    if (c->shared)
        pthread_mutex_init(&c->lock, NULL);
    return c;
}

/* The new count. One thread's channel needs no atomic step for it. */
static size_t count_refs(struct rota_chan *c, size_t change)
{
    if (c->shared)
        return atomic_fetch_add(&c->refs, change) + change;
    size_t refs = atomic_load_explicit(&c->refs, memory_order_relaxed) + change;
    atomic_store_explicit(&c->refs, refs, memory_order_relaxed);
    return refs;
}

rota_chan *rota_chan_ref(rota_chan *c)
{
    count_refs(c, 1);
    return c;
}

void chan_drop_all(struct rota_chan *c, struct ring *r)
{
    for (; r->count > 0; ring_drop(r))
        if (c->drop)
            c->drop(ring_at(r, 0));
    ring_fini(r);
}

void rota_chan_unref(rota_chan *c)
{
    if (!c || count_refs(c, (size_t)-1) > 0)
        return;
    if (!list_empty(&c->senders) || !list_empty(&c->receivers)) {
        count_refs(c, 1);
        misuse(-EBUSY, "a channel destroyed with tasks waiting on it");
        return;
    }
    chan_drop_all(c, &c->ring);
    if (c->shared)
        pthread_mutex_destroy(&c->lock);
    free(c);
}

void rota_chan_on_drop(rota_chan *c, rota_chan_drop *fn)
{
    c->drop = fn;
}

/* The steps are made twice: for one thread's channels, without a look at
 * locks and atomic words, and for all. */
#define BOTH_WAYS static inline __attribute__((always_inline))

/* The first of a queue whose wait can still be won; it is then. NULL: none.
 * The dead leave the queue. */
BOTH_WAYS struct clause *first(struct list *queue, bool shared)
{
    while (!list_empty(queue)) {
        struct clause *peer = container_of(queue->next, struct clause, link);
        if (shared ? clause_take(peer) : clause_claim(peer))
            return peer;
        list_remove(&peer->link);
    }
    return NULL;
}

BOTH_WAYS int put(struct rota_chan *c, const void *elem, struct clause **peer,
                  bool shared)
{
    if (c->closed)
        return -EPIPE;
    struct clause *receiver = first(&c->receivers, shared);
    if (receiver) {
        ring_copy(&c->ring, receiver->record, elem);
        *peer = receiver;
        return 0;
    }
    if (c->ring.count == c->capacity)
        return -EAGAIN;
    if (ring_full(&c->ring) && ring_grow(&c->ring) < 0)
        return -ENOMEM;
    ring_push(&c->ring, elem);
    return 0;
}

BOTH_WAYS int get(struct rota_chan *c, void *elem, struct clause **peer,
                  bool shared)
{
    struct ring *r = &c->ring;
    bool any = r->count > 0;
    if (any)
        ring_pop(r, elem);
    struct clause *sender = first(&c->senders, shared);
    if (sender) {
        if (any)
            ring_push(r, sender->record);
        else
            ring_copy(r, elem, sender->record);
        *peer = sender;
        return 0;
    }
    if (any)
        return 0;
    return c->closed ? -EPIPE : -EAGAIN;
}

int chan_put(struct rota_chan *c, const void *elem, struct clause **peer)
{
    return put(c, elem, peer, c->shared);
}

int chan_get(struct rota_chan *c, void *elem, struct clause **peer)
{
    return get(c, elem, peer, c->shared);
}

/* Leaves a queue that other threads may be working on. */
static bool withdraw(struct clause *clause)
{
    struct rota_chan *c = (struct rota_chan *)clause->object;
    chan_lock(c);
    list_remove(&clause->link);
    chan_unlock(c);
    return true;
}

const struct wait_kind chan_send_wait = { "send", withdraw, NULL };
const struct wait_kind chan_recv_wait = { "receive", withdraw, NULL };

/* Waits in a shared queue; the lock is let go. */
static int park_shared(struct rota_task *me, struct list *queue,
                       const struct wait_kind *kind, struct rota_chan *c,
                       void *elem, const void *end)
{
    struct clause clause;
    struct claim claim;
    clause_init(&clause, kind, c);
    clause.record = elem;
    clause.detail = (intptr_t)end;
    wait_arm(me, &clause, 1, &claim);
    list_push(queue, &clause.link);
    chan_unlock(c);
    return wait_sleep(me);
}

static int send_shared(struct rota_chan *c, struct rota_task *me,
                       const void *elem, const void *end)
{
    struct clause *peer = NULL;
    chan_lock(c);
    int rc = put(c, elem, &peer, true);
    if (rc == -EAGAIN)
        return park_shared(me, &c->senders, &chan_send_wait, c, (void *)elem,
                           end);
    chan_unlock(c);
    chan_wake(c, peer);
    return wait_done(me, rc);
}

static int recv_shared(struct rota_chan *c, struct rota_task *me, void *elem,
                       const void *end)
{
    struct clause *peer = NULL;
    chan_lock(c);
    int rc = get(c, elem, &peer, true);
    if (rc == -EAGAIN)
        return park_shared(me, &c->receivers, &chan_recv_wait, c, elem, end);
    chan_unlock(c);
    chan_wake(c, peer);
    return wait_done(me, rc);
}

int chan_send(struct rota_chan *c, const void *elem, const void *end)
{
    if (!c)
        return -EINVAL;
    struct coro_thread *thread = coro_thread();
    struct rota_task *me;
    int rc = wait_begin_on(thread, &me);
    if (rc < 0)
        return rc;
    if (c->shared)
        return send_shared(c, me, elem, end);
    if ((rc = chan_here(c, thread->errno_at)) < 0)
        return rc;
    struct clause *peer = NULL;
    rc = put(c, elem, &peer, false);
    if (rc == -EAGAIN)
        return wait_in(me, &c->senders, &chan_send_wait, c, (void *)elem,
                       (intptr_t)end);
    if (peer)
        clause_fire(peer, 0);
    return wait_done(me, rc);
}

int chan_recv(struct rota_chan *c, void *elem, const void *end)
{
    if (!c)
        return -EINVAL;
    struct coro_thread *thread = coro_thread();
    struct rota_task *me;
    int rc = wait_begin_on(thread, &me);
    if (rc < 0)
        return rc;
    if (c->shared)
        return recv_shared(c, me, elem, end);
    if ((rc = chan_here(c, thread->errno_at)) < 0)
        return rc;
    struct clause *peer = NULL;
    rc = get(c, elem, &peer, false);
    if (rc == -EAGAIN)
        return wait_in(me, &c->receivers, &chan_recv_wait, c, elem,
                       (intptr_t)end);
    if (peer)
        clause_fire(peer, 0);
    return wait_done(me, rc);
}

int chan_try_send(struct rota_chan *c, const void *elem)
{
    int rc = chan_here(c, &errno);
    if (rc < 0)
        return rc;
    struct clause *peer = NULL;
    chan_lock(c);
    rc = chan_put(c, elem, &peer);
    chan_unlock(c);
    chan_wake(c, peer);
    return rc;
}

int chan_try_recv(struct rota_chan *c, void *elem)
{
    int rc = chan_here(c, &errno);
    if (rc < 0)
        return rc;
    struct clause *peer = NULL;
    chan_lock(c);
    rc = chan_get(c, elem, &peer);
    chan_unlock(c);
    chan_wake(c, peer);
    return rc;
}

/* The loop, where a call can be done with without a call of another function,
 * or waits at once; else NULL. A channel at home is not a shared one. */
static inline struct loop *quick(const struct rota_chan *c,
                                 struct rota_task **me)
{
    struct loop *l = wait_quick(me);
    return l && c && c->home == l->thread.errno_at && !c->closed ? l : NULL;
}

/* The first of a queue, if it waits for nothing else; NULL. */
static inline struct clause *lone(const struct list *queue)
{
    struct clause *first = container_of(queue->next, struct clause, link);
    return !list_empty(queue) && clause_is_alone(first) ? first : NULL;
}

static inline int meet(struct loop *l, struct clause *peer)
{
    clause_fire_alone(peer, 0);
    l->budget--;
    return 0;
}

int rota_chan_send(rota_chan *c, const void *elem)
{
    struct rota_task *me;
    struct loop *l = quick(c, &me);
    struct clause *peer = l ? lone(&c->receivers) : NULL;
    if (peer && ring_copy_word(&c->ring, peer->record, elem))
        return meet(l, peer);
    if (l && list_empty(&c->receivers) && c->ring.count == c->capacity)
        return wait_in(me, &c->senders, &chan_send_wait, c, (void *)elem, 0);
    return chan_send(c, elem, NULL);
}

int rota_chan_recv(rota_chan *c, void *elem)
{
    struct rota_task *me;
    struct loop *l = quick(c, &me);
    if (!l || c->ring.count > 0)
        return chan_recv(c, elem, NULL);
    struct clause *peer = lone(&c->senders);
    if (peer && ring_copy_word(&c->ring, elem, peer->record))
        return meet(l, peer);
    if (list_empty(&c->senders))
        return wait_in(me, &c->receivers, &chan_recv_wait, c, elem, 0);
    return chan_recv(c, elem, NULL);
}

int rota_chan_try_send(rota_chan *c, const void *elem)
{
    return c ? chan_try_send(c, elem) : -EINVAL;
}

int rota_chan_try_recv(rota_chan *c, void *elem)
{
    return c ? chan_try_recv(c, elem) : -EINVAL;
}
