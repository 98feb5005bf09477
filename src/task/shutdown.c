/*
 * The end of a runtime, after main. What still lives is cancelled and waited
 * for; then the threads; then the callbacks that were accepted run, with what
 * they begin. Whoever has limited the wait, or whose tasks can never end
 * (deadlock.c), gets their tasks abandoned instead: they are reported and
 * never run again. Their memory stays, because they may stand on it that
 * others still point at.
 */
#include <errno.h>
#include <pthread.h>

#include "rota/log.h"
#include "task/guest.h"
#include "task/runtime.h"
#include "task/task.h"
#include "task/thread.h"

enum { NS_PER_S = 1000000000 };

static const rota_dur report_every = 5LL * NS_PER_S;
static const rota_dur thread_timeout = 30LL * NS_PER_S;

/* Abandoned tasks of all runtimes: a debugger, and whoever looks for leaks,
 * finds them here. */
static struct list abandoned = LIST_INIT(abandoned);
static pthread_mutex_t abandoned_lock = PTHREAD_MUTEX_INITIALIZER;

/* A drain's own timers. They wake no task, so they are none to the verdict of
 * a deadlock. */
struct drain {
    struct runtime *rt;
    struct timer report;
    struct timer limit;
    rota_time next_report;
    rota_time until;
};

static void report_late(struct timer *timer)
{
    struct drain *d = container_of(timer, struct drain, report);
    d->next_report = rota_now() + report_every;
    if (d->rt->tasks == 0)
        return; /* it waits for other loops, which say so themselves */
    rota_log(ROTA_LOG_WARNING, "shutdown waits for %zu tasks", d->rt->tasks);
    runtime_report(d->rt);
}

static void give_up(struct timer *timer)
{
    struct runtime *rt = container_of(timer, struct drain, limit)->rt;
    rt->hopeless = true;
    if (rt->verdict == 0)
        rt->verdict = -ETIMEDOUT;
}

/* Without memory for a timer the next turn tries again. */
static void keep_armed(struct drain *d)
{
    struct loop *l = &d->rt->loop;
    if (!d->report.place)
        rota_ignore(timer_arm(&l->timers, &d->report, d->next_report));
    if (!d->limit.place)
        rota_ignore(timer_arm(&l->timers, &d->limit, d->until));
    l->idle_timers = (d->report.place > 0) + (d->limit.place > 0);
}

static void abandon(struct runtime *rt)
{
    rota_log(ROTA_LOG_ERROR, "shutdown abandons %zu tasks:", rt->tasks);
    runtime_report(rt);
    loop_drop_coroutines(&rt->loop);
    pthread_mutex_lock(&abandoned_lock);
    struct list *link;
    while ((link = list_pop(&rt->all)) != NULL) {
        struct rota_task *t = container_of(link, struct rota_task, in_runtime);
        task_abandon(t);
        far_abandon(t);
        guest_abandon(t);
        list_push(&abandoned, link);
    }
    pthread_mutex_unlock(&abandoned_lock);
    runtime_count(rt, -(int)rt->tasks);
    rt->hopeless = false;
    rt->leaky = true;
}

/* Is a task left, or once callbacks are refused, one of those? */
static bool has_work(struct runtime *rt)
{
    if (rt->tasks == 0)
        inbox_run(&rt->loop.inbox); /* a turn would wait for something */
    return rt->tasks > 0 || (rt->ending && loop_has_ready(&rt->loop));
}

/* Is there anything to wait for, here or on a loop of the crew? */
static bool goes_on(struct runtime *rt)
{
    if (!has_work(rt))
        return !crew_quiet(rt);
    crew_busy(rt);
    return true;
}

static void drain(struct drain *d)
{
    struct runtime *rt = d->rt;
    crew_round(rt);
    while (goes_on(rt)) {
        keep_armed(d);
        loop_turn(&rt->loop);
        if (rt->hopeless)
            abandon(rt);
    }
}

static void end_threads(struct runtime *rt)
{
    rota_dur limit = rt->options.thread_timeout;
    rota_dur patience = limit > 0 ? limit : thread_timeout;
    for (size_t i = 0; i < sizeof rt->pools / sizeof *rt->pools; i++) {
        if (rt->pools[i] && !pool_end(rt->pools[i], patience))
            rt->leaky = true;
        rt->pools[i] = NULL;
    }
}

void runtime_drain(struct runtime *rt)
{
    rota_dur limit = rt->options.shutdown_timeout;
    rota_time now = rota_now();
    struct drain d = {
        .rt = rt,
        .report.fire = report_late,
        .limit.fire = give_up,
        .next_report = now + report_every,
        .until = limit > 0 ? rota_time_add(now, limit) : ROTA_FOREVER,
    };
    rt->hopeless = false;
    inbox_refuse(&rt->loop.inbox, POST_CALL);
    scope_cancel(&rt->background.scope, "shutdown");
    drain(&d);
    end_threads(rt);
    rt->ending = true;
    inbox_refuse(&rt->loop.inbox, POST_HANDLE);
    drain(&d);
    end_threads(rt); /* what the last callbacks began */
    timer_cancel(&rt->loop.timers, &d.report);
    timer_cancel(&rt->loop.timers, &d.limit);
    rt->loop.idle_timers = 0;
}
