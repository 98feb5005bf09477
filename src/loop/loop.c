/*
 * The loop's turn, and the three ways a coroutine meets it: it becomes ready,
 * it pauses, it ends.
 */
#include "loop/loop.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/list.h"
#include "base/misuse.h"
#include "loop/sim.h"

/* A seed that differs each time. Where the kernel has none yet (at boot), the
 * time will do: nothing secret hangs on it. */
static uint64_t any_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = (uint64_t)rota_now();
    return seed;
}

uint64_t loop_random(struct loop *l, uint64_t n)
{
    return rng_below(&l->chance, n);
}

static void queue_clear(struct loop *l)
{
    l->ready.first = NULL;
    l->ready.last = &l->ready.first;
    l->ready.batch = NULL;
}

static int begin(struct loop *l, const struct sim_setup *simulated)
{
    memset(l, 0, sizeof *l);
    queue_clear(l);
    int rc = inbox_init(&l->inbox);
    if (rc < 0)
        return rc;
    rc = coro_enter(&l->thread);
    if (rc < 0)
        goto no_thread;
    l->chance.state = any_seed();
    rc = simulated ? sim_begin(l, simulated)
                   : backend_choose(l, &l->backend, &l->backend_state,
                                    l->inbox.wake_fd);
    if (rc < 0)
        goto no_backend;
    stack_pool_init(&l->stacks);
    return 0;
no_backend:
    coro_leave(&l->thread);
no_thread:
    inbox_fini(&l->inbox);
    return rc;
}

int loop_init(struct loop *l)
{
    return begin(l, NULL);
}

int loop_init_simulated(struct loop *l, const struct sim_setup *setup)
{
    return begin(l, setup);
}

void loop_fini(struct loop *l)
{
    inbox_refuse(&l->inbox, POST_INSIDE);
    l->backend->fini(l, l->backend_state);
    stack_pool_fini(&l->stacks);
    timers_fini(&l->timers);
    coro_leave(&l->thread);
    inbox_fini(&l->inbox);
}

/* Is there anything to look at between switches? */
static bool is_watching(const struct loop *l)
{
    return l->timers.count > 0 || l->backend->busy(l->backend_state);
}

/* However long I/O and timers took: something is run in each turn. */
bool loop_slice_over(struct loop *l)
{
    if (l->slice < LOOP_SLICE && is_watching(l) &&
        rota_now() - l->now > LOOP_SLICE_TIME)
        l->slice = 0;
    return l->slice == 0;
}

/* True when nobody else wants to run, and a yield may be none at all. */
static bool is_mine(struct loop *l)
{
    if (l->ready.first || l->back)
        return false;
    if (inbox_empty(&l->inbox) && loop_may_switch(l))
        return true;
    l->slice = 0; /* to the loop, not to myself */
    return false;
}

struct coro *loop_yield_to(struct loop *l, struct loop_coro *me)
{
    if (is_mine(l))
        return NULL;
    loop_ready(l, &me->ready);
    return loop_next(l);
}

void loop_drop_coroutines(struct loop *l)
{
    struct ready *r = l->ready.first, *next;
    queue_clear(l);
    for (; r; r = next) {
        next = r->next;
        if (r->run)
            loop_ready(l, r);
    }
}

void loop_forget_ready(struct loop *l)
{
    queue_clear(l);
    l->back = NULL;
    atomic_store(&l->inbox.newest, NULL);
}

void loop_enter(struct loop *l, struct loop_coro *c)
{
    struct coro *back = l->back;
    unsigned budget = l->budget;
    l->back = l->thread.current;
    l->budget = LOOP_BUDGET;
    coro_switch(&l->thread, &c->coro, NULL);
    l->back = back;
    l->budget = budget;
}

/* Nothing but a post can end the wait, and that will not come. */
static bool is_stuck(struct loop *l)
{
    return l->stuck && l->timers.count == l->idle_timers &&
           !l->backend->busy(l->backend_state) && l->stuck(l);
}

/* Errors that pass are the backends' own affair. One that is told stays:
 * nothing can be awaited any more, and to go on would be to spin. */
static void lose_io(const struct loop *l, int rc)
{
    misuse(rc,
           "%s cannot be waited at any more: %s; has a descriptor been closed "
           "that was not the program's own?",
           l->backend->name, strerror(-rc));
    abort();
}

/* Until something completes, a post comes, or the next timer's moment. */
static int wait_idle(struct loop *l)
{
    rota_time until = timers_next(&l->timers);
    if (is_stuck(l))
        until = 0;
    if (!inbox_doze(&l->inbox))
        until = 0;
    int rc = l->backend->wait(l, l->backend_state, until);
    inbox_rise(&l->inbox);
    return rc;
}

static void poll_io(struct loop *l, bool sleepy)
{
    bool idle = sleepy && !loop_has_ready(l);
    if (!idle && !l->backend->busy(l->backend_state))
        return;
    int rc = idle ? wait_idle(l) : l->backend->wait(l, l->backend_state, 0);
    if (rc < 0)
        lose_io(l, rc);
    l->now = rota_now(); /* the wait may have been long */
    l->backend->complete(l, l->backend_state);
}

/* Begins a turn's batch. An arranged order is one of a whole batch: it is run
 * to its end, and no further. */
static void begin_batch(struct loop *l)
{
    l->slice = l->arrange ? l->arrange(l) : LOOP_SLICE;
    l->ready.batch = NULL;
    if (l->ready.first)
        l->ready.batch = container_of(l->ready.last, struct ready, next);
}

/* May the first of the queue run in this turn? */
static bool may_run(struct loop *l)
{
    struct ready *r = l->ready.first;
    return r && (!r->run || l->ready.batch) && loop_may_switch(l);
}

static void run_ready(struct loop *l)
{
    begin_batch(l);
    while (may_run(l)) {
        struct ready *r = loop_pop(l);
        if (r->run) {
            r->run(r);
            continue;
        }
        l->budget = LOOP_BUDGET;
        coro_switch(&l->thread, loop_coro_of(r), NULL);
    }
}

void loop_turn(struct loop *l)
{
    l->turns++;
    /* Whoever runs the turns looks at what a post did before the loop sleeps. */
    bool posted = inbox_run(&l->inbox);
    poll_io(l, !posted);
    l->now = rota_now();
    timers_expire(&l->timers, l->now);
    run_ready(l);
}
