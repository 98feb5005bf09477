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
#ifdef ROTA_VALGRIND
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#endif

/* TSan keeps a call stack for each fiber: a function that changes fibers must
 * return on the one it was called on, so it is no function. */
#define SANITIZE_INLINE static inline __attribute__((always_inline))

/* On the stack being left. `fake` is where ASan's state of it is kept; NULL:
 * it will not be resumed. The rest describes the one to be resumed. */
SANITIZE_INLINE void sanitize_leave(void **fake, const void *bottom,
                                    size_t size, void *fiber)
{
#ifdef SANITIZE_ADDRESS
    __sanitizer_start_switch_fiber(fake, bottom, size);
#endif
#ifdef SANITIZE_THREAD
    __tsan_switch_to_fiber(fiber, 0);
#endif
    (void)fake, (void)bottom, (void)size, (void)fiber;
}

/* On the resumed stack, whose state was kept in `fake` (NULL: it is new).
 * Learns where the stack lies that was left. */
SANITIZE_INLINE void sanitize_arrive(void *fake, const void **bottom,
                                     size_t *size)
{
#ifdef SANITIZE_ADDRESS
    __sanitizer_finish_switch_fiber(fake, bottom, size);
#endif
    (void)fake, (void)bottom, (void)size;
}

static inline void *sanitize_thread_fiber(void)
{
#ifdef SANITIZE_THREAD
    return __tsan_get_current_fiber();
#else
    return NULL;
#endif
}

static inline void *sanitize_fiber_new(void)
{
#ifdef SANITIZE_THREAD
    return __tsan_create_fiber(0);
#else
    return NULL;
#endif
}

static inline void sanitize_fiber_free(void *fiber)
{
#ifdef SANITIZE_THREAD
    if (fiber)
        __tsan_destroy_fiber(fiber);
#endif
    (void)fiber;
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
