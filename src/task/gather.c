/*
 * Gather and race: a watch on each task counts them down. In a gather the
 * first that fails cancels the others in the same step, in a race the first
 * that does not.
 */
#include "rota/gather.h"

#include <errno.h>
#include <stdlib.h>

#include "base/misuse.h"
#include "task/runtime.h"
#include "task/task.h"

struct gather {
    struct clause clause; /* the caller's wait for the last one */
    rota_task **tasks;    /* and how many: HOLDER_TASKS */
    size_t count;
    size_t pending;
    bool parked;
    bool collect;  /* a failure cancels nobody */
    bool race;     /* a success cancels the others */
    size_t winner; /* of a race; `count`: none yet */
    int result;    /* the winner's */
    int error;     /* the first; of a race, the last */
};

struct gathered {
    struct watch watch;
    struct gather *all;
    size_t index;
};

static bool parked_no_more(struct clause *c)
{
    container_of(c, struct gather, clause)->parked = false;
    return true;
}

static const struct wait_holder gathered_tasks = {
    .form = HOLDER_TASKS,
    .at = offsetof(struct gather, tasks),
};
static const struct wait_kind gather_wait = { "gather", parked_no_more,
                                              &gathered_tasks };
static const struct wait_kind race_wait = { "race", parked_no_more, NULL };

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

static void note_raced(struct gather *g, size_t i, int rc)
{
    if (rc < 0) {
        g->error = rc;
    } else if (g->winner == g->count) {
        g->winner = i;
        g->result = rc;
        cancel_all(g, "another of the race was first");
    }
}

static void note(struct gather *g, size_t i)
{
    int rc = result_of(g->tasks[i]);
    if (g->race) {
        note_raced(g, i, rc);
        return;
    }
    if (rc >= 0 || g->error < 0)
        return;
    g->error = rc;
    if (!g->collect)
        cancel_all(g, "gathered with one that failed");
}

static void ended(struct watch *w)
{
    struct gathered *one = container_of(w, struct gathered, watch);
    struct gather *g = one->all;
    note(g, one->index);
    if (--g->pending > 0 || !g->parked)
        return;
    g->parked = false;
    clause_fire(&g->clause, 0);
}

static void watch_all(struct gather *g, struct gathered *each)
{
    for (size_t i = 0; i < g->count; i++) {
        rota_task *t = g->tasks[i];
        each[i] = (struct gathered){ { .fire = ended }, g, i };
        if (over(t))
            continue;
        g->pending++;
        list_push(&t->done.watches, &each[i].watch.link);
    }
    for (size_t i = 0; i < g->count; i++)
        if (over(g->tasks[i]))
            note(g, i);
}

static int park(struct gather *g, struct rota_task *me, bool shielded)
{
    if (g->pending == 0)
        return 0;
    clause_init(&g->clause, g->race ? &race_wait : &gather_wait, g);
    g->parked = true;
    return shielded ? wait_park_shielded(me, &g->clause, 1)
                    : wait_park(me, &g->clause, 1);
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

/* Waits until all are over and drops the handles. My own status; that of a
 * race that was decided before I was cancelled is 0. */
static int see_through(struct gather *g, int *results)
{
    struct rota_task *me = task_current();
    if (!me)
        return misuse(-EPERM, "tasks awaited outside of a task");
    for (size_t i = 0; i < g->count; i++)
        if (task_waits_for(g->tasks[i], me))
            return misuse(-EDEADLK, "task %s awaits itself", me->name);
    struct gathered *each = malloc((g->count ? g->count : 1) * sizeof *each);
    if (!each)
        return -ENOMEM;
    int rc = wait_begin(&me);
    watch_all(g, each);
    if (rc == 0)
        rc = g->pending ? park(g, me, false) : wait_done(me, 0);
    bool decided = g->race && g->winner < g->count;
    if (rc < 0) {
        cancel_all(g, rota_cancel_reason());
        park(g, me, true);
    }
    collect(g->tasks, g->count, results);
    free(each);
    return decided ? 0 : rc;
}

int rota_gather(rota_task **tasks, size_t n, int *results, unsigned flags)
{
    struct gather g = {
        .tasks = tasks,
        .count = n,
        .collect = (flags & ROTA_COLLECT) != 0,
    };
    int rc = see_through(&g, results);
    return rc < 0 || g.collect ? rc : g.error;
}

int rota_race(rota_task **tasks, size_t n, size_t *winner, int *results)
{
    if (n == 0)
        return -EINVAL;
    struct gather g = { .tasks = tasks, .count = n, .race = true, .winner = n };
    int rc = see_through(&g, results);
    if (rc < 0)
        return rc;
    if (g.winner == n)
        return g.error;
    if (winner)
        *winner = g.winner;
    return g.result;
}
