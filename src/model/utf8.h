/*
 * UTF-8 as RFC 3629 section 4 defines it: no overlong forms, no surrogates,
 * nothing above U+10FFFF.
 */
#ifndef MODEL_UTF8_H
#define MODEL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rota/str.h"

/* Is there a continuation byte in [low, high]? */
static inline bool utf8_tail(unsigned char c, unsigned char low,
                             unsigned char high)
{
    return c >= low && c <= high;
}

/*
 * The length of the character that begins at `p`, 2 to 4, whose first byte is
 * not ASCII; 0 when there is none. The second byte's range depends on the
 * first: that is what shuts out overlong forms and surrogates.
 */
static inline size_t utf8_length(const char *at, const char *end)
{
    const unsigned char *p = (const unsigned char *)at;
    size_t room = (size_t)(end - at);

    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    if (p[0] < 0xE0)
        return room >= 2 && utf8_tail(p[1], 0x80, 0xBF) ? 2 : 0;
    if (p[0] < 0xF0) {
        unsigned char low = p[0] == 0xE0 ? 0xA0 : 0x80;
        unsigned char high = p[0] == 0xED ? 0x9F : 0xBF;
        return room >= 3 && utf8_tail(p[1], low, high) &&
                       utf8_tail(p[2], 0x80, 0xBF)
                   ? 3
                   : 0;
    }
    unsigned char low = p[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xF4 ? 0x8F : 0xBF;
    return room >= 4 && utf8_tail(p[1], low, high) &&
                   utf8_tail(p[2], 0x80, 0xBF) && utf8_tail(p[3], 0x80, 0xBF)
               ? 4
               : 0;
}

/* Where a string ends; of an empty one the pointer may be NULL, and nothing
 * can be added to that. */
static inline const char *utf8_end(rota_str s)
{
    return s.len ? s.ptr + s.len : s.ptr;
}

/* Is it UTF-8 without a NUL? */
static inline bool utf8_text(rota_str s)
{
    const char *p = s.ptr, *end = utf8_end(s);

    while (p < end) {
        size_t n = (unsigned char)*p < 0x80 ? *p != 0 : utf8_length(p, end);
        if (n == 0)
            return false;
        p += n;
    }
    return true;
}

/* How many characters [p, p + len) has; it is valid UTF-8. */
static inline size_t utf8_count(const char *p, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)p[i] & 0xC0) != 0x80;
    return n;
}

/*
 * Eight bytes at once: the high bit of the result's first set byte marks a
 * byte that JSON text cannot hold as it is (a control character, a quote, a
 * backslash) or that is not ASCII. Zero: all eight are plain.
 */
static inline uint64_t utf8_not_plain(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u, highs = ones << 7;
    uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';

    return ((w - ones * 0x20) | (quote - ones) | (slash - ones) | w) & highs;
}

#endif
