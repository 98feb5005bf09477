/*
 * Cancels and closes that meet what a TLS connection is doing, in great
 * number: in its handshake, reading, writing, saying that it is the end.
 */
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "ends.h"
#include "tls/tls.h"

enum { ROUNDS = 100000, DEAR_ROUNDS = 2000 };

/* All of them for what looks at races. For what looks at memory, or emulates a
 * processor, each round is ten times as dear, and a tenth will do. */
static unsigned rounds(void)
{
#ifdef __SANITIZE_ADDRESS__
    return ROUNDS / 10;
#else
    return getenv("TEST_EMULATED") ? ROUNDS / 10 : ROUNDS;
#endif
}

static void pause_for(unsigned turns)
{
    for (unsigned i = 0; i < turns; i++)
        CHECK_INT(rota_checkpoint(), 0);
}

/* Sockets that hold little, so that a record finds no room. */
static struct ends narrow_ends(int fds[2])
{
    struct ends e = { 0 };
    int little = 1;
    CHECK_INT(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
        0);
    for (int i = 0; i < 2; i++)
        CHECK_INT(
            setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &little, sizeof little),
            0);
    CHECK_INT(rota_stream_new(fds[0], &e.client.s), 0);
    CHECK_INT(rota_stream_new(fds[1], &e.server.s), 0);
    return e;
}

static struct ends ready_ends(rota_tls_context *client,
                              rota_tls_context *server)
{
    int fds[2];
    struct ends e = narrow_ends(fds);
    shake_hands(&e, client, server, "localhost");
    CHECK_STR(e.client.why, "");
    CHECK_STR(e.server.why, "");
    return e;
}

static void drop(rota_tls_context *client, rota_tls_context *server)
{
    rota_tls_context_unref(client);
    rota_tls_context_unref(server);
}

/* ----------------------------------------------------------------- reading */

ROTA_ASYNC(read_byte, (rota_stream *, s), (char *, byte))
{
    return (int)rota_stream_read(s, byte, 1);
}

static int cut_reads(void *arg)
{
    (void)arg;
    int met[2] = { 0 };
    rota_tls_context *client = usual_client(), *server = usual_server();
    struct ends e = ready_ends(client, server);
    for (unsigned i = 0, n = rounds(); i < n; i++) {
        rota_stream *from = i & 1 ? e.client.s : e.server.s;
        rota_stream *to = i & 1 ? e.server.s : e.client.s;
        char got = 0, mark = (char)('A' + i % 26);
        rota_task *t = rota_create_task(read_byte, to, &got);
        pause_for(i / 2 % 3);
        if (i / 18 % 2)
            rota_task_cancel(t, "before");
        CHECK_INT(rota_stream_write(from, &mark, 1, NULL), 0);
        pause_for(i / 6 % 3);
        rota_task_cancel(t, "after");
        int rc = rota_await(t);
        if (rc == -ROTA_ECHILD)
            CHECK_INT(rota_stream_read(to, &got, 1), 1);
        else
            CHECK_INT(rc, 1);
        CHECK_INT(got, mark);
        met[rc == 1]++;
    }
    CHECK(met[0] > 0 && met[1] > 0);
    end_ends(&e);
    drop(client, server);
    return 0;
}

/* PITFALL 32 */
TEST_LIMITED("100000 cancels before, with and after a byte over TLS lose none",
             600)
{
    run_tls(cut_reads);
}

/* ----------------------------------------------------------------- writing */

enum { PERIOD = 251, MOST = 9000 };

/* Byte n of all that is written is n modulo the period. */
static unsigned char stripes[MOST + PERIOD];

ROTA_ASYNC(write_stripes, (rota_stream *, s), (size_t, at), (size_t, size),
           (size_t *, done))
{
    return rota_stream_write(s, stripes + at % PERIOD, size, done);
}

ROTA_ASYNC(read_stripes, (rota_stream *, s), (size_t *, at))
{
    char got[MOST];
    ssize_t n;
    while ((n = rota_stream_read(s, got, sizeof got)) > 0) {
        CHECK(memcmp(got, stripes + *at % PERIOD, (size_t)n) == 0);
        *at += (size_t)n;
    }
    return (int)n;
}

static int cut_writes(void *arg)
{
    (void)arg;
    int met[2] = { 0 };
    size_t at = 0, read = 0;
    for (size_t i = 0; i < sizeof stripes; i++)
        stripes[i] = (unsigned char)(i % PERIOD);
    rota_tls_context *client = usual_client(), *server = usual_server();
    struct ends e = ready_ends(client, server);
    rota_task *reader = rota_create_task(read_stripes, e.server.s, &read);
    for (unsigned i = 0, n = rounds(); i < n; i++) {
        size_t size = 1 + i * 7919UL % MOST, done = 0;
        rota_task *t =
            rota_create_task(write_stripes, e.client.s, at, size, &done);
        pause_for(i % 4);
        rota_task_cancel(t, "test");
        int rc = rota_await(t);
        CHECK(rc == -ROTA_ECHILD || (rc == 0 && done == size));
        CHECK(done <= size);
        at += done;
        met[rc == 0]++;
    }
    CHECK(met[0] > 0 && met[1] > 0);
    CHECK_INT(rota_stream_write_eof(e.client.s), 0);
    CHECK_INT(rota_await(reader), 0);
    CHECK_INT(read, at);
    end_ends(&e);
    drop(client, server);
    return 0;
}

/* PITFALL 32, STRM-07 */
TEST_LIMITED("100000 writes over TLS are cut: what is told is what arrives",
             600)
{
    run_tls(cut_writes);
}

/* ------------------------------------------------------- beginning and end */

ROTA_ASYNC(begin, (rota_stream *, s), (rota_tls_context *, context))
{
    rota_start_tls_options o = { .server_hostname = "localhost" };
    return rota_stream_start_tls(s, context, &o);
}

/* Cancelled or closed at some moment of the handshake. */
static void cut_handshake(unsigned i, struct ends *e, rota_tls_context *client,
                          rota_tls_context *server, int met[2])
{
    char byte;
    rota_task *c = rota_create_task(begin, e->client.s, client);
    rota_task *s = NULL;
    bool closes = i / 16 & 1;
    pause_for(1);
    if (i % 8 > 0) /* else it answers one who has gone */
        s = rota_create_task(begin, e->server.s, server);
    pause_for(i / 32 % 24);
    while (i % 16 == 15 && !rota_task_done(c))
        pause_for(1);
    if (closes)
        rota_stream_close(e->client.s);
    else
        rota_task_cancel(c, "test");
    int rc = rota_await(c);
    if (!s)
        s = rota_create_task(begin, e->server.s, server);
    CHECK(rc == 0 || rc == (closes ? -EBADF : -ROTA_ECHILD));
    met[rc == 0]++;
    if (!closes && rc < 0)
        CHECK_INT(rota_stream_read(e->client.s, &byte, 1), -ECONNABORTED);
    if (!closes)
        rota_stream_close(e->client.s);
    e->client.s = NULL;
    rc = rota_await(s);
    CHECK(rc == 0 || rc == -ECONNRESET || rc == -EPIPE);
    if (rc == 0)
        CHECK(rota_stream_read(e->server.s, &byte, 1) <= 0);
}

ROTA_ASYNC(say_end, (rota_stream *, s))
{
    return rota_stream_write_eof(s);
}

/* Closed while it writes and reads, or while both say that it is the end. */
static void cut_talk(unsigned i, struct ends *e, rota_tls_context *client,
                     rota_tls_context *server, int met[2])
{
    size_t done = 0, got = 0, none = 0;
    shake_hands(e, client, server, "localhost");
    CHECK_STR(e->client.why, "");
    CHECK_STR(e->server.why, "");
    bool both = i & 1;
    rota_task *p = rota_create_task(read_stripes, e->server.s, &got);
    rota_task *r = rota_create_task(read_stripes, e->client.s, &none);
    rota_task *w = both ? rota_create_task(say_end, e->client.s)
                        : rota_create_task(write_stripes, e->client.s,
                                           (size_t)0, (size_t)MOST, &done);
    rota_task *q = both ? rota_create_task(say_end, e->server.s) : NULL;
    pause_for(1 + i / 2 % 4);
    rota_stream_close(e->client.s);
    e->client.s = NULL;
    int wrote = rota_await(w), heard = rota_await(r), read = rota_await(p);
    CHECK(wrote == 0 || wrote == -EBADF);
    CHECK(heard == -EBADF || (both && heard == 0));
    CHECK(read == (wrote == 0 ? 0 : -ECONNRESET));
    CHECK(got >= done && got <= MOST && (both || wrote < 0 || got == MOST));
    met[wrote == 0]++;
    if (q) {
        int rc = rota_await(q);
        CHECK(rc == 0 || rc == -EPIPE || rc == -ECONNRESET);
    }
}

static const unsigned char secret[] = "shared beforehand";

static unsigned client_secret(SSL *ssl, const char *hint, char *name,
                              unsigned name_size, unsigned char *to,
                              unsigned size)
{
    (void)ssl, (void)hint;
    CHECK(name_size > 1 && size >= sizeof secret);
    memcpy(name, "c", 2);
    memcpy(to, secret, sizeof secret);
    return sizeof secret;
}

static unsigned server_secret(SSL *ssl, const char *name, unsigned char *to,
                              unsigned size)
{
    (void)ssl;
    CHECK(strcmp(name, "c") == 0 && size >= sizeof secret);
    memcpy(to, secret, sizeof secret);
    return sizeof secret;
}

/* Has them shake hands in both their ways of TLS 1.2, and cheaply. */
static void share_secret(rota_tls_context *client, rota_tls_context *server)
{
    SSL_CTX *both[] = { client->ssl, server->ssl };
    for (int i = 0; i < 2; i++) {
        SSL_CTX_set_max_proto_version(both[i], TLS1_2_VERSION);
        CHECK_INT(SSL_CTX_set_cipher_list(both[i], "PSK-AES128-GCM-SHA256"), 1);
    }
    SSL_CTX_set_psk_client_callback(client->ssl, client_secret);
    SSL_CTX_set_psk_server_callback(server->ssl, server_secret);
}

static void cut_ends(rota_tls_context *client, rota_tls_context *server,
                     unsigned rounds)
{
    int met[2][2] = { 0 }, first[2] = { -1, -1 };
    for (size_t i = 0; i < sizeof stripes; i++)
        stripes[i] = (unsigned char)(i % PERIOD);
    for (unsigned i = 0; i < rounds; i++) {
        int fds[2];
        struct ends e = narrow_ends(fds);
        if (i == 0)
            memcpy(first, fds, sizeof fds);
        CHECK_INT(fds[0], first[0]); /* used again at once, and none is lost */
        CHECK_INT(fds[1], first[1]);
        if (i % 3 == 0)
            cut_handshake(i / 3, &e, client, server, met[0]);
        else
            cut_talk(i / 3, &e, client, server, met[1]);
        end_ends(&e);
    }
    CHECK(met[0][0] > 0 && met[0][1] > 0 && met[1][0] > 0 && met[1][1] > 0);
    drop(client, server);
}

static int cut_cheap_ends(void *arg)
{
    (void)arg;
    rota_tls_context *client = usual_client(), *server = usual_server();
    share_secret(client, server);
    cut_ends(client, server, rounds());
    return 0;
}

/* PITFALL 24 */
TEST_LIMITED("100000 TLS connections end at any moment: complete, or an error",
             600)
{
    run_tls(cut_cheap_ends);
}

static int cut_dear_ends(void *arg)
{
    (void)arg;
    rota_tls_context *client = usual_client(), *server = usual_server();
    cut_ends(client, server, DEAR_ROUNDS);
    return 0;
}

/* PITFALL 24 */
TEST_LIMITED("so do those of TLS 1.3, with certificates and tickets", 300)
{
    run_tls(cut_dear_ends);
}
