/*
 * Inside a task, and the one way it waits: a parked task has clauses, one for
 * each thing that could wake it; whoever fires the first wins, the others are
 * withdrawn in the same step, and what the winner wrote is what the call
 * returns, whatever happens before the task runs again. Locks, joins, timers,
 * I/O and cancellation all go through this.
 */
#ifndef TASK_TASK_H
#define TASK_TASK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "loop/loop.h"
#include "rota/export.h"
#include "rota/task.h"
#include "task/far.h"
#include "task/future.h"
#include "task/scope.h"

struct group;
struct runtime;

struct clause;
struct context;

/* Which task could end a wait: data, because other processes read it too. */
struct wait_holder {
    enum {
        HOLDER_AT,      /* a pointer to it is in the clause's object */
        HOLDER_OBJECT,  /* it is the object */
        HOLDER_MEMBERS, /* the object is a group, and all of its members */
        HOLDER_TASKS,   /* a pointer to pointers to several is in the object,
                           and behind it a size_t: how many; all of those */
    } form;
    unsigned at; /* where in the object that pointer is */
};

/* A kind of wait: one constant for each place in the library that parks. */
struct wait_kind {
    const char *name; /* what the task is doing, for reports: "sleep" */
    /*
     * Takes the wait back when something else won. NULL: leaving the queue is
     * all. False: not possible yet, the clause will fire in the end (an
     * operation the kernel still has, a claim by another thread). A clause
     * that is alone then ends the call with what came first; among several,
     * what it brings is dropped.
     */
    bool (*withdraw)(struct clause *c);
    /* Who that could be is known; NULL: nobody in particular. */
    const struct wait_holder *holder;
};

/* One thing a parked task waits for; lives on the task's stack. */
struct clause {
    struct list link;       /* in the queue of what is waited for */
    struct rota_task *task; /* set by wait_park */
    const struct wait_kind *kind;
    const void *object; /* what is waited for: reports show the address */
    union {             /* the kind's own, if it needs any: */
        struct {
            void *record;    /* where, */
            intptr_t detail; /* and what; */
        };
        struct timer timer; /* or until when */
    };
};

/* Who could end the wait; NULL: nobody in particular, or several. */
static inline struct rota_task *clause_holder(const struct clause *c)
{
    const struct wait_holder *h = c->kind->holder;
    if (!h || h->form == HOLDER_MEMBERS || h->form == HOLDER_TASKS)
        return NULL;
    if (h->form == HOLDER_OBJECT)
        return (struct rota_task *)c->object;
    return *(struct rota_task *const *)((const char *)c->object + h->at);
}

static inline void clause_init(struct clause *c, const struct wait_kind *kind,
                               const void *object)
{
    list_init(&c->link);
    c->kind = kind;
    c->object = object;
}

/* Something a task must give back before it ends, such as a lock. */
struct holding {
    struct list link;                /* among those of the task */
    void (*lost)(struct holding *h); /* it did not */
};

/*
 * Lets other threads end a wait: whoever moves the word off CLAIM_OPEN has won
 * it. The task's own thread wins it on behalf of everything of its loop. Lives
 * on the task's stack.
 */
struct claim {
    atomic_uint word; /* enum claim_word, in wait.c */
    int rc;           /* by the one who took it: the result, */
    struct clause *winner;
    struct post post; /* and its way to the task's loop */
};

struct rota_task {
    struct loop_coro co;
    struct runtime *runtime;
    struct scope *scope; /* innermost */

    /* The wait it is parked in. */
    struct clause *clauses; /* NULL: not parked, or already won */
    struct claim *claim;    /* NULL: only its own thread can end the wait */
    unsigned clause_count;
    unsigned lingering; /* lost clauses that must fire before it may run */
    unsigned winner;    /* index of the clause that fired */
    int wake_rc;        /* what the call returns */
    bool shielded;      /* cancellation does not end this wait */
    bool interrupted;   /* it did */

    bool gathered;   /* mark of rota_gather */
    bool blocked;    /* in rota_wait_all_blocked, and only looking */
    bool named;      /* the name is its own, on the heap */
    bool kept;       /* over, and in its runtime's ledger */
    bool guest;      /* its stack is of the loop's guests */
    bool counted;    /* among those that come from its crew */
    rota_time since; /* when it parked: the turn's time */

    struct clause alone; /* of a wait for one thing (wait_in, wait_alone); in
                            no queue else */
    rota_fn *fn;
    void *arg;
    struct scope *root;      /* its own level; on its stack, as long as it
                                lives */
    struct group *group;     /* owner */
    struct list in_runtime;  /* among all tasks of its loop */
    struct list held;        /* holdings */
    struct context *context; /* of its variables; NULL: empty */

    unsigned cancels;         /* requests, less those taken back */
    unsigned deliveries;      /* of the cancellation it is under */
    struct rota_task *awaits; /* to find those who wait for themselves */
    struct defer *defers;     /* newest first */
    struct rota_future done;
    struct far far; /* what other threads ask of it */
};

static inline struct loop *task_loop(struct rota_task *t)
{
    return (struct loop *)t->runtime;
}

/* The task that `thread` runs; NULL: none. */
static inline struct rota_task *task_on(const struct coro_thread *thread)
{
    if (!thread || thread->current == &thread->root)
        return NULL;
    return container_of(thread->current, struct rota_task, co.coro);
}

/* The running task; NULL outside of tasks. */
static inline struct rota_task *task_current(void)
{
    return task_on(coro_thread());
}

/* What a task is made of. */
struct task_spec {
    rota_fn *fn;
    void *arg;
    size_t size; /* bytes at `arg` that are copied onto the task; 0: `arg`
                    itself is passed */
    const rota_task_options *options; /* may be NULL */
    const char *name;                 /* unless the options give one */
    const char *site;
};

/* Makes a task in `g`, whose error `g` handles; NULL: no memory. The handle
 * returned is the caller's. */
struct rota_task *task_new(struct runtime *rt, struct group *g,
                           const struct task_spec *spec);

/* The stack such a task needs, in bytes; 0: the default. */
size_t task_stack_size(const struct task_spec *spec);

/* Makes a record of fresh memory: sets what an ended task leaves as it found
 * it, so that the next one in the same record need not; any thread. */
void task_init(struct rota_task *t, struct runtime *rt);

/* Sets the rest for a new task, but for its place among others; any thread. */
void task_set_up(struct rota_task *t, struct stack *stack,
                 const struct task_spec *spec);

/* Gives it its place; its loop's thread. */
void task_admit(struct rota_task *t, struct group *g);

/* rota_task_unref on its loop's thread. */
void task_drop(struct rota_task *t);

/* Would waiting for `t` be waiting for me? */
bool task_waits_for(struct rota_task *t, struct rota_task *me);

/* The code rota_fail recorded for it; 0: none. */
int task_failure_code(const struct rota_task *t);

/* Keeps it beyond its task, main (NULL: there was none), for this thread. */
void task_failure_keep(const struct rota_task *main);

/* A piece of work is over that `t`, the running task, did from its begin to
 * its end: what was deferred is called, no scope may be open, and what it still
 * holds is lost. */
void task_settle(struct rota_task *t) ROTA_INTERNAL(task_settle);

/* Parked under a cancelled scope: ends the wait with -ECANCELED. */
void task_interrupt(struct rota_task *t);

/* It will never run again: takes its wait back, so that nothing outside
 * points at its stack. Whatever fires late does not wake it: it seems to wait
 * for more clauses than there ever are. */
void task_abandon(struct rota_task *t);

enum { TASK_ABANDONED = INT_MAX };

static inline bool task_is_abandoned(const struct rota_task *t)
{
    return t->lingering > TASK_ABANDONED / 2;
}

/* The task ended and nothing refers to it: called by its future. */
void task_free(struct rota_task *t);

/* Lets the other ready tasks run once; not a cancel point. */
void task_yield(struct rota_task *t) ROTA_INTERNAL(task_yield);

/* What wait_begin returns when it does not return 0. `t` may be NULL. */
int wait_refuse(struct rota_task *t) ROTA_INTERNAL(wait_refuse)
    __attribute__((cold));

/* wait_begin for who knows that `t` is the running task. */
static inline int wait_begin_as(struct rota_task *t)
{
    return t->scope->visible ? wait_refuse(t) : 0;
}

/* wait_begin on this thread. */
static inline int wait_begin_on(const struct coro_thread *thread,
                                struct rota_task **task)
{
    struct rota_task *t = *task = task_on(thread);
    return !t || t->scope->visible ? wait_refuse(t) : 0;
}

/* Begins a suspending call: the running task in *task and 0; or the error to
 * return: -EPERM outside of tasks, -ECANCELED when cancelled (after a yield:
 * the delivery itself lets others run). */
static inline int wait_begin(struct rota_task **task)
{
    return wait_begin_on(coro_thread(), task);
}

/* wait_done after a yield. */
int wait_done_late(struct rota_task *t, int rc) ROTA_INTERNAL(wait_done_late)
    __attribute__((cold));

/* Ends one that did not have to wait: returns `rc`, every now and then after
 * a yield, so that a task that never waits does not starve the others. */
static inline int wait_done(struct rota_task *t, int rc)
{
    struct loop *l = task_loop(t);
    if (l->budget == 0)
        return wait_done_late(t, rc);
    l->budget--;
    return rc;
}

/*
 * The loop of the running task, in *task, when a call of it may be begun and
 * done at once, which then takes one from the loop's budget; NULL: the long way
 * must find out what stands against it. A call that looks here first, and
 * leaves the rest to a function of its own, saves no registers on its usual
 * way: a third of what an item through a queue costs.
 */
static inline struct loop *wait_quick(struct rota_task **task)
{
    struct coro_thread *thread = coro_thread();
    struct rota_task *t = *task = task_on(thread);
    if (!t || t->scope->visible)
        return NULL;
    struct loop *l = container_of(thread, struct loop, thread);
    return l->budget > 0 ? l : NULL;
}

/* Parks the running task until one of its clauses fires, or a cancellation
 * does; returns what the winner gave. The clauses are set up by the caller
 * (clause_init). */
int wait_park(struct rota_task *t, struct clause *clauses, unsigned count)
    ROTA_INTERNAL(wait_park);

/*
 * The everyday wait, for one thing in one queue of its own loop's: puts the
 * task's own clause at the end of `queue` and parks on it. Whatever ends the
 * wait must reach the caller's memory through `record`, for nothing is left of
 * the call that ends with this.
 */
int wait_in(struct rota_task *t, struct list *queue,
            const struct wait_kind *kind, const void *object, void *record,
            intptr_t detail);

/* The same in no queue: who ends it knows the task (wait_end). */
int wait_alone(struct rota_task *t, const struct wait_kind *kind,
               const void *object, bool shielded);

/* The same, not ended by cancellation. */
int wait_park_shielded(struct rota_task *t, struct clause *clauses,
                       unsigned count) ROTA_INTERNAL(wait_park_shielded);

/*
 * The two halves of wait_park, for clauses that others than this thread see,
 * or that may fire while they are still being set up: after the first they
 * may be put into queues, fired and taken, the second pauses. With a `claim`
 * (NULL: none) other threads may end the wait. In between the running task may
 * fire a clause of its own; the second half then pauses only for what lingers.
 */
void wait_arm(struct rota_task *t, struct clause *clauses, unsigned count,
              struct claim *claim);
int wait_sleep(struct rota_task *t);
void clause_fire_own(struct clause *c, int rc);

/* The task's own thread wins the wait. May be asked again in the same step. */
bool claim_win(struct claim *claim);

/*
 * Wins the wait for `c` before anything is handed to it; clause_fire must
 * follow. False: another thread has won it, the clause is dead, and what
 * would have been handed over belongs to the next one. Whoever ends waits of
 * a kind that may stand in a wait with a claim, and hands something over,
 * asks this first.
 */
static inline bool clause_claim(struct clause *c)
{
    struct claim *claim = c->task->claim;
    return __builtin_expect(!claim, 1) || claim_win(claim);
}

/*
 * The same from any thread, for clauses in the queue of an object that threads
 * share: under the object's lock, and the clause leaves the queue in the same
 * step. clause_deliver must follow, without the lock. After that the clause
 * may not be touched: its task may have gone on already.
 */
bool clause_take(struct clause *c);
void clause_deliver(struct clause *c, int rc);

/* clause_fire for a clause of any wait. */
void clause_fire_any(struct clause *c, int rc) ROTA_INTERNAL(clause_fire_any);

/* Wins the wait of a task in its own clause, which is in no queue. */
static inline void wait_end(struct rota_task *t, int rc)
{
    t->wake_rc = rc;
    t->clauses = NULL;
    loop_ready(task_loop(t), &t->co.ready);
}

/* Is it the task's own, which stands for all that the task waits for? */
static inline bool clause_is_alone(const struct clause *c)
{
    return c == &c->task->alone;
}

/* clause_fire of such a one. */
static inline void clause_fire_alone(struct clause *c, int rc)
{
    list_remove(&c->link);
    wait_end(container_of(c, struct rota_task, alone), rc);
}

/* Wins the wait for `c` with the result `rc`. Does not switch. The clause is
 * dead on return. */
static inline void clause_fire(struct clause *c, int rc)
{
    if (clause_is_alone(c))
        clause_fire_alone(c, rc);
    else
        clause_fire_any(c, rc);
}

/* The same, and the task runs at once, until it next pauses or ends. */
void clause_enter(struct clause *c, int rc) ROTA_INTERNAL(clause_enter);

/* Waits until `when`, not a cancel point. */
void task_sleep_shielded(struct rota_task *t, rota_time when);

#endif
