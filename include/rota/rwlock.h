/*
 * A readers-writer lock: any number of tasks read, or one writes. All wait in
 * one queue, in the order they came: a writer that waits keeps later readers
 * out, and readers that wait together are let in together. It belongs to one
 * thread.
 */
#ifndef ROTA_RWLOCK_H
#define ROTA_RWLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "rota/error.h"
#include "rota/export.h"

/* Zeroed is ready for use. */
typedef struct rota_rwlock {
    void *private_[10];
} rota_rwlock;

#define ROTA_RWLOCK_INIT \
    {                    \
        {                \
            0            \
        }                \
    }

/* Makes it free, whatever the memory held. Suspends: no. */
ROTA_API void rota_rwlock_init(rota_rwlock *l);

/* Says that it goes: 0, or -EBUSY (misuse) when it is held or waited for. */
ROTA_API int rota_rwlock_fini(rota_rwlock *l);

/*
 * Waits until the task may read, or write. 0, -ECANCELED, -ENOMEM (reading).
 * -EOWNERDEAD: a writer ended without releasing it; so it stays, until
 * rota_rwlock_init. Misuse: -EDEADLK, the task has it already, to read or to
 * write (a reader cannot become a writer); -EPERM outside of tasks; -EXDEV on
 * another thread. Suspends: yes. Cancel: the place in the queue.
 */
ROTA_API int rota_rwlock_read(rota_rwlock *l) ROTA_MUST;
ROTA_API int rota_rwlock_write(rota_rwlock *l) ROTA_MUST;

/* The same if it need not wait for it: 0, -EAGAIN. Suspends: no. */
ROTA_API int rota_rwlock_try_read(rota_rwlock *l) ROTA_MUST;
ROTA_API int rota_rwlock_try_write(rota_rwlock *l) ROTA_MUST;

/* Ends the caller's reading or writing, and lets in who waits. 0; misuse:
 * -EPERM, the task has it not. Suspends: no. */
ROTA_API int rota_rwlock_release(rota_rwlock *l);

/* The writer goes on as a reader; nobody writes in between. 0, -ENOMEM (it is
 * the writer still); misuse: -EPERM. Suspends: no. */
ROTA_API int rota_rwlock_downgrade(rota_rwlock *l);

/* Does somebody read or write? */
ROTA_API bool rota_rwlock_locked(const rota_rwlock *l);

/* How many tasks wait; counts them. */
ROTA_API size_t rota_rwlock_waiters(const rota_rwlock *l);

#endif
