/*
 * Running the loop.
 */
#ifndef ROTA_RUN_H
#define ROTA_RUN_H

#include <stdbool.h>

#include "rota/task.h"
#include "rota/time.h"

/* What the error of a task or future does that nobody looked at, besides
 * being reported (rota_set_unhandled_handler). */
enum rota_unhandled_policy {
    ROTA_UNHANDLED_REPORT,
    ROTA_UNHANDLED_CANCEL_MAIN, /* main is cancelled, and with it the run */
    ROTA_UNHANDLED_ABORT,       /* the process ends, for a debugger */
};

typedef struct rota_run_options {
    size_t stack_size;    /* of the main task, bytes; 0: the default */
    unsigned threads;     /* most threads for blocking work; 0: 256 */
    unsigned cpu_threads; /* threads for CPU work; 0: as many as cores */
    bool debug;           /* debug mode, as ROTA_DEBUG=1: see rota/debug.h */
    rota_dur slow_step;   /* there: what is told of; 0: 100 ms */

    /* How long the end may take, in nanoseconds. Tasks that live longer are
     * abandoned; 0: they are waited for, however long it takes. Then threads
     * whose work goes on are left to themselves; 0: 30 s. */
    rota_dur shutdown_timeout;
    rota_dur thread_timeout;

    /* Names (rota/dns.h). */
    unsigned dns_threads;      /* most that look up names; 0: 32 */
    unsigned dns_cache;        /* names that are remembered; 0: 256 */
    rota_dur dns_ttl;          /* how long; 0: 30 s; negative: not at all */
    rota_dur dns_negative_ttl; /* that there is none; 0: 5 s; the same */

    bool keep_sigint; /* SIGINT is not rota_run's business */
    enum rota_unhandled_policy unhandled;
} rota_run_options;

/*
 * Makes a loop on this thread, runs fn(arg) as its main task, and returns its
 * result. When main has ended, the tasks still alive are cancelled (reason
 * "shutdown") and waited for, then the threads; what takes long is reported
 * every 5 s. Afterwards nothing of the runtime is left. Options may be NULL.
 *
 * SIGINT, where its disposition is the default: the first one cancels main
 * (reason "SIGINT"), the second one is the system's again.
 *
 * -EINTR: main ended because of SIGINT. -EDEADLK: all tasks waited and nothing
 * was left that could wake one; main was cancelled (reason "deadlock").
 * -ETIMEDOUT: tasks were abandoned, and main had not failed. What is abandoned
 * keeps its memory. -EBUSY inside a loop; -ENOMEM; -ESTALE in a child made by
 * fork; what the system says.
 */
ROTA_API int rota_run(rota_fn *fn, void *arg, const rota_run_options *options);

/* The name of the backend of the running loop: "uring", "epoll" or "sim". */
ROTA_API const char *rota_backend_name(void);

/*
 * Has fn(arg) called by the loop in its next turn, in order of registration,
 * on the loop's own stack: it must not suspend. 0, -ENOMEM, or -ESHUTDOWN when
 * the tasks of an ending loop are over. From the loop's thread only.
 */
ROTA_API int rota_call_soon(rota_cb *fn, void *arg);

/*
 * After fork, in the child: while a loop runs in the process, its child has
 * no loop, and all calls are -ESTALE there; it is to exec, to _exit, or to
 * call this. It closes what the child has inherited of all loops, gives back
 * the signals, and makes rota_run possible again; 0, also where nothing is to
 * be done. The parent's tasks do not exist here: nothing of theirs is run, and
 * their memory stays, since the caller may stand on it. Descriptors the
 * program opened are its own business. A task that calls this must not return.
 * Suspends: no.
 */
ROTA_API int rota_after_fork_child(void);

#endif
