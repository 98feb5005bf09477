/*
 * Semaphores: order, weights, bounds, and who gets what when the first in the
 * queue is cancelled.
 */
#include "steps.h"

static rota_sem s;
static int got[4] = { PARKED, PARKED, PARKED, PARKED };
static rota_task *waiter[4];

static ROTA_ASYNC(acquire, (const char *, word), (long, n), (int *, result))
{
    *result = rota_sem_acquire(&s, n);
    if (*result == 0)
        say(word);
    return rota_sleep(0);
}

/* A task that waits for `n` permits: "0" to "3", by its place. */
static void want(int place, long n)
{
    static const char *const words[] = { "0", "1", "2", "3" };
    waiter[place] = rota_create_task(acquire, words[place], n, &got[place]);
    pass();
}

static void init(long value, long bound)
{
    CHECK_INT(rota_sem_init(&s, value, bound), 0);
}

/* SEM-01 */
TASK_TEST("a semaphore begins with no less than nothing, and within its bound")
{
    CHECK_INT(rota_sem_init(&s, -1, 0), -EINVAL);
    CHECK_INT(rota_sem_init(&s, 0, -1), -EINVAL);
    CHECK_INT(rota_sem_init(&s, 3, 2), -EINVAL);
    CHECK_INT(rota_sem_init(&s, 2, 2), 0);
    CHECK_INT(rota_sem_value(&s), 2);
}

/* SEM-02 */
TASK_TEST("permits go to those who wait, in their order")
{
    init(3, 0);
    CHECK_INT(rota_sem_acquire(&s, 2), 0);
    for (int i = 0; i < 3; i++)
        want(i, 1);
    CHECK_STR(trace, "0");
    CHECK_INT(rota_sem_waiters(&s), 2);
    CHECK(rota_sem_locked(&s));
    CHECK_INT(rota_sem_release(&s, 1), 0);
    CHECK_INT(rota_sem_release(&s, 1), 0);
    CHECK_INT(rota_gather(waiter, 3, NULL, 0), 0);
    CHECK_STR(trace, "012");
    CHECK_INT(rota_sem_value(&s), 0);
}

static ROTA_ASYNC(end_waits, (int, n))
{
    for (int i = 0; i < n; i++)
        rota_task_cancel(waiter[i], NULL);
    return 0;
}

static void end(int n)
{
    CHECK_INT(rota_await(rota_create_task(end_waits, n)), 0);
    for (int i = 0; i < n; i++)
        rota_ignore(rota_await(waiter[i]));
    CHECK_INT(rota_sem_waiters(&s), 0);
    CHECK_INT(rota_sem_fini(&s), 0);
}

/* SEM-03, PITFALL 50 */
TASK_TEST("two waiters cancelled and one permit, in one step: the third has it")
{
    init(0, 0);
    for (int i = 0; i < 4; i++)
        want(i, 1);
    rota_task_cancel(waiter[0], NULL);
    rota_task_cancel(waiter[1], NULL);
    CHECK_INT(rota_sem_release(&s, 1), 0);
    pass();
    CHECK_INT(got[0], -ECANCELED);
    CHECK_INT(got[1], -ECANCELED);
    CHECK_INT(got[2], 0);
    CHECK_INT(got[3], PARKED);
    end(4);
}

/* SEM-04, PITFALL 50 */
TASK_TEST("a waiter cancelled before a release does not swallow the permit")
{
    init(0, 0);
    want(0, 1);
    want(1, 1);
    rota_task_cancel(waiter[0], NULL);
    CHECK_INT(rota_sem_release(&s, 1), 0);
    pass();
    pass();
    CHECK_INT(got[0], -ECANCELED);
    CHECK_INT(got[1], 0);
    CHECK(rota_sem_locked(&s));
    CHECK_INT(rota_sem_value(&s), 0);
    end(2);
}

static ROTA_ASYNC(cancel_and_release)
{
    CHECK_INT(rota_sem_acquire(&s, 1), 0);
    pass();
    rota_task_cancel(waiter[0], NULL);
    return rota_sem_release(&s, 1);
}

/* SEM-05 */
TASK_TEST("the only waiter cancelled, then a release: the permit is there")
{
    init(1, 0);
    rota_task *holder = rota_create_task(cancel_and_release);
    want(0, 1);
    CHECK_INT(rota_await(holder), 0);
    CHECK_INT(rota_await(waiter[0]), -ROTA_ECHILD);
    CHECK_INT(got[0], -ECANCELED);
    CHECK_INT(rota_sem_value(&s), 1);
    CHECK_INT(rota_sem_acquire(&s, 1), 0);
}

static ROTA_ASYNC(acquire_twice, (const char *, word))
{
    for (int i = 0; i < 2; i++) {
        CHECK_INT(rota_sem_acquire(&s, 1), 0);
        say(word);
        CHECK_INT(rota_sleep(rota_us(100)), 0);
        CHECK_INT(rota_sem_release(&s, 1), 0);
    }
    return 0;
}

/* SEM-06 */
TASK_TEST("who releases and acquires again stands behind those who wait")
{
    init(1, 0);
    rota_task *t[3] = { rota_create_task(acquire_twice, "1"),
                        rota_create_task(acquire_twice, "2"),
                        rota_create_task(acquire_twice, "3") };
    CHECK_INT(rota_gather(t, 3, NULL, 0), 0);
    CHECK_STR(trace, "123123");
}

/* SEM-08 */
TASK_TEST("a bounded semaphore takes no permit too many")
{
    init(2, 2);
    CHECK_INT(rota_sem_release(&s, 1), -EOVERFLOW);
    CHECK_INT(rota_sem_value(&s), 2);
}

/* SEM-09 */
TASK_TEST("a release above the bound gives nothing at all")
{
    init(2, 3);
    CHECK_INT(rota_sem_release(&s, 2), -EOVERFLOW);
    CHECK_INT(rota_sem_value(&s), 2);
    CHECK_INT(rota_sem_release(&s, 1), 0);
    CHECK_INT(rota_sem_value(&s), 3);
}

TASK_TEST("permits cannot be made more than a long holds")
{
    init(1, 0);
    CHECK_INT(rota_sem_release(&s, __LONG_MAX__), -EOVERFLOW);
    CHECK_INT(rota_sem_value(&s), 1);
    CHECK_INT(rota_sem_release(&s, __LONG_MAX__ - 1), 0);
    CHECK_INT(rota_sem_acquire(&s, __LONG_MAX__), 0);
    CHECK_INT(rota_sem_value(&s), 0);
    CHECK_INT(rota_sem_release(&s, -1), -EINVAL);
    CHECK_INT(rota_sem_try(&s, -1), -EINVAL);
    CHECK_INT(rota_sem_acquire(&s, -1), -EINVAL);
    CHECK_INT(rota_sem_value(&s), 0);
}

/* SEM-10 */
TASK_TEST("while a task waits for many, nobody takes a few ahead of it")
{
    init(9, 0);
    want(0, 10);
    want(1, 1);
    CHECK_STR(trace, "");
    CHECK(rota_sem_locked(&s));
    CHECK_INT(rota_sem_try(&s, 1), -EAGAIN);
    CHECK_INT(rota_sem_release(&s, 1), 0);
    pass();
    CHECK_STR(trace, "0");
    CHECK_INT(rota_sem_release(&s, 1), 0);
    CHECK_INT(rota_gather(waiter, 2, NULL, 0), 0);
}

/* SEM-11, PITFALL 50 */
TASK_TEST("when the one that waits for many is cancelled, those behind it go "
          "on without a release")
{
    init(9, 0);
    want(0, 10);
    want(1, 1);
    want(2, 8);
    want(3, 1);
    rota_task_cancel(waiter[0], NULL);
    CHECK_INT(rota_sem_value(&s), 0);
    CHECK_INT(rota_sem_waiters(&s), 1);
    pass();
    CHECK_STR(trace, "12");
    CHECK_INT(got[0], -ECANCELED);
    CHECK_INT(rota_sem_release(&s, 1), 0);
    CHECK_INT(rota_await(waiter[3]), 0);
    CHECK_INT(rota_await(waiter[0]), -ROTA_ECHILD);
}

TASK_TEST("one cancelled in the middle of the queue changes nothing for others")
{
    init(4, 0);
    want(0, 5);
    want(1, 9);
    want(2, 1);
    rota_task_cancel(waiter[1], NULL);
    CHECK_INT(rota_sem_waiters(&s), 2);
    CHECK_INT(rota_sem_release(&s, 2), 0);
    CHECK_INT(rota_sem_value(&s), 0);
    CHECK_INT(rota_await(waiter[0]), 0);
    CHECK_INT(rota_await(waiter[2]), 0);
    CHECK_STR(trace, "02");
}

/* SEM-12 */
TASK_TEST("more than there will ever be is refused at once")
{
    init(2, 2);
    CHECK_INT(rota_sem_acquire(&s, 3), -EINVAL);
    CHECK_INT(rota_sem_try(&s, 3), -EINVAL);
    want(0, 1);
    CHECK_INT(got[0], 0);
    CHECK_INT(rota_sem_value(&s), 1);
}

/* SEM-13 */
TASK_TEST("one release serves as many as it is enough for")
{
    init(0, 0);
    for (int i = 0; i < 3; i++)
        want(i, 2);
    CHECK_INT(rota_sem_release(&s, 4), 0);
    CHECK_INT(rota_sem_waiters(&s), 1);
    CHECK_INT(rota_sem_value(&s), 0);
    pass();
    CHECK_STR(trace, "01");
    end(3);
}

/* SEM-15 */
TASK_TEST("a permit has no owner: a task may end with it, another release it")
{
    init(1, 0);
    want(0, 1);
    CHECK_INT(rota_await(waiter[0]), 0);
    CHECK_INT(rota_sem_value(&s), 0);
    CHECK_INT(rota_sem_try(&s, 1), -EAGAIN);
    CHECK_INT(rota_sem_release(&s, 1), 0);
    CHECK_INT(rota_sem_acquire(&s, 1), 0);
}

static void release_one(void *sem)
{
    CHECK_INT(rota_sem_release(sem, 1), 0);
}

TASK_TEST("a callback of the loop may release; none is nothing")
{
    init(0, 0);
    CHECK_INT(rota_sem_acquire(&s, 0), 0);
    CHECK_INT(rota_sem_release(&s, 0), 0);
    CHECK_INT(rota_call_soon(release_one, &s), 0);
    CHECK_INT(rota_sem_acquire(&s, 1), 0);
}

TASK_TEST("a semaphore with waiters is not destroyed")
{
    init(0, 0);
    want(0, 1);
    tolerate();
    CHECK_INT(rota_sem_fini(&s), -EBUSY);
    CHECK_INT(misuses, 1);
    CHECK_INT(rota_sem_release(&s, 1), 0);
    CHECK_INT(rota_sem_fini(&s), 0);
    CHECK_INT(rota_await(waiter[0]), 0);
}

static int release_elsewhere(void *sem)
{
    return rota_sem_release(sem, 1);
}

TASK_TEST("a semaphore used from a pool thread is misuse")
{
    init(0, 0);
    CHECK_INT(rota_sem_release(&s, 1), 0);
    tolerate();
    CHECK_INT(rota_to_thread(release_elsewhere, &s), -EXDEV);
    CHECK_INT(misuses, 1);
    CHECK_INT(rota_sem_value(&s), 1);
}

enum { PERMITS = 7 };
static long inside;

static ROTA_ASYNC(acquire_many_ways, (int, seed))
{
    unsigned random = (unsigned)seed;
    for (int i = 0; i < 100; i++) {
        random = random * 1103515245 + 12345;
        long n = 1 + (random >> 16) % PERMITS;
        int rc = 0;
        ROTA_TIMEOUT (rota_us(random >> 20 & 255), rc) {
            rc = rota_sem_acquire(&s, n);
            if (rc < 0)
                continue;
            inside += n;
            CHECK(inside <= PERMITS);
            rota_ignore(rota_sleep(rota_us(random >> 25)));
            inside -= n;
            rc = rota_sem_release(&s, n);
        }
        CHECK(rc == 0 || rc == -ETIMEDOUT);
    }
    return 0;
}

/* PITFALL 50 */
TASK_TEST("deadlines and weights in a crowd: no permit is lost, none is made")
{
    rota_task *t[32];
    init(PERMITS, PERMITS);
    for (int i = 0; i < 32; i++)
        t[i] = rota_create_task(acquire_many_ways, i);
    CHECK_INT(rota_gather(t, 32, NULL, 0), 0);
    CHECK_INT(rota_sem_value(&s), PERMITS);
    CHECK_INT(rota_sem_fini(&s), 0);
}
