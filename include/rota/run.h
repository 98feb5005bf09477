/*
 * Running the loop.
 */
#ifndef ROTA_RUN_H
#define ROTA_RUN_H

#include "rota/task.h"
#include "rota/time.h"

typedef struct rota_run_options {
    size_t stack_size;    /* of the main task, bytes; 0: the default */
    unsigned threads;     /* most threads for blocking work; 0: 256 */
    unsigned cpu_threads; /* threads for CPU work; 0: as many as cores */
    bool debug;           /* debug mode, as ROTA_DEBUG=1: see rota/debug.h */
} rota_run_options;

/*
 * Makes a loop on this thread, runs fn(arg) as its main task, and returns its
 * result. When main has ended, the tasks still alive are cancelled and waited
 * for, then the threads. Afterwards nothing of the runtime is left. Options
 * may be NULL. -EBUSY inside a loop; -ENOMEM; what the system says.
 */
ROTA_API int rota_run(rota_fn *fn, void *arg, const rota_run_options *options);

/* The name of the backend of the running loop: "uring" or "epoll". */
ROTA_API const char *rota_backend_name(void);

/*
 * Has fn(arg) called by the loop in its next turn, in order of registration,
 * on the loop's own stack: it must not suspend. 0, -ENOMEM, or -ESHUTDOWN when
 * the tasks of an ending loop are over. From the loop's thread only.
 */
ROTA_API int rota_call_soon(rota_cb *fn, void *arg);

#endif
