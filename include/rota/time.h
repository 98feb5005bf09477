/*
 * Time: nanoseconds of CLOCK_MONOTONIC, in 64 signed bits. A rota_time is a
 * moment, a rota_dur a length; both saturate at ROTA_FOREVER.
 */
#ifndef ROTA_TIME_H
#define ROTA_TIME_H

#include <stdint.h>

#include "rota/export.h"

typedef int64_t rota_time;
typedef int64_t rota_dur;

/* Never: no deadline, no end of a sleep. */
#define ROTA_FOREVER INT64_MAX

static inline rota_dur rota_us(int64_t n)
{
    rota_dur d;
    if (__builtin_mul_overflow(n, 1000, &d))
        return n < 0 ? INT64_MIN : ROTA_FOREVER;
    return d;
}

static inline rota_dur rota_ms(int64_t n)
{
    rota_dur d;
    if (__builtin_mul_overflow(n, 1000000, &d))
        return n < 0 ? INT64_MIN : ROTA_FOREVER;
    return d;
}

static inline rota_dur rota_seconds(double n)
{
    if (n <= -9.2e9)
        return INT64_MIN;
    return n < 9.2e9 ? (rota_dur)(n * 1e9) : ROTA_FOREVER;
}

/* `t` + `d`, never beyond ROTA_FOREVER. */
static inline rota_time rota_time_add(rota_time t, rota_dur d)
{
    rota_time sum;
    if (d == ROTA_FOREVER || __builtin_add_overflow(t, d, &sum))
        return d < 0 ? INT64_MIN : ROTA_FOREVER;
    return sum;
}

/* The time now. Suspends: no. May be called from any thread. */
ROTA_API rota_time rota_now(void);

/*
 * Waits `d` nanoseconds; d <= 0 lets the other ready tasks run once.
 * Never returns early. Returns 0, or -ECANCELED when a scope around the
 * caller is cancelled. Suspends: yes. Cancel: nothing is lost. In a handler
 * that runs on a pool thread it blocks that thread.
 */
ROTA_API int rota_sleep(rota_dur d) ROTA_MUST;

/* The same, until the moment `when`. */
ROTA_API int rota_sleep_until(rota_time when) ROTA_MUST;

#endif
