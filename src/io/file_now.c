/*
 * What is had at once. The kernel is asked for what it knows without waiting,
 * and whatever else it answers, be it that it cannot tell, is no answer: then
 * the call is made again by who may wait, and meets the error once more.
 *
 * Two waits remain, which io_uring mostly has on its caller's thread too. A
 * file system of the network or of a process (FUSE) may ask its server to open
 * a name that is known, or to close it. And a file that nothing names any more
 * is freed by its last close.
 */
#include "io/file_now.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    READ_MOST = 65536, /* more than this takes the loop's time */
    SECTOR = 512,      /* O_DIRECT asks for this alignment, or more */
    /* Other flags make or cut files, or need not be known to openat2(2). */
    OPEN_FLAGS = O_ACCMODE | O_APPEND | O_CLOEXEC | O_DIRECTORY | O_NOCTTY |
                 O_NOFOLLOW | O_NONBLOCK,
};

/*
 * Descriptors that were opened only for reading, each in the place its number
 * gives, plus one: what spares close the question. Nothing but a hint, since
 * numbers may change hands without our knowing: one that is wrong costs a wait.
 */
enum { HINTS = 256 };
static atomic_int read_only[HINTS];

static atomic_int *hint_of(int fd)
{
    return &read_only[(unsigned)fd % HINTS];
}

static bool take_hint(int fd)
{
    int hint = fd + 1;
    return fd >= 0 && atomic_compare_exchange_strong_explicit(
                          hint_of(fd), &hint, 0, memory_order_relaxed,
                          memory_order_relaxed);
}

void file_now_forget(int fd)
{
    take_hint(fd);
}

static bool is_read_only(int fd)
{
    if (take_hint(fd))
        return true;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY;
}

/* RESOLVE_CACHED is of Linux 5.12. */
static bool open_now(struct file_op *op)
{
    struct open_how how = { .flags = (unsigned)op->flags,
                            .resolve = RESOLVE_CACHED };
    if (op->flags & ~OPEN_FLAGS)
        return false;
    long fd = syscall(SYS_openat2, AT_FDCWD, op->path, &how, sizeof how);
    op->result = fd < 0 ? -errno : (int)fd;
    if (fd >= 0 && (op->flags & O_ACCMODE) == O_RDONLY)
        atomic_store_explicit(hint_of((int)fd), (int)fd + 1,
                              memory_order_relaxed);
    return fd >= 0 || op->result == -ENOENT;
}

/* With O_DIRECT even what does not wait for memory waits for the disk. */
static bool may_be_direct(const struct file_op *op)
{
    uintptr_t all = (uintptr_t)op->data | op->size | (uintptr_t)op->moved;
    return all % SECTOR == 0 && fcntl(op->fd, F_GETFL) & O_DIRECT;
}

static bool read_now(struct file_op *op)
{
    if (op->size > READ_MOST || may_be_direct(op))
        return false;
    op->result = 0;
    while (op->moved < op->size) {
        struct iovec v = { op->data + op->moved, op->size - op->moved };
        off_t at = op->offset < 0 ? -1 : op->offset + (off_t)op->moved;
        ssize_t n = preadv2(op->fd, &v, 1, at, RWF_NOWAIT);
        if (n <= 0)
            return n == 0;
        op->moved += (size_t)n;
    }
    return true;
}

/* What was written may have to reach its disk or its server before the close
 * returns. Of what could only be read there is nothing. */
static bool close_now(struct file_op *op)
{
    if (!is_read_only(op->fd))
        return false;
    /* Once interrupted, a close has closed all the same: close(2). */
    op->result = close(op->fd) < 0 && errno != EINTR ? -errno : 0;
    return true;
}

bool file_now(struct file_op *op)
{
    switch (op->kind) {
    case FILE_OPEN: return open_now(op);
    case FILE_READ: return read_now(op);
    case FILE_CLOSE: return close_now(op);
    default: return false;
    }
}
