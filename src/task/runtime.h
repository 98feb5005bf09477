/*
 * A runtime: a loop with what tasks need around it. One for each rota_run.
 */
#ifndef TASK_RUNTIME_H
#define TASK_RUNTIME_H

#include "loop/loop.h"
#include "rota/debug.h"
#include "rota/run.h"
#include "task/group.h"

struct debug;
struct pool;

struct runtime {
    struct loop loop; /* first: a runtime is found from its loop */
    struct group background;
    struct rota_task *main;
    struct pool *pools[2]; /* by enum pool_kind; made at first use */
    size_t tasks;          /* alive */
    struct list all;       /* those alive, oldest first */
    unsigned eager;        /* eager starts that are inside one another */
    bool ending;           /* all tasks are over, no more callbacks */
    bool deadlock_told;
    rota_run_options options;

    /* For whoever looks inside. */
    struct runtime *next; /* in the list of all */
    int tid;              /* of its thread */
    struct debug *debug;  /* NULL: not in debug mode */
    rota_ledger ledger;   /* when it ended */
};

/* rota_run; with a setup, in the world it describes. */
int runtime_run(rota_fn *fn, void *arg, const rota_run_options *options,
                const struct sim_setup *simulated);

/* The running thread's runtime; NULL when it runs none. */
struct runtime *runtime_current(void) ROTA_INTERNAL(runtime_current);

#endif
