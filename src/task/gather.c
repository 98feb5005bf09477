/*
 * Gather: a watch on each task counts them down; the first that fails cancels
 * the others in the same step.
 */
#include "rota/gather.h"

#include <errno.h>
#include <stdlib.h>

#include "base/misuse.h"
#include "task/runtime.h"
#include "task/task.h"

struct gather {
    struct clause clause; /* the caller's wait for the last one */
    rota_task **tasks;
    size_t count;
    size_t pending;
    unsigned flags;
    bool parked;
    int first_error;
};

struct gathered {
    struct watch watch;
    struct gather *all;
    rota_task *task;
};

static const struct wait_kind gather_wait = { "gather", NULL, NULL };

static void cancel_all(struct gather *g, const char *reason)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->tasks[i])
            rota_task_cancel(g->tasks[i], reason);
}

/* A place left empty is a spawn that found no memory. */
static bool over(rota_task *t)
{
    return !t || t->done.state != ROTA_PENDING;
}

static int result_of(rota_task *t)
{
    return t ? future_flat(&t->done) : -ENOMEM;
}

static void note(struct gather *g, rota_task *t)
{
    int rc = result_of(t);
    if (rc >= 0 || g->first_error < 0)
        return;
    g->first_error = rc;
    if (!(g->flags & ROTA_COLLECT))
        cancel_all(g, "gathered with one that failed");
}

static void ended(struct watch *w)
{
    struct gathered *one = container_of(w, struct gathered, watch);
    struct gather *g = one->all;
    note(g, one->task);
    if (--g->pending == 0 && g->parked)
        clause_fire(&g->clause, 0);
}

static void watch_all(struct gather *g, struct gathered *each)
{
    for (size_t i = 0; i < g->count; i++) {
        rota_task *t = g->tasks[i];
        each[i] = (struct gathered){ { .fire = ended }, g, t };
        if (over(t))
            continue;
        g->pending++;
        list_push(&t->done.watches, &each[i].watch.link);
    }
    for (size_t i = 0; i < g->count; i++)
        if (over(g->tasks[i]))
            note(g, g->tasks[i]);
}

static int park(struct gather *g, struct rota_task *me, bool shielded)
{
    if (g->pending == 0)
        return 0;
    clause_init(&g->clause, &gather_wait, g->tasks);
    g->parked = true;
    int rc = shielded ? wait_park_shielded(me, &g->clause, 1)
                      : wait_park(me, &g->clause, 1);
    g->parked = false;
    return rc;
}

/* Reads the results and drops the handles; a task that stands twice was
 * handed over once. */
static void collect(rota_task **tasks, size_t n, int *results)
{
    for (size_t i = 0; i < n; i++) {
        if (results)
            results[i] = result_of(tasks[i]);
        if (tasks[i])
            tasks[i]->gathered = true;
    }
    for (size_t i = 0; i < n; i++) {
        rota_task *t = tasks[i];
        if (!t)
            continue;
        if (!t->gathered)
            tasks[i] = NULL;
        t->gathered = false;
    }
    for (size_t i = 0; i < n; i++) {
        rota_task_unref(tasks[i]);
        tasks[i] = NULL;
    }
}

int rota_gather(rota_task **tasks, size_t n, int *results, unsigned flags)
{
    struct rota_task *me = task_current();
    if (!me)
        return misuse(-EPERM, "rota_gather outside of a task");
    for (size_t i = 0; i < n; i++)
        if (task_waits_for(tasks[i], me))
            return misuse(-EDEADLK, "task %s gathers itself", me->name);
    struct gathered *each = malloc((n ? n : 1) * sizeof *each);
    if (!each)
        return -ENOMEM;
    int rc = wait_begin(&me);
    struct gather g = { .tasks = tasks, .count = n, .flags = flags };
    watch_all(&g, each);
    if (rc == 0)
        rc = g.pending ? park(&g, me, false) : wait_done(me, 0);
    if (rc < 0) {
        cancel_all(&g, rota_cancel_reason());
        park(&g, me, true);
    }
    collect(tasks, n, results);
    free(each);
    if (rc < 0 || (flags & ROTA_COLLECT))
        return rc;
    return g.first_error;
}
