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
    bool observed; /* somebody looked at the outcome */
    struct list watches;
    struct callbacks *callbacks; /* rota_future_on_done; NULL: never called */
    void *value;
    rota_cb *dtor;
    rota_failure *err; /* heap, NULL: no detail */
    struct runtime *runtime;
    struct rota_task *task; /* whose it is; NULL: a bare future */
};

/* Of `task`, or bare (NULL). */
static inline void future_init(struct rota_future *f, struct runtime *rt,
                               struct rota_task *task)
{
    *f = (struct rota_future){ .refs = 1, .runtime = rt, .task = task };
    list_init(&f->watches);
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

/* The rc that a caller of the flattened form gets. Counts as a look. */
int future_flat(struct rota_future *f);

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
