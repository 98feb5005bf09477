/*
 * Simulation: a run whose every accident comes from a seed. The clock is
 * virtual: it stands still while anything can run and jumps when all is idle,
 * so an hour's sleep takes no time. Which of the ready tasks runs first is
 * decided by the seed. The same seed gives the same run, and a thousand seeds
 * a thousand different ones: a race that one of them meets is met again.
 *
 *     for (uint64_t seed = 0; seed < 1000; seed++)
 *         if (rota_sim_run(seed, scenario, NULL, NULL) < 0)
 *             printf("seed %llu fails\n", (unsigned long long)seed);
 */
#ifndef ROTA_SIM_H
#define ROTA_SIM_H

#include <stdint.h>

#include "rota/run.h"
#include "rota/task.h"
#include "rota/time.h"

typedef struct rota_sim_options {
    rota_run_options run; /* as of rota_run */
} rota_sim_options;

/*
 * Runs fn(arg) as rota_run does, simulated by `seed`, and returns its result.
 * With seed 0 ready tasks run in the order they became ready; with any other
 * those of one turn of the loop are shuffled, and callbacks (rota_call_soon)
 * keep their order among each other. rota_now begins at one second and moves
 * only when nothing can run, no job is under way on a pool thread: then to
 * the next timer. So waiting in a circle for the time to pass is for ever.
 * Options may be NULL. -EBUSY inside a loop; -ENOMEM; what the system says.
 */
ROTA_API int rota_sim_run(uint64_t seed, rota_fn *fn, void *arg,
                          const rota_sim_options *options);

/*
 * A sum over all that was scheduled so far: which task ran when. Two runs that
 * went the same way have the same. 0 where no simulation runs. Suspends: no.
 */
ROTA_API uint64_t rota_sim_trace(void);

/*
 * A number below `n` (> 0) that comes from the seed, for a scenario's own
 * choices. In a loop that is not simulated it comes by chance. -EPERM, as a
 * misuse, gives 0: on a thread without a loop. Suspends: no.
 */
ROTA_API uint64_t rota_sim_random(uint64_t n);

#endif
