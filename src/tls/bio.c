/*
 * OpenSSL's way to our sockets: the loop's own calls, so that it leads through
 * a simulation too, and no SIGPIPE comes of it.
 *
 * What is written is always taken. What the socket has no room for is kept,
 * and whoever writes waits until it is out before making more; so it is never
 * more than a record and a few answers. Otherwise a record that did not go out
 * whole would have to be finished before anything else could be done, also by
 * a reader who only has to answer something, and after its writer was
 * cancelled. That nothing goes out any more is the writer's affair alone: what
 * has arrived can still be read, and may say why.
 *
 * Some of it is held, to go with what follows in one send: on its way a send
 * costs as much as ten other calls.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "loop/loop.h"
#include "loop/sock.h"
#include "tls/tls.h"

enum {
    /* A record, and room for the answers that a peer may ask for meanwhile. */
    OUT_MOST = 64 * 1024,
    HELD_MOST = 16 * 1024, /* more is not worth collecting */
};

static int take_early(struct tls *t, char *data, int size)
{
    int n = (int)buf_len(&t->early);
    n = n < size ? n : size;
    memcpy(data, buf_head(&t->early), (size_t)n);
    buf_take(&t->early, (size_t)n);
    if (buf_len(&t->early) == 0)
        buf_fini(&t->early);
    return n;
}

static int receive(struct tls *t, char *data, int size)
{
    if (tls_kernel_receives(t))
        return tls_kernel_receive(t, data, size);
    if (t->closing) /* nobody waits for what the loop is not told of yet */
        return sock_calls(t->loop)->receive(t->loop, t->fd, data, (size_t)size);
    return op_receive_now(t->loop, t->fd, data, (size_t)size);
}

static int bio_read(BIO *b, char *data, int size)
{
    struct tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (buf_len(&t->early) > 0)
        return take_early(t, data, size);
    int n = receive(t, data, size);
    if (n > 0)
        return n;
    if (n == -EAGAIN)
        BIO_set_retry_read(b);
    else if (n < 0)
        t->read_error = n;
    else
        t->ended = true;
    return n < 0 ? -1 : 0;
}

/* Sends some of it: how many bytes; 0: none now; or the error. */
static int send_now(struct tls *t, const char *data, size_t size)
{
    int n = tls_kernel_sends(t)
                ? tls_kernel_tell(t, data, (int)size)
                : sock_calls(t->loop)->send(t->loop, t->fd, data, size);
    if (n < 0 && n != -EAGAIN)
        t->write_error = n;
    return n == -EAGAIN ? 0 : n;
}

int tls_send_some(struct tls *t)
{
    int n = 1;
    t->held = false;
    while (!t->write_error && n > 0 && buf_len(&t->out) > 0) {
        n = send_now(t, buf_head(&t->out), buf_len(&t->out));
        if (n > 0)
            buf_take(&t->out, (size_t)n);
    }
    if (!t->write_error && n == 0)
        return -EAGAIN;
    buf_fini(&t->out);
    return t->write_error;
}

static int bio_write(BIO *b, const char *data, int size)
{
    struct tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (tls_kernel_withholds(t))
        return size;
    int n = 0;
    if (t->held && buf_len(&t->out) + (size_t)size > HELD_MOST)
        rota_ignore(tls_send_some(t));
    if (!t->held && buf_len(&t->out) == 0 && !t->write_error)
        n = send_now(t, data, (size_t)size);
    if (t->write_error)
        return size;
    if (buf_len(&t->out) + (size_t)(size - n) > OUT_MOST)
        t->write_error = -ENOBUFS; /* the peer has us answer, and reads none */
    else if (buf_append(&t->out, data + n, (size_t)(size - n)) < 0)
        t->write_error = -ENOMEM;
    return size;
}

int tls_send_out(struct tls *t, struct io_call *c)
{
    int rc = tls_send_some(t);
    while (rc == -EAGAIN) {
        rc = io_await_events(c, POLLOUT);
        if (rc >= 0)
            rc = tls_send_some(t);
    }
    return rc;
}

int tls_await_more(struct tls *t, struct io_call *c)
{
    c->op.steady = !tls_kernel_receives(t);
    int rc = io_await_events(c, POLLIN);
    c->op.steady = false;
    return rc < 0 ? rc : 0;
}

int tls_await(struct tls *t, struct io_call *c, int n)
{
    switch (SSL_get_error(t->ssl, n)) {
    case SSL_ERROR_WANT_READ: return tls_await_more(t, c);
    case SSL_ERROR_ZERO_RETURN: return -ENODATA;
    default: return t->failed = tls_error(t);
    }
}

/* What is still in `out` when the kernel takes over would be data to it: then
 * OpenSSL keeps the records. */
static int flush(BIO *b, struct tls *t)
{
    BIO_clear_retry_flags(b);
    if (!t->kernel || tls_send_some(t) != -EAGAIN)
        return 1;
    BIO_set_retry_write(b);
    return 0;
}

/* What it does not know it passes on, as filters do. */
static long bio_ctrl(BIO *b, int what, long number, void *pointer)
{
    struct tls *t = BIO_get_data(b);
    switch (what) {
    case BIO_CTRL_FLUSH: return flush(b, t);
    case BIO_CTRL_EOF: return t->ended;
    default: return t->kernel ? BIO_ctrl(t->kernel, what, number, pointer) : 0;
    }
}

static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "rota");
    if (!method)
        return;
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
}

BIO *tls_bio_new(struct tls *t)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    BIO *b = method ? BIO_new(method) : NULL;
    if (b) {
        BIO_set_data(b, t);
        BIO_set_init(b, 1);
    }
    return b;
}
