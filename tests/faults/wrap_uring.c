/*
 * The wrapped calls on io_uring. What is asked of the ring fails like a call:
 * each entry that is to be submitted is counted, and the one whose turn it is
 * becomes one that the kernel refuses.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <liburing.h>

#include "loop/uring.h"
#include "wrap.h"

WRAP(int, io_uring_queue_init_params,
     (unsigned entries, struct io_uring *ring, struct io_uring_params *p))
{
    FAILS(io_uring_queue_init_params, ENOMEM, -ENOMEM)
    return __real_io_uring_queue_init_params(entries, ring, p);
}

WRAP(struct io_uring_probe *, io_uring_get_probe_ring, (struct io_uring * ring))
{
    FAILS(io_uring_get_probe_ring, ENOMEM, NULL)
    return __real_io_uring_get_probe_ring(ring);
}

WRAP(int, io_uring_register_buf_ring,
     (struct io_uring * ring, struct io_uring_buf_reg *reg, unsigned flags))
{
    FAILS(io_uring_register_buf_ring, ENOMEM, -ENOMEM)
    return __real_io_uring_register_buf_ring(ring, reg, flags);
}

WRAP(int, io_uring_register_ring_fd, (struct io_uring * ring))
{
    FAILS(io_uring_register_ring_fd, ENOMEM, -ENOMEM)
    return __real_io_uring_register_ring_fd(ring);
}

WRAP(int, io_uring_ring_dontfork, (struct io_uring * ring))
{
    FAILS(io_uring_ring_dontfork, ENOMEM, -ENOMEM)
    return __real_io_uring_ring_dontfork(ring);
}

/* A file is closed whatever close(2) says, and a cancel is an asking that the
 * kernel cannot but hear: these two never fail. */
static bool may_fail(const struct io_uring_sqe *sqe)
{
    uint64_t mark = sqe->user_data & MARK_MASK;
    return mark != MARK_CANCEL && mark != MARK_IGNORED &&
           sqe->opcode != IORING_OP_CLOSE;
}

/* Since Linux 6.10 an entry that does nothing ends with what it is told. */
static bool can_interrupt(void)
{
    struct utsname u;
    int major = 0, minor = 0;
    return uname(&u) == 0 && sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 10));
}

static void interrupt(struct io_uring_sqe *sqe)
{
    enum { INJECT_RESULT = 1 };
    uint64_t mark = sqe->user_data;
    io_uring_prep_nop(sqe);
    sqe->rw_flags = INJECT_RESULT;
    sqe->len = (unsigned)-EINTR;
    sqe->user_data = mark;
}

static void prepare_faults(struct io_uring *ring)
{
    enum { NO_OPCODE = 255 }; /* EINVAL */
    bool interrupts = can_interrupt();
    for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
        struct io_uring_sqe *sqe = &ring->sq.sqes[i & ring->sq.ring_mask];
        if (!may_fail(sqe))
            continue;
        if (strikes("an entry of the ring", EINVAL, FAULT_ERROR))
            sqe->opcode = NO_OPCODE;
        if (interrupts &&
            strikes("an entry of the ring", EINTR, FAULT_INTERRUPT))
            interrupt(sqe);
    }
}

/* The kernel is short of memory for requests: passing. */
WRAP(int, io_uring_submit, (struct io_uring * ring))
{
    FAILS(io_uring_submit, EAGAIN, -EAGAIN)
    INTERRUPTS(io_uring_submit, -EINTR)
    prepare_faults(ring);
    return __real_io_uring_submit(ring);
}

WRAP(int, io_uring_submit_and_wait, (struct io_uring * ring, unsigned n))
{
    FAILS(io_uring_submit_and_wait, EAGAIN, -EAGAIN)
    INTERRUPTS(io_uring_submit_and_wait, -EINTR)
    prepare_faults(ring);
    return __real_io_uring_submit_and_wait(ring, n);
}

WRAP(int, io_uring_submit_and_get_events, (struct io_uring * ring))
{
    FAILS(io_uring_submit_and_get_events, EBUSY, -EBUSY)
    INTERRUPTS(io_uring_submit_and_get_events, -EINTR)
    prepare_faults(ring);
    return __real_io_uring_submit_and_get_events(ring);
}

WRAP(int, io_uring_submit_and_wait_timeout,
     (struct io_uring * ring, struct io_uring_cqe **cqe, unsigned n,
      struct __kernel_timespec *t, sigset_t *mask))
{
    FAILS(io_uring_submit_and_wait_timeout, EAGAIN, -EAGAIN)
    INTERRUPTS(io_uring_submit_and_wait_timeout, -EINTR)
    prepare_faults(ring);
    return __real_io_uring_submit_and_wait_timeout(ring, cqe, n, t, mask);
}
