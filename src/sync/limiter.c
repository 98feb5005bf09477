/*
 * Capacity limiters. While a task waits all places are taken: so one that
 * comes free goes to the first who waits, and who comes need only look at the
 * number.
 */
#include "rota/limiter.h"

#include "sync/share.h"
#include "sync/waiters.h"

struct limiter {
    struct waiters waiters;
    size_t places;
    size_t taken;
};

struct borrower {
    struct clause clause;
    struct share *share; /* its own, once a place is free */
};

static const char what[] = "limiter";

_Static_assert(sizeof(struct limiter) <= sizeof(rota_limiter),
               "rota_limiter must have room for struct limiter");

static struct limiter *limiter_of(rota_limiter *l)
{
    return (struct limiter *)l;
}

static const struct wait_kind place_wait = { what, NULL, NULL };

/* Gives the free places to those who wait. */
static void admit(struct limiter *l)
{
    while (l->taken < l->places && !waiters_empty(&l->waiters)) {
        struct clause *c = waiters_first(&l->waiters);
        l->taken++;
        share_give(container_of(c, struct borrower, clause)->share, c->task);
        clause_fire(c, 0);
    }
}

static void give_back(struct limiter *l, struct share *s)
{
    share_free(s);
    l->taken--;
    admit(l);
}

static void lost(struct holding *h)
{
    struct share *s = container_of(h, struct share, holding);
    struct limiter *l = s->object;
    give_back(l, s);
    misuse(-EOWNERDEAD, "the task ended without leaving the limiter %p",
           (void *)l);
}

/* A share for `me`, that has none. */
static int prepare(struct limiter *l, struct rota_task *me, struct share **s)
{
    if (share_find(me, l, lost))
        return misuse(-EDEADLK, "a limiter taken twice by one task");
    *s = share_new(l, lost);
    return *s ? 0 : -ENOMEM;
}

static void take(struct limiter *l, struct rota_task *me, struct share *s)
{
    l->taken++;
    share_give(s, me);
}

static int wait(struct limiter *l, struct rota_task *me, struct share *s)
{
    struct borrower b = { .share = s };
    clause_init(&b.clause, &place_wait, l);
    waiters_push(&l->waiters, &b.clause);
    int rc = wait_park(me, &b.clause, 1);
    if (rc < 0)
        share_free(s);
    return rc;
}

void rota_limiter_init(rota_limiter *l, size_t places)
{
    *limiter_of(l) = (struct limiter){ .places = places };
}

int rota_limiter_fini(rota_limiter *limiter)
{
    struct limiter *l = limiter_of(limiter);
    if (l->taken > 0)
        return misuse(-EBUSY, "a limiter destroyed with tasks inside");
    return waiters_fini(&l->waiters, what);
}

int rota_limiter_acquire(rota_limiter *limiter)
{
    struct limiter *l = limiter_of(limiter);
    struct rota_task *me;
    struct share *s = NULL;
    int rc = waiters_begin(&l->waiters, what, &me);
    if (rc == 0)
        rc = prepare(l, me, &s);
    if (rc < 0)
        return rc;
    if (l->taken >= l->places)
        return wait(l, me, s);
    take(l, me, s);
    return wait_done(me, 0);
}

int rota_limiter_try(rota_limiter *limiter)
{
    struct limiter *l = limiter_of(limiter);
    struct rota_task *me = task_current();
    struct share *s = NULL;
    if (!me)
        return misuse(-EPERM, "a limiter taken outside of a task");
    int rc = waiters_here(&l->waiters, what);
    if (rc == 0 && l->taken >= l->places)
        rc = -EAGAIN;
    if (rc == 0)
        rc = prepare(l, me, &s);
    if (rc == 0)
        take(l, me, s);
    return rc;
}

int rota_limiter_release(rota_limiter *limiter)
{
    struct limiter *l = limiter_of(limiter);
    struct rota_task *me = task_current();
    struct share *s = me ? share_find(me, l, lost) : NULL;
    if (!s)
        return misuse(-EPERM, "a limiter left by a task that is not inside");
    give_back(l, s);
    return 0;
}

int rota_limiter_resize(rota_limiter *limiter, size_t places)
{
    struct limiter *l = limiter_of(limiter);
    int rc = waiters_here(&l->waiters, what);
    if (rc < 0)
        return rc;
    l->places = places;
    admit(l);
    return 0;
}

size_t rota_limiter_taken(const rota_limiter *l)
{
    return ((const struct limiter *)l)->taken;
}

size_t rota_limiter_waiters(const rota_limiter *l)
{
    return waiters_count(&((const struct limiter *)l)->waiters);
}
