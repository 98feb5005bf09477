/*
 * What both backends do alike although the kernel's parts below them do not:
 * a ring's poll and epoll differ in what they tell unasked, and in what they
 * keep to themselves. Each test here is of a difference that was found.
 */
#include "pair.h"

#include <poll.h>

#include "loop/loop.h"
#include "task/task.h"

enum { BIG = 8 << 20 };
static char big[BIG];

/* A TCP connection whose peer writes no more, and without room to write to it:
 * *peer is the other end. */
static int full_socket(int *peer)
{
    struct pair p = tcp_pair();
    int fd = fcntl(rota_stream_fd(p.s), F_DUPFD_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_INT(shutdown(p.peer, SHUT_WR), 0);
    struct pollfd room = { fd, POLLOUT, 0 };
    do
        while (send(fd, big, 65536, MSG_DONTWAIT) > 0)
            ;
    while (poll(&room, 1, 20) > 0);
    rota_stream_close(p.s);
    *peer = p.peer;
    return fd;
}

static void drain(int peer)
{
    char data[65536];
    while (rota_wait_fd(peer, POLLIN) > 0 &&
           recv(peer, data, sizeof data, MSG_DONTWAIT) > 0)
        ;
}

ROTA_ASYNC(drain_all, (int, peer))
{
    drain(peer);
    return 0;
}

ROTA_ASYNC(wait_room, (int, fd))
{
    return rota_wait_fd(fd, POLLOUT);
}

ROTA_ASYNC(write_big, (int, fd))
{
    return (int)rota_write(fd, big, BIG);
}

ROTA_ASYNC(write_vectors, (int, fd))
{
    struct iovec v[2] = { { big, 1 }, { big + 1, BIG - 1 } };
    return (int)rota_writev(fd, v, 2);
}

ROTA_ASYNC(send_file, (int, fd))
{
    FILE *f = tmpfile();
    CHECK(f);
    write_fully(fileno(f), big, BIG);
    ssize_t n = rota_sendfile(fd, fileno(f), 0, BIG);
    fclose(f);
    return (int)n;
}

/* The turns that the loop makes while `t` waits. */
static uint64_t turns_in(rota_task *t)
{
    struct loop *l = task_loop(task_current());
    CHECK_INT(rota_sleep(rota_ms(50)), 0);
    uint64_t before = l->turns;
    CHECK_INT(rota_sleep(rota_ms(50)), 0);
    CHECK(!rota_task_done(t));
    return l->turns - before;
}

static int waits_for_room(void *arg)
{
    (void)arg;
    for (int way = 0; way < 4; way++) {
        int peer, fd = full_socket(&peer);
        rota_task *t = way == 0   ? rota_create_task(wait_room, fd)
                       : way == 1 ? rota_create_task(write_big, fd)
                       : way == 2 ? rota_create_task(write_vectors, fd)
                                  : rota_create_task(send_file, fd);
        CHECK(turns_in(t) < 100);
        rota_task *reads = rota_create_task(drain_all, peer);
        CHECK_INT(rota_await(t), way ? BIG : POLLOUT);
        CHECK_INT(rota_close(fd), 0);
        CHECK_INT(rota_await(reads), 0);
        CHECK_INT(rota_close(peer), 0);
    }
    return 0;
}

TEST("who waits for room to write to one that writes no more, waits idly")
{
    test_needs_kernel();
    run_clean(waits_for_room);
}

static int cancels_waits(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        int peer, fd = full_socket(&peer), rc = 0;
        rota_task *t = i % 2 ? rota_create_task(wait_room, fd)
                             : rota_create_task(write_big, fd);
        if (i % 4 < 2)
            CHECK_INT(rota_sleep(rota_ms(1)), 0);
        if (i % 8 < 4)
            CHECK(recv(peer, big, 65536, 0) > 0);
        rota_task_cancel(t, "test");
        rc = rota_await(t);
        CHECK(rc == -ROTA_ECHILD || rc > 0);
        CHECK_INT(rota_close(fd), 0);
        CHECK_INT(rota_close(peer), 0);
    }
    return 0;
}

TEST("such a wait is cancelled like any other")
{
    test_needs_kernel();
    run_clean(cancels_waits);
}

ROTA_ASYNC(wait_fd, (int, fd), (short, events))
{
    return rota_wait_fd(fd, events);
}

static int waits_for_asked(void *arg)
{
    (void)arg;
    struct pair p = tcp_pair();
    int fd = rota_stream_fd(p.s);
    char data[8];
    rota_task *t = rota_create_task(wait_fd, fd, POLLPRI);
    settle();
    write_fully(p.peer, "data", 4);
    settle();
    CHECK(!rota_task_done(t));
    CHECK_INT(send(p.peer, "!", 1, MSG_OOB), 1);
    CHECK_INT(rota_await(t), POLLPRI);
    CHECK_INT(recv(fd, data, 1, MSG_OOB), 1);
    CHECK_INT(recv(fd, data, sizeof data, 0), 4);
    t = rota_create_task(wait_fd, fd, POLLPRI);
    settle();
    CHECK_INT(shutdown(p.peer, SHUT_WR), 0);
    settle();
    CHECK(!rota_task_done(t));
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rota_wait_fd(fd, POLLIN), POLLIN);
    CHECK_INT(rota_wait_fd(fd, POLLRDHUP), POLLRDHUP);
    pair_close(&p);
    return 0;
}

TEST("rota_wait_fd tells what was asked for, and is not ended by anything else")
{
    test_needs_kernel();
    run_clean(waits_for_asked);
}

static int waits_for_never(void *arg)
{
    (void)arg;
    int fd = open("/", O_RDONLY | O_CLOEXEC);
    CHECK_INT(rota_wait_fd(fd, POLLIN), POLLIN);
    CHECK_INT(rota_wait_fd(fd, POLLRDHUP), -EINVAL);
    CHECK_INT(rota_wait_fd(fd, 0), -EINVAL);
    CHECK_INT(rota_close(fd), 0);
    return 0;
}

TEST("what can never come to a file on disk is not waited for")
{
    test_needs_kernel();
    run_clean(waits_for_never);
}

static int finds_errors(void *arg)
{
    (void)arg;
    struct pair p = unix_pair();
    int fd = rota_stream_fd(p.s), rc = 0, pipes[2];
    char data[8];
    ROTA_TIMEOUT (rota_ms(1), rc) {
        while (rc >= 0)
            rc = (int)rota_write(fd, big, BIG) < BIG ? rota_checkpoint() : 0;
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(shutdown(p.peer, SHUT_RD), 0);
    CHECK_INT(rota_write(fd, "x", 1), -EPIPE);
    pair_close(&p);
    /* Empty to a read, and no socket to be received from. */
    CHECK_INT(pipe2(pipes, O_CLOEXEC), 0);
    ROTA_TIMEOUT (rota_ms(1), rc) {
        rc = (int)rota_read(pipes[0], data, sizeof data);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(rota_recvfrom(pipes[0], data, sizeof data, NULL), -ENOTSOCK);
    CHECK_INT(rota_close(pipes[0]), 0);
    CHECK_INT(rota_close(pipes[1]), 0);
    return 0;
}

TEST("an error is found although the call before had to wait")
{
    test_needs_kernel();
    run_clean(finds_errors);
}

static int connects_anew(void *arg)
{
    (void)arg;
    int listener = rota_listen("127.0.0.1", 0, NULL);
    struct sockaddr_in to = loopback(port_of(listener));
    CHECK_INT(rota_close(listener), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const struct sockaddr *addr = (struct sockaddr *)&to;
    CHECK_INT(rota_connect(fd, addr, sizeof to), -ECONNREFUSED);
    CHECK_INT(rota_connect(fd, addr, sizeof to), -ECONNREFUSED);
    listener = rota_listen("127.0.0.1", ntohs(to.sin_port), NULL);
    CHECK(listener >= 0);
    CHECK_INT(rota_connect(fd, addr, sizeof to), 0);
    CHECK_INT(rota_connect(fd, addr, sizeof to), -EISCONN);
    CHECK_INT(rota_close(fd), 0);
    CHECK_INT(rota_close(listener), 0);
    return 0;
}

TEST("a socket that was refused may connect again")
{
    test_needs_kernel();
    run_clean(connects_anew);
}

static int keeps_messages(void *arg)
{
    (void)arg;
    static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET };
    for (int i = 0; i < 2; i++) {
        int ends[2];
        enum { LONG = 6000 }; /* more than a pipe takes at once */
        static char data[LONG + 1];
        struct iovec v[2] = { { big, 4 }, { big, 12 } };
        CHECK_INT(socketpair(AF_UNIX, types[i] | SOCK_CLOEXEC, 0, ends), 0);
        CHECK_INT(rota_writev(ends[0], v, 2), 16);
        CHECK_INT(rota_write(ends[0], big, LONG), LONG);
        CHECK_INT(rota_read(ends[1], data, sizeof data), 16);
        CHECK_INT(rota_read(ends[1], data, sizeof data), LONG);
        rota_task *t = rota_create_task(wait_fd, ends[1], POLLIN);
        settle();
        CHECK_INT(rota_write(ends[0], "late", 4), 4);
        CHECK_INT(rota_await(t), POLLIN);
        CHECK_INT(rota_readv(ends[1], (struct iovec[]){ { data, 8 } }, 1), 4);
        CHECK_INT(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
        CHECK_INT(rota_close(ends[0]), 0);
        CHECK_INT(rota_close(ends[1]), 0);
    }
    return 0;
}

/* PITFALL 25 */
TEST("messages to a socket that blocks stay whole, and keep nobody waiting")
{
    test_needs_kernel();
    run_clean(keeps_messages);
}
