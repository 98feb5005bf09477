/*
 * A coroutine: a stack, and the place where it left off. Switching is a
 * handful of instructions (switch_*.h); whoever must know of a switch (ASan,
 * TSan, the overflow report) is told in its two halves. coro_depart runs on
 * the stack being left, coro_arrive on the one that is resumed, and between
 * them lies coro_swap. Without sanitizers both halves are a few stores, and
 * inline, since all that waits goes through them.
 *
 * Nothing in this room decides who runs next: that is the loop's business.
 */
#ifndef CORO_CORO_H
#define CORO_CORO_H

#include <signal.h>
#include <stddef.h>

#include "coro/sanitize.h"
#include "coro/stack.h"
#include "rota/export.h"

struct coro_thread;

/* Ends a switch on the resumed side, and gives its result. */
typedef int coro_over(struct coro_thread *t);

#if defined(__x86_64__)
#include "coro/switch_x86_64.h"
#elif defined(__aarch64__)
#include "coro/switch_aarch64.h"
#endif

/* Where above the saved stack pointer lies what a backtrace begins with. */
enum {
    CORO_SAVED_FP = offsetof(struct coro_frame, fp),
    CORO_SAVED_PC = offsetof(struct coro_frame, pc),
};

/* What a C++ runtime keeps of a thread: the exceptions being handled, and how
 * many are on their way (__cxa_eh_globals of the Itanium C++ ABI). */
struct coro_exceptions {
    void *caught;
    unsigned uncaught;
};

struct coro {
    void *sp;            /* saved stack pointer while it does not run */
    struct stack *stack; /* NULL: the thread's own stack */

    /* While it does not run: what C++ has caught, and errno (the latter by
     * coro_switch_last). */
    void *caught;
    unsigned uncaught;
    int saved_errno;

    /* For whoever debugs: read by the overflow report. Not owned. */
    const char *name; /* may be NULL */
    const char *site; /* "file.c:12" of the spawn, may be NULL */

    struct sanitize_coro sanitize; /* nothing in a build without them */
};

/*
 * What runs on the other side of a switch, before anything else there. It is
 * the only way to free the stack one is leaving, or to publish oneself to
 * somebody who might resume one at once. It must not switch.
 */
struct coro_action {
    void (*fn)(void *arg);
    void *arg;
};

/*
 * Per-thread state; the one thread-local variable of the library points at
 * it. The loop embeds it and finds itself from it.
 */
struct coro_thread {
    void *back;               /* where whoever left last will return to, if by
                                 coro_switch_last: see coro_swap_last */
    struct coro *current;     /* what runs now */
    struct coro *from;        /* what the last switch left; for ASan */
    struct coro_action after; /* what it handed over; fn NULL: nothing */
    struct coro_exceptions *exceptions; /* of C++; NULL: there is none */
    int *errno_at;                      /* &errno is a call; this is not */
    struct coro root;                   /* the thread's own stack */
    struct coro_action call;            /* to be made there, ... */
    struct coro *caller;                /* ... by whom; NULL: none */
    bool serving;                       /* it goes on where calls are made */
    void *worker;       /* a pool thread's job; NULL on other threads */
    void *signal_stack; /* for the overflow report; NULL: not ours */
    stack_t previous_signal_stack;
};

/* Of coro_thread. Initial-exec, so that the signal handler may read it: no
 * allocation. */
extern _Thread_local struct coro_thread *coro_here ROTA_INTERNAL(coro_here)
    __attribute__((tls_model("initial-exec")));

/*
 * This thread's state; NULL when coro_enter was not called. A compiler may
 * keep the variable's address over a switch, and that is right: a coroutine
 * that has begun never changes threads.
 */
static inline struct coro_thread *coro_thread(void)
{
    return coro_here;
}

/* Makes this thread fit to run coroutines (and back): 0, -EBUSY when it is
 * already, -ENOMEM. The signal handler of the overflow report is installed at
 * the first one, chaining to what was there. */
int coro_enter(struct coro_thread *t);
void coro_leave(struct coro_thread *t);

/* Gives a thread that runs no coroutines a state: it has no overflow to
 * report, so nothing of this can fail. */
void coro_attach(struct coro_thread *t);

/* Takes that away; in a child made by fork, also a state that coro_enter gave:
 * what it holds is left as it is. */
void coro_detach(void);

/* switch_*.S: takes the rest of a new coroutine's frame, and begins. */
void coro_trampoline(void);

/*
 * Prepares `c` to run entry(arg) on `stack` at the first switch to it. The
 * entry must end with coro_exit; `room` bytes below the stack's top are left
 * free for the caller (arguments copied onto the task): *room_at (may be
 * NULL) is where, aligned to 16. `room` counts against the stack's size: it
 * must leave enough to run on. The floating point control words are those of
 * the caller. `name` and `site` are untouched.
 */
static inline void coro_init(struct coro *c, struct stack *stack,
                             void (*entry)(void *), void *arg, size_t room,
                             void **room_at)
{
    uintptr_t top = (uintptr_t)stack->top - room;
    top -= top % STACK_ALIGN;
    if (room_at)
        *room_at = (void *)top;
    c->stack = stack;
    struct coro_frame *f = (struct coro_frame *)top - 1;
    *f = (struct coro_frame){ .pc = coro_trampoline,
                              .entry = entry,
                              .arg = arg };
    coro_frame_control(f);
    c->sp = f;
    sanitize_coro_new(&c->sanitize, stack->base, stack->top);
}

/* The first half of a switch, on the stack being left. */
SANITIZE_INLINE void coro_depart(struct coro_thread *t, struct coro *to,
                                 bool gone)
{
    struct coro *from = t->current;
    t->current = to;
    if (SANITIZE_KNOWS_STACKS)
        t->from = from;
    sanitize_leave(&from->sanitize, &to->sanitize, gone);
}

/* The second half, first thing on the resumed stack. The action may free
 * `from`, which is not looked at after it. */
SANITIZE_INLINE void coro_arrive(struct coro_thread *t)
{
    if (SANITIZE_KNOWS_STACKS)
        sanitize_arrive(&t->current->sanitize, &t->from->sanitize);
    struct coro_action after = t->after;
    if (!after.fn)
        return;
    t->after.fn = NULL;
    after.fn(after.arg);
}

/* The exceptions of the running coroutine, before a switch and after it. */
static inline void coro_put_aside(struct coro_thread *t)
{
    if (__builtin_expect(!t->exceptions, 1))
        return;
    t->current->caught = t->exceptions->caught;
    t->current->uncaught = t->exceptions->uncaught;
}

static inline void coro_take_back(struct coro_thread *t)
{
    if (__builtin_expect(!t->exceptions, 1))
        return;
    t->exceptions->caught = t->current->caught;
    t->exceptions->uncaught = t->current->uncaught;
}

/*
 * Leaves the running coroutine for `to`, which must be another one; returns
 * when somebody switches back. `after` (may be NULL) is copied and run on
 * `to`'s side. errno and what C++ has caught are as they were, whatever ran
 * meanwhile.
 */
SANITIZE_INLINE void coro_switch(struct coro_thread *t, struct coro *to,
                                 const struct coro_action *after)
{
    struct coro *from = t->current;
    int my_errno = *t->errno_at;
    coro_put_aside(t);
    if (after)
        t->after = *after;
    coro_depart(t, to, false);
    t = coro_swap(&from->sp, to->sp, t);
    coro_arrive(t);
    coro_take_back(t);
    *t->errno_at = my_errno;
}

/* True when coro_resume has only errno to see to: nothing was handed over, and
 * there is no C++. */
static inline bool coro_is_plain(const struct coro_thread *t)
{
    return !SANITIZE_KNOWS_STACKS && !t->after.fn && !t->exceptions;
}

/* The second half of coro_switch_last: first thing in a coro_over. */
SANITIZE_INLINE void coro_resume(struct coro_thread *t)
{
    coro_arrive(t);
    coro_take_back(t);
    *t->errno_at = t->current->saved_errno;
}

/*
 * coro_switch for a function whose last step it is: nothing is left of it
 * meanwhile but the way back to its caller. What over(t) returns then, is
 * what the function returns.
 */
SANITIZE_INLINE int coro_switch_last(struct coro_thread *t, struct coro *to,
                                     coro_over *over)
{
    struct coro *from = t->current;
    from->saved_errno = *t->errno_at;
    coro_put_aside(t);
    coro_depart(t, to, false);
    return coro_swap_last(&from->sp, to->sp, t, over);
}

/* Leaves the running coroutine for good. `after` (may be NULL) may free its
 * stack. */
SANITIZE_INLINE __attribute__((noreturn)) void coro_exit(
    struct coro_thread *t, struct coro *to, const struct coro_action *after)
{
    struct coro *from = t->current;
    if (after)
        t->after = *after; /* copied: ASan frees the locals of the gone */
    coro_depart(t, to, true);
    coro_swap(&from->sp, to->sp, t);
    __builtin_unreachable();
}

/*
 * Calls fn(arg) on the thread's own stack, as whatever runs there: it must not
 * suspend. For what goes deep: the stack of a coroutine keeps each page that
 * was touched as long as it lives, and thousands of them are no longer in the
 * cache when they are touched again.
 */
void coro_call_on_root(struct coro_thread *t, void (*fn)(void *arg), void *arg)
    ROTA_INTERNAL(coro_call_on_root);

/* Gives back what the sanitizers hold of a coroutine that has exited or will
 * never run. Not from the coroutine itself; its `after` is a good place. */
static inline void coro_fini(struct coro *c)
{
    sanitize_coro_gone(&c->sanitize);
}

#endif
