/*
 * Reading a pattern, and telling what one is beside another: the more
 * specific, the less, apart from it, or in conflict.
 */
#include "web/pattern.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rota/export.h"

/* Methods. */

/* In the order of an Allow list; bit i is name i. RFC 9110 9.3, RFC 5789. */
static const rota_str method_names[METHODS] = {
    { "DELETE", 6 }, { "GET", 3 },  { "HEAD", 4 }, { "OPTIONS", 7 },
    { "PATCH", 5 },  { "POST", 4 }, { "PUT", 3 },  { "TRACE", 5 },
};

unsigned router_method(rota_str name)
{
    for (unsigned i = 0; i < METHODS; i++)
        if (rota_str_eq(name, method_names[i]))
            return 1u << i;
    return METHOD_UNKNOWN;
}

rota_str router_allow(uint16_t allow, char out[ROUTER_ALLOW_SIZE])
{
    size_t len = 0;
    for (unsigned i = 0; i < METHODS; i++) {
        if (!(allow & 1u << i))
            continue;
        if (len > 0) {
            memcpy(out + len, ", ", 2);
            len += 2;
        }
        memcpy(out + len, method_names[i].ptr, method_names[i].len);
        len += method_names[i].len;
    }
    return (rota_str){ out, len };
}

/* Reading a pattern. */

ROTA_PRINTF(3, 4)
static int refuse(struct adding *a, int code, const char *format, ...)
{
    int n = snprintf(a->err, a->err_size, "route %s%s: ", a->pattern->text,
                     a->pattern->source);
    if (n < 0 || (size_t)n >= a->err_size)
        return code;
    va_list args;
    va_start(args, format);
    vsnprintf(a->err + n, a->err_size - (size_t)n, format, args);
    va_end(args);
    return code;
}

static bool is_name(rota_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char lower = s.ptr[i] | 0x20;
        bool letter = (lower >= 'a' && lower <= 'z') || s.ptr[i] == '_';
        bool digit = s.ptr[i] >= '0' && s.ptr[i] <= '9';
        if (!letter && !(digit && i > 0))
            return false;
    }
    return s.len > 0;
}

static bool name_is_taken(const struct router_pattern *p, rota_str name)
{
    for (unsigned i = 0; i < p->captures; i++)
        if (rota_str_eq(router_pattern_name(p, i), name))
            return true;
    return false;
}

static int add_capture(struct adding *a, enum segment_kind kind, rota_str name)
{
    struct router_pattern *p = a->pattern;
    if (!is_name(name))
        return refuse(a, -EINVAL, "\"%.*s\" is no name for a wildcard",
                      ROTA_STR_ARG(name));
    if (name_is_taken(p, name))
        return refuse(a, -EINVAL, "two wildcards are named \"%.*s\"",
                      ROTA_STR_ARG(name));
    if (p->captures == ROUTER_CAPTURES_MOST)
        return refuse(a, -EINVAL, "more than %d wildcards",
                      ROUTER_CAPTURES_MOST);
    p->capture_at[p->captures++] = (uint8_t)p->count;
    p->segments[p->count++] = (struct segment){ kind, name };
    return 0;
}

/* A segment in braces; `s` is what lies between them. */
static int add_wildcard(struct adding *a, rota_str s, bool last)
{
    struct router_pattern *p = a->pattern;
    bool end = rota_str_eq(s, ROTA_STR("$"));
    bool rest = s.len >= 3 && memcmp(s.ptr + s.len - 3, "...", 3) == 0;
    if ((end || rest) && !last)
        return refuse(a, -EINVAL, "{%.*s} must come last", ROTA_STR_ARG(s));
    if (end) {
        p->segments[p->count++] = (struct segment){ SEGMENT_SLASH, { 0 } };
        return 0;
    }
    if (rest)
        s.len -= 3;
    return add_capture(a, rest ? SEGMENT_REST : SEGMENT_SINGLE, s);
}

static int add_literal(struct adding *a, rota_str s)
{
    struct router_pattern *p = a->pattern;
    if (s.len == 0)
        return refuse(a, -EINVAL, "an empty segment (\"//\") never matches");
    if (memchr(s.ptr, '{', s.len) || memchr(s.ptr, '}', s.len))
        return refuse(a, -EINVAL,
                      "\"%.*s\": a wildcard must be a whole segment",
                      ROTA_STR_ARG(s));
    char *text = rota_arena_alloc(a->arena, s.len);
    if (!text)
        return -ENOMEM;
    int n = path_decode(text, s);
    rota_str literal = { text, n > 0 ? (size_t)n : 0 };
    if (rota_str_eq(literal, ROTA_STR(".")) ||
        rota_str_eq(literal, ROTA_STR("..")))
        return refuse(a, -EINVAL, "a dot segment never matches");
    if (n < 0)
        return refuse(a, -EINVAL, "\"%.*s\" is no segment of a path",
                      ROTA_STR_ARG(s));
    p->segments[p->count++] = (struct segment){ SEGMENT_LITERAL, literal };
    return 0;
}

static int add_segment(struct adding *a, rota_str s, bool last)
{
    struct router_pattern *p = a->pattern;
    if (p->count == ROUTER_SEGMENTS_MOST)
        return refuse(a, -EINVAL, "more than %d segments",
                      ROUTER_SEGMENTS_MOST);
    if (s.len == 0 && last) {
        p->segments[p->count++] = (struct segment){ SEGMENT_REST, { 0 } };
        return 0;
    }
    if (s.len >= 2 && s.ptr[0] == '{' && s.ptr[s.len - 1] == '}')
        return add_wildcard(a, (rota_str){ s.ptr + 1, s.len - 2 }, last);
    return add_literal(a, s);
}

static int parse_segments(struct adding *a)
{
    const char *at = a->pattern->path;
    if (*at != '/')
        return refuse(a, -EINVAL, "the path must begin with '/'");
    while (*at == '/') {
        size_t len = strcspn(++at, "/");
        int rc = add_segment(a, (rota_str){ at, len }, at[len] == '\0');
        if (rc < 0)
            return rc;
        at += len;
    }
    return 0;
}

/* Sets the pattern's methods and its name in messages. */
static int parse_entry(struct adding *a, const struct router_entry *e)
{
    rota_arena *arena = a->arena;
    struct router_pattern *p = a->pattern;
    const char *prefix = e->prefix ? e->prefix : "";
    p->route = e->route;
    p->text = rota_arena_printf(arena, "%s%s%s%s", e->method ? e->method : "",
                                e->method ? " " : "", prefix, e->pattern);
    p->source = e->source ? rota_arena_printf(arena, " (%s)", e->source) : "";
    p->segments =
        rota_arena_alloc(arena, ROUTER_SEGMENTS_MOST * sizeof *p->segments);
    if (!p->text || !p->source || !p->segments)
        return -ENOMEM;
    p->path = p->text + (e->method ? strlen(e->method) + 1 : 0);
    p->accepts = METHOD_ANY;
    if (!e->method)
        return 0;
    p->accepts = (uint16_t)router_method(rota_str_of(e->method));
    if (p->accepts == METHOD_UNKNOWN)
        return refuse(a, -EINVAL, "\"%s\" is no method", e->method);
    if (p->accepts == METHOD_GET)
        p->accepts |= METHOD_HEAD;
    return 0;
}

int pattern_parse(struct adding *a, const struct router_entry *entry)
{
    int rc = parse_entry(a, entry);
    return rc < 0 ? rc : parse_segments(a);
}

bool pattern_is_literal(const struct router_pattern *p)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->segments[i].kind != SEGMENT_LITERAL)
            return false;
    return p->count > 0 && !strchr(p->path, '%');
}

/* Comparing two patterns. */

/* What pattern a is beside b. Bits add up over segments and methods: narrower
 * here and wider there is BOTH, which nobody can choose between. */
enum relation {
    RELATION_SAME = 0,
    RELATION_NARROWER = 1,
    RELATION_WIDER = 2,
    RELATION_BOTH = RELATION_NARROWER | RELATION_WIDER,
    RELATION_APART = 4, /* they never meet */
};

static unsigned relate_segments(const struct segment *a,
                                const struct segment *b)
{
    if (a->kind == SEGMENT_REST || b->kind == SEGMENT_REST)
        return a->kind == b->kind        ? RELATION_SAME
               : a->kind == SEGMENT_REST ? RELATION_WIDER
                                         : RELATION_NARROWER;
    if (a->kind == SEGMENT_SLASH || b->kind == SEGMENT_SLASH)
        return a->kind == b->kind ? RELATION_SAME : RELATION_APART;
    if (a->kind != b->kind)
        return a->kind == SEGMENT_SINGLE ? RELATION_WIDER : RELATION_NARROWER;
    if (a->kind == SEGMENT_SINGLE || rota_str_eq(a->text, b->text))
        return RELATION_SAME;
    return RELATION_APART;
}

static unsigned relate_paths(const struct router_pattern *a,
                             const struct router_pattern *b)
{
    unsigned relation = RELATION_SAME;
    for (unsigned i = 0; i < a->count && i < b->count; i++) {
        relation |= relate_segments(&a->segments[i], &b->segments[i]);
        if (relation & RELATION_APART || a->segments[i].kind == SEGMENT_REST ||
            b->segments[i].kind == SEGMENT_REST)
            return relation;
    }
    return a->count == b->count ? relation : RELATION_APART;
}

/* Method sets are one in another or apart: HEAD, GET with HEAD, any. */
static unsigned relate_methods(unsigned a, unsigned b)
{
    if (a == b)
        return RELATION_SAME;
    if (!(a & b))
        return RELATION_APART;
    return (a & b) == a ? RELATION_NARROWER : RELATION_WIDER;
}

bool pattern_has_more_methods(const struct router_pattern *a,
                              const struct router_pattern *b)
{
    return relate_methods(a->accepts, b->accepts) == RELATION_WIDER;
}

static bool conflict(const struct router_pattern *a,
                     const struct router_pattern *b)
{
    unsigned relation = relate_methods(a->accepts, b->accepts);
    if (!(relation & RELATION_APART))
        relation |= relate_paths(a, b);
    return relation == RELATION_SAME || relation == RELATION_BOTH;
}

/* Whether a path common to a and b takes its segment `i` from a. */
static bool leads(const struct router_pattern *a,
                  const struct router_pattern *b, unsigned i)
{
    if (i >= a->count || i >= b->count)
        return i < a->count;
    if (a->segments[i].kind == SEGMENT_REST)
        return false;
    return b->segments[i].kind == SEGMENT_REST ||
           a->segments[i].kind == SEGMENT_LITERAL;
}

/* A path that two conflicting patterns both match; NULL: no memory. */
static const char *common_path(rota_arena *arena,
                               const struct router_pattern *a,
                               const struct router_pattern *b)
{
    const char *path = "";
    for (unsigned i = 0; path && (i < a->count || i < b->count); i++) {
        const struct segment *s = &(leads(a, b, i) ? a : b)->segments[i];
        bool end = s->kind == SEGMENT_REST || s->kind == SEGMENT_SLASH;
        rota_str text = end ? ROTA_STR("") : s->text;
        path = rota_arena_printf(arena, "%s/%.*s", path, ROTA_STR_ARG(text));
        if (end)
            break;
    }
    return path;
}

int pattern_check_conflicts(struct adding *a,
                            const struct router_pattern *newest)
{
    for (const struct router_pattern *p = newest; p; p = p->older) {
        if (!conflict(a->pattern, p))
            continue;
        const char *path = common_path(a->arena, a->pattern, p);
        bool same = a->pattern->accepts == p->accepts &&
                    relate_paths(a->pattern, p) == RELATION_SAME;
        return refuse(
            a, -EEXIST, "conflicts with %s%s: both match \"%s\" and %s",
            p->text, p->source, path ? path : "some paths",
            same ? "they are the same pattern" : "neither is more specific");
    }
    return 0;
}
