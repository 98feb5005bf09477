/*
 * Whose clock a thread goes by. A simulation has one of its own, which only
 * the simulation moves on: all code of its threads that asks for the time is
 * told that.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "rota/time.h"

/* From now on rota_now() of this thread is what stands at `moment`; NULL: the
 * system's clock again. */
void clock_follow(const rota_time *moment);

#endif
