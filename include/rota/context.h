/*
 * Context variables: values that a task hands down to what it starts, as a
 * request's id to all that works for the request. A task begins with a
 * snapshot of its spawner's; what either sets later the other does not see.
 *
 *     static const rota_ctxvar request_id = { "request id", "none" };
 *
 *     rota_ctxvar_set(&request_id, strdup("r17"), free, NULL);
 *     rota_create_task(work);         work finds "r17", however deep
 */
#ifndef ROTA_CONTEXT_H
#define ROTA_CONTEXT_H

#include <stdint.h>

#include "rota/export.h"
#include "rota/future.h"

/* A variable; known by its address, so one static object for each. */
typedef struct rota_ctxvar {
    const char *name; /* for reports */
    void *initial;    /* its value where none was set */
} rota_ctxvar;

/* What takes a set back. Plain memory: it may be forgotten, or copied. */
typedef struct rota_ctxtoken {
    uint64_t task;
    uint64_t set;
} rota_ctxtoken;

/* The value here: in a task its own, in a callback (rota_call_soon,
 * rota_call_later, rota_future_on_done) that of where it was registered, on a
 * pool thread that of the task it works for. Suspends: no. */
ROTA_API void *rota_ctxvar_get(const rota_ctxvar *v);

/*
 * Sets it for the running task, or callback, and for what that starts from now
 * on. `dtor` (may be NULL) is called with the value when the last snapshot
 * that has it is gone. With a `token` (may be NULL) the value before is kept,
 * to be brought back by rota_ctxvar_reset; without, it is replaced. 0;
 * -ENOMEM: `value` is still the caller's; -EPERM on a thread that is not
 * rota's. Suspends: no.
 */
ROTA_API int rota_ctxvar_set(const rota_ctxvar *v, void *value, rota_cb *dtor,
                             rota_ctxtoken *token);

/*
 * Brings back what was there before the set that gave this token, whatever
 * was set since. 0; -EALREADY: it has been brought back; -EINVAL: the token
 * is another task's; -ENOMEM; -EPERM as above. Suspends: no.
 */
ROTA_API int rota_ctxvar_reset(const rota_ctxvar *v,
                               const rota_ctxtoken *token);

#endif
