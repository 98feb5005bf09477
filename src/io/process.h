/*
 * Inside a child process: the handle, and how it is launched.
 */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "rota/future.h"
#include "rota/process.h"

struct rota_process {
    unsigned refs; /* the handle, and the task that watches the process */
    pid_t pid;
    int pidfd;   /* -1: it has been reaped, or never was */
    int pipe[3]; /* our ends; -1: none */
    unsigned flags;
    size_t limit;
    rota_dur grace;

    rota_future *started; /* the attempt to start it is over */
    int start_error;      /* 0: it was */
    rota_future *ended;   /* and its end is known, or lost */
    rota_future *freed;   /* the handle is no more */
    int status;
    int end_error; /* why the status is not known; 0: it is */

    size_t fed;            /* bytes of the input that it has got */
    struct buf outputs[2]; /* of out and err, as far as they were read */
};

/* What a launch needs, set up by the caller and good until it returns. */
struct launch {
    const char *const *argv;
    const rota_process_options *options;
    rota_process *process; /* pid, pidfd and pipes are set */
};

/* Makes pipes and process: 0, or a negative errno with nothing kept. Blocks:
 * for a pool thread (rota_fn). */
int process_launch(void *launch);

/* Reaps a process that has ended, or will at once: its status. With WNOWAIT
 * as `flags` it stays to be reaped. */
int process_reap(int pidfd, int *status, int flags);

/* It has been reaped, and its number may be another's. */
static inline bool process_is_over(const rota_process *p)
{
    return p->pidfd < 0;
}

#endif
