/*
 * OpenSSL's errors as ours, and in words. It names an error by a reason in
 * the thread's queue; that of what the peer says (an alert, RFC 8446 6) is
 * the alert's number and an offset.
 */
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "tls/tls.h"

struct reason {
    int reason; /* OpenSSL's */
    int code;
    const char *text;
};

static const struct reason reasons[] = {
    { SSL_R_UNEXPECTED_EOF_WHILE_READING, -ECONNRESET,
      "the connection ended without the peer's word that it is the end "
      "(close_notify): something may be missing" },
    { SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, -EACCES,
      "the client has sent no certificate, and must" },
    { SSL_R_NO_SHARED_CIPHER, -EPROTO, "no cipher in common with the client" },
    { SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, -EPROTO,
      "no signature algorithm in common with the peer" },
    { SSL_R_NO_APPLICATION_PROTOCOL, -EPROTO,
      "no protocol (ALPN) in common with the client" },
    { SSL_R_UNSUPPORTED_PROTOCOL, -EPROTONOSUPPORT,
      "no version of TLS in common with the peer" },
    { SSL_R_VERSION_TOO_LOW, -EPROTONOSUPPORT,
      "the peer's version of TLS is too old" },
    { SSL_R_NO_PROTOCOLS_AVAILABLE, -EPROTONOSUPPORT,
      "no version of TLS is left to offer" },
    { SSL_R_WRONG_VERSION_NUMBER, -EPROTO, "the peer does not speak TLS" },
    { SSL_R_PACKET_LENGTH_TOO_LONG, -EPROTO, "the peer does not speak TLS" },
    { SSL_R_HTTP_REQUEST, -EPROTO, "the peer speaks plain HTTP, not TLS" },
    { SSL_R_HTTPS_PROXY_REQUEST, -EPROTO,
      "the peer speaks plain HTTP to a proxy, not TLS" },
};

/* Alerts about our certificate, or the want of one (RFC 8446 6.2). */
static bool is_of_certificate(int alert)
{
    switch (alert) {
    case SSL3_AD_NO_CERTIFICATE:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED: return true;
    default: return false;
    }
}

static int alert_code(int alert)
{
    if (is_of_certificate(alert))
        return -EACCES;
    return alert == SSL_AD_PROTOCOL_VERSION ? -EPROTONOSUPPORT : -EPROTO;
}

/* Of 3.0 are no words for this one. */
static const char *alert_name(int alert)
{
    return alert == SSL_AD_CERTIFICATE_REQUIRED
               ? "certificate required"
               : SSL_alert_desc_string_long(alert);
}

static int of_alert(int alert)
{
    int code = alert_code(alert);
    return rota_fail(code, "the peer refuses%s: %s (alert %d)",
                     code == -EACCES ? " our certificate" : "",
                     alert_name(alert), alert);
}

static int of_reason(unsigned long error)
{
    int reason = ERR_GET_REASON(error);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].reason == reason)
            return rota_fail(reasons[i].code, "%s", reasons[i].text);
    const char *text = ERR_reason_error_string(error);
    return rota_fail(-EPROTO, "TLS: %s", text ? text : "unknown error");
}

static int of_socket(const struct tls *t)
{
    int code = t->read_error ? t->read_error : -ECONNRESET;
    return rota_fail(code, "the connection has ended: %s", rota_strerror(code));
}

int tls_error(struct tls *t)
{
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_REASON(error);
    if (error == 0 || ERR_SYSTEM_ERROR(error))
        return of_socket(t);
    if (reason == ERR_R_MALLOC_FAILURE)
        return -ENOMEM;
    if (ERR_GET_LIB(error) != ERR_LIB_SSL)
        return of_reason(error);
    if (reason >= SSL_AD_REASON_OFFSET)
        return of_alert(reason - SSL_AD_REASON_OFFSET);
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && t->verify_error)
        return rota_fail(t->verify_error, "%s", t->verify_text);
    return of_reason(error);
}

int tls_file_error(const char *what, const char *path, char text[TLS_TEXT])
{
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_REASON(error), code = -EINVAL;
    if (ERR_SYSTEM_ERROR(error))
        code = -reason;
    else if (reason == ERR_R_MALLOC_FAILURE)
        code = -ENOMEM;
    const char *why =
        code == -EINVAL ? ERR_reason_error_string(error) : strerror(-code);
    snprintf(text, TLS_TEXT, "cannot load %s from %s: %s", what, path,
             why ? why : "there are none");
    return code;
}
