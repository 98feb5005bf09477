/*
 * Items in a ring or a heap. Both grow by doubling and never shrink: a queue
 * that was long once will be again.
 */
#include "sync/items.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_ROOM = 16 };

/* In a ring twice as large, what had wrapped around goes behind the rest. */
static int grow_ring(struct items *q, size_t room)
{
    void **ring = reallocarray(q->ring, room, sizeof *ring);
    if (!ring)
        return -ENOMEM;
    memcpy(ring + q->room, ring, q->first * sizeof *ring);
    q->ring = ring;
    return 0;
}

static int grow_heap(struct items *q, size_t room)
{
    struct ranked *heap = reallocarray(q->heap, room, sizeof *heap);
    if (!heap)
        return -ENOMEM;
    q->heap = heap;
    return 0;
}

int items_grow(struct items *q)
{
    size_t room = q->room ? 2 * q->room : LEAST_ROOM;
    int rc = q->kind == ROTA_QUEUE_PRIORITY ? grow_heap(q, room)
                                            : grow_ring(q, room);
    if (rc == 0)
        q->room = room;
    return rc;
}

static bool before(const struct ranked *a, const struct ranked *b)
{
    return a->priority != b->priority ? a->priority < b->priority
                                      : a->number < b->number;
}

/* Moves the hole at `i` up to where `r` belongs. */
static void rise(struct ranked *heap, size_t i, struct ranked r)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (!before(&r, &heap[parent]))
            break;
        heap[i] = heap[parent];
        i = parent;
    }
    heap[i] = r;
}

/* Moves the hole at the top of `n` entries down to where `r` belongs. */
static void sink(struct ranked *heap, size_t n, struct ranked r)
{
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &r))
            break;
        heap[i] = heap[child];
    }
    heap[i] = r;
}

void items_rank(struct items *q, void *item, int64_t priority)
{
    rise(q->heap, q->count++, (struct ranked){ item, priority, q->came++ });
}

void *items_get_rarely(struct items *q)
{
    size_t left = --q->count;
    if (q->kind == ROTA_QUEUE_LIFO)
        return q->ring[left];
    void *item = q->heap[0].item;
    if (left > 0)
        sink(q->heap, left, q->heap[left]);
    return item;
}

void items_fini(struct items *q)
{
    if (q->kind == ROTA_QUEUE_PRIORITY)
        free(q->heap);
    else
        free(q->ring);
}
