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
#include "task/runtime.h"

enum { AWAIT_CHAIN_MOST = 64, ERROR_TEXT = 256 };

struct defer {
    struct defer *older;
    rota_cb *fn;
    void *arg;
};

struct rota_task *task_current(void)
{
    struct coro_thread *t = coro_thread();
    if (!t || !t->current || t->current == &t->root)
        return NULL;
    struct loop_coro *co = container_of(t->current, struct loop_coro, coro);
    return container_of(co, struct rota_task, co);
}

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
    rt->tasks--;
    rota_task_unref(t);
}

static void end(struct rota_task *t, int rc)
{
    if (t->scope != &t->root) {
        misuse(0, "the task returned with an open scope or group");
        scope_close_leftovers(t, &t->root);
    }
    run_defers(t);
    enum rota_state state = rc >= 0 ? ROTA_OK : ROTA_ERROR;
    if (rc == -ECANCELED && t->root.visible)
        state = ROTA_CANCELLED;
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
    struct rota_task *t = malloc(sizeof *t);
    if (!t)
        return NULL;
    memset(t, 0, sizeof *t);
    struct stack *stack = stack_get(&rt->loop.stacks, stack_size);
    if (!stack) {
        free(t);
        return NULL;
    }
    t->co.coro.stack = stack;
    t->runtime = rt;
    future_init(&t->done, rt, t);
    t->done.refs = 2; /* the caller's and the runtime's */
    scope_open(&t->root, &g->scope, t, 0);
    t->scope = &t->root;
    t->group = g;
    list_push(&g->members, &t->in_group);
    g->live++;
    rt->tasks++;
    return t;
}

static void start(struct rota_task *t, bool eager)
{
    struct loop *l = task_loop(t);
    if (eager)
        loop_enter(l, &t->co);
    else
        loop_ready(l, &t->co.ready);
}

struct rota_task *task_new_copy(struct runtime *rt, struct group *g,
                                rota_fn *fn, const void *args, size_t size,
                                const rota_task_options *options,
                                const char *name, const char *site)
{
    static const rota_task_options defaults;
    const rota_task_options *o = options ? options : &defaults;
    struct rota_task *t = make(rt, g, o->stack_size);
    if (!t)
        return NULL;
    t->fn = fn;
    t->name = t->co.coro.name = o->name ? o->name : name;
    t->site = t->co.coro.site = o->site ? o->site : site;
    coro_init(&t->co.coro, t->co.coro.stack, entry, t, size, &t->arg);
    if (size)
        memcpy(t->arg, args, size);
    start(t, o->eager);
    return t;
}

struct rota_task *task_new(struct runtime *rt, struct group *g, rota_fn *fn,
                           void *arg, const rota_task_options *options,
                           const char *name, const char *site)
{
    static const rota_task_options defaults;
    const rota_task_options *o = options ? options : &defaults;
    struct rota_task *t = make(rt, g, o->stack_size);
    if (!t)
        return NULL;
    t->fn = fn;
    t->arg = arg;
    t->name = t->co.coro.name = o->name ? o->name : name;
    t->site = t->co.coro.site = o->site ? o->site : site;
    coro_init(&t->co.coro, t->co.coro.stack, entry, t, 0, NULL);
    start(t, o->eager);
    return t;
}

void task_free(struct rota_task *t)
{
    future_fini(&t->done);
    free(t);
}

static struct runtime *spawner(void)
{
    struct runtime *rt = runtime_current();
    if (!rt)
        misuse(-EPERM, "a task spawned outside of a running loop");
    return rt;
}

rota_task *rota_spawn_at(rota_fn *fn, void *arg,
                         const rota_task_options *options, const char *name,
                         const char *site)
{
    struct runtime *rt = spawner();
    return rt ? task_new(rt, &rt->background, fn, arg, options, name, site)
              : NULL;
}

rota_task *rota_spawn_copy(rota_fn *fn, const void *args, size_t size,
                           const rota_task_options *options, const char *name,
                           const char *site)
{
    struct runtime *rt = spawner();
    return rt ? task_new_copy(rt, &rt->background, fn, args, size, options,
                              name, site)
              : NULL;
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

/* Would waiting for `t` be waiting for me? Follows who waits for whom, through
 * awaits and through the ends of groups. */
static bool waits_for_me(struct rota_task *t, struct rota_task *me)
{
    for (int i = 0; t && i < AWAIT_CHAIN_MOST; i++) {
        if (t == me || (t->ending && group_holds(t->ending, me)))
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
    if (waits_for_me(t, me))
        return -EDEADLK;
    rc = t->done.state != ROTA_PENDING ? wait_done(me, 0)
                                       : park_on(t, me, false);
    if (rc == 0)
        rota_future_outcome(&t->done, out);
    return rc;
}

int rota_await(rota_task *t)
{
    struct rota_task *me = task_current();
    if (!me)
        return misuse(-EPERM, "rota_await outside of a task");
    if (waits_for_me(t, me))
        return misuse(-EDEADLK, "task %s awaits itself", t->name);
    int rc = wait_begin(&me);
    if (rc == 0)
        rc = t->done.state != ROTA_PENDING ? wait_done(me, 0)
                                           : park_on(t, me, false);
    if (rc < 0 && t->done.state == ROTA_PENDING) {
        rota_task_cancel(t, "whoever awaits it was cancelled");
        park_on(t, me, true);
    }
    int result = future_flat(&t->done);
    rota_task_unref(t);
    return rc < 0 ? rc : result;
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

rota_future *rota_task_future(rota_task *t)
{
    return &t->done;
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
        t->done.err = malloc(sizeof(rota_error) + ERROR_TEXT);
    if (!t->done.err)
        return code; /* the code goes its way without the text */
    char *text = (char *)(t->done.err + 1);
    va_list args;
    va_start(args, format);
    vsnprintf(text, ERROR_TEXT, format, args);
    va_end(args);
    *t->done.err = (rota_error){ text, site };
    return code;
}
