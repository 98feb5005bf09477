/*
 * Locks. A release makes the first waiter the owner in the same step, so
 * nobody can come in between, and a task that was cancelled after that has
 * the lock all the same.
 */
#include "sync/lock.h"

static const char what[] = "lock";

_Static_assert(sizeof(struct lock) <= sizeof(rota_lock),
               "rota_lock must have room for struct lock");

static const struct wait_holder owner = { .at = offsetof(struct lock, owner) };
const struct wait_kind lock_wait = { what, NULL, &owner };

/* The owner ended: what the lock guards may be half done, so nobody may have
 * it any more. */
static void lost(struct holding *h)
{
    struct lock *l = container_of(h, struct lock, holding);
    l->owner = NULL;
    l->broken = true;
    waiters_fire_all(&l->waiters, -EOWNERDEAD);
    waiters_fire_all(&l->outside, -EOWNERDEAD);
    misuse(-EOWNERDEAD, "the task ended without releasing the lock %p",
           (void *)l);
}

static void own(struct lock *l, struct rota_task *t)
{
    l->owner = t;
    l->holding.lost = lost;
    list_push(&t->held, &l->holding.link);
}

void lock_pass(struct lock *l)
{
    list_remove(&l->holding.link);
    l->owner = NULL;
    if (waiters_empty(&l->waiters))
        return;
    struct clause *first = waiters_first(&l->waiters);
    own(l, first->task);
    clause_fire(first, 0);
}

/* Takes it if that needs no wait; else -EAGAIN, or why it cannot be. */
static int take(struct lock *l, struct rota_task *me)
{
    if (l->owner == me)
        return misuse(-EDEADLK, "a lock taken twice by one task");
    if (l->owner)
        return -EAGAIN;
    if (l->broken)
        return -EOWNERDEAD;
    own(l, me);
    return 0;
}

int lock_regain(struct lock *l, struct rota_task *me)
{
    int rc = take(l, me);
    if (rc != -EAGAIN)
        return rc;
    struct clause c;
    clause_init(&c, &lock_wait, l);
    waiters_push(&l->waiters, &c);
    return wait_park_shielded(me, &c, 1);
}

void rota_lock_init(rota_lock *l)
{
    *lock_of(l) = (struct lock){ 0 };
}

int rota_lock_fini(rota_lock *lock)
{
    struct lock *l = lock_of(lock);
    if (l->owner)
        return misuse(-EBUSY, "a lock destroyed while it is held");
    return waiters_fini(waiters_empty(&l->outside) ? &l->waiters : &l->outside,
                        what);
}

int rota_lock_acquire(rota_lock *lock)
{
    struct lock *l = lock_of(lock);
    struct rota_task *me;
    int rc = waiters_begin(&l->waiters, what, &me);
    if (rc < 0)
        return rc;
    rc = take(l, me);
    if (rc == 0)
        return wait_done(me, 0);
    if (rc != -EAGAIN)
        return rc;
    return waiters_wait(&l->waiters, me, &lock_wait, l, NULL, 0);
}

/* For the calls that are not ended by cancellation. */
static int begin_always(struct lock *l, struct rota_task **me)
{
    *me = task_current();
    if (!*me)
        return misuse(-EPERM, "a lock taken outside of a task");
    return waiters_here(&l->waiters, what);
}

int rota_lock_try(rota_lock *lock)
{
    struct lock *l = lock_of(lock);
    struct rota_task *me;
    int rc = begin_always(l, &me);
    return rc < 0 ? rc : take(l, me);
}

int rota_lock_release(rota_lock *lock)
{
    struct lock *l = lock_of(lock);
    struct rota_task *me = task_current();
    if (!me || l->owner != me)
        return misuse(-EPERM, "a lock released that the task does not hold");
    lock_pass(l);
    return 0;
}

static int enter(struct lock *l)
{
    struct rota_task *me;
    int rc = begin_always(l, &me);
    if (rc < 0)
        return rc;
    rc = lock_regain(l, me);
    if (rc == -EOWNERDEAD)
        return misuse(rc, "a lock entered whose owner ended without leaving");
    return rc < 0 ? rc : wait_done(me, 0);
}

void rota_lock_enter(rota_lock *l)
{
    enter(lock_of(l));
}

void rota_lock_leave(rota_lock *l)
{
    rota_lock_release(l);
}

rota_lock *rota_lock_block_(rota_lock *l)
{
    return enter(lock_of(l)) < 0 ? NULL : l;
}

bool rota_lock_locked(const rota_lock *l)
{
    return ((const struct lock *)l)->owner != NULL;
}

size_t rota_lock_waiters(const rota_lock *l)
{
    return waiters_count(&((const struct lock *)l)->waiters);
}
