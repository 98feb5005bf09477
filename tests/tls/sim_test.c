/* Races, simulated: TLS over a network that cuts what is sent into pieces,
 * with another order of things for each seed. */
#include <stdlib.h>

#include "ends.h"
#include "sim.h"
#include "tls/tls.h"

enum { SEEDS = 1000, PORT = 443, SIZE = 50000 };

static const rota_sim_options choppy = {
    .net = { .latency = 1000,
             .jitter = 5000,
             .short_io = true,
             .buffer = 3000 },
};

/* Made once, in the real world. */
static rota_tls_context *client, *server;
static char data[SIZE];

/* RSA, and no tickets: the sizes of other signatures, and of tickets, vary by
 * chance, and with them the schedule. */
static int make_contexts(void *arg)
{
    (void)arg;
    PKI(.name = "signed", .issuer = "root", .names = "DNS:localhost",
        .rsa = true);
    client = usual_client();
    server = SERVER_WITH(.cert_file = pki_file("signed.crt"),
                         .key_file = pki_file("signed.key"));
    SSL_CTX_set_num_tickets(server->ssl, 0);
    return 0;
}

static void for_seeds(void (*body)(void))
{
    pki_usual();
    CHECK_INT(rota_run(make_contexts, NULL, NULL), 0);
    pki_end();
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i * 31 + i / 251);
    sim_seeds(body, SEEDS, &choppy);
    rota_tls_context_unref(client);
    rota_tls_context_unref(server);
}

static struct ends plain(void)
{
    struct ends e = { 0 };
    int listener = rota_listen("127.0.0.1", PORT, NULL);
    CHECK(listener >= 0);
    CHECK_INT(rota_open_connection("127.0.0.1", PORT, &e.client.s), 0);
    int fd = rota_accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    CHECK_INT(rota_stream_new(fd, &e.server.s), 0);
    CHECK_INT(rota_close(listener), 0);
    return e;
}

static struct ends ready(void)
{
    struct ends e = plain();
    shake_hands(&e, client, server, "localhost");
    CHECK_STR(e.client.why, "");
    CHECK_STR(e.server.why, "");
    return e;
}

static rota_dur soon(rota_dur most)
{
    return (rota_dur)rota_sim_random((uint64_t)most);
}

/* ------------------------------------------------ reads and writes are cut */

/* Writes all, each call under a deadline that may be too short. */
ROTA_ASYNC(write_in_pieces, (rota_stream *, s))
{
    for (size_t at = 0; at < SIZE;) {
        size_t done = 0, most = SIZE - at;
        size_t n = 1 + rota_sim_random(most < 20000 ? most : 20000);
        int rc = 0;
        ROTA_TIMEOUT (soon(rota_us(200)), rc) {
            rc = rota_stream_write(s, data + at, n, &done);
        }
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        CHECK(done <= n && (rc < 0 || done == n));
        at += done;
    }
    return rota_stream_write_eof(s);
}

ROTA_ASYNC(read_in_pieces, (rota_stream *, s))
{
    static char got[2][SIZE];
    static int next;
    char *to = got[next++ % 2];
    for (size_t at = 0; at < SIZE;) {
        ssize_t n = 0;
        int rc = 0;
        ROTA_TIMEOUT (soon(rota_us(200)), rc) {
            n = rota_stream_read(s, to + at, 1 + rota_sim_random(SIZE - at));
            rc = n < 0 ? (int)n : 0;
        }
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        CHECK(rc < 0 || n > 0);
        at += n > 0 ? (size_t)n : 0;
    }
    CHECK(memcmp(to, data, SIZE) == 0);
    return (int)rota_stream_read(s, to, 1);
}

static void loses_nothing(void)
{
    struct ends e = ready();
    rota_task *t[] = {
        rota_create_task(write_in_pieces, e.client.s),
        rota_create_task(write_in_pieces, e.server.s),
        rota_create_task(read_in_pieces, e.client.s),
        rota_create_task(read_in_pieces, e.server.s),
    };
    for (int i = 0; i < 4; i++)
        CHECK_INT(rota_await(t[i]), 0);
    end_ends(&e);
}

/* STRM-07 */
TEST_LIMITED("reads and writes that are cut short lose and double nothing", 240)
{
    for_seeds(loses_nothing);
}

/* -------------------------------------------- the handshake, at any moment */

ROTA_ASYNC(start, (rota_stream *, s), (rota_tls_context *, tls))
{
    rota_start_tls_options o = { .server_hostname = "localhost" };
    return rota_stream_start_tls(s, tls, &o);
}

static void is_ended(void)
{
    struct ends e = plain();
    rota_task *c = rota_create_task(start, e.client.s, client);
    rota_task *s = rota_create_task(start, e.server.s, server);
    char byte;
    CHECK_INT(rota_sleep(soon(rota_us(300))), 0);
    bool closes = rota_sim_random(2);
    int rc;
    if (closes) {
        rota_stream_close(e.client.s);
        e.client.s = NULL;
        rc = rota_await(c);
        CHECK(rc == 0 || rc == -EBADF);
    } else {
        rota_task_cancel(c, "test");
        rc = rota_await(c);
        CHECK(rc == 0 || rc == -ROTA_ECHILD);
        if (rc < 0)
            CHECK_INT(rota_stream_read(e.client.s, &byte, 1), -ECONNABORTED);
        rota_stream_close(e.client.s);
        e.client.s = NULL;
    }
    rc = rota_await(s);
    CHECK(rc == 0 || rc == -ECONNRESET || rc == -EPIPE);
    if (rc == 0)
        CHECK(rota_stream_read(e.server.s, &byte, 1) <= 0);
    end_ends(&e);
}

TEST_LIMITED("a handshake is cancelled or closed at any moment", 240)
{
    for_seeds(is_ended);
}

/* ------------------------------------------------ closing, at any moment */

ROTA_ASYNC(write_all, (rota_stream *, s), (size_t *, done))
{
    return rota_stream_write(s, data, SIZE, done);
}

ROTA_ASYNC(read_all, (rota_stream *, s), (size_t *, got))
{
    static char some[SIZE];
    ssize_t n;
    while ((n = rota_stream_read(s, some, SIZE)) > 0)
        *got += (size_t)n;
    return (int)n;
}

static void is_closed(void)
{
    struct ends e = ready();
    size_t done = 0, got = 0, none = 0;
    rota_task *w = rota_create_task(write_all, e.client.s, &done);
    rota_task *r = rota_create_task(read_all, e.client.s, &none);
    rota_task *p = rota_create_task(read_all, e.server.s, &got);
    CHECK_INT(rota_sleep(soon(rota_us(800))), 0);
    rota_stream_close(e.client.s);
    e.client.s = NULL;
    int wrote = rota_await(w);
    CHECK(wrote == 0 || wrote == -EBADF);
    CHECK_INT(rota_await(r), -EBADF);
    int read = rota_await(p);
    CHECK(read == (wrote == 0 ? 0 : -ECONNRESET));
    CHECK(wrote < 0 || got == SIZE);
    CHECK(got <= SIZE && got >= done);
    end_ends(&e);
}

/* PITFALL 24 */
TEST_LIMITED("closed at any moment, a connection looks complete or is an error",
             240)
{
    for_seeds(is_closed);
}
