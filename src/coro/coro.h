/*
 * A coroutine: a stack, and the place where it left off. Switching is a
 * handful of instructions (switch_*.S); everything that must know of a switch
 * (ASan, TSan, the overflow report) is told in coro.c, in one place.
 *
 * Nothing in this room decides who runs next: that is the loop's business.
 */
#ifndef CORO_CORO_H
#define CORO_CORO_H

#include <signal.h>
#include <stddef.h>

#include "coro/stack.h"

/* Where above the saved stack pointer the switch puts what a backtrace begins
 * with: the return address and the frame pointer. */
enum {
#if defined(__x86_64__)
    CORO_SAVED_FP = 48,
    CORO_SAVED_PC = 56,
#elif defined(__aarch64__)
    CORO_SAVED_FP = 0,
    CORO_SAVED_PC = 8,
#endif
};

struct coro {
    void *sp;            /* saved stack pointer while it does not run */
    struct stack *stack; /* NULL: the thread's own stack */
    int saved_errno;     /* while it does not run */

    /* For whoever debugs: read by the overflow report. Not owned. */
    const char *name; /* may be NULL */
    const char *site; /* "file.c:12" of the spawn, may be NULL */

    void *asan_stack;        /* ASan's fake stack while it does not run */
    const void *asan_bottom; /* what ASan is told of the stack */
    size_t asan_size;
    void *tsan_fiber;
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
    struct coro *current;     /* what runs now */
    struct coro *from;        /* what the last switch left */
    struct coro_action after; /* what it handed over; fn may be NULL */
    int *errno_at;            /* &errno is a call; this is not */
    struct coro root;         /* the thread's own stack */
    void *worker;             /* a pool thread's job; NULL on other threads */
    void *signal_stack;       /* for the overflow report; NULL: not ours */
    stack_t previous_signal_stack;
};

/* This thread's state; NULL when coro_enter was not called. It is not
 * inlined, so that no compiler keeps the address over a switch. */
struct coro_thread *coro_thread(void);

/* Makes this thread fit to run coroutines (and back): 0, -EBUSY when it is
 * already, -ENOMEM. The signal handler of the overflow report is installed at
 * the first one, chaining to what was there. */
int coro_enter(struct coro_thread *t);
void coro_leave(struct coro_thread *t);

/* In a child made by fork: this thread has none any more, and what its state
 * held is left as it is. */
void coro_forget(void);

/*
 * Prepares `c` to run entry(arg) on `stack` at the first switch to it. The
 * entry must end with coro_exit; `room` bytes below the stack's top are left
 * free for the caller (arguments copied onto the task): *room_at (may be
 * NULL) is where, aligned to 16. `room` counts against the stack's size: it
 * must leave enough to run on. The floating point control words are those of
 * the caller. `name` and `site` are untouched.
 */
void coro_init(struct coro *c, struct stack *stack, void (*entry)(void *),
               void *arg, size_t room, void **room_at);

/*
 * Leaves the running coroutine for `to`, which must be another one; returns
 * when somebody switches back. `after` (may be NULL) is copied and run on
 * `to`'s side. errno is as it was, whatever ran meanwhile.
 */
void coro_switch(struct coro_thread *t, struct coro *to,
                 const struct coro_action *after);

/* Leaves the running coroutine for good. `after` may free its stack. */
void coro_exit(struct coro_thread *t, struct coro *to,
               const struct coro_action *after) __attribute__((noreturn));

/* Gives back what the sanitizers hold of a coroutine that has exited or will
 * never run. Not from the coroutine itself; its `after` is a good place. */
void coro_fini(struct coro *c);

#endif
