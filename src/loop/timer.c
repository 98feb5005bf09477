/*
 * Where timers stand. A moment that is not before the last one of the queue
 * joins it at its end, and leaves it at its front: a timeout that is the same
 * for all, or one deadline of a crowd, costs no more than that. Whatever comes
 * out of order stands in the heap. It has four children a node: half the
 * levels of a binary heap, and the children of a node share a cache line or
 * two. Still each level is another timer to be told its place, on a stack that
 * is long cold.
 *
 * The moment and the order of arming stand in the slot, so a comparison
 * touches no timer. A timer's place is 2 i + 1 in the heap, 2 i + 2 in the
 * queue.
 */
#include "loop/timer.h"

#include <errno.h>
#include <stdlib.h>

enum {
    ARITY = 4,
    SLOTS_LEAST = 16,
    FETCH_AHEAD = 4, /* timers; a cold line takes about as long to come as
                        they take to fire */
};

static bool earlier(const struct timer_slot *a, const struct timer_slot *b)
{
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void put(struct timers *h, size_t i, struct timer_slot slot)
{
    h->heap[i] = slot;
    slot.timer->place = 2 * i + 1;
}

static void sift_up(struct timers *h, size_t i, struct timer_slot slot)
{
    while (i > 0) {
        size_t parent = (i - 1) / ARITY;
        if (!earlier(&slot, &h->heap[parent]))
            break;
        put(h, i, h->heap[parent]);
        i = parent;
    }
    put(h, i, slot);
}

static size_t first_child(const struct timers *h, size_t i)
{
    size_t best = i * ARITY + 1;
    for (size_t c = best + 1; c <= i * ARITY + ARITY && c < h->heaped; c++)
        if (earlier(&h->heap[c], &h->heap[best]))
            best = c;
    return best;
}

static void sift_down(struct timers *h, size_t i, struct timer_slot slot)
{
    while (i * ARITY + 1 < h->heaped) {
        size_t child = first_child(h, i);
        if (!earlier(&h->heap[child], &slot))
            break;
        put(h, i, h->heap[child]);
        i = child;
    }
    put(h, i, slot);
}

static int heap_grow(struct timers *h)
{
    size_t size = h->size ? h->size * 2 : SLOTS_LEAST;
    struct timer_slot *heap = realloc(h->heap, size * sizeof *heap);
    if (!heap)
        return -ENOMEM;
    h->heap = heap;
    h->size = size;
    return 0;
}

static int heap_push(struct timers *h, struct timer_slot slot)
{
    if (h->heaped == h->size && heap_grow(h) < 0)
        return -ENOMEM;
    sift_up(h, h->heaped++, slot);
    return 0;
}

/* Gives memory back after a crowd has left; failing to is no harm. */
static void heap_shrink(struct timers *h)
{
    if (h->size <= SLOTS_LEAST || h->heaped > h->size / 8)
        return;
    size_t size = h->size / 2;
    struct timer_slot *heap = realloc(h->heap, size * sizeof *heap);
    if (heap) {
        h->heap = heap;
        h->size = size;
    }
}

static void heap_remove(struct timers *h, size_t i)
{
    struct timer_slot last = h->heap[--h->heaped];
    if (i == h->heaped)
        return;
    if (i > 0 && earlier(&last, &h->heap[(i - 1) / ARITY]))
        sift_up(h, i, last);
    else
        sift_down(h, i, last);
}

/* The queue's slot number `i`. */
static struct timer_slot *at(const struct timer_queue *q, size_t i)
{
    return &q->ring[i & (q->size - 1)];
}

static size_t queue_length(const struct timer_queue *q)
{
    return q->end - q->first;
}

/* Moves all that is armed to a ring of another size. */
static int queue_move(struct timer_queue *q, size_t size)
{
    struct timer_queue to = { malloc(size * sizeof *to.ring), size, q->first,
                              q->first };
    if (!to.ring)
        return -ENOMEM;
    for (size_t i = q->first; i < q->end; i++) {
        struct timer_slot slot = *at(q, i);
        if (!slot.timer)
            continue;
        if (to.end != i) /* a write less to what is cold */
            slot.timer->place = 2 * to.end + 2;
        *at(&to, to.end++) = slot;
    }
    free(q->ring);
    *q = to;
    return 0;
}

/* `armed` of the queue's timers are; the others make room first. */
static int queue_push(struct timer_queue *q, struct timer_slot slot,
                      size_t armed)
{
    if (queue_length(q) == q->size) {
        size_t size = armed <= q->size / 2 ? q->size : q->size * 2;
        if (queue_move(q, size ? size : SLOTS_LEAST) < 0)
            return -ENOMEM;
    }
    slot.timer->place = 2 * q->end + 2;
    *at(q, q->end++) = slot;
    return 0;
}

static void queue_remove(struct timer_queue *q, size_t i)
{
    at(q, i)->timer = NULL;
    while (queue_length(q) > 0 && !at(q, q->first)->timer)
        q->first++;
    while (queue_length(q) > 0 && !at(q, q->end - 1)->timer)
        q->end--;
}

static void queue_shrink(struct timer_queue *q)
{
    if (q->size > SLOTS_LEAST && queue_length(q) <= q->size / 8)
        queue_move(q, q->size / 2);
}

void timers_fini(struct timers *h)
{
    free(h->heap);
    free(h->queue.ring);
    *h = (struct timers){ 0 };
}

/* Would a timer for `when` be in order behind the last but `skip`? */
static bool is_last(const struct timer_queue *q, rota_time when, size_t skip)
{
    return queue_length(q) <= skip || at(q, q->end - 1 - skip)->when <= when;
}

int timer_arm(struct timers *h, struct timer *t, rota_time when)
{
    if (when == ROTA_FOREVER)
        return 0;
    if (h->now && when < h->now)
        when = h->now; /* or it would stand before them, to be passed over */
    struct timer_queue *q = &h->queue;
    struct timer_slot slot = { when, h->order, t };
    bool last = is_last(q, when, 0);
    if (!last && is_last(q, when, 1)) {
        /* One that is far off does not keep the nearer ones from the queue. */
        if (heap_push(h, *at(q, q->end - 1)) < 0)
            return -ENOMEM;
        queue_remove(q, q->end - 1);
        last = true;
    }
    int rc =
        last ? queue_push(q, slot, h->count - h->heaped) : heap_push(h, slot);
    if (rc < 0)
        return rc;
    h->order++;
    h->count++;
    return 0;
}

static void disarm(struct timers *h, struct timer *t)
{
    size_t i = (t->place - 1) / 2;
    if (t->place % 2)
        heap_remove(h, i);
    else
        queue_remove(&h->queue, i);
    t->place = 0;
    h->count--;
}

static void shrink(struct timers *h)
{
    heap_shrink(h);
    queue_shrink(&h->queue);
}

bool timer_cancel(struct timers *h, struct timer *t)
{
    if (t->place == 0)
        return false;
    disarm(h, t);
    shrink(h);
    return true;
}

/* The first to fire; NULL: none is armed. */
static const struct timer_slot *first_of(const struct timers *h)
{
    const struct timer_queue *q = &h->queue;
    const struct timer_slot *queued =
        queue_length(q) > 0 ? at(q, q->first) : NULL;
    if (h->heaped == 0)
        return queued;
    return queued && earlier(queued, h->heap) ? queued : h->heap;
}

rota_time timers_next(const struct timers *h)
{
    const struct timer_slot *first = first_of(h);
    return first ? first->when : ROTA_FOREVER;
}

rota_time timer_when(const struct timers *h, const struct timer *t)
{
    size_t i = (t->place - 1) / 2;
    if (t->place == 0)
        return ROTA_FOREVER;
    return t->place % 2 ? h->heap[i].when : at(&h->queue, i)->when;
}

/* The timers that will soon be due stand on stacks that have long been cold. */
static void fetch_ahead(const struct timer_queue *q)
{
    if (queue_length(q) > FETCH_AHEAD)
        __builtin_prefetch(at(q, q->first + FETCH_AHEAD)->timer, 1);
}

void timers_expire(struct timers *h, rota_time now)
{
    uint64_t limit = h->order; /* a timer armed meanwhile waits a turn */
    const struct timer_slot *first;
    h->now = now;
    while ((first = first_of(h)) && first->when <= now &&
           first->order < limit) {
        struct timer *t = first->timer;
        fetch_ahead(&h->queue);
        disarm(h, t);
        t->fire(t);
    }
    h->now = 0;
    shrink(h);
}
