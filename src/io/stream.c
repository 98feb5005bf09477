/*
 * Streams. All that a read has got and not yet returned is in the stream's
 * buffer, so a read that is cancelled, or ends early, has nothing to undo.
 */
#include "io/stream.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/misuse.h"
#include "loop/sock.h"

enum {
    CHUNK = 16384,           /* bytes received into the buffer at once */
    LIMIT = 65536,           /* of readuntil, unless set */
    DIRECT_FROM = CHUNK / 4, /* reads of this size go past the buffer */
};

static int socket_receive(struct rota_stream *s, struct io_call *c, void *data,
                          size_t size)
{
    (void)s;
    c->op.kind = OP_RECV;
    c->op.data = data;
    c->op.size = size;
    return io_await(c);
}

static int socket_send_now(struct rota_stream *s, const char *data, size_t size,
                           size_t *done)
{
    struct loop *l = loop_current();
    int n = sock_calls(l)->send(l, s->fd, data, size);
    if (n < 0)
        return n;
    *done = (size_t)n;
    return *done < size ? -EAGAIN : 0;
}

static int socket_send(struct rota_stream *s, struct io_call *c,
                       const char *data, size_t size, size_t *done)
{
    (void)s;
    return io_send_bytes(c, IO_SEND_BY_SOCKET, data, size, done);
}

static int socket_send_vectors(struct rota_stream *s, struct io_call *c,
                               struct io_vectors *v, size_t size, size_t *done)
{
    (void)s;
    return io_send_vectors(c, IO_SEND_BY_SOCKET, v, size, done);
}

static int socket_send_file(struct rota_stream *s, struct io_call *c, int fd,
                            off_t offset, size_t count, size_t *done)
{
    (void)s;
    return io_send_file(c, fd, offset, count, done);
}

static int socket_shutdown(struct rota_stream *s)
{
    struct loop *l = loop_current();
    int rc = sock_calls(l)->shutdown(l, s->fd, SHUT_WR);
    if (rc < 0 && rc != -ENOTCONN)
        return rc;
    s->write_error = -EPIPE;
    return 0;
}

static void socket_close(struct rota_stream *s, struct rota_task *t)
{
    rota_ignore(io_close(t, s->fd));
}

static const struct stream_kind socket_kind = {
    .receive = socket_receive,
    .send_now = socket_send_now,
    .send = socket_send,
    .send_vectors = socket_send_vectors,
    .send_file = socket_send_file,
    .shutdown = socket_shutdown,
    .close = socket_close,
    .is_socket = true,
};

int rota_stream_new(int fd, rota_stream **stream)
{
    struct loop *l = loop_current();
    return stream_new(fd, sock_calls(l)->family(l, fd), stream);
}

int stream_new(int fd, int family, rota_stream **stream)
{
    struct loop *l = loop_current();
    if (family < 0 && family != -ENOTSOCK)
        return family;
    struct rota_stream *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->kind = family < 0 ? &stream_plain_kind : &socket_kind;
    s->fd = fd;
    s->limit = LIMIT;
    /* Fails where it means nothing, and then nothing is amiss. */
    if (family == AF_INET || family == AF_INET6)
        sock_set_int(l, fd, IPPROTO_TCP, TCP_NODELAY, 1);
    *stream = s;
    return 0;
}

int rota_stream_fd(const rota_stream *s)
{
    return s->fd;
}

void rota_stream_set_limit(rota_stream *s, size_t limit)
{
    s->limit = limit < INT_MAX ? limit : INT_MAX;
}

int stream_begin_reading(struct rota_stream *s, struct io_call *c)
{
    int rc = io_begin(c, s->fd);
    if (rc < 0)
        return rc;
    if (s->reading)
        return io_end(c, -EBUSY);
    s->reading = true;
    return 0;
}

int stream_end_reading(struct rota_stream *s, struct io_call *c, int rc)
{
    s->reading = false;
    return io_end(c, rc);
}

int stream_note_received(struct rota_stream *s, int rc)
{
    /* A send that met the failure first took the error from the socket. */
    bool over = rc <= 0 && !stream_is_of_call(rc);
    if (over && s->kind->is_socket && s->write_error &&
        s->write_error != -EPIPE)
        rc = s->write_error;
    if (rc == 0) {
        s->ended = true;
    } else if (rc < 0 && !stream_is_of_call(rc)) {
        s->read_error = rc;
        if (!s->write_error)
            s->write_error = rc;
    }
    return rc;
}

/* Receives into `data`: bytes, 0 at the end, or an error. */
static int receive(struct rota_stream *s, struct io_call *c, void *data,
                   size_t size)
{
    if (s->read_error || s->ended)
        return s->read_error;
    return stream_note_received(s, s->kind->receive(s, c, data, size));
}

int stream_fill(struct rota_stream *s, struct io_call *c)
{
    char *room = buf_reserve(&s->in, CHUNK);
    if (!room)
        return -ENOMEM;
    int rc = receive(s, c, room, CHUNK);
    if (rc > 0)
        buf_commit(&s->in, (size_t)rc);
    return rc;
}

static size_t take(struct rota_stream *s, void *data, size_t size)
{
    size_t n = buf_len(&s->in) < size ? buf_len(&s->in) : size;
    if (n > 0) {
        memcpy(data, buf_head(&s->in), n);
        buf_take(&s->in, n);
    }
    return n;
}

ssize_t rota_stream_read(rota_stream *s, void *data, size_t size)
{
    struct io_call c;
    int rc = stream_begin_reading(s, &c);
    if (rc < 0)
        return rc;
    if (size > INT_MAX)
        size = INT_MAX; /* "at most" holds still */
    if (size > 0 && buf_len(&s->in) == 0) {
        if (size >= DIRECT_FROM)
            return stream_end_reading(s, &c, receive(s, &c, data, size));
        rc = stream_fill(s, &c);
    }
    if (rc >= 0)
        rc = (int)take(s, data, size);
    return stream_end_reading(s, &c, rc);
}

/* How many of `size` bytes are there. */
static void tell_arrived(const struct rota_stream *s, size_t size, size_t *done)
{
    if (done)
        *done = buf_len(&s->in) < size ? buf_len(&s->in) : size;
}

int rota_stream_readexactly(rota_stream *s, void *data, size_t size,
                            size_t *done)
{
    struct io_call c;
    int rc = stream_begin_reading(s, &c);
    if (rc < 0) {
        tell_arrived(s, size, done);
        return rc;
    }
    while (rc >= 0 && buf_len(&s->in) < size) {
        rc = stream_fill(s, &c);
        if (rc == 0)
            rc = -ENODATA;
    }
    tell_arrived(s, size, done);
    if (rc >= 0) {
        take(s, data, size);
        rc = 0;
    }
    return stream_end_reading(s, &c, rc);
}

/* Where `what` ends in the buffer, looking from the offset `from`; 0: it is
 * not there. */
static size_t find(struct rota_stream *s, rota_str what, size_t from)
{
    size_t len = buf_len(&s->in);
    if (len < from + what.len)
        return 0;
    const char *head = buf_head(&s->in);
    const char *at = memmem(head + from, len - from, what.ptr, what.len);
    return at ? (size_t)(at - head) + what.len : 0;
}

/* Fills the buffer until the separator is in it: its end there; 0 at the
 * end of the stream; or an error. */
static ssize_t seek(struct rota_stream *s, struct io_call *c,
                    rota_str separator)
{
    size_t seen = 0;
    for (;;) {
        size_t end = find(s, separator, seen);
        size_t len = buf_len(&s->in);
        if (end > s->limit || (end == 0 && len >= s->limit))
            return -EMSGSIZE;
        if (end > 0)
            return (ssize_t)end;
        /* It may have begun in what was seen. */
        seen = len >= separator.len ? len - separator.len + 1 : 0;
        int rc = stream_fill(s, c);
        if (rc <= 0)
            return rc;
    }
}

static void hand_out(struct rota_stream *s, size_t len, rota_str *out)
{
    *out = (rota_str){ len ? buf_head(&s->in) : "", len };
    if (len)
        buf_take(&s->in, len); /* it stands until the next fill */
}

ssize_t rota_stream_readuntil(rota_stream *s, rota_str separator, rota_str *out)
{
    if (separator.len == 0)
        return -EINVAL;
    struct io_call c;
    int rc = stream_begin_reading(s, &c);
    if (rc < 0)
        return rc;
    ssize_t len = seek(s, &c, separator);
    if (len == 0)
        len = -ENODATA;
    if (len > 0)
        hand_out(s, (size_t)len, out);
    return stream_end_reading(s, &c, (int)len);
}

ssize_t rota_stream_readline(rota_stream *s, rota_str *line)
{
    struct io_call c;
    int rc = stream_begin_reading(s, &c);
    if (rc < 0)
        return rc;
    ssize_t len = seek(s, &c, ROTA_STR("\n"));
    if (len == 0)
        len = (ssize_t)buf_len(&s->in); /* the last one */
    if (len >= 0)
        hand_out(s, (size_t)len, line);
    return stream_end_reading(s, &c, (int)len);
}

void rota_stream_close(rota_stream *s)
{
    if (!s)
        return;
    struct rota_task *t = task_current();
    if (!t) {
        rota_ignore(misuse(-EPERM, "rota_stream_close outside of a task"));
        return;
    }
    /* When this returns, every call on the stream has ended. */
    s->kind->close(s, t);
    buf_fini(&s->in);
    free(s);
}

void rota_stream_abort(rota_stream *s)
{
    if (!s)
        return;
    struct loop *l = loop_current();
    struct linger at_once = { .l_onoff = 1 };
    /* Nothing to a pipe, which knows no reset. */
    rota_ignore(sock_calls(l)->set(l, s->fd, SOL_SOCKET, SO_LINGER, &at_once,
                                   sizeof at_once));
    s->aborted = true;
    rota_stream_close(s);
}
