/*
 * Streams over what is no socket: the ends of pipes, which go one way only,
 * and terminals. The mode of the descriptor is not touched: standard input and
 * output are shared with other processes.
 */
#include <errno.h>
#include <fcntl.h>

#include "io/stream.h"

static int plain_receive(struct rota_stream *s, struct io_call *c, void *data,
                         size_t size)
{
    (void)s;
    c->op.kind = OP_READ;
    c->op.data = data;
    c->op.size = size;
    return io_await(c);
}

static int plain_send(struct rota_stream *s, struct io_call *c,
                      const char *data, size_t size, size_t *done)
{
    (void)s;
    io_hold_sigpipe();
    int rc = io_send_bytes(c, IO_SEND_BY_WRITE, data, size, done);
    io_release_sigpipe();
    return rc;
}

static int plain_send_vectors(struct rota_stream *s, struct io_call *c,
                              struct io_vectors *v, size_t size, size_t *done)
{
    (void)s;
    io_hold_sigpipe();
    int rc = io_send_vectors(c, IO_SEND_BY_WRITE, v, size, done);
    io_release_sigpipe();
    return rc;
}

static int plain_send_file(struct rota_stream *s, struct io_call *c, int fd,
                           off_t offset, size_t count, size_t *done)
{
    (void)s;
    io_hold_sigpipe();
    int rc = io_send_file(c, fd, offset, count, done);
    io_release_sigpipe();
    return rc;
}

/* A reader learns of the end of a pipe when nobody has it open to write, so
 * the end is to close it. What can be read too must stay open. */
static int plain_shutdown(struct rota_stream *s)
{
    struct rota_task *t = task_current();
    int fd = s->fd, mode = fcntl(fd, F_GETFL);
    if (mode < 0)
        return -errno;
    if (!t || (mode & O_ACCMODE) != O_WRONLY)
        return -EOPNOTSUPP;
    if (s->reading)
        return -EBUSY;
    s->write_error = -EPIPE;
    s->fd = -1;
    return io_close(t, fd); /* from here the stream may be gone */
}

static void plain_close(struct rota_stream *s, struct rota_task *t)
{
    if (s->fd >= 0)
        rota_ignore(io_close(t, s->fd));
}

const struct stream_kind stream_plain_kind = {
    .receive = plain_receive,
    .send = plain_send,
    .send_vectors = plain_send_vectors,
    .send_file = plain_send_file,
    .shutdown = plain_shutdown,
    .close = plain_close,
};
