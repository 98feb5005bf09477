/*
 * Response heads are copied together from pieces that are mostly ready: no
 * formatting but of the length.
 */
#include "http/response.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "http/conn.h"
#include "http/h1_scan.h"
#include "rota/log.h"

static const rota_str problem_type = { "application/problem+json",
                                       sizeof "application/problem+json" - 1 };

enum {
    HEAD_FIXED = 256, /* bytes of a head besides type and fields, at most */
    CHUNK_HEAD = 20,  /* "ffffffffffffffff\r\n" */
    STATUS_MOST = 599,
};

rota_str http_reason(int status)
{
    switch (status) {
    case 100: return ROTA_STR("Continue");
    case 200: return ROTA_STR("OK");
    case 201: return ROTA_STR("Created");
    case 202: return ROTA_STR("Accepted");
    case 204: return ROTA_STR("No Content");
    case 206: return ROTA_STR("Partial Content");
    case 301: return ROTA_STR("Moved Permanently");
    case 302: return ROTA_STR("Found");
    case 303: return ROTA_STR("See Other");
    case 304: return ROTA_STR("Not Modified");
    case 307: return ROTA_STR("Temporary Redirect");
    case 308: return ROTA_STR("Permanent Redirect");
    case 400: return ROTA_STR("Bad Request");
    case 401: return ROTA_STR("Unauthorized");
    case 403: return ROTA_STR("Forbidden");
    case 404: return ROTA_STR("Not Found");
    case 405: return ROTA_STR("Method Not Allowed");
    case 406: return ROTA_STR("Not Acceptable");
    case 408: return ROTA_STR("Request Timeout");
    case 409: return ROTA_STR("Conflict");
    case 410: return ROTA_STR("Gone");
    case 412: return ROTA_STR("Precondition Failed");
    case 413: return ROTA_STR("Content Too Large");
    case 414: return ROTA_STR("URI Too Long");
    case 415: return ROTA_STR("Unsupported Media Type");
    case 416: return ROTA_STR("Range Not Satisfiable");
    case 417: return ROTA_STR("Expectation Failed");
    case 422: return ROTA_STR("Unprocessable Content");
    case 429: return ROTA_STR("Too Many Requests");
    case 431: return ROTA_STR("Request Header Fields Too Large");
    case 500: return ROTA_STR("Internal Server Error");
    case 501: return ROTA_STR("Not Implemented");
    case 502: return ROTA_STR("Bad Gateway");
    case 503: return ROTA_STR("Service Unavailable");
    case 504: return ROTA_STR("Gateway Timeout");
    case 505: return ROTA_STR("HTTP Version Not Supported");
    default: return ROTA_STR("Unknown");
    }
}

rota_str response_problem(char text[RESPONSE_PROBLEM], int status)
{
    int n = snprintf(text, RESPONSE_PROBLEM,
                     "{\"type\":\"about:blank\",\"title\":\"%.*s\","
                     "\"status\":%d}",
                     ROTA_STR_ARG(http_reason(status)), status);
    return (rota_str){ text, (size_t)n };
}

/* Appends to a place that has room. */
static char *put(char *to, rota_str s)
{
    if (s.len)
        memcpy(to, s.ptr, s.len);
    return to + s.len;
}

static char *put_number(char *to, uint64_t n)
{
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

static char *put_status(char *to, int status)
{
    if (status == 200)
        return put(to, ROTA_STR("HTTP/1.1 200 OK\r\n"));
    to = put(to, ROTA_STR("HTTP/1.1 "));
    to = put_number(to, (uint64_t)status);
    *to++ = ' ';
    to = put(to, http_reason(status));
    return put(to, ROTA_STR("\r\n"));
}

/* Says how long the body is, or how its end will be known. */
static char *put_framing(char *to, struct http_request *r, int status)
{
    if (status == 204 || status < 200 || (status == 304 && r->left <= 0))
        return to;
    if (r->left >= 0) {
        to = put(to, ROTA_STR("Content-Length: "));
        to = put_number(to, (uint64_t)r->left);
        return put(to, ROTA_STR("\r\n"));
    }
    if (!r->chunked)
        return to;
    return put(to, ROTA_STR("Transfer-Encoding: chunked\r\n"));
}

static char *put_connection(char *to, const struct http_request *r)
{
    if (!r->keep_alive)
        return put(to, ROTA_STR("Connection: close\r\n"));
    if (r->head->minor == 0)
        return put(to, ROTA_STR("Connection: keep-alive\r\n"));
    return to;
}

static char *put_date(char *to, struct http_server *s)
{
    memcpy(to, http_server_date(s), HTTP_DATE_SIZE - 1);
    return to + HTTP_DATE_SIZE - 1;
}

/* Writes the head, with room for `more` bytes behind it, not committed: where
 * they go; NULL when the connection is gone. */
static char *put_head(struct http_request *r, int status, rota_str type,
                      size_t more)
{
    struct http_conn *c = r->conn;
    if (r->type.len)
        type = r->type;
    char *start = conn_reserve(c, HEAD_FIXED + type.len + r->fields.len + more);
    if (!start)
        return NULL;
    char *to = put_status(start, status);
    to = put_date(to, c->server);
    if (type.len) {
        to = put(to, ROTA_STR("Content-Type: "));
        to = put(to, type);
        to = put(to, ROTA_STR("\r\n"));
    }
    to = put_framing(to, r, status);
    to = put_connection(to, r);
    to = put(to, r->fields);
    to = put(to, ROTA_STR("\r\n"));
    buf_commit(&c->out, (size_t)(to - start));
    return to;
}

/* May the connection go on after this response? */
static bool may_keep(const struct http_request *r)
{
    const struct http_conn *c = r->conn;
    const struct http_options *o = &c->server->options;
    if (!r->head || !r->head->keep_alive || c->server->draining)
        return false;
    if (c->requests >= o->requests || c->server->loop->now - c->born > o->life)
        return false;
    /* The client may send the body it asked leave for, or not: nobody can
     * tell what comes next. */
    if (r->expects_continue || r->body_error)
        return false;
    return r->body_done || r->head->body == H1_BODY_CHUNKED ||
           r->body_left <= o->drain_bytes;
}

static bool status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void prepare(struct http_request *r, int status, int64_t length)
{
    r->keep_alive = may_keep(r);
    r->no_body |=
        !status_has_body(status) || (r->head && r->head->method == H1_HEAD);
    r->left = length;
    r->chunked = length < 0 && r->head && r->head->minor == 1;
    if (length < 0 && !r->chunked && !r->no_body)
        r->keep_alive = false;
}

static void respond(struct http_request *r, int status, rota_str type,
                    rota_str body)
{
    prepare(r, status, (int64_t)body.len);
    r->answer = HTTP_ANSWERED;
    if (r->no_body)
        body.len = 0;
    char *to = put_head(r, status, type, body.len);
    if (!to)
        return;
    put(to, body);
    buf_commit(&r->conn->out, body.len);
    conn_written(r->conn);
}

void response_refuse(struct http_request *r, int status, rota_str body)
{
    respond(r, status, problem_type, body);
}

static bool name_good(rota_str name)
{
    const char *end = name.ptr + name.len;
    return name.len > 0 && h1_scan_token(name.ptr, end) == end;
}

static bool value_good(rota_str value)
{
    const char *end = value.ptr + value.len;
    return h1_scan_value(value.ptr, end) == end;
}

void http_drop_type(struct http_request *r)
{
    r->type = (rota_str){ NULL, 0 };
}

static void respond_500(struct http_request *r)
{
    char text[RESPONSE_PROBLEM];
    http_drop_type(r);
    r->fields = (rota_str){ NULL, 0 };
    r->bad_field = false;
    respond(r, 500, problem_type, response_problem(text, 500));
}

/* May an answer begin, and this one? If only the second is not so, 500 is
 * answered instead. */
static bool may_begin(struct http_request *r, int status, rota_str type)
{
    if (r->answer != HTTP_NOT_ANSWERED) {
        r->cut = r->answer == HTTP_STREAMING;
        return false;
    }
    bool good = status >= 200 && status <= STATUS_MOST && value_good(type);
    if (good && !r->bad_field)
        return true;
    if (!good)
        rota_log(ROTA_LOG_ERROR,
                 "a handler answered with a status (%d) or media type that "
                 "cannot be sent",
                 status);
    respond_500(r);
    return false;
}

void http_respond(struct http_request *r, int status, rota_str type,
                  rota_str body)
{
    if (may_begin(r, status, type))
        respond(r, status, type, body);
}

void http_begin(struct http_request *r, int status, rota_str type,
                int64_t length)
{
    if (!may_begin(r, status, type))
        return;
    prepare(r, status, length);
    r->answer = HTTP_STREAMING;
    if (put_head(r, status, type, 0))
        conn_written(r->conn);
}

static int write_chunk(struct http_request *r, const void *bytes, size_t n)
{
    char *to = conn_reserve(r->conn, n + CHUNK_HEAD + 2);
    if (!to)
        return -EPIPE;
    int head = snprintf(to, CHUNK_HEAD, "%zx\r\n", n);
    memcpy(to + head, bytes, n);
    memcpy(to + head + n, "\r\n", 2);
    buf_commit(&r->conn->out, (size_t)head + n + 2);
    conn_written(r->conn);
    return 0;
}

static int write_body(struct http_request *r, const void *bytes, size_t n)
{
    if (r->left >= 0 && (uint64_t)r->left < n)
        return -EOVERFLOW;
    if (r->left >= 0)
        r->left -= (int64_t)n;
    if (n == 0)
        return 0;
    int rc =
        r->chunked ? write_chunk(r, bytes, n) : conn_write(r->conn, bytes, n);
    return rc < 0 ? rc : conn_wait_room(r->conn);
}

int http_write(struct http_request *r, const void *bytes, size_t n)
{
    if (r->answer != HTTP_STREAMING || r->no_body)
        return -EPIPE;
    int rc = write_body(r, bytes, n);
    if (rc < 0)
        r->cut = true;
    return rc;
}

void response_end(struct http_request *r)
{
    if (r->answer == HTTP_NOT_ANSWERED)
        respond_500(r);
    if (r->answer != HTTP_STREAMING || r->no_body)
        return;
    if (r->cut || r->left > 0) {
        if (!r->conn->broken)
            rota_log(ROTA_LOG_ERROR,
                     "a response is not what its head announced: cut off");
        conn_abort(r->conn);
    } else if (r->chunked) {
        rota_ignore(conn_write(r->conn, "0\r\n\r\n", 5));
    }
    r->answer = HTTP_ANSWERED;
}

static bool is_named(rota_str name, const char *other)
{
    return name.len == strlen(other) &&
           strncasecmp(name.ptr, other, name.len) == 0;
}

/* Those that say how the message is framed are written here alone. */
static bool is_framing(rota_str name)
{
    static const char *const names[] = { "content-length", "transfer-encoding",
                                         "connection", "date" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_named(name, names[i]))
            return true;
    return false;
}

static void set_type(struct http_request *r, rota_str type)
{
    r->type = (rota_str){ rota_arena_strndup(&r->arena, type.ptr, type.len),
                          type.len };
    r->bad_field |= !r->type.ptr;
}

static void add_line(struct http_request *r, rota_str name, rota_str value)
{
    size_t size = r->fields.len + name.len + value.len + 4;
    char *lines =
        rota_arena_grow(&r->arena, (char *)r->fields.ptr, r->fields.len, size);
    if (!lines) {
        r->bad_field = true;
        return;
    }
    char *to = put(lines + r->fields.len, name);
    to = put(to, ROTA_STR(": "));
    to = put(to, value);
    put(to, ROTA_STR("\r\n"));
    r->fields = (rota_str){ lines, size };
}

void http_add_header(struct http_request *r, rota_str name, rota_str value)
{
    if (!name_good(name) || !value_good(value) || is_framing(name)) {
        rota_log(ROTA_LOG_ERROR, "a handler set a header that cannot be sent");
        r->bad_field = true;
    } else if (is_named(name, "content-type")) {
        set_type(r, value);
    } else {
        add_line(r, name, value);
    }
}
