/*
 * Seeing inside a program: what its tasks do and wait for, what it forgot to
 * give back. ROTA_DEBUG=1, or `debug` in rota_run_options, turns on what costs
 * something; the rest always works.
 */
#ifndef ROTA_DEBUG_H
#define ROTA_DEBUG_H

#include <stddef.h>

#include "rota/export.h"

/* What a loop has, or had when it ended. */
typedef struct rota_ledger {
    size_t tasks;   /* that have not ended */
    size_t handles; /* of tasks that have ended, not dropped; in debug */
    size_t stacks;  /* in use */
    size_t timers;  /* armed */
    size_t ops;     /* the kernel has */
    size_t fds;     /* open now, and not when the loop began; in debug */
} rota_ledger;

/*
 * The ledger of the running loop; outside of one, what the last loop of this
 * thread left behind: all 0 when nothing leaked. In debug mode that is also
 * logged, with names. `fds` counts those of the whole process. Suspends: no.
 */
ROTA_API void rota_ledger_get(rota_ledger *out);

#endif
