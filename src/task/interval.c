/*
 * Intervals: the moment of the next tick, and what becomes of it when it was
 * asked for too late.
 */
#include <errno.h>

#include "rota/timer.h"

int rota_interval_init(rota_interval *it, rota_dur period,
                       enum rota_interval_mode mode)
{
    if (period <= 0)
        return -EINVAL;
    *it = (rota_interval){ rota_now(), period, mode };
    return 0;
}

int rota_interval_tick(rota_interval *it)
{
    int rc = rota_sleep_until(it->next);
    if (rc < 0)
        return rc;
    rota_time now = rota_now();
    rota_time from = it->next;
    int64_t skipped = 0;
    if (it->mode == ROTA_INTERVAL_DELAY)
        from = now;
    if (it->mode == ROTA_INTERVAL_SKIP)
        skipped = (now - it->next) / it->period;
    it->next = rota_time_add(from + skipped * it->period, it->period);
    return skipped > INT32_MAX ? INT32_MAX : (int)skipped;
}
