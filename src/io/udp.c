/*
 * Datagram sockets: making them, their options, and multicast groups. An
 * option that is for what arrives or leaves by IPv4 is set on an IPv6 socket
 * too, where it acts on the IPv4 peers of one that takes both.
 */
#include "rota/udp.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>

#include "io/net.h"
#include "loop/loop.h"
#include "loop/sock.h"
#include "rota/fd.h"

static int set(int fd, int level, int option, int value)
{
    return sock_set_int(loop_current(), fd, level, option, value);
}

/* An option of both protocols; 0: it stays as it is. */
static int set_both(int fd, int family, int v4, int v6, int value)
{
    if (value == 0)
        return 0;
    int rc = set(fd, IPPROTO_IP, v4, value);
    return rc == 0 && family == AF_INET6 ? set(fd, IPPROTO_IPV6, v6, value)
                                         : rc;
}

/* The number of an interface, 0 for no name: or -ENODEV. */
static int find_interface(const char *name)
{
    if (!name || sock_simulated(loop_current()))
        return 0; /* a simulated host has just one */
    unsigned index = if_nametoindex(name);
    return index ? (int)index : -ENODEV;
}

static int set_sharing(int fd, const rota_udp_options *o)
{
    int rc = 0;
    if (o->reuse_address)
        rc = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0 && o->reuse_port)
        rc = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    return rc;
}

static int set_buffers(int fd, const rota_udp_options *o)
{
    int rc = 0;
    if (o->receive_buffer)
        rc = set(fd, SOL_SOCKET, SO_RCVBUF, o->receive_buffer);
    if (rc == 0 && o->send_buffer)
        rc = set(fd, SOL_SOCKET, SO_SNDBUF, o->send_buffer);
    return rc;
}

static int leave_by(int fd, int family, const char *interface)
{
    int index = find_interface(interface);
    if (index <= 0)
        return index;
    struct loop *l = loop_current();
    struct ip_mreqn by = { .imr_ifindex = index };
    int rc =
        sock_calls(l)->set(l, fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by);
    return rc == 0 && family == AF_INET6
               ? set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index)
               : rc;
}

static int set_multicast(int fd, int family, const rota_udp_options *o)
{
    int rc = set_both(fd, family, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS,
                      o->multicast_ttl);
    if (rc == 0 && o->multicast_no_loop) {
        rc = set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
        if (rc == 0 && family == AF_INET6)
            rc = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
    }
    return rc == 0 ? leave_by(fd, family, o->multicast_interface) : rc;
}

static int set_options(int fd, int family, const rota_udp_options *o)
{
    int rc = set_sharing(fd, o);
    if (rc == 0 && o->broadcast)
        rc = set(fd, SOL_SOCKET, SO_BROADCAST, 1);
    if (rc == 0 && o->packet_info)
        rc = family == AF_INET6 ? set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                                : set(fd, IPPROTO_IP, IP_PKTINFO, 1);
    if (rc == 0)
        rc = set_buffers(fd, o);
    if (rc == 0)
        rc = set_both(fd, family, IP_TTL, IPV6_UNICAST_HOPS, o->ttl);
    if (rc == 0 && o->dont_fragment)
        rc = set_both(fd, family, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER,
                      IP_PMTUDISC_DO);
    if (rc == 0)
        rc = set_multicast(fd, family, o);
    /* Linux 5.0. A kernel without it delivers one by one: no difference. */
    if (rc == 0 && o->gro)
        rota_ignore(set(fd, SOL_UDP, UDP_GRO, 1));
    return rc;
}

/* Opens a socket of the address' family, with its options. */
static int open_for(const rota_address *a, const rota_udp_options *o)
{
    struct loop *l = loop_current();
    int family = a->any.sa_family;
    int fd = sock_calls(l)->open_datagram(l, family);
    int rc = fd < 0 ? fd : 0;
    if (rc == 0 && family == AF_INET6)
        /* "::" is all of this machine, so IPv4 too. */
        rc = set(fd, IPPROTO_IPV6, IPV6_V6ONLY,
                 !IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr));
    if (rc == 0 && o)
        rc = set_options(fd, family, o);
    if (rc == 0 || fd < 0)
        return rc < 0 ? rc : fd;
    sock_calls(l)->close(l, fd);
    return rc;
}

static int bind_at(const rota_address *a, const rota_udp_options *o)
{
    struct loop *l = loop_current();
    int fd = open_for(a, o);
    if (fd < 0)
        return fd;
    int rc = sock_calls(l)->bind(l, fd, &a->any, a->len);
    if (rc == 0)
        return fd;
    sock_calls(l)->close(l, fd);
    return rc;
}

/* A family this machine lacks, or has no way out for: the next address. */
static bool goes_on(int rc)
{
    return rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL || rc == -ENETUNREACH ||
           rc == -EHOSTUNREACH;
}

static int tell(int rc, const char *what, const char *host, int port)
{
    char err[NET_ERROR_TEXT];
    if (rc >= 0)
        return rc;
    snprintf(err, sizeof err, "cannot %s %s, UDP port %d: %s", what,
             host && *host ? host : "all addresses", port, strerror(-rc));
    return net_told(rc, err);
}

int rota_udp_bind(const char *host, int port, const rota_udp_options *options)
{
    rota_address found[NET_ADDRESSES];
    char err[NET_ERROR_TEXT] = "";
    int n = net_resolve(host, port, found, NET_ADDRESSES, err, sizeof err);
    if (n < 0)
        return net_told(n, err);
    int first = 0;
    for (int i = 0; i < n; i++) {
        int rc = bind_at(&found[i], options);
        if (rc >= 0)
            return rc;
        if (i == 0 || goes_on(first))
            first = rc;
        if (!goes_on(rc))
            break;
    }
    return tell(first, "bind to", host, port);
}

static int connect_to(const rota_address *a, const rota_udp_options *o)
{
    int fd = open_for(a, o);
    if (fd < 0)
        return fd;
    int rc = rota_connect(fd, &a->any, a->len);
    if (rc == 0)
        return fd;
    rota_close(fd);
    return rc;
}

int rota_udp_connect(const char *host, int port,
                     const rota_udp_options *options)
{
    if (!host || !*host)
        host = "localhost"; /* to connect, "all of this machine" is that */
    rota_address found[NET_ADDRESSES];
    char err[NET_ERROR_TEXT] = "";
    int n = net_resolve(host, port, found, NET_ADDRESSES, err, sizeof err);
    if (n < 0)
        return net_told(n, err);
    int rc = -EINVAL;
    for (int i = 0; i < n; i++) {
        rc = connect_to(&found[i], options);
        if (!goes_on(rc))
            break;
    }
    return rc == -ECANCELED ? rc : tell(rc, "connect to", host, port);
}

/* RFC 3678: one form for both protocols. */
static int membership(int fd, int option, const char *group,
                      const char *interface)
{
    rota_address a;
    if (!group || !*group || net_literal(group, 0, &a) <= 0)
        return -EINVAL;
    int index = find_interface(interface);
    if (index < 0)
        return index;
    if (index == 0 && a.any.sa_family == AF_INET6)
        index = (int)a.v6.sin6_scope_id; /* "ff02::fb%eth0" */
    struct loop *l = loop_current();
    struct group_req r = { .gr_interface = (uint32_t)index };
    memcpy(&r.gr_group, &a.any, a.len);
    int level = a.any.sa_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    return sock_calls(l)->set(l, fd, level, option, &r, sizeof r);
}

/* Else a socket would get what other sockets of this machine have joined
 * (ip(7), IP_MULTICAST_ALL). A kernel may know it for one protocol only. */
static void only_own_groups(int fd)
{
    rota_ignore(set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0));
    rota_ignore(set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0));
}

int rota_udp_join(int fd, const char *group, const char *interface)
{
    only_own_groups(fd);
    return membership(fd, MCAST_JOIN_GROUP, group, interface);
}

int rota_udp_leave(int fd, const char *group, const char *interface)
{
    return membership(fd, MCAST_LEAVE_GROUP, group, interface);
}
