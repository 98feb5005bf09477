/*
 * What is wrong with the peer's certificate, in words that name it: OpenSSL
 * asks at each certificate of the chain, and the first "no" is the reason.
 */
#include <errno.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "tls/names.h"
#include "tls/tls.h"

enum { NAME = 80, DATE = 32 };

static void name_text(const X509_NAME *name, char text[NAME])
{
    if (tls_name_text(name, text, NAME) < 0 || !*text)
        snprintf(text, NAME, "(no name)");
}

static void date_text(const ASN1_TIME *when, char text[DATE])
{
    struct tm tm;
    if (!ASN1_TIME_to_tm(when, &tm) ||
        !strftime(text, DATE, "%Y-%m-%d %H:%M:%S UTC", &tm))
        snprintf(text, DATE, "(no date)");
}

static int say_wrong_host(const struct tls *t, const X509 *cert, char *text)
{
    char names[NAME];
    /* What has no room is left out: this is for people. */
    rota_ignore(tls_alternative_names(cert, names, sizeof names));
    snprintf(text, TLS_TEXT, "the certificate is not for %s; it is for %s",
             t->host, *names ? names : "no host at all");
    return -EKEYREJECTED;
}

static int say_date(const char *subject, const char *what,
                    const ASN1_TIME *when, int code, char *text)
{
    char date[DATE];
    date_text(when, date);
    snprintf(text, TLS_TEXT, "the certificate of %s %s %s", subject, what,
             date);
    return code;
}

static int say_unknown(const char *subject, const X509 *cert, char *text)
{
    char issuer[NAME];
    name_text(X509_get_issuer_name(cert), issuer);
    snprintf(text, TLS_TEXT,
             "the certificate of %s was issued by %s, which nobody known here "
             "vouches for",
             subject, issuer);
    return -EKEYREJECTED;
}

static int say(const struct tls *t, int error, const X509 *cert, char *text)
{
    char subject[NAME];
    name_text(X509_get_subject_name(cert), subject);
    switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return say_wrong_host(t, cert, text);
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return say_date(subject, "expired on", X509_get0_notAfter(cert),
                        -EKEYEXPIRED, text);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return say_date(subject, "is not valid before",
                        X509_get0_notBefore(cert), -EKEYREJECTED, text);
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return say_unknown(subject, cert, text);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        snprintf(text, TLS_TEXT,
                 "the certificate of %s is self-signed, and not trusted here",
                 subject);
        return -EKEYREJECTED;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        snprintf(text, TLS_TEXT,
                 "the root of the chain, %s, is self-signed, and not trusted "
                 "here",
                 subject);
        return -EKEYREJECTED;
    case X509_V_ERR_CERT_REVOKED:
        snprintf(text, TLS_TEXT, "the certificate of %s was revoked", subject);
        return -EKEYREVOKED;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
        snprintf(text, TLS_TEXT,
                 "there is no list to tell whether the certificate of %s was "
                 "revoked",
                 subject);
        return -EKEYREJECTED;
    default:
        snprintf(text, TLS_TEXT, "the certificate of %s is refused: %s",
                 subject, X509_verify_cert_error_string(error));
        return -EKEYREJECTED;
    }
}

int tls_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl =
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *t = SSL_get_app_data(ssl);
    const X509 *cert = X509_STORE_CTX_get_current_cert(store);
    if (!ok && !t->verify_error && cert)
        t->verify_error =
            say(t, X509_STORE_CTX_get_error(store), cert, t->verify_text);
    return ok;
}
