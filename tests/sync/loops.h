/*
 * Several loops at once: each a thread with a rota_run of its own, until all
 * have ended.
 */
#ifndef LOOPS_H
#define LOOPS_H

#include <pthread.h>

#include "../task/tasks.h"

enum { LOOPS_MOST = 16 };

struct one_loop {
    rota_fn *fn;
    void *arg;
    pthread_t thread;
};

UNUSED static void *run_one_loop(void *arg)
{
    struct one_loop *l = arg;
    CHECK_INT(rota_run(l->fn, l->arg, NULL), 0);
    return NULL;
}

/* Begins a loop in a thread: its main task calls fn(arg), which returns 0. */
UNUSED static void begin_loop(struct one_loop *l, rota_fn *fn, void *arg)
{
    *l = (struct one_loop){ .fn = fn, .arg = arg };
    CHECK_INT(pthread_create(&l->thread, NULL, run_one_loop, l), 0);
}

UNUSED static void join_loop(struct one_loop *l)
{
    CHECK_INT(pthread_join(l->thread, NULL), 0);
}

/* A TASK_TEST that runs twice, with an object of one thread and with one that
 * threads share: `flags` is 0, or ROTA_SHARED. */
#define BOTH_TEST(name_)                                                      \
    static void TEST_JOIN(both_, __LINE__)(unsigned flags);                   \
    static int TEST_JOIN(shared_, __LINE__)(void *arg)                        \
    {                                                                         \
        (void)arg;                                                            \
        TEST_JOIN(both_, __LINE__)(ROTA_SHARED);                              \
        return 0;                                                             \
    }                                                                         \
    static void TEST_JOIN(run_shared_, __LINE__)(void)                        \
    {                                                                         \
        CHECK_INT(rota_run(TEST_JOIN(shared_, __LINE__), NULL, NULL), 0);     \
    }                                                                         \
    __attribute__((constructor)) static void TEST_JOIN(add_shared_,           \
                                                       __LINE__)(void)        \
    {                                                                         \
        static struct test t = { "shared: " name_,                            \
                                 TEST_JOIN(run_shared_, __LINE__), 0, NULL }; \
        test_register(&t);                                                    \
    }                                                                         \
    TASK_TEST(name_)                                                          \
    {                                                                         \
        TEST_JOIN(both_, __LINE__)(0);                                        \
    }                                                                         \
    static void TEST_JOIN(both_, __LINE__)(unsigned flags)

/* Runs fn(args[i]) as the main task of `n` loops, and waits for all. */
UNUSED static void run_loops(int n, rota_fn *fn, void *args, size_t size)
{
    struct one_loop loops[LOOPS_MOST];
    CHECK(n <= LOOPS_MOST);
    for (int i = 0; i < n; i++)
        begin_loop(&loops[i], fn, (char *)args + (size_t)i * size);
    for (int i = 0; i < n; i++)
        join_loop(&loops[i]);
}

#endif
