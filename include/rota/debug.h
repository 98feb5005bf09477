/*
 * Seeing inside a program: what its tasks do and wait for, what it forgot to
 * give back. ROTA_DEBUG=1, or `debug` in rota_run_options, turns on what costs
 * something; the rest always works.
 */
#ifndef ROTA_DEBUG_H
#define ROTA_DEBUG_H

#include <stddef.h>

#include "rota/export.h"
#include "rota/task.h"

/* What a loop has, or had when it ended. */
typedef struct rota_ledger {
    size_t tasks;   /* that have not ended */
    size_t handles; /* of tasks that have ended, not dropped; in debug */
    size_t stacks;  /* in use */
    size_t timers;  /* armed */
    size_t ops;     /* the kernel has, those on files too where a ring does
                       them; on threads they are none */
    size_t fds;     /* open now, and not when the loop began; in debug */
} rota_ledger;

/*
 * The ledger of the running loop; outside of one, what the last loop of this
 * thread left behind: all 0 when nothing leaked. In debug mode that is also
 * logged, with names. `fds` counts those of the whole process. Suspends: no.
 */
ROTA_API void rota_ledger_get(rota_ledger *out);

/*
 * Writes all tasks of all loops of this process to `fd`: each with its number,
 * what it waits for, who holds that, since when, its deadline, where it was
 * spawned, and its backtrace. From any thread and from a signal handler; other
 * threads go on meanwhile. 0; -EAGAIN: a list changed while it was read, and
 * tasks are missing; -EBUSY: another thread is at it. Suspends: no.
 */
ROTA_API int rota_dump(int fd);

/*
 * Writes to `fd` where `t` stands, who waits for it, and who waits for those:
 * each task's line and backtrace, as rota_dump. How many tasks that were: 0
 * when `t` is over; -EAGAIN: tasks come and go too fast; -ENOMEM. Suspends:
 * no.
 */
ROTA_API int rota_print_call_graph(int fd, const rota_task *t);

/* Has the signal `number` dump to stderr from now on: rota_dump_on_signal(
 * SIGQUIT) and Ctrl-\ shows the tasks. 0, or -EINVAL: not a signal to be
 * handled. */
ROTA_API int rota_dump_on_signal(int number);

/*
 * Writes to `fd` how much of their stacks the ended tasks of this loop have
 * used, a line for each place that spawned some, the deepest first. 0, or
 * -ENODATA outside of a loop in debug mode. Suspends: no.
 */
ROTA_API int rota_print_stacks(int fd);

/*
 * Looks for tasks of this process that wait for each other for ever, though
 * others go on: each cycle is logged. How many there are; -EAGAIN: tasks come
 * and go too fast; -ENOMEM. Debug mode does it every 10 seconds. From any
 * thread. Suspends: no.
 */
ROTA_API int rota_report_deadlocks(void);

/* Where `rota ps`, gdb's script and others begin to read a process that runs
 * or a core file: offsets of all that is needed are in it. */
ROTA_API extern struct layout_root rota_debug_root;

#endif
