/*
 * Tasks: coroutines the loop runs. A coroutine is a plain C function; calling
 * it is awaiting it, spawning it makes a task.
 *
 *     ROTA_ASYNC(fetch, (const char *, url), (int, retries))
 *     {
 *         rota_ignore(rota_sleep(rota_ms(100)));
 *         return 200;
 *     }
 *
 *     int n = fetch("http://a", 3);                           await
 *     rota_task *t = rota_create_task(fetch, "http://b", 3);  spawn
 *     int m = rota_await(t);                                  its result
 */
#ifndef ROTA_TASK_H
#define ROTA_TASK_H

#include <stddef.h>

#include "rota/async.h"
#include "rota/error.h"
#include "rota/export.h"
#include "rota/future.h"
#include "rota/time.h"

/* What a task runs: a result >= 0, or a negative errno. */
typedef int rota_fn(void *arg);

typedef struct rota_loop rota_loop; /* rota/loop.h */

typedef struct rota_task_options {
    const char *name;  /* for reports; copied never: a literal. NULL: "task" */
    const char *site;  /* where it was spawned; set by the macros */
    size_t stack_size; /* bytes; 0: the default, 256 KiB */
    bool eager;        /* run at once until it first suspends or ends (64
                          deep in one another; then as any other) */

    /* Where it runs, all its life; NULL: on the loop that spawns it. On
     * another loop it begins when that one comes to it (not eagerly), and its
     * handle is good here. */
    rota_loop *loop;
} rota_task_options;

/* As rota_task_options.loop: the one with the fewest tasks of those that run
 * together (rota_run_multi), equals in turn. */
#define ROTA_LEAST_LOADED ((rota_loop *)-1)

/*
 * Makes a task that calls fn(arg). It starts in the next turn of the loop, and
 * it always starts, even when cancelled before. Options may be NULL. Returns
 * an owned handle (rota_await, rota_join + rota_task_unref), or NULL when
 * there is no memory: `arg` is then still the caller's. Suspends: no.
 */
#define rota_spawn(fn, arg, options) \
    rota_spawn_at(fn, arg, options, #fn, ROTA_HERE)

ROTA_API rota_task *rota_spawn_at(rota_fn *fn, void *arg,
                                  const rota_task_options *options,
                                  const char *name, const char *site);

/*
 * Makes a task of a function declared with ROTA_ASYNC; the arguments are
 * copied onto the task. Returns as rota_spawn.
 */
#define rota_create_task(name, ...)                            \
    rota_spawn_copy(name##_rota_entry,                         \
                    &(struct name##_rota_args){ __VA_ARGS__ }, \
                    sizeof(struct name##_rota_args), NULL, #name, ROTA_HERE)

/* The same on another loop: see rota_task_options.loop. */
#define rota_create_task_on(loop_, name, ...)                  \
    rota_spawn_copy(name##_rota_entry,                         \
                    &(struct name##_rota_args){ __VA_ARGS__ }, \
                    sizeof(struct name##_rota_args),           \
                    &(rota_task_options){ .loop = loop_ }, #name, ROTA_HERE)

/* The form under it: `size` bytes at `args` are copied, and what fn gets
 * points at the copy, which lives as long as the task runs. */
ROTA_API rota_task *rota_spawn_copy(rota_fn *fn, const void *args, size_t size,
                                    const rota_task_options *options,
                                    const char *name, const char *site);

/*
 * Waits until `t` has ended, returns its result, and drops the handle. A task
 * that was cancelled gives -ROTA_ECHILD. When I am cancelled meanwhile, `t` is
 * cancelled too and still waited for, and the call returns -ECANCELED. After
 * it `t` is over, always. -EDEADLK: it waits for me (the handle is kept).
 * -ENOMEM: `t` is NULL, so a spawn may stand in the call. -ESHUTDOWN: `t` is of
 * another run, which has abandoned it. Suspends: yes. Cancel: the task's
 * result.
 */
ROTA_API int rota_await(rota_task *t) ROTA_MUST;

/*
 * The same for at most `timeout` nanoseconds: then `t` is cancelled, and still
 * waited for. -ETIMEDOUT, unless it came to a result or an error all the same:
 * that is returned. With a timeout <= 0 only a task that is over has time.
 * -ENOMEM with `t` not NULL: no memory for a timer, the handle is kept.
 */
ROTA_API int rota_wait_for(rota_task *t, rota_dur timeout) ROTA_MUST;

/*
 * Calls fn(arg) in the calling task, for at most `timeout` nanoseconds: then
 * its calls return -ECANCELED, and -ECANCELED as its result is -ETIMEDOUT
 * here; every other result is returned as it is. With a timeout <= 0 fn is
 * not called. -ECANCELED when I was cancelled, -ENOMEM. Suspends: as fn does.
 */
ROTA_API int rota_call_timeout(rota_fn *fn, void *arg,
                               rota_dur timeout) ROTA_MUST;

/*
 * The full form: my status is returned (0, -ECANCELED, -EDEADLK, -ESHUTDOWN,
 * -ENOMEM for a NULL), its outcome is in `out` (may be NULL, valid while the
 * handle is). My cancellation does not touch `t`; the handle is kept. Suspends:
 * yes. Cancel: nothing is lost.
 */
ROTA_API int rota_join(rota_task *t, rota_outcome *out) ROTA_MUST;

/* A task runs on without handles. The error of a task nobody looked at is
 * reported when its last handle is dropped. Suspends: no. */
ROTA_API rota_task *rota_task_ref(rota_task *t);
ROTA_API void rota_task_unref(rota_task *t);

/*
 * Asks a task to end: its suspending calls return -ECANCELED from now on. 1,
 * or 0 when it was over. Each request counts; rota_task_uncancel takes one
 * back and returns how many are left, and at none the calls work again.
 */
ROTA_API int rota_task_cancel(rota_task *t, const char *reason);
ROTA_API unsigned rota_task_cancelling(const rota_task *t);
ROTA_API unsigned rota_task_uncancel(rota_task *t);

/* The running task; NULL in a callback and on other threads. */
ROTA_API rota_task *rota_current_task(void);

ROTA_API bool rota_task_done(const rota_task *t);

/* Its name, borrowed; rota_task_set_name copies a new one: 0 or -ENOMEM. */
ROTA_API const char *rota_task_name(const rota_task *t);
ROTA_API int rota_task_set_name(rota_task *t, const char *name);

/* The tasks of the running loop that have not ended, oldest first: at most `n`
 * owned handles into `out`; returns how many there are. Suspends: no. */
ROTA_API size_t rota_all_tasks(rota_task **out, size_t n);

/*
 * Waits until every other task of the loop is parked and nothing has been
 * ready for `cushion` nanoseconds: in tests, instead of a sleep that is long
 * enough. What the kernel or another thread has not yet answered does not
 * hold it up; a cushion does. 0, -ECANCELED, -ENOMEM. Suspends: yes. Cancel:
 * nothing is lost.
 */
ROTA_API int rota_wait_all_blocked(rota_dur cushion) ROTA_MUST;

/* Its future: a borrowed reference, valid while the handle is. */
ROTA_API rota_future *rota_task_future(rota_task *t);

/* Sets the value of the running task's outcome; `dtor` may be NULL. */
ROTA_API int rota_task_set_value(void *value, rota_cb *dtor);

/*
 * Has fn(arg) called when the running task ends (in a handler: when its
 * request has been answered), last registered first; it may suspend. 0 or
 * -ENOMEM.
 */
ROTA_API int rota_defer(rota_cb *fn, void *arg);

/*
 * Records why the running task fails, for whoever reads its outcome, and
 * returns `code`: `return rota_fail(-EIO, "no %s", name);`
 */
#define rota_fail(code, ...) rota_fail_at(ROTA_HERE, code, __VA_ARGS__)
ROTA_API int rota_fail_at(const char *site, int code, const char *format, ...)
    ROTA_PRINTF(3, 4);

/* Told of the error of a task nobody looked at; the default writes a log
 * line. NULL restores it. */
typedef struct rota_unhandled {
    const char *name; /* of the task; "future" */
    const char *site; /* of its spawn; may be NULL */
    int rc;
    const rota_failure *err; /* may be NULL */
} rota_unhandled;
typedef void rota_unhandled_fn(const rota_unhandled *what);
ROTA_API void rota_set_unhandled_handler(rota_unhandled_fn *fn);

#endif
