/*
 * Where a request's body ends and whether the connection goes on, as its head
 * says: the header lines that requests are smuggled with. Checklist items are
 * in the names; each message is also cut at every place.
 */
#include "h1_feed.h"

TEST("WEB 3.2/14: Content-Length beside Transfer-Encoding is refused")
{
    static const struct bytes bad[] = {
        BYTES(FIELD("Content-Length: 5\r\nTransfer-Encoding: chunked")),
        BYTES(FIELD("Transfer-Encoding: chunked\r\nContent-Length: 5")),
        BYTES(FIELD("content-length: 5\r\ntransfer-encoding: chunked")),
        BYTES(FIELD("TRANSFER-ENCODING: CHUNKED\r\nCONTENT-LENGTH: 0")),
        BYTES(FIELD("Content-Length: 0\r\nX: y\r\nTransfer-Encoding: gzip")),
        BYTES(FIELD_1_0("Content-Length: 5\r\nTransfer-Encoding: chunked")),
        BYTES(FIELD_1_0("Transfer-Encoding: chunked\r\nContent-Length: 5")),
    };
    EXPECT_ALL(bad, -400);
}

TEST("WEB 3.2/15: there is one Content-Length, and it is one number")
{
    static const struct bytes bad[] = {
        BYTES(FIELD("Content-Length: 5\r\nContent-Length: 6")),
        BYTES(FIELD("Content-Length: 5\r\nContent-Length: 5")),
        BYTES(FIELD("Content-Length: 0\r\nContent-Length: 0")),
        BYTES(FIELD("Content-Length: 5\r\nX: y\r\ncontent-length: 5")),
        BYTES(FIELD("Content-Length: 5, 5")),
        BYTES(FIELD("Content-Length: 5,6")),
        BYTES(FIELD("Content-Length: 5,")),
        BYTES(FIELD("Content-Length: ,5")),
        BYTES(FIELD_1_0("Content-Length: 5\r\nContent-Length: 5")),
    };
    EXPECT_ALL(bad, -400);
}

static const char *const bad_lengths[] = {
    "+5",
    "-5",
    "-0",
    "0x5",
    "0o5",
    "5_0",
    "5 0",
    " 5 x",
    "",
    "5.0",
    "5.",
    "5e1",
    "005",
    "00",
    "01",
    "five",
    "5;",
    "\"5\"",
    "'5'",
    "#5",
    "5\t5",
    "\xd9\xa5",
    "9223372036854775808",  /* 2^63 */
    "18446744073709551616", /* 2^64 */
    "18446744073709551621", /* 2^64 + 5 */
    "9999999999999999999",
    "10000000000000000000",
    "00000000000000000005",
    "100000000000000000000000000000000000005",
};

TEST("WEB 3.2/16: a Content-Length is digits alone and can be counted")
{
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {
        { "0", 0 },   { "5", 5 },
        { "5 ", 5 },  { "5\t ", 5 },
        { "\t5", 5 }, { "1048576", 1048576 },
        { "10", 10 }, { "9223372036854775807", INT64_MAX },
    };
    char text[128];
    struct h1_head head;
    for (size_t i = 0; i < COUNT_OF(bad_lengths); i++) {
        int len = snprintf(text, sizeof text, FIELD("Content-Length: %s"),
                           bad_lengths[i]);
        expect_verdict((struct bytes){ text, (size_t)len }, -400, &head);
        len = snprintf(text, sizeof text, FIELD_1_0("Content-Length:%s"),
                       bad_lengths[i]);
        expect_verdict((struct bytes){ text, (size_t)len }, -400, &head);
    }
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        int len = snprintf(text, sizeof text, FIELD("Content-Length: %s"),
                           good[i].text);
        expect_verdict((struct bytes){ text, (size_t)len }, 1, &head);
        CHECK(head.content_length == good[i].value);
        CHECK_INT(head.body, good[i].value ? H1_BODY_LENGTH : H1_BODY_NONE);
    }
    static const struct bytes nul = BYTES(FIELD("Content-Length: 5\0"));
    expect_verdict(nul, -400, &head);
}

TEST("WEB 3.2/17: the one transfer coding is chunked, the one time")
{
    static const struct bytes bad[] = {
        BYTES(FIELD_1_0("Transfer-Encoding: chunked")),
        BYTES("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
        BYTES(FIELD("Transfer-Encoding: identity")),
        BYTES(FIELD("Transfer-Encoding: xchunked")),
        BYTES(FIELD("Transfer-Encoding: chunkedx")),
        BYTES(FIELD("Transfer-Encoding: chunke")),
        BYTES(FIELD("Transfer-Encoding: gzip")),
        BYTES(FIELD("Transfer-Encoding: chunked, gzip")),
        BYTES(FIELD("Transfer-Encoding: chunked, identity")),
        BYTES(FIELD("Transfer-Encoding:")),
        BYTES(FIELD("Transfer-Encoding: ,")),
        BYTES(FIELD("Transfer-Encoding: chunked;q=1")),
        BYTES(FIELD("Transfer-Encoding: chunked;")),
        BYTES(FIELD("Transfer-Encoding: \"chunked\"")),
        BYTES(FIELD("Transfer-Encoding: chunk ed")),
        BYTES(FIELD("Transfer-Encoding: gzip chunked")),
        BYTES(FIELD("Transfer-Encoding: \x0b"
                    "chunked")),
        BYTES(FIELD("Transfer-Encoding: \x0c"
                    "chunked")),
        BYTES(FIELD("Transfer-Encoding: chunked\0")),
        BYTES(FIELD("Transfer-Encoding: \xc5\xbf"
                    "chunked")),
        BYTES(FIELD("Transfer-Encoding: chunked, chunked")),
        BYTES(FIELD("Transfer-Encoding: chunked\r\n"
                    "Transfer-Encoding: chunked")),
        BYTES(FIELD("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked")),
        BYTES(FIELD("Transfer-Encoding: chunked\r\nTransfer-Encoding: x")),
        BYTES(FIELD("Transfer-Encoding: , chunked")),
        BYTES(FIELD("Transfer-Encoding: chunked,")),
        BYTES(FIELD("Transfer-Encoding: chunked, ")),
        BYTES(FIELD("Transfer-Encoding: gzip,,chunked")),
        BYTES(FIELD("Transfer-Encoding: gzip;q=1, chunked")),
    };
    static const struct bytes unknown[] = {
        BYTES(FIELD("Transfer-Encoding: gzip, chunked")),
        BYTES(FIELD("Transfer-Encoding: gzip,chunked")),
        BYTES(FIELD("Transfer-Encoding: identity, chunked")),
        BYTES(FIELD("Transfer-Encoding: deflate , gzip\t, Chunked")),
    };
    static const struct bytes good[] = {
        BYTES(FIELD("Transfer-Encoding: chunked")),
        BYTES(FIELD("Transfer-Encoding: Chunked")),
        BYTES(FIELD("transfer-encoding:CHUNKED \t")),
    };
    EXPECT_ALL(bad, -400);
    EXPECT_ALL(unknown, -501);
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct h1_head head;
        expect_verdict(good[i], 1, &head);
        CHECK_INT(head.body, H1_BODY_CHUNKED);
    }
}

TEST("WEB 3.2/18: an underscore is not a hyphen")
{
    static const struct bytes good[] = {
        BYTES(FIELD("Transfer_Encoding: chunked")),
        BYTES(FIELD("Content_Length: 5")),
        BYTES(FIELD("Content_Length: x\r\nTransfer_Encoding: y")),
        BYTES(FIELD("Content.Length: 5")),
        BYTES(FIELD("Content-Lengt: 5")),
        BYTES(FIELD("Content-Lengthx: 5")),
        BYTES(FIELD("X-Content-Length: 5")),
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct h1_head head;
        expect_verdict(good[i], 1, &head);
        CHECK_INT(head.body, H1_BODY_NONE);
    }
}

/* Parses two requests that lie one behind the other, `body` bytes between. */
static void check_pipelined(struct bytes m, size_t body, enum h1_body kind)
{
    struct h1_limits limits = H1_LIMITS_DEFAULT;
    struct h1_head head;
    int first = feed(m, &limits, &head);
    CHECK(first > 0);
    CHECK_INT(head.body, kind);
    struct bytes next = { m.ptr + first + body, m.len - (size_t)first - body };
    expect_verdict(next, 1, &head);
    CHECK(span_is(next, head.path, "/next"));
}

#define NEXT "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"

TEST("WEB 3.2/23: every method may have a body, and the next request follows")
{
    static const char *const methods[] = { "GET",    "HEAD", "OPTIONS",
                                           "DELETE", "PUT",  "PATCH" };
    char text[256];
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        int len = snprintf(text, sizeof text,
                           "%s / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                           "\r\n12345" NEXT,
                           methods[i]);
        check_pipelined((struct bytes){ text, (size_t)len }, 5, H1_BODY_LENGTH);
        len = snprintf(text, sizeof text,
                       "%s / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                       "chunked\r\n\r\n0\r\n\r\n" NEXT,
                       methods[i]);
        check_pipelined((struct bytes){ text, (size_t)len }, 5,
                        H1_BODY_CHUNKED);
    }
}

TEST("WEB 3.2/24: POST with neither length nor coding has no body")
{
    static const struct bytes m =
        BYTES("POST / HTTP/1.1\r\nHost: a\r\n\r\n" NEXT);
    check_pipelined(m, 0, H1_BODY_NONE);
    static const struct bytes old = BYTES("POST / HTTP/1.0\r\n\r\n" NEXT);
    check_pipelined(old, 0, H1_BODY_NONE);
}

TEST("WEB 3.2/26: the one expectation is 100-continue, and not on HTTP/1.0")
{
    static const struct {
        struct bytes m;
        int want;
        bool expects;
    } cases[] = {
        { BYTES(FIELD("Expect: 100-continue")), 1, true },
        { BYTES(FIELD("expect:100-Continue ")), 1, true },
        { BYTES(FIELD("Expect: 100-continue\r\nExpect: 100-continue")), 1,
          true },
        { BYTES(FIELD("X: y")), 1, false },
        { BYTES(FIELD("Expect: 200-ok")), -417, false },
        { BYTES(FIELD("Expect:")), -417, false },
        { BYTES(FIELD("Expect: 100-continue, x")), -417, false },
        { BYTES(FIELD("Expect: 100-continue;a=b")), -417, false },
        { BYTES(FIELD("Expect: x\r\nExpect: 100-continue")), -417, false },
        { BYTES(FIELD_1_0("Expect: 100-continue")), 1, false },
        { BYTES(FIELD_1_0("Expect: 200-ok")), 1, false },
        /* A head that is wrong is that first. */
        { BYTES(FIELD("Expect: x\r\nContent-Length: y")), -400, false },
        { BYTES("GET / HTTP/1.1\r\nExpect: x\r\n\r\n"), -400, false },
        { BYTES(FIELD("Expect: x\r\nTransfer-Encoding: a, chunked")), -501,
          false },
        { BYTES(FIELD("Transfer-Encoding: a, chunked\r\nExpect: x")), -501,
          false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct h1_head head;
        expect_verdict(cases[i].m, cases[i].want, &head);
        if (cases[i].want > 0)
            CHECK_INT(head.expect_continue, cases[i].expects);
    }
}

TEST("WEB 3.2/28: Connection is a list, over all its lines, and close wins")
{
    static const struct {
        struct bytes m;
        bool keep;
    } cases[] = {
        { BYTES(FIELD("X: y")), true },
        { BYTES(FIELD("Connection: close")), false },
        { BYTES(FIELD("Connection: Close")), false },
        { BYTES(FIELD("connection:CLOSE \t")), false },
        { BYTES(FIELD("Connection: keep-alive")), true },
        { BYTES(FIELD("Connection: keep-alive, close")), false },
        { BYTES(FIELD("Connection: close, keep-alive")), false },
        { BYTES(FIELD("Connection: x,\tclose\t,y")), false },
        { BYTES(FIELD("Connection: , ,close,")), false },
        { BYTES(FIELD("Connection:")), true },
        { BYTES(FIELD("Connection: closed")), true },
        { BYTES(FIELD("Connection: x-close")), true },
        { BYTES(FIELD("Connection: keep-alive\r\nConnection: close")), false },
        { BYTES(FIELD("Connection: close\r\nConnection: keep-alive")), false },
        { BYTES(FIELD("Proxy-Connection: close")), true },
        { BYTES(FIELD_1_0("X: y")), false },
        { BYTES(FIELD_1_0("Connection: keep-alive")), true },
        { BYTES(FIELD_1_0("Connection: Keep-Alive")), true },
        { BYTES(FIELD_1_0("Connection: keep-alive, close")), false },
        { BYTES(FIELD_1_0("Connection: x")), false },
    };
    static const struct bytes bad[] = {
        BYTES(FIELD("Connection: clo se")),
        BYTES(FIELD("Connection: close;x")),
        BYTES(FIELD("Connection: \"close\"")),
        BYTES(FIELD("Connection: close, \xc3\xa9")),
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct h1_head head;
        expect_verdict(cases[i].m, 1, &head);
        if (head.keep_alive != cases[i].keep)
            test_fail(TEST_AT, "wrong: %s", shown(cases[i].m));
    }
    EXPECT_ALL(bad, -400);
}

TEST("WEB 3.2/29: an upgrade is asked for by both Connection and Upgrade")
{
    static const struct {
        struct bytes m;
        bool upgrade;
    } cases[] = {
        { BYTES(FIELD("Connection: upgrade\r\nUpgrade: websocket")), true },
        { BYTES(FIELD("Upgrade: websocket\r\nConnection: Upgrade")), true },
        { BYTES(FIELD("UPGRADE: x\r\nConnection: keep-alive, UPGRADE")), true },
        { BYTES(FIELD("Connection: upgrade")), false },
        { BYTES(FIELD("Upgrade: websocket")), false },
        { BYTES(FIELD("Connection: upgrade\r\nUpgrade:")), false },
        { BYTES(FIELD("Connection: keep-alive\r\nUpgrade: x")), false },
        { BYTES(FIELD_1_0("Connection: upgrade\r\nUpgrade: websocket")),
          false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct h1_head head;
        expect_verdict(cases[i].m, 1, &head);
        if (head.upgrade != cases[i].upgrade)
            test_fail(TEST_AT, "wrong: %s", shown(cases[i].m));
    }
}

TEST("a header is found by its name in any case, and the first one counts")
{
    static const struct bytes m =
        BYTES(FIELD("X-One: 1\r\nx-one: 2\r\nX^Y: a\r\nEmpty:"));
    struct h1_head head;
    expect_verdict(m, 1, &head);
    rota_str got = h1_header(&head, m.ptr, ROTA_STR("x-ONE"));
    CHECK(rota_str_eq(got, ROTA_STR("1")));
    CHECK(
        rota_str_eq(h1_header(&head, m.ptr, ROTA_STR("HOST")), ROTA_STR("a")));
    CHECK(h1_header(&head, m.ptr, ROTA_STR("X-On")).ptr == NULL);
    CHECK(h1_header(&head, m.ptr, ROTA_STR("X~Y")).ptr == NULL);
    got = h1_header(&head, m.ptr, ROTA_STR("empty"));
    CHECK(got.ptr != NULL && got.len == 0);
}
