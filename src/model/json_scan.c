/*
 * The scanner. Values that nobody wants are skipped without recursion: all
 * that must be remembered of an open bracket is which of the two kinds it is,
 * one bit, so that the whole stack fits in a word.
 */
#include "model/json_scan.h"

#include <errno.h>
#include <string.h>

#include "model/utf8.h"
#include "rota/json.h"

int json_wrong(struct json_text *t, const char *at, const char *what)
{
    if (!t->wrong) {
        t->wrong = what;
        t->wrong_at = at;
    }
    return -EBADMSG;
}

int json_enter(struct json_text *t)
{
    if (t->depth == ROTA_JSON_DEPTH)
        return json_wrong(t, t->at, "nested too deeply");
    t->depth++;
    t->at++;
    return 0;
}

/* The value of four hexadecimal digits, or -1. */
static int hex4(const char *p, const char *end)
{
    int value = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool is_high_surrogate(int unit)
{
    return unit >= 0xD800 && unit < 0xDC00;
}

static bool is_low_surrogate(int unit)
{
    return unit >= 0xDC00 && unit < 0xE000;
}

/* \uXXXX at `p`, which points behind the u; where it ends, NULL: wrong. */
static const char *scan_unicode(struct json_text *t, const char *p)
{
    int unit = hex4(p, t->end);
    const char *wrong = NULL;

    if (unit < 0)
        wrong = "expected four hexadecimal digits behind \\u";
    else if (unit == 0)
        wrong = "\\u0000 is not allowed";
    else if (is_low_surrogate(unit))
        wrong = "this surrogate follows no high surrogate";
    else if (!is_high_surrogate(unit))
        return p + 4;
    else if (t->end - p >= 10 && p[4] == '\\' && p[5] == 'u' &&
             is_low_surrogate(hex4(p + 6, t->end)))
        return p + 10;
    else
        wrong = "a low surrogate must follow this high surrogate";
    json_wrong(t, p - 2, wrong);
    return NULL;
}

/* The escape whose backslash is at `p`; where it ends, NULL: wrong. */
static const char *scan_escape(struct json_text *t, const char *p)
{
    char c = t->end - p >= 2 ? p[1] : '\0';

    if (c == 'u')
        return scan_unicode(t, p + 2);
    if (c && strchr("\"\\/bfnrt", c))
        return p + 2;
    json_wrong(t, p, "unknown escape");
    return NULL;
}

/* The byte at `p` is not plain: behind what it begins, NULL: wrong. */
static const char *scan_special(struct json_text *t, const char *p,
                                struct json_string *s)
{
    if (*p == '\\') {
        s->escaped = true;
        return scan_escape(t, p);
    }
    if ((unsigned char)*p < 0x20) {
        json_wrong(t, p, "a control character must be escaped");
        return NULL;
    }
    size_t n = utf8_length(p, t->end);
    if (n == 0) {
        json_wrong(t, p, "not valid UTF-8");
        return NULL;
    }
    return p + n;
}

/* The first byte from `p` on that is not plain (see utf8_not_plain). */
static const char *skip_plain(const char *p, const char *end)
{
    uint64_t w;

    for (; end - p >= (ptrdiff_t)sizeof w; p += sizeof w) {
        memcpy(&w, p, sizeof w);
        if (utf8_not_plain(w))
            break;
    }
    while (p < end && (unsigned char)(*p - 0x20) < 0x80 - 0x20 && *p != '"' &&
           *p != '\\')
        p++;
    return p;
}

int json_scan_string(struct json_text *t, struct json_string *s)
{
    const char *begin = t->at + 1;
    const char *p = begin;

    s->escaped = false;
    for (;;) {
        p = skip_plain(p, t->end);
        if (p == t->end)
            return json_wrong(t, p, "expected the closing quote of a string");
        if (*p == '"')
            break;
        p = scan_special(t, p, s);
        if (!p)
            return -EBADMSG;
    }
    s->raw = (rota_str){ begin, (size_t)(p - begin) };
    t->at = p + 1;
    return 0;
}

/* A code point as UTF-8; where it ends. */
static char *put_utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *to++ = (char)(0xE0 | c >> 12);
        } else {
            *to++ = (char)(0xF0 | c >> 18);
            *to++ = (char)(0x80 | (c >> 12 & 0x3F));
        }
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
    }
    *to++ = (char)(0x80 | (c & 0x3F));
    return to;
}

/* Undoes the escape behind whose backslash `p` points. It was checked. */
static const char *undo_escape(const char *p, const char *end, char **to)
{
    static const char from[] = "bfnrt", made[] = "\b\f\n\r\t";

    if (*p != 'u') {
        const char *known = strchr(from, *p);
        *(*to)++ = known ? made[known - from] : *p;
        return p + 1;
    }
    int unit = hex4(p + 1, end);
    p += 5;
    if (is_high_surrogate(unit)) {
        int low = hex4(p + 2, end);
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        p += 6;
    }
    *to = put_utf8(*to, (unsigned)unit);
    return p;
}

int json_copy_string(rota_arena *a, const struct json_string *s, rota_str *out)
{
    /* No escape is shorter than what it stands for. */
    char *copy = rota_arena_strndup(a, s->raw.ptr, s->raw.len);

    if (!copy)
        return -ENOMEM;
    *out = (rota_str){ copy, s->raw.len };
    if (!s->escaped)
        return 0;
    const char *p = s->raw.ptr, *end = p + s->raw.len;
    char *to = copy;
    while (p < end) {
        if (*p == '\\')
            p = undo_escape(p + 1, end, &to);
        else
            *to++ = *p++;
    }
    *to = '\0';
    out->len = (size_t)(to - copy);
    return 0;
}

int json_scan_name(struct json_text *t, struct json_string *name)
{
    if (json_peek(t) != '"')
        return json_wrong(t, t->at, "expected the name of a member");
    if (json_scan_string(t, name) < 0)
        return -EBADMSG;
    if (json_peek(t) != ':')
        return json_wrong(t, t->at, "expected ':'");
    t->at++;
    return 0;
}

int json_scan_next(struct json_text *t, char close)
{
    char c = json_peek(t);

    if (c == ',') {
        t->at++;
        return 1;
    }
    if (c != close)
        return json_wrong(t, t->at,
                          close == '}' ? "expected ',' or '}'"
                                       : "expected ',' or ']'");
    t->at++;
    t->depth--;
    return 0;
}

int json_scan_value_number(struct json_text *t, struct json_number *n)
{
    const char *end = json_number_scan(t->at, t->end, n);

    if (!end)
        return json_wrong(t, t->at, "not a number as JSON writes it");
    t->at = end;
    return 0;
}

int json_scan_word(struct json_text *t, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(t->end - t->at) < len || memcmp(t->at, word, len) != 0)
        return json_wrong(t, t->at, "expected a value");
    t->at += len;
    return 0;
}

static int skip_scalar(struct json_text *t)
{
    struct json_string s;
    struct json_number n;

    switch (json_peek(t)) {
    case '"': return json_scan_string(t, &s);
    case 't': return json_scan_word(t, "true");
    case 'f': return json_scan_word(t, "false");
    case 'n': return json_scan_word(t, "null");
    case '-':
    case '0' ... '9': return json_scan_value_number(t, &n);
    default: return json_wrong(t, t->at, "expected a value");
    }
}

/* Opens brackets for as long as they open; 1: a value is to follow, 0: an
 * empty object or list was closed again, or -EBADMSG. */
static int skip_open(struct json_text *t, uint64_t *objects)
{
    struct json_string name;

    for (;;) {
        char c = json_peek(t);
        if (c != '{' && c != '[')
            return 1;
        if (json_enter(t) < 0)
            return -EBADMSG;
        *objects = *objects << 1 | (c == '{');
        if (json_peek(t) == (c == '{' ? '}' : ']'))
            return 0;
        if (c == '{' && json_scan_name(t, &name) < 0)
            return -EBADMSG;
    }
}

int json_skip(struct json_text *t)
{
    unsigned outside = t->depth;
    uint64_t objects = 0; /* the last bit: the innermost is an object */
    struct json_string name;

    _Static_assert(ROTA_JSON_DEPTH <= 64, "one bit for each open bracket");
    for (;;) {
        int rc = skip_open(t, &objects);
        if (rc < 0 || (rc == 1 && skip_scalar(t) < 0))
            return -EBADMSG;
        for (rc = 0; t->depth > outside && rc == 0;) {
            rc = json_scan_next(t, objects & 1 ? '}' : ']');
            objects = rc == 0 ? objects >> 1 : objects;
        }
        if (rc <= 0)
            return rc;
        if ((objects & 1) && json_scan_name(t, &name) < 0)
            return -EBADMSG;
    }
}
