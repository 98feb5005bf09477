/*
 * Listening, accepting and connecting, on plain descriptors.
 */
#include <errno.h>
#include <poll.h>

#include "io/net.h"
#include "io/wait.h"
#include "loop/loop.h"
#include "loop/sock.h"
#include "rota/task.h"
#include "rota/time.h"

int net_told(int rc, const char *err)
{
    return rc < 0 && rc != -ECANCELED && task_current()
               ? rota_fail(rc, "%s", err)
               : rc;
}

int rota_listen(const char *host, int port, const rota_listen_options *options)
{
    char err[NET_ERROR_TEXT] = "";
    return net_told(net_listen(host, port, options, err, sizeof err), err);
}

int rota_listen_unix(const char *path, const rota_listen_options *options)
{
    char err[NET_ERROR_TEXT] = "";
    return net_told(net_listen_unix(path, options, err, sizeof err), err);
}

static int try_accept(struct loop *l, int fd, struct sockaddr *addr,
                      socklen_t *len)
{
    socklen_t room = len ? *len : 0;
    int rc;
    do {
        if (len)
            *len = room;
        rc = sock_calls(l)->accept(l, fd, addr, len);
    } while (rc < 0 && op_is_of_connection(rc));
    return rc;
}

/* An accept in vain costs ten times as much as asking. */
static int accept_one(struct io_call *c, struct sockaddr *addr, socklen_t *len)
{
    int rc;
    c->op.steady = true;
    do {
        rc = io_await_events(c, POLLIN);
        if (rc >= 0)
            rc = try_accept(task_loop(c->task), c->op.fd, addr, len);
    } while (rc == -EAGAIN);
    return rc;
}

int net_unblock(int listener)
{
    struct loop *l = loop_current();
    return sock_calls(l)->unblock(l, listener);
}

int net_accept(int listener, struct sockaddr *addr, socklen_t *len)
{
    struct io_call c;
    int rc = io_begin(&c, listener);
    return rc < 0 ? rc : io_end(&c, accept_one(&c, addr, len));
}

int rota_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    struct io_call c;
    int rc = io_begin(&c, fd);
    if (rc < 0)
        return rc;
    rc = net_unblock(fd);
    return io_end(&c, rc < 0 ? rc : accept_one(&c, addr, len));
}

/* A Unix socket whose listener's queue is full says EAGAIN, and nothing tells
 * when it has room again. */
static int pause_for_room(rota_dur *pause)
{
    rota_dur most = rota_ms(50);
    int rc = rota_sleep(*pause);
    *pause = *pause * 2 < most ? *pause * 2 : most;
    return rc;
}

int rota_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    struct io_call c;
    int rc = io_begin(&c, fd);
    if (rc < 0)
        return rc;
    rota_dur pause = rota_ms(1);
    c.op.kind = OP_CONNECT;
    c.op.data = (void *)addr;
    c.op.size = len;
    rc = io_await(&c);
    while (rc == -EAGAIN && addr->sa_family == AF_UNIX) {
        rc = pause_for_room(&pause);
        if (rc == 0)
            rc = io_await(&c);
    }
    return io_end(&c, rc);
}
