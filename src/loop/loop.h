/*
 * The loop: one per thread. A turn takes the posts of other threads, polls
 * I/O, expires timers, then runs what was ready at that moment: coroutines,
 * and callbacks on the loop's own stack. A coroutine that pauses switches
 * straight to the next ready one; the loop's stack is visited when the batch
 * is done, or after LOOP_SLICE switches, so that I/O is never starved.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "coro/coro.h"
#include "loop/backend.h"
#include "loop/inbox.h"
#include "loop/timer.h"
#include "rota/export.h"
#include "rota/time.h"

struct sim_setup;

enum {
    LOOP_SLICE = 64,   /* switches before I/O is looked at again */
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

struct ready_queue {
    struct ready *first;
    struct ready **last;
};

struct loop {
    struct coro_thread thread; /* first: a loop is found from its thread */
    struct ready_queue batch;  /* what this turn runs */
    struct ready_queue ready;  /* what the next turn will run */
    struct coro *back;         /* who wants to go on at the next pause */
    unsigned slice;            /* switches left before I/O is looked at */
    unsigned budget;           /* of the running coroutine */
    uint64_t turns;            /* begun */
    struct timers timers;
    rota_time now;          /* when this turn's I/O was polled */
    const rota_time *clock; /* virtual; NULL: the system's */
    struct stack_pool stacks;
    struct rng chance; /* see loop_random */
    uint64_t made;     /* coroutines so far */
    unsigned outside;  /* jobs under way on other threads, which will post:
                            a virtual clock stands still meanwhile */
    void (*arrange)(struct loop *l); /* orders `ready` before it becomes a
                                        batch; NULL: it runs as it came */

    const struct backend *backend;
    void *backend_state;
    /* Called before a wait that only a post can end; true: it is not to be
     * waited. May be NULL. */
    bool (*stuck)(struct loop *l);
    size_t idle_timers; /* armed ones that wake nobody */

    struct inbox inbox; /* what other threads touch */
};

/* The running thread's loop, NULL when it runs none. */
struct loop *loop_current(void) ROTA_INTERNAL(loop_current);

/* Makes `l` this thread's loop: 0, -EBUSY, -ENOMEM, what the backend says. */
int loop_init(struct loop *l);
/* The same in a simulated world. */
int loop_init_simulated(struct loop *l, const struct sim_setup *setup);
void loop_fini(struct loop *l);

/* One turn. Waits for I/O only when nothing is ready, at most until the next
 * timer. */
void loop_turn(struct loop *l);

/* Puts `r` at the end of the ready queue. */
void loop_ready(struct loop *l, struct ready *r) ROTA_INTERNAL(loop_ready);

/* True when the next turn has something to run. */
bool loop_has_ready(const struct loop *l);

/* Takes all coroutines out of the ready queues: they are never resumed. */
void loop_drop_coroutines(struct loop *l);

/* In a child made by fork: whatever was to run is its parent's to run. */
void loop_forget_ready(struct loop *l);

/* Pauses the running coroutine and runs what is next; returns when somebody
 * made it ready. `after` (may be NULL) runs once it has been left. */
void loop_pause(struct loop *l, const struct coro_action *after);

/* Ends the running coroutine; `after` frees it. */
void loop_leave(struct loop *l, const struct coro_action *after)
    __attribute__((noreturn));

/*
 * A number by chance, evenly of those below `n` > 0. Whatever a loop decides
 * by chance is decided by this: in a simulation the seed then decides it.
 */
uint64_t loop_random(struct loop *l, uint64_t n);

/* Runs `c`, which is in no queue, at once, until it pauses or ends. */
void loop_enter(struct loop *l, struct loop_coro *c) ROTA_INTERNAL(loop_enter);

#endif
