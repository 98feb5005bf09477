/*
 * Cancel tokens. A link leads from the token to a scope, or to a function, of
 * one loop; it belongs to that loop and goes before the loop does. The token's
 * lock guards its list of links: a canceller posts to the loops while it holds
 * it, so a link that is still listed is proof that its loop still stands.
 */
#include "rota/token.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/misuse.h"
#include "rota/run.h"
#include "task/context.h"
#include "task/runtime.h"
#include "task/token.h"

struct rota_token {
    atomic_uint refs;
    pthread_mutex_t lock; /* guards what follows */
    const char *cause;    /* NULL: not cancelled */
    struct list links;
};

struct link {
    struct list in_token; /* under the token's lock */
    bool posted;          /* the post is under way; under the lock */
    struct rota_token *token;
    struct loop *loop;
    struct post post;

    /* What only the loop's thread touches. */
    struct link *next;   /* of the same scope, or runtime */
    bool gone;           /* that has ended; the post frees us */
    struct scope *scope; /* to be cancelled; NULL: fn is to be called */
    rota_cb *fn;
    void *arg;
    struct context *context;
};

rota_token *rota_token_new(void)
{
    struct rota_token *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    atomic_init(&t->refs, 1);
    pthread_mutex_init(&t->lock, NULL);
    list_init(&t->links);
    return t;
}

rota_token *rota_token_ref(rota_token *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void rota_token_unref(rota_token *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) > 1)
        return;
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static void link_free(struct link *l)
{
    context_unref(l->context);
    rota_token_unref(l->token);
    free(l);
}

static void take_out(struct link **links, struct link *l)
{
    while (*links != l)
        links = &(*links)->next;
    *links = l->next;
}

/* On the loop: its token was cancelled. */
static void arrived(struct post *p)
{
    struct link *l = container_of(p, struct link, post);
    struct runtime *rt = (struct runtime *)l->loop;
    pthread_mutex_lock(&l->token->lock);
    l->posted = false;
    pthread_mutex_unlock(&l->token->lock);
    if (l->gone) {
        link_free(l);
    } else if (l->scope) {
        scope_cancel(l->scope, l->token->cause);
    } else {
        take_out(&rt->links, l);
        context_call(rt, l->context, l->fn, l->arg);
        l->context = NULL;
        link_free(l);
    }
}

int rota_token_cancel(rota_token *t, const char *cause)
{
    struct loop *here = loop_current();
    struct list mine, *it;
    list_init(&mine);
    pthread_mutex_lock(&t->lock);
    bool first = t->cause == NULL;
    if (first)
        t->cause = cause ? cause : "cancelled";
    while ((it = list_pop(&t->links)) != NULL) {
        struct link *l = container_of(it, struct link, in_token);
        if (l->loop == here && l->scope)
            list_push(&mine, it);
        else
            l->posted = loop_try_post(l->loop, &l->post, POST_HANDLE) == 0;
    }
    pthread_mutex_unlock(&t->lock);
    while ((it = list_pop(&mine)) != NULL)
        scope_cancel(container_of(it, struct link, in_token)->scope, t->cause);
    return first;
}

const char *rota_token_cause(rota_token *t)
{
    pthread_mutex_lock(&t->lock);
    const char *cause = t->cause;
    pthread_mutex_unlock(&t->lock);
    return cause;
}

/* Lists a copy of `l` in its token and among `links`: 0, -ENOMEM, or
 * -EALREADY when the token is cancelled. */
static int add(struct link **links, const struct link *what)
{
    struct link *l = malloc(sizeof *l);
    if (!l)
        return -ENOMEM;
    *l = *what;
    l->post.run = arrived;
    pthread_mutex_lock(&l->token->lock);
    bool late = l->token->cause != NULL;
    if (!late)
        list_push(&l->token->links, &l->in_token);
    pthread_mutex_unlock(&l->token->lock);
    if (late) {
        free(l);
        return -EALREADY;
    }
    rota_token_ref(l->token);
    l->context = l->fn ? context_capture() : NULL;
    l->next = *links;
    *links = l;
    return 0;
}

int rota_scope_link(rota_scope *scope, rota_token *t)
{
    struct scope *s = scope_of(scope);
    struct loop *here = loop_current();
    if (!here || !s->open)
        return misuse(-EINVAL, "a token linked to a scope that is not open");
    struct link what = { .token = t, .loop = here, .scope = s };
    int rc = add(&s->links, &what);
    if (rc != -EALREADY)
        return rc;
    scope_cancel(s, t->cause);
    return 0;
}

int rota_token_after(rota_token *t, rota_cb *fn, void *arg)
{
    struct runtime *rt = runtime_current();
    if (!rt)
        return misuse(-EPERM, "rota_token_after outside of a running loop");
    if (rt->ending)
        return -ESHUTDOWN;
    struct link what = { .token = t, .loop = &rt->loop, .fn = fn, .arg = arg };
    int rc = add(&rt->links, &what);
    return rc == -EALREADY ? rota_call_soon(fn, arg) : rc;
}

/* Takes it out of its token's list; true when no post is under way. */
static bool unlist(struct link *l)
{
    pthread_mutex_lock(&l->token->lock);
    list_remove(&l->in_token);
    bool idle = !l->posted;
    pthread_mutex_unlock(&l->token->lock);
    return idle;
}

int rota_token_after_stop(rota_token *t, rota_cb *fn, void *arg)
{
    struct runtime *rt = runtime_current();
    int prevented = 0;
    for (struct link **at = rt ? &rt->links : NULL; at && *at;) {
        struct link *l = *at;
        if (l->token != t || l->fn != fn || l->arg != arg) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        prevented++;
        l->gone = true;
        if (unlist(l))
            link_free(l);
    }
    return prevented;
}

void token_unlink(struct link **links)
{
    struct link *l;
    while ((l = *links) != NULL) {
        *links = l->next;
        l->gone = true;
        if (unlist(l))
            link_free(l);
    }
}
