/*
 * Signals as something a task waits for, or a callback of the loop. No code
 * runs in a signal handler: the signals are blocked in the calling thread and
 * read one after the other.
 *
 * rota's own threads block all signals. A thread of the program's own that
 * does not block these would be handed them as before: also the one that calls
 * rota_run_multi, when another loop is to have them. Of loops that want the
 * same signal one has it, which of them is open.
 */
#ifndef ROTA_SIGNAL_H
#define ROTA_SIGNAL_H

#include <signal.h>

#include "rota/chan.h"
#include "rota/export.h"
#include "rota/future.h"

typedef struct rota_signals rota_signals;

/*
 * Begins to collect the signals of `set` and stores an owned handle. 0;
 * -EINVAL: the set is empty, or has one that cannot be waited for (SIGKILL,
 * SIGSTOP, and SIGSEGV, SIGBUS, SIGFPE, SIGILL, which are crashes); -EBUSY:
 * one of them is collected by another handle of this thread; -EPERM: no loop
 * runs in this thread; -ENOMEM, -EMFILE. Suspends: no.
 */
ROTA_API int rota_signals_open(const sigset_t *set,
                               rota_signals **signals) ROTA_MUST;

/*
 * Waits for the next signal; returns its number. The same signal sent twice
 * before it is read counts once, except real-time ones. -EBUSY: another task
 * waits here; -EBADF: closed meanwhile. Suspends: yes. Cancel: no signal is
 * lost.
 */
ROTA_API int rota_signal_next(rota_signals *signals) ROTA_MUST;

/*
 * Ends it and frees the handle (NULL is nothing). What was blocked for it is
 * unblocked: a signal that was sent and not read acts as it would have
 * without rota. By the thread that opened it. Suspends: yes, shortly.
 * Cancel: it is closed all the same.
 */
ROTA_API void rota_signals_close(rota_signals *signals);

/*
 * Has fn(arg) called by the loop for each signal `number`, on the loop's own
 * stack: it must not suspend. Replaces the handler this signal had. 0;
 * -EINVAL: there is no such signal, or none that can be waited for; -EBUSY: a
 * handle of this thread collects it; -EPERM: no loop runs in this thread;
 * -EMFILE. While a handler is set the loop counts as able to go on. It goes
 * with the loop. Suspends: no.
 */
ROTA_API int rota_add_signal_handler(int number, rota_cb *fn,
                                     void *arg) ROTA_MUST;

/* Removes it: 1, or 0 when there was none. A signal that was sent and not yet
 * handled acts as it would have without rota; SIGINT again as rota_run has
 * it. By the thread that set it. Suspends: no. */
ROTA_API int rota_remove_signal_handler(int number);

/*
 * Sends the number of each signal of `set` into `c`, a channel of int, and
 * stores an owned handle. Any number of channels may have the same signal.
 * Nobody waits for a channel that is full: of each signal that did not fit,
 * one is sent as soon as there is room. A closed channel is told no more. The
 * loop holds the channel meanwhile. 0; -EINVAL, also: `c` is NULL or its
 * elements are no ints; else as rota_add_signal_handler, -ENOMEM. Suspends: no.
 */
typedef struct rota_signal_sub rota_signal_sub;
ROTA_API int rota_signal_notify(rota_chan *c, const sigset_t *set,
                                rota_signal_sub **sub) ROTA_MUST;

/* Ends that and frees the handle (NULL is nothing); also after the loop has
 * ended. What is in the channel stays there. By the thread that made it.
 * Suspends: no. */
ROTA_API void rota_signal_stop(rota_signal_sub *sub);

#endif
