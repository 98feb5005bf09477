/*
 * Calls on plain descriptors. Reads are one op each. Writes go on until all
 * is written: a length may be more than one op, or one system call, can tell.
 */
#include "rota/fd.h"

#include <errno.h>
#include <limits.h>

#include "base/misuse.h"
#include "io/vector.h"
#include "io/wait.h"
#include "loop/sock.h"

enum { WRITE_MOST = 1 << 30 }; /* bytes of one op: results are ints */

ssize_t rota_read(int fd, void *data, size_t size)
{
    struct io_call c;
    int rc = io_begin(&c, fd);
    if (rc < 0)
        return rc;
    c.op.kind = OP_READ;
    c.op.data = data;
    c.op.size = size < INT_MAX ? size : INT_MAX; /* "at most" holds still */
    return io_end(&c, io_await(&c));
}

ssize_t rota_readv(int fd, const struct iovec *v, int count)
{
    struct io_call c;
    ssize_t size = vectors_size(v, count);
    if (size < 0)
        return size;
    int rc = io_begin(&c, fd);
    if (rc < 0 || size == 0)
        return rc < 0 ? rc : io_end(&c, 0);
    c.op.kind = OP_READV;
    c.op.data = (void *)v;
    c.op.size = (size_t)(count < IOV_MAX ? count : IOV_MAX);
    return io_end(&c, io_await(&c));
}

/* Writes one piece; its bytes are counted in *done, also when it fails. */
static int write_piece(struct io_call *c, const void *data, size_t size,
                       size_t *done)
{
    c->op.kind = OP_WRITE;
    c->op.data = (void *)data;
    c->op.size = size < WRITE_MOST ? size : WRITE_MOST;
    c->op.sent = 0;
    int rc = io_await(c);
    *done += rc < 0 ? c->op.sent : (size_t)rc;
    return rc;
}

/* What has gone out is told; the next call says why no more. */
static ssize_t end_writing(struct io_call *c, int rc, size_t done)
{
    io_release_sigpipe();
    rc = io_end(c, done > 0 || rc > 0 ? 0 : rc);
    return rc < 0 ? rc : (ssize_t)done;
}

ssize_t rota_write(int fd, const void *data, size_t size)
{
    struct io_call c;
    if (size > SSIZE_MAX)
        return -EINVAL;
    int rc = io_begin_writing(&c, fd);
    if (rc < 0)
        return rc;
    size_t done = 0;
    io_hold_sigpipe();
    do
        rc = write_piece(&c, (const char *)data + done, size - done, &done);
    while (rc >= 0 && done < size);
    return end_writing(&c, rc, done);
}

/* Writes some of what is left. */
static int write_vectors(struct io_call *c, const struct vectors *v,
                         size_t *done)
{
    const struct iovec *first = v->next;
    if (v->within > 0)
        return write_piece(c, (char *)first->iov_base + v->within,
                           first->iov_len - v->within, done);
    c->op.kind = OP_WRITEV;
    c->op.data = (void *)first;
    c->op.size = (size_t)(v->count < IOV_MAX ? v->count : IOV_MAX);
    int rc = io_await(c);
    *done += rc < 0 ? 0 : (size_t)rc;
    return rc;
}

ssize_t rota_writev(int fd, const struct iovec *v, int count)
{
    struct io_call c;
    ssize_t size = vectors_size(v, count);
    if (size < 0)
        return size;
    int rc = io_begin_writing(&c, fd);
    if (rc < 0)
        return rc;
    struct vectors left = { .next = v, .count = count };
    size_t done = 0;
    io_hold_sigpipe();
    while (rc >= 0 && done < (size_t)size) {
        size_t before = done;
        vectors_advance(&left, 0);
        rc = write_vectors(&c, &left, &done);
        vectors_advance(&left, done - before);
    }
    return end_writing(&c, rc, done);
}

int rota_wait_fd(int fd, short events)
{
    struct io_call c;
    int rc = io_begin(&c, fd);
    if (rc < 0)
        return rc;
    return io_end(&c, io_await_events(&c, events));
}

int rota_shutdown(int fd, int how)
{
    if (fd < 0 || fd_is_closing(fd))
        return -EBADF;
    struct loop *l = loop_current();
    return sock_calls(l)->shutdown(l, fd, how);
}

int rota_close(int fd)
{
    struct rota_task *t = task_current();
    if (!t)
        return misuse(-EPERM, "rota_close outside of a task");
    return io_close(t, fd);
}
