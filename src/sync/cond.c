/*
 * Conditions. A notified waiter is moved from the condition's queue to the
 * lock's and cannot be cancelled from then on: so a notification is never
 * lost, and nobody runs only to find the lock taken.
 */
#include "rota/cond.h"

#include "sync/lock.h"

struct cond {
    struct lock *lock; /* first: see ROTA_COND_INIT */
    struct waiters waiters;
};

_Static_assert(sizeof(struct cond) <= sizeof(rota_cond),
               "rota_cond must have room for struct cond");

static struct cond *cond_of(rota_cond *c)
{
    return (struct cond *)c;
}

static const struct wait_kind notify_wait = { "condition", NULL, NULL };
static const struct wait_kind outside_wait = { "condition's lock", NULL, NULL };

/* Waits for a notification and the lock, which is let go meanwhile. */
static int wait(struct cond *c, struct rota_task *me)
{
    struct clause clauses[2];
    clause_init(&clauses[0], &notify_wait, c);
    clause_init(&clauses[1], &outside_wait, c->lock);
    waiters_push(&c->waiters, &clauses[0]);
    waiters_push(&c->lock->outside, &clauses[1]);
    lock_pass(c->lock);
    int rc = wait_park(me, clauses, 2);
    if (rc != -ECANCELED)
        return rc;
    int got = lock_regain(c->lock, me);
    return got < 0 ? got : rc;
}

/* The waiter `c` waits for the lock from now on, whatever happens. */
static void move(struct clause *c, struct lock *l)
{
    list_remove(&c->link);
    c->kind = &lock_wait;
    c->object = l;
    c->task->shielded = true;
    waiters_push(&l->waiters, c);
}

static int not_mine(const char *call)
{
    return misuse(-EPERM, "%s without holding the condition's lock", call);
}

void rota_cond_init(rota_cond *c, rota_lock *l)
{
    *cond_of(c) = (struct cond){ .lock = lock_of(l) };
}

int rota_cond_fini(rota_cond *c)
{
    return waiters_fini(&cond_of(c)->waiters, "condition");
}

int rota_cond_wait(rota_cond *cond)
{
    struct cond *c = cond_of(cond);
    struct rota_task *me;
    int rc = wait_begin(&me);
    if (rc < 0)
        return rc;
    return c->lock->owner == me ? wait(c, me) : not_mine("a wait");
}

int rota_cond_wait_for(rota_cond *c, bool (*pred)(void *arg), void *arg)
{
    struct rota_task *me;
    int rc = wait_begin(&me);
    if (rc < 0)
        return rc;
    if (pred(arg))
        return wait_done(me, 0);
    do
        rc = rota_cond_wait(c);
    while (rc == 0 && !pred(arg));
    return rc;
}

int rota_cond_notify(rota_cond *cond, size_t n)
{
    struct cond *c = cond_of(cond);
    struct rota_task *me = task_current();
    if (!me || c->lock->owner != me)
        return not_mine("a notification");
    for (; n > 0 && !waiters_empty(&c->waiters); n--)
        move(waiters_first(&c->waiters), c->lock);
    return 0;
}

int rota_cond_notify_all(rota_cond *c)
{
    return rota_cond_notify(c, SIZE_MAX);
}

size_t rota_cond_waiters(const rota_cond *c)
{
    return waiters_count(&((const struct cond *)c)->waiters);
}
