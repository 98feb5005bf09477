/*
 * The calls a handler makes on its request. Those that touch the connection
 * go through the request's own task, so that they may be made on a pool
 * thread too.
 */
#include "web/request.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "task/thread.h"
#include "web/app.h"

const rota_type rota_type_Response = { .name = "Response",
                                       .kind = ROTA_KIND_OPAQUE };

rota_arena *rota_request_arena(rota_request *r)
{
    return &r->http->arena;
}

void *rota_request_state(rota_request *r)
{
    return r->app->config->state;
}

rota_str rota_request_method(const rota_request *r)
{
    return http_method(r->http);
}

rota_str rota_request_path(const rota_request *r)
{
    return http_path(r->http);
}

rota_str rota_request_query(const rota_request *r)
{
    return http_query(r->http);
}

rota_str rota_request_header(const rota_request *r, const char *name)
{
    return http_header(r->http, rota_str_of(name));
}

rota_str rota_request_peer(rota_request *r)
{
    return http_peer(r->http);
}

void *rota_http_error(rota_request *r, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    r->error = status;
    r->detail = rota_arena_vprintf(&r->http->arena, format, args);
    va_end(args);
    return NULL;
}

void rota_set_status(rota_request *r, int status)
{
    r->status = status;
}

void rota_set_header(rota_request *r, const char *name, const char *value)
{
    http_add_header(r->http, rota_str_of(name), rota_str_of(value));
}

static rota_response *make(rota_request *r, rota_str type, rota_str body)
{
    rota_response *out = rota_arena_zalloc(&r->http->arena, sizeof *out);
    if (!out)
        return rota_http_error(r, 503, "no memory for the answer");
    out->request = r;
    out->type = type;
    out->body = body;
    return out;
}

rota_response *rota_bytes(rota_request *r, const char *type, const void *bytes,
                          size_t size)
{
    return make(r, rota_str_of(type), (rota_str){ bytes, size });
}

static rota_response *copied(rota_request *r, rota_str type, const char *text)
{
    size_t len = strlen(text);
    char *copy = rota_arena_strndup(&r->http->arena, text, len);
    if (!copy)
        return rota_http_error(r, 503, "no memory for the answer");
    return make(r, type, (rota_str){ copy, len });
}

rota_response *rota_text(rota_request *r, const char *text)
{
    return copied(r, ROTA_STR("text/plain; charset=utf-8"), text);
}

rota_response *rota_html(rota_request *r, const char *html)
{
    return copied(r, ROTA_STR("text/html; charset=utf-8"), html);
}

rota_response *rota_redirect(rota_request *r, int status, const char *location)
{
    rota_set_header(r, "Location", location);
    rota_response *out = make(r, ROTA_STR(""), ROTA_STR(""));
    if (out)
        out->status = status;
    return out;
}

rota_response *rota_stream_out(rota_request *r, const char *type,
                               int64_t length)
{
    rota_response *out = make(r, rota_str_of(type), ROTA_STR(""));
    if (!out)
        return NULL;
    out->stream = true;
    out->length = length;
    return out;
}

struct write_call {
    rota_response *out;
    const void *bytes;
    size_t size;
};

static int write_in_task(void *arg)
{
    struct write_call *w = arg;
    struct http_request *http = w->out->request->http;
    if (http->answer == HTTP_NOT_ANSWERED)
        http_begin(http, w->out->request->status, w->out->type,
                   w->out->length);
    return http_write(http, w->bytes, w->size);
}

int rota_write_out(rota_response *out, const void *bytes, size_t size)
{
    struct write_call w = { out, bytes, size };
    return thread_is_worker() ? thread_ask_task(write_in_task, &w)
                              : write_in_task(&w);
}
