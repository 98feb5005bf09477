/*
 * Certificates by libcrypto. Whatever fails here fails the test.
 */
#include "pki.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

enum { DAY = 24 * 60 * 60, FILES = 64, RSA_BITS = 2048 };

static char directory[] = "/tmp/rota-tls-XXXXXX";
static char *paths[FILES];
static int path_count;

void pki_begin(void)
{
    CHECK(mkdtemp(directory));
}

void pki_end(void)
{
    DIR *d = opendir(directory);
    CHECK(d);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            CHECK_INT(unlinkat(dirfd(d), e->d_name, 0), 0);
    closedir(d);
    CHECK_INT(rmdir(directory), 0);
    while (path_count > 0)
        free(paths[--path_count]);
}

const char *pki_file(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    for (int i = 0; i < path_count; i++)
        if (strcmp(paths[i], path) == 0)
            return paths[i];
    CHECK(path_count < FILES);
    return paths[path_count++] = strdup(path);
}

static FILE *open_file(const char *name, const char *end, const char *mode)
{
    char file[128];
    snprintf(file, sizeof file, "%s%s", name, end);
    FILE *f = fopen(pki_file(file), mode);
    CHECK(f);
    return f;
}

static X509 *read_cert(const char *name)
{
    FILE *f = open_file(name, ".crt", "r");
    X509 *cert = PEM_read_X509(f, NULL, NULL, NULL);
    CHECK(cert);
    fclose(f);
    return cert;
}

static EVP_PKEY *read_key(const char *name)
{
    FILE *f = open_file(name, ".key", "r");
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    CHECK(key);
    fclose(f);
    return key;
}

static void set_name(X509 *cert, const struct cert *c)
{
    const char *text = c->common ? c->common : c->name;
    X509_NAME *name = X509_get_subject_name(cert);
    CHECK_INT(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                         (const unsigned char *)text, -1, -1,
                                         0),
              1);
}

static void add_extension(X509 *cert, X509V3_CTX *ctx, int nid,
                          const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    CHECK(e);
    CHECK_INT(X509_add_ext(cert, e, -1), 1);
    X509_EXTENSION_free(e);
}

static void add_extensions(X509 *cert, X509 *issuer, const struct cert *c)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    add_extension(cert, &ctx, NID_basic_constraints,
                  c->authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(cert, &ctx, NID_key_usage,
                  c->authority ? "critical,keyCertSign,cRLSign"
                               : "critical,digitalSignature,keyEncipherment");
    add_extension(cert, &ctx, NID_subject_key_identifier, "hash");
    if (c->names)
        add_extension(cert, &ctx, NID_subject_alt_name, c->names);
}

static void write_chain(FILE *f, const struct cert *c)
{
    for (int i = 0; i < 3 && c->chain[i]; i++) {
        X509 *cert = read_cert(c->chain[i]);
        CHECK_INT(PEM_write_X509(f, cert), 1);
        X509_free(cert);
    }
}

static void write_files(const struct cert *c, X509 *cert, EVP_PKEY *key)
{
    FILE *f = open_file(c->name, ".crt", "w");
    CHECK_INT(PEM_write_X509(f, cert), 1);
    write_chain(f, c);
    fclose(f);
    f = open_file(c->name, ".key", "w");
    CHECK_INT(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

void pki_make(const struct cert *c)
{
    static long serial = 1;
    bool today = c->from == 0 && c->to == 0;
    X509 *cert = X509_new();
    EVP_PKEY *key = c->rsa ? EVP_RSA_gen(RSA_BITS) : EVP_EC_gen("P-256");
    CHECK(cert && key);
    X509 *issuer = c->issuer ? read_cert(c->issuer) : cert;
    EVP_PKEY *signer = c->issuer ? read_key(c->issuer) : key;
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), (today ? -1L : c->from) * DAY);
    X509_gmtime_adj(X509_getm_notAfter(cert), (today ? 1L : c->to) * DAY);
    X509_set_pubkey(cert, key);
    set_name(cert, c);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer));
    add_extensions(cert, issuer, c);
    CHECK(X509_sign(cert, signer, EVP_sha256()) > 0);
    write_files(c, cert, key);
    if (c->issuer) {
        X509_free(issuer);
        EVP_PKEY_free(signer);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void add_revoked(X509_CRL *crl, const char *name)
{
    X509 *cert = read_cert(name);
    X509_REVOKED *r = X509_REVOKED_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
    CHECK(r && now);
    X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(cert));
    X509_REVOKED_set_revocationDate(r, now);
    CHECK_INT(X509_CRL_add0_revoked(crl, r), 1);
    ASN1_TIME_free(now);
    X509_free(cert);
}

void pki_revoke(const char *name, const char *issuer_name,
                const char *const *revoked)
{
    X509 *issuer = read_cert(issuer_name);
    EVP_PKEY *key = read_key(issuer_name);
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = X509_gmtime_adj(NULL, -DAY);
    ASN1_TIME *to = X509_gmtime_adj(NULL, DAY);
    CHECK(crl && from && to);
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer));
    X509_CRL_set1_lastUpdate(crl, from);
    X509_CRL_set1_nextUpdate(crl, to);
    for (; *revoked; revoked++)
        add_revoked(crl, *revoked);
    CHECK(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
    FILE *f = open_file(name, "", "a");
    CHECK_INT(PEM_write_X509_CRL(f, crl), 1);
    fclose(f);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    X509_CRL_free(crl);
    EVP_PKEY_free(key);
    X509_free(issuer);
}

void pki_usual(void)
{
    pki_begin();
    PKI(.name = "root", .authority = true);
    PKI(.name = "server", .issuer = "root",
        .names = "DNS:localhost,IP:127.0.0.1,IP:::1");
}
