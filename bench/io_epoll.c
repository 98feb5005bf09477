/*
 * bench/io, the bare loop on epoll: what an echo costs when nothing but the
 * system calls is there. Edge-triggered with one registration, one recv and
 * one send for each message, one buffer for all.
 *
 *     io_epoll tcp PORT | udp PORT | tls PORT CERT KEY | small DIRECTORY COUNT | large FILE
 *
 * Files are read with open, read and close, one after the other: epoll has no
 * better way, and nothing waits for a disk here.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bare.h"
#include "io.h"
#ifdef IO_TLS_HERE
#include "io_tls.h"
#endif

enum { EVENTS = 512 };

struct conn {
    int fd;
    size_t owed; /* bytes of `rest` still to be sent */
    char *rest;
};

static char input[IO_BUFFER];
static int epoll;

static void conn_free(struct conn *c)
{
    close(c->fd);
    free(c->rest);
    free(c);
}

/* What does not fit is kept; nothing is read until it is gone. */
static int keep(struct conn *c, const char *data, size_t size)
{
    char *rest = malloc(size);
    if (!rest)
        return -1;
    memcpy(rest, data, size);
    free(c->rest);
    c->rest = rest;
    c->owed = size;
    return 0;
}

/* Sends all of it, or keeps the rest. -1: it broke. */
static int answer(struct conn *c, const char *data, size_t size)
{
    ssize_t n = send(c->fd, data, size, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
        return -1;
    size_t sent = n < 0 ? 0 : (size_t)n;
    c->owed = 0;
    return sent == size ? 0 : keep(c, data + sent, size - sent);
}

static int serve(struct conn *c)
{
    if (c->owed > 0 && answer(c, c->rest, c->owed) < 0)
        return -1;
    while (c->owed == 0) {
        ssize_t n = recv(c->fd, input, sizeof input, 0);
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n <= 0 || answer(c, input, (size_t)n) < 0)
            return -1;
        /* A short read has emptied it; the end comes with an edge. */
        if ((size_t)n < sizeof input)
            return 0;
    }
    return 0;
}

static void accept_all(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct conn *c = calloc(1, sizeof *c);
        struct epoll_event ev = { .events =
                                      EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                  .data.ptr = c };
        if (!c)
            bare_die("accept", ENOMEM);
        c->fd = fd;
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
            conn_free(c);
    }
}

static void on_event(const struct epoll_event *ev, int listener)
{
    struct conn *c = ev->data.ptr;
    if (!c) {
        accept_all(listener);
        return;
    }
    int rc = serve(c);
    if (rc == 0 && ev->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        rc = serve(c); /* what the short read did not tell */
    if (rc < 0)
        conn_free(c);
}

static void tcp(long port)
{
    int listener = bare_listen(port);
    struct epoll_event events[EVENTS], ev = { .events = EPOLLIN | EPOLLET };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev) < 0)
        bare_die("epoll", errno);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++)
            on_event(&events[i], listener);
    }
}

static void udp(long port)
{
    int fd = io_udp(port);
    struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
        bare_die("epoll", errno);
    for (;;) {
        struct sockaddr_storage from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(fd, input, sizeof input, 0,
                             (struct sockaddr *)&from, &len);
        if (n < 0 && errno == EAGAIN)
            epoll_wait(epoll, &ev, 1, -1);
        else if (n >= 0)
            sendto(fd, input, (size_t)n, 0, (struct sockaddr *)&from, len);
    }
}

#ifdef IO_TLS_HERE
/* Level-triggered; what cannot be written at once is waited for, which with
 * clients that read does not happen. */
static int tls_serve(SSL *ssl)
{
    int n = SSL_is_init_finished(ssl) ? 1 : SSL_do_handshake(ssl);
    while (n > 0) {
        n = SSL_read(ssl, input, sizeof input);
        for (int rc = 0; n > 0 && rc <= 0;) {
            rc = SSL_write(ssl, input, n);
            struct pollfd p = { .fd = SSL_get_fd(ssl), .events = POLLOUT };
            if (rc <= 0 && SSL_get_error(ssl, rc) != SSL_ERROR_WANT_WRITE)
                return -1;
            if (rc <= 0)
                poll(&p, 1, -1);
        }
    }
    return SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ ? 0 : -1;
}

static void tls_accept_all(int listener, SSL_CTX *context)
{
    const int on = 1;
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        SSL *ssl = SSL_new(context);
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = ssl };
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (!ssl || SSL_set_fd(ssl, fd) != 1 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
            io_tls_die("accept");
        SSL_set_accept_state(ssl);
    }
}

static void tls_end(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);
    ERR_clear_error();
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

static void tls(const struct io_args *args)
{
    SSL_CTX *context = io_tls_context(args);
    int listener = bare_listen(args->port);
    struct epoll_event events[EVENTS], ev = { .events = EPOLLIN };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev) < 0)
        bare_die("epoll", errno);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            SSL *ssl = events[i].data.ptr;
            if (!ssl)
                tls_accept_all(listener, context);
            else if (tls_serve(ssl) < 0)
                tls_end(ssl);
        }
    }
}
#endif

static void small(const struct io_args *args)
{
    char path[4096];
    double from = io_cpu();
    for (long i = 0; i < args->count; i++) {
        io_small_path(args, i, path, sizeof path);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, input, sizeof input) != IO_SMALL)
            bare_die(path, errno);
        close(fd);
    }
    io_told(from, (double)args->count);
}

static void large(const struct io_args *args)
{
    int fd = open(args->path, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    double from = io_cpu(), total = 0;
    while ((n = read(fd, input, sizeof input)) > 0)
        total += (double)n;
    if (n < 0)
        bare_die(args->path, errno);
    io_told(from, total / IO_MIB);
}

int main(int argc, char **argv)
{
    struct io_args args = io_arguments(argc, argv);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    switch (args.mode) {
    case IO_TCP: tcp(args.port); break;
    case IO_UDP: udp(args.port); break;
#ifdef IO_TLS_HERE
    case IO_TLS: tls(&args); break;
#endif
    case IO_SMALL_FILES: small(&args); break;
    case IO_LARGE_FILE: large(&args); break;
    default: io_usage(argv[0]);
    }
    return 0;
}
