/*
 * The timer heap. Four children a node: half the levels of a binary heap, and
 * the children of a node share a cache line or two. The moment and the order
 * of arming stand in the slot, so a comparison touches no timer.
 */
#include "loop/timer.h"

#include <errno.h>
#include <stdlib.h>

enum { ARITY = 4, TIMERS_LEAST = 16 };

static bool earlier(const struct timer_slot *a, const struct timer_slot *b)
{
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void put(struct timers *h, size_t i, struct timer_slot slot)
{
    h->slots[i] = slot;
    slot.timer->place = i + 1;
}

static void sift_up(struct timers *h, size_t i, struct timer_slot slot)
{
    while (i > 0) {
        size_t parent = (i - 1) / ARITY;
        if (!earlier(&slot, &h->slots[parent]))
            break;
        put(h, i, h->slots[parent]);
        i = parent;
    }
    put(h, i, slot);
}

static size_t first_child(const struct timers *h, size_t i)
{
    size_t best = i * ARITY + 1;
    for (size_t c = best + 1; c <= i * ARITY + ARITY && c < h->count; c++)
        if (earlier(&h->slots[c], &h->slots[best]))
            best = c;
    return best;
}

static void sift_down(struct timers *h, size_t i, struct timer_slot slot)
{
    while (i * ARITY + 1 < h->count) {
        size_t child = first_child(h, i);
        if (!earlier(&h->slots[child], &slot))
            break;
        put(h, i, h->slots[child]);
        i = child;
    }
    put(h, i, slot);
}

static int grow(struct timers *h)
{
    size_t size = h->size ? h->size * 2 : TIMERS_LEAST;
    struct timer_slot *slots = realloc(h->slots, size * sizeof *slots);
    if (!slots)
        return -ENOMEM;
    h->slots = slots;
    h->size = size;
    return 0;
}

/* Gives memory back after a crowd has left; failing to is no harm. */
static void shrink(struct timers *h)
{
    if (h->size <= TIMERS_LEAST || h->count > h->size / 8)
        return;
    size_t size = h->size / 2;
    struct timer_slot *slots = realloc(h->slots, size * sizeof *slots);
    if (slots) {
        h->slots = slots;
        h->size = size;
    }
}

void timers_fini(struct timers *h)
{
    free(h->slots);
    *h = (struct timers){ 0 };
}

int timer_arm(struct timers *h, struct timer *t, rota_time when)
{
    if (when == ROTA_FOREVER)
        return 0;
    if (h->count == h->size && grow(h) < 0)
        return -ENOMEM;
    struct timer_slot slot = { when, h->order++, t };
    sift_up(h, h->count++, slot);
    return 0;
}

static void remove_at(struct timers *h, size_t i)
{
    h->slots[i].timer->place = 0;
    struct timer_slot last = h->slots[--h->count];
    if (i == h->count)
        return;
    if (i > 0 && earlier(&last, &h->slots[(i - 1) / ARITY]))
        sift_up(h, i, last);
    else
        sift_down(h, i, last);
}

bool timer_cancel(struct timers *h, struct timer *t)
{
    if (t->place == 0)
        return false;
    remove_at(h, t->place - 1);
    shrink(h);
    return true;
}

rota_time timers_next(const struct timers *h)
{
    return h->count ? h->slots[0].when : ROTA_FOREVER;
}

rota_time timer_when(const struct timers *h, const struct timer *t)
{
    return t->place ? h->slots[t->place - 1].when : ROTA_FOREVER;
}

void timers_expire(struct timers *h, rota_time now)
{
    uint64_t limit = h->order; /* a timer armed meanwhile waits a turn */
    while (h->count && h->slots[0].when <= now && h->slots[0].order < limit) {
        struct timer *t = h->slots[0].timer;
        remove_at(h, 0);
        t->fire(t);
    }
    shrink(h);
}
