/*
 * The kernel is asked over netlink, sock_diag(7), for the one listening socket:
 * an exact look-up costs microseconds however many connections there are,
 * where /proc/net/tcp would list them all.
 */
#include "backlog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
};

int backlog_open(void)
{
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    return fd < 0 ? -errno : fd;
}

static int ask(int diag, uint16_t port)
{
    struct question q = {
        .head = { .nlmsg_len = sizeof(q),
                  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                  .nlmsg_flags = NLM_F_REQUEST },
        .body = { .sdiag_family = AF_INET,
                  .sdiag_protocol = IPPROTO_TCP,
                  .idiag_states = ~0U,
                  .id = { .idiag_sport = htons(port),
                          .idiag_src = { htonl(INADDR_LOOPBACK) },
                          .idiag_cookie = { INET_DIAG_NOCOOKIE,
                                            INET_DIAG_NOCOOKIE } } },
    };
    return send(diag, &q, sizeof(q), 0) < 0 ? -errno : 0;
}

int backlog_room(int diag, uint16_t port)
{
    union {
        struct nlmsghdr head;
        char bytes[4096];
    } reply;

    int rc = ask(diag, port);
    if (rc < 0)
        return rc;
    /* The kernel has answered by the time send(2) returns. */
    ssize_t n = recv(diag, &reply, sizeof(reply), MSG_DONTWAIT);
    if (n < 0)
        return -errno;
    if (!NLMSG_OK(&reply.head, (size_t)n) ||
        reply.head.nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return -ENOENT;
    const struct inet_diag_msg *m = NLMSG_DATA(&reply.head);
    if (m->idiag_state != TCP_LISTEN)
        return -ENOENT;
    /* For a listening socket: how many wait, and how many may. */
    return m->idiag_rqueue < m->idiag_wqueue
               ? (int)(m->idiag_wqueue - m->idiag_rqueue)
               : 0;
}
