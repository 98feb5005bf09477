/* A post from another thread and a loop about to sleep, at one moment. */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "loop/loop.h"
#include "test.h"

enum { ROUNDS = 300000 };

static struct loop loop;
static atomic_uint begun, posted; /* in which round */
static unsigned ran;

static void note(struct post *p)
{
    (void)p;
    ran++;
}

static void wait_for(atomic_uint *round, unsigned i)
{
    for (unsigned k = 1; atomic_load_explicit(round, memory_order_acquire) < i;
         k++)
        if (k % 1024 == 0)
            sched_yield();
}

static void *post_all(void *arg)
{
    (void)arg;
    static struct post p = { .run = note };
    for (unsigned i = 1; i <= ROUNDS; i++) {
        wait_for(&begun, i);
        loop_post(&loop, &p);
        atomic_store_explicit(&posted, i, memory_order_release);
    }
    return NULL;
}

static void fall_asleep(unsigned i)
{
    uint64_t count;
    for (volatile unsigned k = 0; k < i % 60; k++)
        ; /* earlier and later than the post comes */
    bool sleeps = inbox_doze(&loop.inbox);
    wait_for(&posted, i);
    bool woken = read(loop.inbox.wake_fd, &count, sizeof count) > 0;
    CHECK(woken || !sleeps);
    inbox_rise(&loop.inbox);
}

/* PITFALL 53 */
TEST_LIMITED("a post that meets the loop falling asleep is seen, or wakes it",
             120)
{
    pthread_t poster;
    CHECK_INT(inbox_init(&loop.inbox), 0);
    CHECK_INT(pthread_create(&poster, NULL, post_all, NULL), 0);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        atomic_store_explicit(&begun, i, memory_order_release);
        fall_asleep(i);
        CHECK(inbox_run(&loop.inbox));
        CHECK_INT(ran, i);
    }
    CHECK_INT(pthread_join(poster, NULL), 0);
    inbox_fini(&loop.inbox);
}
