/*
 * Child processes: started, fed and read, waited for, signalled. A process is
 * known by a descriptor of its own (pidfd), so a signal never reaches another
 * one that was given its number; and it is always reaped, whether anybody
 * waits or not. Needs Linux 5.4.
 */
#ifndef ROTA_PROCESS_H
#define ROTA_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "rota/export.h"
#include "rota/str.h"
#include "rota/stream.h"
#include "rota/time.h"

typedef struct rota_process rota_process;

/* What a standard descriptor of the child is; a number > 0 is a descriptor of
 * ours, which stays ours. */
enum rota_process_stdio {
    ROTA_PROCESS_INHERIT = 0, /* the same as ours */
    ROTA_PROCESS_PIPE = -1,
    ROTA_PROCESS_NULL = -2,   /* /dev/null */
    ROTA_PROCESS_STDOUT = -3, /* for err: wherever out goes */
};

enum rota_process_flags {
    /* It leads a process group of its own; signals go to the whole group, so
     * that the members of a shell's pipeline end with it. Once it has ended it
     * stays a zombie until the handle is freed: so the group can be signalled
     * even then, and its number is no other's. */
    ROTA_PROCESS_GROUP = 1 << 0,
    /* Killed when the handle is freed or the loop ends before it does. */
    ROTA_PROCESS_KILL_ON_FREE = 1 << 1,
};

typedef struct rota_process_options {
    const char *program;    /* a path, or a name looked up in PATH; NULL:
                               argv[0] */
    const char *const *env; /* "NAME=value", NULL at the end; NULL: ours */
    const char *cwd;        /* NULL: ours */
    int in, out, err;       /* enum rota_process_stdio, or a descriptor */
    unsigned flags;         /* enum rota_process_flags */
    size_t limit;           /* most bytes collected of out, and of err, by
                               rota_process_communicate; 0: 64 MiB */
    rota_dur grace;         /* from SIGTERM to SIGKILL; 0: 5 s */
} rota_process_options;

/*
 * Starts a program: `argv` ends with NULL; options may be NULL. On success
 * *process is an owned handle. The child has no signal blocked, all of them at
 * their default, and no descriptor but 0, 1 and 2. A program that cannot be
 * executed is an error here: -ENOENT, -EACCES, what execve(2) says; -EINVAL:
 * no argv[0], or stdio that makes no sense; -EMFILE, -ENOMEM, -EAGAIN: no
 * thread, no process. Suspends: yes (the system calls are made on a pool
 * thread). Cancel: a child that had begun is killed and reaped.
 */
ROTA_API int rota_process_start(const char *const *argv,
                                const rota_process_options *options,
                                rota_process **process) ROTA_MUST;

/* The same for a line of the shell: /bin/sh -c command. */
ROTA_API int rota_process_shell(const char *command,
                                const rota_process_options *options,
                                rota_process **process) ROTA_MUST;

/*
 * Drops the handle (NULL is nothing). The process goes on and is reaped when
 * it ends; our ends of its pipes are closed. A process that still runs when
 * the loop ends is the program's own child again. Suspends: yes, shortly.
 * Cancel: it is dropped all the same.
 */
ROTA_API void rota_process_free(rota_process *p);

/*
 * Waits until the process has ended, whether or not its pipes have: any number
 * of tasks may, at any time, also afterwards. *status (may be NULL) is as of
 * waitpid(2). 0, -ECANCELED; -ECHILD: somebody else has reaped it, its status
 * is lost (waitpid(-1), an ignored SIGCHLD); -ESHUTDOWN: the loop ends, and
 * the process is the program's own from here on. Suspends: yes. Cancel:
 * nothing is lost, the process goes on.
 */
ROTA_API int rota_process_wait(rota_process *p, int *status) ROTA_MUST;

/* Sends a signal: 0; -ESRCH: it has ended, and leads no group; -EINVAL, -EPERM.
 * Suspends: no. */
ROTA_API int rota_process_signal(rota_process *p, int signal);

/*
 * Ends it, and all of its group, also when it has ended before them: SIGTERM,
 * and SIGKILL to what still runs when the options' grace is over; waits until
 * nothing does, not cancellably. 0, also when it had ended before; -ECHILD as
 * rota_process_wait; -EPERM: it has become another user's (a set-user-ID
 * program), and runs on. Suspends: yes. Cancel: nothing.
 */
ROTA_API int rota_process_stop(rota_process *p);

ROTA_API pid_t rota_process_pid(const rota_process *p);

/*
 * Our ends of its pipes, for rota_read and rota_write; -1: it was made without
 * a pipe there, or the end is closed. Owned by the handle. Closing `in` is how
 * the child learns of the end of its input.
 */
ROTA_API int rota_process_in(const rota_process *p);
ROTA_API int rota_process_out(const rota_process *p);
ROTA_API int rota_process_err(const rota_process *p);
ROTA_API void rota_process_close_in(rota_process *p);

/*
 * Makes a stream of our end of the pipe that is its descriptor `number`: 0, 1
 * or 2. The stream owns that end from then on, the handle has none there any
 * more. 0; -EBADF: there is no pipe; -EINVAL; -ENOMEM. Suspends: no.
 */
ROTA_API int rota_process_stream(rota_process *p, int number,
                                 rota_stream **stream) ROTA_MUST;

/*
 * Feeds `size` bytes of `input` to its pipe, closes that, reads its other
 * pipes to their ends at the same time, and waits for the process. A child
 * that does not read all its input is no error. What was read belongs to the
 * handle: rota_process_output. 0; -EMSGSIZE: it wrote more than the limit;
 * -EBUSY: another task reads there; as rota_process_wait. Suspends: yes.
 * Cancel: nothing is lost; with the same input, a later call goes on.
 */
ROTA_API int rota_process_communicate(rota_process *p, const void *input,
                                      size_t size) ROTA_MUST;

/* What rota_process_communicate has read so far of out, and of err. Valid
 * until it is called again or the handle is freed. */
ROTA_API rota_str rota_process_output(const rota_process *p);
ROTA_API rota_str rota_process_errors(const rota_process *p);

/*
 * All of it: starts, communicates, waits. Out and err are pipes unless the
 * options say otherwise, in is a pipe when there is input, else /dev/null.
 * *process is an owned handle of an ended process, for its output; *status as
 * rota_process_wait. When it fails or is cancelled the child is stopped
 * (rota_process_stop), and there is no handle. Suspends: yes. Cancel: the
 * output, and the process is ended.
 */
ROTA_API int rota_process_run(const char *const *argv,
                              const rota_process_options *options,
                              const void *input, size_t size, int *status,
                              rota_process **process) ROTA_MUST;

#endif
