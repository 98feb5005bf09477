/*
 * Barriers. Those who wait are the generation: a trip empties the queue at
 * once, so who comes next belongs to the next one, whether the tasks of this
 * one have run or not.
 */
#include "rota/barrier.h"

#include <limits.h>

#include "sync/waiters.h"

struct barrier {
    struct waiters waiters;
    unsigned parties;
    unsigned waiting; /* tasks in the queue */
    bool broken;
};

static const char what[] = "barrier";

_Static_assert(sizeof(struct barrier) <= sizeof(rota_barrier),
               "rota_barrier must have room for struct barrier");

static struct barrier *barrier_of(rota_barrier *b)
{
    return (struct barrier *)b;
}

static bool leave(struct clause *c)
{
    ((struct barrier *)c->object)->waiting--;
    return true;
}

static const struct wait_kind barrier_wait = { what, leave, NULL };

/* Everybody is here: each gets its place, the caller the last. */
static int trip(struct barrier *b)
{
    int place = 0;
    b->waiting = 0;
    while (!waiters_empty(&b->waiters))
        clause_fire(waiters_first(&b->waiters), place++);
    return place;
}

static int end_waits(struct barrier *b, bool broken)
{
    int rc = waiters_here(&b->waiters, what);
    if (rc < 0)
        return rc;
    b->broken = broken;
    b->waiting = 0;
    waiters_fire_all(&b->waiters, -ROTA_EBROKEN);
    return 0;
}

int rota_barrier_init(rota_barrier *b, unsigned parties)
{
    if (parties == 0 || parties > INT_MAX)
        return -EINVAL;
    *barrier_of(b) = (struct barrier){ .parties = parties };
    return 0;
}

int rota_barrier_fini(rota_barrier *b)
{
    return waiters_fini(&barrier_of(b)->waiters, what);
}

int rota_barrier_wait(rota_barrier *barrier)
{
    struct barrier *b = barrier_of(barrier);
    struct rota_task *me;
    int rc = waiters_begin(&b->waiters, what, &me);
    if (rc < 0)
        return rc;
    if (b->broken)
        return -ROTA_EBROKEN;
    if (b->waiting + 1 == b->parties)
        return wait_done(me, trip(b));
    b->waiting++;
    return waiters_wait(&b->waiters, me, &barrier_wait, b, NULL, 0);
}

int rota_barrier_reset(rota_barrier *b)
{
    return end_waits(barrier_of(b), false);
}

int rota_barrier_abort(rota_barrier *b)
{
    return end_waits(barrier_of(b), true);
}

unsigned rota_barrier_waiting(const rota_barrier *b)
{
    return ((const struct barrier *)b)->waiting;
}
