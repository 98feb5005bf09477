/*
 * Lines, options, servers and files sent, with every call failing once.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults.h"
#include "rota.h"
#include "test.h"

/* Both ends of a connection, each of which may not come to be. */
static int connect_both(rota_stream *s[2])
{
    int fds[2], rc = 0;
    faults_off();
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    faults_on();
    for (int i = 0; i < 2; i++) {
        s[i] = NULL;
        int made = rota_stream_new(fds[i], &s[i]);
        if (made < 0)
            rota_ignore(rota_close(fds[i]));
        rc = rc < 0 ? rc : made;
    }
    return rc;
}

static const char text[] = "key: value\nlast";

static ROTA_ASYNC(write_slowly, (rota_stream *, s))
{
    int rc = 0;
    for (size_t i = 0; i < sizeof text - 1 && rc == 0; i++) {
        rc = rota_stream_write(s, text + i, 1, NULL);
        if (rc == 0 && i % 4 == 0)
            rc = rota_sleep(rota_us(10));
    }
    if (rc < 0)
        rota_stream_abort(s);
    else
        rota_stream_close(s);
    return rc;
}

static int read_lines(rota_stream *s)
{
    rota_str part;
    rota_stream_set_limit(s, 100);
    int rc = (int)rota_stream_readuntil(s, ROTA_STR(": "), &part), sum = rc;
    while (rc > 0 && (rc = (int)rota_stream_readline(s, &part)) > 0)
        sum += rc;
    return rc < 0 ? rc : sum;
}

static int lines(void *arg)
{
    (void)arg;
    rota_stream *s[2];
    int rc = connect_both(s), end = 0;
    rota_task *t = rc < 0 ? NULL : rota_create_task(write_slowly, s[1]);
    if (t) {
        rc = read_lines(s[0]);
        rota_stream_close(s[0]); /* who writes must not wait */
        end = rota_await(t);
    } else {
        rc = rc < 0 ? rc : -ENOMEM;
        rota_stream_close(s[0]);
        rota_stream_close(s[1]);
    }
    /* What the writer met is why there were not all lines. */
    return end < 0 && end != -EPIPE ? end : rc;
}

static int run_lines(void)
{
    return rota_run(lines, NULL, NULL);
}

/* PITFALL 26, PITFALL 63 */
FAULT_TEST("lines that come in pieces", run_lines, sizeof text - 1)

enum { BYTES = 200000 };

static ROTA_ASYNC(count_bytes, (rota_stream *, s))
{
    static char block[4096];
    ssize_t n;
    int got = 0;
    while ((n = rota_stream_read(s, block, sizeof block)) > 0)
        got += (int)n;
    rota_stream_close(s); /* who writes must not wait */
    return n < 0 ? (int)n : got;
}

static int file_of(int bytes)
{
    faults_off();
    FILE *f = tmpfile();
    int fd = f ? fcntl(fileno(f), F_DUPFD_CLOEXEC, 0) : -errno;
    if (fd >= 0 && ftruncate(fd, bytes) < 0)
        _exit(1);
    if (f)
        fclose(f);
    faults_on();
    return fd;
}

/* By a stream, more than it takes at once. */
static int send_file(void *arg)
{
    (void)arg;
    rota_stream *s[2];
    size_t done = 0;
    int fd = file_of(BYTES), rc = connect_both(s), got = 0;
    rota_task *t = rc < 0 ? NULL : rota_create_task(count_bytes, s[1]);
    if (t) {
        rc = rota_stream_sendfile(s[0], fd, 0, SIZE_MAX, &done);
        rota_stream_close(s[0]);
        got = rota_await(t);
    } else {
        rc = rc < 0 ? rc : -ENOMEM;
        rota_stream_close(s[0]);
        rota_stream_close(s[1]);
    }
    rota_ignore(rota_file_close(fd));
    if (rc == 0 && got >= 0 && (size_t)got != done)
        return -EINVAL;
    return rc < 0 && rc != -EPIPE ? rc : got;
}

static int run_send_file(void)
{
    return rota_run(send_file, NULL, NULL);
}

/* PITFALL 63 */
FAULT_TEST("a file sent by a stream", run_send_file, BYTES)

static int read_back(void *arg)
{
    (void)arg;
    static char data[BYTES];
    rota_arena a;
    rota_str all;
    rota_arena_init(&a, NULL, 0);
    int fd = file_of(BYTES);
    int rc = (int)rota_file_read(fd, data, sizeof data);
    if (rc == BYTES)
        rc = rota_read_file_fd(fd, &a, SIZE_MAX, &all);
    if (rc == 0)
        rc = (int)all.len;
    int closed = rota_file_close(fd);
    rota_arena_fini(&a);
    return rc < 0 || closed == 0 ? rc : closed;
}

static int run_read_back(void)
{
    return rota_run(read_back, NULL, NULL);
}

/* PITFALL 26, PITFALL 63 */
FAULT_TEST("a file read from where it stands, and whole", run_read_back, BYTES)

static ROTA_ASYNC(write_late, (int, fd))
{
    int rc = rota_sleep(rota_us(50));
    return rc < 0 ? rc : (int)rota_write(fd, "x", 1);
}

static int wait_for_pipe(void *arg)
{
    (void)arg;
    int ends[2];
    faults_off();
    CHECK_INT(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    faults_on();
    rota_group g;
    int rc = rota_group_begin(&g, 0);
    if (rc == 0)
        rc = rota_group_create_task(&g, write_late, ends[1]);
    if (rc == 0)
        rc = rota_wait_fd(ends[0], POLLIN);
    int end = rota_group_end(&g, rc);
    rota_ignore(rota_close(ends[0]));
    rota_ignore(rota_close(ends[1]));
    return end < 0 ? end : rc;
}

static int run_wait_for_pipe(void)
{
    return rota_run(wait_for_pipe, NULL, NULL);
}

/* PITFALL 26, PITFALL 63 */
FAULT_TEST("a pipe waited for", run_wait_for_pipe, POLLIN)

static int set_options(int fd)
{
    static const rota_keepalive k = { .idle = 5000000000, .count = 3 };
    rota_address peer;
    int rc = rota_set_nodelay(fd, true);
    if (rc == 0)
        rc = rota_set_keepalive(fd, &k);
    if (rc == 0)
        rc = rota_set_keepalive(fd, NULL);
    if (rc == 0)
        rc = rota_set_buffers(fd, 10000, 10000);
    return rc == 0 ? rota_getpeername(fd, &peer) : rc;
}

static int connect_plainly(void *arg)
{
    (void)arg;
    rota_address to;
    int listener = rota_listen("127.0.0.1", 0, NULL), fd = -1;
    int rc = listener < 0 ? listener : rota_getsockname(listener, &to);
    if (rc == 0)
        rc = fd =
            socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 && rc == -1)
        rc = -errno;
    if (fd >= 0)
        rc = rota_connect(fd, &to.any, to.len);
    if (fd >= 0 && rc == 0)
        rc = set_options(fd);
    if (fd >= 0)
        rota_ignore(rota_close(fd));
    if (listener >= 0)
        rota_ignore(rota_close(listener));
    return rc;
}

static int run_connect_plainly(void)
{
    return rota_run(connect_plainly, NULL, NULL);
}

/* PITFALL 26, PITFALL 63 */
FAULT_TEST("a connection and its options", run_connect_plainly, 0)

static int echo(rota_stream *s, void *arg)
{
    (void)arg;
    rota_str line;
    ssize_t n = 0;
    while (n >= 0 && (n = rota_stream_readline(s, &line)) > 0)
        n = rota_stream_write(s, line.ptr, line.len, NULL);
    return (int)n;
}

/* One more client of the server, which stays; NULL: `*rc` says why. */
static rota_stream *talk(int port, int *rc)
{
    rota_stream *s = NULL;
    rota_str line;
    if (*rc == 0)
        *rc = rota_open_connection("127.0.0.1", port, &s);
    if (s)
        *rc = rota_stream_write(s, "hello\n", 6, NULL);
    if (s && *rc == 0) {
        ssize_t n = rota_stream_readline(s, &line);
        *rc = n == 0 ? -ENODATA : n < 0 ? (int)n : 0;
    }
    return s;
}

static int use_server(rota_server *server, int port)
{
    int rc = 0;
    char c;
    rota_stream *s = talk(port, &rc), *other = NULL;
    rota_server_close_clients(server);
    ROTA_TIMEOUT (rota_seconds(5),
                  rc) { /* a shutdown that fails does nothing */
        rc = rc == 0 ? (int)rota_stream_read(s, &c, 1) : rc;
    }
    other = talk(port, &rc);
    rota_server_close(server);
    rota_server_abort_clients(server);
    int end = rota_server_wait_closed(server);
    rota_stream_close(s);
    rota_stream_close(other);
    return rc < 0 ? rc : end;
}

static int serve(void *arg)
{
    (void)arg;
    rota_address at;
    rota_server *server;
    int listener = rota_listen("127.0.0.1", 0, NULL);
    int rc = listener < 0 ? listener : rota_getsockname(listener, &at);
    if (rc < 0 && listener >= 0)
        rota_ignore(rota_close(listener));
    if (rc == 0)
        rc = rota_server_start(listener, echo, NULL, &server);
    if (rc < 0)
        return rc;
    rc = use_server(server, ntohs(at.v4.sin_port));
    rota_server_free(server);
    return rc;
}

static int run_serve(void)
{
    return rota_run(serve, NULL, NULL);
}

/* PITFALL 27, PITFALL 63 */
FAULT_TEST("a server, whose clients are ended and aborted", run_serve, 0,
           { -ENODATA, -ECONNRESET, -ECONNREFUSED, -ETIMEDOUT })
