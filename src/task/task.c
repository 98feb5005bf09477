/*
 * Tasks: made, run, awaited, cancelled, freed.
 */
#include "task/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/misuse.h"
#include "rota/log.h"
#include "task/context.h"
#include "task/debug.h"
#include "task/guest.h"
#include "task/runtime.h"

enum {
    AWAIT_CHAIN_MOST = 64,
    EAGER_MOST = 64,
    COPY_MOST = 4096, /* larger arguments make the stack larger */
    COPY_ALIGN = 16,
    ROOT_ROOM = (sizeof(struct scope) + COPY_ALIGN - 1) / COPY_ALIGN *
                COPY_ALIGN, /* at the stack's top, below the arguments */
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
    t->scope = t->root = NULL; /* they go with the stack */
    coro_fini(&t->co.coro);
    list_unlink(&t->in_runtime);
    runtime_count(rt, -1);
    if (rt->debug)
        debug_over(t);
    if (t->guest)
        guest_stack_put(rt, stack);
    else
        stack_put(&rt->loop.stacks, stack);
    task_drop(t);
}

/* A scope left open stood on a frame that is gone: nothing can be mended. */
static void check_closed(struct rota_task *t)
{
    if (t->scope == t->root)
        return;
    misuse(0, "the task returned with an open scope or group");
    abort();
}

/* The text of an error that was handled is not that of another one. */
static void drop_stale_error(struct rota_task *t, int rc)
{
    if (!t->done.err || (rc < 0 && rc == task_failure_code(t)))
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

/* Inline, for each task does it once. */
static inline void settle(struct rota_task *t)
{
    check_closed(t);
    if (t->defers) {
        run_defers(t);
        check_closed(t);
    }
    if (t->context) {
        context_unref(t->context);
        t->context = NULL;
    }
    lose_held(t);
}

void task_settle(struct rota_task *t)
{
    settle(t);
}

static void end(struct rota_task *t, int rc)
{
    settle(t);
    drop_stale_error(t, rc);
    enum rota_state state = rc >= 0 ? ROTA_OK : ROTA_ERROR;
    if (rc == -ECANCELED && t->root->visible)
        state = ROTA_CANCELLED;
    else if (rc == -ECANCELED)
        rota_log(ROTA_LOG_DEBUG,
                 "task %s (spawned at %s) returned -ECANCELED, but was not "
                 "cancelled",
                 t->co.coro.name, t->co.coro.site ? t->co.coro.site : "?");
    scope_close(t->root);
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

static void start(struct runtime *rt, struct rota_task *t, bool eager)
{
    if (!eager || rt->eager >= EAGER_MOST) {
        loop_ready(&rt->loop, &t->co.ready);
        return;
    }
    rt->eager++;
    loop_enter(&rt->loop, &t->co);
    rt->eager--;
}

/* Once the run is over this may be any thread, and the heap's is all. */
static void record_put(struct runtime *rt, struct rota_task *t)
{
    if (rt->outside.outlived) {
        free(t);
        runtime_unref(rt);
        return;
    }
    rt->outside.records--;
    spares_put(&rt->records, t);
}

size_t task_stack_size(const struct task_spec *spec)
{
    size_t least = spec->options ? spec->options->stack_size : 0;
    if (spec->size <= COPY_MOST)
        return least;
    if (least == 0)
        least = STACK_DEFAULT;
    return spec->size > SIZE_MAX - least ? SIZE_MAX : least + spec->size;
}

void task_init(struct rota_task *t, struct runtime *rt)
{
    *t = (struct rota_task){ .runtime = rt,
                             .alone.task = t,
                             .far.post.run = far_asked };
    list_init(&t->alone.link);
    list_init(&t->held);
    future_init(&t->done, rt, t);
}

static inline void set_up(struct rota_task *t, struct runtime *rt,
                          struct stack *stack, const struct task_spec *spec)
{
    const rota_task_options *o = spec->options;
    t->gathered = t->blocked = t->named = t->kept = t->guest = t->counted =
        false;
    t->co.coro.name = o && o->name ? o->name : spec->name;
    t->co.coro.site = o && o->site ? o->site : spec->site;
    t->fn = spec->fn;
    t->cancels = t->deliveries = 0;
    future_begin(&t->done, 2); /* the caller's and the runtime's */
    atomic_store_explicit(&t->far.reason, NULL, memory_order_relaxed);
    if (rt->debug)
        stack_clear(stack);
    void *room;
    coro_init(&t->co.coro, stack, entry, t, ROOT_ROOM + spec->size, &room);
    t->root = room;
    t->arg = spec->size ? (char *)room + ROOT_ROOM : spec->arg;
    if (spec->size)
        memcpy(t->arg, spec->arg, spec->size);
}

void task_set_up(struct rota_task *t, struct stack *stack,
                 const struct task_spec *spec)
{
    set_up(t, t->runtime, stack, spec);
}

static inline void admit(struct runtime *rt, struct rota_task *t,
                         struct group *g)
{
    scope_open(t->root, &g->scope, t, 0);
    t->scope = t->root;
    t->group = g;
    g->live++;
    list_push(&rt->all, &t->in_runtime);
    runtime_count(rt, 1);
    rt->outside.records++;
    t->co.id = ++rt->loop.made;
}

void task_admit(struct rota_task *t, struct group *g)
{
    admit(t->runtime, t, g);
}

/* A snapshot of the variables of whoever makes a task here. */
static struct context *inherit(struct runtime *rt)
{
    struct rota_task *me = task_on(&rt->loop.thread);
    struct context *c = me ? me->context : rt->context;
    return c ? context_ref(c) : NULL;
}

/* A record for a task of `rt`; NULL: no memory. */
static inline struct rota_task *record_get(struct runtime *rt)
{
    struct rota_task *t = spares_get(&rt->records);
    if (t)
        return t;
    t = malloc(sizeof *t);
    if (t)
        task_init(t, rt);
    return t;
}

/* task_new; inline, for spawning is what a program of tasks does most. */
static inline struct rota_task *make(struct runtime *rt, struct group *g,
                                     const struct task_spec *spec)
{
    struct rota_task *t = record_get(rt);
    struct stack *stack =
        t ? stack_get(&rt->loop.stacks, task_stack_size(spec)) : NULL;
    if (!stack) {
        free(t);
        return NULL;
    }
    set_up(t, rt, stack, spec);
    t->context = inherit(rt);
    admit(rt, t, g);
    start(rt, t, spec->options && spec->options->eager);
    return t;
}

struct rota_task *task_new(struct runtime *rt, struct group *g,
                           const struct task_spec *spec)
{
    return make(rt, g, spec);
}

void task_free(struct rota_task *t)
{
    struct runtime *rt = t->runtime;
    if (t->kept)
        debug_forget(t);
    future_fini(&t->done);
    if (t->named)
        free((char *)t->co.coro.name);
    record_put(rt, t);
}

static inline rota_task *spawn(const struct task_spec *spec)
{
    struct runtime *rt = runtime_current();
    rota_loop *on = spec->options ? spec->options->loop : NULL;
    if (rt && on) {
        struct task_spec far = *spec; /* else `spec` would have to be memory */
        return loops_spawn(rt, on, &far);
    }
    if (rt)
        return make(rt, &rt->background, spec);
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
    if (future_check(&t->done) < 0)
        return NULL;
    t->done.refs++;
    return t;
}

void task_drop(struct rota_task *t)
{
    /* A request still on its way to the task frees it when it comes. */
    if (--t->done.refs == 0 && atomic_load(&t->far.asked) == 0)
        task_free(t);
}

void rota_task_unref(rota_task *t)
{
    if (!t)
        return;
    if (far_is(t))
        far_unref(t);
    else
        task_drop(t);
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
        if (t->runtime != me->runtime)
            return false; /* what it does is not for us to look at */
        if (hosts(t, me))
            return true;
        t = t->awaits;
    }
    return false;
}

/* task_waits_for; mostly `t` waits for nobody and has opened nothing. */
static inline bool is_circle(struct rota_task *t, struct rota_task *me)
{
    if (t == me)
        return true;
    if (t->runtime != me->runtime || (!t->awaits && t->scope == t->root))
        return false;
    return task_waits_for(t, me);
}

/* Parks on a task's end; knows who waits for whom meanwhile. */
static int park_on(struct rota_task *t, struct rota_task *me, bool shielded)
{
    me->awaits = t;
    int rc = t->runtime == me->runtime ? future_park(&t->done, me, shielded)
                                       : far_park(t, me, shielded);
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
    if (is_circle(t, me))
        return -EDEADLK;
    if (t->runtime != me->runtime)
        return far_join(t, me, out);
    t->done.refs++; /* another may await it, and drop it before we run */
    rc = future_is_done(&t->done) ? wait_done(me, 0) : park_on(t, me, false);
    if (rc == 0)
        rota_future_outcome(&t->done, out);
    task_drop(t);
    return rc;
}

/* How an await went. */
struct awaited {
    int mine;   /* my own status */
    bool cut;   /* I was cancelled first, and so was the task */
    int result; /* its result, flattened */
};

/* Waits until `t` is over, whatever happens to me, and drops the handle. */
static inline struct awaited see_through(rota_task *t, struct rota_task *me)
{
    struct awaited a = { .mine = wait_begin_as(me) };
    if (a.mine == 0)
        a.mine =
            future_is_done(&t->done) ? wait_done(me, 0) : park_on(t, me, false);
    a.cut = !future_is_done(&t->done);
    if (a.cut) {
        rota_task_cancel(t, rota_cancel_reason());
        park_on(t, me, true);
    }
    a.result = future_is_done(&t->done) ? future_flat(&t->done) : -ESHUTDOWN;
    if (t->runtime == me->runtime)
        task_drop(t);
    else
        far_unref(t);
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
    if (is_circle(t, *me))
        return misuse(-EDEADLK, "task %s awaits itself", t->co.coro.name);
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
    bool far = far_is(t);
    if (!far && t->done.state != ROTA_PENDING)
        return 0;
    if (far || !t->scope) /* a guest that is on its way takes it along */
        return far_cancel(t, reason);
    t->cancels++;
    scope_cancel(t->root, reason);
    return 1;
}

unsigned rota_task_cancelling(const rota_task *t)
{
    return t->cancels;
}

unsigned rota_task_uncancel(rota_task *t)
{
    bool low = t->cancels > 0 && --t->cancels == 0;
    if (t->done.state != ROTA_PENDING)
        return t->cancels;
    if (low)
        scope_uncancel(t->root);
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
    return rota_future_done(&t->done);
}

const char *rota_task_name(const rota_task *t)
{
    return t->co.coro.name;
}

int rota_task_set_name(rota_task *t, const char *name)
{
    char *copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    if (t->named)
        free((char *)t->co.coro.name);
    t->co.coro.name = copy;
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
