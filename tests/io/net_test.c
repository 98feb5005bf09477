/* Listening, accepting, connecting: STRM-15, 16, PITFALLS 24, 27, 29. */
#include "pair.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "io/net.h"
#include "loop/loop.h"

static char err[NET_ERROR_TEXT];
static char name[NET_NAME];

static int listen_any(const char *host)
{
    err[0] = '\0';
    return net_listen(host, 0, NULL, err, sizeof err);
}

TEST("a free port is chosen for 0, and the socket's name tells it")
{
    int fd = listen_any("127.0.0.1");
    CHECK(fd >= 0);
    CHECK_INT(net_local_name(fd, name), 0);
    char want[32];
    snprintf(want, sizeof want, "127.0.0.1:%d", port_of(fd));
    CHECK_STR(name, want);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    int on = 0;
    socklen_t size = sizeof on;
    CHECK_INT(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, &size), 0);
    CHECK_INT(on, 1);
    CHECK_INT(getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, &size), 0);
    CHECK_INT(on, 0);
    close(fd);
    CHECK_INT(net_local_name(fd, name), -EBADF);
}

TEST("a port in use is told with its number and what to do")
{
    int fd = listen_any("127.0.0.1"), port = port_of(fd);
    char want[128];
    snprintf(want, sizeof want,
             "port %d on 127.0.0.1 is in use: stop what uses it (ss -ltnp) or "
             "choose another",
             port);
    CHECK_INT(net_listen("127.0.0.1", port, NULL, err, sizeof err),
              -EADDRINUSE);
    CHECK_STR(err, want);
    /* "localhost" has a second address; it is no way around. */
    CHECK_INT(net_listen("localhost", port, NULL, err, sizeof err),
              -EADDRINUSE);
    CHECK_HAS(err, "localhost is in use");
    close(fd);
}

TEST("with reuse_port two sockets share a port; one without is refused")
{
    rota_listen_options shared = { .reuse_port = true, .backlog = 8 };
    int a = net_listen("127.0.0.1", 0, &shared, err, sizeof err);
    CHECK(a >= 0);
    int b = net_listen("127.0.0.1", port_of(a), &shared, err, sizeof err);
    CHECK(b >= 0);
    CHECK_INT(net_listen("127.0.0.1", port_of(a), NULL, err, sizeof err),
              -EADDRINUSE);
    close(a);
    close(b);
}

TEST("bad hosts and ports are refused with a sentence")
{
    CHECK_INT(net_listen("127.0.0.1", 70000, NULL, err, sizeof err), -EINVAL);
    CHECK_HAS(err, "70000 is no port");
    CHECK_INT(net_listen("127.0.0.1", -1, NULL, err, sizeof err), -EINVAL);
    CHECK_INT(net_listen("http://x/", 80, NULL, err, sizeof err), -EINVAL);
    CHECK_HAS(err, "is no host");
    CHECK_INT(net_listen("[]", 80, NULL, err, sizeof err), -EINVAL);
    char longest[400];
    memset(longest, 'a', sizeof longest);
    longest[399] = '\0';
    CHECK_INT(net_listen(longest, 80, NULL, err, sizeof err), -EINVAL);
    CHECK_HAS(err, "is no host");
    /* Of a network kept for documents (RFC 5737). */
    CHECK_INT(net_listen("192.0.2.1", 0, NULL, err, sizeof err),
              -EADDRNOTAVAIL);
    CHECK_HAS(err, "192.0.2.1 is not an address of this machine");
}

static int warnings;

static void count_warning(enum rota_log_level level, const char *line)
{
    CHECK_INT(level, ROTA_LOG_WARNING);
    CHECK_HAS(line, "net.core.somaxconn=1048576");
    warnings++;
}

TEST("a backlog the system cuts is told, once")
{
    rota_listen_options much = { .backlog = 1 << 20 };
    FILE *f = fopen("/proc/sys/net/core/somaxconn", "r");
    int most = 1 << 20;
    if (!f || fscanf(f, "%d", &most) != 1 || most >= 1 << 20)
        test_skip("this system takes it, or does not tell");
    fclose(f);
    rota_set_log_handler(count_warning);
    for (int i = 0; i < 3; i++)
        close(net_listen("127.0.0.1", 0, &much, err, sizeof err));
    CHECK_INT(warnings, 1);
}

ROTA_ASYNC(listen_badly, (int, port))
{
    return rota_listen("127.0.0.1", port, NULL);
}

static int tells_outcome(void *arg)
{
    (void)arg;
    rota_outcome out;
    rota_task *t = rota_create_task(listen_badly, 70000);
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.rc, -EINVAL);
    CHECK_STR(out.err->text, "70000 is no port: choose one from 0 to 65535");
    rota_task_unref(t);
    return 0;
}

TEST("rota_listen leaves its sentence in the task's outcome")
{
    run_clean(tells_outcome);
}

TEST("a privileged port is told as such")
{
    struct stat root;
    CHECK_INT(stat("/", &root), 0);
    if (geteuid() == 0) {
        if (!(root.st_mode & S_IXOTH))
            test_skip("nobody may enter / here");
        /* Give up root, in this test's own process. */
        if (setgid(65534) < 0 || setuid(65534) < 0)
            test_skip("cannot give up root");
    }
    int rc = net_listen("127.0.0.1", 1, NULL, err, sizeof err);
    if (rc >= 0)
        test_skip("this system lets anyone use low ports");
    CHECK_INT(rc, -EACCES);
    CHECK_HAS(err, "port 1 on 127.0.0.1 needs privileges");
}

static int looks_up_nobody(void *arg)
{
    (void)arg;
    rota_address a[2];
    int rc = net_resolve("no-such-host.invalid", 80, a, 2, err, sizeof err);
    CHECK(rc == -ENOENT || rc == -EAGAIN);
    CHECK_HAS(err, "no-such-host.invalid");
    rota_stream *s = NULL;
    CHECK_INT(rota_open_connection("no-such-host.invalid", 80, &s), rc);
    CHECK(s == NULL);
    return 0;
}

TEST("an unknown host is an error with its name (RFC 6761: .invalid)")
{
    run_clean(looks_up_nobody);
}

static bool has_ipv6(void)
{
    int fd = listen_any("::1");
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int both_families(void *arg)
{
    (void)arg;
    int fd = listen_any("[::1]");
    CHECK(fd >= 0);
    CHECK_INT(net_local_name(fd, name), 0);
    CHECK(strncmp(name, "[::1]:", 6) == 0);
    rota_stream *s;
    /* "localhost" is tried at 127.0.0.1 first, where nobody is. */
    CHECK_INT(rota_open_connection("localhost", port_of(fd), &s), 0);
    CHECK_INT(net_peer_name(rota_stream_fd(s), name), 0);
    CHECK(strncmp(name, "[::1]:", 6) == 0);
    rota_stream_close(s);
    rota_close(fd);
    fd = listen_any(NULL);
    CHECK(fd >= 0);
    CHECK_INT(rota_open_connection("127.0.0.1", port_of(fd), &s), 0);
    rota_stream_close(s);
    CHECK_INT(rota_open_connection("::1", port_of(fd), &s), 0);
    rota_stream_close(s);
    rota_close(fd);
    return 0;
}

TEST("IPv6 by its address; all addresses take both families")
{
    if (!has_ipv6())
        test_skip("no IPv6 here");
    run_clean(both_families);
}

static int unix_sockets(void *arg)
{
    const char *path = arg;
    int fd = rota_listen_unix(path, NULL);
    CHECK(fd >= 0);
    CHECK_INT(net_local_name(fd, name), 0);
    CHECK_HAS(name, path);
    CHECK(strncmp(name, "unix:/", 6) == 0);
    CHECK_INT(net_listen_unix(path, NULL, err, sizeof err), -EADDRINUSE);
    CHECK_HAS(err, "is in use");
    rota_stream *s;
    CHECK_INT(rota_open_unix_connection(path, &s), 0);
    /* The first is that of the listener that asked whether we listen. */
    CHECK_INT(rota_close(rota_accept(fd, NULL, NULL)), 0);
    int peer = rota_accept(fd, NULL, NULL);
    CHECK(peer >= 0);
    CHECK_INT(net_peer_name(peer, name), 0);
    CHECK_STR(name, "unix:");
    CHECK_INT(rota_stream_write(s, "hi", 2, NULL), 0);
    char data[4];
    CHECK_INT(rota_read(peer, data, sizeof data), 2);
    rota_stream_close(s);
    CHECK_INT(rota_close(peer), 0);
    CHECK_INT(rota_close(fd), 0);
    CHECK_INT(rota_open_unix_connection(path, &s), -ECONNREFUSED);
    fd = rota_listen_unix(path, NULL); /* nobody listens: replaced */
    CHECK(fd >= 0);
    CHECK_INT(rota_close(fd), 0);
    return 0;
}

static int unix_edges(void *arg)
{
    const char *path = arg;
    CHECK_INT(rota_write_file(path, "x", 1, 0600), 0);
    CHECK_INT(rota_listen_unix(path, NULL), -EADDRINUSE);
    struct stat st;
    CHECK_INT(stat(path, &st), 0); /* a file of somebody's: it stays */
    CHECK_INT(unlink(path), 0);
    rota_stream *s;
    CHECK_INT(rota_open_unix_connection(path, &s), -ENOENT);
    CHECK_INT(rota_open_unix_connection("", &s), -EINVAL);
    char longest[200];
    memset(longest, 'a', sizeof longest);
    longest[199] = '\0';
    CHECK_INT(rota_open_unix_connection(longest, &s), -ENAMETOOLONG);
    CHECK_INT(net_listen_unix(longest, NULL, err, sizeof err), -ENAMETOOLONG);
    CHECK_HAS(err, "must have 1 to 107 bytes");
    return 0;
}

static const char *temporary(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/io-test-%d.sock", getpid());
    unlink(path);
    return path;
}

TEST("Unix sockets: in use, stale, connected, named")
{
    const char *path = temporary();
    CHECK_INT(rota_run(unix_sockets, (void *)path, NULL), 0);
    unlink(path);
}

TEST("Unix sockets: another file stays, bad paths are refused")
{
    CHECK_INT(rota_run(unix_edges, (void *)temporary(), NULL), 0);
}

ROTA_ASYNC(connect_unix, (const char *, path))
{
    rota_stream *s;
    int rc = rota_open_unix_connection(path, &s);
    if (rc == 0)
        rota_stream_close(s);
    return rc;
}

static int unix_full(void *arg)
{
    const char *path = arg;
    rota_listen_options one = { .backlog = 1 };
    int fd = rota_listen_unix(path, &one);
    rota_task *t[6];
    for (int i = 0; i < 6; i++)
        t[i] = rota_create_task(connect_unix, path);
    settle();
    int waits = -1;
    for (int i = 0; i < 6; i++)
        if (!rota_task_done(t[i]))
            waits = i;
    CHECK(waits >= 0);
    rota_task_cancel(t[waits], "test");
    for (int i = 0; i < 5; i++) {
        int peer = rota_accept(fd, NULL, NULL);
        CHECK(peer >= 0);
        CHECK_INT(rota_close(peer), 0);
    }
    for (int i = 0; i < 6; i++) {
        int rc = rota_await(t[i]);
        CHECK(rc == 0 || (i == waits && rc == -ROTA_ECHILD));
    }
    CHECK_INT(rota_close(fd), 0);
    return 0;
}

TEST("PITFALL 29: a Unix listener that is full is tried until it is not")
{
    const char *path = temporary();
    CHECK_INT(rota_run(unix_full, (void *)path, NULL), 0);
    unlink(path);
}

static int refused(void *arg)
{
    (void)arg;
    int fd = rota_listen("127.0.0.1", 0, NULL), port = port_of(fd);
    CHECK_INT(rota_close(fd), 0);
    rota_stream *s = NULL;
    CHECK_INT(rota_open_connection("127.0.0.1", port, &s), -ECONNREFUSED);
    CHECK_INT(rota_open_connection("localhost", port, &s), -ECONNREFUSED);
    CHECK_INT(rota_open_connection("127.0.0.1", 70000, &s), -EINVAL);
    CHECK(s == NULL);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = loopback(port);
    CHECK_INT(rota_connect(fd, (struct sockaddr *)&to, sizeof to),
              -ECONNREFUSED);
    CHECK_INT(rota_close(fd), 0);
    CHECK_INT(rota_connect(-1, (struct sockaddr *)&to, sizeof to), -EBADF);
    return 0;
}

TEST("PITFALL 29: refused connections and bad ports leave nothing open")
{
    run_clean(refused);
}

static int unreachable(void *arg)
{
    (void)arg;
    rota_stream *s = NULL;
    /* No connection leads to a broadcast address (connect(2), Linux). */
    CHECK_INT(rota_open_connection("255.255.255.255", 80, &s), -ENETUNREACH);
    CHECK(s == NULL);
    return 0;
}

TEST("PITFALL 29: what cannot be reached is told at once")
{
    test_needs_kernel();
    run_clean(unreachable);
}

/* A socket bound to the port it connects to: the loopback joins it to
 * itself. */
static int to_itself(void *arg)
{
    (void)arg;
    int on = 1;
    int fd = listen_any("127.0.0.1"), port = port_of(fd);
    CHECK_INT(rota_close(fd), 0);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    struct sockaddr_in to = loopback(port);
    CHECK_INT(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
    CHECK_INT(rota_connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    rota_stream *s;
    char data[4];
    CHECK_INT(rota_stream_new(fd, &s), 0);
    CHECK_INT(rota_stream_write(s, "me", 2, NULL), 0);
    CHECK_INT(rota_stream_read(s, data, sizeof data), 2);
    rota_stream_close(s);
    return 0;
}

TEST("PITFALL 29: a socket connected to itself works as the kernel says")
{
    run_clean(to_itself);
}

/* A listener that answers no more: its queue is full. */
struct silent {
    int listener;
    int queued[16];
    int port;
};

static void silent_init(struct silent *q)
{
    rota_listen_options none = { .backlog = 1 };
    q->listener = rota_listen("127.0.0.1", 0, &none);
    CHECK(q->listener >= 0);
    q->port = port_of(q->listener);
    struct sockaddr_in to = loopback(q->port);
    for (int i = 0; i < 16; i++) {
        q->queued[i] =
            socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int rc = connect(q->queued[i], (struct sockaddr *)&to, sizeof to);
        CHECK(rc == 0 || errno == EINPROGRESS);
    }
    CHECK_INT(rota_sleep(rota_ms(5)), 0);
}

static void silent_fini(struct silent *q)
{
    for (int i = 0; i < 16; i++)
        close(q->queued[i]);
    CHECK_INT(rota_close(q->listener), 0);
}

ROTA_ASYNC(open_port, (int, port))
{
    rota_stream *s;
    int rc = rota_open_connection("127.0.0.1", port, &s);
    if (rc == 0)
        rota_stream_close(s);
    return rc;
}

static int cancels_connect(void *arg)
{
    (void)arg;
    struct silent q;
    silent_init(&q);
    int before = open_files();
    rota_task *t = rota_create_task(open_port, q.port);
    settle();
    CHECK(!rota_task_done(t));
    CHECK_INT(open_files(), before + 1);
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(open_files(), before);
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(5), rc) {
        rc = open_port(q.port);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(open_files(), before);
    silent_fini(&q);
    return 0;
}

TEST("STRM-16: a cancelled connect leaves no socket open")
{
    run_clean(cancels_connect);
}

static int second_wins(void *arg)
{
    struct silent q;
    silent_init(&q);
    int other = net_listen("::1", q.port, NULL, err, sizeof err);
    if (other == -EADDRINUSE) { /* somebody has it: again with another */
        silent_fini(&q);
        return second_wins(arg);
    }
    CHECK(other >= 0);
    int before = open_files();
    rota_stream *s;
    CHECK_INT(rota_open_connection("localhost", q.port, &s), 0);
    CHECK_INT(open_files(), before + 1);
    CHECK_INT(net_peer_name(rota_stream_fd(s), name), 0);
    CHECK(strncmp(name, "[::1]:", 6) == 0);
    rota_stream_close(s);
    CHECK_INT(rota_close(other), 0);
    silent_fini(&q);
    return 0;
}

TEST("STRM-15: the second address wins when the first keeps silent")
{
    if (!has_ipv6())
        test_skip("no IPv6 here");
    CHECK_INT(rota_run(second_wins, NULL, NULL), 0);
}

static int connect_races(void *arg)
{
    (void)arg;
    int fd = rota_listen("127.0.0.1", 0, NULL), port = port_of(fd);
    int before = open_files(), done = 0;
    for (int i = 0; i < 1000; i++) {
        rota_task *t = rota_create_task(open_port, port);
        for (int k = 0; k < i % 5; k++)
            CHECK_INT(rota_checkpoint(), 0);
        rota_task_cancel(t, "test");
        int rc = rota_await(t);
        CHECK(rc == 0 || rc == -ROTA_ECHILD);
        done += rc == 0;
        CHECK_INT(open_files(), before);
        if (i % 100 == 99)
            for (int peer; (peer = accept(fd, NULL, NULL)) >= 0;)
                close(peer);
    }
    CHECK(done > 0 && done < 1000);
    CHECK_INT(rota_close(fd), 0);
    return 0;
}

TEST("1000 cancels that meet a connect leave no socket open")
{
    run_clean(connect_races);
}

ROTA_ASYNC(accept_one, (int, fd))
{
    return rota_accept(fd, NULL, NULL);
}

static int accepts(void *arg)
{
    (void)arg;
    int fd = rota_listen("127.0.0.1", 0, NULL);
    rota_task *t = rota_create_task(accept_one, fd);
    settle();
    CHECK_INT(rota_accept(fd, NULL, NULL), -EBUSY);
    CHECK_INT(rota_close(fd), 0);
    CHECK_INT(rota_await(t), -EBADF);
    CHECK_INT(rota_accept(fd, NULL, NULL), -EBADF);
    CHECK_INT(rota_close(fd), -EBADF);
    CHECK_INT(rota_close(-1), -EBADF);
    /* An inherited listener in blocking mode. */
    fd = rota_listen("127.0.0.1", 0, NULL);
    CHECK_INT(fcntl(fd, F_SETFL, 0), 0);
    t = rota_create_task(accept_one, fd);
    settle();
    rota_stream *s;
    CHECK_INT(rota_open_connection("127.0.0.1", port_of(fd), &s), 0);
    int peer = rota_await(t);
    CHECK(peer >= 0);
    CHECK(fcntl(peer, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(peer, F_GETFD) & FD_CLOEXEC);
    CHECK_INT(rota_close(peer), 0);
    rota_stream_close(s);
    /* The address of the other end. */
    CHECK_INT(rota_open_connection("127.0.0.1", port_of(fd), &s), 0);
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    peer = rota_accept(fd, (struct sockaddr *)&from, &size);
    CHECK_INT(ntohs(from.sin_port), port_of(rota_stream_fd(s)));
    int nodelay = 0;
    size = sizeof nodelay;
    CHECK_INT(getsockopt(rota_stream_fd(s), IPPROTO_TCP, TCP_NODELAY, &nodelay,
                         &size),
              0);
    CHECK_INT(nodelay, 1);
    CHECK_INT(rota_close(peer), 0);
    rota_stream_close(s);
    CHECK_INT(rota_close(fd), 0);
    return 0;
}

TEST("accept: one at a time, closed under it, and what it gives")
{
    run_clean(accepts);
}

/* As another process that listens at the same socket may do: before the loop
 * has seen that a connection is there, or when it has, and has woken the task
 * that accepts. */
static void take_away(int fd, const struct sockaddr_in *to, bool seen)
{
    int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(connect(c, (const struct sockaddr *)to, sizeof *to), 0);
    uint64_t turn = loop_current()->turns;
    while (seen && loop_current()->turns == turn)
        CHECK_INT(rota_checkpoint(), 0);
    int taken = accept(fd, NULL, NULL);
    CHECK(taken >= 0);
    CHECK_INT(close(taken), 0);
    reset(c);
}

static int taken_away(void *arg)
{
    (void)arg;
    int fd = rota_listen("127.0.0.1", 0, NULL), mode = fcntl(fd, F_GETFL);
    struct sockaddr_in to = loopback(port_of(fd));
    for (int i = 0; i < 4; i++) {
        CHECK_INT(fcntl(fd, F_SETFL, i % 2 ? mode : 0), 0);
        rota_task *t = rota_create_task(accept_one, fd);
        settle();
        for (int k = 0; k < 4; k++) {
            take_away(fd, &to, k % 2);
            if (k != 2)
                settle();
        }
        CHECK(!rota_task_done(t));
        int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_INT(connect(c, (struct sockaddr *)&to, sizeof to), 0);
        int peer = rota_await(t);
        CHECK(peer >= 0);
        reset(c);
        CHECK_INT(rota_close(peer), 0);
    }
    return rota_close(fd);
}

TEST("a connection that another takes first is not waited for")
{
    run_clean(taken_away);
}

static int accept_races(void *arg)
{
    (void)arg;
    enum { ROUNDS = 1000 };
    int fd = rota_listen("127.0.0.1", 0, NULL), port = port_of(fd), got = 0;
    struct sockaddr_in to = loopback(port);
    for (int i = 0; i < ROUNDS; i++) {
        rota_task *t = rota_create_task(accept_one, fd);
        for (int k = 0; k < i % 3; k++)
            CHECK_INT(rota_checkpoint(), 0);
        int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_INT(connect(c, (struct sockaddr *)&to, sizeof to), 0);
        for (int k = 0; k < i / 3 % 3; k++)
            CHECK_INT(rota_checkpoint(), 0);
        rota_task_cancel(t, "test");
        int rc = rota_await(t);
        if (rc < 0)
            CHECK_INT(rc, -ROTA_ECHILD);
        got += rc >= 0;
        if (rc < 0)
            rc = accept_one(fd);
        CHECK(rc >= 0);
        CHECK_INT(net_peer_name(rc, name), 0);
        char ours[NET_NAME];
        CHECK_INT(net_local_name(c, ours), 0);
        CHECK_STR(name, ours);
        reset(c);
        CHECK_INT(rota_close(rc), 0);
    }
    CHECK(got > 0 && got < ROUNDS);
    CHECK_INT(rota_close(fd), 0);
    return 0;
}

TEST("1000 cancels that meet a connection at accept lose none")
{
    run_clean(accept_races);
}

static int full_table(void *arg)
{
    (void)arg;
    int fd = rota_listen("127.0.0.1", 0, NULL), port = port_of(fd);
    rota_stream *s, *other;
    CHECK_INT(rota_open_connection("127.0.0.1", port, &s), 0);
    struct rlimit before, none;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
    CHECK_INT(rota_accept(fd, NULL, NULL), -EMFILE);
    CHECK_INT(rota_accept(fd, NULL, NULL), -EMFILE);
    CHECK_INT(rota_open_connection("127.0.0.1", port, &other), -EMFILE);
    CHECK_INT(net_listen("127.0.0.1", 0, NULL, err, sizeof err), -EMFILE);
    CHECK_HAS(err, "ulimit -n");
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    int peer = rota_accept(fd, NULL, NULL); /* it was not lost */
    CHECK(peer >= 0);
    CHECK_INT(rota_close(peer), 0);
    CHECK_INT(rota_close(fd), 0);
    rota_stream_close(s);
    return 0;
}

TEST("PITFALL 27: accept without a free descriptor is -EMFILE, then goes on")
{
    run_clean(full_table);
}

ROTA_ASYNC(echo, (int, fd))
{
    rota_stream *s;
    rota_str line;
    int rc = rota_stream_new(fd, &s);
    if (rc < 0)
        return rc;
    while ((rc = (int)rota_stream_readline(s, &line)) > 0)
        if ((rc = rota_stream_write(s, line.ptr, line.len, NULL)) < 0)
            break;
    rota_stream_close(s);
    return rc;
}

ROTA_ASYNC(serve, (int, fd), (int, count))
{
    for (int i = 0; i < count; i++) {
        int peer = rota_accept(fd, NULL, NULL);
        if (peer < 0)
            return peer;
        rota_task_unref(rota_create_task(echo, peer));
    }
    return 0;
}

ROTA_ASYNC(client, (int, port), (int, id))
{
    rota_stream *s;
    rota_str line;
    char text[64];
    int rc = rota_open_connection("127.0.0.1", port, &s);
    for (int i = 0; i < 5 && rc >= 0; i++) {
        int n = snprintf(text, sizeof text, "client %d says %d\n", id, i);
        rc = rota_stream_write(s, text, (size_t)n, NULL);
        if (rc == 0)
            rc = (int)rota_stream_readline(s, &line);
        if (rc >= 0)
            CHECK(rota_str_eq(line, (rota_str){ text, (size_t)n }));
        if (rc >= 0)
            rc = rota_checkpoint();
    }
    CHECK_INT(rc, 0);
    rota_stream_close(s);
    return 0;
}

static int thousand(void *arg)
{
    (void)arg;
    enum { CLIENTS = 1000 };
    static rota_task *t[CLIENTS];
    int fd = rota_listen("127.0.0.1", 0, NULL);
    CHECK(fd >= 0);
    rota_task *server = rota_create_task(serve, fd, CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        t[i] = rota_create_task(client, port_of(fd), i);
    for (int i = 0; i < CLIENTS; i++)
        CHECK_INT(rota_await(t[i]), 0);
    CHECK_INT(rota_await(server), 0);
    CHECK_INT(rota_close(fd), 0);
    return 0;
}

TEST_LIMITED("1000 connections at once, each with its own answers", 120)
{
    struct rlimit most;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &most), 0);
    most.rlim_cur = most.rlim_max;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &most), 0);
    if (most.rlim_max < 2100)
        test_skip("too few descriptors allowed");
    run_clean(thousand);
}
