/*
 * A wait group: a count of things under way, and tasks that wait until there
 * is none. For tasks, a task group (rota/group.h) is the better tool: it also
 * passes errors and cancellation on. A wait group belongs to one thread.
 */
#ifndef ROTA_WAIT_GROUP_H
#define ROTA_WAIT_GROUP_H

#include <stddef.h>

#include "rota/error.h"
#include "rota/export.h"

typedef struct rota_wg {
    void *private_[4];
} rota_wg;

/* Zeroed is ready for use. */
#define ROTA_WG_INIT \
    {                \
        {            \
            0        \
        }            \
    }

/* Makes one with the count 0. Suspends: no. */
ROTA_API void rota_wg_init(rota_wg *g);

/* Says that it goes: 0, or -EBUSY (misuse) when tasks wait. */
ROTA_API int rota_wg_fini(rota_wg *g);

/*
 * Adds `n`, which may be negative, to the count; at 0 all who wait go on. 0,
 * or -EOVERFLOW: the count would be below 0 or too large, and is as it was.
 * Misuse: -EXDEV on another thread. Suspends: no.
 */
ROTA_API int rota_wg_add(rota_wg *g, long n);

/* One less: rota_wg_add(g, -1). */
ROTA_API int rota_wg_done(rota_wg *g);

/*
 * Waits until the count is, or was since the call, 0. 0, -ECANCELED; misuse:
 * -EPERM outside of tasks, -EXDEV. Suspends: yes. Cancel: nothing is lost.
 */
ROTA_API int rota_wg_wait(rota_wg *g) ROTA_MUST;

/* The count; how many tasks wait (they are counted). */
ROTA_API long rota_wg_count(const rota_wg *g);
ROTA_API size_t rota_wg_waiters(const rota_wg *g);

#endif
