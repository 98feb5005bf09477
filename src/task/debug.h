/*
 * Debug mode: what a runtime keeps for reports when ROTA_DEBUG=1 or its option
 * asks for it, and nothing otherwise.
 */
#ifndef TASK_DEBUG_H
#define TASK_DEBUG_H

#include <stddef.h>

#include "base/list.h"
#include "task/usage.h"
#include "task/watchdog.h"

struct runtime;
struct rota_task;

struct debug {
    struct list ended; /* tasks that are over, with handles held */
    int *fds;          /* open when the loop began */
    size_t fd_count;
    struct usages usages; /* of stacks */
    rota_dur slow_step;   /* what is too long */
    bool watching;        /* the watchdog counts it */
    struct watched watched;
};

/* Before the runtime's loop begins: sets rt->debug up when it is wanted. 0 or
 * -ENOMEM. */
int debug_open(struct runtime *rt);

/* The loop runs, and can be found (root_add). */
void debug_start(struct runtime *rt);

/* The tasks are over, the loop still stands: takes and reports the ledger. */
void debug_close(struct runtime *rt);

/* The loop is gone: the last look, and the end of rt->debug. */
void debug_fini(struct runtime *rt);

/* `t` is over, and somebody holds a handle. */
void debug_keep(struct rota_task *t);

/* The last handle of one that was kept is dropped. From any thread. */
void debug_forget(struct rota_task *t);

#endif
