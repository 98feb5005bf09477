/*
 * A string that knows its length and owns nothing: a pointer into memory that
 * somebody else keeps (a request's buffer, an arena, a literal). It need not
 * end in a NUL byte and may hold any byte.
 */
#ifndef ROTA_STR_H
#define ROTA_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct rota_str {
    const char *ptr; /* not NULL when len > 0 */
    size_t len;      /* bytes */
} rota_str;

/* A rota_str of a string literal, length known to the compiler. */
#define ROTA_STR(literal) ((rota_str){ "" literal, sizeof(literal) - 1 })

/* For printf: "%.*s" takes ROTA_STR_ARG(s). */
#define ROTA_STR_ARG(s) (int)(s).len, (s).ptr

/* A rota_str of a NUL-terminated string; NULL gives the empty string. */
static inline rota_str rota_str_of(const char *s)
{
    return (rota_str){ s, s ? strlen(s) : 0 };
}

static inline bool rota_str_eq(rota_str a, rota_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

#endif
