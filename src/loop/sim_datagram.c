/*
 * Simulated datagrams. Each is a letter with both addresses on it, which goes
 * its own way: with its own latency it may overtake others, it may get lost,
 * and it may come twice. Who receives it is decided when it arrives; is there
 * nobody, the sender is told if it is connected. It behaves as UDP does on
 * Linux, as far as a program can see it.
 *
 * On the way an address is what it stands for: the IPv4 address in an IPv6
 * one (RFC 4291, 2.5.5.2) is IPv4.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "loop/sim_net.h"

enum {
    SIZE_MOST = 65507,    /* 65535 without the headers of IPv4 and UDP */
    UNREAD_MOST = 212992, /* net.core.rmem_default */
};

struct letter {
    struct list link; /* on its way, or received */
    struct timer due;
    struct sim *sim;
    union sim_address from, to;
    bool refusal; /* nobody was there: it goes back */
    size_t size;
    char data[];
};

struct group {
    struct list link; /* first: it is freed by it */
    union sim_address address;
};

/* ------------------------------------------------------------ addresses */

static void unmap(union sim_address *a)
{
    if (a->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
        return;
    union sim_address v4 = { .v4 = { .sin_family = AF_INET,
                                     .sin_port = a->v6.sin6_port } };
    memcpy(&v4.v4.sin_addr, &a->v6.sin6_addr.s6_addr[12],
           sizeof v4.v4.sin_addr);
    *a = v4;
}

static union sim_address mapped(const union sim_address *a, sa_family_t family)
{
    if (family != AF_INET6 || a->any.sa_family != AF_INET)
        return *a;
    union sim_address v6 = { .v6 = { .sin6_family = AF_INET6,
                                     .sin6_port = a->v4.sin_port } };
    memset(&v6.v6.sin6_addr.s6_addr[10], 0xff, 2);
    memcpy(&v6.v6.sin6_addr.s6_addr[12], &a->v4.sin_addr,
           sizeof a->v4.sin_addr);
    return v6;
}

static in_port_t *port_in(union sim_address *a)
{
    return a->any.sa_family == AF_INET6 ? &a->v6.sin6_port : &a->v4.sin_port;
}

static bool is_broadcast(const union sim_address *a)
{
    return a->any.sa_family == AF_INET &&
           a->v4.sin_addr.s_addr == INADDR_BROADCAST;
}

static bool is_multicast(const union sim_address *a)
{
    return a->any.sa_family == AF_INET
               ? IN_MULTICAST(ntohl(a->v4.sin_addr.s_addr))
               : IN6_IS_ADDR_MULTICAST(&a->v6.sin6_addr);
}

/* Where a datagram for `to` leaves from: 0 or an error. */
static int own_address(struct sim_socket *k, sa_family_t family,
                       union sim_address *from)
{
    if (!k->bound) {
        union sim_address any = { .any.sa_family = k->local.any.sa_family };
        sim_name(k, &any);
        k->bound = true;
    }
    *from = k->local;
    unmap(from);
    if (!sim_is_any(from))
        return from->any.sa_family == family ? 0 : -ENETUNREACH;
    in_port_t port = *port_in(from);
    *from = sim_loopback(family);
    *port_in(from) = port;
    return 0;
}

int sim_datagram_connect(struct sim_socket *k, const union sim_address *to)
{
    union sim_address remote = *to, local;
    if (to->any.sa_family != k->local.any.sa_family)
        return -EAFNOSUPPORT;
    unmap(&remote);
    if (sim_is_any(&remote)) {
        in_port_t port = *port_in(&remote);
        remote = sim_loopback(remote.any.sa_family);
        *port_in(&remote) = port;
    }
    int rc = own_address(k, remote.any.sa_family, &local);
    if (rc < 0)
        return rc;
    k->local = mapped(&local, k->local.any.sa_family);
    k->remote = mapped(&remote, k->local.any.sa_family);
    k->state = SIM_CONNECTED;
    return 0;
}

/* -------------------------------------------------------------- options */

static struct group *find_group(struct sim_socket *k,
                                const union sim_address *a)
{
    list_each (it, &k->groups) {
        struct group *g = container_of(it, struct group, link);
        if (sim_same_host(&g->address, a))
            return g;
    }
    return NULL;
}

static int join(struct sim_socket *k, const union sim_address *a)
{
    if (find_group(k, a))
        return -EADDRINUSE;
    struct group *g = calloc(1, sizeof *g);
    if (!g)
        return -ENOMEM;
    g->address = *a;
    list_push(&k->groups, &g->link);
    return 0;
}

static int leave(struct sim_socket *k, const union sim_address *a)
{
    struct group *g = find_group(k, a);
    if (!g)
        return -EADDRNOTAVAIL;
    list_remove(&g->link);
    free(g);
    return 0;
}

static int set_group(struct sim_socket *k, int option, const void *value,
                     socklen_t size)
{
    struct group_req r;
    union sim_address a;
    if (size < sizeof r)
        return -EINVAL;
    memcpy(&r, value, sizeof r);
    if (!sim_take_address(&a, &r.gr_group, sizeof r.gr_group) ||
        !is_multicast(&a))
        return -EINVAL;
    return option == MCAST_JOIN_GROUP ? join(k, &a) : leave(k, &a);
}

int sim_datagram_set(struct sim_socket *k, int level, int option,
                     const void *value, socklen_t size)
{
    int on = 0;
    memcpy(&on, value, size < sizeof on ? size : sizeof on);
    bool ip = level == IPPROTO_IP || level == IPPROTO_IPV6;
    if (ip && (option == MCAST_JOIN_GROUP || option == MCAST_LEAVE_GROUP))
        return set_group(k, option, value, size);
    if (level == SOL_SOCKET && option == SO_BROADCAST)
        k->broadcast = on;
    else if (level == SOL_SOCKET &&
             (option == SO_REUSEPORT || option == SO_REUSEADDR))
        k->shared = on;
    else if ((level == IPPROTO_IP && option == IP_PKTINFO) ||
             (level == IPPROTO_IPV6 && option == IPV6_RECVPKTINFO))
        k->tells_local = on;
    return 0; /* of the rest the network here knows nothing */
}

/* ------------------------------------------------------------- arriving */

static void letter_free(struct letter *l)
{
    timer_cancel(&l->sim->events, &l->due);
    list_remove(&l->link);
    free(l);
}

static void drop_letters(struct list *letters)
{
    while (!list_empty(letters))
        letter_free(container_of(letters->next, struct letter, link));
}

void sim_datagram_fini(struct sim_socket *k)
{
    struct list *link;
    drop_letters(&k->letters);
    while ((link = list_pop(&k->groups)))
        free(link);
}

void sim_letters_fini(struct sim *s)
{
    drop_letters(&s->letters);
}

static bool same_end(union sim_address a, union sim_address b)
{
    unmap(&a);
    unmap(&b);
    return sim_same_host(&a, &b) && *port_in(&a) == *port_in(&b);
}

/* Would the socket get it? Higher than 0: so much more than others. */
static int claim_of(struct sim_socket *k, const struct letter *l)
{
    enum { ANY = 1, NAMED = 2, CONNECTED = 4 };
    union sim_address local = k->local, to = l->to;
    unmap(&local);
    bool many = is_multicast(&l->to) || is_broadcast(&l->to);
    bool connected = k->state == SIM_CONNECTED;
    if (!k->datagram || !k->bound || k->closed ||
        (connected && !same_end(k->remote, l->from)))
        return 0;
    if (many && *port_in(&local) != *port_in(&to))
        return 0;
    if (many ? !is_broadcast(&l->to) && !find_group(k, &l->to)
             : !sim_covers(&local, &l->to))
        return 0;
    return (sim_is_any(&local) ? ANY : NAMED) + (connected ? CONNECTED : 0);
}

static struct letter *letter_new(struct sim *s, size_t size)
{
    struct letter *l = calloc(1, sizeof *l + size);
    if (!l)
        return NULL;
    l->sim = s;
    l->size = size;
    list_init(&l->link);
    return l;
}

/* Without room, or memory, it is lost. */
static void deliver(struct sim_socket *k, const struct letter *l)
{
    size_t most = k->sim->net.buffer ? k->sim->net.buffer : UNREAD_MOST;
    struct letter *copy =
        k->unread + l->size <= most ? letter_new(k->sim, l->size) : NULL;
    sim_note(k->sim, copy ? l->size : UINT64_MAX);
    if (!copy)
        return;
    copy->from = l->from;
    copy->to = l->to;
    memcpy(copy->data, l->data, l->size);
    list_push(&k->letters, &copy->link);
    k->unread += l->size;
    sim_touch(k);
}

static void deliver_to_all(struct sim *s, const struct letter *l)
{
    list_each (it, &s->sockets) {
        struct sim_socket *k = container_of(it, struct sim_socket, link);
        if (claim_of(k, l))
            deliver(k, l);
    }
}

/* Who has the best claim; of several any. */
static struct sim_socket *receiver_of(struct sim *s, const struct letter *l)
{
    struct sim_socket *found = NULL;
    int best = 0;
    uint64_t candidates = 0;
    list_each (it, &s->sockets) {
        struct sim_socket *k = container_of(it, struct sim_socket, link);
        int claim = claim_of(k, l);
        if (claim == 0 || claim < best)
            continue;
        if (claim > best)
            candidates = 0;
        best = claim;
        if (loop_random(s->loop, ++candidates) == 0)
            found = k;
    }
    return found;
}

/* The refusal has come back: it is for whoever is connected to that host. */
static void tell_refusal(struct sim *s, const struct letter *l)
{
    struct sim_socket *k = receiver_of(s, l);
    if (!k || k->state != SIM_CONNECTED)
        return;
    k->error = ECONNREFUSED;
    sim_touch(k);
}

static void letter_due(struct timer *t);

/* Puts a letter on its way; without memory for a timer it is lost. */
static void post(struct letter *l)
{
    l->due.fire = letter_due;
    list_push(&l->sim->letters, &l->link);
    if (timer_arm(&l->sim->events, &l->due, sim_later(l->sim)) < 0)
        letter_free(l);
}

static void refuse(const struct letter *l)
{
    struct letter *back = letter_new(l->sim, 0);
    if (!back)
        return;
    back->from = l->to;
    back->to = l->from;
    back->refusal = true;
    post(back);
}

static void letter_due(struct timer *t)
{
    struct letter *l = container_of(t, struct letter, due);
    struct sim *s = l->sim;
    if (sim_cut_off(s, &l->from, &l->to)) {
        sim_note(s, UINT64_MAX);
    } else if (l->refusal) {
        tell_refusal(s, l);
    } else if (is_multicast(&l->to) || is_broadcast(&l->to)) {
        deliver_to_all(s, l);
    } else {
        struct sim_socket *k = receiver_of(s, l);
        if (k)
            deliver(k, l);
        else
            refuse(l);
    }
    letter_free(l);
}

/* -------------------------------------------------------------- sending */

static int take_error(struct sim_socket *k)
{
    int error = k->error;
    k->error = 0;
    return -error;
}

/* The address to be sent from, if the control messages say one. */
static void take_source(struct msghdr *m, union sim_address *from)
{
    struct in_pktinfo v4;
    struct in6_pktinfo v6;
    in_port_t port = *port_in(from);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            memcpy(&v4, CMSG_DATA(c), sizeof v4);
            *from = (union sim_address){ .v4 = { .sin_family = AF_INET } };
            from->v4.sin_addr = v4.ipi_spec_dst;
        } else if (c->cmsg_level == IPPROTO_IPV6 &&
                   c->cmsg_type == IPV6_PKTINFO) {
            memcpy(&v6, CMSG_DATA(c), sizeof v6);
            *from = (union sim_address){ .v6 = { .sin6_family = AF_INET6 } };
            from->v6.sin6_addr = v6.ipi6_addr;
            unmap(from);
        }
    }
    *port_in(from) = port;
}

static int take_receiver(const struct sim_socket *k, const struct msghdr *m,
                         union sim_address *to)
{
    if (!m->msg_name && k->state != SIM_CONNECTED)
        return -EDESTADDRREQ;
    *to = k->remote;
    if (m->msg_name && !sim_take_address(to, m->msg_name, m->msg_namelen))
        return -EINVAL;
    if (to->any.sa_family != k->local.any.sa_family)
        return -EAFNOSUPPORT;
    unmap(to);
    if (is_broadcast(to) && !k->broadcast)
        return -EACCES;
    return 0;
}

static size_t size_of(const struct msghdr *m)
{
    size_t size = 0;
    for (size_t i = 0; i < m->msg_iovlen; i++)
        size += m->msg_iov[i].iov_len;
    return size;
}

static int send_copy(struct sim *s, const struct msghdr *m,
                     const union sim_address *from, const union sim_address *to)
{
    struct letter *l = letter_new(s, size_of(m));
    if (!l)
        return -ENOMEM;
    l->from = *from;
    l->to = *to;
    char *end = l->data;
    for (size_t i = 0; i < m->msg_iovlen; i++) {
        const struct iovec *v = &m->msg_iov[i];
        if (v->iov_len > 0)
            memcpy(end, v->iov_base, v->iov_len);
        end += v->iov_len;
    }
    post(l);
    return 0;
}

int sim_datagram_send(struct sim_socket *k, struct msghdr *m)
{
    struct sim *s = k->sim;
    union sim_address from, to;
    if (k->error)
        return take_error(k);
    int rc = take_receiver(k, m, &to);
    size_t size = size_of(m);
    if (rc == 0 && size > SIZE_MOST)
        rc = -EMSGSIZE;
    if (rc == 0)
        rc = own_address(k, to.any.sa_family, &from);
    if (rc < 0)
        return rc;
    take_source(m, &from);
    int copies = sim_once_in(s, s->net.lose_one_in)        ? 0
                 : sim_once_in(s, s->net.duplicate_one_in) ? 2
                                                           : 1;
    while (rc == 0 && copies-- > 0)
        rc = send_copy(s, m, &from, &to);
    return rc < 0 ? rc : (int)size;
}

/* ------------------------------------------------------------ receiving */

static size_t give_data(struct msghdr *m, const struct letter *l)
{
    size_t at = 0;
    for (size_t i = 0; i < m->msg_iovlen && at < l->size; i++) {
        size_t left = l->size - at, room = m->msg_iov[i].iov_len;
        size_t n = left < room ? left : room;
        if (n > 0)
            memcpy(m->msg_iov[i].iov_base, l->data + at, n);
        at += n;
    }
    return at;
}

static void give_sender(const struct sim_socket *k, struct msghdr *m,
                        const struct letter *l)
{
    union sim_address from = mapped(&l->from, k->local.any.sa_family);
    socklen_t size = sim_length(&from), room = m->msg_namelen;
    if (m->msg_name)
        memcpy(m->msg_name, &from, size < room ? size : room);
    m->msg_namelen = m->msg_name ? size : 0;
}

static void give_local(const struct sim_socket *k, struct msghdr *m,
                       const struct letter *l)
{
    union sim_address to = mapped(&l->to, k->local.any.sa_family);
    bool v6 = to.any.sa_family == AF_INET6;
    struct in_pktinfo info4 = { .ipi_addr = to.v4.sin_addr,
                                .ipi_spec_dst = to.v4.sin_addr };
    struct in6_pktinfo info6 = { .ipi6_addr = to.v6.sin6_addr };
    size_t size = v6 ? sizeof info6 : sizeof info4;
    if (!k->tells_local || m->msg_controllen < CMSG_SPACE(size)) {
        m->msg_controllen = 0;
        return;
    }
    struct cmsghdr *c = m->msg_control;
    c->cmsg_level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
    c->cmsg_type = v6 ? IPV6_PKTINFO : IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), v6 ? (void *)&info6 : (void *)&info4, size);
    m->msg_controllen = CMSG_SPACE(size);
}

int sim_datagram_receive(struct sim_socket *k, struct msghdr *m)
{
    if (k->error)
        return take_error(k);
    if (list_empty(&k->letters))
        return k->shut ? 0 : -EAGAIN;
    struct letter *l = container_of(k->letters.next, struct letter, link);
    size_t n = give_data(m, l);
    m->msg_flags = n < l->size ? MSG_TRUNC : 0;
    give_sender(k, m, l);
    give_local(k, m, l);
    k->unread -= l->size;
    letter_free(l);
    return (int)n;
}
