/*
 * Waiting for several tasks at once.
 */
#ifndef ROTA_GATHER_H
#define ROTA_GATHER_H

#include "rota/task.h"

enum rota_gather_flags {
    /* One that fails does not end the others: all results are collected. */
    ROTA_COLLECT = 1 << 0,
};

/*
 * Waits for `n` tasks. When one fails or is cancelled the others are
 * cancelled, and still waited for. `results` (may be NULL) receives each
 * task's result in the order of `tasks`: as of rota_await, -ROTA_ECHILD for a
 * cancelled one. The handles are dropped and set to NULL: afterwards all of
 * them are over.
 *
 * Returns 0; or the first error; with ROTA_COLLECT 0 whatever they gave; or
 * -ECANCELED when I was cancelled: then they were cancelled too. -ENOMEM:
 * nothing happened. n = 0 gives 0; a task may stand in several places; a NULL
 * among them, a spawn without memory, counts as one that failed with -ENOMEM.
 * They may be tasks of other loops; one that its loop abandoned gives
 * -ESHUTDOWN.
 * Suspends: yes. Cancel: the results.
 */
ROTA_API int rota_gather(rota_task **tasks, size_t n, int *results,
                         unsigned flags) ROTA_MUST;

/*
 * Waits for the first of `n` tasks that ends well: the others are then
 * cancelled, and still waited for. Returns its result (>= 0), its place in
 * `*winner` (may be NULL); when all failed, the last error. `results` and the
 * handles as in rota_gather: who needs the value that the winner has set
 * (rota_task_set_value) keeps a handle of his own.
 *
 * -EINVAL: n = 0. -ECANCELED when I was cancelled before one ended well: then
 * all were cancelled too; a cancellation after that is met at the next call.
 * -ENOMEM: nothing happened, or the last spawn had found no memory (its place
 * was NULL). Suspends: yes. Cancel: the results.
 */
ROTA_API int rota_race(rota_task **tasks, size_t n, size_t *winner,
                       int *results) ROTA_MUST;

#endif
