/*
 * A pipe said to be writable takes PIPE_BUF bytes without blocking: it is
 * written to in pieces of that size.
 */
#include "loop/plain.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "loop/sock.h"

static void learn_mode(struct fd_slot *slot, int fd)
{
    int mode = fcntl(fd, F_GETFL);
    struct stat st;
    bool blocks = mode >= 0 && !(mode & O_NONBLOCK);
    bool known = blocks && fstat(fd, &st) == 0;
    slot->socket = known && S_ISSOCK(st.st_mode);
    blocks = blocks && !slot->socket;
    /* One that cannot be read is never readable, and says so at once. */
    slot->in_blocks = blocks && (mode & O_ACCMODE) != O_WRONLY;
    slot->out_blocks = blocks && (mode & O_ACCMODE) != O_RDONLY;
    slot->mode_known = true;
}

static bool would_block(struct fd_slot *slot, const struct op *op)
{
    if (!slot->mode_known)
        learn_mode(slot, op->fd);
    bool sends = op_sends(op);
    bool blocks = sends ? slot->out_blocks : slot->in_blocks;
    return blocks && sock_poll(op->fd, sends ? POLLOUT : POLLIN) == 0;
}

static ssize_t read_some(const struct fd_slot *slot, const struct op *op)
{
    struct iovec one = { op->data, op->size };
    bool many = op->kind == OP_READV;
    struct msghdr m = { .msg_iov = many ? op->data : &one,
                        .msg_iovlen = many ? op->size : 1 };
    if (slot->socket)
        return recvmsg(op->fd, &m, MSG_DONTWAIT);
    return readv(op->fd, m.msg_iov, (int)m.msg_iovlen);
}

/* The first vector alone where more could block. */
static ssize_t write_vectors(const struct fd_slot *slot, const struct op *op)
{
    struct iovec *first = op->data;
    struct msghdr m = { .msg_iov = first, .msg_iovlen = op->size };
    if (slot->socket)
        return sendmsg(op->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (!slot->out_blocks)
        return writev(op->fd, first, (int)op->size);
    return write(op->fd, first->iov_base,
                 first->iov_len < PIPE_BUF ? first->iov_len : PIPE_BUF);
}

static ssize_t write_bytes(const struct fd_slot *slot, const struct op *op)
{
    const char *data = (const char *)op->data + op->sent;
    size_t left = op->size - op->sent;
    if (slot->socket)
        return send(op->fd, data, left, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (slot->out_blocks && left > PIPE_BUF)
        left = PIPE_BUF;
    return write(op->fd, data, left);
}

/* One call: bytes, or a negative errno. */
static int try_call(struct fd_slot *slot, const struct op *op)
{
    ssize_t n;
    if (would_block(slot, op))
        return -EAGAIN;
    do
        n = op->kind == OP_WRITE    ? write_bytes(slot, op)
            : op->kind == OP_WRITEV ? write_vectors(slot, op)
                                    : read_some(slot, op);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return n == 0 && op_sends(op) ? -EIO : (int)n;
}

int plain_try(struct fd_slot *slot, struct op *op)
{
    if (op->kind != OP_WRITE)
        return try_call(slot, op);
    while (op->sent < op->size) {
        int n = try_call(slot, op);
        if (n < 0)
            return n;
        op->sent += (size_t)n;
    }
    return (int)op->size;
}
