/*
 * From host names to addresses and back to text. What is written as a number,
 * and "localhost", needs nobody's help; names are looked up by getaddrinfo,
 * which blocks and therefore runs on a pool thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "io/net.h"
#include "loop/sock.h"
#include "rota/thread.h"
#include "task/task.h"

enum { HOST_NAME = 256, PORT_TEXT = 16 };

struct query {
    const char *host;
    char port[PORT_TEXT];
    struct addrinfo hints;
    struct addrinfo *found;
    int error; /* EAI_... */
};

static int look_up(void *arg)
{
    struct query *q = arg;
    q->error = getaddrinfo(q->host, q->port, &q->hints, &q->found);
    return q->error == EAI_SYSTEM ? -errno : 0;
}

static int errno_of(int eai)
{
    switch (eai) {
    case EAI_AGAIN: return -EAGAIN;
    case EAI_MEMORY: return -ENOMEM;
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY: return -ENOENT;
    default: return -EIO;
    }
}

static int take(const struct addrinfo *found, struct net_address *out, int most)
{
    int n = 0;
    for (; found && n < most; found = found->ai_next, n++) {
        memcpy(&out[n].addr, found->ai_addr, found->ai_addrlen);
        out[n].len = found->ai_addrlen;
    }
    return n;
}

/* Runs the query here: numbers need no name server. */
static int ask_numeric(struct query *q)
{
    q->hints.ai_flags |= AI_NUMERICHOST;
    int rc = look_up(q);
    q->hints.ai_flags &= ~AI_NUMERICHOST;
    return rc < 0 ? rc : q->error == 0;
}

static int ask_names(struct query *q, char *err, size_t err_size)
{
    int rc = task_current() ? rota_to_thread(look_up, q) : look_up(q);
    if (rc == 0 && q->error)
        rc = errno_of(q->error);
    if (rc == -ENOENT)
        snprintf(err, err_size,
                 "there is no host named %s: check the spelling, or give an "
                 "address",
                 q->host);
    else if (rc < 0)
        snprintf(err, err_size, "the host %s cannot be looked up: %s", q->host,
                 q->error && q->error != EAI_SYSTEM ? gai_strerror(q->error)
                                                    : strerror(-rc));
    return rc;
}

static void set_v4(struct net_address *a, int port, uint32_t host)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    in.sin_port = htons((uint16_t)port);
    in.sin_addr.s_addr = htonl(host);
    memcpy(&a->addr, &in, sizeof in);
    a->len = sizeof in;
}

static void set_v6(struct net_address *a, int port, struct in6_addr host)
{
    struct sockaddr_in6 in = { .sin6_family = AF_INET6, .sin6_addr = host };
    in.sin6_port = htons((uint16_t)port);
    memcpy(&a->addr, &in, sizeof in);
    a->len = sizeof in;
}

/* The two names that are not looked up; 0: it is another. */
static int known(const char *host, int port, struct net_address *out, int most)
{
    bool any = !host || !*host || strcmp(host, "*") == 0;
    if (most < 2 || (!any && strcmp(host, "localhost") != 0))
        return 0;
    if (any) {
        set_v6(&out[0], port, in6addr_any);
        set_v4(&out[1], port, INADDR_ANY);
    } else {
        set_v4(&out[0], port, INADDR_LOOPBACK);
        set_v6(&out[1], port, in6addr_loopback);
    }
    return 2;
}

/* In a simulation every name is some host of 10.0.0.0/8 (FNV-1a). */
static uint32_t imagined(const char *name)
{
    uint32_t hash = 2166136261;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619;
    return UINT32_C(10) << 24 | (hash & 0xffffff);
}

/* Copies a host without the brackets of "[::1]": 0 or -EINVAL. */
static int copy_host(char out[HOST_NAME], const char *host)
{
    size_t len = strlen(host);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (len == 0 || len >= HOST_NAME)
        return -EINVAL;
    memcpy(out, host, len);
    out[len] = '\0';
    return strpbrk(out, "/[] \t\r\n") ? -EINVAL : 0;
}

int net_resolve(const char *host, int port, struct net_address *out, int most,
                char *err, size_t err_size)
{
    if (port < 0 || port > NET_PORT_MOST) {
        snprintf(err, err_size, "%d is no port: choose one from 0 to %d", port,
                 NET_PORT_MOST);
        return -EINVAL;
    }
    int n = known(host, port, out, most);
    if (n > 0)
        return n;
    char name[HOST_NAME];
    if (copy_host(name, host) < 0) {
        snprintf(err, err_size,
                 "\"%.64s\" is no host: give an address such as 127.0.0.1 or "
                 "::1, or a name, without port or path",
                 host);
        return -EINVAL;
    }
    struct query q = { .host = name };
    q.hints.ai_socktype = SOCK_STREAM;
    q.hints.ai_flags = AI_NUMERICSERV;
    snprintf(q.port, sizeof q.port, "%d", port);
    int rc = ask_numeric(&q);
    if (rc == 0 && sock_simulated(loop_current())) {
        set_v4(&out[0], port, imagined(name));
        return 1;
    }
    if (rc == 0)
        rc = ask_names(&q, err, err_size);
    else if (rc < 0)
        snprintf(err, err_size, "the host %s cannot be looked up: %s", name,
                 strerror(-rc));
    if (rc >= 0)
        rc = take(q.found, out, most);
    if (q.found)
        freeaddrinfo(q.found);
    return rc;
}

int net_unix_address(const char *path, struct net_address *out)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    size_t len = strlen(path);
    if (len == 0)
        return -EINVAL;
    if (len >= sizeof un.sun_path)
        return -ENAMETOOLONG;
    memcpy(un.sun_path, path, len + 1);
    memcpy(&out->addr, &un, sizeof un);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    return 0;
}

static void format_unix(const struct sockaddr *addr, socklen_t len,
                        char name[NET_NAME])
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    size_t most = len < sizeof un ? len : sizeof un;
    memcpy(&un, addr, most);
    size_t head = offsetof(struct sockaddr_un, sun_path);
    size_t path = most > head ? most - head : 0;
    bool abstract = path > 0 && un.sun_path[0] == '\0';
    /* An abstract name begins with a NUL, which is shown as '@'. */
    if (abstract)
        un.sun_path[0] = '@';
    snprintf(name, NET_NAME, "unix:%.*s", (int)path, un.sun_path);
}

void net_format(const struct sockaddr *addr, socklen_t len, char name[NET_NAME])
{
    char host[INET6_ADDRSTRLEN];
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    switch (len >= sizeof addr->sa_family ? addr->sa_family : AF_UNSPEC) {
    case AF_INET:
        memcpy(&v4, addr, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
        snprintf(name, NET_NAME, "%s:%d", host, ntohs(v4.sin_port));
        break;
    case AF_INET6:
        memcpy(&v6, addr, sizeof v6);
        inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
        snprintf(name, NET_NAME, "[%s]:%d", host, ntohs(v6.sin6_port));
        break;
    case AF_UNIX: format_unix(addr, len, name); break;
    default: snprintf(name, NET_NAME, "?"); break;
    }
}

static int name_of(int fd, char name[NET_NAME], bool peer)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    struct loop *l = loop_current();
    int rc = sock_calls(l)->name(l, fd, peer, (struct sockaddr *)&addr, &len);
    if (rc < 0)
        return rc;
    net_format((struct sockaddr *)&addr, len, name);
    return 0;
}

int net_local_name(int fd, char name[NET_NAME])
{
    return name_of(fd, name, false);
}

int net_peer_name(int fd, char name[NET_NAME])
{
    return name_of(fd, name, true);
}
