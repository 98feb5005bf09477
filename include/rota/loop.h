/*
 * Loops, from outside. A loop runs on one thread, and its tasks, futures and
 * locks are that thread's. What other threads may do to it is here, and
 * nothing else: hold it, post to it, stop it, have it run a task, wait for
 * that. (And, by their handles, drop, cancel, await and ask tasks of it; use
 * tokens, and channels and events made with ROTA_SHARED.)
 *
 *     static void *reader(void *loop)        a thread that is none of rota's
 *     {
 *         rota_call_soon_threadsafe(loop, got_line, strdup(line));
 *         rota_loop_unref(loop);
 *     }
 *
 *     rota_loop *l = rota_loop_ref(rota_current_loop());
 *     pthread_create(&thread, NULL, reader, l);
 */
#ifndef ROTA_LOOP_H
#define ROTA_LOOP_H

#include <stddef.h>

#include "rota/run.h"
#include "rota/task.h"

/*
 * As rota_run, with `n` loops on as many threads (0: one for each core this
 * process may use; at most 4096). The first is this thread's, and runs
 * fn(arg) as the main task. A task stays on the loop it was begun on;
 * rota_task_options.loop chooses which that is. When main has ended all loops
 * end in step: tasks of one may wait for those of another to the last. The
 * limits of threads in the options are divided among the loops. Of several
 * loops no deadlock is told. Errors: as rota_run; -EINVAL: more loops than
 * that; -EAGAIN: no thread could be made.
 */
ROTA_API int rota_run_multi(unsigned n, rota_fn *fn, void *arg,
                            const rota_run_options *options);

/* How many loops the run of this thread's loop has, 0 when it runs none; and
 * the i-th of them, borrowed; NULL: there are not so many. */
ROTA_API size_t rota_loop_count(void);
ROTA_API rota_loop *rota_loop_at(size_t i);

/* The loop of this thread, borrowed; NULL when it runs none. */
ROTA_API rota_loop *rota_current_loop(void);

/*
 * Loops are counted: a handle outlives the loop, and says -ESHUTDOWN then.
 * While somebody holds one, a loop whose tasks all wait is not in a deadlock:
 * he may still post. From any thread. Suspends: no.
 */
ROTA_API rota_loop *rota_loop_ref(rota_loop *loop);
ROTA_API void rota_loop_unref(rota_loop *loop);

/*
 * Ends the run the loop belongs to: its main task is cancelled (reason
 * "stopped"), and the rest follows as when main returns. From any thread;
 * again, and after the end, it does nothing. Suspends: no.
 */
ROTA_API void rota_loop_stop(rota_loop *loop);

/*
 * Has fn(arg) called by the loop, on its own stack: it must not suspend. What
 * one thread posts is run in its order, and a turn of the loop runs only what
 * was there at its begin. From any thread. 0: it will be called before the
 * loop closes; -ESHUTDOWN, -ENOMEM: it will not, and `arg` is the caller's.
 * Suspends: no.
 */
ROTA_API int rota_call_soon_threadsafe(rota_loop *loop, rota_cb *fn, void *arg);

/* A task of a loop, as a thread sees it that has no loop. Its calls are for
 * any thread. */
typedef struct rota_tfuture rota_tfuture;

/*
 * Makes a task of `loop` that calls fn(arg). From any thread; inside a loop,
 * rota_task_options.loop is the way. NULL: no memory, or the run is ending,
 * and `arg` is the caller's. Suspends: no.
 */
#define rota_run_coroutine_threadsafe(loop, fn, arg) \
    rota_run_coroutine_threadsafe_at(loop, fn, arg, #fn, ROTA_HERE)
ROTA_API rota_tfuture *rota_run_coroutine_threadsafe_at(rota_loop *loop,
                                                        rota_fn *fn, void *arg,
                                                        const char *name,
                                                        const char *site);

/*
 * Blocks this thread until the task is over, and fills `out` (may be NULL;
 * valid until rota_tfuture_unref): 0, whatever the outcome. -ETIMEDOUT after
 * `timeout` nanoseconds (<= 0: at once, ROTA_FOREVER: never): the task goes
 * on. -ESHUTDOWN: its loop has abandoned it. -EDEADLK on the thread of the
 * task's loop, which must not block.
 */
ROTA_API int rota_tfuture_wait(rota_tfuture *f, rota_dur timeout,
                               rota_outcome *out) ROTA_MUST;

/* The same, but then the task is cancelled, and waited for: 0 with its
 * outcome, -ESHUTDOWN, or -EDEADLK. */
ROTA_API int rota_tfuture_wait_cancel(rota_tfuture *f, rota_dur timeout,
                                      rota_outcome *out) ROTA_MUST;

/* Asks the task to end: 1, or 0 when it was over. */
ROTA_API int rota_tfuture_cancel(rota_tfuture *f);

/* Drops the handle; the task runs on. */
ROTA_API void rota_tfuture_unref(rota_tfuture *f);

#endif
