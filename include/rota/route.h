/*
 * Routes: which handler answers which method and path, with what it takes and
 * what it gives. The table is constant data; a handler whose signature is not
 * `Out *(rota_request *, const In *)` does not compile.
 *
 *     ROTA_ROUTES(items, "/items",
 *         GET ("/{item_id}", read_item,   GetItem,    Item),
 *         POST("",           create_item, CreateItem, Item, status(201)),
 *         GET ("/report",    report,      None,       Item_list, thread));
 *
 * Patterns are those of Go 1.22: {name} is one segment, {name...} the rest,
 * {$} the end; the most specific wins, and two that conflict are refused at
 * start. Options: status(n) of a good answer, thread (the handler may block:
 * it runs on a pool thread), timeout(seconds), body_limit(bytes),
 * summary("...").
 */
#ifndef ROTA_ROUTE_H
#define ROTA_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "rota/export.h"
#include "rota/model.h"
#include "rota/request.h"

typedef void *rota_handler(rota_request *r, const void *in);

typedef struct rota_route {
    const char *method;
    const char *pattern;
    rota_handler *handler; /* called with its own type */
    const rota_type *in;
    const rota_type *out;
    const char *name;   /* of the handler */
    const char *source; /* "shop.c:12" */
    uint16_t status;    /* of a good answer; 0: 200, or 204 for None */
    bool thread;
    double timeout;      /* seconds; 0: the application's */
    uint64_t body_limit; /* bytes; 0: the application's */
    const char *summary;
} rota_route;

typedef struct rota_router {
    const char *prefix;
    const rota_route *routes;
    uint32_t count;
} rota_router;

#define ROTA_ROUTES(id, prefix_, ...)                                          \
    static const rota_route rota_routes_##id[] = { ROTA_M_EACH(                \
        ROTA_R_ROW, id, __VA_ARGS__) };                                        \
    const rota_router id = {                                                   \
        prefix_,                                                               \
        rota_routes_##id,                                                      \
        sizeof(rota_routes_##id) / sizeof(rota_routes_##id[0]),                \
    }

/* From here on: how ROTA_ROUTES does it. */
#define ROTA_R_ROW(id, row)    ROTA_R_ROW_##row
#define ROTA_R_ROW_GET(...)    ROTA_R_ROW_("GET", __VA_ARGS__)
#define ROTA_R_ROW_POST(...)   ROTA_R_ROW_("POST", __VA_ARGS__)
#define ROTA_R_ROW_PUT(...)    ROTA_R_ROW_("PUT", __VA_ARGS__)
#define ROTA_R_ROW_PATCH(...)  ROTA_R_ROW_("PATCH", __VA_ARGS__)
#define ROTA_R_ROW_DELETE(...) ROTA_R_ROW_("DELETE", __VA_ARGS__)
#define ROTA_R_ROW_(method_, pattern_, fn, I, O, ...)                          \
    {                                                                          \
        .method = method_,                                                     \
        .pattern = "" pattern_,                                                \
        .handler = (rota_handler *)_Generic(                                   \
            (fn), rota_c_##O * (*)(rota_request *, const I *) : (fn)),         \
        .in = &rota_type_##I,                                                  \
        .out = &rota_type_##O,                                                 \
        .name = #fn,                                                           \
        .source = ROTA_HERE,                                                   \
        ROTA_M_OPTIONS(__VA_ARGS__)                                            \
    },

#define ROTA_OPT_status(n)     .status = (n),
#define ROTA_OPT_thread        .thread = true,
#define ROTA_OPT_timeout(s)    .timeout = (s),
#define ROTA_OPT_body_limit(n) .body_limit = (n),
#define ROTA_OPT_summary(s)    .summary = "" s,

#endif
