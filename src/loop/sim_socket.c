/*
 * Simulated sockets as descriptors: numbers, addresses, listening, accepting,
 * closing. Every address is this machine's here, so that a scenario can have
 * as many hosts as it likes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"
#include "loop/sim_net.h"

enum {
    PORT_FIRST = 49152, /* IANA's dynamic ports: those the world lends */
    PORT_LAST = 65535,
    BACKLOG_LEAST = 1,
};

void sim_net_init(struct sim *s)
{
    list_init(&s->sockets);
    list_init(&s->touched);
    list_init(&s->letters);
    list_init(&s->cuts);
    s->next_port = PORT_FIRST;
}

struct sim_socket *sim_socket(struct sim *s, int fd)
{
    size_t i = (size_t)fd - SIM_FIRST;
    return fd >= SIM_FIRST && i < s->size ? s->table[i] : NULL;
}

struct sim_socket *sim_socket_new(struct sim *s)
{
    struct sim_socket *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    k->sim = s;
    k->fd = -1;
    list_push(&s->sockets, &k->link);
    list_init(&k->touched);
    list_init(&k->backlog);
    list_init(&k->waiting);
    list_init(&k->wire);
    list_init(&k->letters);
    list_init(&k->groups);
    return k;
}

void sim_socket_free(struct sim_socket *k)
{
    k->doomed = true;
    if (k->pins > 0)
        return;
    timer_cancel(&k->sim->events, &k->attempt);
    timer_cancel(&k->sim->events, &k->arrival);
    list_remove(&k->link);
    list_remove(&k->touched);
    list_remove(&k->waiting);
    buf_fini(&k->arrived);
    sim_datagram_fini(k);
    struct list *piece;
    while ((piece = list_pop(&k->wire)))
        free(piece); /* it begins with its link */
    free(k);
}

void sim_net_fini(struct sim *s)
{
    struct list *link;
    while (!list_empty(&s->sockets))
        sim_socket_free(container_of(s->sockets.next, struct sim_socket, link));
    while ((link = list_pop(&s->cuts)))
        free(link); /* as the pieces */
    sim_letters_fini(s);
    timers_fini(&s->events);
    free(s->table);
    free(s->scratch);
}

static int grow(struct sim *s)
{
    enum { LEAST = 16 };
    size_t size = s->size ? s->size * 2 : LEAST;
    struct sim_socket **table = realloc(s->table, size * sizeof(void *));
    if (!table)
        return -ENOMEM;
    memset(table + s->size, 0, (size - s->size) * sizeof(void *));
    s->table = table;
    s->size = size;
    return 0;
}

/* The lowest number that is free, as the kernel would: so numbers are soon
 * used again, and whoever keeps an old one is found out. */
static int give_number(struct sim_socket *k)
{
    struct sim *s = k->sim;
    size_t i = 0;
    while (i < s->size && s->table[i])
        i++;
    if (s->net.descriptors && i >= s->net.descriptors)
        return -EMFILE;
    if (i == s->size && grow(s) < 0)
        return -ENOMEM;
    s->table[i] = k;
    k->fd = SIM_FIRST + (int)i;
    return k->fd;
}

static int call_open(struct loop *l, int family)
{
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return -EAFNOSUPPORT;
    struct sim_socket *k = sim_socket_new(sim_of(l));
    if (!k)
        return -ENOMEM;
    k->local.any.sa_family = (sa_family_t)family;
    int fd = give_number(k);
    if (fd < 0)
        sim_socket_free(k);
    return fd;
}

static int call_open_datagram(struct loop *l, int family)
{
    int fd = family == AF_UNIX ? -EAFNOSUPPORT : call_open(l, family);
    if (fd >= 0)
        sim_socket(sim_of(l), fd)->datagram = true;
    return fd;
}

/* ------------------------------------------------------------- addresses */

bool sim_is_any(const union sim_address *a)
{
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_addr.s_addr == INADDR_ANY;
    return a->any.sa_family == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

static in_port_t port_of(const union sim_address *a)
{
    return a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port;
}

static void set_port(union sim_address *a, unsigned port)
{
    if (a->any.sa_family == AF_INET6)
        a->v6.sin6_port = htons((uint16_t)port);
    else
        a->v4.sin_port = htons((uint16_t)port);
}

bool sim_same_host(const union sim_address *a, const union sim_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    switch (a->any.sa_family) {
    case AF_INET: return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    case AF_INET6:
        return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
    default: return strcmp(a->un.sun_path, b->un.sun_path) == 0;
    }
}

/* All of IPv6 is all of IPv4 too. */
bool sim_covers(const union sim_address *a, const union sim_address *b)
{
    if (a->any.sa_family == AF_UNIX || b->any.sa_family == AF_UNIX)
        return sim_same_host(a, b);
    bool family = a->any.sa_family == b->any.sa_family ||
                  (a->any.sa_family == AF_INET6 && sim_is_any(a));
    return family && port_of(a) == port_of(b) &&
           (sim_is_any(a) || sim_same_host(a, b));
}

/* Has it the name for itself? */
static bool holds(const struct sim_socket *k)
{
    return !k->closed && (k->datagram ? k->bound : k->state == SIM_LISTENING);
}

static bool collide(const struct sim_socket *k, const struct sim_socket *other)
{
    return holds(other) && other != k && other->datagram == k->datagram &&
           !(k->shared && other->shared) &&
           (sim_covers(&k->local, &other->local) ||
            sim_covers(&other->local, &k->local));
}

bool sim_in_use(const struct sim_socket *k)
{
    list_each (it, &k->sim->sockets)
        if (collide(k, container_of(it, struct sim_socket, link)))
            return true;
    return false;
}

void sim_name(struct sim_socket *k, const union sim_address *host)
{
    struct sim *s = k->sim;
    k->local = *host;
    if (host->any.sa_family == AF_UNIX)
        return;
    do {
        set_port(&k->local, s->next_port);
        s->next_port =
            s->next_port == PORT_LAST ? PORT_FIRST : s->next_port + 1;
    } while (sim_in_use(k));
}

struct sim_socket *sim_listener_at(struct sim *s, const union sim_address *a)
{
    struct sim_socket *found = NULL;
    uint64_t candidates = 0;
    list_each (it, &s->sockets) {
        struct sim_socket *k = container_of(it, struct sim_socket, link);
        if (k->state == SIM_LISTENING && !k->closed && !k->deaf &&
            sim_covers(&k->local, a) && loop_random(s->loop, ++candidates) == 0)
            found = k;
    }
    return found;
}

bool sim_take_address(union sim_address *out, const void *addr, size_t len)
{
    memset(out, 0, sizeof *out);
    if (len < sizeof(sa_family_t))
        return false;
    memcpy(out, addr, len < sizeof *out ? len : sizeof *out);
    switch (out->any.sa_family) {
    case AF_INET: return len >= sizeof out->v4;
    case AF_INET6: return len >= sizeof out->v6;
    default: return out->any.sa_family == AF_UNIX;
    }
}

socklen_t sim_length(const union sim_address *a)
{
    switch (a->any.sa_family) {
    case AF_INET: return sizeof a->v4;
    case AF_INET6: return sizeof a->v6;
    default:
        return (
            socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                       (a->un.sun_path[0] ? strlen(a->un.sun_path) + 1 : 0));
    }
}

/* As the system does: cut to the room there is, the whole length told. */
static void give_address(const union sim_address *a, struct sockaddr *addr,
                         socklen_t *len)
{
    socklen_t whole = sim_length(a);
    memcpy(addr, a, *len < whole ? *len : whole);
    *len = whole;
}

/* --------------------------------------------------------- calls by name */

/* What there is to say of a number that is no socket here. */
static int no_socket(int fd)
{
    return fd >= SIM_FIRST ? -EBADF : -EOPNOTSUPP;
}

static int call_bind(struct loop *l, int fd, const struct sockaddr *addr,
                     socklen_t len)
{
    struct sim_socket *k = sim_socket(sim_of(l), fd);
    union sim_address a;
    if (!k)
        return no_socket(fd);
    if (k->state != SIM_NEW || !sim_take_address(&a, addr, len) ||
        a.any.sa_family != k->local.any.sa_family)
        return -EINVAL;
    k->local = a;
    if (a.any.sa_family != AF_UNIX && port_of(&a) == 0)
        sim_name(k, &a);
    else if (k->datagram && sim_in_use(k))
        return -EADDRINUSE;
    k->bound = true;
    return 0;
}

static int call_listen(struct loop *l, int fd, int backlog)
{
    struct sim_socket *k = sim_socket(sim_of(l), fd);
    if (!k)
        return no_socket(fd);
    if (k->datagram)
        return -EOPNOTSUPP;
    if (k->state != SIM_NEW)
        return -EINVAL;
    if (sim_in_use(k))
        return -EADDRINUSE;
    k->state = SIM_LISTENING;
    k->most = backlog > BACKLOG_LEAST ? backlog : BACKLOG_LEAST;
    return 0;
}

static int call_unblock(struct loop *l, int fd)
{
    return sim_socket(sim_of(l), fd) ? 0 : no_socket(fd);
}

static int call_accept(struct loop *l, int fd, struct sockaddr *addr,
                       socklen_t *len)
{
    struct sim_socket *k = sim_socket(sim_of(l), fd);
    if (!k)
        return no_socket(fd);
    if (k->state != SIM_LISTENING || k->deaf)
        return -EINVAL;
    if (list_empty(&k->backlog))
        return -EAGAIN;
    struct sim_socket *first =
        container_of(k->backlog.next, struct sim_socket, waiting);
    int number = give_number(first);
    if (number < 0)
        return number;
    list_remove(&first->waiting);
    k->waiters--;
    if (addr)
        give_address(&first->remote, addr, len);
    return number;
}

static int call_receive(struct loop *l, int fd, void *data, size_t size)
{
    struct sim_socket *k = sim_socket(sim_of(l), fd);
    return k ? sim_receive_now(k, data, size) : no_socket(fd);
}

static int call_send(struct loop *l, int fd, const void *data, size_t size)
{
    struct sim_socket *k = sim_socket(sim_of(l), fd);
    return k ? sim_send_now(k, data, size) : no_socket(fd);
}

static int call_shutdown(struct loop *l, int fd, int how)
{
    struct sim_socket *k = sim_socket(sim_of(l), fd);
    if (!k)
        return no_socket(fd);
    if (k->state == SIM_LISTENING && how != SHUT_WR)
        k->deaf = true;
    else if (k->state != SIM_CONNECTED || k->dead)
        return -ENOTCONN;
    if (how != SHUT_WR)
        k->shut = true;
    if (how != SHUT_RD)
        sim_finish(k);
    sim_touch(k);
    return 0;
}

static int call_set(struct loop *l, int fd, int level, int option,
                    const void *value, socklen_t size)
{
    struct sim_socket *k = sim_socket(sim_of(l), fd);
    struct linger linger;
    int on;
    if (!k)
        return no_socket(fd);
    if (k->datagram)
        return sim_datagram_set(k, level, option, value, size);
    if (level != SOL_SOCKET)
        return 0; /* of what the network here knows nothing */
    if (option == SO_LINGER && size >= sizeof linger) {
        memcpy(&linger, value, sizeof linger);
        k->abortive = linger.l_onoff && linger.l_linger == 0;
    } else if (option == SO_REUSEPORT && size >= sizeof on) {
        memcpy(&on, value, sizeof on);
        k->shared = on != 0;
    }
    return 0;
}

static int call_family(struct loop *l, int fd)
{
    struct sim_socket *k = sim_socket(sim_of(l), fd);
    return k ? k->local.any.sa_family : no_socket(fd);
}

static int call_name(struct loop *l, int fd, bool peer, struct sockaddr *addr,
                     socklen_t *len)
{
    struct sim_socket *k = sim_socket(sim_of(l), fd);
    if (!k)
        return no_socket(fd);
    if (peer && (k->state != SIM_CONNECTED || k->dead))
        return -ENOTCONN;
    give_address(peer ? &k->remote : &k->local, addr, len);
    return 0;
}

static int call_poll(struct loop *l, int fd, short events)
{
    const struct sim_socket *k = sim_socket(sim_of(l), fd);
    return k ? sim_events(k, events) : no_socket(fd);
}

/* What stands in the queue of a listener that goes is reset. */
static void drop_backlog(struct sim_socket *k)
{
    struct list *link;
    while ((link = list_pop(&k->backlog))) {
        struct sim_socket *w = container_of(link, struct sim_socket, waiting);
        w->abortive = true;
        sim_hang_up(w);
    }
}

/* Descriptors of the kernel, opened by others, may be closed here too. */
static int call_close(struct loop *l, int fd)
{
    struct sim *s = sim_of(l);
    struct sim_socket *k = sim_socket(s, fd);
    if (!k && fd < SIM_FIRST)
        return close(fd) < 0 && errno != EINTR ? -errno : 0;
    if (!k)
        return -EBADF;
    s->table[fd - SIM_FIRST] = NULL;
    k->fd = -1;
    drop_backlog(k);
    sim_hang_up(k);
    return 0;
}

static int64_t call_confirmed(struct loop *l, int fd)
{
    return sim_socket(sim_of(l), fd) ? -EOPNOTSUPP : no_socket(fd);
}

const struct sock_calls sim_sock_calls = {
    .open = call_open,
    .open_datagram = call_open_datagram,
    .bind = call_bind,
    .listen = call_listen,
    .unblock = call_unblock,
    .accept = call_accept,
    .receive = call_receive,
    .send = call_send,
    .shutdown = call_shutdown,
    .set = call_set,
    .family = call_family,
    .name = call_name,
    .confirmed = call_confirmed,
    .poll = call_poll,
    .close = call_close,
};
