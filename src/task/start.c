/*
 * rota_group_start: a task runs in a nest, a group below the caller that
 * holds only this task, until it says that it is up; then it is moved into
 * the group it is meant for. What happens before concerns only the caller.
 */
#include <errno.h>

#include "base/misuse.h"
#include "task/runtime.h"

struct start {
    struct clause clause; /* the caller's wait */
    struct watch watch;   /* on the task's end */
    bool parked;
    bool moved;
    void *value;
    struct group *to;
    struct group nest;
};

static bool wait_no_more(struct clause *c)
{
    container_of(c, struct start, clause)->parked = false;
    return true;
}

static const struct wait_holder starting = { .form = HOLDER_OBJECT };
static const struct wait_kind start_wait = { "group_start", wait_no_more,
                                             &starting };

static void wake(struct start *s)
{
    if (!s->parked)
        return;
    s->parked = false;
    clause_fire(&s->clause, 0);
}

static void ended(struct watch *w)
{
    wake(container_of(w, struct start, watch));
}

static int park(struct start *s, struct rota_task *t, struct rota_task *me,
                bool shielded)
{
    clause_init(&s->clause, &start_wait, t);
    s->parked = true;
    me->awaits = t;
    int rc = shielded ? wait_park_shielded(me, &s->clause, 1)
                      : wait_park(me, &s->clause, 1);
    me->awaits = NULL;
    return rc;
}

int rota_task_started(void *value)
{
    struct rota_task *t = task_current();
    if (!t)
        return misuse(-EPERM, "rota_task_started outside of a task");
    struct group *nest = t->group;
    if (!(nest->flags & GROUP_NEST))
        return -EALREADY;
    nest->flags &= ~GROUP_NEST; /* the word may be given once */
    struct start *s = container_of(nest, struct start, nest);
    if (s->nest.scope.visible)
        return -ECANCELED;
    s->moved = true;
    s->value = value;
    list_remove(&s->watch.link);
    group_adopt(s->to, t);
    wake(s);
    return 0;
}

/* Waits until the task is up, or over. Returns why it is not up, or 0. */
static int wait_for_word(struct start *s, struct rota_task *t,
                         struct rota_task *me)
{
    int rc = park(s, t, me, false);
    if (s->moved)
        return 0;
    if (rc < 0) {
        scope_cancel(&s->nest.scope, rota_cancel_reason());
        if (t->done.state == ROTA_PENDING)
            park(s, t, me, true);
    }
    if (t->done.state == ROTA_ERROR)
        return t->done.rc;
    if (rc < 0)
        return rc;
    return t->done.state == ROTA_CANCELLED ? -ROTA_ECHILD : -EPROTO;
}

static int start(struct start *s, const struct task_spec *spec,
                 struct rota_task *me)
{
    struct rota_task *t = task_new(me->runtime, &s->nest, spec);
    if (!t)
        return -ENOMEM;
    list_push(&t->done.watches, &s->watch.link);
    int rc = wait_for_word(s, t, me);
    rota_task_unref(t);
    return rc;
}

int rota_group_start_at(rota_group *group, rota_fn *fn, void *arg, void **value,
                        const char *name, const char *site)
{
    struct group *g = group_of(group);
    struct task_spec spec = { fn, arg, 0, NULL, name, site };
    struct rota_task *me;
    int rc = wait_begin(&me);
    if (rc == 0)
        rc = group_admit(g);
    if (rc < 0)
        return rc;
    g->promised++;
    struct start s = { .watch.fire = ended, .to = g };
    list_init(&s.watch.link);
    group_open(&s.nest, me, ROTA_GROUP_ISOLATE | GROUP_NEST);
    rc = start(&s, &spec, me);
    scope_close(&s.nest.scope);
    if (!s.moved) {
        g->promised--;
        group_place_freed(g);
    } else if (value) {
        *value = s.value;
    }
    return rc;
}
