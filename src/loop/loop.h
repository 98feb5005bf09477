/*
 * The loop: one per thread. A turn takes the posts of other threads, polls
 * I/O, expires timers, then runs what is ready, first come first served:
 * coroutines, and callbacks on the loop's own stack. A coroutine that pauses
 * switches straight to the next ready one, also to one that became ready
 * during this turn; the loop's stack is visited for a callback, when nothing
 * is ready, and after LOOP_SLICE switches or LOOP_SLICE_TIME, so that I/O is
 * never starved. A callback that became ready during a turn waits for the
 * next one.
 *
 * What every call of a task goes through is inline here.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/rng.h"
#include "coro/coro.h"
#include "loop/backend.h"
#include "loop/inbox.h"
#include "loop/timer.h"
#include "rota/export.h"
#include "rota/time.h"

struct sim_setup;

enum {
    LOOP_SLICE = 64,           /* switches before I/O is looked at again */
    LOOP_SLICE_TIME = 1000000, /* nanoseconds before it is, */
    LOOP_SLICE_LOOK = 16,      /* and the switches from one look to the next */
    LOOP_BUDGET = 128, /* calls a coroutine may complete without a pause */
};

/* Something that can be run; in at most one queue. */
struct ready {
    struct ready *next;
    void (*run)(struct ready *r); /* NULL: a coroutine (struct loop_coro) */
};

struct loop_coro {
    struct ready ready;
    uint64_t id; /* in the order of their making, from 1 */
    struct coro coro;
};

static inline struct coro *loop_coro_of(struct ready *r)
{
    return &container_of(r, struct loop_coro, ready)->coro;
}

/* Its ends do not lie side by side: the compiler would make one wide store of
 * both, and the next switch would wait for it. */
struct ready_queue {
    struct ready *first;
    struct ready *batch; /* last of what was ready when this turn began; NULL:
                            that is done */
    struct ready **last;
};

struct loop {
    struct coro_thread thread; /* first: a loop is found from its thread */
    struct ready_queue ready;
    struct coro *back; /* who wants to go on at the next pause */
    unsigned slice;    /* switches left before I/O is looked at */
    unsigned budget;   /* of the running coroutine */
    uint64_t turns;    /* begun */
    struct timers timers;
    rota_time now;          /* for completions, timers and what they call; a
                               task may have run for long: it asks rota_now */
    const rota_time *clock; /* virtual; NULL: the system's */
    struct stack_pool stacks;
    struct rng chance; /* see loop_random */
    uint64_t made;     /* coroutines so far */
    unsigned outside;  /* jobs under way on other threads, which will post:
                            a virtual clock stands still meanwhile */
    unsigned (*arrange)(struct loop *l); /* orders what is ready, tells how
                                            many that are; NULL: it runs as
                                            it came */

    const struct backend *backend;
    void *backend_state;
    /* Called before a wait that only a post can end; true: it is not to be
     * waited. May be NULL. */
    bool (*stuck)(struct loop *l);
    size_t idle_timers; /* armed ones that wake nobody */

    struct inbox inbox; /* what other threads touch */
};

/* The running thread's loop, NULL when it runs none. */
static inline struct loop *loop_current(void)
{
    struct coro_thread *t = coro_thread();
    return t && !t->worker ? container_of(t, struct loop, thread) : NULL;
}

/* The same, where there is one: what a coroutine calls to pause. Not by way of
 * the coroutine's own record: switch after switch, the processor would wait
 * for one load before it could begin the next. */
static inline struct loop *loop_here(void)
{
    return container_of(coro_thread(), struct loop, thread);
}

/* Makes `l` this thread's loop: 0, -EBUSY, -ENOMEM, what the backend says. */
int loop_init(struct loop *l);
/* The same in a simulated world. */
int loop_init_simulated(struct loop *l, const struct sim_setup *setup);
void loop_fini(struct loop *l);

/* One turn. Waits for I/O only when nothing is ready, at most until the next
 * timer. */
void loop_turn(struct loop *l);

/* Puts `r` at the end of the ready queue. */
static inline void loop_ready(struct loop *l, struct ready *r)
{
    r->next = NULL;
    *l->ready.last = r;
    l->ready.last = &r->next;
}

/* True when there is something to run. */
static inline bool loop_has_ready(const struct loop *l)
{
    return l->ready.first != NULL;
}

/* Takes the first of the queue, which is not empty. */
static inline struct ready *loop_pop(struct loop *l)
{
    struct ready *r = l->ready.first;
    l->ready.first = r->next;
    if (!r->next)
        l->ready.last = &l->ready.first;
    if (r == l->ready.batch)
        l->ready.batch = NULL;
    return r;
}

/* loop_ready and loop_pop at once, where the queue is not empty. */
static inline struct ready *loop_rotate(struct loop *l, struct ready *me)
{
    loop_ready(l, me);
    struct ready *r = l->ready.first;
    l->ready.first = r->next; /* never the end: I am behind it */
    if (r == l->ready.batch)
        l->ready.batch = NULL;
    return r;
}

/* One of every LOOP_SLICE_LOOK switches: is it time to look at I/O? */
bool loop_slice_over(struct loop *l) ROTA_INTERNAL(loop_slice_over);

/* True when the next switch may be made without a look at I/O. */
static inline bool loop_may_switch(struct loop *l)
{
    if (l->slice % LOOP_SLICE_LOOK == 0 && loop_slice_over(l))
        return false;
    l->slice--;
    return true;
}

/* Where the running coroutine goes when it leaves: to whoever entered it,
 * else to the next ready coroutine, else to the loop. */
static inline struct coro *loop_next(struct loop *l)
{
    struct ready *r = l->ready.first;
    if (l->back)
        return l->back;
    if (!r || r->run || !loop_may_switch(l))
        return &l->thread.root;
    return loop_coro_of(loop_pop(l));
}

/* Takes all coroutines out of the ready queues: they are never resumed. */
void loop_drop_coroutines(struct loop *l);

/* In a child made by fork: whatever was to run is its parent's to run. */
void loop_forget_ready(struct loop *l);

/* Pauses the running coroutine and runs what is next; returns when somebody
 * made it ready. */
SANITIZE_INLINE void loop_pause(struct loop *l)
{
    l->budget = LOOP_BUDGET; /* of whoever runs next, new or resumed */
    coro_switch(&l->thread, loop_next(l), NULL);
}

/* The same as the last step of a function: see coro_switch_last. */
SANITIZE_INLINE int loop_pause_last(struct loop *l, coro_over *over)
{
    l->budget = LOOP_BUDGET;
    return coro_switch_last(&l->thread, loop_next(l), over);
}

/* Where a yield leads that is more than to change places with the first of
 * the queue; NULL: nobody else wants to run, and it is none at all. */
struct coro *loop_yield_to(struct loop *l, struct loop_coro *me)
    ROTA_INTERNAL(loop_yield_to);

/* Lets all that is ready run before `me`, the running coroutine, goes on. */
SANITIZE_INLINE void loop_yield(struct loop *l, struct loop_coro *me)
{
    struct ready *r = l->ready.first;
    struct coro *to;
    if (__builtin_expect(r && !r->run && !l->back && loop_may_switch(l), 1))
        to = loop_coro_of(loop_rotate(l, &me->ready));
    else
        to = loop_yield_to(l, me);
    l->budget = LOOP_BUDGET;
    if (to)
        coro_switch(&l->thread, to, NULL);
}

/* Ends the running coroutine; `after` frees it. */
SANITIZE_INLINE __attribute__((noreturn)) void loop_leave(
    struct loop *l, const struct coro_action *after)
{
    l->budget = LOOP_BUDGET;
    coro_exit(&l->thread, loop_next(l), after);
}

/*
 * A number by chance, evenly of those below `n` > 0. Whatever a loop decides
 * by chance is decided by this: in a simulation the seed then decides it.
 */
uint64_t loop_random(struct loop *l, uint64_t n);

/* Runs `c`, which is in no queue, at once, until it pauses or ends. */
void loop_enter(struct loop *l, struct loop_coro *c) ROTA_INTERNAL(loop_enter);

#endif
