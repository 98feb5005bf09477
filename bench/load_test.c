/*
 * What is measured is only worth something if wrong answers are seen: the load
 * client's response check, its percentiles, the bare loops' request count, and
 * the reading of a process' cost.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backlog.h"
#include "bare.h"
#include "histogram.h"
#include "process.h"
#include "response.h"
#include "test.h"

/* Feeds text in pieces of `piece` bytes, each in memory of its own so that
 * reading past its end is found. Returns the bytes taken or an errno. */
static ssize_t feed(struct response *r, const char *text, size_t piece)
{
    size_t len = strlen(text), at = 0, shown = 0;
    response_init(r);
    while (shown < len && r->part != RESPONSE_DONE) {
        shown = shown + piece < len ? shown + piece : len;
        char *copy = malloc(shown - at);
        memcpy(copy, text + at, shown - at);
        ssize_t n = response_feed(r, copy, shown - at);
        free(copy);
        if (n < 0)
            return n;
        at += (size_t)n;
    }
    return (ssize_t)at;
}

/* The same text in pieces of every size gives the same. */
static void check_good(const char *text, int status, uint64_t body)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        struct response r;
        CHECK_INT(feed(&r, text, piece), strlen(text));
        CHECK_INT(r.part, RESPONSE_DONE);
        CHECK_INT(r.status, status);
        CHECK_INT(r.body, body);
    }
}

static void check_bad(const char *text)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        struct response r;
        CHECK_INT(feed(&r, text, piece), -EBADMSG);
    }
}

TEST("a response with a length is whole when its last byte is there")
{
    check_good("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, 5);
    check_good("HTTP/1.1 404 \r\ncontent-length:0\r\n\r\n", 404, 0);
    check_good("HTTP/1.1 204 None\r\n\r\n", 204, 0);
}

TEST("a chunked response ends behind its trailers")
{
    check_good("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               "5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
               200, 15);
}

TEST("a response takes no byte of the next one")
{
    struct response r;
    const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP";
    CHECK_INT(feed(&r, text, strlen(text)), strlen(text) - 4);
}

TEST("a response without a length ends with the connection, others do not")
{
    struct response r;
    feed(&r, "HTTP/1.1 200 OK\r\n\r\nhello", 7);
    CHECK(r.closes);
    CHECK(response_end(&r));
    CHECK_INT(r.body, 5);
    feed(&r, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 7);
    CHECK(!response_end(&r));
    feed(&r, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r", 7);
    CHECK(!response_end(&r));
}

TEST("an announced close is seen")
{
    struct response r;
    feed(&r,
         "HTTP/1.1 200 OK\r\nConnection: Close\r\n"
         "Content-Length: 0\r\n\r\n",
         9);
    CHECK(r.closes);
    feed(&r, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 9);
    CHECK(!r.closes);
    feed(&r, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 9);
    CHECK(r.closes);
}

TEST("broken framing is refused")
{
    check_bad("HTTP/2.0 200 OK\r\n\r\n");
    check_bad("HTTP/1.1 2x0 OK\r\n\r\n");
    check_bad("HTTP/1.1 100 Continue\r\n\r\n");
    check_bad("HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n");
    check_bad("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n");
    check_bad("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
              "Content-Length: 2\r\n\r\n");
    check_bad("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
              "Transfer-Encoding: chunked\r\n\r\n");
    check_bad("HTTP/1.1 200 OK\r\nX: y\nZ: w\r\n\r\n");
    check_bad("HTTP/1.1 200 OK\r\nno colon\r\n\r\n");
    check_bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
              "5\r\nhelloXY");
    check_bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
              "zz\r\n");
}

TEST("a head that never ends is refused")
{
    struct response r;
    size_t len = RESPONSE_LINE_MAX + 100;
    char *text = malloc(len + 1);
    memset(text, 'a', len);
    text[len] = '\0';
    CHECK_INT(feed(&r, text, 1000), -EBADMSG);
    free(text);
}

TEST("a percentile is off by less than 2 %")
{
    static struct histogram h;
    histogram_init(&h);
    CHECK_INT(histogram_at(&h, 0.5), 0);
    for (uint64_t i = 1; i <= 100000; i++)
        histogram_add(&h, i * 1000);
    CHECK_INT(h.max, 100000000);
    CHECK(histogram_at(&h, 0.50) > 49000000);
    CHECK(histogram_at(&h, 0.50) <= 50001000);
    CHECK(histogram_at(&h, 0.99) > 97100000);
    CHECK(histogram_at(&h, 0.99) <= 99001000);
}

TEST("a duration of any size has its bucket")
{
    static struct histogram h;
    histogram_init(&h);
    histogram_add(&h, 0);
    CHECK_INT(histogram_at(&h, 0.5), 0);
    for (int i = 0; i < 3; i++)
        histogram_add(&h, UINT64_MAX);
    CHECK(histogram_at(&h, 0.99) > UINT64_MAX / 64 * 63);
}

TEST("blank lines are counted wherever they stand")
{
    char data[160];
    for (size_t at = 0; at < 100; at++) {
        memset(data, 'x', sizeof(data));
        memcpy(data + at, "\r\n\r\n", 4);
        CHECK_INT(bare_count(data, at + 4), 1);
        CHECK_INT(bare_count(data, at + 3), 0);
        memcpy(data + at + 5, "\r\n\r\n", 4);
        CHECK_INT(bare_count(data, at + 9), 2);
    }
    CHECK_INT(bare_count(data, 0), 0);
}

TEST("a process that is not there is told from one that costs nothing")
{
    struct process p;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    CHECK_INT(waitpid(child, NULL, 0), child);
    CHECK_INT(process_read(child, &p), -ESRCH);
    CHECK_INT(process_read(getpid(), &p), 0);
    CHECK(p.threads >= 1); /* a sanitizer may have one of its own */
    CHECK(p.cpu_ns > 0);
    CHECK(p.peak_kib >= p.rss_kib && p.rss_kib > 0);
}

TEST("a port nobody listens on has no accept queue")
{
    int diag = backlog_open();
    if (diag < 0)
        test_skip("no socket diagnosis");
    CHECK(backlog_room(diag, 1) < 0);
    close(diag);
}
