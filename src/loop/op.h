/*
 * An operation: one thing the kernel is asked to do, told of when it is done.
 * Completion style on both backends: io_uring works so by nature, the epoll
 * backend waits for readiness and then makes the system call.
 *
 * An op belongs to the backend from op_submit until it says so (op->armed is
 * false again); until then its memory and its buffer must stand. Nothing here
 * switches coroutines; `done` runs on the loop's own stack.
 */
#ifndef LOOP_OP_H
#define LOOP_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "rota/export.h"

struct loop;
struct op;

enum op_kind {
    OP_ACCEPT,   /* result: a new non-blocking CLOEXEC socket. Repeats */
    OP_STREAM,   /* receive into the loop's own memory: `data` holds `result`
                  bytes until done() returns; 0 = end. Repeats */
    OP_RECV,     /* receive up to `size` bytes into `data`, once */
    OP_SEND,     /* send all `size` bytes of `data` (MSG_NOSIGNAL): result is
                  `size`, or an error with `sent` bytes gone out before */
    OP_READ,     /* read(2) from a pipe or terminal, once */
    OP_WRITE,    /* write(2) all of it, as OP_SEND */
    OP_READV,    /* readv(2) into the `size` vectors at `data`, once */
    OP_WRITEV,   /* writev(2) of them, once: how much went out. At most IOV_MAX,
                    and the first is not empty */
    OP_CONNECT,  /* connect to the address in data/size; result 0 */
    OP_POLL,     /* wait until readable/writable (`events`: POLLIN, POLLOUT);
                  result: the events that are (POLLERR, POLLHUP too) */
    OP_RECVMSG,  /* recvmsg(2) by the struct msghdr in `data`, once */
    OP_SENDMSG,  /* sendmsg(2) of it, one datagram (MSG_NOSIGNAL) */
    OP_RECVMMSG, /* receive what is there, by the `size` struct mmsghdr in
                    `data`: result is how many datagrams, at least one */
    OP_SENDMMSG, /* send all `size` of them: result is `size`, or an error
                    with `sent` datagrams gone out before */
};

/*
 * Tells of a completion: op->result >= 0, or a negative errno. op->armed
 * says whether more will come (repeating kinds) or the op is the owner's
 * again; it may then be submitted anew, or freed, at once.
 */
typedef void op_done(struct op *op);

struct op {
    enum op_kind kind;
    int fd;
    op_done *done;
    int result;
    bool armed;      /* the backend has it */
    uint8_t private; /* the backend's */
    uint16_t generation;
    short events; /* of OP_POLL */
    bool in_step; /* of OP_STREAM: nothing is received ahead, before done()
                     has returned and while a cancel is under way */
    bool steady;  /* of OP_POLL for POLLIN: only op_close closes its descriptor.
                   It costs less then, and may end too early */
    void *data;
    size_t size;
    size_t sent; /* of OP_SEND, OP_WRITE and OP_SENDMMSG */
};

/* Which side of its descriptor an op takes; a poll may take both. One that only
 * waits for an error takes the receiving side. */
bool op_receives(const struct op *op);
bool op_sends(const struct op *op);

/*
 * Starts an op whose kind, fd, done and arguments are set, and which is not
 * armed. Returns 0: pending, done will be called, never from inside this
 * call. 1: it was finished on the spot; op->result holds the outcome, done is
 * not called and the op is not armed (never for the repeating kinds: they
 * always return 0). Negative: it could not be started (-ENOMEM, -EBADF;
 * -EINVAL: `size` above INT_MAX).
 * One op of a direction (receiving, sending) may be armed per descriptor:
 * -EBUSY.
 */
int op_submit(struct loop *l, struct op *op) ROTA_INTERNAL(op_submit);

/*
 * Asks for an armed op to end early. Returns 1: it has ended now, is not
 * armed, done is not called. 0: done will be called, with -ECANCELED or
 * with what came first: a result that is there is never lost.
 */
int op_cancel(struct loop *l, struct op *op) ROTA_INTERNAL(op_cancel);

/* Receives up to `size` bytes, at most INT_MAX: how many; 0: the end; -EAGAIN:
 * there were none when the loop looked last, and an op that waits for them is
 * told of what has come since. */
int op_receive_now(struct loop *l, int fd, void *data, size_t size)
    ROTA_INTERNAL(op_receive_now);

/* Which of `events` hold now (POLLERR and POLLHUP too): 0: none; a negative
 * errno. Waits for nothing, and needs no op. */
int op_poll_now(struct loop *l, int fd, short events)
    ROTA_INTERNAL(op_poll_now);

/*
 * Closes a descriptor that ops were used on. No op may be armed on it. Late
 * events for it are dropped, so the number may be used again at once.
 * Returns close(2)'s result as a negative errno.
 */
int op_close(struct loop *l, int fd) ROTA_INTERNAL(op_close);

/* The same for who closes it by other means, and does so next: 0 or -EBUSY. */
int op_forget(struct loop *l, int fd) ROTA_INTERNAL(op_forget);

/* True for what accept(2) says of one connection that came to nothing, and not
 * of the listening socket: one goes on accepting. `rc` is negative. */
bool op_is_of_connection(int rc) ROTA_INTERNAL(op_is_of_connection);

#endif
