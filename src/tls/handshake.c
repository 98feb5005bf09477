/*
 * The handshake, which makes a TLS stream of a plain one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "rota/scope.h"
#include "rota/task.h"
#include "tls/tls.h"

static const rota_dur default_timeout = 30 * 1000000000LL;

/* The host as certificates name it: without the brackets of an address, and
 * the dot that ends a complete name; NULL: no memory. */
static char *plain_host(const char *host)
{
    size_t len = strlen(host);
    bool address = len > 2 && host[0] == '[' && host[len - 1] == ']';
    if (address)
        return strndup(host + 1, len - 2);
    return strndup(host, len > 1 && host[len - 1] == '.' ? len - 1 : len);
}

static bool is_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 ||
           inet_pton(AF_INET6, host, address) == 1;
}

/* Which host it must be. RFC 9525: the subject's name is none of a host, and
 * a wildcard is a whole label. An address is not asked for by SNI (RFC 6066
 * 3). */
static int expect_host(struct tls *t)
{
    bool verified = SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE;
    if (is_address(t->host))
        return !verified || X509_VERIFY_PARAM_set1_ip_asc(
                                SSL_get0_param(t->ssl), t->host) == 1
                   ? 0
                   : -ENOMEM;
    SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                  X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (SSL_set_tlsext_host_name(t->ssl, t->host) != 1)
        return rota_fail(-EINVAL, "no host has a name such as \"%.64s\"",
                         t->host);
    return !verified || SSL_set1_host(t->ssl, t->host) == 1 ? 0 : -ENOMEM;
}

static int set_client(struct tls *t, const char *host)
{
    SSL_set_connect_state(t->ssl);
    if (!host || !*host)
        return SSL_get_verify_mode(t->ssl) == SSL_VERIFY_NONE
                   ? 0
                   : rota_fail(-EINVAL, "whose certificate is expected? "
                                        "(server_hostname)");
    t->host = plain_host(host);
    int rc = t->host ? expect_host(t) : -ENOMEM;
    if (rc == 0)
        tls_session_use(t);
    return rc;
}

void tls_free(struct tls *t)
{
    SSL_free(t->ssl);
    BIO_free(t->kernel);
    buf_fini(&t->early);
    buf_fini(&t->out);
    rota_tls_context_unref(t->chosen);
    rota_tls_context_unref(t->context);
    free(t->host);
    free(t);
}

/* Fills what is left: 0, or an error. */
static int set_up(struct tls *t, const char *host)
{
    SSL_CTX *ssl = tls_context_now(t->context);
    t->ssl = SSL_new(ssl);
    SSL_CTX_free(ssl);
    BIO *bio = t->ssl ? tls_bio_new(t) : NULL;
    if (!bio)
        return -ENOMEM;
    SSL_set_bio(t->ssl, bio, bio);
    if (SSL_set_app_data(t->ssl, t) != 1 || tls_kernel_offer(t) < 0)
        return -ENOMEM;
    if (t->context->config.side == ROTA_TLS_CLIENT)
        return set_client(t, host);
    SSL_set_accept_state(t->ssl);
    return 0;
}

static struct tls *tls_new(struct rota_stream *s, rota_tls_context *context)
{
    struct tls *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->loop = loop_current();
    t->fd = s->fd;
    t->context = rota_tls_context_ref(context);
    return t;
}

/* A client may have asked for smaller records (RFC 6066 4). */
static size_t piece_of(const SSL *ssl)
{
    enum { SMALLEST = 256 };
    unsigned mode = SSL_SESSION_get_max_fragment_length(SSL_get0_session(ssl));
    return mode == TLSEXT_max_fragment_length_DISABLED
               ? SSL3_RT_MAX_PLAIN_LENGTH
               : (size_t)SMALLEST << mode;
}

/* Waits for the peer's next words. That ours do not go out is no reason not to
 * hear what has arrived, which may say why. */
static int await_peer(struct tls *t, struct io_call *c)
{
    int rc = tls_send_out(t, c);
    if (rc == 0)
        rc = tls_await_more(t, c);
    else if (rc == t->write_error && op_poll_now(t->loop, t->fd, POLLIN) > 0)
        rc = 0;
    return rc;
}

/* What is left to be said by a server are tickets, which go with its first
 * words (stream.c). By TLS 1.2 it is its Finished. */
static int end_shake(struct tls *t, struct io_call *c)
{
    if (!SSL_is_server(t->ssl) || SSL_version(t->ssl) < TLS1_3_VERSION)
        return tls_send_out(t, c);
    t->tickets = buf_len(&t->out);
    return 0;
}

/* Waits until there is room again for what was not taken. */
static int await_room(struct tls *t, struct io_call *c)
{
    int rc = tls_send_out(t, c);
    return rc == t->write_error ? 0 : rc; /* now it is taken, and lost */
}

static int shake(struct tls *t, struct io_call *c)
{
    int rc = 0;
    while (rc == 0) {
        t->held = true; /* all that is said in a turn goes in one send */
        int n = tls_call_handshake(t);
        if (n == 1)
            return end_shake(t, c);
        switch (SSL_get_error(t->ssl, n)) {
        case SSL_ERROR_WANT_READ: rc = await_peer(t, c); break;
        case SSL_ERROR_WANT_WRITE: rc = await_room(t, c); break;
        default:
            rc = tls_error(t);
            rota_ignore(tls_send_some(t)); /* the alert: why */
        }
    }
    return rc;
}

/* May TLS begin on it? */
static int check(const struct rota_stream *s)
{
    if (tls_is(s))
        return -EALREADY;
    if (s->reading || s->writing)
        return -EBUSY;
    if (s->ended || s->read_error || s->write_error)
        return s->read_error ? s->read_error : -ECONNRESET;
    return s->kind->is_socket ? 0 : -ENOTSOCK;
}

/* The stream is TLS, or cannot be used any more. */
static void settle(struct rota_stream *s, struct tls *t, int rc)
{
    if (rc == 0) {
        t->piece = piece_of(t->ssl);
        s->kind = tls_kernel_settle(t) ? &tls_kernel_kind : &tls_kind;
        s->state = t;
        return;
    }
    s->read_error = s->write_error = rc == -ECANCELED ? -ECONNABORTED : rc;
    buf_fini(&s->in);
    tls_free(t);
}

/* In the call `c`, which ends. */
static int start(struct rota_stream *s, struct io_call *c,
                 rota_tls_context *context, const char *host)
{
    int rc = check(s);
    if (rc < 0)
        return io_end(c, rc);
    struct tls *t = tls_new(s, context);
    rc = t ? set_up(t, host) : -ENOMEM;
    if (rc < 0) {
        if (t)
            tls_free(t);
        return io_end(c, rc);
    }
    if (buf_len(&s->in) > 0) {
        t->early = s->in;
        s->in = (struct buf){ 0 };
    }
    s->reading = s->writing = true;
    rc = shake(t, c);
    s->reading = s->writing = false;
    if (rc == 0 && c->use.closing)
        rc = -EBADF; /* as what it was when that began: without TLS */
    settle(s, t, rc);
    return io_end(c, rc);
}

int rota_stream_start_tls(rota_stream *s, rota_tls_context *context,
                          const rota_start_tls_options *options)
{
    rota_start_tls_options o =
        options ? *options : (rota_start_tls_options){ 0 };
    rota_scope scope;
    struct io_call c;
    int rc = rota_timeout_begin(
        &scope, o.handshake_timeout ? o.handshake_timeout : default_timeout);
    if (rc < 0)
        return rc;
    rc = io_begin(&c, s->fd);
    if (rc == 0)
        rc = start(s, &c, context, o.server_hostname);
    rc = rota_scope_end(&scope, rc);
    return rc == -ETIMEDOUT
               ? rota_fail(rc, "the peer was too slow in the handshake")
               : rc;
}

int rota_open_tls_connection(const char *host, int port,
                             rota_tls_context *context, rota_stream **stream)
{
    const char *name = host && *host ? host : "localhost";
    rota_start_tls_options o = { .server_hostname = name };
    rota_stream *s;
    int rc = rota_open_connection(host, port, &s);
    if (rc < 0)
        return rc;
    rc = rota_stream_start_tls(s, context, &o);
    if (rc < 0)
        rota_stream_close(s);
    else
        *stream = s;
    return rc;
}
