/*
 * A connection's life: connect, then batches of requests out and responses in,
 * until it is done or has failed too often. Nothing here blocks but the one
 * epoll_pwait2, and that has a deadline; so the client always ends in time.
 */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backlog.h"

enum {
    INPUT_BYTES = 256 * 1024,
    KNOWN_BYTES = 16 * 1024,
    EVENTS = 256,
    /* More at once would only crowd the server's accept queue. */
    CONNECTING_MAX = 128,
    /* connect(2) turns quadratic past about 14 000 ports of one address. */
    CONNECTIONS_PER_ADDRESS = 4000,
    /* A connection that fails this often in a row is given up. */
    STRIKES_MAX = 3,
    OPEN_RETRY_NS = 1000 * 1000,
    SAMPLE_NS = 10 * 1000 * 1000
};

enum conn_state {
    CONN_NEW,
    CONN_CONNECTING,
    CONN_IDLE, /* between two batches, waiting for its turn by the rate */
    CONN_BUSY, /* a batch is on its way */
    CONN_OVER  /* done or given up; with `hold` still connected */
};

struct conn {
    enum conn_state state;
    int fd;
    unsigned waiting; /* responses of this batch still to come */
    unsigned strikes; /* failures in a row */
    size_t unsent;    /* bytes of the batch that did not fit yet */
    bool closing;     /* the server said that it will close */
    uint64_t since;   /* when the batch was sent, or was due to be */
    uint64_t number;  /* with a rate: the batch it sends next */
    struct response response;
    char *rest; /* the start of something whose end has not come */
    size_t rest_len;
};

uint64_t client_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void conn_close(struct client *c, struct conn *conn)
{
    if (conn->state == CONN_CONNECTING)
        c->connecting--;
    if (conn->fd >= 0)
        close(conn->fd);
    free(conn->rest);
    conn->rest = NULL;
    conn->rest_len = 0;
    conn->unsent = 0;
    conn->closing = false;
    conn->fd = -1;
    conn->state = CONN_NEW;
}

static void conn_over(struct client *c, struct conn *conn)
{
    if (!c->plan.hold || conn->waiting)
        conn_close(c, conn);
    conn->state = CONN_OVER;
    c->alive--;
    c->last_at = c->now;
}

static int conn_connect(struct client *c, struct conn *conn);

/* Requests without an answer have failed by `count`'s reason. The connection
 * is made anew, unless it had one try only or fails again and again. */
static void conn_fail(struct client *c, struct conn *conn, uint64_t *count)
{
    *count += conn->waiting ? conn->waiting : 1;
    conn_close(c, conn);
    conn->waiting = 0;
    conn->strikes++;
    while (!c->plan.once && conn->strikes < STRIKES_MAX) {
        if (conn_connect(c, conn) == 0)
            return;
        c->failed.connect++;
        conn->strikes++;
    }
    conn_over(c, conn);
}

static struct sockaddr_in loopback(unsigned host, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = { htonl(host) },
    };
}

/* Binds to 127.0.1.x, so that many connections do not share one address. The
 * port is left to connect(2), which then needs no lock on the bind table. */
static int source_bind(int fd, unsigned index)
{
    const int on = 1;
    const unsigned first = 0x7f000101; /* 127.0.1.1 */
    struct sockaddr_in from =
        loopback(first + index / CONNECTIONS_PER_ADDRESS, 0);
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) <
        0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
        return -errno;
    return 0;
}

static int conn_start(struct client *c, struct conn *conn)
{
    const int on = 1;
    struct sockaddr_in to = loopback(INADDR_LOOPBACK, c->plan.port);
    struct epoll_event ev = { .events =
                                  EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                              .data.ptr = conn };

    int rc = source_bind(conn->fd, (unsigned)(conn - c->conns));
    if (rc < 0)
        return rc;
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(conn->fd, (struct sockaddr *)&to, sizeof(to)) < 0 &&
        errno != EINPROGRESS)
        return -errno;
    if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, conn->fd, &ev) < 0)
        return -errno;
    return 0;
}

/* Begins to connect; EPOLLOUT tells how it went. */
static int conn_connect(struct client *c, struct conn *conn)
{
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0)
        return -errno;
    int rc = conn_start(c, conn);
    if (rc < 0) {
        conn_close(c, conn);
        return rc;
    }
    conn->state = CONN_CONNECTING;
    conn->since = c->now;
    c->connecting++;
    return 0;
}

static int conn_flush(struct client *c, struct conn *conn)
{
    while (conn->unsent) {
        const char *from = c->batch + (c->batch_len - conn->unsent);
        ssize_t n = send(conn->fd, from, conn->unsent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        conn->unsent -= (size_t)n;
    }
    return 0;
}

/* Sends the next batch. Its time counts from `since`. */
static void conn_send(struct client *c, struct conn *conn, uint64_t since)
{
    conn->state = CONN_BUSY;
    conn->since = since;
    conn->waiting = c->plan.pipeline;
    conn->unsent = c->batch_len;
    response_init(&conn->response);
    if (conn_flush(c, conn) < 0)
        conn_fail(c, conn, &c->failed.broken);
}

/* When batch `number` is due: they follow one another at the wanted rate. */
static uint64_t batch_due(const struct client *c, uint64_t number)
{
    double gap = 1e9 * c->plan.pipeline / c->plan.rate;
    return c->schedule_at + (uint64_t)(gap * (double)number);
}

/* The connection is free. With a rate, batch k belongs to connection k mod n:
 * where the server falls behind, batches wait for their connection, and their
 * time counts from when they were due (no coordinated omission). */
static void conn_next(struct client *c, struct conn *conn)
{
    if (c->plan.rate == 0) {
        conn_send(c, conn, c->now);
        return;
    }
    uint64_t due = batch_due(c, conn->number);
    conn->state = CONN_IDLE;
    if (due > c->now)
        return;
    conn->number += c->plan.connections;
    conn_send(c, conn, due);
}

/* Established. In a burst, a response's time begins with the connect. */
static void conn_established(struct client *c, struct conn *conn)
{
    int error = 0;
    socklen_t len = sizeof(error);
    getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error) {
        conn_fail(c, conn, &c->failed.connect);
        return;
    }
    c->connecting--;
    if (c->plan.once)
        conn_send(c, conn, conn->since);
    else
        conn_next(c, conn);
}

static bool answer_good(const struct client *c, const struct response *r)
{
    return r->status == c->plan.status &&
           (c->plan.body_bytes < 0 || r->body == (uint64_t)c->plan.body_bytes);
}

/* A whole response came in; good says whether it is the expected one. */
static void conn_answered(struct client *c, struct conn *conn, bool good)
{
    conn->waiting--;
    response_init(&conn->response);
    if (!good) {
        c->failed.answer++;
        return;
    }
    conn->strikes = 0;
    c->completed++;
    c->last_at = c->now;
    histogram_add(&c->latency, c->now - conn->since);
}

/* Keeps a response that was checked as the pattern for those to come. */
static void known_set(struct client *c, const char *bytes, size_t len)
{
    c->known_len = 0;
    if (len > KNOWN_BYTES)
        return;
    memcpy(c->known, bytes, len);
    c->known_len = len;
}

/* Puts what was not taken aside, to stand before the next read's bytes. */
static int conn_keep(struct conn *conn, const char *data, size_t len)
{
    free(conn->rest);
    conn->rest = NULL;
    conn->rest_len = len;
    if (len == 0)
        return 0;
    conn->rest = malloc(len);
    if (!conn->rest)
        return -ENOMEM;
    memcpy(conn->rest, data, len);
    return 0;
}

/* Checks one response in full, or as much of it as came. Returns the bytes
 * taken or a negative errno. */
static ssize_t conn_check(struct client *c, struct conn *conn, const char *data,
                          size_t len)
{
    struct response *r = &conn->response;
    bool fresh = r->part == RESPONSE_HEAD;
    ssize_t n = response_feed(r, data, len);

    if (n < 0 || r->part != RESPONSE_DONE)
        return n;
    if (conn->waiting == 1 && (size_t)n < len)
        return -EBADMSG; /* bytes that nobody asked for */
    bool good = answer_good(c, r);
    if (good && fresh && !r->closes)
        known_set(c, data, (size_t)n);
    conn->closing = r->closes;
    conn_answered(c, conn, good);
    return conn->closing && conn->waiting ? -ECONNRESET : n;
}

static bool is_known(const struct client *c, const struct conn *conn,
                     const char *data, size_t len)
{
    return c->known_len && conn->response.part == RESPONSE_HEAD &&
           (conn->waiting > 1 ? len >= c->known_len : len == c->known_len) &&
           memcmp(data, c->known, c->known_len) == 0;
}

/* Checks the bytes c->input[0..len). */
static int conn_input(struct client *c, struct conn *conn, size_t len)
{
    size_t at = 0;
    while (at < len && conn->waiting) {
        ssize_t n = (ssize_t)c->known_len;
        if (is_known(c, conn, c->input + at, len - at))
            conn_answered(c, conn, true);
        else
            n = conn_check(c, conn, c->input + at, len - at);
        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        at += (size_t)n;
    }
    if (len - at > RESPONSE_LINE_MAX || (len > at && conn->waiting == 0))
        return -EBADMSG;
    if (len > at || conn->rest)
        return conn_keep(conn, c->input + at, len - at);
    return 0;
}

static void conn_again(struct client *c, struct conn *conn)
{
    c->reconnects++;
    conn_close(c, conn);
    if (conn_connect(c, conn) < 0)
        conn_fail(c, conn, &c->failed.connect);
}

static void conn_batch_done(struct client *c, struct conn *conn)
{
    if (c->plan.once)
        conn_over(c, conn);
    else if (conn->closing)
        conn_again(c, conn);
    else
        conn_next(c, conn);
}

/* The server closed the connection, or it broke. */
static void conn_ended(struct client *c, struct conn *conn)
{
    if (conn->waiting == 1 && response_end(&conn->response))
        conn_answered(c, conn, answer_good(c, &conn->response));
    if (conn->waiting)
        conn_fail(c, conn, &c->failed.broken);
    else if (c->plan.once)
        conn_over(c, conn);
    else
        conn_again(c, conn);
}

/* Reads what has come. Returns true if there may be more to read. */
static bool conn_read(struct client *c, struct conn *conn, bool ending)
{
    size_t room = INPUT_BYTES - conn->rest_len;
    if (conn->rest_len)
        memcpy(c->input, conn->rest, conn->rest_len);
    ssize_t n = recv(conn->fd, c->input + conn->rest_len, room, 0);
    if (n < 0 && errno == EAGAIN)
        return false;
    c->now = client_clock();
    if (n <= 0) {
        conn_ended(c, conn);
        return false;
    }
    if (conn_input(c, conn, conn->rest_len + (size_t)n) < 0) {
        conn_fail(c, conn, &c->failed.broken);
        return false;
    }
    if (conn->waiting == 0) {
        conn_batch_done(c, conn);
        return false;
    }
    /* Edge-triggered: a short read has emptied the socket, but its end, if
     * that has come already, will not be told again. */
    return ending || (size_t)n == room;
}

/* A connection that is held open has nothing to say but its end. */
static void held_event(struct client *c, struct conn *conn, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        c->dropped++;
        close(conn->fd);
        conn->fd = -1;
    }
}

static void conn_event(struct client *c, struct conn *conn, uint32_t events)
{
    const uint32_t end = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

    if (conn->state == CONN_OVER) {
        held_event(c, conn, events);
        return;
    }
    if (conn->state == CONN_CONNECTING) {
        conn_established(c, conn);
        return;
    }
    if (conn->unsent && (events & EPOLLOUT) && conn_flush(c, conn) < 0) {
        conn_fail(c, conn, &c->failed.broken);
        return;
    }
    if (events & (EPOLLIN | end))
        while (conn_read(c, conn, events & end))
            ;
}

/* How many connections may be begun now. */
static unsigned open_room(const struct client *c)
{
    int room = CONNECTING_MAX;
    int free_places = backlog_room(c->diag, c->plan.port);
    if (free_places >= 0 && free_places < room)
        room = free_places;
    return c->connecting < (unsigned)room ? (unsigned)room - c->connecting : 0;
}

static void open_more(struct client *c)
{
    if (c->opened == c->plan.connections)
        return;
    for (unsigned room = open_room(c); room && c->opened < c->plan.connections;
         room--) {
        struct conn *conn = &c->conns[c->opened++];
        if (conn_connect(c, conn) < 0)
            conn_fail(c, conn, &c->failed.connect);
    }
}

static void send_due(struct client *c)
{
    while (batch_due(c, c->scheduled) <= c->now) {
        unsigned index = (unsigned)(c->scheduled++ % c->plan.connections);
        if (c->conns[index].state == CONN_IDLE)
            conn_next(c, &c->conns[index]);
    }
}

static void server_sample(struct client *c)
{
    struct process p;
    c->sample_at = c->now + SAMPLE_NS;
    if (process_read(c->plan.pid, &p) == 0 && p.threads > c->peak_threads)
        c->peak_threads = p.threads;
}

static struct timespec until_next(const struct client *c, uint64_t until)
{
    if (c->plan.pid && c->sample_at < until)
        until = c->sample_at;
    if (c->plan.rate != 0 && batch_due(c, c->scheduled) < until)
        until = batch_due(c, c->scheduled);
    /* The accept queue makes no event when it has room again. */
    if (c->opened < c->plan.connections && c->now + OPEN_RETRY_NS < until)
        until = c->now + OPEN_RETRY_NS;
    uint64_t ns = until > c->now ? until - c->now : 0;
    return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000),
                              .tv_nsec = (long)(ns % 1000000000) };
}

void client_turn(struct client *c, uint64_t until)
{
    struct epoll_event events[EVENTS];

    c->now = client_clock();
    open_more(c);
    if (c->plan.rate != 0)
        send_due(c);
    if (c->plan.pid && c->now >= c->sample_at)
        server_sample(c);
    struct timespec wait = until_next(c, until);
    int n = epoll_pwait2(c->epoll, events, EVENTS, &wait, NULL);
    c->now = client_clock();
    for (int i = 0; i < n; i++)
        conn_event(c, events[i].data.ptr, events[i].events);
}

void client_reset(struct client *c)
{
    c->completed = 0;
    c->reconnects = 0;
    c->failed = (struct failures){ 0 };
    histogram_init(&c->latency);
}

void client_count_stuck(struct client *c, uint64_t before)
{
    for (unsigned i = 0; i < c->plan.connections; i++) {
        struct conn *conn = &c->conns[i];
        if (conn->state != CONN_BUSY && conn->state != CONN_CONNECTING)
            continue;
        if (conn->since < before)
            c->failed.late += conn->waiting ? conn->waiting : 1;
    }
}

void client_give_up(struct client *c)
{
    for (unsigned i = 0; i < c->plan.connections; i++) {
        struct conn *conn = &c->conns[i];
        if (conn->state == CONN_OVER)
            continue;
        c->failed.late += conn->waiting ? conn->waiting : 1;
        conn->waiting = 0;
        conn_close(c, conn);
    }
}

/* The requests of one batch, as a browser would write them at the least. */
static int batch_init(struct client *c)
{
    char *one;
    int len = asprintf(&one, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
                       c->plan.path, c->plan.port);
    if (len < 0)
        return -ENOMEM;
    c->batch_len = (size_t)len * c->plan.pipeline;
    c->batch = malloc(c->batch_len);
    for (unsigned i = 0; c->batch && i < c->plan.pipeline; i++)
        memcpy(c->batch + (size_t)len * i, one, (size_t)len);
    free(one);
    return c->batch ? 0 : -ENOMEM;
}

int client_init(struct client *c, const struct plan *plan)
{
    *c = (struct client){ .plan = *plan, .alive = plan->connections };
    c->now = c->schedule_at = c->last_at = client_clock();
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (c->epoll < 0)
        return -errno;
    c->diag = backlog_open(); /* without it, there is no check for room */
    c->conns = calloc(plan->connections, sizeof(*c->conns));
    c->input = malloc(INPUT_BYTES);
    c->known = malloc(KNOWN_BYTES);
    if (!c->conns || !c->input || !c->known || batch_init(c) < 0) {
        client_fini(c);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < plan->connections; i++) {
        c->conns[i].fd = -1;
        c->conns[i].number = i;
    }
    return 0;
}

void client_fini(struct client *c)
{
    for (unsigned i = 0; c->conns && i < c->plan.connections; i++) {
        if (c->conns[i].fd > 0)
            close(c->conns[i].fd);
        free(c->conns[i].rest);
    }
    free(c->conns);
    free(c->input);
    free(c->known);
    free(c->batch);
    close(c->epoll);
    if (c->diag >= 0)
        close(c->diag);
}
