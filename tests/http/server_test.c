/*
 * The checklist of what HTTP/1.1 servers get wrong, items 1 to 22, against a
 * running server: the status of the answer, what becomes of the connection,
 * and that nothing behind an error is served. How the parser takes each
 * variant, cut at every place, is tested beside it (h1_*_test.c).
 */
#include "wire.h"

/* A test of variants that must be refused. */
#define TEST_REFUSED(name, ...)                              \
    TEST_LIMITED(name, 60)                                   \
    {                                                        \
        static const struct variant bad[] = { __VA_ARGS__ }; \
        struct process p;                                    \
        served_start(&p, NULL);                              \
        REFUSE(&p, bad);                                     \
        process_stop(&p);                                    \
    }

/* And of those that must be answered. */
#define TEST_TAKEN(name, ...)                                 \
    TEST_LIMITED(name, 60)                                    \
    {                                                         \
        static const struct variant good[] = { __VA_ARGS__ }; \
        struct process p;                                     \
        served_start(&p, NULL);                               \
        ACCEPT(&p, good);                                     \
        process_stop(&p);                                     \
    }

TEST_REFUSED("WEB 3.2/1: a bare line feed is 400",
             BYTES(400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
             BYTES(400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
             BYTES(400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
             BYTES(400, "GET / HTTP/1.1\nHost: a\n\n"),
             BYTES(400, FIELD("X:\nContent-Length: 5")),
             BYTES(400, CHUNKS("5\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("5\r\nhello\n0\r\n\r\n")),
             BYTES(400, CHUNKS("5;a\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("5\r\nhello\r\n0\n\r\n")))

TEST_REFUSED("WEB 3.2/2: a bare carriage return is 400",
             BYTES(400, "GET / HTTP/1.1\rHost: a\r\n\r\n"),
             BYTES(400, "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
             BYTES(400, FIELD("X:\rContent-Length: 5")),
             BYTES(400, FIELD("X: y\rContent-Length: 5")),
             BYTES(400, CHUNKS("5;a\rb\r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("5\rhello\r\n0\r\n\r\n")))

TEST_TAKEN("WEB 3.2/3: empty lines before a request are let pass",
           BYTES(200, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
           BYTES(200, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"))

TEST_REFUSED("WEB 3.2/3: three of them, or one with a blank, are 400",
             BYTES(400, "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
             BYTES(400, " \r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
             BYTES(400, "\t\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"))

TEST_REFUSED("WEB 3.2/4: a folded line, or a blank before the first, is 400",
             BYTES(400, FIELD("X: y\r\n z")), BYTES(400, FIELD("X: y\r\n\tz")),
             BYTES(400, POST("Transfer-Encoding:\r\n chunked")),
             BYTES(400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
             BYTES(400, "GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n"))

TEST_REFUSED("WEB 3.2/5: white space before the colon is 400",
             BYTES(400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
             BYTES(400, "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n"),
             BYTES(400, POST("Content-Length : 5")),
             BYTES(400, POST("Transfer-Encoding : chunked")))

TEST_REFUSED("WEB 3.2/6: a name that is no token, or a control, is 400",
             BYTES(400, FIELD("X")), BYTES(400, FIELD(": y")),
             BYTES(400, FIELD("[]: y")), BYTES(400, FIELD("X\tY: z")),
             BYTES(400, FIELD("X\xc3\xa9: y")), BYTES(400, FIELD("X: a\0b")),
             BYTES(400, FIELD("X: a\x01")), BYTES(400, FIELD("X: a\x1b[0m")),
             BYTES(400, FIELD("X: a\x7f")))

TEST_TAKEN("WEB 3.2/6: bytes from 0x80 up, and a tab, may be in a value",
           BYTES(200, FIELD("X: \xc3\xa9")), BYTES(200, FIELD("X: \x80\xff")),
           BYTES(200, FIELD("X: a\tb")), BYTES(200, FIELD("X:")))

TEST_REFUSED(
    "WEB 3.2/7: a request line is three words, one space apart",
    BYTES(400, LINE("GET  / HTTP/1.1")), BYTES(400, LINE("GET /  HTTP/1.1")),
    BYTES(400, LINE("GET\t/ HTTP/1.1")), BYTES(400, LINE("GET /\tHTTP/1.1")),
    BYTES(400, LINE("GET HTTP/1.1")), BYTES(400, LINE("GET / x HTTP/1.1")),
    BYTES(400, LINE("GET /a b HTTP/1.1")), BYTES(400, LINE("GET /#f HTTP/1.1")),
    BYTES(400, LINE("GET /\xc3\xa9 HTTP/1.1")),
    BYTES(400, LINE("GET /\0 HTTP/1.1")),
    BYTES(400, LINE("GET /a\\b HTTP/1.1")), BYTES(400, LINE("GET / HTTP/1.1 ")))

TEST_REFUSED("WEB 3.2/8: a version is HTTP/1.0 or HTTP/1.1",
             BYTES(400, LINE("GET / HTTP/1")),
             BYTES(400, LINE("GET / HTTP/1.")),
             BYTES(400, LINE("GET / HTTP/01.1")),
             BYTES(400, LINE("GET / http/1.1")),
             BYTES(400, LINE("GET / HTTP/1 .1")),
             BYTES(505, LINE("GET / HTTP/9.9")),
             BYTES(505, LINE("GET / HTTP/1.2")), BYTES(400, "GET /\r\n"),
             BYTES(400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))

TEST_REFUSED("WEB 3.2/9: a method not known is 501, one that is none is 400",
             BYTES(501, LINE("BREW / HTTP/1.1")),
             BYTES(501, LINE("get / HTTP/1.1")),
             BYTES(501, LINE("Get / HTTP/1.1")),
             BYTES(501, LINE("PROPFIND / HTTP/1.1")),
             BYTES(501, LINE("TRACE / HTTP/1.1")),
             BYTES(501, "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"),
             BYTES(400, LINE("G@T / HTTP/1.1")),
             BYTES(400, LINE("GET\0 / HTTP/1.1")),
             BYTES(400, LINE("G\xc3\xa9T / HTTP/1.1")))

TEST_REFUSED("WEB 3.2/10: garbage, and a TLS hello, are 400",
             BYTES(400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
             BYTES(400, "\x80\x81\x82\x83\x84\x85\x86\x87\x88\r\n\r\n"),
             BYTES(400, "\0\0\0\0\0\0\0\0\r\n\r\n"),
             BYTES(400, "{\"a\": 1}\r\n\r\n"))

TEST_SERVED("WEB 3.2/10: a connection without a request ends without an answer")
{
    client_shut(c);
    client_want_end(c);
    client_close(c);
    client_open(c, p->port); /* half a request */
    CHECK(client_say(c, "GET / HTTP/1.1\r\nHos"));
    client_shut(c);
    client_want_end(c);
    client_close(c);
    client_open(c, p->port);
    client_reset(c);
    client_open(c, p->port);
    client_want_alive(c);
}

TEST_REFUSED("WEB 3.2/11: there is one Host, and it is one",
             BYTES(400, "GET / HTTP/1.1\r\n\r\n"),
             BYTES(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
             BYTES(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
             BYTES(400, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"),
             BYTES(400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
             BYTES(400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
             BYTES(400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
             BYTES(400, "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n"),
             BYTES(400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"))

TEST_REFUSED("WEB 3.2/25: a HEAD that is refused is told why by a head",
             BYTES(400, "HEAD / HTTP/1.1\r\n\r\n"),
             BYTES(417, "HEAD / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n"))

TEST_TAKEN("WEB 3.2/11: HTTP/1.0 needs no Host",
           BYTES(200, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"))

TEST_TAKEN("WEB 3.2/12: an absolute target is taken, and '*' for OPTIONS",
           BYTES(200, "GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n"),
           BYTES(200, "GET http://a:80/ HTTP/1.1\r\nHost: a:80\r\n\r\n"),
           BYTES(200, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"))

TEST_REFUSED("WEB 3.2/12: a target that contradicts Host or method is 400",
             BYTES(400, "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"),
             BYTES(400, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
             BYTES(400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
             BYTES(400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
             BYTES(400, "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"),
             BYTES(400, "GET x HTTP/1.1\r\nHost: a\r\n\r\n"))

TEST_REFUSED("WEB 3.2/13: a target with an escape that is none is 400",
             BYTES(400, LINE("GET /%00 HTTP/1.1")),
             BYTES(400, LINE("GET /%zz HTTP/1.1")),
             BYTES(400, LINE("GET /% HTTP/1.1")),
             BYTES(400, LINE("GET /a%2 HTTP/1.1")))

TEST_REFUSED(
    "WEB 3.2/14: Content-Length with Transfer-Encoding is 400",
    BYTES(400, POST("Content-Length: 5\r\nTransfer-Encoding: chunked")),
    BYTES(400, POST("Transfer-Encoding: chunked\r\nContent-Length: 5")),
    BYTES(400, POST("content-length: 5\r\nTRANSFER-ENCODING: chunked")),
    BYTES(400,
          POST("Transfer-Encoding: chunked\r\nContent-Length: 0") "0\r\n\r\n"),
    BYTES(400, POST_1_0("Content-Length: 5\r\nTransfer-Encoding: chunked")),
    BYTES(400, POST_1_0("Transfer-Encoding: chunked\r\nContent-Length: 5")))

TEST_REFUSED("WEB 3.2/15: two Content-Lengths are 400, even equal ones",
             BYTES(400, POST("Content-Length: 5\r\nContent-Length: 6") "hello"),
             BYTES(400, POST("Content-Length: 5\r\nContent-Length: 5") "hello"),
             BYTES(400, POST("Content-Length: 5, 5") "hello"),
             BYTES(400, POST("Content-Length: 5,6") "hello"))

TEST_REFUSED("WEB 3.2/16: a Content-Length that is no number is 400",
             BYTES(400, POST("Content-Length: +5") "hello"),
             BYTES(400, POST("Content-Length: -5") "hello"),
             BYTES(400, POST("Content-Length: -0")),
             BYTES(400, POST("Content-Length: 0x5") "hello"),
             BYTES(400, POST("Content-Length: 0o5") "hello"),
             BYTES(400, POST("Content-Length: 5_0") "hello"),
             BYTES(400, POST("Content-Length: 5 0") "hello"),
             BYTES(400, POST("Content-Length: 5 x") "hello"),
             BYTES(400, POST("Content-Length:")),
             BYTES(400, POST("Content-Length: 5.0") "hello"),
             BYTES(400, POST("Content-Length: 005") "hello"),
             BYTES(400, POST("Content-Length: 9223372036854775808")),
             BYTES(400, POST("Content-Length: 18446744073709551616")),
             BYTES(400, POST("Content-Length: 18446744073709551621") "hello"),
             BYTES(400,
                   POST("Content-Length: 100000000000000000000005") "hello"))

TEST_TAKEN("WEB 3.2/16: blanks around a Content-Length are cut off",
           BYTES(200, POST("Content-Length: 5 \t ") "hello"),
           BYTES(200, POST("Content-Length:5") "hello"))

TEST_REFUSED("WEB 3.2/17: the one transfer coding is chunked",
             BYTES(400, POST_1_0("Transfer-Encoding: chunked") "0\r\n\r\n"),
             BYTES(400, POST("Transfer-Encoding: identity")),
             BYTES(400, POST("Transfer-Encoding: xchunked")),
             BYTES(400, POST("Transfer-Encoding: gzip")),
             BYTES(501, POST("Transfer-Encoding: gzip, chunked")),
             BYTES(400, POST("Transfer-Encoding: chunked, gzip")),
             BYTES(400, POST("Transfer-Encoding:")),
             BYTES(400, POST("Transfer-Encoding: chunked;q=1")),
             BYTES(400, POST("Transfer-Encoding: \x0b"
                             "chunked")),
             BYTES(400, POST("Transfer-Encoding: chunked\0")),
             BYTES(400,
                   POST("Transfer-Encoding: chunked, chunked") "0\r\n\r\n"),
             BYTES(400, POST("Transfer-Encoding: chunked\r\n"
                             "Transfer-Encoding: chunked") "0\r\n\r\n"),
             BYTES(400, POST("Transfer-Encoding: , chunked") "0\r\n\r\n"),
             BYTES(400, POST("Transfer-Encoding: chunked,") "0\r\n\r\n"))

TEST_TAKEN("WEB 3.2/17: chunked in any case",
           BYTES(200, POST("Transfer-Encoding: Chunked") "0\r\n\r\n"),
           BYTES(200,
                 POST("TRANSFER-ENCODING: CHUNKED") "5\r\nhello\r\n0\r\n\r\n"))

TEST_TAKEN("WEB 3.2/18: a name with underscores is just another name",
           BYTES(200, POST("Transfer_Encoding: chunked")),
           BYTES(200, POST("Content_Length: 5")))

TEST_REFUSED("WEB 3.2/19: a chunk size that is no number is 400",
             BYTES(400, CHUNKS("0x5\r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("+5\r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("-1\r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("5_0\r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS(" 5\r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("5 \r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("\r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("g\r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("00000000000000005\r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("ffffffffffffffff\r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("10000000000000005\r\nhello\r\n0\r\n\r\n")))

TEST_TAKEN("WEB 3.2/19: a chunk size in either case",
           BYTES(200, CHUNKS("A\r\n0123456789\r\n0\r\n\r\n")),
           BYTES(200, CHUNKS("a\r\n0123456789\r\n00\r\n\r\n")))

TEST_REFUSED("WEB 3.2/20: a chunk extension that is none is 400",
             BYTES(400, CHUNKS("5;\r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("5; \r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("5;a=\r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("5;a\0b\r\nhello\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("5;a=b\nhello\r\n0\r\n\r\n")))

TEST_TAKEN("WEB 3.2/20: a good chunk extension is passed over",
           BYTES(200, CHUNKS("5;a=b\r\nhello\r\n0\r\n\r\n")),
           BYTES(200, CHUNKS("5;a=\"x;y\"\r\nhello\r\n0;last\r\n\r\n")))

TEST_SERVED("WEB 3.2/20: chunk extensions of 5000 bytes are 400")
{
    char ext[5001];
    memset(ext, 'x', 5000);
    ext[5000] = '\0';
    client_say(c, CHUNKS("5;"));
    client_say(c, ext);
    client_say(c, "\r\nhello\r\n0\r\n\r\n" AFTER);
    client_want(c, 400);
    client_want_end(c);
}

TEST_REFUSED("WEB 3.2/21: chunk data longer or shorter than its size is 400",
             BYTES(400, CHUNKS("5\r\nhello!\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("5\r\nhell\r\n0\r\n\r\n")),
             BYTES(400, CHUNKS("5\r\nhello0\r\n\r\n")),
             BYTES(400, CHUNKS("5\r\nhello\r\n0\r\nX\r\n\r\n")))

TEST("WEB 3.2/21: a body that stops in the middle is an error, not short")
{
    static const char *const halves[] = {
        CHUNKS("5\r\nhel"),
        CHUNKS("5\r\nhello\r\n"),
        CHUNKS("5\r\nhello"),
        CHUNKS("5\r\nhello\r\n0\r\n"),
        CHUNKS("5"),
        POST("Content-Length: 5") "hell",
        POST("Content-Length: 5"),
    };
    struct process p;
    served_start(&p, NULL);
    for (size_t i = 0; i < COUNT_OF(halves); i++) {
        struct client c;
        client_open(&c, p.port);
        CHECK(client_say(&c, halves[i]));
        client_shut(&c);
        client_want_body(&c, 400, "broken");
        client_want_end(&c);
        client_close(&c);
    }
    CHECK(!strstr(process_log(&p), "echo: whole"));
    process_stop(&p);
}

TEST_TAKEN("WEB 3.2/22: trailers are passed over",
           BYTES(200,
                 CHUNKS("5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n")))

TEST_REFUSED("WEB 3.2/22: a trailer that would change the head is 400",
             BYTES(400, CHUNKS("5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n")),
             BYTES(400, CHUNKS("0\r\nTransfer-Encoding: chunked\r\n\r\n")),
             BYTES(400, CHUNKS("0\r\nHost: b\r\n\r\n")),
             BYTES(400, CHUNKS("0\r\nAuthorization: x\r\n\r\n")),
             BYTES(400, CHUNKS("0\r\nContent-Type: x\r\n\r\n")),
             BYTES(400, CHUNKS("0\r\nCookie: x\r\n\r\n")),
             BYTES(400, CHUNKS("0\r\n X: y\r\n\r\n")),
             BYTES(400, CHUNKS("0\r\nX y\r\n\r\n")))
