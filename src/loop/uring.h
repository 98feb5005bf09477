/*
 * The io_uring backend's own: what setting a ring up found out, and the
 * memory that received data lands in.
 */
#ifndef LOOP_URING_H
#define LOOP_URING_H

#include <stdbool.h>

#include <liburing.h>

#include "loop/fds.h"
#include "loop/file_op.h"

enum {
    URING_ENTRIES = 256,      /* a fuller queue is submitted early */
    URING_BUFFERS = 256,      /* a power of two */
    URING_BUFFER_SIZE = 4096, /* received at once by OP_STREAM */
};

/* The lowest bits of user data, zero in an op's address: what completes. */
enum {
    MARK_OP,
    MARK_CANCEL,
    MARK_FILE,
    MARK_READY,
    MARK_IGNORED,
    MARK_MASK = 7,
    MARK_BITS = 3
};

enum { URING_ADDRESS_BITS = 48 }; /* above them is the generation */

static inline uint64_t uring_address(uint64_t mark)
{
    return mark & ((1ULL << URING_ADDRESS_BITS) - 1);
}

/* What a kernel may lack; a test says so of one that does not. What needs it is
 * left to readiness then. */
enum uring_part {
    URING_DEFER = 1, /* deferred task work (6.1) */
    URING_COOP = 2,  /* cooperative task work (5.19) */
    URING_MULTISHOT_ACCEPT = 4,
    URING_MULTISHOT_RECV = 8,  /* and the ring of buffers */
    URING_MULTISHOT_POLL = 16, /* noticed at its first use */
};
extern unsigned uring_forbidden; /* enum uring_part, for tests */

struct uring {
    struct io_uring ring;
    unsigned parts;    /* enum uring_part: what it has */
    bool skip_success; /* a cancel that worked need not say so */

    void *ready;    /* the epoll backend's state: what waits for readiness */
    bool ready_due; /* the poll of it is to be submitted */
    bool happened;  /* it has fired, */
    bool asked;     /* or its events were waited for themselves */
    int failed;     /* what asking for its events failed with, or 0 */

    struct fds fds;

    struct list files;        /* file ops under way */
    size_t file_count;
    unsigned file_kinds;      /* bits by enum file_kind: what it can do */
    uint16_t file_generation; /* of the last one */
    unsigned entered;         /* how many times the kernel was, for them */
    unsigned closes_here;     /* those to come that are plain calls */

    struct io_uring_buf_ring *buffers; /* NULL: it has none */
    char *memory;                      /* of the buffers */
};

/* Makes the ring and its buffers: 0, or a negative errno with nothing kept:
 * -ENOSYS, -EPERM, -ENOMEM, -EOPNOTSUPP (a kernel that is too old). */
int uring_setup(struct uring *u);
void uring_teardown(struct uring *u);

/* A free submission entry; NULL when even submitting early made no room. */
struct io_uring_sqe *uring_take_sqe(struct uring *u);

/* Files (uring_file.c): as file_op_submit, file_op_cancel; the completion of
 * one; the end of all, to be told to nobody; how many there are; and as
 * file_op_is_due. */
unsigned uring_file_kinds(const struct io_uring_probe *probe);
int uring_file_submit(void *state, struct file_op *op);
void uring_file_cancel(void *state, struct file_op *op);
void uring_file_complete(struct uring *u, struct file_op *op, int rc);
void uring_file_end_all(struct uring *u);
size_t uring_file_ops(void *state);
bool uring_file_due(struct loop *l, void *state, enum file_kind kind);

static inline char *uring_buffer(struct uring *u, unsigned id)
{
    return u->memory + (size_t)id * URING_BUFFER_SIZE;
}

static inline void uring_buffer_return(struct uring *u, unsigned id)
{
    io_uring_buf_ring_add(u->buffers, uring_buffer(u, id), URING_BUFFER_SIZE,
                          (unsigned short)id, URING_BUFFERS - 1, 0);
    io_uring_buf_ring_advance(u->buffers, 1);
}

/* Whether a backend's state has all that makes it worth while. */
bool uring_is_whole(const void *state);

#endif
