/* Certificates that will not do: each is refused by its own code, with a
 * sentence that says why, by a client and by a server. */
#include <stdlib.h>

#include "ends.h"

/* Whom a refusing end trusts, and what is wrong. */
struct refusal {
    const char *name;     /* the certificate's */
    const char *host;     /* the client's; NULL: localhost */
    const char *ca, *crl; /* ca NULL: "root.crt" */
    int code;
    const char *why[2]; /* both are in the sentence; NULL: nothing more */
    const char *alert;  /* what the peer is told */
};

static const struct refusal refusals[] = {
    { .name = "expired",
      .code = -EKEYEXPIRED,
      .why = { "CN=expired expired on 20", "UTC" },
      .alert = "certificate expired" },
    { .name = "early",
      .code = -EKEYREJECTED,
      .why = { "CN=early is not valid before 20" },
      .alert = "bad certificate" },
    { .name = "self",
      .code = -EKEYREJECTED,
      .why = { "CN=self is self-signed" },
      .alert = "unknown CA" },
    { .name = "stranger",
      .code = -EKEYREJECTED,
      .why = { "CN=other root, is self-signed" },
      .alert = "unknown CA" },
    { .name = "lonely", /* its issuer is not sent along */
      .code = -EKEYREJECTED,
      .why = { "CN=lonely was issued by CN=middle" },
      .alert = "unknown CA" },
    { .name = "late middle",
      .code = -EKEYEXPIRED,
      .why = { "CN=expired middle expired on 20" },
      .alert = "certificate expired" },
    { .name = "made up", /* by one who may issue none */
      .code = -EKEYREJECTED,
      .why = { "CN=server" },
      .alert = "CA" },
    { .name = "revoked",
      .crl = "root.crl",
      .code = -EKEYREVOKED,
      .why = { "CN=revoked was revoked" },
      .alert = "certificate revoked" },
    { .name = "chained", /* the one in the middle of its chain */
      .crl = "all.crl",
      .code = -EKEYREVOKED,
      .why = { "CN=middle was revoked" },
      .alert = "certificate revoked" },
    { .name = "chained", /* nothing says whether it was */
      .crl = "root.crl",
      .code = -EKEYREJECTED,
      .why = { "no list to tell", "CN=chained" },
      .alert = "alert" },
};

enum { REFUSALS = sizeof refusals / sizeof *refusals };

static void make_certificates(void)
{
    static const char names[] = "DNS:localhost,IP:127.0.0.1";
    PKI(.name = "expired", .issuer = "root", .names = names, .from = -30,
        .to = -1);
    PKI(.name = "early", .issuer = "root", .names = names, .from = 1, .to = 9);
    PKI(.name = "self", .names = names);
    PKI(.name = "other", .common = "other root", .authority = true);
    PKI(.name = "stranger", .issuer = "other", .names = names,
        .chain = { "other" });
    PKI(.name = "middle", .issuer = "root", .authority = true);
    PKI(.name = "lonely", .issuer = "middle", .names = names);
    PKI(.name = "expired middle", .issuer = "root", .authority = true,
        .from = -30, .to = -1);
    PKI(.name = "late middle", .issuer = "expired middle", .names = names,
        .chain = { "expired middle" });
    PKI(.name = "made up", .issuer = "server", .names = names,
        .chain = { "server" });
    PKI(.name = "revoked", .issuer = "root", .names = names);
    PKI(.name = "chained", .issuer = "middle", .names = names,
        .chain = { "middle" });
    pki_revoke("root.crl", "root", (const char *const[]){ "revoked", NULL });
    pki_revoke("all.crl", "root",
               (const char *const[]){ "revoked", "middle", NULL });
    pki_revoke("all.crl", "middle", (const char *const[]){ NULL });
    pki_revoke("none.crl", "root", (const char *const[]){ NULL });
    pki_revoke("none.crl", "middle", (const char *const[]){ NULL });
}

static const char *file(const char *name, const char *end)
{
    char text[64];
    snprintf(text, sizeof text, "%s%s", name, end);
    return pki_file(text);
}

static rota_tls_options showing(const char *name)
{
    return (rota_tls_options){ .cert_file = file(name, ".crt"),
                               .key_file = file(name, ".key") };
}

static void check_refusal(const struct refusal *r, const struct end *end)
{
    if (end->rc != r->code)
        test_fail(TEST_AT, "%s: %d, not %d (%s)", r->name, end->rc, r->code,
                  end->why);
    for (int i = 0; i < 2 && r->why[i]; i++)
        CHECK_HAS(end->why, r->why[i]);
}

static int clients_refuse(void *arg)
{
    (void)arg;
    make_certificates();
    for (int i = 0; i < REFUSALS; i++) {
        const struct refusal *r = &refusals[i];
        test_note("%s", r->name);
        rota_tls_context *server = server_with(showing(r->name));
        rota_tls_context *client =
            CLIENT_WITH(.crl_file = r->crl ? pki_file(r->crl) : NULL);
        struct ends e = plain_ends();
        shake_hands(&e, client, server, "localhost");
        check_refusal(r, &e.client);
        CHECK(e.server.rc == -EACCES || e.server.rc == -EPROTO);
        CHECK_HAS(e.server.why, r->alert);
        end_ends(&e);
        rota_tls_context_unref(client);
        rota_tls_context_unref(server);
    }
    return 0;
}

TEST("a client refuses a bad certificate, says why, and tells the server")
{
    run_tls(clients_refuse);
}

static int servers_refuse(void *arg)
{
    (void)arg;
    make_certificates();
    for (int i = 0; i < REFUSALS; i++) {
        const struct refusal *r = &refusals[i];
        test_note("%s", r->name);
        rota_tls_options mine = showing(r->name);
        rota_tls_context *client = client_with(mine);
        rota_tls_context *server =
            SERVER_WITH(.ca_file = pki_file("root.crt"),
                        .crl_file = r->crl ? pki_file(r->crl) : NULL,
                        .verify_mode = ROTA_TLS_CERT_OPTIONAL);
        struct ends e = plain_ends();
        char byte;
        shake_hands(&e, client, server, "localhost");
        check_refusal(r, &e.server);
        int rc = (int)rota_stream_read(e.client.s, &byte, 1);
        CHECK(rc == -EACCES || rc == -EPROTO);
        CHECK_HAS(rota_errmsg(rc), r->alert);
        end_ends(&e);
        rota_tls_context_unref(client);
        rota_tls_context_unref(server);
    }
    return 0;
}

TEST("a server refuses a client's bad certificate, and says why")
{
    run_tls(servers_refuse);
}

/* -------------------------------------------------------------------- hosts */

static int check_host(const char *cert, const char *host, char why[WHY])
{
    rota_tls_context *server = server_with(showing(cert));
    rota_tls_context *client = usual_client();
    struct ends e = plain_ends();
    shake_hands(&e, client, server, host);
    memcpy(why, e.client.why, WHY);
    int rc = e.client.rc;
    end_ends(&e);
    rota_tls_context_unref(client);
    rota_tls_context_unref(server);
    return rc;
}

static int hosts_differ(void *arg)
{
    (void)arg;
    static const struct {
        const char *cert, *host;
        bool good;
    } cases[] = {
        { "host", "a.example", true },
        { "host", "A.Example", true },
        { "host", "b.example", true },
        { "host", "c.example", false },
        { "host", "example", false },
        { "host", "x.a.example", false },
        { "host", "127.0.0.1", false },
        { "host", "10.1.2.3", true },
        { "host", "10.1.2.4", false },
        { "wild", "x.w.example", true },
        { "wild", "w.example", false },
        { "wild", "x.y.w.example", false },
        { "wild", "fox.part.example", false }, /* "f*": a part of a label */
        { "named", "named.example", false },   /* by its subject only */
        { "nul", "good.example", false },
    };
    PKI(.name = "host", .issuer = "root",
        .names = "DNS:a.example,DNS:b.example,IP:10.1.2.3");
    PKI(.name = "wild", .issuer = "root",
        .names = "DNS:*.w.example,DNS:f*.part.example");
    PKI(.name = "named", .issuer = "root", .common = "named.example");
    PKI(.name = "nul", .issuer = "root", .common = "good.example",
        .names = "email:good.example@evil.example");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char why[WHY];
        test_note("%s for %s", cases[i].cert, cases[i].host);
        int rc = check_host(cases[i].cert, cases[i].host, why);
        CHECK_INT(rc, cases[i].good ? 0 : -EKEYREJECTED);
        if (!cases[i].good)
            CHECK_HAS(why, cases[i].host);
    }
    char why[WHY];
    CHECK_INT(check_host("host", "c.example", why), -EKEYREJECTED);
    CHECK_STR(why, "the certificate is not for c.example; it is for "
                   "DNS:a.example, DNS:b.example, IP:10.1.2.3");
    CHECK_INT(check_host("named", "named.example", why), -EKEYREJECTED);
    CHECK_HAS(why, "for no host at all");
    return 0;
}

/* RFC 9525 6.3, 6.4 */
TEST("a certificate is for the hosts it names, and no others")
{
    run_tls(hosts_differ);
}

/* -------------------------------------------------------------------- trust */

static int trusts(void *arg)
{
    (void)arg;
    make_certificates();
    /* Revocation is looked at, and nothing is amiss. */
    rota_tls_context *server = server_with(showing("chained"));
    rota_tls_context *client = CLIENT_WITH(.crl_file = pki_file("none.crl"));
    struct ends e = tls_ends(client, server);
    end_ends(&e);
    rota_tls_context_unref(client);

    /* Nothing is looked at, because the program says so. */
    rota_tls_context_unref(server);
    server = server_with(showing("expired"));
    client = CLIENT_WITH(.verify_mode = ROTA_TLS_CERT_NONE);
    e = plain_ends();
    shake_hands(&e, client, server, "elsewhere.example");
    CHECK_INT(e.client.rc, 0);
    rota_tls_info info;
    CHECK_INT(rota_stream_tls_info(e.client.s, &info), 0);
    CHECK(!info.peer_verified);
    check_talk(e.client.s, e.server.s, "hello");
    end_ends(&e);
    rota_tls_context_unref(client);
    rota_tls_context_unref(server);

    /* One who is trusted itself. */
    server = server_with(showing("self"));
    client = CLIENT_WITH(.ca_file = pki_file("self.crt"));
    e = tls_ends(client, server);
    end_ends(&e);
    rota_tls_context_unref(client);
    rota_tls_context_unref(server);
    return 0;
}

TEST("a chain is trusted to its root; or blindly, when told so")
{
    run_tls(trusts);
}

static int trusts_system(void *arg)
{
    (void)arg;
    rota_tls_context *server = usual_server();
    rota_tls_context *client = make_context(ROTA_TLS_CLIENT, NULL);
    struct ends e = plain_ends();
    shake_hands(&e, client, server, "localhost");
    const char *ours = getenv("SSL_CERT_FILE");
    CHECK_INT(e.client.rc, ours ? 0 : -EKEYREJECTED);
    end_ends(&e);
    rota_tls_context_unref(client);
    rota_tls_context_unref(server);
    return 0;
}

TEST("without a ca_file it is the system's roots, as OpenSSL finds them")
{
    pki_usual();
    unsetenv("SSL_CERT_FILE");
    CHECK_INT(rota_run(trusts_system, NULL, NULL), 0);
    setenv("SSL_CERT_FILE", pki_file("root.crt"), 1);
    CHECK_INT(rota_run(trusts_system, NULL, NULL), 0);
    pki_end();
}
