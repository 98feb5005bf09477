/*
 * Sleeping, and the points where a task merely lets others run.
 */
#include <errno.h>

#include "task/runtime.h"
#include "task/task.h"
#include "task/thread.h"

static bool wake_no_more(struct clause *c)
{
    timer_cancel(&task_loop(c->task)->timers, &c->timer);
    return true;
}

static const struct wait_kind sleep_wait = { "sleep", wake_no_more, NULL };

static void wake(struct timer *timer)
{
    wait_end(container_of(timer, struct rota_task, alone.timer), 0);
}

/* 0 after the sleep, -ECANCELED, -ENOMEM. */
static int sleep_until(struct rota_task *t, rota_time when, bool shielded)
{
    t->alone.timer = (struct timer){ .fire = wake };
    int rc = timer_arm(&task_loop(t)->timers, &t->alone.timer, when);
    return rc < 0 ? rc : wait_alone(t, &sleep_wait, NULL, shielded);
}

void task_sleep_shielded(struct rota_task *t, rota_time when)
{
    if (sleep_until(t, when, true) < 0)
        task_yield(t);
}

static int yield(struct coro_thread *thread, struct rota_task *t)
{
    if (t->scope->visible)
        return wait_refuse(t);
    loop_yield(container_of(thread, struct loop, thread), &t->co);
    return t->scope->visible ? wait_refuse(t) : 0;
}

static int sleep_on_loop(void *when)
{
    return rota_sleep_until(*(rota_time *)when);
}

static int park_until(rota_time when)
{
    struct rota_task *t;
    int rc = wait_begin(&t);
    return rc < 0 ? rc : sleep_until(t, when, false);
}

int rota_sleep_until(rota_time when)
{
    struct coro_thread *thread = coro_thread();
    struct rota_task *t = task_on(thread);
    if (!t && thread_is_worker())
        return thread_ask_task(sleep_on_loop, &when);
    if (t && when <= rota_now())
        return yield(thread, t);
    return park_until(when);
}

/* A sleep of some length goes by the timers, also when the moment has passed
 * before it is armed: so sleeps end in the order of their moments. */
int rota_sleep(rota_dur d)
{
    if (d <= 0)
        return rota_checkpoint();
    rota_time when = rota_time_add(rota_now(), d);
    return thread_is_worker() ? rota_sleep_until(when) : park_until(when);
}

int rota_checkpoint(void)
{
    struct coro_thread *thread = coro_thread();
    struct rota_task *t = task_on(thread);
    return t ? yield(thread, t) : rota_sleep_until(0);
}
