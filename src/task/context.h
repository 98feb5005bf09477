/*
 * Inside a context: what its variables are bound to. It is shared by all who
 * have a snapshot of it, and copied by the first of them that sets one; so a
 * snapshot is a reference, and none of it costs anything while NULL, which
 * means that nothing was ever set.
 */
#ifndef TASK_CONTEXT_H
#define TASK_CONTEXT_H

#include "rota/context.h"
#include "rota/export.h"

struct context;
struct runtime;

/* A snapshot of the running task's, callback's or job's; NULL: empty. */
struct context *context_capture(void) ROTA_INTERNAL(context_capture);

/* A further reference; NULL-safe. */
struct context *context_ref(struct context *c);

/* Drops a snapshot; values nobody else has are destroyed. NULL-safe. */
void context_unref(struct context *c) ROTA_INTERNAL(context_unref);

/* On the loop's stack: calls fn(arg) in this snapshot, and drops it. */
void context_call(struct runtime *rt, struct context *c, rota_cb *fn, void *arg)
    ROTA_INTERNAL(context_call);

#endif
