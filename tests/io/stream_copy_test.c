/* Copying from stream to stream: what goes first, what is left, and who is
 * told what. STRM-09, PITFALLS 22-24. */
#include "pair.h"

enum { BLOCK = 1 << 20 };

static struct pair (*const makers[])(void) = { tcp_pair, unix_pair };

/* Byte number `i` of all that is sent here. */
static char byte_at(size_t i)
{
    return (char)(i * 31 + (i >> 8));
}

static ROTA_ASYNC(copy, (rota_stream *, to), (rota_stream *, from),
                  (size_t *, done))
{
    return rota_stream_copy(to, from, done);
}

/* Sends bytes by their number until `size` of them are out. */
static ROTA_ASYNC(send_numbered, (int, fd), (size_t, size), (size_t *, sent))
{
    char data[4096];
    for (*sent = 0; *sent < size;) {
        size_t n = size - *sent < sizeof data ? size - *sent : sizeof data;
        for (size_t i = 0; i < n; i++)
            data[i] = byte_at(*sent + i);
        ssize_t rc = rota_write(fd, data, n);
        if (rc < 0)
            return (int)rc;
        *sent += (size_t)rc;
    }
    return 0;
}

/* Looks at the bytes that come, from number `from` on, until `size` have. */
static void expect_numbered(int fd, size_t from, size_t size)
{
    char data[4096];
    for (size_t got = 0; got < size;) {
        size_t room = size - got < sizeof data ? size - got : sizeof data;
        ssize_t n = rota_read(fd, data, room);
        CHECK(n > 0);
        for (ssize_t i = 0; i < n; i++)
            CHECK(data[i] == byte_at(from + got + (size_t)i));
        got += (size_t)n;
    }
}

static int echoes(void *arg)
{
    struct pair p = makers[*(int *)arg]();
    size_t done = 99, sent;
    rota_task *echo = rota_create_task(copy, p.s, p.s, &done);
    expect_numbered(p.peer, 0, 0);
    for (size_t size = 1; size <= BLOCK; size *= 32) {
        rota_task *t = rota_create_task(send_numbered, p.peer, size, &sent);
        expect_numbered(p.peer, 0, size);
        CHECK_INT(rota_await(t), 0);
    }
    CHECK_INT(shutdown(p.peer, SHUT_WR), 0);
    CHECK_INT(rota_await(echo), 0);
    CHECK_INT(done, 1 + 32 + 1024 + 32768 + BLOCK);
    /* It was all, and the stream can still be written to. */
    CHECK_INT(rota_stream_copy(p.s, p.s, &done), 0);
    CHECK_INT(done, 0);
    CHECK_INT(rota_stream_write(p.s, "x", 1, NULL), 0);
    pair_close(&p);
    return 0;
}

TEST("a stream copied to itself is an echo, until it ends")
{
    for (int i = 0; i < 2; i++)
        CHECK_INT(rota_run(echoes, &i, NULL), 0);
}

static int buffered_first(void *arg)
{
    (void)arg;
    struct pair from = tcp_pair(), to = unix_pair();
    rota_str line;
    char data[16] = "";
    size_t done;
    write_fully(from.peer, "head\nbo", 7);
    CHECK_INT(rota_stream_readline(from.s, &line), 5);
    rota_task *t = rota_create_task(copy, to.s, from.s, &done);
    settle();
    CHECK_INT(read(to.peer, data, sizeof data), 2);
    write_fully(from.peer, "dy", 2);
    settle();
    CHECK_INT(read(to.peer, data + 2, sizeof data - 2), 2);
    CHECK_STR(data, "body");
    CHECK_INT(shutdown(from.peer, SHUT_WR), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(done, 4);
    /* The end is not passed on: that is the caller's word. */
    CHECK_INT(read(to.peer, data, sizeof data), -1);
    pair_close(&from);
    pair_close(&to);
    return 0;
}

TEST("what was received before goes first, and the end is not passed on")
{
    run_clean(buffered_first);
}

/* A copy that has stopped because nobody reads from `to`. */
struct stuck {
    struct pair from, to;
    rota_task *copy, *sender;
    size_t done, sent;
};

static void stuck_begin(struct stuck *k, struct pair (*make)(void))
{
    k->from = make();
    k->to = make();
    k->copy = rota_create_task(copy, k->to.s, k->from.s, &k->done);
    k->sender =
        rota_create_task(send_numbered, k->from.peer, SIZE_MAX, &k->sent);
    size_t before;
    do {
        before = k->sent;
        settle();
    } while (k->sent != before);
    CHECK(!rota_task_done(k->copy));
    CHECK(k->sent > 0);
}

/* Ends the sender: whatever it has sent has been sent. */
static void stuck_stop(struct stuck *k)
{
    rota_task_cancel(k->sender, "enough");
    CHECK_INT(rota_await(k->sender), -ROTA_ECHILD);
}

static int resumes(void *arg)
{
    struct stuck k;
    size_t got = 0;
    stuck_begin(&k, makers[*(int *)arg]);
    for (int i = 0; i < 3; i++, got += BLOCK * 4) {
        expect_numbered(k.to.peer, got, BLOCK * 4);
        settle();
    }
    stuck_stop(&k);
    CHECK_INT(shutdown(k.from.peer, SHUT_WR), 0);
    /* A write that is cut short has sent what it says, or more. */
    while (got < k.sent) {
        size_t part = k.sent - got < BLOCK ? k.sent - got : BLOCK;
        expect_numbered(k.to.peer, got, part);
        got += part;
    }
    pair_close(&k.to);
    rota_ignore(rota_await(k.copy));
    pair_close(&k.from);
    return 0;
}

/* STRM-09 */
TEST("a reader that stops stops the writer, and gets all when it goes on")
{
    for (int i = 0; i < 2; i++)
        CHECK_INT(rota_run(resumes, &i, NULL), 0);
}

static int cancelled_when_stuck(void *arg)
{
    struct stuck k;
    stuck_begin(&k, makers[*(int *)arg]);
    rota_task_cancel(k.copy, "enough");
    CHECK_INT(rota_await(k.copy), -ROTA_ECHILD);
    /* What was received and not sent is read next, then what comes. */
    expect_numbered(k.to.peer, 0, k.done);
    char data[4096];
    size_t at = k.done;
    while (at < k.done + BLOCK) {
        ssize_t n = rota_stream_read(k.from.s, data, sizeof data);
        CHECK(n > 0);
        for (ssize_t i = 0; i < n; i++, at++)
            CHECK(data[i] == byte_at(at));
    }
    stuck_stop(&k);
    pair_close(&k.from);
    pair_close(&k.to);
    return 0;
}

TEST("cancelled while nobody reads: what is not sent can still be read")
{
    for (int i = 0; i < 2; i++)
        CHECK_INT(rota_run(cancelled_when_stuck, &i, NULL), 0);
}

static int cancelled_when_idle(void *arg)
{
    struct pair p = makers[*(int *)arg]();
    char data[4];
    size_t done = 99;
    for (int i = 0; i < 3; i++) {
        rota_task *t = rota_create_task(copy, p.s, p.s, &done);
        settle();
        rota_task_cancel(t, "enough");
        CHECK_INT(rota_await(t), -ROTA_ECHILD);
        CHECK_INT(done, 0);
        write_fully(p.peer, "abc", 3);
        CHECK_INT(rota_stream_read(p.s, data, sizeof data), 3);
    }
    int rc = 0;
    ROTA_TIMEOUT (0, rc) {
        rc = rota_stream_copy(p.s, p.s, &done);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    pair_close(&p);
    return 0;
}

TEST("cancelled while nothing comes: the stream is as it was")
{
    for (int i = 0; i < 2; i++)
        CHECK_INT(rota_run(cancelled_when_idle, &i, NULL), 0);
}

static int busy(void *arg)
{
    (void)arg;
    struct pair from = tcp_pair(), to = tcp_pair();
    char data[4];
    size_t done = 99;
    rota_task *t = rota_create_task(copy, to.s, from.s, NULL);
    settle();
    CHECK_INT(rota_stream_read(from.s, data, 1), -EBUSY);
    CHECK_INT(rota_stream_write(to.s, "x", 1, NULL), -EBUSY);
    CHECK_INT(rota_stream_write_eof(to.s), -EBUSY);
    CHECK_INT(rota_stream_copy(from.s, from.s, &done), -EBUSY);
    CHECK_INT(done, 0);
    CHECK_INT(rota_stream_copy(to.s, to.s, NULL), -EBUSY);
    /* The one that was free is free again, and the other ways are. */
    CHECK_INT(rota_stream_write(from.s, "y", 1, NULL), 0);
    write_fully(to.peer, "z", 1);
    CHECK_INT(rota_stream_read(to.s, data, 1), 1);
    rota_task_cancel(t, "enough");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    pair_close(&from);
    pair_close(&to);
    return 0;
}

/* PITFALL 23 */
TEST("a copy is the one reader and the one writer")
{
    run_clean(busy);
}

static int closed_when_idle(void *arg)
{
    for (int which = 0; which < 2; which++) {
        struct pair from = makers[*(int *)arg](), to = makers[*(int *)arg]();
        rota_task *t = rota_create_task(copy, to.s, from.s, NULL);
        settle();
        rota_stream_close(which ? to.s : from.s);
        CHECK_INT(rota_await(t), -EBADF);
        rota_stream_close(which ? from.s : to.s);
        CHECK_INT(rota_close(from.peer), 0);
        CHECK_INT(rota_close(to.peer), 0);
    }
    struct pair p = makers[*(int *)arg]();
    rota_task *t = rota_create_task(copy, p.s, p.s, NULL);
    settle();
    rota_stream_close(p.s);
    CHECK_INT(rota_await(t), -EBADF);
    CHECK_INT(rota_close(p.peer), 0);
    return 0;
}

static int closed_when_stuck(void *arg)
{
    for (int which = 0; which < 2; which++) {
        struct stuck k;
        stuck_begin(&k, makers[*(int *)arg]);
        rota_stream_close(which ? k.to.s : k.from.s);
        CHECK_INT(rota_await(k.copy), -EBADF);
        rota_stream_close(which ? k.from.s : k.to.s);
        rota_ignore(rota_await(k.sender)); /* by the reset */
        CHECK_INT(rota_close(k.from.peer), 0);
        CHECK_INT(rota_close(k.to.peer), 0);
    }
    return 0;
}

/* PITFALL 24 */
TEST("closing either stream ends the copy, whatever it waits for")
{
    for (int i = 0; i < 2; i++) {
        CHECK_INT(rota_run(closed_when_idle, &i, NULL), 0);
        CHECK_INT(rota_run(closed_when_stuck, &i, NULL), 0);
    }
}

static int reader_gone(void *arg)
{
    (void)arg;
    struct pair from = tcp_pair(), to = tcp_pair();
    char data[8];
    size_t done = 99;
    reset(to.peer);
    to.peer = -1;
    rota_task *t = rota_create_task(copy, to.s, from.s, &done);
    settle();
    write_fully(from.peer, "unsent", 6);
    int rc = rota_await(t);
    CHECK(rc == -ECONNRESET || rc == -EPIPE);
    CHECK_INT(done, 0);
    CHECK_INT(rota_stream_write(to.s, "", 0, NULL), rc);
    CHECK_INT(rota_stream_copy(to.s, from.s, NULL), rc);
    CHECK_INT(rota_stream_read(from.s, data, sizeof data), 6);
    CHECK(memcmp(data, "unsent", 6) == 0);
    CHECK_INT(rota_stream_write(from.s, "", 0, NULL), 0);
    pair_close(&from);
    pair_close(&to);
    return 0;
}

static int writer_gone(void *arg)
{
    (void)arg;
    struct pair from = tcp_pair(), to = tcp_pair();
    char data[8];
    rota_task *t = rota_create_task(copy, to.s, from.s, NULL);
    settle();
    reset(from.peer);
    from.peer = -1;
    CHECK_INT(rota_await(t), -ECONNRESET);
    CHECK_INT(rota_stream_read(from.s, data, 1), -ECONNRESET);
    CHECK_INT(rota_stream_write(to.s, "", 0, NULL), 0);
    CHECK_INT(rota_stream_copy(to.s, from.s, NULL), -ECONNRESET);
    CHECK_INT(rota_stream_write_eof(to.s), 0);
    CHECK_INT(rota_stream_copy(to.s, from.s, NULL), -EPIPE);
    pair_close(&from);
    pair_close(&to);
    return 0;
}

/* PITFALL 22 */
TEST("whose error it was, the streams know; what was not sent is kept")
{
    run_clean(reader_gone);
    run_clean(writer_gone);
}

static rota_stream *stream_of(int fd)
{
    rota_stream *s;
    CHECK_INT(rota_stream_new(fd, &s), 0);
    return s;
}

static int through_pipes(void *arg)
{
    int flags = *(int *)arg ? O_NONBLOCK : 0;
    struct pair in = tcp_pair(), out = unix_pair();
    int fds[2];
    size_t done[2] = { 0 }, sent;
    CHECK_INT(pipe2(fds, O_CLOEXEC | flags), 0);
    rota_stream *to = stream_of(fds[1]), *from = stream_of(fds[0]);
    rota_task *tasks[] = { rota_create_task(copy, to, in.s, &done[0]),
                           rota_create_task(copy, out.s, from, &done[1]) };
    settle();
    rota_task *t = rota_create_task(send_numbered, in.peer, BLOCK, &sent);
    expect_numbered(out.peer, 0, BLOCK);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(shutdown(in.peer, SHUT_WR), 0);
    CHECK_INT(rota_await(tasks[0]), 0);
    CHECK_INT(rota_stream_write_eof(to), 0);
    CHECK_INT(rota_await(tasks[1]), 0);
    CHECK_INT(done[0], BLOCK);
    CHECK_INT(done[1], BLOCK);
    rota_stream_close(to);
    rota_stream_close(from);
    pair_close(&in);
    pair_close(&out);
    return 0;
}

/* PITFALL 25 */
TEST("pipes are copied to and from, blocking ones too")
{
    for (int i = 0; i < 2; i++)
        CHECK_INT(rota_run(through_pipes, &i, NULL), 0);
}

static ROTA_ASYNC(send_for_ever, (int, fd))
{
    static const char data[65536];
    ssize_t n = 0;
    while (n >= 0)
        n = rota_write(fd, data, sizeof data);
    return (int)n;
}

static ROTA_ASYNC(read_for_ever, (int, fd))
{
    static char data[65536];
    ssize_t n = 1;
    while (n > 0)
        n = rota_read(fd, data, sizeof data);
    return (int)n;
}

static int fair(void *arg)
{
    (void)arg;
    struct pair loud = unix_pair(), quiet = unix_pair();
    rota_task *tasks[] = { rota_create_task(copy, loud.s, loud.s, NULL),
                           rota_create_task(send_for_ever, loud.peer),
                           rota_create_task(read_for_ever, loud.peer),
                           rota_create_task(copy, quiet.s, quiet.s, NULL) };
    for (int i = 0; i < 100; i++) {
        char c = (char)i, back = 0;
        CHECK_INT(rota_write(quiet.peer, &c, 1), 1);
        CHECK_INT(rota_read(quiet.peer, &back, 1), 1);
        CHECK_INT(back, c);
    }
    for (int i = 0; i < 4; i++) {
        rota_task_cancel(tasks[i], "enough");
        CHECK_INT(rota_await(tasks[i]), -ROTA_ECHILD);
    }
    pair_close(&loud);
    pair_close(&quiet);
    return 0;
}

/* A starved one ends by the test's limit. */
TEST("a pair that is never quiet leaves others their turn")
{
    run_clean(fair);
}
