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
    uint64_t made;         /* tasks ever: gives them their numbers */
    struct list all;       /* those alive, oldest first */
    size_t jobs;           /* on pool threads, or queued for them */
    bool ending;           /* all tasks are over, no more callbacks */
    bool deadlock_told;
    rota_run_options options;

    /* For whoever looks inside. */
    struct debug *debug; /* NULL: not in debug mode */
    rota_ledger ledger;  /* when it ended */
};

/* The running thread's runtime; NULL when it runs none. */
struct runtime *runtime_current(void) ROTA_INTERNAL(runtime_current);

#endif
