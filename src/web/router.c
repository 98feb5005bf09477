/*
 * The router: patterns are parsed into segments, compared with all that were
 * added before, and hung into the trie. A node has three lists of patterns,
 * one for each way a pattern can end there, and a list goes from the fewest
 * methods to the most, so that its first fit is its most specific.
 */
#include "web/router.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "rota/arena.h"
#include "rota/export.h"
#include "web/literals.h"

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

/* How a path ends at a node, and so which of its lists answers. */
enum ending { ENDING_PLAIN, ENDING_SLASH, ENDING_REST, ENDINGS };

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

struct child {
    uint64_t key; /* see key_of */
    rota_str text;
    struct node *node;
};

struct node {
    struct node *parent;
    struct node *single;    /* the {name} below it */
    struct child *children; /* the literals, sorted by compare_child */
    unsigned child_count;
    bool is_single; /* is its parent's `single` */
    struct router_pattern *ends[ENDINGS];
};

struct router {
    rota_arena arena; /* holds all below */
    struct node root;
    struct literals literals; /* the patterns without wildcards, by path */
    struct router_pattern *newest;
};

/* Methods. */

/* In the order of an Allow list; bit i is name i. RFC 9110 9.3, RFC 5789. */
static const rota_str method_names[] = {
    { "DELETE", 6 }, { "GET", 3 },  { "HEAD", 4 }, { "OPTIONS", 7 },
    { "PATCH", 5 },  { "POST", 4 }, { "PUT", 3 },  { "TRACE", 5 },
};

enum {
    METHODS = sizeof method_names / sizeof *method_names,
    METHOD_GET = 1 << 1,
    METHOD_HEAD = 1 << 2,
    METHOD_OPTIONS = 1 << 3,
    METHOD_UNKNOWN = 1 << METHODS,
    METHOD_ANY = (METHOD_UNKNOWN << 1) - 1,
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

/* A route on its way in: what is known of it, and where complaints go. */
struct adding {
    struct router *router;
    struct router_pattern *pattern;
    char *err;
    size_t err_size;
};

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
    char *text = rota_arena_alloc(&a->router->arena, s.len);
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
    rota_arena *arena = &a->router->arena;
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

static int check_conflicts(struct adding *a)
{
    for (struct router_pattern *p = a->router->newest; p; p = p->older) {
        if (!conflict(a->pattern, p))
            continue;
        const char *path = common_path(&a->router->arena, a->pattern, p);
        bool same = a->pattern->accepts == p->accepts &&
                    relate_paths(a->pattern, p) == RELATION_SAME;
        return refuse(
            a, -EEXIST, "conflicts with %s%s: both match \"%s\" and %s",
            p->text, p->source, path ? path : "some paths",
            same ? "they are the same pattern" : "neither is more specific");
    }
    return 0;
}

/* The trie. */

/* Up to eight bytes of a segment as one number; for a given length, different
 * numbers are different segments. Two loads that overlap spare a loop. */
static uint64_t key_of(rota_str s)
{
    uint64_t key = 0;
    uint32_t low, high;
    if (s.len >= sizeof key) {
        memcpy(&key, s.ptr, sizeof key);
        return key;
    }
    if (s.len >= sizeof low) {
        memcpy(&low, s.ptr, sizeof low);
        memcpy(&high, s.ptr + s.len - sizeof high, sizeof high);
        return low | (uint64_t)high << 32;
    }
    if (s.len == 0)
        return 0;
    return (uint64_t)(unsigned char)s.ptr[0] |
           (uint64_t)(unsigned char)s.ptr[s.len / 2] << 8 |
           (uint64_t)(unsigned char)s.ptr[s.len - 1] << 16;
}

/* Orders by length, then key, then by what the key leaves out. */
static int compare_child(const struct child *c, uint64_t key, rota_str text)
{
    if (c->text.len != text.len)
        return c->text.len < text.len ? -1 : 1;
    if (c->key != key)
        return c->key < key ? -1 : 1;
    if (text.len <= sizeof key)
        return 0;
    return memcmp(c->text.ptr + sizeof key, text.ptr + sizeof key,
                  text.len - sizeof key);
}

/* The index of the first child that is not before `text`. */
static unsigned child_index(const struct node *n, uint64_t key, rota_str text)
{
    unsigned low = 0, high = n->child_count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (compare_child(&n->children[middle], key, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct node *find_child(const struct node *n, rota_str text)
{
    if (n->child_count == 0)
        return NULL;
    uint64_t key = key_of(text);
    unsigned i = child_index(n, key, text);
    if (i == n->child_count || compare_child(&n->children[i], key, text) != 0)
        return NULL;
    return n->children[i].node;
}

static struct node *new_node(struct router *r, struct node *parent)
{
    struct node *n = rota_arena_zalloc(&r->arena, sizeof *n);
    if (n)
        n->parent = parent;
    return n;
}

static struct node *add_single(struct router *r, struct node *n)
{
    if (n->single)
        return n->single;
    struct node *single = new_node(r, n);
    if (single)
        single->is_single = true;
    return n->single = single;
}

static struct node *add_child(struct router *r, struct node *n, rota_str text)
{
    struct node *child = find_child(n, text);
    if (child)
        return child;
    size_t size = n->child_count * sizeof *n->children;
    struct child *children =
        rota_arena_grow(&r->arena, n->children, size, size + sizeof *children);
    if (!children)
        return NULL;
    n->children = children;
    child = new_node(r, n);
    if (!child)
        return NULL;
    uint64_t key = key_of(text);
    unsigned i = child_index(n, key, text);
    memmove(&children[i + 1], &children[i],
            (n->child_count - i) * sizeof *children);
    children[i] = (struct child){ key, text, child };
    n->child_count++;
    return child;
}

/* Into one list: narrower method sets first. Sets in one list are never the
 * same, and those that meet are one in another. */
static void add_ending(struct router_pattern **list, struct router_pattern *p)
{
    while (*list &&
           relate_methods((*list)->accepts, p->accepts) != RELATION_WIDER)
        list = &(*list)->wider;
    p->wider = *list;
    *list = p;
}

static int insert(struct router *r, struct router_pattern *p)
{
    struct node *n = &r->root;
    enum ending ending = ENDING_PLAIN;
    for (unsigned i = 0; i < p->count; i++) {
        const struct segment *s = &p->segments[i];
        if (s->kind == SEGMENT_REST)
            ending = ENDING_REST;
        else if (s->kind == SEGMENT_SLASH)
            ending = ENDING_SLASH;
        else
            n = s->kind == SEGMENT_SINGLE ? add_single(r, n)
                                          : add_child(r, n, s->text);
        if (!n)
            return -ENOMEM;
    }
    add_ending(&n->ends[ending], p);
    p->older = r->newest;
    r->newest = p;
    return 0;
}

/* Finding. */

/* A lookup under way. */
struct search {
    const struct path *path;
    unsigned method;                    /* its bit */
    const struct router_pattern *other; /* would match with the other slash */
    unsigned allow;                     /* methods of those that match else */
};

static const struct router_pattern *pick(struct search *s,
                                         const struct router_pattern *list)
{
    for (const struct router_pattern *p = list; p; p = p->wider) {
        if (p->accepts & s->method)
            return p;
        s->allow |= p->accepts;
    }
    return NULL;
}

/* The path ends at `n`, with a slash or without. */
static const struct router_pattern *pick_at_end(struct search *s,
                                                const struct node *n,
                                                bool slash)
{
    if (!slash)
        return pick(s, n->ends[ENDING_PLAIN]);
    const struct router_pattern *p = pick(s, n->ends[ENDING_SLASH]);
    return p ? p : pick(s, n->ends[ENDING_REST]);
}

/* What `n` itself answers, `depth` segments into the path. */
static const struct router_pattern *pick_here(struct search *s,
                                              const struct node *n,
                                              unsigned depth)
{
    if (depth < s->path->count)
        return pick(s, n->ends[ENDING_REST]);
    const struct router_pattern *p = pick_at_end(s, n, s->path->slash);
    if (!p && !s->other)
        s->other = pick_at_end(s, n, !s->path->slash);
    return p;
}

/* Most specific first: literal before {name} before the rest. Each node is
 * looked at once at most, so the patterns bound the work, not the path. */
static const struct router_pattern *search(struct search *s,
                                           const struct node *root)
{
    const struct node *n = root;
    unsigned depth = 0;
    for (;;) {
        const struct node *next = NULL;
        if (depth < s->path->count && depth < PATH_SPANS) {
            next = find_child(n, path_segment(s->path, depth));
            if (!next)
                next = n->single;
        }
        while (!next) {
            const struct router_pattern *p = pick_here(s, n, depth);
            if (p || !n->parent)
                return p;
            next = n->is_single ? NULL : n->parent->single;
            n = n->parent;
            depth--;
        }
        n = next;
        depth++;
    }
}

/* Whether `p` took segments beyond those it names. */
static bool took_rest(const struct router_pattern *p, const struct path *path)
{
    return p->segments[p->count - 1].kind == SEGMENT_REST &&
           path->count >= p->count;
}

enum router_result router_find(const struct router *r, rota_str method,
                               const struct path *path,
                               struct router_match *out)
{
    struct search s = { .path = path, .method = router_method(method) };
    *out = (struct router_match){ 0 };
    if (path->empty)
        return ROUTER_NOT_FOUND;
    const struct router_pattern *p = search(&s, &r->root);
    /* As in Go, /a goes to /a/ when that is a route of its own, even where
     * some /{rest...} would take it. */
    bool redirect = s.other && (!p || (!path->slash && took_rest(p, path)));
    if (redirect)
        p = s.other;
    if (p) {
        *out = (struct router_match){ .route = p->route, .pattern = p };
        return redirect ? ROUTER_REDIRECT : ROUTER_FOUND;
    }
    if (s.allow == 0)
        return ROUTER_NOT_FOUND;
    out->allow = (uint16_t)(s.allow | METHOD_OPTIONS);
    return ROUTER_METHOD_NOT_ALLOWED;
}

const char *router_pattern_text(const struct router_pattern *p)
{
    return p->text;
}

unsigned router_pattern_captures(const struct router_pattern *p)
{
    return p->captures;
}

rota_str router_pattern_name(const struct router_pattern *p, unsigned i)
{
    return p->segments[p->capture_at[i]].text;
}

rota_str router_pattern_value(const struct router_pattern *p, unsigned i,
                              const struct path *path)
{
    unsigned at = p->capture_at[i];
    if (p->segments[at].kind == SEGMENT_REST)
        return path_rest(path, at);
    return path_segment(path, at);
}

/* The whole. */

struct router *router_new(void)
{
    struct router *r = calloc(1, sizeof *r);
    if (r)
        rota_arena_init(&r->arena, NULL, 0);
    return r;
}

void router_free(struct router *r)
{
    if (!r)
        return;
    rota_arena_fini(&r->arena);
    free(r);
}

/* A pattern that only one path matches, which can be told by its bytes. */
static int index_literal(struct router *r, const struct router_pattern *p)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->segments[i].kind != SEGMENT_LITERAL)
            return 0;
    if (p->count == 0 || strchr(p->path, '%'))
        return 0;
    return literals_add(&r->literals, &r->arena, rota_str_of(p->path),
                        p->accepts, p);
}

int router_add(struct router *r, const struct router_entry *entry, char *err,
               size_t err_size)
{
    struct adding a = { .router = r, .err = err, .err_size = err_size };
    a.pattern = rota_arena_zalloc(&r->arena, sizeof *a.pattern);
    int rc = a.pattern ? parse_entry(&a, entry) : -ENOMEM;
    if (rc == 0)
        rc = parse_segments(&a);
    if (rc == 0)
        rc = check_conflicts(&a);
    if (rc == 0)
        rc = insert(r, a.pattern);
    if (rc == 0)
        rc = index_literal(r, a.pattern);
    if (rc == -ENOMEM)
        snprintf(err, err_size, "route %s: no memory", entry->pattern);
    return rc;
}

const struct router_pattern *router_find_literal(const struct router *r,
                                                 unsigned method,
                                                 rota_str raw)
{
    return literals_find(&r->literals, raw, method);
}

const void *router_pattern_route(const struct router_pattern *p)
{
    return p->route;
}

const struct router_pattern *router_pattern_of(const struct router *r,
                                               const void *route)
{
    const struct router_pattern *found = NULL;
    for (const struct router_pattern *p = r->newest; p; p = p->older)
        if (p->route == route)
            found = p;
    return found;
}
