/*
 * Cancel scopes: a tree, a level in each node, and the walk that spreads a
 * change of level to the tasks parked below.
 */
#include "task/scope.h"

#include <errno.h>
#include <stddef.h>

#include "base/misuse.h"
#include "rota/log.h"
#include "rota/thread.h"
#include "task/runtime.h"
#include "task/task.h"
#include "task/thread.h"
#include "task/token.h"

_Static_assert(sizeof(struct scope) <= sizeof(rota_scope),
               "rota_scope must have room for struct scope");

static const char *const deadline_reason = "deadline";

/* The node after `s` in a walk of the tree below `top`; NULL at the end. */
static struct scope *walk(struct scope *s, struct scope *top, bool descend)
{
    if (descend && !list_empty(&s->children))
        return container_of(s->children.next, struct scope, sibling);
    for (; s != top; s = s->parent)
        if (s->sibling.next != &s->parent->children)
            return container_of(s->sibling.next, struct scope, sibling);
    return NULL;
}

/* Brings `visible` up to date from `top` downwards. It walks instead of
 * recursing: scopes may be nested as deep as memory goes. */
static void spread(struct scope *top)
{
    bool changed;
    for (struct scope *s = top; s; s = walk(s, top, changed)) {
        bool visible = s->cancelled || scope_outer_visible(s);
        changed = visible != s->visible || s == top;
        s->visible = visible;
        if (visible && s->task && s->task->scope == s)
            task_interrupt(s->task);
    }
}

static struct loop *scope_loop(struct scope *s)
{
    return task_loop(s->task);
}

int scope_here(const struct scope *s)
{
    if (!s->open || s->task->runtime == runtime_current())
        return 0;
    return misuse(-EXDEV, "a scope or group used on another thread than its "
                          "loop's");
}

void scope_disarm(struct scope *s)
{
    if (s->timer.place)
        timer_cancel(&scope_loop(s)->timers, &s->timer);
    if (s->links)
        token_unlink(&s->links);
}

void scope_move(struct scope *s, struct scope *parent)
{
    list_remove(&s->sibling);
    s->parent = parent;
    list_push(&parent->children, &s->sibling);
    spread(s);
}

void scope_cancel(struct scope *s, const char *reason)
{
    if (s->cancelled || s->ended)
        return;
    s->cancelled = true;
    s->reason = reason ? reason : "cancelled";
    if (s->open)
        spread(s);
}

void scope_uncancel(struct scope *s)
{
    s->cancelled = false;
    s->reason = NULL;
    spread(s);
}

int scope_result(struct scope *s, int rc)
{
    if (s->strict && s->delivered && rc >= 0)
        rc = -ECANCELED;
    if (rc != -ECANCELED || !s->cancelled || scope_outer_visible(s))
        return rc;
    s->caught = true;
    return s->expired && s->timeout ? -ETIMEDOUT : 0;
}

struct scope *scope_cause(struct scope *s)
{
    while (s && s->visible && !s->cancelled)
        s = s->parent;
    return s && s->visible ? s : NULL;
}

static void expire(struct timer *timer)
{
    struct scope *s = container_of(timer, struct scope, timer);
    s->expired = !s->cancelled;
    scope_cancel(s, deadline_reason);
}

static int set_deadline(struct scope *s, rota_time when, bool past)
{
    s->timer.fire = expire;
    if (!past && timer_arm(&scope_loop(s)->timers, &s->timer, when) < 0)
        return -ENOMEM;
    s->deadline = when;
    if (past)
        expire(&s->timer);
    return 0;
}

/* Opens a scope of the running task. A deadline of INT64_MIN has passed; any
 * other is ahead, and passes when the task suspends: however slow the machine,
 * a scope with time left is never over before its first call. */
static int begin(struct scope *s, unsigned flags, rota_time when)
{
    struct rota_task *t = task_current();
    if (!t)
        return misuse(-EPERM, "a scope opened outside of a task");
    for (struct scope *o = t->scope; o; o = o->parent)
        if (o == s)
            return misuse(-EALREADY, "a scope opened twice");
    scope_open(s, t->scope, t, flags);
    struct scope *before = t->scope;
    t->scope = s;
    int rc =
        when == ROTA_FOREVER ? 0 : set_deadline(s, when, when == INT64_MIN);
    if (rc < 0) {
        t->scope = before;
        scope_close(s);
    }
    return rc;
}

int rota_scope_begin(rota_scope *s, unsigned flags)
{
    return begin(scope_of(s), flags, ROTA_FOREVER);
}

static rota_time moment(rota_dur d)
{
    return d <= 0 ? INT64_MIN : rota_time_add(rota_now(), d);
}

int rota_timeout_begin(rota_scope *s, rota_dur d)
{
    return begin(scope_of(s), ROTA_SCOPE_TIMEOUT, moment(d));
}

int rota_move_on_begin(rota_scope *s, rota_dur d)
{
    return begin(scope_of(s), 0, moment(d));
}

int rota_shield_begin(rota_scope *s, rota_dur grace)
{
    return begin(scope_of(s), ROTA_SCOPE_SHIELD, moment(grace));
}

void scope_leave(struct scope *s)
{
    struct rota_task *t = s->task;
    t->scope = s->parent;
    if (!t->scope->visible)
        t->deliveries = 0;
    scope_close(s);
}

/* What only a careless layer does: noted for whoever looks. */
static void note_oddities(const struct scope *s, int rc)
{
    if (s->delivered && rc >= 0)
        rota_log(ROTA_LOG_DEBUG,
                 "task %s ends a scope with %d although a call inside was "
                 "cut short (%s)",
                 s->task->co.coro.name, rc,
                 s->reason ? s->reason : "outer scope");
    if (rc == -ECANCELED && !s->visible)
        rota_log(ROTA_LOG_DEBUG,
                 "task %s ends a scope with -ECANCELED that no scope caused",
                 s->task->co.coro.name);
}

int rota_scope_end(rota_scope *scope, int rc)
{
    struct scope *s = scope_of(scope);
    struct rota_task *t = task_current();
    if (!t || s->task != t || !s->open)
        return misuse(-EPERM, "a scope ended that this task has not open");
    if (t->scope != s)
        return misuse(-EINVAL, "a scope ended before those inside it");
    note_oddities(s, rc);
    rc = scope_result(s, rc);
    scope_leave(s);
    return rc;
}

void rota_scope_set_shield(rota_scope *scope, bool shield)
{
    struct scope *s = scope_of(scope);
    if (scope_here(s) < 0)
        return;
    s->shield = shield;
    if (s->open)
        spread(s);
}

int rota_call_timeout(rota_fn *fn, void *arg, rota_dur timeout)
{
    rota_scope s;
    int rc = rota_timeout_begin(&s, timeout);
    if (rc < 0)
        return rc;
    rc = timeout <= 0 ? -ECANCELED : fn(arg);
    return rota_scope_end(&s, rc);
}

void rota_scope_cancel(rota_scope *s, const char *reason)
{
    if (scope_here(scope_of(s)) == 0)
        scope_cancel(scope_of(s), reason);
}

int rota_scope_reschedule(rota_scope *scope, rota_time when)
{
    struct scope *s = scope_of(scope);
    int rc = scope_here(s);
    if (rc < 0)
        return rc;
    if (!s->open || s->expired)
        return -EALREADY;
    timer_cancel(&scope_loop(s)->timers, &s->timer);
    return set_deadline(s, when, when <= rota_now());
}

bool rota_scope_cancelled(const rota_scope *s)
{
    return ((const struct scope *)s)->cancelled;
}

bool rota_scope_expired(const rota_scope *s)
{
    return ((const struct scope *)s)->expired;
}

bool rota_scope_delivered(const rota_scope *s)
{
    return ((const struct scope *)s)->delivered;
}

bool rota_scope_caught(const rota_scope *s)
{
    return ((const struct scope *)s)->caught;
}

rota_time rota_current_deadline(void)
{
    struct rota_task *t = task_current();
    if (!t)
        return ROTA_FOREVER;
    if (t->scope->visible)
        return INT64_MIN;
    rota_time first = ROTA_FOREVER;
    for (struct scope *s = t->scope; s; s = s->shield ? NULL : s->parent)
        if (s->deadline < first)
            first = s->deadline;
    return first;
}

const char *rota_cancel_reason(void)
{
    struct rota_task *t = task_current();
    struct scope *cause = t ? scope_cause(t->scope) : NULL;
    return cause ? cause->reason : NULL;
}

rota_task *rota_cancel_source(void)
{
    struct rota_task *t = task_current();
    struct scope *cause = t ? scope_cause(t->scope) : NULL;
    return cause ? cause->task : NULL;
}

bool rota_cancelled(void)
{
    if (thread_is_worker())
        return rota_thread_cancelled();
    struct rota_task *t = task_current();
    return t && t->scope->visible;
}

bool rota_block_next_(struct rota_block_ *b)
{
    if (b->state != ROTA_BLOCK_NEW_) {
        rota_block_leave_(b);
        return false;
    }
    int rc = b->begin(&b->scope, b->duration);
    b->state = rc < 0 ? ROTA_BLOCK_OVER_ : ROTA_BLOCK_OPEN_;
    if (rc < 0 && b->rc)
        *b->rc = rc;
    return rc == 0;
}

void rota_block_leave_(struct rota_block_ *b)
{
    if (b->state != ROTA_BLOCK_OPEN_)
        return;
    b->state = ROTA_BLOCK_OVER_;
    int rc = rota_scope_end(&b->scope, b->rc ? *b->rc : 0);
    if (b->rc)
        *b->rc = rc;
}
