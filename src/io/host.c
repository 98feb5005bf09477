/*
 * Hosts as they are written: numbers, the words for this machine, and, in a
 * simulation, any name. All this is known without asking anybody.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "io/net.h"
#include "loop/loop.h"
#include "loop/sock.h"

static void set_v4(rota_address *a, int port, uint32_t host)
{
    *a = (rota_address){ sizeof a->v4, .v4 = { .sin_family = AF_INET } };
    a->v4.sin_port = htons((uint16_t)port);
    a->v4.sin_addr.s_addr = htonl(host);
}

static void set_v6(rota_address *a, int port, struct in6_addr host)
{
    *a = (rota_address){ sizeof a->v6, .v6 = { .sin6_family = AF_INET6 } };
    a->v6.sin6_port = htons((uint16_t)port);
    a->v6.sin6_addr = host;
}

/* The two names that are not looked up; 0: it is another. */
static int by_word(const char *host, int port, rota_address *out, int most)
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

int net_copy_host(char out[NET_HOST], const char *host)
{
    size_t len = strlen(host);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (len == 0 || len >= NET_HOST)
        return -EINVAL;
    memcpy(out, host, len);
    out[len] = '\0';
    return strpbrk(out, "/[] \t\r\n") ? -EINVAL : 0;
}

/* RFC 4007, section 11: the name or the number of an interface; 0: neither. */
static uint32_t scope_of(const char *text)
{
    uint32_t index = if_nametoindex(text);
    char *end;
    if (index || *text < '0' || *text > '9')
        return index;
    unsigned long number = strtoul(text, &end, 10);
    return *end || number > UINT32_MAX ? 0 : (uint32_t)number;
}

/* "fe80::1%eth0"; the name is ours to cut. */
static bool is_v6(char *name, struct in6_addr *host, uint32_t *scope)
{
    char *percent = strchr(name, '%');
    *scope = 0;
    if (percent) {
        *percent = '\0';
        *scope = scope_of(percent + 1);
    }
    return inet_pton(AF_INET6, name, host) == 1 && (!percent || *scope);
}

int net_literal(const char *host, int port, rota_address *out)
{
    char name[NET_HOST];
    struct in_addr v4;
    struct in6_addr v6;
    uint32_t scope;
    if (net_copy_host(name, host) < 0)
        return -EINVAL;
    if (inet_aton(name, &v4)) {
        set_v4(out, port, ntohl(v4.s_addr));
        return 1;
    }
    if (!strchr(name, ':'))
        return 0;
    if (!is_v6(name, &v6, &scope))
        return -EINVAL; /* no name has a colon */
    set_v6(out, port, v6);
    out->v6.sin6_scope_id = scope;
    return 1;
}

int net_known(const char *host, int port, rota_address *out, int most)
{
    int n = by_word(host, port, out, most);
    if (n == 0)
        n = net_literal(host, port, out);
    if (n != 0 || !sock_simulated(loop_current()))
        return n;
    set_v4(&out[0], port, imagined(host));
    return 1;
}
