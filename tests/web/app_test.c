/*
 * The web framework over a real connection: from a request to a route, its
 * parameters and handler, and back.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shop.h"

/* One request with header lines and a body. */
static void ask(struct process *p, const char *line, const char *headers,
                const char *body, struct reply *r)
{
    char text[4096];
    int n = snprintf(text, sizeof text,
                     "%s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n"
                     "\r\n%s",
                     line, headers, strlen(body), body);
    CHECK(n > 0 && (size_t)n < sizeof text);
    client_ask(p->port, text, r);
}

#define JSON "Content-Type: application/json\r\n"

/* The answer to a request line alone has this status, and this in it. */
static void want(struct process *p, const char *line, int status,
                 const char *part)
{
    struct reply r;
    ask(p, line, "", "", &r);
    if (r.status != status || !strstr(r.body, part))
        test_fail(TEST_AT, "%s is %d, not %d with %s: %s", line, r.status,
                  status, part, r.body);
    reply_free(&r);
}

static void want_header(const struct reply *r, const char *name,
                        const char *value)
{
    char got[256] = "";
    CHECK(reply_header(r, name, got, sizeof got));
    CHECK_STR(got, value);
}

/* ---------------------------------------------------------------- routing */

TEST("an unknown route is 404, a wrong method 405 with what is allowed")
{
    struct process p;
    struct reply r;
    shop_start(&p);
    ask(&p, "GET /nope", "", "", &r);
    CHECK_INT(r.status, 404);
    want_header(&r, "Content-Type", "application/problem+json");
    CHECK_HAS(r.body, "\"status\":404");
    reply_free(&r);
    ask(&p, "PATCH /things/1", "", "", &r);
    CHECK_INT(r.status, 405);
    want_header(&r, "Allow", "DELETE, GET, HEAD, OPTIONS, PUT");
    reply_free(&r);
    ask(&p, "GET /things", "", "", &r);
    CHECK_INT(r.status, 405);
    want_header(&r, "Allow", "OPTIONS, POST");
    reply_free(&r);
    shop_stop(&p);
}

TEST("what a handler defers is done once its request is answered")
{
    struct process p;
    struct reply r;
    shop_start(&p);
    for (int i = 0; i < 4; i++) {
        char want[8];
        snprintf(want, sizeof want, "%d", i);
        ask(&p, "GET /deferred", "", "", &r);
        CHECK_STR(r.body, want);
        reply_free(&r);
    }
    shop_stop(&p);
}

TEST("OPTIONS says what is allowed, HEAD is GET without the body")
{
    struct process p;
    struct reply r;
    shop_start(&p);
    ask(&p, "OPTIONS /things/1", "", "", &r);
    CHECK_INT(r.status, 204);
    want_header(&r, "Allow", "DELETE, GET, HEAD, OPTIONS, PUT");
    reply_free(&r);
    ask(&p, "OPTIONS *", "", "", &r);
    CHECK_INT(r.status, 204);
    reply_free(&r);
    ask(&p, "HEAD /things/1", "", "", &r);
    CHECK_INT(r.status, 200);
    CHECK_INT(r.announced,
              strlen("{\"id\":1,\"name\":\"lamp\",\"price\":1.5}"));
    reply_free(&r);
    ask(&p, "HEAD /thread/stream?n=-1", "", "", &r);
    CHECK_INT(r.status, 203);
    reply_free(&r);
    ask(&p, "HEAD /nope", "", "", &r);
    CHECK_INT(r.status, 404);
    reply_free(&r);
    shop_stop(&p);
}

TEST("a folder asked for without its slash is a redirect that keeps the query")
{
    struct process p;
    struct reply r;
    shop_start(&p);
    ask(&p, "GET /tree?a=b%20c", "", "", &r);
    CHECK_INT(r.status, 308);
    want_header(&r, "Location", "/tree/?a=b%20c");
    reply_free(&r);
    want(&p, "GET /tree/", 200, "tree");
    want(&p, "GET /tree/deep/down", 200, "tree");
    shop_stop(&p);
}

TEST("WEB 3.2/13: a path is decoded once, after it was split, and normalised")
{
    static const struct {
        const char *line;
        int status;
        const char *part;
    } asked[] = {
        { "GET /rest/a%2fb", 200, "\"a/b\"" },
        { "GET /rest/a%252fb", 200, "\"a%2fb\"" },
        { "GET /rest/a/../b", 200, "\"b\"" },
        { "GET /rest/a/%2e%2e/b", 200, "\"b\"" },
        { "GET /rest/a/./b", 200, "\"a/b\"" },
        { "GET /rest/../nope", 404, "" },
        { "GET /rest/../../../text", 400, "path" },
        { "GET /nope/../text", 200, "t" },
        { "GET /rest/a//b", 404, "" },
        { "GET //text", 404, "" },
        { "GET /rest/%c0%af", 400, "path" },
        { "GET /rest/%e4", 400, "path" },
        { "GET /rest/a%0d%0ab", 400, "path" },
        { "GET /rest/a%00b", 400, "" },
    };
    struct process p;
    shop_start(&p);
    for (size_t i = 0; i < COUNT_OF(asked); i++)
        want(&p, asked[i].line, asked[i].status, asked[i].part);
    shop_stop(&p);
}

/* --------------------------------------------------------- what comes in */

TEST("422 names every field that is wrong, in path, query, header and body")
{
    static const char *const parts[] = {
        "\"in\":\"path\",\"loc\":\"id\"",
        "\"in\":\"query\",\"loc\":\"limit\"",
        "\"in\":\"header\",\"loc\":\"X-Token\"",
        "\"in\":\"body\",\"loc\":\"name\"",
        "\"in\":\"body\",\"loc\":\"price\"",
        "\"in\":\"body\",\"loc\":\"tags\"",
    };
    struct process p;
    struct reply r;
    shop_start(&p);
    ask(&p, "PUT /things/0?limit=99", JSON "X-Token: a\r\n",
        "{\"name\":\"\",\"price\":-1,\"tags\":[\"a\",\"b\",\"c\"]}", &r);
    CHECK_INT(r.status, 422);
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        CHECK_HAS(r.body, parts[i]);
    reply_free(&r);
    ask(&p, "PUT /things/x?limit=1.5", JSON,
        "{\"name\":7,\"price\":\"a\",\"tags\":[1]}", &r);
    CHECK_INT(r.status, 422);
    for (size_t i = 0; i < COUNT_OF(parts) - 1; i++)
        CHECK_HAS(r.body, parts[i]);
    CHECK_HAS(r.body, "tags[0]");
    reply_free(&r);
    shop_stop(&p);
}

TEST("422 names what is missing")
{
    struct process p;
    struct reply r;
    shop_start(&p);
    ask(&p, "PUT /things/1", JSON, "{}", &r);
    CHECK_INT(r.status, 422);
    CHECK_HAS(r.body, "\"loc\":\"X-Token\",\"msg\":\"is required\"");
    CHECK_HAS(r.body, "\"loc\":\"name\",\"msg\":\"is required\"");
    CHECK_HAS(r.body, "\"loc\":\"price\",\"msg\":\"is required\"");
    CHECK(!strstr(r.body, "limit")); /* has a default */
    reply_free(&r);
    ask(&p, "POST /things", JSON, "", &r);
    CHECK_INT(r.status, 422);
    CHECK_HAS(r.body, "\"in\":\"body\"");
    reply_free(&r);
    client_ask(p.port,
               "POST /things HTTP/1.1\r\nHost: a\r\n" JSON
               "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
               &r);
    CHECK_INT(r.status, 422);
    CHECK_HAS(r.body, "\"in\":\"body\"");
    reply_free(&r);
    shop_stop(&p);
}

TEST("what is no text is refused by name, and not shown")
{
    struct process p;
    struct reply r;
    shop_start(&p);
    ask(&p, "GET /bytes?name=%ff", "", "", &r);
    CHECK_INT(r.status, 422);
    CHECK_HAS(r.body, "\"in\":\"query\",\"loc\":\"name\","
                      "\"msg\":\"must be valid UTF-8 without NUL\"");
    CHECK(!strstr(r.body, "value"));
    reply_free(&r);
    shop_stop(&p);
}

TEST("a good request of all sources is answered by the model")
{
    struct process p;
    struct reply r;
    shop_start(&p);
    ask(&p, "PUT /things/7?limit=3", JSON "x-token: abc\r\n",
        "{\"name\":\"l\\u00e4mp\",\"price\":2,\"id\":5,\"tags\":[\"a\"]}", &r);
    CHECK_INT(r.status, 200);
    want_header(&r, "Content-Type", "application/json");
    CHECK_STR(r.body, "{\"id\":7,\"name\":\"l\xc3\xa4mp\",\"price\":2.0,"
                      "\"tags\":[\"a\"]}");
    reply_free(&r);
    ask(&p, "POST /things", "Content-Type: application/vnd.x+json\r\n",
        "{\"name\":\"a\",\"price\":1}", &r);
    CHECK_INT(r.status, 201);
    want_header(&r, "Location", "/things/1");
    reply_free(&r);
    ask(&p, "DELETE /things/1", "", "", &r);
    CHECK_INT(r.status, 204);
    reply_free(&r);
    shop_stop(&p);
}

TEST("a body that is not JSON is 400, with the line and column")
{
    static const struct {
        const char *body, *where;
    } bad[] = {
        { "{\n \"name\": x}", "line 2, column 10" },
        { "{\"name\":\"a\",\"price\":1", "line 1, column 22" },
        { "{\"name\":\"a\",\"price\":1} x", "line 1, column 24" },
        { "\xff", "line 1, column 1" },
    };
    struct process p;
    shop_start(&p);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct reply r;
        ask(&p, "POST /things", JSON, bad[i].body, &r);
        CHECK_INT(r.status, 400);
        CHECK_HAS(r.body, bad[i].where);
        reply_free(&r);
    }
    shop_stop(&p);
}

TEST("a body of another type is 415, one over the route's limit 413")
{
    static const char good[] = "{\"name\":\"a\",\"price\":1}";
    struct process p;
    struct reply r;
    shop_start(&p);
    ask(&p, "POST /things", "Content-Type: text/plain\r\n", "hello", &r);
    CHECK_INT(r.status, 415);
    reply_free(&r);
    ask(&p, "POST /things", "", good, &r); /* of no type */
    CHECK_INT(r.status, 415);
    reply_free(&r);
    ask(&p, "POST /things/tiny", JSON, good, &r);
    CHECK_INT(r.status, 200);
    reply_free(&r);
    ask(&p, "POST /things/tiny", JSON,
        "{\"name\":\"a\",\"price\":1.00000000000000000000}", &r);
    CHECK_INT(r.status, 413);
    CHECK_HAS(r.body, "40 bytes");
    reply_free(&r);
    client_ask(p.port,
               "POST /things/tiny HTTP/1.1\r\nHost: a\r\n" JSON
               "Transfer-Encoding: chunked\r\n\r\n"
               "15\r\n{\"name\":\"a\",\"price\":1\r\n"
               "15\r\n.00000000000000000000\r\n1\r\n}\r\n0\r\n\r\n",
               &r);
    CHECK_INT(r.status, 413);
    reply_free(&r);
    shop_stop(&p);
}

TEST("a body over the default limit of 1 MiB is refused before it is sent")
{
    struct process p;
    struct client c;
    shop_start(&p);
    client_open(&c, p.port);
    CHECK(client_say(&c, "POST /things HTTP/1.1\r\nHost: a\r\n" JSON
                         "Content-Length: 1048577\r\n\r\n"));
    client_want(&c, 413);
    client_close(&c);
    shop_stop(&p);
}

/* ------------------------------------------------------------ what goes out */

TEST("answers that are no models have their types")
{
    static const struct {
        const char *line, *type, *body;
    } asked[] = {
        { "GET /text", "text/plain; charset=utf-8", "t\xc3\xa4xt" },
        { "GET /html", "text/html; charset=utf-8", "<p>" },
        { "GET /bytes?name=a/b", "a/b", "bytes" },
    };
    struct process p;
    struct reply r;
    shop_start(&p);
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        ask(&p, asked[i].line, "", "", &r);
        CHECK_INT(r.status, 200);
        want_header(&r, "Content-Type", asked[i].type);
        CHECK_STR(r.body, asked[i].body);
        reply_free(&r);
    }
    ask(&p, "GET /move", "", "", &r);
    CHECK_INT(r.status, 303);
    want_header(&r, "Location", "/text");
    reply_free(&r);
    want(&p, "POST /accept", 202, "");
    shop_stop(&p);
}

TEST("a type that a handler sets stands for that of its answer")
{
    struct process p;
    struct reply r;
    shop_start(&p);
    ask(&p, "GET /typed?n=0", "", "", &r);
    want_header(&r, "Content-Type", "application/hal+json");
    CHECK_STR(r.body, "{\"text\":\"typed\"}");
    reply_free(&r);
    ask(&p, "GET /typed?n=418", "", "", &r);
    CHECK_INT(r.status, 418);
    want_header(&r, "Content-Type", "application/problem+json");
    reply_free(&r);
    shop_stop(&p);
}

TEST("a handler sees the parts of its request")
{
    struct process p;
    struct reply r;
    shop_start(&p);
    ask(&p, "GET /describe?a=%20b", "X-NAME: v\r\n", "", &r);
    CHECK_INT(r.status, 200);
    CHECK_HAS(r.body, "GET /describe ? a=%20b, v, from 127.0.0.1:");
    CHECK_HAS(r.body, "the state");
    reply_free(&r);
    shop_stop(&p);
}

TEST("a handler's error is a problem document with its sentence")
{
    struct process p;
    struct reply r;
    shop_start(&p);
    ask(&p, "GET /things/100", "", "", &r);
    CHECK_INT(r.status, 404);
    want_header(&r, "Content-Type", "application/problem+json");
    CHECK_STR(r.body, "{\"type\":\"about:blank\",\"title\":\"Not Found\","
                      "\"status\":404,\"detail\":\"no thing 100\"}");
    reply_free(&r);
    want(&p, "GET /fail?n=418", 418, "status 418");
    want(&p, "GET /fail?n=599", 599, "status 599");
    want(&p, "GET /fail?n=99", 500, "");
    want(&p, "GET /fail?n=600", 500, "");
    want(&p, "DELETE /things/100", 404, "gone");
    shop_stop(&p);
}

TEST("a handler that gives neither a result nor an error is a logged 500")
{
    struct process p;
    shop_start(&p);
    want(&p, "GET /nothing", 500, "Internal Server Error");
    CHECK_HAS(process_log(&p), "nothing (");
    CHECK_HAS(process_log(&p), "no result and no error");
    shop_stop(&p);
}

TEST("WEB 3.2/25: a header or type from the client cannot split the answer")
{
    static const char *const lines[] = {
        "GET /header?name=a%0d%0aX-Evil:%201",
        "GET /header?name=a%0aX-Evil:%201",
        "GET /bytes?name=a/b%0d%0aX-Evil:%201",
        "GET /bytes?name=a/b%0d%0a%0d%0aevil",
    };
    struct process p;
    struct reply r;
    shop_start(&p);
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        ask(&p, lines[i], "", "", &r);
        CHECK_INT(r.status, 500);
        CHECK(!strstr(r.head, "Evil") && !strstr(r.body, "evil"));
        reply_free(&r);
    }
    CHECK_HAS(process_log(&p), "cannot be sent");
    ask(&p, "GET /header?name=%C3%A4", "", "", &r);
    CHECK_INT(r.status, 200);
    want_header(&r, "X-Name", "\xc3\xa4");
    reply_free(&r);
    shop_stop(&p);
}

/* -------------------------------------------------- loop and thread alike */

static const char *const places[] = { "loop", "thread" };

TEST("a handler streams in the same way on the loop and on a thread")
{
    struct process p;
    shop_start(&p);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        char line[64];
        struct reply r;
        snprintf(line, sizeof line, "GET /%s/stream?n=-1", places[i]);
        ask(&p, line, "", "", &r);
        CHECK_INT(r.status, 203);
        CHECK(r.chunked);
        CHECK_INT(r.len, 100);
        reply_free(&r);
        snprintf(line, sizeof line, "GET /%s/stream?n=100", places[i]);
        ask(&p, line, "", "", &r);
        CHECK_INT(r.status, 203);
        CHECK(r.counted && r.announced == 100);
        reply_free(&r);
        snprintf(line, sizeof line, "GET /%s/flood?n=2000", places[i]);
        ask(&p, line, "", "", &r);
        CHECK_INT(r.len, 20000000);
        CHECK_INT(strspn(r.body, "f"), 20000000);
        reply_free(&r);
    }
    shop_stop(&p);
}

/* The connection is reset; what came does not look whole. */
static void want_cut(struct process *p, const char *format, const char *place)
{
    struct client c;
    char text[128];
    snprintf(text, sizeof text, format, place);
    client_open(&c, p->port);
    CHECK(client_say(&c, text));
    client_want_reset(&c);
    CHECK(c.len < 5 || memcmp(c.in + c.len - 5, "0\r\n\r\n", 5) != 0);
    client_close(&c);
}

TEST("a streamed answer that fails half-way is cut off, not ended")
{
    struct process p;
    shop_start(&p);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        want_cut(&p, "GET /%s/half HTTP/1.1\r\nHost: a\r\n\r\n", places[i]);
        want_cut(&p, "GET /%s/half HTTP/1.0\r\n\r\n", places[i]);
        want_cut(&p, "GET /%s/stream?n=99 HTTP/1.1\r\nHost: a\r\n\r\n",
                 places[i]);
        want_cut(&p, "GET /%s/stream?n=101 HTTP/1.1\r\nHost: a\r\n\r\n",
                 places[i]);
    }
    want(&p, "GET /text", 200, "t");
    shop_stop(&p);
}

TEST("a client that goes ends what is streamed to it, and what waits for it")
{
    struct process p;
    shop_start(&p);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct client c;
        char text[128];
        snprintf(text, sizeof text,
                 "GET /%s/flood?n=1000000 HTTP/1.1\r\nHost: a\r\n\r\n",
                 places[i]);
        client_open(&c, p.port);
        CHECK(client_say(&c, text));
        client_want_some(&c);
        client_reset(&c);
    }
    process_want_log(&p, "flood: ");
    process_want_log(&p, "flood: ");
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct client c;
        char text[128];
        snprintf(text, sizeof text, "GET /%s/wait HTTP/1.1\r\nHost: a\r\n\r\n",
                 places[i]);
        client_open(&c, p.port);
        CHECK(client_say(&c, text));
        client_want_silence(&c);
        client_reset(&c);
    }
    process_want_log(&p, "slow: ");
    shop_stop(&p); /* at once: nothing is left running */
}

TEST("a handler that misses its deadline answers 504, wherever it runs")
{
    struct process p;
    shop_start(&p);
    want(&p, "GET /loop/slow", 504, "too long");
    want(&p, "GET /thread/slow", 504, "too long");
    want(&p, "GET /thread/hard", 504, "too long");
    want(&p, "GET /loop/file", 504, "too long");
    CHECK_HAS(process_log(&p), "slow: ");
    CHECK(!strstr(process_log(&p), "reading a file failed"));
    want(&p, "GET /text", 200, "t");
    shop_stop(&p);
}

/* ------------------------------------------------------------------- files */

TEST("files below a folder are answered with their types")
{
    static const struct {
        const char *name, *type;
        size_t size;
    } asked[] = {
        { "small.txt", "text/plain; charset=utf-8", 10 },
        { "empty.html", "text/html; charset=utf-8", 0 },
        { "piece.json", "application/json", 65536 },
        { "big.bin", "application/octet-stream", SHOP_BIG },
        { "sub/inner.css", "text/css; charset=utf-8", 20 },
    };
    struct process p;
    shop_start(&p);
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        char line[64];
        struct reply r;
        snprintf(line, sizeof line, "GET /file?name=%s", asked[i].name);
        ask(&p, line, "", "", &r);
        CHECK_INT(r.status, 200);
        want_header(&r, "Content-Type", asked[i].type);
        CHECK(r.counted);
        CHECK_INT(r.len, asked[i].size);
        CHECK_INT(strspn(r.body ? r.body : "", "d"), asked[i].size);
        reply_free(&r);
        memcpy(line, "HEAD", 4);
        snprintf(line, sizeof line, "HEAD /file?name=%s", asked[i].name);
        ask(&p, line, "", "", &r);
        CHECK_INT(r.announced, asked[i].size);
        reply_free(&r);
    }
    shop_stop(&p);
}

TEST("there is no way out of the folder, and nothing but files in it")
{
    static const char *const names[] = {
        "nope",
        "sub/../small.txt",
        "",
        ".",
        "sub",
        "sub/",
        "small.txt/",
        "small.txt/x",
        "../outside.txt",
        "sub/../../outside.txt",
        "%2e%2e/outside.txt",
        "..%2foutside.txt",
        "/etc/passwd",
        "//etc/passwd",
        "out",
        "abs",
        "up/outside.txt",
        "fifo",
        "small.txt%00.css",
        "..\\outside.txt",
    };
    struct process p;
    shop_start(&p);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char line[128];
        struct reply r;
        snprintf(line, sizeof line, "GET /file?name=%s", names[i]);
        ask(&p, line, "", "", &r);
        if (r.status != 404 && r.status != 400 && r.status != 422)
            test_fail(TEST_AT, "%s is %d", line, r.status);
        reply_free(&r);
    }
    shop_stop(&p);
}

TEST("a file that shrinks while it is sent resets the connection")
{
    struct process p;
    struct client c;
    shop_start(&p);
    client_open(&c, p.port);
    CHECK(client_say(&c, "GET /file?name=big.bin HTTP/1.1\r\nHost: a\r\n\r\n"));
    client_want_some(&c);
    CHECK_INT(truncate("in/big.bin", 1000), 0);
    client_want_reset(&c);
    client_close(&c);
    shop_stop(&p);
}
