/*
 * Cancel tokens: scopes cancelled from outside, also by other threads.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "tasks.h"

static ROTA_ASYNC(sleep_linked, (rota_token *, token), (const char **, reason))
{
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_scope_link(&s, token), 0);
    int rc = rota_sleep(LONG);
    *reason = rota_cancel_reason();
    return rota_scope_end(&s, rc);
}

static int after_calls;

static void count_after(void *arg)
{
    CHECK(rota_current_task() == NULL);
    after_calls += *(int *)arg;
}

/* CANC-18 */
TASK_TEST("a token cancels what is linked to it, here and there, now and later")
{
    const char *reasons[4] = { 0 };
    int one = 1, ten = 10;
    rota_token *token = rota_token_new();
    rota_task *t[3];
    for (int i = 0; i < 3; i++)
        t[i] = rota_create_task(sleep_linked, token, &reasons[i]);
    CHECK_INT(rota_token_after(token, count_after, &one), 0);
    CHECK_INT(rota_token_after(token, count_after, &ten), 0);
    CHECK_INT(rota_token_after_stop(token, count_after, &ten), 1);
    CHECK_INT(rota_token_after_stop(token, count_after, &ten), 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK(rota_token_cause(token) == NULL);
    CHECK_INT(rota_token_cancel(token, "stop"), 1);
    CHECK_INT(rota_token_cancel(token, "again"), 0);
    CHECK_STR(rota_token_cause(token), "stop");
    CHECK_INT(after_calls, 0); /* never inside the call */
    CHECK_INT(rota_gather(t, 3, NULL, 0), 0);
    for (int i = 0; i < 3; i++)
        CHECK_STR(reasons[i], "stop");
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(after_calls, 1);
    CHECK_INT(sleep_linked(token, &reasons[3]), 0); /* linked too late */
    CHECK_STR(reasons[3], "stop");
    CHECK_INT(rota_token_after(token, count_after, &ten), 0);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(after_calls, 11);
    CHECK_INT(rota_token_after_stop(token, count_after, &one), 0);
    rota_token_unref(token);
}

TASK_TEST("a scope may have several tokens, a token several scopes of one task")
{
    rota_token *a = rota_token_new(), *b = rota_token_new();
    rota_scope outer, inner;
    CHECK_INT(rota_scope_begin(&outer, 0), 0);
    CHECK_INT(rota_scope_begin(&inner, 0), 0);
    CHECK_INT(rota_scope_link(&inner, a), 0);
    CHECK_INT(rota_scope_link(&inner, b), 0);
    CHECK_INT(rota_scope_link(&outer, b), 0);
    CHECK_INT(rota_token_cancel(b, NULL), 1);
    CHECK_INT(rota_token_cancel(a, "late"), 1);
    CHECK_STR(rota_cancel_reason(), "cancelled");
    int rc = rota_scope_end(&inner, rota_sleep(0));
    CHECK_INT(rc, -ECANCELED); /* the outer one's to catch */
    CHECK_INT(rota_scope_end(&outer, rc), 0);
    rota_token_unref(a);
    rota_token_unref(b);
}

TASK_TEST("a token outlives its scopes and the scopes their token's handle")
{
    rota_token *token = rota_token_new();
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_scope_link(&s, token), 0);
    CHECK_INT(rota_scope_end(&s, 3), 3);
    CHECK_INT(rota_token_cancel(token, NULL), 1); /* nobody there */
    CHECK_INT(rota_sleep(0), 0);
    rota_token_unref(token);
    token = rota_token_new();
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_scope_link(&s, token), 0);
    rota_token_unref(token);
    CHECK_INT(rota_scope_end(&s, rota_sleep(0)), 0);
    rota_token_unref(NULL);
}

TASK_TEST("what hangs below a linked scope is cancelled with it")
{
    rota_token *token = rota_token_new();
    rota_scope s;
    rota_group g;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_scope_link(&s, token), 0);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    for (int i = 0; i < 5; i++)
        CHECK_INT(rota_group_create_task(&g, sleep_long), 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_token_cancel(token, NULL), 1);
    int rc = rota_group_end(&g, rota_sleep(LONG));
    CHECK_INT(rc, -ECANCELED);
    CHECK_INT(rota_scope_end(&s, rc), 0);
    rota_token_unref(token);
}

static void *cancel_soon(void *arg)
{
    rota_token *token = arg;
    struct timespec nap = { 0, 2000000 };
    nanosleep(&nap, NULL);
    CHECK_INT(rota_token_cancel(token, "from a thread"), 1);
    rota_token_unref(token);
    return NULL;
}

/* CANC-18, GRP-17 */
TASK_TEST("another thread cancels a group that it knows by a token only")
{
    rota_token *token = rota_token_new();
    pthread_t thread;
    int one = 1;
    rota_scope s;
    rota_group g;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_scope_link(&s, token), 0);
    CHECK_INT(rota_token_after(token, count_after, &one), 0);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, sleep_long), 0);
    pthread_create(&thread, NULL, cancel_soon, rota_token_ref(token));
    int rc = rota_group_end(&g, rota_sleep(LONG));
    CHECK_INT(rc, -ECANCELED);
    CHECK_STR(rota_cancel_reason(), "from a thread");
    CHECK_INT(rota_scope_end(&s, rc), 0);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(after_calls, 1);
    pthread_join(thread, NULL);
    rota_token_unref(token);
}

static int cancel_on_pool(void *token)
{
    return rota_token_cancel(token, "from the pool");
}

TASK_TEST("a job on a pool thread cancels the scope its task waits in")
{
    rota_token *token = rota_token_new();
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_scope_link(&s, token), 0);
    CHECK_INT(rota_to_thread(cancel_on_pool, token), 1);
    CHECK_INT(rota_scope_end(&s, rota_sleep(LONG)), 0);
    CHECK(rota_scope_caught(&s));
    rota_token_unref(token);
}

enum { ROUNDS = 300, CANCELLERS = 2 };

static _Atomic(rota_token *) shared[ROUNDS];
static atomic_int winners;

static void *cancel_all(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        rota_token *token;
        while ((token = atomic_load(&shared[i])) == NULL)
            sched_yield();
        atomic_fetch_add(&winners, rota_token_cancel(token, "race"));
        rota_token_unref(token);
    }
    return NULL;
}

/* CANC-18, PITFALL 40 */
TASK_TEST("tokens cancelled by two threads while their scopes end: one cancel "
          "each, and nobody touches what is gone")
{
    test_needs_kernel(); /* its threads spin, which an emulator makes dear */
    pthread_t threads[CANCELLERS];
    for (int i = 0; i < CANCELLERS; i++)
        pthread_create(&threads[i], NULL, cancel_all, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        rota_token *token = rota_token_new();
        for (int k = 0; k < CANCELLERS; k++)
            rota_token_ref(token);
        rota_scope s;
        CHECK_INT(rota_scope_begin(&s, 0), 0);
        CHECK_INT(rota_scope_link(&s, token), 0);
        atomic_store(&shared[i], token);
        int rc = i % 3 ? rota_sleep(i % 2 ? 0 : LONG) : 0;
        CHECK(rc == 0 || rc == -ECANCELED);
        CHECK_INT(rota_scope_end(&s, rc), 0);
        rota_token_unref(token);
    }
    for (int i = 0; i < CANCELLERS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(atomic_load(&winners), ROUNDS);
}

static rota_token *survivor;

static int leave_registered(void *arg)
{
    int rc = rota_token_after(survivor, count_after, arg);
    return rc < 0 ? rc : rota_token_after(survivor, count_after, arg);
}

TEST("a function registered by a loop that has ended is not called")
{
    int one = 1;
    survivor = rota_token_new();
    CHECK_INT(rota_run(leave_registered, &one, NULL), 0);
    CHECK_INT(rota_token_cancel(survivor, NULL), 1);
    CHECK_INT(after_calls, 0);
    rota_token_unref(survivor);
}

static int cancel_and_leave(void *arg)
{
    CHECK_INT(rota_token_after(survivor, count_after, arg), 0);
    return rota_token_cancel(survivor, NULL);
}

TEST("a call that was due before main has ended is made")
{
    int one = 1;
    survivor = rota_token_new();
    CHECK_INT(rota_run(cancel_and_leave, &one, NULL), 1);
    CHECK_INT(after_calls, 1);
    rota_token_unref(survivor);
}

TASK_TEST("a scope that is not open cannot be linked")
{
    rota_set_misuse_handler(count_misuse);
    rota_token *token = rota_token_new();
    rota_scope s = ROTA_SCOPE_INIT;
    CHECK_INT(rota_scope_link(&s, token), -EINVAL);
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_scope_end(&s, 0), 0);
    CHECK_INT(rota_scope_link(&s, token), -EINVAL);
    CHECK_INT(misuses, 2);
    rota_token_unref(token);
}
