/*
 * How a call is wrapped: it comes to __wrap_NAME, which may let it fail, and
 * goes on to __real_NAME.
 */
#ifndef WRAP_H
#define WRAP_H

#include "faults.h"

/* Whether this call is the one that fails; sets errno then. */
bool strikes(const char *name, int error, enum fault_kind of);

/* Counts a block on the heap, unless it is NULL; returns it. */
void *counted(void *p);

/* A wrapped call: how it fails for want of something, and that it may be
 * interrupted. */
#define FAILS(name, error, value)           \
    if (strikes(#name, error, FAULT_ERROR)) \
        return value;
#define INTERRUPTS(name, value)                 \
    if (strikes(#name, EINTR, FAULT_INTERRUPT)) \
        return value;

#define WRAP(type, name, params) \
    type __real_##name params;   \
    type __wrap_##name params;   \
    type __wrap_##name params

#endif
