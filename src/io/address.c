/*
 * Addresses as text, and the names of sockets.
 */
#include "rota/address.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "io/net.h"
#include "loop/loop.h"
#include "loop/sock.h"

_Static_assert(NET_NAME == ROTA_ADDRESS_TEXT, "one text, two names");

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

/* RFC 4007, section 11: the interface a link-local address belongs to. */
static void format_scope(uint32_t scope, char text[IF_NAMESIZE + 1])
{
    text[0] = '\0';
    if (scope == 0)
        return;
    text[0] = '%';
    if (!if_indextoname(scope, text + 1))
        snprintf(text + 1, IF_NAMESIZE, "%" PRIu32, scope);
}

void net_format(const struct sockaddr *addr, socklen_t len, char name[NET_NAME])
{
    char host[INET6_ADDRSTRLEN], scope[IF_NAMESIZE + 1];
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
        format_scope(v6.sin6_scope_id, scope);
        snprintf(name, NET_NAME, "[%s%s]:%d", host, scope, ntohs(v6.sin6_port));
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

void rota_address_format(const rota_address *address,
                         char text[ROTA_ADDRESS_TEXT])
{
    net_format(&address->any, address->len, text);
}

static int address_of(int fd, bool peer, rota_address *address)
{
    struct loop *l = loop_current();
    address->len = sizeof *address - offsetof(rota_address, any);
    return sock_calls(l)->name(l, fd, peer, &address->any, &address->len);
}

int rota_getsockname(int fd, rota_address *address)
{
    return address_of(fd, false, address);
}

int rota_getpeername(int fd, rota_address *address)
{
    return address_of(fd, true, address);
}
