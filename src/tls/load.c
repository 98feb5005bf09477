/*
 * An SSL_CTX of options and files. What is asked for and cannot be had is an
 * error, with a sentence: nothing is left out silently.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "tls/tls.h"

/* RFC 9325 4.2: forward secrecy, and ciphers that authenticate what they
 * encrypt. The dearest is the one that every peer of TLS 1.3 must have (RFC
 * 8446 9.1): it is as safe as the keys that are agreed on, and costs least. */
static const char default_ciphers[] =
    "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20:"
    "DHE+AESGCM+AES128:DHE+AESGCM:DHE+CHACHA20";
static const char default_ciphersuites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
    "TLS_CHACHA20_POLY1305_SHA256";

static int refuse(char text[TLS_TEXT], const char *why)
{
    snprintf(text, TLS_TEXT, "%s", why);
    return -EINVAL;
}

/* A key that is locked by a password: nobody is asked for it. */
static int note_locked(char *password, int size, int writing, void *locked)
{
    (void)password;
    (void)size;
    (void)writing;
    *(bool *)locked = true;
    return -1;
}

static int load_key(SSL_CTX *ssl, const char *path, char *text)
{
    bool locked = false;
    SSL_CTX_set_default_passwd_cb(ssl, note_locked);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, &locked);
    int rc = 0;
    if (SSL_CTX_use_PrivateKey_file(ssl, path, SSL_FILETYPE_PEM) != 1)
        rc = tls_file_error("the private key", path, text);
    if (locked)
        snprintf(text, TLS_TEXT,
                 "the private key in %s is locked by a password", path);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
    return rc;
}

static int load_own(SSL_CTX *ssl, const struct tls_config *c, char *text)
{
    const char *cert = c->options.cert_file;
    const char *key = c->options.key_file ? c->options.key_file : cert;
    if (!cert && key)
        return refuse(text, "a key_file without a cert_file");
    if (!cert && c->side == ROTA_TLS_SERVER)
        return refuse(text, "a TLS server needs a certificate: cert_file");
    if (!cert)
        return 0;
    if (SSL_CTX_use_certificate_chain_file(ssl, cert) != 1)
        return tls_file_error("the certificate", cert, text);
    return load_key(ssl, key, text);
}

static int load_revoked(SSL_CTX *ssl, const char *path, char *text)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    X509_LOOKUP *files = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (!files)
        return -ENOMEM;
    if (X509_load_crl_file(files, path, X509_FILETYPE_PEM) < 1)
        return tls_file_error("the list of revoked certificates", path, text);
    X509_STORE_set_flags(store,
                         X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return 0;
}

/* Says to clients whose certificates are welcome. */
static int name_authorities(SSL_CTX *ssl, const char *path, char *text)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
    if (!names)
        return tls_file_error("the trusted certificates", path, text);
    SSL_CTX_set_client_CA_list(ssl, names);
    return 0;
}

/* Its key can be used, and its extensions make sense. They are looked at here,
 * and not by the first handshake. */
static bool is_usable(X509 *cert)
{
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    return key && EVP_PKEY_get_security_bits(key) > 0 &&
           !(X509_get_extension_flags(cert) & EXFLAG_INVALID);
}

/*
 * OpenSSL takes a certificate of which it cannot read all, and that for want
 * of memory too: every peer would be refused by it, as long as the context
 * lives. One that is usable when it is read again is such a one; others are of
 * kinds that OpenSSL does not know, and stand in the system's store by right.
 */
static int check_trust(SSL_CTX *ssl)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
        X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
        if (!cert || is_usable(cert))
            continue;
        X509 *again = X509_dup(cert);
        bool unread = !again || is_usable(again);
        X509_free(again);
        if (unread)
            return -ENOMEM;
    }
    return 0;
}

static int load_trust(SSL_CTX *ssl, const struct tls_config *c, char *text)
{
    const char *file = c->options.ca_file, *path = c->options.ca_path;
    if (!file && !path)
        return SSL_CTX_set_default_verify_paths(ssl) == 1 ? 0 : -ENOMEM;
    if (file && SSL_CTX_load_verify_file(ssl, file) != 1)
        return tls_file_error("the trusted certificates", file, text);
    if (path && SSL_CTX_load_verify_dir(ssl, path) != 1)
        return tls_file_error("the trusted certificates", path, text);
    return file && c->side == ROTA_TLS_SERVER
               ? name_authorities(ssl, file, text)
               : 0;
}

static int verify_mode(const struct tls_config *c)
{
    enum rota_tls_verify mode = c->options.verify_mode;
    if (mode == ROTA_TLS_VERIFY_DEFAULT)
        mode = c->side == ROTA_TLS_CLIENT ? ROTA_TLS_CERT_REQUIRED
                                          : ROTA_TLS_CERT_NONE;
    if (mode == ROTA_TLS_CERT_NONE)
        return SSL_VERIFY_NONE;
    return mode == ROTA_TLS_CERT_OPTIONAL
               ? SSL_VERIFY_PEER
               : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

static int load_verify(SSL_CTX *ssl, const struct tls_config *c, char *text)
{
    int mode = verify_mode(c);
    SSL_CTX_set_verify(ssl, mode, mode == SSL_VERIFY_NONE ? NULL : tls_verify);
    if (mode == SSL_VERIFY_NONE)
        return 0;
    int rc = load_trust(ssl, c, text);
    if (rc == 0)
        rc = check_trust(ssl);
    if (rc == 0 && c->options.crl_file)
        rc = load_revoked(ssl, c->options.crl_file, text);
    return rc;
}

static int set_protocol(SSL_CTX *ssl, const struct tls_config *c, char *text)
{
    const rota_tls_options *o = &c->options;
    int least = o->minimum_version ? (int)o->minimum_version : TLS1_2_VERSION;
    if (least < TLS1_2_VERSION ||
        SSL_CTX_set_min_proto_version(ssl, least) != 1)
        return refuse(text, "minimum_version is none that is offered");
    const char *ciphers = o->ciphers ? o->ciphers : default_ciphers;
    const char *suites =
        o->ciphersuites ? o->ciphersuites : default_ciphersuites;
    if (SSL_CTX_set_cipher_list(ssl, ciphers) != 1)
        return refuse(text, "ciphers has none that is known");
    if (SSL_CTX_set_ciphersuites(ssl, suites) != 1)
        return refuse(text, "ciphersuites has one that is not known");
    /* Zero is success here, and only here. */
    if (c->alpn && c->side == ROTA_TLS_CLIENT &&
        SSL_CTX_set_alpn_protos(ssl, c->alpn, c->alpn_size) != 0)
        return -ENOMEM;
    return 0;
}

/* A session is resumed only by the context it began with: what that asks of
 * its clients cannot be had from another's session. */
static int set_session_id(SSL_CTX *ssl)
{
    unsigned char id[SSL_MAX_SID_CTX_LENGTH];
    if (RAND_bytes(id, sizeof id) != 1 ||
        SSL_CTX_set_session_id_context(ssl, id, sizeof id) != 1)
        return -ENOMEM;
    return 0;
}

static void set_manners(SSL_CTX *ssl)
{
    /* A server goes by its own order; but a client whose dearest is ChaCha20
     * has no instructions for AES. */
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA);
    /* A write gives what one record holds, and may be taken up again from
     * elsewhere in memory; an idle connection keeps no buffers. */
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ssl, 1); /* one receive, not two for each record */
    /* A server's sessions are in the tickets that the clients keep. One each is
     * enough, for who comes back by it gets the next, and a second would cost a
     * twentieth of the handshake. */
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ssl, 1);
}

static int set_up(SSL_CTX *ssl, rota_tls_context *context, char *text)
{
    const struct tls_config *c = &context->config;
    set_manners(ssl);
    int rc = set_protocol(ssl, c, text);
    if (rc == 0)
        rc = load_own(ssl, c, text);
    if (rc == 0)
        rc = load_verify(ssl, c, text);
    if (rc == 0)
        rc = set_session_id(ssl);
    if (rc == 0 && c->side == ROTA_TLS_SERVER)
        tls_hello_init(ssl, context);
    else if (rc == 0)
        tls_session_init(ssl);
    return rc;
}

int tls_load(rota_tls_context *context, SSL_CTX **out, char text[TLS_TEXT])
{
    SSL_CTX *ssl = SSL_CTX_new(context->config.side == ROTA_TLS_SERVER
                                   ? TLS_server_method()
                                   : TLS_client_method());
    if (!ssl)
        return -ENOMEM;
    int rc = set_up(ssl, context, text);
    if (rc == 0)
        *out = ssl;
    else
        SSL_CTX_free(ssl);
    return rc;
}
