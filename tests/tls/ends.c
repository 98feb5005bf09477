/*
 * Connections over the loopback, one task at each end.
 */
#include "ends.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

rota_tls_context *make_context(enum rota_tls_side side,
                               const rota_tls_options *options)
{
    rota_tls_context *c = NULL;
    int rc = rota_tls_context_new(side, options, &c);
    if (rc < 0)
        test_fail(TEST_AT, "no context: %s", rota_errmsg(rc));
    return c;
}

rota_tls_context *client_with(rota_tls_options options)
{
    if (!options.ca_file)
        options.ca_file = pki_file("root.crt");
    options.ktls = options.ktls || getenv("TEST_KTLS");
    return make_context(ROTA_TLS_CLIENT, &options);
}

rota_tls_context *server_with(rota_tls_options options)
{
    if (!options.cert_file) {
        options.cert_file = pki_file("server.crt");
        options.key_file = pki_file("server.key");
    }
    options.ktls = options.ktls || getenv("TEST_KTLS");
    return make_context(ROTA_TLS_SERVER, &options);
}

rota_tls_context *usual_client(void)
{
    return client_with((rota_tls_options){ 0 });
}

rota_tls_context *usual_server(void)
{
    return server_with((rota_tls_options){ 0 });
}

static int port_of(int fd)
{
    struct sockaddr_in in;
    socklen_t size = sizeof in;
    CHECK_INT(getsockname(fd, (struct sockaddr *)&in, &size), 0);
    return ntohs(in.sin_port);
}

struct ends plain_ends(void)
{
    struct ends e = { 0 };
    int listener = rota_listen("127.0.0.1", 0, NULL);
    CHECK(listener >= 0);
    CHECK_INT(rota_open_connection("127.0.0.1", port_of(listener), &e.client.s),
              0);
    int fd = rota_accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    CHECK_INT(rota_stream_new(fd, &e.server.s), 0);
    CHECK_INT(rota_close(listener), 0);
    return e;
}

static int start(void *arg)
{
    struct end *e = arg;
    e->rc = rota_stream_start_tls(e->s, e->context, &e->options);
    if (e->rc < 0)
        snprintf(e->why, sizeof e->why, "%s", rota_errmsg(e->rc));
    return 0;
}

void shake_hands(struct ends *e, rota_tls_context *client,
                 rota_tls_context *server, const char *host)
{
    e->client.context = client;
    e->client.options.server_hostname = host;
    e->server.context = server;
    rota_task *t = rota_spawn(start, &e->server, NULL);
    start(&e->client);
    /* In TLS 1.3 a client may be done, and its peer refuse it all the same. */
    if (e->client.rc < 0) {
        rota_stream_close(e->client.s);
        e->client.s = NULL;
    }
    CHECK_INT(rota_await(t), 0);
}

struct ends tls_ends(rota_tls_context *client, rota_tls_context *server)
{
    struct ends e = plain_ends();
    shake_hands(&e, client, server, "localhost");
    CHECK_STR(e.client.why, "");
    CHECK_STR(e.server.why, "");
    CHECK_INT(e.client.rc, 0);
    CHECK_INT(e.server.rc, 0);
    return e;
}

struct ends usual_ends(void)
{
    rota_tls_context *client = usual_client(), *server = usual_server();
    struct ends e = tls_ends(client, server);
    rota_tls_context_unref(client);
    rota_tls_context_unref(server);
    return e;
}

void end_ends(struct ends *e)
{
    rota_stream_close(e->client.s);
    rota_stream_close(e->server.s);
    e->client.s = e->server.s = NULL;
}

bool kernel_sends(const rota_stream *s)
{
    rota_tls_info info;
    CHECK_INT(rota_stream_tls_info(s, &info), 0);
    return info.ktls_send;
}

void check_talk(rota_stream *from, rota_stream *to, const char *text)
{
    char got[64] = "";
    size_t len = strlen(text);
    CHECK(len < sizeof got);
    CHECK_INT(rota_stream_write(from, text, len, NULL), 0);
    CHECK_INT(rota_stream_readexactly(to, got, len, NULL), 0);
    CHECK_STR(got, text);
}

static int open_files(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

void run_tls(rota_fn *fn)
{
    pki_usual();
    int before = open_files();
    CHECK_INT(rota_run(fn, NULL, NULL), 0);
    CHECK_INT(open_files(), before);
    pki_end();
}
