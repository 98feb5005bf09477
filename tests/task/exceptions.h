/*
 * C++ functions that a test written in C calls.
 */
#ifndef EXCEPTIONS_H
#define EXCEPTIONS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Throws and catches `value`; what was caught. */
int throw_and_catch(int value);

/* Suspends in a catch block and throws on; `value`, or < 0: what is handled
 * was not its own. */
int catch_and_suspend(int value, int (*suspend)(void));

/* Suspends in a destructor while an exception unwinds: how many were on their
 * way before, and ten times how many after. */
int unwind_and_suspend(int (*suspend)(void));

/* Is an exception being handled here? */
int handled_now(void);

/* A task that throws and does not catch. */
int throw_out(void *arg);

#ifdef __cplusplus
}
#endif

#endif
