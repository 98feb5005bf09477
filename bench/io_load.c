/*
 * The client of bench/io: sends a message on each of its connections and, when
 * all of it has come back, the next one. It counts what came back, and what
 * CPU time that cost the server, read from the server's clock at the begin and
 * the end of the measured time. One thread, one epoll; every byte is looked
 * at.
 *
 *     io_load --port N --pid PID [--udp 1] [--connections 64] [--size 64]
 *             [--warmup 0.1] [--seconds 0.5]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io_options.h"
#include "process.h"

enum {
    EVENTS = 256,
    NS = 1000000000,
    PATIENCE_MS = 5000, /* without any answer the server has failed */
    LOST_MS = 100,      /* ... and a datagram is lost */
};

struct conn {
    int fd;
    size_t sent, got; /* bytes of the message on its way */
};

static struct io_options options = {
    .connections = 64, .size = 64, .warmup = 0.1, .seconds = 0.5
};
static char *message, *input;
static struct conn *conns;
static int epoll;
static uint64_t answers, lost;

static void die(const char *what)
{
    fprintf(stderr, "io_load: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static void watch(struct conn *c, bool writing, int action)
{
    struct epoll_event ev = { .events = EPOLLIN | (writing ? EPOLLOUT : 0),
                              .data.ptr = c };
    if (epoll_ctl(epoll, action, c->fd, &ev) < 0)
        die("epoll_ctl");
}

static void send_rest(struct conn *c)
{
    bool waited = c->sent > 0;
    while (c->sent < (size_t)options.size) {
        ssize_t n =
            send(c->fd, message + c->sent, (size_t)options.size - c->sent,
                 MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            watch(c, true, EPOLL_CTL_MOD);
            return;
        }
        if (n < 0)
            die("send");
        c->sent += (size_t)n;
    }
    if (waited)
        watch(c, false, EPOLL_CTL_MOD);
}

static void begin(struct conn *c)
{
    c->sent = c->got = 0;
    send_rest(c);
}

static void receive(struct conn *c)
{
    ssize_t n = recv(c->fd, input, (size_t)options.size - c->got, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        die("recv");
    if (memcmp(input, message + c->got, (size_t)n) != 0) {
        errno = EBADMSG;
        die("other bytes came back");
    }
    c->got += (size_t)n;
    if (c->got < (size_t)options.size)
        return;
    answers++;
    begin(c);
}

/* Nothing came for a while: datagrams may be lost, a stream's bytes may not. */
static void nothing_came(void)
{
    errno = ETIMEDOUT;
    if (!options.udp)
        die("no answer");
    lost += (uint64_t)options.connections;
    for (long i = 0; i < options.connections; i++)
        begin(&conns[i]);
}

static void run_until(uint64_t end)
{
    struct epoll_event events[EVENTS];
    while (now() < end) {
        int n = epoll_wait(epoll, events, EVENTS,
                           options.udp ? LOST_MS : PATIENCE_MS);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        if (n == 0)
            nothing_came();
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                send_rest(c);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                receive(c);
        }
    }
}

static void open_conn(struct conn *c)
{
    const int on = 1;
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)options.port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    c->fd = socket(AF_INET, options.udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&at, sizeof at) < 0)
        die("connect");
    if (!options.udp)
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(c, false, EPOLL_CTL_ADD);
}

static void prepare(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    message = malloc((size_t)options.size);
    input = malloc((size_t)options.size);
    conns = calloc((size_t)options.connections, sizeof *conns);
    if (epoll < 0 || !message || !input || !conns)
        die("begin");
    for (long i = 0; i < options.size; i++)
        message[i] = (char)(i * 31 + i / 251);
    for (long i = 0; i < options.connections; i++)
        open_conn(&conns[i]);
    for (long i = 0; i < options.connections; i++)
        begin(&conns[i]);
}

static void measure(void)
{
    struct process before, after;
    uint64_t started = now();
    run_until(started + (uint64_t)(options.warmup * NS));
    uint64_t from = now();
    if (process_read((pid_t)options.pid, &before) < 0)
        die("server");
    answers = lost = 0;
    run_until(from + (uint64_t)(options.seconds * NS));
    if (process_read((pid_t)options.pid, &after) < 0)
        die("server");
    printf("answers=%llu\nlost=%llu\ncpu_ns=%lld\nwall_ns=%llu\n",
           (unsigned long long)answers, (unsigned long long)lost,
           (long long)(after.cpu_ns - before.cpu_ns),
           (unsigned long long)(now() - from));
}

int main(int argc, char **argv)
{
    io_options_read(&options, argc, argv);
    prepare();
    measure();
    return 0;
}
