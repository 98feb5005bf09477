/*
 * rota_sim_run, and what a simulated scenario asks of its world.
 */
#include "rota/sim.h"

#include <errno.h>

#include "base/misuse.h"
#include "loop/sim.h"
#include "task/runtime.h"

int rota_sim_run(uint64_t seed, rota_fn *fn, void *arg,
                 const rota_sim_options *options)
{
    static const rota_sim_options defaults;
    struct sim_setup setup = { seed, options ? options : &defaults };
    return runtime_run(fn, arg, &setup.options->run, &setup);
}

uint64_t rota_sim_trace(void)
{
    const struct sim *s = sim_of(loop_current());
    return s ? s->trace : 0;
}

uint64_t rota_sim_random(uint64_t n)
{
    struct loop *l = loop_current();
    if (l)
        return loop_random(l, n);
    misuse(-EPERM, "rota_sim_random on a thread without a loop");
    return 0;
}

int rota_sim_set_net(const rota_sim_net *net)
{
    struct sim *s = sim_of(loop_current());
    if (!s)
        return misuse(-EPERM, "rota_sim_set_net outside of a simulation");
    s->net = *net;
    return 0;
}

int rota_sim_reset(int fd)
{
    struct sim *s = sim_of(loop_current());
    if (!s)
        return misuse(-EPERM, "rota_sim_reset outside of a simulation");
    return sim_reset_fd(s, fd);
}
