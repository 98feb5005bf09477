/*
 * Guests: made by one thread, let in by another.
 */
#include "task/guest.h"

#include <stdlib.h>

#include "task/context.h"
#include "task/runtime.h"
#include "task/task.h"

void guests_init(struct guests *g)
{
    pthread_mutex_init(&g->lock, NULL);
    stack_pool_init(&g->stacks);
}

void guests_fini(struct guests *g)
{
    stack_pool_fini(&g->stacks);
    pthread_mutex_destroy(&g->lock);
}

static struct stack *take_stack(struct guests *g, size_t size)
{
    pthread_mutex_lock(&g->lock);
    struct stack *s = stack_get(&g->stacks, size);
    pthread_mutex_unlock(&g->lock);
    return s;
}

void guest_stack_put(struct runtime *rt, struct stack *s)
{
    pthread_mutex_lock(&rt->guests.lock);
    stack_put(&rt->guests.stacks, s);
    pthread_mutex_unlock(&rt->guests.lock);
}

void guest_arrive(struct rota_task *t)
{
    struct runtime *rt = t->runtime;
    task_admit(t, &rt->background);
    loop_ready(&rt->loop, &t->co.ready);
    if (!t->counted)
        return;
    crew_busy(rt); /* before it is no longer on its way */
    atomic_fetch_sub(&rt->guests.coming, 1);
}

/* Refused: it has never been anywhere. */
static void destroy(struct rota_task *t)
{
    coro_fini(&t->co.coro);
    guest_stack_put(t->runtime, t->co.coro.stack);
    context_unref(t->context);
    free(t);
}

struct rota_task *guest_new(struct runtime *rt, const struct task_spec *spec,
                            enum post_rank rank, struct watch *watch)
{
    struct rota_task *t = malloc(sizeof *t);
    struct stack *stack =
        t ? take_stack(&rt->guests, task_stack_size(spec)) : NULL;
    if (!stack) {
        free(t);
        return NULL;
    }
    task_init(t, rt);
    task_set_up(t, stack, spec);
    t->context = context_capture();
    t->guest = true;
    t->counted = rank == POST_INSIDE;
    atomic_init(&t->far.asked, FAR_ARRIVE);
    if (watch)
        list_push(&t->done.watches, &watch->link);
    if (loop_try_post(&rt->loop, &t->far.post, rank) == 0)
        return t;
    destroy(t);
    return NULL;
}
