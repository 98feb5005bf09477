/*
 * Work off the loop. Blocking work (a library that waits, a slow disk) goes to
 * threads that come and go with the load; computing goes to as many threads
 * as there are cores. The calling task waits, all others run.
 */
#ifndef ROTA_THREAD_H
#define ROTA_THREAD_H

#include <stdbool.h>

#include "rota/task.h"

/*
 * Runs fn(arg) on a pool thread and returns its result. When all threads are
 * busy it waits in a queue; when that is full, the task waits for room. Called
 * on a pool thread it simply calls fn. Suspends: yes. Cancel: work that has
 * not begun is dropped, and -ECANCELED returned; work that has begun is
 * waited for and its result returned (fn may poll rota_thread_cancelled). So
 * fn may use the caller's stack, always. -EAGAIN: no thread could be made;
 * -ENOMEM.
 */
ROTA_API int rota_to_thread(rota_fn *fn, void *arg) ROTA_MUST;

/*
 * The same, for work that may outlive the caller's patience: a cancel does not
 * wait for work that has begun, which then goes on by itself. So fn must use
 * nothing of the caller's but `arg`. Whenever the call returns -ECANCELED,
 * `arg` is no longer the caller's: destroy(arg) is called once, at the latest
 * when fn has ended, on any thread. With any other result `arg` is the
 * caller's. At the end of rota_run such work is waited for, up to its
 * thread_timeout.
 */
ROTA_API int rota_to_thread_abandonable(rota_fn *fn, void *arg,
                                        rota_cb *destroy) ROTA_MUST;

/* rota_to_thread on the threads for CPU work, one for each core. */
ROTA_API int rota_to_cpu(rota_fn *fn, void *arg) ROTA_MUST;

/* On a pool thread: true when the task that waits for this work is
 * cancelled. */
ROTA_API bool rota_thread_cancelled(void);

/*
 * On a pool thread: runs fn(arg) on the loop, as the code of the task that
 * waits for this work (its scopes act, it may suspend), and returns the
 * result; the thread blocks meanwhile. -EPERM elsewhere.
 */
ROTA_API int rota_from_thread_run(rota_fn *fn, void *arg) ROTA_MUST;

#endif
