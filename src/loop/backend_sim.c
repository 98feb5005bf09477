/*
 * The simulated backend: a world in one thread. Its clock stands still while
 * anything can run; when nothing can, it jumps to the next moment at which
 * something happens. Work on pool threads is real and takes real time, of
 * which the clock here knows nothing: it waits for it, standing still.
 *
 * Descriptors of the kernel do not exist here. Whoever uses one is told.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/backend.h"
#include "loop/loop.h"
#include "loop/sim.h"

/* Not 0, which many take for "no moment". */
static const rota_time beginning = 1000000000;

struct sim *sim_of(const struct loop *l)
{
    return l->backend == &backend_sim ? l->backend_state : NULL;
}

void sim_note(struct sim *s, uint64_t what)
{
    struct rng mix = { s->trace ^ what };
    s->trace = rng_next(&mix);
}

int sim_begin(struct loop *l, const struct sim_setup *setup)
{
    struct sim *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->now = beginning;
    s->seed = setup->seed;
    l->backend = &backend_sim;
    l->backend_state = s;
    l->chance.state = setup->seed;
    l->arrange = sim_arrange;
    l->clock = &s->now;
    clock_follow(l->clock);
    return 0;
}

static void sim_fini(struct loop *l, void *state)
{
    (void)l;
    clock_follow(NULL);
    free(state);
}

static int sim_submit(struct loop *l, void *state, struct op *op)
{
    (void)l;
    (void)state;
    (void)op;
    return -EOPNOTSUPP;
}

static int sim_cancel(struct loop *l, void *state, struct op *op)
{
    (void)l;
    (void)state;
    (void)op;
    return -EOPNOTSUPP;
}

static int sim_forget(struct loop *l, void *state, int fd)
{
    (void)l;
    (void)state;
    (void)fd;
    return 0;
}

/* Really waits, for a post of another thread. */
static int wait_for_post(struct loop *l)
{
    struct pollfd p = { .fd = l->inbox.wake_fd, .events = POLLIN };
    uint64_t posts;
    if (poll(&p, 1, -1) < 0)
        return errno == EINTR ? 0 : -errno;
    return read(l->inbox.wake_fd, &posts, sizeof posts) < 0 ? -errno : 0;
}

static int sim_poll(struct loop *l, void *state, rota_time until)
{
    struct sim *s = state;
    if (until <= s->now)
        return 0;
    if (until == ROTA_FOREVER || l->outside > 0)
        return wait_for_post(l);
    s->now = until;
    return 0;
}

static bool sim_busy(void *state)
{
    (void)state;
    return false;
}

const struct backend backend_sim = {
    .name = "sim",
    .fini = sim_fini,
    .submit = sim_submit,
    .cancel = sim_cancel,
    .forget = sim_forget,
    .poll = sim_poll,
    .busy = sim_busy,
};
