/*
 * Who is alive, and what for: a line in the log for each task, when a
 * shutdown takes long, when tasks are abandoned, and when nothing can wake
 * any of them.
 */
#include <stdio.h>

#include "rota/log.h"
#include "task/runtime.h"
#include "task/task.h"

enum { LINES_MOST = 50 };

/* What a parked task waits for; by whom it could be ended, if known. */
static const char *parked_in(const struct rota_task *t,
                             const struct rota_task **holder)
{
    const struct clause *c = t->clauses;
    *holder = NULL;
    if (!c)
        return t->lingering ? "end of a wait" : "ready to run";
    *holder = clause_holder(c);
    return c->kind->name;
}

static void report_task(const struct rota_task *t)
{
    const struct rota_task *holder;
    const char *where = parked_in(t, &holder);
    char told[64] = "";
    if (t->deliveries)
        snprintf(told, sizeof told, ", told %u times to end", t->deliveries);
    rota_log(ROTA_LOG_WARNING, "  %s (spawned at %s): %s%s%s%s",
             t->co.coro.name, t->co.coro.site ? t->co.coro.site : "?", where,
             holder ? " of " : "", holder ? holder->co.coro.name : "", told);
}

void runtime_report(const struct runtime *rt)
{
    size_t lines = 0;
    list_each (it, &rt->all) {
        if (lines++ == LINES_MOST)
            break;
        report_task(container_of(it, struct rota_task, in_runtime));
    }
    if (rt->tasks > LINES_MOST)
        rota_log(ROTA_LOG_WARNING, "  and %zu more", rt->tasks - LINES_MOST);
}
