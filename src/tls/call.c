/*
 * OpenSSL's calls, each on the loop's own stack: they go 10 KiB deep and more,
 * which a connection's task would keep as long as it lives, and touch elsewhere
 * each time. Nothing of OpenSSL's waits, so nothing there has to.
 */
#include <openssl/err.h>

#include "loop/loop.h"
#include "tls/tls.h"

struct call {
    enum { HANDSHAKE, READ, PEEK, WRITE, SHUTDOWN } kind;
    SSL *ssl;
    void *to;
    const void *from;
    int size;
    int result;
};

static int call_ssl(const struct call *c)
{
    ERR_clear_error();
    switch (c->kind) {
    case HANDSHAKE: return SSL_do_handshake(c->ssl);
    case READ: return SSL_read(c->ssl, c->to, c->size);
    case PEEK: return SSL_peek(c->ssl, c->to, c->size);
    case WRITE: return SSL_write(c->ssl, c->from, c->size);
    default: return SSL_shutdown(c->ssl);
    }
}

static void make(void *arg)
{
    struct call *c = arg;
    c->result = call_ssl(c);
}

static int on_root(struct tls *t, struct call c)
{
    c.ssl = t->ssl;
    coro_call_on_root(&t->loop->thread, make, &c);
    return c.result;
}

int tls_call_handshake(struct tls *t)
{
    return on_root(t, (struct call){ .kind = HANDSHAKE });
}

int tls_call_read(struct tls *t, void *data, int size)
{
    return on_root(t, (struct call){ .kind = READ, .to = data, .size = size });
}

int tls_call_peek(struct tls *t, void *data, int size)
{
    return on_root(t, (struct call){ .kind = PEEK, .to = data, .size = size });
}

int tls_call_write(struct tls *t, const void *data, int size)
{
    return on_root(t,
                   (struct call){ .kind = WRITE, .from = data, .size = size });
}

int tls_call_shutdown(struct tls *t)
{
    return on_root(t, (struct call){ .kind = SHUTDOWN });
}
