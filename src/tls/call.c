/*
 * OpenSSL's calls, each on the loop's own stack: they go 10 KiB deep and more,
 * which a connection's task would keep as long as it lives, and touch elsewhere
 * each time. Nothing of OpenSSL's waits, so nothing there has to.
 */
#include <openssl/err.h>

#include "loop/loop.h"
#include "tls/tls.h"

struct call {
    SSL *ssl;
    void *data;
    const void *from;
    int size;
    int result;
};

static int make(struct tls *t, void (*fn)(void *arg), struct call c)
{
    c.ssl = t->ssl;
    coro_call_on_root(&t->loop->thread, fn, &c);
    return c.result;
}

static void handshake(void *arg)
{
    struct call *c = arg;
    ERR_clear_error();
    c->result = SSL_do_handshake(c->ssl);
}

int tls_call_handshake(struct tls *t)
{
    return make(t, handshake, (struct call){ 0 });
}

static void read_some(void *arg)
{
    struct call *c = arg;
    ERR_clear_error();
    c->result = SSL_read(c->ssl, c->data, c->size);
}

int tls_call_read(struct tls *t, void *data, int size)
{
    return make(t, read_some, (struct call){ .data = data, .size = size });
}

static void peek(void *arg)
{
    struct call *c = arg;
    ERR_clear_error();
    c->result = SSL_peek(c->ssl, c->data, c->size);
}

int tls_call_peek(struct tls *t, void *data, int size)
{
    return make(t, peek, (struct call){ .data = data, .size = size });
}

static void write_some(void *arg)
{
    struct call *c = arg;
    ERR_clear_error();
    c->result = SSL_write(c->ssl, c->from, c->size);
}

int tls_call_write(struct tls *t, const void *data, int size)
{
    return make(t, write_some, (struct call){ .from = data, .size = size });
}

static void shut_down(void *arg)
{
    struct call *c = arg;
    ERR_clear_error();
    c->result = SSL_shutdown(c->ssl);
}

int tls_call_shutdown(struct tls *t)
{
    return make(t, shut_down, (struct call){ 0 });
}
