/*
 * A TLS connection within one process: both its ends, and how each of them
 * came to be, or why not.
 */
#ifndef ENDS_H
#define ENDS_H

#include "pki.h"
#include "rota.h"
#include "rota/tls.h"
#include "test.h"

enum { WHY = 256 };

struct end {
    rota_stream *s;
    rota_tls_context *context;
    rota_start_tls_options options;
    int rc;        /* of its handshake */
    char why[WHY]; /* it failed */
};

struct ends {
    struct end client, server;
};

/* Makes a context, which must work. */
rota_tls_context *make_context(enum rota_tls_side side,
                               const rota_tls_options *options);

/* The same, of a client that trusts "root", or a server whose certificate is
 * "server", unless the options say otherwise; with TEST_KTLS in the environment
 * the kernel is asked to encrypt. */
rota_tls_context *client_with(rota_tls_options options);
rota_tls_context *server_with(rota_tls_options options);
#define CLIENT_WITH(...) client_with((rota_tls_options){ __VA_ARGS__ })
#define SERVER_WITH(...) server_with((rota_tls_options){ __VA_ARGS__ })
rota_tls_context *usual_client(void);
rota_tls_context *usual_server(void);

/* Two ends of a TCP connection, not TLS yet. */
struct ends plain_ends(void);

/* Begins TLS on both: the client expects `host`. */
void shake_hands(struct ends *e, rota_tls_context *client,
                 rota_tls_context *server, const char *host);

/* All of that, for "localhost"; it must work. The contexts are kept. */
struct ends tls_ends(rota_tls_context *client, rota_tls_context *server);

/* With the usual contexts, which are given back. */
struct ends usual_ends(void);

void end_ends(struct ends *e);

/* The kernel encrypts what is sent, by keys that do not change. */
bool kernel_sends(const rota_stream *s);

/* What was sent by one comes to the other. */
void check_talk(rota_stream *from, rota_stream *to, const char *text);

/* Runs `fn` as main between pki_usual and pki_end, and checks that no
 * descriptor stays behind. */
void run_tls(rota_fn *fn);

#endif
