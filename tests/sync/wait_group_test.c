/*
 * Wait groups: the count, and the waits that its zero ends.
 */
#include "steps.h"

static rota_wg g = ROTA_WG_INIT;

static ROTA_ASYNC(wait_for_all, (int *, got))
{
    *got = rota_wg_wait(&g);
    return rota_sleep(0);
}

/* WG-01 */
TASK_TEST("a wait ends when the last is done")
{
    int got = PARKED;
    CHECK_INT(rota_wg_add(&g, 2), 0);
    rota_task *t = rota_create_task(wait_for_all, &got);
    pass();
    CHECK_INT(rota_wg_waiters(&g), 1);
    CHECK_INT(rota_wg_done(&g), 0);
    pass();
    CHECK_INT(got, PARKED);
    CHECK_INT(rota_wg_done(&g), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(got, 0);
}

/* WG-02 */
TASK_TEST("with nothing to wait for a wait is over; below zero is nothing")
{
    CHECK_INT(rota_wg_wait(&g), 0);
    CHECK_INT(rota_wg_done(&g), -EOVERFLOW);
    CHECK_INT(rota_wg_count(&g), 0);
    CHECK_INT(rota_wg_add(&g, 3), 0);
    CHECK_INT(rota_wg_add(&g, -4), -EOVERFLOW);
    CHECK_INT(rota_wg_add(&g, __LONG_MAX__), -EOVERFLOW);
    CHECK_INT(rota_wg_count(&g), 3);
    CHECK_INT(rota_wg_add(&g, -3), 0);
    CHECK_INT(rota_wg_wait(&g), 0);
}

/* WG-04 */
TASK_TEST("a cancelled waiter leaves the count alone")
{
    int got = PARKED;
    CHECK_INT(rota_wg_add(&g, 1), 0);
    rota_task *t = rota_create_task(wait_for_all, &got);
    pass();
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_wg_waiters(&g), 0);
    CHECK_INT(rota_wg_done(&g), 0);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(got, -ECANCELED);
    CHECK_INT(rota_wg_wait(&g), 0);
}

TASK_TEST("a zero ends the waits that were there, though the count rises again "
          "before they run")
{
    int got = PARKED;
    CHECK_INT(rota_wg_add(&g, 1), 0);
    rota_task *t = rota_create_task(wait_for_all, &got);
    pass();
    CHECK_INT(rota_wg_done(&g), 0);
    CHECK_INT(rota_wg_add(&g, 1), 0);
    rota_task_cancel(t, NULL); /* too late */
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(got, 0);
    CHECK_INT(rota_wg_count(&g), 1);
    CHECK_INT(rota_wg_done(&g), 0);
}

TASK_TEST("a wait group with waiters is not destroyed")
{
    int got = PARKED;
    rota_wg_init(&g);
    CHECK_INT(rota_wg_add(&g, 1), 0);
    rota_task *t = rota_create_task(wait_for_all, &got);
    pass();
    tolerate();
    CHECK_INT(rota_wg_fini(&g), -EBUSY);
    CHECK_INT(misuses, 1);
    CHECK_INT(rota_wg_done(&g), 0);
    CHECK_INT(rota_wg_fini(&g), 0);
    CHECK_INT(rota_await(t), 0);
}

static ROTA_ASYNC(work, (int, i), (int *, sum))
{
    CHECK_INT(rota_sleep(rota_us(i % 50)), 0);
    *sum += i;
    return rota_wg_done(&g);
}

TASK_TEST("many wait for many, again and again")
{
    for (int round = 0; round < 5; round++) {
        int sum = 0, got[4];
        rota_task *waiting[4], *working[50];
        CHECK_INT(rota_wg_add(&g, 50), 0);
        for (int i = 0; i < 4; i++)
            waiting[i] = rota_create_task(wait_for_all, &got[i]);
        for (int i = 0; i < 50; i++)
            working[i] = rota_create_task(work, i, &sum);
        CHECK_INT(rota_wg_wait(&g), 0);
        CHECK_INT(sum, 49 * 50 / 2);
        CHECK_INT(rota_gather(waiting, 4, NULL, 0), 0);
        CHECK_INT(rota_gather(working, 50, NULL, 0), 0);
    }
}
