/*
 * The flow on a connection, items 27 and 28 of the checklist: requests in a
 * row, clients that read slowly or not at all, and when a connection ends.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "wire.h"

/* Long enough for most pieces to come one by one. */
static void let_it_come(void)
{
    struct timespec nap = { 0, 200 * 1000 };
    nanosleep(&nap, NULL);
}

/* Requests of all kinds of framing in a row, each told by its answer. */
static const char in_a_row[] =
    "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    "\r\nGET /2?x=y HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nabc\r\n3;x\r\ndef\r\n0\r\nX: y\r\n\r\n"
    "DELETE /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxx"
    "GET /4 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    "GET /sleep?1 HTTP/1.1\r\nHost: a\r\n\r\n"
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n";

static void want_row(struct client *c)
{
    static const char *const bodies[] = { "GET /1", "hello",     "GET /2?x=y",
                                          "abcdef", "DELETE /3", "GET /4",
                                          "slept",  "OPTIONS *" };
    for (size_t i = 0; i < COUNT_OF(bodies); i++)
        client_want_body(c, 200, bodies[i]);
}

TEST_LIMITED("WEB 3.2/27: requests in a row, cut at every place, are answered "
             "in their order",
             120)
{
    struct process p;
    struct client c;
    served_start(&p, NULL);
    client_open(&c, p.port);
    CHECK(client_say(&c, in_a_row));
    want_row(&c);
    for (size_t cut = 1; cut < sizeof in_a_row - 1; cut++) {
        CHECK(client_send(&c, in_a_row, cut));
        let_it_come();
        CHECK(client_send(&c, in_a_row + cut, sizeof in_a_row - 1 - cut));
        want_row(&c);
    }
    for (size_t at = 0; at < sizeof in_a_row - 1; at++)
        CHECK(client_send(&c, in_a_row + at, 1));
    want_row(&c);
    client_close(&c);
    process_stop(&p);
}

TEST_LIMITED("WEB 3.2/27: requests that came in one segment are answered in "
             "their order",
             60)
{
    enum { COUNT = 1000 };
    static char all[COUNT * 64];
    size_t len = 0;
    struct process p;
    struct client c;
    for (int i = 0; i < COUNT; i++)
        len += (size_t)sprintf(all + len, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n",
                               i);
    served_start(&p, NULL);
    client_open(&c, p.port);
    CHECK(client_send(&c, all, len));
    for (int i = 0; i < COUNT; i++) {
        char body[32];
        snprintf(body, sizeof body, "GET /%d", i);
        client_want_body(&c, 200, body);
    }
    client_close(&c);
    process_stop(&p);
}

TEST_SERVED(
    "WEB 3.2/27: the handlers of one connection run one after the other")
{
    CHECK(client_say(c, "GET /sleep?50 HTTP/1.1\r\nHost: a\r\n\r\n"
                        "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
                        "GET /sleep?1 HTTP/1.1\r\nHost: a\r\n\r\n"
                        "GET /y HTTP/1.1\r\nHost: a\r\n\r\n"));
    client_want_body(c, 200, "slept");
    client_want_body(c, 200, "GET /x");
    client_want_body(c, 200, "slept");
    client_want_body(c, 200, "GET /y");
}

/* Sends as much as the server takes, until it has taken no more for so many
 * milliseconds: how many bytes. */
static size_t stuff(struct client *c, const char *all, size_t len, int patience)
{
    size_t at = 0;
    struct pollfd p = { .fd = c->fd, .events = POLLOUT };
    while (at < len && poll(&p, 1, patience) == 1) {
        ssize_t n =
            send(c->fd, all + at, len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        CHECK(n > 0 || errno == EAGAIN);
        at += n > 0 ? (size_t)n : 0;
    }
    return at;
}

TEST_LIMITED("WEB 3.2/27: 100 000 requests of a client that does not read "
             "cost little, and are all answered once it does",
             120)
{
    enum { COUNT = 100000, MOST_KIB = 4096 };
    static const char one[] = "GET /x HTTP/1.1\r\nHost: a\r\nX: "
                              "a line that makes it as long as others are, so "
                              "that they don't all fit into the kernel; nobody "
                              "reads this, and that is what it is for\r\n\r\n";
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    o.requests = 2 * COUNT;
    struct process p;
    struct client c;
    size_t len = COUNT * (sizeof one - 1);
    char *all = malloc(len);
    CHECK(all != NULL);
    for (size_t at = 0; at < len; at += sizeof one - 1)
        memcpy(all + at, one, sizeof one - 1);
    served_start(&p, &o);
    client_open(&c, p.port);
    client_want_alive(&c);
    long before = process_memory(&p);
    /* Less room for answers in the kernel: the server must hold them back. */
    int room = 64 * 1024;
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    size_t sent = stuff(&c, all, len, 500);
    long grown = process_memory(&p) - before;
    printf("# %zu of %zu bytes taken, %ld KiB more\n", sent, len, grown);
    if (!test_sanitized())
        CHECK(grown < MOST_KIB);
    for (size_t answered = 0; answered < COUNT; answered++) {
        if (answered % 1000 == 0 && sent < len)
            sent += stuff(&c, all + sent, len - sent, 0);
        client_want_body(&c, 200, "GET /x");
    }
    CHECK_INT(sent, len);
    client_want_alive(&c);
    client_close(&c);
    free(all);
    process_stop(&p);
}

TEST_SERVED("a large answer reaches a client that reads it late")
{
    enum { SIZE = 20 * 1000 * 1000 };
    struct reply r;
    client_get(c, "/big?20000000");
    client_get(c, "/x");
    process_want_log(p, "big");
    let_it_come();
    client_read(c, &r, REPLY_BODY_ALWAYS);
    CHECK_INT(r.len, SIZE);
    CHECK_INT(strspn(r.body, "b"), SIZE);
    reply_free(&r);
    client_want_body(c, 200, "GET /x");
}

/* ---------------------------------------------- 28: the end of a connection */

TEST("WEB 3.2/28: what stands behind Connection: close is not served")
{
    static const struct variant last[] = {
        BYTES(200, FIELD("Connection: close")),
        BYTES(200, FIELD("Connection: Close")),
        BYTES(200, FIELD("Connection: keep-alive, close")),
        BYTES(200, FIELD("Connection: close\r\nConnection: keep-alive")),
        BYTES(200, FIELD("Connection: x,close ,y")),
        BYTES(200, POST("Connection: close\r\nContent-Length: 5") "hello"),
        BYTES(200, "GET / HTTP/1.0\r\n\r\n"),
        BYTES(200, "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"),
        BYTES(500, "GET /silent HTTP/1.0\r\n\r\n"),
    };
    struct process p;
    served_start(&p, NULL);
    REFUSE(&p, last);
    process_stop(&p);
}

TEST("WEB 3.2/28: nothing is served behind an error in a row of requests")
{
    struct process p;
    struct client c;
    served_start(&p, NULL);
    client_open(&c, p.port);
    CHECK(client_say(&c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
                         "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                         "GET /3 HTTP/1.1\r\n\r\n" AFTER AFTER));
    client_want_body(&c, 200, "GET /1");
    client_want_body(&c, 200, "GET /2");
    client_want(&c, 400);
    client_say(&c, AFTER);
    client_want_end(&c);
    client_close(&c);
    CHECK(!strstr(process_log(&p), "what stood behind"));
    process_stop(&p);
}

TEST_SERVED("HTTP/1.0 is kept open when it asks, and is told so")
{
    struct reply r;
    char value[32];
    for (int i = 0; i < 3; i++) {
        CHECK(client_say(c, "GET / HTTP/1.0\r\n"
                            "Connection: Keep-Alive\r\n\r\n"));
        client_read(c, &r, REPLY_BODY_ALWAYS);
        CHECK(reply_header(&r, "Connection", value, sizeof value));
        CHECK_STR(value, "keep-alive");
        reply_free(&r);
    }
}

TEST_SERVED("a client that has ended its side still gets all its answers")
{
    client_get(c, "/sleep?100");
    client_get(c, "/x");
    client_shut(c);
    client_want_body(c, 200, "slept");
    client_want_body(c, 200, "GET /x");
    client_want_end(c);
    client_close(c);
    client_open(c, p->port);
    client_get(c, "/big?5000000");
    client_shut(c);
    client_want(c, 200);
    client_want_end(c);
}

/* A client of whose answers the kernel keeps little, on either side. */
static void open_narrow(struct process *p, struct client *c,
                        const struct http_options *o)
{
    served_room = 4096;
    served_start(p, o);
    client_open_narrow(c, p->port);
}

/* Reads `n` bytes more, so many each tenth of a second. */
static void sip(struct client *c, size_t n, size_t at_once)
{
    for (size_t until = c->len + n; c->len < until;) {
        client_sip(c, at_once);
        wire_nap(100);
    }
}

enum { SHARE = 20000, SHARES = 20, LEFT = 44000 };

/* Asks for more than the kernel takes, and reads until the server has answered
 * it all but not yet sent it: what is left keeps no handler waiting. */
static void ask_for_shares(struct client *c)
{
    for (int i = 0; i < SHARES; i++)
        client_get(c, "/big?20000");
    while (c->len < SHARES * SHARE - LEFT)
        client_want_some(c);
}

static void want_shares(struct client *c)
{
    for (int i = 0; i < SHARES; i++) {
        struct reply r;
        client_read(c, &r, REPLY_BODY_ALWAYS);
        CHECK_INT(r.len, SHARE);
        reply_free(&r);
    }
}

TEST("a client that ends its side once it is answered still gets all of it")
{
    struct process p;
    struct client c;
    open_narrow(&p, &c, NULL);
    ask_for_shares(&c);
    client_shut(&c);
    wire_nap(100); /* it has come, too */
    want_shares(&c);
    client_want_end(&c);
    client_close(&c);
    process_stop(&p);
}

TEST_LIMITED("a connection is not idle while its answer is being read", 120)
{
    test_needs_kernel(); /* to tell what has been read */
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    o.idle_timeout = rota_seconds(6);
    struct process p;
    struct client c;
    open_narrow(&p, &c, &o);
    ask_for_shares(&c);
    sip(&c, 36000, 400); /* 9 s */
    client_get(&c, "/x");
    want_shares(&c);
    client_want_body(&c, 200, "GET /x");
    client_close(&c);
    process_stop(&p);
}

TEST_LIMITED("a client that reads slowly, but does read, is not cut off", 120)
{
    test_needs_kernel(); /* to tell what has been read */
    /* The 64 KiB that are sent at once take longer than that. */
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    o.write_timeout = rota_seconds(4);
    struct process p;
    struct client c;
    struct reply r;
    open_narrow(&p, &c, &o);
    client_get(&c, "/big?400000");
    sip(&c, 130000, 2000);
    client_read(&c, &r, REPLY_BODY_ALWAYS);
    CHECK_INT(r.len, 400000);
    reply_free(&r);
    client_want_alive(&c);
    client_close(&c);
    process_stop(&p);
}

TEST_SERVED("a client that has gone cancels its handler")
{
    client_get(c, "/wait");
    process_want_log(p, "waiting");
    client_reset(c);
    process_want_log(p, "cancelled");
    client_open(c, p->port);
    client_want_alive(c);
}

TEST_SERVED("a client that goes while it is sent to ends the handler")
{
    client_get(c, "/pieces?1000000000");
    client_want_some(c);
    client_reset(c);
    process_want_log(p, "pieces: ");
    client_open(c, p->port);
    client_want_alive(c);
}

TEST_SERVED("a HEAD of an endless answer ends")
{
    struct reply r;
    CHECK(client_say(c, "HEAD /pieces?1000000000 HTTP/1.1\r\n"
                        "Host: a\r\n\r\n"));
    client_read(c, &r, REPLY_BODY_NEVER);
    CHECK_INT(r.status, 200);
    reply_free(&r);
    client_want_alive(c);
}
