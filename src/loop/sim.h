/*
 * The simulated world below a loop: its clock, the order of what is ready,
 * and what came of both. It stands where a backend's state stands.
 */
#ifndef LOOP_SIM_H
#define LOOP_SIM_H

#include <stdint.h>

#include "rota/sim.h"
#include "rota/time.h"

struct loop;

/* What a simulated loop is made from. */
struct sim_setup {
    uint64_t seed;
    const rota_sim_options *options;
};

struct sim {
    rota_time now;
    uint64_t seed;
    uint64_t trace; /* of all that was scheduled */
};

/* Makes `l`, which is being set up, a simulated one: 0 or -ENOMEM. */
int sim_begin(struct loop *l, const struct sim_setup *setup);

/* The world of a loop; NULL: the real one. */
struct sim *sim_of(const struct loop *l);

/* Adds something that has happened to the trace. */
void sim_note(struct sim *s, uint64_t what);

/* Puts what is ready into the order in which it will run; how many that are. */
unsigned sim_arrange(struct loop *l);

#endif
