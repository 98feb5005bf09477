/*
 * The HTTP server: a listening socket, the connections it has accepted, and
 * their end. It knows no routes: every request goes to one handler, which runs
 * on a coroutine of its own.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "http/h1.h"
#include "http/request.h"
#include "loop/loop.h"
#include "loop/op.h"
#include "rota/group.h"
#include "rota/time.h"

/* Limits and timeouts, on by default (HTTP_OPTIONS_DEFAULT). */
struct http_options {
    struct h1_limits head;
    rota_dur head_timeout;   /* from a head's first byte to its last; 408 */
    rota_dur idle_timeout;   /* between requests; closed without a word */
    rota_dur body_timeout;   /* between two pieces of a body; 408 */
    uint64_t body_rate;      /* bytes a second a body must come at, once */
    rota_dur body_grace;     /* this time has passed; 408 */
    rota_dur write_timeout;  /* without progress; the connection is reset */
    rota_dur linger_timeout; /* for the client to close after our last word */
    rota_dur life;           /* of a connection */
    uint32_t requests;       /* of a connection */
    size_t connections;      /* at once; 0: what the descriptors allow */
    size_t drain_bytes;      /* of an unread body taken to keep a connection */
    rota_dur drain_timeout;  /* for running requests when the server ends */
};

#define HTTP_OPTIONS_DEFAULT               \
    ((struct http_options){                \
        .head = H1_LIMITS_DEFAULT,         \
        .head_timeout = 10 * HTTP_SECOND,  \
        .idle_timeout = 15 * HTTP_SECOND,  \
        .body_timeout = 30 * HTTP_SECOND,  \
        .body_rate = 500,                  \
        .body_grace = 5 * HTTP_SECOND,     \
        .write_timeout = 30 * HTTP_SECOND, \
        .linger_timeout = 2 * HTTP_SECOND, \
        .life = 3600 * HTTP_SECOND,        \
        .requests = 10000,                 \
        .drain_bytes = 256 * 1024,         \
        .drain_timeout = 30 * HTTP_SECOND, \
    })
#define HTTP_SECOND ((rota_dur)1000000000)

enum {
    HTTP_SPARE_BUFFERS = 256,
    HTTP_IDLE_MOST = 16, /* coroutines kept for the next connections */
    HTTP_DATE_SIZE = sizeof "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
};

struct http_server {
    struct http_options options;
    http_handler *handler;
    void *arg;
    struct loop *loop;

    struct op accept;
    struct timer retry; /* of accepting, after an error */
    rota_time warn_at;  /* no line about such errors before this */
    struct list connections;
    size_t count;
    bool draining;
    struct timer end;       /* of the drain */
    struct clause *stopped; /* http_server_run, waiting for the last one */
    rota_group requests;    /* the tasks that run handlers */
    struct list idle;       /* those that wait for a connection */
    unsigned idle_count;

    struct h1_head head; /* scratch of the parser, between two switches */
    struct buf spare[HTTP_SPARE_BUFFERS]; /* output buffers to use again */
    unsigned spares;
    rota_time date_until; /* `date` is right until */
    char date[HTTP_DATE_SIZE];
};

/* Prepares a server on the listening socket `fd`, which it will close;
 * `handler` gets `arg`. */
void http_server_init(struct http_server *s, int fd,
                      const struct http_options *options, http_handler *handler,
                      void *arg);

/*
 * Serves until http_server_drain was called and everything has ended: 0. When
 * the caller is cancelled, running requests are cancelled and all connections
 * closed: -ECANCELED. Suspends: yes.
 */
int http_server_run(struct http_server *s) ROTA_MUST;

/*
 * Accepts no more, answers what has been asked, then ends. Requests that run
 * longer than options.drain_timeout are cancelled. Called again: at once.
 */
void http_server_drain(struct http_server *s);

/* "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" of now (RFC 9110 6.6.1); always
 * HTTP_DATE_SIZE - 1 bytes. */
const char *http_server_date(struct http_server *s);

/* A connection has gone. */
void http_server_forget(struct http_server *s);

/* Output buffers are handed on warm from connection to connection. */
struct buf http_server_take_buffer(struct http_server *s);
void http_server_give_buffer(struct http_server *s, struct buf *b);

#endif
