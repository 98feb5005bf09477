/*
 * A connection: a small record the loop drives. Bytes come in and are looked
 * at where they are; a coroutine exists only from a request's first sign until
 * its answer, and serves all the requests that came together, so that their
 * responses leave in one write. Between requests the record is all there is.
 */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "http/server.h"
#include "loop/op.h"
#include "loop/timer.h"
#include "task/task.h"

enum conn_phase {
    CONN_IDLE,    /* between requests */
    CONN_HEAD,    /* a head has begun and is not complete */
    CONN_BUSY,    /* a handler runs */
    CONN_BODY,    /* a handler waits for its request's body */
    CONN_WRITE,   /* a handler, or the end, waits for the client to read */
    CONN_LINGER,  /* our last word is out; waiting for the client to close */
    CONN_CLOSING, /* ends as soon as nothing is in flight */
};

struct http_conn {
    struct http_server *server;
    struct list link; /* among the server's connections */

    /* Coming in. */
    struct op recv;
    rota_str loan;  /* not yet taken, in the loop's buffer: in received() */
    struct buf in;  /* not yet taken and kept; empty while there is a loan */
    size_t scanned; /* of it: how far the parser has looked */

    /* Going out. */
    struct op send;
    struct buf out;     /* written, not yet handed to the kernel */
    struct buf sending; /* the kernel has it */
    struct ready flush; /* sends what was written, in the next turn */
    int64_t confirmed;  /* bytes the client had taken when last looked */

    struct timer timer; /* fires at `deadline`, or earlier: see conn.c */
    rota_time timer_at; /* when; ROTA_FOREVER: it is not armed */
    rota_time deadline;
    rota_time head_since; /* when the head's first byte came; 0: none has */
    rota_time handler_deadline; /* of the running handler */
    rota_time born;

    struct rota_task *task; /* that runs a handler; NULL */
    struct clause *reader;  /* it waits for input */
    struct clause *writer;  /* it waits for room */

    uint32_t requests; /* begun so far */
    uint32_t lingered; /* bytes thrown away since our last word */
    uint8_t phase;     /* enum conn_phase */
    bool held : 1;     /* the loop's call is at work on it, and will flush */
    bool flush_queued : 1;
    bool paused : 1;    /* receiving is, the client is ahead */
    bool eof : 1;       /* the client has ended its side */
    bool broken : 1;    /* nothing can be sent or received any more */
    bool last : 1;      /* close when what was answered is out */
    bool timed_out : 1; /* the handler was cancelled by its deadline */
};

enum {
    CONN_IN_MOST = 64 * 1024,  /* kept input before the client must wait */
    CONN_OUT_MOST = 64 * 1024, /* unsent output before a handler must wait */
    CONN_ARENA = 1024,         /* of a request, on its coroutine's stack */
};

/* A new connection on socket `fd`, which it owns: 0 or -ENOMEM (closed). */
int conn_new(struct http_server *s, int fd);

/* Appends to the output: 0; -EPIPE when nothing can be sent; -ENOMEM (the
 * connection is then broken). */
int conn_write(struct http_conn *c, const void *bytes, size_t n);

/* Room for `n` bytes of output, to be committed by buf_commit(&c->out); NULL
 * as conn_write fails. */
char *conn_reserve(struct http_conn *c, size_t n);

/* Output was committed: it will be sent, with what follows in this turn. */
void conn_written(struct http_conn *c);

/* Hands the output to the kernel, as far as it is not busy with more. */
void conn_send(struct http_conn *c);

/* Output that has not left yet, bytes. */
static inline size_t conn_unsent(const struct http_conn *c)
{
    return buf_len(&c->out) + buf_len(&c->sending);
}

/* Waits until the client has taken enough for more to be written. */
int conn_wait_room(struct http_conn *c) ROTA_MUST;

/* Sets by when the running handler must be done. */
void conn_set_handler_deadline(struct http_conn *c, rota_time when);

/* The bytes that have come and were not taken; valid until the next
 * suspension. */
rota_str conn_input(struct http_conn *c);

/* Takes the first `n` of them. */
void conn_take(struct http_conn *c, size_t n);

/*
 * Waits for more input: 0, -ENODATA at the end, -ECONNRESET, -ECANCELED,
 * -ETIMEDOUT (`until` has come).
 */
int conn_wait_input(struct http_conn *c, rota_time until) ROTA_MUST;

/* The handler's coroutine ends: waits for the next request, or closes. The
 * connection may be gone afterwards. */
void conn_served(struct http_conn *c);

/* Closes once all output is out, in a way that lets the client read it. */
void conn_begin_close(struct http_conn *c);

/* The server ends: an idle connection is closed, after a moment for what the
 * client may just have sent. */
void conn_drain(struct http_conn *c);

/* Closes now: a running handler is cancelled, unsent output is lost. */
void conn_abort(struct http_conn *c);

/* The connection can be used no more: a running handler is told. */
void conn_break(struct http_conn *c);

#endif
