/*
 * A ring of 8 entries whose completions run over: nothing is lost, nothing is
 * told twice. That they do run over is looked at each time.
 */
#include "loop/uring.h"
#include "ops.h"

enum { CROWD = 300, PART = 3000 };

static struct job crowd[CROWD];
static int ends[CROWD][2];
static struct parcel parcels[CROWD];

static struct uring *ring(void)
{
    return loop.backend_state;
}

static void begin_small(void)
{
    begin();
    if (!on_uring())
        test_skip("this is about io_uring");
    CHECK_INT(ring()->ring.sq.ring_entries, 8);
    CHECK_INT(ring()->ring.cq.ring_entries, 8);
}

/* Completions are kept by the kernel, since the queue has no room. */
static bool overflows(void)
{
    unsigned flags = __atomic_load_n(ring()->ring.sq.kflags, __ATOMIC_ACQUIRE);
    return flags & IORING_SQ_CQ_OVERFLOW;
}

static bool all_ended(void)
{
    for (int i = 0; i < CROWD; i++)
        if (!crowd[i].ended)
            return false;
    return true;
}

static void write_to(int i)
{
    char mark = (char)('A' + i % 26);
    CHECK_INT(write(ends[i][1], &mark, 1), 1);
}

static void check_byte(int i)
{
    CHECK_INT(crowd[i].last, 1);
    CHECK_INT(parcels[i].byte, 'A' + i % 26);
}

static void close_all(void)
{
    for (int i = 0; i < CROWD; i++) {
        CHECK_INT(op_close(&loop, ends[i][0]), 0);
        CHECK_INT(op_close(&loop, ends[i][1]), 0);
    }
}

/* PITFALL 30 */
TEST("completions that run over are all told, once each")
{
    bool seen = false;
    begin_small();
    for (int i = 0; i < CROWD; i++) {
        make_pair(ends[i]);
        crowd[i] = job_receive(ends[i][0], &parcels[i]);
    }
    for (int round = 1; round <= 20; round++) {
        for (int i = 0; i < CROWD; i++) {
            parcels[i].byte = 0;
            job_start(&crowd[i]);
        }
        glance();
        for (int i = 0; i < CROWD; i++)
            write_to(i);
        while (!all_ended()) {
            loop_turn(&loop);
            seen |= overflows();
        }
        for (int i = 0; i < CROWD; i++) {
            check_byte(i);
            CHECK_INT(crowd[i].calls, round);
        }
    }
    CHECK(seen);
    settle();
    for (int i = 0; i < CROWD; i++)
        CHECK_INT(crowd[i].calls, 20);
    close_all();
    end();
}

/* Data come while all wait: half of them are cancelled in the same moment. */
static void race(int round)
{
    for (int i = 0; i < CROWD; i++)
        job_start(&crowd[i]);
    if (round % 2)
        glance();
    for (int i = 0; i < CROWD; i++) {
        if (i % 3)
            write_to(i);
        if (i % 2 && op_cancel(&loop, &crowd[i].op) == 1) {
            crowd[i].ended = true;
            crowd[i].last = -ECANCELED;
        }
        if (i % 3 == 0)
            write_to(i);
    }
}

/* PITFALL 30, PITFALL 32 */
TEST("cancels among completions that run over lose no byte")
{
    int told = 0, cancelled = 0;
    begin_small();
    for (int i = 0; i < CROWD; i++) {
        make_pair(ends[i]);
        crowd[i] = job_receive(ends[i][0], &parcels[i]);
    }
    for (int round = 0; round < 20; round++) {
        race(round);
        turn_until(all_ended());
        for (int i = 0; i < CROWD; i++) {
            if (crowd[i].last == -ECANCELED) {
                cancelled++;
                CHECK_INT(read(ends[i][0], &parcels[i].byte, 1), 1);
                crowd[i].last = 1;
            } else {
                told++;
            }
            check_byte(i);
        }
    }
    CHECK(told > 0 && cancelled > 0);
    close_all();
    end();
}

static void write_part(int i, size_t from)
{
    char part[PART];
    for (size_t k = 0; k < PART; k++)
        part[k] = pattern(from + k + (size_t)i);
    CHECK_INT(write(ends[i][1], part, PART), PART);
}

/* PITFALL 30 */
TEST("streams whose completions run over are begun anew, and lose no byte")
{
    enum { ROUNDS = 5 };
    bool seen = false;
    begin_small();
    for (int i = 0; i < CROWD; i++) {
        make_pair(ends[i]);
        crowd[i] = job_make(OP_STREAM, ends[i][0], NULL, 0);
        crowd[i].bytes = malloc(ROUNDS * PART);
        job_start(&crowd[i]);
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CROWD; i++)
            write_part(i, round * PART);
        for (int i = 0; i < CROWD; i++)
            while (crowd[i].got < (round + 1) * PART) {
                loop_turn(&loop);
                seen |= overflows();
            }
    }
    CHECK(seen);
    for (int i = 0; i < CROWD; i++) {
        CHECK_INT(crowd[i].got, ROUNDS * PART);
        for (size_t k = 0; k < ROUNDS * PART; k++)
            CHECK_INT(crowd[i].bytes[k], pattern(k + (size_t)i));
        CHECK_INT(job_stop(&crowd[i]), -ECANCELED);
        free(crowd[i].bytes);
    }
    close_all();
    end();
}

/* The sockets accepted, each by its number. */
static bool accepted[4096];
static int count;

static void note_accepted(struct op *op)
{
    struct job *j = container_of(op, struct job, op);
    j->ended = !op->armed;
    j->last = op->result;
    if (op->result < 0)
        return;
    CHECK(op->result < 4096 && !accepted[op->result]);
    accepted[op->result] = true;
    count++;
}

/* PITFALL 30 */
TEST("a crowd at the door whose completions run over is let in, each once")
{
    struct sockaddr_in address;
    begin_small();
    int listener = make_listener(&address, CROWD);
    struct job j = job_make(OP_ACCEPT, listener, NULL, 0);
    j.op.done = note_accepted;
    for (int i = 0; i < CROWD; i++)
        ends[i][0] = dial(&address);
    bool seen = false;
    job_start(&j);
    while (count < CROWD) {
        loop_turn(&loop);
        seen |= overflows();
    }
    CHECK(seen);
    settle();
    CHECK_INT(count, CROWD);
    CHECK_INT(job_stop(&j), -ECANCELED);
    end();
}
