/*
 * Feeding a request head to the parser in every way it can arrive: whole, byte
 * by byte, and cut in two at each place. All must say the same; each piece lies
 * in memory of its own exact size, so that a sanitizer sees a byte too far.
 */
#ifndef HTTP_H1_FEED_H
#define HTTP_H1_FEED_H

#include <stdlib.h>

#include "http/h1.h"
#include "test.h"

/* A message that may hold any byte. */
struct bytes {
    const char *ptr;
    size_t len;
};

#define BYTES(literal)                  \
    {                                   \
        "" literal, sizeof(literal) - 1 \
    }
#define COUNT_OF(table)  (sizeof(table) / sizeof *(table))
#define FIELD(lines)     "POST / HTTP/1.1\r\nHost: a\r\n" lines "\r\n\r\n"
#define FIELD_1_0(lines) "POST / HTTP/1.0\r\n" lines "\r\n\r\n"

/* The message as a C string would be written, for what a test prints. */
static inline const char *shown(struct bytes m)
{
    static char text[600];
    size_t at = 0;
    for (size_t i = 0; i < m.len && at + 8 < sizeof text; i++) {
        unsigned char b = (unsigned char)m.ptr[i];
        if (b == '\r' || b == '\n')
            at += (size_t)sprintf(text + at, "\\%c", b == '\r' ? 'r' : 'n');
        else if (b < ' ' || b >= 0x7f)
            at += (size_t)sprintf(text + at, "\\x%02x", b);
        else
            text[at++] = (char)b;
    }
    text[at] = '\0';
    return text;
}

/* Parses the first `len` bytes, which alone are there to be read. */
static inline int feed_prefix(struct bytes m, size_t len, size_t *scanned,
                              const struct h1_limits *limits,
                              struct h1_head *head)
{
    char *copy = malloc(len ? len : 1);
    CHECK(copy != NULL);
    memcpy(copy, m.ptr, len);
    memset(head, 0xa5, sizeof *head);
    int rc = h1_parse_head(copy, len, scanned, limits, head);
    free(copy);
    return rc;
}

static inline bool same_span(struct h1_span a, struct h1_span b)
{
    return a.at == b.at && a.len == b.len;
}

static inline bool same_head(const struct h1_head *a, const struct h1_head *b)
{
    for (unsigned i = 0; i < a->count && i < b->count; i++) {
        if (!same_span(a->headers[i].name, b->headers[i].name) ||
            !same_span(a->headers[i].value, b->headers[i].value))
            return false;
    }
    return a->method == b->method && a->body == b->body &&
           a->content_length == b->content_length &&
           same_span(a->target, b->target) && same_span(a->host, b->host) &&
           same_span(a->path, b->path) && same_span(a->query, b->query) &&
           a->minor == b->minor && a->keep_alive == b->keep_alive &&
           a->expect_continue == b->expect_continue &&
           a->upgrade == b->upgrade && a->count == b->count;
}

/* Feeds `m` from byte `first` on, `step` bytes more each time, until there is a
 * verdict. */
static inline int feed_steps(struct bytes m, size_t first, size_t step,
                             const struct h1_limits *limits,
                             struct h1_head *head)
{
    size_t scanned = 0;
    for (size_t len = first;; len += step) {
        if (len > m.len)
            len = m.len;
        int rc = feed_prefix(m, len, &scanned, limits, head);
        if (rc != 0 || len == m.len)
            return rc;
    }
}

/*
 * Feeds a message in every way; returns the one verdict, with `head` filled
 * when it is good. The message must be a complete head (or longer): what is
 * wrong in half a head may be found only when the rest is there.
 */
static inline int feed(struct bytes m, const struct h1_limits *limits,
                       struct h1_head *head)
{
    struct h1_head other;
    size_t scanned = 0;
    int whole = feed_prefix(m, m.len, &scanned, limits, head);
    for (size_t cut = 0; cut <= m.len; cut++) {
        /* Cut 0 stands for byte by byte. */
        int rc = cut == 0 ? feed_steps(m, 0, 1, limits, &other)
                          : feed_steps(m, cut, m.len, limits, &other);
        if (rc != whole)
            test_fail(TEST_AT, "%d when cut at %zu, %d whole: %s", rc, cut,
                      whole, shown(m));
        if (whole > 0 && !same_head(head, &other))
            test_fail(TEST_AT, "another head when cut at %zu: %s", cut,
                      shown(m));
    }
    return whole;
}

/* Feeds one with the usual limits and checks the verdict; `want` > 0 stands
 * for the whole length. */
static inline void expect_verdict(struct bytes m, int want,
                                  struct h1_head *head)
{
    int rc = feed(m, &H1_LIMITS_DEFAULT, head);
    if (rc != (want > 0 ? (int)m.len : want))
        test_fail(TEST_AT, "%d, not %d: %s", rc, want, shown(m));
}

static inline void expect_all(const struct bytes *table, size_t count, int want)
{
    struct h1_head head;
    for (size_t i = 0; i < count; i++)
        expect_verdict(table[i], want, &head);
}

#define EXPECT_ALL(table, want) expect_all(table, COUNT_OF(table), want)

static inline bool span_is(struct bytes m, struct h1_span span,
                           const char *text)
{
    return span.len == strlen(text) &&
           memcmp(m.ptr + span.at, text, span.len) == 0;
}

#endif
