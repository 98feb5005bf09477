/*
 * Bodies in both directions on a running server, items 23 to 26 of the
 * checklist: whose bytes are whose on a connection that goes on, what is
 * drained and what is cut, and what the framing of an answer may say.
 */
#include <time.h>

#include "wire.h"

#define NEXT "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"

static void want_next(struct client *c)
{
    client_want_body(c, 200, "GET /next");
}

/* Sends `n` bytes of body. */
static bool send_filler(struct client *c, size_t n)
{
    static const char filler[4096] = { [0 ... 4095] = 'x' };
    while (n > 0) {
        size_t part = n < sizeof filler ? n : sizeof filler;
        if (!client_send(c, filler, part))
            return false;
        n -= part;
    }
    return true;
}

TEST("WEB 3.2/23: the body of a GET, HEAD, OPTIONS or DELETE is no request")
{
    static const char *const methods[] = { "GET", "HEAD", "OPTIONS", "DELETE",
                                           "POST" };
    static const char *const paths[] = { "/ignore", "/echo" };
    static const char *const bodies[] = {
        "Content-Length: 32\r\n\r\n" AFTER,
        "Transfer-Encoding: chunked\r\n\r\n20\r\n" AFTER "\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    };
    CHECK_INT(strlen(AFTER), 32);
    struct process p;
    served_start(&p, NULL);
    for (size_t i = 0; i < COUNT_OF(methods) * COUNT_OF(paths) * 3; i++) {
        const char *method = methods[i % COUNT_OF(methods)];
        char text[256];
        snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\n%s" NEXT,
                 method, paths[i / COUNT_OF(methods) % 2],
                 bodies[i / COUNT_OF(methods) / 2]);
        struct client c;
        struct reply r;
        client_open(&c, p.port);
        CHECK(client_say(&c, text));
        client_read(&c, &r, strcmp(method, "HEAD") == 0);
        CHECK_INT(r.status, 200);
        reply_free(&r);
        want_next(&c);
        client_close(&c);
    }
    CHECK(!strstr(process_log(&p), "what stood behind"));
    process_stop(&p);
}

TEST_SERVED("WEB 3.2/24: a POST with neither length nor coding has no body")
{
    CHECK(client_say(c, "POST /echo HTTP/1.1\r\nHost: a\r\n\r\n" NEXT));
    client_want_body(c, 200, "");
    want_next(c);
}

TEST("WEB 3.2/24: a body that never comes is 408, and the end")
{
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    o.body_timeout = rota_ms(100);
    struct process p;
    struct client c;
    served_start(&p, &o);
    client_open(&c, p.port);
    CHECK(client_say(&c, POST("Content-Length: 90000")));
    client_want_body(&c, 408, "too slow");
    client_want_end(&c);
    client_close(&c);
    client_open(&c, p.port);
    CHECK(client_say(&c, POST("Content-Length: 9223372036854775807")));
    client_want_body(&c, 413, "too much");
    client_want_end(&c);
    client_close(&c);
    process_stop(&p);
}

TEST_SERVED(
    "WEB 3.2/24: a small body that was refused is drained, and all goes on")
{
    CHECK(client_say(c, "POST /early HTTP/1.1\r\nHost: a\r\n"
                        "Content-Length: 200000\r\n\r\n"));
    client_want_body(c, 413, "too much"); /* before the body is there */
    CHECK(send_filler(c, 200000));
    CHECK(client_say(c, NEXT));
    want_next(c);
    CHECK(client_say(c, "POST /early HTTP/1.1\r\nHost: a\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n"
                        "5\r\nhello\r\n0\r\n\r\n" NEXT));
    client_want_body(c, 413, "too much");
    want_next(c);
}

TEST("WEB 3.2/24: a large body that was refused ends the connection, and the "
     "client can still read why")
{
    static const size_t sizes[] = { 300000, 8000000 };
    struct process p;
    served_start(&p, NULL);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct client c;
        struct reply r;
        char head[128];
        snprintf(head, sizeof head,
                 "POST /early HTTP/1.1\r\nHost: a\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 sizes[i]);
        client_open(&c, p.port);
        CHECK(client_say(&c, head));
        send_filler(&c, sizes[i]); /* all of it, without looking */
        client_say(&c, AFTER);
        client_read(&c, &r, REPLY_BODY_ALWAYS);
        CHECK_INT(r.status, 413);
        CHECK(r.close);
        reply_free(&r);
        client_want_end(&c);
        client_close(&c);
    }
    CHECK(!strstr(process_log(&p), "what stood behind"));
    process_stop(&p);
}

TEST_SERVED(
    "WEB 3.2/24: chunks without end behind a refusal are not read for ever")
{
    CHECK(client_say(c, "POST /early HTTP/1.1\r\nHost: a\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n"));
    bool open = true;
    for (int i = 0; i < 10000 && open; i++)
        open = client_say(c, "1000\r\n") && send_filler(c, 0x1000) &&
               client_say(c, "\r\n");
    CHECK(!open);
    client_want(c, 413);
}

TEST_SERVED("a body over the limit is 413, announced or in chunks")
{
    CHECK(client_say(c, POST("Content-Length: 100001")));
    client_want_body(c, 413, "too much");
    CHECK(send_filler(c, 100001));
    client_want_alive(c);
    CHECK(client_say(c, POST("Transfer-Encoding: chunked") "186a1\r\n"));
    CHECK(send_filler(c, 100001));
    client_want_body(c, 413, "too much");
    CHECK(client_say(c, "\r\n0\r\n\r\n"));
    client_want_alive(c);
    CHECK(client_say(c, POST("Content-Length: 100000")));
    CHECK(send_filler(c, 100000));
    client_want(c, 200);
}

/* Cuts one chunked request in two at every place. */
TEST_LIMITED("chunks cut anywhere come together again", 60)
{
    static const char text[] =
        CHUNKS("5\r\nhello\r\n6;x=\"y\"\r\n world\r\n0\r\nX: y\r\n\r\n") NEXT;
    struct process p;
    struct client c;
    served_start(&p, NULL);
    client_open(&c, p.port);
    for (size_t cut = 1; cut < sizeof text - 1; cut++) {
        struct timespec nap = { 0, 300 * 1000 };
        CHECK(client_send(&c, text, cut));
        nanosleep(&nap, NULL); /* so that most come as two pieces */
        CHECK(client_send(&c, text + cut, sizeof text - 1 - cut));
        client_want_body(&c, 200, "hello world");
        want_next(&c);
    }
    client_close(&c);
    process_stop(&p);
}

/* ------------------------------------------------------------- 25: answers */

TEST_SERVED("WEB 3.2/25: answers to HEAD, 204 and 304 have no body")
{
    struct reply r;
    CHECK(client_say(c, "HEAD /big?1000 HTTP/1.1\r\nHost: a\r\n\r\n" NEXT));
    client_read(c, &r, REPLY_BODY_NEVER);
    CHECK_INT(r.announced, 1000);
    reply_free(&r);
    want_next(c);
    CHECK(client_say(c, "HEAD /pieces?3 HTTP/1.1\r\nHost: a\r\n\r\n" NEXT));
    client_read(c, &r, REPLY_BODY_NEVER);
    CHECK_INT(r.status, 200);
    reply_free(&r);
    want_next(c);
    CHECK(client_say(c, "HEAD /known?5,5 HTTP/1.1\r\nHost: a\r\n\r\n" NEXT));
    client_read(c, &r, REPLY_BODY_NEVER);
    CHECK_INT(r.announced, 5);
    reply_free(&r);
    want_next(c);
    static const int empty[] = { 204, 304 };
    for (size_t i = 0; i < COUNT_OF(empty); i++) {
        char text[128];
        snprintf(text, sizeof text,
                 "GET /status?%d HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, empty[i]);
        CHECK(client_say(c, text));
        client_want(c, empty[i]);
        want_next(c);
    }
}

TEST_SERVED(
    "WEB 3.2/25: an answer with a status that is not final is a logged 500")
{
    static const int bad[] = { 0, 99, 100, 101, 199, 600, 1000, -1 };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char text[128];
        snprintf(text, sizeof text,
                 "GET /status?%d HTTP/1.1\r\nHost: a\r\n\r\n", bad[i]);
        CHECK(client_say(c, text));
        client_want(c, 500);
    }
    CHECK_HAS(process_log(p), "cannot be sent");
}

TEST_SERVED(
    "WEB 3.2/25: a header that would split the answer makes it a logged 500")
{
    for (int i = 0; i < 10; i++) {
        char text[128];
        struct reply r;
        snprintf(text, sizeof text, "GET /split?%d HTTP/1.1\r\nHost: a\r\n\r\n",
                 i);
        CHECK(client_say(c, text));
        client_read(c, &r, REPLY_BODY_ALWAYS);
        if (r.status != 500)
            test_fail(TEST_AT, "case %d is %d: %s", i, r.status, r.head);
        CHECK(!strstr(r.head, "Evil") && !strstr(r.head, "X-A"));
        reply_free(&r);
    }
    CHECK_HAS(process_log(p), "cannot be sent");
    client_want_alive(c);
}

TEST("WEB 3.2/25: a body that is not as long as announced is a reset")
{
    static const char *const bad[] = { "10,5", "1000,0", "5,10", "0,1" };
    struct process p;
    struct client c;
    served_start(&p, NULL);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char text[128];
        snprintf(text, sizeof text,
                 "GET /known?%s HTTP/1.1\r\nHost: a\r\n\r\n" AFTER, bad[i]);
        client_open(&c, p.port);
        CHECK(client_say(&c, text));
        client_want_reset(&c);
        client_close(&c);
    }
    CHECK_HAS(process_log(&p), "not what its head announced");
    CHECK(!strstr(process_log(&p), "what stood behind"));
    client_open(&c, p.port);
    CHECK(client_say(&c, "GET /known?10,10 HTTP/1.1\r\nHost: a\r\n\r\n" NEXT));
    client_want_body(&c, 200, "pppppppppp");
    want_next(&c);
    client_close(&c);
    process_stop(&p);
}

TEST("WEB 3.2/25: a body of unknown length is in chunks for 1.1, and goes to "
     "the end for 1.0")
{
    static const struct {
        const char *request;
        bool chunked;
    } asked[] = {
        { "GET /pieces?70 HTTP/1.1\r\nHost: a\r\n\r\n", true },
        { "GET /pieces?70 HTTP/1.0\r\n\r\n", false },
        { "GET /pieces?70 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false },
    };
    struct process p;
    served_start(&p, NULL);
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        struct client c;
        struct reply r;
        client_open(&c, p.port);
        CHECK(client_say(&c, asked[i].request));
        client_read(&c, &r, REPLY_BODY_ALWAYS);
        CHECK_INT(r.len, 70000);
        CHECK_INT(strspn(r.body, "p"), 70000);
        CHECK(r.chunked == asked[i].chunked);
        CHECK(r.to_end == !asked[i].chunked);
        CHECK(r.close == !asked[i].chunked);
        reply_free(&r);
        if (asked[i].chunked)
            client_want_alive(&c);
        client_close(&c);
    }
    process_stop(&p);
}

TEST_SERVED("WEB 3.2/25: half a body is never made to look whole by a deadline")
{
    CHECK(client_say(c, "GET /cancelled?60 HTTP/1.1\r\nHost: a\r\n\r\n"));
    client_want_reset(c);
    CHECK(c->len < 5 || memcmp(c->in + c->len - 5, "0\r\n\r\n", 5) != 0);
}

TEST_SERVED(
    "a handler that does not answer is a 500, one that answers twice is heard "
    "once")
{
    CHECK(client_say(c, "GET /silent HTTP/1.1\r\nHost: a\r\n\r\n"));
    client_want(c, 500);
    CHECK(client_say(c, "GET /twice HTTP/1.1\r\nHost: a\r\n\r\n"));
    client_want_body(c, 200, "first");
    client_want_alive(c);
}

/* --------------------------------------------------------- 26: 100-continue */

#define EXPECT_POST(path, lines)                                          \
    "POST " path " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n" lines \
    "\r\n\r\n"

TEST_SERVED("WEB 3.2/26: 100 is sent when the handler wants the body")
{
    static const char *const heads[] = {
        EXPECT_POST("/echo", "Content-Length: 5"),
        "POST /echo HTTP/1.1\r\nHost: a\r\nexpect: 100-Continue\r\n"
        "Content-Length: 5\r\n\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        CHECK(client_say(c, heads[i]));
        client_want(c, 100);
        client_want_silence(c);
        CHECK(client_say(c, "hello" NEXT));
        client_want_body(c, 200, "hello");
        want_next(c);
    }
    CHECK(client_say(c, EXPECT_POST("/echo", "Transfer-Encoding: chunked")));
    client_want(c, 100);
    CHECK(client_say(c, "5\r\nhel"));
    CHECK(client_say(c, "lo\r\n0\r\n\r\n" NEXT));
    client_want_body(c, 200, "hello");
    want_next(c);
}

TEST_SERVED(
    "WEB 3.2/26: 100 is not sent when the body is there, or there is none")
{
    CHECK(client_say(c, EXPECT_POST("/echo", "Content-Length: 5") "hello"));
    client_want_body(c, 200, "hello");
    CHECK(client_say(c, EXPECT_POST("/echo", "Content-Length: 0")));
    client_want_body(c, 200, "");
    CHECK(client_say(c, EXPECT_POST("/echo", "X: y")));
    client_want_body(c, 200, "");
    client_want_alive(c);
}

TEST("WEB 3.2/26: an answer before the body is the last, without a 100")
{
    static const struct {
        const char *head;
        int status;
    } early[] = {
        { EXPECT_POST("/ignore", "Content-Length: 33"), 200 },
        { EXPECT_POST("/early", "Content-Length: 33"), 413 },
        { EXPECT_POST("/echo", "Content-Length: 200000"), 413 },
        { EXPECT_POST("/ignore", "Transfer-Encoding: chunked"), 200 },
    };
    struct process p;
    served_start(&p, NULL);
    for (size_t i = 0; i < COUNT_OF(early); i++) {
        struct client c;
        struct reply r;
        client_open(&c, p.port);
        CHECK(client_say(&c, early[i].head));
        client_read(&c, &r, REPLY_BODY_ALWAYS);
        CHECK_INT(r.status, early[i].status);
        CHECK(r.close);
        reply_free(&r);
        client_say(&c, AFTER); /* a body, or the next request? neither */
        client_want_end(&c);
        client_close(&c);
    }
    CHECK(!strstr(process_log(&p), "what stood behind"));
    process_stop(&p);
}

TEST_SERVED("WEB 3.2/26: there is no 100 in the middle of an answer")
{
    CHECK(client_say(c, EXPECT_POST("/talk", "Content-Length: 5")));
    client_want_some(c); /* the answer has begun */
    CHECK(client_say(c, "hello"));
    client_want_body(c, 200, "you said: hello");
    client_want_end(c);
}

TEST_SERVED("WEB 3.2/26: an HTTP/1.0 client gets no 100")
{
    CHECK(client_say(c, POST_1_0("Expect: 100-continue\r\n"
                                 "Content-Length: 5")));
    client_want_silence(c);
    CHECK(client_say(c, "hello"));
    client_want_body(c, 200, "hello");
    client_want_end(c);
}

TEST("WEB 3.2/26: what else is expected is 417")
{
    static const struct variant bad[] = {
        BYTES(417, POST("Expect: 200-ok\r\nContent-Length: 5")),
        BYTES(417, FIELD("Expect: 100-continue, x")),
    };
    struct process p;
    served_start(&p, NULL);
    REFUSE(&p, bad);
    process_stop(&p);
}
