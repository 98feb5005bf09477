/*
 * Tasks: made, run, awaited, cancelled, freed.
 */
#include "task/task.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/misuse.h"
#include "rota/log.h"
#include "task/debug.h"
#include "task/runtime.h"

enum {
    AWAIT_CHAIN_MOST = 64,
    ERROR_TEXT = 256,
    EAGER_MOST = 64,
    COPY_MOST = 4096, /* larger arguments make the stack larger */
};

struct defer {
    struct defer *older;
    rota_cb *fn;
    void *arg;
};

static void run_defers(struct rota_task *t)
{
    while (t->defers) {
        struct defer *d = t->defers;
        t->defers = d->older;
        d->fn(d->arg);
        free(d);
    }
}

/* On whatever stack comes next: the task's own may go now. */
static void bury(void *arg)
{
    struct rota_task *t = arg;
    struct runtime *rt = t->runtime;
    struct stack *stack = t->co.coro.stack;
    coro_fini(&t->co.coro);
    stack_put(&rt->loop.stacks, stack);
    list_remove(&t->in_runtime);
    rt->tasks--;
    if (rt->debug && t->done.refs > 1)
        debug_keep(t);
    rota_task_unref(t);
}

/* A scope left open stood on a frame that is gone: nothing can be mended. */
static void check_closed(struct rota_task *t)
{
    if (t->scope == &t->root)
        return;
    misuse(0, "the task returned with an open scope or group");
    abort();
}

/* The text of an error that was handled is not that of another one. */
static void drop_stale_error(struct rota_task *t, int rc)
{
    if (rc < 0 && rc == t->failed)
        return;
    free(t->done.err);
    t->done.err = NULL;
}

static void lose_held(struct rota_task *t)
{
    struct list *link;
    while ((link = list_pop(&t->held)) != NULL) {
        struct holding *h = container_of(link, struct holding, link);
        h->lost(h);
    }
}

void task_settle(struct rota_task *t)
{
    check_closed(t);
    if (t->defers) {
        run_defers(t);
        check_closed(t);
    }
    lose_held(t);
}

static void end(struct rota_task *t, int rc)
{
    task_settle(t);
    drop_stale_error(t, rc);
    enum rota_state state = rc >= 0 ? ROTA_OK : ROTA_ERROR;
    if (rc == -ECANCELED && t->root.visible)
        state = ROTA_CANCELLED;
    else if (rc == -ECANCELED)
        rota_log(ROTA_LOG_DEBUG,
                 "task %s (spawned at %s) returned -ECANCELED, but was not "
                 "cancelled",
                 t->name, t->site ? t->site : "?");
    scope_close(&t->root);
    future_finish(&t->done, state, rc);
    group_leave(t->group, t);
    struct coro_action after = { bury, t };
    loop_leave(task_loop(t), &after);
}

static void entry(void *arg)
{
    struct rota_task *t = arg;
    end(t, t->fn(t->arg));
}

static struct rota_task *make(struct runtime *rt, struct group *g,
                              size_t stack_size)
{
    /* Cleared after the next call, not at once: gcc would make a calloc of it,
     * which does not take from malloc's per-thread cache. */
    struct rota_task *t = malloc(sizeof *t);
    struct stack *stack = t ? stack_get(&rt->loop.stacks, stack_size) : NULL;
    if (!stack) {
        free(t);
        return NULL;
    }
    *t = (struct rota_task){ .co.coro.stack = stack, .runtime = rt };
    future_init(&t->done, rt, t);
    list_init(&t->held);
    t->done.refs = 2; /* the caller's and the runtime's */
    scope_open(&t->root, &g->scope, t, 0);
    t->scope = &t->root;
    t->group = g;
    list_push(&g->members, &t->in_group);
    g->live++;
    list_push(&rt->all, &t->in_runtime);
    rt->tasks++;
    t->co.id = ++rt->loop.made;
    return t;
}

static void start(struct rota_task *t, bool eager)
{
    struct runtime *rt = t->runtime;
    if (!eager || rt->eager >= EAGER_MOST) {
        loop_ready(&rt->loop, &t->co.ready);
        return;
    }
    rt->eager++;
    loop_enter(&rt->loop, &t->co);
    rt->eager--;
}

/* The stack for a task with `size` bytes of arguments on it. */
static size_t stack_for(const rota_task_options *o, size_t size)
{
    if (size <= COPY_MOST)
        return o->stack_size;
    size_t least = o->stack_size ? o->stack_size : STACK_DEFAULT;
    return size > SIZE_MAX - least ? SIZE_MAX : least + size;
}

struct rota_task *task_new(struct runtime *rt, struct group *g,
                           const struct task_spec *spec)
{
    static const rota_task_options defaults;
    const rota_task_options *o = spec->options ? spec->options : &defaults;
    struct rota_task *t = make(rt, g, stack_for(o, spec->size));
    if (!t)
        return NULL;
    t->fn = spec->fn;
    t->name = t->co.coro.name = o->name ? o->name : spec->name;
    t->site = t->co.coro.site = o->site ? o->site : spec->site;
    coro_init(&t->co.coro, t->co.coro.stack, entry, t, spec->size, &t->arg);
    if (spec->size)
        memcpy(t->arg, spec->arg, spec->size);
    else
        t->arg = spec->arg;
    start(t, o->eager);
    return t;
}

void task_free(struct rota_task *t)
{
    if (t->kept)
        debug_forget(t);
    future_fini(&t->done);
    if (t->named)
        free((char *)t->name);
    free(t);
}

static rota_task *spawn(const struct task_spec *spec)
{
    struct runtime *rt = runtime_current();
    if (rt)
        return task_new(rt, &rt->background, spec);
    misuse(-EPERM, "a task spawned outside of a running loop");
    return NULL;
}

rota_task *rota_spawn_at(rota_fn *fn, void *arg,
                         const rota_task_options *options, const char *name,
                         const char *site)
{
    struct task_spec spec = { fn, arg, 0, options, name, site };
    return spawn(&spec);
}

rota_task *rota_spawn_copy(rota_fn *fn, const void *args, size_t size,
                           const rota_task_options *options, const char *name,
                           const char *site)
{
    struct task_spec spec = { fn, (void *)args, size, options, name, site };
    return spawn(&spec);
}

rota_task *rota_task_ref(rota_task *t)
{
    t->done.refs++;
    return t;
}

void rota_task_unref(rota_task *t)
{
    if (t && --t->done.refs == 0)
        task_free(t);
}

/* True when a group that `t` opened, and must end first, holds `me`. */
static bool hosts(const struct rota_task *t, const struct rota_task *me)
{
    while (me && me != t)
        me = me->group->host;
    return me != NULL;
}

bool task_waits_for(struct rota_task *t, struct rota_task *me)
{
    for (int i = 0; t && i < AWAIT_CHAIN_MOST; i++) {
        if (hosts(t, me))
            return true;
        t = t->awaits;
    }
    return false;
}

/* Parks on a task's end; knows who waits for whom meanwhile. */
static int park_on(struct rota_task *t, struct rota_task *me, bool shielded)
{
    me->awaits = t;
    int rc = future_park(&t->done, me, shielded);
    me->awaits = NULL;
    return rc;
}

int rota_join(rota_task *t, rota_outcome *out)
{
    struct rota_task *me;
    int rc = wait_begin(&me);
    if (rc < 0)
        return rc;
    if (!t)
        return -ENOMEM;
    if (task_waits_for(t, me))
        return -EDEADLK;
    rota_task_ref(t); /* another may await it, and drop it before we run */
    rc = t->done.state != ROTA_PENDING ? wait_done(me, 0)
                                       : park_on(t, me, false);
    if (rc == 0)
        rota_future_outcome(&t->done, out);
    rota_task_unref(t);
    return rc;
}

/* How an await went. */
struct awaited {
    int mine;   /* my own status */
    bool cut;   /* I was cancelled first, and so was the task */
    int result; /* its result, flattened */
};

/* Waits until `t` is over, whatever happens to me, and drops the handle. */
static struct awaited see_through(rota_task *t, struct rota_task *me)
{
    struct awaited a = { .mine = wait_begin(&me) };
    if (a.mine == 0)
        a.mine = t->done.state != ROTA_PENDING ? wait_done(me, 0)
                                               : park_on(t, me, false);
    a.cut = t->done.state == ROTA_PENDING;
    if (a.cut) {
        rota_task_cancel(t, rota_cancel_reason());
        park_on(t, me, true);
    }
    a.result = future_flat(&t->done);
    rota_task_unref(t);
    return a;
}

/* May `t` be awaited here? The running task in *me and 0, or why not. */
static int check_await(rota_task *t, struct rota_task **me)
{
    *me = task_current();
    if (!*me)
        return misuse(-EPERM, "a task awaited outside of a task");
    if (!t)
        return -ENOMEM;
    if (task_waits_for(t, *me))
        return misuse(-EDEADLK, "task %s awaits itself", t->name);
    return 0;
}

int rota_await(rota_task *t)
{
    struct rota_task *me;
    int rc = check_await(t, &me);
    if (rc < 0)
        return rc;
    struct awaited a = see_through(t, me);
    return a.mine < 0 ? a.mine : a.result;
}

int rota_wait_for(rota_task *t, rota_dur timeout)
{
    struct rota_task *me;
    rota_scope s;
    int rc = check_await(t, &me);
    if (rc == 0)
        rc = rota_timeout_begin(&s, timeout);
    if (rc < 0)
        return rc;
    struct awaited a = see_through(t, me);
    rc = rota_scope_end(&s, a.mine);
    bool ended = !a.cut || a.result != -ROTA_ECHILD;
    return rc == 0 || (rc == -ETIMEDOUT && ended) ? a.result : rc;
}

int rota_task_cancel(rota_task *t, const char *reason)
{
    if (t->done.state != ROTA_PENDING)
        return 0;
    t->cancels++;
    scope_cancel(&t->root, reason);
    return 1;
}

unsigned rota_task_cancelling(const rota_task *t)
{
    return t->cancels;
}

unsigned rota_task_uncancel(rota_task *t)
{
    if (t->cancels > 0 && --t->cancels == 0)
        scope_uncancel(&t->root);
    if (!t->scope->visible)
        t->deliveries = 0;
    return t->cancels;
}

rota_task *rota_current_task(void)
{
    return task_current();
}

bool rota_task_done(const rota_task *t)
{
    return t->done.state != ROTA_PENDING;
}

const char *rota_task_name(const rota_task *t)
{
    return t->name;
}

int rota_task_set_name(rota_task *t, const char *name)
{
    char *copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    if (t->named)
        free((char *)t->name);
    t->name = t->co.coro.name = copy;
    t->named = true;
    return 0;
}

rota_future *rota_task_future(rota_task *t)
{
    return t ? &t->done : NULL;
}

int rota_task_set_value(void *value, rota_cb *dtor)
{
    struct rota_task *t = task_current();
    if (!t)
        return misuse(-EPERM, "rota_task_set_value outside of a task");
    if (t->done.value && t->done.dtor)
        t->done.dtor(t->done.value);
    t->done.value = value;
    t->done.dtor = dtor;
    return 0;
}

int rota_defer(rota_cb *fn, void *arg)
{
    struct rota_task *t = task_current();
    if (!t)
        return misuse(-EPERM, "rota_defer outside of a task");
    struct defer *d = malloc(sizeof *d);
    if (!d)
        return -ENOMEM;
    *d = (struct defer){ t->defers, fn, arg };
    t->defers = d;
    return 0;
}

int rota_fail_at(const char *site, int code, const char *format, ...)
{
    struct rota_task *t = task_current();
    if (!t)
        return code;
    if (!t->done.err)
        t->done.err = malloc(sizeof(rota_failure) + ERROR_TEXT);
    if (!t->done.err)
        return code; /* the code goes its way without the text */
    char *text = (char *)(t->done.err + 1);
    va_list args;
    va_start(args, format);
    vsnprintf(text, ERROR_TEXT, format, args);
    va_end(args);
    *t->done.err = (rota_failure){ text, site };
    t->failed = code;
    return code;
}

const char *task_failure_text(const struct rota_task *t)
{
    return t->done.err ? t->done.err->text : NULL;
}
