/*
 * Cancel tokens: the handle with which somebody outside, any thread, cancels
 * scopes he does not know. Whoever wants to be cancelled links a scope to it.
 *
 *     rota_token *stop = rota_token_new();
 *
 *     rota_scope s;                                       in a task
 *     rota_scope_begin(&s, 0);
 *     rota_scope_link(&s, stop);
 *     rc = rota_scope_end(&s, work());
 *
 *     rota_token_cancel(stop, "the user pressed stop");   anywhere
 */
#ifndef ROTA_TOKEN_H
#define ROTA_TOKEN_H

#include "rota/future.h"
#include "rota/scope.h"

typedef struct rota_token rota_token;

/* One with one reference; NULL: no memory. These three may be called by any
 * thread. Suspends: no. */
ROTA_API rota_token *rota_token_new(void);
ROTA_API rota_token *rota_token_ref(rota_token *t);
ROTA_API void rota_token_unref(rota_token *t);

/*
 * Cancels all scopes that are linked to it, and those that will be: on the
 * calling thread's loop at once, on others in the next turn of theirs. `cause`
 * (may be NULL) is a string that outlives the scopes: their reason. 1, or 0:
 * it was cancelled before. From any thread. Suspends: no.
 */
ROTA_API int rota_token_cancel(rota_token *t, const char *cause);

/* Why it was cancelled; NULL: it is not. From any thread. */
ROTA_API const char *rota_token_cause(rota_token *t);

/*
 * Has `s`, an open scope of the running loop, cancelled with the token, until
 * its end; at once if the token is cancelled already. A scope may have several
 * tokens. 0 or -ENOMEM. Suspends: no.
 */
ROTA_API int rota_scope_link(rota_scope *s, rota_token *t);

/*
 * Has fn(arg) called on the running loop's stack, once, when the token is
 * cancelled (in the next turn if it is): it must not suspend. A call that has
 * not come when the loop ends does not. 0, -ENOMEM, -ESHUTDOWN: the loop is
 * ending. rota_token_after_stop takes such registrations of this loop back;
 * returns how many calls that prevented. Suspends: no.
 */
ROTA_API int rota_token_after(rota_token *t, rota_cb *fn, void *arg);
ROTA_API int rota_token_after_stop(rota_token *t, rota_cb *fn, void *arg);

#endif
