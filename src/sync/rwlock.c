/*
 * Readers-writer locks: one queue, whose head is let in as far as it goes: a
 * writer when nobody is inside, a reader when no writer is. Who comes need
 * only look whether anybody waits, and then at who is inside.
 */
#include "rota/rwlock.h"

#include "sync/share.h"
#include "sync/waiters.h"

struct rwlock {
    struct waiters waiters;
    struct rota_task *writer;
    struct holding writing; /* among the writer's */
    size_t readers;         /* each has a share */
    bool broken;            /* a writer ended without releasing it */
};

struct entrant {
    struct clause clause;
    struct share *share; /* a reader's; NULL: a writer */
};

static const char what[] = "readers-writer lock";

_Static_assert(sizeof(struct rwlock) <= sizeof(rota_rwlock),
               "rota_rwlock must have room for struct rwlock");

static struct rwlock *rwlock_of(rota_rwlock *l)
{
    return (struct rwlock *)l;
}

/* May a reader (writer) be inside, with those who are? */
static bool has_room(const struct rwlock *l, bool reader)
{
    return !l->writer && (reader || l->readers == 0);
}

/* The writer ended: what the lock guards may be half done. */
static void writer_lost(struct holding *h)
{
    struct rwlock *l = container_of(h, struct rwlock, writing);
    l->writer = NULL;
    l->broken = true;
    waiters_fire_all(&l->waiters, -EOWNERDEAD);
    misuse(-EOWNERDEAD, "the task ended without releasing the %s %p", what,
           (void *)l);
}

/* Makes `t` a reader with the share `s`, or the writer when that is NULL. */
static void enter(struct rwlock *l, struct rota_task *t, struct share *s)
{
    if (s) {
        l->readers++;
        share_give(s, t);
        return;
    }
    l->writer = t;
    l->writing.lost = writer_lost;
    list_push(&t->held, &l->writing.link);
}

/* Lets in who may be inside now. */
static void admit(struct rwlock *l)
{
    while (!waiters_empty(&l->waiters)) {
        struct clause *c = waiters_first(&l->waiters);
        struct share *s = container_of(c, struct entrant, clause)->share;
        if (!has_room(l, s != NULL))
            return;
        enter(l, c->task, s);
        clause_fire(c, 0);
    }
}

static void stop_reading(struct rwlock *l, struct share *s)
{
    share_free(s);
    l->readers--;
    admit(l);
}

/* A reader leaves nothing half done. */
static void reader_lost(struct holding *h)
{
    struct share *s = container_of(h, struct share, holding);
    struct rwlock *l = s->object;
    stop_reading(l, s);
    misuse(-EOWNERDEAD, "the task ended without releasing the %s %p", what,
           (void *)l);
}

/* A writer that no longer waits may have kept readers out. */
static bool leave(struct clause *c)
{
    list_remove(&c->link);
    admit((struct rwlock *)c->object);
    return true;
}

static const struct wait_holder writer = { .at = offsetof(struct rwlock,
                                                          writer) };
static const struct wait_kind read_wait = { "read lock", leave, &writer };
static const struct wait_kind write_wait = { "write lock", leave, &writer };

/* May `me` ask for it at all? */
static int check(const struct rwlock *l, const struct rota_task *me)
{
    if (l->writer == me || share_find(me, l, reader_lost))
        return misuse(-EDEADLK, "a %s taken twice by one task", what);
    return l->broken ? -EOWNERDEAD : 0;
}

/* The way in of both; a reader's `share` is NULL when there was no memory. */
static int attempt(struct rwlock *l, struct rota_task *me, bool read,
                   struct share **s)
{
    int rc = check(l, me);
    *s = rc == 0 && read ? share_new(l, reader_lost) : NULL;
    if (rc < 0)
        return rc;
    if (read && !*s)
        return -ENOMEM;
    if (!waiters_empty(&l->waiters) || !has_room(l, read))
        return -EAGAIN;
    enter(l, me, *s);
    return 0;
}

static int acquire(struct rwlock *l, bool read)
{
    struct rota_task *me;
    struct entrant e;
    int rc = waiters_begin(&l->waiters, what, &me);
    if (rc < 0)
        return rc;
    rc = attempt(l, me, read, &e.share);
    if (rc != -EAGAIN)
        return wait_done(me, rc);
    clause_init(&e.clause, read ? &read_wait : &write_wait, l);
    waiters_push(&l->waiters, &e.clause);
    rc = wait_park(me, &e.clause, 1);
    if (rc < 0 && e.share)
        share_free(e.share);
    return rc;
}

static int try(struct rwlock *l, bool read)
{
    struct rota_task *me = task_current();
    struct share *s;
    if (!me)
        return misuse(-EPERM, "a %s taken outside of a task", what);
    int rc = waiters_here(&l->waiters, what);
    if (rc < 0)
        return rc;
    rc = attempt(l, me, read, &s);
    if (rc < 0 && s)
        share_free(s);
    return rc;
}

static void stop_writing(struct rwlock *l)
{
    list_remove(&l->writing.link);
    l->writer = NULL;
}

void rota_rwlock_init(rota_rwlock *l)
{
    *rwlock_of(l) = (struct rwlock){ 0 };
}

int rota_rwlock_fini(rota_rwlock *lock)
{
    struct rwlock *l = rwlock_of(lock);
    if (l->writer || l->readers > 0)
        return misuse(-EBUSY, "a %s destroyed while it is held", what);
    return waiters_fini(&l->waiters, what);
}

int rota_rwlock_read(rota_rwlock *l)
{
    return acquire(rwlock_of(l), true);
}

int rota_rwlock_write(rota_rwlock *l)
{
    return acquire(rwlock_of(l), false);
}

int rota_rwlock_try_read(rota_rwlock *l)
{
    return try(rwlock_of(l), true);
}

int rota_rwlock_try_write(rota_rwlock *l)
{
    return try(rwlock_of(l), false);
}

int rota_rwlock_release(rota_rwlock *lock)
{
    struct rwlock *l = rwlock_of(lock);
    struct rota_task *me = task_current();
    if (me && l->writer == me) {
        stop_writing(l);
        admit(l);
        return 0;
    }
    struct share *s = me ? share_find(me, l, reader_lost) : NULL;
    if (!s)
        return misuse(-EPERM, "a %s released that the task does not hold",
                      what);
    stop_reading(l, s);
    return 0;
}

int rota_rwlock_downgrade(rota_rwlock *lock)
{
    struct rwlock *l = rwlock_of(lock);
    struct rota_task *me = task_current();
    if (!me || l->writer != me)
        return misuse(-EPERM, "a %s downgraded by a task that does not write",
                      what);
    struct share *s = share_new(l, reader_lost);
    if (!s)
        return -ENOMEM;
    stop_writing(l);
    enter(l, me, s);
    admit(l);
    return 0;
}

bool rota_rwlock_locked(const rota_rwlock *lock)
{
    const struct rwlock *l = (const struct rwlock *)lock;
    return l->writer || l->readers > 0;
}

size_t rota_rwlock_waiters(const rota_rwlock *l)
{
    return waiters_count(&((const struct rwlock *)l)->waiters);
}
