/*
 * Debug mode, as the runtime knows it: what it tells when ROTA_DEBUG=1 or its
 * option asks for it. rt->debug is NULL otherwise. The room that looks at
 * tasks, src/inspect, does the rest.
 */
#ifndef TASK_DEBUG_H
#define TASK_DEBUG_H

struct runtime;
struct rota_task;

/* Before the runtime's loop begins: sets rt->debug up when it is wanted. 0 or
 * -ENOMEM. */
int debug_open(struct runtime *rt);

/* The loop runs, and can be found (root_add). */
void debug_start(struct runtime *rt);

/* The tasks are over, the loop still stands: takes and reports the ledger. */
void debug_close(struct runtime *rt);

/* The loop is gone: the last look, and the end of rt->debug. */
void debug_fini(struct runtime *rt);

/* `t` has ended, and its stack is as it left it: notes how much of that was
 * used, and keeps the task in the ledger if somebody holds a handle. */
void debug_over(struct rota_task *t);

/* The last handle of one that was kept is dropped. From any thread. */
void debug_forget(struct rota_task *t);

#endif
