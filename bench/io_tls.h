/*
 * A TLS server of OpenSSL, for the loops of bench/io that bring none.
 */
#ifndef BENCH_IO_TLS_H
#define BENCH_IO_TLS_H

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "io.h"

__attribute__((noreturn)) static inline void io_tls_die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static inline SSL_CTX *io_tls_context(const struct io_args *args)
{
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    if (!c || SSL_CTX_use_certificate_chain_file(c, args->cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(c, args->key, SSL_FILETYPE_PEM) != 1)
        io_tls_die("certificate");
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_num_tickets(c, 1); /* as rota and Go */
    return c;
}

#endif
