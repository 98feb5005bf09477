/*
 * Operations on datagrams do what op.h says, one and in batches. The same
 * program is run once on each backend.
 */
#include "ops.h"

enum { COUNT = 8, BYTES = 16 };

/* A datagram's memory, and its header. */
struct letter {
    char data[BYTES];
    struct iovec v;
};

static void lay_out(struct mmsghdr *m, struct letter *l, int count)
{
    for (int i = 0; i < count; i++) {
        l[i].v = (struct iovec){ l[i].data, BYTES };
        m[i] = (struct mmsghdr){ .msg_hdr.msg_iov = &l[i].v,
                                 .msg_hdr.msg_iovlen = 1 };
    }
}

/* Unix datagrams: none is lost, and a full queue is soon there. */
static void make_datagram_pair(int ends[2])
{
    CHECK_INT(
        socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
        0);
}

static void close_pair(const int ends[2])
{
    CHECK_INT(op_close(&loop, ends[0]), 0);
    CHECK_INT(op_close(&loop, ends[1]), 0);
}

TEST("a datagram is received by its header, now or when it comes")
{
    begin();
    int ends[2];
    struct mmsghdr m;
    struct letter l;
    make_datagram_pair(ends);
    lay_out(&m, &l, 1);
    CHECK_INT(write(ends[1], "now", 3), 3);
    struct job j = job_make(OP_RECVMSG, ends[0], &m.msg_hdr, 0);
    CHECK_INT(job_run(&j), 3);
    CHECK(memcmp(l.data, "now", 3) == 0);
    job_start(&j);
    settle();
    CHECK(!j.ended);
    CHECK_INT(write(ends[1], "", 0), 0); /* an empty one is one */
    turn_until(j.ended);
    CHECK_INT(j.last, 0);
    struct job s = job_make(OP_SENDMSG, ends[0], &m.msg_hdr, 0);
    CHECK_INT(job_run(&s), BYTES);
    CHECK_INT(read(ends[1], l.data, BYTES), BYTES);
    close_pair(ends);
    end();
}

TEST("a batch takes what is there, and waits only when that is nothing")
{
    begin();
    int ends[2];
    struct mmsghdr m[COUNT];
    struct letter l[COUNT];
    make_datagram_pair(ends);
    lay_out(m, l, COUNT);
    CHECK_INT(write(ends[1], "a", 1), 1);
    CHECK_INT(write(ends[1], "bc", 2), 2);
    struct job j = job_make(OP_RECVMMSG, ends[0], m, COUNT);
    CHECK_INT(job_run(&j), 2);
    CHECK(m[0].msg_len == 1 && m[1].msg_len == 2 && l[1].data[1] == 'c');
    job_start(&j);
    settle();
    CHECK(!j.ended);
    CHECK_INT(write(ends[1], "def", 3), 3);
    turn_until(j.ended);
    CHECK_INT(j.last, 1);
    CHECK_INT(m[0].msg_len, 3);
    j = job_make(OP_RECVMMSG, ends[0], m, 0);
    CHECK_INT(job_run(&j), 0); /* none asked for */
    close_pair(ends);
    end();
}

enum { MORE_THAN_QUEUE = 700 }; /* net.unix.max_dgram_qlen is 512 at most */

TEST("a batch is sent whole to a receiver whose queue is full")
{
    begin();
    int ends[2];
    static struct mmsghdr m[MORE_THAN_QUEUE];
    static struct letter l[MORE_THAN_QUEUE];
    make_datagram_pair(ends);
    lay_out(m, l, MORE_THAN_QUEUE);
    for (int i = 0; i < MORE_THAN_QUEUE; i++)
        memcpy(l[i].data, &i, sizeof i);
    struct job j = job_make(OP_SENDMMSG, ends[0], m, MORE_THAN_QUEUE);
    job_start(&j);
    settle();
    CHECK(!j.ended);
    for (int i = 0; i < MORE_THAN_QUEUE;) {
        char data[BYTES];
        int number;
        if (read(ends[1], data, BYTES) == BYTES) {
            memcpy(&number, data, sizeof number);
            CHECK_INT(number, i++);
        } else {
            CHECK_INT(errno, EAGAIN);
            glance();
        }
    }
    turn_until(j.ended);
    CHECK_INT(j.last, MORE_THAN_QUEUE);
    close_pair(ends);
    end();
}

TEST("a batch that is cancelled, or fails, says how many went out")
{
    begin();
    int ends[2];
    static struct mmsghdr m[MORE_THAN_QUEUE];
    static struct letter l[MORE_THAN_QUEUE];
    make_datagram_pair(ends);
    lay_out(m, l, MORE_THAN_QUEUE);
    struct job j = job_make(OP_SENDMMSG, ends[0], m, MORE_THAN_QUEUE);
    job_start(&j);
    settle();
    CHECK_INT(job_stop(&j), -ECANCELED);
    size_t there = 0;
    char data[BYTES];
    while (read(ends[1], data, BYTES) == BYTES)
        there++;
    CHECK(there > 0 && there == j.op.sent);
    close(ends[1]);
    j = job_make(OP_SENDMMSG, ends[0], m, COUNT);
    CHECK_INT(job_run(&j), -ECONNREFUSED);
    CHECK_INT(j.op.sent, 0);
    CHECK_INT(op_close(&loop, ends[0]), 0);
    end();
}

/* PITFALL 32 */
TEST("a datagram that comes before, with or after a cancel is not lost")
{
    enum { ROUNDS = 3000 };
    static const enum op_kind kinds[] = { OP_RECVMSG, OP_RECVMMSG };
    begin();
    int ends[2];
    make_datagram_pair(ends);
    for (int i = 0; i < ROUNDS; i++) {
        struct mmsghdr m;
        struct letter l;
        lay_out(&m, &l, 1);
        struct job j = job_make(kinds[i % 2], ends[0], &m, 1);
        job_start(&j);
        glance();
        if (i % 3 == 0)
            CHECK_INT(write(ends[1], "x", 1), 1);
        if (i % 3 == 0 && i % 4 < 2)
            glance();
        int rc = j.ended ? j.last : job_stop(&j);
        if (i % 3 != 0)
            CHECK_INT(write(ends[1], "x", 1), 1);
        if (rc != 1)
            CHECK_INT(rc, -ECANCELED);
        char data[BYTES];
        CHECK_INT(read(ends[0], data, BYTES), rc == 1 ? -1 : 1);
    }
    close_pair(ends);
    end();
}

/* PITFALL 23 */
TEST("one batch receives and another sends; a second one is busy")
{
    begin();
    int ends[2];
    struct mmsghdr m[2];
    struct letter l[2];
    make_datagram_pair(ends);
    lay_out(m, l, 2);
    struct job in = job_make(OP_RECVMMSG, ends[0], &m[0], 1);
    struct job second = job_make(OP_RECVMSG, ends[0], &m[1], 1);
    struct job out = job_make(OP_SENDMSG, ends[0], &m[1], 1);
    job_start(&in);
    CHECK_INT(op_submit(&loop, &second.op), -EBUSY);
    CHECK_INT(job_run(&out), BYTES);
    CHECK_INT(job_stop(&in), -ECANCELED);
    close_pair(ends);
    end();
}
