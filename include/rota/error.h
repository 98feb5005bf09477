/*
 * Errors. A call of rota returns >= 0 when it did what it says, and a negative
 * errno when it did nothing at all (a documented count is the one exception).
 * `errno` itself is never used.
 *
 *   -ECANCELED   a scope around the calling task is cancelled
 *   -ETIMEDOUT   this scope's own deadline passed
 *   -EPERM       not inside a task, or not the owner
 *   -EDEADLK     waiting for oneself
 *   -EALREADY    a one-shot thing was done before
 *   -EINPROGRESS the result of something that is not finished
 *   -ESHUTDOWN   loop, group or pool takes no more work
 */
#ifndef ROTA_ERROR_H
#define ROTA_ERROR_H

#include <errno.h>

#include "rota/export.h"

/* Linux errnos stop at 4095. */
enum {
    ROTA_EBROKEN = 4097, /* barrier reset or aborted */
    ROTA_ECHILD = 4098,  /* what was awaited was cancelled; you were not */
};

/* A sentence for a code, negative or positive. Not to be freed. */
ROTA_API const char *rota_strerror(int code);

/*
 * Why a call returned `code`, in a sentence: what was recorded with it for the
 * running task (by rota_fail; many calls of rota's do) and, where none runs,
 * for the main task of the run that ended last in this thread. Else as
 * rota_strerror. Valid until the next failure. Suspends: no.
 */
ROTA_API const char *rota_errmsg(int code);

/*
 * Called on misuse: a call that is wrong whatever happens at run time, such
 * as ending a scope of another task. The default prints the message with the
 * task's name and aborts. When a handler set here returns, the call returns
 * its code and has changed nothing.
 */
typedef void rota_misuse_fn(const char *message);
ROTA_API void rota_set_misuse_handler(rota_misuse_fn *fn);

#endif
