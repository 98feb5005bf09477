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

static int yield(void)
{
    struct rota_task *t;
    int rc = wait_begin(&t);
    if (rc < 0)
        return rc;
    task_yield(t);
    return wait_begin(&t);
}

static int sleep_on_loop(void *when)
{
    return rota_sleep_until(*(rota_time *)when);
}

int rota_sleep_until(rota_time when)
{
    if (thread_is_worker())
        return thread_ask_task(sleep_on_loop, &when);
    if (when <= rota_now())
        return yield();
    struct rota_task *t;
    int rc = wait_begin(&t);
    if (rc < 0)
        return rc;
    struct sleeper s;
    rc = sleeper_init(&s, t, when);
    return rc < 0 ? rc : wait_park(t, &s.clause, 1);
}

int rota_sleep(rota_dur d)
{
    if (d <= 0 && !thread_is_worker())
        return yield();
    return rota_sleep_until(rota_time_add(rota_now(), d));
}

int rota_checkpoint(void)
{
    return rota_sleep(0);
}
