/*
 * The names in certificates, as text. They are the peer's words: whatever is
 * not plain in them is escaped, and what cannot be is left out.
 */
#include "tls/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What is in a BIO's memory as text. */
static int take_text(BIO *b, char *text, size_t size)
{
    char *data;
    long len = BIO_get_mem_data(b, &data);
    size_t n = (size_t)len < size ? (size_t)len : size - 1;
    if (n > 0)
        memcpy(text, data, n);
    text[n] = '\0';
    return n < (size_t)len ? -EMSGSIZE : 0;
}

int tls_name_text(const X509_NAME *name, char *text, size_t size)
{
    *text = '\0';
    BIO *b = BIO_new(BIO_s_mem());
    int rc = -ENOMEM;
    if (b && X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253) >= 0)
        rc = take_text(b, text, size);
    BIO_free(b);
    return rc;
}

/* Letters, digits and the like: what host names and addresses are made of. */
static bool is_plain(const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] <= ' ' || data[i] > '~' || data[i] == ',')
            return false;
    return len > 0;
}

static void print_plain(BIO *b, const char *kind, const ASN1_STRING *name)
{
    const char *data = (const char *)ASN1_STRING_get0_data(name);
    int len = ASN1_STRING_length(name);
    if (is_plain(data, (size_t)len))
        BIO_printf(b, "%s%s:%.*s", BIO_pending(b) ? ", " : "", kind, len, data);
}

static void print_address(BIO *b, const ASN1_STRING *address)
{
    char text[INET6_ADDRSTRLEN];
    int family = ASN1_STRING_length(address) == 4 ? AF_INET : AF_INET6;
    if (family == AF_INET6 &&
        ASN1_STRING_length(address) != sizeof(struct in6_addr))
        return;
    inet_ntop(family, ASN1_STRING_get0_data(address), text, sizeof text);
    BIO_printf(b, "%sIP:%s", BIO_pending(b) ? ", " : "", text);
}

static void print_name(BIO *b, const GENERAL_NAME *name)
{
    int type;
    const void *value = GENERAL_NAME_get0_value(name, &type);
    switch (type) {
    case GEN_DNS: print_plain(b, "DNS", value); break;
    case GEN_EMAIL: print_plain(b, "email", value); break;
    case GEN_URI: print_plain(b, "URI", value); break;
    case GEN_IPADD: print_address(b, value); break;
    default: break;
    }
}

int tls_alternative_names(const X509 *cert, char *text, size_t size)
{
    *text = '\0';
    BIO *b = BIO_new(BIO_s_mem());
    if (!b)
        return -ENOMEM;
    GENERAL_NAMES *names =
        X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        print_name(b, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    int rc = take_text(b, text, size);
    BIO_free(b);
    return rc;
}
