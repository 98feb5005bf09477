/* Beginning TLS: what is agreed on, what is refused, what takes too long. */
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "ends.h"
#include "tls/tls.h"

static void settle(void)
{
    CHECK_INT(rota_wait_all_blocked(rota_ms(2)), 0);
}

static rota_tls_info info_of(const rota_stream *s)
{
    rota_tls_info info;
    CHECK_INT(rota_stream_tls_info(s, &info), 0);
    return info;
}

static void drop(rota_tls_context *a, rota_tls_context *b)
{
    rota_tls_context_unref(a);
    rota_tls_context_unref(b);
}

static int agrees(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    rota_tls_info info = info_of(e.client.s);
    CHECK_STR(info.version, "TLSv1.3");
    CHECK_HAS(info.cipher, "TLS_");
    CHECK_STR(info.alpn, "");
    CHECK(info.peer_verified && !info.session_reused);
    info = info_of(e.server.s);
    CHECK_STR(info.server_name, "localhost");
    CHECK(!info.peer_verified);

    rota_tls_certificate cert;
    CHECK_INT(rota_stream_tls_peer(e.server.s, &cert), -ENOENT);
    CHECK_INT(rota_stream_tls_peer(e.client.s, &cert), 0);
    CHECK_STR(cert.subject, "CN=server");
    CHECK_STR(cert.issuer, "CN=root");
    CHECK_STR(cert.names, "DNS:localhost, IP:127.0.0.1, IP:::1");
    CHECK(cert.not_before < time(NULL) && time(NULL) < cert.not_after);
    end_ends(&e);

    e = plain_ends();
    CHECK_INT(rota_stream_tls_info(e.client.s, &info), -EINVAL);
    CHECK_INT(rota_stream_tls_peer(e.client.s, &cert), -EINVAL);
    end_ends(&e);
    return 0;
}

/* PITFALL 16: in tasks of the default stack. */
TEST("both ends tell what was agreed on, and the client who the server is")
{
    run_tls(agrees);
}

/* What a server agrees on with a client who has these suites. */
static void check_suite(const char *theirs, const char *agreed)
{
    struct ends e =
        tls_ends(CLIENT_WITH(.ciphersuites = theirs), usual_server());
    CHECK_STR(info_of(e.server.s).cipher, agreed);
    CHECK_STR(info_of(e.client.s).cipher, agreed);
    drop(e.client.context, e.server.context);
    end_ends(&e);
}

static int prefers_suites(void *arg)
{
    (void)arg;
    check_suite(NULL, "TLS_AES_128_GCM_SHA256");
    check_suite("TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
                "TLS_AES_128_GCM_SHA256");
    check_suite("TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
                "TLS_AES_256_GCM_SHA384");
    check_suite("TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
                "TLS_CHACHA20_POLY1305_SHA256");

    rota_tls_context *client = usual_client();
    rota_tls_context *server =
        SERVER_WITH(.ciphersuites =
                        "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256");
    struct ends e = tls_ends(client, server);
    CHECK_STR(info_of(e.server.s).cipher, "TLS_AES_256_GCM_SHA384");
    end_ends(&e);

    SSL_CTX_set_max_proto_version(server->ssl, TLS1_2_VERSION);
    e = tls_ends(client, server);
    CHECK_STR(info_of(e.server.s).cipher, "ECDHE-ECDSA-AES128-GCM-SHA256");
    end_ends(&e);
    drop(client, server);
    return 0;
}

TEST("a server goes by its own order of ciphers, but for ChaCha20 first")
{
    run_tls(prefers_suites);
}

static int uses_addresses(void *arg)
{
    (void)arg;
    static const char *const hosts[] = { "127.0.0.1", "::1", "[::1]",
                                         "localhost." };
    rota_tls_context *client = usual_client(), *server = usual_server();
    for (int i = 0; i < 4; i++) {
        struct ends e = plain_ends();
        shake_hands(&e, client, server, hosts[i]);
        CHECK_STR(e.client.why, "");
        rota_tls_info info = info_of(e.server.s);
        if (i < 3)
            CHECK(!info.server_name);
        else
            CHECK_STR(info.server_name, "localhost");
        end_ends(&e);
    }
    drop(client, server);
    return 0;
}

TEST("addresses are verified, and not asked for; a name may end in a dot")
{
    run_tls(uses_addresses);
}

/* --------------------------------------------------------------------- ALPN */

static void check_alpn(const char *const *offers, const char *const *serves,
                       const char *both)
{
    rota_tls_context *client = CLIENT_WITH(.alpn = offers);
    rota_tls_context *server = SERVER_WITH(.alpn = serves);
    struct ends e = tls_ends(client, server);
    CHECK_STR(info_of(e.client.s).alpn, both);
    CHECK_STR(info_of(e.server.s).alpn, both);
    end_ends(&e);
    drop(client, server);
}

static int chooses_protocol(void *arg)
{
    (void)arg;
    const char *const old[] = { "http/1.1", NULL };
    const char *const both[] = { "h2", "http/1.1", NULL };
    const char *const turned[] = { "http/1.1", "h2", NULL };
    check_alpn(both, both, "h2");
    check_alpn(both, turned, "http/1.1"); /* the server's favourite */
    check_alpn(both, old, "http/1.1");
    check_alpn(old, both, "http/1.1");
    check_alpn(NULL, both, "");
    check_alpn(both, NULL, "");
    return 0;
}

TEST("ALPN: the server's favourite of those the client speaks; or none")
{
    run_tls(chooses_protocol);
}

static int misses_protocol(void *arg)
{
    (void)arg;
    const char *const offers[] = { "smtp", NULL };
    const char *const serves[] = { "imap", NULL };
    rota_tls_context *client = CLIENT_WITH(.alpn = offers);
    rota_tls_context *server = SERVER_WITH(.alpn = serves);
    struct ends e = plain_ends();
    shake_hands(&e, client, server, "localhost");
    CHECK_INT(e.server.rc, -EPROTO);
    CHECK_HAS(e.server.why, "ALPN");
    CHECK_INT(e.client.rc, -EPROTO);
    CHECK_HAS(e.client.why, "no application protocol");
    end_ends(&e);
    drop(client, server);
    return 0;
}

TEST("ALPN: no protocol in common is told to both")
{
    run_tls(misses_protocol);
}

/* ---------------------------------------------------------------------- SNI */

struct hosts {
    rota_tls_context *a, *b;
    char asked[64];
};

static rota_tls_context *choose(const char *name, void *arg)
{
    struct hosts *h = arg;
    snprintf(h->asked, sizeof h->asked, "%s", name ? name : "(none)");
    if (name && strcmp(name, "a.example") == 0)
        return h->a;
    return name && strcmp(name, "b.example") == 0 ? h->b : NULL;
}

static void check_host(struct hosts *h, rota_tls_context *client,
                       rota_tls_context *server, const char *host,
                       const char *subject)
{
    rota_tls_certificate cert;
    struct ends e = plain_ends();
    shake_hands(&e, client, server, host);
    CHECK_STR(e.client.why, "");
    CHECK_INT(rota_stream_tls_peer(e.client.s, &cert), 0);
    CHECK_STR(cert.subject, subject);
    CHECK_STR(h->asked, *host == '1' ? "(none)" : host);
    check_talk(e.client.s, e.server.s, "hello");
    end_ends(&e);
}

static int serves_hosts(void *arg)
{
    (void)arg;
    const char *const protocol[] = { "b", NULL };
    PKI(.name = "a", .issuer = "root", .names = "DNS:a.example");
    PKI(.name = "b", .issuer = "root", .names = "DNS:b.example", .rsa = true);
    struct hosts h;
    h.a = SERVER_WITH(.cert_file = pki_file("a.crt"),
                      .key_file = pki_file("a.key"));
    h.b = SERVER_WITH(.cert_file = pki_file("b.crt"),
                      .key_file = pki_file("b.key"), .alpn = protocol);
    rota_tls_context *client = CLIENT_WITH(.alpn = protocol);
    rota_tls_context *server =
        SERVER_WITH(.sni_callback = choose, .sni_arg = &h);
    check_host(&h, client, server, "a.example", "CN=a");
    check_host(&h, client, server, "b.example", "CN=b");
    check_host(&h, client, server, "127.0.0.1", "CN=server");
    check_host(&h, client, server, "localhost", "CN=server");
    drop(h.a, h.b);
    drop(client, server);
    return 0;
}

TEST("SNI: a certificate for each host, and ours for the others")
{
    run_tls(serves_hosts);
}

static rota_tls_context *choose_slowly(const char *name, void *arg)
{
    (void)name;
    (void)arg;
    rota_ignore(rota_sleep(1));
    return NULL;
}

static int serves_slowly(void *arg)
{
    (void)arg;
    tls_ends(usual_client(), SERVER_WITH(.sni_callback = choose_slowly));
    return 0;
}

static void serve_slowly(void)
{
    rota_ignore(rota_run(serves_slowly, NULL, NULL));
}

TEST("SNI: a callback that suspends is told so, and the process aborts")
{
    char err[4096];
    pki_usual();
    int status = test_child(serve_slowly, err, sizeof err);
    pki_end();
    CHECK_HAS(err, "a suspending call outside of a task");
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGABRT);
}

/* ------------------------------------------------------ clients' certificates */

static int client_shows(void *arg)
{
    (void)arg;
    PKI(.name = "me", .issuer = "root", .common = "Me & Co,\n",
        .names = "email:me@example.com");
    rota_tls_context *client = CLIENT_WITH(.cert_file = pki_file("me.crt"),
                                           .key_file = pki_file("me.key"));
    rota_tls_context *server =
        SERVER_WITH(.ca_file = pki_file("root.crt"),
                    .verify_mode = ROTA_TLS_CERT_REQUIRED);
    struct ends e = tls_ends(client, server);
    rota_tls_certificate cert;
    CHECK(info_of(e.server.s).peer_verified);
    CHECK_INT(rota_stream_tls_peer(e.server.s, &cert), 0);
    CHECK_STR(cert.subject, "CN=Me & Co\\,\\0A");
    CHECK_STR(cert.names, "email:me@example.com");
    end_ends(&e);
    drop(client, server);
    return 0;
}

TEST("a client's certificate is asked for, verified and shown")
{
    run_tls(client_shows);
}

static int client_shows_none(void *arg)
{
    (void)arg;
    char byte;
    rota_tls_context *client = usual_client();
    rota_tls_context *server =
        SERVER_WITH(.ca_file = pki_file("root.crt"),
                    .verify_mode = ROTA_TLS_CERT_REQUIRED);
    struct ends e = plain_ends();
    shake_hands(&e, client, server, "localhost");
    CHECK_INT(e.server.rc, -EACCES);
    CHECK_HAS(e.server.why, "no certificate");
    CHECK_INT(e.client.rc, 0); /* it learns of it by and by */
    CHECK_INT(rota_stream_read(e.client.s, &byte, 1), -EACCES);
    CHECK_HAS(rota_errmsg(-EACCES), "certificate required");
    end_ends(&e);

    rota_tls_context *lax = SERVER_WITH(.ca_file = pki_file("root.crt"),
                                        .verify_mode = ROTA_TLS_CERT_OPTIONAL);
    e = tls_ends(client, lax);
    CHECK(!info_of(e.server.s).peer_verified);
    end_ends(&e);
    drop(client, server);
    drop(lax, NULL);
    return 0;
}

TEST("a client without a certificate is refused, and told why; or not asked")
{
    run_tls(client_shows_none);
}

/* --------------------------------------------------------------- resumption */

/* Connects twice; was the second a session of the first? */
static bool resumes(rota_tls_context *client, rota_tls_context *server)
{
    struct ends e = tls_ends(client, server);
    check_talk(e.server.s, e.client.s, "the tickets come before this");
    end_ends(&e);
    e = tls_ends(client, server);
    bool reused = info_of(e.client.s).session_reused;
    CHECK_INT(info_of(e.server.s).session_reused, reused);
    CHECK(info_of(e.client.s).peer_verified);
    check_talk(e.client.s, e.server.s, "hello");
    check_talk(e.server.s, e.client.s, "hello");
    end_ends(&e);
    return reused;
}

static int resumes_sessions(void *arg)
{
    (void)arg;
    rota_tls_context *client = usual_client(), *server = usual_server();
    CHECK(resumes(client, server));
    CHECK(resumes(client, server));
    /* After a reload of either everything is verified anew. */
    CHECK_INT(rota_tls_context_reload(server), 0);
    struct ends e = tls_ends(client, server);
    CHECK(!info_of(e.client.s).session_reused);
    end_ends(&e);
    CHECK(resumes(client, server));
    CHECK_INT(rota_tls_context_reload(client), 0);
    CHECK_INT(client->session_count, 0);
    CHECK(resumes(client, server));
    drop(client, server);

    /* Those of 1.2 are another kind. */
    client = CLIENT_WITH(.ciphers = "ECDHE+AESGCM");
    server = usual_server();
    SSL_CTX_set_max_proto_version(server->ssl, TLS1_2_VERSION);
    CHECK(resumes(client, server));
    drop(client, server);
    return 0;
}

TEST("sessions are resumed by tickets, until a reload")
{
    run_tls(resumes_sessions);
}

static int keeps_few_sessions(void *arg)
{
    (void)arg;
    rota_tls_context *client = usual_client(), *server = usual_server();
    SSL_CTX_set_num_tickets(server->ssl, 40);
    for (int i = 0; i < 100; i++) {
        struct ends e = plain_ends();
        shake_hands(&e, client, server, i % 2 ? "localhost" : "127.0.0.1");
        CHECK_STR(e.client.why, "");
        check_talk(e.server.s, e.client.s, "the tickets come before this");
        end_ends(&e);
    }
    CHECK(client->session_count > 40 && client->session_count <= 64);
    drop(client, server);
    return 0;
}

TEST("a client keeps only so many sessions")
{
    run_tls(keeps_few_sessions);
}

/* ------------------------------------------------------------------- reload */

static void check_subject(const struct ends *e, const char *subject)
{
    rota_tls_certificate cert;
    CHECK_INT(rota_stream_tls_peer(e->client.s, &cert), 0);
    CHECK_STR(cert.subject, subject);
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(pki_file(name), "w");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static int reloads(void *arg)
{
    (void)arg;
    rota_tls_context *client = usual_client(), *server = usual_server();
    struct ends old = tls_ends(client, server);
    PKI(.name = "server", .issuer = "root", .common = "renewed",
        .names = "DNS:localhost");
    CHECK_INT(rota_tls_context_reload(server), 0);
    struct ends new = tls_ends(client, server);
    check_subject(&old, "CN=server");
    check_subject(&new, "CN=renewed");
    end_ends(&new);

    /* What cannot be loaded changes nothing. */
    write_file("server.crt", "-----BEGIN CERTIFICATE-----\nnonsense\n");
    CHECK_INT(rota_tls_context_reload(server), -EINVAL);
    CHECK_HAS(rota_errmsg(-EINVAL), "server.crt");
    CHECK_INT(remove(pki_file("server.crt")), 0);
    CHECK_INT(rota_tls_context_reload(server), -ENOENT);
    new = tls_ends(client, server);
    check_subject(&new, "CN=renewed");
    check_talk(old.client.s, old.server.s, "still there");
    end_ends(&new);
    end_ends(&old);
    drop(client, server);
    return 0;
}

TEST("a reload changes what comes, not what is there; or nothing at all")
{
    run_tls(reloads);
}

/* ------------------------------------------------------- silence and nonsense */

ROTA_ASYNC(start, (rota_stream *, s), (rota_tls_context *, context),
           (const rota_start_tls_options *, options))
{
    return rota_stream_start_tls(s, context, options);
}

static int grows_tired(void *arg)
{
    (void)arg;
    rota_tls_context *client = usual_client(), *server = usual_server();
    rota_start_tls_options o = { .server_hostname = "localhost",
                                 .handshake_timeout = rota_ms(20) };
    char byte;
    struct ends e = plain_ends();
    CHECK_INT(rota_stream_start_tls(e.client.s, client, &o), -ETIMEDOUT);
    CHECK_HAS(rota_errmsg(-ETIMEDOUT), "slow");
    CHECK_INT(rota_stream_read(e.client.s, &byte, 1), -ECONNABORTED);
    CHECK_INT(rota_stream_write(e.client.s, "x", 1, NULL), -ECONNABORTED);
    end_ends(&e);

    /* A scope around it is a deadline too. */
    e = plain_ends();
    o.handshake_timeout = ROTA_FOREVER;
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(20), rc) {
        rc = rota_stream_start_tls(e.server.s, server, &o);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(rota_stream_read(e.server.s, &byte, 1), -ECONNABORTED);
    end_ends(&e);
    drop(client, server);
    return 0;
}

TEST("a silent peer ends the handshake by its deadline")
{
    run_tls(grows_tired);
}

static int is_cancelled(void *arg)
{
    (void)arg;
    rota_tls_context *client = usual_client(), *server = usual_server();
    rota_start_tls_options o = { .server_hostname = "localhost" };
    char byte;
    struct ends e = plain_ends();
    rota_task *t = rota_create_task(start, e.client.s, client, &o);
    settle();
    CHECK_INT(rota_stream_read(e.client.s, &byte, 1), -EBUSY);
    CHECK_INT(rota_stream_start_tls(e.client.s, client, &o), -EBUSY);
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rota_stream_read(e.client.s, &byte, 1), -ECONNABORTED);
    /* The other end hears the first half, and then no more. */
    t = rota_create_task(start, e.server.s, server, NULL);
    settle();
    rota_stream_close(e.client.s);
    e.client.s = NULL;
    CHECK_INT(rota_await(t), -ECONNRESET);
    end_ends(&e);

    /* Closed by another task. */
    e = plain_ends();
    t = rota_create_task(start, e.client.s, client, &o);
    settle();
    rota_stream_close(e.client.s);
    e.client.s = NULL;
    CHECK_INT(rota_await(t), -EBADF);
    end_ends(&e);
    drop(client, server);
    return 0;
}

/* PITFALL 24 */
TEST("a handshake is cancelled, or closed under it; and then it is over")
{
    run_tls(is_cancelled);
}

static void check_nonsense(rota_tls_context *server, const char *text,
                           size_t size, const char *why)
{
    struct ends e = plain_ends();
    CHECK_INT(rota_stream_write(e.client.s, text, size, NULL), 0);
    CHECK_INT(rota_stream_start_tls(e.server.s, server, NULL), -EPROTO);
    CHECK_HAS(rota_errmsg(-EPROTO), why);
    end_ends(&e);
}

static int hears_nonsense(void *arg)
{
    (void)arg;
    rota_tls_context *server = usual_server();
    char noise[4096];
    unsigned state = 1;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)((state = state * 1103515245 + 12345) >> 16);
    check_nonsense(server, noise, sizeof noise, "does not speak TLS");
    check_nonsense(server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27, "HTTP");
    check_nonsense(server, "EHLO client\r\n", 13, "does not speak TLS");
    /* The head of a record, of a hello, and nothing in it. */
    check_nonsense(server, "\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9, "TLS");
    struct ends e = plain_ends();
    rota_stream_close(e.client.s);
    e.client.s = NULL;
    CHECK_INT(rota_stream_start_tls(e.server.s, server, NULL), -ECONNRESET);
    end_ends(&e);
    drop(server, NULL);
    return 0;
}

TEST("nonsense is refused, and called by its name")
{
    run_tls(hears_nonsense);
}

static int hears_noise_later(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    char byte;
    if (kernel_sends(e.client.s))
        test_skip("the kernel encrypts what anybody sends");
    check_talk(e.client.s, e.server.s, "hello");
    CHECK_INT(send(rota_stream_fd(e.client.s),
                   "\x17\x03\x03\x00\x20"
                   "01234567890123456789012345678901",
                   37, 0),
              37);
    CHECK_INT(rota_stream_read(e.server.s, &byte, 1), -EPROTO);
    CHECK_HAS(rota_errmsg(-EPROTO), "bad record mac");
    CHECK_INT(rota_stream_read(e.client.s, &byte, 1), -EPROTO);
    CHECK_HAS(rota_errmsg(-EPROTO), "bad record mac (alert 20)");
    end_ends(&e);
    return 0;
}

TEST("a record that somebody else made is refused, and the peer told")
{
    run_tls(hears_noise_later);
}

/* ----------------------------------------------------------------- STARTTLS */

static int upgrades(void *arg)
{
    (void)arg;
    rota_tls_context *client = usual_client(), *server = usual_server();
    struct ends e = plain_ends();
    rota_str line;
    check_talk(e.client.s, e.server.s, "STARTTLS\n");
    CHECK_INT(rota_stream_write(e.server.s, "go ahead\n", 9, NULL), 0);
    CHECK_INT(rota_stream_readline(e.client.s, &line), 9);
    shake_hands(&e, client, server, "localhost");
    CHECK_INT(e.client.rc, 0);
    CHECK_INT(e.server.rc, 0);
    check_talk(e.client.s, e.server.s, "secret");
    rota_start_tls_options o = { .server_hostname = "localhost" };
    CHECK_INT(rota_stream_start_tls(e.client.s, client, &o), -EALREADY);
    check_talk(e.server.s, e.client.s, "secret");
    end_ends(&e);

    /* The client's first words come along with the plain line before. */
    e = plain_ends();
    CHECK_INT(rota_stream_write(e.client.s, "PROXY\n", 6, NULL), 0);
    rota_task *t = rota_create_task(start, e.client.s, client, &o);
    settle();
    CHECK_INT(rota_stream_readline(e.server.s, &line), 6);
    CHECK(buf_len(&e.server.s->in) > 0);
    CHECK_INT(rota_stream_start_tls(e.server.s, server, NULL), 0);
    CHECK_INT(rota_await(t), 0);
    check_talk(e.client.s, e.server.s, "secret");
    end_ends(&e);
    drop(client, server);
    return 0;
}

TEST("TLS begins on a stream that was read and written before")
{
    run_tls(upgrades);
}

static int refuses_injection(void *arg)
{
    (void)arg;
    rota_tls_context *client = usual_client(), *server = usual_server();
    rota_start_tls_options o = { .server_hostname = "localhost" };
    struct ends e = plain_ends();
    rota_str line;
    char data[64];
    /* Somebody on the way adds a line to the client's plain one. */
    CHECK_INT(rota_stream_write(e.client.s, "STARTTLS\nDELETE ALL\n", 20, NULL),
              0);
    CHECK_INT(rota_stream_readline(e.server.s, &line), 9);
    CHECK_INT(rota_stream_start_tls(e.server.s, server, NULL), -EPROTO);
    CHECK_INT(rota_stream_read(e.server.s, data, sizeof data), -EPROTO);
    end_ends(&e);

    /* And to the server's. */
    e = plain_ends();
    CHECK_INT(rota_stream_write(e.server.s, "ok\nLOGIN FAILED\n", 16, NULL), 0);
    CHECK_INT(rota_stream_readline(e.client.s, &line), 3);
    CHECK_INT(rota_stream_start_tls(e.client.s, client, &o), -EPROTO);
    CHECK_INT(rota_stream_read(e.client.s, data, sizeof data), -EPROTO);
    end_ends(&e);
    drop(client, server);
    return 0;
}

/* As CVE-2011-0411 and its many relatives. */
TEST("what was smuggled in before TLS is never read as if it came by it")
{
    run_tls(refuses_injection);
}

/* ------------------------------------------------------------------- misuse */

static int refuses_use(void *arg)
{
    (void)arg;
    rota_tls_context *client = usual_client(), *server = usual_server();
    rota_start_tls_options o = { .server_hostname = "localhost" };
    struct ends e = plain_ends();
    CHECK_INT(rota_stream_start_tls(e.client.s, client, NULL), -EINVAL);
    CHECK_HAS(rota_errmsg(-EINVAL), "server_hostname");
    /* That was nothing at all: it can still begin. */
    shake_hands(&e, client, server, "localhost");
    CHECK_INT(e.client.rc, 0);
    end_ends(&e);

    e = plain_ends();
    rota_stream_close(e.server.s);
    e.server.s = NULL;
    char byte;
    CHECK_INT(rota_stream_read(e.client.s, &byte, 1), 0);
    CHECK_INT(rota_stream_start_tls(e.client.s, client, &o), -ECONNRESET);
    end_ends(&e);
    drop(client, server);
    return 0;
}

TEST("a client that verifies says whom it expects")
{
    run_tls(refuses_use);
}

/* ------------------------------------------------------------------- servers */

static int echo(rota_stream *s, void *tls)
{
    rota_str line;
    ssize_t n = rota_stream_start_tls(s, tls, NULL);
    while (n >= 0 && (n = rota_stream_readline(s, &line)) > 0)
        n = rota_stream_write(s, line.ptr, line.len, NULL);
    return n == -ECONNRESET ? 0 : (int)n;
}

static int port_of(int fd)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    char text[NI_MAXSERV];
    CHECK_INT(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    CHECK_INT(getnameinfo((struct sockaddr *)&name, size, NULL, 0, text,
                          sizeof text, NI_NUMERICSERV),
              0);
    return atoi(text);
}

static int serves(void *arg)
{
    (void)arg;
    rota_tls_context *client = usual_client(), *tls = usual_server();
    rota_server *server;
    rota_stream *silent, *s;
    rota_str line;
    int listener = rota_listen("127.0.0.1", 0, NULL), port = port_of(listener);
    CHECK_INT(rota_server_start(listener, echo, tls, &server), 0);
    /* One who says nothing keeps nobody else from being served. */
    CHECK_INT(rota_open_connection("127.0.0.1", port, &silent), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(rota_open_tls_connection("127.0.0.1", port, client, &s), 0);
        CHECK_INT(rota_stream_write(s, "hello\n", 6, NULL), 0);
        CHECK_INT(rota_stream_readline(s, &line), 6);
        rota_stream_close(s);
    }
    settle();
    CHECK_INT(rota_server_clients(server), 1);
    rota_server_close(server);
    rota_stream_close(silent);
    CHECK_INT(rota_server_wait_closed(server), 0);
    rota_server_free(server);
    drop(client, tls);
    return 0;
}

TEST("a server's slow client holds up nobody")
{
    run_tls(serves);
}

static void expect_refusal(const rota_unhandled *what)
{
    CHECK_INT(what->rc, -EACCES);
    CHECK_HAS(what->err->text, "unknown CA");
}

static int opens_nothing(void *arg)
{
    (void)arg;
    PKI(.name = "other", .authority = true);
    rota_tls_context *client = usual_client(), *tls = usual_server();
    rota_tls_context *stranger =
        make_context(ROTA_TLS_CLIENT,
                     &(rota_tls_options){ .ca_file = pki_file("other.crt") });
    rota_server *server;
    rota_stream *s;
    int listener = rota_listen("127.0.0.1", 0, NULL), port = port_of(listener);
    rota_set_unhandled_handler(expect_refusal);
    CHECK_INT(rota_server_start(listener, echo, tls, &server), 0);
    CHECK_INT(rota_open_tls_connection("127.0.0.1", port, stranger, &s),
              -EKEYREJECTED);
    rota_server_close(server);
    CHECK_INT(rota_server_wait_closed(server), 0);
    rota_server_free(server);
    CHECK_INT(rota_open_tls_connection("127.0.0.1", port, client, &s),
              -ECONNREFUSED);
    drop(client, tls);
    drop(stranger, NULL);
    return 0;
}

TEST("a connection that is refused is closed again")
{
    run_tls(opens_nothing);
}
