/*
 * Inside a lock: who owns it, and who waits. Conditions let go of it and take
 * it back.
 */
#ifndef SYNC_LOCK_H
#define SYNC_LOCK_H

#include "rota/lock.h"
#include "sync/waiters.h"

struct lock {
    struct waiters waiters;
    struct rota_task *owner; /* NULL: free, or broken */
    struct holding holding;  /* among the owner's */
    bool broken;             /* an owner ended without releasing it */
    struct waiters outside;  /* waits on its conditions: they end when it
                                breaks */
};

static inline struct lock *lock_of(rota_lock *l)
{
    return (struct lock *)l;
}

/* Of a task that waits for the lock (the clause's object). */
extern const struct wait_kind lock_wait;

/* Gives it to whoever waits first. */
void lock_pass(struct lock *l);

/* Waits for it, whatever happens: 0, or -EOWNERDEAD. */
int lock_regain(struct lock *l, struct rota_task *me);

#endif
