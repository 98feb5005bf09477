/*
 * Context variables. A context is a small array, copied when it is changed
 * while shared; each place holds a binding, and below it those it shadows and
 * that a token may bring back. Both are counted by atomics, because a pool
 * thread may have the last look at one.
 */
#include "task/context.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/misuse.h"
#include "task/runtime.h"
#include "task/task.h"
#include "task/thread.h"

struct binding {
    atomic_uint refs;
    uint64_t set; /* the token's number; 0: no token was wanted */
    void *value;
    rota_cb *dtor;
    struct binding *shadowed; /* what a reset brings back; NULL: nothing */
};

struct place {
    const rota_ctxvar *var;
    struct binding *top; /* NULL: reset to its initial value */
};

struct context {
    atomic_uint refs;
    size_t count;
    struct place places[];
};

static atomic_ullong sets; /* that wanted a token */

static struct binding *binding_ref(struct binding *b)
{
    if (b)
        atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

static void binding_unref(struct binding *b)
{
    while (b && atomic_fetch_sub(&b->refs, 1) == 1) {
        struct binding *shadowed = b->shadowed;
        if (b->dtor)
            b->dtor(b->value);
        free(b);
        b = shadowed;
    }
}

struct context *context_ref(struct context *c)
{
    if (c)
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void context_unref(struct context *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
        return;
    for (size_t i = 0; i < c->count; i++)
        binding_unref(c->places[i].top);
    free(c);
}

/* Where the running code's context hangs; NULL: on a foreign thread. */
static struct context **here(void)
{
    struct rota_task *t = task_current();
    if (t)
        return &t->context;
    struct context **c = thread_context();
    if (c)
        return c;
    struct runtime *rt = runtime_current();
    return rt ? &rt->context : NULL;
}

/* Who may use a token given here: a task's id, 0 for a callback. */
static uint64_t owner(void)
{
    struct rota_task *t = task_current();
    return t ? t->co.id : 0;
}

struct context *context_capture(void)
{
    struct context **c = here();
    return c ? context_ref(*c) : NULL;
}

void context_call(struct runtime *rt, struct context *c, rota_cb *fn, void *arg)
{
    struct context *outer = rt->context;
    rt->context = c;
    fn(arg);
    context_unref(rt->context);
    rt->context = outer;
}

static struct place *find(struct context *c, const rota_ctxvar *v)
{
    for (size_t i = 0; c && i < c->count; i++)
        if (c->places[i].var == v)
            return &c->places[i];
    return NULL;
}

/* Makes *c a context of our own with a place for `v`; NULL: no memory. */
static struct place *own(struct context **c, const rota_ctxvar *v)
{
    struct context *old = *c;
    struct place *there = find(old, v);
    if (there && atomic_load(&old->refs) == 1)
        return there;
    size_t count = old ? old->count : 0;
    struct context *new =
        malloc(sizeof *new + (count + 1) * sizeof *new->places);
    if (!new)
        return NULL;
    atomic_init(&new->refs, 1);
    new->count = count;
    for (size_t i = 0; i < count; i++) {
        new->places[i] = old->places[i];
        binding_ref(new->places[i].top);
    }
    if (!there)
        new->places[new->count++] = (struct place){ v, NULL };
    *c = new;
    context_unref(old);
    return find(new, v);
}

void *rota_ctxvar_get(const rota_ctxvar *v)
{
    struct context **c = here();
    struct place *p = c ? find(*c, v) : NULL;
    return p && p->top ? p->top->value : v->initial;
}

/* Puts `b` on top. It stands in for the one that is there, token and all,
 * unless it wants a token of its own. */
static void put(struct place *p, struct binding *b, rota_ctxtoken *token)
{
    struct binding *old = p->top;
    p->top = b;
    if (token) {
        b->set = atomic_fetch_add(&sets, 1) + 1;
        b->shadowed = old;
        *token = (rota_ctxtoken){ owner(), b->set };
    } else if (old) {
        b->set = old->set;
        b->shadowed = binding_ref(old->shadowed);
        binding_unref(old);
    }
}

int rota_ctxvar_set(const rota_ctxvar *v, void *value, rota_cb *dtor,
                    rota_ctxtoken *token)
{
    struct context **c = here();
    if (!c)
        return misuse(-EPERM, "rota_ctxvar_set on a thread without a loop");
    struct binding *b = malloc(sizeof *b);
    struct place *p = b ? own(c, v) : NULL;
    if (!p) {
        free(b);
        return -ENOMEM;
    }
    *b = (struct binding){ .refs = 1, .value = value, .dtor = dtor };
    put(p, b, token);
    return 0;
}

int rota_ctxvar_reset(const rota_ctxvar *v, const rota_ctxtoken *token)
{
    struct context **c = here();
    if (!c)
        return misuse(-EPERM, "rota_ctxvar_reset on a thread without a loop");
    if (token->task != owner() || token->set == 0)
        return -EINVAL;
    struct place *p = find(*c, v);
    struct binding *b = p ? p->top : NULL;
    while (b && b->set != token->set)
        b = b->shadowed;
    if (!b)
        return -EALREADY;
    p = own(c, v);
    if (!p)
        return -ENOMEM;
    struct binding *old = p->top;
    p->top = binding_ref(b->shadowed);
    binding_unref(old);
    return 0;
}
