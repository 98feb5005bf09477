/* Files sent to sockets, pipes and terminals. */
#include "pair.h"

#include <poll.h>
#include <pty.h>
#include <sys/stat.h>
#include <termios.h>

enum { SIZE = 5 << 20 };

static char byte_at(size_t i)
{
    return (char)(i * 31 + i / 251);
}

/* A file with the bytes of the pattern; no name leads to it. */
static int make_file(size_t size)
{
    static char data[SIZE];
    for (size_t i = 0; i < SIZE; i++)
        data[i] = byte_at(i);
    FILE *f = tmpfile();
    CHECK(f != NULL);
    int fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 0);
    CHECK(fd >= 0);
    fclose(f);
    write_fully(fd, data, size);
    return fd;
}

/* What a file is sent to: by sendfile, by splice, and by copying. */
enum { TCP, UNIX, PIPE, BLOCKING_UNIX, BLOCKING_PIPE, KINDS };

static void make_ends(int kind, int ends[2])
{
    int mode = kind >= BLOCKING_UNIX ? 0 : O_NONBLOCK;
    if (kind == TCP) {
        struct pair p = tcp_pair();
        ends[0] = p.peer;
        ends[1] = fcntl(rota_stream_fd(p.s), F_DUPFD_CLOEXEC, 0);
        rota_stream_close(p.s);
    } else if (kind == UNIX || kind == BLOCKING_UNIX) {
        int type = SOCK_STREAM | SOCK_CLOEXEC | (mode ? SOCK_NONBLOCK : 0);
        CHECK_INT(socketpair(AF_UNIX, type, 0, ends), 0);
    } else {
        CHECK_INT(pipe2(ends, O_CLOEXEC | mode), 0);
    }
}

static void ends_close(const int ends[2])
{
    CHECK_INT(rota_close(ends[0]), 0);
    CHECK_INT(rota_close(ends[1]), 0);
}

ROTA_ASYNC(send_file, (int, out), (int, in), (off_t, at), (size_t, count))
{
    size_t before = count;
    ssize_t n = 1;
    while (count > 0 && n > 0) {
        n = rota_sendfile(out, in, at, count);
        count -= n > 0 ? (size_t)n : 0;
        at += n > 0 ? n : 0;
    }
    return n < 0 ? (int)n : (int)(before - count);
}

/* Reads `size` bytes of the pattern that begins at `from`. */
static void expect(int fd, size_t from, size_t size)
{
    static char part[100000];
    for (size_t got = 0; got < size;) {
        ssize_t n = rota_read(fd, part, sizeof part);
        CHECK(n > 0);
        for (ssize_t i = 0; i < n; i++)
            if (part[i] != byte_at(from + got + (size_t)i))
                test_fail(TEST_AT, "byte %zu", from + got + (size_t)i);
        got += (size_t)n;
    }
}

static int sends(void *arg)
{
    (void)arg;
    static const struct {
        size_t at, count, sent;
    } cuts[] = {
        { 0, SIZE, SIZE },           { 0, 1, 1 },      { 4097, 300000, 300000 },
        { SIZE - 10, SIZE_MAX, 10 }, { SIZE, 100, 0 }, { 3 * SIZE, 7, 0 },
    };
    int file = make_file(SIZE);
    for (int kind = 0; kind < KINDS; kind++) {
        int ends[2];
        make_ends(kind, ends);
        for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
            test_note("kind %d, cut %zu", kind, i);
            rota_task *t = rota_create_task(send_file, ends[1], file,
                                            (off_t)cuts[i].at, cuts[i].count);
            expect(ends[0], cuts[i].at, cuts[i].sent);
            CHECK_INT(rota_await(t), cuts[i].sent);
        }
        CHECK_INT(rota_sendfile(ends[1], file, 0, 0), 0);
        CHECK_INT(rota_close(ends[0]), 0);
        ssize_t n = rota_sendfile(ends[1], file, 0, 10);
        CHECK(n == -EPIPE || n == -ECONNRESET || n == 10);
        CHECK_INT(rota_sendfile(ends[1], file, 0, 10), -EPIPE);
        CHECK_INT(rota_close(ends[1]), 0);
    }
    CHECK_INT(lseek(file, 0, SEEK_CUR), SIZE); /* not the file's position */
    CHECK_INT(rota_close(file), 0);
    return 0;
}

TEST_LIMITED("a file goes out whole or in part, to whatever can be written",
             120)
{
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    run_clean(sends);
}

static int odd_ones(void *arg)
{
    (void)arg;
    int file = make_file(100), ends[2], other[2];
    make_ends(UNIX, ends);
    make_ends(PIPE, other);
    CHECK_INT(rota_sendfile(ends[1], other[0], 0, 5), -ESPIPE);
    CHECK_INT(rota_sendfile(ends[1], file, -1, 5), -EINVAL);
    CHECK_INT(rota_sendfile(ends[1], -1, 0, 5), -EBADF);
    CHECK_INT(rota_sendfile(-1, file, 0, 5), -EBADF);
    CHECK_INT(rota_sendfile(other[0], file, 0, 5), -EBADF); /* to read only */
    /* A file of the kernel's, which tells no size. */
    char text[200];
    int proc = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t n = rota_sendfile(ends[1], proc, 0, SIZE_MAX);
    CHECK(n > 10);
    CHECK_INT(rota_read(ends[0], text, sizeof text), n < 200 ? n : 200);
    CHECK_INT(strtol(text, NULL, 10), getpid());
    CHECK_INT(rota_close(proc), 0);
    /* A terminal. */
    int master, slave;
    CHECK_INT(openpty(&master, &slave, NULL, NULL, NULL), 0);
    struct termios raw;
    CHECK_INT(tcgetattr(slave, &raw), 0);
    cfmakeraw(&raw);
    CHECK_INT(tcsetattr(slave, TCSANOW, &raw), 0);
    CHECK_INT(rota_sendfile(slave, file, 3, SIZE_MAX), 97);
    expect(master, 3, 97);
    CHECK_INT(rota_close(slave), 0);
    CHECK_INT(rota_close(master), 0);
    CHECK_INT(rota_close(file), 0);
    ends_close(ends);
    ends_close(other);
    return 0;
}

TEST("what is no file is refused; a terminal and /proc are copied")
{
    test_needs_kernel();
    run_clean(odd_ones);
}

ROTA_ASYNC(tick, (int *, ticks))
{
    for (;; ++*ticks) {
        int rc = rota_sleep(rota_ms(1));
        if (rc < 0)
            return rc;
    }
}

static int waits_for_peer(void *arg)
{
    (void)arg;
    int file = make_file(SIZE);
    for (int kind = 0; kind < KINDS; kind++) {
        int ends[2], ticks = 0;
        make_ends(kind, ends);
        rota_task *ticker = rota_create_task(tick, &ticks);
        rota_task *t =
            rota_create_task(send_file, ends[1], file, 0, (size_t)SIZE);
        while (ticks < 20)
            CHECK_INT(rota_sleep(rota_ms(1)), 0);
        CHECK(!rota_task_done(t)); /* and the loop goes on */
        CHECK_INT(rota_write(ends[1], "no", 2), -EBUSY);
        CHECK_INT(rota_sendfile(ends[1], file, 0, 1), -EBUSY);
        expect(ends[0], 0, SIZE);
        CHECK_INT(rota_await(t), SIZE);
        rota_task_cancel(ticker, "test");
        CHECK_INT(rota_await(ticker), -ROTA_ECHILD);
        ends_close(ends);
    }
    CHECK_INT(rota_close(file), 0);
    return 0;
}

TEST_LIMITED("a peer that does not read makes the sender wait, not the loop",
             120)
{
    run_clean(waits_for_peer);
}

ROTA_ASYNC(send_once, (int, out), (int, in), (ssize_t *, sent))
{
    *sent = rota_sendfile(out, in, 0, SIZE_MAX);
    return 0;
}

/* How a transfer is cut short. */
enum { CANCEL, CLOSE_OUT, CLOSE_IN, CUTS };

static int is_cut(void *arg)
{
    (void)arg;
    for (int i = 0; i < KINDS * CUTS * 3; i++) {
        int kind = i % KINDS, how = i / KINDS % CUTS, pause = i / KINDS / CUTS;
        int file = make_file(SIZE), ends[2];
        make_ends(kind, ends);
        ssize_t sent = -1;
        test_note("kind %d cut by %d after %d", kind, how, pause);
        rota_task *t = rota_create_task(send_once, ends[1], file, &sent);
        for (int k = 0; k < pause; k++)
            CHECK_INT(rota_checkpoint(), 0);
        if (pause == 2)
            CHECK_INT(rota_sleep(rota_ms(2)), 0);
        if (how == CANCEL)
            rota_task_cancel(t, "test");
        else
            CHECK_INT(rota_close(how == CLOSE_OUT ? ends[1] : file), 0);
        rota_outcome o;
        CHECK_INT(rota_join(t, &o), 0);
        rota_task_unref(t);
        int error = how == CANCEL ? -ECANCELED : -EBADF;
        test_note("kind %d cut by %d after %d: %zd", kind, how, pause, sent);
        if (o.state == ROTA_OK)
            CHECK(sent == error || (sent > 0 && sent < SIZE));
        if (how != CLOSE_OUT)
            CHECK_INT(rota_close(ends[1]), 0);
        if (how != CLOSE_IN)
            CHECK_INT(rota_close(file), 0);
        expect(ends[0], 0, sent > 0 ? (size_t)sent : 0);
        char end;
        CHECK_INT(rota_read(ends[0], &end, 1), 0);
        CHECK_INT(rota_close(ends[0]), 0);
    }
    return 0;
}

/* PITFALL 24, PITFALL 32 */
TEST_LIMITED("cancelled, or closed at either end: the count is what arrives",
             120)
{
    run_clean(is_cut);
}

static int shrinks(void *arg)
{
    (void)arg;
    for (int kind = 0; kind < KINDS; kind++) {
        int file = make_file(SIZE), ends[2];
        make_ends(kind, ends);
        rota_task *t =
            rota_create_task(send_file, ends[1], file, 0, (size_t)SIZE);
        CHECK_INT(rota_wait_fd(ends[0], POLLIN), POLLIN);
        CHECK_INT(ftruncate(file, 0), 0);
        int flags = fcntl(ends[0], F_GETFL);
        CHECK_INT(fcntl(ends[0], F_SETFL, flags | O_NONBLOCK), 0);
        static char part[65536];
        size_t got = 0;
        ssize_t n;
        while (!rota_task_done(t)) {
            while ((n = read(ends[0], part, sizeof part)) > 0)
                got += (size_t)n;
            CHECK_INT(rota_checkpoint(), 0);
        }
        while ((n = read(ends[0], part, sizeof part)) > 0)
            got += (size_t)n;
        CHECK_INT(rota_await(t), got);
        CHECK(got < SIZE);
        ends_close(ends);
        CHECK_INT(rota_close(file), 0);
    }
    return 0;
}

/* PITFALL 34 */
TEST_LIMITED("a file that is cut while it is sent ends early", 120)
{
    run_clean(shrinks);
}
