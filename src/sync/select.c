/*
 * Select. All that threads share is locked, in the order of addresses; then
 * the cases are tried in an order drawn by chance, and the first that can be
 * done is. When none can, a clause for each goes into the queue it belongs
 * in before anything is unlocked, and the wait protocol does the rest: one
 * fires, the others are withdrawn.
 */
#include "sync/select.h"

#include <stdlib.h>

/* Selects of so many cases need no memory but the stack. */
enum { FEW = 6 };

struct select {
    struct pick *picks;
    struct clause *clauses; /* of the picks, then of the timeout */
    unsigned count;         /* of the picks */
    unsigned lock_count;
    pthread_mutex_t **locks; /* ascending, each once */
    struct timer timer;
    rota_time until;    /* of the timeout; 0: not known yet */
    struct pick *early; /* became ready while it was put into its queue */
    struct claim claim;
};

/* Notes a lock at its place among the others. */
static void add_lock(struct select *s, pthread_mutex_t *lock)
{
    unsigned i = s->lock_count;
    while (i > 0 && s->locks[i - 1] > lock)
        i--;
    if (i > 0 && s->locks[i - 1] == lock)
        return;
    for (unsigned k = s->lock_count++; k > i; k--)
        s->locks[k] = s->locks[k - 1];
    s->locks[i] = lock;
}

static void lock_all(struct select *s)
{
    for (unsigned i = 0; i < s->lock_count; i++)
        pthread_mutex_lock(s->locks[i]);
}

static void unlock_all(struct select *s)
{
    for (unsigned i = s->lock_count; i > 0; i--)
        pthread_mutex_unlock(s->locks[i - 1]);
}

static bool has_object(const rota_case *c)
{
    switch (c->kind) {
    case ROTA_CASE_NEVER: return false;
    case ROTA_CASE_READABLE:
    case ROTA_CASE_WRITABLE: return c->fd >= 0;
    default: return c->object != NULL;
    }
}

/* The picks: those cases that have something to wait for. */
static int prepare(struct select *s, struct rota_task *me, rota_case *cases,
                   size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct pick *p = &s->picks[s->count];
        if (!has_object(&cases[i]))
            continue;
        p->of = &cases[i];
        int rc = pick_init(p, me);
        if (rc < 0)
            return rc;
        if (p->lock)
            add_lock(s, p->lock);
        s->count++;
    }
    return 0;
}

static void swap(struct pick *a, struct pick *b)
{
    struct pick kept = *a;
    *a = *b;
    *b = kept;
}

/* Tries the picks, which are shuffled on the way: the one done, or NULL. */
static struct pick *try_all(struct select *s, struct loop *l, unsigned flags,
                            struct clause **peer)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct pick *p = &s->picks[i];
        unsigned left = s->count - i;
        if (!(flags & ROTA_SELECT_PRIORITY) && left > 1)
            swap(p, p + loop_random(l, left));
        p->of->rc = pick_try(p, peer);
        if (p->of->rc != -EAGAIN)
            return p;
    }
    return NULL;
}

static void expired(struct timer *t)
{
    struct select *s = container_of(t, struct select, timer);
    clause_fire(&s->clauses[s->count], -ETIMEDOUT);
}

static bool disarm(struct clause *c)
{
    struct select *s = c->record;
    timer_cancel(&task_loop(c->task)->timers, &s->timer);
    return true;
}

static const struct wait_kind timeout_wait = { "timeout", disarm, NULL };

static rota_time moment(rota_dur timeout)
{
    return timeout == ROTA_FOREVER ? ROTA_FOREVER
                                   : rota_time_add(rota_now(), timeout);
}

/* Puts all clauses where they will be fired, under the locks. */
static int enqueue(struct select *s, struct rota_task *me, rota_dur timeout)
{
    if (s->until == 0)
        s->until = moment(timeout);
    struct clause *last = &s->clauses[s->count];
    clause_init(last, &timeout_wait, s);
    last->record = s;
    s->timer = (struct timer){ .fire = expired };
    int rc = timer_arm(&task_loop(me)->timers, &s->timer, s->until);
    if (rc < 0)
        return rc;
    unsigned count = s->count + (s->until != ROTA_FOREVER);
    wait_arm(me, s->clauses, count, s->lock_count ? &s->claim : NULL);
    for (unsigned i = 0; i < s->count; i++) {
        struct pick *p = &s->picks[i];
        p->clause = &s->clauses[i];
        p->result = pick_wait(p, task_loop(me));
        if (p->result != 0 && !s->early)
            s->early = p;
    }
    return 0;
}

/* Waits until a clause fires: the index of its case, or why none. */
static int wait(struct select *s, struct rota_task *me, rota_case *cases)
{
    if (s->early)
        clause_fire_own(s->early->clause, s->early->result);
    int rc = wait_sleep(me);
    for (unsigned i = 0; i < s->count; i++)
        if (pick_has_fd(&s->picks[i]))
            pick_end_fd(&s->picks[i]);
    if (rc == -ECANCELED || me->winner == s->count)
        return rc;
    struct pick *p = &s->picks[me->winner];
    p->of->rc = pick_has_fd(p) ? pick_finish_fd(p, rc) : rc;
    return (int)(p->of - cases);
}

static int select_once(struct select *s, struct rota_task *me, rota_case *cases,
                       size_t n, rota_dur timeout, unsigned flags)
{
    int rc = prepare(s, me, cases, n);
    if (rc < 0)
        return rc;
    struct clause *peer = NULL;
    lock_all(s);
    struct pick *p = try_all(s, task_loop(me), flags, &peer);
    if (!p && timeout > 0)
        rc = enqueue(s, me, timeout);
    unlock_all(s);
    if (p) {
        pick_wake(p, peer);
        return wait_done(me, (int)(p->of - cases));
    }
    if (timeout <= 0)
        return wait_done(me, -EAGAIN);
    return rc < 0 ? rc : wait(s, me, cases);
}

/* What a case has waited for may have gone to somebody else by now: then all
 * begins anew, also the look at cancellation. */
static int select_in(struct select *s, struct rota_task *me, rota_case *cases,
                     size_t n, rota_dur timeout, unsigned flags)
{
    for (;;) {
        int i = select_once(s, me, cases, n, timeout, flags);
        if (i < 0 || cases[i].rc != -EAGAIN)
            return i;
        int rc = wait_begin(&me);
        if (rc < 0)
            return rc;
        s->count = s->lock_count = 0;
        s->early = NULL;
    }
}

static int select_few(struct rota_task *me, rota_case *cases, size_t n,
                      rota_dur timeout, unsigned flags)
{
    struct pick picks[FEW];
    struct clause clauses[FEW + 1];
    pthread_mutex_t *locks[FEW];
    struct select s = { .picks = picks, .clauses = clauses, .locks = locks };
    return select_in(&s, me, cases, n, timeout, flags);
}

static int select_many(struct rota_task *me, rota_case *cases, size_t n,
                       rota_dur timeout, unsigned flags)
{
    struct select s = {
        .picks = calloc(n, sizeof *s.picks),
        .clauses = calloc(n + 1, sizeof *s.clauses),
        .locks = calloc(n, sizeof *s.locks),
    };
    int rc = -ENOMEM;
    if (s.picks && s.clauses && s.locks)
        rc = select_in(&s, me, cases, n, timeout, flags);
    free(s.picks);
    free(s.clauses);
    free(s.locks);
    return rc;
}

int rota_select(rota_case *cases, size_t n, rota_dur timeout, unsigned flags)
{
    struct rota_task *me;
    int rc = wait_begin(&me);
    if (rc < 0)
        return rc;
    return n <= FEW ? select_few(me, cases, n, timeout, flags)
                    : select_many(me, cases, n, timeout, flags);
}
