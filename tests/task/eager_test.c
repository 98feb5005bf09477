/*
 * Tasks that run at once, inside the call that spawns them.
 */
#include "tasks.h"

static int fail_now(void *arg)
{
    (void)arg;
    return -EIO;
}

/* EAGER-04 */
TASK_TEST("an eager member that fails at once is met at the next call")
{
    rota_task_options o = { .eager = true };
    rota_group g;
    rota_task *t = NULL;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_spawn(&g, fail_now, NULL, &o, &t), 0);
    CHECK(t && rota_task_done(t));
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    CHECK_INT(rota_group_end(&g, -ECANCELED), -EIO);
    CHECK_INT(rota_group_errors(&g, NULL, 0), 1);
    rota_task_unref(t);
}

static int cancel_group(void *g)
{
    rota_group_cancel(g, "from inside");
    return rota_sleep(LONG);
}

/* EAGER-06 */
TASK_TEST("an eager member that cancels its group before it suspends is cut, "
          "and the end does not hang")
{
    rota_task_options o = { .eager = true };
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_spawn(&g, cancel_group, &g, &o, NULL), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
}

static int time_out(void *arg)
{
    (void)arg;
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(2), rc) {
        rc = rota_sleep(LONG);
    }
    return rc;
}

/* EAGER-07 */
TASK_TEST("the timeout of an eager task is its own")
{
    rota_task_options o = { .eager = true };
    rota_task *t = rota_spawn(time_out, NULL, &o);
    CHECK(rota_current_deadline() == ROTA_FOREVER);
    CHECK_INT(rota_sleep(rota_ms(5)), 0);
    CHECK_INT(rota_await(t), -ETIMEDOUT);
}

static int eager_chain(void *arg)
{
    int *depth = arg;
    if (--*depth == 0)
        return rota_sleep(0);
    rota_task_options o = { .eager = true };
    return rota_await(rota_spawn(eager_chain, depth, &o));
}

static int eager_depth, eager_most, eager_started;

static int eager_only(void *arg)
{
    rota_task_options o = { .eager = true };
    if (++eager_depth > eager_most)
        eager_most = eager_depth;
    if (++eager_started < 200)
        rota_task_unref(rota_spawn(eager_only, arg, &o));
    eager_depth--;
    return 0;
}

TASK_TEST("eager starts more than 64 deep in one another start as any other")
{
    rota_task_options o = { .eager = true };
    rota_task_unref(rota_spawn(eager_only, NULL, &o));
    CHECK_INT(eager_started, 64);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(eager_started, 200);
    CHECK_INT(eager_most, 65);
}

TASK_TEST("an eager task may start another, and that one more")
{
    int depth = 500;
    rota_task_options o = { .eager = true };
    CHECK_INT(rota_await(rota_spawn(eager_chain, &depth, &o)), 0);
    CHECK_INT(depth, 0);
}
