/* TLS streams are streams: reading, writing, half-close, closing, and what
 * else goes on inside of them. STRM-02 .. STRM-14 over TLS. */
#include <malloc.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "ends.h"
#include "tls/tls.h"

enum { MEGABYTE = 1 << 20, RECORD = 16384 };

static void settle(void)
{
    CHECK_INT(rota_wait_all_blocked(rota_ms(2)), 0);
}

static SSL *ssl_of(const rota_stream *s)
{
    return ((struct tls *)s->state)->ssl;
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

/* Reads `size` bytes, of which each must be its place's. */
ROTA_ASYNC(read_pattern, (rota_stream *, s), (size_t, size), (size_t, from))
{
    static unsigned char data[2 * MEGABYTE];
    CHECK(size <= sizeof data);
    int rc = rota_stream_readexactly(s, data, size, NULL);
    for (size_t i = 0; rc == 0 && i < size; i++)
        CHECK_INT(data[i], (unsigned char)((from + i) * 31 + (from + i) / 251));
    return rc;
}

static char *pattern(size_t size)
{
    unsigned char *data = malloc(size);
    CHECK(data);
    for (size_t i = 0; i < size; i++)
        data[i] = (unsigned char)(i * 31 + i / 251);
    return (char *)data;
}

static int talks(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    check_talk(e.client.s, e.server.s, "from the client");
    check_talk(e.server.s, e.client.s, "from the server");
    rota_stream_close(e.client.s);
    e.client.s = NULL;
    char byte;
    CHECK_INT(rota_stream_read(e.server.s, &byte, 1), 0);
    CHECK_INT(rota_stream_read(e.server.s, &byte, 1), 0);
    end_ends(&e);
    return 0;
}

/* STRM-01 */
TEST("what one end writes the other reads, and closing is told")
{
    run_tls(talks);
}

static int reads_text(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    rota_str line;
    char data[4];
    size_t done;
    rota_stream_set_limit(e.server.s, 16);
    CHECK_INT(rota_stream_write(e.client.s, "one\n0123456789abcdefX", 21, NULL),
              0);
    CHECK_INT(rota_stream_readline(e.server.s, &line), 4);
    CHECK_INT(rota_stream_readline(e.server.s, &line), -EMSGSIZE);
    CHECK_INT(rota_stream_readuntil(e.server.s, ROTA_STR("f"), &line), 16);
    CHECK_INT(rota_stream_write_eof(e.client.s), 0);
    CHECK_INT(rota_stream_readexactly(e.server.s, data, 4, &done), -ENODATA);
    CHECK_INT(done, 1);
    CHECK_INT(rota_stream_readline(e.server.s, &line), 1);
    CHECK_INT(rota_stream_readline(e.server.s, &line), 0);
    end_ends(&e);
    return 0;
}

/* STRM-03, STRM-04, STRM-06 */
TEST("lines, separators and limits are those of any stream")
{
    run_tls(reads_text);
}

static int cancels_read(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    char *sent = pattern(100);
    rota_task *t = rota_create_task(read_pattern, e.server.s, 100, 0);
    CHECK_INT(rota_stream_write(e.client.s, sent, 60, NULL), 0);
    settle();
    char byte;
    CHECK_INT(rota_stream_read(e.server.s, &byte, 1), -EBUSY);
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rota_stream_write(e.client.s, sent + 60, 40, NULL), 0);
    CHECK_INT(read_pattern(e.server.s, 100, 0), 0);
    free(sent);
    end_ends(&e);
    return 0;
}

/* STRM-07, STRM-08 */
TEST("a cancelled read loses nothing; a second reader is told -EBUSY")
{
    run_tls(cancels_read);
}

static int both_ways(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    bool kernel = kernel_sends(e.server.s);
    char *data = pattern(MEGABYTE);
    rota_task *tasks[] = {
        rota_create_task(write_some, e.client.s, data, MEGABYTE, NULL),
        rota_create_task(write_some, e.server.s, data, MEGABYTE, NULL),
        rota_create_task(read_pattern, e.client.s, MEGABYTE, 0),
    };
    /* Not with the same static buffer: this one reads in pieces. */
    for (size_t at = 0; at < MEGABYTE; at += 1000) {
        char piece[1000];
        size_t n = MEGABYTE - at < sizeof piece ? MEGABYTE - at : sizeof piece;
        CHECK_INT(rota_stream_readexactly(e.server.s, piece, n, NULL), 0);
        CHECK(memcmp(piece, data + at, n) == 0);
        if (at % 50000 == 0 && !kernel)
            CHECK_INT(
                SSL_key_update(ssl_of(e.server.s), SSL_KEY_UPDATE_REQUESTED),
                1);
    }
    for (int i = 0; i < 3; i++)
        CHECK_INT(rota_await(tasks[i]), 0);
    check_talk(e.client.s, e.server.s, "still");
    check_talk(e.server.s, e.client.s, "well");
    free(data);
    end_ends(&e);
    return 0;
}

TEST("a megabyte each way at once, while the keys are changed")
{
    run_tls(both_ways);
}

static int half_closes(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    char data[8];
    CHECK_INT(rota_stream_write(e.client.s, "ask", 3, NULL), 0);
    CHECK_INT(rota_stream_write_eof(e.client.s), 0);
    CHECK_INT(rota_stream_write_eof(e.client.s), 0);
    CHECK_INT(rota_stream_write(e.client.s, "x", 1, NULL), -EPIPE);
    CHECK_INT(rota_stream_readexactly(e.server.s, data, 3, NULL), 0);
    CHECK_INT(rota_stream_read(e.server.s, data, sizeof data), 0);
    check_talk(e.server.s, e.client.s, "answer");
    CHECK_INT(rota_stream_write_eof(e.server.s), 0);
    CHECK_INT(rota_stream_read(e.client.s, data, sizeof data), 0);
    end_ends(&e);
    return 0;
}

TEST("half-close: one end has written all, the other writes on")
{
    run_tls(half_closes);
}

ROTA_ASYNC(write_end, (rota_stream *, s))
{
    return rota_stream_write_eof(s);
}

/* Leaves no room in the client's socket, past TLS. */
static void fill(const struct ends *e)
{
    static const char junk[RECORD];
    ssize_t n;
    do
        n = send(rota_stream_fd(e->client.s), junk, sizeof junk, MSG_DONTWAIT);
    while (n > 0);
    CHECK_INT(errno, EAGAIN);
}

static void empty(const struct ends *e)
{
    static char junk[RECORD];
    struct pollfd room = { rota_stream_fd(e->client.s), POLLOUT, 0 };
    while (poll(&room, 1, 1) == 0)
        while (recv(rota_stream_fd(e->server.s), junk, RECORD, MSG_DONTWAIT) >
               0)
            ;
}

static int cancels_end(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    fill(&e);
    rota_task *t = rota_create_task(write_end, e.client.s);
    settle();
    CHECK(!rota_task_done(t));
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    empty(&e);
    CHECK_INT(rota_stream_write(e.client.s, "x", 1, NULL), -EPIPE);
    check_talk(e.server.s, e.client.s, "while it is ending");
    CHECK_INT(rota_stream_write_eof(e.client.s), 0);
    CHECK_INT(rota_stream_write(e.client.s, "x", 1, NULL), -EPIPE);
    check_talk(e.server.s, e.client.s, "answer");
    end_ends(&e);
    return 0;
}

TEST("an end that was cancelled half-way can be written again")
{
    run_tls(cancels_end);
}

static int is_cut_short(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    char data[16];
    CHECK_INT(rota_stream_write(e.client.s, "part", 4, NULL), 0);
    /* Somebody on the way ends the connection. */
    CHECK_INT(shutdown(rota_stream_fd(e.client.s), SHUT_WR), 0);
    CHECK_INT(rota_stream_read(e.server.s, data, sizeof data), 4);
    for (int i = 0; i < 2; i++)
        CHECK_INT(rota_stream_read(e.server.s, data, sizeof data), -ECONNRESET);
    CHECK_HAS(rota_errmsg(-ECONNRESET), "close_notify");
    CHECK_INT(rota_stream_write(e.server.s, "x", 1, NULL), -ECONNRESET);
    end_ends(&e);
    return 0;
}

/* RFC 8446 6.1: the end must be told, or what came before may be a part. */
TEST("a connection that is cut short is no end but an error")
{
    run_tls(is_cut_short);
}

static int is_reset(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    char data[16];
    struct linger now = { .l_onoff = 1 };
    check_talk(e.client.s, e.server.s, "hello");
    CHECK_INT(setsockopt(rota_stream_fd(e.client.s), SOL_SOCKET, SO_LINGER,
                         &now, sizeof now),
              0);
    /* Behind the stream's back: no close_notify goes out before. */
    ((struct tls *)e.client.s->state)->write_error = -EPIPE;
    rota_stream_close(e.client.s);
    e.client.s = NULL;
    for (int i = 0; i < 2; i++)
        CHECK_INT(rota_stream_read(e.server.s, data, sizeof data), -ECONNRESET);
    CHECK(rota_stream_write(e.server.s, "x", 1, NULL) < 0);
    end_ends(&e);
    return 0;
}

/* STRM-11, STRM-14 */
TEST("a reset is -ECONNRESET, for good, and no SIGPIPE")
{
    run_tls(is_reset);
}

/* ------------------------------------------------- a peer that does not read */

static size_t kept(const rota_stream *s)
{
    return ((struct tls *)s->state)->out.size;
}

static int holds_back(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    enum { MUCH = 32 * MEGABYTE };
    char *data = pattern(MUCH);
    size_t done = 0;
    rota_task *t = rota_create_task(write_some, e.client.s, data, MUCH, &done);
    settle();
    CHECK(!rota_task_done(t));
    CHECK_INT(rota_stream_write(e.client.s, "x", 1, NULL), -EBUSY);
    CHECK_INT(rota_stream_write_eof(e.client.s), -EBUSY);
    CHECK(kept(e.client.s) <= 4 * RECORD);
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK(done > 0 && done < MUCH);
    /* The rest follows on what is on its way. */
    t = rota_create_task(write_some, e.client.s, data + done, MUCH - done,
                         &done);
    for (size_t at = 0; at < MUCH; at += MEGABYTE)
        CHECK_INT(read_pattern(e.server.s, MEGABYTE, at), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(kept(e.client.s), 0);
    free(data);
    end_ends(&e);
    return 0;
}

/* STRM-09 */
TEST("a peer that does not read makes the writer wait; a cancel says how far "
     "it came")
{
    run_tls(holds_back);
}

static int answers_no_flood(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    char byte;
    int small = 4096, rc = 0;
    if (kernel_sends(e.server.s))
        test_skip("the kernel answers no change of keys");
    CHECK_INT(setsockopt(rota_stream_fd(e.server.s), SOL_SOCKET, SO_SNDBUF,
                         &small, sizeof small),
              0);
    rota_task *t = rota_create_task(read_some, e.server.s, &byte, 1);
    /* Each has the server answer, and none of it is read. */
    for (int i = 0;
         i < 200000 && !((struct tls *)e.server.s->state)->write_error; i++) {
        CHECK_INT(SSL_key_update(ssl_of(e.client.s), SSL_KEY_UPDATE_REQUESTED),
                  1);
        if (SSL_do_handshake(ssl_of(e.client.s)) != 1 || i % 100 == 0)
            rc = rota_sleep(0);
        CHECK_INT(rc, 0);
        struct tls *client = e.client.s->state;
        if (buf_len(&client->out) > 0)
            CHECK(tls_send_some(client) <= 0);
    }
    CHECK_INT(rota_stream_write(e.server.s, "x", 1, NULL), -ENOBUFS);
    CHECK_INT(kept(e.server.s), 0);
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    end_ends(&e);
    return 0;
}

TEST("a peer that has us answer and reads nothing does not fill our memory")
{
    test_needs_kernel();
    run_tls(answers_no_flood);
}

/* ------------------------------------------------------------------ closing */

static int closes_under_reader(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    char byte;
    rota_task *t = rota_create_task(read_some, e.server.s, &byte, 1);
    settle();
    rota_stream_close(e.server.s);
    e.server.s = NULL;
    CHECK_INT(rota_await(t), -EBADF);
    CHECK_INT(rota_stream_read(e.client.s, &byte, 1), 0);
    end_ends(&e);
    return 0;
}

/* STRM-12, PITFALL 24 */
TEST("closing under a reader is -EBADF there, and the end for the peer")
{
    run_tls(closes_under_reader);
}

static int closes_under_writer(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    enum { MUCH = 32 * MEGABYTE };
    char *data = calloc(1, MUCH), byte;
    size_t done = 0;
    rota_task *w = rota_create_task(write_some, e.server.s, data, MUCH, &done);
    rota_task *r = rota_create_task(read_some, e.server.s, &byte, 1);
    settle();
    rota_stream_close(e.server.s);
    e.server.s = NULL;
    CHECK_INT(rota_await(w), -EBADF);
    CHECK_INT(rota_await(r), -EBADF);
    CHECK(done < MUCH);
    /* What was cut short does not look complete. */
    size_t got = 0;
    ssize_t n;
    while ((n = rota_stream_read(e.client.s, data, MUCH)) > 0)
        got += (size_t)n;
    CHECK_INT(n, -ECONNRESET);
    CHECK(got >= done && got < MUCH);
    free(data);
    end_ends(&e);
    return 0;
}

/* PITFALL 28 */
TEST("closing under a writer is an error for the peer, not an end")
{
    run_tls(closes_under_writer);
}

/* Is there something for the client's socket, and it is not asked for? */
static bool has_come(const struct ends *e)
{
    struct pollfd p = { .fd = rota_stream_fd(e->client.s), .events = POLLIN };
    return poll(&p, 1, 0) > 0;
}

static int keeps_tickets(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    if (getenv("TEST_KTLS"))
        test_skip("nothing is held where the kernel may take over");
    char byte;
    rota_task *r = rota_create_task(read_some, e.server.s, &byte, 1);
    settle();
    CHECK(!has_come(&e));
    CHECK_INT(rota_stream_write(e.client.s, "x", 1, NULL), 0);
    CHECK_INT(rota_await(r), 1);
    settle();
    CHECK(!has_come(&e));
    CHECK_INT(rota_stream_write(e.server.s, "y", 1, NULL), 0);
    CHECK(has_come(&e));
    CHECK_INT(rota_stream_read(e.client.s, &byte, 1), 1);
    end_ends(&e);
    return 0;
}

TEST(
    "a server's tickets go with its first words, and are nothing by themselves")
{
    run_tls(keeps_tickets);
}

static int closes_after_writing(void *arg)
{
    (void)arg;
    /* The client never reads the tickets that the server sends first: closing
     * would reset the connection, and lose what was written last. */
    for (int round = 0; round < 50; round++) {
        struct ends e = usual_ends();
        char data[RECORD];
        memset(data, 'x', sizeof data);
        CHECK_INT(rota_stream_write(e.client.s, data, sizeof data, NULL), 0);
        rota_stream_close(e.client.s);
        e.client.s = NULL;
        settle();
        CHECK_INT(rota_stream_readexactly(e.server.s, data, sizeof data, NULL),
                  0);
        CHECK_INT(rota_stream_read(e.server.s, data, 1), 0);
        end_ends(&e);
    }
    return 0;
}

TEST("what was written before closing arrives, although tickets are unread")
{
    run_tls(closes_after_writing);
}

/* ------------------------------------------------- a message in two records */

struct relay {
    rota_stream *from, *to;
    size_t allowed; /* records that may still pass */
    size_t passed;
};

/* Lets records pass, one by one, as many as are allowed. */
ROTA_ASYNC(pass_records, (struct relay *, r))
{
    unsigned char record[5 + RECORD + 256];
    for (;;) {
        int rc = rota_stream_readexactly(r->from, record, 5, NULL);
        size_t size = (size_t)record[3] << 8 | record[4];
        if (rc == 0)
            rc = rota_stream_readexactly(r->from, record + 5, size, NULL);
        while (rc == 0 && r->passed >= r->allowed)
            rc = rota_sleep(rota_ms(1));
        if (rc == 0)
            rc = rota_stream_write(r->to, record, 5 + size, NULL);
        if (rc < 0)
            return rc;
        r->passed++;
    }
}

/* A connection through relays: `allowed` records to the client. */
struct relayed {
    struct ends ends, near, far;
    struct relay up, down;
    rota_task *tasks[2];
};

static void begin_relayed(struct relayed *r, rota_tls_context *client,
                          rota_tls_context *server, size_t allowed)
{
    *r = (struct relayed){ .near = plain_ends(), .far = plain_ends() };
    r->up = (struct relay){ r->near.server.s, r->far.client.s, SIZE_MAX, 0 };
    r->down = (struct relay){ r->far.client.s, r->near.server.s, allowed, 0 };
    r->tasks[0] = rota_create_task(pass_records, &r->up);
    r->tasks[1] = rota_create_task(pass_records, &r->down);
    r->ends.client.s = r->near.client.s;
    r->ends.server.s = r->far.server.s;
    shake_hands(&r->ends, client, server, "localhost");
    CHECK_STR(r->ends.client.why, "");
    CHECK_STR(r->ends.server.why, "");
}

static void end_relayed(struct relayed *r)
{
    for (int i = 0; i < 2; i++) {
        rota_task_cancel(r->tasks[i], "test");
        CHECK_INT(rota_await(r->tasks[i]), -ROTA_ECHILD);
    }
    end_ends(&r->near);
    end_ends(&r->far);
}

/* The client writes in the middle of a ticket, which a task reads, or none. */
static void write_meanwhile(struct relayed *r, bool reads)
{
    rota_stream *client = r->ends.client.s, *server = r->ends.server.s;
    char byte, got[8] = "";
    rota_task *t = rota_create_task(read_some, client, &byte, 1);
    rota_task *heard = rota_create_task(read_some, server, got, 5);
    /* Before its first word the server says what it has held: the ticket. */
    CHECK_INT(rota_stream_write(server, "x", 1, NULL), 0);
    while (!SSL_in_init(ssl_of(client)))
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    if (!reads) {
        rota_task_cancel(t, "test");
        CHECK_INT(rota_await(t), -ROTA_ECHILD);
    }
    rota_task *w = rota_create_task(write_some, client, "hello", 5, NULL);
    CHECK_INT(rota_sleep(rota_ms(5)), 0);
    CHECK(!rota_task_done(w));
    r->down.allowed = SIZE_MAX;
    CHECK_INT(rota_await(w), 0);
    CHECK_INT(rota_await(heard), 5);
    CHECK_STR(got, "hello");
    if (reads)
        CHECK_INT(rota_await(t), 1);
}

static int waits_for_message(void *arg)
{
    (void)arg;
    /* What the ticket holds is the client's certificate: it is long. */
    PKI(.name = "me", .issuer = "root", .common = "A name that takes some room",
        .names = "DNS:a.long.name.example,DNS:another.long.name.example");
    rota_tls_context *client = CLIENT_WITH(.cert_file = pki_file("me.crt"),
                                           .key_file = pki_file("me.key"));
    rota_tls_context *server =
        SERVER_WITH(.ca_file = pki_file("root.crt"),
                    .verify_mode = ROTA_TLS_CERT_REQUIRED);
    SSL_CTX_set_max_send_fragment(server->ssl, 512);
    SSL_CTX_set_num_tickets(server->ssl, 1);
    struct relayed r;
    begin_relayed(&r, client, server, SIZE_MAX);
    if (kernel_sends(r.ends.client.s))
        test_skip("the kernel need not wait for it");
    check_talk(r.ends.server.s, r.ends.client.s, "the ticket came before");
    size_t records = r.down.passed - 1;
    end_relayed(&r);
    for (int reads = 0; reads < 2; reads++) {
        tls_session_clear(client);
        begin_relayed(&r, client, server, records - 1);
        write_meanwhile(&r, reads);
        end_relayed(&r);
    }
    rota_tls_context_unref(client);
    rota_tls_context_unref(server);
    return 0;
}

TEST("a write waits for the rest of a message that comes in two records")
{
    run_tls(waits_for_message);
}

/* --------------------------------------------------------------------- idle */

enum { CONNECTIONS = 40 };

static int holds_little(void *arg)
{
    (void)arg;
    static struct ends e[CONNECTIONS];
    static char data[RECORD];
    rota_tls_context *client = usual_client(), *server = usual_server();
    struct ends warm = tls_ends(client, server);
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < CONNECTIONS; i++) {
        e[i] = tls_ends(client, server);
        /* A full record, and there is no buffer of the stream's in between. */
        CHECK_INT(rota_stream_write(e[i].client.s, data, RECORD, NULL), 0);
        for (size_t got = 0; got < RECORD;)
            got += (size_t)rota_stream_read(e[i].server.s, data, RECORD);
    }
    rota_task *readers[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++)
        readers[i] = rota_create_task(read_some, e[i].server.s, data, RECORD);
    settle();
    size_t each = (mallinfo2().uordblks - before) / (2 * CONNECTIONS);
    printf("# %zu bytes for each idle end\n", each);
    CHECK(each < 2 * RECORD);
    for (int i = 0; i < CONNECTIONS; i++) {
        rota_task_cancel(readers[i], "test");
        CHECK_INT(rota_await(readers[i]), -ROTA_ECHILD);
        end_ends(&e[i]);
    }
    end_ends(&warm);
    rota_tls_context_unref(client);
    rota_tls_context_unref(server);
    return 0;
}

TEST("an idle connection keeps no buffers")
{
    if (test_sanitized())
        test_skip("a sanitizer has its own memory");
    run_tls(holds_little);
}

ROTA_ASYNC(write_vectors, (rota_stream *, s), (const struct iovec *, v),
           (int, count), (size_t *, done))
{
    return rota_stream_writev(s, v, count, done);
}

ROTA_ASYNC(send_file, (rota_stream *, s), (int, fd), (size_t *, done))
{
    return rota_stream_sendfile(s, fd, 0, SIZE_MAX, done);
}

static int vectors_and_files(void *arg)
{
    (void)arg;
    enum { PIECES = 1000 };
    struct ends e = usual_ends();
    char *data = pattern(MEGABYTE);
    static struct iovec v[PIECES];
    size_t size = 0, done = 0;
    for (size_t i = 0; i < PIECES; i++) {
        v[i].iov_base = data + size;
        v[i].iov_len = i % 100 == 99 ? 20000 : i % 5 ? i : 0;
        size += v[i].iov_len;
    }
    rota_task *t =
        rota_create_task(write_vectors, e.client.s, v, PIECES, &done);
    CHECK_INT(read_pattern(e.server.s, size, 0), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(done, size);
    FILE *f = tmpfile();
    CHECK(f != NULL);
    CHECK_INT(write(fileno(f), data, MEGABYTE), MEGABYTE);
    t = rota_create_task(send_file, e.server.s, fileno(f), &done);
    CHECK_INT(read_pattern(e.client.s, MEGABYTE, 0), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(done, MEGABYTE);
    fclose(f);
    free(data);
    /* Without a word: what the peer has is not to look like all. */
    rota_stream_abort(e.client.s);
    e.client.s = NULL;
    char c;
    CHECK_INT(rota_stream_read(e.server.s, &c, 1), -ECONNRESET);
    end_ends(&e);
    return 0;
}

TEST("vectors and files go over TLS as over any stream; an abort is a reset")
{
    run_tls(vectors_and_files);
}

/* ----------------------------------------------------------------- copying */

ROTA_ASYNC(copy_all, (rota_stream *, to), (rota_stream *, from),
           (size_t *, done))
{
    int rc = rota_stream_copy(to, from, done);
    return rc < 0 ? rc : rota_stream_write_eof(to);
}

ROTA_ASYNC(send_all, (rota_stream *, s), (const char *, data), (size_t, size))
{
    int rc = rota_stream_write(s, data, size, NULL);
    return rc < 0 ? rc : rota_stream_write_eof(s);
}

/* A client in TLS, its forwarder, and a server without that echoes. */
static int is_forwarded(void *arg)
{
    (void)arg;
    struct ends e = usual_ends(), plain = plain_ends();
    char *data = pattern(2 * MEGABYTE);
    size_t there = 0, around = 0, back = 0;
    rota_task *all[] = {
        rota_create_task(copy_all, plain.client.s, e.server.s, &there),
        rota_create_task(copy_all, plain.server.s, plain.server.s, &around),
        rota_create_task(copy_all, e.server.s, plain.client.s, &back),
        rota_create_task(send_all, e.client.s, data, 2 * MEGABYTE),
        rota_create_task(read_pattern, e.client.s, 2 * MEGABYTE, 0),
    };
    settle(); /* all are full, or wait for what is */
    CHECK_INT(rota_gather(all, 5, NULL, 0), 0);
    CHECK_INT(there, 2 * MEGABYTE);
    CHECK_INT(around, 2 * MEGABYTE);
    CHECK_INT(back, 2 * MEGABYTE);
    free(data);
    end_ends(&e);
    end_ends(&plain);
    return 0;
}

TEST("a TLS stream is copied to and from one that is not")
{
    run_tls(is_forwarded);
}

/* Nobody reads what is written in TLS. */
static int is_kept(void *arg)
{
    (void)arg;
    struct ends e = usual_ends(), plain = plain_ends();
    char *data = pattern(MEGABYTE);
    char *got = malloc(MEGABYTE);
    size_t done = 0, at, sent = 0;
    rota_task *writer =
        rota_create_task(write_some, plain.client.s, data, MEGABYTE, &sent);
    rota_task *t =
        rota_create_task(copy_all, e.server.s, plain.server.s, &done);
    settle();
    rota_task_cancel(t, "enough");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK(done <= MEGABYTE);
    /* What is said to be out comes, and what is not can be read. */
    t = rota_create_task(read_pattern, e.client.s, done, 0);
    for (at = done; at < MEGABYTE;) {
        ssize_t n = rota_stream_read(plain.server.s, got, MEGABYTE);
        CHECK(n > 0);
        CHECK(memcmp(got, data + at, (size_t)n) == 0);
        at += (size_t)n;
    }
    CHECK_INT(rota_stream_write(e.server.s, "", 0, NULL), 0);
    CHECK_INT(rota_stream_write(e.server.s, data, 1, NULL), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_await(writer), 0);
    free(got);
    free(data);
    end_ends(&e);
    end_ends(&plain);
    return 0;
}

TEST("a copy into TLS that is cancelled leaves what it has not sent")
{
    run_tls(is_kept);
}

static int closes_the_copied(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        struct ends e = usual_ends(), plain = plain_ends();
        rota_task *t =
            rota_create_task(copy_all, plain.client.s, e.server.s, NULL);
        struct end *closed = i ? &plain.client : &e.server;
        settle();
        rota_stream_close(closed->s);
        closed->s = NULL;
        CHECK_INT(rota_await(t), -EBADF);
        end_ends(&e);
        end_ends(&plain);
    }
    return 0;
}

TEST("closing either side ends a copy out of TLS")
{
    run_tls(closes_the_copied);
}
