/*
 * One pattern of the router: read from its text into segments, and compared
 * with another. Knows nothing of how patterns are looked up.
 */
#ifndef WEB_PATTERN_H
#define WEB_PATTERN_H

#include "rota/arena.h"
#include "web/router.h"

enum {
    METHODS = 8, /* DELETE GET HEAD OPTIONS PATCH POST PUT TRACE: their bits */
    METHOD_GET = 1 << 1,
    METHOD_HEAD = 1 << 2,
    METHOD_OPTIONS = 1 << 3,
    METHOD_UNKNOWN = 1 << METHODS,
    METHOD_ANY = (METHOD_UNKNOWN << 1) - 1,
};

enum segment_kind {
    SEGMENT_LITERAL,
    SEGMENT_SINGLE, /* {name} */
    SEGMENT_REST,   /* {name...}, or nothing after the last slash; last */
    SEGMENT_SLASH,  /* {$}; last */
};

struct segment {
    enum segment_kind kind;
    rota_str text; /* the literal, decoded; or the name, "" for a bare slash */
};

struct router_pattern {
    /* What lookups read. */
    struct router_pattern *wider; /* same path, more methods */
    const void *route;
    uint16_t accepts; /* a bit for each method */
    uint8_t captures;
    uint8_t capture_at[ROUTER_CAPTURES_MOST]; /* index of its segment */

    /* What adding reads. */
    struct router_pattern *older; /* list of all */
    struct segment *segments;
    unsigned count;
    const char *text;   /* "GET /items/{id}" */
    const char *path;   /* the same without the method */
    const char *source; /* " (file.c:12)" or "" */
};

/* A route on its way in: what is known of it, and where complaints go. */
struct adding {
    rota_arena *arena; /* holds the pattern and all it points at */
    struct router_pattern *pattern;
    char *err;
    size_t err_size;
};

/* Fills a->pattern, which is zero, from what was declared: 0; -EINVAL with a
 * sentence in a->err; -ENOMEM. */
int pattern_parse(struct adding *a, const struct router_entry *entry);

/* 0, or -EEXIST when a->pattern conflicts with one in the list from `newest`:
 * a->err says which two, and a path that both match. */
int pattern_check_conflicts(struct adding *a,
                            const struct router_pattern *newest);

/* True when `a` takes the methods of `b`, and more. */
bool pattern_has_more_methods(const struct router_pattern *a,
                              const struct router_pattern *b);

/* True when only one path matches, and it is told by its bytes. */
bool pattern_is_literal(const struct router_pattern *p);

#endif
