/*
 * The loop's turn, and the three ways a coroutine meets it: it becomes ready,
 * it pauses, it ends.
 */
#include "loop/loop.h"

#include <string.h>
#include <sys/random.h>

#include "base/list.h"
#include "loop/sim.h"
#include "rota/log.h"

static void queue_init(struct ready_queue *q)
{
    q->first = NULL;
    q->last = &q->first;
}

static void queue_push(struct ready_queue *q, struct ready *r)
{
    r->next = NULL;
    *q->last = r;
    q->last = &r->next;
}

static struct ready *queue_pop(struct ready_queue *q)
{
    struct ready *r = q->first;
    q->first = r->next;
    if (!q->first)
        q->last = &q->first;
    return r;
}

static void queue_append(struct ready_queue *q, struct ready_queue *from)
{
    if (!from->first)
        return;
    *q->last = from->first;
    q->last = from->last;
    queue_init(from);
}

struct loop *loop_current(void)
{
    struct coro_thread *t = coro_thread();
    return t && !t->worker ? container_of(t, struct loop, thread) : NULL;
}

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

static int begin(struct loop *l, const struct sim_setup *simulated)
{
    memset(l, 0, sizeof *l);
    queue_init(&l->batch);
    queue_init(&l->ready);
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

void loop_ready(struct loop *l, struct ready *r)
{
    queue_push(&l->ready, r);
}

bool loop_has_ready(const struct loop *l)
{
    return l->batch.first || l->ready.first;
}

static void drop_coroutines(struct ready_queue *q)
{
    struct ready_queue all = *q;
    queue_init(q);
    if (!all.first)
        all.last = &all.first; /* the copy's own */
    while (all.first) {
        struct ready *r = queue_pop(&all);
        if (r->run)
            queue_push(q, r);
    }
}

void loop_drop_coroutines(struct loop *l)
{
    drop_coroutines(&l->batch);
    drop_coroutines(&l->ready);
}

void loop_forget_ready(struct loop *l)
{
    queue_init(&l->batch);
    queue_init(&l->ready);
    l->back = NULL;
    atomic_store(&l->inbox.newest, NULL);
}

/* Where the running coroutine goes when it leaves: to whoever entered it,
 * else to the next coroutine of the batch, else to the loop. */
static struct coro *next(struct loop *l)
{
    if (l->back)
        return l->back;
    struct ready *r = l->batch.first;
    if (!r || r->run || l->slice == 0)
        return &l->thread.root;
    l->slice--;
    queue_pop(&l->batch);
    return &container_of(r, struct loop_coro, ready)->coro;
}

void loop_pause(struct loop *l, const struct coro_action *after)
{
    l->budget = LOOP_BUDGET; /* of whoever runs next, new or resumed */
    coro_switch(&l->thread, next(l), after);
}

void loop_leave(struct loop *l, const struct coro_action *after)
{
    l->budget = LOOP_BUDGET;
    coro_exit(&l->thread, next(l), after);
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

static void poll_io(struct loop *l)
{
    int rc = 0;
    if (loop_has_ready(l)) {
        if (l->backend->busy(l->backend_state))
            rc = l->backend->poll(l, l->backend_state, 0);
    } else {
        rota_time until = timers_next(&l->timers);
        if (is_stuck(l))
            until = 0;
        if (!inbox_doze(&l->inbox))
            until = 0;
        rc = l->backend->poll(l, l->backend_state, until);
        inbox_rise(&l->inbox);
    }
    if (rc < 0)
        rota_log(ROTA_LOG_ERROR, "%s: waiting for I/O failed: %s",
                 l->backend->name, strerror(-rc));
}

/* What became ready since joins the batch. An order that is arranged is one
 * of a whole batch, so there what is left of the last one comes first. */
static void take_ready(struct loop *l)
{
    if (l->arrange && l->batch.first)
        return;
    if (l->arrange)
        l->arrange(l);
    queue_append(&l->batch, &l->ready);
}

static void run_batch(struct loop *l)
{
    take_ready(l);
    l->slice = LOOP_SLICE;
    while (l->batch.first && l->slice > 0) {
        struct ready *r = queue_pop(&l->batch);
        l->slice--;
        if (r->run) {
            r->run(r);
            continue;
        }
        l->budget = LOOP_BUDGET;
        coro_switch(&l->thread, &container_of(r, struct loop_coro, ready)->coro,
                    NULL);
    }
}

void loop_turn(struct loop *l)
{
    l->turns++;
    inbox_run(&l->inbox);
    poll_io(l);
    l->now = rota_now();
    timers_expire(&l->timers, l->now);
    run_batch(l);
}
