/*
 * The sessions a client may resume: the next handshake with the same host is
 * then shorter, and no certificate is sent. They are found by the name the
 * certificate was verified for, so who was not verified for a name is never
 * taken for it.
 */
#include <stdlib.h>
#include <string.h>

#include "tls/tls.h"

enum { SESSIONS = 64 };

struct session {
    struct list link; /* in the context's */
    SSL_SESSION *ssl;
    char host[];
};

static void session_free(rota_tls_context *context, struct session *s)
{
    list_remove(&s->link);
    context->session_count--;
    SSL_SESSION_free(s->ssl);
    free(s);
}

/* OpenSSL has got one from the server: 1 keeps it. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    const struct tls *t = SSL_get_app_data(ssl);
    rota_tls_context *context = t->context;
    struct session *s;
    if (!t->host || !SSL_SESSION_is_resumable(session))
        return 0;
    size_t size = strlen(t->host) + 1;
    s = malloc(sizeof *s + size);
    if (!s)
        return 0;
    s->ssl = session;
    memcpy(s->host, t->host, size);
    pthread_mutex_lock(&context->lock);
    /* One of before a reload would bring back what was trusted then. */
    bool current = SSL_get_SSL_CTX(ssl) == context->ssl;
    if (current && context->session_count == SESSIONS)
        session_free(context, container_of(context->sessions.prev,
                                           struct session, link));
    if (current) {
        list_insert(context->sessions.next, &s->link);
        context->session_count++;
    }
    pthread_mutex_unlock(&context->lock);
    if (!current)
        free(s);
    return current;
}

static struct session *find(rota_tls_context *context, const char *host)
{
    list_each (it, &context->sessions) {
        struct session *s = container_of(it, struct session, link);
        if (strcmp(s->host, host) == 0)
            return s;
    }
    return NULL;
}

void tls_session_use(struct tls *t)
{
    rota_tls_context *context = t->context;
    if (!t->host)
        return;
    pthread_mutex_lock(&context->lock);
    struct session *s = find(context, t->host);
    /* One that does not fit is a handshake in full, and no error. */
    if (s && SSL_get_SSL_CTX(t->ssl) == context->ssl)
        SSL_set_session(t->ssl, s->ssl);
    /* RFC 8446 C.4: used twice, it would tell others that it is us again. */
    if (s && SSL_SESSION_get_protocol_version(s->ssl) >= TLS1_3_VERSION)
        session_free(context, s);
    pthread_mutex_unlock(&context->lock);
}

void tls_session_clear(rota_tls_context *context)
{
    while (!list_empty(&context->sessions))
        session_free(context, container_of(context->sessions.next,
                                           struct session, link));
}

void tls_session_init(SSL_CTX *ssl)
{
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT |
                                            SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, on_session);
}
