/*
 * Coroutines begin and end here, and a thread learns to run them. What happens
 * between is inline in coro.h.
 */
#include "coro/coro.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "coro/overflow.h"

_Static_assert(offsetof(struct coro_thread, back) == 0,
               "switch_*.S find it there");

/* Called by the trampoline there, and by nobody else. */
void coro_begin(struct coro_thread *t, void (*entry)(void *), void *arg)
    __attribute__((used, visibility("hidden")));
void coro_returned(void) __attribute__((noreturn, used, visibility("hidden")));

/* Only a program with C++ in it has this. */
extern struct coro_exceptions *__cxa_get_globals(void) __attribute__((weak));

_Thread_local struct coro_thread *coro_here;

int coro_enter(struct coro_thread *t)
{
    if (coro_here)
        return -EBUSY;
    *t = (struct coro_thread){ .errno_at = &errno };
    int rc = overflow_enter(t);
    if (rc < 0)
        return rc;
    sanitize_root(&t->root.sanitize);
    t->current = &t->root;
    if (__cxa_get_globals)
        t->exceptions = __cxa_get_globals();
    coro_here = t;
    return 0;
}

void coro_leave(struct coro_thread *t)
{
    coro_here = NULL;
    overflow_leave(t);
    t->current = NULL;
}

void coro_attach(struct coro_thread *t)
{
    *t = (struct coro_thread){ .errno_at = &errno, .current = &t->root };
    coro_here = t;
}

void coro_detach(void)
{
    coro_here = NULL;
}

/* On the thread's own stack: makes calls until it is resumed for another
 * reason than a call. */
static void serve_calls(void *arg)
{
    struct coro_thread *t = arg;
    t->serving = true;
    while (t->caller) {
        struct coro *caller = t->caller;
        t->caller = NULL;
        t->call.fn(t->call.arg);
        coro_switch(t, caller, NULL);
    }
    t->serving = false;
}

void coro_call_on_root(struct coro_thread *t, void (*fn)(void *arg), void *arg)
{
    const struct coro_action serve = { serve_calls, t };
    if (t->current == &t->root) {
        fn(arg);
        return;
    }
    t->call = (struct coro_action){ fn, arg };
    t->caller = t->current;
    coro_switch(t, &t->root, t->serving ? NULL : &serve);
}

/* Apart, for the registers it saves. */
static __attribute__((noinline)) void begin_after(struct coro_thread *t,
                                                  void (*entry)(void *),
                                                  void *arg)
{
    coro_arrive(t);
    if (t->exceptions)
        *t->exceptions = (struct coro_exceptions){ NULL, 0 };
    entry(arg);
}

/* The compiler makes a jump of the last call. So a coroutine that ends has
 * returned from all that it called, and the processor, which expects returns
 * to match calls, goes on right in whoever is resumed. */
void coro_begin(struct coro_thread *t, void (*entry)(void *), void *arg)
{
    if (coro_is_plain(t))
        entry(arg);
    else
        begin_after(t, entry, arg);
}

void coro_returned(void)
{
    static const char message[] =
        "rota: the entry of a coroutine returned; it must end with "
        "coro_exit\n";
    ssize_t n = write(STDERR_FILENO, message, sizeof message - 1);
    (void)n;
    abort();
}
