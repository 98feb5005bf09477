/*
 * A future: a result that is not there yet. Somebody sets it once; any number
 * of tasks await it. Every task has one of its own, which is how tasks are
 * awaited. A future belongs to one loop's thread.
 */
#ifndef ROTA_FUTURE_H
#define ROTA_FUTURE_H

#include <stdbool.h>

#include "rota/error.h"
#include "rota/export.h"

typedef struct rota_future rota_future;
typedef struct rota_task rota_task;

/* Where and why something failed, as rota_fail recorded it. */
typedef struct rota_failure {
    const char *text;
    const char *site; /* "file.c:12" */
} rota_failure;

enum rota_state {
    ROTA_PENDING,
    ROTA_OK,
    ROTA_ERROR,
    ROTA_CANCELLED,
};

typedef struct rota_outcome {
    int rc; /* result >= 0, or a negative errno */
    enum rota_state state;
    void *value;           /* owned by the future; NULL if none was set */
    const rota_failure *err; /* owned by the future; NULL if none */
} rota_outcome;

typedef void rota_cb(void *arg);

/* A pending future with one reference; NULL when there is no memory. */
ROTA_API rota_future *rota_future_new(void);
ROTA_API rota_future *rota_future_ref(rota_future *f);
/* Drops a reference. A failure nobody looked at is reported with the last. */
ROTA_API void rota_future_unref(rota_future *f);

/*
 * Finishes the future: with a value (destroyed by `dtor`, which may be NULL,
 * when the future goes), with an error (`rc` < 0), or as cancelled. 0, or
 * -EALREADY when it was finished before: `value` is then still the caller's.
 * Suspends: no.
 */
ROTA_API int rota_future_set(rota_future *f, int rc, void *value,
                             rota_cb *dtor);
ROTA_API int rota_future_set_error(rota_future *f, int rc);
ROTA_API int rota_future_cancel(rota_future *f);

ROTA_API bool rota_future_done(const rota_future *f);

/* Reads the outcome: 0, or -EINPROGRESS with `out` untouched. */
ROTA_API int rota_future_outcome(rota_future *f, rota_outcome *out);

/*
 * Waits until the future is done and fills `out` (may be NULL). Returns my
 * own status: 0 whatever the outcome, -ECANCELED when I was cancelled (the
 * future is not affected). Suspends: yes. Cancel: nothing is lost.
 */
ROTA_API int rota_future_wait(rota_future *f, rota_outcome *out) ROTA_MUST;

/*
 * Has fn(arg) called by the loop, never from inside this call, once the
 * future is done: in order of registration. 0 or -ENOMEM. rota_future_off_done
 * takes registrations of (fn, arg) back that have not run; returns how many.
 */
ROTA_API int rota_future_on_done(rota_future *f, rota_cb *fn, void *arg);
ROTA_API int rota_future_off_done(rota_future *f, rota_cb *fn, void *arg);

#endif
