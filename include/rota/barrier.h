/*
 * A barrier: tasks wait for each other until a number of them has come, then
 * all go on, and it can be used again. It belongs to one thread.
 */
#ifndef ROTA_BARRIER_H
#define ROTA_BARRIER_H

#include "rota/error.h"
#include "rota/export.h"

typedef struct rota_barrier {
    void *private_[6];
} rota_barrier;

/* Makes one for `parties` tasks: 0, or -EINVAL when that is 0 or above
 * INT_MAX. Suspends: no. */
ROTA_API int rota_barrier_init(rota_barrier *b, unsigned parties);

/* Says that it goes: 0, or -EBUSY (misuse) when tasks wait. */
ROTA_API int rota_barrier_fini(rota_barrier *b);

/*
 * Waits until as many tasks wait as the barrier has parties; the last of them
 * goes on at once. Returns the place of this one in the order they came: 0 to
 * parties - 1, each once. -ECANCELED: it does not count, the others wait on.
 * -ROTA_EBROKEN: the barrier was reset or aborted. Misuse: -EPERM outside of
 * tasks, -EXDEV on another thread. Suspends: yes. Cancel: the place.
 */
ROTA_API int rota_barrier_wait(rota_barrier *b) ROTA_MUST;

/* Sends those who wait away with -ROTA_EBROKEN; the barrier can be used
 * again, also one that was aborted. 0; misuse: -EXDEV. Suspends: no. */
ROTA_API int rota_barrier_reset(rota_barrier *b);

/* The same, and so for all who come, until it is reset. */
ROTA_API int rota_barrier_abort(rota_barrier *b);

/* How many tasks wait. */
ROTA_API unsigned rota_barrier_waiting(const rota_barrier *b);

#endif
