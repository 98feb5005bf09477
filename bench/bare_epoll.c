/*
 * The bare loop on epoll: edge-triggered with one registration for the life of
 * a connection, one recv and one send for all that came of it, and no further
 * call unless the kernel said there is more.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bare.h"

enum {
    EVENTS = 512,
    INPUT_BYTES = 64 * 1024,
    SLACK_BYTES = 32 /* bare_count reads past the end */
};

struct conn {
    int fd;
    char carry[BARE_CARRY]; /* the last bytes of the read before */
    size_t owed;            /* bytes of answers not yet written */
};

static struct bare_answer answer;

static void conn_free(struct conn *conn)
{
    close(conn->fd);
    free(conn);
}

/* Writes what is owed, as far as it goes. Returns false if it broke. */
static bool conn_write(struct conn *conn)
{
    while (conn->owed) {
        /* The rest of the answer that was begun, then whole ones. */
        size_t begun = conn->owed % answer.len;
        size_t skip = begun ? answer.len - begun : 0;
        size_t len = conn->owed;
        if (len > BARE_BATCH * answer.len - skip)
            len = BARE_BATCH * answer.len - skip;
        ssize_t n = send(conn->fd, answer.bytes + skip, len, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN;
        conn->owed -= (size_t)n;
    }
    return true;
}

/* Reads once. Returns 1 if there may be more, 0 if not, -1 if it ended. */
static int conn_read(struct conn *conn, char *input)
{
    memcpy(input, conn->carry, BARE_CARRY);
    ssize_t n = recv(conn->fd, input + BARE_CARRY, INPUT_BYTES, 0);
    if (n <= 0)
        return n < 0 && errno == EAGAIN ? 0 : -1;
    memcpy(conn->carry, input + n, BARE_CARRY);
    conn->owed += bare_count(input, BARE_CARRY + (size_t)n) * answer.len;
    return n == INPUT_BYTES;
}

static void conn_event(struct conn *conn, uint32_t events, char *input)
{
    /* A short read has emptied the socket, but not told of its end. */
    bool ending = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    int more = events & EPOLLIN || ending;

    while (more == 1) {
        more = conn_read(conn, input);
        if (ending && more == 0)
            more = conn_read(conn, input) < 0 ? -1 : 0;
    }
    if (more < 0 || !conn_write(conn))
        conn_free(conn);
}

static void accept_all(int epoll, int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct conn *conn = calloc(1, sizeof(*conn));
        struct epoll_event ev = { .events =
                                      EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                  .data.ptr = conn };
        if (!conn) {
            close(fd);
            continue;
        }
        conn->fd = fd;
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
            conn_free(conn);
    }
}

int main(int argc, char **argv)
{
    static char input[BARE_CARRY + INPUT_BYTES + SLACK_BYTES];
    struct epoll_event events[EVENTS];
    int listener = bare_start(argc, argv, &answer);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = { .events = EPOLLIN | EPOLLET };

    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev) < 0)
        bare_die("epoll", errno);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                conn_event(events[i].data.ptr, events[i].events, input);
            else
                accept_all(epoll, listener);
        }
    }
}
