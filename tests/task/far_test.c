/*
 * Tasks of other loops at their edges: handles that several share, loops that
 * abandon what others wait for.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "tasks.h"

/* A run on a thread of its own, that ends when it is told, and then gives its
 * tasks little time. */
struct host {
    pthread_t thread;
    _Atomic(rota_loop *) loop;
};

static int be_host(void *arg)
{
    struct host *h = arg;
    atomic_store(&h->loop, rota_loop_ref(rota_current_loop()));
    return rota_sleep(LONG) == -ECANCELED ? 0 : -1;
}

static void *run_host(void *host)
{
    rota_run_options o = { .shutdown_timeout = rota_ms(1) };
    CHECK_INT(rota_run(be_host, host, &o), -ETIMEDOUT);
    return NULL;
}

static void host_up(struct host *h)
{
    atomic_init(&h->loop, NULL);
    CHECK_INT(pthread_create(&h->thread, NULL, run_host, h), 0);
    while (!atomic_load(&h->loop))
        ;
}

static void host_down(struct host *h)
{
    rota_loop_stop(h->loop);
    pthread_join(h->thread, NULL);
    rota_loop_unref(h->loop);
}

static atomic_int stubborn;

static ROTA_ASYNC(never_end)
{
    ROTA_SHIELD (ROTA_FOREVER) {
        atomic_fetch_add(&stubborn, 1);
        return rota_sleep(LONG);
    }
    return 0;
}

static ROTA_ASYNC(join_it, (rota_task *, t))
{
    rota_outcome out;
    return rota_join(t, &out);
}

static ROTA_ASYNC(gather_it, (rota_task *, t))
{
    int result;
    CHECK_INT(rota_gather(&t, 1, &result, ROTA_COLLECT), 0);
    return result;
}

enum { WAYS = 4 };

static int wait_in_vain(void *arg)
{
    struct host *h = arg;
    rota_task *far[WAYS], *mine[WAYS];
    for (int i = 0; i < WAYS; i++) {
        far[i] = rota_create_task_on(h->loop, never_end);
        CHECK(far[i] != NULL);
    }
    mine[0] = rota_create_task(join_it, far[0]);
    mine[1] = rota_create_task(gather_it, far[1]);
    mine[2] = rota_create_task(join_it, far[2]);
    while (atomic_load(&stubborn) < WAYS)
        CHECK_INT(rota_sleep(rota_us(100)), 0);
    rota_loop_stop(h->loop);
    CHECK_INT(rota_await(mine[0]), -ESHUTDOWN);
    CHECK_INT(rota_await(mine[1]), -ESHUTDOWN);
    rota_task_cancel(mine[2], NULL);
    int rc = rota_await(mine[2]);
    CHECK(rc == -ESHUTDOWN || rc == -ROTA_ECHILD);
    CHECK_INT(rota_wait_for(far[3], rota_ms(1)), -ESHUTDOWN);
    rota_task_unref(far[0]);
    rota_task_unref(far[2]);
    return 0;
}

TEST("who waits for a task that another run abandons is told so")
{
    struct host h;
    host_up(&h);
    CHECK_INT(rota_run(wait_in_vain, &h, NULL), 0);
    host_down(&h);
}

static atomic_bool go;

static ROTA_ASYNC(fail_when_told, (int, rc))
{
    while (!atomic_load(&go))
        CHECK_INT(rota_sleep(rota_us(10)), 0);
    return rota_fail(rc, "told to");
}

/* Drops the handle by it, and gives the other loop time to free the task. */
static ROTA_ASYNC(await_it, (rota_task *, t))
{
    int rc = rota_await(t);
    for (rota_time end = rota_now() + rota_ms(1); rota_now() < end;)
        ;
    return rc;
}

static ROTA_ASYNC(join_far, (rota_task *, t))
{
    rota_outcome out = { 0 };
    int rc = rota_join(t, &out);
    return rc < 0 ? rc : out.rc;
}

static int share_handle(void *arg)
{
    (void)arg;
    for (int i = 0; i < 50; i++) {
        atomic_store(&go, false);
        rota_task *far =
            rota_create_task_on(rota_loop_at(1), fail_when_told, -EIO);
        rota_task *first = rota_create_task(await_it, far);
        rota_task *second = rota_create_task(join_far, far);
        CHECK_INT(rota_sleep(0), 0); /* both wait */
        atomic_store(&go, true);
        CHECK_INT(rota_await(first), -EIO);
        CHECK_INT(rota_await(second), -EIO);
    }
    return 0;
}

TEST("who joins a far task has its outcome, though another has awaited it, and "
     "dropped its handle, in between")
{
    CHECK_INT(rota_run_multi(2, share_handle, NULL, NULL), 0);
}
