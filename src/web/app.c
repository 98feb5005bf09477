/*
 * The application: from a request to its route. Building the router checks
 * all that can be checked before the first request.
 */
#include "web/app.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rota/log.h"

enum {
    SCRATCH_KEPT = 64 * 1024, /* a larger one is given back after its use */
    TIMEOUT_SECONDS = 60,
};

struct buf *app_scratch(struct app *app)
{
    if (app->scratch.size > SCRATCH_KEPT)
        buf_fini(&app->scratch);
    buf_take(&app->scratch, buf_len(&app->scratch));
    return &app->scratch;
}

static int add_route(struct app *app, const rota_router *router,
                     const rota_route *route, char *err, size_t err_size)
{
    struct router_entry entry = {
        .method = route->method,
        .prefix = router->prefix,
        .pattern = route->pattern,
        .source = route->source,
        .route = route,
    };
    int rc = router_add(app->router, &entry, err, err_size);
    if (rc == 0)
        rc = rota_type_check(route->in, err, err_size);
    if (rc == 0)
        rc = rota_type_check(route->out, err, err_size);
    if (rc < 0)
        return rc;
    return endpoint_check(route, router_pattern_of(app->router, route), err,
                          err_size);
}

int app_init(struct app *app, const rota_app *config, char *err,
             size_t err_size)
{
    *app = (struct app){ .config = config, .router = router_new() };
    app->timeout = rota_seconds(config->timeout > 0 ? config->timeout
                                                    : TIMEOUT_SECONDS);
    if (!app->router)
        return -ENOMEM;
    for (int m = 0; m <= H1_TRACE; m++)
        app->methods[m] = router_method(h1_method_name(m));
    for (size_t i = 0; i < ROTA_ROUTERS_MOST && config->routers[i]; i++) {
        const rota_router *router = config->routers[i];
        for (uint32_t k = 0; k < router->count; k++) {
            int rc = add_route(app, router, &router->routes[k], err, err_size);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

void app_fini(struct app *app)
{
    router_free(app->router);
    buf_fini(&app->scratch);
}

static void not_allowed(rota_request *r, uint16_t allow)
{
    char text[ROUTER_ALLOW_SIZE];
    http_add_header(r->http, ROTA_STR("Allow"), router_allow(allow, text));
    if (r->http->head->method == H1_OPTIONS)
        http_respond(r->http, 204, ROTA_STR(""), ROTA_STR(""));
    else
        problem_respond(r, 405, "this path does not take the method", NULL);
}

static void redirect(rota_request *r, const struct path *path)
{
    char *location;
    int rc = path_location(path, !path->slash, http_query(r->http),
                           &r->http->arena, &location);
    if (rc < 0) {
        problem_respond(r, rc == -ENOMEM ? 503 : 404, NULL, NULL);
        return;
    }
    http_add_header(r->http, ROTA_STR("Location"), rota_str_of(location));
    http_respond(r->http, 308, ROTA_STR(""), ROTA_STR(""));
}

static void refuse_path(rota_request *r, int rc)
{
    if (rc == -ENAMETOOLONG)
        problem_respond(r, 414, NULL, NULL);
    else if (rc == -ENOMEM)
        problem_respond(r, 503, "no memory", NULL);
    else
        problem_respond(r, 400, "the path is not valid", NULL);
}

/* "*" asks about the server as a whole (RFC 9110 9.3.7). */
static bool asks_server(const struct http_request *http)
{
    rota_str path = http_path(http);
    return path.len == 1 && path.ptr[0] == '*';
}

/* The long way: a path with wildcards, or that is no route. */
__attribute__((noinline)) static void answer_parsed(rota_request *r)
{
    struct path path;
    struct router_match match;
    rota_str method = http_method(r->http);
    int rc = path_parse(&path, http_path(r->http), &r->http->arena);
    if (rc < 0) {
        refuse_path(r, rc);
        return;
    }
    switch (router_find(r->app->router, method, &path, &match)) {
    case ROUTER_FOUND:
        endpoint_run(r, match.route, match.pattern, &path);
        break;
    case ROUTER_REDIRECT: redirect(r, &path); break;
    case ROUTER_METHOD_NOT_ALLOWED: not_allowed(r, match.allow); break;
    case ROUTER_NOT_FOUND:
        problem_respond(r, 404, "nothing is at this path", NULL);
        break;
    }
}

void app_answer(struct http_request *http, void *arg)
{
    struct app *app = arg;
    rota_request r = { .http = http, .app = app };
    const struct router_pattern *literal =
        router_find_literal(app->router, app->methods[http->head->method],
                            http_path(http));
    if (literal)
        endpoint_run(&r, router_pattern_route(literal), literal, NULL);
    else if (asks_server(http))
        http_respond(http, 204, ROTA_STR(""), ROTA_STR(""));
    else
        answer_parsed(&r);
}
