/*
 * What ASan, TSan and Valgrind want to be told of stacks and switches; in a
 * build without them every function here is empty.
 *
 * ASan: each start_switch is paired with a finish_switch on the resumed side,
 * first thing there, with the fake stack of the *resumed* one; a stack left
 * for good passes NULL so that its fake stack is freed. TSan: a coroutine is a
 * fiber. Valgrind (-Dvalgrind=true): a registered stack, so that a jump of the
 * stack pointer is not taken for a large frame.
 */
#ifndef CORO_SANITIZE_H
#define CORO_SANITIZE_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZE_ADDRESS 1
#elif defined(__SANITIZE_THREAD__)
#define SANITIZE_THREAD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZE_ADDRESS 1
#elif __has_feature(thread_sanitizer)
#define SANITIZE_THREAD 1
#endif
#endif

#ifdef SANITIZE_ADDRESS
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
enum { SANITIZE_KNOWS_STACKS = 1 };
#else
enum { SANITIZE_KNOWS_STACKS = 0 };
#endif
#ifdef SANITIZE_THREAD
#include <sanitizer/tsan_interface.h>
#endif
/* Somebody looks for memory that is used after it was freed. */
#if defined(SANITIZE_ADDRESS) || defined(SANITIZE_THREAD) || \
    defined(ROTA_VALGRIND)
enum { SANITIZE_WATCHES_HEAP = 1 };
#else
enum { SANITIZE_WATCHES_HEAP = 0 };
#endif
#ifdef ROTA_VALGRIND
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#endif

#ifdef ROTA_VALGRIND
enum { SANITIZE_VALGRIND = 1 };
#else
enum { SANITIZE_VALGRIND = 0 };
#endif

/* TSan keeps a call stack for each fiber: a function that changes fibers must
 * return on the one it was called on, so it is no function. */
#define SANITIZE_INLINE static inline __attribute__((always_inline))

/* What they want kept of a coroutine while it does not run. */
struct sanitize_coro {
#ifdef SANITIZE_ADDRESS
    void *fake;         /* ASan's fake stack */
    const void *bottom; /* what it is told of the stack */
    size_t size;
#endif
#ifdef SANITIZE_THREAD
    void *fiber;
#endif
};

/* On the stack being left, for good if `gone`. */
SANITIZE_INLINE void sanitize_leave(struct sanitize_coro *from,
                                    const struct sanitize_coro *to, bool gone)
{
#ifdef SANITIZE_ADDRESS
    __sanitizer_start_switch_fiber(gone ? NULL : &from->fake, to->bottom,
                                   to->size);
#endif
#ifdef SANITIZE_THREAD
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
    (void)from, (void)to, (void)gone;
}

/* On the resumed stack. Learns where the stack lies that was left. */
SANITIZE_INLINE void sanitize_arrive(const struct sanitize_coro *to,
                                     struct sanitize_coro *from)
{
#ifdef SANITIZE_ADDRESS
    __sanitizer_finish_switch_fiber(to->fake, &from->bottom, &from->size);
#endif
    (void)to, (void)from;
}

/* The thread's own stack, which is running. */
static inline void sanitize_root(struct sanitize_coro *c)
{
#ifdef SANITIZE_THREAD
    c->fiber = __tsan_get_current_fiber();
#endif
    (void)c;
}

/* A coroutine that has not run yet. */
static inline void sanitize_coro_new(struct sanitize_coro *c, char *base,
                                     char *top)
{
#ifdef SANITIZE_ADDRESS
    c->fake = NULL;
    c->bottom = base;
    c->size = (size_t)(top - base);
#endif
#ifdef SANITIZE_THREAD
    c->fiber = __tsan_create_fiber(0);
#endif
    (void)c, (void)base, (void)top;
}

static inline void sanitize_coro_gone(struct sanitize_coro *c)
{
#ifdef SANITIZE_THREAD
    if (c->fiber)
        __tsan_destroy_fiber(c->fiber);
    c->fiber = NULL;
#endif
    (void)c;
}

/* A stack came to be; returns what sanitize_stack_gone wants. */
static inline unsigned sanitize_stack_new(char *base, char *top)
{
#ifdef ROTA_VALGRIND
    return VALGRIND_STACK_REGISTER(base, top);
#else
    (void)base, (void)top;
    return 0;
#endif
}

static inline void sanitize_stack_gone(unsigned id)
{
#ifdef ROTA_VALGRIND
    VALGRIND_STACK_DEREGISTER(id);
#endif
    (void)id;
}

/* Memory that anything may use again: a stack left for good still carries
 * the red zones of its last frames. */
static inline void sanitize_open(char *from, char *to)
{
#ifdef SANITIZE_ADDRESS
    __asan_unpoison_memory_region(from, (size_t)(to - from));
#endif
#ifdef ROTA_VALGRIND
    VALGRIND_MAKE_MEM_DEFINED(from, to - from);
#endif
    (void)from, (void)to;
}

/* The same for who takes it over, and has no use for what it holds. */
static inline void sanitize_renew(char *from, char *to)
{
    sanitize_open(from, to);
#ifdef ROTA_VALGRIND
    VALGRIND_MAKE_MEM_UNDEFINED(from, to - from);
#endif
}

/* Memory that nobody may use now. */
static inline void sanitize_close(char *from, char *to)
{
#ifdef SANITIZE_ADDRESS
    __asan_poison_memory_region(from, (size_t)(to - from));
#endif
#ifdef ROTA_VALGRIND
    VALGRIND_MAKE_MEM_NOACCESS(from, to - from);
#endif
    (void)from, (void)to;
}

#endif
