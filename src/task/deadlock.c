/*
 * The verdict that a program cannot go on: all its tasks wait, and nothing is
 * left that could wake one. It is exact because everything that wakes a task
 * is counted: ready tasks and callbacks, timers, operations (a listener for
 * signals is one), jobs on threads, posts of other threads, waits for what
 * threads share, and handles by which somebody might post yet. Of several
 * loops each might be woken by another: there is no verdict for them. Main is
 * cancelled then; what waits behind a shield even so will wait for ever, and
 * is abandoned.
 */
#include <errno.h>

#include "rota/log.h"
#include "task/runtime.h"
#include "task/task.h"

static bool can_be_woken(struct runtime *rt)
{
    return rt->loop.outside > 0 || rt->claims > 0 || loops_held(rt) ||
           rt->crewman.crew || !inbox_empty(&rt->loop.inbox);
}

static void tell(struct runtime *rt)
{
    rota_log(
        ROTA_LOG_ERROR,
        "deadlock: all %zu tasks wait, and nothing can wake them:", rt->tasks);
    runtime_report(rt);
}

bool runtime_stuck(struct loop *l)
{
    struct runtime *rt = (struct runtime *)l;
    if (!rt->main || rt->tasks == 0 || can_be_woken(rt))
        return false;
    if (rt->verdict == 0)
        tell(rt);
    rt->verdict = -EDEADLK;
    rota_task_cancel(rt->main, "deadlock");
    rt->hopeless = !loop_has_ready(l);
    return true;
}
