/*
 * A request as its handler sees it: the parts of the head, and the body,
 * pulled from the connection as it comes.
 */
#include "http/request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "http/conn.h"

static rota_str span(const struct http_request *r, struct h1_span s)
{
    return (rota_str){ r->bytes + s.at, s.len };
}

rota_str http_method(const struct http_request *r)
{
    return h1_method_name(r->head->method);
}

rota_str http_path(const struct http_request *r)
{
    return span(r, r->head->path);
}

rota_str http_query(const struct http_request *r)
{
    return span(r, r->head->query);
}

rota_str http_header(const struct http_request *r, rota_str name)
{
    return h1_header(r->head, r->bytes, name);
}

struct http_server *http_server_of(struct http_request *r)
{
    return r->conn->server;
}

void http_set_timeout(struct http_request *r, rota_dur d)
{
    struct http_conn *c = r->conn;
    conn_set_handler_deadline(c, rota_time_add(rota_now(), d));
}

bool http_timed_out(struct http_request *r)
{
    struct http_conn *c = r->conn;
    c->handler_deadline = ROTA_FOREVER;
    if (c->phase == CONN_BUSY)
        c->deadline = ROTA_FOREVER; /* its timer may fire, and finds it so */
    if (!c->timed_out)
        return false;
    c->timed_out = false;
    r->cut = r->answer == HTTP_STREAMING;
    rota_task_uncancel(c->task);
    return true;
}

/* How long the client may take for the next piece: not too long at once, and
 * not so long that the body as a whole is slower than the least rate. Only
 * waiting counts: a handler may be as slow as it likes. */
static rota_dur piece_patience(const struct http_request *r)
{
    const struct http_options *o = &r->conn->server->options;
    if (o->body_rate == 0)
        return o->body_timeout;
    uint64_t seconds = r->body_taken / o->body_rate;
    rota_dur left =
        o->body_grace + (rota_dur)seconds * HTTP_SECOND - r->body_waited;
    return left < o->body_timeout ? left : o->body_timeout;
}

static int wait_piece(struct http_request *r)
{
    rota_time since = rota_now();
    int rc = conn_wait_input(r->conn, rota_time_add(since, piece_patience(r)));
    r->body_waited += rota_now() - since;
    return rc;
}

/* Tells a client that waits for it to send its body (RFC 9110 10.1.1). */
static int send_continue(struct http_request *r)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!r->expects_continue)
        return 0;
    r->expects_continue = false;
    if (conn_input(r->conn).len > 0 || r->answer != HTTP_NOT_ANSWERED)
        return 0; /* it did not wait, or it is too late to say anything */
    return conn_write(r->conn, text, sizeof text - 1);
}

/* What is in the input of a Content-Length body; len 0: nothing yet. */
static rota_str take_plain(struct http_request *r)
{
    rota_str piece = conn_input(r->conn);
    if (piece.len > r->body_left)
        piece.len = r->body_left;
    conn_take(r->conn, piece.len);
    r->body_left -= piece.len;
    r->body_done = r->body_left == 0;
    return piece;
}

/* The same of a chunked body; a negative errno when the chunks are broken. */
static int take_chunked(struct http_request *r, rota_str *piece)
{
    for (;;) {
        rota_str in = conn_input(r->conn);
        *piece = (rota_str){ NULL, 0 };
        if (in.len == 0)
            return 0;
        size_t used = 0;
        int event = h1_chunks_next(&r->chunks, in.ptr, in.len, &used, piece);
        if (event < 0)
            return -EBADMSG;
        conn_take(r->conn, used);
        r->body_done = event == H1_CHUNKS_END;
        if (event != H1_CHUNKS_MORE)
            return 0;
    }
}

static int take(struct http_request *r, rota_str *piece)
{
    if (r->head->body == H1_BODY_CHUNKED)
        return take_chunked(r, piece);
    *piece = take_plain(r);
    return 0;
}

ssize_t http_body_next(struct http_request *r, rota_str *piece)
{
    if (r->body_error)
        return r->body_error;
    int rc = r->body_done ? 0 : send_continue(r);
    while (rc == 0 && !r->body_done) {
        rc = take(r, piece);
        if (rc < 0)
            break;
        r->body_taken += piece->len;
        if (piece->len > 0)
            return (ssize_t)piece->len;
        if (!r->body_done)
            rc = wait_piece(r);
    }
    if (rc < 0)
        r->body_error = rc;
    return rc;
}

int http_body_all(struct http_request *r, size_t limit, rota_str *out)
{
    char *body = NULL;
    size_t len = 0, size = 0;
    if (r->head->body == H1_BODY_LENGTH && r->body_left > limit)
        return -EMSGSIZE;
    for (;;) {
        rota_str piece;
        ssize_t n = http_body_next(r, &piece);
        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        if (piece.len > limit - len)
            return -EMSGSIZE;
        if (len + piece.len > size) {
            size_t want = len + piece.len + (size_t)r->body_left;
            want = want < 2 * size ? 2 * size : want;
            want = want > limit ? limit : want;
            char *more = rota_arena_grow(&r->arena, body, size, want);
            if (!more)
                return -ENOMEM;
            body = more;
            size = want;
        }
        memcpy(body + len, piece.ptr, piece.len);
        len += piece.len;
    }
    *out = (rota_str){ body, len };
    return 0;
}

rota_str http_peer(struct http_request *r)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } a;
    socklen_t len = sizeof a;
    char text[INET6_ADDRSTRLEN] = "";
    char *out = NULL;
    struct loop *l = r->conn->server->loop;
    if (sock_calls(l)->name(l, r->conn->recv.fd, true, &a.any, &len) < 0)
        return (rota_str){ NULL, 0 };
    if (a.any.sa_family == AF_INET &&
        inet_ntop(AF_INET, &a.v4.sin_addr, text, sizeof text))
        out = rota_arena_printf(&r->arena, "%s:%u", text, ntohs(a.v4.sin_port));
    else if (a.any.sa_family == AF_INET6 &&
             inet_ntop(AF_INET6, &a.v6.sin6_addr, text, sizeof text))
        out = rota_arena_printf(&r->arena, "[%s]:%u", text,
                                ntohs(a.v6.sin6_port));
    return rota_str_of(out);
}
