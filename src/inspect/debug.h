/*
 * What debug mode keeps of a runtime: for reports of what it has not given
 * back, of stacks, and of steps that take too long.
 */
#ifndef INSPECT_DEBUG_H
#define INSPECT_DEBUG_H

#include <stddef.h>

#include "base/list.h"
#include "inspect/usage.h"
#include "inspect/watchdog.h"

struct debug {
    struct list ended; /* tasks that are over, with handles held */
    int *fds;          /* open when the loop began */
    size_t fd_count;
    struct usages usages; /* of stacks */
    rota_dur slow_step;   /* what is too long */
    bool watching;        /* the watchdog counts it */
    struct watched watched;
};

#endif
