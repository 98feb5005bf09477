/*
 * Timers: a queue of those that were armed in the order of their moments, as
 * most are, and a 4-ary heap of the others. A timer is embedded in what waits;
 * it knows its place, so cancelling it is O(log n) at most. Equal moments fire
 * in the order they were armed.
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
    size_t place;                  /* see timer.c; 0: not armed */
};

struct timer_slot {
    rota_time when;
    uint64_t order; /* of arming, decides among equal moments */
    struct timer *timer;
};

/* Moments that never go down. Numbered from 0; a power of two are kept. */
struct timer_queue {
    struct timer_slot *ring; /* a cancelled one's timer is NULL */
    size_t size;             /* of it; 0: none yet */
    size_t first, end;       /* which there are: first <= i < end */
};

struct timers {
    size_t count; /* armed */
    uint64_t order;
    struct timer_queue queue; /* its first and last are armed */
    struct timer_slot *heap;  /* from index 0 */
    size_t heaped;            /* slots in use, */
    size_t size;              /* and how many there are */
    rota_time now;            /* of those that are being fired; 0: none are */
};

void timers_fini(struct timers *h);

/* Arms `t` (fire set, not armed) for the moment `when`: 0 or -ENOMEM.
 * ROTA_FOREVER is never, and arms nothing. One that is armed by another's fire
 * comes behind all that are due with that, however long its moment is past. */
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
