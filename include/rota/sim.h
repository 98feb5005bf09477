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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rota/run.h"
#include "rota/task.h"
#include "rota/time.h"

/* How the simulated network behaves. All zeros: it is swift and faultless. */
typedef struct rota_sim_net {
    rota_dur latency;          /* of whatever is sent, one way */
    rota_dur jitter;           /* up to so much more, drawn for each piece */
    size_t buffer;             /* bytes sent and not read, after which a writer
                               waits; 0: 64 KiB */
    bool short_io;             /* reads and writes are cut into pieces */
    unsigned refuse_one_in;    /* connects: -ECONNREFUSED; 0: none */
    unsigned reset_one_in;     /* sends: both ends get -ECONNRESET; 0: none */
    unsigned lose_one_in;      /* datagrams: it never arrives; 0: none */
    unsigned duplicate_one_in; /* datagrams: it arrives twice; 0: none */
    unsigned descriptors;      /* at once; more are -EMFILE; 0: no limit */
} rota_sim_net;

typedef struct rota_sim_options {
    rota_run_options run; /* as of rota_run */
    rota_sim_net net;
} rota_sim_options;

/*
 * Runs fn(arg) as rota_run does, simulated by `seed`, and returns its result.
 * With seed 0 ready tasks run in the order they became ready; with any other
 * those of one turn of the loop are shuffled, and callbacks (rota_call_soon)
 * keep their order among each other. rota_now begins at one second and moves
 * only when nothing can run, no job is under way on a pool thread: then to
 * the next timer. So waiting in a circle for the time to pass is for ever.
 * Files are real; when a call on them is done is simulated.
 * Options may be NULL. -EBUSY inside a loop; -ENOMEM; what the system says.
 */
ROTA_API int rota_sim_run(uint64_t seed, rota_fn *fn, void *arg,
                          const rota_sim_options *options);

/*
 * A sum over all that was scheduled so far: which task ran when. Two runs that
 * went the same way have the same. 0 where no simulation runs. Suspends: no.
 */
ROTA_API uint64_t rota_sim_trace(void);

/* Makes the network behave otherwise from now on: 0; -EPERM, as a misuse,
 * outside of a simulation. Suspends: no. */
ROTA_API int rota_sim_set_net(const rota_sim_net *net);

/*
 * Cuts a host (an address, a name) off from all others; NULL: all hosts from
 * each other. What is sent arrives when that is over; connecting hangs, and
 * fails after 127 seconds with -ETIMEDOUT. 0; -EINVAL; -ENOMEM; -EPERM, as a
 * misuse, outside of a simulation. Suspends: no.
 */
ROTA_API int rota_sim_partition(const char *host);

/* Ends that; NULL: all that was cut off. Returns as above. Suspends: no. */
ROTA_API int rota_sim_heal(const char *host);

/*
 * Resets the connection of a socket: this end fails at once, the other when
 * it learns of it, with -ECONNRESET. 0; -EBADF: no simulated socket;
 * -ENOTCONN; -EPERM, as a misuse, outside of a simulation. Suspends: no.
 */
ROTA_API int rota_sim_reset(int fd);

/*
 * A number below `n` (> 0) that comes from the seed, for a scenario's own
 * choices. In a loop that is not simulated it comes by chance. -EPERM, as a
 * misuse, gives 0: on a thread without a loop. Suspends: no.
 */
ROTA_API uint64_t rota_sim_random(uint64_t n);

#endif
