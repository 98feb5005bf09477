/*
 * Files to sockets and pipes. Only the file can make this wait in a way that
 * nothing tells of beforehand, when the disk is slow; so the system call is
 * made on a pool thread, a bounded piece at a time. It never waits there for
 * the other side, which may take for ever: when that is full, the task waits
 * on the loop until it is not. io_uring's splice is the same work on a thread
 * of the kernel's, and is not used.
 *
 * Where the kernel cannot do it without waiting for the other side (a blocking
 * socket, a terminal), or not at all, the bytes are read and written.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/send.h"
#include "loop/sock.h"
#include "rota/fd.h"
#include "task/thread.h"

enum {
    PIECE = 1 << 20, /* bytes of a job: what a cancellation may wait for */
    COPIED = 65536,  /* bytes read at once to be written */
};

/* How the bytes get from the one to the other. */
enum way { BY_SENDFILE, BY_SPLICE, BY_COPY };

struct transfer {
    struct io_call *c; /* on what is written to */
    struct fd_use in;
    enum way way;
    off_t at;
    size_t left;
    size_t moved; /* by the last job */
    bool full;    /* the other side was, then */
};

/* The file is being closed. */
static void leave_file(struct fd_use *u)
{
    struct transfer *f = container_of(u, struct transfer, in);
    io_leave(f->c);
}

static ssize_t move_some(struct transfer *f, size_t size)
{
    int out = f->c->use.fd;
    if (f->way == BY_SENDFILE)
        return sendfile(out, f->in.fd, &f->at, size);
    return splice(f->in.fd, &f->at, out, NULL, size,
                  SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
}

/* Job: until the end of the file or of the piece, or the other side is full. */
static int move_piece(void *arg)
{
    struct transfer *f = arg;
    size_t piece = f->left < PIECE ? f->left : PIECE;
    ssize_t n = 1;
    while (f->moved < piece && n != 0 && !f->full) {
        n = move_some(f, piece - f->moved);
        if (n > 0)
            f->moved += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            f->full = true;
        else if (n < 0 && errno != EINTR)
            return -errno;
    }
    return 0;
}

/* One piece, and then the other side has room: 0 or an error. */
static int move(struct transfer *f, size_t *done)
{
    f->moved = 0;
    f->full = false;
    int rc = thread_run(POOL_FILE, move_piece, f);
    f->left -= f->moved;
    *done += f->moved;
    if (rc == 0 && f->full) /* of its own close io_await knows */
        rc = f->in.closing ? -EBADF : io_await_events(f->c, POLLOUT);
    return rc < 0 ? rc : 0;
}

struct read_job {
    int fd;
    char *data;
    size_t size;
    off_t at;
};

static int read_piece(void *arg)
{
    struct read_job *j = arg;
    ssize_t n;
    do
        n = pread(j->fd, j->data, j->size, j->at);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (int)n;
}

static int copy(struct transfer *f, io_send_fn *fn, void *arg, size_t *done)
{
    char *data = malloc(COPIED);
    if (!data)
        return -ENOMEM;
    int rc = 1;
    while (rc > 0 && f->left > 0) {
        struct read_job j = { f->in.fd, data, COPIED, f->at };
        if (j.size > f->left)
            j.size = f->left;
        rc = thread_run(POOL_FILE, read_piece, &j);
        if (f->in.closing)
            rc = -EBADF;
        if (rc <= 0)
            break;
        size_t before = *done, got = (size_t)rc;
        int error = fn(arg, data, got, done);
        f->at += rc;
        f->left -= *done - before;
        rc = error < 0 ? error : rc;
    }
    free(data);
    return rc < 0 ? rc : 0;
}

static int transfer_begin(struct transfer *f, struct io_call *c, int fd,
                          off_t at, size_t count)
{
    *f = (struct transfer){ .c = c, .at = at, .left = count };
    if (at < 0)
        return -EINVAL;
    c->resumed = true; /* it will have, by a job */
    return fd_use_begin(&f->in, fd, leave_file);
}

static int transfer_end(struct transfer *f, int rc)
{
    if (rc == -ECANCELED && f->in.closing)
        rc = -EBADF;
    fd_use_end(&f->in);
    return rc;
}

int io_send_copy(struct io_call *c, int in_fd, off_t offset, size_t count,
                 io_send_fn *fn, void *arg, size_t *done)
{
    struct transfer f;
    int rc = transfer_begin(&f, c, in_fd, offset, count);
    return rc < 0 ? rc : transfer_end(&f, copy(&f, fn, arg, done));
}

static enum way way_to(struct io_call *c)
{
    struct stat st;
    int fd = c->use.fd, mode = fcntl(fd, F_GETFL);
    if (sock_simulated(task_loop(c->task)) || mode < 0 || fstat(fd, &st) < 0)
        return BY_COPY;
    if (S_ISFIFO(st.st_mode))
        return BY_SPLICE;
    return S_ISSOCK(st.st_mode) && mode & O_NONBLOCK ? BY_SENDFILE : BY_COPY;
}

static int send_here(void *arg, const char *data, size_t size, size_t *done)
{
    struct io_call *c = arg;
    bool socket =
        sock_calls(task_loop(c->task))->family(task_loop(c->task), c->use.fd) >=
        0;
    return io_send_bytes(c, socket ? IO_SEND_BY_SOCKET : IO_SEND_BY_WRITE, data,
                         size, done);
}

int io_send_file(struct io_call *c, int in_fd, off_t offset, size_t count,
                 size_t *done)
{
    struct transfer f;
    int rc = transfer_begin(&f, c, in_fd, offset, count);
    if (rc < 0)
        return rc;
    f.way = way_to(c);
    f.full = true;
    while (f.way != BY_COPY && rc == 0 && f.left > 0 && (f.moved || f.full))
        rc = f.in.closing || c->use.closing ? -EBADF : move(&f, done);
    /* A file the kernel cannot send, such as those of /proc. */
    if (rc == -EINVAL && *done == 0)
        f.way = BY_COPY;
    if (f.way == BY_COPY)
        rc = copy(&f, send_here, c, done);
    return transfer_end(&f, rc);
}

ssize_t rota_sendfile(int out_fd, int in_fd, off_t offset, size_t count)
{
    struct io_call c;
    if (count > SSIZE_MAX)
        count = SSIZE_MAX; /* "at most" holds still */
    int rc = io_begin_writing(&c, out_fd);
    if (rc < 0)
        return rc;
    size_t done = 0;
    io_hold_sigpipe();
    rc = io_send_file(&c, in_fd, offset, count, &done);
    io_release_sigpipe();
    rc = io_end(&c, done > 0 ? 0 : rc);
    return rc < 0 ? rc : (ssize_t)done;
}
