/*
 * The loop's turn, and the three ways a coroutine meets it: it becomes ready,
 * it pauses, it ends.
 */
#include "loop/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/list.h"
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

int loop_init(struct loop *l)
{
    memset(l, 0, sizeof *l);
    queue_init(&l->batch);
    queue_init(&l->ready);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->wake_fd < 0)
        return -errno;
    int rc = coro_enter(&l->thread);
    if (rc < 0)
        goto no_thread;
    rc = backend_choose(l, &l->backend, &l->backend_state, l->wake_fd);
    if (rc < 0)
        goto no_backend;
    stack_pool_init(&l->stacks);
    l->chance.state = any_seed();
    return 0;
no_backend:
    coro_leave(&l->thread);
no_thread:
    close(l->wake_fd);
    return rc;
}

void loop_fini(struct loop *l)
{
    l->backend->fini(l, l->backend_state);
    stack_pool_fini(&l->stacks);
    timers_fini(&l->timers);
    coro_leave(&l->thread);
    close(l->wake_fd);
}

void loop_ready(struct loop *l, struct ready *r)
{
    queue_push(&l->ready, r);
}

bool loop_has_ready(const struct loop *l)
{
    return l->batch.first || l->ready.first;
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

void loop_post(struct loop *l, struct post *p)
{
    struct post *head = atomic_load_explicit(&l->inbox, memory_order_relaxed);
    do
        p->next = head;
    while (!atomic_compare_exchange_weak(&l->inbox, &head, p));
    /* The loop says it is asleep before it looks at the inbox for the last
     * time; we fill the inbox before we look whether it is asleep. Both are
     * sequentially consistent, so one of us sees the other. */
    if (atomic_exchange(&l->asleep, false)) {
        uint64_t one = 1;
        while (write(l->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
            ;
    }
}

/* Runs the posts that are there now, oldest first; later ones wait a turn. */
static void run_posts(struct loop *l)
{
    if (!atomic_load_explicit(&l->inbox, memory_order_relaxed))
        return;
    struct post *newest = atomic_exchange(&l->inbox, NULL);
    struct post *oldest = NULL;
    while (newest) {
        struct post *p = newest;
        newest = p->next;
        p->next = oldest;
        oldest = p;
    }
    while (oldest) {
        struct post *p = oldest;
        oldest = p->next;
        p->run(p);
    }
}

static void poll_io(struct loop *l)
{
    int rc = 0;
    if (loop_has_ready(l)) {
        if (l->backend->busy(l->backend_state))
            rc = l->backend->poll(l, l->backend_state, 0);
    } else {
        rota_time until = timers_next(&l->timers);
        if (until == ROTA_FOREVER && l->stuck &&
            !l->backend->busy(l->backend_state))
            l->stuck(l);
        atomic_store(&l->asleep, true);
        if (atomic_load(&l->inbox))
            until = 0;
        rc = l->backend->poll(l, l->backend_state, until);
        atomic_store(&l->asleep, false);
    }
    if (rc < 0)
        rota_log(ROTA_LOG_ERROR, "%s: waiting for I/O failed: %s",
                 l->backend->name, strerror(-rc));
}

static void run_batch(struct loop *l)
{
    queue_append(&l->batch, &l->ready);
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
    run_posts(l);
    poll_io(l);
    l->now = rota_now();
    timers_expire(&l->timers, l->now);
    run_batch(l);
}
