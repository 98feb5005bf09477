/*
 * rota_run: from nothing to a running loop and back to nothing.
 */
#include "rota/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/misuse.h"
#include "task/context.h"
#include "task/debug.h"
#include "task/fork.h"
#include "task/later.h"
#include "task/root.h"
#include "task/runtime.h"
#include "task/task.h"
#include "task/token.h"

static const char *current_name(void)
{
    struct rota_task *t = task_current();
    return t ? t->co.coro.name : NULL;
}

int runtime_init(struct runtime *rt, const struct sim_setup *simulated)
{
    misuse_task_name = current_name;
    int rc = fork_watch();
    if (rc == 0)
        rc = debug_open(rt);
    if (rc < 0)
        return rc;
    rc = simulated ? loop_init_simulated(&rt->loop, simulated)
                   : loop_init(&rt->loop);
    if (rc < 0) {
        debug_fini(rt);
        return rc;
    }
    rt->loop.stuck = runtime_stuck;
    list_init(&rt->all);
    list_init(&rt->later);
    list_init(&rt->enders);
    group_open(&rt->background, NULL, ROTA_GROUP_ISOLATE);
    pthread_sigmask(SIG_BLOCK, NULL, &rt->mask);
    root_add(rt);
    debug_start(rt);
    return 0;
}

void runtime_fini(struct runtime *rt)
{
    runtime_call_enders(rt, false);
    later_close(rt);
    token_unlink(&rt->links);
    loops_close(rt);
    debug_close(rt);
    root_remove(rt);
    loop_fini(&rt->loop);
    debug_fini(rt);
}

void runtime_at_end(struct runtime *rt, struct runtime_ender *e)
{
    list_push(&rt->enders, &e->link);
}

void runtime_call_enders(struct runtime *rt, bool forked)
{
    struct list *link;
    while ((link = list_pop(&rt->enders)) != NULL) {
        struct runtime_ender *e =
            container_of(link, struct runtime_ender, link);
        e->fn(e, forked);
    }
}

/* What main came to, in the words of rota_run. */
static int result_of(const struct runtime *rt)
{
    if (rt->verdict < 0)
        return rt->verdict;
    const struct rota_future *f = &rt->main->done;
    bool cut = f->state == ROTA_CANCELLED && rt->sigint.hit;
    return cut ? -EINTR : f->rc;
}

static int run_main(struct runtime *rt, rota_fn *fn, void *arg)
{
    group_open(&rt->main_group, NULL, 0);
    rota_task_options o = { .name = "main",
                            .stack_size = rt->options.stack_size };
    struct task_spec spec = { fn, arg, 0, &o, "main", NULL };
    rt->main = task_new(rt, &rt->main_group, &spec);
    if (!rt->main)
        return -ENOMEM;
    sigint_take(rt);
    while (rt->main->done.state == ROTA_PENDING && !rt->hopeless)
        loop_turn(&rt->loop);
    rt->main->done.observed = true;
    return result_of(rt);
}

int runtime_main(struct runtime *rt, rota_fn *fn, void *arg, bool *interrupted)
{
    int rc = run_main(rt, fn, arg);
    crew_end(rt);
    runtime_drain(rt);
    *interrupted = sigint_give_back(rt);
    task_failure_keep(rt->main);
    rota_task_unref(rt->main);
    rt->main = NULL;
    return rc < 0 ? rc : rt->verdict < 0 ? rt->verdict : rc;
}

int runtime_run(rota_fn *fn, void *arg, const rota_run_options *options,
                const struct sim_setup *simulated)
{
    if (atomic_load(&misuse_stale))
        return -ESTALE;
    if (coro_thread())
        return -EBUSY;
    task_failure_keep(NULL);
    struct runtime *rt = runtime_new(options);
    if (!rt)
        return -ENOMEM;
    int rc = runtime_init(rt, simulated);
    if (rc < 0) {
        runtime_unref(rt);
        return rc;
    }
    bool interrupted;
    rc = runtime_main(rt, fn, arg, &interrupted);
    runtime_fini(rt);
    if (!rt->leaky)
        runtime_unref(rt);
    if (interrupted)
        raise(SIGINT);
    return rc;
}

int rota_run(rota_fn *fn, void *arg, const rota_run_options *options)
{
    return runtime_run(fn, arg, options, NULL);
}

const char *rota_backend_name(void)
{
    struct loop *l = loop_current();
    return l ? l->backend->name : NULL;
}

struct soon {
    struct ready ready;
    rota_cb *fn;
    void *arg;
    struct context *context;
};

static void run_soon(struct ready *r)
{
    struct soon *s = container_of(r, struct soon, ready);
    context_call(runtime_current(), s->context, s->fn, s->arg);
    free(s);
}

int rota_call_soon(rota_cb *fn, void *arg)
{
    struct runtime *rt = runtime_current();
    if (!rt)
        return misuse(-EPERM, "rota_call_soon outside of a running loop");
    if (rt->ending)
        return -ESHUTDOWN;
    struct soon *s = malloc(sizeof *s);
    if (!s)
        return -ENOMEM;
    *s = (struct soon){ { .run = run_soon }, fn, arg, context_capture() };
    loop_ready(&rt->loop, &s->ready);
    return 0;
}
