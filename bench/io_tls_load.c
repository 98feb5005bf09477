/*
 * The client of bench/io for TLS: threads with a blocking connection each,
 * which either send a message and wait until it has come back, over and over,
 * or (--handshakes 1) connect, shake hands, send one byte there and back, and
 * begin anew. Counts as io_load does. Every handshake is a full one.
 *
 *     io_tls_load --port N --pid PID [--handshakes 1] [--connections 8]
 *                 [--size 16384] [--warmup 0.1] [--seconds 0.5]
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io_options.h"
#include "process.h"

enum { THREADS_MOST = 64, NS = 1000000000, SIZE_MOST = 1 << 20 };

static struct io_options options = {
    .connections = 8, .size = 16384, .warmup = 0.1, .seconds = 0.5
};
static SSL_CTX *context;
static atomic_ullong answers;
static atomic_bool over;
static char message[SIZE_MOST];

static void die(const char *what)
{
    fprintf(stderr, "io_tls_load: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(2);
}

static SSL *connected(void)
{
    const int on = 1;
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)options.port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL *ssl = SSL_new(context);
    if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
        die("handshake");
    return ssl;
}

static void closed(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

/* A message there and back. */
static void echo(SSL *ssl, int size)
{
    char got[SIZE_MOST / 16];
    if (SSL_write(ssl, message, size) != size)
        die("write");
    for (int at = 0; at < size;) {
        int most = size - at < (int)sizeof got ? size - at : (int)sizeof got;
        int n = SSL_read(ssl, got, most);
        if (n <= 0 || memcmp(got, message + at, (size_t)n) != 0)
            die("read");
        at += n;
    }
}

static void *shake_hands(void *unused)
{
    while (!atomic_load(&over)) {
        SSL *ssl = connected();
        echo(ssl, 1);
        closed(ssl);
        atomic_fetch_add(&answers, 1);
    }
    return unused;
}

static void *send_messages(void *unused)
{
    SSL *ssl = connected();
    while (!atomic_load(&over)) {
        echo(ssl, (int)options.size);
        atomic_fetch_add(&answers, 1);
    }
    closed(ssl);
    return unused;
}

static void pass(double seconds)
{
    struct timespec t = { (time_t)seconds,
                          (long)((seconds - (double)(time_t)seconds) * NS) };
    nanosleep(&t, NULL);
}

static void measure(void)
{
    struct process before, after;
    struct timespec from, to;
    pass(options.warmup);
    clock_gettime(CLOCK_MONOTONIC, &from);
    if (process_read((pid_t)options.pid, &before) < 0)
        die("server");
    atomic_store(&answers, 0);
    pass(options.seconds);
    unsigned long long count = atomic_load(&answers);
    if (process_read((pid_t)options.pid, &after) < 0)
        die("server");
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("answers=%llu\nlost=0\ncpu_ns=%lld\nwall_ns=%lld\n", count,
           (long long)(after.cpu_ns - before.cpu_ns),
           (long long)(to.tv_sec - from.tv_sec) * NS + to.tv_nsec -
               from.tv_nsec);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS_MOST];
    io_options_read(&options, argc, argv);
    if (options.connections > THREADS_MOST || options.size > SIZE_MOST)
        io_options_usage(argv[0]);
    context = SSL_CTX_new(TLS_client_method());
    /* One cipher for all: no server's taste is measured. */
    if (!context ||
        SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1)
        die("context");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    for (long i = 0; i < options.size; i++)
        message[i] = (char)(i * 31 + i / 251);
    for (long i = 0; i < options.connections; i++)
        if (pthread_create(&threads[i], NULL,
                           options.handshakes ? shake_hands : send_messages,
                           NULL) != 0)
            die("thread");
    measure();
    atomic_store(&over, true);
    for (long i = 0; i < options.connections; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
