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
 * Suspends: yes. Cancel: the results.
 */
ROTA_API int rota_gather(rota_task **tasks, size_t n, int *results,
                         unsigned flags) ROTA_MUST;

#endif
