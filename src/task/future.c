/*
 * Futures: one result, set once, and the watches that fire when it is.
 */
#include "task/future.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/misuse.h"
#include "rota/log.h"
#include "task/context.h"
#include "task/root.h"
#include "task/runtime.h"
#include "task/task.h"

static _Atomic(rota_unhandled_fn *) unhandled;

static void log_unhandled(const rota_unhandled *what)
{
    rota_log(ROTA_LOG_ERROR, "%s (from %s) failed and nobody looked: %s%s%s",
             what->name, what->site ? what->site : "?", rota_strerror(what->rc),
             what->err ? ": " : "", what->err ? what->err->text : "");
}

void rota_set_unhandled_handler(rota_unhandled_fn *fn)
{
    atomic_store(&unhandled, fn);
}

/* As the options of its run want it. Not after that run, whose memory may be
 * gone. */
static void obey_policy(const struct rota_future *f)
{
    struct runtime *rt = runtime_current();
    if (!rt || rt != f->runtime)
        return;
    if (rt->options.unhandled == ROTA_UNHANDLED_ABORT)
        abort();
    if (rt->options.unhandled == ROTA_UNHANDLED_CANCEL_MAIN && rt->main)
        rota_task_cancel(rt->main, "a task failed and nobody looked");
}

static void report(const struct rota_future *f)
{
    rota_unhandled_fn *fn = atomic_load(&unhandled);
    rota_unhandled what = {
        .name = f->task ? f->task->co.coro.name : "future",
        .site = f->task ? f->task->co.coro.site : NULL,
        .rc = f->rc,
        .err = f->err,
    };
    (fn ? fn : log_unhandled)(&what);
    obey_policy(f);
}

/* What is to be called when a future is done. Few have any. */
struct callbacks {
    struct list all;
    struct ready ready; /* runs them */
    bool scheduled;     /* they are about to run */
    unsigned turn;      /* how often they were */
    struct rota_future *future;
};

struct callback {
    struct list link;
    unsigned turn; /* run_callbacks' turn it was added in */
    rota_cb *fn;
    void *arg;
    struct context *context;
};

static void callback_free(struct callback *cb)
{
    context_unref(cb->context);
    free(cb);
}

/* Runs on the loop's stack, once the future is done. What a callback takes
 * back does not run; what it adds waits for the next turn. */
static void run_callbacks(struct ready *r)
{
    struct callbacks *c = container_of(r, struct callbacks, ready);
    struct rota_future *f = c->future;
    unsigned turn = ++c->turn;
    c->scheduled = false;
    while (!list_empty(&c->all)) {
        struct callback *cb = container_of(c->all.next, struct callback, link);
        if (cb->turn == turn)
            break; /* added by one of these */
        list_remove(&cb->link);
        context_call(f->runtime, cb->context, cb->fn, cb->arg);
        free(cb);
    }
    rota_future_unref(f);
}

/* Once its loop is over there is nobody who would call them. */
static void schedule(struct rota_future *f)
{
    struct callbacks *c = f->callbacks;
    if (c->scheduled || list_empty(&c->all) || f->runtime != runtime_current())
        return;
    c->scheduled = true;
    rota_future_ref(f);
    loop_ready(&f->runtime->loop, &c->ready);
}

static void free_callbacks(struct callbacks *c)
{
    struct list *link;
    while ((link = list_pop(&c->all)) != NULL)
        callback_free(container_of(link, struct callback, link));
    free(c);
}

int future_finish(struct rota_future *f, enum rota_state state, int rc)
{
    if (f->state != ROTA_PENDING)
        return -EALREADY;
    f->rc = rc;
    __atomic_store_n(&f->state, state, __ATOMIC_RELEASE);
    if (f->waiter) {
        struct rota_task *waiter = f->waiter;
        f->waiter = NULL;
        wait_end(waiter, 0);
    }
    struct list *link;
    while ((link = list_pop(&f->watches)) != NULL) {
        struct watch *w = container_of(link, struct watch, link);
        w->fire(w);
    }
    if (f->callbacks)
        schedule(f);
    return 0;
}

void future_clear(struct rota_future *f)
{
    if (f->state == ROTA_ERROR && !f->observed)
        report(f);
    if (f->callbacks)
        free_callbacks(f->callbacks);
    if (f->value && f->dtor)
        f->dtor(f->value);
    free(f->err);
    f->callbacks = NULL;
    f->value = NULL;
    f->err = NULL;
}

struct wanted {
    const struct runtime *runtime;
    bool runs;
};

static void compare(struct runtime *rt, void *arg)
{
    struct wanted *w = arg;
    w->runs |= rt == w->runtime;
}

int future_refuse(const struct rota_future *f)
{
    if (atomic_load(&misuse_stale))
        return -ESTALE;
    struct wanted w = { f->runtime, false };
    root_each(compare, &w);
    if (!w.runs)
        return 0; /* its loop is over, it is that of whoever holds it */
    return misuse(-EXDEV, "a future used on another thread than its loop's");
}

rota_future *rota_future_new(void)
{
    struct runtime *rt = runtime_current();
    if (!rt) {
        misuse(-EPERM, "a future made outside of a running loop");
        return NULL;
    }
    struct rota_future *f = spares_get(&rt->futures);
    if (!f) {
        f = malloc(sizeof *f);
        if (!f)
            return NULL;
        future_init(f, rt, NULL);
    }
    future_begin(f, 1);
    return f;
}

rota_future *rota_future_ref(rota_future *f)
{
    if (future_check(f) < 0)
        return NULL;
    f->refs++;
    return f;
}

/* Its last reference is gone, perhaps long after its run. */
static void future_free(struct rota_future *f)
{
    struct runtime *rt = runtime_current();
    future_fini(f);
    if (rt && rt == f->runtime && !rt->outside.outlived)
        spares_put(&rt->futures, f);
    else
        free(f);
}

void rota_future_unref(rota_future *f)
{
    if (!f)
        return;
    if (f->task)
        rota_task_unref(f->task);
    else if (future_check(f) == 0 && --f->refs == 0)
        future_free(f);
}

int rota_future_set(rota_future *f, int rc, void *value, rota_cb *dtor)
{
    if (f->task)
        return -EALREADY;
    int here = future_check(f);
    if (here < 0)
        return here;
    if (f->state != ROTA_PENDING)
        return -EALREADY;
    f->value = value;
    f->dtor = dtor;
    return future_finish(f, rc < 0 ? ROTA_ERROR : ROTA_OK, rc);
}

int rota_future_set_error(rota_future *f, int rc)
{
    return rota_future_set(f, rc < 0 ? rc : -EINVAL, NULL, NULL);
}

int rota_future_cancel(rota_future *f)
{
    if (f->task)
        return rota_task_cancel(f->task, NULL) ? 0 : -EALREADY;
    int rc = future_check(f);
    return rc < 0 ? rc : future_finish(f, ROTA_CANCELLED, -ECANCELED);
}

bool rota_future_done(const rota_future *f)
{
    return future_is_done(f);
}

static void show(struct rota_future *f, rota_outcome *out)
{
    future_look(f);
    if (out)
        *out = (rota_outcome){ f->rc, f->state, f->value, f->err };
}

int rota_future_outcome(rota_future *f, rota_outcome *out)
{
    if (!rota_future_done(f))
        return -EINPROGRESS;
    show(f, out);
    return 0;
}

static const struct wait_holder awaited = {
    .at = offsetof(struct rota_future, task),
};

static bool leave(struct clause *c)
{
    ((struct rota_future *)c->object)->waiter = NULL;
    return true;
}

static const struct wait_kind first_wait = { "await", leave, &awaited };

/* A task parked on a future behind others. */
struct waiter {
    struct clause clause;
    struct watch watch;
};

static bool unwatch(struct clause *c)
{
    list_remove(&container_of(c, struct waiter, clause)->watch.link);
    return true;
}

static void done(struct watch *w)
{
    clause_fire(&container_of(w, struct waiter, watch)->clause, 0);
}

static const struct wait_kind next_wait = { "await", unwatch, &awaited };

static int park_behind(struct rota_future *f, struct rota_task *me,
                       bool shielded)
{
    struct waiter w;
    w.watch.fire = done;
    clause_init(&w.clause, &next_wait, f);
    list_push(&f->watches, &w.watch.link);
    return shielded ? wait_park_shielded(me, &w.clause, 1)
                    : wait_park(me, &w.clause, 1);
}

int future_park(struct rota_future *f, struct rota_task *me, bool shielded)
{
    if (f->waiter || !list_empty(&f->watches))
        return park_behind(f, me, shielded);
    f->waiter = me;
    return wait_alone(me, &first_wait, f, shielded);
}

int rota_future_wait(rota_future *f, rota_outcome *out)
{
    if (f->task)
        return rota_join(f->task, out);
    struct rota_task *me;
    int rc = wait_begin(&me);
    if (rc == 0)
        rc = future_check(f);
    if (rc < 0)
        return rc;
    f->refs++; /* whoever sets it may drop it before we run */
    rc =
        f->state != ROTA_PENDING ? wait_done(me, 0) : future_park(f, me, false);
    if (rc == 0)
        show(f, out);
    if (--f->refs == 0)
        future_free(f);
    return rc;
}

/* The future's callbacks, made at the first call; NULL: no memory. */
static struct callbacks *callbacks_of(struct rota_future *f)
{
    if (f->callbacks)
        return f->callbacks;
    struct callbacks *c = malloc(sizeof *c);
    if (!c)
        return NULL;
    *c = (struct callbacks){ .ready.run = run_callbacks, .future = f };
    list_init(&c->all);
    return f->callbacks = c;
}

int rota_future_on_done(rota_future *f, rota_cb *fn, void *arg)
{
    int rc = future_check(f);
    if (rc < 0)
        return rc;
    struct callbacks *c = callbacks_of(f);
    struct callback *cb = c ? malloc(sizeof *cb) : NULL;
    if (!cb)
        return -ENOMEM;
    *cb = (struct callback){
        .turn = c->turn, .fn = fn, .arg = arg, .context = context_capture()
    };
    list_push(&c->all, &cb->link);
    if (f->state != ROTA_PENDING)
        schedule(f);
    return 0;
}

int rota_future_off_done(rota_future *f, rota_cb *fn, void *arg)
{
    int count = future_check(f);
    if (count < 0 || !f->callbacks)
        return count;
    list_each_safe (it, &f->callbacks->all) {
        struct callback *cb = container_of(it, struct callback, link);
        if (cb->fn != fn || cb->arg != arg)
            continue;
        list_remove(it);
        callback_free(cb);
        count++;
    }
    return count;
}
