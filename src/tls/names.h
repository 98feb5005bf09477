/*
 * The names in certificates, as text.
 */
#ifndef TLS_NAMES_H
#define TLS_NAMES_H

#include <openssl/x509.h>
#include <stddef.h>

/* A distinguished name as RFC 2253 writes it, which escapes whatever is not
 * plain: 0; -ENOMEM; -EMSGSIZE: `text` holds only its beginning. */
int tls_name_text(const X509_NAME *name, char *text, size_t size);

/* The hosts and people a certificate is for (RFC 5280 4.2.1.6): "DNS:a.example,
 * IP:127.0.0.1". As above. */
int tls_alternative_names(const X509 *cert, char *text, size_t size);

#endif
