/*
 * Timers: a 4-ary heap of moments. A timer is embedded in what waits; it
 * knows its place in the heap, so cancelling it is O(log n) and leaves
 * nothing behind. Equal moments fire in the order they were armed.
 */
#ifndef LOOP_TIMER_H
#define LOOP_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rota/export.h"
#include "rota/time.h"

struct loop;

struct timer {
    void (*fire)(struct timer *t); /* on the loop's stack */
    size_t place;                  /* in the heap, from 1; 0: not armed */
};

struct timer_slot {
    rota_time when;
    uint64_t order; /* of arming, decides among equal moments */
    struct timer *timer;
};

struct timers {
    struct timer_slot *slots; /* heap, from index 0 */
    size_t count;
    size_t size;
    uint64_t order;
};

void timers_fini(struct timers *h);

/* Arms `t` (fire set, not armed) for the moment `when`: 0 or -ENOMEM.
 * ROTA_FOREVER is never, and arms nothing. */
int timer_arm(struct timers *h, struct timer *t, rota_time when)
    ROTA_INTERNAL(timer_arm);

/* Disarms; harmless when not armed. True when that prevented it. */
bool timer_cancel(struct timers *h, struct timer *t)
    ROTA_INTERNAL(timer_cancel);

/* The moment of the first timer, ROTA_FOREVER when there is none. */
rota_time timers_next(const struct timers *h);

/* When `t`, which is armed, is due. */
rota_time timer_when(const struct timers *h, const struct timer *t)
    ROTA_INTERNAL(timer_when);

/* Fires all that are due at `now` and were armed before this call. */
void timers_expire(struct timers *h, rota_time now);

#endif
