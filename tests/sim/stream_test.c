/*
 * Streams over the simulated network: what holds whatever the seed does to
 * the wire and to those who wait.
 */
#include "../task/tasks.h"
#include "rota/server.h"
#include "sim.h"

#include <netinet/in.h>
#include <poll.h>

enum { PORT = 7000 };

/* Byte number `i` of everything that is sent here. */
static char byte_at(size_t i)
{
    return (char)(i * 31 + (i >> 8));
}

static void fill(char *data, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        data[i] = byte_at(from + i);
}

static void check_bytes(const char *data, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (data[i] != byte_at(from + i))
            test_fail(TEST_AT, "byte %zu is not what was sent", from + i);
}

struct link {
    rota_stream *client, *server;
};

static struct link link_up(int listener, const char *host)
{
    struct link l;
    CHECK_INT(rota_open_connection(host, PORT, &l.client), 0);
    int fd = rota_accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    CHECK_INT(rota_stream_new(fd, &l.server), 0);
    return l;
}

static void link_down(struct link *l)
{
    rota_stream_close(l->client);
    rota_stream_close(l->server);
}

/* ------------------------------------------- no byte is lost by a cancel */

enum { TOTAL = 3000 };

/* Sends all, each write under a deadline that often comes too early. Times are
 * so short that deadlines and arrivals meet. */
static ROTA_ASYNC(send_with_cuts, (rota_stream *, s))
{
    char data[512];
    size_t sent = 0;
    while (sent < TOTAL) {
        size_t n = 1 + rota_sim_random(sizeof data);
        n = n < TOTAL - sent ? n : TOTAL - sent;
        fill(data, sent, n);
        size_t done = 0;
        int rc = 0;
        ROTA_TIMEOUT (rota_us((int64_t)rota_sim_random(2000)), rc) {
            rc = rota_stream_write(s, data, n, &done);
        }
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        CHECK(done <= n);
        CHECK(rc < 0 || done == n);
        sent += done;
    }
    return rota_stream_write_eof(s);
}

static ROTA_ASYNC(receive_with_cuts, (rota_stream *, s))
{
    char data[512];
    size_t got = 0;
    ssize_t n = 1;
    while (n != 0) {
        size_t want = 1 + rota_sim_random(sizeof data);
        bool exactly = rota_sim_random(2) && want <= TOTAL - got;
        int rc = 0;
        n = -1;
        ROTA_TIMEOUT (rota_us((int64_t)rota_sim_random(2000)), rc) {
            if (exactly)
                rc = rota_stream_readexactly(s, data, want, NULL);
            else
                rc = (int)(n = rota_stream_read(s, data, want));
        }
        if (rc < 0) {
            CHECK_INT(rc, -ETIMEDOUT);
            n = -1;
            continue;
        }
        n = exactly ? (ssize_t)want : n;
        check_bytes(data, got, (size_t)n);
        got += (size_t)n;
    }
    CHECK_INT(got, TOTAL);
    return 0;
}

/* PITFALL 32, STRM-07 */
SIM_TEST_WITH("no byte is lost or doubled when reads and writes are cut by "
              "deadlines, on a slow, choppy wire",
              1000,
              .net = { .latency = 300000,
                       .jitter = 700000,
                       .short_io = true,
                       .buffer = 700 })
{
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    CHECK(listener >= 0);
    struct link l = link_up(listener, "127.0.0.1");
    rota_task *t[] = {
        rota_create_task(send_with_cuts, l.client),
        rota_create_task(receive_with_cuts, l.server),
        rota_create_task(send_with_cuts, l.server),
        rota_create_task(receive_with_cuts, l.client),
    };
    CHECK_INT(rota_gather(t, 4, NULL, 0), 0);
    link_down(&l);
    CHECK_INT(rota_close(listener), 0);
}

/* The same over what a task that is cancelled leaves behind. */
static ROTA_ASYNC(read_until_cancelled, (rota_stream *, s), (size_t *, got))
{
    char data[64];
    for (;;) {
        ssize_t n = rota_stream_read(s, data, 1 + rota_sim_random(64));
        if (n <= 0)
            return (int)n;
        check_bytes(data, *got, (size_t)n);
        *got += (size_t)n;
    }
}

/* RACE-01, PITFALL 42 */
SIM_TEST_WITH("a reader is cancelled at any moment, and the next one goes on "
              "where it was",
              1000, .net = { .jitter = 3, .short_io = true })
{
    int listener = rota_listen(NULL, PORT, NULL);
    struct link l = link_up(listener, "::1");
    rota_task *sender = rota_create_task(send_with_cuts, l.client);
    size_t got = 0;
    int rc = -ROTA_ECHILD;
    while (rc == -ROTA_ECHILD) {
        rota_task *t = rota_create_task(read_until_cancelled, l.server, &got);
        rota_task *same = rota_task_ref(t);
        CHECK_INT(rota_sleep((rota_dur)rota_sim_random(20)), 0);
        rota_task_cancel(same, NULL);
        rota_task_unref(same);
        rc = rota_await(t);
    }
    CHECK_INT(rc, 0);
    CHECK_INT(got, TOTAL);
    CHECK_INT(rota_await(sender), 0);
    link_down(&l);
    CHECK_INT(rota_close(listener), 0);
}

/* Passes on by copies that deadlines cut, and between them by hand. */
static ROTA_ASYNC(copy_with_cuts, (rota_stream *, to), (rota_stream *, from))
{
    char data[16];
    size_t copied = 0, done;
    int rc = -ETIMEDOUT;
    while (rc == -ETIMEDOUT) {
        rc = 0;
        done = 0;
        ROTA_TIMEOUT (rota_us((int64_t)rota_sim_random(2000)), rc) {
            rc = rota_stream_copy(to, from, &done);
        }
        copied += done;
        if (rc == 0 || rota_sim_random(4) > 0)
            continue;
        ssize_t n = rota_stream_read(from, data, sizeof data);
        check_bytes(data, copied, n > 0 ? (size_t)n : 0);
        CHECK_INT(rota_stream_write(to, data, (size_t)n, NULL), 0);
        copied += (size_t)n;
    }
    CHECK_INT(rc, 0);
    CHECK_INT(copied, TOTAL);
    return rota_stream_write_eof(to);
}

/* PITFALL 32 */
SIM_TEST_WITH("no byte is lost or doubled when a copy is cut by deadlines",
              1000,
              .net = { .latency = 300000,
                       .jitter = 700000,
                       .short_io = true,
                       .buffer = 500 })
{
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    CHECK(listener >= 0);
    struct link in = link_up(listener, "127.0.0.1");
    struct link out = link_up(listener, "127.0.0.1");
    rota_task *t[] = {
        rota_create_task(send_with_cuts, in.client),
        rota_create_task(copy_with_cuts, out.client, in.server),
        rota_create_task(receive_with_cuts, out.server),
    };
    CHECK_INT(rota_gather(t, 3, NULL, 0), 0);
    link_down(&in);
    link_down(&out);
    CHECK_INT(rota_close(listener), 0);
}

static ROTA_ASYNC(copy_once, (rota_stream *, to), (rota_stream *, from))
{
    return rota_stream_copy(to, from, NULL);
}

static ROTA_ASYNC(send_for_ever, (rota_stream *, s))
{
    static const char data[300];
    int rc = 0;
    while (rc == 0)
        rc = rota_stream_write(s, data, sizeof data, NULL);
    return rc;
}

/* PITFALL 24 */
SIM_TEST_WITH("either stream is closed under a copy at any moment", 1000,
              .net = { .jitter = 3, .short_io = true, .buffer = 500 })
{
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    struct link in = link_up(listener, "127.0.0.1");
    struct link out = link_up(listener, "127.0.0.1");
    bool from_first = rota_sim_random(2);
    rota_task *sender = rota_create_task(send_for_ever, in.client);
    rota_task *t = rota_create_task(copy_once, out.client, in.server);
    CHECK_INT(rota_sleep((rota_dur)rota_sim_random(50)), 0);
    rota_task_cancel(sender, "enough");
    CHECK_INT(rota_await(sender), -ROTA_ECHILD);
    rota_stream_close(from_first ? in.server : out.client);
    CHECK_INT(rota_await(t), -EBADF);
    rota_stream_close(from_first ? out.client : in.server);
    rota_stream_close(in.client);
    rota_stream_close(out.server);
    CHECK_INT(rota_close(listener), 0);
}

/* ----------------------------------------------------- many connections */

static ROTA_ASYNC(echo, (int, fd))
{
    rota_stream *s;
    char data[100];
    ssize_t n;
    CHECK_INT(rota_stream_new(fd, &s), 0);
    while ((n = rota_stream_read(s, data, sizeof data)) > 0)
        if (rota_stream_write(s, data, (size_t)n, NULL) < 0)
            break;
    rota_stream_close(s);
    return 0;
}

static ROTA_ASYNC(serve, (int, listener), (int, connections))
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    for (int i = 0; i < connections; i++) {
        int fd = rota_accept(listener, NULL, NULL);
        CHECK(fd >= 0);
        CHECK_INT(rota_group_create_task(&g, echo, fd), 0);
    }
    return rota_group_end(&g, 0);
}

static ROTA_ASYNC(call_echo, (const char *, host), (int, times))
{
    rota_stream *s;
    char sent[300], got[300];
    CHECK_INT(rota_open_connection(host, PORT, &s), 0);
    for (int i = 0; i < times; i++) {
        size_t n = 1 + rota_sim_random(sizeof sent);
        fill(sent, rota_sim_random(1000), n);
        CHECK_INT(rota_stream_write(s, sent, n, NULL), 0);
        CHECK_INT(rota_stream_readexactly(s, got, n, NULL), 0);
        CHECK(memcmp(sent, got, n) == 0);
    }
    rota_stream_close(s);
    return 0;
}

/* SRV-01 */
SIM_TEST_WITH("many clients of one server get each its own echo", 200,
              .net = { .latency = 1000, .jitter = 90000, .short_io = true })
{
    enum { CLIENTS = 20 };
    int listener = rota_listen("echo.example", PORT, NULL);
    CHECK(listener >= 0);
    rota_task *server = rota_create_task(serve, listener, CLIENTS);
    rota_task *t[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        t[i] = rota_create_task(call_echo, "echo.example", 5);
    CHECK_INT(rota_gather(t, CLIENTS, NULL, 0), 0);
    CHECK_INT(rota_await(server), 0);
    CHECK_INT(rota_close(listener), 0);
}

/* ------------------------------------------------------ what goes wrong */

static ROTA_ASYNC(connect_to, (const char *, host), (int, port))
{
    rota_stream *s;
    int rc = rota_open_connection(host, port, &s);
    if (rc == 0)
        rota_stream_close(s);
    return rc;
}

/* PITFALL 29 */
CLOCK_TEST("nobody listens: refused, after the way there and back")
{
    rota_sim_net slow = { .latency = rota_ms(100) };
    CHECK_INT(rota_sim_set_net(&slow), 0);
    rota_time before = rota_now();
    CHECK_INT(rota_await(rota_create_task(connect_to, "127.0.0.1", PORT)),
              -ECONNREFUSED);
    CHECK_INT(rota_now() - before, rota_ms(200));
    rota_stream *s;
    CHECK_INT(rota_open_unix_connection("/run/nobody", &s), -ECONNREFUSED);
    rota_sim_net moody = { .refuse_one_in = 1 };
    CHECK_INT(rota_sim_set_net(&moody), 0);
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    CHECK_INT(rota_await(rota_create_task(connect_to, "127.0.0.1", PORT)),
              -ECONNREFUSED);
    CHECK_INT(rota_close(listener), 0);
}

CLOCK_TEST("an address is taken once, by name and port, until it is closed")
{
    int a = rota_listen("127.0.0.1", PORT, NULL);
    int b = rota_listen("db.example", PORT, NULL);
    CHECK(a >= 0 && b >= 0);
    CHECK_INT(rota_listen("127.0.0.1", PORT, NULL), -EADDRINUSE);
    CHECK_INT(rota_listen(NULL, PORT, NULL), -EADDRINUSE);
    CHECK_INT(rota_close(a), 0);
    int again = rota_listen("127.0.0.1", PORT, NULL);
    CHECK_INT(again, a); /* the lowest number, as of a kernel's */
    CHECK_INT(rota_close(again), 0);
    CHECK_INT(rota_close(b), 0);
    CHECK_INT(rota_close(b), -EBADF);

    rota_listen_options shared = { .reuse_port = true };
    int c = rota_listen("::1", PORT, &shared);
    int d = rota_listen("::1", PORT, &shared);
    CHECK(c >= 0 && d >= 0);
    CHECK_INT(rota_close(c), 0);
    CHECK_INT(rota_close(d), 0);

    int u = rota_listen_unix("/run/x", NULL);
    CHECK(u >= 0);
    CHECK_INT(rota_listen_unix("/run/x", NULL), -EADDRINUSE);
    CHECK_INT(rota_close(u), 0);
    u = rota_listen_unix("/run/x", NULL);
    CHECK(u >= 0);
    CHECK_INT(rota_close(u), 0);
}

static ROTA_ASYNC(write_all, (rota_stream *, s), (size_t, size),
                  (size_t *, done))
{
    static char data[1 << 20];
    fill(data, 0, size);
    return rota_stream_write(s, data, size, done);
}

/* STRM-09 */
SIM_TEST_WITH("a peer that does not read makes the writer wait at the "
              "connection's bound",
              100, .net = { .buffer = 5000, .jitter = 1000 })
{
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    struct link l = link_up(listener, "127.0.0.1");
    size_t done = 0;
    rota_task *t = rota_create_task(write_all, l.client, 20000, &done);
    CHECK_INT(rota_sleep(rota_seconds(3600)), 0);
    CHECK(!rota_task_done(t));
    rota_task_ref(t);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    rota_task_unref(t);
    CHECK_INT(done, 5000);
    char data[5000];
    CHECK_INT(rota_stream_readexactly(l.server, data, sizeof data, NULL), 0);
    check_bytes(data, 0, sizeof data);
    link_down(&l);
    CHECK_INT(rota_close(listener), 0);
}

/* STRM-01, PITFALL 22 */
SIM_TEST_WITH("half a close: the peer reads all there was, then the end, and "
              "can still answer",
              100, .net = { .jitter = 1000, .short_io = true })
{
    int listener = rota_listen_unix("/run/half", NULL);
    CHECK(listener >= 0);
    struct link l;
    CHECK_INT(rota_open_unix_connection("/run/half", &l.client), 0);
    int fd = rota_accept(listener, NULL, NULL);
    CHECK_INT(rota_stream_new(fd, &l.server), 0);
    rota_str line;
    CHECK_INT(rota_stream_write(l.client, "a\nbc", 4, NULL), 0);
    CHECK_INT(rota_stream_write_eof(l.client), 0);
    CHECK_INT(rota_stream_write(l.client, "d", 1, NULL), -EPIPE);
    CHECK_INT(rota_stream_readline(l.server, &line), 2);
    CHECK_INT(rota_stream_readline(l.server, &line), 2);
    CHECK(memcmp(line.ptr, "bc", 2) == 0);
    CHECK_INT(rota_stream_readline(l.server, &line), 0);
    CHECK_INT(rota_stream_write(l.server, "yes\n", 4, NULL), 0);
    CHECK_INT(rota_stream_readline(l.client, &line), 4);
    link_down(&l);
    CHECK_INT(rota_close(listener), 0);
}

/* STRM-11, PITFALL 22 */
SIM_TEST_WITH("a reset is told to both ends, after what had arrived, and "
              "stays",
              200, .net = { .latency = 1000, .jitter = 1000 })
{
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    struct link l = link_up(listener, "127.0.0.1");
    char data[100];
    CHECK_INT(rota_stream_write(l.client, "0123456789", 10, NULL), 0);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(rota_sim_reset(rota_stream_fd(l.client)), 0);
    CHECK_INT(rota_sim_reset(rota_stream_fd(l.client)), -ENOTCONN);
    CHECK_INT(rota_stream_read(l.client, data, 1), -ECONNRESET);
    CHECK_INT(rota_stream_write(l.client, "x", 1, NULL), -ECONNRESET);
    CHECK_INT(rota_stream_readexactly(l.server, data, 10, NULL), 0);
    CHECK_INT(rota_stream_read(l.server, data, 1), -ECONNRESET);
    CHECK_INT(rota_stream_read(l.server, data, 1), -ECONNRESET);
    CHECK_INT(rota_stream_write(l.server, "x", 1, NULL), -ECONNRESET);
    link_down(&l);
    CHECK_INT(rota_close(listener), 0);
    CHECK_INT(rota_sim_reset(listener), -EBADF);
    CHECK_INT(rota_sim_reset(0), -EBADF);
}

/* STRM-14 */
SIM_TEST_WITH("writing to one who has closed fails once he has said so", 100,
              .net = { .latency = 1000 })
{
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    struct link l = link_up(listener, "127.0.0.1");
    rota_stream_close(l.server);
    CHECK_INT(rota_stream_write(l.client, "x", 1, NULL), 0);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    int rc = rota_stream_write(l.client, "x", 1, NULL);
    CHECK(rc == -EPIPE || rc == -ECONNRESET);
    rota_stream_close(l.client);
    CHECK_INT(rota_close(listener), 0);
}

/* STRM-14: it is a buffer's worth that goes out before he has said so. */
SIM_TEST_WITH("whoever writes on and on to one who has closed comes to an end",
              100, .net = { .latency = 1000 })
{
    enum { FAR_TOO_MANY = 1000 };
    char data[1000] = { 0 };
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    struct link l = link_up(listener, "127.0.0.1");
    rota_stream_close(l.server);
    int rc = 0, writes = 0;
    while (rc == 0 && writes++ < FAR_TOO_MANY)
        rc = rota_stream_write(l.client, data, sizeof data, NULL);
    CHECK(rc == -EPIPE || rc == -ECONNRESET);
    rota_stream_close(l.client);
    CHECK_INT(rota_close(listener), 0);
}

static ROTA_ASYNC(talk_until_reset, (rota_stream *, s), (int *, resets))
{
    char data[50] = { 0 };
    ssize_t rc = 0;
    for (int i = 0; i < 1000 && rc >= 0; i++) {
        rc = rota_stream_write(s, data, sizeof data, NULL);
        if (rc == 0)
            rc = rota_stream_read(s, data, sizeof data);
        if (rc == 0)
            rc = -EIO;
    }
    CHECK_INT(rc, -ECONNRESET);
    ++*resets;
    return 0;
}

SIM_TEST_WITH("connections that are reset by the world end in a reset at both "
              "ends",
              300, .net = { .jitter = 1000, .reset_one_in = 50 })
{
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    struct link l = link_up(listener, "127.0.0.1");
    int resets = 0;
    rota_task *t[] = { rota_create_task(talk_until_reset, l.client, &resets),
                       rota_create_task(talk_until_reset, l.server, &resets) };
    CHECK_INT(rota_gather(t, 2, NULL, 0), 0);
    CHECK_INT(resets, 2);
    link_down(&l);
    CHECK_INT(rota_close(listener), 0);
}

static ROTA_ASYNC(heal_after, (rota_dur, d), (const char *, host))
{
    CHECK_INT(rota_sleep(d), 0);
    return rota_sim_heal(host);
}

SIM_TEST_WITH("a partition holds what is sent, in order, until it is healed",
              200, .net = { .latency = 1000000, .jitter = 1000000 })
{
    int listener = rota_listen("far.example", PORT, NULL);
    int near = rota_listen("near.example", PORT, NULL);
    struct link l = link_up(listener, "far.example");
    struct link n = link_up(near, "near.example");
    char data[9];
    CHECK_INT(rota_stream_write(l.client, "abc", 3, NULL), 0);
    CHECK_INT(rota_sim_partition("far.example"), 0);
    CHECK_INT(rota_stream_write(l.client, "def", 3, NULL), 0);
    CHECK_INT(rota_stream_write(n.client, "xyz", 3, NULL), 0);
    CHECK_INT(rota_stream_readexactly(n.server, data, 3, NULL), 0);
    rota_time before = rota_now();
    rota_task *healer =
        rota_create_task(heal_after, rota_seconds(60), "far.example");
    CHECK_INT(rota_stream_readexactly(l.server, data, 6, NULL), 0);
    CHECK(memcmp(data, "abcdef", 6) == 0);
    CHECK(rota_now() - before >= rota_seconds(60));
    CHECK_INT(rota_await(healer), 0);
    link_down(&l);
    link_down(&n);
    CHECK_INT(rota_close(listener), 0);
    CHECK_INT(rota_close(near), 0);
}

/* PITFALL 29 */
CLOCK_TEST("connecting over a partition goes on when it is healed, or gives "
           "up after 127 seconds")
{
    int listener = rota_listen("far.example", PORT, NULL);
    CHECK_INT(rota_sim_partition(NULL), 0);
    rota_time before = rota_now();
    rota_task *healer = rota_create_task(heal_after, rota_seconds(5), NULL);
    CHECK_INT(rota_await(rota_create_task(connect_to, "far.example", PORT)), 0);
    CHECK_INT(rota_now() - before, rota_seconds(7)); /* 0, 1, 3, 7 */
    CHECK_INT(rota_await(healer), 0);
    CHECK_INT(rota_sim_partition("far.example"), 0);
    before = rota_now();
    CHECK_INT(rota_await(rota_create_task(connect_to, "far.example", PORT)),
              -ETIMEDOUT);
    CHECK_INT(rota_now() - before, rota_seconds(127));
    CHECK_INT(rota_close(listener), 0);
}

/* STRM-15 */
CLOCK_TEST("of two addresses the first hangs: the second wins after 250 ms")
{
    int listener = rota_listen("::1", PORT, NULL);
    CHECK_INT(rota_sim_partition("127.0.0.1"), 0);
    rota_time before = rota_now();
    CHECK_INT(rota_await(rota_create_task(connect_to, "localhost", PORT)), 0);
    CHECK_INT(rota_now() - before, rota_ms(250));
    CHECK_INT(rota_close(listener), 0);
    int first = rota_listen("::1", PORT, NULL);
    CHECK_INT(first, listener); /* nothing was left open */
    CHECK_INT(rota_close(first), 0);
}

/* STRM-16 */
SIM_TEST_WITH("a connect that is cancelled leaves nothing open", 300,
              .net = { .latency = 1000, .jitter = 1000 })
{
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    rota_task *t = rota_create_task(connect_to, "127.0.0.1", PORT);
    rota_task_ref(t);
    CHECK_INT(rota_sleep((rota_dur)rota_sim_random(6000)), 0);
    rota_task_cancel(t, NULL);
    int rc = rota_await(t);
    CHECK(rc == 0 || rc == -ROTA_ECHILD);
    rota_task_unref(t);
    CHECK_INT(rota_close(listener), 0);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    int next = rota_listen("127.0.0.1", PORT, NULL);
    CHECK_INT(next, listener);
    CHECK_INT(rota_close(next), 0);
}

static ROTA_ASYNC(read_one, (rota_stream *, s))
{
    char byte;
    return (int)rota_stream_read(s, &byte, 1);
}

/* STRM-12, PITFALL 24 */
SIM_TEST("closing a stream somebody reads: he is told, or has read before")
{
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    struct link l = link_up(listener, "127.0.0.1");
    rota_task *t = rota_create_task(read_one, l.server);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_sleep(0), 0); /* a turn later it has begun */
    CHECK_INT(rota_stream_write(l.client, "x", 1, NULL), 0);
    if (rota_sim_random(2))
        CHECK_INT(rota_sleep(0), 0);
    rota_stream_close(l.server);
    int rc = rota_await(t);
    if (rc != 1)
        CHECK_INT(rc, -EBADF);
    rota_stream_close(l.client);
    CHECK_INT(rota_close(listener), 0);
}

/* SRV-02, PITFALL 27 */
SIM_TEST_WITH("a server out of descriptors is told, and the connection waits "
              "for it",
              50, .net = { .descriptors = 2 })
{
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    rota_stream *s;
    CHECK_INT(rota_open_connection("127.0.0.1", PORT, &s), 0);
    CHECK_INT(rota_accept(listener, NULL, NULL), -EMFILE);
    rota_sim_net wide = { .descriptors = 3 };
    CHECK_INT(rota_sim_set_net(&wide), 0);
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    int fd = rota_accept(listener, (struct sockaddr *)&from, &len);
    CHECK(fd >= 0);
    CHECK_INT(len, sizeof from);
    CHECK_INT(from.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    CHECK(rota_wait_fd(fd, POLLOUT) & POLLOUT);
    CHECK_INT(rota_close(fd), 0);
    rota_stream_close(s);
    CHECK_INT(rota_close(listener), 0);
}

CLOCK_TEST("a listener's queue is full: who comes later tries again")
{
    rota_listen_options short_queue = { .backlog = 1 };
    int listener = rota_listen("127.0.0.1", PORT, &short_queue);
    rota_stream *a, *b;
    CHECK_INT(rota_open_connection("127.0.0.1", PORT, &a), 0);
    rota_task *t = rota_create_task(connect_to, "127.0.0.1", PORT);
    CHECK_INT(rota_sleep(rota_ms(500)), 0);
    CHECK(!rota_task_done(t));
    int fd = rota_accept(listener, NULL, NULL);
    CHECK_INT(rota_await(t), 0); /* after a second */
    CHECK_INT(rota_close(fd), 0);
    rota_stream_close(a);
    CHECK_INT(rota_close(listener), 0);

    listener = rota_listen_unix("/run/q", &short_queue);
    CHECK_INT(rota_open_unix_connection("/run/q", &a), 0);
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(500), rc) {
        rc = rota_open_unix_connection("/run/q", &b);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    rota_stream_close(a);
    CHECK_INT(rota_close(listener), 0);
}

static int main_blocked(void *arg)
{
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    int rc = 0;
    ROTA_TIMEOUT (rota_seconds(3600), rc) {
        rc = rota_accept(listener, NULL, NULL);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(rota_close(listener), 0);
    *(uint64_t *)arg = rota_sim_trace();
    return 0;
}

TEST("faults outside of a simulation are misuse")
{
    rota_set_misuse_handler(count_misuse);
    rota_sim_net net = { 0 };
    CHECK_INT(rota_sim_set_net(&net), -EPERM);
    CHECK_INT(rota_sim_reset(3), -EPERM);
    CHECK_INT(rota_sim_partition(NULL), -EPERM);
    CHECK_INT(rota_sim_heal("localhost"), -EPERM);
    CHECK_INT(misuses, 4);
    uint64_t sum;
    CHECK_INT(rota_sim_run(4, main_blocked, &sum, NULL), 0);
}

/* ----------------------------------------------------------- servers */

static int echo_lines(rota_stream *s, void *arg)
{
    rota_str line;
    (void)arg;
    while (rota_stream_readline(s, &line) > 0)
        if (rota_stream_write(s, line.ptr, line.len, NULL) < 0)
            break;
    return 0;
}

/* Talks for a while; how that ends is the server's business. */
static ROTA_ASYNC(chat, (int, lines))
{
    rota_stream *s;
    rota_str line;
    int rc = rota_open_connection("chat.example", PORT, &s);
    if (rc < 0)
        return 0;
    for (int i = 0; i < lines && rc >= 0; i++) {
        rc = rota_stream_write(s, "well?\n", 6, NULL);
        if (rc == 0)
            rc = (int)rota_stream_readline(s, &line);
        if (rc == 0)
            break; /* the server has ended it */
        /* A last line may be cut short. */
        CHECK((rc > 0 && rc <= 6) || rc == -ECONNRESET || rc == -EPIPE);
        if (rc > 0)
            rc = rota_sleep((rota_dur)rota_sim_random(10));
    }
    rota_stream_close(s);
    return 0;
}

/* SRV-05, SRV-06 */
SIM_TEST_WITH("a server that is closed at any moment, its clients ended or cut "
              "off, has ended when the last of them has",
              500, .net = { .latency = 2, .jitter = 5, .short_io = true })
{
    enum { CLIENTS = 6 };
    rota_server *server;
    rota_task *t[CLIENTS];
    int listener = rota_listen("chat.example", PORT, NULL);
    CHECK_INT(rota_server_start(listener, echo_lines, NULL, &server), 0);
    for (int i = 0; i < CLIENTS; i++)
        t[i] = rota_create_task(chat, 1000000);
    CHECK_INT(rota_sleep((rota_dur)rota_sim_random(200)), 0);
    rota_server_close(server);
    if (rota_sim_random(2))
        rota_server_close_clients(server);
    else
        rota_server_abort_clients(server);
    CHECK_INT(rota_server_wait_closed(server), 0);
    CHECK_INT(rota_gather(t, CLIENTS, NULL, 0), 0);
    rota_server_free(server);
    /* The lowest number is free again: nothing was left open. */
    int again = rota_listen("chat.example", PORT, NULL);
    CHECK_INT(again, listener);
    CHECK_INT(rota_close(again), 0);
}

/* ------------------------------------- a call of several operations is cut */

static ROTA_ASYNC(read_exactly, (rota_stream *, s), (char *, data),
                  (size_t, size))
{
    return rota_stream_readexactly(s, data, size, NULL);
}

/* PITFALL 32, STRM-07 */
SIM_TEST("a reader is cancelled as a part of what it wants arrives: it ends, "
         "and the part is there")
{
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    CHECK(listener >= 0);
    struct link l = link_up(listener, "127.0.0.1");
    char part[8], got[8];
    struct iovec v[] = { { part, 1 }, { part, 0 }, { part + 1, 7 } };
    fill(part, 0, sizeof part);
    rota_task *t = rota_create_task(read_exactly, l.server, got, 16);
    size_t turns = rota_sim_random(4);
    for (size_t i = 0; i < turns; i++)
        CHECK_INT(rota_checkpoint(), 0);
    CHECK_INT(rota_stream_writev(l.client, v, 3, NULL), 0);
    turns = rota_sim_random(5);
    for (size_t i = 0; i < turns; i++)
        CHECK_INT(rota_checkpoint(), 0);
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    memset(got, 0, sizeof got);
    CHECK_INT(rota_stream_readexactly(l.server, got, sizeof part, NULL), 0);
    check_bytes(got, 0, sizeof part);
    link_down(&l);
    CHECK_INT(rota_close(listener), 0);
}
