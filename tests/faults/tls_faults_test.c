/*
 * TLS, with every call failing once: contexts, handshakes, talk, closing.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../tls/pki.h"
#include "faults.h"
#include "rota.h"
#include "rota/tls.h"
#include "test.h"

enum { SIZE = 30000 }; /* more than a record */

struct scene {
    rota_tls_context *client, *server;
    rota_stream *near, *far;
    int far_rc;
};

static rota_tls_context *no_other(const char *name, void *arg)
{
    (void)name;
    return arg;
}

static int make_contexts(struct scene *c)
{
    static const char *const protocols[] = { "echo", NULL };
    rota_tls_options o = { .ca_file = pki_file("root.crt"),
                           .crl_file = pki_file("root.crl"),
                           .alpn = protocols };
    int rc = rota_tls_context_new(ROTA_TLS_CLIENT, &o, &c->client);
    if (rc < 0)
        return rc;
    o = (rota_tls_options){ .cert_file = pki_file("server.crt"),
                            .key_file = pki_file("server.key"),
                            .alpn = protocols,
                            .sni_callback = no_other };
    rc = rota_tls_context_new(ROTA_TLS_SERVER, &o, &c->server);
    return rc < 0 ? rc : rota_tls_context_reload(c->server);
}

/* Both ends of a connection, each of which may not come to be. */
static int connect_both(struct scene *c)
{
    int fds[2];
    CHECK_INT(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
        0);
    int rc = rota_stream_new(fds[0], &c->near);
    if (rc < 0)
        close(fds[0]);
    int other = rota_stream_new(fds[1], &c->far);
    if (other < 0)
        close(fds[1]);
    return rc < 0 ? rc : other;
}

static int echo(void *arg)
{
    struct scene *c = arg;
    static char data[SIZE];
    int rc = rota_stream_start_tls(c->far, c->server, NULL);
    if (rc == 0)
        rc = rota_stream_readexactly(c->far, data, SIZE, NULL);
    if (rc == 0)
        rc = rota_stream_write(c->far, data, SIZE, NULL);
    c->far_rc = rc;
    rota_stream_close(c->far);
    return rc;
}

static int talk(struct scene *c)
{
    static char data[SIZE];
    rota_start_tls_options o = { .server_hostname = "localhost" };
    rota_tls_certificate cert;
    int rc = rota_stream_start_tls(c->near, c->client, &o);
    if (rc == 0)
        rc = rota_stream_write(c->near, data, SIZE, NULL);
    if (rc == 0)
        rc = rota_stream_write_eof(c->near);
    if (rc == 0)
        rc = rota_stream_readexactly(c->near, data, SIZE, NULL);
    if (rc == 0)
        rc = (int)rota_stream_read(c->near, data, 1);
    return rc < 0 ? rc : rota_stream_tls_peer(c->near, &cert);
}

static int say_hello(rota_stream *s, void *context)
{
    int rc = rota_stream_start_tls(s, context, NULL);
    return rc == 0 ? rota_stream_write(s, "hello", 5, NULL) : rc;
}

/* A connection to a server, which is made and begins TLS in one call. */
static int meet(struct scene *c)
{
    rota_address at;
    rota_server *server;
    rota_stream *s;
    char data[5];
    int listener = rota_listen("127.0.0.1", 0, NULL);
    int rc = listener < 0 ? listener : rota_getsockname(listener, &at);
    if (rc < 0 && listener >= 0)
        rota_ignore(rota_close(listener));
    if (rc == 0)
        rc = rota_server_start(listener, say_hello, c->server, &server);
    if (rc < 0)
        return rc;
    rc = rota_open_tls_connection("localhost", ntohs(at.v4.sin_port), c->client,
                                  &s);
    if (rc == 0) {
        rc = rota_stream_readexactly(s, data, sizeof data, NULL);
        rota_stream_close(s);
    }
    rota_server_close(server);
    rota_server_abort_clients(server);
    int end = rota_server_wait_closed(server);
    rota_server_free(server);
    return rc < 0 ? rc : end;
}

static int play(struct scene *c)
{
    int rc = make_contexts(c);
    if (rc == 0)
        rc = meet(c);
    if (rc == 0)
        rc = connect_both(c);
    rota_task *t = rc == 0 ? rota_spawn(echo, c, NULL) : NULL;
    if (rc == 0 && !t)
        rc = -ENOMEM;
    if (!t)
        rota_stream_close(c->far);
    if (rc == 0)
        rc = talk(c);
    rota_stream_close(c->near);
    rota_ignore(t ? rota_await(t) : 0);
    /* Whose fault it was: the other end sees only that this one goes. */
    bool theirs = c->far_rc < 0 && c->far_rc != -ECONNRESET &&
                  c->far_rc != -EPIPE && c->far_rc != -EPROTO;
    return theirs ? c->far_rc : rc;
}

static int run(void *arg)
{
    (void)arg;
    struct scene c = { 0 };
    int rc = play(&c);
    rota_tls_context_unref(c.client);
    rota_tls_context_unref(c.server);
    return rc;
}

static int run_all(void)
{
    return rota_run(run, NULL, NULL);
}

TEST_LIMITED("TLS, from its files to its end", 300)
{
    static const struct fault_scenario s = {
        .fn = run_all,
        .also = { -ECONNRESET, -EPIPE, -ECONNREFUSED, -ENODATA },
    };
    pki_usual();
    pki_revoke("root.crl", "root", (const char *const[]){ NULL });
    faults_sweep(&s, FAULT_ERROR);
    faults_sweep(&s, FAULT_INTERRUPT);
    pki_end();
}
