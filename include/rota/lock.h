/*
 * A lock: one task at a time, in the order they came. Between two suspending
 * calls a task is alone anyway; a lock is for work that suspends in between.
 *
 *     static rota_lock l = ROTA_LOCK_INIT;
 *
 *     ROTA_WITH_LOCK(&l) {
 *         ...                  the only one here, however long it takes
 *     }
 *
 * It belongs to one thread: that of the loop whose task uses it first. What
 * is said of misuse panics, unless a handler is set (rota/error.h).
 */
#ifndef ROTA_LOCK_H
#define ROTA_LOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "rota/error.h"
#include "rota/export.h"

/* Lives where the caller puts it; zeroed is ready for use. */
typedef struct rota_lock {
    void *private_[12];
} rota_lock;

#define ROTA_LOCK_INIT \
    {                  \
        {              \
            0          \
        }              \
    }

/* Makes it free, whatever the memory held. Suspends: no. */
ROTA_API void rota_lock_init(rota_lock *l);

/* Says that it goes: 0, or -EBUSY (misuse) when it is held or waited for.
 * It holds no memory: a lock that lives for ever needs none of this. */
ROTA_API int rota_lock_fini(rota_lock *l);

/*
 * Waits for the lock and takes it. 0: it is mine. -ECANCELED: it is not.
 * -EOWNERDEAD: its owner ended without releasing it, and what it guards may be
 * half done: so it stays, until rota_lock_init. Misuse: -EDEADLK, it is mine
 * already; -EPERM outside of tasks; -EXDEV on another thread. Suspends: yes.
 * Cancel: the place in the queue.
 */
ROTA_API int rota_lock_acquire(rota_lock *l) ROTA_MUST;

/* Takes it if it is free: 0, -EAGAIN; else as rota_lock_acquire, but does not
 * look at cancellation. Suspends: no. */
ROTA_API int rota_lock_try(rota_lock *l) ROTA_MUST;

/*
 * Gives it to the task that waits first; it is that task's before this
 * returns. 0; misuse: -EPERM, it is not mine. Suspends: no.
 */
ROTA_API int rota_lock_release(rota_lock *l);

/*
 * The same two for short work, where a failure would only be ignored: enter
 * is not ended by cancellation and always comes back with the lock. Misuse is
 * also a lock whose owner ended (-EOWNERDEAD). Enter suspends: yes. Cancel:
 * not.
 */
ROTA_API void rota_lock_enter(rota_lock *l);
ROTA_API void rota_lock_leave(rota_lock *l);

/* Does somebody hold it? */
ROTA_API bool rota_lock_locked(const rota_lock *l);

/* How many tasks wait for it; counts them. */
ROTA_API size_t rota_lock_waiters(const rota_lock *l);

/*
 * ROTA_WITH_LOCK(l) { ... } enters the lock for the block and leaves it
 * however the block is left, but for exit and longjmp.
 */
#define ROTA_WITH_LOCK(l)         ROTA_WITH_LOCK_(l, __LINE__)
#define ROTA_WITH_LOCK_(l, line)  ROTA_WITH_LOCK__(l, line)
#define ROTA_WITH_LOCK__(l, line) ROTA_WITH_LOCK___(l, rota_lock_block_##line)
#define ROTA_WITH_LOCK___(l, held)                                         \
    for (rota_lock * held __attribute__((cleanup(rota_lock_block_end_))) = \
             rota_lock_block_(l);                                          \
         held; rota_lock_block_end_(&held))

/* The lock, entered; NULL when a handler took the misuse, and the block is
 * skipped. */
ROTA_API rota_lock *rota_lock_block_(rota_lock *l);

static inline void rota_lock_block_end_(rota_lock **held)
{
    if (*held)
        rota_lock_leave(*held);
    *held = NULL;
}

#endif
