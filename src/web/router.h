/*
 * Which route answers a request. The rules are those of Go 1.22's ServeMux:
 *
 *   /items/{id}         a wildcard is one whole segment, not empty
 *   /files/{rest...}    the last may take all the rest, slashes included
 *   /static/            ends in a slash: all below it, the same as {...}
 *   /static/{$}         that path only, with the slash
 *
 * Of the patterns that match, the most specific wins, whatever the order they
 * were added in. Two patterns that meet on some path, neither of them the more
 * specific, are refused when added, so a lookup never has to choose. A route
 * with a method is more specific than one without; GET takes HEAD too.
 *
 * Patterns are a trie by segments. A lookup allocates nothing and keeps its
 * place in a few words: the trie's parent links are its stack.
 */
#ifndef WEB_ROUTER_H
#define WEB_ROUTER_H

#include <stddef.h>
#include <stdint.h>

#include "rota/str.h"
#include "web/path.h"

enum {
    ROUTER_SEGMENTS_MOST = PATH_SPANS - 1, /* of a pattern */
    ROUTER_CAPTURES_MOST = 16,             /* wildcards of a pattern */
    ROUTER_ALLOW_SIZE = 64,                /* room for any Allow list */
};

struct router;
struct router_pattern;

/* What router_add is told about a route; the strings are copied. */
struct router_entry {
    const char *method;  /* "GET"; NULL: any */
    const char *prefix;  /* "" or NULL, or "/items": goes before pattern */
    const char *pattern; /* "/{id}"; may be "" after a prefix */
    const char *source;  /* where it is declared, for messages; or NULL */
    const void *route;   /* what a lookup finds */
};

enum router_result {
    ROUTER_FOUND,
    ROUTER_NOT_FOUND,          /* 404 */
    ROUTER_METHOD_NOT_ALLOWED, /* 405; to OPTIONS: 204; with Allow */
    ROUTER_REDIRECT,           /* 307 or 308: only the form with the slash at
                                * the end, or without, is a route */
};

struct router_match {
    const void *route;                    /* of FOUND and REDIRECT */
    const struct router_pattern *pattern; /* the same; owned by the router */
    uint16_t allow; /* of METHOD_NOT_ALLOWED, for router_allow */
};

/* An empty router; NULL when there is no memory. */
struct router *router_new(void);

void router_free(struct router *r);

/*
 * Adds a route. On failure `err` (of `err_size` bytes) says in words what is
 * wrong and with which route, or which two.
 * Returns 0; -EINVAL: a bad pattern or an unknown method; -EEXIST: it
 * conflicts with a route that is there; -ENOMEM. A route that was refused is
 * not added, and the others stand.
 */
int router_add(struct router *r, const struct router_entry *entry, char *err,
               size_t err_size);

/*
 * Finds the route for a request. `out` is filled as its fields say. A method
 * that is not known matches only the routes that take any.
 */
enum router_result router_find(const struct router *r, rota_str method,
                               const struct path *path,
                               struct router_match *out);

/* A method as router_find_literal takes it. */
unsigned router_method(rota_str name);

/*
 * The pattern without wildcards that is `raw`, a path that was not parsed,
 * byte for byte, for a method; NULL: ask router_find. What it finds router_find
 * would find too, later.
 */
const struct router_pattern *router_find_literal(const struct router *r,
                                                 unsigned method,
                                                 rota_str raw);

/* The route a pattern was added with. */
const void *router_pattern_route(const struct router_pattern *p);

/* The pattern as written, method first: "GET /items/{id}". */
const char *router_pattern_text(const struct router_pattern *p);

/* How many named wildcards the pattern has. */
unsigned router_pattern_captures(const struct router_pattern *p);

/* The name of the pattern's wildcard `i`, in their order. */
rota_str router_pattern_name(const struct router_pattern *p, unsigned i);

/* What wildcard `i` took of the path it matched, decoded; in its memory. */
rota_str router_pattern_value(const struct router_pattern *p, unsigned i,
                              const struct path *path);

/* The pattern that `route` was added with first; NULL: it was not. For checks
 * at start: it looks at all. */
const struct router_pattern *router_pattern_of(const struct router *r,
                                               const void *route);

/* Writes the Allow header's value, sorted: "GET, HEAD, OPTIONS". */
rota_str router_allow(uint16_t allow, char out[ROUTER_ALLOW_SIZE]);

#endif
