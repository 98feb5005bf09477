/*
 * Bytes and vectors, written to their end.
 */
#include "io/send.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

enum { MOST = 1 << 30 }; /* bytes of one op: results are ints */

ssize_t io_vectors_size(const struct iovec *v, int count)
{
    if (count < 0)
        return -EINVAL;
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        if (v[i].iov_len > SSIZE_MAX - size)
            return -EINVAL;
        size += v[i].iov_len;
    }
    return (ssize_t)size;
}

void io_vectors_advance(struct io_vectors *v, size_t n)
{
    n += v->within;
    while (v->count > 0 && n >= v->next->iov_len) {
        n -= v->next->iov_len;
        v->next++;
        v->count--;
    }
    v->within = n;
}

int io_send_bytes(struct io_call *c, enum io_send_by by, const void *data,
                  size_t size, size_t *done)
{
    size_t end = *done + size;
    int rc = 0;
    while (rc >= 0 && *done < end) {
        size_t left = end - *done;
        c->op.kind = by == IO_SEND_BY_SOCKET ? OP_SEND : OP_WRITE;
        c->op.data = (char *)data + (size - left);
        c->op.size = left < MOST ? left : MOST;
        c->op.sent = 0;
        rc = io_await(c);
        *done += rc < 0 ? c->op.sent : (size_t)rc;
    }
    return rc < 0 ? rc : 0;
}

/* As many whole ones as one op takes, of which some may go out. */
static int send_whole(struct io_call *c, enum io_send_by by,
                      const struct io_vectors *v, size_t *done)
{
    struct msghdr m = {
        .msg_iov = (struct iovec *)v->next,
        .msg_iovlen = (size_t)(v->count < IOV_MAX ? v->count : IOV_MAX),
    };
    c->op.kind = by == IO_SEND_BY_SOCKET ? OP_SENDMSG : OP_WRITEV;
    c->op.data = by == IO_SEND_BY_SOCKET ? (void *)&m : m.msg_iov;
    c->op.size = m.msg_iovlen;
    int rc = io_await(c);
    *done += rc < 0 ? 0 : (size_t)rc;
    return rc;
}

int io_send_vectors(struct io_call *c, enum io_send_by by, struct io_vectors *v,
                    size_t size, size_t *done)
{
    int rc = 0;
    while (rc >= 0 && *done < size) {
        size_t before = *done;
        io_vectors_advance(v, 0);
        if (v->within > 0)
            rc = io_send_bytes(c, by, (char *)v->next->iov_base + v->within,
                               v->next->iov_len - v->within, done);
        else
            rc = send_whole(c, by, v, done);
        io_vectors_advance(v, *done - before);
    }
    return rc < 0 ? rc : 0;
}
