/*
 * The limits of a running server: sizes, timeouts, how many connections and
 * requests, what happens when descriptors run out, and how it ends. Timeouts
 * are set small here; that something did not happen too early is told by the
 * order of events, never by a clock.
 */
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

/* One answer, which says that the connection ends; and it does. */
static void want_last(struct client *c, int status)
{
    struct reply r;
    client_read(c, &r, REPLY_BODY_ALWAYS);
    CHECK_INT(r.status, status);
    CHECK(r.close);
    reply_free(&r);
    client_want_end(c);
    client_close(c);
}

/* ----------------------------------------------------------------- sizes */

/* "GET /xxx... HTTP/1.1" with a target of `n` bytes. */
static void ask_long(struct client *c, size_t n)
{
    static char target[20000];
    memset(target, 'x', n);
    target[0] = '/';
    target[n] = '\0';
    CHECK(client_say(c, "GET "));
    CHECK(client_say(c, target));
    client_say(c, " HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST("a target of 8192 bytes is taken, a longer one is 414")
{
    struct process p;
    struct client c;
    served_start(&p, NULL);
    client_open(&c, p.port);
    ask_long(&c, 8192);
    client_want(&c, 200);
    ask_long(&c, 8193);
    client_say(&c, AFTER);
    want_last(&c, 414);
    CHECK(!strstr(process_log(&p), "what stood behind"));
    process_stop(&p);
}

/* A request with `lines` header lines of `size` bytes each, beside Host. */
static void ask_headers(struct client *c, int lines, size_t size)
{
    static char line[20000];
    memset(line, 'y', size);
    memcpy(line, "X: ", 3);
    line[size] = '\0';
    CHECK(client_say(c, "GET / HTTP/1.1\r\nHost: a\r\n"));
    for (int i = 0; i < lines; i++) {
        client_say(c, line);
        client_say(c, "\r\n");
    }
    client_say(c, "\r\n");
}

TEST("a header line over 16 KiB, a head over 32 KiB, or more than 100 lines "
     "are 431")
{
    static const struct {
        int lines;
        size_t size;
        int status;
    } asked[] = {
        { 1, 16000, 200 }, { 99, 10, 200 },  { 1, 16400, 431 },
        { 3, 11000, 431 }, { 100, 10, 431 }, { 2000, 10, 431 },
    };
    struct process p;
    served_start(&p, NULL);
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        struct client c;
        client_open(&c, p.port);
        ask_headers(&c, asked[i].lines, asked[i].size);
        if (asked[i].status == 200) {
            client_want(&c, 200);
            client_want_alive(&c);
            client_close(&c);
        } else {
            want_last(&c, asked[i].status);
        }
    }
    process_stop(&p);
}

/* -------------------------------------------------------------- timeouts */

/* Sends a byte now and then until an answer comes. */
static void trickle(struct client *c)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    while (poll(&p, 1, 5) == 0)
        client_say(c, "y");
}

/* Long enough for a client on a slow machine to begin in time. */
static const rota_dur unhurried = 2000000000;

TEST("a head that does not come in time is 408, however it trickles")
{
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    o.head_timeout = unhurried;
    struct process p;
    struct client half, behind, slow;
    served_start(&p, &o);
    client_open(&half, p.port);
    CHECK(client_say(&half, "GET / HTTP/1.1\r\nHost: a\r\n"));
    client_open(&behind, p.port); /* also behind a good one */
    client_get(&behind, "/x");
    CHECK(client_say(&behind, "G"));
    client_open(&slow, p.port);
    CHECK(client_say(&slow, "GET / HTTP/1.1\r\nHost: a\r\nX: "));
    client_want_body(&behind, 200, "GET /x");
    trickle(&slow);
    want_last(&half, 408);
    want_last(&behind, 408);
    want_last(&slow, 408);
    process_stop(&p);
}

TEST("a connection on which nothing comes is closed without a word")
{
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    o.head_timeout = unhurried;
    o.idle_timeout = unhurried;
    struct process p;
    struct client mute, idle;
    served_start(&p, &o);
    client_open(&mute, p.port);
    client_open(&idle, p.port);
    client_want_alive(&idle);
    client_want_end(&mute);
    client_want_end(&idle);
    client_close(&mute);
    client_close(&idle);
    process_stop(&p);
}

TEST("a server that was idle for long gives the next client its whole time")
{
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    o.head_timeout = unhurried;
    o.idle_timeout = unhurried;
    struct process p;
    struct client c;
    served_start(&p, &o);
    for (int i = 0; i < 2; i++) {
        wire_nap(unhurried / rota_ms(1) + 200);
        client_open(&c, p.port);
        client_want_alive(&c);
        client_close(&c);
    }
    process_stop(&p);
}

TEST("a deadline begins when it is set, though the handler blocked before")
{
    struct process p;
    struct client c;
    struct reply r;
    served_start(&p, NULL);
    client_open(&c, p.port);
    client_get(&c, "/block?2000");
    client_read(&c, &r, REPLY_BODY_ALWAYS);
    CHECK_INT(r.status, 200);
    reply_free(&r);
    client_close(&c);
    process_stop(&p);
}

TEST("a body slower than the least rate is 408, though it never pauses")
{
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    o.body_rate = 100000;
    o.body_grace = rota_ms(200);
    struct process p;
    struct client c;
    served_start(&p, &o);
    client_open(&c, p.port);
    CHECK(client_say(&c, POST("Content-Length: 90000")));
    trickle(&c);
    want_last(&c, 408);
    process_stop(&p);
}

/* Waits until the connection is reset, and reads nothing. */
static void wait_for_reset(struct client *c)
{
    struct pollfd p = { .fd = c->fd };
    CHECK_INT(poll(&p, 1, -1), 1); /* the test's limit ends it */
    CHECK(p.revents & POLLERR);
}

TEST("a client that never reads is cut off, and its handler is told")
{
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    o.write_timeout = rota_ms(200);
    struct process p;
    struct client c;
    served_start(&p, &o);
    client_open(&c, p.port);
    client_get(&c, "/pieces?1000000000");
    process_want_log(&p, "pieces: ");
    client_want_reset(&c);
    client_close(&c);
    client_open(&c, p.port);
    client_get(&c, "/big?50000000");
    process_want_log(&p, "big");
    wait_for_reset(&c);
    client_want_reset(&c);
    client_close(&c);
    process_stop(&p);
}

TEST_SERVED("a handler that misses its deadline is cancelled, and answers 504")
{
    client_get(c, "/late?50");
    client_want_body(c, 504, "too late");
    CHECK_HAS(process_log(p), "cancelled");
    client_get(c, "/sleep?100"); /* the next one is not under it */
    client_want_body(c, 200, "slept");
}

TEST("what a handler waits for its client does not count for its deadline")
{
    enum { DEADLINE_MS = 1000, SLOWER_MS = 1500, ANSWER = 200000 };
    struct process p;
    struct client c;
    struct reply r;
    char head[128];
    served_room = 4096; /* so that it does wait */
    served_start(&p, NULL);
    client_open(&c, p.port);
    snprintf(head, sizeof head,
             "POST /timed?%d,%d HTTP/1.1\r\nHost: a\r\n"
             "Content-Length: 5\r\n\r\nhel",
             DEADLINE_MS, ANSWER);
    CHECK(client_say(&c, head));
    wire_nap(SLOWER_MS);
    CHECK(client_say(&c, "lo"));
    wire_nap(SLOWER_MS);
    client_read(&c, &r, REPLY_BODY_ALWAYS);
    CHECK_INT(r.len, ANSWER);
    reply_free(&r);
    client_want_alive(&c);
    client_close(&c);
    CHECK_HAS(process_log(&p), "timed: ");
    process_stop(&p);
}

TEST("a handler that takes a body slowly is not held against the client")
{
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    o.body_grace = rota_seconds(1);
    struct process p;
    struct client c;
    served_start(&p, &o);
    client_open(&c, p.port);
    CHECK(client_say(&c, "POST /picky?1500 HTTP/1.1\r\nHost: a\r\n"
                         "Content-Length: 8\r\n\r\n"));
    wire_nap(100); /* it waits for what follows */
    CHECK(client_say(&c, "soup"));
    process_want_log(&p, "hungry");
    CHECK(client_say(&c, "fish"));
    client_want_body(&c, 200, "fish");
    client_want_alive(&c);
    client_close(&c);
    process_stop(&p);
}

/* ------------------------------------------------------------- how many */

TEST("after its last request a connection is closed")
{
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    o.requests = 3;
    struct process p;
    struct client c;
    served_start(&p, &o);
    client_open(&c, p.port);
    client_want_alive(&c);
    client_want_alive(&c);
    client_get(&c, "/x");
    client_say(&c, AFTER);
    want_last(&c, 200);
    CHECK(!strstr(process_log(&p), "what stood behind"));
    process_stop(&p);
}

TEST("a connection beyond its life is closed with its next answer")
{
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    o.life = 1;
    struct process p;
    struct client c;
    served_start(&p, &o);
    client_open(&c, p.port);
    wire_nap(20);
    client_get(&c, "/sleep?5");
    want_last(&c, 200);
    process_stop(&p);
}

TEST("connections beyond the cap wait until one goes")
{
    enum { CAP = 5, CLIENTS = 12 };
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    o.connections = CAP;
    struct process p;
    struct client c[CLIENTS];
    served_start(&p, &o);
    for (int i = 0; i < CLIENTS; i++) {
        client_open(&c[i], p.port);
        client_get(&c[i], "/x");
        if (i < CAP)
            client_want_body(&c[i], 200, "GET /x");
    }
    /* At most one more may have slipped in before accepting stopped. */
    client_want_silence(&c[CAP + 1]);
    client_want_silence(&c[CLIENTS - 1]);
    for (int i = 0; i < CLIENTS; i++) {
        if (i >= CAP)
            client_want_body(&c[i], 200, "GET /x");
        client_close(&c[i]);
    }
    process_stop(&p);
}

TEST("PITFALLS/27: without descriptors accepting pauses, does not spin, and "
     "goes on")
{
    enum { DESCRIPTORS = 40, CLIENTS = 60 };
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    struct rlimit few, all;
    struct process p;
    struct client c[CLIENTS];
    o.connections = 1000;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &all), 0);
    few = all;
    few.rlim_cur = DESCRIPTORS;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
    served_start(&p, &o);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &all), 0);
    for (int i = 0; i < CLIENTS; i++) {
        client_open(&c[i], p.port);
        client_get(&c[i], "/x");
    }
    process_want_log(&p, "cannot accept connections for now");
    wire_nap(300);
    CHECK(process_log_count(&p, "cannot accept") < 10);
    client_want_body(&c[0], 200, "GET /x"); /* others are still served */
    client_want_alive(&c[0]);
    client_close(&c[0]);
    for (int i = 1; i < CLIENTS; i++) {
        client_want_body(&c[i], 200, "GET /x");
        client_close(&c[i]);
    }
    process_stop(&p);
}

/* ---------------------------------------------------------------- the end */

static void want_exit(struct process *p, int status)
{
    int got = process_end(p, 0);
    if (!WIFEXITED(got) || WEXITSTATUS(got) != status)
        test_fail(TEST_AT, "wait status %#x: %s", (unsigned)got,
                  process_log(p));
}

TEST("a server that ends answers what was asked, and takes nobody new")
{
    struct process p;
    struct client idle, busy, half;
    served_start(&p, NULL);
    client_open(&idle, p.port);
    client_want_alive(&idle);
    client_open(&half, p.port);
    CHECK(client_say(&half, "GET /half HTTP/1.1\r\nHo"));
    client_open(&busy, p.port);
    client_get(&busy, "/sleep?3000");
    for (int i = 0; i < 3; i++)
        client_want_alive(&idle); /* by then it has read the others */
    CHECK_INT(kill(p.pid, SIGTERM), 0);
    client_want_end(&idle);
    client_close(&idle);
    CHECK(!client_try(&idle, p.port));
    CHECK(client_say(&half, "st: a\r\n\r\n"));
    want_last(&half, 200);
    want_last(&busy, 200);
    want_exit(&p, 0);
}

TEST("a server that ends still sends what a slow reader has not read")
{
    struct process p;
    struct client c;
    served_start(&p, NULL);
    client_open(&c, p.port);
    client_get(&c, "/big?30000000");
    process_want_log(&p, "big");
    CHECK_INT(kill(p.pid, SIGTERM), 0);
    wire_nap(400); /* more than an idle connection gets */
    struct reply r;
    client_read(&c, &r, REPLY_BODY_ALWAYS);
    CHECK_INT(r.len, 30000000);
    reply_free(&r);
    client_want_end(&c);
    client_close(&c);
    want_exit(&p, 0);
}

TEST("what does not end within the drain timeout is cancelled")
{
    struct http_options o = HTTP_OPTIONS_DEFAULT;
    o.drain_timeout = rota_ms(200);
    struct process p;
    struct client c;
    served_start(&p, &o);
    client_open(&c, p.port);
    client_get(&c, "/wait");
    process_want_log(&p, "waiting");
    CHECK_INT(kill(p.pid, SIGTERM), 0);
    client_want_end(&c);
    client_close(&c);
    want_exit(&p, 0);
    CHECK_HAS(process_log(&p), "cancelled");
    CHECK_HAS(process_log(&p), "did not end in time");
}

TEST("the second signal ends it at once")
{
    struct process p;
    struct client c;
    served_start(&p, NULL);
    client_open(&c, p.port);
    client_get(&c, "/wait");
    process_want_log(&p, "waiting");
    CHECK_INT(kill(p.pid, SIGTERM), 0);
    process_want_log(&p, "draining"); /* or two signals would be one */
    client_want_silence(&c);
    CHECK_INT(kill(p.pid, SIGTERM), 0);
    client_want_end(&c);
    client_close(&c);
    want_exit(&p, 0);
}
