/*
 * Sending datagrams. A batch is laid out as messages for the kernel, in which
 * data that is to be cut into segments is one message, or a few, where the
 * kernel cuts it (UDP_SEGMENT, Linux 4.18), else one for each segment. A
 * kernel or a way out that refuses to cut is found out by the first try, and
 * what is left goes out the other way.
 */
#include <errno.h>
#include <netinet/udp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "io/wait.h"
#include "loop/message.h"
#include "loop/sock.h"
#include "rota/task.h"
#include "rota/udp.h"

enum {
    NEAR = 32,          /* messages that need no memory but the stack's */
    SEGMENTS_MOST = 64, /* UDP_MAX_SEGMENTS, before Linux 6.9 raised it */
    /* 65535 without the headers of IPv4 and UDP. */
    BYTES_MOST = 65507,
};

/* No kernel, or no device, that cuts: not asked for again. */
static atomic_bool no_offload;

/* A Unix socket that is not connected to its receiver is told EAGAIN when the
 * receiver's queue is full, and nothing tells when it has room again. */
static int await_unix(struct io_call *c)
{
    rota_dur pause = rota_ms(1), most = rota_ms(50);
    int rc;
    while ((rc = message_try(&c->op)) == -EAGAIN) {
        rc = rota_sleep(pause);
        if (rc == 0 && c->use.closing)
            rc = -EBADF;
        if (rc < 0)
            return rc;
        pause = pause * 2 < most ? pause * 2 : most;
    }
    return rc;
}

static int await_send(struct io_call *c, const rota_address *to)
{
    bool has = to && to->len >= sizeof to->any.sa_family;
    if (has && to->any.sa_family == AF_UNIX)
        return await_unix(c);
    return io_await(c);
}

ssize_t rota_sendto(int fd, const void *data, size_t size,
                    const rota_address *to)
{
    struct io_call c;
    int rc = io_begin(&c, fd);
    if (rc < 0)
        return rc;
    struct iovec whole = { (void *)data, size };
    struct msghdr m = { .msg_iov = &whole, .msg_iovlen = 1 };
    if (to) {
        m.msg_name = (void *)&to->any;
        m.msg_namelen = to->len;
    }
    c.op.kind = OP_SENDMSG;
    c.op.data = &m;
    return io_end(&c, await_send(&c, to));
}

/* What one message needs besides its header. */
struct outlet {
    struct iovec piece;
    rota_datagram *of;
    union {
        char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
                   CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr align;
    } control;
};

/* The messages of a batch that are still to be sent. */
struct outbox {
    size_t count;
    struct mmsghdr *messages;
    struct outlet *outlets;
    struct mmsghdr near_messages[NEAR];
    struct outlet near_outlets[NEAR];
};

/* Bytes of one message of a datagram that has segments. */
static size_t piece_of(const rota_datagram *d, bool offload)
{
    if (d->segment == 0)
        return d->size;
    size_t n = offload ? BYTES_MOST / d->segment : 1;
    if (n > SEGMENTS_MOST)
        n = SEGMENTS_MOST;
    return d->segment * (n ? n : 1);
}

static size_t pieces_of(const rota_datagram *d, bool offload)
{
    size_t left = d->size - d->len, piece = piece_of(d, offload);
    return left <= piece ? 1 : (left - 1) / piece + 1;
}

static void add_control(struct msghdr *m, int level, int type, const void *data,
                        size_t size)
{
    struct cmsghdr *c =
        (struct cmsghdr *)((char *)m->msg_control + m->msg_controllen);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), data, size);
    m->msg_controllen += CMSG_SPACE(size);
}

static void set_source(struct msghdr *m, const rota_address *local)
{
    struct in_pktinfo v4 = { .ipi_spec_dst = local->v4.sin_addr };
    struct in6_pktinfo v6 = { .ipi6_addr = local->v6.sin6_addr,
                              .ipi6_ifindex = local->v6.sin6_scope_id };
    if (local->any.sa_family == AF_INET)
        add_control(m, IPPROTO_IP, IP_PKTINFO, &v4, sizeof v4);
    else if (local->any.sa_family == AF_INET6)
        add_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof v6);
}

static void put(struct outbox *o, rota_datagram *d, size_t at, size_t size)
{
    struct mmsghdr *m = &o->messages[o->count];
    struct outlet *out = &o->outlets[o->count++];
    out->piece = (struct iovec){ (char *)d->data + at, size };
    out->of = d;
    m->msg_hdr = (struct msghdr){
        .msg_name = d->peer.len ? &d->peer.any : NULL,
        .msg_namelen = d->peer.len,
        .msg_iov = &out->piece,
        .msg_iovlen = 1,
        .msg_control = out->control.bytes,
    };
    if (d->local.len)
        set_source(&m->msg_hdr, &d->local);
    uint16_t segment = (uint16_t)d->segment;
    if (d->segment && size > d->segment)
        add_control(&m->msg_hdr, SOL_UDP, UDP_SEGMENT, &segment,
                    sizeof segment);
    if (m->msg_hdr.msg_controllen == 0)
        m->msg_hdr.msg_control = NULL;
}

static void put_pieces(struct outbox *o, rota_datagram *d, bool offload)
{
    size_t piece = piece_of(d, offload), at = d->len;
    do {
        size_t left = d->size - at;
        size_t size = left < piece ? left : piece;
        put(o, d, at, size);
        at += size;
    } while (at < d->size);
}

/* 0 or -ENOMEM. */
static int outbox_init(struct outbox *o, rota_datagram *d, unsigned count,
                       bool offload)
{
    size_t n = 0;
    for (unsigned i = 0; i < count; i++)
        n += pieces_of(&d[i], offload);
    o->count = 0;
    o->messages = o->near_messages;
    o->outlets = o->near_outlets;
    if (n > NEAR) {
        o->messages = calloc(n, sizeof *o->messages + sizeof *o->outlets);
        if (!o->messages)
            return -ENOMEM;
        o->outlets = (struct outlet *)(o->messages + n);
    }
    for (unsigned i = 0; i < count; i++)
        put_pieces(o, &d[i], offload);
    return 0;
}

static void outbox_fini(struct outbox *o)
{
    if (o->messages != o->near_messages)
        free(o->messages);
}

/* Notes in the datagrams what went out of them; how many are whole. */
static unsigned note_sent(struct outbox *o, size_t sent)
{
    unsigned whole = 0;
    for (size_t i = 0; i < sent; i++) {
        rota_datagram *d = o->outlets[i].of;
        d->len += o->outlets[i].piece.iov_len;
        whole += d->len == d->size;
    }
    return whole;
}

/* Sends what is left of the datagrams; *whole counts those that are done. */
static int send_as(struct io_call *c, rota_datagram *d, unsigned count,
                   bool offload, unsigned *whole)
{
    struct outbox o;
    unsigned first = *whole;
    int rc = outbox_init(&o, d + first, count - first, offload);
    if (rc < 0)
        return rc;
    c->op.kind = OP_SENDMMSG;
    c->op.data = o.messages;
    c->op.size = o.count;
    c->op.sent = 0;
    rc = await_send(c, &d[first].peer);
    *whole += note_sent(&o, rc < 0 ? c->op.sent : o.count);
    outbox_fini(&o);
    return rc;
}

/* Whether the kernel is to cut: there is something to be cut, for UDP. */
static bool may_offload(int fd, const rota_datagram *d, unsigned count)
{
    unsigned i = 0;
    while (i < count && (d[i].segment == 0 || d[i].segment >= d[i].size))
        i++;
    if (i == count || atomic_load(&no_offload) ||
        sock_simulated(loop_current()))
        return false;
    int protocol = 0;
    socklen_t size = sizeof protocol;
    return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
           protocol == IPPROTO_UDP;
}

/* Was it the cutting that failed? Then other sends may be cut still (EINVAL,
 * EMSGSIZE: these segments are above the MTU), or none ever. */
static bool refuses_offload(int rc)
{
    switch (-rc) {
    case EIO: /* a device that does not compute checksums */
    case EOPNOTSUPP:
    case ENOPROTOOPT: atomic_store(&no_offload, true); return true;
    case EINVAL:
    case EMSGSIZE: return true;
    default: return false;
    }
}

static int send_all(struct io_call *c, rota_datagram *d, unsigned count)
{
    unsigned whole = 0;
    for (unsigned i = 0; i < count; i++)
        d[i].len = 0;
    bool offload = may_offload(c->op.fd, d, count);
    int rc = send_as(c, d, count, offload, &whole);
    if (offload && refuses_offload(rc))
        rc = send_as(c, d, count, false, &whole);
    return whole > 0 ? (int)whole : rc;
}

int rota_sendmmsg(int fd, rota_datagram *datagrams, unsigned count)
{
    struct io_call c;
    int rc = io_begin(&c, fd);
    if (rc < 0)
        return rc;
    return io_end(&c, count ? send_all(&c, datagrams, count) : 0);
}
