/*
 * The simulated backend: a world in one thread. Its clock stands still while
 * anything can run; when nothing can, it jumps to the next moment at which
 * something happens. Work on pool threads is real and takes real time, of
 * which the clock here knows nothing: it waits for it, standing still.
 *
 * Sockets are the world's own (sim_net.h); files are real, worked on when the
 * world says so (sim_file.c). Other descriptors of the kernel do not exist
 * here; whoever uses one is told.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/backend.h"
#include "loop/loop.h"
#include "loop/sim_net.h"

/* Not 0, which many take for "no moment". */
static const rota_time beginning = 1000000000;

struct sim *sim_of(const struct loop *l)
{
    return l && l->backend == &backend_sim ? l->backend_state : NULL;
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
    s->loop = l;
    s->now = beginning;
    s->seed = setup->seed;
    s->net = setup->options->net;
    sim_net_init(s);
    list_init(&s->files);
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
    sim_file_end_all(state);
    sim_net_fini(state);
    free(state);
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

/* Lets the time pass until the next thing happens, `until` at most. */
static int pass_time(struct sim *s, rota_time until)
{
    rota_time next = timers_next(&s->events);
    if (next > until)
        next = until;
    if (next <= s->now || !list_empty(&s->touched))
        return 0;
    if (next == ROTA_FOREVER || s->loop->outside > 0)
        return wait_for_post(s->loop);
    s->now = next;
    return 0;
}

static int sim_wait(struct loop *l, void *state, rota_time until)
{
    (void)l;
    return pass_time(state, until);
}

static void sim_complete(struct loop *l, void *state)
{
    (void)l;
    struct sim *s = state;
    timers_expire(&s->events, s->now);
    sim_serve(s);
}

/* An op that waits for what nobody will send can wait for ever: only what is
 * on its way counts. */
static bool sim_busy(void *state)
{
    const struct sim *s = state;
    return s->events.count > 0 || !list_empty(&s->touched);
}

const struct backend backend_sim = {
    .name = "sim",
    .fini = sim_fini,
    .submit = sim_submit,
    .cancel = sim_cancel,
    .file_submit = sim_file_submit,
    .file_cancel = sim_file_cancel,
    .file_due = sim_file_due,
    .forget = sim_forget,
    .wait = sim_wait,
    .complete = sim_complete,
    .busy = sim_busy,
    .each_op = sim_each_op,
    .file_ops = sim_file_ops,
    .sockets = &sim_sock_calls,
};
