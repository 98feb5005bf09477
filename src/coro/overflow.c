/*
 * A task that overflows its stack touches the guard below it and gets
 * SIGSEGV, with no stack left to handle it on: hence a signal stack for each
 * thread. The handler tells whose stack it was and what to do about it, and
 * lets the process die by the signal it would have died by, so that the core
 * and the exit status are the usual ones. Every other fault goes on to the
 * handler that was there before.
 *
 * All that runs in the handler is async-signal-safe. The trace follows frame
 * pointers within the task's own stack, which cannot fault; code without them
 * gives a shorter trace.
 */
#include "coro/overflow.h"

#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/text.h"
#include "coro/coro.h"

enum {
    SIGNAL_STACK = 64 * 1024, /* room for the state of any processor */
    SIGNAL_STACK_LEAST = 32 * 1024,
    FRAMES_FIRST = 12, /* a recursion says all it has to say in these */
    FRAMES_LAST = 6,   /* and these lead to it */
};

static struct sigaction previous_segv, previous_bus;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int install_error;

static void report(const struct coro *c)
{
    struct text t;
    text_init(&t, STDERR_FILENO);
    text_add(&t, "rota: stack overflow in task ");
    text_add(&t, c->name ? c->name : "(unnamed)");
    if (c->site) {
        text_add(&t, " (spawned at ");
        text_add(&t, c->site);
        text_add(&t, ")");
    }
    text_add(&t, ", ");
    text_add_number(&t, stack_size(c->stack) / 1024);
    text_add(&t, " KiB stack; give it a larger one: .stack_size\n");
    text_flush(&t);
}

/* Where the thread was, and its frame pointer. */
static void where(const void *context, uintptr_t *pc, uintptr_t *fp)
{
    const ucontext_t *u = context;
#if defined(__x86_64__)
    *pc = (uintptr_t)u->uc_mcontext.gregs[REG_RIP];
    *fp = (uintptr_t)u->uc_mcontext.gregs[REG_RBP];
#elif defined(__aarch64__)
    *pc = (uintptr_t)u->uc_mcontext.pc;
    *fp = (uintptr_t)u->uc_mcontext.regs[29];
#endif
}

static bool readable(const struct stack *s, uintptr_t fp)
{
    return fp % sizeof(uintptr_t) == 0 && fp >= (uintptr_t)s->base &&
           fp <= (uintptr_t)s->top - 2 * sizeof(uintptr_t);
}

static void trace(const struct stack *s, const void *context)
{
    void *frames[FRAMES_FIRST], *last[FRAMES_LAST];
    uintptr_t pc = 0, fp = 0;
    size_t count = 0, tail = 0;
    where(context, &pc, &fp);
    frames[count++] = (void *)pc;
    while (readable(s, fp)) {
        const uintptr_t *frame = (const uintptr_t *)fp;
        if (count < FRAMES_FIRST)
            frames[count++] = (void *)frame[1];
        else
            last[tail++ % FRAMES_LAST] = (void *)frame[1];
        if (frame[0] <= fp)
            break;
        fp = frame[0];
    }
    backtrace_symbols_fd(frames, (int)count, STDERR_FILENO);
    size_t skipped = tail > FRAMES_LAST ? tail - FRAMES_LAST : 0;
    if (skipped) {
        struct text t;
        text_init(&t, STDERR_FILENO);
        text_add(&t, "... ");
        text_add_number(&t, skipped);
        text_add(&t, " more ...\n");
        text_flush(&t);
    }
    for (size_t i = skipped; i < tail; i++)
        backtrace_symbols_fd(&last[i % FRAMES_LAST], 1, STDERR_FILENO);
}

/* To the handler that was there before; returning from here repeats the
 * fault, or delivers the signal, under the default action. */
static void pass_on(int signal, siginfo_t *info, void *context)
{
    const struct sigaction *was =
        signal == SIGBUS ? &previous_bus : &previous_segv;
    bool sent = info->si_code <= 0; /* by kill and its like: no fault */
    if (was->sa_flags & SA_SIGINFO) {
        was->sa_sigaction(signal, info, context);
    } else if (was->sa_handler == SIG_IGN && sent) {
        return;
    } else if (was->sa_handler != SIG_DFL && was->sa_handler != SIG_IGN) {
        was->sa_handler(signal);
    } else {
        struct sigaction fatal = { .sa_handler = SIG_DFL };
        sigaction(signal, &fatal, NULL);
        if (sent)
            raise(signal);
    }
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    const struct coro_thread *t = coro_thread();
    const struct coro *c = t ? t->current : NULL;
    if (!c || !c->stack || info->si_code <= 0 ||
        !stack_guard_hit(c->stack, info->si_addr)) {
        pass_on(signal, info, context);
        errno = saved_errno;
        return;
    }
    report(c);
    trace(c->stack, context);
    sigaction(signal, signal == SIGBUS ? &previous_bus : &previous_segv, NULL);
}

static void install(void)
{
    struct sigaction a = { .sa_sigaction = on_fault,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sigemptyset(&a.sa_mask);
    if (sigaction(SIGSEGV, &a, &previous_segv) < 0 ||
        sigaction(SIGBUS, &a, &previous_bus) < 0)
        install_error = -errno;
}

int overflow_enter(struct coro_thread *t)
{
    stack_t now;
    pthread_once(&once, install);
    if (install_error)
        return install_error;
    if (sigaltstack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE) &&
        now.ss_size >= SIGNAL_STACK_LEAST)
        return 0;
    void *p = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (p == MAP_FAILED)
        return -ENOMEM;
    stack_t ours = { .ss_sp = p, .ss_size = SIGNAL_STACK };
    if (sigaltstack(&ours, &t->previous_signal_stack) < 0) {
        munmap(p, SIGNAL_STACK);
        return -ENOMEM;
    }
    t->signal_stack = p;
    return 0;
}

void overflow_leave(struct coro_thread *t)
{
    if (!t->signal_stack)
        return;
    sigaltstack(&t->previous_signal_stack, NULL);
    munmap(t->signal_stack, SIGNAL_STACK);
    t->signal_stack = NULL;
}
