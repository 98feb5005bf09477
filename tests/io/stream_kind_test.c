/* Streams over pipes, terminals and processes; vectors, files, the abort. */
#include "pair.h"

#include <netinet/tcp.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

struct pipe_pair {
    rota_stream *in, *out;
};

static struct pipe_pair pipe_streams(int flags)
{
    int fds[2];
    struct pipe_pair p;
    CHECK_INT(pipe2(fds, O_CLOEXEC | flags), 0);
    CHECK_INT(rota_stream_new(fds[0], &p.in), 0);
    CHECK_INT(rota_stream_new(fds[1], &p.out), 0);
    CHECK_INT(fcntl(fds[0], F_GETFL) & O_NONBLOCK, flags);
    return p;
}

ROTA_ASYNC(write_some, (rota_stream *, s), (const char *, data), (size_t, size),
           (size_t *, done))
{
    return rota_stream_write(s, data, size, done);
}

ROTA_ASYNC(read_line, (rota_stream *, s), (rota_str *, line))
{
    return (int)rota_stream_readline(s, line);
}

static int over_pipes(void *arg)
{
    (void)arg;
    static char block[300000], got[300000];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)(i * 7 + i / 251);
    for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
        struct pipe_pair p = pipe_streams(flags);
        rota_str line;
        rota_task *t = rota_create_task(read_line, p.in, &line);
        settle();
        CHECK_INT(rota_stream_write(p.out, "one\nt", 5, NULL), 0);
        CHECK_INT(rota_await(t), 4);
        CHECK(rota_str_eq(line, ROTA_STR("one\n")));
        /* It goes one way. */
        CHECK_INT(rota_stream_read(p.out, got, 1), -EBADF);
        CHECK_INT(rota_stream_write(p.in, "x", 1, NULL), -EBADF);
        CHECK_INT(rota_stream_write_eof(p.in), -EOPNOTSUPP);
        /* Longer than the pipe. */
        size_t done;
        t = rota_create_task(write_some, p.out, block, sizeof block, &done);
        settle();
        CHECK(!rota_task_done(t));
        CHECK_INT(rota_stream_write_eof(p.out), -EBUSY);
        CHECK_INT(rota_stream_readexactly(p.in, got, 1, NULL), 0);
        CHECK_INT(got[0], 't');
        CHECK_INT(rota_stream_readexactly(p.in, got, sizeof got, NULL), 0);
        CHECK(memcmp(block, got, sizeof got) == 0);
        CHECK_INT(rota_await(t), 0);
        CHECK_INT(done, sizeof block);
        t = rota_create_task(read_line, p.in, &line);
        settle();
        CHECK_INT(rota_stream_write_eof(p.out), 0);
        CHECK_INT(rota_await(t), 0);
        CHECK_INT(rota_stream_write_eof(p.out), 0);
        CHECK_INT(rota_stream_write(p.out, "x", 1, NULL), -EPIPE);
        CHECK_INT(rota_stream_fd(p.out), -1);
        rota_stream_close(p.out);
        rota_stream_close(p.in);
    }
    return 0;
}

/* PITFALL 22 */
TEST("a pipe is two streams, one way; its end is told by closing")
{
    run_clean(over_pipes);
}

static int reader_gone(void *arg)
{
    (void)arg;
    static char block[1 << 20];
    for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
        struct pipe_pair p = pipe_streams(flags);
        size_t done = 0;
        rota_task *t =
            rota_create_task(write_some, p.out, block, sizeof block, &done);
        settle();
        rota_stream_close(p.in);
        CHECK_INT(rota_await(t), -EPIPE);
        CHECK(done > 0 && done < sizeof block);
        CHECK_INT(rota_stream_write(p.out, "x", 1, NULL), -EPIPE);
        rota_stream_abort(p.out);
        p = pipe_streams(flags);
        rota_str line;
        t = rota_create_task(read_line, p.in, &line);
        settle();
        rota_stream_close(p.in); /* under its reader */
        CHECK_INT(rota_await(t), -EBADF);
        rota_stream_close(p.out);
    }
    return 0;
}

/* PITFALL 24 */
TEST("a pipe nobody reads is -EPIPE, never SIGPIPE; closed under a reader")
{
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    run_clean(reader_gone);
}

static int over_terminal(void *arg)
{
    (void)arg;
    int master, slave;
    CHECK_INT(openpty(&master, &slave, NULL, NULL, NULL), 0);
    struct termios mode;
    CHECK_INT(tcgetattr(slave, &mode), 0);
    mode.c_lflag &= ~(tcflag_t)ECHO;
    mode.c_oflag &= ~(tcflag_t)OPOST;
    CHECK_INT(tcsetattr(slave, TCSANOW, &mode), 0);
    rota_stream *s, *user;
    CHECK_INT(rota_stream_new(slave, &s), 0);
    CHECK_INT(rota_stream_new(master, &user), 0);
    CHECK_INT(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
    rota_str line;
    rota_task *t = rota_create_task(read_line, s, &line);
    settle();
    CHECK_INT(rota_stream_write(user, "typ", 3, NULL), 0);
    settle();
    CHECK(!rota_task_done(t));
    CHECK_INT(rota_stream_write(user, "ed\n", 3, NULL), 0);
    CHECK_INT(rota_await(t), 6);
    CHECK(rota_str_eq(line, ROTA_STR("typed\n")));
    /* Cancelled, what is typed after it is not lost. */
    t = rota_create_task(read_line, s, &line);
    settle();
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rota_stream_write(user, "more\n", 5, NULL), 0);
    CHECK_INT(rota_stream_readline(s, &line), 5);
    CHECK(rota_str_eq(line, ROTA_STR("more\n")));
    CHECK_INT(rota_stream_write(s, "shown\n", 6, NULL), 0);
    CHECK_INT(rota_stream_readline(user, &line), 6);
    CHECK_INT(rota_stream_write_eof(s), -EOPNOTSUPP);
    rota_stream_close(s);
    rota_stream_close(user);
    return 0;
}

TEST("a terminal is a stream of lines, both ways, and stays blocking")
{
    test_needs_kernel();
    run_clean(over_terminal);
}

static int copy_lines(void *arg)
{
    (void)arg;
    rota_stream *in, *out;
    rota_str line;
    ssize_t n = 0;
    if (rota_stream_new(0, &in) < 0 || rota_stream_new(1, &out) < 0)
        return -EINVAL;
    while (n >= 0 && (n = rota_stream_readline(in, &line)) > 0)
        n = rota_stream_write(out, line.ptr, line.len, NULL);
    rota_stream_close(in);
    rota_stream_close(out);
    return (int)n;
}

/* In a process whose standard input is `in`: what comes out. */
static void check_copies(int in, const char *expected)
{
    int out[2];
    CHECK_INT(pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in, 0);
        dup2(out[1], 1);
        close(out[1]);
        _exit(rota_run(copy_lines, NULL, NULL) == 0 ? 0 : 1);
    }
    close(out[1]);
    char text[64] = "";
    size_t got = 0;
    ssize_t n;
    while ((n = read(out[0], text + got, sizeof text - 1 - got)) > 0)
        got += (size_t)n;
    int status;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
    CHECK_STR(text, expected);
    CHECK_INT(fcntl(in, F_GETFL) & O_NONBLOCK, 0);
    close(out[0]);
}

/* PITFALL 25 */
TEST("an inherited standard input is a stream: pipe, file, /dev/null, socket")
{
    int fds[2];
    CHECK_INT(pipe(fds), 0);
    write_fully(fds[1], "a\nb", 3);
    close(fds[1]);
    check_copies(fds[0], "a\nb");
    FILE *f = tmpfile();
    CHECK(f != NULL);
    write_fully(fileno(f), "of a\nfile\n", 10);
    CHECK_INT(lseek(fileno(f), 0, SEEK_SET), 0);
    check_copies(fileno(f), "of a\nfile\n");
    int null = open("/dev/null", O_RDONLY);
    check_copies(null, "");
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    write_fully(fds[1], "s\n", 2);
    close(fds[1]);
    check_copies(fds[0], "s\n");
}

static int over_process(void *arg)
{
    (void)arg;
    static const char *const argv[] = { "/bin/cat", NULL };
    rota_process_options o = { .in = ROTA_PROCESS_PIPE,
                               .out = ROTA_PROCESS_PIPE };
    rota_process *p;
    rota_stream *in, *out, *none;
    rota_str line;
    CHECK_INT(rota_process_start(argv, &o, &p), 0);
    CHECK_INT(rota_process_stream(p, 0, &in), 0);
    CHECK_INT(rota_process_stream(p, 1, &out), 0);
    CHECK_INT(rota_process_stream(p, 0, &none), -EBADF); /* it is gone */
    CHECK_INT(rota_process_stream(p, 2, &none), -EBADF);
    CHECK_INT(rota_process_stream(p, 3, &none), -EINVAL);
    CHECK_INT(rota_process_in(p), -1);
    CHECK_INT(rota_stream_write(in, "to and fro\n", 11, NULL), 0);
    CHECK_INT(rota_stream_readline(out, &line), 11);
    CHECK(rota_str_eq(line, ROTA_STR("to and fro\n")));
    CHECK_INT(rota_stream_write_eof(in), 0);
    CHECK_INT(rota_stream_readline(out, &line), 0);
    int status;
    CHECK_INT(rota_process_wait(p, &status), 0);
    CHECK_INT(status, 0);
    rota_stream_close(in);
    rota_stream_close(out);
    rota_process_free(p);
    return 0;
}

TEST("the pipes of a process are streams")
{
    test_needs_kernel();
    run_clean(over_process);
}

enum { PIECES = 2500, LONGEST = 999 };

ROTA_ASYNC(write_vectors, (rota_stream *, s), (const struct iovec *, v),
           (int, count), (size_t *, done))
{
    return rota_stream_writev(s, v, count, done);
}

static int vectors(void *arg)
{
    (void)arg;
    static char block[PIECES * LONGEST], got[PIECES * LONGEST];
    static struct iovec v[PIECES];
    size_t size = 0, done;
    for (size_t i = 0; i < PIECES; i++) {
        v[i].iov_base = block + size;
        v[i].iov_len = i % 5 ? i % LONGEST : 0;
        size += v[i].iov_len;
    }
    for (size_t i = 0; i < size; i++)
        block[i] = (char)(i * 7 + i / 251);
    for (int kind = 0; kind < 3; kind++) {
        struct pipe_pair q;
        if (kind == 2) {
            q = pipe_streams(0);
        } else {
            struct pair p = kind == 0 ? tcp_pair() : unix_pair();
            q.out = p.s;
            CHECK_INT(rota_stream_new(p.peer, &q.in), 0);
        }
        if (kind == 0) { /* less than all of it */
            CHECK_INT(rota_set_buffers(rota_stream_fd(q.in), 20000, 0), 0);
            CHECK_INT(rota_set_buffers(rota_stream_fd(q.out), 0, 20000), 0);
        }
        rota_task *t = rota_create_task(write_vectors, q.out, v, PIECES, &done);
        settle();
        CHECK(!rota_task_done(t));
        CHECK_INT(rota_stream_writev(q.out, v, 2, NULL), -EBUSY);
        memset(got, 0, size);
        CHECK_INT(rota_stream_readexactly(q.in, got, size, NULL), 0);
        CHECK(memcmp(got, block, size) == 0);
        CHECK_INT(rota_await(t), 0);
        CHECK_INT(done, size);
        CHECK_INT(rota_stream_writev(q.out, v, -1, &done), -EINVAL);
        CHECK_INT(rota_stream_writev(q.out, v, 1, &done), 0); /* empty */
        CHECK_INT(done, 0);
        /* Cut short: what is out is told. */
        t = rota_create_task(write_vectors, q.out, v, PIECES, &done);
        settle();
        rota_task_cancel(t, "test");
        CHECK_INT(rota_await(t), -ROTA_ECHILD);
        CHECK(done > 0 && done < size);
        CHECK_INT(rota_stream_write_eof(q.out), 0);
        CHECK_INT(rota_stream_writev(q.out, v, PIECES, NULL), -EPIPE);
        size_t more = size;
        CHECK_INT(rota_stream_readexactly(q.in, got, size, &more), -ENODATA);
        CHECK_INT(more, done);
        rota_stream_close(q.in);
        rota_stream_close(q.out);
    }
    return 0;
}

/* PITFALL 28 */
TEST("a stream writes vectors of any number, and tells what is out")
{
    run_clean(vectors);
}

ROTA_ASYNC(send_file, (rota_stream *, s), (int, fd), (size_t, count),
           (size_t *, done))
{
    return rota_stream_sendfile(s, fd, 10, count, done);
}

static int files(void *arg)
{
    (void)arg;
    enum { SIZE = 1 << 20 };
    static char block[SIZE], got[SIZE];
    for (size_t i = 0; i < SIZE; i++)
        block[i] = (char)(i * 7 + i / 251);
    FILE *f = tmpfile();
    CHECK(f != NULL);
    write_fully(fileno(f), block, SIZE);
    for (int kind = 0; kind < 3; kind++) {
        struct pipe_pair q;
        if (kind == 2) {
            q = pipe_streams(O_NONBLOCK);
        } else {
            struct pair p = kind == 0 ? tcp_pair() : unix_pair();
            q.out = p.s;
            CHECK_INT(rota_stream_new(p.peer, &q.in), 0);
        }
        size_t done = 0;
        rota_task *t =
            rota_create_task(send_file, q.out, fileno(f), SIZE_MAX, &done);
        CHECK_INT(rota_stream_readexactly(q.in, got, SIZE - 10, NULL), 0);
        CHECK(memcmp(got, block + 10, SIZE - 10) == 0);
        CHECK_INT(rota_await(t), 0);
        CHECK_INT(done, SIZE - 10);
        CHECK_INT(rota_stream_sendfile(q.out, fileno(f), SIZE, 5, &done), 0);
        CHECK_INT(done, 0);
        CHECK_INT(rota_stream_sendfile(q.out, -1, 0, 5, &done), -EBADF);
        CHECK_INT(rota_stream_write(q.out, "on", 2, NULL), 0);
        CHECK_INT(rota_stream_write_eof(q.out), 0);
        CHECK_INT(rota_stream_sendfile(q.out, fileno(f), 0, 5, &done), -EPIPE);
        rota_stream_close(q.in);
        rota_stream_close(q.out);
    }
    fclose(f);
    return 0;
}

TEST_LIMITED("a stream sends a file, over a socket and over a pipe", 120)
{
    run_clean(files);
}

static int aborts(void *arg)
{
    (void)arg;
    char data[8];
    struct pair p = tcp_pair();
    CHECK_INT(rota_stream_write(p.s, "half", 4, NULL), 0);
    rota_stream_abort(p.s);
    ssize_t n = 1;
    while (n > 0)
        n = rota_read(p.peer, data, sizeof data);
    CHECK_INT(n, -ECONNRESET);
    CHECK_INT(rota_close(p.peer), 0);
    p = unix_pair();
    rota_str line;
    rota_task *t = rota_create_task(read_line, p.s, &line);
    settle();
    rota_stream_abort(p.s);
    CHECK_INT(rota_await(t), -EBADF);
    CHECK_INT(rota_read(p.peer, data, sizeof data), 0);
    CHECK_INT(rota_close(p.peer), 0);
    rota_stream_abort(NULL);
    return 0;
}

/* PITFALL 22 */
TEST("an aborted connection is a reset at its peer, not an end")
{
    run_clean(aborts);
}

static int refuses_files(void *arg)
{
    (void)arg;
    struct pair p = tcp_pair();
    int ends[2];
    size_t done = 7;
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    int folder = open("/", O_RDONLY | O_CLOEXEC);
    int write_only = open("/dev/null", O_WRONLY | O_CLOEXEC);
    CHECK_INT(rota_stream_sendfile(p.s, ends[0], 0, 9, &done), -ESPIPE);
    CHECK_INT(done, 0);
    CHECK_INT(rota_stream_sendfile(p.s, folder, 0, 9, NULL), -EISDIR);
    CHECK_INT(rota_stream_sendfile(p.s, folder, -1, 9, NULL), -EINVAL);
    CHECK_INT(rota_stream_sendfile(p.s, write_only, 0, 9, NULL), -EBADF);
    /* What ails a file is no fault of the connection's. */
    CHECK_INT(rota_stream_write(p.s, "on", 2, NULL), 0);
    char text[4];
    CHECK_INT(rota_read(p.peer, text, sizeof text), 2);
    CHECK_INT(rota_close(p.peer), 0);
    p.peer = -1;
    CHECK_INT(rota_stream_read(p.s, text, sizeof text), 0);
    CHECK_INT(rota_close(ends[0]), 0);
    CHECK_INT(rota_close(ends[1]), 0);
    CHECK_INT(rota_close(folder), 0);
    CHECK_INT(rota_close(write_only), 0);
    pair_close(&p);
    return 0;
}

TEST("a file that cannot be sent leaves the stream as it was")
{
    run_clean(refuses_files);
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;
    CHECK_INT(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

static int options(void *arg)
{
    (void)arg;
    struct pair p = tcp_pair();
    int fd = rota_stream_fd(p.s);
    CHECK_INT(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    CHECK_INT(rota_set_nodelay(fd, false), 0);
    CHECK_INT(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    rota_keepalive k = { rota_ms(1500), rota_ms(1), 4 };
    CHECK_INT(rota_set_keepalive(fd, &k), 0);
    CHECK_INT(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    CHECK_INT(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 2);
    CHECK_INT(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 1);
    CHECK_INT(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 4);
    CHECK_INT(rota_set_keepalive(fd, &(rota_keepalive){ 0 }), 0);
    CHECK_INT(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 4);
    CHECK_INT(rota_set_keepalive(fd, NULL), 0);
    CHECK_INT(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    k.idle = ROTA_FOREVER;
    CHECK_INT(rota_set_keepalive(fd, &k), -EINVAL);
    k.idle = -1;
    CHECK_INT(rota_set_keepalive(fd, &k), -EINVAL);
    CHECK_INT(rota_set_buffers(fd, 10000, 20000), 0);
    CHECK_INT(option_of(fd, SOL_SOCKET, SO_RCVBUF), 20000);
    CHECK_INT(option_of(fd, SOL_SOCKET, SO_SNDBUF), 40000);
    CHECK_INT(rota_set_buffers(fd, 0, 30000), 0);
    CHECK_INT(option_of(fd, SOL_SOCKET, SO_RCVBUF), 20000);
    CHECK_INT(rota_set_buffers(fd, -1, 0), -EINVAL);
    CHECK_INT(rota_set_nodelay(-1, true), -EBADF);

    rota_address ours, theirs, a;
    char text[2][ROTA_ADDRESS_TEXT];
    CHECK_INT(rota_getsockname(fd, &ours), 0);
    CHECK_INT(rota_getpeername(fd, &theirs), 0);
    CHECK_INT(rota_getpeername(p.peer, &a), 0);
    rota_address_format(&ours, text[0]);
    rota_address_format(&a, text[1]);
    CHECK_STR(text[1], text[0]);
    CHECK_INT(ntohs(theirs.v4.sin_port), port_of(p.peer));
    pair_close(&p);
    CHECK_INT(rota_getpeername(fd, &a), -EBADF);
    return 0;
}

TEST("options and names of a socket")
{
    test_needs_kernel();
    run_clean(options);
}

static int six_only(void *arg)
{
    (void)arg;
    rota_listen_options o = { .v6_only = true };
    int six = rota_listen("::", 0, &o);
    if (six == -EAFNOSUPPORT || six == -EADDRNOTAVAIL)
        test_skip("no IPv6 here");
    CHECK(six >= 0);
    struct sockaddr_in6 in;
    socklen_t size = sizeof in;
    CHECK_INT(getsockname(six, (struct sockaddr *)&in, &size), 0);
    int four = rota_listen("0.0.0.0", ntohs(in.sin6_port), NULL);
    CHECK(four >= 0);
    CHECK_INT(rota_close(four), 0);
    CHECK_INT(rota_close(six), 0);
    return 0;
}

TEST("with v6_only another socket has the same port for IPv4")
{
    run_clean(six_only);
}
