/*
 * Reading and writing. What a writer is told is out has become a record, which
 * cannot be taken back (RFC 8446 5.3: records are numbered): it is with the
 * kernel, or goes there before anything else does.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "rota/time.h"
#include "tls/tls.h"

static const rota_dur short_while = 1000000;

/* OpenSSL takes ints. */
static int clamp(size_t size)
{
    return size < INT_MAX ? (int)size : INT_MAX;
}

/* What reading has made OpenSSL say goes out now, or when a writer's does;
 * what is held, before the reader `waits`. But tickets go with our first words,
 * or our last: nobody waits for them, and one who only sends, and closes
 * without having read them, would reset the connection. */
static void answer(struct tls *t, bool waits)
{
    size_t idle = t->held ? t->tickets : 0;
    if (buf_len(&t->out) > idle && (waits || !t->held))
        rota_ignore(tls_send_some(t));
}

int tls_receive(struct rota_stream *s, struct io_call *c, void *data,
                size_t size)
{
    struct tls *t = s->state;
    int rc = t->failed;
    while (rc == 0) {
        int n = tls_call_read(t, data, clamp(size));
        answer(t, n <= 0);
        if (n > 0)
            return n;
        rc = tls_await(t, c, n);
    }
    return rc == -ENODATA ? 0 : rc;
}

/* Looking takes nothing, and makes sure that there is something to be read and
 * not just a record begun. */
int tls_wait(struct rota_stream *s, struct io_call *c)
{
    struct tls *t = s->state;
    char byte;
    int rc = t->failed;
    while (rc == 0) {
        int n = tls_call_peek(t, &byte, sizeof byte);
        answer(t, n <= 0);
        if (n > 0)
            return 0;
        rc = tls_await(t, c, n);
    }
    return rc == -ENODATA ? 0 : rc;
}

static int fail_write(struct tls *t)
{
    if (t->write_error)
        return t->write_error;
    return t->failed ? t->failed : (t->failed = tls_error(t));
}

static int await_message(struct tls *t, struct io_call *c)
{
    int rc = tls_await_more(t, c);
    if (rc == -EBUSY) /* a reader waits for it, and will take it in */
        rc = rota_sleep(short_while);
    return rc < 0 ? rc : 0;
}

/* A message to OpenSSL itself, such as a ticket, may come in several records
 * (RFC 8446 5.1); in the middle of it nothing can be written. */
static int finish_message(struct tls *t, struct io_call *c)
{
    int rc = 0;
    while (rc == 0 && SSL_in_init(t->ssl)) {
        int n = tls_call_handshake(t);
        if (n == 1)
            break;
        if (SSL_get_error(t->ssl, n) == SSL_ERROR_WANT_READ)
            rc = await_message(t, c);
        else
            rc = t->failed = tls_error(t);
    }
    return rc;
}

/* Sends what is left, unless it is held, and makes ready for more. */
static int make_ready(struct tls *t, struct io_call *c)
{
    if (t->failed || (t->held && !SSL_in_init(t->ssl)))
        return t->failed;
    int rc = tls_send_out(t, c);
    return rc < 0 ? rc : finish_message(t, c);
}

/* Our word that it is the end has become a record, and nothing may follow. */
bool tls_has_said_end(const struct tls *t)
{
    return SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN;
}

static int tls_send(struct rota_stream *s, struct io_call *c, const char *data,
                    size_t size, size_t *done)
{
    struct tls *t = s->state;
    int rc = make_ready(t, c);
    if (rc == 0 && tls_has_said_end(t))
        return -EPIPE; /* the call that said it was cancelled */
    while (rc == 0 && *done < size) {
        size_t left = size - *done;
        int n = tls_call_write(t, data + *done,
                               (int)(left < t->piece ? left : t->piece));
        if (n <= 0)
            return fail_write(t);
        rc = tls_send_out(t, c);
        /* Half a record, of which the rest will never come, is none. */
        if (!t->write_error && rc != -EBADF)
            *done += (size_t)n;
        if (rc == 0)
            rc = finish_message(t, c);
    }
    return rc;
}

/* What fails here is left for tls_send to tell, which is called by a task. */
static int tls_send_now(struct rota_stream *s, const char *data, size_t size,
                        size_t *done)
{
    struct tls *t = s->state;
    if (t->failed || t->write_error)
        return -EAGAIN;
    int rc = t->held ? 0 : tls_send_some(t);
    while (rc == 0 && *done < size) {
        size_t left = size - *done;
        int n = SSL_in_init(t->ssl)
                    ? 0
                    : tls_call_write(t, data + *done,
                                     (int)(left < t->piece ? left : t->piece));
        if (n <= 0)
            return -EAGAIN;
        rc = tls_send_some(t);
        if (!t->write_error)
            *done += (size_t)n;
    }
    return rc == 0 ? 0 : -EAGAIN;
}

static int say_end(struct tls *t, struct io_call *c)
{
    int rc = make_ready(t, c);
    if (rc < 0 || tls_has_said_end(t))
        return rc;
    rc = tls_call_shutdown(t) < 0 ? fail_write(t) : tls_send_out(t, c);
    return rc < 0 ? rc : tls_kernel_await(t, c);
}

int tls_shutdown(struct rota_stream *s)
{
    struct io_call c;
    int rc = io_begin(&c, s->fd);
    if (rc < 0)
        return rc;
    s->writing = true;
    rc = say_end(s->state, &c);
    if (rc == 0)
        s->write_error = -EPIPE;
    s->writing = false;
    return io_end(&c, rc);
}

/*
 * Says that it is the end, as far as that needs no waiting; but what a writer
 * is in the middle of is not to look complete. The second call
 * reads what has come meanwhile (the peer's word, tickets): a socket that is
 * closed with bytes unread resets the connection, and what we sent last would
 * be lost on its way.
 */
static void say_end_at_once(const struct rota_stream *s, struct tls *t)
{
    if (t->failed || t->write_error || s->writing || s->aborted)
        return;
    t->closing = true;
    if (tls_call_shutdown(t) == 0)
        tls_call_shutdown(t);
    rota_ignore(tls_send_some(t));
}

void tls_close(struct rota_stream *s, struct rota_task *task)
{
    struct tls *t = s->state;
    say_end_at_once(s, t);
    rota_ignore(io_close(task, s->fd));
    tls_free(t);
}

const struct stream_kind tls_kind = {
    .receive = tls_receive,
    .await = tls_wait,
    .send_now = tls_send_now,
    .send = tls_send,
    .shutdown = tls_shutdown,
    .close = tls_close,
};
