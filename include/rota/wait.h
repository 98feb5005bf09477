/*
 * Waiting for some of several futures, without owning them: nothing here
 * cancels what it waits for, looks at an outcome, or drops a handle. A task
 * is waited for through its future (rota_task_future).
 */
#ifndef ROTA_WAIT_H
#define ROTA_WAIT_H

#include <stddef.h>

#include "rota/future.h"
#include "rota/time.h"

enum rota_wait_mode {
    ROTA_FIRST_COMPLETED, /* until one is done */
    ROTA_FIRST_EXCEPTION, /* until one has failed, or all are done */
    ROTA_ALL_COMPLETED,
};

/*
 * Waits for `n` futures, for at most `timeout` nanoseconds (ROTA_FOREVER: no
 * limit; <= 0: the other ready tasks run once). Returns how many of them are
 * done, also when the time is over. One may stand in several places, and then
 * counts as often. A cancelled one has not failed.
 *
 * -ECANCELED: I was cancelled, they were not. -EINVAL: n = 0. -EDEADLK: one is
 * a task that waits for me. -EXDEV: one belongs to another loop. -ENOMEM: no
 * memory, or one of them is NULL.
 * Suspends: yes. Cancel: nothing is lost.
 */
ROTA_API int rota_wait(rota_future *const *futures, size_t n,
                       enum rota_wait_mode mode, rota_dur timeout) ROTA_MUST;

/* Goes through futures in the order in which they are done. Lives where the
 * caller puts it, from init to fini; used by one task at a time. */
typedef struct rota_as_completed {
    void *private_[8];
} rota_as_completed;

/* Begins; those that are done already come first, in the order given. 0,
 * -EINVAL (n = 0), -EXDEV (one belongs to another loop), -ENOMEM (or one of
 * them is NULL). Suspends: no. */
ROTA_API int rota_as_completed_init(rota_as_completed *it,
                                    rota_future *const *futures, size_t n);

/*
 * Waits for the next: 1, and its place in `*index`; 0 when all have been
 * given. A deadline is a scope around the call: it can be called again.
 * -ECANCELED: `*index` is untouched. -EBUSY: another task waits in it.
 * Suspends: yes. Cancel: nothing is lost.
 */
ROTA_API int rota_as_completed_next(rota_as_completed *it,
                                    size_t *index) ROTA_MUST;

/* Ends it, at any time but while a task waits in it; the futures are not
 * touched. Suspends: no. */
ROTA_API void rota_as_completed_fini(rota_as_completed *it);

#endif
