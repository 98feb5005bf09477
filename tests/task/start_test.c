/*
 * rota_group_start: a task runs under who starts it until it says it is up,
 * and in the group from then on. And spawns that do not wait for a place.
 */
#include "sim.h"
#include "tasks.h"

static int value = 7;

/* How a task that is being started behaves. */
struct plan {
    rota_dur before; /* its word */
    rota_dur after;  /* it */
    int instead;     /* < 0: what it returns instead of its word */
    bool silent;     /* ends well without a word */
    int again;       /* what saying it again gave */
    int word;        /* what saying it gave */
    bool ended;
};

static int start_up(void *arg)
{
    struct plan *p = arg;
    int rc = rota_sleep(p->before);
    if (rc == 0 && p->instead == 0 && !p->silent) {
        p->word = rota_task_started(&value);
        p->again = rota_task_started(&value);
        rc = rota_sleep(p->after);
    } else if (rc == 0) {
        rc = p->instead;
    }
    p->ended = true;
    return rc;
}

/* GRP-18 */
TASK_TEST("a start returns when the task is up, the end when it is over")
{
    rota_group g;
    struct plan p = { .before = rota_ms(2), .after = rota_ms(2) };
    CHECK_INT(rota_group_begin(&g, 0), 0);
    void *got = NULL;
    CHECK_INT(rota_group_start(&g, start_up, &p, &got), 0);
    CHECK(got == &value);
    CHECK(!p.ended);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK(p.ended);
    CHECK_INT(p.word, 0);
}

/* GRP-19 */
TASK_TEST("a task that fails before it is up fails the start, not the group")
{
    rota_group g;
    rota_scope before;
    struct plan p = { .before = rota_ms(1), .instead = -EIO };
    CHECK_INT(rota_scope_begin(&before, 0), 0);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    void *got = NULL;
    CHECK_INT(rota_group_start(&g, start_up, &p, &got), -EIO);
    CHECK(got == NULL && p.ended);
    CHECK_INT(rota_group_errors(&g, NULL, 0), 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK_INT(rota_scope_end(&before, 0), 0);
}

/* GRP-20 */
TASK_TEST("a task that returns without its word is -EPROTO; one that says it "
          "twice is told")
{
    rota_group g;
    struct plan silent = { .silent = true }, twice = { 0 };
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_start(&g, start_up, &silent, NULL), -EPROTO);
    CHECK_INT(rota_group_start(&g, start_up, &twice, NULL), 0);
    CHECK_INT(twice.again, -EALREADY);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK_INT(rota_task_started(NULL), -EALREADY); /* nobody started me */
}

static ROTA_ASYNC(start_it, (rota_group *, g), (struct plan *, p))
{
    return rota_group_start(g, start_up, p, NULL);
}

/* GRP-23 */
TASK_TEST("cancelling who starts cancels the task and waits for it; the group "
          "it was meant for goes on")
{
    rota_group g;
    struct plan p = { .before = LONG };
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_task *t = rota_create_task(start_it, &g, &p);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_task_cancel(t, NULL);
    rota_outcome out;
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.state, ROTA_CANCELLED);
    CHECK(p.ended);
    rota_task_unref(t);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
}

static int start_behind_shield(void *arg)
{
    struct plan *p = arg;
    ROTA_SHIELD (ROTA_FOREVER) {
        CHECK_INT(rota_sleep(rota_ms(2)), 0);
        p->word = rota_task_started(&value);
    }
    int rc = rota_sleep(0);
    p->ended = true;
    return p->instead ? p->instead : rc;
}

static ROTA_ASYNC(start_shielded, (rota_group *, g), (struct plan *, p))
{
    return rota_group_start(g, start_behind_shield, p, NULL);
}

CLOCK_TEST("its word comes after its starter was cancelled: it is not moved, "
           "and keeps its value; its error is not lost")
{
    for (int i = 0; i < 2; i++) {
        rota_group g;
        struct plan p = { .instead = i ? -EIO : 0 };
        CHECK_INT(rota_group_begin(&g, 0), 0);
        rota_task *t = rota_create_task(start_shielded, &g, &p);
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
        rota_task_cancel(t, NULL);
        CHECK_INT(rota_await(t), i ? -EIO : -ROTA_ECHILD);
        CHECK_INT(p.word, -ECANCELED);
        CHECK(p.ended);
        CHECK_INT(rota_group_end(&g, 0), 0);
    }
}

static rota_task *being_started;

static int remember_me(void *arg)
{
    (void)arg;
    being_started = rota_current_task();
    return rota_sleep(LONG);
}

static ROTA_ASYNC(start_and_tell, (rota_group *, g))
{
    return rota_group_start(g, remember_me, NULL, NULL);
}

TASK_TEST("somebody else cancels the task before it is up: -ROTA_ECHILD")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_task *t = rota_create_task(start_and_tell, &g);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_task_cancel(being_started, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rota_group_end(&g, 0), 0);
}

static int start_with_children(void *arg)
{
    int *end = arg;
    rota_group mine;
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_group_begin(&mine, 0), 0);
    CHECK_INT(rota_group_create_task(&mine, sleep_long), 0);
    CHECK_INT(rota_task_started(NULL), 0);
    *end = rota_group_end(&mine, rota_sleep(LONG));
    return rota_scope_end(&s, *end);
}

TASK_TEST("what the task has opened moves with it: the group cancels it, the "
          "scope it was started in does not")
{
    rota_group g;
    rota_scope around;
    int end = 1;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_scope_begin(&around, 0), 0);
    CHECK_INT(rota_group_start(&g, start_with_children, &end, NULL), 0);
    rota_scope_cancel(&around, NULL);
    CHECK_INT(rota_scope_end(&around, rota_sleep(0)), 0);
    CHECK_INT(rota_sleep(rota_ms(2)), 0);
    CHECK_INT(end, 1); /* it goes on */
    rota_group_cancel(&g, NULL);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK_INT(end, -ECANCELED);
}

TASK_TEST("a starter inside a group that is cancelled starts nothing")
{
    rota_group g, other;
    struct plan p = { .after = LONG };
    CHECK_INT(rota_group_begin(&other, 0), 0);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_group_cancel(&g, NULL);
    CHECK_INT(rota_group_start(&g, start_up, &p, NULL), -ECANCELED);
    CHECK_INT(rota_group_end(&g, -ECANCELED), 0);
    CHECK(!p.ended); /* not attempted: the starter is inside g */
    CHECK_INT(rota_group_end(&other, 0), 0);
}

/* PITFALL 43 */
CLOCK_TEST("a pending start keeps the group open, and its place in the limit")
{
    rota_group g;
    struct plan p = { .before = rota_ms(5), .after = rota_ms(1) };
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_group_limit(&g, 1);
    rota_task *t = rota_create_task(start_it, &g, &p);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(rota_group_try_spawn(&g, start_up, &p, NULL, NULL), -EAGAIN);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK(p.ended);
    CHECK_INT(p.word, 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_group_start(&g, start_up, &p, NULL), -ESHUTDOWN);
    CHECK_INT(rota_group_try_spawn(&g, start_up, &p, NULL, NULL), -ESHUTDOWN);
}

/* RACE-01 */
TASK_TEST("up, then cancelled in the same step: the start has succeeded")
{
    rota_group g;
    struct plan p = { .before = rota_ms(1), .after = rota_ms(1) };
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_task *t = rota_create_task(start_it, &g, &p);
    while (!p.again)
        CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
}

static int join_starter(void *starter)
{
    return rota_join(starter, NULL);
}

/* PITFALL 46 */
TASK_TEST("a task that awaits who starts it would wait for ever")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_start(&g, join_starter, rota_current_task(), NULL),
              -EDEADLK);
    CHECK_INT(rota_group_end(&g, 0), 0);
}

static int nap(void *count)
{
    ++*(int *)count;
    return rota_sleep(rota_ms(1));
}

/* GRP-25 */
CLOCK_TEST("a spawn that does not wait is refused when the group is full")
{
    rota_group g;
    int count = 0, refused = 0;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_group_limit(&g, 10);
    for (int i = 0; i < 1000; i++) {
        int rc = rota_group_try_spawn(&g, nap, &count, NULL, NULL);
        CHECK(rc == 0 || rc == -EAGAIN);
        refused += rc == -EAGAIN;
    }
    CHECK_INT(refused, 990);
    CHECK_INT(rota_sleep(rota_ms(5)), 0);
    rota_task *t = NULL;
    CHECK_INT(rota_group_try_spawn(&g, nap, &count, NULL, &t), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK_INT(count, 11);
}

TEST("a task that is up must be a task")
{
    rota_set_misuse_handler(count_misuse);
    CHECK_INT(rota_task_started(NULL), -EPERM);
    CHECK_INT(misuses, 1);
}
