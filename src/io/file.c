/*
 * Files by descriptor: each is one call.
 */
#include "rota/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>

#include "io/file_call.h"
#include "io/file_stat.h"

int rota_file_open(const char *path, int flags, mode_t mode)
{
    struct file_call c = { .op = { .kind = FILE_OPEN,
                                   .fd = -1,
                                   .path = path,
                                   .flags = flags | O_CLOEXEC | O_NOCTTY |
                                            O_NONBLOCK,
                                   .mode = mode } };
    return file_call(&c);
}

/* What has moved counts before an error, which the next call meets again. */
static ssize_t move(enum file_kind kind, int fd, void *data, size_t size,
                    off_t offset)
{
    struct file_call c = { .op = { .kind = kind,
                                   .fd = fd,
                                   .data = data,
                                   .size = size,
                                   .offset = offset } };
    int rc = file_call(&c);
    return c.op.moved > 0 ? (ssize_t)c.op.moved : rc;
}

static bool fits(size_t size, off_t offset)
{
    return size <= SSIZE_MAX && offset >= 0 &&
           (off_t)size <= INT64_MAX - offset;
}

ssize_t rota_file_read(int fd, void *data, size_t size)
{
    return fits(size, 0) ? move(FILE_READ, fd, data, size, -1) : -EINVAL;
}

ssize_t rota_file_write(int fd, const void *data, size_t size)
{
    if (!fits(size, 0))
        return -EINVAL;
    return move(FILE_WRITE, fd, (void *)data, size, -1);
}

ssize_t rota_file_pread(int fd, void *data, size_t size, off_t offset)
{
    if (!fits(size, offset))
        return -EINVAL;
    return move(FILE_READ, fd, data, size, offset);
}

ssize_t rota_file_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    if (!fits(size, offset))
        return -EINVAL;
    return move(FILE_WRITE, fd, (void *)data, size, offset);
}

int rota_file_fsync(int fd)
{
    struct file_call c = { .op = { .kind = FILE_SYNC, .fd = fd } };
    return file_call(&c);
}

int rota_file_fdatasync(int fd)
{
    struct file_call c = { .op = { .kind = FILE_SYNC, .fd = fd, .flags = 1 } };
    return file_call(&c);
}

int rota_file_ftruncate(int fd, off_t size)
{
    struct file_call c = {
        .op = { .kind = FILE_TRUNCATE, .fd = fd, .offset = size }
    };
    return file_call(&c);
}

int rota_file_stat(int fd, struct stat *st)
{
    struct file_call c = { .op = { .kind = FILE_STAT, .fd = fd } };
    return file_stat(&c, st);
}

int rota_file_close(int fd)
{
    struct file_call c = { .op = { .kind = FILE_CLOSE, .fd = fd } };
    return file_call_close(&c);
}
