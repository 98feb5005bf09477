/*
 * The connection: what comes in, what goes out, when it ends. The loop calls
 * received() and sent(); the coroutine of a handler runs serve().
 *
 * One timer serves all the timeouts, lazily: `deadline` is what counts, and
 * the timer may be armed for an earlier moment. When it fires too early it is
 * armed again, so that a busy connection moves its deadline for free.
 */
#include "http/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http/request.h"
#include "http/serve.h"

static const rota_dur drain_grace = HTTP_SECOND / 5;

static void reset_deadline(struct http_conn *c, enum conn_phase phase,
                           rota_time deadline)
{
    struct timers *timers = &c->server->loop->timers;
    c->phase = phase;
    c->deadline = deadline;
    if (c->timer_at <= deadline)
        return;
    timer_cancel(timers, &c->timer);
    c->timer_at = deadline;
    if (timer_arm(timers, &c->timer, deadline) < 0)
        conn_break(c); /* better none than one that never ends */
}

static void set_deadline(struct http_conn *c, enum conn_phase phase,
                         rota_dur timeout)
{
    reset_deadline(c, phase, rota_time_add(c->server->loop->now, timeout));
}

/* A server that ends waits but for what may be on its way. */
static void wait_idle(struct http_conn *c, rota_dur timeout)
{
    set_deadline(c, CONN_IDLE, c->server->draining ? drain_grace : timeout);
}

/* Frees the record once nothing refers to it any more. */
static void free_when_over(struct http_conn *c)
{
    if (c->phase != CONN_CLOSING || c->held || c->flush_queued || c->task ||
        c->recv.armed || c->send.armed)
        return;
    struct http_server *s = c->server;
    timer_cancel(&s->loop->timers, &c->timer);
    op_close(s->loop, c->recv.fd);
    buf_fini(&c->in);
    buf_fini(&c->out);
    buf_fini(&c->sending);
    list_remove(&c->link);
    free(c);
    http_server_forget(s);
}

static void wake(struct clause **slot, int rc)
{
    struct clause *c = *slot;
    *slot = NULL;
    if (c)
        clause_fire(c, rc);
}

void conn_break(struct http_conn *c)
{
    if (c->broken)
        return;
    c->broken = true;
    wake(&c->reader, -ECONNRESET);
    wake(&c->writer, -ECONNRESET);
    if (c->task)
        rota_task_cancel(c->task, "the client has gone");
}

static void close_now(struct http_conn *c)
{
    conn_break(c);
    c->phase = CONN_CLOSING;
    if (c->recv.armed)
        op_cancel(c->server->loop, &c->recv);
    if (c->send.armed)
        op_cancel(c->server->loop, &c->send);
    free_when_over(c);
}

void conn_abort(struct http_conn *c)
{
    struct linger hard = { .l_onoff = 1, .l_linger = 0 };
    struct loop *l = c->server->loop;
    sock_calls(l)->set(l, c->recv.fd, SOL_SOCKET, SO_LINGER, &hard,
                       sizeof hard);
    close_now(c);
}

/* Ends what the loop has called: what was written leaves, and a connection
 * that is over goes. */
static void release(struct http_conn *c)
{
    conn_send(c);
    c->held = false;
    if (c->broken && !c->task && c->phase != CONN_CLOSING)
        close_now(c);
    else
        free_when_over(c);
}

/* ------------------------------------------------------------- coming in */

static void receive(struct http_conn *c)
{
    if (c->recv.armed || c->paused || c->eof || c->broken)
        return;
    if (op_submit(c->server->loop, &c->recv) < 0)
        conn_break(c);
}

rota_str conn_input(struct http_conn *c)
{
    if (c->loan.len)
        return c->loan;
    return (rota_str){ buf_head(&c->in), buf_len(&c->in) };
}

void conn_take(struct http_conn *c, size_t n)
{
    if (c->loan.len) {
        c->loan.ptr += n;
        c->loan.len -= n;
        return;
    }
    buf_take(&c->in, n);
    if (c->paused && buf_len(&c->in) < CONN_IN_MOST / 2) {
        c->paused = false;
        receive(c);
    }
}

/* Keeps what was lent and not taken. */
static void keep_loan(struct http_conn *c)
{
    if (c->loan.len && buf_append(&c->in, c->loan.ptr, c->loan.len) < 0)
        conn_break(c);
    c->loan = (rota_str){ NULL, 0 };
    if (buf_len(&c->in) < CONN_IN_MOST || c->paused)
        return;
    c->paused = true;
    if (c->recv.armed)
        op_cancel(c->server->loop, &c->recv);
}

static void take_loan(struct http_conn *c, const struct op *op)
{
    rota_str data = { op->data, (size_t)op->result };
    if (buf_len(&c->in) == 0)
        c->loan = data;
    else if (buf_append(&c->in, data.ptr, data.len) < 0)
        conn_break(c);
}

/* Input that nobody will look at: it is read so that closing does not turn
 * into a reset that takes our last response with it (RFC 9112 9.6). */
static void discard(struct http_conn *c)
{
    rota_str input = conn_input(c);
    c->lingered += (uint32_t)input.len;
    conn_take(c, input.len);
    if (c->eof || c->lingered > c->server->options.drain_bytes)
        close_now(c);
}

static void begin_serving(struct http_conn *c)
{
    c->phase = CONN_BUSY;
    c->deadline = c->handler_deadline = ROTA_FOREVER;
    if (serve_begin(c) < 0)
        conn_break(c);
}

/* What was answered is still owed to a client that reads slowly. */
static void end_idle(struct http_conn *c)
{
    if (conn_unsent(c) > 0)
        conn_begin_close(c);
    else
        close_now(c);
}

/* Something has come, or it is known that nothing more will. */
static void handle_input(struct http_conn *c)
{
    bool some = conn_input(c).len > 0;
    switch (c->phase) {
    case CONN_IDLE:
    case CONN_HEAD:
        if (some && !c->broken)
            begin_serving(c);
        else if (c->broken)
            close_now(c);
        else if (c->eof)
            end_idle(c);
        break;
    case CONN_BODY: wake(&c->reader, 0); break;
    case CONN_LINGER: discard(c); break;
    default: break;
    }
}

static void received(struct op *op)
{
    struct http_conn *c = container_of(op, struct http_conn, recv);
    c->held = true;
    if (op->result > 0)
        take_loan(c, op);
    else if (op->result == 0)
        c->eof = true;
    else if (op->result != -ECANCELED)
        conn_break(c);
    handle_input(c);
    keep_loan(c);
    receive(c);
    release(c);
}

/* ------------------------------------------------------------- going out */

char *conn_reserve(struct http_conn *c, size_t n)
{
    if (c->broken)
        return NULL;
    if (!c->out.data)
        c->out = http_server_take_buffer(c->server);
    char *room = buf_reserve(&c->out, n);
    if (!room)
        conn_break(c);
    return room;
}

void conn_written(struct http_conn *c)
{
    if (c->held || c->flush_queued)
        return;
    c->flush_queued = true;
    loop_ready(c->server->loop, &c->flush);
}

static void flush_now(struct ready *r)
{
    struct http_conn *c = container_of(r, struct http_conn, flush);
    c->flush_queued = false;
    c->held = true;
    release(c);
}

int conn_write(struct http_conn *c, const void *bytes, size_t n)
{
    char *room = conn_reserve(c, n);
    if (!room)
        return -EPIPE;
    memcpy(room, bytes, n);
    buf_commit(&c->out, n);
    conn_written(c);
    return 0;
}

/* All is sent: buffers go back, and a connection that was to be closed says
 * so to the client and waits for it to close too. */
static void all_sent(struct http_conn *c)
{
    http_server_give_buffer(c->server, &c->sending);
    if (c->task || !c->last || c->phase != CONN_WRITE)
        return;
    struct loop *l = c->server->loop;
    if (sock_calls(l)->shutdown(l, c->recv.fd, SHUT_WR) < 0 || c->eof) {
        close_now(c);
        return;
    }
    c->paused = false;
    set_deadline(c, CONN_LINGER, c->server->options.linger_timeout);
    discard(c);
    if (c->phase == CONN_LINGER)
        receive(c);
}

/* Whether the client has taken anything since this was asked last. A send may
 * take as long as it likes: it ends only when all of it is in the kernel, which
 * in turn says that it has room again when much of it is empty. */
static bool has_taken(struct http_conn *c)
{
    struct loop *l = c->server->loop;
    int64_t before = c->confirmed;
    c->confirmed = sock_calls(l)->confirmed(l, c->recv.fd);
    return c->confirmed > before;
}

/* From now on the client has the time of write_timeout to take something. */
static rota_time write_deadline(struct http_conn *c)
{
    has_taken(c);
    return rota_time_add(rota_now(), c->server->options.write_timeout);
}

/* One send has ended; false when it was the last that can be. */
static bool account(struct http_conn *c)
{
    if (c->send.result < 0) {
        conn_break(c);
        return false;
    }
    buf_take(&c->sending, (size_t)c->send.result);
    if (c->phase == CONN_WRITE)
        reset_deadline(c, CONN_WRITE, write_deadline(c));
    else if (c->phase == CONN_IDLE)
        wait_idle(c, c->server->options.idle_timeout);
    if (conn_unsent(c) <= CONN_OUT_MOST / 2)
        wake(&c->writer, 0);
    return true;
}

void conn_send(struct http_conn *c)
{
    while (!c->send.armed && !c->broken && conn_unsent(c) > 0) {
        if (buf_len(&c->sending) == 0) {
            struct buf empty = c->sending;
            c->sending = c->out;
            c->out = empty;
        }
        size_t n = buf_len(&c->sending);
        c->send.data = buf_head(&c->sending);
        c->send.size = n < CONN_OUT_MOST ? n : CONN_OUT_MOST;
        int rc = op_submit(c->server->loop, &c->send);
        if (rc < 0)
            c->send.result = rc;
        if (rc == 0 || !account(c))
            return;
    }
    if (!c->send.armed && !c->broken && conn_unsent(c) == 0)
        all_sent(c);
}

static void sent(struct op *op)
{
    struct http_conn *c = container_of(op, struct http_conn, send);
    c->held = true;
    account(c);
    release(c);
}

/* -------------------------------------------------------- what handlers do */

/* A wait of the handler's task; the slot forgets it when it is cancelled. */
struct conn_wait {
    struct clause clause;
    struct clause **slot;
};

static bool forget(struct clause *clause)
{
    *container_of(clause, struct conn_wait, clause)->slot = NULL;
    return true;
}

static const struct wait_kind conn_wait = { "http connection", forget, NULL };

/* Waits for the client. That is not the handler's time: its deadline moves. */
static int park(struct http_conn *c, struct clause **slot,
                enum conn_phase phase, rota_time until)
{
    rota_time since = rota_now();
    struct rota_task *t;
    int rc = wait_begin(&t);
    if (rc < 0)
        return rc;
    struct conn_wait w = { .slot = slot };
    clause_init(&w.clause, &conn_wait, c);
    *slot = &w.clause;
    conn_written(c);
    reset_deadline(c, phase, until);
    rc = wait_park(t, &w.clause, 1);
    c->handler_deadline =
        rota_time_add(c->handler_deadline, rota_now() - since);
    if (c->phase == phase)
        reset_deadline(c, CONN_BUSY, c->handler_deadline);
    return rc;
}

void conn_set_handler_deadline(struct http_conn *c, rota_time when)
{
    c->handler_deadline = when;
    if (c->phase == CONN_BUSY)
        reset_deadline(c, CONN_BUSY, when);
}

int conn_wait_input(struct http_conn *c, rota_time until)
{
    if (c->broken)
        return -ECONNRESET;
    if (c->eof)
        return -ENODATA;
    return park(c, &c->reader, CONN_BODY, until);
}

int conn_wait_room(struct http_conn *c)
{
    int rc = 0;
    while (rc == 0 && !c->broken && conn_unsent(c) > CONN_OUT_MOST)
        rc = park(c, &c->writer, CONN_WRITE, write_deadline(c));
    return rc == 0 && c->broken ? -ECONNRESET : rc;
}

/* ------------------------------------------------------------- its phases */

void conn_begin_close(struct http_conn *c)
{
    c->last = true;
    reset_deadline(c, CONN_WRITE, write_deadline(c));
    conn_written(c);
}

/* Between requests, or in the middle of a head. */
static void wait_for_head(struct http_conn *c)
{
    const struct http_options *o = &c->server->options;
    if (conn_input(c).len == 0) {
        buf_fini(&c->in);
        wait_idle(c, o->idle_timeout);
        return;
    }
    if (c->head_since == 0)
        c->head_since = c->server->loop->now;
    reset_deadline(c, CONN_HEAD, rota_time_add(c->head_since, o->head_timeout));
}

void conn_served(struct http_conn *c)
{
    c->task = NULL;
    if (c->broken) {
        close_now(c);
        return;
    }
    if (c->eof && !c->last)
        conn_begin_close(c);
    else if (!c->last)
        wait_for_head(c);
    if (c->held)
        return;
    c->held = true;
    release(c);
}

static void time_out_handler(struct http_conn *c)
{
    c->timed_out = true;
    c->deadline = c->handler_deadline = ROTA_FOREVER;
    if (c->task)
        rota_task_cancel(c->task, "the handler's deadline");
}

/* Nothing came for long; but a client that is still taking its answer is not
 * idle. */
static void time_out_idle(struct http_conn *c)
{
    if (conn_unsent(c) > 0 && !c->server->draining && has_taken(c))
        wait_idle(c, c->server->options.idle_timeout);
    else
        end_idle(c);
}

static void time_out_write(struct http_conn *c)
{
    if (has_taken(c))
        set_deadline(c, CONN_WRITE, c->server->options.write_timeout);
    else
        conn_abort(c);
}

static void time_out(struct http_conn *c)
{
    switch (c->phase) {
    case CONN_BUSY: time_out_handler(c); break;
    case CONN_HEAD: refuse(c, 408, false); break;
    case CONN_BODY: wake(&c->reader, -ETIMEDOUT); break;
    case CONN_WRITE: time_out_write(c); break;
    case CONN_IDLE: time_out_idle(c); break;
    case CONN_LINGER: close_now(c); break;
    default: break;
    }
}

static void fire(struct timer *timer)
{
    struct http_conn *c = container_of(timer, struct http_conn, timer);
    struct loop *l = c->server->loop;
    c->timer_at = ROTA_FOREVER;
    c->held = true;
    if (l->now >= c->deadline)
        time_out(c);
    else
        reset_deadline(c, c->phase, c->deadline);
    release(c);
}

void conn_drain(struct http_conn *c)
{
    rota_time soon = c->server->loop->now + drain_grace;
    if (c->phase == CONN_IDLE && c->deadline > soon)
        reset_deadline(c, CONN_IDLE, soon);
}

int conn_new(struct http_server *s, int fd)
{
    struct http_conn *c = calloc(1, sizeof *c);
    if (!c) {
        op_close(s->loop, fd);
        return -ENOMEM;
    }
    c->server = s;
    c->recv = (struct op){ .kind = OP_STREAM, .fd = fd, .done = received };
    c->send = (struct op){ .kind = OP_SEND, .fd = fd, .done = sent };
    c->flush.run = flush_now;
    c->timer.fire = fire;
    c->timer_at = c->deadline = c->handler_deadline = ROTA_FOREVER;
    c->born = s->loop->now;
    list_push(&s->connections, &c->link);
    s->count++;
    wait_idle(c, s->options.head_timeout);
    receive(c);
    if (c->broken)
        close_now(c);
    return 0;
}
