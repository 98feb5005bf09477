/*
 * Open addressing with linear probing; the table is built at start and only
 * read from then on.
 */
#include "web/literals.h"

#include <errno.h>
#include <string.h>

enum { SIZE_LEAST = 32 };

static uint64_t word_at(const char *p, size_t n)
{
    uint64_t word = 0;
    memcpy(&word, p, n);
    return word;
}

/* Eight bytes at a time, the last eight together with some before them. The
 * multiplier is 2^64 divided by the golden ratio. */
static uint32_t hash(rota_str s)
{
    const uint64_t golden = 0x9e3779b97f4a7c15u;
    uint64_t h = s.len;
    if (s.len < sizeof h)
        return (uint32_t)(((h ^ word_at(s.ptr, s.len)) * golden) >> 32);
    for (size_t at = 0; at + sizeof h < s.len; at += sizeof h) {
        h = (h ^ word_at(s.ptr + at, sizeof h)) * golden;
        h ^= h >> 32;
    }
    h = (h ^ word_at(s.ptr + s.len - sizeof h, sizeof h)) * golden;
    return (uint32_t)(h >> 32);
}

/* Of the same path, those with fewer methods go first: they are the more
 * specific. */
static void insert(struct literals *t, struct literal new)
{
    uint32_t i = hash(new.path) & (t->size - 1);
    for (; t->slots[i].path.ptr; i = (i + 1) & (t->size - 1)) {
        struct literal old = t->slots[i];
        if ((old.methods & new.methods) == new.methods &&
            rota_str_eq(old.path, new.path)) {
            t->slots[i] = new;
            new = old;
        }
    }
    t->slots[i] = new;
}

static int grow(struct literals *t, rota_arena *a)
{
    struct literals more = { .size = t->size ? t->size * 2 : SIZE_LEAST,
                             .count = t->count };
    more.slots = rota_arena_zalloc(a, more.size * sizeof *more.slots);
    if (!more.slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < t->size; i++)
        if (t->slots[i].path.ptr)
            insert(&more, t->slots[i]);
    *t = more;
    return 0;
}

int literals_add(struct literals *t, rota_arena *a, rota_str path,
                 unsigned methods, const void *value)
{
    if (t->count >= t->size / 2 && grow(t, a) < 0)
        return -ENOMEM;
    insert(t, (struct literal){ path, methods, value });
    t->count++;
    return 0;
}

const void *literals_find(const struct literals *t, rota_str path,
                          unsigned methods)
{
    if (t->count == 0)
        return NULL;
    uint32_t i = hash(path) & (t->size - 1);
    for (; t->slots[i].path.ptr; i = (i + 1) & (t->size - 1))
        if ((t->slots[i].methods & methods) &&
            rota_str_eq(t->slots[i].path, path))
            return t->slots[i].value;
    return NULL;
}
