/*
 * Routing: Go 1.22's own examples, what is refused at start, and a naive
 * matcher that works by sets of requests, compared with the trie on random
 * patterns.
 */
#include "web/router.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "test.h"

static rota_arena arena;
static struct router *router;
static char message[512];

/* Adds "GET /a" or "/a"; the route is the pattern itself. */
static int add(const char *pattern)
{
    char method[16] = "";
    const char *space = strchr(pattern, ' ');
    if (space)
        snprintf(method, sizeof method, "%.*s", (int)(space - pattern),
                 pattern);
    if (!router)
        router = router_new();
    struct router_entry e = { .method = space ? method : NULL,
                              .pattern = space ? space + 1 : pattern,
                              .route = pattern };
    return router_add(router, &e, message, sizeof message);
}

static void add_good(const char *pattern)
{
    if (add(pattern) != 0)
        test_fail(TEST_AT, "%s: %s", pattern, message);
}

static enum router_result find(const char *method, const char *raw,
                               struct path *path, struct router_match *m)
{
    CHECK_INT(path_parse(path, rota_str_of(raw), &arena), 0);
    return router_find(router, rota_str_of(method), path, m);
}

/* What a request gets: the pattern, with ">" before it for a redirect; "404";
 * or "405 " and the Allow list. */
static const char *answer(const char *method, const char *raw)
{
    static char out[128];
    struct path path;
    struct router_match m;
    char allow[ROUTER_ALLOW_SIZE];
    switch (find(method, raw, &path, &m)) {
    case ROUTER_FOUND:
        snprintf(out, sizeof out, "%s", (const char *)m.route);
        break;
    case ROUTER_REDIRECT:
        snprintf(out, sizeof out, ">%s", (const char *)m.route);
        break;
    case ROUTER_NOT_FOUND: return "404";
    case ROUTER_METHOD_NOT_ALLOWED:
        snprintf(out, sizeof out, "405 %.*s",
                 ROTA_STR_ARG(router_allow(m.allow, allow)));
        break;
    }
    return out;
}

/* "name=value name=value" of what a GET captures. */
static const char *captured(const char *raw)
{
    static char out[256];
    struct path path;
    struct router_match m;
    CHECK_INT(find("GET", raw, &path, &m), ROUTER_FOUND);
    size_t n = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < router_pattern_captures(m.pattern); i++)
        n += (size_t)snprintf(
            out + n, sizeof out - n, "%s%.*s=%.*s", n ? " " : "",
            ROTA_STR_ARG(router_pattern_name(m.pattern, i)),
            ROTA_STR_ARG(router_pattern_value(m.pattern, i, &path)));
    return out;
}

TEST("an empty router finds nothing")
{
    router = router_new();
    CHECK_STR(answer("GET", "/"), "404");
    CHECK_STR(answer("GET", "/a/b"), "404");
    router_free(router);
    router_free(NULL);
}

TEST("literal segments match whole and with their case")
{
    add_good("GET /plaintext");
    add_good("GET /plaintextual");
    add_good("GET /json");
    CHECK_STR(answer("GET", "/plaintext"), "GET /plaintext");
    CHECK_STR(answer("GET", "/plaintextual"), "GET /plaintextual");
    CHECK_STR(answer("GET", "/json"), "GET /json");
    CHECK_STR(answer("GET", "/plaintex"), "404");
    CHECK_STR(answer("GET", "/plaintextu"), "404");
    CHECK_STR(answer("GET", "/Json"), "404");
    CHECK_STR(answer("GET", "/json/x"), "404");
    CHECK_STR(answer("GET", "/"), "404");
}

TEST("many literals under one node are all found, near misses are not")
{
    enum { MANY = 400 };
    static char names[MANY][24];
    for (int i = 0; i < MANY; i++) {
        /* Lengths from 1 up, many with eight bytes in common. */
        const char *stem = i % 3 == 0 ? "" : i % 3 == 1 ? "ab" : "commonstem";
        snprintf(names[i], sizeof names[i], "/%s%x", stem, i * 7);
        add_good(names[i]);
    }
    for (int i = 0; i < MANY; i++) {
        char miss[sizeof *names + 1];
        CHECK_STR(answer("GET", names[i]), names[i]);
        strcat(strcpy(miss, names[i]), "!");
        CHECK_STR(answer("GET", miss), "404");
    }
}

TEST("a wildcard takes one whole segment that is not empty")
{
    add_good("GET /items/{id}");
    CHECK_STR(captured("/items/17"), "id=17");
    CHECK_STR(captured("/items/a%2Fb"), "id=a/b");
    CHECK_STR(captured("/items/%20"), "id= ");
    CHECK_STR(answer("GET", "/items/"), "404");
    CHECK_STR(answer("GET", "/items//"), "404");
    CHECK_STR(answer("GET", "/items"), "404");
    CHECK_STR(answer("GET", "/items/1/2"), "404");
    CHECK_STR(answer("GET", "//items/1"), "404");
}

TEST("several wildcards keep their order and names")
{
    add_good("GET /b/{bucket}/o/{object...}");
    CHECK_STR(captured("/b/one/o/two/three"), "bucket=one object=two/three");
    CHECK_STR(captured("/b/one/o/two/"), "bucket=one object=two/");
    CHECK_STR(captured("/b/%31/o/"), "bucket=1 object=");
    CHECK_STR(captured("/b/x/o/a%20b/../c"), "bucket=x object=c");
}

TEST("{$} is the slash and nothing more")
{
    add_good("GET /{$}");
    add_good("GET /a/{$}");
    CHECK_STR(answer("GET", "/"), "GET /{$}");
    CHECK_STR(answer("GET", "/x"), "404");
    CHECK_STR(answer("GET", "/a/"), "GET /a/{$}");
    CHECK_STR(answer("GET", "/a/b"), "404");
}

TEST("a pattern that ends in a slash takes all below it")
{
    add_good("/static/");
    add_good("/static/{$}");
    add_good("/static/admin/");
    CHECK_STR(answer("GET", "/static/"), "/static/{$}");
    CHECK_STR(answer("PUT", "/static/a"), "/static/");
    CHECK_STR(answer("GET", "/static/a/b/c"), "/static/");
    CHECK_STR(answer("GET", "/static/admin/x"), "/static/admin/");
    CHECK_STR(answer("GET", "/static/a//b"), "404");
}

TEST("Go's documented example of precedence holds")
{
    /* go.dev/blog/routing-enhancements and net/http.ServeMux. */
    add_good("/posts/{id}");
    add_good("/posts/latest");
    add_good("GET /posts/latest");
    add_good("/");
    add_good("/images/");
    add_good("/images/thumbnails/");
    CHECK_STR(answer("GET", "/posts/latest"), "GET /posts/latest");
    CHECK_STR(answer("POST", "/posts/latest"), "/posts/latest");
    CHECK_STR(answer("GET", "/posts/234"), "/posts/{id}");
    CHECK_STR(answer("GET", "/images/thumbnails/x"), "/images/thumbnails/");
    CHECK_STR(answer("GET", "/images/x"), "/images/");
    CHECK_STR(answer("GET", "/x"), "/");
    CHECK_STR(answer("GET", "/"), "/");
    CHECK_STR(answer("GET", "/posts/1/2"), "/");
}

TEST("a lookup turns back from a literal that leads nowhere")
{
    add_good("/a/b/c");
    add_good("/a/{x}/d");
    add_good("/{y}/b/{z}/e");
    add_good("/{rest...}");
    CHECK_STR(answer("GET", "/a/b/c"), "/a/b/c");
    CHECK_STR(answer("GET", "/a/b/d"), "/a/{x}/d");
    CHECK_STR(answer("GET", "/a/b/c/e"), "/{y}/b/{z}/e");
    CHECK_STR(answer("GET", "/a/b/c/f"), "/{rest...}");
    CHECK_STR(captured("/a/b"), "rest=a/b");
    CHECK_STR(captured("/a/b/c/e"), "y=a z=c");
}

TEST("a lookup goes past a literal whose method does not fit")
{
    add_good("GET /a");
    add_good("/{x}");
    CHECK_STR(answer("GET", "/a"), "GET /a");
    CHECK_STR(answer("POST", "/a"), "/{x}");
}

TEST("GET takes HEAD unless HEAD has its own route")
{
    add_good("GET /a");
    add_good("GET /b");
    add_good("HEAD /b");
    add_good("/b");
    CHECK_STR(answer("HEAD", "/a"), "GET /a");
    CHECK_STR(answer("HEAD", "/b"), "HEAD /b");
    CHECK_STR(answer("GET", "/b"), "GET /b");
    CHECK_STR(answer("PROPFIND", "/b"), "/b");
    CHECK_STR(answer("PROPFIND", "/a"), "405 GET, HEAD, OPTIONS");
}

TEST("a whole path is found by its most specific route, whenever it was added")
{
    add_good("/a");
    add_good("GET /a");
    add_good("HEAD /a");
    add_good("GET /b");
    add_good("/b");
    static const char *const asked[][3] = {
        { "GET", "/a", "GET /a" },  { "HEAD", "/a", "HEAD /a" },
        { "PUT", "/a", "/a" },      { "GET", "/b", "GET /b" },
        { "HEAD", "/b", "GET /b" }, { "PUT", "/b", "/b" },
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        unsigned method = router_method(rota_str_of(asked[i][0]));
        const struct router_pattern *p =
            router_find_literal(router, method, rota_str_of(asked[i][1]));
        CHECK(p != NULL);
        CHECK_STR(router_pattern_text(p), asked[i][2]);
        CHECK_STR(answer(asked[i][0], asked[i][1]), asked[i][2]);
    }
}

TEST("405 lists what is allowed, sorted, over all patterns that match")
{
    add_good("PUT /items/{id}");
    add_good("GET /items/{id}");
    add_good("DELETE /items/{id}");
    add_good("POST /items/special");
    add_good("PATCH /items/{rest...}");
    CHECK_STR(answer("TRACE", "/items/1"),
              "405 DELETE, GET, HEAD, OPTIONS, PATCH, PUT");
    CHECK_STR(answer("TRACE", "/items/special"),
              "405 DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
    CHECK_STR(answer("GET", "/items/1/2"), "405 OPTIONS, PATCH");
    CHECK_STR(answer("OPTIONS", "/items/1"),
              "405 DELETE, GET, HEAD, OPTIONS, PATCH, PUT");
    char allow[ROUTER_ALLOW_SIZE];
    CHECK(rota_str_eq(router_allow(0xffff, allow),
                      ROTA_STR("DELETE, GET, HEAD, OPTIONS, PATCH, POST, "
                               "PUT, TRACE")));
}

TEST("the other form of a path, with the slash or without, is a redirect")
{
    add_good("GET /items/");
    add_good("POST /new");
    add_good("GET /only/{$}");
    add_good("GET /u/{id}/");
    CHECK_STR(answer("GET", "/items"), ">GET /items/");
    CHECK_STR(answer("HEAD", "/items"), ">GET /items/");
    CHECK_STR(answer("POST", "/new/"), ">POST /new");
    CHECK_STR(answer("GET", "/only"), ">GET /only/{$}");
    CHECK_STR(answer("GET", "/u/7"), ">GET /u/{id}/");
    CHECK_STR(answer("GET", "/u"), "404");
    CHECK_STR(answer("GET", "/new//"), "404");
    CHECK_STR(answer("POST", "/items"), "405 GET, HEAD, OPTIONS");
}

TEST("as in Go a route with the slash wins over a rest that takes all")
{
    add_good("/");
    add_good("/a/");
    add_good("/b");
    add_good("/c/{$}");
    add_good("/d");
    add_good("/d/");
    CHECK_STR(answer("GET", "/a"), ">/a/");
    CHECK_STR(answer("GET", "/b/"), "/");
    CHECK_STR(answer("GET", "/c"), ">/c/{$}");
    CHECK_STR(answer("GET", "/d"), "/d");
    CHECK_STR(answer("GET", "/d/"), "/d/");
}

TEST("a prefix goes before the pattern, and the pattern may then be empty")
{
    struct router_entry list = { "GET", "/items", "", "app.c:7", &list };
    struct router_entry one = { "GET", "/items", "/{id}", NULL, &one };
    struct router_entry twice = { "GET", "", "/items", "app.c:9", &twice };
    router = router_new();
    CHECK_INT(router_add(router, &list, message, sizeof message), 0);
    CHECK_INT(router_add(router, &one, message, sizeof message), 0);
    struct path path;
    struct router_match m;
    CHECK_INT(find("GET", "/items", &path, &m), ROUTER_FOUND);
    CHECK(m.route == &list);
    CHECK_STR(router_pattern_text(m.pattern), "GET /items");
    CHECK_STR(captured("/items/3"), "id=3");
    CHECK_INT(router_add(router, &twice, message, sizeof message), -EEXIST);
    CHECK_STR(message, "route GET /items (app.c:9): conflicts with GET /items "
                       "(app.c:7): both match \"/items\" and they are the "
                       "same pattern");
    CHECK(router_pattern_of(router, &one) != NULL);
    CHECK_INT(router_pattern_captures(router_pattern_of(router, &one)), 1);
    CHECK(router_pattern_of(router, &twice) == NULL);
}

TEST("two patterns neither of which is more specific are refused by name")
{
    add_good("/items/{id}/x");
    CHECK_INT(add("/items/latest/{y}"), -EEXIST);
    CHECK_STR(message, "route /items/latest/{y}: conflicts with "
                       "/items/{id}/x: both match \"/items/latest/x\" and "
                       "neither is more specific");
    CHECK_STR(answer("GET", "/items/latest/y"), "404");
    CHECK_STR(answer("GET", "/items/latest/x"), "/items/{id}/x");
}

TEST("patterns conflict by Go's rules")
{
    static const struct {
        const char *a, *b;
        const char *common; /* NULL: no conflict */
    } cases[] = {
        { "/a/{x}", "/a/{y}", "/a/y" },
        { "/a/", "/a/{rest...}", "/a/" },
        { "/posts/{id}", "/{resource}/latest", "/posts/latest" },
        { "/a/{x...}", "/{y}/b", "/a/b" },
        { "/a/{x...}", "/{y}/b/{z...}", "/a/b/" },
        { "/a/{x...}", "/{y}/b/{$}", "/a/b/" },
        { "GET /{x}", "/a", "/a" },
        { "GET /", "/a", "/a" },
        { "HEAD /{x}", "GET /a", "/a" },
        { "GET /a", "POST /a", NULL },
        { "GET /a", "/a", NULL },
        { "GET /a", "HEAD /a", NULL },
        { "GET /a", "/{x}", NULL },
        { "GET /{x}", "HEAD /a", NULL },
        { "GET /{x}/b", "POST /a/{y}", NULL },
        { "/a", "/a/", NULL },
        { "/a/{$}", "/a/", NULL },
        { "/a/{$}", "/a/{x}", NULL },
        { "/a/{x}", "/a/{x...}", NULL },
        { "/{x}/b", "/{x}/c", NULL },
        { "/a/{x...}", "/a/{y}/b/{z...}", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int swap = 0; swap < 2; swap++) {
            router = router_new();
            add_good(swap ? cases[i].b : cases[i].a);
            int rc = add(swap ? cases[i].a : cases[i].b);
            char part[64];
            snprintf(part, sizeof part, "both match \"%.2s",
                     cases[i].common ? cases[i].common : "");
            if (rc != (cases[i].common ? -EEXIST : 0))
                test_fail(TEST_AT, "%s, %s: %d", cases[i].a, cases[i].b, rc);
            if (rc < 0)
                CHECK_HAS(message, part);
            router_free(router);
        }
}

TEST("a bad pattern is refused and the message says why")
{
    static const struct {
        const char *pattern, *why;
    } cases[] = {
        { "", "begin with '/'" },
        { "a", "begin with '/'" },
        { "GET items", "begin with '/'" },
        { "//", "empty segment" },
        { "/a//b", "empty segment" },
        { "/a//", "empty segment" },
        { "/{}", "no name" },
        { "/{...}", "no name" },
        { "/{1a}", "no name" },
        { "/{a-b}", "no name" },
        { "POST /{a b}", "no name" },
        { "/{a..}", "no name" },
        { "/{{a}}", "no name" },
        { "/{$}/a", "must come last" },
        { "/{rest...}/a", "must come last" },
        { "/{rest...}/", "must come last" },
        { "/a{b}", "whole segment" },
        { "/{b}c", "whole segment" },
        { "/{b", "whole segment" },
        { "/b}", "whole segment" },
        { "/{a}-{b}", "no name" },
        { "/{a}/{a}", "two wildcards" },
        { "/{a}/{a...}", "two wildcards" },
        { "/a/../b", "dot segment" },
        { "/.", "dot segment" },
        { "/%2e%2e", "dot segment" },
        { "/a?b", "no segment" },
        { "/a#b", "no segment" },
        { "GET /a b", "no segment" },
        { "/%zz", "no segment" },
        { "/\xc3", "no segment" },
        { "get /a", "no method" },
        { "CONNECT /a", "no method" },
        { "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25/"
          "26/27/28/29/30/31/32",
          "more than 31 segments" },
        { "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/"
          "{q}",
          "more than 16 wildcards" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (add(cases[i].pattern) != -EINVAL)
            test_fail(TEST_AT, "\"%s\" is taken", cases[i].pattern);
        CHECK_HAS(message, cases[i].why);
        CHECK_HAS(message, cases[i].pattern);
    }
    CHECK_STR(answer("GET", "/a/b"), "404");
    struct router_entry e = { .pattern = "/{", .source = "app.c:3" };
    char little[8];
    CHECK_INT(router_add(router, &e, little, sizeof little), -EINVAL);
    CHECK_STR(little, "route /");
    CHECK_INT(router_add(router, &e, NULL, 0), -EINVAL);
}

TEST("the deepest pattern is found, and deeper paths by a rest")
{
    enum { DEEP = ROUTER_SEGMENTS_MOST };
    char pattern[128] = "", deep[128] = "";
    for (int i = 0; i < DEEP - 1; i++) {
        strcat(pattern, i % 4 == 3 ? "/y" : "/x");
        strcat(deep, i % 4 == 3 ? "/y" : "/x");
    }
    strcat(pattern, "/{rest...}");
    add_good(pattern);
    strcat(deep, "/z");
    CHECK_STR(captured(deep), "rest=z");
    for (int i = 0; i < 5; i++)
        strcat(deep, "/w");
    CHECK_STR(captured(deep), "rest=z/w/w/w/w/w");
}

TEST("a literal is written plain or escaped and matches either way")
{
    add_good("/a%2Fb");
    add_good("/stra\xc3\x9f"
             "e");
    add_good("/c+d");
    CHECK_STR(answer("GET", "/a%2fb"), "/a%2Fb");
    CHECK_STR(answer("GET", "/a/b"), "404");
    CHECK_STR(answer("GET", "/stra%C3%9Fe"), "/stra\xc3\x9f"
                                             "e");
    CHECK_STR(answer("GET", "/%63+d"), "/c+d");
}

/* The property: a pattern is the set of requests it matches, in a world small
 * enough to list. Everything the router says follows from those sets. */

enum {
    DEPTH = 4, /* of paths; patterns have at most 3 segments */
    LETTERS = 3,
    PATHS = (1 + 3 + 9 + 27 + 81) * 2,
    PATTERNS = 10,
    REQUESTS = PATHS * 4,
    ROUNDS = 4000,
};

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT" };
static char paths[PATHS][2 * DEPTH + 2];
static int path_count;

static void list_paths(const char *so_far, int depth)
{
    if (depth > 0)
        snprintf(paths[path_count++], sizeof *paths, "%s", so_far);
    snprintf(paths[path_count++], sizeof *paths, "%s/", so_far);
    for (int i = 0; depth < DEPTH && i < LETTERS; i++) {
        char next[sizeof *paths];
        snprintf(next, sizeof next, "%s/%c", so_far, 'a' + i);
        list_paths(next, depth + 1);
    }
}

/* By definition, character by character; both start at a slash or the end. */
static bool naive_match(const char *pattern, const char *path)
{
    if (*pattern == '\0' || *path == '\0')
        return *pattern == *path;
    pattern++, path++;
    if (*pattern == '\0' || strncmp(pattern, "{r...}", 6) == 0)
        return true;
    if (strcmp(pattern, "{$}") == 0)
        return *path == '\0';
    size_t p = strcspn(pattern, "/"), n = strcspn(path, "/");
    if (n == 0)
        return false;
    if (*pattern != '{' && (p != n || memcmp(pattern, path, n) != 0))
        return false;
    return naive_match(pattern + p, path + n);
}

static bool naive_method(const char *wanted, const char *method)
{
    return !*wanted || strcmp(wanted, method) == 0 ||
           (strcmp(wanted, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

struct naive {
    char text[64]; /* "GET /a" */
    const char *method;
    const char *path;
    bool takes[REQUESTS];
};

static void naive_fill(struct naive *n)
{
    for (int i = 0; i < REQUESTS; i++)
        n->takes[i] = naive_method(n->method, methods[i % 4]) &&
                      naive_match(n->path, paths[i / 4]);
}

static bool subset(const struct naive *a, const struct naive *b)
{
    for (int i = 0; i < REQUESTS; i++)
        if (a->takes[i] && !b->takes[i])
            return false;
    return true;
}

static bool naive_conflict(const struct naive *a, const struct naive *b)
{
    bool meet = false;
    for (int i = 0; i < REQUESTS; i++)
        meet |= a->takes[i] && b->takes[i];
    return meet && subset(a, b) == subset(b, a);
}

static uint64_t seed = 0x9e3779b97f4a7c15;

static unsigned below(unsigned n)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (unsigned)(seed >> 33) % n;
}

static void random_pattern(struct naive *n)
{
    static const char *const ends[] = { "", "", "/", "/{$}", "/{r...}" };
    static const char *const wanted[] = { "", "", "GET", "HEAD", "POST" };
    *n = (struct naive){ 0 };
    n->method = wanted[below(5)];
    int len = n->method[0] ? sprintf(n->text, "%s ", n->method) : 0;
    n->path = n->text + len;
    const char *end = ends[below(5)];
    unsigned segments = below(*end ? 3 : 4);
    for (unsigned i = 0; i < segments; i++)
        len += below(2) ? sprintf(n->text + len, "/{x%u}", i)
                        : sprintf(n->text + len, "/%c", 'a' + below(2));
    if (segments == 0 && !*end)
        end = "/";
    strcpy(n->text + len, end);
    naive_fill(n);
}

/* The pattern whose set is within those of all others that take request i. */
static const struct naive *naive_best(const struct naive *all, int count, int i)
{
    const struct naive *best = NULL;
    for (int k = 0; k < count; k++)
        if (all[k].takes[i] && (!best || subset(&all[k], best)))
            best = &all[k];
    return best;
}

static int path_index(const char *path)
{
    for (int i = 0; i < path_count; i++)
        if (strcmp(paths[i], path) == 0)
            return i;
    return -1;
}

/* The index of the path's other form; -1: not in this world. */
static int other_form(const char *path)
{
    char other[sizeof *paths + 1];
    size_t len = strlen(path);
    strcat(strcpy(other, path), "/");
    if (path[len - 1] == '/')
        other[len - 1] = '\0';
    return path_index(other);
}

/* Whether the pattern's rest took something. */
static bool naive_inexact(const struct naive *n, const char *path)
{
    const char *end = strrchr(n->path, '/') + 1;
    bool rest = *end == '\0' || strcmp(end, "{r...}") == 0;
    int slashes = 0;
    for (const char *s = n->path; *s; s++)
        slashes += *s == '/';
    for (const char *s = path; *s; s++)
        slashes -= *s == '/';
    return rest && (path[strlen(path) - 1] != '/' || slashes != 0);
}

static const char *naive_answer(const struct naive *all, int count, int i)
{
    static char out[128];
    const char *path = paths[i / 4];
    bool slash = path[strlen(path) - 1] == '/';
    int other = other_form(path) * 4 + i % 4;
    const struct naive *best = naive_best(all, count, i);
    if (!best || (!slash && naive_inexact(best, path))) {
        const struct naive *to =
            other >= 0 ? naive_best(all, count, other) : NULL;
        if (to &&
            !(slash ? best != NULL : naive_inexact(to, paths[other / 4]))) {
            snprintf(out, sizeof out, ">%s", to->text);
            return out;
        }
    }
    if (best)
        return best->text;
    int here = i / 4 * 4, there = other / 4 * 4;
    bool takes[4] = { false };
    for (int m = 0; m < 4; m++)
        for (int k = 0; k < count; k++)
            takes[m] |= all[k].takes[here + m] ||
                        (other >= 0 && all[k].takes[there + m]);
    if (!takes[0] && !takes[1] && !takes[2])
        return "404";
    snprintf(out, sizeof out, "405 %s%sOPTIONS%s", takes[0] ? "GET, " : "",
             takes[1] ? "HEAD, " : "", takes[2] ? ", POST" : "");
    return out;
}

static void check_round(void)
{
    static struct naive all[PATTERNS];
    int count = 0;
    router = router_new();
    for (int tries = 0; tries < PATTERNS; tries++) {
        random_pattern(&all[count]);
        bool clash = false;
        for (int k = 0; k < count; k++)
            clash |= naive_conflict(&all[k], &all[count]);
        int rc = add(all[count].text);
        if (rc != (clash ? -EEXIST : 0))
            test_fail(TEST_AT, "\"%s\": %d %s", all[count].text, rc,
                      rc ? message : "");
        count += !clash;
    }
    for (int n = 0; n < 60; n++) {
        int i = (int)below((unsigned)path_count * 4);
        char want[128];
        snprintf(want, sizeof want, "%s", naive_answer(all, count, i));
        const char *got = answer(methods[i % 4], paths[i / 4]);
        if (strcmp(got, want) == 0)
            continue;
        for (int k = 0; k < count; k++)
            fprintf(stderr, "# %s\n", all[k].text);
        test_fail(TEST_AT, "%s %s: \"%s\", not \"%s\"", methods[i % 4],
                  paths[i / 4], got, want);
    }
    router_free(router);
}

TEST_LIMITED("random patterns are ranked, refused and found as sets say", 60)
{
    list_paths("", 0);
    CHECK(path_count <= PATHS);
    int rounds = test_sanitized() ? ROUNDS / 10 : ROUNDS;
    for (int i = 0; i < rounds; i++)
        check_round();
}

TEST_LIMITED("out of memory a route is refused and the others stand", 60)
{
    test_needs_kernel();
    enum { LIMIT = 12 << 20, MOST = 100000 };
    if (test_sanitized())
        test_skip("a sanitizer's own memory is not limited");
    struct rlimit limit = { LIMIT, LIMIT };
    add_good("GET /first");
    CHECK_INT(setrlimit(RLIMIT_AS, &limit), 0);
    char pattern[32];
    int rc = 0, count = 0;
    for (; rc == 0 && count < MOST; count++) {
        snprintf(pattern, sizeof pattern, "/%d/{x}/%d", count % 97, count);
        rc = add(pattern);
    }
    CHECK_INT(rc, -ENOMEM);
    CHECK_HAS(message, "no memory");
    CHECK_HAS(message, pattern);
    CHECK(count > 100);
    CHECK_STR(answer("GET", "/first"), "GET /first");
    struct path path;
    struct router_match m;
    CHECK_INT(find("GET", "/1/y/1", &path, &m), ROUTER_FOUND);
    CHECK_STR(router_pattern_text(m.pattern), "/1/{x}/1");
}
