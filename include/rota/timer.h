/*
 * Timers: functions the loop calls at a moment, on its own stack: they must
 * not suspend. And intervals, for a task that does something again and again.
 */
#ifndef ROTA_TIMER_H
#define ROTA_TIMER_H

#include "rota/export.h"
#include "rota/future.h"
#include "rota/time.h"

typedef struct rota_timer rota_timer;

/*
 * Has fn(arg) called in `d` nanoseconds, never earlier (d <= 0: in the next
 * turn of the loop), or at the moment `when`; those of one moment in the order
 * of these calls. `out` (may be NULL) receives a handle, which must go through
 * rota_timer_cancel, whether it has fired or not. A timer that has not fired
 * when the loop ends does not. 0; -ENOMEM; -ESHUTDOWN: the loop is ending;
 * -EPERM outside of a loop. Suspends: no.
 */
ROTA_API int rota_call_later(rota_dur d, rota_cb *fn, void *arg,
                             rota_timer **out);
ROTA_API int rota_call_at(rota_time when, rota_cb *fn, void *arg,
                          rota_timer **out);

/* Drops the handle: 1, the call was prevented; 0, too late, or `t` is NULL.
 * May be called by the timer's own function. Misuse: -EXDEV on another thread
 * than its loop's. Suspends: no. */
ROTA_API int rota_timer_cancel(rota_timer *t);

/* What an interval does about ticks whose time passed before they were asked
 * for. */
enum rota_interval_mode {
    ROTA_INTERVAL_SKIP,  /* one at once, then in step with the first */
    ROTA_INTERVAL_DELAY, /* one at once, then a period from that one */
    ROTA_INTERVAL_BURST, /* each of them at once */
};

/* Lives where the caller puts it; nothing needs to be undone. */
typedef struct rota_interval {
    rota_time next;
    rota_dur period;
    enum rota_interval_mode mode;
} rota_interval;

/* Ticks every `period` nanoseconds; the first time at once. 0, or -EINVAL:
 * the period is not above 0. Suspends: no. */
ROTA_API int rota_interval_init(rota_interval *it, rota_dur period,
                                enum rota_interval_mode mode);

/*
 * Waits for the next tick (for one that is late, lets the other ready tasks
 * run once). Returns how many were skipped before it, 0 unless in
 * ROTA_INTERVAL_SKIP; or -ECANCELED. Suspends: yes. Cancel: nothing is lost,
 * the tick comes with the next call.
 */
ROTA_API int rota_interval_tick(rota_interval *it) ROTA_MUST;

#endif
