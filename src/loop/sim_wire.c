/*
 * What lies between two simulated hosts: how a connection comes to be, how
 * what is sent arrives, and how it all goes wrong. It behaves as TCP does on
 * Linux, as far as a program can see it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "loop/sim_net.h"

enum {
    BUFFER = 64 * 1024, /* of a connection, each way, unless set */
    TRIES_MOST = 6,     /* further attempts to connect (tcp_syn_retries) */
};

/* Until the first of them; the pause doubles (RFC 6298). */
static const rota_dur retry_after = 1000000000;

enum piece_kind {
    PIECE_OPEN, /* the connection was accepted by the other's kernel */
    PIECE_DATA,
    PIECE_END,
    PIECE_RESET,
};

struct piece {
    struct list link; /* first: it is freed by it */
    rota_time when;
    enum piece_kind kind;
    size_t size;
    char data[];
};

struct cut {
    struct list link; /* first, as in a piece */
    union sim_address host;
};

bool sim_once_in(struct sim *s, uint64_t n)
{
    return n > 0 && loop_random(s->loop, n) == 0;
}

bool sim_whim(struct sim *s)
{
    return s->seed != 0 && loop_random(s->loop, 2) == 0;
}

rota_time sim_later(struct sim *s)
{
    rota_dur jitter = s->net.jitter;
    rota_time when = rota_time_add(s->now, s->net.latency);
    if (jitter > 0 && jitter < ROTA_FOREVER)
        when = rota_time_add(
            when, (rota_dur)loop_random(s->loop, (uint64_t)jitter + 1));
    return when;
}

/* ------------------------------------------------------------ partitions */

static struct cut *find_cut(struct sim *s, const union sim_address *host)
{
    list_each (it, &s->cuts) {
        struct cut *c = container_of(it, struct cut, link);
        if (sim_same_host(&c->host, host))
            return c;
    }
    return NULL;
}

bool sim_cut_off(struct sim *s, const union sim_address *a,
                 const union sim_address *b)
{
    return s->cut_all || find_cut(s, a) || find_cut(s, b);
}

static bool is_cut(const struct sim_socket *k)
{
    return sim_cut_off(k->sim, &k->local, &k->remote);
}

int sim_cut(struct sim *s, const union sim_address *host)
{
    if (!host) {
        s->cut_all = true;
        return 0;
    }
    if (find_cut(s, host))
        return 0;
    struct cut *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->host = *host;
    list_push(&s->cuts, &c->link);
    return 0;
}

static void arm(struct sim_socket *k, struct timer *t, rota_time when);

/* What was held goes on its way again, in its order. */
static void release(struct sim_socket *k)
{
    if (!k->held || is_cut(k))
        return;
    k->held = false;
    arm(k, &k->arrival, sim_later(k->sim));
}

void sim_heal(struct sim *s, const union sim_address *host)
{
    struct cut *c = host ? find_cut(s, host) : NULL;
    if (c) {
        list_remove(&c->link);
        free(c);
    }
    if (!host) {
        struct list *link;
        s->cut_all = false;
        while ((link = list_pop(&s->cuts)))
            free(link);
    }
    list_each (it, &s->sockets)
        release(container_of(it, struct sim_socket, link));
}

/* ------------------------------------------------------------ the wire */

/* The connection is over for this end. What had arrived can be read still. */
static void die(struct sim_socket *k, int error)
{
    struct list *link;
    k->dead = true;
    k->error = error;
    timer_cancel(&k->sim->events, &k->arrival);
    k->held = false;
    while ((link = list_pop(&k->wire)))
        free(link);
    k->flying = 0;
    sim_touch(k);
    if (k->peer)
        sim_touch(k->peer); /* it may wait for room */
}

/* Without memory for a timer the network loses what it should have told. */
static void arm(struct sim_socket *k, struct timer *t, rota_time when)
{
    if (timer_arm(&k->sim->events, t, when) < 0)
        die(k, ENOMEM);
}

static struct piece *piece_new(enum piece_kind kind, size_t size)
{
    struct piece *p = malloc(sizeof *p + size);
    if (p) {
        p->kind = kind;
        p->size = size;
    }
    return p;
}

/* Puts a piece onto the wire to `to`, behind those that are there. */
static void put(struct sim_socket *to, struct piece *p)
{
    struct list *last = to->wire.prev;
    bool first = list_empty(&to->wire);
    p->when = sim_later(to->sim);
    if (!first && container_of(last, struct piece, link)->when > p->when)
        p->when = container_of(last, struct piece, link)->when;
    list_push(&to->wire, &p->link);
    if (p->kind == PIECE_DATA)
        to->flying += p->size;
    if (first && !to->held)
        arm(to, &to->arrival, p->when);
}

/* Tells the peer something; without memory it is told that at once. */
static void tell(struct sim_socket *k, enum piece_kind kind)
{
    struct sim_socket *to = k->peer;
    if (!to || to->dead)
        return;
    struct piece *p = piece_new(kind, 0);
    if (p)
        put(to, p);
    else
        die(to, ENOMEM);
}

size_t sim_room(const struct sim_socket *k)
{
    const struct sim_socket *to = k->peer;
    size_t most = k->sim->net.buffer ? k->sim->net.buffer : BUFFER;
    if (!to)
        return most; /* for all we know */
    size_t full = to->flying + buf_len(&to->arrived);
    return full < most ? most - full : 0;
}

void sim_finish(struct sim_socket *k)
{
    if (!k->finished)
        tell(k, PIECE_END);
    k->finished = true;
}

void sim_reset(struct sim_socket *k)
{
    tell(k, PIECE_RESET);
    if (!k->dead)
        die(k, ECONNRESET);
}

int sim_send(struct sim_socket *k, const void *data, size_t size)
{
    if (sim_once_in(k->sim, k->sim->net.reset_one_in)) {
        sim_reset(k);
        k->error = 0; /* told right now */
        return -ECONNRESET;
    }
    if (!k->peer)
        return 0;
    struct piece *p = piece_new(PIECE_DATA, size);
    if (!p)
        return -ENOMEM;
    memcpy(p->data, data, size);
    put(k->peer, p);
    return 0;
}

static void take_data(struct sim_socket *k, const struct piece *p)
{
    k->flying -= p->size;
    if (k->closed) {
        sim_reset(k); /* nobody will ever read it */
    } else if (!k->shut && buf_append(&k->arrived, p->data, p->size) < 0) {
        sim_reset(k);
        k->error = ENOMEM;
    }
}

static void arrive(struct sim_socket *k, const struct piece *p)
{
    sim_note(k->sim, (uint64_t)p->kind << 32 | p->size);
    switch (p->kind) {
    case PIECE_OPEN: k->state = SIM_CONNECTED; break;
    case PIECE_DATA: take_data(k, p); break;
    case PIECE_END: k->ended = true; break;
    case PIECE_RESET:
        /* One who has sent his last word is told otherwise (tcp_reset). */
        die(k, k->ended ? EPIPE : ECONNRESET);
        break;
    }
    sim_touch(k);
}

static void arrival_due(struct timer *t)
{
    struct sim_socket *k = container_of(t, struct sim_socket, arrival);
    k->held = is_cut(k);
    while (!k->held && !list_empty(&k->wire)) {
        struct piece *p = container_of(k->wire.next, struct piece, link);
        if (p->when > k->sim->now) {
            arm(k, &k->arrival, p->when);
            return;
        }
        list_remove(&p->link);
        arrive(k, p);
        free(p);
    }
}

/* ------------------------------------------------------------ connecting */

static void refuse(struct sim_socket *k, int refusal)
{
    k->refusal = refusal;
    arm(k, &k->attempt, sim_later(k->sim));
}

/* The attempt was lost. */
static void try_again(struct sim_socket *k)
{
    if (k->tries > TRIES_MOST) {
        k->refusal = ETIMEDOUT;
        sim_touch(k);
        return;
    }
    arm(k, &k->attempt, rota_time_add(k->sim->now, retry_after << k->tries++));
}

/* The connection's other end, in the listener's queue. */
static void welcome(struct sim_socket *k, struct sim_socket *listener)
{
    struct sim_socket *other = sim_socket_new(k->sim);
    if (!other) {
        refuse(k, ENOMEM);
        return;
    }
    other->state = SIM_CONNECTED;
    other->local = k->remote;
    other->remote = k->local;
    other->arrival.fire = arrival_due;
    other->peer = k;
    k->peer = other;
    list_push(&listener->backlog, &other->waiting);
    listener->waiters++;
    tell(other, PIECE_OPEN);
    sim_touch(listener);
}

static void attempt_due(struct timer *t)
{
    struct sim_socket *k = container_of(t, struct sim_socket, attempt);
    if (is_cut(k)) {
        try_again(k);
        return;
    }
    if (k->refusal) {
        sim_touch(k); /* the answer is here */
        return;
    }
    struct sim_socket *listener = sim_listener_at(k->sim, &k->remote);
    sim_note(k->sim, listener != NULL);
    if (!listener || sim_once_in(k->sim, k->sim->net.refuse_one_in))
        refuse(k, ECONNREFUSED);
    else if (listener->waiters < listener->most)
        welcome(k, listener);
    else if (k->remote.any.sa_family == AF_UNIX)
        refuse(k, EAGAIN);
    else
        try_again(k);
}

/* As Linux takes it. */
union sim_address sim_loopback(sa_family_t family)
{
    union sim_address a = { .any.sa_family = family };
    if (family == AF_INET)
        a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else if (family == AF_INET6)
        a.v6.sin6_addr = in6addr_loopback;
    return a;
}

int sim_connect(struct sim_socket *k, const union sim_address *to)
{
    if (k->state != SIM_NEW)
        return k->state == SIM_CONNECTING ? -EALREADY : -EISCONN;
    if (to->any.sa_family != k->local.any.sa_family)
        return -EAFNOSUPPORT;
    union sim_address here = sim_loopback(to->any.sa_family);
    k->remote = *to;
    if (to->any.sa_family == AF_INET && to->v4.sin_addr.s_addr == INADDR_ANY)
        k->remote.v4.sin_addr = here.v4.sin_addr;
    if (to->any.sa_family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&to->v6.sin6_addr))
        k->remote.v6.sin6_addr = here.v6.sin6_addr;
    sim_name(k, &here);
    k->state = SIM_CONNECTING;
    k->attempt.fire = attempt_due;
    k->arrival.fire = arrival_due;
    k->tries = 0;
    k->refusal = 0;
    arm(k, &k->attempt, sim_later(k->sim));
    return 0;
}

/* -------------------------------------------------------------- the end */

/* Both ends are gone: nobody can ask about the connection any more. */
static void part(struct sim_socket *k)
{
    struct sim_socket *other = k->peer;
    if (other && !other->closed)
        return;
    if (other)
        sim_socket_free(other);
    sim_socket_free(k);
}

void sim_hang_up(struct sim_socket *k)
{
    k->closed = true;
    if (k->peer && !k->dead) {
        bool unread = buf_len(&k->arrived) > 0 || k->state == SIM_CONNECTING;
        if (k->abortive || unread)
            tell(k, PIECE_RESET);
        else
            sim_finish(k);
    }
    buf_fini(&k->arrived);
    if (k->peer)
        sim_touch(k->peer);
    part(k);
}
