/*
 * What a server decides by the client's first words: which certificate, and
 * which protocol is spoken inside.
 *
 * The certificate's context is chosen before anything else is looked at, also
 * before a session is resumed: by then it must be known whose sessions are
 * welcome, or a client could bring to one host what it was trusted with at
 * another.
 */
#include <string.h>

#include "tls/tls.h"

enum {
    NAME_MOST = 255,    /* of a host name */
    NAME_HEAD = 5,      /* before it: the list's length, the type, its own */
    NAME_TYPE_HOST = 0, /* RFC 6066 3 */
};

/* The name in a server_name extension, which has one: RFC 6066 3. */
static bool take_name(const unsigned char *at, size_t size,
                      char name[NAME_MOST + 1])
{
    if (size < NAME_HEAD || at[2] != NAME_TYPE_HOST)
        return false;
    size_t len = (size_t)at[3] << 8 | at[4];
    if (len == 0 || len > NAME_MOST || len > size - NAME_HEAD ||
        memchr(at + NAME_HEAD, '\0', len))
        return false;
    memcpy(name, at + NAME_HEAD, len);
    name[len] = '\0';
    return true;
}

/* Has the connection go on as one of the other context. */
static bool change_to(struct tls *t, rota_tls_context *other)
{
    SSL_CTX *ssl = tls_context_now(other);
    bool done = SSL_set_SSL_CTX(t->ssl, ssl) == ssl &&
                SSL_set_min_proto_version(
                    t->ssl, (int)SSL_CTX_get_min_proto_version(ssl)) == 1;
    if (done)
        SSL_set_verify(t->ssl, SSL_CTX_get_verify_mode(ssl),
                       SSL_CTX_get_verify_callback(ssl));
    SSL_CTX_free(ssl);
    t->chosen = rota_tls_context_ref(other);
    return done;
}

static int on_hello(SSL *ssl, int *alert, void *arg)
{
    rota_tls_context *context = arg;
    const rota_tls_options *o = &context->config.options;
    const unsigned char *data;
    size_t size;
    char name[NAME_MOST + 1];
    if (!o->sni_callback)
        return SSL_CLIENT_HELLO_SUCCESS;
    bool named =
        SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) &&
        take_name(data, size, name);
    rota_tls_context *other = o->sni_callback(named ? name : NULL, o->sni_arg);
    if (!other || other == context || change_to(SSL_get_app_data(ssl), other))
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

/* Tells the client that its name was understood. */
static int on_name(SSL *ssl, int *alert, void *arg)
{
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

/* The first of ours that the client speaks too; when it speaks none of them,
 * it is better told so than misunderstood (RFC 7301 3.2). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                   const unsigned char *theirs, unsigned theirs_size, void *arg)
{
    (void)ssl;
    const rota_tls_context *context = arg;
    const struct tls_config *c = &context->config;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_size, c->alpn, c->alpn_size, theirs,
                              theirs_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

void tls_hello_init(SSL_CTX *ssl, rota_tls_context *context)
{
    SSL_CTX_set_client_hello_cb(ssl, on_hello, context);
    SSL_CTX_set_tlsext_servername_callback(ssl, on_name);
    if (context->config.alpn)
        SSL_CTX_set_alpn_select_cb(ssl, on_alpn, context);
}
