/*
 * The search for tasks that wait for each other, by the process itself.
 */
#ifndef INSPECT_CYCLES_H
#define INSPECT_CYCLES_H

#include <stdint.h>

/* Which were told of last. */
struct cycles_told {
    uint64_t sum; /* of their numbers and addresses; 0: none */
};

/* Logs the cycles there are, unless they are those told of last (`told` may be
 * NULL). How many; -EAGAIN: tasks came and went too fast; -ENOMEM. */
int cycles_report(struct cycles_told *told);

#endif
