/*
 * Passing on what one stream receives to another. Between sockets that is done
 * where it arrives: what the loop has received into its own memory is offered
 * to the other socket at once, and the task sleeps on. Only what that has no
 * room for is kept, in the buffer of the stream it was read from; the task is
 * woken and sends it, and nothing more is received before that is out. So a
 * copy that waits holds no memory, and however it ends, what was received and
 * is not sent can still be read.
 *
 * Between other kinds of streams the task does it all, by way of that buffer,
 * which it holds only while there is something in it.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "io/stream.h"

struct copy {
    struct rota_stream *from, *to;
    struct io_call in, out; /* of `from` and of `to` */
    size_t sent;
    bool full; /* what was received could not be passed on to its end */
};

/* One of the streams is being closed. */
static void leave(struct copy *k)
{
    io_leave(k->in.op.armed ? &k->in : &k->out);
}

static void leave_from(struct fd_use *u)
{
    leave(container_of(u, struct copy, in.use));
}

static void leave_to(struct fd_use *u)
{
    leave(container_of(u, struct copy, out.use));
}

static int begin(struct copy *k)
{
    int rc = stream_begin_reading(k->from, &k->in);
    if (rc < 0)
        return rc;
    rc = stream_begin_writing(k->to, &k->out);
    if (rc < 0)
        return stream_end_reading(k->from, &k->in, rc);
    k->in.use.leave = leave_from;
    k->out.use.leave = leave_to;
    return 0;
}

/* Of two uses and one call. */
static int end(struct copy *k, int rc)
{
    if (rc == -ECANCELED && (k->in.use.closing || k->out.use.closing))
        rc = -EBADF;
    k->from->reading = k->to->writing = false;
    fd_use_end(&k->in.use);
    return io_end(&k->out, rc);
}

/* Sends on the spot what goes, and keeps the rest. */
static void pass_on(struct copy *k, const char *data, size_t size)
{
    size_t sent = 0;
    int rc = k->to->kind->send_now(k->to, data, size, &sent);
    k->sent += sent;
    if (rc == 0)
        return;
    k->full = true;
    if (rc != -EAGAIN && !stream_is_of_call(rc))
        k->to->write_error = rc;
    /* Bytes that are gone make it a stream that nothing more can be read of. */
    if (buf_append(&k->from->in, data + sent, size - sent) < 0)
        k->from->read_error = -ENOMEM;
}

/* Something has arrived, while the task sleeps. */
static void received(struct op *op)
{
    struct copy *k = container_of(op, struct copy, in.op);
    bool left = op->result == -ECANCELED;
    if (op->result > 0)
        pass_on(k, op->data, (size_t)op->result);
    else if (!left)
        stream_note_received(k->from, op->result);
    if (op->armed && (!k->full || op_cancel(loop_current(), op) == 0))
        return; /* it goes on, or its last word is still to come */
    clause_fire(&k->in.clause, left && !k->full ? -ECANCELED : 0);
}

/* Until there is something that could not be passed on, or no more to come. */
static int receive_and_send(struct copy *k)
{
    k->in.op.kind = OP_STREAM;
    k->in.op.in_step = true;
    k->in.op.done = received;
    k->out.resumed = true;
    return io_await(&k->in);
}

/* The same for what is no socket: it is kept, whatever it is. */
static int receive_and_keep(struct copy *k)
{
    struct rota_stream *s = k->from;
    int rc = s->kind->await ? s->kind->await(s, &k->in)
                            : io_await_events(&k->in, POLLIN);
    k->out.resumed = true;
    return rc < 0 ? rc : stream_fill(s, &k->in);
}

/* Sends what was kept. */
static int send_rest(struct copy *k)
{
    struct buf *rest = &k->from->in;
    size_t len = buf_len(rest), done = 0;
    k->full = false;
    int rc = k->to->kind->send(k->to, &k->out, len ? buf_head(rest) : "", len,
                               &done);
    buf_take(rest, done);
    k->sent += done;
    if (buf_len(rest) == 0)
        buf_fini(rest);
    k->in.resumed = true;
    if (rc < 0 && !stream_is_of_call(rc))
        k->to->write_error = rc;
    return rc;
}

/* Until all is passed on: 0 or an error. */
static int copy_all(struct copy *k)
{
    struct rota_stream *from = k->from, *to = k->to;
    int rc = 0;
    while (rc >= 0) {
        if (to->write_error)
            return to->write_error;
        if (k->in.use.closing || k->out.use.closing)
            return -EBADF;
        if (k->full || buf_len(&from->in) > 0)
            rc = send_rest(k);
        else if (from->read_error || from->ended)
            return from->read_error;
        else if (from->kind->is_socket && to->kind->send_now)
            rc = receive_and_send(k);
        else
            rc = receive_and_keep(k);
    }
    return rc;
}

int rota_stream_copy(rota_stream *to, rota_stream *from, size_t *done)
{
    struct copy *k = calloc(1, sizeof *k);
    if (!k)
        return -ENOMEM;
    k->from = from;
    k->to = to;
    int rc = begin(k);
    if (rc == 0)
        rc = end(k, copy_all(k));
    if (done)
        *done = k->sent;
    free(k);
    return rc;
}
