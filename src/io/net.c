/*
 * Listening sockets. Starting a server is where users meet the system's
 * refusals, so each becomes a sentence that says what to do.
 */
#include "io/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "loop/loop.h"
#include "rota/log.h"

enum { PRIVILEGED = 1024 };

/* net.core.somaxconn caps every backlog, silently; 0: not known. */
static int system_backlog(void)
{
    if (sock_simulated(loop_current()))
        return 0;
    FILE *f = fopen("/proc/sys/net/core/somaxconn", "re");
    int most = 0;
    if (f && fscanf(f, "%d", &most) != 1)
        most = 0;
    if (f)
        fclose(f);
    return most;
}

static int backlog_of(const rota_listen_options *options)
{
    static atomic_bool warned;
    int wanted =
        options && options->backlog > 0 ? options->backlog : NET_BACKLOG;
    int most = system_backlog();
    if (most <= 0 || wanted <= most)
        return wanted;
    if (!atomic_exchange(&warned, true))
        rota_log(ROTA_LOG_WARNING,
                 "at most %d connections can wait to be accepted, not %d: "
                 "raise the limit with sysctl -w net.core.somaxconn=%d",
                 most, wanted, wanted);
    return most;
}

static int set(int fd, int level, int option, int value)
{
    return sock_set_int(loop_current(), fd, level, option, value);
}

static int prepare(int fd, const rota_address *a,
                   const rota_listen_options *options)
{
    int rc = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0 && options && options->reuse_port)
        rc = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (rc == 0 && a->any.sa_family == AF_INET6) {
        /* "::" is all of this machine, so IPv4 too. */
        bool any = IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
        bool only = !any || (options && options->v6_only);
        rc = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, only);
    }
    return rc;
}

static int listen_at(const rota_address *a, const rota_listen_options *options)
{
    struct loop *l = loop_current();
    const struct sock_calls *calls = sock_calls(l);
    int fd = calls->open(l, a->any.sa_family);
    if (fd < 0)
        return fd;
    int rc = a->any.sa_family == AF_UNIX ? 0 : prepare(fd, a, options);
    if (rc == 0)
        rc = calls->bind(l, fd, (const struct sockaddr *)&a->any, a->len);
    /* With SO_REUSEADDR two may bind a port; listen is where they meet. */
    if (rc == 0)
        rc = calls->listen(l, fd, backlog_of(options));
    if (rc == 0)
        return fd;
    calls->close(l, fd);
    return rc;
}

static void explain(int rc, const char *host, int port, char *err, size_t size)
{
    switch (-rc) {
    case EADDRINUSE:
        snprintf(err, size,
                 "port %d on %s is in use: stop what uses it (ss -ltnp) or "
                 "choose another",
                 port, host);
        break;
    case EACCES:
        snprintf(err, size,
                 port < PRIVILEGED
                     ? "port %d on %s needs privileges, as all below 1024: "
                       "choose a higher one, or grant "
                       "CAP_NET_BIND_SERVICE"
                     : "port %d on %s is forbidden by this system's policy: "
                       "choose another",
                 port, host);
        break;
    case EADDRNOTAVAIL:
        snprintf(err, size,
                 "%s is not an address of this machine: see those it has "
                 "(ip address), or take 127.0.0.1 or 0.0.0.0 (port %d)",
                 host, port);
        break;
    case EMFILE:
    case ENFILE:
        snprintf(err, size,
                 "too many files are open to listen at %s, port %d: raise the "
                 "limit (ulimit -n)",
                 host, port);
        break;
    default:
        snprintf(err, size, "cannot listen at %s, port %d: %s", host, port,
                 strerror(-rc));
        break;
    }
}

int net_listen(const char *host, int port, const rota_listen_options *options,
               char *err, size_t err_size)
{
    rota_address found[NET_ADDRESSES];
    int n = net_resolve(host, port, found, NET_ADDRESSES, err, err_size);
    if (n < 0)
        return n;
    int first = 0;
    for (int i = 0; i < n; i++) {
        int rc = listen_at(&found[i], options);
        if (rc >= 0)
            return rc;
        /* The next address is for a family this machine lacks; a port that
         * is in use must not be evaded. */
        first = i == 0 || first == -EAFNOSUPPORT || first == -EADDRNOTAVAIL
                    ? rc
                    : first;
        if (rc != -EAFNOSUPPORT && rc != -EADDRNOTAVAIL)
            break;
    }
    explain(first, host && *host ? host : "all addresses", port, err, err_size);
    return first;
}

/* Removes a Unix socket that nobody listens at: 0, or -EADDRINUSE. */
static int remove_stale(const char *path, const rota_address *a)
{
    struct stat st;
    if (sock_simulated(loop_current()))
        return -EADDRINUSE; /* there a path is free when nobody listens */
    if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return -EADDRINUSE;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int rc = connect(fd, (const struct sockaddr *)&a->any, a->len);
    bool stale = rc < 0 && errno == ECONNREFUSED;
    close(fd);
    return stale && unlink(path) == 0 ? 0 : -EADDRINUSE;
}

int net_listen_unix(const char *path, const rota_listen_options *options,
                    char *err, size_t err_size)
{
    rota_address a;
    int rc = net_unix_address(path, &a);
    if (rc < 0) {
        snprintf(err, err_size,
                 "\"%.128s\" cannot be a socket's path: it must have 1 to %zu "
                 "bytes",
                 path, sizeof((struct sockaddr_un *)0)->sun_path - 1);
        return rc;
    }
    rc = listen_at(&a, options);
    if (rc == -EADDRINUSE && remove_stale(path, &a) == 0)
        rc = listen_at(&a, options);
    if (rc == -EADDRINUSE)
        snprintf(err, err_size,
                 "%s is in use: stop what listens there (ss -lxp), or choose "
                 "another path",
                 path);
    else if (rc < 0)
        snprintf(err, err_size, "cannot listen at %s: %s", path, strerror(-rc));
    return rc;
}
