/*
 * The byte classes of HTTP/1.1's grammar, and the two scans that a head's
 * time goes into: to the end of a header name, and to the end of a value.
 * Both look at sixteen bytes at once where the machine can (SSE2, NEON) and
 * have a plain twin that says the same; the tests hold one against the other.
 */
#ifndef HTTP_H1_SCAN_H
#define HTTP_H1_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

enum h1_class {
    H1_TOKEN = 1, /* tchar, RFC 9110 5.6.2 */
    H1_URL = 2,   /* as itself in a path; see h1_classes */
    H1_NAME = 4,  /* in a registered name, for which we take unreserved */
    H1_HEX = 8,
};

/*
 * H1_URL is pchar (RFC 3986 3.3) and '/', without '%' (which has a rule of its
 * own), and with the few bytes beyond that browsers do send as they are:
 * [ ] { } | ^ and the backtick. H1_NAME leaves out what RFC 3986 would let a
 * name have and no name has: escapes and sub-delims, the comma above all.
 */
static const uint8_t h1_classes[256] = {
    ['0' ... '9'] = H1_TOKEN | H1_URL | H1_NAME | H1_HEX,
    ['A' ... 'F'] = H1_TOKEN | H1_URL | H1_NAME | H1_HEX,
    ['G' ... 'Z'] = H1_TOKEN | H1_URL | H1_NAME,
    ['a' ... 'f'] = H1_TOKEN | H1_URL | H1_NAME | H1_HEX,
    ['g' ... 'z'] = H1_TOKEN | H1_URL | H1_NAME,
    ['-'] = H1_TOKEN | H1_URL | H1_NAME,
    ['.'] = H1_TOKEN | H1_URL | H1_NAME,
    ['_'] = H1_TOKEN | H1_URL | H1_NAME,
    ['~'] = H1_TOKEN | H1_URL | H1_NAME,
    ['!'] = H1_TOKEN | H1_URL,
    ['$'] = H1_TOKEN | H1_URL,
    ['&'] = H1_TOKEN | H1_URL,
    ['\''] = H1_TOKEN | H1_URL,
    ['*'] = H1_TOKEN | H1_URL,
    ['+'] = H1_TOKEN | H1_URL,
    ['^'] = H1_TOKEN | H1_URL,
    ['`'] = H1_TOKEN | H1_URL,
    ['|'] = H1_TOKEN | H1_URL,
    ['#'] = H1_TOKEN,
    ['%'] = H1_TOKEN,
    ['('] = H1_URL,
    [')'] = H1_URL,
    [','] = H1_URL,
    ['/'] = H1_URL,
    [':'] = H1_URL,
    [';'] = H1_URL,
    ['='] = H1_URL,
    ['@'] = H1_URL,
    ['['] = H1_URL,
    [']'] = H1_URL,
    ['{'] = H1_URL,
    ['}'] = H1_URL,
};

static inline bool h1_is(char c, enum h1_class class)
{
    return (h1_classes[(uint8_t)c] & class) != 0;
}

/* In a field value (RFC 9110 5.5): visible, space, tab, or 0x80 and up. */
static inline bool h1_is_value(char c)
{
    return ((uint8_t)c >= ' ' && (uint8_t)c != 0x7f) || c == '\t';
}

static inline char h1_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline uint64_t h1_word(const char *p, bool wide)
{
    if (wide) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        return word;
    }
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/*
 * Whether the `n` bytes at `p` are those of `lower` (letters, digits, '-') in
 * any case, told by words; n is a constant, at least 4. Setting bit 5 folds
 * letters, and makes no other byte of a value or token equal to one of these.
 */
static inline __attribute__((always_inline)) bool h1_folds_to(const char *p,
                                                              const char *lower,
                                                              size_t n)
{
    const uint64_t bit5 = 0x2020202020202020;
    const bool wide = n >= sizeof(uint64_t);
    const size_t step = wide ? sizeof(uint64_t) : sizeof(uint32_t);
    uint64_t differ = 0;
    for (size_t at = 0; at < n; at += step) {
        size_t from = at + step <= n ? at : n - step;
        differ |= (h1_word(p + from, wide) | bit5) ^
                  (h1_word(lower + from, wide) | bit5);
    }
    return differ == 0;
}

/* The first byte in [p, end) that is not of `class`, or end. Four at a time:
 * the classes that are scanned so are too ragged for the wide tests. */
static inline const char *h1_scan_class(const char *p, const char *end,
                                        enum h1_class class)
{
    while (end - p >= 4 && h1_is(p[0], class) && h1_is(p[1], class) &&
           h1_is(p[2], class) && h1_is(p[3], class))
        p += 4;
    while (p < end && h1_is(*p, class))
        p++;
    return p;
}

/* The first byte in [p, end) that is no tchar, or end. */
static inline const char *h1_scan_token_plain(const char *p, const char *end)
{
    return h1_scan_class(p, end, H1_TOKEN);
}

/* The first byte in [p, end) that has no place in a value, or end. */
static inline const char *h1_scan_value_plain(const char *p, const char *end)
{
    while (p < end && h1_is_value(*p))
        p++;
    return p;
}

#if defined(__SSE2__)

#define H1_SCAN_WIDE 16

/* How many of the 16 bytes at p come before the first that is neither letter,
 * digit nor '-'. */
static inline unsigned h1_wide_name(const char *p)
{
    __m128i v = _mm_loadu_si128((const __m128i *)p);
    /* A byte is in [a, a + n] when, a taken off, min(byte, n) is byte. */
    __m128i letter =
        _mm_sub_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
    __m128i digit = _mm_sub_epi8(v, _mm_set1_epi8('0'));
    __m128i good = _mm_or_si128(
        _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(25)), letter),
        _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit));
    good = _mm_or_si128(good, _mm_cmpeq_epi8(v, _mm_set1_epi8('-')));
    unsigned bad = (unsigned)_mm_movemask_epi8(good) ^ 0xffff;
    return bad ? (unsigned)__builtin_ctz(bad) : H1_SCAN_WIDE;
}

/* The same for bytes that have a place in a value. */
static inline unsigned h1_wide_value(const char *p)
{
    __m128i v = _mm_loadu_si128((const __m128i *)p);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
    control = _mm_andnot_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\t')), control);
    __m128i del = _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f));
    unsigned bad = (unsigned)_mm_movemask_epi8(_mm_or_si128(control, del));
    return bad ? (unsigned)__builtin_ctz(bad) : H1_SCAN_WIDE;
}

#elif defined(__ARM_NEON) && defined(__aarch64__)

#define H1_SCAN_WIDE 16

/* How many lanes come before the first that is set: NEON has no movemask, but
 * narrowing by a shift leaves four bits of each lane. */
static inline unsigned h1_lanes_before(uint8x16_t bad)
{
    uint8x8_t nibbles = vshrn_n_u16(vreinterpretq_u16_u8(bad), 4);
    uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(nibbles), 0);
    return mask ? (unsigned)__builtin_ctzll(mask) / 4 : H1_SCAN_WIDE;
}

static inline unsigned h1_wide_name(const char *p)
{
    uint8x16_t v = vld1q_u8((const uint8_t *)p);
    uint8x16_t letter =
        vsubq_u8(vorrq_u8(v, vdupq_n_u8(0x20)), vdupq_n_u8('a'));
    uint8x16_t digit = vsubq_u8(v, vdupq_n_u8('0'));
    uint8x16_t good = vorrq_u8(vcleq_u8(letter, vdupq_n_u8(25)),
                               vcleq_u8(digit, vdupq_n_u8(9)));
    good = vorrq_u8(good, vceqq_u8(v, vdupq_n_u8('-')));
    return h1_lanes_before(vmvnq_u8(good));
}

static inline unsigned h1_wide_value(const char *p)
{
    uint8x16_t v = vld1q_u8((const uint8_t *)p);
    uint8x16_t control =
        vbicq_u8(vcltq_u8(v, vdupq_n_u8(' ')), vceqq_u8(v, vdupq_n_u8('\t')));
    return h1_lanes_before(vorrq_u8(control, vceqq_u8(v, vdupq_n_u8(0x7f))));
}

#endif

#if defined(H1_SCAN_WIDE)

static inline const char *h1_scan_token(const char *p, const char *end)
{
    while (end - p >= H1_SCAN_WIDE) {
        unsigned n = h1_wide_name(p);
        p += n;
        if (n == H1_SCAN_WIDE)
            continue;
        /* The rarer tchars are not in the wide test. */
        if (!h1_is(*p, H1_TOKEN))
            return p;
        p++;
    }
    return h1_scan_token_plain(p, end);
}

static inline const char *h1_scan_value(const char *p, const char *end)
{
    if (end - p < H1_SCAN_WIDE)
        return h1_scan_value_plain(p, end);
    for (; end - p > H1_SCAN_WIDE; p += H1_SCAN_WIDE) {
        unsigned n = h1_wide_value(p);
        if (n < H1_SCAN_WIDE)
            return p + n;
    }
    /* The rest with what comes before it, which was found good. */
    p = end - H1_SCAN_WIDE;
    return p + h1_wide_value(p);
}

#else

static inline const char *h1_scan_token(const char *p, const char *end)
{
    return h1_scan_token_plain(p, end);
}

static inline const char *h1_scan_value(const char *p, const char *end)
{
    return h1_scan_value_plain(p, end);
}

#endif

#endif
