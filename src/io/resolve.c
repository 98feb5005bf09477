/*
 * From host names to addresses and back to text. What is written as a number,
 * and "localhost", needs nobody's help; names are looked up by getaddrinfo,
 * which blocks and therefore runs on a pool thread.
 */
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

enum { PORT_TEXT = 16 };

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

static int take(const struct addrinfo *found, rota_address *out, int most)
{
    int n = 0;
    for (; found && n < most; found = found->ai_next, n++) {
        memcpy(&out[n].any, found->ai_addr, found->ai_addrlen);
        out[n].len = found->ai_addrlen;
    }
    return n;
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

int net_resolve(const char *host, int port, rota_address *out, int most,
                char *err, size_t err_size)
{
    if (port < 0 || port > NET_PORT_MOST) {
        snprintf(err, err_size, "%d is no port: choose one from 0 to %d", port,
                 NET_PORT_MOST);
        return -EINVAL;
    }
    int n = net_known(host, port, out, most);
    if (n > 0)
        return n;
    char name[NET_HOST];
    if (n < 0 || net_copy_host(name, host) < 0) {
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
    int rc = ask_names(&q, err, err_size);
    if (rc >= 0)
        rc = take(q.found, out, most);
    if (q.found)
        freeaddrinfo(q.found);
    return rc;
}

int net_unix_address(const char *path, rota_address *out)
{
    size_t len = strlen(path);
    if (len == 0)
        return -EINVAL;
    if (len >= sizeof out->un.sun_path)
        return -ENAMETOOLONG;
    out->un.sun_family = AF_UNIX;
    memcpy(out->un.sun_path, path, len + 1);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    return 0;
}
