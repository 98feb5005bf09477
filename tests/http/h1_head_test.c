/*
 * What the request-head parser takes and refuses, by the checklist of variants
 * that servers have got wrong (its item numbers are in the names). Each message
 * goes through feed(), so each is also cut at every place.
 */
#include "h1_feed.h"

TEST("WEB 3.2/1: a bare line feed ends nothing")
{
    static const struct bytes bad[] = {
        BYTES("GET / HTTP/1.1\nHost: a\r\n\r\n"),
        BYTES("GET / HTTP/1.1\r\nHost: a\n\r\n"),
        BYTES("GET / HTTP/1.1\r\nHost: a\r\nX: y\nZ: w\r\n\r\n"),
        BYTES("GET / HTTP/1.1\r\nHost: a\r\n\n"),
        BYTES("GET / HTTP/1.1\nHost: a\n\n"),
        BYTES("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET /\nHTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES(FIELD("X:\nContent-Length: 5")),
        BYTES(FIELD("X\n: y")),
    };
    EXPECT_ALL(bad, -400);
}

TEST("WEB 3.2/2: a bare carriage return stands nowhere")
{
    static const struct bytes bad[] = {
        BYTES("GET / HTTP/1.1\rHost: a\r\n\r\n"),
        BYTES("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
        BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n"),
        BYTES("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
        BYTES("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("\r\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES(FIELD("X:\rContent-Length: 5")),
        BYTES(FIELD("X: \rContent-Length: 5")),
        BYTES(FIELD("X: y\rContent-Length: 5")),
        BYTES(FIELD("X\r: y")),
        BYTES(FIELD("\rX: y")),
        BYTES(FIELD("X: y\r z")),
    };
    EXPECT_ALL(bad, -400);
}

TEST("WEB 3.2/3: up to two empty lines may come before a request")
{
    static const struct bytes good[] = {
        BYTES("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    };
    static const struct bytes bad[] = {
        BYTES("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES(" \r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("\t\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("\r\n \r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("\r\n GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    };
    struct h1_head head;
    EXPECT_ALL(good, 1);
    EXPECT_ALL(bad, -400);
    /* Spans are counted from the first byte, empty lines included. */
    expect_verdict(good[1], 1, &head);
    CHECK(span_is(good[1], head.target, "/"));
    CHECK(span_is(good[1], head.host, "a"));
}

TEST("WEB 3.2/4: a folded line, or white space before the first, is refused")
{
    static const struct bytes bad[] = {
        BYTES(FIELD("X: y\r\n z")),
        BYTES(FIELD("X: y\r\n\tz")),
        BYTES(FIELD("X: y\r\n ")),
        BYTES(FIELD("X:\r\n y")),
        BYTES(FIELD("Transfer-Encoding:\r\n chunked")),
        BYTES(FIELD("Transfer-Encoding:\r\n\tchunked")),
        BYTES(FIELD("Content-Length:\r\n 5")),
        BYTES("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        BYTES("GET / HTTP/1.1\r\n\tX: y\r\nHost: a\r\n\r\n"),
        BYTES("GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n"),
    };
    EXPECT_ALL(bad, -400);
}

TEST("WEB 3.2/5: white space before the colon is refused")
{
    static const struct bytes bad[] = {
        BYTES("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        BYTES("GET / HTTP/1.1\r\nHost\t: a\r\n\r\n"),
        BYTES(FIELD("Content-Length : 5")),
        BYTES(FIELD("Content-Length\t: 5")),
        BYTES(FIELD("Transfer-Encoding : chunked")),
        BYTES(FIELD("X  : y")),
        BYTES(FIELD("X y: z")),
    };
    EXPECT_ALL(bad, -400);
}

TEST("WEB 3.2/6: a header line is a token, a colon and a clean value")
{
    static const struct bytes bad[] = {
        BYTES(FIELD("X")),
        BYTES(FIELD("X y")),
        BYTES(FIELD(": y")),
        BYTES(FIELD(":")),
        BYTES(FIELD("[]: y")),
        BYTES(FIELD("X[]: y")),
        BYTES(FIELD("X(: y")),
        BYTES(FIELD("X,Y: z")),
        BYTES(FIELD("X/Y: z")),
        BYTES(FIELD("X;: y")),
        BYTES(FIELD("X=: y")),
        BYTES(FIELD("X@: y")),
        BYTES(FIELD("X\"Y\": z")),
        BYTES(FIELD("{X}: y")),
        BYTES(FIELD("<X>: y")),
        BYTES(FIELD("X\\: y")),
        BYTES(FIELD("X\tY: z")),
        BYTES(FIELD("X\xc3\xa9: y")),
        BYTES(FIELD("X\x80: y")),
        BYTES(FIELD("X\0Y: z")),
        BYTES(FIELD("X\x7f: y")),
        BYTES(FIELD("X: a\0b")),
        BYTES(FIELD("X: \0")),
        BYTES(FIELD("X:\0")),
        BYTES(FIELD("X: a\x01"
                    "b")),
        BYTES(FIELD("X: a\x08")),
        BYTES(FIELD("X: a\x0b")),
        BYTES(FIELD("X: a\x0c")),
        BYTES(FIELD("X: a\x1b[0m")),
        BYTES(FIELD("X: a\x1f")),
        BYTES(FIELD("X: a\x7f")),
    };
    static const struct bytes good[] = {
        BYTES(FIELD("X: y")),        BYTES(FIELD("X:y")),
        BYTES(FIELD("X:")),          BYTES(FIELD("X: \t ")),
        BYTES(FIELD("X: a\tb")),     BYTES(FIELD("X: \xc3\xa9")),
        BYTES(FIELD("X: \x80\xff")), BYTES(FIELD("!#$%&'*+-.^_`|~09azAZ: y")),
        BYTES(FIELD("X: a:b:c")),
    };
    EXPECT_ALL(bad, -400);
    EXPECT_ALL(good, 1);
}

TEST("WEB 3.2/6: each byte is allowed in a value and in a name as RFC 9110 has")
{
    char text[] =
        "GET / HTTP/1.1\r\nHost: a\r\nXX: y0123456789abcdefgh\r\n\r\n";
    const struct bytes m = { text, sizeof text - 1 };
    const size_t name = strstr(text, "XX") - text + 1;
    const size_t value = strstr(text, "y0") - text;
    struct h1_head head;
    for (int b = 0; b < 256; b++) {
        bool good = b == '\t' || (b >= ' ' && b != 0x7f);
        for (size_t at = 0; at < 17; at++) {
            char saved = text[value + at];
            text[value + at] = (char)b;
            expect_verdict(m, good ? 1 : -400, &head);
            text[value + at] = saved;
        }
        good = b != 0 &&
               (strchr("!#$%&'*+-.^_`|~:", b) || (b >= '0' && b <= '9') ||
                (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z'));
        text[name] = (char)b;
        expect_verdict(m, good ? 1 : -400, &head);
        text[name] = 'X';
    }
}

TEST("white space around a value is cut off, inside it stays, obs-text is raw")
{
    static const struct bytes m =
        BYTES(FIELD("A: \t x  y\t \r\nB:z\r\nC: \r\nD: \xe9\xff"));
    struct h1_head head;
    expect_verdict(m, 1, &head);
    CHECK_INT(head.count, 5);
    CHECK(span_is(m, head.headers[1].name, "A"));
    CHECK(span_is(m, head.headers[1].value, "x  y"));
    CHECK(span_is(m, head.headers[2].value, "z"));
    CHECK(span_is(m, head.headers[3].value, ""));
    CHECK(span_is(m, head.headers[4].value, "\xe9\xff"));
}

#define LINE(request_line) request_line "\r\nHost: a\r\n\r\n"

TEST("WEB 3.2/7: a request line is three words with one space between")
{
    static const struct bytes bad[] = {
        BYTES(LINE("GET  / HTTP/1.1")),
        BYTES(LINE("GET /  HTTP/1.1")),
        BYTES(LINE("GET\t/ HTTP/1.1")),
        BYTES(LINE("GET /\tHTTP/1.1")),
        BYTES(LINE("GET / HTTP/1.1 ")),
        BYTES(LINE("GET / HTTP/1.1\t")),
        BYTES(LINE("GET HTTP/1.1")),
        BYTES(LINE("GET  HTTP/1.1")),
        BYTES(LINE("GET")),
        BYTES(LINE("GET ")),
        BYTES(LINE("GET /")),
        BYTES(LINE("GET / ")),
        BYTES(LINE("GET / HTTP/1.1 x")),
        BYTES(LINE("GET / x HTTP/1.1")),
        BYTES(LINE("GET /a b HTTP/1.1")),
        BYTES(LINE("GET /#f HTTP/1.1")),
        BYTES(LINE("GET /?q#f HTTP/1.1")),
        BYTES(LINE("GET # HTTP/1.1")),
        BYTES(LINE("GET /\xc3\xa9 HTTP/1.1")),
        BYTES(LINE("GET /?\xc3\xa9 HTTP/1.1")),
        BYTES(LINE("GET /\0 HTTP/1.1")),
        BYTES(LINE("GET /?\0 HTTP/1.1")),
        BYTES(LINE("GET /\x01 HTTP/1.1")),
        BYTES(LINE("GET /\x7f HTTP/1.1")),
        BYTES(LINE("GET /a\\b HTTP/1.1")),
        BYTES(LINE("GET /?a\\b HTTP/1.1")),
        BYTES(LINE("GET \\ HTTP/1.1")),
        BYTES(LINE("GET /\"a\" HTTP/1.1")),
        BYTES(LINE("GET /<a> HTTP/1.1")),
        BYTES(LINE("GET a HTTP/1.1")),
        BYTES(LINE("GET a/b HTTP/1.1")),
        BYTES(LINE("GET ?q HTTP/1.1")),
        BYTES(LINE("GET ../ HTTP/1.1")),
        BYTES("\r\n\r\n\r\n\r\n"),
    };
    EXPECT_ALL(bad, -400);
}

TEST("a target is cut into path and query, both raw")
{
    static const struct {
        struct bytes m;
        const char *path, *query;
    } cases[] = {
        { BYTES(LINE("GET / HTTP/1.1")), "/", "" },
        { BYTES(LINE("GET /? HTTP/1.1")), "/", "" },
        { BYTES(LINE("GET /a/b?c=d&e=f HTTP/1.1")), "/a/b", "c=d&e=f" },
        { BYTES(LINE("GET /a?b?c/d HTTP/1.1")), "/a", "b?c/d" },
        { BYTES(LINE("GET //a HTTP/1.1")), "//a", "" },
        { BYTES(LINE("GET /a%20b?%zz=100% HTTP/1.1")), "/a%20b", "%zz=100%" },
        { BYTES(LINE("GET /-._~!$&'()*+,;=:@ HTTP/1.1")), "/-._~!$&'()*+,;=:@",
          "" },
        { BYTES(LINE("GET /?f[a]={x}|^` HTTP/1.1")), "/", "f[a]={x}|^`" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct h1_head head;
        expect_verdict(cases[i].m, 1, &head);
        CHECK(span_is(cases[i].m, head.path, cases[i].path));
        CHECK(span_is(cases[i].m, head.query, cases[i].query));
    }
}

TEST("WEB 3.2/8: of versions only HTTP/1.0 and HTTP/1.1 are served")
{
    static const struct bytes garbled[] = {
        BYTES(LINE("GET / HTTP/1")),
        BYTES(LINE("GET / HTTP/1.")),
        BYTES(LINE("GET / HTTP/.1")),
        BYTES(LINE("GET / HTTP/01.1")),
        BYTES(LINE("GET / HTTP/1.01")),
        BYTES(LINE("GET / HTTP/1.10")),
        BYTES(LINE("GET / HTTP/11.1")),
        BYTES(LINE("GET / http/1.1")),
        BYTES(LINE("GET / Http/1.1")),
        BYTES(LINE("GET / HTTP/1 .1")),
        BYTES(LINE("GET / HTTP /1.1")),
        BYTES(LINE("GET / HTTP/1,1")),
        BYTES(LINE("GET / HTTP/1-1")),
        BYTES(LINE("GET / HTTP\\1.1")),
        BYTES(LINE("GET / HTTP/+1.1")),
        BYTES(LINE("GET / HTTP/a.b")),
        BYTES(LINE("GET / HTTP1.1")),
        BYTES(LINE("GET / HTTPS/1.1")),
        BYTES(LINE("GET / HTP/1.1")),
        BYTES(LINE("GET / ICE/1.0")),
        BYTES("GET /\r\n\r\n"),
        BYTES("GET / HTTP/1\r\n\r\n"),
        /* The preface of HTTP/2: "*" is a target of OPTIONS alone. */
        BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    };
    static const struct bytes others[] = {
        BYTES(LINE("GET / HTTP/1.2")), BYTES(LINE("GET / HTTP/1.9")),
        BYTES(LINE("GET / HTTP/9.9")), BYTES(LINE("GET / HTTP/2.0")),
        BYTES(LINE("GET / HTTP/3.0")), BYTES(LINE("GET / HTTP/0.9")),
        BYTES(LINE("GET / HTTP/0.0")),
    };
    static const struct bytes good[] = {
        BYTES(LINE("GET / HTTP/1.0")),
        BYTES(LINE("GET / HTTP/1.1")),
    };
    struct h1_head head;
    EXPECT_ALL(garbled, -400);
    EXPECT_ALL(others, -505);
    for (int minor = 0; minor < 2; minor++) {
        expect_verdict(good[minor], 1, &head);
        CHECK_INT(head.minor, minor);
    }
}

TEST("WEB 3.2/9: a method is known, unknown, not served, or no token")
{
    static const struct bytes unknown[] = {
        BYTES(LINE("BREW / HTTP/1.1")),
        BYTES(LINE("get / HTTP/1.1")),
        BYTES(LINE("Get / HTTP/1.1")),
        BYTES(LINE("PROPFIND / HTTP/1.1")),
        BYTES(LINE("G / HTTP/1.1")),
        BYTES(LINE("GETT / HTTP/1.1")),
        BYTES(LINE("GE / HTTP/1.1")),
        BYTES(LINE("POSTS / HTTP/1.1")),
        BYTES(LINE("M-SEARCH / HTTP/1.1")),
        BYTES(LINE("ABCDEFGHIJKLMNOP / HTTP/1.1")),
        BYTES(LINE("ABCDEFGHIJKLMNOPQ / HTTP/1.1")),
        BYTES(LINE("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOP / HTTP/1.1")),
        BYTES("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
        BYTES(LINE("CONNECT / HTTP/1.1")),
        BYTES(LINE("TRACE / HTTP/1.1")),
    };
    static const struct bytes illegal[] = {
        BYTES(LINE("G@T / HTTP/1.1")),    BYTES(LINE("GET( / HTTP/1.1")),
        BYTES(LINE("GET: / HTTP/1.1")),   BYTES(LINE("G\0T / HTTP/1.1")),
        BYTES(LINE("G\xc9T / HTTP/1.1")), BYTES(LINE("{\"a\":1} / HTTP/1.1")),
        BYTES(LINE("CONNECT HTTP/1.1")),  BYTES(LINE("CONNECT  HTTP/1.1")),
        BYTES(LINE("BREW  / HTTP/1.1")),  BYTES(LINE("TRACE / HTTP/1.x")),
    };
    EXPECT_ALL(unknown, -501);
    EXPECT_ALL(illegal, -400);
}

TEST("WEB 3.2/9: each method that is served is known by its name")
{
    static const enum h1_method served[] = {
        H1_GET, H1_HEAD, H1_POST, H1_PUT, H1_PATCH, H1_DELETE, H1_OPTIONS,
    };
    for (size_t i = 0; i < COUNT_OF(served); i++) {
        char text[64];
        struct h1_head head;
        rota_str name = h1_method_name(served[i]);
        int len = snprintf(text, sizeof text, LINE("%.*s / HTTP/1.1"),
                           ROTA_STR_ARG(name));
        expect_verdict((struct bytes){ text, (size_t)len }, 1, &head);
        CHECK_INT(head.method, served[i]);
    }
    CHECK(rota_str_eq(h1_method_name(H1_CONNECT), ROTA_STR("CONNECT")));
    CHECK(rota_str_eq(h1_method_name(H1_TRACE), ROTA_STR("TRACE")));
}

TEST("WEB 3.2/10: what is not HTTP at all is refused from its first bytes")
{
    static const struct bytes bad[] = {
        BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        BYTES("\x80\x2e\x01\x00\x02"),
        BYTES("\0"),
        BYTES("\xff\xfe"),
        BYTES("SSH-2.0-OpenSSH_9.2\r\n"),
        BYTES("HTTP/1.1 200 OK\r\n\r\n"),
        BYTES("{\"jsonrpc\":\"2.0\"}"),
    };
    struct h1_limits limits = H1_LIMITS_DEFAULT;
    struct h1_head head;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        size_t scanned = 0;
        int rc = feed_prefix(bad[i], bad[i].len, &scanned, &limits, &head);
        /* A greeting of other protocols may begin as a long method does. */
        CHECK(rc == -400 || rc == -501);
    }
    size_t scanned = 0;
    CHECK_INT(feed_prefix(bad[0], 0, &scanned, &limits, &head), 0);
}

TEST("WEB 3.2/10: garbage that trickles in is refused before the limit")
{
    static char text[4096];
    struct h1_limits limits = H1_LIMITS_DEFAULT;
    struct h1_head head;
    memset(text, 'A', sizeof text);
    memcpy(text, "GET /", 5);
    text[100] = '\x01';
    int rc =
        feed_steps((struct bytes){ text, sizeof text }, 1, 1, &limits, &head);
    CHECK_INT(rc, -400);
}

#define HOST(value) "GET / HTTP/1.1\r\nHost: " value "\r\n\r\n"

TEST("WEB 3.2/11: HTTP/1.1 has one Host, and it names a host")
{
    static const struct bytes bad[] = {
        BYTES("GET / HTTP/1.1\r\n\r\n"),
        BYTES("GET / HTTP/1.1\r\nX-Host: a\r\n\r\n"),
        BYTES(HOST("a\r\nHost: b")),
        BYTES(HOST("a\r\nHost: a")),
        BYTES(HOST("a\r\nX: y\r\nhOsT: a")),
        BYTES("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
        BYTES(HOST("")),
        BYTES(HOST(" \t")),
        BYTES("GET / HTTP/1.0\r\nHost:\r\n\r\n"),
        BYTES(HOST("a,b")),
        BYTES(HOST("a, b")),
        BYTES(HOST("a b")),
        BYTES(HOST("a/b")),
        BYTES(HOST("/")),
        BYTES(HOST("http://a")),
        BYTES(HOST("a?b")),
        BYTES(HOST("a#b")),
        BYTES(HOST("u@a")),
        BYTES(HOST("u:p@a")),
        BYTES(HOST("@a")),
        BYTES(HOST("a\\b")),
        BYTES(HOST("a%00")),
        BYTES(HOST("a%41")),
        BYTES(HOST("a;b")),
        BYTES(HOST("a\xc3\xa9")),
        BYTES(HOST("a\0")),
        BYTES(HOST("a:")),
        BYTES(HOST("a:b")),
        BYTES(HOST("a:80x")),
        BYTES(HOST("a:-1")),
        BYTES(HOST("a:+80")),
        BYTES(HOST("a: 80")),
        BYTES(HOST("a:0")),
        BYTES(HOST("a:65536")),
        BYTES(HOST("a:099999")),
        BYTES(HOST("a:80:80")),
        BYTES(HOST(":80")),
        BYTES(HOST(":")),
        BYTES(HOST("::1")),
        BYTES(HOST("[::1")),
        BYTES(HOST("::1]")),
        BYTES(HOST("[]")),
        BYTES(HOST("[::1]80")),
        BYTES(HOST("[::1]:")),
        BYTES(HOST("[::1]:x")),
        BYTES(HOST("[::1]]")),
        BYTES(HOST("[:::1]")),
        BYTES(HOST("[1.2.3.4]")),
        BYTES(HOST("[::1%25eth0]")),
        BYTES(HOST("[v1.a]")),
        BYTES(HOST("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]")),
        BYTES(HOST("[g::1]")),
    };
    EXPECT_ALL(bad, -400);
}

TEST("WEB 3.2/11: hosts with and without a port are accepted")
{
    static const char *const good[] = {
        "a",
        "localhost:8080",
        "EXAMPLE.com",
        "a.b-c.d_e~f.",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]",
        "[::1]:65535",
        "[2001:db8::ff00:42:8329]",
        "[::ffff:1.2.3.4]:80",
        "xn--bcher-kva.example",
        "a:00080",
    };
    struct h1_head head;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        char text[128];
        int len = snprintf(text, sizeof text, HOST("%s"), good[i]);
        struct bytes m = { text, (size_t)len };
        expect_verdict(m, 1, &head);
        CHECK(span_is(m, head.host, good[i]));
    }
    static const struct bytes none = BYTES("GET / HTTP/1.0\r\n\r\n");
    expect_verdict(none, 1, &head);
    CHECK_INT(head.host.len, 0);
}

TEST("WEB 3.2/12: an absolute target is taken, and Host must agree")
{
    static const struct {
        struct bytes m;
        const char *host, *path, *query;
    } good[] = {
        { BYTES("GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n"), "a", "/b",
          "c" },
        { BYTES("GET HTTPS://A.b:80/ HTTP/1.1\r\nHost: a.B:80\r\n\r\n"),
          "A.b:80", "/", "" },
        { BYTES("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n"), "a", "/", "" },
        { BYTES("GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n"), "a", "/", "q" },
        { BYTES("GET http://[::1]:8/x HTTP/1.1\r\nHost: [::1]:8\r\n\r\n"),
          "[::1]:8", "/x", "" },
        { BYTES("GET http://a/ HTTP/1.0\r\n\r\n"), "a", "/", "" },
        { BYTES("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n"), "a", "/", "" },
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct h1_head head;
        expect_verdict(good[i].m, 1, &head);
        CHECK(span_is(good[i].m, head.host, good[i].host));
        CHECK(span_is(good[i].m, head.path, good[i].path));
        CHECK(span_is(good[i].m, head.query, good[i].query));
    }
    static const struct bytes bad[] = {
        BYTES("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"),
        BYTES("GET http://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n"),
        BYTES("GET http://a/ HTTP/1.0\r\nHost: b\r\n\r\n"),
        BYTES("GET http://a/ HTTP/1.1\r\n\r\n"),
        BYTES("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http:a HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http\r\n\r\n"),
        BYTES("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET httpx://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http://a:/ HTTP/1.1\r\nHost: a:\r\n\r\n"),
        BYTES("GET http://a:0/ HTTP/1.1\r\nHost: a:0\r\n\r\n"),
        BYTES("GET http://a#f HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http://a/#f HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http://a\\b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http://a%2f/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("GET http://a/%00 HTTP/1.1\r\nHost: a\r\n\r\n"),
    };
    EXPECT_ALL(bad, -400);
}

TEST("WEB 3.2/12: the asterisk goes with OPTIONS, an authority with nobody")
{
    static const struct bytes good = BYTES(LINE("OPTIONS * HTTP/1.1"));
    static const struct bytes bad[] = {
        BYTES(LINE("GET * HTTP/1.1")),
        BYTES(LINE("POST * HTTP/1.1")),
        BYTES(LINE("HEAD * HTTP/1.1")),
        BYTES(LINE("OPTIONS ** HTTP/1.1")),
        BYTES(LINE("OPTIONS *a HTTP/1.1")),
        BYTES(LINE("OPTIONS *? HTTP/1.1")),
        BYTES(LINE("GET a HTTP/1.1")),
        BYTES(LINE("GET a:80 HTTP/1.1")),
        BYTES(LINE("OPTIONS a:80 HTTP/1.1")),
    };
    struct h1_head head;
    expect_verdict(good, 1, &head);
    CHECK(span_is(good, head.path, "*"));
    CHECK(span_is(good, head.target, "*"));
    EXPECT_ALL(bad, -400);
}

TEST("WEB 3.2/13: escapes are checked, and left as they are")
{
    static const struct bytes bad[] = {
        BYTES(LINE("GET /% HTTP/1.1")),
        BYTES(LINE("GET /%a HTTP/1.1")),
        BYTES(LINE("GET /%zz HTTP/1.1")),
        BYTES(LINE("GET /%a HTTP/1.1")),
        BYTES(LINE("GET /%ag HTTP/1.1")),
        BYTES(LINE("GET /%%41 HTTP/1.1")),
        BYTES(LINE("GET /%u0041 HTTP/1.1")),
        BYTES(LINE("GET /%00 HTTP/1.1")),
        BYTES(LINE("GET /a%00.txt HTTP/1.1")),
        BYTES(LINE("GET /?a=%00 HTTP/1.1")),
    };
    static const char *const raw[] = {
        "/%0d%0a", "/%c0%af", "/..",  "/../a",   "/%2e%2e/a",
        "//",      "/a%2fb",  "/%5c", "/%25%32", "/%FF%fe",
    };
    EXPECT_ALL(bad, -400);
    for (size_t i = 0; i < COUNT_OF(raw); i++) {
        char text[80];
        struct h1_head head;
        int len = snprintf(text, sizeof text, LINE("GET %s HTTP/1.1"), raw[i]);
        struct bytes m = { text, (size_t)len };
        expect_verdict(m, 1, &head);
        CHECK(span_is(m, head.path, raw[i]));
    }
}
