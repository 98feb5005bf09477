/*
 * Many clients on one epoll instance. Their answers are small: a few hundred
 * bytes, with a Content-Length.
 */
#include "crowd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

enum {
    PER_ADDRESS = 4000,
    ANSWER_MOST = 480,
    EVENTS = 256,
};

struct crowd_member {
    int fd;
    bool over;
    size_t len;
    char in[ANSWER_MOST + 1];
};

/* 127.0.1.1, 127.0.1.2, ...: one for every few thousand. */
static void bind_source(int fd, size_t member)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    int on = 1;
    a.sin_addr.s_addr = htonl(0x7f000101 + (uint32_t)(member / PER_ADDRESS));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    CHECK_INT(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
}

static void open_member(struct crowd *c, size_t i, int port, const char *text)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct crowd_member *m = &c->members[i];
    m->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (m->fd < 0)
        test_fail(TEST_AT, "client %zu: %s", i, strerror(errno));
    bind_source(m->fd, i);
    if (connect(m->fd, (struct sockaddr *)&a, sizeof a) < 0)
        test_fail(TEST_AT, "client %zu: %s", i, strerror(errno));
    CHECK_INT(send(m->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = m };
    CHECK_INT(epoll_ctl(c->epoll, EPOLL_CTL_ADD, m->fd, &e), 0);
}

void crowd_open(struct crowd *c, int port, size_t count, const char *path)
{
    char text[256];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    *c = (struct crowd){ .members = calloc(count, sizeof *c->members),
                         .count = count,
                         .epoll = epoll_create1(EPOLL_CLOEXEC) };
    CHECK(c->members != NULL && c->epoll >= 0);
    for (size_t i = 0; i < count; i++)
        open_member(c, i, port, text);
}

static bool whole(const struct crowd_member *m)
{
    const char *body = strstr(m->in, "\r\n\r\n");
    const char *length = strstr(m->in, "Content-Length: ");
    if (!body || !length)
        return false;
    size_t want = strtoul(length + strlen("Content-Length: "), NULL, 10);
    size_t got = m->len - (size_t)(body + 4 - m->in);
    CHECK(got <= want);
    return got == want;
}

static void take(struct crowd *c, struct crowd_member *m)
{
    ssize_t n = recv(m->fd, m->in + m->len, ANSWER_MOST - m->len, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    m->len += n > 0 ? (size_t)n : 0;
    m->in[m->len] = '\0';
    bool all = whole(m);
    m->over = n <= 0 || all;
    if (!m->over)
        return;
    if (all && strncmp(m->in, "HTTP/1.1 200 ", 13) == 0)
        c->answered++;
    else
        c->refused++;
    epoll_ctl(c->epoll, EPOLL_CTL_DEL, m->fd, NULL);
}

void crowd_turn(struct crowd *c, int milliseconds)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(c->epoll, events, EVENTS, milliseconds);
    for (int i = 0; i < n; i++)
        take(c, events[i].data.ptr);
}

bool crowd_done(const struct crowd *c)
{
    return c->answered + c->refused == c->count;
}

void crowd_wait(struct crowd *c)
{
    while (!crowd_done(c))
        crowd_turn(c, 1000);
}

void crowd_close(struct crowd *c)
{
    for (size_t i = 0; i < c->count; i++)
        close(c->members[i].fd);
    close(c->epoll);
    free(c->members);
}

bool crowd_allow(size_t descriptors)
{
    struct rlimit limit;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur >= descriptors)
        return true;
    if (limit.rlim_max < descriptors)
        return false;
    limit.rlim_cur = descriptors;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}
