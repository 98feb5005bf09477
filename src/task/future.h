/*
 * Inside a future. Whoever must know of its end at once registers a watch;
 * it is called in the step that finishes the future, on whatever stack that
 * is, and must not switch. Awaiting, gathering and done callbacks are watches.
 */
#ifndef TASK_FUTURE_H
#define TASK_FUTURE_H

#include "base/list.h"
#include "loop/loop.h"
#include "rota/future.h"

struct runtime;

struct watch {
    struct list link;
    void (*fire)(struct watch *w);
};

struct rota_future {
    unsigned refs;
    enum rota_state state;
    int rc;
    bool observed;               /* somebody looked at the outcome */
    struct rota_task *waiter;    /* parked on it by its own clause: the first to
                                 come, mostly the only one; NULL */
    struct list watches;         /* those who came after it */
    struct callbacks *callbacks; /* rota_future_on_done; NULL: never called */
    void *value;
    rota_cb *dtor;
    rota_failure *err; /* heap, NULL: no detail */
    struct runtime *runtime;
    struct rota_task *task; /* whose it is; NULL: a bare future */
};

/* In fresh memory: of `task`, or bare (NULL). A future that is over is as this
 * left it again, but for what future_begin sets. */
static inline void future_init(struct rota_future *f, struct runtime *rt,
                               struct rota_task *task)
{
    *f = (struct rota_future){ .runtime = rt, .task = task };
    list_init(&f->watches);
}

/* It is pending, and has so many references. */
static inline void future_begin(struct rota_future *f, unsigned refs)
{
    f->refs = refs;
    f->state = ROTA_PENDING;
    f->rc = 0;
    f->observed = false;
}

/* Any thread may ask, and then read what it was finished with. */
static inline bool future_is_done(const struct rota_future *f)
{
    return __atomic_load_n(&f->state, __ATOMIC_ACQUIRE) != ROTA_PENDING;
}

/* What future_check returns when that is not simply 0. */
int future_refuse(const struct rota_future *f) ROTA_INTERNAL(future_refuse);

/* 0, or the code of the misuse: a future is its own loop's to touch. */
static inline int future_check(const struct rota_future *f)
{
    bool mine = f->runtime == (struct runtime *)loop_current();
    return mine ? 0 : future_refuse(f);
}

/* Finishes it: 0, or -EALREADY. */
int future_finish(struct rota_future *f, enum rota_state state, int rc);

/* Notes that somebody looks. A task's outcome may be read by other threads
 * too, once it is there. */
static inline void future_look(struct rota_future *f)
{
    __atomic_store_n(&f->observed, true, __ATOMIC_RELAXED);
}

/* The rc that a caller of the flattened form gets. Counts as a look. */
static inline int future_flat(struct rota_future *f)
{
    future_look(f);
    return f->state == ROTA_CANCELLED ? -ROTA_ECHILD : f->rc;
}

/* Reports the failure if nobody looked, and frees what the outcome holds. */
void future_clear(struct rota_future *f);

/* The same: mostly there is nothing to do. */
static inline void future_fini(struct rota_future *f)
{
    if (f->state == ROTA_ERROR || f->callbacks || f->value || f->err)
        future_clear(f);
}

/* Parks the running task until `f` is done: 0, or -ECANCELED unless
 * shielded. */
int future_park(struct rota_future *f, struct rota_task *me, bool shielded);

#endif
