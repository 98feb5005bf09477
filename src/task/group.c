/*
 * Task groups. The group's scope hangs below its host's innermost one, so
 * outer cancellation reaches the members through the tree; an error of a
 * member cancels that scope, and with it body and siblings.
 */
#include "task/group.h"

#include <errno.h>

#include "base/misuse.h"
#include "task/runtime.h"

_Static_assert(sizeof(struct group) <= sizeof(rota_group),
               "rota_group must have room for struct group");

void group_open(struct group *g, struct rota_task *host, unsigned flags)
{
    bool prepared = flags & ROTA_GROUP_PREPARED;
    scope_open(&g->scope, host ? host->scope : NULL, host,
               prepared ? ROTA_SCOPE_PREPARED : 0);
    g->live = 0;
    g->host = host;
    g->ender = NULL;
    g->flags = flags;
    g->open = true;
    g->limit = 0;
    list_init(&g->spawners);
    g->promised = 0;
    g->cut = false;
    g->won = false;
    g->last_error = 0;
    g->error_count = 0;
}

static void record(struct group *g, int rc)
{
    if (g->error_count < GROUP_ERRORS_KEPT)
        g->errors[g->error_count] = rc;
    g->error_count++;
    g->last_error = rc;
    if (!(g->flags & (ROTA_GROUP_ISOLATE | ROTA_GROUP_ANY)))
        scope_cancel(&g->scope, "a member of the group failed");
}

static bool full(const struct group *g)
{
    return g->limit > 0 && g->live + g->promised >= g->limit;
}

/* The host is woken by the last, and once: the group might fill and empty
 * again before it runs. */
void group_place_freed(struct group *g)
{
    while (!full(g) && !list_empty(&g->spawners)) {
        g->promised++;
        clause_fire(container_of(g->spawners.next, struct clause, link), 0);
    }
    struct clause *ender = g->ender;
    if (!ender || g->live + g->promised > 0)
        return;
    g->ender = NULL;
    clause_fire(ender, 0);
}

void group_note(struct group *g, struct rota_task *t)
{
    if (t->done.state == ROTA_CANCELLED)
        g->cut = true;
    if (t->done.state == ROTA_ERROR && g->host) {
        t->done.observed = true;
        record(g, t->done.rc);
    }
    if (t->done.state == ROTA_OK && g->flags & ROTA_GROUP_ANY) {
        g->won = true;
        scope_cancel(&g->scope, "another member of the group was first");
    }
}

void group_adopt(struct group *g, struct rota_task *t)
{
    struct group *from = t->group;
    from->live--;
    t->group = g;
    g->live++;
    g->promised--;
    scope_move(t->root, &g->scope);
}

static const struct wait_holder members = { .form = HOLDER_MEMBERS };
static const struct wait_kind end_wait = { "group_end", NULL, &members };
static const struct wait_kind place_wait = { "group limit", NULL, NULL };

/* Waits, not cancellably, until all members have ended. */
static void drain(struct group *g)
{
    struct clause ender;
    while (g->live + g->promised > 0) {
        clause_init(&ender, &end_wait, g);
        g->ender = &ender;
        wait_park_shielded(g->host, &ender, 1);
    }
}

bool group_holds(struct group *g, struct rota_task *t)
{
    for (; t; t = t->group->host)
        if (t->group == g)
            return true;
    return false;
}

int rota_group_begin(rota_group *group, unsigned flags)
{
    struct rota_task *t = task_current();
    if (!t)
        return misuse(-EPERM, "a group opened outside of a task");
    struct group *g = group_of(group);
    for (struct scope *s = t->scope; s; s = s->parent)
        if (s == &g->scope)
            return misuse(-EALREADY, "a group opened twice");
    group_open(g, t, flags);
    t->scope = &g->scope;
    return 0;
}

int group_admit(struct group *g)
{
    if (!g->open)
        return -ESHUTDOWN;
    int rc = scope_here(&g->scope);
    if (rc < 0 || !full(g))
        return rc;
    struct rota_task *me;
    rc = wait_begin(&me);
    if (rc < 0)
        return rc;
    struct clause place;
    clause_init(&place, &place_wait, g);
    list_push(&g->spawners, &place.link);
    rc = wait_park(me, &place, 1);
    if (rc == 0)
        g->promised--; /* and taken at once */
    return rc;
}

/* In a group that has a place. Hands the task's handle over, or drops it. */
static int spawn(struct group *g, const struct task_spec *spec, rota_task **out)
{
    struct rota_task *t = task_new(g->host->runtime, g, spec);
    if (!t)
        group_place_freed(g);
    else if (out)
        *out = t;
    else
        task_drop(t);
    return t ? 0 : -ENOMEM;
}

static int check_place(const rota_task_options *options)
{
    if (!options || !options->loop)
        return 0;
    return misuse(-EINVAL, "a group's members run on the group's loop");
}

int rota_group_spawn_at(rota_group *g, rota_fn *fn, void *arg,
                        const rota_task_options *options, rota_task **out,
                        const char *name, const char *site)
{
    int rc = check_place(options);
    if (rc < 0)
        return rc;
    struct task_spec spec = { fn, arg, 0, options, name, site };
    rc = group_admit(group_of(g));
    return rc < 0 ? rc : spawn(group_of(g), &spec, out);
}

int rota_group_try_spawn_at(rota_group *group, rota_fn *fn, void *arg,
                            const rota_task_options *options, rota_task **out,
                            const char *name, const char *site)
{
    struct group *g = group_of(group);
    struct task_spec spec = { fn, arg, 0, options, name, site };
    int rc = check_place(options);
    if (rc == 0)
        rc = g->open ? scope_here(&g->scope) : -ESHUTDOWN;
    if (rc < 0)
        return rc;
    return full(g) ? -EAGAIN : spawn(g, &spec, out);
}

int rota_group_spawn_copy(rota_group *g, rota_fn *fn, const void *args,
                          size_t size, const char *name, const char *site)
{
    struct task_spec spec = { fn, (void *)args, size, NULL, name, site };
    int rc = group_admit(group_of(g));
    return rc < 0 ? rc : spawn(group_of(g), &spec, NULL);
}

void rota_group_limit(rota_group *group, size_t most)
{
    struct group *g = group_of(group);
    g->limit = most;
    group_place_freed(g);
}

static int check_end(struct group *g, struct rota_task *t)
{
    if (!t || !g->open)
        return misuse(-EPERM, "a group ended that is not open");
    if (g->host != t)
        return misuse(group_holds(g, t) ? -EDEADLK : -EPERM,
                      "a group ended by another task than its own");
    if (t->scope != &g->scope)
        return misuse(-EINVAL, "a group ended before the scopes inside it");
    return 0;
}

int rota_group_end(rota_group *group, int body_rc)
{
    struct group *g = group_of(group);
    struct rota_task *t = task_current();
    int rc = check_end(g, t);
    if (rc < 0)
        return rc;
    if (body_rc == -ECANCELED && g->scope.visible)
        g->cut = true;
    else if (body_rc < 0)
        record(g, body_rc);
    if (g->live == 0)
        task_yield(t);
    drain(g);
    g->open = false;
    bool outer = g->scope.parent->visible;
    scope_leave(&g->scope);
    if (g->won)
        return 0;
    if (g->error_count > 0)
        return g->flags & ROTA_GROUP_ANY ? g->last_error : g->errors[0];
    return outer && g->cut ? -ECANCELED : 0;
}

void rota_group_cancel(rota_group *g, const char *reason)
{
    if (scope_here(&group_of(g)->scope) == 0)
        scope_cancel(&group_of(g)->scope, reason ? reason : "group cancelled");
}

size_t rota_group_errors(const rota_group *group, int *codes, size_t n)
{
    const struct group *g = (const struct group *)group;
    size_t kept =
        g->error_count < GROUP_ERRORS_KEPT ? g->error_count : GROUP_ERRORS_KEPT;
    for (size_t i = 0; i < n && i < kept; i++)
        codes[i] = g->errors[i];
    return g->error_count;
}
