/*
 * The clock. CLOCK_MONOTONIC stands still while the machine is suspended,
 * which is what a timeout of a program that was suspended too wants.
 */
#include "base/clock.h"

#include <time.h>

/* NULL: the system's. Initial-exec: one load, since many ask. */
static _Thread_local const rota_time *followed
    __attribute__((tls_model("initial-exec")));

void clock_follow(const rota_time *moment)
{
    followed = moment;
}

rota_time rota_now(void)
{
    if (__builtin_expect(followed != NULL, 0))
        return *followed;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (rota_time)t.tv_sec * 1000000000 + t.tv_nsec;
}
