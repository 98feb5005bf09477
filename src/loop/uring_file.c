/*
 * Files on a ring. The kernel does at once what its caches hold, and leaves
 * the rest to threads of its own. What it does by halves goes on here: reads
 * and writes are submitted again until all has moved.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop/loop.h"
#include "loop/uring.h"
#include "loop/uring_wrote.h"

enum {
    /* Copying more than this takes the loop's time: a kernel's thread's job. */
    AT_ONCE_MOST = 65536,
    PART_MOST = 1 << 30, /* results are ints */
    CLOSES_HERE = 256,   /* plain ones after one that took a thread */
};

static const enum io_uring_op opcodes[] = {
    [FILE_OPEN] = IORING_OP_OPENAT,     [FILE_READ] = IORING_OP_READ,
    [FILE_WRITE] = IORING_OP_WRITE,     [FILE_SYNC] = IORING_OP_FSYNC,
    [FILE_STAT] = IORING_OP_STATX,      [FILE_CLOSE] = IORING_OP_CLOSE,
    [FILE_RENAME] = IORING_OP_RENAMEAT, [FILE_UNLINK] = IORING_OP_UNLINKAT,
    [FILE_MKDIR] = IORING_OP_MKDIRAT,   [FILE_SYMLINK] = IORING_OP_SYMLINKAT,
    [FILE_TRUNCATE] = IORING_OP_NOP,    [FILE_CHMOD] = IORING_OP_NOP,
};

unsigned uring_file_kinds(const struct io_uring_probe *probe)
{
    unsigned kinds = 0;
    for (unsigned i = 0; i < sizeof opcodes / sizeof *opcodes; i++)
        if (opcodes[i] != IORING_OP_NOP &&
            io_uring_opcode_supported(probe, (int)opcodes[i]))
            kinds |= 1U << i;
    return kinds;
}

static uint64_t mark_of(const struct file_op *op)
{
    return (uint64_t)op->generation << URING_ADDRESS_BITS | (uintptr_t)op |
           MARK_FILE;
}

static void prepare_transfer(struct io_uring_sqe *sqe, struct file_op *op)
{
    size_t left = op->size - op->moved;
    unsigned n = left < PART_MOST ? (unsigned)left : PART_MOST;
    char *data = op->data + op->moved;
    uint64_t offset = (uint64_t)op->offset + op->moved;
    if (op->kind == FILE_READ)
        io_uring_prep_read(sqe, op->fd, data, n, offset);
    else
        io_uring_prep_write(sqe, op->fd, data, n, offset);
    if (n > AT_ONCE_MOST)
        sqe->flags |= IOSQE_ASYNC;
}

static void prepare(struct io_uring_sqe *sqe, struct file_op *op)
{
    switch (op->kind) {
    case FILE_OPEN:
        io_uring_prep_openat(sqe, AT_FDCWD, op->path, op->flags, op->mode);
        break;
    case FILE_SYNC:
        io_uring_prep_fsync(sqe, op->fd, op->flags ? IORING_FSYNC_DATASYNC : 0);
        break;
    case FILE_STAT:
        io_uring_prep_statx(
            sqe, op->path ? AT_FDCWD : op->fd, op->path ? op->path : "",
            op->path ? op->flags : AT_EMPTY_PATH, STATX_BASIC_STATS, op->stat);
        break;
    case FILE_CLOSE: io_uring_prep_close(sqe, op->fd); break;
    case FILE_RENAME:
        io_uring_prep_renameat(sqe, AT_FDCWD, op->path, AT_FDCWD, op->to, 0);
        break;
    case FILE_UNLINK:
        io_uring_prep_unlinkat(sqe, AT_FDCWD, op->path, op->flags);
        break;
    case FILE_MKDIR:
        io_uring_prep_mkdirat(sqe, AT_FDCWD, op->path, op->mode);
        break;
    case FILE_SYMLINK:
        io_uring_prep_symlinkat(sqe, op->path, AT_FDCWD, op->to);
        break;
    default: prepare_transfer(sqe, op); break;
    }
}

/* False: there is no room. */
static bool start(struct uring *u, struct file_op *op)
{
    struct io_uring_sqe *sqe = uring_take_sqe(u);
    if (!sqe)
        return false;
    prepare(sqe, op);
    io_uring_sqe_set_data64(sqe, mark_of(op));
    return true;
}

static bool moves(const struct file_op *op)
{
    return op->kind == FILE_READ || op->kind == FILE_WRITE;
}

/* A read or write that the kernel finishes in two goes, the second of which
 * fails, does not move the file's position by the first (seen on Linux 6.18,
 * with RLIMIT_FSIZE). So what depends on it is not done here. */
static bool can(const struct uring *u, const struct file_op *op)
{
    return u->file_kinds & 1U << op->kind && !(moves(op) && op->offset < 0);
}

int uring_file_submit(void *state, struct file_op *op)
{
    struct uring *u = state;
    if (!can(u, op))
        return -EOPNOTSUPP;
    op->generation = ++u->file_generation;
    op->entered = u->entered;
    if (!start(u, op))
        return -EAGAIN;
    op->armed = true;
    list_push(&u->files, &op->link);
    u->file_count++;
    return 0;
}

/* Have two others something to do, or to wait for here? */
static bool is_one_of_many(const struct loop *l, const struct uring *u)
{
    const struct ready *first = l->ready.first;
    return u->file_count + (first != NULL) + (first && first->next) >= 2;
}

/*
 * One of many opens and closes costs less as an entry, of which the kernel
 * takes many at once, than as a call of its own; one of two costs more. Bytes
 * that are there are copied for less by a call in either case.
 *
 * Of some file systems (overlayfs, FUSE) the kernel leaves every close to a
 * thread, which is dearer than all the rest. They are known by that a close
 * takes longer than one entering: then a few hundred are not left to it.
 */
bool uring_file_due(struct loop *l, void *state, enum file_kind kind)
{
    struct uring *u = state;
    bool is_apt = kind == FILE_OPEN || kind == FILE_CLOSE;
    if (!is_apt || !(u->file_kinds & 1U << kind) || !is_one_of_many(l, u))
        return false;
    if (kind == FILE_OPEN || u->closes_here == 0)
        return true;
    u->closes_here--;
    return false;
}

/* Without room for the asking it simply runs to its end. */
void uring_file_cancel(void *state, struct file_op *op)
{
    struct uring *u = state;
    op->cancelled = true;
    struct io_uring_sqe *sqe = uring_take_sqe(u);
    if (!sqe)
        return;
    io_uring_prep_cancel64(sqe, mark_of(op), 0);
    io_uring_sqe_set_data64(sqe, MARK_IGNORED);
}

static void tell_valgrind(const struct file_op *op, int n)
{
    if (op->kind == FILE_READ)
        uring_wrote(op->data + op->moved, (size_t)n);
    if (op->kind == FILE_STAT)
        uring_wrote(op->stat, sizeof *op->stat);
}

static void finish(struct uring *u, struct file_op *op, int result)
{
    list_remove(&op->link);
    u->file_count--;
    op->armed = false;
    op->result = result;
    op->done(op);
}

/* Starts the rest; what finds no room now, -EAGAIN, is done elsewhere. */
static void go_on(struct uring *u, struct file_op *op)
{
    if (op->cancelled)
        finish(u, op, -ECANCELED);
    else if (!start(u, op))
        finish(u, op, -EAGAIN);
}

static void moved(struct uring *u, struct file_op *op, int n)
{
    op->moved += (size_t)n;
    if (n == 0 && op->kind == FILE_WRITE && op->moved < op->size)
        finish(u, op, -EIO);
    else if (n == 0 || op->moved == op->size)
        finish(u, op, 0);
    else
        go_on(u, op);
}

void uring_file_complete(struct uring *u, struct file_op *op, int rc)
{
    if (rc >= 0)
        tell_valgrind(op, rc);
    if (op->kind == FILE_CLOSE && u->entered - op->entered > 1)
        u->closes_here = CLOSES_HERE;
    /* Once interrupted, a close has closed all the same: close(2). */
    if (rc == -EINTR && op->kind == FILE_CLOSE)
        finish(u, op, 0);
    else if (rc == -EINTR)
        go_on(u, op);
    else if (rc == -ECANCELED && !op->cancelled)
        finish(u, op, -EAGAIN); /* no thread was to be had for it */
    else if (rc >= 0 && moves(op))
        moved(u, op, rc);
    else
        finish(u, op, rc);
}

static void discard(struct file_op *op)
{
    if (op->kind == FILE_OPEN && op->result >= 0)
        close(op->result);
    if (op->kind == FILE_CLOSE && op->result == -ECANCELED)
        close(op->fd);
}

void uring_file_end_all(struct uring *u)
{
    list_each (it, &u->files) {
        struct file_op *op = container_of(it, struct file_op, link);
        op->done = discard;
        if (!op->cancelled)
            uring_file_cancel(u, op);
    }
}

size_t uring_file_ops(void *state)
{
    const struct uring *u = state;
    return u->file_count;
}
