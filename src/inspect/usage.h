/*
 * How much of their stacks tasks have used, by the place that spawned them.
 * In debug mode only: each task then begins on a stack without memory.
 */
#ifndef INSPECT_USAGE_H
#define INSPECT_USAGE_H

#include <stddef.h>

struct rota_task;

struct usage {
    const char *site; /* NULL: not known */
    const char *name; /* NULL: they named themselves */
    size_t tasks;     /* that ended */
    size_t most;      /* bytes one of them used */
    size_t size;      /* bytes of its stack */
};

struct usages {
    struct usage *table;
    size_t count;
};

/* `t` has ended, and its stack is as it left it. */
void usage_note(struct usages *u, const struct rota_task *t);

/* To the log, at its debug level. */
void usage_log(const struct usages *u);

#endif
