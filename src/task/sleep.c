/*
 * Sleeping, and the points where a task merely lets others run.
 */
#include <errno.h>

#include "task/runtime.h"
#include "task/task.h"
#include "task/thread.h"

struct sleeper {
    struct clause clause;
    struct timer timer;
};

static bool wake_no_more(struct clause *c)
{
    struct sleeper *s = container_of(c, struct sleeper, clause);
    timer_cancel(&task_loop(c->task)->timers, &s->timer);
    return true;
}

static const struct wait_kind sleep_wait = { "sleep", wake_no_more, NULL };

static void wake(struct timer *timer)
{
    clause_fire(&container_of(timer, struct sleeper, timer)->clause, 0);
}

static int sleeper_init(struct sleeper *s, struct rota_task *t, rota_time when)
{
    clause_init(&s->clause, &sleep_wait, NULL);
    s->timer = (struct timer){ .fire = wake };
    return timer_arm(&task_loop(t)->timers, &s->timer, when);
}

void task_sleep_shielded(struct rota_task *t, rota_time when)
{
    struct sleeper s;
    if (sleeper_init(&s, t, when) < 0)
        task_yield(t);
    else
        wait_park_shielded(t, &s.clause, 1);
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
    if (rc < 0)
        return rc;
    struct sleeper s;
    rc = sleeper_init(&s, t, when);
    return rc < 0 ? rc : wait_park(t, &s.clause, 1);
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
