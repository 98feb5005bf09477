/*
 * Ops in great number, in bad company and in every order: what must hold when
 * events of one batch meet cancels, closes and each other.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "ops.h"

/* A third of what the tests do, where each step costs more. */
static int rounds(int n)
{
    return test_sanitized() ? n / 3 : n;
}

/* PITFALL 32 */
TEST_LIMITED("a receive cancelled at any moment has its data or leaves it", 60)
{
    begin();
    int ends[2];
    char got, next = 0;
    int taken = 0, left = 0;
    make_tcp_pair(ends);
    struct job j = job_make(OP_RECV, ends[0], &got, 1);
    for (int i = 0; i < rounds(6000); i++) {
        next++;
        job_start(&j);
        if (i % 3 == 0)
            glance(); /* it has reached the kernel */
        if (i % 2)
            CHECK_INT(write(ends[1], &next, 1), 1);
        if (i % 5 == 0)
            glance();
        if (!j.ended)
            job_stop(&j);
        if (i % 2 == 0)
            CHECK_INT(write(ends[1], &next, 1), 1);
        if (j.last == -ECANCELED) {
            left++;
            j.last = job_run(&j);
        } else {
            taken++;
        }
        CHECK_INT(j.last, 1);
        CHECK_INT(got, next);
    }
    CHECK(taken > 0 && left > 0);
    end();
}

static int accepted;

static void note_accepted(struct op *op)
{
    struct job *j = container_of(op, struct job, op);
    if (op->result >= 0)
        accepted = op->result;
    j->ended = !op->armed;
}

/* PITFALL 32 */
TEST_LIMITED("a connection accepted while the accept is cancelled is not lost",
             60)
{
    begin();
    struct sockaddr_in address;
    int listener = make_listener(&address, 64);
    struct job j = job_make(OP_ACCEPT, listener, NULL, 0);
    j.op.done = note_accepted;
    for (int i = 0; i < rounds(600); i++) {
        accepted = -1;
        job_start(&j);
        if (i % 3)
            glance();
        int client = dial(&address);
        if (i % 2)
            glance();
        job_stop(&j);
        if (accepted < 0) {
            set_blocking(listener, true);
            accepted = accept(listener, NULL, NULL);
            set_blocking(listener, false);
        }
        CHECK(accepted >= 0);
        close(client);
        close(accepted);
    }
    end();
}

TEST("a send cancelled half way ends with what went out")
{
    begin();
    int ends[2];
    struct job in;
    static char block[32 << 20];
    make_tcp_pair(ends);
    for (int i = 0; i < 40; i++) {
        if (i == 20)
            send_way(1, &in, ends[0]);
        struct job j = job_make(OP_SEND, ends[0], block, sizeof block);
        job_start(&j);
        if (i % 2)
            glance();
        int rc = job_stop(&j);
        CHECK_INT(rc, -ECANCELED);
        char part[65536];
        size_t got = 0;
        set_blocking(ends[1], true); /* on its way it may still be */
        while (got < j.op.sent) {
            ssize_t n = read(ends[1], part, sizeof part);
            CHECK(n > 0);
            got += (size_t)n;
        }
        set_blocking(ends[1], false);
        settle();
        CHECK_INT(read(ends[1], part, sizeof part), -1);
        CHECK_INT(got, j.op.sent);
    }
    send_way_end(&in);
    end();
}

/* PITFALL 24 */
TEST("no event of a closed descriptor reaches the next one of its number")
{
    begin();
    char data[8];
    int number = -1;
    for (int i = 0; i < rounds(300); i++) {
        int ends[2];
        make_pair(ends);
        CHECK(number < 0 || ends[0] == number);
        number = ends[0];
        struct job j = job_make(OP_RECV, ends[0], data, sizeof data);
        job_start(&j);
        glance();
        int last = job_stop(&j);
        CHECK_INT(last, -ECANCELED);
        /* Its events are on their way when the number changes hands. */
        CHECK_INT(write(ends[1], "old", 3), 3);
        close(ends[1]);
        CHECK_INT(op_close(&loop, ends[0]), 0);

        make_pair(ends);
        CHECK_INT(ends[0], number);
        struct job fresh = job_make(OP_STREAM, ends[0], NULL, 0);
        job_start(&fresh);
        glance();
        glance();
        CHECK_INT(fresh.calls, 0);
        CHECK_INT(write(ends[1], "new", 3), 3);
        turn_until(fresh.calls);
        CHECK_INT(fresh.last, 3);
        job_stop(&fresh);
        op_close(&loop, ends[0]);
        op_close(&loop, ends[1]);
    }
    end();
}

/* PITFALL 25 */
TEST("a file that lives on under another number sends no events here")
{
    begin();
    int old[2], fresh[2];
    char data[8];
    make_pair(old);
    struct job j = job_make(OP_RECV, old[0], data, sizeof data);
    job_start(&j);
    glance();
    CHECK_INT(job_stop(&j), -ECANCELED);
    int other = dup(old[0]);
    CHECK_INT(op_close(&loop, old[0]), 0);
    make_pair(fresh);
    CHECK_INT(fresh[0], old[0]);
    struct job k = job_make(OP_RECV, fresh[0], data, sizeof data);
    job_start(&k);
    CHECK_INT(write(old[1], "old", 3), 3);
    settle();
    CHECK(!k.ended);
    CHECK_INT(write(fresh[1], "new", 3), 3);
    turn_until(k.ended);
    CHECK(memcmp(data, "new", 3) == 0);
    close(other);
    end();
}

/* Two ops whose events come together; the first told ends the other. */
static struct job *duel[2];
static int duels_won, duels_both;

static void kill_other(struct op *op)
{
    int i = duel[0] && op == &duel[0]->op ? 0 : 1;
    struct job *me = duel[i], *other = duel[!i];
    me->last = op->result;
    me->ended = true;
    duels_won++;
    if (!other || !other->op.armed)
        return;
    if (op_cancel(&loop, &other->op) == 1) {
        int fd = other->op.fd;
        memset(other, 0xee, sizeof *other);
        free(other);
        duel[!i] = NULL;
        CHECK_INT(op_close(&loop, fd), 0);
    } else {
        duels_both++;
    }
}

/* PITFALL 33 */
TEST("of two events in one batch the first may destroy the second's op")
{
    begin();
    for (int i = 0; i < rounds(300); i++) {
        int a[2], b[2];
        char data[2][4];
        make_pair(a);
        make_pair(b);
        int fds[2] = { a[0], b[0] };
        for (int k = 0; k < 2; k++) {
            duel[k] = malloc(sizeof *duel[k]);
            *duel[k] = job_make(OP_RECV, fds[k], data[k], sizeof data[k]);
            duel[k]->op.done = kill_other;
            CHECK_INT(op_submit(&loop, &duel[k]->op), 0);
        }
        glance();
        CHECK_INT(write(a[1], "x", 1), 1);
        CHECK_INT(write(b[1], "x", 1), 1);
        turn_until((!duel[0] || duel[0]->ended) &&
                   (!duel[1] || duel[1]->ended));
        for (int k = 0; k < 2; k++) {
            if (duel[k])
                CHECK_INT(op_close(&loop, fds[k]), 0);
            free(duel[k]);
        }
        close(a[1]);
        close(b[1]);
    }
    CHECK_INT(duels_won, on_uring() ? rounds(300) + duels_both : rounds(300));
    end();
}

/* A stream that ends itself as soon as it is told anything. */
static void end_itself(struct op *op)
{
    struct job *j = container_of(op, struct job, op);
    j->calls++;
    j->last = op->result;
    j->ended = !op->armed;
    if (op->armed && j->calls == 1 && op_cancel(&loop, op) == 1)
        j->ended = true;
}

TEST("a stream and an accept may be cancelled from their own done")
{
    begin();
    int ends[2];
    struct sockaddr_in address;
    make_pair(ends);
    static char block[150000];
    CHECK(write(ends[1], block, sizeof block) > 0);
    struct job in = job_make(OP_STREAM, ends[0], NULL, 0);
    in.op.done = end_itself;
    CHECK_INT(op_submit(&loop, &in.op), 0);
    turn_until(in.ended);
    CHECK(!in.op.armed);
    CHECK(in.calls == 1 || on_uring());

    int listener = make_listener(&address, 64);
    for (int i = 0; i < 5; i++)
        dial(&address);
    struct job door = job_make(OP_ACCEPT, listener, NULL, 0);
    door.op.done = end_itself;
    CHECK_INT(op_submit(&loop, &door.op), 0);
    turn_until(door.ended);
    CHECK(!door.op.armed);
    CHECK(door.calls == 1 || on_uring());
    settle();
    end();
}

enum { CROWD = 2000, PART = 9000 };

static struct job crowd[CROWD];
static int crowd_ends[CROWD][2];

static int crowd_size(void)
{
    size_t files = raise_files();
    size_t most = (size_t)rounds(CROWD);
    size_t fit = (files - 64) / 2;
    return (int)(most < fit ? most : fit);
}

static bool crowd_ended(int n)
{
    for (int i = 0; i < n; i++)
        if (!crowd[i].ended)
            return false;
    return true;
}

/* PITFALL 30 */
TEST_LIMITED("thousands of ops in one turn, far more than the ring holds", 60)
{
    begin();
    int n = crowd_size();
    static char data[CROWD];
    static struct job streams[CROWD];
    for (int i = 0; i < n; i++) {
        make_pair(crowd_ends[i]);
        CHECK_INT(write(crowd_ends[i][1], "x", 1), 1);
        crowd[i] = job_make(OP_RECV, crowd_ends[i][0], &data[i], 1);
    }
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < n; i++)
            job_start(&crowd[i]);
        turn_until(crowd_ended(n));
        for (int i = 0; i < n; i++) {
            CHECK_INT(crowd[i].last, 1);
            crowd[i].op.kind = round % 2 && round < 5 ? OP_RECV : OP_SEND;
            if (crowd[i].op.kind == OP_RECV)
                CHECK_INT(write(crowd_ends[i][1], "x", 1), 1);
            if (round == 5)
                send_way(1, &streams[i], crowd_ends[i][0]);
        }
    }
    for (int i = 0; i < n; i++)
        send_way_end(&streams[i]);
    end();
}

TEST_LIMITED("thousands of ops cancelled in one turn all end", 60)
{
    begin();
    int n = crowd_size();
    static char data[CROWD];
    for (int i = 0; i < n; i++) {
        make_pair(crowd_ends[i]);
        crowd[i] = job_make(i % 2 ? OP_RECV : OP_STREAM, crowd_ends[i][0],
                            &data[i], 1);
        job_start(&crowd[i]);
        if (i % 64 == 0)
            glance();
    }
    for (int i = 0; i < n; i++)
        if (op_cancel(&loop, &crowd[i].op) == 1)
            crowd[i].ended = true;
    turn_until(crowd_ended(n));
    for (int i = 0; i < n; i++) {
        CHECK(!crowd[i].op.armed);
        CHECK_INT(op_close(&loop, crowd_ends[i][0]), 0);
    }
    end();
}

/* PITFALL 30 */
TEST_LIMITED("more streams at once than there are buffers lose no byte", 60)
{
    begin();
    int n = crowd_size();
    static char block[PART];
    for (int i = 0; i < n; i++) {
        make_pair(crowd_ends[i]);
        crowd[i] = job_make(OP_STREAM, crowd_ends[i][0], NULL, 0);
        job_start(&crowd[i]);
    }
    glance();
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < n; i++)
            CHECK_INT(write(crowd_ends[i][1], block, PART), PART);
        for (int i = 0; i < n; i++)
            turn_until(crowd[i].got == (size_t)round * PART);
    }
    for (int i = 0; i < n; i++) {
        close(crowd_ends[i][1]);
        turn_until(crowd[i].ended);
        CHECK_INT(crowd[i].last, 0);
        CHECK_INT(crowd[i].got, 2 * PART);
    }
    end();
}

/* PITFALL 62 */
TEST_LIMITED("ten thousand idle connections do not disturb the busy one", 60)
{
    begin();
    size_t fit = raise_files() - 64;
    int n = (int)(fit < 10000 ? fit : 10000) & ~1;
    struct job *all = calloc((size_t)n, sizeof *all);
    for (int i = 0; i < n; i += 2) {
        int ends[2];
        make_pair(ends);
        all[i] = job_make(OP_STREAM, ends[0], NULL, 0);
        all[i + 1] = job_make(OP_STREAM, ends[1], NULL, 0);
        job_start(&all[i]);
        job_start(&all[i + 1]);
    }
    settle();
    for (int i = 0; i < n; i++)
        CHECK_INT(all[i].calls, 0);
    for (int i = 0; i < 200; i++) {
        int to = i * 37 % n;
        size_t before = all[to].got;
        CHECK_INT(write(all[to ^ 1].op.fd, "x", 1), 1);
        turn_until(all[to].got == before + 1);
    }
    for (int i = 0; i < n; i += 2) {
        job_stop(&all[i]);
        CHECK_INT(op_close(&loop, all[i].op.fd), 0);
        turn_until(all[i + 1].ended);
        CHECK_INT(all[i + 1].last, 0);
    }
    free(all);
    end();
}

/* PITFALL 61 */
TEST("a stream that never falls silent does not keep another waiting")
{
    begin();
    int loud[2], quiet[2];
    make_tcp_pair(loud);
    make_tcp_pair(quiet);
    size_t filled = fill(loud[1]);
    if (filled < (size_t)3 << 19)
        test_skip("the system's socket buffers are too small");
    CHECK_INT(write(quiet[1], "x", 1), 1);
    struct job a = job_make(OP_STREAM, loud[0], NULL, 0);
    struct job b = job_make(OP_STREAM, quiet[0], NULL, 0);
    job_start(&a);
    job_start(&b);
    turn_until(b.calls);
    CHECK(a.got < filled);
    turn_until(a.got == filled);
    job_stop(&a);
    job_stop(&b);
    end();
}

static struct post from_thread;
static struct ready awake;
static int wakes;

static void count_wake(struct ready *r)
{
    (void)r;
    wakes++;
}

static void run_post(struct post *p)
{
    (void)p;
    awake.run = count_wake;
    loop_ready(&loop, &awake);
}

static void *post_soon(void *arg)
{
    int *seen = arg;
    for (int i = 0; i < *seen; i++)
        sched_yield();
    loop_post(&loop, &from_thread);
    return NULL;
}

TEST_LIMITED("a post of another thread wakes the loop, every time", 60)
{
    begin();
    from_thread.run = run_post;
    for (int i = 0; i < rounds(1500); i++) {
        pthread_t thread;
        int wait = i % 40;
        CHECK_INT(pthread_create(&thread, NULL, post_soon, &wait), 0);
        turn_until(wakes > i);
        CHECK_INT(pthread_join(thread, NULL), 0);
    }
    end();
}

static rota_time fired_at;

static void fire(struct timer *t)
{
    (void)t;
    fired_at = rota_now();
}

/* PITFALL 36 */
TEST("waiting ends when it is time, not before, and without spinning")
{
    static const rota_dur waits[] = { 1,       999,     50000,   500000,
                                      1000001, 2999999, 10000000 };
    begin();
    int ends[2];
    make_pair(ends);
    struct job idle = job_make(OP_STREAM, ends[0], NULL, 0);
    job_start(&idle);
    glance();
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        struct timer t = { .fire = fire };
        rota_time when = rota_now() + waits[i];
        int turns = 0;
        fired_at = 0;
        CHECK_INT(timer_arm(&loop.timers, &t, when), 0);
        for (; !fired_at; turns++)
            loop_turn(&loop);
        CHECK(fired_at >= when);
        CHECK(turns <= 3);
    }
    job_stop(&idle);
    end();
}

/* PITFALL 26 */
TEST_LIMITED("a storm of signals interrupts nothing", 60)
{
    begin();
    int ends[2];
    enum { SIZE = 32 << 20 };
    char *data = calloc(1, SIZE);
    make_tcp_pair(ends);
    test_storm_begin();
    struct job out = job_make(OP_SEND, ends[0], data, SIZE), beside;
    struct job in = job_make(OP_STREAM, ends[1], NULL, 0);
    job_start(&in);
    for (int i = 1; i <= 4; i++) {
        if (i == 3)
            send_way(1, &beside, ends[0]);
        CHECK_INT(job_run(&out), SIZE);
        turn_until(in.got == (size_t)i * SIZE);
    }
    test_storm_end();
    settle();
    job_stop(&in);
    send_way_end(&beside);
    free(data);
    end();
}

TEST("when the loop ends, ops still under way let go of their memory")
{
    begin();
    int n = 400;
    static char data[CROWD];
    for (int i = 0; i < n; i++) {
        make_pair(crowd_ends[i]);
        crowd[i] = job_make(i % 2 ? OP_RECV : OP_STREAM, crowd_ends[i][0],
                            &data[i], 1);
        job_start(&crowd[i]);
    }
    glance();
    loop_fini(&loop);
    for (int i = 0; i < n; i++)
        CHECK_INT(write(crowd_ends[i][1], "x", 1), 1);
    begin(); /* another loop works, and the bytes are all there */
    for (int i = 0; i < n; i++) {
        CHECK_INT(crowd[i].calls, 0);
        CHECK_INT(data[i], 0);
        crowd[i] = job_make(OP_RECV, crowd_ends[i][0], &data[i], 1);
        CHECK_INT(job_run(&crowd[i]), 1);
    }
    end();
}
