/*
 * Receiving datagrams: one, or all that are there. What the kernel tells
 * beside the data (the address it was sent to, the length of those it has
 * joined into one) comes as control messages.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/udp.h>
#include <string.h>

#include "io/wait.h"
#include "rota/udp.h"

enum { ADDRESS_ROOM = sizeof(rota_address) - offsetof(rota_address, any) };

ssize_t rota_recvfrom(int fd, void *data, size_t size, rota_address *from)
{
    struct io_call c;
    int rc = io_begin(&c, fd);
    if (rc < 0)
        return rc;
    struct iovec room = { data, size < INT_MAX ? size : INT_MAX };
    struct msghdr m = { .msg_iov = &room, .msg_iovlen = 1 };
    if (from) {
        m.msg_name = &from->any;
        m.msg_namelen = ADDRESS_ROOM;
    }
    c.op.kind = OP_RECVMSG;
    c.op.data = &m;
    rc = io_await(&c);
    if (rc >= 0 && from)
        from->len = m.msg_namelen;
    if (rc >= 0 && m.msg_flags & MSG_TRUNC)
        rc = -EMSGSIZE;
    return io_end(&c, rc);
}

/* What one of a batch needs besides the caller's memory. */
struct inlet {
    struct iovec room;
    union {
        char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
                   CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
};

static void offer(struct mmsghdr *m, struct inlet *in, rota_datagram *d)
{
    in->room = (struct iovec){ d->data, d->size < INT_MAX ? d->size : INT_MAX };
    m->msg_hdr = (struct msghdr){
        .msg_name = &d->peer.any,
        .msg_namelen = ADDRESS_ROOM,
        .msg_iov = &in->room,
        .msg_iovlen = 1,
        .msg_control = in->control.bytes,
        .msg_controllen = sizeof in->control,
    };
}

static void take_v4(rota_datagram *d, const struct cmsghdr *c)
{
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(c), sizeof info);
    d->local = (rota_address){ sizeof d->local.v4,
                               .v4 = { .sin_family = AF_INET,
                                       .sin_addr = info.ipi_addr } };
}

static void take_v6(rota_datagram *d, const struct cmsghdr *c)
{
    struct in6_pktinfo info;
    memcpy(&info, CMSG_DATA(c), sizeof info);
    d->local = (rota_address){ sizeof d->local.v6,
                               .v6 = { .sin6_family = AF_INET6,
                                       .sin6_addr = info.ipi6_addr } };
    if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
        d->local.v6.sin6_scope_id = info.ipi6_ifindex;
}

static void take_segment(rota_datagram *d, const struct cmsghdr *c)
{
    int size;
    memcpy(&size, CMSG_DATA(c), sizeof size);
    if (size > 0 && (size_t)size < d->len)
        d->segment = (size_t)size;
}

static void take_control(rota_datagram *d, struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
            take_v4(d, c);
        else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
            take_v6(d, c);
        else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
            take_segment(d, c);
    }
}

static void take(rota_datagram *d, struct mmsghdr *m)
{
    d->len = m->msg_len;
    d->cut = m->msg_hdr.msg_flags & MSG_TRUNC;
    d->segment = 0;
    d->peer.len = m->msg_hdr.msg_namelen;
    d->local.len = 0;
    take_control(d, &m->msg_hdr);
}

int rota_recvmmsg(int fd, rota_datagram *datagrams, unsigned count)
{
    struct io_call c;
    struct mmsghdr batch[ROTA_RECV_MOST];
    struct inlet inlets[ROTA_RECV_MOST];
    int rc = io_begin(&c, fd);
    if (rc < 0)
        return rc;
    if (count == 0)
        return io_end(&c, -EINVAL);
    if (count > ROTA_RECV_MOST)
        count = ROTA_RECV_MOST;
    for (unsigned i = 0; i < count; i++)
        offer(&batch[i], &inlets[i], &datagrams[i]);
    c.op.kind = OP_RECVMMSG;
    c.op.data = batch;
    c.op.size = count;
    rc = io_await(&c);
    for (int i = 0; i < rc; i++)
        take(&datagrams[i], &batch[i]);
    return io_end(&c, rc);
}
