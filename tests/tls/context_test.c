/* Contexts: options and files that will not do. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ends.h"
#include "tls/tls.h"

static void check_fails(enum rota_tls_side side, rota_tls_options options,
                        int code, const char *why)
{
    rota_tls_context *c = NULL;
    CHECK_INT(rota_tls_context_new(side, &options, &c), code);
    CHECK(!c);
    CHECK_HAS(rota_errmsg(code), why);
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(pki_file(name), "w");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void lock_key(const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *f = fopen(pki_file(name), "w");
    CHECK(key && f);
    CHECK_INT(PEM_write_PrivateKey(f, key, EVP_aes_128_cbc(),
                                   (const unsigned char *)"secret", 6, NULL,
                                   NULL),
              1);
    fclose(f);
    EVP_PKEY_free(key);
}

static int refuses_files(void *arg)
{
    (void)arg;
    const char *cert = pki_file("server.crt"), *key = pki_file("server.key");
    const char *none = pki_file("none.pem"), *bad = pki_file("bad.pem");
    write_file("bad.pem", "no PEM at all\n");
    lock_key("locked.key");
    check_fails(ROTA_TLS_SERVER, (rota_tls_options){ 0 }, -EINVAL, "cert_file");
    check_fails(ROTA_TLS_CLIENT, (rota_tls_options){ .key_file = key }, -EINVAL,
                "cert_file");
    check_fails(ROTA_TLS_SERVER, (rota_tls_options){ .cert_file = none },
                -ENOENT, "none.pem");
    check_fails(ROTA_TLS_SERVER, (rota_tls_options){ .cert_file = bad },
                -EINVAL, "bad.pem");
    check_fails(ROTA_TLS_SERVER, (rota_tls_options){ .cert_file = cert },
                -EINVAL, "the private key");
    check_fails(ROTA_TLS_SERVER,
                (rota_tls_options){ .cert_file = cert, .key_file = none },
                -ENOENT, "the private key");
    check_fails(ROTA_TLS_SERVER,
                (rota_tls_options){ .cert_file = cert,
                                    .key_file = pki_file("root.key") },
                -EINVAL, "key values mismatch");
    check_fails(ROTA_TLS_SERVER,
                (rota_tls_options){ .cert_file = cert,
                                    .key_file = pki_file("locked.key") },
                -EINVAL, "password");
    check_fails(ROTA_TLS_CLIENT, (rota_tls_options){ .ca_file = none }, -ENOENT,
                "trusted");
    check_fails(ROTA_TLS_CLIENT, (rota_tls_options){ .ca_file = bad }, -EINVAL,
                "trusted");
    check_fails(ROTA_TLS_CLIENT, (rota_tls_options){ .crl_file = bad }, -EINVAL,
                "revoked");
    check_fails(ROTA_TLS_CLIENT, (rota_tls_options){ .crl_file = none },
                -ENOENT, "revoked");
    return 0;
}

TEST("files that are missing, wrong, or locked are named")
{
    run_tls(refuses_files);
}

static int refuses_options(void *arg)
{
    (void)arg;
    char name[257];
    memset(name, 'a', sizeof name);
    name[256] = '\0';
    const char *const empty[] = { "", NULL }, *const big[] = { name, NULL };
    rota_tls_context *c;
    check_fails(ROTA_TLS_CLIENT, (rota_tls_options){ .ciphers = "nonsense" },
                -EINVAL, "ciphers");
    check_fails(ROTA_TLS_CLIENT,
                (rota_tls_options){ .ciphersuites = "nonsense" }, -EINVAL,
                "ciphersuites");
    check_fails(
        ROTA_TLS_CLIENT,
        (rota_tls_options){ .minimum_version = (enum rota_tls_version)0x0302 },
        -EINVAL, "minimum_version");
    check_fails(ROTA_TLS_CLIENT, (rota_tls_options){ .alpn = empty }, -EINVAL,
                "alpn");
    check_fails(ROTA_TLS_CLIENT, (rota_tls_options){ .alpn = big }, -EINVAL,
                "alpn");
    name[255] = '\0';
    CHECK_INT(rota_tls_context_new(ROTA_TLS_CLIENT,
                                   &(rota_tls_options){ .alpn = big }, &c),
              0);
    CHECK_INT(c->config.alpn_size, 256);
    rota_tls_context_unref(rota_tls_context_ref(c));
    rota_tls_context_unref(c);
    rota_tls_context_unref(NULL);
    return 0;
}

TEST("options that fit nothing are -EINVAL")
{
    run_tls(refuses_options);
}

static int cancelled_new(void *arg)
{
    (void)arg;
    rota_tls_context *c = NULL;
    rota_task_cancel(rota_current_task(), "test");
    CHECK_INT(rota_tls_context_new(ROTA_TLS_CLIENT, NULL, &c), -ECANCELED);
    CHECK(!c);
    rota_task_uncancel(rota_current_task());
    return 0;
}

TEST("cancelled, no context is made")
{
    run_tls(cancelled_new);
}

static int new_on_thread(void *arg)
{
    rota_tls_options o = { .ca_file = pki_file("root.crt") };
    return rota_tls_context_new(ROTA_TLS_CLIENT, &o, arg);
}

static int uses_threads(void *arg)
{
    (void)arg;
    rota_tls_context *server = usual_server(), *client = NULL;
    CHECK_INT(rota_to_thread(new_on_thread, &client), 0);
    struct ends e = tls_ends(client, server);
    end_ends(&e);
    rota_tls_context_unref(client);
    rota_tls_context_unref(server);
    return 0;
}

TEST("a context may be made on a pool thread")
{
    run_tls(uses_threads);
}

/* ------------------------------------------------------- on several threads */

enum { LOOPS = 3, ROUNDS = 20 };

struct shared {
    rota_tls_context *client, *server;
};

static int connects(void *arg)
{
    struct shared *c = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct ends e = tls_ends(c->client, c->server);
        check_talk(e.client.s, e.server.s, "hello");
        check_talk(e.server.s, e.client.s, "hello");
        end_ends(&e);
        if (i % 8 == 0)
            CHECK_INT(rota_tls_context_reload(i % 16 ? c->client : c->server),
                      0);
    }
    return 0;
}

static int make_shared(void *arg)
{
    struct shared *c = arg;
    c->client = usual_client();
    c->server = usual_server();
    return 0;
}

static int spread(void *arg)
{
    rota_task *t[LOOPS];
    rota_task_options o = { .loop = ROTA_LEAST_LOADED };
    for (int i = 0; i < LOOPS; i++)
        CHECK((t[i] = rota_spawn(connects, arg, &o)));
    for (int i = 0; i < LOOPS; i++)
        CHECK_INT(rota_await(t[i]), 0);
    return 0;
}

TEST("contexts serve several loops at once, and are reloaded meanwhile")
{
    struct shared c;
    pki_usual();
    CHECK_INT(rota_run(make_shared, &c, NULL), 0);
    CHECK_INT(rota_run_multi(LOOPS, spread, &c, NULL), 0);
    rota_tls_context_unref(c.client);
    rota_tls_context_unref(c.server);
    pki_end();
}
