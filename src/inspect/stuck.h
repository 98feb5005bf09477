/*
 * Who can never go on: the tasks that wait for each other, found in a
 * snapshot of what everybody waits for, while other tasks go about their work.
 */
#ifndef INSPECT_STUCK_H
#define INSPECT_STUCK_H

#include <stdbool.h>
#include <stddef.h>

#include "inspect/snapshot.h"

struct stuck {
    const struct snapshot *snapshot;
    size_t *waits_for; /* of each task that is stuck, one it waits for that is
                          too; snapshot->count: it is not stuck */
    size_t count;      /* of them */
};

/* 0 or -ENOMEM. */
int stuck_find(struct stuck *k, const struct snapshot *s);
void stuck_free(struct stuck *k);

/* Drops what is not so any more: a snapshot is not taken in a moment, but a
 * wait that has not changed since stood all the time. */
void stuck_confirm(struct stuck *k);

/*
 * Calls fn for each cycle: its tasks in order, each waits for the next, the
 * last for the first. Returns how many there were, or -ENOMEM.
 */
int stuck_cycles(const struct stuck *k,
                 void (*fn)(const struct snapshot *s, const size_t *tasks,
                            size_t n, void *arg),
                 void *arg);

#endif
