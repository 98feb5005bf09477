/*
 * A runtime: a loop with what tasks need around it. One for each rota_run.
 */
#ifndef TASK_RUNTIME_H
#define TASK_RUNTIME_H

#include "loop/loop.h"
#include "rota/debug.h"
#include "rota/run.h"
#include "task/crew.h"
#include "task/group.h"
#include "task/guest.h"
#include "task/loops.h"
#include "task/sigint.h"
#include "task/spares.h"
#include "task/thread.h"

struct debug;
struct pool;

struct runtime {
    struct loop loop; /* first: a runtime is found from its loop */
    struct group main_group;
    struct group background;
    struct rota_task *main;
    struct pool *pools[POOL_KINDS]; /* made at first use */
    size_t tasks;                   /* alive; set by runtime_count */
    struct list all;                /* they themselves, oldest first */
    struct spares records;          /* of ended ones, for the next, */
    struct spares futures;          /* and of futures */
    unsigned eager; /* eager starts that are inside one another */
    size_t claims;  /* waits that other threads may end */
    rota_run_options options;

    struct context *context; /* of the callback that runs; NULL: none */
    struct list later;       /* rota_call_later's timers */
    struct link *links;      /* from tokens to functions of this loop */

    /* The end. */
    bool ending;        /* all tasks are over, no more callbacks */
    bool hopeless;      /* what is left will not end: it is abandoned */
    bool leaky;         /* it was: this memory must stay */
    int verdict;        /* 0, -EDEADLK, -ETIMEDOUT: what rota_run returns */
    struct list enders; /* struct runtime_ender */
    struct sigint sigint;

    struct outside outside; /* what other threads have to do with it */
    struct guests guests;
    struct crewman crewman;

    /* For whoever looks inside. */
    struct runtime *next; /* in the list of all */
    int tid;              /* of its thread */
    struct debug *debug;  /* NULL: not in debug mode */
    rota_ledger ledger;   /* when it ended */

    /* Processes. */
    sigset_t mask;                   /* of this thread's signals, before */
    const struct backend *inherited; /* in a child: the parent's backend */
};

/*
 * Told on the runtime's thread that it ends, when its tasks are over and its
 * loop still stands; or, `forked`, in a child made by fork: then only what
 * the process itself holds may be given back (descriptors closed, nothing
 * asked of the loop). Rooms above keep their own state of a thread by it.
 */
struct runtime_ender {
    struct list link;
    void (*fn)(struct runtime_ender *e, bool forked);
};

/* Other loops look at how many tasks there are, to balance them. */
static inline void runtime_count(struct runtime *rt, int change)
{
    __atomic_store_n(&rt->tasks, rt->tasks + (size_t)change, __ATOMIC_RELAXED);
}

/* rota_run; with a setup, in the world it describes. */
int runtime_run(rota_fn *fn, void *arg, const rota_run_options *options,
                const struct sim_setup *simulated);

/* The running thread's runtime; NULL when it runs none. */
static inline struct runtime *runtime_current(void)
{
    return (struct runtime *)loop_current();
}

/* Makes `rt` this thread's runtime, without a main task; and back. A setup
 * makes the world simulated. */
int runtime_init(struct runtime *rt, const struct sim_setup *simulated);
void runtime_fini(struct runtime *rt);

/* Runs fn(arg) as the main task, and whatever follows until no task is left.
 * *interrupted: a SIGINT came that cancelled nobody, and is the caller's. */
int runtime_main(struct runtime *rt, rota_fn *fn, void *arg, bool *interrupted);

void runtime_at_end(struct runtime *rt, struct runtime_ender *e);
void runtime_call_enders(struct runtime *rt, bool forked);

/* Cancels what main has left behind and runs the loop until it is gone, then
 * ends the threads; or abandons what does not end (shutdown.c). */
void runtime_drain(struct runtime *rt);

/* Nothing is ready, and no timer and no I/O can change that: the loop's
 * `stuck` (deadlock.c). */
bool runtime_stuck(struct loop *l);

/* A line in the log for each of its tasks, and where it is parked. */
void runtime_report(const struct runtime *rt);

#endif
