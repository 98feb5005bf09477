/*
 * The bare loop on io_uring: one system call a turn. Accept and recv are armed
 * once and go on by themselves (multishot), descriptors live in the ring's own
 * table, input arrives in buffers the ring was given, and an answer leaves
 * within the submission, without a completion to look at.
 *
 * That last point needs care. A send is marked MSG_DONTWAIT and asks for a
 * completion only if it falls short, which then stands in the queue before any
 * further input of that connection; from there on the connection waits for a
 * patient send to finish before it gets another.
 */
#include <errno.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "bare.h"

enum {
    SUBMISSIONS = 4096,
    COMPLETIONS = 16 * 1024,
    BUFFERS = 256, /* a power of two */
    BUFFER_BYTES = 4096,
    BUFFER_GROUP = 0,
    CONNS_MAX = 16 * 1024,
    PLACE = BUFFER_BYTES + 64 /* a buffer with room around it */,
    HEADROOM = 16 /* where the carry is put */
};

enum tag { TAG_ACCEPT, TAG_RECV, TAG_SEND, TAG_PATIENT_SEND, TAG_CLOSE };

struct conn {
    char carry[BARE_CARRY]; /* the last bytes of the buffer before */
    bool open;
    bool dirty;   /* stands in `dirty`, to be answered at the turn's end */
    bool sending; /* a patient send is on its way */
    bool ended;   /* close it when that is over */
    size_t owed;  /* bytes of answers not yet sent */
    size_t sent;  /* bytes the send on its way carries */
};

static struct io_uring ring;
static struct io_uring_buf_ring *buffers;
static char *memory; /* of the buffers */
static struct conn *conns;
static struct bare_answer answer;
static unsigned *dirty; /* connections with new requests, dirty_count of them */
static unsigned dirty_count;

static uint64_t mark(enum tag tag, unsigned index)
{
    return (uint64_t)tag << 32 | index;
}

static struct io_uring_sqe *sqe_next(void)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    while (!sqe) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    return sqe;
}

static void accept_arm(int listener)
{
    struct io_uring_sqe *sqe = sqe_next();
    io_uring_prep_multishot_accept_direct(sqe, listener, NULL, NULL, 0);
    io_uring_sqe_set_data64(sqe, mark(TAG_ACCEPT, 0));
}

static void recv_arm(unsigned index)
{
    struct io_uring_sqe *sqe = sqe_next();
    io_uring_prep_recv_multishot(sqe, (int)index, NULL, 0, 0);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = BUFFER_GROUP;
    io_uring_sqe_set_data64(sqe, mark(TAG_RECV, index));
}

static void send_owed(unsigned index, bool patient)
{
    struct conn *conn = &conns[index];
    struct io_uring_sqe *sqe = sqe_next();
    size_t begun = conn->owed % answer.len;
    size_t skip = begun ? answer.len - begun : 0;
    size_t len = conn->owed;

    if (len > BARE_BATCH * answer.len - skip)
        len = BARE_BATCH * answer.len - skip;
    io_uring_prep_send(sqe, (int)index, answer.bytes + skip, len,
                       MSG_NOSIGNAL | MSG_WAITALL |
                           (patient ? 0 : MSG_DONTWAIT));
    sqe->flags |= IOSQE_FIXED_FILE | (patient ? 0 : IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data64(sqe,
                            mark(patient ? TAG_PATIENT_SEND : TAG_SEND, index));
    conn->sending = patient;
    conn->sent = len;
    conn->owed -= len;
}

static void conn_close(unsigned index)
{
    struct conn *conn = &conns[index];
    conn->ended = true;
    if (conn->sending || !conn->open)
        return;
    struct io_uring_sqe *sqe = sqe_next();
    io_uring_prep_close_direct(sqe, index);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(sqe, mark(TAG_CLOSE, index));
    conn->open = false;
}

static void on_accept(const struct io_uring_cqe *cqe, int listener)
{
    if (cqe->res >= 0) {
        conns[cqe->res] = (struct conn){ .open = true };
        recv_arm((unsigned)cqe->res);
    }
    if (!(cqe->flags & IORING_CQE_F_MORE))
        accept_arm(listener);
}

/* Counts the requests in the buffer and gives it back. */
static void input_take(struct conn *conn, unsigned buffer, size_t len)
{
    char *data = memory + (size_t)buffer * PLACE + HEADROOM;
    memcpy(data - BARE_CARRY, conn->carry, BARE_CARRY);
    memcpy(conn->carry, data + len - BARE_CARRY, BARE_CARRY);
    conn->owed += bare_count(data - BARE_CARRY, len + BARE_CARRY) * answer.len;
    io_uring_buf_ring_add(buffers, data, BUFFER_BYTES, (unsigned short)buffer,
                          io_uring_buf_ring_mask(BUFFERS), 0);
    io_uring_buf_ring_advance(buffers, 1);
}

static void on_recv(const struct io_uring_cqe *cqe, unsigned index)
{
    struct conn *conn = &conns[index];
    if (cqe->res > 0) {
        input_take(conn, cqe->flags >> IORING_CQE_BUFFER_SHIFT,
                   (size_t)cqe->res);
        if (!conn->dirty)
            dirty[dirty_count++] = index;
        conn->dirty = true;
    } else if (cqe->res != -ENOBUFS) {
        conn_close(index);
        return;
    }
    if (!(cqe->flags & IORING_CQE_F_MORE))
        recv_arm(index);
}

/* A send that fell short, or a patient one that is over. */
static void on_send(const struct io_uring_cqe *cqe, unsigned index)
{
    struct conn *conn = &conns[index];
    size_t done = cqe->res > 0 ? (size_t)cqe->res : 0;

    conn->sending = false;
    if (cqe->res < 0 && cqe->res != -EAGAIN)
        conn->ended = true;
    conn->owed += conn->sent - done;
    if (conn->ended)
        conn_close(index);
    else if (conn->owed)
        send_owed(index, true);
}

/* One send for each connection that has something to get. Two in a row could
 * overtake each other if the first fell short. */
static void answer_all(void)
{
    for (unsigned i = 0; i < dirty_count; i++) {
        struct conn *conn = &conns[dirty[i]];
        conn->dirty = false;
        if (conn->owed && conn->open && !conn->sending)
            send_owed(dirty[i], conn->owed > BARE_BATCH * answer.len);
    }
    dirty_count = 0;
}

static void on_completion(const struct io_uring_cqe *cqe, int listener)
{
    uint64_t data = io_uring_cqe_get_data64(cqe);
    unsigned index = (unsigned)data;
    switch ((enum tag)(data >> 32)) {
    case TAG_ACCEPT: on_accept(cqe, listener); break;
    case TAG_RECV: on_recv(cqe, index); break;
    case TAG_SEND:
    case TAG_PATIENT_SEND: on_send(cqe, index); break;
    case TAG_CLOSE: break;
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
    memory = map((size_t)BUFFERS * PLACE);
    struct io_uring_buf_reg reg = { .ring_addr = (uintptr_t)buffers,
                                    .ring_entries = BUFFERS,
                                    .bgid = BUFFER_GROUP };
    int rc = io_uring_register_buf_ring(&ring, &reg, 0);
    if (rc < 0)
        bare_die("buffer ring", -rc);
    io_uring_buf_ring_init(buffers);
    for (unsigned i = 0; i < BUFFERS; i++)
        io_uring_buf_ring_add(buffers, memory + (size_t)i * PLACE + HEADROOM,
                              BUFFER_BYTES, (unsigned short)i,
                              io_uring_buf_ring_mask(BUFFERS), (int)i);
    io_uring_buf_ring_advance(buffers, BUFFERS);
}

static void ring_init(void)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER |
                 IORING_SETUP_CQSIZE,
        .cq_entries = COMPLETIONS,
    };
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    unsigned table =
        files.rlim_cur < CONNS_MAX ? (unsigned)files.rlim_cur : CONNS_MAX;
    int rc = io_uring_queue_init_params(SUBMISSIONS, &ring, &params);
    if (rc < 0)
        bare_die("io_uring", -rc);
    io_uring_register_ring_fd(&ring);
    rc = io_uring_register_files_sparse(&ring, table);
    if (rc < 0)
        bare_die("file table", -rc);
    conns = map(table * sizeof(*conns));
    dirty = map(table * sizeof(*dirty));
}

int main(int argc, char **argv)
{
    int listener = bare_start(argc, argv, &answer);
    ring_init();
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
        answer_all();
    }
}
