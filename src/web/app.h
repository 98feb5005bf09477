/*
 * Inside an application: the routes by path, and what all requests share.
 */
#ifndef WEB_APP_H
#define WEB_APP_H

#include "base/buf.h"
#include "http/server.h"
#include "rota/app.h"
#include "web/request.h"
#include "web/router.h"

struct app {
    const rota_app *config;
    struct router *router;
    unsigned methods[H1_TRACE + 1]; /* router_method of enum h1_method */
    struct http_server server;
    struct buf scratch; /* where JSON is written before it is sent */
    rota_dur timeout;   /* of a handler */
};

/* The emptied scratch buffer, valid until the next suspension. */
struct buf *app_scratch(struct app *app);

/* Builds the router from the configuration and checks it: 0, or a negative
 * errno with a sentence in `err`. */
int app_init(struct app *app, const rota_app *config, char *err,
             size_t err_size);
void app_fini(struct app *app);

/* Answers one request (http_handler); `arg` is the struct app. */
void app_answer(struct http_request *http, void *arg);

/* Calls a route's handler and sends what it gives; `path` may be NULL when the
 * pattern has no wildcards. */
void endpoint_run(rota_request *r, const rota_route *route,
                  const struct router_pattern *pattern,
                  const struct path *path);

/* Looks a route over: the names in its pattern against its path parameters,
 * its types, its status. 0, or -EINVAL with a sentence in `err`. */
int endpoint_check(const rota_route *route,
                   const struct router_pattern *pattern, char *err,
                   size_t err_size);

#endif
