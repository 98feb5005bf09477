/*
 * ThreadSanitizer sees what tasks of two loops share, over all switches: a
 * race that is one, and none where a lock or a channel stands between. It is
 * told of switches in coro/sanitize.h; these tests are of that.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "coro/sanitize.h"
#include "tasks.h"

enum { ROUNDS = 200 };

static int shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Loops that wait for each other, between two writes and with nothing that
 * would order them: else one might be over before the other begins, and what
 * it did at its end, under locks, comes before what the other does. */
static int expected = 1;
static atomic_int arrived;

static void meet(void)
{
    atomic_fetch_add_explicit(&arrived, 1, memory_order_relaxed);
    while (atomic_load_explicit(&arrived, memory_order_relaxed) < expected)
        sched_yield();
}

/* Each task's two steps lie on both sides of a switch. */
static ROTA_ASYNC(adds, (bool, meets))
{
    for (int i = 0; i < ROUNDS; i++) {
        shared++;
        if (meets && i == ROUNDS / 2)
            meet();
        CHECK_INT(rota_sleep(0), 0);
    }
    return 0;
}

static ROTA_ASYNC(adds_locked)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&lock);
        shared++;
        pthread_mutex_unlock(&lock);
        CHECK_INT(rota_sleep(0), 0);
    }
    return 0;
}

static int main_adds(void *arg)
{
    (void)arg;
    rota_task *t[] = { rota_create_task(adds, true),
                       rota_create_task(adds, false) };
    return rota_gather(t, 2, NULL, 0);
}

static int main_adds_locked(void *arg)
{
    (void)arg;
    rota_task *t[] = { rota_create_task(adds_locked),
                       rota_create_task(adds_locked) };
    return rota_gather(t, 2, NULL, 0);
}

typedef ROTA_CHAN(int *) turns;
static turns there, back;

/* The int goes to and fro; whoever has it may add. */
static ROTA_ASYNC(serves)
{
    int *ball = &shared;
    for (int i = 0; i < ROUNDS; i++) {
        ++*ball;
        CHECK_INT(ROTA_SEND(there, ball), 0);
        CHECK_INT(ROTA_RECV(back, &ball), 0);
    }
    return 0;
}

static ROTA_ASYNC(returns)
{
    int *ball;
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_INT(ROTA_RECV(there, &ball), 0);
        ++*ball;
        CHECK_INT(ROTA_SEND(back, ball), 0);
    }
    return 0;
}

static int main_plays(void *first)
{
    return first ? serves() : returns();
}

struct loop_thread {
    pthread_t id;
    rota_fn *fn;
    void *arg;
};

/* Both loops stand before one goes: else the second could get the memory of
 * the first from the kernel, of which TSan does not hear. */
static pthread_barrier_t both;

static int run_main(void *arg)
{
    struct loop_thread *t = arg;
    pthread_barrier_wait(&both);
    return t->fn(t->arg);
}

static void *run_loop(void *arg)
{
    CHECK_INT(rota_run(run_main, arg, NULL), 0);
    return NULL;
}

/* Two loops, one with an argument that is not NULL. */
static void run_two(rota_fn *fn)
{
    struct loop_thread t[2] = { { .fn = fn, .arg = &lock }, { .fn = fn } };
    pthread_barrier_init(&both, NULL, 2);
    for (int i = 0; i < 2; i++)
        CHECK_INT(pthread_create(&t[i].id, NULL, run_loop, &t[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i].id, NULL);
}

static void race(void)
{
    expected = 2;
    run_two(main_adds);
    exit(0);
}

/* DBG-09 */
TEST("two loops that share an int race, and TSan says so")
{
#ifndef SANITIZE_THREAD
    test_skip("not built with TSan");
#endif
    static char err[64 * 1024];
    int status = test_child(race, err, sizeof err);
    CHECK(status != 0);
    CHECK_HAS(err, "WARNING: ThreadSanitizer: data race");
    CHECK_HAS(err, "adds");
}

/* DBG-09 */
TEST("two loops that share an int under a mutex do not race")
{
    run_two(main_adds_locked);
    CHECK_INT(shared, 4 * ROUNDS);
}

/* DBG-09 */
TEST("two loops that hand an int to each other by channels do not race")
{
    there = ROTA_CHAN_NEW(turns, 0, ROTA_SHARED);
    back = ROTA_CHAN_NEW(turns, 0, ROTA_SHARED);
    run_two(main_plays);
    CHECK_INT(shared, 2 * ROUNDS);
    rota_chan_unref(there.chan);
    rota_chan_unref(back.chan);
}

static int main_alone(void *arg)
{
    main_adds(arg);
    return shared == 2 * ROUNDS ? 0 : -1;
}

TEST("tasks of one loop share without a race")
{
    CHECK_INT(rota_run(main_alone, NULL, NULL), 0);
}
