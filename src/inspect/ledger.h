/*
 * The ledger: what a loop has not given back.
 */
#ifndef INSPECT_LEDGER_H
#define INSPECT_LEDGER_H

#include <stdbool.h>

#include "rota/debug.h"

struct debug;
struct runtime;

/* What `rt` has now, but for descriptors. */
void ledger_take(struct runtime *rt, rota_ledger *l);

/* Logs that, with names: it is what a runtime whose tasks are over has not
 * given back. In debug mode only. */
void ledger_report(struct runtime *rt, const rota_ledger *l);

/* Notes which descriptors are open. */
void ledger_fds_begin(struct debug *d);

/* How many there are that were not; logs them when `log`. */
size_t ledger_fds(const struct debug *d, bool log);

/* What rota_ledger_get gives when this thread has no loop any more. */
void ledger_set_last(const rota_ledger *l);

#endif
