/*
 * Arena: a bump pointer in the current chunk. Chunks double up to a cap, so
 * that an arena of n bytes costs O(log n) calls of malloc; a piece larger
 * than the next chunk would be gets a chunk of its own size.
 */
#include "rota/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ARENA_ALIGN = _Alignof(max_align_t),
    ARENA_FIRST_CHUNK = 2048,
    ARENA_LAST_CHUNK = 1 << 20,
};

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* of data, bytes */
    _Alignas(max_align_t) char data[];
};

static char *align_up(char *p)
{
    return (char *)(((uintptr_t)p + ARENA_ALIGN - 1) &
                    ~(uintptr_t)(ARENA_ALIGN - 1));
}

static void use_first(rota_arena *a)
{
    a->next = a->first;
    a->end = a->first ? a->first + a->first_size : NULL;
}

void rota_arena_init(rota_arena *a, void *buffer, size_t size)
{
    *a = (rota_arena){ .first = buffer, .first_size = buffer ? size : 0 };
    use_first(a);
}

void rota_arena_reset(rota_arena *a)
{
    while (a->chunks) {
        struct arena_chunk *c = a->chunks;
        a->chunks = c->older;
        free(c);
    }
    use_first(a);
}

void rota_arena_fini(rota_arena *a)
{
    rota_arena_reset(a);
    *a = (rota_arena){ 0 };
}

static int add_chunk(rota_arena *a, size_t need)
{
    size_t size = a->chunks ? a->chunks->size * 2 : ARENA_FIRST_CHUNK;
    if (size > ARENA_LAST_CHUNK)
        size = ARENA_LAST_CHUNK;
    if (size < need)
        size = need;
    if (size > SIZE_MAX - sizeof(struct arena_chunk))
        return -1;
    struct arena_chunk *c = malloc(sizeof *c + size);
    if (!c)
        return -1;
    c->older = a->chunks;
    c->size = size;
    a->chunks = c;
    a->next = c->data;
    a->end = c->data + size;
    return 0;
}

void *rota_arena_alloc(rota_arena *a, size_t size)
{
    char *p = align_up(a->next);
    if (!a->next || p > a->end || (size_t)(a->end - p) < size) {
        if (add_chunk(a, size) < 0)
            return NULL;
        p = a->next;
    }
    a->next = p + size;
    return p;
}

void *rota_arena_zalloc(rota_arena *a, size_t size)
{
    void *p = rota_arena_alloc(a, size);
    return p ? memset(p, 0, size) : NULL;
}

void *rota_arena_grow(rota_arena *a, void *old, size_t old_size,
                      size_t new_size)
{
    if (new_size <= old_size)
        return old;
    char *from = old;
    if (from && from + old_size == a->next &&
        (size_t)(a->end - from) >= new_size) {
        a->next = from + new_size;
        return from;
    }
    void *p = rota_arena_alloc(a, new_size);
    if (p && old_size)
        memcpy(p, old, old_size);
    return p;
}

char *rota_arena_strndup(rota_arena *a, const char *s, size_t len)
{
    char *p = len < SIZE_MAX ? rota_arena_alloc(a, len + 1) : NULL;
    if (!p)
        return NULL;
    if (len)
        memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

char *rota_arena_vprintf(rota_arena *a, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *p = n < 0 ? NULL : rota_arena_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return p;
}

char *rota_arena_printf(rota_arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *p = rota_arena_vprintf(a, format, args);
    va_end(args);
    return p;
}
