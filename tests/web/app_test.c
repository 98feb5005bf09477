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

static void want_header(const struct reply *r, const char *name,
                        const char *value)
{
    char got[256] = "";
    CHECK(reply_header(r, name, got, sizeof got));
    CHECK_STR(got, value);
}

/* A request, and what its answer must have; what is not said is left open. */
struct asked {
    const char *line, *headers, *body;
    int status;
    const char *name, *value; /* a header line */
    const char *is;           /* the whole body */
    const char *has[8];       /* in the body */
    const char *lacks;        /* nowhere in the answer */
};

static void want(struct process *p, const struct asked *a)
{
    struct reply r;
    test_note("asked: %s %s", a->line, a->body ? a->body : "");
    ask(p, a->line, a->headers ? a->headers : "", a->body ? a->body : "", &r);
    if (r.status != a->status)
        test_fail(TEST_AT, "status %d, not %d: %s", r.status, a->status,
                  r.body);
    if (a->name)
        want_header(&r, a->name, a->value);
    if (a->is)
        CHECK_STR(r.body, a->is);
    for (size_t i = 0; i < COUNT_OF(a->has) && a->has[i]; i++)
        CHECK_HAS(r.body, a->has[i]);
    if (a->lacks)
        CHECK(!strstr(r.head, a->lacks) && !strstr(r.body, a->lacks));
    reply_free(&r);
}

/* The answer to a request line alone has this status, and this in it. */
static void want_status(struct process *p, const char *line, int status,
                        const char *part)
{
    want(p, &(struct asked){ line, .status = status, .has = { part } });
}

static void want_all(const struct asked *all, size_t count)
{
    struct process p;
    shop_start(&p);
    for (size_t i = 0; i < count; i++)
        want(&p, &all[i]);
    shop_stop(&p);
}

/* A test of nothing but such requests, one after the other. */
#define TEST_ASKED(name, ...)                              \
    TEST(name)                                             \
    {                                                      \
        static const struct asked all[] = { __VA_ARGS__ }; \
        want_all(all, COUNT_OF(all));                      \
    }

/* ---------------------------------------------------------------- routing */

#define PROBLEM "Content-Type", "application/problem+json"

TEST_ASKED("an unknown route is 404, a wrong method 405 with what is allowed",
           { "GET /nope", NULL, NULL, 404, PROBLEM,
             .has = { "\"status\":404" } },
           { "PATCH /things/1", NULL, NULL, 405, "Allow",
             "DELETE, GET, HEAD, OPTIONS, PUT" },
           { "GET /things", NULL, NULL, 405, "Allow", "OPTIONS, POST" })

TEST_ASKED("what a handler defers is done once its request is answered",
           { "GET /deferred", .status = 200, .is = "0" },
           { "GET /deferred", .status = 200, .is = "1" },
           { "GET /deferred", .status = 200, .is = "2" })

TEST_ASKED("OPTIONS says what is allowed, HEAD is GET without the body",
           { "OPTIONS /things/1", NULL, NULL, 204, "Allow",
             "DELETE, GET, HEAD, OPTIONS, PUT" },
           { "OPTIONS *", .status = 204 },
           { "HEAD /things/1", NULL, NULL, 200, "Content-Length", "34" },
           { "HEAD /thread/stream?n=-1", .status = 203 },
           { "HEAD /nope", .status = 404 })

TEST_ASKED(
    "a folder asked for without its slash is a redirect that keeps the query",
    { "GET /tree?a=b%20c", NULL, NULL, 308, "Location", "/tree/?a=b%20c" },
    { "GET /tree/", .status = 200, .has = { "tree" } },
    { "GET /tree/deep/down", .status = 200, .has = { "tree" } })

#define PATH(path, status_, ...)                               \
    {                                                          \
        "GET " path, .status = status_, .has = { __VA_ARGS__ } \
    }

TEST_ASKED("WEB 3.2/13: a path is decoded once, after it was split, and "
           "normalised",
           PATH("/rest/a%2fb", 200, "\"a/b\""),
           PATH("/rest/a%252fb", 200, "\"a%2fb\""),
           PATH("/rest/a/../b", 200, "\"b\""),
           PATH("/rest/a/%2e%2e/b", 200, "\"b\""),
           PATH("/rest/a/./b", 200, "\"a/b\""), PATH("/rest/../nope", 404, ""),
           PATH("/rest/../../../text", 400, "path"),
           PATH("/nope/../text", 200, "t"), PATH("/rest/a//b", 404, ""),
           PATH("//text", 404, ""), PATH("/rest/%c0%af", 400, "path"),
           PATH("/rest/%e4", 400, "path"), PATH("/rest/a%0d%0ab", 400, "path"),
           PATH("/rest/a%00b", 400, ""))

/* --------------------------------------------------------- what comes in */

#define IN(where, name) "\"in\":\"" where "\",\"loc\":\"" name "\""

TEST_ASKED(
    "422 names every field that is wrong, in path, query, header and body",
    { "PUT /things/0?limit=99", JSON "X-Token: a\r\n",
      "{\"name\":\"\",\"price\":-1,\"tags\":[\"a\",\"b\",\"c\"]}", 422,
      .has = { IN("path", "id"), IN("query", "limit"), IN("header", "X-Token"),
               IN("body", "name"), IN("body", "price"), IN("body", "tags") } },
    { "PUT /things/x?limit=1.5", JSON,
      "{\"name\":7,\"price\":\"a\",\"tags\":[1]}", 422,
      .has = { IN("path", "id"), IN("query", "limit"), IN("header", "X-Token"),
               IN("body", "name"), IN("body", "price"), "tags[0]" } })

TEST_ASKED("422 names what is missing",
           { "PUT /things/1", JSON, "{}", 422,
             .has = { "\"loc\":\"X-Token\",\"msg\":\"is required\"",
                      "\"loc\":\"name\",\"msg\":\"is required\"",
                      "\"loc\":\"price\",\"msg\":\"is required\"" },
             .lacks = "limit" /* has a default */ },
           { "POST /things", JSON, "", 422, .has = { "\"in\":\"body\"" } })

TEST("a body of no chunks is missing, too")
{
    struct process p;
    struct reply r;
    shop_start(&p);
    client_ask(p.port,
               "POST /things HTTP/1.1\r\nHost: a\r\n" JSON
               "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
               &r);
    CHECK_INT(r.status, 422);
    CHECK_HAS(r.body, "\"in\":\"body\"");
    reply_free(&r);
    shop_stop(&p);
}

TEST_ASKED("what is no text is refused by name, and not shown",
           { "GET /bytes?name=%ff", .status = 422,
             .has = { IN("query", "name"), "must be valid UTF-8 without NUL" },
             .lacks = "value" })

TEST_ASKED("a good request of all sources is answered by the model",
           { "PUT /things/7?limit=3", JSON "x-token: abc\r\n",
             "{\"name\":\"l\\u00e4mp\",\"price\":2,\"id\":5,\"tags\":[\"a\"]}",
             200, "Content-Type", "application/json",
             .is = "{\"id\":7,\"name\":\"l\xc3\xa4mp\",\"price\":2.0,"
                   "\"tags\":[\"a\"]}" },
           { "POST /things", "Content-Type: application/vnd.x+json\r\n",
             "{\"name\":\"a\",\"price\":1}", 201, "Location", "/things/1" },
           { "DELETE /things/1", .status = 204 })

#define BROKEN(text, where)                               \
    {                                                     \
        "POST /things", JSON, text, 400, .has = { where } \
    }

TEST_ASKED("a body that is not JSON is 400, with the line and column",
           BROKEN("{\n \"name\": x}", "line 2, column 10"),
           BROKEN("{\"name\":\"a\",\"price\":1", "line 1, column 22"),
           BROKEN("{\"name\":\"a\",\"price\":1} x", "line 1, column 24"),
           BROKEN("\xff", "line 1, column 1"))

#define GOOD_BODY "{\"name\":\"a\",\"price\":1}"

TEST_ASKED("a body of another type, or of none, is 415",
           { "POST /things", "Content-Type: text/plain\r\n", "hello", 415 },
           { "POST /things", NULL, GOOD_BODY, 415 },
           { "POST /things", JSON, GOOD_BODY, 201 })

TEST_ASKED("a body over the route's limit is 413",
           { "POST /things/tiny", JSON, GOOD_BODY, 200 },
           { "POST /things/tiny", JSON,
             "{\"name\":\"a\",\"price\":1.00000000000000000000}", 413,
             .has = { "40 bytes" } })

TEST("a chunked body over the route's limit is 413")
{
    struct process p;
    struct reply r;
    shop_start(&p);
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

TEST_ASKED("answers that are no models have their types",
           { "GET /text", NULL, NULL, 200, "Content-Type",
             "text/plain; charset=utf-8", "t\xc3\xa4xt" },
           { "GET /html", NULL, NULL, 200, "Content-Type",
             "text/html; charset=utf-8", "<p>" },
           { "GET /bytes?name=a/b", NULL, NULL, 200, "Content-Type", "a/b",
             "bytes" },
           { "GET /move", NULL, NULL, 303, "Location", "/text" },
           { "POST /accept", .status = 202 })

TEST_ASKED("a type that a handler sets stands for that of its answer",
           { "GET /typed?n=0", NULL, NULL, 200, "Content-Type",
             "application/hal+json", "{\"text\":\"typed\"}" },
           { "GET /typed?n=418", NULL, NULL, 418, PROBLEM })

TEST_ASKED("a handler sees the parts of its request",
           { "GET /describe?a=%20b", "X-NAME: v\r\n", NULL, 200,
             .has = { "GET /describe ? a=%20b, v, from 127.0.0.1:",
                      "the state" } })

TEST_ASKED("a handler's error is a problem document with its sentence",
           { "GET /things/100", NULL, NULL, 404, PROBLEM,
             "{\"type\":\"about:blank\",\"title\":\"Not Found\","
             "\"status\":404,\"detail\":\"no thing 100\"}" },
           { "GET /fail?n=418", .status = 418, .has = { "status 418" } },
           { "GET /fail?n=599", .status = 599, .has = { "status 599" } },
           { "GET /fail?n=99", .status = 500 },
           { "GET /fail?n=600", .status = 500 },
           { "DELETE /things/100", .status = 404, .has = { "gone" } })

TEST("a handler that gives neither a result nor an error is a logged 500")
{
    struct process p;
    shop_start(&p);
    want_status(&p, "GET /nothing", 500, "Internal Server Error");
    CHECK_HAS(process_log(&p), "nothing (");
    CHECK_HAS(process_log(&p), "no result and no error");
    shop_stop(&p);
}

#define SPLIT(line)                                \
    {                                              \
        "GET " line, .status = 500, .lacks = "vil" \
    }

TEST_ASKED("WEB 3.2/25: a header or type from the client cannot split the "
           "answer",
           SPLIT("/header?name=a%0d%0aX-Evil:%201"),
           SPLIT("/header?name=a%0aX-Evil:%201"),
           SPLIT("/bytes?name=a/b%0d%0aX-Evil:%201"),
           SPLIT("/bytes?name=a/b%0d%0a%0d%0aevil"),
           { "GET /header?name=%C3%A4", NULL, NULL, 200, "X-Name", "\xc3\xa4" })

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
    want_status(&p, "GET /text", 200, "t");
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
    want_status(&p, "GET /loop/slow", 504, "too long");
    want_status(&p, "GET /thread/slow", 504, "too long");
    want_status(&p, "GET /thread/hard", 504, "too long");
    want_status(&p, "GET /loop/file", 504, "too long");
    CHECK_HAS(process_log(&p), "slow: ");
    CHECK(!strstr(process_log(&p), "reading a file failed"));
    want_status(&p, "GET /text", 200, "t");
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
