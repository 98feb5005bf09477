/*
 * Ops as their users see them: what is wrong whatever happens is caught here,
 * the rest is the backend's.
 */
#include "loop/op.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "base/misuse.h"
#include "loop/backend.h"
#include "loop/loop.h"

bool op_sends(const struct op *op)
{
    switch (op->kind) {
    case OP_SEND:
    case OP_WRITE:
    case OP_WRITEV:
    case OP_SENDMSG:
    case OP_SENDMMSG:
    case OP_CONNECT: return true;
    case OP_POLL: return op->events & POLLOUT;
    default: return false;
    }
}

bool op_receives(const struct op *op)
{
    return op->kind == OP_POLL ? op->events != POLLOUT : !op_sends(op);
}

static bool has_length(enum op_kind kind)
{
    return kind == OP_RECV || kind == OP_SEND || kind == OP_READ ||
           kind == OP_WRITE || kind == OP_RECVMMSG || kind == OP_SENDMMSG;
}

int op_submit(struct loop *l, struct op *op)
{
    if (op->armed)
        return misuse(-EALREADY,
                      "an operation on descriptor %d is submitted while it "
                      "is under way",
                      op->fd);
    if (op->fd < 0)
        return -EBADF;
    op->generation++;
    op->private = 0;
    op->result = 0;
    op->sent = 0;
    if (has_length(op->kind)) {
        if (op->size > INT_MAX)
            return -EINVAL; /* the result could not be told */
        if (op->size == 0)
            return 1;
    }
    return l->backend->submit(l, l->backend_state, op);
}

int op_cancel(struct loop *l, struct op *op)
{
    if (!op->armed)
        return misuse(-EINVAL,
                      "an operation on descriptor %d is cancelled while it "
                      "is not under way",
                      op->fd);
    return l->backend->cancel(l, l->backend_state, op);
}

int op_receive_now(struct loop *l, int fd, void *data, size_t size)
{
    if (l->backend->receive)
        return l->backend->receive(l->backend_state, fd, data, size);
    return sock_calls(l)->receive(l, fd, data, size);
}

int op_poll_now(struct loop *l, int fd, short events)
{
    return sock_calls(l)->poll(l, fd, events);
}

int op_forget(struct loop *l, int fd)
{
    if (l->backend->forget(l, l->backend_state, fd) < 0)
        return misuse(-EBUSY,
                      "descriptor %d is closed while an operation on it is "
                      "under way",
                      fd);
    return 0;
}

int op_close(struct loop *l, int fd)
{
    int rc = fd < 0 ? -EBADF : op_forget(l, fd);
    if (rc < 0)
        return rc;
    return sock_calls(l)->close(l, fd);
}

bool op_is_of_connection(int rc)
{
    switch (-rc) {
    case ECONNABORTED:
    case EINTR:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH: return true;
    default: return false;
    }
}
