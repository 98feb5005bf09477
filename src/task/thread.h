/*
 * Pool threads and the tasks that wait for them.
 */
#ifndef TASK_THREAD_H
#define TASK_THREAD_H

#include <stdbool.h>

#include "rota/export.h"
#include "rota/task.h"
#include "rota/time.h"

struct context;
struct runtime;
struct pool;

/* Classes of work, each with threads and a limit of its own: what blocks all
 * threads of one does not keep the others from theirs. */
enum pool_kind {
    POOL_BLOCKING,
    POOL_CPU,
    POOL_FILE, /* the library's own calls on files */
    POOL_DNS,  /* names */
    POOL_KINDS,
};

/* Where the context of the running job hangs; NULL: not on a pool thread. */
struct context **thread_context(void);

/* True on a pool thread. A call that suspends is passed to the waiting task
 * there: `if (thread_is_worker()) return thread_ask_task(fn, args);` */
bool thread_is_worker(void) ROTA_INTERNAL(thread_is_worker);

/* The runtime this thread runs, or works for; NULL: none. */
struct runtime *thread_runtime(void);

/* Has the task that waits for the running job call fn(arg); its result. */
int thread_ask_task(rota_fn *fn, void *arg) ROTA_INTERNAL(thread_ask_task);

/* rota_to_thread, on the runtime's threads of that class. */
int thread_run(enum pool_kind kind, rota_fn *fn, void *arg)
    ROTA_INTERNAL(thread_run);

/* rota_to_thread_abandonable, the same. */
int thread_run_abandonable(enum pool_kind kind, rota_fn *fn, void *arg,
                           rota_cb *destroy);

/* A pool of at most `most` threads; NULL: no memory. `nice` is added to the
 * threads' niceness. */
struct pool *pool_new(struct runtime *rt, const char *name, unsigned most,
                      int nice) ROTA_INTERNAL(pool_new);

/* As pool_free, but waits at most for `patience`: threads whose jobs still run
 * are then left to themselves, and the last of them frees the pool: false. */
bool pool_end(struct pool *p, rota_dur patience);

/* Waits for running jobs, ends the threads and frees the pool. No task may be
 * waiting for it. */
void pool_free(struct pool *p) ROTA_INTERNAL(pool_free);

/*
 * Runs fn(arg) on a thread of `p`, as rota_to_thread. `interrupt` (may be
 * NULL) is called on the loop when the task is cancelled while fn runs: it may
 * make fn return early.
 */
int pool_run(struct pool *p, rota_fn *fn, void *arg, rota_cb *interrupt)
    ROTA_INTERNAL(pool_run);

#endif
