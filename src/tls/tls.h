/*
 * TLS over OpenSSL. OpenSSL never waits: each of its calls is made where a
 * task has the say, does what can be done at once, and returns; waiting is
 * done outside of it, for the socket, as in any other call. So nothing of it
 * is on the stack of a task that is parked, and it does not matter that its
 * queue of errors is a thread's.
 *
 *     context.c    what connections have in common
 *     load.c       an SSL_CTX of options and files
 *     hello.c      what a server decides by the client's first words
 *     session.c    the sessions a client may resume
 *     call.c       OpenSSL's calls
 *     bio.c        OpenSSL's way to our sockets
 *     names.c      the names in certificates
 *     verify.c     what is wrong with the peer's certificate
 *     error.c      OpenSSL's errors as ours, and in words
 *     stream.c     reading and writing
 *     kernel.c     writing that is left to the kernel
 *     handshake.c  beginning
 *     info.c       what was agreed on
 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/list.h"
#include "io/stream.h"
#include "rota/tls.h"

enum { TLS_TEXT = 256 }; /* bytes of a sentence that tells of an error */

/* The options of a context, copied, with what is made of them once. */
struct tls_config {
    enum rota_tls_side side;
    rota_tls_options options; /* its strings are ours, `alpn` is below */
    unsigned char *alpn;      /* as on the wire; NULL: none */
    unsigned alpn_size;
};

struct rota_tls_context {
    atomic_uint refs;
    struct tls_config config;

    /* What follows changes, and threads share it. */
    pthread_mutex_t lock;
    SSL_CTX *ssl;
    struct list sessions; /* struct session, the newest first */
    unsigned session_count;
};

/* A stream's. */
struct tls {
    SSL *ssl;
    struct loop *loop;
    int fd;
    rota_tls_context *context;
    rota_tls_context *chosen; /* by the client's SNI; NULL: no other */
    char *host;               /* whose certificate it must be; NULL */

    BIO *kernel;  /* that takes over records if it can; NULL: not wanted */
    bool rekeyed; /* the peer wants new keys, which it does not take */

    /* The socket's ends. */
    struct buf early; /* arrived before TLS began, not yet looked at */
    bool ended;       /* it gives no more */
    bool closing;     /* nobody will wait for more */
    int read_error;   /* what receiving failed by; 0 */
    struct buf out;   /* made, and not sent: it had no room there, ... */
    bool held;        /* ... or goes with what is made next: not tried yet */
    size_t tickets;   /* bytes that are, of what is held */
    int write_error;  /* what sending failed by: nothing goes out any more */

    int failed;   /* what every call returns from now on; 0: none */
    size_t piece; /* bytes of a full record */

    /* What is wrong with the peer's certificate; "": nothing. */
    int verify_error;
    char verify_text[TLS_TEXT];
};

extern const struct stream_kind tls_kind;
extern const struct stream_kind tls_kernel_kind; /* the kernel sends */

static inline bool tls_is(const struct rota_stream *s)
{
    return s->kind == &tls_kind || s->kind == &tls_kernel_kind;
}

/* -------------------------------------------------------------- contexts */

/* Makes an SSL_CTX; on a pool thread, for files are read. 0, or an error with
 * the sentence in `text`. */
int tls_load(rota_tls_context *context, SSL_CTX **out, char text[TLS_TEXT]);

/* The SSL_CTX as it is now, owned. */
SSL_CTX *tls_context_now(rota_tls_context *context);

/* Has the server choose by the client's first words. */
void tls_hello_init(SSL_CTX *ssl, rota_tls_context *context);

/* Has the client keep sessions. */
void tls_session_init(SSL_CTX *ssl);
/* Resumes one of those with the host, if there is any. */
void tls_session_use(struct tls *t);
/* Forgets all; under the lock, or by the last who knows the context. */
void tls_session_clear(rota_tls_context *context);

/* ----------------------------------------------------------- connections */

/* OpenSSL's calls of those names. */
int tls_call_handshake(struct tls *t);
int tls_call_read(struct tls *t, void *data, int size);
int tls_call_peek(struct tls *t, void *data, int size);
int tls_call_write(struct tls *t, const void *data, int size);
int tls_call_shutdown(struct tls *t);

/* A BIO of a connection; NULL: no memory. What is written to it is always
 * taken. */
BIO *tls_bio_new(struct tls *t);

/* Sends of what is in `out` what goes at once: 0: that was all; -EAGAIN; or
 * the error, as ever after. */
int tls_send_some(struct tls *t);
/* The same, and waits until it was all. */
int tls_send_out(struct tls *t, struct io_call *c);

/* What kinds of TLS streams share. */
int tls_receive(struct rota_stream *s, struct io_call *c, void *data,
                size_t size);
int tls_wait(struct rota_stream *s, struct io_call *c);
int tls_shutdown(struct rota_stream *s);
void tls_close(struct rota_stream *s, struct rota_task *task);
bool tls_has_said_end(const struct tls *t);

/* OpenSSL's callback for each certificate: notes what is wrong. */
int tls_verify(int ok, X509_STORE_CTX *store);

/*
 * After a call of OpenSSL's that returned `n` <= 0: waits for more to arrive,
 * and then it can be made again: 0; or the error, with the task's text set
 * when it is one of TLS. The end that the peer has announced is -ENODATA.
 */
int tls_await(struct tls *t, struct io_call *c, int n);

/* Waits for more to arrive, now that OpenSSL wants to read: 0, perhaps too
 * early, or an error. */
int tls_await_more(struct tls *t, struct io_call *c);

/* Offers the kernel the connection, if the context wants it to: 0 or -ENOMEM.
 * After the handshake, settles what it does: true: it sends. */
int tls_kernel_offer(struct tls *t);
bool tls_kernel_settle(struct tls *t);
bool tls_kernel_sends(const struct tls *t);
bool tls_kernel_receives(const struct tls *t);

/* Then: receives a record as OpenSSL wants to see it; sends a record that is
 * no data, whole. The bytes; -EAGAIN; or an error. */
int tls_kernel_receive(struct tls *t, char *data, int size);
int tls_kernel_tell(struct tls *t, const char *data, int size);

/* Is it an answer that the kernel's keys do not allow? Then it is not sent. */
bool tls_kernel_withholds(struct tls *t);

/* Waits until what was sent outlives a close: 0 or an error. */
int tls_kernel_await(struct tls *t, struct io_call *c);

/* Frees it; the descriptor stays. */
void tls_free(struct tls *t);

/* ---------------------------------------------------------------- errors */

/* The code of what OpenSSL failed by last in `t`; the text is set. */
int tls_error(struct tls *t);

/* The same of loading: a file, which `what` is ("the certificates"). */
int tls_file_error(const char *what, const char *path, char text[TLS_TEXT]);

#endif
