/*
 * Coroutines over the switch: who runs, what is handed to the other side, and
 * the one place where sanitizers learn of it. A switch has two halves. leave()
 * runs on the stack being left, arrive() on the one that is resumed, and
 * between them lies coro_swap. Without sanitizers both halves are a few stores.
 */
#include "coro/coro.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "coro/overflow.h"
#include "coro/sanitize.h"

enum { STACK_ALIGN = 16 };

/* switch_*.S */
void *coro_swap(void **save, void *load, void *pass);
void *coro_frame(void *top, void (*entry)(void *), void *arg);

/* Called by the trampoline there, and by nobody else. */
void coro_begin(struct coro_thread *t, void (*entry)(void *), void *arg)
    __attribute__((noreturn, used, visibility("hidden")));

/* Initial-exec, so that the signal handler may read it: no allocation. */
static _Thread_local struct coro_thread *this_thread
    __attribute__((tls_model("initial-exec")));

__attribute__((noinline)) struct coro_thread *coro_thread(void)
{
    __asm__ volatile(""); /* or the call could be taken for a constant */
    return this_thread;
}

int coro_enter(struct coro_thread *t)
{
    if (this_thread)
        return -EBUSY;
    *t = (struct coro_thread){ .errno_at = &errno };
    int rc = overflow_enter(t);
    if (rc < 0)
        return rc;
    t->root.tsan_fiber = sanitize_thread_fiber();
    t->current = &t->root;
    this_thread = t;
    return 0;
}

void coro_leave(struct coro_thread *t)
{
    this_thread = NULL;
    overflow_leave(t);
    t->current = NULL;
}

void coro_forget(void)
{
    this_thread = NULL;
}

void coro_init(struct coro *c, struct stack *stack, void (*entry)(void *),
               void *arg, size_t room, void **room_at)
{
    uintptr_t top = (uintptr_t)stack->top - room;
    top &= ~(uintptr_t)(STACK_ALIGN - 1);
    if (room_at)
        *room_at = (void *)top;
    c->stack = stack;
    c->sp = coro_frame((void *)top, entry, arg);
    c->asan_stack = NULL;
    c->asan_bottom = stack->base;
    c->asan_size = (size_t)(stack->top - stack->base);
    c->tsan_fiber = sanitize_fiber_new();
}

/* The first half. ASan frees the fake stack of one that has `gone`, with all
 * locals that were in it: the action is copied. */
SANITIZE_INLINE void leave(struct coro_thread *t, struct coro *to,
                           const struct coro_action *after, bool gone)
{
    struct coro *from = t->current;
    t->current = to;
    t->from = from;
    if (after)
        t->after = *after;
    else
        t->after.fn = NULL;
    sanitize_leave(gone ? NULL : &from->asan_stack, to->asan_bottom,
                   to->asan_size, to->tsan_fiber);
}

/* The second half, first thing on the resumed stack. The action may free
 * `from`, which is not looked at after it. */
SANITIZE_INLINE void arrive(struct coro_thread *t)
{
    sanitize_arrive(t->current->asan_stack, &t->from->asan_bottom,
                    &t->from->asan_size);
    if (t->after.fn)
        t->after.fn(t->after.arg);
}

void coro_begin(struct coro_thread *t, void (*entry)(void *), void *arg)
{
    static const char message[] =
        "rota: the entry of a coroutine returned; it must end with "
        "coro_exit\n";
    arrive(t);
    entry(arg);
    ssize_t n = write(STDERR_FILENO, message, sizeof message - 1);
    (void)n;
    abort();
}

void coro_switch(struct coro_thread *t, struct coro *to,
                 const struct coro_action *after)
{
    struct coro *from = t->current;
    from->saved_errno = *t->errno_at;
    leave(t, to, after, false);
    /* Nothing is kept over the switch that would cost a saved register. */
    t = coro_swap(&from->sp, to->sp, t);
    arrive(t);
    *t->errno_at = t->current->saved_errno;
}

void coro_exit(struct coro_thread *t, struct coro *to,
               const struct coro_action *after)
{
    struct coro *from = t->current;
    leave(t, to, after, true);
    coro_swap(&from->sp, to->sp, t);
    __builtin_unreachable();
}

void coro_fini(struct coro *c)
{
    sanitize_fiber_free(c->tsan_fiber);
    c->tsan_fiber = NULL;
}
