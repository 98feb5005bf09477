/*
 * What rota_run makes of SIGINT: the first one cancels main, the second one
 * is the system's again.
 */
#ifndef TASK_SIGINT_H
#define TASK_SIGINT_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "loop/loop.h"

struct sigint {
    struct post post; /* from the handler: cancel main */
    struct sigaction before;
    bool ours; /* it was the default, and our handler is installed */
    atomic_bool came;
    bool hit; /* main was cancelled by it */
};

struct runtime;

/* Takes SIGINT, unless the program has done something about it. */
void sigint_take(struct runtime *rt);

/* Gives it back. True when one came that had no main to cancel any more: it
 * is to be raised again. */
bool sigint_give_back(struct runtime *rt);

#endif
