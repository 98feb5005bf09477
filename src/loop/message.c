/*
 * The system calls on datagrams. None of them waits, whatever the mode of the
 * descriptor: it may be shared with other processes.
 */
#include "loop/message.h"

#include <errno.h>

static int receive(const struct op *op)
{
    ssize_t n;
    do
        n = recvmsg(op->fd, op->data, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (int)n;
}

/* Plain data need no header, which the kernel would have to read. */
static ssize_t send_message(int fd, const struct msghdr *m, int flags)
{
    if (m->msg_iovlen != 1 || m->msg_controllen > 0)
        return sendmsg(fd, m, flags);
    return sendto(fd, m->msg_iov->iov_base, m->msg_iov->iov_len, flags,
                  m->msg_name, m->msg_namelen);
}

static int send_one(const struct op *op)
{
    ssize_t n;
    do
        n = send_message(op->fd, op->data, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (int)n;
}

/* An error after the first datagram the kernel keeps for the next call. */
static int receive_batch(const struct op *op)
{
    int n;
    do
        n = recvmmsg(op->fd, op->data, (unsigned)op->size, MSG_DONTWAIT, NULL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int send_batch(struct op *op)
{
    struct mmsghdr *all = op->data;
    while (op->sent < op->size) {
        int n =
            sendmmsg(op->fd, all + op->sent, (unsigned)(op->size - op->sent),
                     MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            op->sent += (size_t)n;
        else if (n == 0)
            return -EIO;
        else if (errno != EINTR)
            return -errno;
    }
    return (int)op->size;
}

int message_try(struct op *op)
{
    switch (op->kind) {
    case OP_RECVMSG: return receive(op);
    case OP_SENDMSG: return send_one(op);
    case OP_RECVMMSG: return receive_batch(op);
    default: return send_batch(op);
    }
}
