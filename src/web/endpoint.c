/*
 * One endpoint: parameters in, handler, answer out. The parameters are parsed
 * and validated by their table before the handler sees anything; what it gives
 * is written by the table of its result.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/json.h"
#include "model/params.h"
#include "rota/log.h"
#include "rota/thread.h"
#include "web/app.h"

static const uint64_t body_limit_default = 1024 * 1024;

struct call {
    rota_request *request;
    const rota_route *route;
    const void *in;
    void *out;
};

static int call_handler(void *arg)
{
    struct call *c = arg;
    c->out = c->route->handler(c->request, c->in);
    return 0;
}

static bool takes_body(const rota_type *in)
{
    for (unsigned i = 0; i < in->count; i++)
        if (in->fields[i].in == ROTA_IN_BODY)
            return true;
    return false;
}

/* The value of a header; several lines of one name are joined as the field's
 * syntax has it (RFC 9110 5.3, RFC 6265 5.4 for cookies). */
static int find_header(void *request, rota_str name, rota_str *value)
{
    struct http_request *r = request;
    bool cookie = name.len == 6 && strncasecmp(name.ptr, "cookie", 6) == 0;
    *value = (rota_str){ NULL, 0 };
    for (unsigned i = 0; i < r->head->count; i++) {
        const struct h1_header *h = &r->head->headers[i];
        if (h->name.len != name.len ||
            strncasecmp(r->bytes + h->name.at, name.ptr, name.len) != 0)
            continue;
        rota_str one = { r->bytes + h->value.at, h->value.len };
        if (value->ptr)
            one = rota_str_of(
                rota_arena_printf(&r->arena, "%.*s%s%.*s", ROTA_STR_ARG(*value),
                                  cookie ? "; " : ", ", ROTA_STR_ARG(one)));
        if (!one.ptr)
            return -ENOMEM;
        *value = one;
    }
    return value->ptr != NULL;
}

/* application/json, or application/anything+json. Not where nothing is said: a
 * browser sends such a body for any site, without asking (Fetch, "no-cors"),
 * and with the cookies of ours. */
static bool says_json(const struct http_request *r)
{
    rota_str type = http_header(r, ROTA_STR("content-type"));
    const char *end = type.ptr ? memchr(type.ptr, ';', type.len) : NULL;
    size_t len = end ? (size_t)(end - type.ptr) : type.len;
    while (len > 0 && (type.ptr[len - 1] == ' ' || type.ptr[len - 1] == '\t'))
        len--;
    if (len == 16)
        return strncasecmp(type.ptr, "application/json", 16) == 0;
    return len > 17 && strncasecmp(type.ptr, "application/", 12) == 0 &&
           strncasecmp(type.ptr + len - 5, "+json", 5) == 0;
}

/* Answers for a body that could not be read. */
static void refuse_body(rota_request *r, int rc, uint64_t limit)
{
    char text[80];
    switch (rc) {
    case -EMSGSIZE:
        snprintf(text, sizeof text, "the body is larger than %llu bytes",
                 (unsigned long long)limit);
        problem_respond(r, 413, text, NULL);
        break;
    case -ETIMEDOUT:
        problem_respond(r, 408, "the body did not come in time", NULL);
        break;
    case -EBADMSG:
        problem_respond(r, 400, "the body's chunks are broken", NULL);
        break;
    case -ENOMEM: problem_respond(r, 503, "no memory", NULL); break;
    default:
        problem_respond(r, 400, "the body ended before its time", NULL);
        break;
    }
}

/* Reads the body when the route takes one: true, or false when it was
 * answered. */
static bool read_body(rota_request *r, const rota_route *route,
                      struct params_source *src)
{
    uint64_t limit =
        route->body_limit ? route->body_limit : r->app->config->body_limit;
    if (limit == 0)
        limit = body_limit_default;
    if (!takes_body(route->in))
        return true;
    src->has_body = r->http->head->body != H1_BODY_NONE;
    src->body_is_json = says_json(r->http);
    if (src->has_body && !src->body_is_json) {
        problem_respond(r, 415, "the body must be application/json", NULL);
        return false;
    }
    int rc = http_body_all(r->http, limit, &src->body);
    if (rc < 0)
        refuse_body(r, rc, limit);
    /* Chunks that hold nothing are no body, as a length of 0 is none. */
    src->has_body = src->body.len > 0;
    return rc == 0;
}

static void refuse_json(rota_request *r, const rota_errors *errors)
{
    char text[80] = "the body is not JSON";
    if (errors->len > 0)
        snprintf(text, sizeof text,
                 "the body is not JSON: line %zu, column %zu",
                 errors->at[0].line, errors->at[0].column);
    problem_respond(r, 400, text, errors);
}

static void refuse_params(rota_request *r, int rc, const rota_errors *errors)
{
    if (rc == -EBADMSG)
        refuse_json(r, errors);
    else if (rc == -EINVAL)
        problem_respond(r, 422, "the request is not valid", errors);
    else
        problem_respond(r, 503, "no memory", NULL);
}

/* What the pattern's wildcards took of the path, in the arena; NULL: no
 * memory. */
static struct params_pair *captured(rota_request *r,
                                    const struct router_pattern *pattern,
                                    const struct path *path)
{
    unsigned count = router_pattern_captures(pattern);
    struct params_pair *pairs =
        rota_arena_alloc(&r->http->arena, count * sizeof *pairs);
    for (unsigned i = 0; pairs && i < count; i++)
        pairs[i] = (struct params_pair){
            router_pattern_name(pattern, i),
            router_pattern_value(pattern, i, path),
        };
    return pairs;
}

/* Parses what the handler takes: NULL when the request was answered. Its frame
 * is gone when the handler runs. */
__attribute__((noinline)) static const void *parse(
    rota_request *r, const rota_route *route,
    const struct router_pattern *pattern, const struct path *path)
{
    static const None nothing;
    if (route->in->kind == ROTA_KIND_NONE)
        return &nothing;
    struct params_source src = {
        .path = captured(r, pattern, path),
        .path_len = router_pattern_captures(pattern),
        .query = http_query(r->http),
        .header = find_header,
        .request = r->http,
    };
    if (!read_body(r, route, &src))
        return NULL;
    rota_errors errors = { 0 };
    void *in = rota_arena_alloc(&r->http->arena, route->in->size);
    int rc = in && src.path
                 ? params_parse(&r->http->arena, route->in, &src, in, &errors)
                 : -ENOMEM;
    if (rc < 0)
        refuse_params(r, rc, &errors);
    return rc < 0 ? NULL : in;
}

static int good_status(const rota_route *route)
{
    if (route->status)
        return route->status;
    return route->out->kind == ROTA_KIND_NONE ? 204 : 200;
}

static void respond_model(rota_request *r, const rota_route *route,
                          const void *out)
{
    struct buf *body = app_scratch(r->app);
    int rc = json_write(body, route->out, out);
    if (rc < 0) {
        rota_log(ROTA_LOG_ERROR, "%s (%s): the result cannot be JSON: %s",
                 route->name, route->source, rota_strerror(rc));
        problem_respond(r, rc == -ENOMEM ? 503 : 500, NULL, NULL);
        return;
    }
    http_respond(r->http, r->status, ROTA_STR("application/json"),
                 (rota_str){ buf_head(body), buf_len(body) });
}

static void respond_raw(rota_request *r, const rota_response *out)
{
    int status = out->status ? out->status : r->status;
    if (!out->stream)
        http_respond(r->http, status, out->type, out->body);
    else if (r->http->answer == HTTP_NOT_ANSWERED)
        http_begin(r->http, status, out->type, out->length);
}

static void respond(rota_request *r, const rota_route *route, void *out)
{
    if (r->error)
        problem_respond(r, r->error, r->detail, NULL);
    else if (route->out->kind == ROTA_KIND_NONE)
        http_respond(r->http, r->status, ROTA_STR(""), ROTA_STR(""));
    else if (!out) {
        rota_log(ROTA_LOG_ERROR, "%s (%s): no result and no error", route->name,
                 route->source);
        problem_respond(r, 500, NULL, NULL);
    } else if (route->out->kind == ROTA_KIND_OPAQUE) {
        respond_raw(r, out);
    } else {
        respond_model(r, route, out);
    }
}

/* Runs the handler on the loop or on a pool thread: 0, or why not. */
static int run(struct call *c)
{
    if (c->route->thread)
        return rota_to_thread(call_handler, c);
    return call_handler(c);
}

void endpoint_run(rota_request *r, const rota_route *route,
                  const struct router_pattern *pattern, const struct path *path)
{
    struct call c = { .request = r, .route = route };
    rota_dur timeout =
        route->timeout > 0 ? rota_seconds(route->timeout) : r->app->timeout;
    http_set_timeout(r->http, timeout);
    r->status = good_status(route);
    c.in = parse(r, route, pattern, path);
    if (!c.in)
        return;
    int rc = run(&c);
    bool late = http_timed_out(r->http);
    if (late && (r->error || !c.out))
        problem_respond(r, 504, "the handler took too long", NULL);
    else if (rc < 0)
        problem_respond(r, 503, "no thread could take the work", NULL);
    else
        respond(r, route, c.out);
}

static bool pattern_has(const struct router_pattern *p, rota_str name)
{
    for (unsigned i = 0; i < router_pattern_captures(p); i++)
        if (rota_str_eq(router_pattern_name(p, i), name))
            return true;
    return false;
}

static bool params_have(const rota_type *in, rota_str name)
{
    for (unsigned i = 0; i < in->count; i++)
        if (in->fields[i].in == ROTA_IN_PATH &&
            rota_str_eq(rota_field_wire(&in->fields[i]), name))
            return true;
    return false;
}

int endpoint_check(const rota_route *route,
                   const struct router_pattern *pattern, char *err,
                   size_t err_size)
{
    const rota_type *in = route->in;
    for (unsigned i = 0; i < router_pattern_captures(pattern); i++) {
        rota_str name = router_pattern_name(pattern, i);
        if (params_have(in, name))
            continue;
        snprintf(err, err_size,
                 "route %s (%s): {%.*s} has no path(..., %.*s) in %s",
                 router_pattern_text(pattern), route->source,
                 ROTA_STR_ARG(name), ROTA_STR_ARG(name), in->name);
        return -EINVAL;
    }
    for (unsigned i = 0; i < in->count; i++) {
        rota_str name = rota_field_wire(&in->fields[i]);
        if (in->fields[i].in != ROTA_IN_PATH || pattern_has(pattern, name))
            continue;
        snprintf(err, err_size,
                 "route %s (%s): path(..., %.*s) of %s is not in the pattern",
                 router_pattern_text(pattern), route->source,
                 ROTA_STR_ARG(name), in->name);
        return -EINVAL;
    }
    return 0;
}
