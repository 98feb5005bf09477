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

/* Room for one more: 0 or -ENOMEM. */
int items_reserve(struct items *q);

/* Puts one in, for which there is room. */
void items_put(struct items *q, void *item, int64_t priority);

/* Takes the next out; there is one. */
void *items_get(struct items *q);

void items_fini(struct items *q);

#endif
