/*
 * bench/io, the bare loop on io_uring: one system call a turn. Accept and recv
 * are armed once and go on by themselves (multishot), descriptors live in the
 * ring's own table, input arrives in buffers the ring was given, and leaves
 * from there without a completion to look at.
 *
 *     io_uring tcp PORT | udp PORT | small DIRECTORY COUNT | large FILE
 *
 * A send that is marked MSG_DONTWAIT is over when it has been submitted. One
 * that fell short has said so when the next turn's completions have been read;
 * the connection then waits for a patient send of the rest, else the buffer
 * goes back. Of a connection one send is on its way, so none overtakes.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bare.h"
#include "io.h"

enum {
    SUBMISSIONS = 4096,
    COMPLETIONS = 16 * 1024,
    BUFFERS = 256, /* a power of two */
    BUFFER_BYTES = 16 * 1024,
    GROUP = 0,
    CONNS_MAX = 4096,
};

enum tag { TAG_ACCEPT, TAG_RECV, TAG_SEND, TAG_PATIENT, TAG_CLOSE, TAG_FILE };

/* What a buffer holds, to be sent. */
struct piece {
    int next; /* the buffer behind it; -1: none */
    unsigned offset, len;
};

struct conn {
    bool open, ended;
    bool patient;    /* a patient send of the first piece is on its way */
    bool listed;     /* stands in `busy` */
    int first, last; /* buffers to be sent; -1: none */
    bool begun;      /* the first was submitted this turn */
};

static struct io_uring ring;
static struct io_uring_buf_ring *buffers;
static char *memory; /* of the buffers */
static struct piece pieces[BUFFERS];
static struct conn conns[CONNS_MAX];
static unsigned busy[CONNS_MAX], busy_count; /* with something to send */

static struct io_uring_sqe *sqe_next(void)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    while (!sqe) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    return sqe;
}

static void mark(struct io_uring_sqe *sqe, enum tag tag, unsigned index)
{
    io_uring_sqe_set_data64(sqe, (uint64_t)tag << 32 | index);
}

static void buffer_return(unsigned id)
{
    io_uring_buf_ring_add(buffers, memory + (size_t)id * BUFFER_BYTES,
                          BUFFER_BYTES, (unsigned short)id,
                          io_uring_buf_ring_mask(BUFFERS), 0);
    io_uring_buf_ring_advance(buffers, 1);
}

static void accept_arm(int listener)
{
    struct io_uring_sqe *sqe = sqe_next();
    io_uring_prep_multishot_accept_direct(sqe, listener, NULL, NULL, 0);
    mark(sqe, TAG_ACCEPT, 0);
}

static void recv_arm(unsigned index)
{
    struct io_uring_sqe *sqe = sqe_next();
    io_uring_prep_recv_multishot(sqe, (int)index, NULL, 0, 0);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    mark(sqe, TAG_RECV, index);
}

static void send_first(unsigned index, bool patient)
{
    struct conn *c = &conns[index];
    const struct piece *p = &pieces[c->first];
    struct io_uring_sqe *sqe = sqe_next();
    io_uring_prep_send(
        sqe, (int)index, memory + (size_t)c->first * BUFFER_BYTES + p->offset,
        p->len, MSG_NOSIGNAL | (patient ? MSG_WAITALL : MSG_DONTWAIT));
    sqe->flags |= IOSQE_FIXED_FILE | (patient ? 0 : IOSQE_CQE_SKIP_SUCCESS);
    mark(sqe, patient ? TAG_PATIENT : TAG_SEND, index);
    c->patient = patient;
    c->begun = true;
}

static void pop_first(struct conn *c)
{
    int id = c->first;
    c->first = pieces[id].next;
    c->begun = false;
    buffer_return((unsigned)id);
}

static void list(unsigned index)
{
    if (!conns[index].listed)
        busy[busy_count++] = index;
    conns[index].listed = true;
}

static void on_input(unsigned index, unsigned id, unsigned len)
{
    struct conn *c = &conns[index];
    pieces[id] = (struct piece){ .next = -1, .len = len };
    if (c->first < 0)
        c->first = (int)id;
    else
        pieces[c->last].next = (int)id;
    c->last = (int)id;
    list(index);
}

static void conn_end(unsigned index)
{
    conns[index].ended = true;
    list(index);
}

static void on_recv(const struct io_uring_cqe *cqe, unsigned index)
{
    if (cqe->res > 0) {
        on_input(index, cqe->flags >> IORING_CQE_BUFFER_SHIFT,
                 (unsigned)cqe->res);
    } else if (cqe->res != -ENOBUFS) {
        conn_end(index);
        return;
    }
    if (!(cqe->flags & IORING_CQE_F_MORE))
        recv_arm(index);
}

/* A send that fell short, or a patient one that is over. */
static void on_send(int rc, unsigned index)
{
    struct conn *c = &conns[index];
    struct piece *p = &pieces[c->first];
    unsigned done = rc > 0 ? (unsigned)rc : 0;
    c->patient = false;
    p->offset += done;
    p->len -= done;
    if (rc < 0 && rc != -EAGAIN)
        conn_end(index);
    else if (p->len > 0)
        send_first(index, true);
}

/* All completions of the sends of the last turn have been seen. */
static bool still_busy(unsigned index)
{
    struct conn *c = &conns[index];
    if (c->patient)
        return true;
    if (c->begun)
        pop_first(c);
    if (c->ended) {
        while (c->first >= 0)
            pop_first(c);
        struct io_uring_sqe *sqe = sqe_next();
        io_uring_prep_close_direct(sqe, index);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        mark(sqe, TAG_CLOSE, index);
        return false;
    }
    if (c->first < 0)
        return false;
    send_first(index, false);
    return true;
}

static void send_all(void)
{
    unsigned left = 0;
    for (unsigned i = 0; i < busy_count; i++) {
        conns[busy[i]].listed = still_busy(busy[i]);
        if (conns[busy[i]].listed)
            busy[left++] = busy[i];
    }
    busy_count = left;
}

static void on_completion(const struct io_uring_cqe *cqe, int listener)
{
    uint64_t data = io_uring_cqe_get_data64(cqe);
    unsigned index = (unsigned)data;
    switch ((enum tag)(data >> 32)) {
    case TAG_ACCEPT:
        if (cqe->res < 0 || cqe->res >= CONNS_MAX)
            bare_die("accept", -cqe->res);
        conns[cqe->res] = (struct conn){ .first = -1 };
        recv_arm((unsigned)cqe->res);
        if (!(cqe->flags & IORING_CQE_F_MORE))
            accept_arm(listener);
        break;
    case TAG_RECV: on_recv(cqe, index); break;
    case TAG_SEND:
    case TAG_PATIENT: on_send(cqe->res, index); break;
    default: break;
    }
}

static void *map(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        bare_die("mmap", errno);
    return at;
}

static void buffers_init(void)
{
    buffers = map(BUFFERS * sizeof(struct io_uring_buf));
    memory = map((size_t)BUFFERS * BUFFER_BYTES);
    struct io_uring_buf_reg reg = { .ring_addr = (uintptr_t)buffers,
                                    .ring_entries = BUFFERS,
                                    .bgid = GROUP };
    int rc = io_uring_register_buf_ring(&ring, &reg, 0);
    if (rc < 0)
        bare_die("buffer ring", -rc);
    io_uring_buf_ring_init(buffers);
    for (unsigned i = 0; i < BUFFERS; i++)
        buffer_return(i);
}

static void ring_init(void)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER |
                 IORING_SETUP_CQSIZE,
        .cq_entries = COMPLETIONS,
    };
    int rc = io_uring_queue_init_params(SUBMISSIONS, &ring, &params);
    if (rc < 0)
        bare_die("io_uring", -rc);
    io_uring_register_ring_fd(&ring);
}

static void tcp(long port)
{
    int listener = bare_listen(port);
    int rc = io_uring_register_files_sparse(&ring, CONNS_MAX);
    if (rc < 0)
        bare_die("file table", -rc);
    buffers_init();
    accept_arm(listener);
    for (;;) {
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;
        io_uring_submit_and_wait(&ring, 1);
        io_uring_for_each_cqe(&ring, head, cqe)
        {
            on_completion(cqe, listener);
            seen++;
        }
        io_uring_cq_advance(&ring, seen);
        send_all();
    }
}

/* A call for what is there, the ring to wait for more: a datagram's address
 * must stand until its send is submitted, and one call is as good. */
static void udp(long port)
{
    static char input[IO_BUFFER];
    int fd = io_udp(port);
    for (;;) {
        struct sockaddr_storage from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(fd, input, sizeof input, 0,
                             (struct sockaddr *)&from, &len);
        if (n >= 0) {
            sendto(fd, input, (size_t)n, 0, (struct sockaddr *)&from, len);
            continue;
        }
        struct io_uring_cqe *cqe;
        io_uring_prep_poll_add(sqe_next(), fd, POLLIN);
        io_uring_submit_and_wait(&ring, 1);
        if (io_uring_peek_cqe(&ring, &cqe) == 0)
            io_uring_cqe_seen(&ring, cqe);
    }
}

/* Open, read and close of one file as a chain, in a place of the ring's own
 * table; the last of them tells. */
static void file_start(const struct io_args *args, long i, unsigned place,
                       char *path, size_t size)
{
    io_small_path(args, i, path, size);
    struct io_uring_sqe *sqe = sqe_next();
    io_uring_prep_openat_direct(sqe, AT_FDCWD, path, O_RDONLY, 0, place);
    sqe->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    mark(sqe, TAG_FILE, place);
    sqe = sqe_next();
    /* No byte more: a short read would cut the chain. */
    io_uring_prep_read(sqe, (int)place, memory + (size_t)place * BUFFER_BYTES,
                       IO_SMALL, 0);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    mark(sqe, TAG_FILE, place);
    sqe = sqe_next();
    io_uring_prep_close_direct(sqe, place);
    mark(sqe, TAG_FILE, place);
}

static void small(const struct io_args *args)
{
    static char paths[IO_AT_ONCE][4096];
    memory = map((size_t)IO_AT_ONCE * BUFFER_BYTES);
    if (io_uring_register_files_sparse(&ring, IO_AT_ONCE) < 0)
        bare_die("file table", ENOMEM);
    double from = io_cpu();
    long next = 0, done = 0;
    for (; next < IO_AT_ONCE && next < args->count; next++)
        file_start(args, next, (unsigned)next, paths[next], sizeof paths[0]);
    while (done < args->count) {
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;
        io_uring_submit_and_wait(&ring, 1);
        io_uring_for_each_cqe(&ring, head, cqe)
        {
            unsigned place = (unsigned)cqe->user_data;
            if (cqe->res < 0)
                bare_die(paths[place], -cqe->res);
            seen++;
            done++;
            if (next < args->count)
                file_start(args, next++, place, paths[place], sizeof paths[0]);
        }
        io_uring_cq_advance(&ring, seen);
    }
    io_told(from, (double)args->count);
}

static void large(const struct io_args *args)
{
    static char input[IO_BUFFER];
    int fd = open(args->path, O_RDONLY | O_CLOEXEC);
    double from = io_cpu(), total = 0;
    int n = fd < 0 ? -errno : 1;
    while (n > 0) {
        struct io_uring_cqe *cqe;
        io_uring_prep_read(sqe_next(), fd, input, sizeof input, (uint64_t)-1);
        io_uring_submit_and_wait(&ring, 1);
        if (io_uring_peek_cqe(&ring, &cqe) < 0)
            bare_die("completion", EIO);
        n = cqe->res;
        total += n;
        io_uring_cqe_seen(&ring, cqe);
    }
    if (n < 0)
        bare_die(args->path, -n);
    io_told(from, total / IO_MIB);
}

int main(int argc, char **argv)
{
    struct io_args args = io_arguments(argc, argv);
    ring_init();
    switch (args.mode) {
    case IO_TCP: tcp(args.port); break;
    case IO_UDP: udp(args.port); break;
    case IO_SMALL_FILES: small(&args); break;
    case IO_LARGE_FILE: large(&args); break;
    default: io_usage(argv[0]);
    }
    return 0;
}
