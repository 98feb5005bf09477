/*
 * Contexts: the options, copied, and the SSL_CTX that was made of them last.
 * A reload makes another and puts it in its place; what began with the old
 * one keeps it.
 */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "rota/task.h"
#include "rota/thread.h"
#include "tls/tls.h"

enum { ALPN_MOST = 255 }; /* bytes of a protocol's name: RFC 7301 3.1 */

/* Where the strings of the options are. */
static const size_t strings[] = {
    offsetof(rota_tls_options, cert_file),
    offsetof(rota_tls_options, key_file),
    offsetof(rota_tls_options, ca_file),
    offsetof(rota_tls_options, ca_path),
    offsetof(rota_tls_options, crl_file),
    offsetof(rota_tls_options, ciphers),
    offsetof(rota_tls_options, ciphersuites),
};

#define each_string(i) (size_t i = 0; i < sizeof strings / sizeof *strings; i++)

static char **string_of(const rota_tls_options *o, size_t i)
{
    return (char **)((char *)o + strings[i]);
}

/* The protocols as on the wire: each with its length before it. */
static int copy_alpn(struct tls_config *c, const char *const *names)
{
    size_t size = 0;
    for (const char *const *p = names; p && *p; p++) {
        size_t len = strlen(*p);
        if (len == 0 || len > ALPN_MOST)
            return rota_fail(-EINVAL,
                             "alpn: a protocol's name has 1 to %d "
                             "bytes",
                             ALPN_MOST);
        size += 1 + len;
    }
    if (size > UINT16_MAX)
        return rota_fail(-EINVAL, "alpn: too many protocols");
    if (size == 0)
        return 0;
    unsigned char *at = c->alpn = malloc(size);
    if (!at)
        return -ENOMEM;
    for (const char *const *p = names; *p; p++) {
        size_t len = strlen(*p);
        *at++ = (unsigned char)len;
        memcpy(at, *p, len);
        at += len;
    }
    c->alpn_size = (unsigned)size;
    return 0;
}

static void config_fini(struct tls_config *c)
{
    for
        each_string(i) free(*string_of(&c->options, i));
    free(c->alpn);
}

static int config_init(struct tls_config *c, enum rota_tls_side side,
                       const rota_tls_options *options)
{
    const rota_tls_options none = { 0 };
    const rota_tls_options *from = options ? options : &none;
    *c = (struct tls_config){ .side = side, .options = *from };
    bool whole = true;
    for
        each_string(i)
        {
            char **s = string_of(&c->options, i);
            bool given = *s != NULL;
            *s = given ? strdup(*s) : NULL;
            whole = whole && (!given || *s);
        }
    c->options.alpn = NULL; /* it is in `alpn` */
    return whole ? copy_alpn(c, from->alpn) : -ENOMEM;
}

static rota_tls_context *context_new(enum rota_tls_side side,
                                     const rota_tls_options *options, int *rc)
{
    rota_tls_context *context = calloc(1, sizeof *context);
    if (!context) {
        *rc = -ENOMEM;
        return NULL;
    }
    atomic_init(&context->refs, 1);
    pthread_mutex_init(&context->lock, NULL);
    list_init(&context->sessions);
    *rc = config_init(&context->config, side, options);
    return context;
}

struct loading {
    rota_tls_context *context;
    SSL_CTX *ssl;
    char text[TLS_TEXT];
};

static int load_on_thread(void *arg)
{
    struct loading *l = arg;
    ERR_clear_error();
    int rc = tls_load(l->context, &l->ssl, l->text);
    ERR_clear_error();
    return rc;
}

int rota_tls_context_reload(rota_tls_context *context)
{
    struct loading l = { .context = context };
    int rc = rota_to_thread(load_on_thread, &l);
    if (rc < 0)
        return *l.text ? rota_fail(rc, "%s", l.text) : rc;
    pthread_mutex_lock(&context->lock);
    SSL_CTX *old = context->ssl;
    context->ssl = l.ssl;
    tls_session_clear(context);
    pthread_mutex_unlock(&context->lock);
    SSL_CTX_free(old);
    return 0;
}

int rota_tls_context_new(enum rota_tls_side side,
                         const rota_tls_options *options,
                         rota_tls_context **out)
{
    int rc;
    rota_tls_context *context = context_new(side, options, &rc);
    if (rc == 0)
        rc = rota_tls_context_reload(context);
    if (rc < 0)
        rota_tls_context_unref(context);
    else
        *out = context;
    return rc;
}

rota_tls_context *rota_tls_context_ref(rota_tls_context *context)
{
    atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    return context;
}

void rota_tls_context_unref(rota_tls_context *context)
{
    if (!context ||
        atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) > 1)
        return;
    tls_session_clear(context);
    SSL_CTX_free(context->ssl);
    config_fini(&context->config);
    pthread_mutex_destroy(&context->lock);
    free(context);
}

SSL_CTX *tls_context_now(rota_tls_context *context)
{
    pthread_mutex_lock(&context->lock);
    SSL_CTX *ssl = context->ssl;
    SSL_CTX_up_ref(ssl);
    pthread_mutex_unlock(&context->lock);
    return ssl;
}
