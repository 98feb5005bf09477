/*
 * Semaphores. Permits go to the head of the queue only; whenever the head
 * might have changed, by a release or because it was cancelled, it is seen
 * whether the permits that are there are enough for the new one.
 */
#include "rota/semaphore.h"

#include <limits.h>

#include "sync/waiters.h"

struct sem {
    struct waiters waiters;
    long value;
    long bound; /* LONG_MAX: none */
};

static const char what[] = "semaphore";

_Static_assert(sizeof(struct sem) <= sizeof(rota_sem),
               "rota_sem must have room for struct sem");

static struct sem *sem_of(rota_sem *s)
{
    return (struct sem *)s;
}

/* Serves the queue as far as the permits go. */
static void grant(struct sem *s)
{
    while (!waiters_empty(&s->waiters)) {
        struct clause *first = waiters_first(&s->waiters);
        long n = first->detail; /* what it wants */
        if (n > s->value)
            return;
        s->value -= n;
        clause_fire(first, 0);
    }
}

/* One that wanted many may have stood before some who want few. */
static bool leave(struct clause *c)
{
    list_remove(&c->link);
    grant((struct sem *)c->object);
    return true;
}

static const struct wait_kind acquire_wait = { what, leave, NULL };

static int take(struct sem *s, long n)
{
    if (n < 0 || n > s->bound)
        return -EINVAL;
    if (n > s->value || !waiters_empty(&s->waiters))
        return -EAGAIN;
    s->value -= n;
    return 0;
}

int rota_sem_init(rota_sem *s, long value, long bound)
{
    if (value < 0 || bound < 0 || (bound > 0 && value > bound))
        return -EINVAL;
    *sem_of(s) =
        (struct sem){ .value = value, .bound = bound > 0 ? bound : LONG_MAX };
    return 0;
}

int rota_sem_fini(rota_sem *s)
{
    return waiters_fini(&sem_of(s)->waiters, what);
}

int rota_sem_acquire(rota_sem *sem, long n)
{
    struct sem *s = sem_of(sem);
    struct rota_task *me;
    int rc = waiters_begin(&s->waiters, what, &me);
    if (rc < 0)
        return rc;
    rc = take(s, n);
    if (rc != -EAGAIN)
        return wait_done(me, rc);
    return waiters_wait(&s->waiters, me, &acquire_wait, s, NULL, n);
}

int rota_sem_try(rota_sem *s, long n)
{
    int rc = waiters_here(&sem_of(s)->waiters, what);
    return rc < 0 ? rc : take(sem_of(s), n);
}

int rota_sem_release(rota_sem *sem, long n)
{
    struct sem *s = sem_of(sem);
    int rc = waiters_here(&s->waiters, what);
    if (rc < 0)
        return rc;
    if (n < 0)
        return -EINVAL;
    if (n > s->bound - s->value)
        return -EOVERFLOW;
    s->value += n;
    grant(s);
    return 0;
}

bool rota_sem_locked(const rota_sem *sem)
{
    const struct sem *s = (const struct sem *)sem;
    return s->value == 0 || !waiters_empty(&s->waiters);
}

long rota_sem_value(const rota_sem *s)
{
    return ((const struct sem *)s)->value;
}

size_t rota_sem_waiters(const rota_sem *s)
{
    return waiters_count(&((const struct sem *)s)->waiters);
}
