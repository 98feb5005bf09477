/*
 * Cancel scopes. A scope is opened and ended by one task, around a part of
 * its work; cancelling it, or its deadline, makes every suspending call inside
 * return -ECANCELED, from then on, in this task and in the groups opened
 * inside. Nothing is ever interrupted between two such calls.
 *
 * Most programs need only the block:
 *
 *     int rc = 0;
 *     ROTA_TIMEOUT(rota_ms(100), rc) {
 *         rc = fetch("http://a", 3);
 *     }
 *     if (rc == -ETIMEDOUT) ...
 */
#ifndef ROTA_SCOPE_H
#define ROTA_SCOPE_H

#include <stdbool.h>

#include "rota/error.h"
#include "rota/export.h"
#include "rota/time.h"

/* Lives where the caller puts it (its stack) from begin to end. Begin sets it
 * up, whatever the memory held (but see ROTA_SCOPE_PREPARED). */
typedef struct rota_scope {
    void *private_[16];
} rota_scope;

/* For a scope that may be cancelled before it begins. */
#define ROTA_SCOPE_INIT ((rota_scope){ { 0 } })

enum rota_scope_flags {
    /* Hides the cancellation of outer scopes; the scope's own acts. */
    ROTA_SCOPE_SHIELD = 1 << 0,
    /* A result >= 0 does not hide that a call inside was cut short:
     * rota_scope_end maps it as if it were -ECANCELED. */
    ROTA_SCOPE_STRICT = 1 << 1,
    /* It was set to ROTA_SCOPE_INIT: one that was cancelled since is cancelled
     * on entry. */
    ROTA_SCOPE_PREPARED = 1 << 2,
    /* The expiry of the deadline it is given (rota_scope_reschedule) is an
     * error, -ETIMEDOUT, as with rota_timeout_begin. */
    ROTA_SCOPE_TIMEOUT = 1 << 3,
};

/*
 * Opens a scope for the calling task, inside its innermost one. Flags: enum
 * rota_scope_flags. 0, or -EPERM outside a task. Suspends: no.
 */
ROTA_API int rota_scope_begin(rota_scope *s, unsigned flags);

/*
 * Opens a scope that is cancelled `d` nanoseconds from now, at the latest;
 * d <= 0 is at once. 0, -EPERM outside a task, -ENOMEM. Suspends: no.
 */
ROTA_API int rota_timeout_begin(rota_scope *s, rota_dur d);

/* The same, but its own expiry is no error: rota_scope_end maps it to 0. */
ROTA_API int rota_move_on_begin(rota_scope *s, rota_dur d);

/*
 * Opens a scope in which clean-up may suspend although the task is cancelled,
 * for at most `grace` nanoseconds (ROTA_FOREVER if you mean it).
 */
ROTA_API int rota_shield_begin(rota_scope *s, rota_dur grace);

/*
 * Ends the innermost scope, with `rc` the result of the work inside. Returns
 * what that means outside: `rc` itself, except that -ECANCELED caused by this
 * scope becomes -ETIMEDOUT (its deadline, opened by rota_timeout_begin) or 0,
 * unless an outer scope is cancelled too. Suspends: no.
 */
ROTA_API int rota_scope_end(rota_scope *s, int rc) ROTA_MUST;

/* Cancels the scope; the first reason (a string that outlives it) is kept.
 * After the end it does nothing; before begin, see ROTA_SCOPE_PREPARED. Misuse:
 * on another thread than its loop's, where a token does it (rota/token.h). */
ROTA_API void rota_scope_cancel(rota_scope *s, const char *reason);

/* Moves the deadline of an open scope: 0, or -EALREADY once it has expired or
 * ended, -ENOMEM. */
ROTA_API int rota_scope_reschedule(rota_scope *s, rota_time when);

/* Hides the cancellation of outer scopes from now on, or no more: then what
 * waits inside is cut at once if one of them is cancelled. Suspends: no. */
ROTA_API void rota_scope_set_shield(rota_scope *s, bool shield);

/* Was it cancelled; by its deadline; did a call inside return -ECANCELED; did
 * its end catch the cancellation. May be asked after the end. */
ROTA_API bool rota_scope_cancelled(const rota_scope *s);
ROTA_API bool rota_scope_expired(const rota_scope *s);
ROTA_API bool rota_scope_delivered(const rota_scope *s);
ROTA_API bool rota_scope_caught(const rota_scope *s);

/* The moment by which the calling task will be cancelled: ROTA_FOREVER when
 * no deadline is set, INT64_MIN when it is cancelled already. */
ROTA_API rota_time rota_current_deadline(void);

/* Why the calling task is cancelled; NULL when it is not. */
ROTA_API const char *rota_cancel_reason(void);

/* Whose scope it is that is cancelled: the task that set the deadline, opened
 * the group, was cancelled itself. NULL when it is the whole loop that ends,
 * or the caller is not cancelled. Borrowed, valid while the caller is inside
 * that scope. */
ROTA_API struct rota_task *rota_cancel_source(void);

/* True when the next suspending call would return -ECANCELED. */
ROTA_API bool rota_cancelled(void);

/* A point where a long computation lets others run and learns of its
 * cancellation: 0 or -ECANCELED. Suspends: yes. */
ROTA_API int rota_checkpoint(void) ROTA_MUST;

/*
 * ROTA_TIMEOUT(duration) { ... } runs the block with a deadline;
 * ROTA_TIMEOUT(duration, rc) { ... } also maps `rc`, an int, as
 * rota_scope_end does when the block is over. ROTA_SHIELD(grace) { ... } is
 * the block form of rota_shield_begin. The scope ends however the block is
 * left; -ENOMEM or -EPERM at its begin skip the block and stand in `rc`.
 */
#define ROTA_TIMEOUT(...)                                              \
    ROTA_BLOCK_(rota_timeout_begin, ROTA_BLOCK_FIRST_(__VA_ARGS__, 0), \
                ROTA_BLOCK_RC_(__VA_ARGS__, ROTA_BLOCK_MAPPED_,        \
                               ROTA_BLOCK_PLAIN_)(__VA_ARGS__))
#define ROTA_SHIELD(...)                                              \
    ROTA_BLOCK_(rota_shield_begin, ROTA_BLOCK_FIRST_(__VA_ARGS__, 0), \
                ROTA_BLOCK_RC_(__VA_ARGS__, ROTA_BLOCK_MAPPED_,       \
                               ROTA_BLOCK_PLAIN_)(__VA_ARGS__))

struct rota_block_ {
    rota_scope scope;
    int (*begin)(rota_scope *, rota_dur);
    rota_dur duration;
    int *rc; /* NULL: not mapped */
    enum { ROTA_BLOCK_NEW_, ROTA_BLOCK_OPEN_, ROTA_BLOCK_OVER_ } state;
};

/* True once: when the scope has begun and the block is to run. */
ROTA_API bool rota_block_next_(struct rota_block_ *b);
ROTA_API void rota_block_leave_(struct rota_block_ *b);

#define ROTA_BLOCK_FIRST_(first, ...) first
#define ROTA_BLOCK_RC_(d, a, b, ...)  b
#define ROTA_BLOCK_PLAIN_(d)          NULL
#define ROTA_BLOCK_MAPPED_(d, rc)     &(rc)
#define ROTA_BLOCK_NAME__(line)       rota_block_##line
#define ROTA_BLOCK_NAME_(line)        ROTA_BLOCK_NAME__(line)
#define ROTA_BLOCK_(begin, d, rc)     ROTA_BLOCK__(begin, d, rc, __LINE__)
#define ROTA_BLOCK__(begin_, d, rc, line)                          \
    for (struct rota_block_ ROTA_BLOCK_NAME_(line) __attribute__(( \
             cleanup(rota_block_leave_))) = { { { 0 } },           \
                                              begin_,              \
                                              d,                   \
                                              rc,                  \
                                              ROTA_BLOCK_NEW_ };   \
         rota_block_next_(&ROTA_BLOCK_NAME_(line));)

#endif
