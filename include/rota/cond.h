/*
 * A condition: tasks that hold a lock wait until something about what it
 * guards has changed, and the task that changes it tells them. Waiting lets go
 * of the lock and takes it back before it returns.
 *
 *     ROTA_WITH_LOCK(&l) {
 *         rc = rota_cond_wait_for(&c, has_room, &box);
 *     }
 */
#ifndef ROTA_COND_H
#define ROTA_COND_H

#include <stdbool.h>
#include <stddef.h>

#include "rota/lock.h"

typedef struct rota_cond {
    void *private_[6];
} rota_cond;

/* A condition of the lock at `l`. */
#define ROTA_COND_INIT(l) \
    {                     \
        {                 \
            (l)           \
        }                 \
    }

/* Makes one of the lock `l`, which must outlive it. Suspends: no. */
ROTA_API void rota_cond_init(rota_cond *c, rota_lock *l);

/* Says that it goes: 0, or -EBUSY (misuse) when tasks wait. */
ROTA_API int rota_cond_fini(rota_cond *c);

/*
 * Lets go of the lock, which the caller holds, until it is notified, and
 * takes it back. The lock is the caller's again whatever is returned, but for
 * -EOWNERDEAD. 0: it was notified, and nobody else by that notification.
 * -ECANCELED: it was not; cancelled before the call, the lock was never let
 * go. -EOWNERDEAD: another owner of the lock ended with it. Misuse: -EPERM,
 * the lock is not mine. Suspends: yes. Cancel: the place in the queue; one
 * that was notified before is not cut, although it waits for the lock yet.
 */
ROTA_API int rota_cond_wait(rota_cond *c) ROTA_MUST;

/*
 * Waits until pred(arg) holds: 0; else as rota_cond_wait. The lock is held
 * while pred is called, unless it was not when this was, and pred holds at
 * once. Suspends: yes. Cancel: as rota_cond_wait.
 */
ROTA_API int rota_cond_wait_for(rota_cond *c, bool (*pred)(void *arg),
                                void *arg) ROTA_MUST;

/*
 * Ends the wait of the first `n` tasks that wait, or of all: they get the lock
 * in their order when it is released. 0; misuse: -EPERM, the lock is not mine.
 * Suspends: no.
 */
ROTA_API int rota_cond_notify(rota_cond *c, size_t n);
ROTA_API int rota_cond_notify_all(rota_cond *c);

/* How many tasks wait to be notified; counts them. */
ROTA_API size_t rota_cond_waiters(const rota_cond *c);

#endif
