/*
 * The watchdog: a thread that tells of a step that takes too long while it
 * still does, and now and then looks for tasks that wait for each other.
 */
#ifndef INSPECT_WATCHDOG_H
#define INSPECT_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "rota/time.h"

/* What it remembers of a loop. */
struct watched {
    uint64_t turns, current; /* which step that was, */
    unsigned slice;
    rota_time step_since; /* and since when */
    rota_time turn_since;
    bool step_told, turn_told;
};

/* How often it looks for deadlocks. */
extern rota_dur watchdog_deadlocks_every;

/* It watches the runtimes that are in debug mode. The thread is there while
 * there are any: the first starts it (0 or a negative errno), the last ends
 * it. */
int watchdog_start(void);
void watchdog_stop(void);

#endif
