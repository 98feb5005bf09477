/*
 * Once: work that is done by whoever needs it first, while the others wait
 * for it. It belongs to one thread.
 */
#ifndef ROTA_ONCE_H
#define ROTA_ONCE_H

#include "rota/task.h"

/* Zeroed is ready for use. */
typedef struct rota_once {
    void *private_[6];
} rota_once;

#define ROTA_ONCE_INIT \
    {                  \
        {              \
            0          \
        }              \
    }

/*
 * Calls fn(arg), unless a call on `o` has succeeded before: then, or when one
 * does while this one waits for it, its result is returned. A call that fails
 * or is cancelled returns its own error, and the task that waits first calls
 * its own fn(arg). So: what fn returned, >= 0 the same for all; -ECANCELED
 * while waiting. Misuse: -EDEADLK from inside fn, -EPERM outside of tasks,
 * -EXDEV on another thread. Suspends: yes. Cancel: nothing is lost.
 */
ROTA_API int rota_once_run(rota_once *o, rota_fn *fn, void *arg) ROTA_MUST;

#endif
