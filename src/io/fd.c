/*
 * Calls on plain descriptors: one op each.
 */
#include "rota/fd.h"

#include <errno.h>

#include "base/misuse.h"
#include "io/wait.h"

ssize_t rota_read(int fd, void *data, size_t size)
{
    struct io_call c;
    int rc = io_begin(&c, fd);
    if (rc < 0)
        return rc;
    c.op.kind = OP_READ;
    c.op.data = data;
    c.op.size = size;
    return io_end(&c, io_await(&c));
}

ssize_t rota_write(int fd, const void *data, size_t size)
{
    struct io_call c;
    int rc = io_begin(&c, fd);
    if (rc < 0)
        return rc;
    c.op.kind = OP_WRITE;
    c.op.data = (void *)data;
    c.op.size = size;
    io_hold_sigpipe();
    rc = io_await(&c);
    io_release_sigpipe();
    if (rc < 0 && c.op.sent > 0)
        rc = (int)c.op.sent; /* gone out; the next call tells why no more */
    return io_end(&c, rc);
}

int rota_wait_fd(int fd, short events)
{
    struct io_call c;
    int rc = io_begin(&c, fd);
    if (rc < 0)
        return rc;
    return io_end(&c, io_await_events(&c, events));
}

int rota_close(int fd)
{
    struct rota_task *t = task_current();
    if (!t)
        return misuse(-EPERM, "rota_close outside of a task");
    return io_close(t, fd);
}
