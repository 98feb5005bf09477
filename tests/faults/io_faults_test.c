/*
 * Descriptors, streams, files and signals, with every call failing once.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "folder.h"
#include "rota.h"
#include "test.h"

static void signal_us(void)
{
    faults_off();
    kill(getpid(), SIGUSR1);
    faults_on();
}

static int signal_and_wait(void *arg)
{
    (void)arg;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    rota_signals *s;
    int rc = rota_signals_open(&set, &s);
    if (rc < 0)
        return rc;
    signal_us();
    rc = rota_signal_next(s);
    if (rc < 0) { /* not to be killed by it */
        int number;
        sigwait(&set, &number);
    }
    rota_signals_close(s);
    return rc;
}

static int run_signal_and_wait(void)
{
    return rota_run(signal_and_wait, NULL, NULL);
}

/* PITFALL 63 */
FAULT_TEST("a signal awaited", run_signal_and_wait, SIGUSR1)

static void count(void *arg)
{
    ++*(int *)arg;
}

static int handle_signal(void *arg)
{
    (void)arg;
    int calls = 0;
    int rc = rota_add_signal_handler(SIGUSR1, count, &calls);
    if (rc < 0)
        return rc;
    signal_us();
    while (calls == 0 && rc == 0)
        rc = rota_sleep(rota_us(100));
    signal(SIGUSR1, SIG_IGN); /* what was not read is no end of us */
    rota_remove_signal_handler(SIGUSR1);
    return rc < 0 ? rc : calls;
}

static int run_handle_signal(void)
{
    return rota_run(handle_signal, NULL, NULL);
}

FAULT_TEST("a signal handled", run_handle_signal, 1)

static int notify_of_signal(void *arg)
{
    (void)arg;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    rota_chan *c = rota_chan_new(sizeof(int), 1, 0);
    rota_signal_sub *sub;
    int number = -1, rc = c ? rota_chan_try_send(c, &number) : -ENOMEM;
    if (rc == 0)
        rc = rota_signal_notify(c, &set, &sub);
    if (rc < 0) {
        rota_chan_unref(c);
        return rc;
    }
    while (number != SIGUSR1 && rc == 0) {
        signal_us(); /* more than once: one may find no memory */
        rc = rota_sleep(rota_us(200));
        if (rc == 0)
            rc = rota_chan_recv(c, &number);
    }
    signal(SIGUSR1, SIG_IGN);
    rota_signal_stop(sub);
    rota_chan_unref(c);
    return rc < 0 ? rc : number;
}

static int run_notify_of_signal(void)
{
    return rota_run(notify_of_signal, NULL, NULL);
}

FAULT_TEST("a signal sent into a full channel", run_notify_of_signal, SIGUSR1)

enum { BLOCK = 5000 };

/* Sends back all it gets. */
static ROTA_ASYNC(echo, (int, fd))
{
    char block[BLOCK];
    ssize_t n;
    while ((n = rota_read(fd, block, sizeof block)) > 0) {
        for (ssize_t sent = 0; sent < n;) {
            ssize_t rc = rota_write(fd, block + sent, (size_t)(n - sent));
            if (rc < 0)
                n = sent = rc;
            else
                sent += rc;
        }
        if (n < 0)
            break;
    }
    rota_ignore(rota_close(fd));
    return (int)n;
}

static int talk(rota_stream *s)
{
    char block[BLOCK] = { 'a' }, back[BLOCK];
    size_t done;
    block[BLOCK - 1] = 'z';
    struct iovec v[] = { { block, 1000 }, { block + 1000, BLOCK - 1000 } };
    int rc = rota_stream_writev(s, v, 2, &done);
    if (rc >= 0)
        rc = rota_stream_readexactly(s, back, sizeof back, &done);
    if (rc >= 0 && memcmp(block, back, sizeof block) != 0)
        rc = -EINVAL;
    if (rc >= 0)
        rc = rota_stream_write_eof(s);
    return rc < 0 ? rc : 1;
}

static ROTA_ASYNC(gather, (int, fd))
{
    static char block[BLOCK];
    struct iovec v[] = { { block, 1 }, { block, 0 }, { block + 1, BLOCK - 1 } };
    size_t done = 0;
    ssize_t n = 0;
    while (done < BLOCK &&
           (n = done == 0 ? rota_writev(fd, v, 3)
                          : rota_write(fd, block + done, BLOCK - done)) >= 0)
        done += (size_t)n;
    int rc = rota_shutdown(fd, SHUT_WR);
    return n < 0 ? (int)n : rc;
}

/* What comes to `fd` until its end. */
static int scatter(int fd)
{
    char block[BLOCK];
    struct iovec v[] = { { block, 100 }, { block + 100, BLOCK - 100 } };
    int got = 0;
    ssize_t n;
    while ((n = rota_readv(fd, v, 2)) > 0)
        got += (int)n;
    return n < 0 ? (int)n : got;
}

static int use_vectors(void *arg)
{
    (void)arg;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    rota_group g;
    int rc = rota_group_begin(&g, 0);
    if (rc == 0)
        rc = rota_group_create_task(&g, gather, ends[0]);
    if (rc == 0)
        rc = scatter(ends[1]);
    int end = rota_group_end(&g, rc);
    rota_ignore(rota_close(ends[0]));
    rota_ignore(rota_close(ends[1]));
    return end < 0 ? end : rc;
}

static int run_use_vectors(void)
{
    return rota_run(use_vectors, NULL, NULL);
}

/* PITFALL 26, PITFALL 63 */
FAULT_TEST("vectors through a socket, and its end", run_use_vectors, BLOCK)

static ROTA_ASYNC(drain, (int, fd))
{
    char block[BLOCK];
    int got = 0;
    ssize_t n;
    while ((n = rota_read(fd, block, sizeof block)) > 0)
        got += (int)n;
    return n < 0 ? (int)n : got;
}

static int send_over(int file, const int ends[2])
{
    rota_task *t = rota_create_task(drain, ends[0]);
    ssize_t n = 1;
    off_t at = 0;
    while (t && n > 0) {
        n = rota_sendfile(ends[1], file, at, SIZE_MAX);
        at += n > 0 ? n : 0;
    }
    rota_ignore(rota_close(ends[1]));
    int got = t ? rota_await(t) : -ENOMEM;
    rota_ignore(rota_close(ends[0]));
    if (n < 0 || got < 0)
        return n < 0 ? (int)n : got;
    return got == at ? got : -EINVAL;
}

/* The file goes by splice, by sendfile, and by copying. */
static int send_files(void *arg)
{
    (void)arg;
    faults_off();
    FILE *f = tmpfile();
    int ends[3][2], rc = f ? 1 : -errno;
    for (int i = 0; f && i < BLOCK; i++)
        putc('a' + i % 26, f);
    if (!f || fflush(f) != 0 || pipe2(ends[0], O_CLOEXEC | O_NONBLOCK) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends[1]) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, ends[2]) < 0)
        rc = -errno;
    faults_on();
    for (int i = 0; i < 3; i++) {
        int n = rc < 0 ? rc : send_over(fileno(f), ends[i]);
        if (rc < 0 && i > 0) {
            close(ends[i][0]);
            close(ends[i][1]);
        }
        rc = n < 0 ? n : rc;
    }
    faults_off();
    if (f)
        fclose(f);
    faults_on();
    return rc;
}

static int run_send_files(void)
{
    return rota_run(send_files, NULL, NULL);
}

/* PITFALL 26, PITFALL 63 */
FAULT_TEST("a file to a pipe, and to sockets of both modes", run_send_files, 1)

static ROTA_ASYNC(serve_one, (int, listener))
{
    int fd = rota_accept(listener, NULL, NULL);
    return fd < 0 ? fd : echo(fd);
}

/* A client and a server in one group: whoever fails ends the other. */
static int meet(int listener, int (*connect_to)(int, rota_stream **))
{
    rota_group g;
    rota_stream *s = NULL;
    int rc = rota_group_begin(&g, 0);
    if (rc == 0)
        rc = rota_group_create_task(&g, serve_one, listener);
    if (rc == 0)
        rc = connect_to(listener, &s);
    if (rc == 0)
        rc = talk(s);
    if (s)
        rota_stream_close(s);
    int end = rota_group_end(&g, rc);
    rota_ignore(rota_close(listener));
    return end < 0 ? end : rc;
}

static int connect_tcp(int listener, rota_stream **s)
{
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    if (getsockname(listener, (struct sockaddr *)&at, &size) < 0)
        return -errno;
    int port = ntohs(((struct sockaddr_in *)&at)->sin_port);
    return rota_open_connection("127.0.0.1", port, s);
}

static int meet_tcp(void *arg)
{
    (void)arg;
    int listener = rota_listen("127.0.0.1", 0, NULL);
    return listener < 0 ? listener : meet(listener, connect_tcp);
}

static int run_meet_tcp(void)
{
    return rota_run(meet_tcp, NULL, NULL);
}

/* PITFALL 26, PITFALL 63 */
FAULT_TEST("streams over TCP", run_meet_tcp, 1, { -EPIPE, -ENODATA })

enum { COPIED = 1 << 20 };

static ROTA_ASYNC(send_all, (rota_stream *, s))
{
    static const char block[COPIED];
    int rc = rota_stream_write(s, block, sizeof block, NULL);
    return rc < 0 ? rc : rota_stream_write_eof(s);
}

static ROTA_ASYNC(copy_all, (rota_stream *, to), (rota_stream *, from))
{
    int rc = rota_stream_copy(to, from, NULL);
    return rc < 0 ? rc : rota_stream_write_eof(to);
}

static int count_all(rota_stream *s)
{
    char data[4096];
    ssize_t n;
    int got = 0;
    while ((n = rota_stream_read(s, data, sizeof data)) > 0)
        got += (int)n;
    return n < 0 ? (int)n : got;
}

/* More than the sockets hold, so that some of it is kept on its way. */
static int copy_through(rota_stream *const s[4])
{
    rota_group g;
    int rc = rota_group_begin(&g, 0);
    if (rc == 0)
        rc = rota_group_create_task(&g, send_all, s[0]);
    if (rc == 0)
        rc = rota_group_create_task(&g, copy_all, s[2], s[1]);
    if (rc == 0)
        rc = count_all(s[3]);
    int end = rota_group_end(&g, rc);
    return end < 0 ? end : rc;
}

static int copy_streams(void *arg)
{
    (void)arg;
    int ends[4], rc = 0;
    rota_stream *s[4] = { NULL };
    faults_off();
    for (int i = 0; i < 4; i += 2)
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends + i) < 0)
            rc = -errno;
    faults_on();
    for (int i = 0; i < 4; i++) {
        int made = rota_stream_new(ends[i], &s[i]);
        if (made < 0)
            close(ends[i]);
        rc = made < 0 ? made : rc;
    }
    if (rc == 0)
        rc = copy_through(s);
    for (int i = 0; i < 4; i++)
        rota_stream_close(s[i]);
    return rc;
}

static int run_copy_streams(void)
{
    return rota_run(copy_streams, NULL, NULL);
}

/* PITFALL 63 */
FAULT_TEST("one stream copied to another", run_copy_streams, COPIED)

static int connect_unix(int listener, rota_stream **s)
{
    (void)listener;
    return rota_open_unix_connection(path_of("socket"), s);
}

static int meet_unix(void *arg)
{
    (void)arg;
    int listener = rota_listen_unix(path_of("socket"), NULL);
    return listener < 0 ? listener : meet(listener, connect_unix);
}

static int run_meet_unix(void)
{
    return run_in_folder(meet_unix);
}

FAULT_TEST("streams over a Unix socket", run_meet_unix, 1,
           { -EPIPE, -ENODATA, -ECONNRESET, -ENOENT })

static int connect_by_name(void *arg)
{
    (void)arg;
    rota_stream *s;
    int port;
    int listener = rota_listen("127.0.0.1", 0, NULL);
    if (listener < 0)
        return listener;
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    getsockname(listener, (struct sockaddr *)&at, &size);
    port = ntohs(at.sin_port);
    rota_ignore(rota_close(listener)); /* nobody listens there now */
    int rc = rota_open_connection("localhost", port, &s);
    if (rc >= 0)
        rota_stream_close(s);
    return rc;
}

static int run_connect_by_name(void)
{
    return rota_run(connect_by_name, NULL, NULL);
}

/* PITFALL 29 */
FAULT_TEST("a name resolved, and a connection refused", run_connect_by_name,
           -ECONNREFUSED, { -ENETUNREACH })

static int use_files(void *arg)
{
    (void)arg;
    char back[BLOCK] = { 0 };
    rota_arena a;
    rota_str text;
    rota_arena_init(&a, NULL, 0);
    int rc = rota_write_file(path_of("a"), "what is written", 15, 0600);
    if (rc >= 0)
        rc = rota_read_file(path_of("a"), &a, 1000, &text);
    if (rc >= 0 && text.len != 15)
        rc = -EINVAL;
    int fd = rc < 0 ? rc : rota_file_open(path_of("a"), O_RDWR, 0);
    rc = fd < 0 ? fd : (int)rota_file_pwrite(fd, "W", 1, 0);
    if (rc >= 0)
        rc = rota_file_fsync(fd);
    if (rc >= 0)
        rc = (int)rota_file_pread(fd, back, 15, 0);
    if (rc >= 0 && back[0] != 'W')
        rc = -EINVAL;
    if (fd >= 0)
        rota_ignore(rota_file_close(fd));
    rota_arena_fini(&a);
    return rc;
}

static int run_use_files(void)
{
    return run_in_folder(use_files);
}

FAULT_TEST("files", run_use_files, 15)

static int use_process(void *arg)
{
    (void)arg;
    static const char *const argv[] = { "/bin/cat", NULL };
    rota_process_options o = { .in = ROTA_PROCESS_PIPE,
                               .out = ROTA_PROCESS_PIPE,
                               .flags = ROTA_PROCESS_KILL_ON_FREE };
    rota_process *p;
    int rc = rota_process_start(argv, &o, &p);
    if (rc < 0)
        return rc;
    int status = 0;
    rc = rota_process_communicate(p, "meow", 4);
    if (rc == 0)
        rc = rota_process_wait(p, &status);
    if (rc == 0 && status != 0)
        rc = -EINVAL;
    int got = (int)rota_process_output(p).len;
    rota_process_free(p);
    return rc < 0 ? rc : got;
}

static int run_use_process(void)
{
    return rota_run(use_process, NULL, NULL);
}

FAULT_TEST("a child process", run_use_process, 4)
