/*
 * Gather and race: a watch on each task counts them down. In a gather the
 * first that fails cancels the others in the same step, in a race the first
 * that does not.
 */
#include "rota/gather.h"

#include <errno.h>
#include <stdlib.h>

#include "base/misuse.h"
#include "task/far.h"
#include "task/runtime.h"
#include "task/task.h"

struct gather {
    struct clause clause; /* the caller's wait for the last one */
    rota_task **tasks;    /* and how many: HOLDER_TASKS */
    size_t count;
    size_t pending;
    struct far_one *far; /* for tasks of other loops; NULL: there are none */
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

/* The same for a task of another loop. */
struct far_one {
    struct far_watch watch;
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

/* Of one that is over; a task of a loop that is closed may have been abandoned
 * by it. */
static int result_of(rota_task *t)
{
    if (!t)
        return -ENOMEM;
    return over(t) ? future_flat(&t->done) : -ESHUTDOWN;
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

static void one_less(struct gather *g, size_t i)
{
    note(g, i);
    if (--g->pending > 0 || !g->parked)
        return;
    g->parked = false;
    clause_fire(&g->clause, 0);
}

static void ended(struct watch *w)
{
    struct gathered *one = container_of(w, struct gathered, watch);
    one_less(one->all, one->index);
}

static void ended_far(struct far_watch *w)
{
    struct far_one *one = container_of(w, struct far_one, watch);
    w->home->outside--;
    one_less(one->all, one->index);
}

/* False: its loop is closed, so it is over. */
static bool watch_far(struct gather *g, struct far_one *one, size_t i)
{
    one->all = g;
    one->index = i;
    if (far_watch_begin(&one->watch, g->tasks[i], ended_far) < 0)
        return false;
    one->watch.home->outside++; /* the other loop will post */
    return true;
}

/* False: it is over. */
static bool watch_near(struct gather *g, struct gathered *one, size_t i)
{
    *one = (struct gathered){ { .fire = ended }, g, i };
    if (over(g->tasks[i]))
        return false;
    list_push(&g->tasks[i]->done.watches, &one->watch.link);
    return true;
}

static bool is_far(rota_task *t)
{
    return t && far_is(t);
}

/* `each` has room for all. Those that are over already come last: what they
 * cancel is watched by then. */
static void watch_all(struct gather *g, struct gathered *each)
{
    struct far_one *far = g->far;
    for (size_t i = 0; i < g->count; i++) {
        bool watched = is_far(g->tasks[i]) ? watch_far(g, far++, i)
                                           : watch_near(g, &each[i], i);
        g->pending += watched;
        each[i].all = watched ? g : NULL;
    }
    for (size_t i = 0; i < g->count; i++)
        if (!each[i].all)
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

/* Marks the tasks, and takes out whoever stands twice: it was handed over
 * once. A task of another loop is not marked, there may be others at it. */
static void take_out_doubles(rota_task **tasks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tasks[i] && !far_is(tasks[i]))
            tasks[i]->gathered = true;
    for (size_t i = 0; i < n; i++) {
        rota_task *t = tasks[i];
        bool again = false;
        for (size_t k = 0; is_far(t) && k < i && !again; k++)
            again = tasks[k] == t;
        if (t && !is_far(t)) {
            again = !t->gathered;
            t->gathered = false;
        }
        if (again)
            tasks[i] = NULL;
    }
}

/* Reads the results and drops the handles. */
static void collect(rota_task **tasks, size_t n, int *results)
{
    for (size_t i = 0; results && i < n; i++)
        results[i] = result_of(tasks[i]);
    take_out_doubles(tasks, n);
    for (size_t i = 0; i < n; i++) {
        rota_task_unref(tasks[i]);
        tasks[i] = NULL;
    }
}

/* Room for the watches; NULL: no memory. */
static struct gathered *make_room(struct gather *g)
{
    size_t far = 0;
    for (size_t i = 0; i < g->count; i++)
        far += is_far(g->tasks[i]);
    if (far > 0 && !(g->far = malloc(far * sizeof *g->far)))
        return NULL;
    struct gathered *each = malloc((g->count ? g->count : 1) * sizeof *each);
    if (!each)
        free(g->far);
    return each;
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
            return misuse(-EDEADLK, "task %s awaits itself", me->co.coro.name);
    struct gathered *each = make_room(g);
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
    free(g->far);
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
