/*
 * What the handshake agreed on, and who the peer is.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "tls/names.h"
#include "tls/tls.h"

static const struct tls *tls_of(const rota_stream *s)
{
    return tls_is(s) ? s->state : NULL;
}

static bool is_verified(const SSL *ssl)
{
    return SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE &&
           SSL_get0_peer_certificate(ssl) &&
           SSL_get_verify_result(ssl) == X509_V_OK;
}

int rota_stream_tls_info(const rota_stream *s, rota_tls_info *info)
{
    const struct tls *t = tls_of(s);
    const unsigned char *alpn;
    unsigned size;
    if (!t)
        return -EINVAL;
    *info = (rota_tls_info){
        .version = SSL_get_version(t->ssl),
        .cipher = SSL_get_cipher_name(t->ssl),
        .server_name = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name),
        .session_reused = SSL_session_reused(t->ssl),
        .peer_verified = is_verified(t->ssl),
        .ktls_send = tls_kernel_sends(t),
        .ktls_recv = tls_kernel_receives(t),
    };
    SSL_get0_alpn_selected(t->ssl, &alpn, &size);
    if (size > 0 && size < sizeof info->alpn)
        memcpy(info->alpn, alpn, size);
    return 0;
}

static int take_time(const ASN1_TIME *from, time_t *out)
{
    struct tm tm;
    if (!ASN1_TIME_to_tm(from, &tm))
        return -EINVAL;
    *out = timegm(&tm);
    return 0;
}

int rota_stream_tls_peer(const rota_stream *s, rota_tls_certificate *out)
{
    const struct tls *t = tls_of(s);
    if (!t)
        return -EINVAL;
    const X509 *cert = SSL_get0_peer_certificate(t->ssl);
    if (!cert)
        return -ENOENT;
    int rc = tls_name_text(X509_get_subject_name(cert), out->subject,
                           sizeof out->subject);
    if (rc == 0)
        rc = tls_name_text(X509_get_issuer_name(cert), out->issuer,
                           sizeof out->issuer);
    if (rc == 0)
        rc = tls_alternative_names(cert, out->names, sizeof out->names);
    if (rc == 0)
        rc = take_time(X509_get0_notBefore(cert), &out->not_before);
    if (rc == 0)
        rc = take_time(X509_get0_notAfter(cert), &out->not_after);
    if (rc == 0 && X509_digest(cert, EVP_sha256(), out->sha256, NULL) != 1)
        rc = -ENOMEM;
    return rc;
}
