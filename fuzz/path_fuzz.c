/*
 * Request paths, fuzzed. Whatever comes in, what goes to the router and to
 * files keeps its promises: no NUL or control character, no dot segment left,
 * the text is its segments, the canonical form reads back as the same path,
 * and a name that is joined stays below its folder.
 */
#include <errno.h>
#include <stdlib.h>

#include "web/path.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define HOLDS(condition)  \
    do {                  \
        if (!(condition)) \
            abort();      \
    } while (0)

static bool is_dots(rota_str s)
{
    return rota_str_eq(s, ROTA_STR(".")) || rota_str_eq(s, ROTA_STR(".."));
}

static void check_text(const struct path *p)
{
    HOLDS(p->len > 0 && p->text[0] == '/');
    for (size_t i = 0; i < p->len; i++) {
        unsigned char c = (unsigned char)p->text[i];
        HOLDS(c >= 0x20 && c != 0x7f);
    }
}

/* Segments lie one after another, a slash before each, and fill the text. */
static void check_segments(const struct path *p)
{
    size_t at = 0;
    bool empty = false;
    for (unsigned i = 0; i < p->count && i < PATH_SPANS; i++) {
        rota_str s = path_segment(p, i);
        HOLDS(p->text[at] == '/' && s.ptr == p->text + at + 1);
        HOLDS(!is_dots(s));
        empty |= s.len == 0;
        at += s.len + 1;
        HOLDS(at <= p->len);
    }
    if (p->count > PATH_SPANS)
        return;
    HOLDS(empty == p->empty);
    HOLDS(at + p->slash == p->len);
}

static void check_location(const struct path *p, rota_arena *arena)
{
    char *out;
    struct path again;
    if (p->empty || p->count > PATH_SPANS)
        return;
    HOLDS(path_location(p, p->slash, ROTA_STR(""), arena, &out) == 0);
    HOLDS(out[0] == '/' && out[1] != '/');
    HOLDS(path_parse(&again, rota_str_of(out), arena) == 0);
    HOLDS(again.count == p->count && again.slash == p->slash);
    for (unsigned i = 0; i < p->count; i++)
        HOLDS(rota_str_eq(path_segment(p, i), path_segment(&again, i)));
}

/* Counts how deep a joined name goes: never below the folder it began in. */
static void check_join(rota_str relative, rota_arena *arena)
{
    char *out;
    if (path_join_safe(arena, ROTA_STR(""), relative, &out) < 0)
        return;
    HOLDS(strlen(out) == relative.len && out[0] != '/');
    for (const char *s = out; s; s = strchr(s, '/')) {
        s += *s == '/';
        size_t len = strcspn(s, "/");
        HOLDS(len > 0 && !is_dots((rota_str){ s, len }));
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    rota_str raw = { (const char *)data, size };
    char first[4096];
    rota_arena arena;
    struct path p;
    rota_arena_init(&arena, first, sizeof first);
    if (path_parse(&p, raw, &arena) == 0) {
        check_text(&p);
        check_segments(&p);
        check_location(&p, &arena);
        check_join(path_rest(&p, 0), &arena);
    }
    check_join(raw, &arena);
    rota_arena_fini(&arena);
    return 0;
}
