/*
 * The clock. CLOCK_MONOTONIC stands still while the machine is suspended,
 * which is what a timeout of a program that was suspended too wants.
 */
#include <time.h>

#include "rota/time.h"

rota_time rota_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (rota_time)t.tv_sec * 1000000000 + t.tv_nsec;
}
