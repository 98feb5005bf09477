/*
 * Each kind of op does what op.h says, on good days and bad ones. The same
 * program is run once on each backend.
 */
#include <pthread.h>
#include <sys/un.h>

#include "ops.h"
#include "rota/error.h"

TEST("receiving gives what is there, and waits for what is not")
{
    begin();
    int ends[2];
    char data[64];
    make_pair(ends);
    CHECK_INT(write(ends[1], "hello", 5), 5);
    struct job j = job_make(OP_RECV, ends[0], data, sizeof data);
    CHECK_INT(job_run(&j), 5);
    CHECK(memcmp(data, "hello", 5) == 0);

    job_start(&j);
    CHECK(j.op.armed);
    settle();
    CHECK(!j.ended);
    CHECK_INT(write(ends[1], "again", 5), 5);
    turn_until(j.ended);
    CHECK_INT(j.last, 5);
    CHECK(memcmp(data, "again", 5) == 0);

    close(ends[1]);
    CHECK_INT(job_run(&j), 0);
    CHECK_INT(op_close(&loop, ends[0]), 0);
    end();
}

/* Writes to the descriptor that `arg` points to, after a while: when. */
static void *write_later(void *arg)
{
    static rota_time when;
    usleep(100000);
    when = rota_now();
    CHECK_INT(write(*(int *)arg, "x", 1), 1);
    return &when;
}

static rota_time told_at;

static void note_time(struct op *op)
{
    (void)op;
    told_at = loop.now;
}

TEST("what ends a long wait is told with the time of its end")
{
    begin();
    int ends[2];
    char byte;
    void *written_at;
    pthread_t writer;
    make_pair(ends);
    struct job j = job_make(OP_RECV, ends[0], &byte, 1);
    j.op.done = note_time;
    job_start(&j);
    CHECK_INT(pthread_create(&writer, NULL, write_later, &ends[1]), 0);
    turn_until(told_at);
    CHECK_INT(pthread_join(writer, &written_at), 0);
    CHECK(told_at >= *(rota_time *)written_at);
    end();
}

TEST("many small receives take all of what came at once")
{
    begin();
    int ends[2];
    char byte;
    make_tcp_pair(ends);
    CHECK_INT(write(ends[1], "abcdefgh", 8), 8);
    struct job j = job_make(OP_RECV, ends[0], &byte, 1);
    for (int i = 0; i < 8; i++) {
        CHECK_INT(job_run(&j), 1);
        CHECK_INT(byte, 'a' + i);
    }
    close(ends[1]);
    CHECK_INT(job_run(&j), 0);
    end();
}

TEST("datagrams that wait together are received one by one")
{
    begin();
    int ends[2];
    char data[64];
    CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    for (int i = 0; i < 5; i++)
        CHECK_INT(write(ends[1], "packet", (size_t)i + 1), i + 1);
    struct job j = job_make(OP_RECV, ends[0], data, sizeof data);
    for (int i = 0; i < 5; i++)
        CHECK_INT(job_run(&j), i + 1);
    end();
}

/* PITFALL 22 */
TEST("a reset wakes a receive with ECONNRESET, RST while waiting")
{
    begin();
    int ends[2];
    char data[64];
    make_tcp_pair(ends);
    struct job j = job_make(OP_RECV, ends[0], data, sizeof data);
    job_start(&j);
    settle();
    reset_close(ends[1]);
    turn_until(j.ended);
    CHECK_INT(j.last, -ECONNRESET);
    end();
}

TEST("a reset wakes both the receiver and the blocked sender")
{
    static const enum op_kind receivers[] = { OP_RECV, OP_STREAM };
    static char block[1 << 20];
    begin();
    for (int i = 0; i < 2; i++) {
        int ends[2];
        char data[64];
        make_tcp_pair(ends);
        fill(ends[0]);
        struct job in = job_make(receivers[i], ends[0], data, sizeof data);
        struct job out = job_make(OP_SEND, ends[0], block, sizeof block);
        job_start(&in);
        job_start(&out);
        settle();
        CHECK(!in.ended && !out.ended);
        reset_close(ends[1]);
        turn_until(in.ended && out.ended);
        /* The reset is told to whoever asks first. */
        CHECK(in.last == -ECONNRESET || in.last == 0);
        CHECK(out.last == -ECONNRESET || out.last == -EPIPE);
        CHECK(in.last == -ECONNRESET || out.last == -ECONNRESET);
    }
    end();
}

/* PITFALL 22 */
TEST("the peer's half close ends the stream, and sending goes on")
{
    begin();
    int ends[2];
    char data[8];
    make_tcp_pair(ends);
    struct job in = job_make(OP_STREAM, ends[0], NULL, 0);
    job_start(&in);
    CHECK_INT(write(ends[1], "last", 4), 4);
    shutdown(ends[1], SHUT_WR);
    turn_until(in.ended);
    CHECK_INT(in.last, 0);
    CHECK_INT(in.got, 4);
    struct job out = job_make(OP_SEND, ends[0], "answer", 6);
    CHECK_INT(job_run(&out), 6);
    set_blocking(ends[1], true);
    CHECK_INT(recv(ends[1], data, 6, MSG_WAITALL), 6);
    end();
}

TEST("sending to a peer that is gone is EPIPE, without a signal")
{
    begin();
    for (int way = 0; way < SEND_WAYS; way++) {
        int ends[2];
        struct job in;
        make_pair(ends);
        send_way(way, &in, ends[0]);
        close(ends[1]);
        struct job j = job_make(OP_SEND, ends[0], "lost", 4);
        CHECK_INT(job_run(&j), -EPIPE);
        CHECK_INT(j.op.sent, 0);
        send_way_end(&in);
    }
    end();
}

enum { BIG = 8 << 20 };

static char *make_pattern(size_t size)
{
    char *data = malloc(size);
    CHECK(data);
    for (size_t i = 0; i < size; i++)
        data[i] = pattern(i);
    return data;
}

static void take_slowly(int fd, size_t *taken)
{
    char part[7001];
    ssize_t n = read(fd, part, sizeof part);
    for (ssize_t i = 0; i < n; i++)
        CHECK(part[i] == pattern(*taken + (size_t)i));
    if (n > 0)
        *taken += (size_t)n;
}

static void transfer(enum op_kind kind, int from, int to)
{
    size_t taken = 0;
    char *data = make_pattern(BIG);
    struct job j = job_make(kind, from, data, BIG);
    job_start(&j);
    CHECK(!j.ended);
    struct job readable = job_make(OP_POLL, to, NULL, 0);
    readable.op.events = POLLIN;
    while (taken < BIG) {
        CHECK_INT(job_run(&readable), POLLIN);
        take_slowly(to, &taken);
    }
    turn_until(j.ended);
    CHECK_INT(j.last, BIG);
    CHECK_INT(j.op.sent, BIG);
    free(data);
}

/* PITFALL 28 */
TEST("8 MiB are sent whole to a slow reader")
{
    begin();
    for (int way = 0; way < SEND_WAYS; way++) {
        int ends[2];
        struct job in;
        make_tcp_pair(ends);
        send_way(way, &in, ends[0]);
        transfer(OP_SEND, ends[0], ends[1]);
        send_way_end(&in);
        make_pair(ends);
        send_way(way, &in, ends[0]);
        transfer(OP_SEND, ends[0], ends[1]);
        send_way_end(&in);
    }
    end();
}

TEST("8 MiB are written whole to a pipe, blocking or not")
{
    begin();
    int ends[2];
    make_pipe(ends);
    transfer(OP_WRITE, ends[1], ends[0]);
    op_close(&loop, ends[0]);
    op_close(&loop, ends[1]);
    make_pipe(ends);
    set_blocking(ends[1], true);
    transfer(OP_WRITE, ends[1], ends[0]);
    end();
}

TEST("a send that fails half way says how much went out")
{
    begin();
    char *data = make_pattern(BIG);
    for (int way = 0; way < SEND_WAYS; way++) {
        int ends[2];
        struct job in;
        make_pair(ends);
        send_way(way, &in, ends[0]);
        struct job j = job_make(OP_SEND, ends[0], data, BIG);
        job_start(&j);
        settle();
        close(ends[1]);
        turn_until(j.ended);
        CHECK(j.last == -EPIPE || j.last == -ECONNRESET);
        CHECK(j.op.sent > 0 && j.op.sent < BIG);
        send_way_end(&in);
    }
    free(data);
    end();
}

TEST("a stream hands over all that comes, in order, then the end")
{
    begin();
    int ends[2];
    make_tcp_pair(ends);
    char *data = make_pattern(BIG);
    struct job in = job_make(OP_STREAM, ends[0], NULL, 0);
    struct job out = job_make(OP_SEND, ends[1], data, BIG);
    in.bytes = malloc(BIG);
    job_start(&in);
    job_start(&out);
    turn_until(out.ended && in.got == BIG);
    CHECK(memcmp(in.bytes, data, BIG) == 0);
    CHECK(in.op.armed);
    shutdown(ends[1], SHUT_WR);
    turn_until(in.ended);
    CHECK_INT(in.last, 0);
    free(in.bytes);
    free(data);
    end();
}

TEST("a stream told of a reset ends with ECONNRESET")
{
    begin();
    int ends[2];
    make_tcp_pair(ends);
    struct job in = job_make(OP_STREAM, ends[0], NULL, 0);
    job_start(&in);
    settle();
    reset_close(ends[1]);
    turn_until(in.ended);
    CHECK_INT(in.last, -ECONNRESET);
    CHECK_INT(in.calls, 1);
    end();
}

TEST("a stream begun late finds the bytes and the end that came before")
{
    begin();
    int ends[2];
    char byte;
    make_tcp_pair(ends);
    struct job first = job_make(OP_RECV, ends[0], &byte, 1);
    job_start(&first); /* the descriptor is known from here on */
    CHECK_INT(write(ends[1], "1234", 4), 4);
    turn_until(first.ended);
    shutdown(ends[1], SHUT_WR);
    settle();
    struct job in = job_make(OP_STREAM, ends[0], NULL, 0);
    job_start(&in);
    turn_until(in.ended);
    CHECK_INT(in.got, 3);
    CHECK_INT(in.last, 0);
    end();
}

TEST("a stream cancelled and begun again loses nothing")
{
    begin();
    int ends[2];
    make_tcp_pair(ends);
    struct job in = job_make(OP_STREAM, ends[0], NULL, 0);
    in.bytes = malloc(BIG);
    size_t sent = 0;
    for (int round = 0; round < 500; round++) {
        char some[16];
        size_t n = (size_t)round % sizeof some + 1;
        for (size_t i = 0; i < n; i++)
            some[i] = pattern(sent + i);
        job_start(&in);
        if (round % 3)
            glance();
        CHECK_INT(write(ends[1], some, n), n);
        sent += n;
        if (round % 2)
            glance();
        job_stop(&in);
    }
    job_start(&in);
    turn_until(in.got == sent);
    for (size_t i = 0; i < sent; i++)
        CHECK(in.bytes[i] == pattern(i));
    job_stop(&in);
    free(in.bytes);
    end();
}

TEST("a stream goes on past bytes that carry a descriptor")
{
    begin();
    int ends[2];
    make_pair(ends);
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { { 0 } };
    struct iovec text = { "a", 1 };
    struct msghdr m = { .msg_iov = &text,
                        .msg_iovlen = 1,
                        .msg_control = &control,
                        .msg_controllen = sizeof control };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &ends[1], sizeof(int));
    CHECK_INT(sendmsg(ends[1], &m, 0), 1);
    CHECK_INT(write(ends[1], "bc", 2), 2);
    struct job in = job_make(OP_STREAM, ends[0], NULL, 0);
    job_start(&in);
    turn_until(in.got == 3);
    job_stop(&in);
    end();
}

TEST("accepting gives non-blocking sockets that exec closes, again and again")
{
    begin();
    struct sockaddr_in address;
    int listener = make_listener(&address, 128);
    struct job j = job_make(OP_ACCEPT, listener, NULL, 0);
    job_start(&j);
    for (int i = 0; i < 20; i++) {
        int fd = dial(&address);
        turn_until(j.calls == i + 1);
        CHECK(j.last >= 0 && j.op.armed);
        CHECK(fcntl(j.last, F_GETFL) & O_NONBLOCK);
        CHECK(fcntl(j.last, F_GETFD) & FD_CLOEXEC);
        CHECK_INT(write(j.last, "x", 1), 1);
        close(fd);
        close(j.last);
    }
    CHECK_INT(job_stop(&j), -ECANCELED);
    end();
}

TEST("a crowd at the door is let in, all of it")
{
    enum { CROWD = 300 };
    begin();
    struct sockaddr_in address;
    int listener = make_listener(&address, CROWD);
    for (int i = 0; i < CROWD; i++)
        dial(&address);
    struct job j = job_make(OP_ACCEPT, listener, NULL, 0);
    job_start(&j);
    turn_until(j.calls == CROWD);
    settle();
    CHECK_INT(j.calls, CROWD);
    CHECK_INT(job_stop(&j), -ECANCELED);
    end();
}

/* PITFALL 27 */
TEST("accepting without descriptors ends with EMFILE, and works again")
{
    begin();
    struct sockaddr_in address;
    struct rlimit old, tight;
    int listener = make_listener(&address, 8);
    struct job j = job_make(OP_ACCEPT, listener, NULL, 0);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), 0);
    dial(&address);
    tight = old;
    tight.rlim_cur = (rlim_t)dup(listener); /* one above all in use */
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &tight), 0);
    CHECK_INT(job_run(&j), -EMFILE);
    CHECK_INT(j.calls, 1);
    settle();
    CHECK_INT(j.calls, 1); /* it does not go round in circles */

    CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
    job_start(&j);
    turn_until(j.calls == 2);
    CHECK(j.last >= 0);
    CHECK_INT(job_stop(&j), -ECANCELED);
    end();
}

/* PITFALL 29 */
TEST("connecting succeeds, or is refused with ECONNREFUSED")
{
    begin();
    struct sockaddr_in address;
    int listener = make_listener(&address, 8);
    int flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = socket(AF_INET, flags, 0);
    struct job j = job_make(OP_CONNECT, fd, &address, sizeof address);
    CHECK_INT(job_run(&j), 0);
    CHECK_INT(write(fd, "x", 1), 1);
    CHECK_INT(job_run(&j), -EISCONN);
    CHECK_INT(op_close(&loop, fd), 0);
    close(listener);
    fd = socket(AF_INET, flags, 0);
    j = job_make(OP_CONNECT, fd, &address, sizeof address);
    CHECK_INT(job_run(&j), -ECONNREFUSED);
    end();
}

/* PITFALL 24 */
TEST("a connect in flight can be cancelled, and its number used again")
{
    begin();
    struct sockaddr_in address;
    int listener = make_listener(&address, 0);
    int flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    /* A full queue answers no more: what comes now stays in flight. */
    int waiting[8];
    for (int i = 0; i < 8; i++) {
        waiting[i] = socket(AF_INET, flags, 0);
        connect(waiting[i], (struct sockaddr *)&address, sizeof address);
    }
    settle();
    int fd = socket(AF_INET, flags, 0);
    struct job j = job_make(OP_CONNECT, fd, &address, sizeof address);
    job_start(&j);
    settle();
    CHECK(!j.ended);
    CHECK_INT(job_stop(&j), -ECANCELED);
    CHECK_INT(op_close(&loop, fd), 0);
    close(listener);
    int ends[2];
    make_tcp_pair(ends);
    end();
}

static struct sockaddr_un unix_address(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    /* Abstract: no file is left behind. */
    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s-%d", name,
             (int)getpid());
    return address;
}

/* PITFALL 29 */
TEST("connecting to a Unix socket: nobody there, there, and too many")
{
    begin();
    struct sockaddr_un address = unix_address("rota-op-test");
    int flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = socket(AF_UNIX, flags, 0);
    struct job j = job_make(OP_CONNECT, fd, &address, sizeof address);
    CHECK_INT(job_run(&j), -ECONNREFUSED);
    int listener = socket(AF_UNIX, flags, 0);
    CHECK_INT(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(listen(listener, 0), 0);
    CHECK_INT(job_run(&j), 0);
    int rc = 0;
    for (int i = 0; i < 4 && rc == 0; i++) {
        j.op.fd = socket(AF_UNIX, flags, 0);
        rc = job_run(&j);
    }
    CHECK_INT(rc, -EAGAIN);
    end();
}

/* PITFALL 22 */
TEST("a pipe's reader waits, reads, and sees the end at once")
{
    begin();
    int ends[2];
    char data[16];
    make_pipe(ends);
    struct job j = job_make(OP_READ, ends[0], data, sizeof data);
    job_start(&j);
    settle();
    CHECK(!j.ended);
    CHECK_INT(write(ends[1], "abc", 3), 3);
    turn_until(j.ended);
    CHECK_INT(j.last, 3);
    job_start(&j);
    settle();
    CHECK(!j.ended);
    close(ends[1]);
    turn_until(j.ended);
    CHECK_INT(j.last, 0);
    end();
}

/* PITFALL 25 */
TEST("reading an inherited, blocking pipe does not block the loop")
{
    begin();
    int ends[2], others[2];
    char data[16], more[16];
    CHECK_INT(pipe(ends), 0);
    make_pipe(others);
    struct job j = job_make(OP_READ, ends[0], data, sizeof data);
    struct job other = job_make(OP_READ, others[0], more, sizeof more);
    for (int i = 0; i < 3; i++) {
        job_start(&j);
        job_start(&other);
        CHECK_INT(write(others[1], "x", 1), 1);
        turn_until(other.ended);
        CHECK(!j.ended);
        CHECK_INT(write(ends[1], "abc", 3), 3);
        turn_until(j.ended);
        CHECK_INT(j.last, 3);
    }
    job_start(&j);
    settle();
    CHECK_INT(job_stop(&j), -ECANCELED);
    end();
}

TEST("a terminal is waited for and read line by line")
{
    begin();
    char data[16];
    int far = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (far < 0 || grantpt(far) < 0 || unlockpt(far) < 0)
        test_skip("no terminals here");
    int fd = open(ptsname(far), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    CHECK(fd >= 0);
    struct job j = job_make(OP_READ, fd, data, sizeof data);
    for (int i = 0; i < 3; i++) {
        job_start(&j);
        settle();
        CHECK(!j.ended);
        CHECK_INT(write(far, "line\n", 5), 5);
        turn_until(j.ended);
        CHECK_INT(j.last, 5);
    }
    job_start(&j);
    settle();
    CHECK_INT(job_stop(&j), -ECANCELED);
    end();
}

/* PITFALL 25 */
TEST("files that never wait can be read, written and polled")
{
    begin();
    char name[] = "/tmp/rota-op-XXXXXX";
    char data[16];
    int fd = mkstemp(name);
    CHECK(fd >= 0);
    unlink(name);
    struct job out = job_make(OP_WRITE, fd, "content", 7);
    CHECK_INT(job_run(&out), 7);
    CHECK_INT(job_run(&out), 7);
    CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
    struct job in = job_make(OP_READ, fd, data, 10);
    CHECK_INT(job_run(&in), 10);
    CHECK_INT(job_run(&in), 4);
    CHECK_INT(job_run(&in), 0);
    struct job ready = job_make(OP_POLL, fd, NULL, 0);
    ready.op.events = POLLIN;
    CHECK_INT(job_run(&ready), POLLIN);
    struct job wrong = job_make(OP_STREAM, fd, NULL, 0);
    CHECK_INT(job_run(&wrong), -ENOTSOCK);

    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    in = job_make(OP_READ, null, data, sizeof data);
    CHECK_INT(job_run(&in), 0);
    out = job_make(OP_WRITE, null, data, sizeof data);
    CHECK_INT(job_run(&out), sizeof data);
    end();
}

TEST("writing to a pipe nobody reads is EPIPE, also while waiting")
{
    begin();
    int ends[2];
    make_pipe(ends);
    fill(ends[1]);
    struct job j = job_make(OP_WRITE, ends[1], "x", 1);
    job_start(&j);
    settle();
    CHECK(!j.ended);
    close(ends[0]);
    turn_until(j.ended);
    CHECK_INT(j.last, -EPIPE);
    CHECK_INT(job_run(&j), -EPIPE);
    end();
}

TEST("polling tells exactly what is possible")
{
    begin();
    int ends[2];
    make_pair(ends);
    struct job j = job_make(OP_POLL, ends[0], NULL, 0);
    j.op.events = POLLOUT;
    CHECK_INT(job_run(&j), POLLOUT);
    j.op.events = POLLIN | POLLOUT;
    CHECK_INT(job_run(&j), POLLOUT);
    fill(ends[0]);
    job_start(&j);
    settle();
    CHECK(!j.ended);
    CHECK_INT(write(ends[1], "x", 1), 1);
    turn_until(j.ended);
    CHECK_INT(j.last, POLLIN);
    char byte;
    CHECK_INT(read(ends[0], &byte, 1), 1);
    j.op.events = POLLIN;
    job_start(&j);
    settle();
    CHECK(!j.ended);
    close(ends[1]);
    turn_until(j.ended);
    CHECK(j.last & POLLHUP);
    end();
}

TEST("polling works on files that come and go behind the loop's back")
{
    begin();
    int first[2], second[2];
    make_pipe(first);
    struct job j = job_make(OP_POLL, first[0], NULL, 0);
    j.op.events = POLLIN;
    job_start(&j);
    settle();
    job_stop(&j);
    make_pipe(second);
    CHECK_INT(dup2(second[0], first[0]), first[0]); /* closes the first */
    job_start(&j);
    settle();
    CHECK(!j.ended);
    CHECK_INT(write(second[1], "x", 1), 1);
    turn_until(j.ended);
    CHECK_INT(j.last, POLLIN);
    end();
}

TEST("what cannot be is refused")
{
    begin();
    int ends[2];
    char data[4];
    make_pair(ends);
    struct job a = job_make(OP_RECV, ends[0], data, sizeof data);
    struct job b = job_make(OP_STREAM, ends[0], NULL, 0);
    struct job c = job_make(OP_POLL, ends[0], NULL, 0);
    struct job d = job_make(OP_RECV, -1, data, sizeof data);
    struct job e = job_make(OP_SEND, ends[0], data, (size_t)1 << 31);
    struct job f = job_make(OP_RECV, ends[1], data, 0);
    c.op.events = POLLIN;
    job_start(&a);
    CHECK_INT(op_submit(&loop, &b.op), -EBUSY);
    CHECK_INT(op_submit(&loop, &c.op), -EBUSY);
    CHECK_INT(op_submit(&loop, &d.op), -EBADF);
    CHECK_INT(op_submit(&loop, &e.op), -EINVAL);
    CHECK_INT(op_submit(&loop, &f.op), 1);
    CHECK_INT(f.op.result, 0);
    CHECK(!b.op.armed && !c.op.armed && !d.op.armed && !e.op.armed);
    CHECK_INT(job_stop(&a), -ECANCELED);
    CHECK_INT(op_close(&loop, ends[0]), 0);
    CHECK_INT(job_run(&a), -EBADF);
    CHECK_INT(op_close(&loop, ends[0]), -EBADF);
    CHECK_INT(op_close(&loop, -1), -EBADF);
    end();
}

/* As op_forget, for which to be refused is misuse. */
static int forget(int fd)
{
    return loop.backend->forget(&loop, loop.backend_state, fd);
}

TEST("one direction of a descriptor is one op's, whichever way it waits")
{
    begin();
    int ends[2];
    static char block[4 << 20];
    make_pair(ends);
    struct job stream = job_make(OP_STREAM, ends[0], NULL, 0);
    struct job once = job_make(OP_RECV, ends[0], block, 1);
    struct job out = job_make(OP_SEND, ends[0], block, sizeof block);
    struct job more = job_make(OP_SEND, ends[0], block, 1);
    job_start(&out);
    CHECK_INT(op_submit(&loop, &more.op), -EBUSY);
    job_start(&stream); /* a send would go another way now */
    CHECK_INT(op_submit(&loop, &more.op), -EBUSY);
    CHECK_INT(op_submit(&loop, &once.op), -EBUSY);
    CHECK_INT(forget(ends[0]), -EBUSY);
    CHECK_INT(job_stop(&out), -ECANCELED);
    CHECK_INT(forget(ends[0]), -EBUSY);
    CHECK_INT(job_stop(&stream), -ECANCELED);
    CHECK_INT(op_close(&loop, ends[0]), 0);
    end();
}

static char misused[256];

static void note_misuse(const char *message)
{
    snprintf(misused, sizeof misused, "%s", message);
}

TEST("submitting twice, cancelling nothing and closing under an op are misuse")
{
    begin();
    int ends[2];
    char data[4];
    make_pair(ends);
    rota_set_misuse_handler(note_misuse);
    struct job j = job_make(OP_RECV, ends[0], data, sizeof data);
    CHECK_INT(op_cancel(&loop, &j.op), -EINVAL);
    CHECK_HAS(misused, "not under way");
    job_start(&j);
    CHECK_INT(op_submit(&loop, &j.op), -EALREADY);
    CHECK_HAS(misused, "submitted while it is under way");
    CHECK_INT(op_close(&loop, ends[0]), -EBUSY);
    CHECK_HAS(misused, "closed while an operation");
    CHECK_INT(write(ends[1], "abc", 3), 3);
    turn_until(j.ended);
    CHECK_INT(j.last, 3);
    end();
}
