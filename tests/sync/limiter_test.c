/*
 * Capacity limiters: places that belong to tasks.
 */
#include "steps.h"

static rota_limiter l;

/* Takes a place, says its word, and leaves after `passes`. */
static ROTA_ASYNC(go_in, (const char *, word), (int, passes), (int *, got))
{
    *got = rota_limiter_acquire(&l);
    if (*got < 0)
        return *got;
    say(word);
    for (int i = 0; i < passes; i++)
        pass();
    return rota_limiter_release(&l);
}

static ROTA_ASYNC(release_other)
{
    return rota_limiter_release(&l);
}

/* SEM-16 */
TASK_TEST("a place is not taken twice, nor given back by another task")
{
    rota_limiter_init(&l, 1);
    tolerate();
    CHECK_INT(rota_limiter_acquire(&l), 0);
    CHECK_INT(rota_limiter_acquire(&l), -EDEADLK);
    CHECK_INT(rota_await(rota_create_task(release_other)), -EPERM);
    CHECK_INT(misuses, 2);
    CHECK_INT(rota_limiter_taken(&l), 1);
    CHECK_INT(rota_limiter_release(&l), 0);
    CHECK_INT(rota_limiter_release(&l), -EPERM);
    CHECK_INT(rota_limiter_try(&l), 0);
    CHECK_INT(rota_limiter_release(&l), 0);
    CHECK_INT(rota_limiter_fini(&l), 0);
}

/* SEM-17 */
TASK_TEST("places may become more, and fewer without sending anybody away")
{
    int got[4];
    rota_limiter_init(&l, 2);
    rota_task *t[4] = { rota_create_task(go_in, "1", 5, &got[0]),
                        rota_create_task(go_in, "2", 5, &got[1]),
                        rota_create_task(go_in, "3", 5, &got[2]),
                        rota_create_task(go_in, "4", 0, &got[3]) };
    pass();
    CHECK_STR(trace, "12");
    CHECK_INT(rota_limiter_waiters(&l), 2);
    CHECK_INT(rota_limiter_try(&l), -EAGAIN);
    CHECK_INT(rota_limiter_resize(&l, 3), 0);
    CHECK_INT(rota_limiter_taken(&l), 3);
    pass();
    CHECK_STR(trace, "123");
    CHECK_INT(rota_limiter_resize(&l, 1), 0);
    CHECK_INT(rota_limiter_taken(&l), 3);
    CHECK_INT(rota_await(t[0]), 0);
    CHECK_INT(rota_await(t[1]), 0);
    CHECK_STR(trace, "123"); /* the third has the one place yet */
    CHECK_INT(rota_await(t[2]), 0);
    CHECK_INT(rota_await(t[3]), 0);
    CHECK_STR(trace, "1234");
    CHECK_INT(rota_limiter_taken(&l), 0);
}

TASK_TEST("no place lets nobody in until there is one")
{
    int got;
    rota_limiter_init(&l, 0);
    rota_task *t = rota_create_task(go_in, "1", 0, &got);
    pass();
    CHECK_STR(trace, "");
    CHECK_INT(rota_limiter_resize(&l, 1), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_STR(trace, "1");
}

TASK_TEST("a waiter cancelled before a place came free has none, after it has")
{
    int got[2] = { PARKED, PARKED };
    rota_limiter_init(&l, 1);
    CHECK_INT(rota_limiter_acquire(&l), 0);
    rota_task *t = rota_create_task(go_in, "1", 0, &got[0]);
    rota_task *u = rota_create_task(go_in, "2", 0, &got[1]);
    pass();
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_limiter_waiters(&l), 1);
    CHECK_INT(rota_limiter_release(&l), 0);
    rota_task_cancel(u, NULL);
    CHECK_INT(rota_limiter_taken(&l), 1);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(got[0], -ECANCELED);
    CHECK_INT(got[1], 0);
    CHECK_INT(rota_limiter_taken(&l), 0);
}

static ROTA_ASYNC(stay_inside)
{
    return rota_limiter_acquire(&l);
}

TASK_TEST("a task that ends inside is found out, and its place given on")
{
    int got;
    rota_limiter_init(&l, 1);
    tolerate();
    rota_task *t = rota_create_task(stay_inside);
    rota_task *u = rota_create_task(go_in, "2", 0, &got);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(misuses, 1);
    CHECK_HAS(misuse_text, "without leaving the limiter");
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(got, 0);
    CHECK_INT(rota_limiter_fini(&l), 0);
}

TASK_TEST("a limiter with tasks inside or waiting is not destroyed")
{
    int got;
    rota_limiter_init(&l, 1);
    tolerate();
    CHECK_INT(rota_limiter_acquire(&l), 0);
    CHECK_INT(rota_limiter_fini(&l), -EBUSY);
    CHECK_INT(rota_limiter_release(&l), 0);
    CHECK_INT(rota_limiter_resize(&l, 0), 0);
    rota_task *t = rota_create_task(go_in, "1", 0, &got);
    pass();
    CHECK_INT(rota_limiter_fini(&l), -EBUSY);
    CHECK_INT(misuses, 2);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rota_limiter_fini(&l), 0);
}

TEST("outside of tasks a place is neither taken nor left")
{
    rota_limiter_init(&l, 1);
    tolerate();
    CHECK_INT(rota_limiter_acquire(&l), -EPERM);
    CHECK_INT(rota_limiter_try(&l), -EPERM);
    CHECK_INT(rota_limiter_release(&l), -EPERM);
    CHECK_INT(misuses, 3);
}
