/*
 * Calls on plain descriptors. Reads are one op each; writes go on until all is
 * written.
 */
#include "rota/fd.h"

#include <errno.h>
#include <limits.h>

#include "base/misuse.h"
#include "io/send.h"
#include "io/wait.h"
#include "loop/sock.h"

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
    ssize_t size = io_vectors_size(v, count);
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

/* What has gone out is told; the next call says why no more. */
static ssize_t end_writing(struct io_call *c, int rc, size_t done)
{
    io_release_sigpipe();
    rc = io_end(c, done > 0 ? 0 : rc);
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
    rc = io_send_bytes(&c, IO_SEND_BY_WRITE, data, size, &done);
    return end_writing(&c, rc, done);
}

ssize_t rota_writev(int fd, const struct iovec *v, int count)
{
    struct io_call c;
    ssize_t size = io_vectors_size(v, count);
    if (size < 0)
        return size;
    int rc = io_begin_writing(&c, fd);
    if (rc < 0)
        return rc;
    struct io_vectors left = { .next = v, .count = count };
    size_t done = 0;
    io_hold_sigpipe();
    rc = io_send_vectors(&c, IO_SEND_BY_WRITE, &left, (size_t)size, &done);
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
