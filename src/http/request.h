/*
 * A request while its handler runs: the head, the body as it comes, and the
 * response as it goes. It lives on the handler's coroutine.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "http/h1.h"
#include "rota/arena.h"
#include "rota/export.h"
#include "rota/str.h"
#include "rota/time.h"

struct http_conn;
struct http_request;

/* Answers one request. A handler that returns without having answered has
 * answered 500. */
typedef void http_handler(struct http_request *r, void *arg);

enum http_answer {
    HTTP_NOT_ANSWERED,
    HTTP_STREAMING, /* the head is out, body to come */
    HTTP_ANSWERED,
};

struct http_request {
    struct http_conn *conn;
    const struct h1_head *head; /* in the arena */
    const char *bytes;          /* the head's, in the arena */
    rota_arena arena;           /* freed when the request is over */

    /* The body. */
    uint64_t body_left;      /* of a Content-Length body */
    uint64_t body_taken;     /* bytes handed out */
    rota_dur body_waited;    /* for the client to send more of it */
    struct h1_chunks chunks; /* of a chunked one */
    bool body_done;
    bool expects_continue; /* 100 is to be sent before the first read */
    int body_error;        /* sticky */

    /* The response. */
    enum http_answer answer;
    bool keep_alive; /* what the response says of the connection */
    bool no_body;    /* HEAD, 204, 304: none goes out */
    bool chunked;
    int64_t left;    /* bytes announced and not yet written; -1: unknown */
    rota_str fields; /* header lines added so far, in the arena */
    rota_str type;   /* the media type that was set, before the answer's own */
    bool bad_field;  /* one of them could not be sent */
    bool cut;        /* the body cannot be completed any more */
};

/* The request's parts. Memory: the request's. */
rota_str http_method(const struct http_request *r);
rota_str http_path(const struct http_request *r);
rota_str http_query(const struct http_request *r);
/* The first header named `name`, any case; ptr NULL: none. */
rota_str http_header(const struct http_request *r, rota_str name);

/*
 * The next piece of the body, valid until the next call or suspension.
 * Returns its length, 0 at the end, or: -EBADMSG (broken chunks; answer 400),
 * -ENODATA (the client stopped in the middle), -ETIMEDOUT (too slow; 408),
 * -ECONNRESET, -ECANCELED. Errors stay. Suspends: yes. Cancel: nothing.
 */
ssize_t http_body_next(struct http_request *r, rota_str *piece) ROTA_MUST;

/*
 * The whole body, at most `limit` bytes, in the arena. 0, or as
 * http_body_next, -EMSGSIZE (413), -ENOMEM. Suspends: yes.
 */
int http_body_all(struct http_request *r, size_t limit,
                  rota_str *out) ROTA_MUST;

/* Adds a header line to the response, before it begins; Content-Type, of which
 * there can be but one, is set instead. A name or value that may not stand in
 * one makes the answer a 500 (response splitting). */
void http_add_header(struct http_request *r, rota_str name, rota_str value);

/* Takes Content-Type back: the answer will be another than it was set for. */
void http_drop_type(struct http_request *r);

/* Answers with a whole body (`type` may be empty: no Content-Type). A status
 * that is not final, or a type that may not stand in a header, makes it a 500;
 * after http_begin the answer is cut off instead. */
void http_respond(struct http_request *r, int status, rota_str type,
                  rota_str body);

/*
 * Answers piece by piece: the head first, `length` bytes announced, or -1 for
 * a body whose length nobody knows (chunked, or until close on HTTP/1.0).
 * http_write suspends while the client does not keep up: 0, -EPIPE (client
 * gone, or the answer has no body: HEAD, 204, 304), -ECONNRESET, -ETIMEDOUT,
 * -ECANCELED, -EOVERFLOW (more than announced). After any other error than
 * that of no body, or a deadline, or when less came than announced, the
 * connection is reset: no client may take half a body for a whole one.
 */
void http_begin(struct http_request *r, int status, rota_str type,
                int64_t length);
int http_write(struct http_request *r, const void *bytes, size_t n) ROTA_MUST;

/*
 * Gives the handler `d` nanoseconds: after that its task is cancelled.
 * http_timed_out says, once it has returned, whether that happened, and takes
 * the cancel back so that the request can be answered.
 */
void http_set_timeout(struct http_request *r, rota_dur d);
bool http_timed_out(struct http_request *r);

/* The address of the client, "127.0.0.1:40000", in the arena. */
rota_str http_peer(struct http_request *r);

/* The connection's server, for its options. */
struct http_server *http_server_of(struct http_request *r);

/* "Not Found" for 404; "Unknown" for what has no name. */
rota_str http_reason(int status) ROTA_INTERNAL(http_reason);

#endif
