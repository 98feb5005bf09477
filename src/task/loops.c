/*
 * Handles of loops. A handle is the runtime itself, whose memory stays until
 * the last one is dropped.
 */
#include "task/loops.h"

#include <stdlib.h>

#include "task/runtime.h"
#include "task/task.h"

/* Main is a task of the first of a crew. */
static void stop(struct runtime *rt)
{
    struct crew *c = rt->crewman.crew;
    if (c && rt != c->loops[0])
        loops_ask(c->loops[0], ASK_STOP);
    else if (rt->main)
        rota_task_cancel(rt->main, "stopped");
}

/* On the loop: what was asked. */
static void answer(struct post *p)
{
    struct runtime *rt = container_of(p, struct runtime, outside.ask);
    unsigned asked = atomic_exchange(&rt->outside.asked, 0);
    if (asked & ASK_STOP)
        stop(rt);
    if (asked & ASK_END)
        rt->crewman.told = true;
}

struct runtime *runtime_new(const rota_run_options *options)
{
    struct runtime *rt = aligned_alloc(_Alignof(struct runtime), sizeof *rt);
    if (!rt)
        return NULL;
    *rt = (struct runtime){ 0 };
    if (options)
        rt->options = *options;
    atomic_init(&rt->outside.refs, 1);
    rt->outside.ask.run = answer;
    guests_init(&rt->guests);
    return rt;
}

void runtime_unref(struct runtime *rt)
{
    if (atomic_fetch_sub(&rt->outside.refs, 1) > 1)
        return;
    guests_fini(&rt->guests);
    free(rt);
}

bool loops_held(struct runtime *rt)
{
    return atomic_load(&rt->outside.refs) > 1;
}

void loops_close(struct runtime *rt)
{
    struct outside *o = &rt->outside;
    atomic_fetch_add(&o->refs, (unsigned)o->records);
    o->outlived = true;
    spares_fini(&rt->records);
    spares_fini(&rt->futures);
    inbox_refuse(&rt->loop.inbox, POST_INSIDE);
    inbox_run(&rt->loop.inbox);
}

/* Others that ask while the post is on its way need none of their own. */
void loops_ask(struct runtime *rt, enum loops_ask what)
{
    struct outside *o = &rt->outside;
    if (atomic_fetch_or(&o->asked, what) == 0)
        rota_ignore(loop_try_post(&rt->loop, &o->ask, POST_HANDLE));
}

rota_loop *rota_current_loop(void)
{
    return (rota_loop *)runtime_current();
}

rota_loop *rota_loop_ref(rota_loop *loop)
{
    atomic_fetch_add(&loops_runtime(loop)->outside.refs, 1);
    return loop;
}

void rota_loop_unref(rota_loop *loop)
{
    if (loop)
        runtime_unref(loops_runtime(loop));
}

void rota_loop_stop(rota_loop *loop)
{
    loops_ask(loops_runtime(loop), ASK_STOP);
}

/* A task of the same crew comes from inside: it is never refused, and counted
 * while it is on its way. */
static struct rota_task *place(struct runtime *to, struct crew *crew,
                               const struct task_spec *spec)
{
    atomic_fetch_add(&to->guests.coming, 1);
    atomic_fetch_add(&crew->placed, 1);
    struct rota_task *t = guest_new(to, spec, POST_INSIDE, NULL);
    if (!t)
        atomic_fetch_sub(&to->guests.coming, 1);
    return t;
}

struct rota_task *loops_spawn(struct runtime *me, rota_loop *on,
                              const struct task_spec *spec)
{
    struct crew *crew = me->crewman.crew;
    struct runtime *to =
        on == ROTA_LEAST_LOADED ? crew_least_loaded(me) : loops_runtime(on);
    if (to == me)
        return task_new(me, &me->background, spec);
    if (crew && to->crewman.crew == crew)
        return place(to, crew, spec);
    return guest_new(to, spec, POST_GUEST, NULL);
}
