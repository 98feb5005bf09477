/*
 * The least there can be over coroutines, for the tests of this room: run one
 * to its end, or until it parks, and go on with it.
 */
#ifndef TEST_CORO_RUNNER_H
#define TEST_CORO_RUNNER_H

#include "coro/coro.h"
#include "test.h"

static struct coro_thread thread;
static struct stack_pool pool;

struct fiber {
    struct coro coro;
    void (*fn)(void *arg);
    void *arg;
    bool ended;
};

static inline void runner_begin(void)
{
    CHECK_INT(coro_enter(&thread), 0);
    stack_pool_init(&pool);
}

static inline void runner_end(void)
{
    CHECK_INT(pool.live, 0);
    stack_pool_fini(&pool);
    coro_leave(&thread);
}

/* The post-switch action of one that ended: frees the stack it ran on. */
static inline void fiber_reap(void *arg)
{
    struct fiber *f = arg;
    coro_fini(&f->coro);
    stack_put(&pool, f->coro.stack);
    f->ended = true;
}

static inline void fiber_entry(void *arg)
{
    struct fiber *f = arg;
    f->fn(f->arg);
    struct coro_action reap = { fiber_reap, f };
    coro_exit(&thread, &thread.root, &reap);
}

/* Returns false when there is no stack. */
static inline bool fiber_new(struct fiber *f, void (*fn)(void *), void *arg,
                             size_t stack_size)
{
    struct stack *s = stack_get(&pool, stack_size);
    *f = (struct fiber){ .fn = fn, .arg = arg };
    if (s)
        coro_init(&f->coro, s, fiber_entry, f, 0, NULL);
    return s != NULL;
}

static inline void fiber_resume(struct fiber *f)
{
    coro_switch(&thread, &f->coro, NULL);
}

/* In a fiber: back to the root until resumed. */
static inline void fiber_park(void)
{
    coro_switch(&thread, &thread.root, NULL);
}

/* Runs fn to its end in a fiber of its own. */
static inline void fiber_run(void (*fn)(void *), void *arg)
{
    struct fiber f;
    CHECK(fiber_new(&f, fn, arg, 0));
    while (!f.ended)
        fiber_resume(&f);
}

#endif
