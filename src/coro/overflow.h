/*
 * The report of a stack overflow: a handler of SIGSEGV and SIGBUS that knows
 * the guards below coroutine stacks. See overflow.c.
 */
#ifndef CORO_OVERFLOW_H
#define CORO_OVERFLOW_H

struct coro_thread;

/* Gives the thread a signal stack (unless it has a fit one) and, the first
 * time, the process the handler. 0 or -ENOMEM. */
int overflow_enter(struct coro_thread *t);

/* Takes the signal stack away again. The handler stays. */
void overflow_leave(struct coro_thread *t);

#endif
