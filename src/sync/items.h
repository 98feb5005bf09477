/*
 * The items in a queue, and which of them is next: a ring for the two that go
 * by their order of coming, a heap for priorities.
 */
#ifndef SYNC_ITEMS_H
#define SYNC_ITEMS_H

#include <stddef.h>
#include <stdint.h>

#include "rota/queue.h"

struct ranked {
    void *item;
    int64_t priority;
    uint64_t number; /* in the order of coming: equal ones keep it */
};

struct items {
    enum rota_queue_kind kind;
    size_t count;
    size_t room;  /* slots; of a ring a power of two, or 0 */
    size_t first; /* of a ring */
    uint64_t came;
    union {
        void **ring;
        struct ranked *heap;
    };
};

/* Twice the room, for a full one: 0 or -ENOMEM. */
int items_grow(struct items *q) __attribute__((cold));

/* The rarer ways in and out. */
void items_rank(struct items *q, void *item, int64_t priority);
void *items_get_rarely(struct items *q);

/* Room for one more: 0 or -ENOMEM. */
static inline int items_reserve(struct items *q)
{
    return q->count < q->room ? 0 : items_grow(q);
}

static inline size_t items_slot(const struct items *q, size_t i)
{
    return (q->first + i) & (q->room - 1);
}

/* Puts one in, for which there is room. */
static inline void items_put(struct items *q, void *item, int64_t priority)
{
    if (q->kind == ROTA_QUEUE_PRIORITY)
        items_rank(q, item, priority);
    else
        q->ring[items_slot(q, q->count++)] = item;
}

/* Takes the next out; there is one. */
static inline void *items_get(struct items *q)
{
    if (q->kind != ROTA_QUEUE_FIFO)
        return items_get_rarely(q);
    void *item = q->ring[q->first];
    q->first = items_slot(q, 1);
    q->count--;
    return item;
}

void items_fini(struct items *q);

#endif
