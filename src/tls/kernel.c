/*
 * Encryption by the kernel (kTLS, Documentation/networking/tls.rst), where it
 * is asked for and offered. OpenSSL shakes hands and gives the keys away to a
 * BIO of the socket, its own, that stands behind ours; what it then says
 * itself, such as the end, it says through that one, as records of their kind.
 * Sending is then the kernel's alone: bytes, vectors and files go as on any
 * socket, and each call leaves whole records behind, so nothing of OpenSSL's
 * has to be finished when a writer is cancelled.
 *
 * Receiving stays OpenSSL's call: it must see what is no data. Version 3.0
 * leaves it to the kernel in TLS 1.2 only.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "loop/loop.h"
#include "loop/sock.h"
#include "rota/error.h"
#include "tls/tls.h"

int tls_kernel_offer(struct tls *t)
{
    if (!t->context->config.options.ktls || sock_simulated(t->loop))
        return 0;
    /* OpenSSL's calls on sockets would wait where the descriptor does. */
    int mode = fcntl(t->fd, F_GETFL);
    if (mode < 0 || !(mode & O_NONBLOCK))
        return 0;
    t->kernel = BIO_new_socket(t->fd, BIO_NOCLOSE);
    if (!t->kernel)
        return -ENOMEM;
    SSL_set_options(t->ssl, SSL_OP_ENABLE_KTLS);
    /* What was read ahead the kernel would not see. */
    SSL_set_read_ahead(t->ssl, 0);
    return 0;
}

bool tls_kernel_sends(const struct tls *t)
{
    return t->kernel && BIO_get_ktls_send(t->kernel);
}

bool tls_kernel_receives(const struct tls *t)
{
    return t->kernel && BIO_get_ktls_recv(t->kernel);
}

bool tls_kernel_settle(struct tls *t)
{
    bool sends = tls_kernel_sends(t), receives = tls_kernel_receives(t);
    SSL_set_read_ahead(t->ssl, !receives);
    if (!sends && !receives) {
        BIO_free(t->kernel);
        t->kernel = NULL;
    }
    return sends;
}

/* Of a call on the kernel's BIO: bytes, 0, or an error. */
static int result(const struct tls *t, int n)
{
    if (n >= 0)
        return n;
    return BIO_should_retry(t->kernel) ? -EAGAIN : -errno;
}

int tls_kernel_receive(struct tls *t, char *data, int size)
{
    return result(t, BIO_read(t->kernel, data, size));
}

int tls_kernel_tell(struct tls *t, const char *data, int size)
{
    io_hold_sigpipe(); /* OpenSSL does not */
    int rc = result(t, BIO_write(t->kernel, data, size));
    io_release_sigpipe();
    return rc;
}

/* On close the kernel drops what of a record has found no room (6.1,
 * tls_sw_release_resources_tx). So a writer is not told that it is out before
 * there is room again. */
int tls_kernel_await(struct tls *t, struct io_call *c)
{
    if (!tls_kernel_sends(t) || op_poll_now(t->loop, t->fd, POLLOUT) > 0)
        return 0;
    int rc = io_await_events(c, POLLOUT);
    return rc < 0 ? rc : 0;
}

/*
 * A peer may want new keys, and is to get them before more data (RFC 8446
 * 4.6.3): a KeyUpdate, and what follows by the next keys. The kernel keeps its
 * own (Linux takes others since 6.14, OpenSSL 3 gives none): so that message
 * must not go out, and nothing after it but the end.
 */
bool tls_kernel_withholds(struct tls *t)
{
    bool update = tls_kernel_sends(t) && !tls_has_said_end(t) &&
                  SSL_get_key_update_type(t->ssl) != SSL_KEY_UPDATE_NONE;
    t->rekeyed |= update;
    return update;
}

static int make_ready(struct tls *t, struct io_call *c)
{
    int rc = t->failed ? t->failed : tls_send_out(t, c);
    if (rc == 0 && tls_has_said_end(t))
        return -EPIPE; /* the call that said it was cancelled */
    if (rc == 0 && (t->rekeyed || tls_kernel_withholds(t)))
        rc = rota_fail(-EPROTO, "the peer wants new keys (KeyUpdate), which "
                                "the kernel's TLS cannot take");
    return rc;
}

static int end_sending(struct tls *t, struct io_call *c, int rc)
{
    if (rc == 0)
        rc = tls_kernel_await(t, c);
    if (rc < 0 && !stream_is_of_call(rc))
        t->write_error = rc;
    return rc;
}

static int kernel_send(struct rota_stream *s, struct io_call *c,
                       const char *data, size_t size, size_t *done)
{
    int rc = make_ready(s->state, c);
    if (rc < 0)
        return rc;
    rc = io_send_bytes(c, IO_SEND_BY_SOCKET, data, size, done);
    return end_sending(s->state, c, rc);
}

static int kernel_send_vectors(struct rota_stream *s, struct io_call *c,
                               struct io_vectors *v, size_t size, size_t *done)
{
    int rc = make_ready(s->state, c);
    if (rc < 0)
        return rc;
    rc = io_send_vectors(c, IO_SEND_BY_SOCKET, v, size, done);
    return end_sending(s->state, c, rc);
}

/* How much of it there is. Asked for more than that, sendfile(2) waits for the
 * rest of the last record (6.1: it was told MSG_MORE). */
static size_t clip(int fd, off_t offset, size_t count)
{
    struct stat st;
    if (offset < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return count;
    size_t left = offset < st.st_size ? (size_t)(st.st_size - offset) : 0;
    return left < count ? left : count;
}

static int kernel_send_file(struct rota_stream *s, struct io_call *c, int fd,
                            off_t offset, size_t count, size_t *done)
{
    int rc = make_ready(s->state, c);
    if (rc < 0)
        return rc;
    rc = io_send_file(c, fd, offset, clip(fd, offset, count), done);
    return end_sending(s->state, c, rc);
}

const struct stream_kind tls_kernel_kind = {
    .receive = tls_receive,
    .await = tls_wait,
    .send = kernel_send,
    .send_vectors = kernel_send_vectors,
    .send_file = kernel_send_file,
    .shutdown = tls_shutdown,
    .close = tls_close,
};
