/*
 * A semaphore: a number of permits that tasks take and give back, one or many
 * at a time. Whoever waits is served strictly in order: while a task waits for
 * many, nobody takes a few ahead of it. A permit has no owner: any task, or a
 * callback of the loop, may release. It belongs to one thread.
 */
#ifndef ROTA_SEMAPHORE_H
#define ROTA_SEMAPHORE_H

#include <stdbool.h>
#include <stddef.h>

#include "rota/error.h"
#include "rota/export.h"

typedef struct rota_sem {
    void *private_[6];
} rota_sem;

/*
 * Makes one with `value` permits; with `bound` > 0 it never has more than
 * that. 0, or -EINVAL: value < 0, bound < 0, or value above the bound.
 * Suspends: no.
 */
ROTA_API int rota_sem_init(rota_sem *s, long value, long bound);

/* Says that it goes: 0, or -EBUSY (misuse) when tasks wait. */
ROTA_API int rota_sem_fini(rota_sem *s);

/*
 * Waits for `n` >= 0 permits and takes them. 0, -ECANCELED, -EINVAL (n < 0,
 * or above the bound); misuse: -EPERM outside of tasks, -EXDEV on another
 * thread. Suspends: yes. Cancel: the place in the queue.
 */
ROTA_API int rota_sem_acquire(rota_sem *s, long n) ROTA_MUST;

/* Takes them if they are there and nobody waits: 0, -EAGAIN, -EINVAL.
 * Suspends: no. */
ROTA_API int rota_sem_try(rota_sem *s, long n) ROTA_MUST;

/*
 * Gives `n` >= 0 permits back, to the tasks that wait first: as many as that
 * is enough for have them before it returns. 0, -EINVAL (n < 0), -EOVERFLOW
 * (above the bound; none was given). Suspends: no.
 */
ROTA_API int rota_sem_release(rota_sem *s, long n);

/* Would a task that wants one permit have to wait? */
ROTA_API bool rota_sem_locked(const rota_sem *s);

/* The permits that are there. */
ROTA_API long rota_sem_value(const rota_sem *s);

/* How many tasks wait; counts them. */
ROTA_API size_t rota_sem_waiters(const rota_sem *s);

#endif
