/*
 * The decoder of chunked bodies. Each body is fed whole, byte by byte, and cut
 * in two at every place; data, end and verdict must be the same each time.
 * (PITFALL 68; the head's tests do the same, and fuzz/ has a target each.)
 */
#include <stdlib.h>

#include "http/h1.h"
#include "test.h"

struct bytes {
    const char *ptr;
    size_t len;
};

#define BYTES(literal)                  \
    {                                   \
        "" literal, sizeof(literal) - 1 \
    }
#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

enum { ROOM = 200000 };

/* What came out of a body. */
struct outcome {
    int rc;
    size_t used;
    size_t len;
    char data[ROOM];
};

/* Feeds one piece, in memory of its own size, until it is used up or there is
 * a verdict. */
static void feed_piece(struct h1_chunks *c, const char *in, size_t len,
                       struct outcome *o)
{
    char *copy = malloc(len ? len : 1);
    CHECK(copy != NULL);
    memcpy(copy, in, len);
    size_t at = 0;
    do {
        size_t used;
        rota_str data;
        o->rc = h1_chunks_next(c, copy + at, len - at, &used, &data);
        CHECK(used <= len - at);
        if (o->rc == H1_CHUNKS_MORE)
            CHECK_INT(used, len - at);
        CHECK((o->rc == H1_CHUNKS_DATA) == (data.len > 0));
        if (data.len > 0) {
            CHECK(data.ptr >= copy + at);
            CHECK(data.ptr + data.len == copy + at + used);
            CHECK(o->len + data.len <= ROOM);
            memcpy(o->data + o->len, data.ptr, data.len);
            o->len += data.len;
        }
        at += used;
    } while (at < len && (o->rc == H1_CHUNKS_MORE || o->rc == H1_CHUNKS_DATA));
    o->used += at;
    free(copy);
}

static void feed_steps(struct bytes m, size_t first, size_t step,
                       struct outcome *o)
{
    struct h1_chunks c;
    h1_chunks_init(&c);
    o->rc = H1_CHUNKS_MORE;
    o->used = o->len = 0;
    size_t at = 0, piece = first;
    while (o->rc == H1_CHUNKS_MORE || o->rc == H1_CHUNKS_DATA) {
        if (piece > m.len - at)
            piece = m.len - at;
        feed_piece(&c, m.ptr + at, piece, o);
        at += piece;
        piece = step;
        if (at == m.len)
            break;
    }
    /* A verdict is final: asked again it is given again, nothing is used. */
    if (o->rc < 0 || o->rc == H1_CHUNKS_END) {
        size_t used;
        rota_str data;
        CHECK_INT(h1_chunks_next(&c, "5\r\n", 3, &used, &data), o->rc);
        CHECK_INT(used, 0);
        CHECK_INT(data.len, 0);
    }
}

/* Feeds a body in every way and checks that it ends with `rc`, and holds
 * `data` up to there. */
static void expect_body(struct bytes m, int rc, struct bytes data)
{
    static struct outcome whole, other;
    feed_steps(m, m.len, m.len, &whole);
    if (whole.rc == H1_CHUNKS_DATA)
        whole.rc = H1_CHUNKS_MORE;
    if (whole.rc != rc)
        test_fail(TEST_AT, "%d, not %d: %.*s", whole.rc, rc,
                  ROTA_STR_ARG(((rota_str){ m.ptr, m.len })));
    CHECK_INT(whole.len, data.len);
    CHECK(memcmp(whole.data, data.ptr, data.len) == 0);
    for (size_t cut = 0; cut < m.len; cut++) {
        feed_steps(m, cut ? cut : 1, cut ? m.len : 1, &other);
        if (other.rc == H1_CHUNKS_DATA)
            other.rc = H1_CHUNKS_MORE;
        CHECK_INT(other.rc, whole.rc);
        CHECK_INT(other.used, whole.used);
        CHECK_INT(other.len, whole.len);
        CHECK(memcmp(other.data, whole.data, whole.len) == 0);
    }
}

static const struct bytes nothing = BYTES("");

static void refuse_all(const struct bytes *table, size_t count,
                       struct bytes data)
{
    for (size_t i = 0; i < count; i++)
        expect_body(table[i], -400, data);
}

#define REFUSE_ALL(table, data) refuse_all(table, COUNT_OF(table), data)

#define END                     "0\r\n\r\n"

TEST("a body of chunks comes out as its data")
{
    static const struct {
        struct bytes m, data;
    } good[] = {
        { BYTES(END), BYTES("") },
        { BYTES("5\r\nhello\r\n" END), BYTES("hello") },
        { BYTES("1\r\na\r\n2\r\nbc\r\n" END), BYTES("abc") },
        { BYTES("4\r\n\r\n\0\xff\r\n" END), BYTES("\r\n\0\xff") },
        { BYTES("5\r\n0\r\n\r\n\r\n" END), BYTES("0\r\n\r\n") },
        { BYTES("000\r\n\r\n"), BYTES("") },
        { BYTES("0000000000000003\r\nabc\r\n" END), BYTES("abc") },
    };
    for (size_t i = 0; i < COUNT_OF(good); i++)
        expect_body(good[i].m, H1_CHUNKS_END, good[i].data);
}

TEST("WEB 3.2/19: a chunk size is one to sixteen hexadecimal digits")
{
    static const struct bytes bad[] = {
        BYTES("0x5\r\nhello\r\n" END),
        BYTES("+5\r\nhello\r\n" END),
        BYTES("-1\r\nhello\r\n" END),
        BYTES("-0\r\n\r\n"),
        BYTES("5_0\r\nhello\r\n" END),
        BYTES(" 5\r\nhello\r\n" END),
        BYTES("\t5\r\nhello\r\n" END),
        BYTES("5 \r\nhello\r\n" END),
        BYTES("5\t\r\nhello\r\n" END),
        BYTES("5 0\r\nhello\r\n" END),
        BYTES("5.0\r\nhello\r\n" END),
        BYTES("5h\r\nhello\r\n" END),
        BYTES("5,\r\nhello\r\n" END),
        BYTES("g\r\nhello\r\n" END),
        BYTES("\r\nhello\r\n" END),
        BYTES("\r\n"),
        BYTES(";a=b\r\nhello\r\n" END),
        BYTES("\0"),
        BYTES("\xd9\xa5\r\nhello\r\n" END),
        BYTES("00000000000000005\r\nhello\r\n" END),
        BYTES("00000000000000000\r\n\r\n"),
        BYTES("10000000000000005\r\nhello\r\n" END),
        BYTES("ffffffffffffffff\r\nhello"),
        BYTES("8000000000000000\r\nhello"),
    };
    static const struct bytes hello = BYTES("hello");
    static const struct bytes sum = BYTES("5\r\nhello\r\n7ffffffffffffffb\r\n");
    static const struct bytes fits =
        BYTES("5\r\nhello\r\n7ffffffffffffffa\r\n");
    REFUSE_ALL(bad, nothing);
    expect_body(sum, -400, hello);
    expect_body(fits, H1_CHUNKS_MORE, hello);
}

TEST("WEB 3.2/19: digits above nine may be of either case")
{
    static const struct bytes m = BYTES("A\r\n0123456789\r\n"
                                        "a\r\n0123456789\r\n"
                                        "0B\r\n0123456789a\r\n" END);
    static const struct bytes data = BYTES("012345678901234567890123456789a");
    expect_body(m, H1_CHUNKS_END, data);
}

TEST("WEB 3.2/20: a malformed chunk extension is refused")
{
    static const struct bytes bad[] = {
        BYTES("5;\r\nhello\r\n" END),
        BYTES("5; \r\nhello\r\n" END),
        BYTES("5;;a\r\nhello\r\n" END),
        BYTES("5;a;\r\nhello\r\n" END),
        BYTES("5;a=\r\nhello\r\n" END),
        BYTES("5;a= \r\nhello\r\n" END),
        BYTES("5;=b\r\nhello\r\n" END),
        BYTES("5;a==b\r\nhello\r\n" END),
        BYTES("5;a b\r\nhello\r\n" END),
        BYTES("5;a=b c\r\nhello\r\n" END),
        BYTES("5;a \r\nhello\r\n" END),
        BYTES("5;a=b \r\nhello\r\n" END),
        BYTES("5;a=\"b\" \r\nhello\r\n" END),
        BYTES("5;a=\"b\"c\r\nhello\r\n" END),
        BYTES("5;a=b\"c\"\r\nhello\r\n" END),
        BYTES("5;a=\"b\r\nhello\r\n" END),
        BYTES("5;a=\"b\\\r\nhello\r\n" END),
        BYTES("5;\"a\"=b\r\nhello\r\n" END),
        BYTES("5;a,b\r\nhello\r\n" END),
        BYTES("5;a\nhello\r\n" END),
        BYTES("5;a\n\r\nhello\r\n" END),
        BYTES("5;\nhello\r\n" END),
        BYTES("5;a=\"\n\"\r\nhello\r\n" END),
        BYTES("5;a\rb\r\nhello\r\n" END),
        BYTES("5;a\r\r\nhello\r\n" END),
        BYTES("5;a=\"\r\"\r\nhello\r\n" END),
        BYTES("5;\0\r\nhello\r\n" END),
        BYTES("5;a\0\r\nhello\r\n" END),
        BYTES("5;a=\"\0\"\r\nhello\r\n" END),
        BYTES("5;a=\x80\r\nhello\r\n" END),
        BYTES("5;a=\"\x7f\"\r\nhello\r\n" END),
    };
    REFUSE_ALL(bad, nothing);
}

TEST("WEB 3.2/20: a well-formed chunk extension is passed over")
{
    static const struct bytes good[] = {
        BYTES("5;a\r\nhello\r\n" END),
        BYTES("5;a=b\r\nhello\r\n" END),
        BYTES("5;a;b=c;d\r\nhello\r\n" END),
        BYTES("5;a=\"\"\r\nhello\r\n" END),
        BYTES("5;a=\"b \\\" \\\\ \x80;\t\"\r\nhello\r\n" END),
        BYTES("5;a=\"b\";c=\"d\"\r\nhello\r\n" END),
        BYTES("5 ;a\r\nhello\r\n" END),
        BYTES("5 \t; a\t= b ; c =\"d\" ;e\r\nhello\r\n" END),
        BYTES("5\r\nhello\r\n0;a=b\r\n\r\n"),
    };
    static const struct bytes hello = BYTES("hello");
    for (size_t i = 0; i < COUNT_OF(good); i++)
        expect_body(good[i], H1_CHUNKS_END, hello);
}

/* Decodes `m` in one piece. */
static int decode(struct bytes m)
{
    static struct outcome o;
    feed_steps(m, m.len, m.len, &o);
    return o.rc;
}

/* A body of `chunks` one-byte chunks with `ext` bytes of extension each, ';'
 * not counted, the carriage return counted. */
static struct bytes extended(unsigned chunks, unsigned ext)
{
    static char text[ROOM];
    char *p = text;
    for (unsigned i = 0; i < chunks; i++) {
        p = stpcpy(p, "1;");
        memset(p, 'e', ext - 1);
        p = stpcpy(p + ext - 1, "\r\nx\r\n");
    }
    p = stpcpy(p, END);
    return (struct bytes){ text, (size_t)(p - text) };
}

TEST("WEB 3.2/20: extensions are limited over the whole body")
{
    CHECK_INT(decode(extended(1, H1_CHUNK_EXT_MOST)), H1_CHUNKS_END);
    CHECK_INT(decode(extended(1, H1_CHUNK_EXT_MOST + 1)), -400);
    CHECK_INT(decode(extended(64, H1_CHUNK_EXT_MOST / 64)), H1_CHUNKS_END);
    CHECK_INT(decode(extended(65, H1_CHUNK_EXT_MOST / 64)), -400);
    /* Blanks count as well. */
    static char text[H1_CHUNK_EXT_MOST + 20];
    memset(text, ' ', sizeof text);
    text[0] = '1';
    CHECK_INT(decode((struct bytes){ text, sizeof text }), -400);
}

TEST("WEB 3.2/21: data ends where the size says, in CRLF")
{
    static const struct bytes bad[] = {
        BYTES("5\r\nhello!\r\n" END),    BYTES("5\r\nhello" END),
        BYTES("5\r\nhello\n" END),       BYTES("5\r\nhello\r0\r\n\r\n"),
        BYTES("5\r\nhello\r\r\n" END),   BYTES("5\r\nhello \r\n" END),
        BYTES("5\r\nhello\r\n\r\n" END), BYTES("5\r\nhello\r\n\n"),
    };
    static const struct bytes hello = BYTES("hello");
    REFUSE_ALL(bad, hello);
    static const struct bytes shorter = BYTES("5\r\nhell\r\n" END);
    static const struct bytes taken = BYTES("hell\r");
    expect_body(shorter, -400, taken);
}

TEST("WEB 3.2/21: a body that stops before its end is never complete")
{
    static const char body[] =
        "5;a=\"b\"\r\nhello\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n";
    static struct outcome o;
    for (size_t len = 0; len < sizeof body - 1; len++) {
        feed_steps((struct bytes){ body, len }, len, len, &o);
        CHECK(o.rc == H1_CHUNKS_MORE || o.rc == H1_CHUNKS_DATA);
        CHECK_INT(o.used, len);
    }
    CHECK_INT(decode((struct bytes){ body, sizeof body - 1 }), H1_CHUNKS_END);
}

TEST("WEB 3.2/1: a bare line feed ends no line of a chunked body")
{
    static const struct bytes bad[] = {
        BYTES("5\nhello\r\n" END),
        BYTES("0\n\r\n"),
        BYTES("0\r\n\n"),
        BYTES("0\n\n"),
        BYTES("0\r\nX: y\n\r\n"),
        BYTES("0\r\nX: y\r\n\n"),
        BYTES("5\r\r\nhello\r\n" END),
        BYTES("0\r\n\r\r\n"),
        BYTES("5\rhello\r\n" END),
    };
    REFUSE_ALL(bad, nothing);
}

#define TRAILER(lines) "0\r\n" lines "\r\n\r\n"

TEST("WEB 3.2/22: trailers are checked, and dropped")
{
    static const struct bytes good[] = {
        BYTES(TRAILER("X: y")),
        BYTES(TRAILER("X:")),
        BYTES(TRAILER("X-Checksum: abc\r\nServer-Timing: \x80\t.")),
        BYTES(TRAILER("Content-Lengt: 5")),
        BYTES(TRAILER("X-Content-Length: 5")),
        BYTES(TRAILER("Content-Length-Of-Something-Else: 5")),
        BYTES(TRAILER("Hosts: a")),
    };
    static const struct bytes bad[] = {
        BYTES(TRAILER("X")),          BYTES(TRAILER(": y")),
        BYTES(TRAILER("X : y")),      BYTES(TRAILER(" X: y")),
        BYTES(TRAILER("X: y\r\n z")), BYTES(TRAILER("X: a\0b")),
        BYTES(TRAILER("X: a\x01")),   BYTES(TRAILER("X: a\rb")),
        BYTES(TRAILER("X: a\nb")),    BYTES(TRAILER("X\xc3: a")),
        BYTES(TRAILER("[]: a")),
    };
    for (size_t i = 0; i < COUNT_OF(good); i++)
        expect_body(good[i], H1_CHUNKS_END, nothing);
    REFUSE_ALL(bad, nothing);
}

TEST("WEB 3.2/22: a trailer that belongs into the head is refused")
{
    static const struct bytes bad[] = {
        BYTES(TRAILER("Content-Length: 5")),
        BYTES(TRAILER("content-length:5")),
        BYTES(TRAILER("TRANSFER-ENCODING: chunked")),
        BYTES(TRAILER("Host: a")),
        BYTES(TRAILER("X: y\r\nAuthorization: Basic x")),
        BYTES(TRAILER("Content-Type: a/b")),
        BYTES(TRAILER("Cookie: a=b")),
        BYTES(TRAILER("Content-Encoding: gzip")),
        BYTES(TRAILER("Content-Range: bytes 0-1/2")),
        BYTES(TRAILER("Connection: close")),
        BYTES(TRAILER("Expect: 100-continue")),
        BYTES(TRAILER("TE: trailers")),
        BYTES(TRAILER("Trailer: X")),
        BYTES(TRAILER("Upgrade: x")),
        BYTES(TRAILER("Proxy-Authorization: x")),
    };
    REFUSE_ALL(bad, nothing);
}

/* A body of no data with `count` trailers of `len` bytes each. */
static struct bytes trailed(unsigned count, unsigned len)
{
    static char text[ROOM];
    char *p = stpcpy(text, "0\r\n");
    for (unsigned i = 0; i < count; i++) {
        memset(p, 'a', len);
        p[1] = ':';
        memcpy(p + len - 2, "\r\n", 2);
        p += len;
    }
    p = stpcpy(p, "\r\n");
    return (struct bytes){ text, (size_t)(p - text) };
}

TEST("WEB 3.2/22: trailers are limited in number and size")
{
    CHECK_INT(decode(trailed(H1_TRAILERS_MOST, 10)), H1_CHUNKS_END);
    CHECK_INT(decode(trailed(H1_TRAILERS_MOST + 1, 10)), -431);
    CHECK_INT(decode(trailed(1, H1_TRAILER_MOST - 2)), H1_CHUNKS_END);
    CHECK_INT(decode(trailed(1, H1_TRAILER_MOST - 1)), -431);
    CHECK_INT(decode(trailed(2, H1_TRAILER_MOST / 2)), -431);
}

TEST("WEB 3.2/23: what follows the last chunk is left for the next request")
{
    static const char body[] = "1\r\na\r\n0\r\n\r\nGET /next";
    static struct outcome o;
    struct bytes m = { body, sizeof body - 1 };
    for (size_t cut = 1; cut < m.len; cut++) {
        feed_steps(m, cut, m.len, &o);
        CHECK_INT(o.rc, H1_CHUNKS_END);
        CHECK_INT(o.used, 11);
    }
}

TEST("data comes as it lies, without a copy")
{
    static const char body[] = "a\r\n0123456789\r\n";
    struct h1_chunks c;
    size_t used;
    rota_str data;
    h1_chunks_init(&c);
    CHECK_INT(h1_chunks_next(&c, body, 6, &used, &data), H1_CHUNKS_DATA);
    CHECK_INT(used, 6);
    CHECK(data.ptr == body + 3 && data.len == 3);
    CHECK_INT(h1_chunks_next(&c, body + 6, 9, &used, &data), H1_CHUNKS_DATA);
    CHECK_INT(used, 7);
    CHECK(data.ptr == body + 6 && data.len == 7);
    CHECK_INT(h1_chunks_next(&c, body, 0, &used, &data), H1_CHUNKS_MORE);
    CHECK_INT(used, 0);
}
