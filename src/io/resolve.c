/*
 * Hosts where the library itself asks for them, to listen and to connect: each
 * refusal comes with a sentence that says what to do.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "io/dns.h"
#include "io/net.h"

static void explain(int rc, int eai, const char *host, char *err, size_t size)
{
    if (rc == -ENOENT)
        snprintf(err, size,
                 "there is no host named %s: check the spelling, or give an "
                 "address",
                 host);
    else
        snprintf(err, size, "the host %s cannot be looked up: %s", host,
                 eai && eai != EAI_SYSTEM ? gai_strerror(eai) : strerror(-rc));
}

int net_resolve(const char *host, int port, rota_address *out, int most,
                char *err, size_t err_size)
{
    char name[NET_HOST];
    int eai;
    if (port < 0 || port > NET_PORT_MOST) {
        snprintf(err, err_size, "%d is no port: choose one from 0 to %d", port,
                 NET_PORT_MOST);
        return -EINVAL;
    }
    int rc = net_known(host, port, out, most);
    if (rc > 0)
        return rc;
    if (rc < 0 || net_copy_host(name, host) < 0) {
        snprintf(err, err_size,
                 "\"%.64s\" is no host: give an address such as 127.0.0.1 or "
                 "::1, or a name, without port or path",
                 host);
        return -EINVAL;
    }
    rc = dns_find(name, port, AF_UNSPEC, out, most, &eai);
    if (rc < 0)
        explain(rc, eai, name, err, err_size);
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
