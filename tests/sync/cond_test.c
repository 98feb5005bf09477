/*
 * Conditions: notify, cancel and the lock, in every order.
 */
#include "steps.h"

static rota_lock l = ROTA_LOCK_INIT;
static rota_cond c = ROTA_COND_INIT(&l);

/* Waits, says its word with the lock in hand; *got is the wait's result, and
 * that of the task the next call's. */
static ROTA_ASYNC(wait_for_news, (const char *, word), (int *, got))
{
    CHECK_INT(rota_lock_acquire(&l), 0);
    *got = rota_cond_wait(&c);
    if (*got == -EOWNERDEAD)
        return 0;
    say(word);
    CHECK_INT(rota_lock_release(&l), 0); /* so it is mine */
    return rota_sleep(0);
}

static int got[3] = { PARKED, PARKED, PARKED };
static rota_task *waiter[3];

/* Has `n` tasks wait for news: "1", "2", "3". */
static void park(int n)
{
    static const char *const words[] = { "1", "2", "3" };
    for (int i = 0; i < n; i++)
        waiter[i] = rota_create_task(wait_for_news, words[i], &got[i]);
    pass();
    CHECK_INT(rota_cond_waiters(&c), n);
    CHECK(!rota_lock_locked(&l));
}

static bool always(void *count)
{
    ++*(int *)count;
    return true;
}

static bool never(void *unused)
{
    (void)unused;
    return false;
}

/* COND-01 */
TASK_TEST("without the lock a condition is neither waited for nor notified")
{
    tolerate();
    CHECK_INT(rota_cond_wait(&c), -EPERM);
    CHECK_INT(rota_cond_wait_for(&c, never, NULL), -EPERM);
    CHECK_INT(rota_cond_notify(&c, 1), -EPERM);
    CHECK_INT(rota_cond_notify_all(&c), -EPERM);
    CHECK_INT(misuses, 4);
    CHECK_HAS(misuse_text, "without holding the condition's lock");
}

/* COND-02 */
TASK_TEST("a notification wakes as many as it says, in their order")
{
    park(3);
    CHECK_INT(rota_lock_acquire(&l), 0);
    CHECK_INT(rota_cond_notify(&c, 0), 0);
    CHECK_INT(rota_cond_waiters(&c), 3);
    CHECK_INT(rota_cond_notify(&c, 1), 0);
    CHECK_INT(rota_lock_release(&l), 0);
    CHECK_INT(rota_await(waiter[0]), 0);
    pass();
    CHECK_STR(trace, "1");
    CHECK_INT(rota_lock_acquire(&l), 0);
    CHECK_INT(rota_cond_notify(&c, 1), 0);
    CHECK_INT(rota_cond_notify(&c, 2048), 0);
    CHECK_INT(rota_lock_release(&l), 0);
    CHECK_INT(rota_await(waiter[1]), 0);
    CHECK_INT(rota_await(waiter[2]), 0);
    CHECK_STR(trace, "123");
}

TASK_TEST("all are notified at once, and get the lock in their order")
{
    park(3);
    ROTA_WITH_LOCK (&l) {
        CHECK_INT(rota_cond_notify_all(&c), 0);
        say("0");
    }
    CHECK_INT(rota_gather(waiter, 3, NULL, 0), 0);
    CHECK_STR(trace, "0123");
}

/* COND-03 */
TASK_TEST("a cancelled waiter has the lock when its wait returns")
{
    park(1);
    rota_task_cancel(waiter[0], NULL);
    CHECK_INT(rota_cond_waiters(&c), 0);
    CHECK_INT(rota_await(waiter[0]), -ROTA_ECHILD);
    CHECK_INT(got[0], -ECANCELED);
    CHECK_STR(trace, "1");
    CHECK(!rota_lock_locked(&l));
}

/* COND-04 */
TASK_TEST("a cancelled waiter comes back only when it has the lock")
{
    park(1);
    CHECK_INT(rota_lock_acquire(&l), 0);
    rota_task_cancel(waiter[0], NULL);
    CHECK_INT(rota_sleep(rota_ms(2)), 0);
    CHECK_INT(got[0], PARKED);
    CHECK_INT(rota_lock_waiters(&l), 1);
    CHECK_INT(rota_lock_release(&l), 0);
    CHECK_INT(rota_await(waiter[0]), -ROTA_ECHILD);
    CHECK_INT(got[0], -ECANCELED);
    CHECK_STR(trace, "1");
}

/* COND-05, PITFALL 50 */
TASK_TEST("one that was notified and is cancelled while it waits for the lock "
          "was notified")
{
    park(1);
    CHECK_INT(rota_lock_acquire(&l), 0);
    CHECK_INT(rota_cond_notify(&c, 1), 0);
    pass();
    CHECK_INT(rota_lock_waiters(&l), 1);
    rota_task_cancel(waiter[0], NULL);
    CHECK_INT(rota_lock_waiters(&l), 1);
    CHECK_INT(rota_lock_release(&l), 0);
    CHECK_INT(rota_await(waiter[0]), -ROTA_ECHILD); /* its next call told it */
    CHECK_INT(got[0], 0);
}

static int state;

static bool state_is(void *wanted)
{
    return state == *(int *)wanted;
}

/* Waits until there is something, takes it and tells the producer. */
static ROTA_ASYNC(consume)
{
    int something = 1;
    CHECK_INT(rota_lock_acquire(&l), 0);
    int rc = rota_cond_wait_for(&c, state_is, &something);
    if (rc == 0) {
        state = 0;
        CHECK_INT(rota_cond_notify_all(&c), 0);
    }
    CHECK_INT(rota_lock_release(&l), 0);
    return rc;
}

/* COND-06, PITFALL 50 */
TASK_TEST("a notification and a cancel of its receiver in one step: what was "
          "notified of is consumed")
{
    rota_task *a = rota_create_task(consume);
    rota_task *b = rota_create_task(consume);
    pass();
    int rc = 0, nothing = 0;
    CHECK_INT(rota_lock_acquire(&l), 0);
    state = 1;
    CHECK_INT(rota_cond_notify(&c, 1), 0);
    rota_task_cancel(a, NULL);
    ROTA_TIMEOUT (rota_seconds(60), rc) {
        rc = rota_cond_wait_for(&c, state_is, &nothing);
    }
    CHECK_INT(rc, 0);
    CHECK_INT(rota_lock_release(&l), 0);
    CHECK_INT(rota_await(a), 0);
    rota_task_cancel(b, NULL);
    CHECK_INT(rota_await(b), -ROTA_ECHILD);
}

static int asked;

static bool state_is_1(void *unused)
{
    (void)unused;
    asked++;
    CHECK_INT(rota_lock_release(&l), 0); /* so it is held by this task */
    CHECK_INT(rota_lock_try(&l), 0);
    return state == 1;
}

static ROTA_ASYNC(wait_for_1, (int *, rc))
{
    CHECK_INT(rota_lock_acquire(&l), 0);
    *rc = rota_cond_wait_for(&c, state_is_1, NULL);
    return rota_lock_release(&l);
}

static void tell(int value)
{
    CHECK_INT(rota_lock_acquire(&l), 0);
    state = value;
    CHECK_INT(rota_cond_notify_all(&c), 0);
    CHECK_INT(rota_lock_release(&l), 0);
    pass();
    pass();
}

/* COND-09 */
TASK_TEST("wait_for comes back once its predicate holds, and asks it with the "
          "lock held")
{
    rota_task *w = rota_create_task(wait_for_1, &got[0]);
    pass();
    CHECK_INT(asked, 1);
    tell(0);
    tell(0);
    CHECK_INT(asked, 3);
    CHECK_INT(got[0], PARKED);
    tell(1);
    CHECK_INT(rota_await(w), 0);
    CHECK_INT(asked, 4);
    CHECK_INT(got[0], 0);
}

/* COND-10 */
TASK_TEST("a predicate that holds at once needs no lock")
{
    int count = 0;
    CHECK_INT(rota_cond_wait_for(&c, always, &count), 0);
    CHECK_INT(count, 1);
    CHECK(!rota_lock_locked(&l));
}

static ROTA_ASYNC(try_often, (bool *, free))
{
    for (int i = 0; i < 10; i++) {
        if (rota_lock_try(&l) == 0) {
            *free = true;
            CHECK_INT(rota_lock_release(&l), 0);
        }
        pass();
    }
    return 0;
}

/* COND-11 */
TASK_TEST("cancelled before it waits, a task keeps the lock all along")
{
    bool was_free = false;
    CHECK_INT(rota_lock_acquire(&l), 0);
    rota_task *other = rota_create_task(try_often, &was_free);
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, NULL);
    CHECK_INT(rota_cond_wait(&c), -ECANCELED);
    CHECK_INT(rota_cond_wait_for(&c, never, NULL), -ECANCELED);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), 0);
    CHECK_INT(rota_await(other), 0);
    CHECK(!was_free);
    CHECK_INT(rota_lock_release(&l), 0);
}

/* COND-13 */
TASK_TEST("the notified wait for the lock, the others for the condition")
{
    park(3);
    CHECK_INT(rota_lock_acquire(&l), 0);
    CHECK_INT(rota_cond_notify(&c, 2), 0);
    CHECK_INT(rota_cond_waiters(&c), 1);
    CHECK_INT(rota_lock_waiters(&l), 2);
    CHECK_INT(rota_cond_notify(&c, 1), 0);
    CHECK_INT(rota_lock_release(&l), 0);
    CHECK_INT(rota_gather(waiter, 3, NULL, 0), 0);
}

static ROTA_ASYNC(forget)
{
    CHECK_INT(rota_lock_acquire(&l), 0);
    CHECK_INT(rota_cond_notify(&c, 1), 0);
    rota_task_cancel(waiter[2], NULL);
    return 0;
}

/* LOCK-11 */
TASK_TEST("when the lock breaks, those who wait for its condition are told, "
          "notified or not")
{
    park(3);
    tolerate();
    CHECK_INT(rota_await(rota_create_task(forget)), 0);
    CHECK_INT(misuses, 1);
    CHECK_INT(rota_await(waiter[0]), 0);
    CHECK_INT(rota_await(waiter[1]), 0);
    CHECK_INT(got[0], -EOWNERDEAD);
    CHECK_INT(got[1], -EOWNERDEAD);
    CHECK_INT(rota_await(waiter[2]), 0);
    CHECK_INT(got[2], -EOWNERDEAD); /* it could not have it back */
    CHECK_INT(rota_cond_fini(&c), 0);
}

static ROTA_ASYNC(wait_and_unlock, (int *, unlocked))
{
    CHECK_INT(rota_lock_acquire(&l), 0);
    int rc = rota_cond_wait(&c);
    *unlocked = rota_lock_release(&l);
    return rc;
}

/* WFOR-08 */
TASK_TEST("a wait for a condition that runs out of time owns the lock")
{
    int unlocked = PARKED;
    rota_task *w = rota_create_task(wait_and_unlock, &unlocked);
    CHECK_INT(rota_wait_for(w, rota_ms(2)), -ETIMEDOUT);
    CHECK_INT(unlocked, 0);
    int rc = 0;
    CHECK_INT(rota_lock_acquire(&l), 0);
    ROTA_TIMEOUT (rota_ms(2), rc) {
        rc = rota_cond_wait(&c);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(rota_lock_release(&l), 0);
}

TASK_TEST("a condition with waiters is not destroyed, nor is its lock")
{
    park(1);
    tolerate();
    CHECK_INT(rota_cond_fini(&c), -EBUSY);
    CHECK_INT(rota_lock_fini(&l), -EBUSY); /* they will want it back */
    rota_task_cancel(waiter[0], NULL);
    CHECK_INT(rota_await(waiter[0]), -ROTA_ECHILD);
    CHECK_INT(rota_cond_fini(&c), 0);
    CHECK_INT(rota_lock_fini(&l), 0);
    CHECK_INT(misuses, 2);
}

enum { ROUNDS = 200 };
static int produced, consumed, waiting;

static ROTA_ASYNC(take_some, (int, seed))
{
    unsigned random = (unsigned)seed;
    while (consumed < ROUNDS) {
        random = random * 1103515245 + 12345;
        int rc = 0, one = 1;
        CHECK_INT(rota_lock_acquire(&l), 0);
        waiting++;
        ROTA_TIMEOUT (rota_us(random >> 16 & 255), rc) {
            rc = rota_cond_wait_for(&c, state_is, &one);
        }
        waiting--;
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        if (rc == 0) {
            state = 0;
            consumed++;
        }
        CHECK_INT(rota_cond_notify_all(&c), 0);
        CHECK_INT(rota_lock_release(&l), 0);
    }
    return 0;
}

/* PITFALL 50 */
TASK_TEST("a producer and consumers in a hurry: as much is consumed as was "
          "produced")
{
    rota_task *w[8];
    int nothing = 0;
    for (int i = 0; i < 8; i++)
        w[i] = rota_create_task(take_some, i);
    for (; produced < ROUNDS; produced++) {
        CHECK_INT(rota_lock_acquire(&l), 0);
        CHECK_INT(rota_cond_wait_for(&c, state_is, &nothing), 0);
        state = 1;
        CHECK_INT(rota_cond_notify(&c, 1), 0);
        CHECK_INT(rota_lock_release(&l), 0);
    }
    CHECK_INT(rota_gather(w, 8, NULL, 0), 0);
    CHECK_INT(consumed, produced);
    CHECK_INT(waiting, 0);
}
