/*
 * Cancellations and closes that meet completions, in great number: data and
 * descriptors are never lost, no number is ever mistaken for another file's.
 */
#include "pair.h"

#include <poll.h>

ROTA_ASYNC(exactly, (rota_stream *, s), (char *, data), (size_t, size))
{
    return rota_stream_readexactly(s, data, size, NULL);
}

static int cut_between(void *arg)
{
    (void)arg;
    for (int i = 0; i < 60; i++) {
        struct pair p = unix_pair();
        char got[8] = "";
        rota_task *t = rota_create_task(exactly, p.s, got, 8);
        for (int k = 0; k < i % 4; k++)
            CHECK_INT(rota_checkpoint(), 0);
        write_fully(p.peer, "1234", 4);
        for (int k = 0; k < i / 4 % 5; k++)
            CHECK_INT(rota_checkpoint(), 0);
        rota_task_cancel(t, "test");
        CHECK_INT(rota_await(t), -ROTA_ECHILD); /* no more will come */
        CHECK_INT(rota_stream_read(p.s, got, 8), 4);
        CHECK(memcmp(got, "1234", 4) == 0);
        pair_close(&p);
    }
    return 0;
}

/* PITFALL 32, STRM-07 */
TEST("a cancel just after a part has come ends the read all the same")
{
    run_clean(cut_between);
}

enum { ROUNDS = 100000 };

/* Both ends of a pipe, or of a pair of sockets. */
static void make_ends(int kind, int ends[2])
{
    if (kind == 0)
        CHECK_INT(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    else
        CHECK_INT(socketpair(AF_UNIX,
                             SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                             ends),
                  0);
}

static void pause_for(int turns)
{
    for (int i = 0; i < turns; i++)
        CHECK_INT(rota_checkpoint(), 0);
}

ROTA_ASYNC(read_fd, (int, fd), (char *, data), (size_t, size))
{
    return (int)rota_read(fd, data, size);
}

/* A reader meets data before or after the close, and the number is another
 * file's at once. */
static int closes(void *arg)
{
    (void)arg;
    int met[2] = { 0 };
    for (unsigned i = 0; i < ROUNDS; i++) {
        int old[2], fresh[2];
        char data[4] = "";
        make_ends(i & 1, old);
        rota_task *t = rota_create_task(read_fd, old[0], data, sizeof data);
        pause_for(1 + i / 2 % 3); /* at least, so that it has begun */
        if (i / 6 % 2)
            write_fully(old[1], "old", 3);
        pause_for(i / 12 % 2);
        CHECK_INT(rota_close(old[0]), 0);
        make_ends(i / 24 & 1, fresh);
        CHECK_INT(fresh[0], old[0]);
        write_fully(fresh[1], "new", 3);
        int rc = rota_await(t);
        if (rc == 3)
            CHECK(memcmp(data, "old", 3) == 0);
        else
            CHECK_INT(rc, -EBADF);
        met[rc == 3]++;
        CHECK_INT(rota_read(fresh[0], data, sizeof data), 3);
        CHECK(memcmp(data, "new", 3) == 0);
        CHECK_INT(rota_close(fresh[0]), 0);
        CHECK_INT(rota_close(fresh[1]), 0);
        CHECK_INT(rota_close(old[1]), 0);
    }
    CHECK(met[0] > 0 && met[1] > 0);
    return 0;
}

/* PITFALL 24, PITFALL 32 */
TEST_LIMITED("100000 closes meet a reader and its data, and a number in use",
             600)
{
    run_clean(closes);
}

/* A cancel before, with and after the completion: the byte is the reader's,
 * or is there for the next. */
static int cancels(void *arg)
{
    (void)arg;
    int met[2] = { 0 }, ends[2][2];
    make_ends(0, ends[0]);
    make_ends(1, ends[1]);
    for (unsigned i = 0; i < ROUNDS; i++) {
        int *e = ends[i & 1];
        char data[2] = "", mark = (char)('A' + i % 26);
        rota_task *t = rota_create_task(read_fd, e[0], data, 1);
        pause_for(i / 2 % 3);
        if (i / 18 % 2)
            rota_task_cancel(t, "before");
        write_fully(e[1], &mark, 1);
        pause_for(i / 6 % 3);
        rota_task_cancel(t, "after");
        int rc = rota_await(t);
        if (rc == -ROTA_ECHILD)
            CHECK_INT(rota_read(e[0], data, 1), 1);
        else
            CHECK_INT(rc, 1);
        CHECK_INT(data[0], mark);
        met[rc == 1]++;
    }
    CHECK(met[0] > 0 && met[1] > 0);
    for (int i = 0; i < 4; i++)
        CHECK_INT(rota_close(ends[i / 2][i % 2]), 0);
    return 0;
}

/* PITFALL 32 */
TEST_LIMITED("100000 cancels before, with and after a byte lose none", 600)
{
    run_clean(cancels);
}

ROTA_ASYNC(accept_fd, (int, listener))
{
    return rota_accept(listener, NULL, NULL);
}

/* Accepts and cancels that meet, over and over; no connection is lost. */
static int short_connections(void *arg)
{
    (void)arg;
    enum { CONNECTIONS = 20000 };
    int listener = rota_listen("127.0.0.1", 0, NULL);
    CHECK(listener >= 0);
    struct sockaddr_in to = loopback(port_of(listener));
    struct linger at_once = { .l_onoff = 1 };
    int files = open_files();
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        rota_task *t = rota_create_task(accept_fd, listener);
        pause_for(i % 3);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_INT(rota_connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        if (i % 7 == 0)
            rota_task_cancel(t, "test");
        int peer = rota_await(t);
        if (peer == -ROTA_ECHILD)
            peer = rota_accept(listener, NULL, NULL);
        CHECK(peer >= 0);
        char c = (char)i, got = 0;
        CHECK_INT(rota_write(fd, &c, 1), 1);
        CHECK_INT(rota_read(peer, &got, 1), 1);
        CHECK_INT(got, c);
        /* No number is to wait for its last packets. */
        CHECK_INT(
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
        CHECK_INT(rota_close(fd), 0);
        CHECK_INT(rota_close(peer), 0);
    }
    CHECK_INT(open_files(), files);
    CHECK_INT(rota_close(listener), 0);
    return 0;
}

/* PITFALL 24, PITFALL 27 */
TEST_LIMITED("short connections in a loop leak nothing, and none ends in error",
             600)
{
    run_clean(short_connections);
}

/* A file that lives on under a second number sends nothing to the first. */
static int lives_on(void *arg)
{
    (void)arg;
    for (int kind = 0; kind < 2; kind++) {
        int old[2], fresh[2];
        char data[4] = "";
        make_ends(kind, old);
        rota_task *t = rota_create_task(read_fd, old[0], data, sizeof data);
        settle();
        int second = fcntl(old[0], F_DUPFD_CLOEXEC, 0);
        CHECK(second >= 0);
        CHECK_INT(rota_close(old[0]), 0);
        CHECK_INT(rota_await(t), -EBADF);
        make_ends(kind, fresh);
        CHECK_INT(fresh[0], old[0]);
        t = rota_create_task(read_fd, fresh[0], data, sizeof data);
        write_fully(old[1], "old", 3);
        settle();
        CHECK(!rota_task_done(t));
        CHECK_INT(rota_read(second, data, sizeof data), 3);
        write_fully(fresh[1], "new", 3);
        CHECK_INT(rota_await(t), 3);
        CHECK(memcmp(data, "new", 3) == 0);
        /* Readers of both numbers of one file: each byte is had once. */
        int third = fcntl(second, F_DUPFD_CLOEXEC, 0);
        char a[2] = "", b[2] = "";
        rota_task *r = rota_create_task(read_fd, second, a, 1);
        rota_task *q = rota_create_task(read_fd, third, b, 1);
        settle();
        write_fully(old[1], "xy", 2);
        CHECK_INT(rota_await(r), 1);
        CHECK_INT(rota_await(q), 1);
        CHECK_INT(a[0] + b[0], 'x' + 'y');
        int all[] = { second, third, old[1], fresh[0], fresh[1] };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            CHECK_INT(rota_close(all[i]), 0);
    }
    return 0;
}

/* PITFALL 25 */
TEST("a file under two numbers: closed here, it lives on there, unmistaken")
{
    run_clean(lives_on);
}

static void pass_fd(int over, int fd)
{
    char c = 'f';
    struct iovec v = { &c, 1 };
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof fd)];
    } u = { 0 };
    struct msghdr m = { .msg_iov = &v,
                        .msg_iovlen = 1,
                        .msg_control = &u,
                        .msg_controllen = sizeof u };
    u.head.cmsg_level = SOL_SOCKET;
    u.head.cmsg_type = SCM_RIGHTS;
    u.head.cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(&u.head), &fd, sizeof fd);
    CHECK_INT(sendmsg(over, &m, 0), 1);
}

static int take_fd(int over)
{
    char c;
    struct iovec v = { &c, 1 };
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } u;
    struct msghdr m = { .msg_iov = &v,
                        .msg_iovlen = 1,
                        .msg_control = &u,
                        .msg_controllen = sizeof u };
    int fd = -1;
    CHECK_INT(recvmsg(over, &m, MSG_CMSG_CLOEXEC), 1);
    memcpy(&fd, CMSG_DATA(&u.head), sizeof fd);
    return fd;
}

static int passed_on(void *arg)
{
    (void)arg;
    int over[2], ends[2];
    char data[4];
    make_ends(1, over);
    make_ends(1, ends);
    rota_task *t = rota_create_task(read_fd, ends[0], data, sizeof data);
    settle();
    pass_fd(over[0], ends[0]);
    CHECK_INT(rota_close(ends[0]), 0); /* it is on its way meanwhile */
    CHECK_INT(rota_await(t), -EBADF);
    int fd = take_fd(over[1]);
    CHECK_INT(fd, ends[0]); /* the same file, and by chance number */
    t = rota_create_task(read_fd, fd, data, sizeof data);
    settle();
    CHECK(!rota_task_done(t));
    write_fully(ends[1], "yes", 3);
    CHECK_INT(rota_await(t), 3);
    int all[] = { fd, ends[1], over[0], over[1] };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        CHECK_INT(rota_close(all[i]), 0);
    return 0;
}

/* PITFALL 25 */
TEST("a descriptor that was passed on is waited for like any other")
{
    run_clean(passed_on);
}

static int overflows(void *arg)
{
    (void)arg;
    enum { CROWD = 40 };
    rota_listen_options o = { .backlog = 2 };
    int listener = rota_listen("127.0.0.1", 0, &o), fds[CROWD];
    struct sockaddr_in to = loopback(port_of(listener));
    for (int i = 0; i < CROWD; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        CHECK(fds[i] >= 0);
        int rc = connect(fds[i], (struct sockaddr *)&to, sizeof to);
        CHECK(rc == 0 || errno == EINPROGRESS);
    }
    /* Those beyond the queue try again by themselves; the first are served
     * at once, and who has broken off in the queue harms nobody. */
    reset(fds[0]);
    int taken = 0;
    while (taken < 2) {
        int fd = rota_accept(listener, NULL, NULL);
        CHECK(fd >= 0);
        CHECK_INT(rota_close(fd), 0);
        taken++;
    }
    for (int i = 1; i < CROWD; i++)
        CHECK_INT(close(fds[i]), 0);
    CHECK_INT(rota_close(listener), 0);
    return 0;
}

/* PITFALL 27 */
TEST("a queue of connections that overflows, and one broken off in it")
{
    test_needs_kernel();
    run_clean(overflows);
}
