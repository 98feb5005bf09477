/*
 * A capacity limiter: at most so many tasks do a thing at once. Unlike a
 * semaphore's permit, a place belongs to the task that took it: it cannot be
 * taken twice or given back by another, and a task that ends with one is
 * found out. It belongs to one thread.
 */
#ifndef ROTA_LIMITER_H
#define ROTA_LIMITER_H

#include <stddef.h>

#include "rota/error.h"
#include "rota/export.h"

typedef struct rota_limiter {
    void *private_[6];
} rota_limiter;

/* Makes one with `places`; 0 lets nobody in yet. Suspends: no. */
ROTA_API void rota_limiter_init(rota_limiter *l, size_t places);

/* Says that it goes: 0, or -EBUSY (misuse) when places are taken or waited
 * for. */
ROTA_API int rota_limiter_fini(rota_limiter *l);

/*
 * Waits for a place and takes it. 0, -ECANCELED, -ENOMEM; misuse: -EDEADLK,
 * this task has one already; -EPERM outside of tasks; -EXDEV on another
 * thread. Suspends: yes. Cancel: the place in the queue.
 */
ROTA_API int rota_limiter_acquire(rota_limiter *l) ROTA_MUST;

/* Takes one if one is free: 0, -EAGAIN; else the same. Suspends: no. */
ROTA_API int rota_limiter_try(rota_limiter *l) ROTA_MUST;

/* Gives the caller's place to the task that waits first. 0; misuse: -EPERM,
 * it has none. Suspends: no. */
ROTA_API int rota_limiter_release(rota_limiter *l);

/* Changes the number of places. Nobody loses one: with fewer, places that come
 * free are not given on. 0; misuse: -EXDEV. Suspends: no. */
ROTA_API int rota_limiter_resize(rota_limiter *l, size_t places);

/* How many places are taken; how many tasks wait (they are counted). */
ROTA_API size_t rota_limiter_taken(const rota_limiter *l);
ROTA_API size_t rota_limiter_waiters(const rota_limiter *l);

#endif
