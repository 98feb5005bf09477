/*
 * The router: patterns that were read are compared with all that were added
 * before, and hung into the trie. A node has three lists of patterns, one for
 * each way a pattern can end there, and a list goes from the fewest methods to
 * the most, so that its first fit is its most specific.
 */
#include "web/router.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rota/arena.h"
#include "web/literals.h"
#include "web/pattern.h"

/* How a path ends at a node, and so which of its lists answers. */
enum ending { ENDING_PLAIN, ENDING_SLASH, ENDING_REST, ENDINGS };

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
    while (*list && !pattern_has_more_methods(*list, p))
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

int router_add(struct router *r, const struct router_entry *entry, char *err,
               size_t err_size)
{
    struct adding a = { &r->arena, NULL, err, err_size };
    struct router_pattern *p = rota_arena_zalloc(&r->arena, sizeof *p);
    a.pattern = p;
    int rc = p ? pattern_parse(&a, entry) : -ENOMEM;
    if (rc == 0)
        rc = pattern_check_conflicts(&a, r->newest);
    if (rc == 0)
        rc = insert(r, p);
    if (rc == 0 && pattern_is_literal(p))
        rc = literals_add(&r->literals, &r->arena, rota_str_of(p->path),
                          p->accepts, p);
    if (rc == -ENOMEM)
        snprintf(err, err_size, "route %s: no memory", entry->pattern);
    return rc;
}

const struct router_pattern *router_find_literal(const struct router *r,
                                                 unsigned method, rota_str raw)
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
