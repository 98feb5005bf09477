/*
 * The loop's operations on simulated sockets. They end as soon as they can;
 * but whether that is on the spot or in the next turn, whether a cancellation
 * is done at once or told later, and whether a result that is there has been
 * seen before the cancellation, is for the seed to say. So a scenario meets
 * the manners of both real backends.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "loop/loop.h"
#include "loop/sim_net.h"

enum { WAIT = INT_MIN }; /* no result yet */

/* What stands in op->private. */
enum stage {
    WAITING,
    DECIDED,   /* its result is there, and will be told in the next turn */
    CANCELLED, /* that will be told in the next turn */
};

void sim_touch(struct sim_socket *k)
{
    if (list_empty(&k->touched))
        list_push(&k->sim->touched, &k->touched);
}

/* The error of the connection, which is told once. */
static int take_error(struct sim_socket *k)
{
    int error = k->error;
    k->error = 0;
    return -error;
}

/* As much of `size` as is done at once. */
static size_t some_of(struct sim_socket *k, size_t size)
{
    struct sim *s = k->sim;
    if (!s->net.short_io || size < 2)
        return size;
    return 1 + (size_t)loop_random(s->loop, size);
}

static int try_receive(struct sim_socket *k, void *data, size_t size)
{
    if (k->state != SIM_CONNECTED)
        return k->state == SIM_CONNECTING ? WAIT : -ENOTCONN;
    size_t n = buf_len(&k->arrived) < size ? buf_len(&k->arrived) : size;
    if (n == 0 && k->error)
        return take_error(k);
    if (n == 0)
        return k->ended || k->dead || k->shut ? 0 : WAIT;
    n = some_of(k, n);
    memcpy(data, buf_head(&k->arrived), n);
    buf_take(&k->arrived, n);
    if (k->peer)
        sim_touch(k->peer); /* it has room again */
    return (int)n;
}

/* As much of it as there is room for. */
static int try_send(struct sim_socket *k, const void *data, size_t size)
{
    if (k->state != SIM_CONNECTED)
        return k->state == SIM_CONNECTING ? WAIT : -ENOTCONN;
    if (k->error)
        return take_error(k);
    if (k->dead || k->finished)
        return -EPIPE;
    size_t room = sim_room(k), n = some_of(k, size < room ? size : room);
    if (n == 0)
        return WAIT;
    int rc = sim_send(k, data, n);
    return rc < 0 ? rc : (int)n;
}

static int try_send_all(struct sim_socket *k, struct op *op)
{
    const char *rest = (const char *)op->data + op->sent;
    int rc = try_send(k, rest, op->size - op->sent);
    if (rc < 0)
        return rc;
    op->sent += (size_t)rc;
    if (op->sent == op->size)
        return (int)op->size;
    sim_touch(k); /* the rest in another turn */
    return WAIT;
}

/* Vector by vector, until one is not filled or sent whole. */
static int try_vectors(struct sim_socket *k, const struct op *op)
{
    const struct msghdr *m = op->kind == OP_SENDMSG ? op->data : NULL;
    const struct iovec *v = m ? m->msg_iov : op->data;
    size_t total = 0, count = m ? m->msg_iovlen : op->size;
    for (size_t i = 0; i < count; i++) {
        size_t len = v[i].iov_len;
        bool in = op->kind == OP_READV;
        /* Neither the end nor an error is told beside bytes. */
        if (len == 0 || (in && total > 0 && buf_len(&k->arrived) == 0))
            continue;
        int rc = in ? try_receive(k, v[i].iov_base, len)
                    : try_send(k, v[i].iov_base, len);
        if (rc < 0)
            return total > 0 ? (int)total : rc;
        total += (size_t)rc;
        if ((size_t)rc < len)
            break;
    }
    return (int)total;
}

int sim_receive_now(struct sim_socket *k, void *data, size_t size)
{
    int rc = try_receive(k, data, size);
    return rc == WAIT ? -EAGAIN : rc;
}

int sim_send_now(struct sim_socket *k, const void *data, size_t size)
{
    int rc = try_send(k, data, size);
    return rc == WAIT ? -EAGAIN : rc;
}

static int try_connect(struct sim_socket *k, struct op *op)
{
    union sim_address to;
    int rc = 0;
    if (k->datagram)
        return sim_take_address(&to, op->data, op->size)
                   ? sim_datagram_connect(k, &to)
                   : -EINVAL;
    if (k->state == SIM_NEW)
        rc = sim_take_address(&to, op->data, op->size) ? sim_connect(k, &to)
                                                       : -EINVAL;
    if (rc < 0)
        return rc;
    if (k->state == SIM_CONNECTED)
        return k->error ? take_error(k) : 0;
    if (k->refusal == 0 || k->attempt.place)
        return WAIT;
    k->state = SIM_NEW;
    return -k->refusal;
}

static int try_accept(struct sim_socket *k)
{
    int fd = sim_sock_calls.accept(k->sim->loop, k->fd, NULL, NULL);
    return fd == -EAGAIN ? WAIT : fd;
}

static short events_of(const struct sim_socket *k)
{
    short events = 0;
    if (k->state == SIM_LISTENING)
        return !list_empty(&k->backlog) || k->deaf ? POLLIN : 0;
    if (k->datagram)
        return (short)((list_empty(&k->letters) ? 0 : POLLIN) |
                       (k->error ? POLLIN | POLLERR : 0) | POLLOUT);
    if (k->state == SIM_NEW)
        return POLLOUT | POLLHUP; /* so the kernel says */
    if (k->state == SIM_CONNECTING)
        return k->refusal && !k->attempt.place ? POLLOUT | POLLERR | POLLHUP
                                               : 0;
    if (buf_len(&k->arrived) > 0 || k->ended || k->dead || k->shut)
        events |= POLLIN;
    if (k->ended || k->dead || k->shut)
        events |= POLLRDHUP;
    if (k->dead || k->finished || sim_room(k) > 0)
        events |= POLLOUT;
    if (k->dead || (k->ended && k->finished))
        events |= POLLHUP;
    return k->error ? events | POLLERR : events;
}

int sim_events(const struct sim_socket *k, short asked)
{
    return events_of(k) & (asked | POLLERR | POLLHUP);
}

static int try_poll(const struct sim_socket *k, const struct op *op)
{
    int events = sim_events(k, op->events);
    return events ? events : WAIT;
}

static int try_stream(struct sim_socket *k, struct op *op)
{
    struct sim *s = k->sim;
    if (!s->scratch && !(s->scratch = malloc(SIM_SCRATCH)))
        return -ENOMEM;
    op->data = s->scratch;
    op->size = SIM_SCRATCH;
    return try_receive(k, op->data, op->size);
}

/* As many as there are; sometimes fewer are seen. */
static int receive_batch(struct sim_socket *k, struct mmsghdr *m, size_t count)
{
    size_t n = 0;
    for (int rc = 0; n < count; n++) {
        if (n > 0 && k->sim->net.short_io && sim_whim(k->sim))
            break;
        /* An error behind datagrams is for the next call. */
        if (n > 0 && list_empty(&k->letters))
            break;
        rc = sim_datagram_receive(k, &m[n].msg_hdr);
        if (rc < 0)
            return rc;
        m[n].msg_len = (unsigned)rc;
    }
    return (int)n;
}

static int send_batch(struct sim_socket *k, struct op *op)
{
    struct mmsghdr *m = op->data;
    for (; op->sent < op->size; op->sent++) {
        int rc = sim_datagram_send(k, &m[op->sent].msg_hdr);
        if (rc < 0)
            return rc;
        m[op->sent].msg_len = (unsigned)rc;
    }
    return (int)op->size;
}

static int on_datagrams(struct sim_socket *k, struct op *op)
{
    struct iovec one = { op->data, op->size };
    bool many = op->kind == OP_READV || op->kind == OP_WRITEV;
    struct msghdr plain = { .msg_iov = many ? op->data : &one,
                            .msg_iovlen = many ? op->size : 1 };
    switch (op->kind) {
    case OP_RECVMSG: return sim_datagram_receive(k, op->data);
    case OP_RECVMMSG: return receive_batch(k, op->data, op->size);
    case OP_SENDMSG: return sim_datagram_send(k, op->data);
    case OP_SENDMMSG: return send_batch(k, op);
    case OP_RECV:
    case OP_READ:
    case OP_READV: return sim_datagram_receive(k, &plain);
    case OP_SEND:
    case OP_WRITE:
    case OP_WRITEV: return sim_datagram_send(k, &plain);
    default: return -EOPNOTSUPP;
    }
}

static int try(struct sim_socket *k, struct op *op)
{
    if (k->datagram && op->kind != OP_CONNECT && op->kind != OP_POLL) {
        int rc = on_datagrams(k, op);
        return rc == -EAGAIN ? WAIT : rc;
    }
    switch (op->kind) {
    case OP_ACCEPT: return try_accept(k);
    case OP_STREAM: return try_stream(k, op);
    case OP_RECV:
    case OP_READ: return try_receive(k, op->data, op->size);
    case OP_SEND:
    case OP_WRITE: return try_send_all(k, op);
    case OP_READV:
    case OP_SENDMSG:
    case OP_WRITEV: return try_vectors(k, op);
    case OP_CONNECT: return try_connect(k, op);
    case OP_POLL: return try_poll(k, op);
    default: return -EOPNOTSUPP;
    }
}

static bool repeats(const struct op *op)
{
    return op->kind == OP_ACCEPT || op->kind == OP_STREAM;
}

/* ------------------------------------------------- armed, and no more so */

static void disarm(struct sim_socket *k, struct op *op)
{
    if (k->in == op)
        k->in = NULL;
    if (k->out == op)
        k->out = NULL;
    op->armed = false;
}

static void finish(struct sim_socket *k, struct op *op, int result)
{
    sim_note(k->sim, (uint64_t)op->kind << 32 | (uint32_t)result);
    disarm(k, op);
    op->result = result;
    op->done(op);
}

/* A repeating op gives one result and goes on. */
static void serve_repeating(struct sim_socket *k, struct op *op)
{
    int rc = try(k, op);
    if (rc == WAIT)
        return;
    if (rc < 0 || (op->kind == OP_STREAM && rc == 0)) {
        finish(k, op, rc);
        return;
    }
    sim_touch(k); /* there may be more */
    sim_note(k->sim, (uint64_t)op->kind << 32 | (uint32_t)rc);
    op->result = rc;
    op->done(op);
}

static void serve_once(struct sim_socket *k, struct op *op)
{
    int rc = try(k, op);
    if (rc == WAIT)
        return;
    if (sim_whim(k->sim)) {
        op->private = DECIDED;
        op->result = rc;
        sim_touch(k);
    } else {
        finish(k, op, rc);
    }
}

static void serve_op(struct sim_socket *k, struct op *op)
{
    if (op->private == CANCELLED)
        finish(k, op, -ECANCELED);
    else if (op->private == DECIDED)
        finish(k, op, op->result);
    else if (repeats(op))
        serve_repeating(k, op);
    else
        serve_once(k, op);
}

void sim_serve(struct sim *s)
{
    struct list batch, *link;
    list_init(&batch);
    list_splice(&batch, &s->touched);
    while ((link = list_pop(&batch))) {
        struct sim_socket *k = container_of(link, struct sim_socket, touched);
        k->pins++; /* what is told may close it */
        if (k->in)
            serve_op(k, k->in);
        if (k->out)
            serve_op(k, k->out);
        if (--k->pins == 0 && k->doomed)
            sim_socket_free(k);
    }
}

int sim_submit(struct loop *l, void *state, struct op *op)
{
    (void)l;
    struct sim *s = state;
    struct sim_socket *k = sim_socket(s, op->fd);
    if (!k)
        return op->fd >= SIM_FIRST ? -EBADF : -EOPNOTSUPP;
    if ((op_receives(op) && k->in) || (op_sends(op) && k->out))
        return -EBUSY;
    op->private = WAITING;
    bool at_once = !repeats(op) && !sim_whim(s);
    int rc = at_once ? try(k, op) : WAIT;
    if (rc != WAIT) {
        sim_note(s, (uint64_t)op->kind << 32 | (uint32_t)rc);
        op->result = rc;
        return 1;
    }
    if (op_receives(op))
        k->in = op;
    if (op_sends(op))
        k->out = op;
    op->armed = true;
    if (!at_once)
        sim_touch(k);
    return 0;
}

int sim_cancel(struct loop *l, void *state, struct op *op)
{
    (void)l;
    struct sim *s = state;
    struct sim_socket *k = sim_socket(s, op->fd);
    if (op->private != WAITING)
        return 0;
    if (sim_whim(s)) {
        op->private = CANCELLED;
        sim_touch(k);
        return 0;
    }
    disarm(k, op);
    op->result = -ECANCELED;
    return 1;
}

int sim_forget(struct loop *l, void *state, int fd)
{
    (void)l;
    const struct sim_socket *k = sim_socket(state, fd);
    return k && (k->in || k->out) ? -EBUSY : 0;
}

void sim_each_op(void *state, void (*fn)(const struct op *op, void *arg),
                 void *arg)
{
    const struct sim *s = state;
    list_each (it, &s->sockets) {
        struct sim_socket *k = container_of(it, struct sim_socket, link);
        if (k->in)
            fn(k->in, arg);
        if (k->out && k->out != k->in)
            fn(k->out, arg);
    }
}

int sim_reset_fd(struct sim *s, int fd)
{
    struct sim_socket *k = sim_socket(s, fd);
    if (!k)
        return -EBADF;
    if (k->state != SIM_CONNECTED || k->dead || k->datagram)
        return -ENOTCONN;
    sim_reset(k);
    return 0;
}
