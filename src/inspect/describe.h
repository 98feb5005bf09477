/*
 * Words for what inspect.h reads; the same in dumps and in the `rota` command.
 */
#ifndef INSPECT_DESCRIBE_H
#define INSPECT_DESCRIBE_H

#include "base/symbol.h"
#include "base/text.h"
#include "inspect/inspect.h"

/* "loop of thread 12 (uring): 3 tasks, asleep" */
void describe_loop(struct text *t, const struct inspect_loop *l);

/* "waiting: lock 0x55d0 of fetch #3"; `now` is the loop's, for how long:
 * ROTA_FOREVER leaves that out. */
void describe_wait(struct text *t, struct inspect *in,
                   const struct inspect_task *task);

/* The task in a line, with all that is known. */
void describe_task(struct text *t, struct inspect *in,
                   const struct inspect_task *task, rota_time now);

/* A line for each frame. `exact`: the first is no return address. */
void describe_trace(struct text *t, struct symbols *s,
                    const struct trace *trace, bool exact);

#endif
