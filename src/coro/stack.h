/*
 * Stacks for coroutines, cut from slabs: many stacks are one mapping, so
 * vm.max_map_count is no limit. Memory is reserved, not used: a stack costs
 * the pages that were touched. Recycled last in, first out, because a warm
 * page is dear.
 */
#ifndef CORO_STACK_H
#define CORO_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "coro/sanitize.h"

enum {
    STACK_DEFAULT = 256 * 1024,
    STACK_LEAST = 16 * 1024,
    STACK_MOST = 1 << 30,
    STACK_CLASSES = 17, /* the powers of two from least to most */
    STACK_DEFAULT_CLASS = 4,
    STACK_ALIGN = 16,
};

struct stack {
    char *base; /* lowest usable byte, above the guard */
    char *top;  /* one past the highest usable byte, staggered, 16-aligned */

    struct stack_slab *slab;
    struct list link;  /* in its class' free list while it is not out */
    bool guarded : 1;  /* a guard lies below base */
    bool usual : 1;    /* it is, and the stack of the default size */
    bool deep : 1;     /* may keep its deep pages, see stack.c */
    bool cold : 1;     /* holds no memory */
    uint8_t looks;     /* at how it was used, see stack.c */
    unsigned valgrind; /* id at Valgrind */
};

struct stack_class {
    struct list free;         /* warm stacks first, cold ones last */
    struct list slabs;        /* all of this size */
    struct stack_slab *fresh; /* has stacks never handed out; may be NULL */
};

/* One pool per loop; it is not locked, and not moved. */
struct stack_pool {
    struct stack *last; /* put back last, a usual one, and in no list: whether
                           it was used deeply is looked at when the next one
                           comes; NULL: it went out again */
    size_t live;        /* stacks handed out */
    size_t cached;      /* stacks kept for reuse, */
    size_t warm;        /* and those of them that hold memory */
    size_t unguarded;   /* handed out for the first time without a guard */
    size_t deep_bytes;  /* what the stacks that are `deep` may hold */
    struct stack_class classes[STACK_CLASSES];
};

void stack_pool_init(struct stack_pool *p);

/* Unmaps everything, but for slabs with a stack that is out: that is never
 * put back (an abandoned task's). */
void stack_pool_fini(struct stack_pool *p);

/* stack_get where the last one put back is not what is wanted. */
struct stack *stack_find(struct stack_pool *p, size_t size);

/* A stack comes to those that are kept. */
void stack_keep(struct stack_pool *p, struct stack *s);

/* A stack of at least `size` usable bytes (0: the default), rounded up to a
 * size class; NULL: no memory, or more than STACK_MOST (-ENOMEM to the
 * user). What it holds is unspecified. */
static inline struct stack *stack_get(struct stack_pool *p, size_t size)
{
    struct stack *s = p->last;
    if (!s || size)
        return stack_find(p, size);
    p->last = NULL;
    p->cached--;
    p->live++;
    sanitize_renew(s->base, s->top);
    return s;
}

/* Gives a stack back. Pages below the watermark go back to the kernel when
 * they were touched. */
static inline void stack_put(struct stack_pool *p, struct stack *s)
{
    p->cached++;
    p->live--;
    if (!s->usual) {
        stack_keep(p, s);
        return;
    }
    struct stack *before = p->last;
    p->last = s;
    sanitize_close(s->base, s->top);
    if (before)
        stack_keep(p, before);
}

/* Gives the memory of cached stacks back to the kernel; called when idle or
 * short of memory. Costs a system call for each warm stack. */
void stack_pool_trim(struct stack_pool *p);

/* Gives back the memory of a stack that is out and not begun, so that it can
 * be seen later how much of it was used. */
void stack_clear(struct stack *s);

/* Bytes between the top and the deepest byte that is not zero: what was used
 * since stack_clear, but for what was written as zeros. */
size_t stack_used(const struct stack *s);

/* Usable bytes. */
size_t stack_size(const struct stack *s);

/* True when `address` lies in the guard below `s`. Async-signal-safe. */
bool stack_guard_hit(const struct stack *s, const void *address);

#endif
