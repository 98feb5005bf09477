/*
 * Query strings are short and the fields of a handler few, so each field
 * looks for its key by itself: no table of pairs is built, and a query that
 * nobody asks for costs nothing.
 */
#include "model/query.h"

#include <errno.h>
#include <string.h>

#include "model/utf8.h"

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* One decoded byte from `*p` on, moving it; -1: a broken escape. */
static int decode_byte(const char **p, const char *end)
{
    char c = *(*p)++;

    if (c == '+')
        return ' ';
    if (c != '%')
        return (unsigned char)c;
    if (end - *p < 2)
        return -1;
    int high = hex_digit((*p)[0]), low = hex_digit((*p)[1]);
    *p += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Is `encoded`, decoded, the key? */
static bool key_matches(rota_str encoded, rota_str key)
{
    const char *p = encoded.ptr, *end = utf8_end(encoded);
    size_t i = 0;

    for (; p < end && i < key.len; i++)
        if (decode_byte(&p, end) != (unsigned char)key.ptr[i])
            return false;
    return p == end && i == key.len;
}

/* Cuts `s` at the first `c`: what is before it; `*rest` is behind it. */
static rota_str cut(rota_str s, char c, rota_str *rest)
{
    const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;

    if (!at) {
        *rest = (rota_str){ utf8_end(s), 0 };
        return s;
    }
    size_t len = (size_t)(at - s.ptr);
    *rest = (rota_str){ at + 1, s.len - len - 1 };
    return (rota_str){ s.ptr, len };
}

bool query_next(rota_str *rest, rota_str key, rota_str *value)
{
    while (rest->len) {
        rota_str pair = cut(*rest, '&', rest);
        rota_str name = cut(pair, '=', value);
        if (pair.len && key_matches(name, key))
            return true;
    }
    return false;
}

int query_decode(rota_arena *a, rota_str encoded, rota_str *out)
{
    *out = encoded;
    if (encoded.len == 0 || (!memchr(encoded.ptr, '%', encoded.len) &&
                             !memchr(encoded.ptr, '+', encoded.len)))
        return 0;
    char *to = rota_arena_alloc(a, encoded.len);
    if (!to)
        return -ENOMEM;
    *out = (rota_str){ to, 0 };
    for (const char *p = encoded.ptr, *end = p + encoded.len; p < end;) {
        int byte = decode_byte(&p, end);
        if (byte < 0)
            return -EINVAL;
        to[out->len++] = (char)byte;
    }
    return 0;
}

static rota_str trim(rota_str s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = (rota_str){ s.ptr + 1, s.len - 1 };
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* RFC 6265 section 4.2.1; the first of a name is the one of the longest path
 * (section 5.4), so it is the one that counts. */
bool cookie_find(rota_str header, rota_str name, rota_str *value)
{
    while (header.len) {
        rota_str pair = cut(header, ';', &header);
        rota_str key = trim(cut(pair, '=', value));
        if (key.len == pair.len || !rota_str_eq(key, name))
            continue;
        *value = trim(*value);
        if (value->len >= 2 && value->ptr[0] == '"' &&
            value->ptr[value->len - 1] == '"')
            *value = (rota_str){ value->ptr + 1, value->len - 2 };
        return true;
    }
    return false;
}
