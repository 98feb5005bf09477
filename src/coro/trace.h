/*
 * Where a coroutine stands: a walk over its frame pointers. Code without them
 * gives a shorter trace. Async-signal-safe where the reader is.
 */
#ifndef CORO_TRACE_H
#define CORO_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/peek.h"

enum { TRACE_MOST = 32 };

/* What is to be seen of a stack. */
struct trace {
    size_t count;
    uint64_t frames[TRACE_MOST]; /* innermost first; all but a running one's
                                    first are return addresses */
};

/* Of code that is at `pc` with the frame pointer `fp`. */
void trace_from(struct trace *t, struct peek *p, uint64_t pc, uint64_t fp);

/* Of the coroutine that left off at `sp`. The places of what it saved there
 * are those of the library that saved it. */
void trace_parked(struct trace *t, struct peek *p, uint64_t sp, size_t fp_at,
                  size_t pc_at);

/* Of the code that a signal interrupted: `context` is the handler's third
 * argument. */
void trace_context(struct trace *t, struct peek *p, const void *context);

#endif
