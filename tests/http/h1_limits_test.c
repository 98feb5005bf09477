/*
 * The limits of a request head, each at its last good value and one beyond, and
 * what the parser says of heads that are not all there.
 */
#include "h1_feed.h"

enum { ROOM = 70000 };

static char text[ROOM];

static const struct h1_limits small = {
    .target = 20, .line = 30, .head = 200, .headers = 5
};

/* Writes a GET of `target` bytes into text, the blank line included. */
static struct bytes long_target(size_t target)
{
    char *p = stpcpy(text, "GET /");
    memset(p, 'a', target - 1);
    p = stpcpy(p + target - 1, " HTTP/1.1\r\nHost: a\r\n\r\n");
    return (struct bytes){ text, (size_t)(p - text) };
}

/* One with a header line "X:..." of `line` bytes. */
static struct bytes long_line(size_t line)
{
    char *p = stpcpy(text, "GET / HTTP/1.1\r\nHost: a\r\nX:");
    memset(p, 'a', line - 2);
    p = stpcpy(p + line - 2, "\r\n\r\n");
    return (struct bytes){ text, (size_t)(p - text) };
}

/* One with `count` header lines. */
static struct bytes many_lines(int count)
{
    char *p = stpcpy(text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 1; i < count; i++)
        p = stpcpy(p, "A:b\r\n");
    p = stpcpy(p, "\r\n");
    return (struct bytes){ text, (size_t)(p - text) };
}

/* One of `len` bytes, with no line above 26. */
static struct bytes long_head(size_t len)
{
    char *p = stpcpy(text, "GET / HTTP/1.1\r\nHost: a\r\n");
    while ((size_t)(p - text) + 2 < len) {
        size_t rest = len - 2 - (size_t)(p - text);
        size_t line = rest >= 60 ? 28 : rest > 30 ? rest / 2 : rest;
        memset(p, 'a', line);
        p[1] = ':';
        memcpy(p + line - 2, "\r\n", 2);
        p += line;
    }
    memcpy(p, "\r\n", 2);
    return (struct bytes){ text, len };
}

TEST("a target at the limit is taken, one byte more is 414")
{
    struct h1_head head;
    struct bytes m = long_target(20);
    CHECK_INT(feed(m, &small, &head), m.len);
    CHECK_INT(head.target.len, 20);
    CHECK_INT(feed(long_target(21), &small, &head), -414);
    CHECK_INT(feed(long_target(150), &small, &head), -414);
}

TEST("the limit of a target counts scheme, host, query and escapes")
{
    struct h1_head head;
    static const struct bytes over[] = {
        BYTES("GET http://abcdefghijklmn HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http://abcdefghijklm/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET /?23456789012345678901 HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET /23456789012345678%41 HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET /234567890123456789%41 HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET /?3456789012345678%41 HTTP/1.1\r\nHost: a\r\n\r\n"),
    };
    static const struct bytes at[] = {
        BYTES("GET /?234567890123456789 HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET /2345678901234567%41 HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http://abcdefghijklm HTTP/1.1\r\nHost: abcdefghijklm\r\n"
              "\r\n"),
    };
    for (size_t i = 0; i < COUNT_OF(over); i++)
        CHECK_INT(feed(over[i], &small, &head), -414);
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        CHECK_INT(feed(at[i], &small, &head), at[i].len);
        CHECK_INT(head.target.len, 20);
    }
}

TEST("a header line at the limit is taken, one byte more is 431")
{
    struct h1_head head;
    struct bytes m = long_line(30);
    CHECK_INT(feed(m, &small, &head), m.len);
    CHECK_INT(head.headers[1].value.len, 28);
    CHECK_INT(feed(long_line(31), &small, &head), -431);
    CHECK_INT(feed(long_line(100), &small, &head), -431);
    static const struct bytes names[] = {
        BYTES(FIELD("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDE: x")),
        BYTES(FIELD("ABCDEFGHIJKLMNOPQRSTUVWXYZABCD: x")),
        BYTES(FIELD("X:                             ")),
    };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        CHECK_INT(feed(names[i], &small, &head), -431);
}

TEST("as many header lines as the limit are taken, one more is 431")
{
    struct h1_head head;
    struct bytes m = many_lines(5);
    CHECK_INT(feed(m, &small, &head), m.len);
    CHECK_INT(head.count, 5);
    CHECK_INT(feed(many_lines(6), &small, &head), -431);
}

TEST("the table of headers holds its most, whatever the limit says")
{
    struct h1_limits limits = H1_LIMITS_DEFAULT;
    struct h1_head head;
    limits.headers = 1000;
    struct bytes m = many_lines(H1_HEADERS_MOST);
    CHECK_INT(feed(m, &limits, &head), m.len);
    CHECK_INT(head.count, H1_HEADERS_MOST);
    CHECK_INT(feed(many_lines(H1_HEADERS_MOST + 1), &limits, &head), -431);
}

TEST("a head at the limit is taken, one byte more is 431")
{
    struct h1_limits limits = small;
    struct h1_head head;
    limits.headers = 100;
    for (size_t len = 180; len <= 200; len++)
        CHECK_INT(feed(long_head(len), &limits, &head), len);
    for (size_t len = 201; len < 300; len++)
        CHECK_INT(feed(long_head(len), &limits, &head), -431);
}

TEST("a head without an end is 431 as soon as the limit is full")
{
    struct h1_head head;
    struct bytes m = long_head(400);
    size_t scanned = 0;
    CHECK_INT(feed_prefix(m, 100, &scanned, &small, &head), 0);
    struct h1_limits limits = small;
    limits.headers = 100;
    CHECK_INT(feed_prefix(m, 199, &scanned, &limits, &head), 0);
    CHECK_INT(feed_prefix(m, 200, &scanned, &limits, &head), -431);
}

TEST("a target without an end is 414 before the whole head's limit")
{
    struct h1_limits limits = H1_LIMITS_DEFAULT;
    struct h1_head head;
    struct bytes m = long_target(40000);
    size_t scanned = 0;
    CHECK_INT(feed_prefix(m, 8000, &scanned, &limits, &head), 0);
    scanned = 0;
    CHECK_INT(feed_prefix(m, 8198, &scanned, &limits, &head), -414);
    CHECK_INT(feed_steps(m, 1, 1, &limits, &head), -414);
    CHECK_INT(feed_steps(m, 1, 1000, &limits, &head), -414);
}

TEST("the default limits hold at their exact bytes")
{
    struct h1_limits limits = H1_LIMITS_DEFAULT;
    struct h1_head head;
    struct bytes m = long_target(limits.target);
    CHECK_INT(feed_steps(m, m.len, 1, &limits, &head), m.len);
    m = long_target(limits.target + 1u);
    CHECK_INT(feed_steps(m, m.len, 1, &limits, &head), -414);
    m = long_line(limits.line);
    CHECK_INT(feed_steps(m, m.len, 1, &limits, &head), m.len);
    m = long_line(limits.line + 1u);
    CHECK_INT(feed_steps(m, m.len, 1, &limits, &head), -431);
    /* Three long lines stay below the line limit and exceed the head's. */
    char *p = stpcpy(text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 3; i++) {
        memset(p, 'a', 15000);
        p[1] = ':';
        p = stpcpy(p + 15000, "\r\n");
    }
    p = stpcpy(p, "\r\n");
    m = (struct bytes){ text, (size_t)(p - text) };
    CHECK_INT(feed_steps(m, m.len, 1, &limits, &head), -431);
    CHECK_INT(feed_steps(m, 1, 1000, &limits, &head), -431);
}

TEST("the largest limits there are leave room for every offset")
{
    const struct h1_limits widest = { .target = UINT16_MAX,
                                      .line = UINT16_MAX,
                                      .head = UINT16_MAX,
                                      .headers = UINT16_MAX };
    struct h1_head head;
    struct bytes m = long_line(UINT16_MAX - 29);
    CHECK_INT(m.len, UINT16_MAX);
    CHECK_INT(feed_steps(m, m.len, 1, &widest, &head), UINT16_MAX);
    CHECK_INT(head.headers[1].value.len, UINT16_MAX - 31);
    m = long_line(UINT16_MAX - 28);
    CHECK_INT(feed_steps(m, m.len, 1, &widest, &head), -431);
}

TEST("every true prefix of a good head asks for more")
{
    static const struct bytes m =
        BYTES("\r\nOPTIONS http://a:80/b%20c?d HTTP/1.0\r\nHost: a:80\r\n"
              "X-Long-Name-Of-A-Header: value, and a long one\r\n\r\n");
    struct h1_limits limits = H1_LIMITS_DEFAULT;
    struct h1_head head;
    for (size_t len = 0; len < m.len; len++) {
        size_t scanned = 0;
        CHECK_INT(feed_prefix(m, len, &scanned, &limits, &head), 0);
        CHECK_INT(scanned, len);
        CHECK_INT(feed_prefix(m, len, &scanned, &limits, &head), 0);
        CHECK_INT(feed_prefix(m, m.len, &scanned, &limits, &head), m.len);
    }
}

TEST("what comes behind a head is not looked at")
{
    struct h1_limits limits = H1_LIMITS_DEFAULT;
    struct h1_head head;
    static const struct bytes m =
        BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n\0\xff\r\r\n\n\n\n");
    CHECK_INT(feed(m, &limits, &head), m.len - 8);
}

TEST("a head means the same where its bytes are moved to")
{
    static const struct bytes m =
        BYTES("GET /p?q HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n");
    struct h1_head head;
    expect_verdict(m, 1, &head);
    char moved[128];
    memcpy(moved + 7, m.ptr, m.len);
    const struct bytes again = { moved + 7, m.len };
    CHECK(span_is(again, head.target, "/p?q"));
    CHECK(span_is(again, head.host, "h"));
    CHECK(
        rota_str_eq(h1_header(&head, again.ptr, ROTA_STR("x")), ROTA_STR("y")));
}
