/*
 * TLS (librota-tls, OpenSSL): streams that are encrypted, and sure of who is
 * at the other end. What comes out is a rota_stream: it is read, written and
 * closed like any other.
 *
 *     rota_tls_context *tls;
 *     int rc = rota_tls_context_new(ROTA_TLS_CLIENT, NULL, &tls);
 *     if (rc < 0)
 *         return rc;
 *     rota_stream *s;
 *     rc = rota_open_tls_connection("example.com", 443, tls, &s);
 *
 * A server calls rota_stream_start_tls at the begin of each connection:
 *
 *     static int serve(rota_stream *s, void *tls)
 *     {
 *         int rc = rota_stream_start_tls(s, tls, NULL);
 *         if (rc < 0)
 *             return rc;
 *         ...
 *     }
 *
 * TLS 1.2 and 1.3, ciphers with forward secrecy, no renegotiation, no
 * compression. Closing a stream tells the peer so (close_notify) as far as
 * that needs no waiting; a stream that ends without the peer's word for it
 * may have been cut by somebody else, and that is an error:
 *
 *   -ECONNRESET       the connection ended, or was cut short
 *   -EKEYEXPIRED      the peer's certificate has expired,
 *   -EKEYREVOKED      was revoked,
 *   -EKEYREJECTED     is for another host, or nobody known vouches for it
 *   -EACCES           the peer refuses our certificate, or has none although
 *                     it must
 *   -EPROTONOSUPPORT  no version of TLS in common
 *   -EPROTO           the peer breaks the protocol or speaks another; nothing
 *                     in common (ciphers, ALPN); what else it refuses us for
 *
 * Reading and writing return them too. rota_errmsg(code) says why, in a
 * sentence, and so does the outcome of a task that returns the code.
 */
#ifndef ROTA_TLS_H
#define ROTA_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "rota/error.h"
#include "rota/export.h"
#include "rota/stream.h"
#include "rota/time.h"

/* What connections have in common: certificates, whom to trust, what to
 * offer. Counted; may be used by any number of connections, on all threads. */
typedef struct rota_tls_context rota_tls_context;

enum rota_tls_side {
    ROTA_TLS_CLIENT,
    ROTA_TLS_SERVER,
};

enum rota_tls_version {
    ROTA_TLS_1_2 = 0x0303, /* as on the wire */
    ROTA_TLS_1_3 = 0x0304,
};

enum rota_tls_verify {
    ROTA_TLS_VERIFY_DEFAULT, /* a client: required; a server: none */
    ROTA_TLS_CERT_NONE,      /* a client believes anybody; a server asks for
                                no certificate */
    ROTA_TLS_CERT_OPTIONAL,  /* a server asks: none will do, a bad one not */
    ROTA_TLS_CERT_REQUIRED,
};

/*
 * Chooses by the name the client asks for (SNI; NULL: it names none) the
 * context whose certificate, trust, versions and ALPN are to serve it,
 * borrowed; NULL: this one. Called in the handshake, on the loop's own stack:
 * it must not suspend.
 */
typedef rota_tls_context *rota_tls_sni_fn(const char *server_name, void *arg);

/* All may be left zero. Files are PEM. Strings are copied. */
typedef struct rota_tls_options {
    const char *cert_file; /* our certificate, then those that lead to the
                              root; a server must have one */
    const char *key_file;  /* its private key; NULL: in cert_file too */

    enum rota_tls_verify verify_mode;
    const char *ca_file; /* roots to trust, and a directory of such, by hash; */
    const char *ca_path; /* both NULL: the system's */
    const char *crl_file; /* lists of the revoked: there must be one of every
                             issuer in a chain. NULL: none is looked at */

    const char *const *alpn; /* protocols, the dearest first; ends with NULL */
    enum rota_tls_version minimum_version; /* 0: 1.2 */
    const char *ciphers;      /* of TLS 1.2, in OpenSSL's notation, */
    const char *ciphersuites; /* and of TLS 1.3, the dearest first: a server
                                 goes by its own order. NULL: AES-128-GCM,
                                 AES-256-GCM, ChaCha20-Poly1305; the last one
                                 before all for a client that has it so */

    rota_tls_sni_fn *sni_callback; /* a server's; NULL: none */
    void *sni_arg;

    bool ktls; /* the kernel encrypts, where it can and knows the cipher: for
                  sendfile, and devices that do it. It changes no keys */
} rota_tls_options;

/*
 * Makes a context; its files are read now, on a pool thread. Options may be
 * NULL. `*context` is then the caller's, for rota_tls_context_unref. 0;
 * -EINVAL: options that fit nothing, a file that is not what it should be, a
 * key that is not the certificate's; what the system says of a file (-ENOENT,
 * -EACCES, ...); -ENOMEM, -EAGAIN (no thread). Suspends: yes. Cancel: nothing
 * is made, unless it was already (then 0).
 */
ROTA_API int rota_tls_context_new(enum rota_tls_side side,
                                  const rota_tls_options *options,
                                  rota_tls_context **context) ROTA_MUST;

/*
 * Reads its files anew: handshakes that begin from now on go by them,
 * connections stay as they are, and no session of before is resumed. 0; or an
 * error as above, and all stays as it was. Suspends: yes. Cancel: nothing has
 * changed, unless it had already (then 0).
 */
ROTA_API int rota_tls_context_reload(rota_tls_context *context) ROTA_MUST;

/* Any thread. Streams keep what they need of it. Suspends: no. */
ROTA_API rota_tls_context *rota_tls_context_ref(rota_tls_context *context);
ROTA_API void rota_tls_context_unref(rota_tls_context *context);

/* All may be left zero. */
typedef struct rota_start_tls_options {
    const char *server_hostname; /* a client's: the name, or address, that the
                                     server's certificate must be for, and
                                     what is asked for by SNI */
    rota_dur handshake_timeout;  /* 30 s; ROTA_FOREVER: none */
} rota_start_tls_options;

/*
 * Begins TLS on a connected stream, as the client or server that the context
 * is for, and returns when the handshake is done. Options may be NULL for a
 * server. What was read ahead of the plain bytes before counts as the peer's
 * part of the handshake, so nothing that was smuggled in before it can be
 * read after it. 0; an error as above; -ETIMEDOUT; -EINVAL: a client that
 * verifies has no server_hostname; -EBUSY: a task reads or writes;
 * -EALREADY: it is TLS. After any error but these three the stream can only
 * be closed. Suspends: yes. Cancel: the same.
 */
ROTA_API int rota_stream_start_tls(
    rota_stream *s, rota_tls_context *context,
    const rota_start_tls_options *options) ROTA_MUST;

/*
 * Connects as rota_open_connection and begins TLS; the certificate must be for
 * `host`. 0, an error of either. Suspends: yes. Cancel: nothing stays open.
 */
ROTA_API int rota_open_tls_connection(const char *host, int port,
                                      rota_tls_context *context,
                                      rota_stream **stream) ROTA_MUST;

/* Strings are the stream's, valid as long as it is. */
typedef struct rota_tls_info {
    const char *version;     /* "TLSv1.3" */
    const char *cipher;      /* "TLS_AES_128_GCM_SHA256" */
    char alpn[256];          /* ""; none was agreed on */
    const char *server_name; /* the client asked for; NULL: none */
    bool session_reused;
    bool peer_verified; /* it has a certificate, which was verified */
    bool ktls_send;     /* the kernel encrypts, */
    bool ktls_recv;     /* and decrypts */
} rota_tls_info;

/* What the handshake agreed on. 0; -EINVAL: the stream is not TLS. Suspends:
 * no. */
ROTA_API int rota_stream_tls_info(const rota_stream *s,
                                  rota_tls_info *info) ROTA_MUST;

/* The peer's certificate, verified or not. */
typedef struct rota_tls_certificate {
    char subject[512]; /* as RFC 2253 writes it: "CN=a.example,O=..." */
    char issuer[512];
    char names[2048]; /* "DNS:a.example, IP:127.0.0.1"; ""; none */
    time_t not_before, not_after;
    uint8_t sha256[32]; /* of all of it */
} rota_tls_certificate;

/* 0; -ENOENT: it has sent none; -EMSGSIZE: a text has no room; -EINVAL: the
 * stream is not TLS; -ENOMEM. Suspends: no. */
ROTA_API int rota_stream_tls_peer(const rota_stream *s,
                                  rota_tls_certificate *out) ROTA_MUST;

#endif
