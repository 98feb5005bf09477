/*
 * The HTTP server in a simulation: whole conversations over a wire that cuts
 * everything into pieces, and clients that vanish. Its time limits, of many
 * seconds, take none.
 */
#include "../task/tasks.h"
#include "http/server.h"
#include "sim.h"

enum { PORT = 80, MOST = 5000 };

static void answer(struct http_request *r, void *arg)
{
    (void)arg;
    rota_str body;
    if (rota_sleep(rota_us((int64_t)rota_sim_random(50))) < 0)
        return;
    if (http_body_all(r, MOST, &body) == 0)
        http_respond(r, 200, ROTA_STR("text/plain"), body);
}

static ROTA_ASYNC(serve, (struct http_server *, s), (const char *, host))
{
    struct http_options options = HTTP_OPTIONS_DEFAULT;
    int fd = rota_listen(host, PORT, NULL);
    CHECK(fd >= 0);
    http_server_init(s, fd, &options, answer, NULL);
    return http_server_run(s);
}

/* Reads a response's head; returns its length of body, -1 at the end. */
static long read_head(rota_stream *s)
{
    rota_str line;
    long length = -1;
    ssize_t n;
    while ((n = rota_stream_readline(s, &line)) > 2) {
        char text[128];
        snprintf(text, sizeof text, "%.*s", (int)line.len, line.ptr);
        sscanf(text, "Content-Length: %ld", &length);
    }
    return n == 2 ? length : -1;
}

static ROTA_ASYNC(ask, (const char *, host), (int, times))
{
    rota_stream *s;
    char body[2000], got[2000], head[128];
    CHECK_INT(rota_open_connection(host, PORT, &s), 0);
    for (int i = 0; i < times; i++) {
        size_t n = 1 + rota_sim_random(sizeof body);
        memset(body, 'a' + (int)rota_sim_random(26), n);
        int len = snprintf(head, sizeof head,
                           "POST / HTTP/1.1\r\nHost: %s\r\n"
                           "Content-Length: %zu\r\n\r\n",
                           host, n);
        CHECK_INT(rota_stream_write(s, head, (size_t)len, NULL), 0);
        CHECK_INT(rota_stream_write(s, body, n, NULL), 0);
        CHECK_INT(read_head(s), (long)n);
        CHECK_INT(rota_stream_readexactly(s, got, n, NULL), 0);
        CHECK(memcmp(got, body, n) == 0);
    }
    rota_stream_close(s);
    return 0;
}

SIM_TEST_WITH("clients of an HTTP server get their own answers, whatever the "
              "wire cuts into pieces",
              200,
              .net = { .latency = 1000, .jitter = 50000, .short_io = true })
{
    enum { CLIENTS = 5 };
    static struct http_server server;
    rota_task *t[CLIENTS];
    rota_task *s = rota_create_task(serve, &server, "shop.example");
    CHECK_INT(rota_sleep(1), 0);
    for (int i = 0; i < CLIENTS; i++)
        t[i] = rota_create_task(ask, "shop.example", 3);
    CHECK_INT(rota_gather(t, CLIENTS, NULL, 0), 0);
    http_server_drain(&server);
    CHECK_INT(rota_await(s), 0);
    CHECK_INT(server.count, 0);
}

/* Says something, perhaps a part of it, and is gone. */
static ROTA_ASYNC(vanish, (const char *, host))
{
    static const char request[] = "POST / HTTP/1.1\r\nHost: x\r\n"
                                  "Content-Length: 10\r\n\r\n0123456789";
    rota_stream *s;
    if (rota_open_connection(host, PORT, &s) < 0)
        return 0;
    size_t n = rota_sim_random(sizeof request);
    rota_ignore(rota_stream_write(s, request, n, NULL));
    rota_ignore(rota_sleep(rota_us((int64_t)rota_sim_random(100))));
    if (rota_sim_random(2))
        rota_ignore(rota_sim_reset(rota_stream_fd(s)));
    rota_stream_close(s);
    return 0;
}

SIM_TEST_WITH("clients that vanish at any moment leave nothing in the server",
              300,
              .net = { .jitter = 50000, .short_io = true, .reset_one_in = 30 })
{
    enum { CLIENTS = 10 };
    static struct http_server server;
    rota_task *t[CLIENTS];
    rota_task *s = rota_create_task(serve, &server, "shop.example");
    CHECK_INT(rota_sleep(1), 0);
    for (int i = 0; i < CLIENTS; i++)
        t[i] = rota_create_task(vanish, "shop.example");
    CHECK_INT(rota_gather(t, CLIENTS, NULL, 0), 0);
    CHECK_INT(rota_sleep(rota_seconds(60)), 0);
    CHECK_INT(server.count, 0);
    http_server_drain(&server);
    CHECK_INT(rota_await(s), 0);
}

SIM_TEST_WITH("the time of a connection begins when it comes, not when the "
              "server last looked",
              1, .net = { .latency = 1000000000 })
{
    static struct http_server server;
    rota_stream *silent;
    rota_task *s = rota_create_task(serve, &server, "shop.example");
    CHECK_INT(rota_sleep(rota_seconds(3600)), 0);
    rota_time before = rota_now();
    CHECK_INT(rota_open_connection("shop.example", PORT, &silent), 0);
    CHECK_INT(read_head(silent), -1);
    CHECK_INT(rota_now() - before, rota_seconds(12)); /* to come, 10, to go */
    rota_stream_close(silent);
    http_server_drain(&server);
    CHECK_INT(rota_await(s), 0);
}

CLOCK_TEST("a client that says nothing, or not all, is let go at the server's "
           "time, to the nanosecond")
{
    static struct http_server server;
    rota_stream *silent, *slow;
    rota_task *s = rota_create_task(serve, &server, "shop.example");
    CHECK_INT(rota_sleep(1), 0);
    CHECK_INT(rota_open_connection("shop.example", PORT, &silent), 0);
    CHECK_INT(rota_open_connection("shop.example", PORT, &slow), 0);
    CHECK_INT(rota_sleep(rota_seconds(5)), 0);
    rota_time before = rota_now();
    CHECK_INT(rota_stream_write(slow, "GET /", 5, NULL), 0);
    CHECK_INT(read_head(silent), -1);
    CHECK_INT(rota_now() - before, rota_seconds(5)); /* 10 since it came */
    rota_str line;
    CHECK(rota_stream_readline(slow, &line) > 0);
    CHECK_INT(rota_now() - before, rota_seconds(10)); /* for a head */
    CHECK(memcmp(line.ptr, "HTTP/1.1 408", 12) == 0);
    rota_stream_close(silent);
    rota_stream_close(slow);
    http_server_drain(&server);
    CHECK_INT(rota_await(s), 0);
}
