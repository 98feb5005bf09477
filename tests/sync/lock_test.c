/*
 * Locks: order, hand-over, cancellation on both sides of it, misuse.
 */
#include <pthread.h>

#include "steps.h"
#include "task/task.h"

static rota_lock l = ROTA_LOCK_INIT;

/* Takes the lock, says its word, and keeps the lock for `passes`. */
static ROTA_ASYNC(use, (const char *, word), (int, passes))
{
    int rc = rota_lock_acquire(&l);
    if (rc < 0)
        return rc;
    say(word);
    for (int i = 0; i < passes; i++)
        pass();
    return rota_lock_release(&l);
}

/* Takes it and gives the result of the next suspending call. */
static ROTA_ASYNC(take, (int *, got))
{
    *got = rota_lock_acquire(&l);
    int next = rota_sleep(0);
    if (*got == 0)
        CHECK_INT(rota_lock_release(&l), 0);
    return next;
}

static ROTA_ASYNC(take_for_ever, (int *, got))
{
    *got = rota_lock_acquire(&l);
    return rota_sleep(LONG);
}

/* LOCK-01 */
TASK_TEST("a free lock is taken without letting others run")
{
    rota_task *t = rota_create_task(use, "t", 0);
    CHECK(!rota_lock_locked(&l));
    CHECK_INT(rota_lock_acquire(&l), 0);
    CHECK_STR(trace, "");
    CHECK(rota_lock_locked(&l));
    CHECK_INT(rota_lock_release(&l), 0);
    CHECK(!rota_lock_locked(&l));
    CHECK_INT(rota_await(t), 0);
}

/* LOCK-02, PITFALL 49 */
TASK_TEST("waiters get the lock in the order they came")
{
    CHECK_INT(rota_lock_acquire(&l), 0);
    rota_task *t[3];
    t[0] = rota_create_task(use, "1", 1);
    t[1] = rota_create_task(use, "2", 1);
    pass();
    CHECK_INT(rota_lock_waiters(&l), 2);
    CHECK_STR(trace, "");
    CHECK_INT(rota_lock_release(&l), 0);
    CHECK_INT(rota_lock_waiters(&l), 1);
    t[2] = rota_create_task(use, "3", 1);
    CHECK_INT(rota_gather(t, 3, NULL, 0), 0);
    CHECK_STR(trace, "123");
    CHECK(!rota_lock_locked(&l));
}

/* LOCK-03 */
TASK_TEST("a lock taken twice by one task is misuse, and still held once")
{
    tolerate();
    CHECK_INT(rota_lock_acquire(&l), 0);
    CHECK_INT(rota_lock_acquire(&l), -EDEADLK);
    CHECK_INT(rota_lock_try(&l), -EDEADLK);
    rota_lock_enter(&l);
    CHECK_INT(misuses, 3);
    CHECK_HAS(misuse_text, "taken twice");
    CHECK_INT(rota_lock_release(&l), 0);
    CHECK(!rota_lock_locked(&l));
}

static ROTA_ASYNC(release_other)
{
    return rota_lock_release(&l);
}

/* LOCK-04, PITFALL 49 */
TASK_TEST("a lock that is free or another's is not released")
{
    tolerate();
    CHECK_INT(rota_lock_release(&l), -EPERM);
    CHECK_INT(rota_lock_acquire(&l), 0);
    CHECK_INT(rota_await(rota_create_task(release_other)), -EPERM);
    CHECK(rota_lock_locked(&l));
    CHECK_INT(rota_lock_try(&l), -EDEADLK); /* it is mine yet */
    CHECK_INT(rota_lock_release(&l), 0);
    CHECK_INT(misuses, 3);
}

/* LOCK-05, PITFALL 49 */
TASK_TEST("the first waiter cancelled, then a release: the second has it")
{
    int got[3] = { PARKED, PARKED, PARKED };
    CHECK_INT(rota_lock_acquire(&l), 0);
    rota_task *t = rota_create_task(take, &got[0]);
    rota_task *u = rota_create_task(take_for_ever, &got[1]);
    rota_task *v = rota_create_task(take, &got[2]);
    pass();
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_lock_waiters(&l), 2);
    CHECK_INT(rota_lock_release(&l), 0);
    pass();
    CHECK_INT(got[0], -ECANCELED);
    CHECK_INT(got[1], 0);
    CHECK_INT(got[2], PARKED);
    tolerate(); /* it ends with the lock */
    rota_task_cancel(u, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rota_await(u), -ROTA_ECHILD);
    CHECK_INT(rota_await(v), 0);
    CHECK_INT(got[2], -EOWNERDEAD);
}

/* LOCK-06, PITFALL 49 */
TASK_TEST("a waiter cancelled after the lock was handed to it has the lock, "
          "and passes it on")
{
    int got[2] = { PARKED, PARKED };
    CHECK_INT(rota_lock_acquire(&l), 0);
    rota_task *t = rota_create_task(take, &got[0]);
    rota_task *u = rota_create_task(take, &got[1]);
    pass();
    CHECK_INT(rota_lock_release(&l), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_lock_waiters(&l), 1);
    pass();
    CHECK_INT(got[0], 0);
    CHECK_INT(got[1], PARKED);
    CHECK_INT(rota_await(t), -ROTA_ECHILD); /* the next call told it */
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(got[1], 0);
}

/* LOCK-07 */
TASK_TEST("a cancelled waiter does not hold a released lock up")
{
    int got[2] = { PARKED, PARKED };
    CHECK_INT(rota_lock_acquire(&l), 0);
    rota_task *t = rota_create_task(take, &got[0]);
    rota_task *u = rota_create_task(take, &got[1]);
    pass();
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rota_lock_release(&l), 0);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(got[0], -ECANCELED);
    CHECK_INT(got[1], 0);
    CHECK(!rota_lock_locked(&l));
}

static ROTA_ASYNC(rotate, (const char *, word))
{
    for (int i = 0; i < 5; i++) {
        int rc = use(word, 1);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* LOCK-09 */
TASK_TEST("three tasks in a loop take the lock in strict rotation")
{
    rota_task *t[3] = { rota_create_task(rotate, "1"),
                        rota_create_task(rotate, "2"),
                        rota_create_task(rotate, "3") };
    CHECK_INT(rota_gather(t, 3, NULL, 0), 0);
    CHECK_STR(trace, "123123123123123");
}

/* LOCK-10, PITFALL 49 */
TASK_TEST("who releases a lock cannot take it back before those who wait")
{
    int got = PARKED;
    CHECK_INT(rota_lock_acquire(&l), 0);
    rota_task *t = rota_create_task(take, &got);
    pass();
    CHECK_INT(rota_lock_release(&l), 0);
    CHECK(rota_lock_locked(&l));
    CHECK_INT(rota_lock_try(&l), -EAGAIN);
    int rc = 0;
    ROTA_TIMEOUT (0, rc) {
        rc = rota_lock_acquire(&l);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(got, 0);
}

static ROTA_ASYNC(forget)
{
    return rota_lock_acquire(&l);
}

static int forget_it(void *arg)
{
    (void)arg;
    CHECK_INT(rota_await(rota_create_task(forget)), 0);
    return 0;
}

static void panic_of_forgetting(void)
{
    rota_run(forget_it, NULL, NULL);
}

/* LOCK-11 */
TEST("a task that ends with a lock panics, by name")
{
    char err[4096];
    CHECK(test_child(panic_of_forgetting, err, sizeof err) != 0);
    CHECK_HAS(err, "without releasing the lock");
    CHECK_HAS(err, "task forget");
}

/* LOCK-11 */
TASK_TEST("a lock whose owner ended is broken for those who wait, and until "
          "it is made anew")
{
    int got = PARKED;
    tolerate();
    rota_task *t = rota_create_task(forget);
    rota_task *u = rota_create_task(take, &got);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(misuses, 1);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(got, -EOWNERDEAD);
    CHECK_INT(rota_lock_acquire(&l), -EOWNERDEAD);
    CHECK_INT(rota_lock_try(&l), -EOWNERDEAD);
    bool ran = false;
    ROTA_WITH_LOCK (&l) {
        ran = true;
    }
    CHECK(!ran);
    CHECK_INT(misuses, 2);
    rota_lock_init(&l);
    CHECK_INT(rota_lock_acquire(&l), 0);
    CHECK_INT(rota_lock_release(&l), 0);
}

static void release_late(void *unused)
{
    (void)unused;
    CHECK_INT(rota_lock_release(&l), 0);
}

TASK_TEST("what a task deferred may still release its lock")
{
    CHECK_INT(rota_lock_acquire(&l), 0);
    CHECK_INT(rota_defer(release_late, NULL), 0);
}

/* LOCK-13 */
TASK_TEST("a cancelled task enters a lock, free or held, and leaves it")
{
    rota_task *t = rota_create_task(use, "t", 3);
    pass();
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, NULL);
    CHECK_INT(rota_lock_acquire(&l), -ECANCELED);
    rota_lock_enter(&l);
    say("me");
    rota_lock_leave(&l);
    rota_lock_enter(&l);
    rota_lock_leave(&l);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), 0);
    CHECK_STR(trace, "tme");
    CHECK_INT(rota_await(t), 0);
}

static ROTA_ASYNC(hold_until_cut)
{
    CHECK_INT(rota_lock_acquire(&l), 0);
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    return rota_lock_release(&l);
}

/* LOCK-15 */
TASK_TEST("a deadline ends the wait for a lock, and a later release does not "
          "know of it")
{
    rota_task *t = rota_create_task(hold_until_cut);
    pass();
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(2), rc) {
        rc = rota_lock_acquire(&l);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(rota_lock_waiters(&l), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), 0);
    CHECK(!rota_lock_locked(&l));
}

static ROTA_ASYNC(leave_block, (int, how))
{
    for (int i = 0; i < 2; i++) {
        ROTA_WITH_LOCK (&l) {
            CHECK(rota_lock_locked(&l));
            pass();
            if (how == 1)
                break;
            if (how == 2)
                continue;
            if (how == 3)
                return 0;
            if (how == 4)
                goto out;
        }
    }
out:
    return 0;
}

TASK_TEST("the block leaves its lock however it is left")
{
    for (int how = 0; how < 5; how++) {
        CHECK_INT(leave_block(how), 0);
        CHECK(!rota_lock_locked(&l));
    }
}

TASK_TEST("blocks of two locks nest, and locks are released in any order")
{
    rota_lock a, b, c;
    memset(&a, 0xff, sizeof a);
    rota_lock_init(&a);
    rota_lock_init(&b);
    rota_lock_init(&c);
    ROTA_WITH_LOCK (&a) {
        ROTA_WITH_LOCK (&b)
            CHECK(rota_lock_locked(&a) && rota_lock_locked(&b));
    }
    CHECK_INT(rota_lock_acquire(&a), 0);
    CHECK_INT(rota_lock_acquire(&b), 0);
    CHECK_INT(rota_lock_acquire(&c), 0);
    CHECK_INT(rota_lock_release(&b), 0);
    CHECK_INT(rota_lock_release(&c), 0);
    CHECK_INT(rota_lock_release(&a), 0);
    CHECK_INT(rota_lock_fini(&a), 0);
    CHECK_INT(rota_lock_fini(&b), 0);
    CHECK_INT(rota_lock_fini(&c), 0);
}

TASK_TEST("a lock that is held is not destroyed")
{
    tolerate();
    CHECK_INT(rota_lock_acquire(&l), 0);
    CHECK_INT(rota_lock_fini(&l), -EBUSY);
    CHECK_INT(misuses, 1);
    CHECK_INT(rota_lock_release(&l), 0);
    CHECK_INT(rota_lock_fini(&l), 0);
}

TEST("outside of tasks a lock is neither taken nor released")
{
    tolerate();
    CHECK_INT(rota_lock_acquire(&l), -EPERM);
    CHECK_INT(rota_lock_try(&l), -EPERM);
    CHECK_INT(rota_lock_release(&l), -EPERM);
    CHECK_INT(misuses, 3);
    CHECK(!rota_lock_locked(&l));
}

static int take_and_give(void *arg)
{
    (void)arg;
    int rc = rota_lock_acquire(&l);
    return rc < 0 ? rc : rota_lock_release(&l);
}

static void *run_another(void *rc)
{
    *(int *)rc = rota_run(take_and_give, NULL, NULL);
    return NULL;
}

TASK_TEST("a lock used by the loop of another thread is misuse")
{
    CHECK_INT(take_and_give(NULL), 0);
    tolerate();
    pthread_t other;
    int rc = 0;
    CHECK_INT(pthread_create(&other, NULL, run_another, &rc), 0);
    pthread_join(other, NULL);
    CHECK_INT(rc, -EXDEV);
    CHECK_INT(misuses, 1);
    CHECK_HAS(misuse_text, "another thread");
    CHECK_INT(take_and_give(NULL), 0);
}

TEST("a static lock outlives a run")
{
    CHECK_INT(rota_run(take_and_give, NULL, NULL), 0);
    CHECK_INT(rota_run(take_and_give, NULL, NULL), 0);
}

static int inside;

/* Takes the lock by all ways there are, under short deadlines. */
static ROTA_ASYNC(take_many_ways, (int, seed))
{
    unsigned random = (unsigned)seed;
    for (int i = 0; i < 100; i++) {
        random = random * 1103515245 + 12345;
        int rc = 0;
        ROTA_TIMEOUT (rota_us(random >> 16 & 127), rc) {
            rc = random & 1 << 10 ? rota_lock_acquire(&l) : rota_lock_try(&l);
            if (rc < 0)
                continue;
            CHECK_INT(inside++, 0);
            rota_ignore(rota_sleep(rota_us(random >> 24)));
            CHECK_INT(--inside, 0);
            rc = rota_lock_release(&l);
        }
        CHECK(rc == 0 || rc == -ETIMEDOUT || rc == -EAGAIN);
    }
    return 0;
}

/* PITFALL 49 */
TASK_TEST("deadlines and hand-overs in a crowd: one at a time inside, and "
          "the lock is free in the end")
{
    rota_task *t[32];
    for (int i = 0; i < 32; i++)
        t[i] = rota_create_task(take_many_ways, i);
    CHECK_INT(rota_gather(t, 32, NULL, 0), 0);
    CHECK(!rota_lock_locked(&l));
    CHECK_INT(rota_lock_fini(&l), 0);
}

TASK_TEST("who holds the lock is known to whoever looks at those who wait")
{
    int got;
    CHECK_INT(rota_lock_acquire(&l), 0);
    rota_task *t = rota_create_task(take, &got);
    pass();
    CHECK_INT(t->clause_count, 1);
    CHECK(clause_holder(t->clauses) == rota_current_task());
    CHECK_INT(rota_lock_release(&l), 0);
    CHECK_INT(rota_await(t), 0);
}
