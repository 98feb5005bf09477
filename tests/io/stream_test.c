/* Streams: cases STRM-01 .. STRM-14, PITFALLS 22-24, 28. */
#include "pair.h"

#include <sys/resource.h>

static struct pair (*const makers[])(void) = { tcp_pair, unix_pair };
#define each_pair(p)                                               \
    for (struct pair p, *once_##p = &p; once_##p; once_##p = NULL) \
        for (int i_##p = 0; i_##p < 2 && (p = makers[i_##p](), 1); i_##p++)

static int reads_to_the_end(void *arg)
{
    (void)arg;
    each_pair(p)
    {
        char data[10];
        write_fully(p.peer, "ab", 2);
        CHECK_INT(shutdown(p.peer, SHUT_WR), 0);
        CHECK_INT(rota_stream_read(p.s, data, 0), 0);
        CHECK_INT(rota_stream_read(p.s, data, sizeof data), 2);
        CHECK(memcmp(data, "ab", 2) == 0);
        CHECK_INT(rota_stream_read(p.s, data, sizeof data), 0);
        CHECK_INT(rota_stream_read(p.s, data, sizeof data), 0);
        pair_close(&p);
    }
    return 0;
}

TEST("STRM-01: reads what is there, then 0 at the end, again and again")
{
    run_clean(reads_to_the_end);
}

ROTA_ASYNC(feed, (int, fd), (const char *, text), (size_t, piece))
{
    for (size_t at = 0, len = strlen(text); at < len; at += piece) {
        write_fully(fd, text + at, len - at < piece ? len - at : piece);
        settle();
    }
    return 0;
}

static int reads_exactly(void *arg)
{
    (void)arg;
    each_pair(p)
    {
        char data[8] = "", big[8];
        size_t done = 99;
        CHECK_INT(rota_stream_readexactly(p.s, data, 0, &done), 0);
        CHECK_INT(done, 0);
        rota_task *t = rota_create_task(feed, p.peer, "abcdefgh", 1);
        CHECK_INT(rota_stream_readexactly(p.s, data, 6, &done), 0);
        CHECK_INT(done, 6);
        CHECK_STR(data, "abcdef");
        CHECK_INT(rota_await(t), 0);
        CHECK_INT(shutdown(p.peer, SHUT_WR), 0);
        memset(big, 'x', sizeof big);
        CHECK_INT(rota_stream_readexactly(p.s, big, 6, &done), -ENODATA);
        CHECK_INT(done, 2);
        CHECK(memcmp(big, "xxxxxxxx", sizeof big) == 0);
        CHECK_INT(rota_stream_read(p.s, big, sizeof big), 2);
        CHECK(memcmp(big, "gh", 2) == 0);
        pair_close(&p);
    }
    return 0;
}

/* STRM-02, STRM-03 */
TEST("readexactly over chunks; at the end the rest stays")
{
    run_clean(reads_exactly);
}

static int reads_lines(void *arg)
{
    (void)arg;
    each_pair(p)
    {
        rota_str line;
        write_fully(p.peer, "one\n\nlast", 9);
        CHECK_INT(shutdown(p.peer, SHUT_WR), 0);
        CHECK_INT(rota_stream_readline(p.s, &line), 4);
        CHECK(rota_str_eq(line, ROTA_STR("one\n")));
        CHECK_INT(rota_stream_readline(p.s, &line), 1);
        CHECK_INT(rota_stream_readuntil(p.s, ROTA_STR("\n"), &line), -ENODATA);
        CHECK_INT(rota_stream_readline(p.s, &line), 4);
        CHECK(rota_str_eq(line, ROTA_STR("last")));
        CHECK_INT(rota_stream_readline(p.s, &line), 0);
        CHECK_INT(line.len, 0);
        pair_close(&p);
    }
    return 0;
}

TEST("STRM-04: the last line may lack its newline; then 0")
{
    run_clean(reads_lines);
}

static int finds_separator(void *arg)
{
    (void)arg;
    for (size_t piece = 1; piece < 12; piece++) {
        struct pair p = unix_pair();
        rota_str out;
        rota_task *t = rota_create_task(feed, p.peer, "xAABABABCyABC", piece);
        CHECK_INT(rota_stream_readuntil(p.s, ROTA_STR("ABC"), &out), 9);
        CHECK(rota_str_eq(out, ROTA_STR("xAABABABC")));
        CHECK_INT(rota_stream_readuntil(p.s, ROTA_STR("ABC"), &out), 4);
        CHECK(rota_str_eq(out, ROTA_STR("yABC")));
        CHECK_INT(rota_stream_readuntil(p.s, ROTA_STR(""), &out), -EINVAL);
        CHECK_INT(rota_await(t), 0);
        pair_close(&p);
    }
    return 0;
}

TEST("STRM-05: a separator is found however the chunks cut it")
{
    run_clean(finds_separator);
}

static int keeps_limit(void *arg)
{
    (void)arg;
    each_pair(p)
    {
        char data[64];
        rota_str line;
        rota_stream_set_limit(p.s, 16);
        write_fully(p.peer, "0123456789abcdefghij", 20);
        CHECK_INT(rota_stream_readline(p.s, &line), -EMSGSIZE);
        CHECK_INT(rota_stream_readline(p.s, &line), -EMSGSIZE);
        CHECK_INT(rota_stream_read(p.s, data, sizeof data), 20);
        /* Of exactly the limit; one more; found, but too late. */
        write_fully(p.peer, "0123456789abcde\n0123456789abcdef\n", 33);
        CHECK_INT(rota_stream_readline(p.s, &line), 16);
        CHECK_INT(rota_stream_readline(p.s, &line), -EMSGSIZE);
        CHECK_INT(rota_stream_read(p.s, data, sizeof data), 17);
        /* The separator straddles chunks. */
        rota_task *t = rota_create_task(feed, p.peer, "0123456789abcd\r\n", 15);
        CHECK_INT(rota_stream_readuntil(p.s, ROTA_STR("\r\n"), &line), 16);
        CHECK_INT(rota_await(t), 0);
        pair_close(&p);
    }
    return 0;
}

TEST("STRM-06: a line over the limit is -EMSGSIZE and stays readable")
{
    run_clean(keeps_limit);
}

ROTA_ASYNC(exactly, (rota_stream *, s), (char *, data), (size_t, size))
{
    return rota_stream_readexactly(s, data, size, NULL);
}

static int cancels_exactly(void *arg)
{
    (void)arg;
    each_pair(p)
    {
        char sent[100], got[100] = "";
        for (size_t i = 0; i < sizeof sent; i++)
            sent[i] = (char)i;
        rota_task *t = rota_create_task(exactly, p.s, got, sizeof got);
        write_fully(p.peer, sent, 60);
        settle();
        rota_task_cancel(t, "test");
        CHECK_INT(rota_await(t), -ROTA_ECHILD);
        CHECK_INT(got[1], 0);
        write_fully(p.peer, sent + 60, 40);
        CHECK_INT(rota_stream_readexactly(p.s, got, sizeof got, NULL), 0);
        CHECK(memcmp(got, sent, sizeof got) == 0);
        pair_close(&p);
    }
    return 0;
}

TEST("STRM-07: a cancelled readexactly(100) after 60 bytes loses none")
{
    run_clean(cancels_exactly);
}

ROTA_ASYNC(read_some, (rota_stream *, s), (char *, data), (size_t, size))
{
    return (int)rota_stream_read(s, data, size);
}

ROTA_ASYNC(write_some, (rota_stream *, s), (const char *, data), (size_t, size),
           (size_t *, done))
{
    return rota_stream_write(s, data, size, done);
}

static int refuses_second(void *arg)
{
    (void)arg;
    static char block[8 << 20];
    each_pair(p)
    {
        char data[8];
        size_t done = 99;
        rota_task *reader = rota_create_task(read_some, p.s, data, 1);
        rota_task *writer =
            rota_create_task(write_some, p.s, block, sizeof block, &done);
        settle();
        rota_str line;
        CHECK_INT(rota_stream_read(p.s, data, 8), -EBUSY);
        CHECK_INT(rota_stream_readline(p.s, &line), -EBUSY);
        CHECK_INT(rota_stream_readexactly(p.s, data, 1, NULL), -EBUSY);
        CHECK_INT(rota_stream_write(p.s, data, 1, NULL), -EBUSY);
        CHECK_INT(rota_stream_write_eof(p.s), -EBUSY);
        write_fully(p.peer, "!", 1);
        CHECK_INT(rota_await(reader), 1);
        rota_task_cancel(writer, "test");
        CHECK_INT(rota_await(writer), -ROTA_ECHILD);
        CHECK(done > 0 && done < sizeof block);
        pair_close(&p);
    }
    return 0;
}

/* PITFALL 23 */
TEST("STRM-08: a second reader or writer is -EBUSY, one of each is fine")
{
    run_clean(refuses_second);
}

static long resident_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

ROTA_ASYNC(write_much, (rota_stream *, s), (int, blocks))
{
    static char block[65536];
    for (int i = 0; i < blocks; i++) {
        memset(block, i, sizeof block);
        int rc = rota_stream_write(s, block, sizeof block, NULL);
        if (rc < 0)
            return rc;
    }
    return rota_stream_write_eof(s);
}

static int back_pressure(void *arg)
{
    (void)arg;
    enum { BLOCKS = 1024 }; /* 64 MiB */
    static char data[100000];
    each_pair(p)
    {
        long before = resident_kib();
        rota_task *t = rota_create_task(write_much, p.s, BLOCKS);
        for (int i = 0; i < 200; i++)
            CHECK_INT(rota_checkpoint(), 0);
        CHECK(!rota_task_done(t)); /* it waits, nobody reads */
        rota_stream *in;
        size_t got = 0;
        ssize_t n;
        CHECK_INT(rota_stream_new(p.peer, &in), 0);
        while ((n = rota_stream_read(in, data, sizeof data)) > 0) {
            for (ssize_t i = 0; i < n; i += 997)
                CHECK_INT((unsigned char)data[i],
                          ((got + (size_t)i) / 65536) % 256);
            got += (size_t)n;
        }
        CHECK_INT(n, 0);
        CHECK_INT(got, (size_t)BLOCKS * 65536);
        CHECK_INT(rota_await(t), 0);
        if (!test_sanitized())
            CHECK(resident_kib() - before < 8192);
        rota_stream_close(in);
        p.peer = -1;
        pair_close(&p);
    }
    return 0;
}

TEST("STRM-09: a writer waits for a slow reader; memory stays bounded")
{
    run_clean(back_pressure);
}

static int meets_reset(void *arg)
{
    (void)arg;
    struct pair p = tcp_pair();
    char data[32];
    write_fully(p.peer, "0123456789", 10);
    CHECK_INT(rota_stream_readexactly(p.s, data, 1, NULL), 0);
    reset(p.peer); /* nine bytes are in the stream's buffer */
    CHECK_INT(rota_stream_read(p.s, data, sizeof data), 9);
    CHECK_INT(rota_stream_read(p.s, data, sizeof data), -ECONNRESET);
    CHECK_INT(rota_stream_read(p.s, data, sizeof data), -ECONNRESET);
    CHECK_INT(rota_stream_write(p.s, data, 1, NULL), -ECONNRESET);
    CHECK_INT(rota_stream_write_eof(p.s), -ECONNRESET);
    rota_stream_close(p.s);
    return 0;
}

TEST("STRM-11: a reset comes after what had arrived, and stays")
{
    run_clean(meets_reset);
}

static int reset_while_parked(void *arg)
{
    (void)arg;
    static char block[8 << 20];
    struct pair p = tcp_pair();
    char data[8];
    rota_task *r = rota_create_task(read_some, p.s, data, sizeof data);
    settle();
    reset(p.peer);
    CHECK_INT(rota_await(r), -ECONNRESET);
    rota_stream_close(p.s);
    /* The writer meets it first: the reader is told the same. */
    p = tcp_pair();
    size_t done = 0;
    rota_task *w =
        rota_create_task(write_some, p.s, block, sizeof block, &done);
    settle();
    reset(p.peer);
    CHECK_INT(rota_await(w), -ECONNRESET);
    CHECK(done > 0 && done < sizeof block);
    CHECK_INT(rota_stream_read(p.s, data, sizeof data), -ECONNRESET);
    rota_stream_close(p.s);
    return 0;
}

TEST("PITFALL 22: a reset reaches a parked reader, and a parked writer")
{
    run_clean(reset_while_parked);
}

static int half_closes(void *arg)
{
    (void)arg;
    each_pair(p)
    {
        char data[8];
        rota_task *r = rota_create_task(read_some, p.s, data, sizeof data);
        settle();
        CHECK_INT(rota_stream_write(p.s, "bye", 3, NULL), 0);
        CHECK_INT(rota_stream_write_eof(p.s), 0); /* while a task reads */
        CHECK_INT(rota_stream_write_eof(p.s), 0);
        CHECK_INT(rota_stream_write(p.s, "x", 1, NULL), -EPIPE);
        CHECK_INT(rota_read(p.peer, data, 8), 3);
        CHECK_INT(rota_read(p.peer, data, 8), 0);
        write_fully(p.peer, "still", 5); /* the other way is open */
        CHECK_INT(rota_await(r), 5);
        CHECK_INT(rota_close(p.peer), 0);
        p.peer = -1;
        CHECK_INT(rota_stream_read(p.s, data, sizeof data), 0);
        pair_close(&p);
    }
    return 0;
}

TEST("PITFALL 22: half close: the other direction goes on")
{
    run_clean(half_closes);
}

ROTA_ASYNC(line_of, (rota_stream *, s))
{
    rota_str line;
    return (int)rota_stream_readline(s, &line);
}

static int closes_under_tasks(void *arg)
{
    (void)arg;
    static char block[8 << 20];
    each_pair(p)
    {
        size_t done = 99;
        rota_task *r = rota_create_task(line_of, p.s);
        rota_task *w =
            rota_create_task(write_some, p.s, block, sizeof block, &done);
        settle();
        int number = rota_stream_fd(p.s);
        rota_stream_close(p.s);
        CHECK_INT(fcntl(number, F_GETFD), -1);
        /* The number may be used at once: nothing of the old one arrives. */
        int fds[2];
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        int far = fds[1] == number ? fds[0] : fds[1];
        int near = fds[1] == number ? fds[1] : fds[0];
        CHECK_INT(dup2(near, number), number);
        char data[4];
        write_fully(far, "new", 3);
        CHECK_INT(rota_read(number, data, 4), 3);
        CHECK_INT(rota_await(r), -EBADF);
        CHECK_INT(rota_await(w), -EBADF);
        CHECK(done > 0 && done < sizeof block);
        CHECK_INT(rota_close(number), 0);
        CHECK_INT(rota_close(far), 0);
        if (near != number)
            CHECK_INT(rota_close(near), 0);
        CHECK_INT(rota_close(p.peer), 0);
    }
    rota_stream_close(NULL);
    return 0;
}

TEST("STRM-12, PITFALL 24: closing under a reader and a writer: -EBADF")
{
    run_clean(closes_under_tasks);
}

ROTA_ASYNC(closes, (rota_stream *, s))
{
    rota_stream_close(s);
    return 0;
}

static int closes_though_cancelled(void *arg)
{
    (void)arg;
    struct pair p = tcp_pair();
    rota_task *r = rota_create_task(line_of, p.s);
    settle();
    rota_task *t = rota_create_task(closes, p.s);
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_await(r), -EBADF);
    CHECK_INT(rota_close(p.peer), 0);
    return 0;
}

TEST("a cancelled task closes all the same, and completely")
{
    run_clean(closes_though_cancelled);
}

static int writes_to_closed(void *arg)
{
    (void)arg;
    each_pair(p)
    {
        char data[100];
        size_t done;
        memset(data, 'x', sizeof data);
        CHECK_INT(rota_close(p.peer), 0);
        p.peer = -1;
        int rc = 0;
        for (int i = 0; rc == 0; i++) {
            CHECK(i < 100);
            rc = rota_stream_write(p.s, data, sizeof data, &done);
        }
        CHECK(rc == -EPIPE || rc == -ECONNRESET);
        CHECK_INT(done, 0);
        CHECK_INT(rota_stream_write(p.s, data, 1, NULL), rc);
        pair_close(&p);
    }
    return 0;
}

TEST("STRM-14: writing to a closed peer is an error, never SIGPIPE")
{
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    run_clean(writes_to_closed);
}

static int cancelled_at_entry(void *arg)
{
    (void)arg;
    struct pair p = unix_pair();
    char data[4] = "";
    write_fully(p.peer, "abc", 3);
    CHECK_INT(rota_stream_readexactly(p.s, data, 1, NULL), 0);
    int rc = 0, reads = 0, exact = 0;
    size_t arrived = 9;
    ROTA_TIMEOUT (0, rc) {
        exact = rota_stream_readexactly(p.s, data, 3, &arrived);
        reads = (int)rota_stream_read(p.s, data, 1);
        rc = rota_stream_write(p.s, "x", 1, NULL);
    }
    CHECK_INT(exact, -ECANCELED);
    CHECK_INT(arrived, 2);
    CHECK_INT(reads, -ECANCELED);
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(read(p.peer, data, 4), -1);
    CHECK_INT(rota_stream_read(p.s, data, 4), 2);
    pair_close(&p);
    return 0;
}

TEST("cancelled at entry: nothing is read from the buffer, nothing sent")
{
    run_clean(cancelled_at_entry);
}

/* Reads numbers as they come, `size` bytes at a time, into a counter. */
struct tally {
    rota_stream *s;
    size_t size;
    uint32_t next; /* number that must come */
    unsigned char part[4];
    unsigned have;
};

static void count_bytes(struct tally *y, const unsigned char *data, int n)
{
    for (int i = 0; i < n; i++) {
        y->part[y->have++] = data[i];
        uint32_t number;
        if (y->have < sizeof number)
            continue;
        memcpy(&number, y->part, sizeof number);
        CHECK_INT(number, y->next++);
        y->have = 0;
    }
}

ROTA_ASYNC(tally_once, (struct tally *, y))
{
    unsigned char data[8192];
    int n = (int)rota_stream_read(y->s, data, y->size);
    if (n > 0)
        count_bytes(y, data, n);
    return n;
}

/* Every order of arrival, cancel and resumption that a loop can produce. */
static void race_round(struct tally *y, int peer, uint32_t *number, int i)
{
    rota_task *t = rota_create_task(tally_once, y);
    for (int k = 0; k < i % 4; k++)
        CHECK_INT(rota_checkpoint(), 0);
    while (write(peer, number, sizeof *number) < 0) {
        CHECK_INT(errno, EAGAIN); /* full: what is read is less than comes */
        CHECK_INT(rota_checkpoint(), 0);
        if (rota_task_done(t))
            CHECK(tally_once(y) > 0);
    }
    ++*number;
    for (int k = 0; k < i / 4 % 3; k++)
        CHECK_INT(rota_checkpoint(), 0);
    rota_task_cancel(t, "test");
    int rc = rota_await(t);
    CHECK(rc > 0 || rc == -ROTA_ECHILD);
}

static int loses_nothing(void *arg)
{
    (void)arg;
    enum { ROUNDS = 6000 };
    static const size_t sizes[] = { 1, 3, 8192 };
    for (int k = 0; k < 3; k++) {
        struct pair p = k == 1 ? unix_pair() : tcp_pair();
        struct tally y = { .s = p.s, .size = sizes[k] };
        uint32_t number = 0;
        for (int i = 0; i < ROUNDS; i++)
            race_round(&y, p.peer, &number, i);
        CHECK_INT(shutdown(p.peer, SHUT_WR), 0);
        y.size = 8192;
        int rc;
        while ((rc = tally_once(&y)) > 0)
            ;
        CHECK_INT(rc, 0);
        CHECK_INT(y.next, ROUNDS);
        pair_close(&p);
    }
    return 0;
}

TEST_LIMITED("18000 cancels that meet arriving bytes lose none", 120)
{
    run_clean(loses_nothing);
}

static size_t drain(int fd, char *data, size_t size, unsigned char *next)
{
    size_t total = 0;
    for (ssize_t n; (n = read(fd, data, size)) > 0; total += (size_t)n)
        for (ssize_t i = 0; i < n; i++)
            CHECK_INT((unsigned char)data[i], (*next)++);
    return total;
}

static int counts_writes(void *arg)
{
    (void)arg;
    enum { ROUNDS = 500, SIZE = 256 * 1024 };
    static char block[SIZE + 256], into[65536];
    for (int i = 0; i < SIZE + 256; i++)
        block[i] = (char)i;
    each_pair(p)
    {
        int small = 8192;
        setsockopt(rota_stream_fd(p.s), SOL_SOCKET, SO_SNDBUF, &small,
                   sizeof small);
        size_t said = 0, got = 0;
        unsigned char next = 0;
        for (int i = 0; i < ROUNDS; i++) {
            size_t done = 0;
            rota_task *t = rota_create_task(write_some, p.s, block + said % 256,
                                            (size_t)SIZE >> i % 8, &done);
            for (int k = 0; k < i % 5; k++) {
                CHECK_INT(rota_checkpoint(), 0);
                if (i % 3)
                    got += drain(p.peer, into, sizeof into >> i % 6, &next);
            }
            rota_task_cancel(t, "test");
            int rc = rota_await(t);
            CHECK(rc == 0 || rc == -ROTA_ECHILD);
            said += done;
        }
        CHECK_INT(rota_stream_write_eof(p.s), 0);
        int n = 1;
        while (n > 0) {
            got += drain(p.peer, into, sizeof into, &next);
            n = (int)rota_read(p.peer, into, 1);
            if (n > 0)
                CHECK_INT((unsigned char)into[0], next++);
            got += n > 0;
        }
        CHECK_INT(n, 0);
        CHECK_INT(got, said);
        pair_close(&p);
    }
    return 0;
}

TEST_LIMITED("a cancelled write tells exactly how much has gone out", 120)
{
    run_clean(counts_writes);
}

static int long_lengths(void *arg)
{
    (void)arg;
    struct pair p = tcp_pair();
    char data[16];
    write_fully(p.peer, "abc", 3);
    CHECK_INT(rota_stream_read(p.s, data, (size_t)1 << 40), 3);
    CHECK_INT(rota_stream_write(p.s, data, 0, NULL), 0);
    write_fully(rota_stream_fd(p.s), "de", 2);
    CHECK_INT(rota_read(p.peer, data, (size_t)3 << 30), 2);
    CHECK_INT(rota_write(p.peer, data, 0), 0);
    pair_close(&p);
    return 0;
}

TEST("PITFALL 28: lengths of zero, and beyond an int")
{
    test_needs_kernel();
    run_clean(long_lengths);
}
