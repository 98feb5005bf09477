/*
 * All tasks of a process as they were together: what inspect.h reads, kept,
 * and read again when a task came or went meanwhile.
 */
#ifndef INSPECT_SNAPSHOT_H
#define INSPECT_SNAPSHOT_H

#include <stddef.h>

#include "inspect/inspect.h"

struct snapshot {
    struct inspect *in;
    struct inspect_loop *loops;
    size_t loop_count;
    struct inspect_task *tasks; /* loop by loop, oldest first */
    size_t *loop_of;            /* of each task: index into loops */
    size_t *by_address;         /* all indices, sorted */
    size_t count;
};

/* Reads it, at most 1 + `retries` times: 0; -EAGAIN: the lists changed each
 * time; -ENOMEM. */
int snapshot_take(struct snapshot *s, struct inspect *in, unsigned retries);
void snapshot_free(struct snapshot *s);

/* The index of the task at `address`; s->count: there is none. */
size_t snapshot_find(const struct snapshot *s, uint64_t address);

#endif
