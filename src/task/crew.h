/*
 * The loops of one rota_run_multi. Each is a runtime on a thread of its own,
 * and they end in step: no loop goes on to the next part of its shutdown while
 * a task is left on any, since tasks of one may wait for those of another and
 * place new ones there.
 */
#ifndef TASK_CREW_H
#define TASK_CREW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct runtime;

struct crew {
    unsigned count;
    atomic_uint quiet;           /* rounds of the shutdown that are over */
    atomic_uint_fast64_t placed; /* tasks ever, by one loop on another */

    pthread_mutex_t lock; /* guards the start */
    pthread_cond_t changed;
    unsigned up;  /* loops that have come up, or could not */
    int error;    /* of one that could not */
    bool decided; /* whether the crew begins */

    struct runtime *loops[]; /* the first runs main */
};

/* A runtime's part in its crew. */
struct crewman {
    struct crew *crew;   /* NULL: it is alone */
    bool told;           /* main is over: end */
    unsigned round;      /* of the shutdown, from 1 */
    atomic_uint idle_in; /* the round it has nothing to do in; 0: it has */
    unsigned turn;       /* where it looks first for the least loaded */
};

/* Main is over: tells the others. */
void crew_end(struct runtime *rt);

/* Begins a round of the shutdown. */
void crew_round(struct runtime *rt);

/* The runtime has something to do after all. */
void crew_busy(struct runtime *rt);

/* The runtime has nothing to do: is that so for all? When it is not, those who
 * find out later wake this loop. */
bool crew_quiet(struct runtime *rt);

/* The loop of the crew with the fewest tasks. */
struct runtime *crew_least_loaded(struct runtime *rt);

#endif
