/*
 * The epoll backend. A descriptor is registered once for receiving, once more
 * when it is full, and for edges only: no epoll_ctl is on the hot path. Every
 * op is tried first; one that would block waits for the edge that must then
 * come.
 *
 * Events only note what became possible and queue the slot; when all of a
 * batch have been noted, the queued slots are served. So no done() runs while
 * events are still unread, and none can pull the ground from under another.
 * A slot that still has something to read is queued again and served in the
 * next turn: one busy descriptor cannot keep the others waiting.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop/backend.h"
#include "loop/epoll.h"
#include "loop/fds.h"
#include "loop/loop.h"
#include "loop/message.h"
#include "loop/plain.h"
#include "loop/sock.h"

enum {
    EVENTS_PER_POLL = 256,
    ACCEPTS_PER_TURN = 64,
    SCRATCH = 65536, /* bytes received at once by OP_STREAM */
    WAIT = INT_MIN,  /* no result yet: an edge will come */
    IN_EVENTS = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR,
    OUT_EVENTS = EPOLLOUT | EPOLLHUP | EPOLLERR,
    /* After these more can be read than the last short read gave: the end,
     * an error, or what follows a mark of urgent data. */
    EAGER_EVENTS = EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR,
};

static const uint64_t wake_mark = UINT64_MAX;

struct epoll_backend {
    int epoll;
    bool coarse;  /* no epoll_pwait2: milliseconds */
    int happened; /* events of the last wait; -1: it was interrupted */
    struct fds fds;
    struct epoll_event events[EVENTS_PER_POLL];
    char scratch[SCRATCH];
};

static int watch(struct epoll_backend *e, int action, int fd, uint64_t mark,
                 uint32_t events)
{
    struct epoll_event ev = { .events = events | EPOLLET, .data.u64 = mark };
    return epoll_ctl(e->epoll, action, fd, &ev) < 0 ? -errno : 0;
}

static int epoll_backend_init(struct loop *l, void **state, int wake_fd)
{
    (void)l;
    struct epoll_backend *e = malloc(sizeof *e);
    if (!e)
        return -ENOMEM;
    e->coarse = false;
    e->happened = 0;
    fds_init(&e->fds);
    e->epoll = epoll_create1(EPOLL_CLOEXEC);
    int rc = e->epoll < 0 ? -errno : 0;
    if (rc == 0)
        rc = watch(e, EPOLL_CTL_ADD, wake_fd, wake_mark, EPOLLIN);
    if (rc < 0) {
        if (e->epoll >= 0)
            close(e->epoll);
        free(e);
        return rc;
    }
    *state = e;
    return 0;
}

static void epoll_backend_fini(struct loop *l, void *state)
{
    (void)l;
    struct epoll_backend *e = state;
    close(e->epoll);
    fds_fini(&e->fds);
    free(e);
}

static void epoll_backend_forked(void *state)
{
    struct epoll_backend *e = state;
    close(e->epoll);
}

/*
 * Registers a descriptor, for room to send only once it was needed. Adding and
 * changing report what is possible at this moment too, so nothing that happened
 * before is missed.
 */
static int enlist(struct epoll_backend *e, struct fd_slot *slot,
                  const struct op *op, int action)
{
    int fd = op->fd;
    uint64_t mark = (uint64_t)slot->generation << 32 | (uint32_t)fd;
    bool room = slot->room || op_sends(op);
    uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLPRI | (room ? EPOLLOUT : 0);
    int rc = watch(e, action, fd, mark, events);
    if (rc == -ENOENT || rc == -EEXIST) {
        action = rc == -ENOENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
        rc = watch(e, action, fd, mark, events);
    }
    slot->always = rc == -EPERM; /* a regular file, or the like */
    slot->registered = rc == 0 || slot->always;
    slot->room = slot->registered && room;
    return slot->always ? 0 : rc;
}

/* One system call each: its result, a negative errno, or WAIT. */

static int try_recv(struct op *op)
{
    ssize_t n;
    do
        n = recv(op->fd, op->data, op->size, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? WAIT : -errno;
    return (int)n;
}

/* A steady one asks once: then it takes an edge's word. */
static int try_poll(struct fd_slot *slot, struct op *op)
{
    if (op->private)
        return op->events;
    int rc = sock_poll(op->fd, op->events);
    if (op->steady)
        slot->in_blocked = rc == 0;
    return rc ? rc : WAIT;
}

static int try_send(struct op *op)
{
    while (op->sent < op->size) {
        ssize_t n = send(op->fd, (const char *)op->data + op->sent,
                         op->size - op->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            op->sent += (size_t)n;
        else if (n == 0)
            return -EIO;
        else if (errno != EINTR)
            return errno == EAGAIN ? WAIT : -errno;
    }
    return (int)op->size;
}

static int try_plain(struct fd_slot *slot, struct op *op)
{
    int rc = plain_try(slot, op);
    return rc == -EAGAIN ? WAIT : rc;
}

static int try_connect(struct op *op)
{
    bool again = op->private;
    op->private = 1;
    /* A second call asks how the first went, and when that failed leaves the
     * socket fit for a third; an edge alone does not tell, it may be older
     * than the attempt. */
    if (connect(op->fd, op->data, (socklen_t)op->size) == 0)
        return 0;
    switch (errno) {
    case EINPROGRESS:
    case EALREADY:
    case EINTR: return WAIT;
    case EISCONN: return again ? 0 : -EISCONN;
    default: return -errno;
    }
}

static int try_message(struct op *op)
{
    int rc = message_try(op);
    return rc == -EAGAIN ? WAIT : rc;
}

/*
 * After a short read nothing is left in a TCP socket, which saves the call
 * that would say so; other sockets keep the borders of messages.
 */
static bool emptied(struct fd_slot *slot, int fd)
{
    if (!slot->type_known) {
        int protocol = 0;
        socklen_t size = sizeof protocol;
        getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
        slot->type_known = true;
        slot->eager |= protocol != IPPROTO_TCP;
    }
    return !slot->eager;
}

/* Tries an op that is done once, and notes what that says of the slot. */
static int try_once(struct fd_slot *slot, struct op *op)
{
    int rc;
    switch (op->kind) {
    case OP_RECV:
        rc = try_recv(op);
        slot->in_blocked = rc == WAIT || (rc > 0 && (size_t)rc < op->size &&
                                          emptied(slot, op->fd));
        return rc;
    case OP_READ:
    case OP_READV:
        rc = try_plain(slot, op);
        slot->in_blocked = rc == WAIT;
        return rc;
    case OP_WRITE:
    case OP_WRITEV:
        rc = try_plain(slot, op);
        slot->out_blocked = rc == WAIT;
        return rc;
    case OP_RECVMSG:
    case OP_RECVMMSG:
        rc = try_message(op);
        slot->in_blocked = rc == WAIT;
        return rc;
    case OP_SENDMSG:
    case OP_SENDMMSG:
        rc = try_message(op);
        slot->out_blocked = rc == WAIT;
        return rc;
    case OP_POLL: return try_poll(slot, op);
    case OP_CONNECT: return try_connect(op);
    default:
        rc = try_send(op);
        slot->out_blocked = rc == WAIT;
        return rc;
    }
}

static void finish(struct epoll_backend *e, struct fd_slot *slot, struct op *op,
                   int result)
{
    fds_disarm(&e->fds, slot, op);
    op->result = result;
    op->done(op);
}

static void serve_stream(struct epoll_backend *e, struct fd_slot *slot,
                         struct op *op)
{
    op->data = e->scratch;
    op->size = sizeof e->scratch;
    int rc = try_recv(op);
    if (rc == WAIT) {
        slot->in_blocked = true;
    } else if (rc <= 0) {
        finish(e, slot, op, rc);
    } else {
        slot->in_blocked = rc < SCRATCH && emptied(slot, op->fd);
        if (!slot->in_blocked)
            fds_queue(&e->fds, slot);
        op->result = rc;
        op->done(op);
    }
}

static void serve_accept(struct epoll_backend *e, struct fd_slot *slot,
                         struct op *op)
{
    uint16_t generation = op->generation;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(op->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && errno == EAGAIN) {
            slot->in_blocked = true;
            return;
        }
        if (fd < 0 && op_is_of_connection(-errno))
            continue;
        if (fd < 0) {
            finish(e, slot, op, -errno);
            return;
        }
        op->result = fd;
        op->done(op);
        if (slot->in != op || op->generation != generation)
            return; /* cancelled, and perhaps something else by now */
    }
    fds_queue(&e->fds, slot);
}

static void serve_op(struct epoll_backend *e, struct fd_slot *slot,
                     struct op *op)
{
    if (op->kind == OP_ACCEPT) {
        serve_accept(e, slot, op);
    } else if (op->kind == OP_STREAM) {
        serve_stream(e, slot, op);
    } else {
        int rc = try_once(slot, op);
        if (rc != WAIT)
            finish(e, slot, op, rc);
    }
}

static void serve(struct epoll_backend *e)
{
    struct fd_queue batch = fds_take(&e->fds);
    struct fd_slot *slot;
    while ((slot = fds_pop(&batch))) {
        if (slot->in && !slot->in_blocked)
            serve_op(e, slot, slot->in);
        if (slot->out && !slot->out_blocked)
            serve_op(e, slot, slot->out);
    }
}

static void note_event(struct epoll_backend *e, const struct epoll_event *ev)
{
    if (ev->data.u64 == wake_mark)
        return;
    struct fd_slot *slot = fds_find(&e->fds, (int)(uint32_t)ev->data.u64);
    if (!slot || slot->generation != (uint32_t)(ev->data.u64 >> 32))
        return; /* of an earlier file under this number */
    if (ev->events & IN_EVENTS)
        slot->in_blocked = false;
    if (ev->events & OUT_EVENTS)
        slot->out_blocked = false;
    if (ev->events & EAGER_EVENTS)
        slot->eager = true;
    if (slot->in || slot->out)
        fds_queue(&e->fds, slot);
}

/* The repeating kinds: never tried at once, done() is not to be called yet. */
static int submit_repeating(struct epoll_backend *e, struct fd_slot *slot,
                            struct op *op)
{
    int rc = 0;
    if (!slot->registered) {
        slot->in_blocked = true; /* the first event is on its way */
        rc = enlist(e, slot, op, EPOLL_CTL_ADD);
        if (rc < 0 || slot->always)
            slot->in_blocked = false;
    }
    if (rc == 0 && !slot->in_blocked)
        fds_queue(&e->fds, slot);
    return rc;
}

static int submit_once(struct epoll_backend *e, struct fd_slot *slot,
                       struct op *op)
{
    /* That a socket is empty may be known. What else was found before may be
     * of another kind of call; trying tells what it is with this one. */
    bool receives = op->kind == OP_RECV || op->steady;
    if (!receives || !slot->in_blocked) {
        int rc = try_once(slot, op);
        if (rc != WAIT) {
            op->result = rc;
            return 1;
        }
    }
    op->private |= op->steady;
    /* What is polled may be some library's, which closes and opens files
     * without telling: its registration is renewed each time. */
    bool renews = op->kind == OP_POLL && !op->steady;
    if (slot->registered && !renews && (slot->room || !op_sends(op)))
        return 0;
    bool changes = slot->registered || renews;
    int rc = enlist(e, slot, op, changes ? EPOLL_CTL_MOD : EPOLL_CTL_ADD);
    return slot->always && renews ? -EINVAL : rc; /* nothing would ever tell */
}

static int epoll_backend_submit(struct loop *l, void *state, struct op *op)
{
    (void)l;
    struct epoll_backend *e = state;
    struct fd_slot *slot = fds_slot(&e->fds, op->fd);
    if (!slot)
        return -ENOMEM;
    int rc = fds_arm(&e->fds, slot, op);
    if (rc < 0)
        return rc;
    if (op->kind == OP_ACCEPT || op->kind == OP_STREAM)
        rc = submit_repeating(e, slot, op);
    else
        rc = submit_once(e, slot, op);
    if (rc != 0)
        fds_disarm(&e->fds, slot, op);
    return rc;
}

static int epoll_backend_receive(void *state, int fd, void *data, size_t size)
{
    struct epoll_backend *e = state;
    struct fd_slot *slot = fds_slot(&e->fds, fd);
    struct op op = { .kind = OP_RECV, .fd = fd, .data = data, .size = size };
    if (!slot)
        return -ENOMEM;
    bool empty = slot->in_blocked && slot->registered;
    int rc = empty ? WAIT : try_once(slot, &op);
    if (rc != WAIT && slot->in) { /* who waits for it has to look, too */
        slot->in_blocked = false;
        fds_queue(&e->fds, slot);
    }
    return rc == WAIT ? -EAGAIN : rc;
}

static int epoll_backend_cancel(struct loop *l, void *state, struct op *op)
{
    (void)l;
    struct epoll_backend *e = state;
    fds_disarm(&e->fds, fds_find(&e->fds, op->fd), op);
    op->result = -ECANCELED;
    return 1;
}

/* The kernel drops the registration when the file is closed; if the file
 * lives on under another descriptor, the generation sorts its events out. */
static int epoll_backend_forget(struct loop *l, void *state, int fd)
{
    (void)l;
    struct epoll_backend *e = state;
    return fds_forget(&e->fds, fd);
}

static int wait_coarse(struct epoll_backend *e, rota_dur left)
{
    enum { NS_PER_MS = 1000000 };
    int64_t ms = (left + NS_PER_MS - 1) / NS_PER_MS; /* up: never early */
    return epoll_wait(e->epoll, e->events, EVENTS_PER_POLL,
                      ms > INT_MAX ? INT_MAX : (int)ms);
}

static int wait_for(struct epoll_backend *e, rota_dur left)
{
    enum { NS_PER_S = 1000000000 };
#ifdef SYS_epoll_pwait2
    if (!e->coarse) {
        struct timespec t = { left / NS_PER_S, left % NS_PER_S };
        long n = syscall(SYS_epoll_pwait2, e->epoll, e->events, EVENTS_PER_POLL,
                         &t, NULL, 0);
        if (n >= 0 || (errno != ENOSYS && errno != EPERM))
            return (int)n;
        e->coarse = true; /* before Linux 5.11, or forbidden */
    }
#endif
    return wait_coarse(e, left > INT64_MAX - NS_PER_S ? INT64_MAX - NS_PER_S
                                                      : left);
}

static int wait_until(struct epoll_backend *e, rota_time until)
{
    if (e->fds.queue.first)
        until = 0;
    if (until == ROTA_FOREVER)
        return epoll_wait(e->epoll, e->events, EVENTS_PER_POLL, -1);
    rota_dur left = until > 0 ? until - rota_now() : 0;
    if (left > 0)
        return wait_for(e, left);
    return epoll_wait(e->epoll, e->events, EVENTS_PER_POLL, 0);
}

static int epoll_backend_wait(struct loop *l, void *state, rota_time until)
{
    (void)l;
    struct epoll_backend *e = state;
    e->happened = wait_until(e, until);
    return e->happened < 0 && errno != EINTR ? -errno : 0;
}

static void epoll_backend_complete(struct loop *l, void *state)
{
    (void)l;
    struct epoll_backend *e = state;
    for (int i = 0; i < e->happened; i++)
        note_event(e, &e->events[i]);
    serve(e);
}

static bool epoll_backend_busy(void *state)
{
    struct epoll_backend *e = state;
    return e->fds.armed > 0;
}

static void epoll_backend_each_op(void *state,
                                  void (*fn)(const struct op *op, void *arg),
                                  void *arg)
{
    const struct epoll_backend *e = state;
    fds_each_op(&e->fds, fn, arg);
}

int epoll_descriptor(const void *state)
{
    const struct epoll_backend *e = state;
    return e->epoll;
}

bool epoll_has_due(const void *state)
{
    const struct epoll_backend *e = state;
    return e->fds.queue.first || e->happened == EVENTS_PER_POLL ||
           e->happened < 0; /* interrupted */
}

struct fds *epoll_fds(void *state)
{
    struct epoll_backend *e = state;
    return &e->fds;
}

const struct backend backend_epoll = {
    .name = "epoll",
    .init = epoll_backend_init,
    .fini = epoll_backend_fini,
    .forked = epoll_backend_forked,
    .submit = epoll_backend_submit,
    .cancel = epoll_backend_cancel,
    .receive = epoll_backend_receive,
    .forget = epoll_backend_forget,
    .wait = epoll_backend_wait,
    .complete = epoll_backend_complete,
    .busy = epoll_backend_busy,
    .each_op = epoll_backend_each_op,
};
