/*
 * Once: one run, its waiters, and the next runner when it fails.
 */
#include "steps.h"

static rota_once o = ROTA_ONCE_INIT;
static int runs;

static int answer(void *arg)
{
    runs++;
    int rc = rota_sleep(rota_ms(1));
    return rc < 0 ? rc : *(int *)arg;
}

static ROTA_ASYNC(need, (int, value))
{
    return rota_once_run(&o, answer, &value);
}

TASK_TEST("the first runs it, the others wait, and all have its result")
{
    rota_task *t[3] = { rota_create_task(need, 7), rota_create_task(need, 8),
                        rota_create_task(need, 9) };
    int results[3];
    CHECK_INT(rota_gather(t, 3, results, 0), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(results[i], 7);
    CHECK_INT(need(10), 7);
    CHECK_INT(runs, 1);
}

TASK_TEST("when the runner fails, the first of the waiters runs it")
{
    rota_task *t[3] = { rota_create_task(need, -EIO), rota_create_task(need, 8),
                        rota_create_task(need, 9) };
    CHECK_INT(rota_await(t[0]), -EIO);
    CHECK_INT(rota_await(t[1]), 8);
    CHECK_INT(rota_await(t[2]), 8);
    CHECK_INT(runs, 2);
}

TASK_TEST("with no waiter a failure leaves it to whoever comes next")
{
    CHECK_INT(need(-EIO), -EIO);
    CHECK_INT(need(0), 0);
    CHECK_INT(need(1), 0);
    CHECK_INT(runs, 2);
}

TASK_TEST("when the runner is cancelled, the first of the waiters runs it")
{
    rota_task *t = rota_create_task(need, 7);
    rota_task *u = rota_create_task(need, 8);
    rota_task *v = rota_create_task(need, 9);
    pass();
    rota_task_cancel(u, NULL); /* waits; the third is next */
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rota_await(u), -ROTA_ECHILD);
    CHECK_INT(rota_await(v), 9);
    CHECK_INT(runs, 2);
}

TASK_TEST("a waiter that is cancelled after the run was handed to it passes "
          "it on")
{
    rota_task *t = rota_create_task(need, -EIO);
    rota_task *u = rota_create_task(need, 8);
    rota_task *v = rota_create_task(need, 9);
    CHECK_INT(rota_await(t), -EIO);
    rota_task_cancel(u, NULL); /* its run sees it */
    CHECK_INT(rota_await(u), -ROTA_ECHILD);
    CHECK_INT(rota_await(v), 9);
}

static int run_again(void *arg)
{
    return rota_once_run(&o, run_again, arg);
}

TASK_TEST("a run from inside itself is misuse")
{
    tolerate();
    CHECK_INT(rota_once_run(&o, run_again, NULL), -EDEADLK);
    CHECK_INT(misuses, 1);
    CHECK_HAS(misuse_text, "inside itself");
}

TASK_TEST("a cancelled task does not begin it")
{
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, NULL);
    CHECK_INT(need(5), -ECANCELED);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), 0);
    CHECK_INT(runs, 0);
}
