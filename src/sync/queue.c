/*
 * Queues. Two things always hold: while a task waits to get, the queue is
 * empty; while one waits to put, it is full. So an item that comes goes to the
 * getter that waits first, and a get lets the first putter's item in, in the
 * same step: neither can be overtaken.
 */
#include "rota/queue.h"

#include <stdlib.h>
#include <string.h>

#include "sync/items.h"
#include "sync/waiters.h"

#undef rota_queue_get
#undef rota_queue_try_get

struct rota_queue {
    struct waiters getters;
    struct waiters putters;
    struct waiters joiners;
    struct items items;
    size_t most; /* items; SIZE_MAX: any number; 0: it is shut down */
    size_t unfinished;
    unsigned refs;
    rota_cb *dtor;
};

static const char what[] = "queue";

static const struct wait_kind get_wait = { "queue get", NULL, NULL };
static const struct wait_kind put_wait = { "queue put", NULL, NULL };
static const struct wait_kind join_wait = { "queue join", NULL, NULL };

/* All share one thread; the getters' is looked at. */
static int begin(rota_queue *q, struct rota_task **me)
{
    return waiters_begin(&q->getters, what, me);
}

static int here(rota_queue *q)
{
    return waiters_here(&q->getters, what);
}

/* The caller's pointer may be of any type: it is copied, not cast. */
static inline void hand_out(void *item, void *at)
{
    memcpy(at, &item, sizeof item);
}

static void finished(rota_queue *q, size_t n)
{
    q->unfinished -= n;
    if (q->unfinished == 0)
        waiters_fire_all(&q->joiners, 0);
}

/* Puts an item in, if that needs no wait: 0, or why not. */
static inline int put(rota_queue *q, void *item, int64_t priority)
{
    if (q->items.count >= q->most)
        return q->most == 0 ? -EPIPE : -EAGAIN;
    if (!list_empty(&q->getters.queue)) {
        struct clause *c = waiters_first(&q->getters);
        hand_out(item, c->record);
        clause_fire(c, 0);
    } else {
        if (items_reserve(&q->items) < 0)
            return -ENOMEM;
        items_put(&q->items, item, priority);
    }
    q->unfinished++;
    return 0;
}

/* Takes an item out, if there is one; whoever waits to put has its room. */
static inline int get(rota_queue *q, void *at)
{
    if (q->items.count == 0)
        return q->most == 0 ? -EPIPE : -EAGAIN;
    hand_out(items_get(&q->items), at);
    if (list_empty(&q->putters.queue))
        return 0;
    struct clause *c = waiters_first(&q->putters);
    items_put(&q->items, c->record, c->detail);
    q->unfinished++;
    clause_fire(c, 0);
    return 0;
}

/* Frees what is in the queue. */
static void drop(rota_queue *q)
{
    size_t n = q->items.count;
    while (q->items.count > 0) {
        void *item = items_get(&q->items);
        if (q->dtor)
            q->dtor(item);
    }
    finished(q, n);
}

rota_queue *rota_queue_new(enum rota_queue_kind kind, size_t most,
                           rota_cb *dtor)
{
    rota_queue *q = malloc(sizeof *q);
    if (!q)
        return NULL;
    *q = (rota_queue){ .items.kind = kind,
                       .most = most ? most : SIZE_MAX,
                       .refs = 1,
                       .dtor = dtor };
    list_init(&q->getters.queue);
    list_init(&q->putters.queue);
    return q;
}

rota_queue *rota_queue_ref(rota_queue *q)
{
    q->refs++;
    return q;
}

void rota_queue_unref(rota_queue *q)
{
    if (!q || here(q) < 0)
        return;
    if (q->refs == 1 && rota_queue_waiters(q) > 0) {
        misuse(-EBUSY, "a queue destroyed with tasks waiting for it");
        return;
    }
    if (--q->refs > 0)
        return;
    drop(q);
    items_fini(&q->items);
    free(q);
}

/* The usual way in: no getter waits, and there is room. */
static inline bool put_quickly(rota_queue *q, void *item)
{
    struct items *items = &q->items;
    struct rota_task *me;
    struct loop *l = wait_quick(&me);
    if (!l || q->getters.home != l->thread.errno_at ||
        items->count >= q->most || !list_empty(&q->getters.queue) ||
        items->count == items->room || items->kind == ROTA_QUEUE_PRIORITY)
        return false;
    items_put(items, item, 0);
    q->unfinished++;
    l->budget--;
    return true;
}

/* The usual way out: the first item, and no putter waits. */
static inline bool get_quickly(rota_queue *q, void *at)
{
    struct rota_task *me;
    struct loop *l = wait_quick(&me);
    if (!l || q->getters.home != l->thread.errno_at || q->items.count == 0 ||
        q->items.kind != ROTA_QUEUE_FIFO || !list_empty(&q->putters.queue))
        return false;
    hand_out(items_get(&q->items), at);
    l->budget--;
    return true;
}

int rota_queue_put_priority(rota_queue *q, void *item, int64_t priority)
{
    struct rota_task *me;
    int rc = begin(q, &me);
    if (rc < 0)
        return rc;
    rc = put(q, item, priority);
    if (rc != -EAGAIN)
        return wait_done(me, rc);
    return waiters_wait(&q->putters, me, &put_wait, q, item, priority);
}

int rota_queue_put(rota_queue *q, void *item)
{
    return put_quickly(q, item) ? 0 : rota_queue_put_priority(q, item, 0);
}

int rota_queue_try_put_priority(rota_queue *q, void *item, int64_t priority)
{
    int rc = here(q);
    return rc < 0 ? rc : put(q, item, priority);
}

int rota_queue_try_put(rota_queue *q, void *item)
{
    return rota_queue_try_put_priority(q, item, 0);
}

static __attribute__((noinline)) int get_or_wait(rota_queue *q, void *at)
{
    struct rota_task *me;
    int rc = begin(q, &me);
    if (rc < 0)
        return rc;
    rc = get(q, at);
    if (rc != -EAGAIN)
        return wait_done(me, rc);
    return waiters_wait(&q->getters, me, &get_wait, q, at, 0);
}

int rota_queue_get(rota_queue *q, void *at)
{
    return get_quickly(q, at) ? 0 : get_or_wait(q, at);
}

int rota_queue_try_get(rota_queue *q, void *at)
{
    int rc = here(q);
    return rc < 0 ? rc : get(q, at);
}

int rota_queue_task_done(rota_queue *q)
{
    int rc = here(q);
    if (rc < 0)
        return rc;
    if (q->unfinished == 0)
        return -EINVAL;
    finished(q, 1);
    return 0;
}

int rota_queue_join(rota_queue *q)
{
    struct rota_task *me;
    int rc = begin(q, &me);
    if (rc < 0)
        return rc;
    if (q->unfinished == 0)
        return wait_done(me, 0);
    return waiters_wait(&q->joiners, me, &join_wait, q, NULL, 0);
}

int rota_queue_shutdown(rota_queue *q, enum rota_queue_shutdown how)
{
    int rc = here(q);
    if (rc < 0)
        return rc;
    q->most = 0;
    waiters_fire_all(&q->getters, -EPIPE);
    waiters_fire_all(&q->putters, -EPIPE);
    if (how == ROTA_QUEUE_DROP)
        drop(q);
    return 0;
}

size_t rota_queue_size(const rota_queue *q)
{
    return q->items.count;
}

size_t rota_queue_unfinished(const rota_queue *q)
{
    return q->unfinished;
}

size_t rota_queue_waiters(const rota_queue *q)
{
    return waiters_count(&q->getters) + waiters_count(&q->putters) +
           waiters_count(&q->joiners);
}
