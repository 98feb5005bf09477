/* The kernel encrypts (kTLS): where it offers to, these see that it does, and
 * everywhere that nobody can tell by the stream. */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ends.h"
#include "tls/tls.h"

enum { MEGABYTE = 1 << 20 };

static bool offered(void)
{
    struct ends e = plain_ends();
    bool is = setsockopt(rota_stream_fd(e.client.s), IPPROTO_TCP, TCP_ULP,
                         "tls", sizeof "tls") == 0;
    end_ends(&e);
    return is;
}

/* How often the kernel has begun to send, and to receive. */
static long counted(const char *name)
{
    char line[128], word[64];
    long n, found = 0;
    FILE *f = fopen("/proc/net/tls_stat", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%63s %ld", word, &n) == 2 && strcmp(word, name) == 0)
            found = n;
    if (f)
        fclose(f);
    return found;
}

static rota_tls_info info_of(const rota_stream *s)
{
    rota_tls_info info;
    CHECK_INT(rota_stream_tls_info(s, &info), 0);
    return info;
}

static struct ends ends_with(bool client, bool server)
{
    rota_tls_context *c = CLIENT_WITH(.ktls = client);
    rota_tls_context *s = SERVER_WITH(.ktls = server);
    struct ends e = tls_ends(c, s);
    rota_tls_context_unref(c);
    rota_tls_context_unref(s);
    return e;
}

/* Between which not much is on its way. */
static struct ends kernel_ends(void)
{
    struct ends e = ends_with(true, true);
    int size = 128 * 1024;
    CHECK_INT(setsockopt(rota_stream_fd(e.client.s), SOL_SOCKET, SO_SNDBUF,
                         &size, sizeof size),
              0);
    CHECK_INT(setsockopt(rota_stream_fd(e.server.s), SOL_SOCKET, SO_RCVBUF,
                         &size, sizeof size),
              0);
    return e;
}

/* Each byte is of its place. */
static char byte_at(size_t i)
{
    return (char)(i * 31 + i / 251);
}

static char *pattern(size_t size)
{
    char *data = malloc(size);
    CHECK(data != NULL);
    for (size_t i = 0; i < size; i++)
        data[i] = byte_at(i);
    return data;
}

static void read_pattern(rota_stream *s, size_t size, size_t from)
{
    static char data[MEGABYTE];
    for (size_t at = 0; at < size;) {
        size_t n = size - at < sizeof data ? size - at : sizeof data;
        CHECK_INT(rota_stream_readexactly(s, data, n, NULL), 0);
        for (size_t i = 0; i < n; i++)
            CHECK_INT(data[i], byte_at(from + at + i));
        at += n;
    }
}

static void check_end(struct ends *e)
{
    char byte;
    rota_stream_close(e->client.s);
    e->client.s = NULL;
    CHECK_INT(rota_stream_read(e->server.s, &byte, 1), 0);
    end_ends(e);
}

static int takes_over(void *arg)
{
    (void)arg;
    bool is = offered();
    printf("# the kernel %s\n", is ? "encrypts" : "does not offer to encrypt");
    for (int both = 0; both < 4; both++) {
        long before = counted("TlsTxSw");
        struct ends e = ends_with(both & 1, both & 2);
        CHECK_INT(info_of(e.client.s).ktls_send, is && both & 1);
        CHECK_INT(info_of(e.server.s).ktls_send, is && both & 2);
        /* Other tests may count at the same time. */
        CHECK(counted("TlsTxSw") - before >=
              (is ? (both & 1) + (both >> 1) : 0));
        check_talk(e.client.s, e.server.s, "from the client");
        check_talk(e.server.s, e.client.s, "from the server");
        check_end(&e);
    }
    return 0;
}

TEST("the kernel sends for each end that wants it to, where it can")
{
    unsetenv("TEST_KTLS");
    run_tls(takes_over);
}

static int by_version_2(void *arg)
{
    (void)arg;
    bool is = offered();
    static const char *const ciphers[] = { "ECDHE-ECDSA-AES128-GCM-SHA256",
                                           "ECDHE-ECDSA-AES256-GCM-SHA384",
                                           "ECDHE-ECDSA-CHACHA20-POLY1305" };
    for (int i = 0; i < 3; i++) {
        rota_tls_context *c = CLIENT_WITH(.ktls = true, .ciphers = ciphers[i]);
        rota_tls_context *s = SERVER_WITH(.ktls = true);
        SSL_CTX_set_max_proto_version(c->ssl, TLS1_2_VERSION);
        struct ends e = tls_ends(c, s);
        CHECK_INT(info_of(e.client.s).ktls_send, is);
        CHECK_INT(info_of(e.client.s).ktls_recv, is);
        CHECK_INT(info_of(e.server.s).ktls_send, is);
        CHECK_INT(info_of(e.server.s).ktls_recv, is);
        for (int n = 0; n < 3; n++) {
            check_talk(e.client.s, e.server.s, "from the client");
            check_talk(e.server.s, e.client.s, "from the server");
        }
        check_end(&e);
        rota_tls_context_unref(c);
        rota_tls_context_unref(s);
    }
    return 0;
}

TEST("in TLS 1.2 the kernel receives too; with each cipher")
{
    run_tls(by_version_2);
}

static int other_cipher(void *arg)
{
    (void)arg;
    rota_tls_context *c =
        CLIENT_WITH(.ktls = true, .ciphersuites = "TLS_AES_128_CCM_SHA256");
    rota_tls_context *s =
        SERVER_WITH(.ktls = true, .ciphersuites = "TLS_AES_128_CCM_SHA256");
    struct ends e = tls_ends(c, s);
    CHECK(!info_of(e.client.s).ktls_send && !info_of(e.server.s).ktls_send);
    check_talk(e.client.s, e.server.s, "all the same");
    check_end(&e);
    rota_tls_context_unref(c);
    rota_tls_context_unref(s);
    return 0;
}

TEST("a cipher that is not the kernel's stays with OpenSSL")
{
    run_tls(other_cipher);
}

static int blocks(void *arg)
{
    (void)arg;
    struct ends e = plain_ends();
    int fd = rota_stream_fd(e.client.s);
    rota_tls_context *c = CLIENT_WITH(.ktls = true), *s = usual_server();
    CHECK_INT(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
    shake_hands(&e, c, s, "localhost");
    CHECK_INT(e.client.rc, 0);
    CHECK(!info_of(e.client.s).ktls_send);
    check_talk(e.client.s, e.server.s, "and it waits for nobody");
    check_end(&e);
    rota_tls_context_unref(c);
    rota_tls_context_unref(s);
    return 0;
}

TEST("a descriptor that blocks stays with OpenSSL")
{
    run_tls(blocks);
}

/* ----------------------------------------------------------------- sendfile */

ROTA_ASYNC(send_file, (rota_stream *, s), (int, fd), (off_t, from),
           (size_t, count), (size_t *, done))
{
    return rota_stream_sendfile(s, fd, from, count, done);
}

ROTA_ASYNC(write_all, (rota_stream *, s), (const char *, data), (size_t, size),
           (size_t *, done))
{
    return rota_stream_write(s, data, size, done);
}

static int sends_files(void *arg)
{
    (void)arg;
    enum { SIZE = 4 * MEGABYTE + 12345 };
    struct ends e = kernel_ends();
    char *data = pattern(SIZE);
    FILE *f = tmpfile();
    CHECK(f != NULL);
    CHECK_INT(fwrite(data, 1, SIZE, f), SIZE);
    CHECK_INT(fflush(f), 0);
    static const struct {
        off_t from;
        size_t count, sent;
    } cases[] = {
        { 0, SIZE_MAX, SIZE },
        { 0, SIZE, SIZE },
        { 77777, 99999, 99999 },
        { SIZE - 10, 100, 10 },
        { SIZE, 1, 0 },
        { SIZE + 1, 1, 0 },
        { 1, 1, 1 },
        { 0, 0, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t done = 1;
        rota_task *t = rota_create_task(send_file, e.server.s, fileno(f),
                                        cases[i].from, cases[i].count, &done);
        /* All of it comes, with nothing sent after it. */
        read_pattern(e.client.s, cases[i].sent, (size_t)cases[i].from);
        CHECK_INT(rota_await(t), 0);
        CHECK_INT(done, cases[i].sent);
    }
    check_talk(e.server.s, e.client.s, "in order");
    fclose(f);
    free(data);
    check_end(&e);
    return 0;
}

TEST("files are sent whole and in part, each byte in its place")
{
    run_tls(sends_files);
}

/* ------------------------------------------------------------------- ending */

/* The writer has begun, and cannot go on. */
static void until_full(rota_task *writer, const struct ends *e)
{
    CHECK(rota_wait_fd(rota_stream_fd(e->server.s), POLLIN) > 0);
    CHECK_INT(rota_wait_all_blocked(rota_ms(2)), 0);
    CHECK(!rota_task_done(writer));
}

static int cancels(void *arg)
{
    (void)arg;
    enum { SIZE = 4 * MEGABYTE };
    char *data = pattern(SIZE);
    FILE *f = tmpfile();
    CHECK(f != NULL);
    CHECK_INT(fwrite(data, 1, SIZE, f), SIZE);
    CHECK_INT(fflush(f), 0);
    for (int by_file = 0; by_file < 2; by_file++) {
        struct ends e = kernel_ends();
        size_t done = 0;
        rota_task *t = by_file ? rota_create_task(send_file, e.client.s,
                                                  fileno(f), 0, SIZE, &done)
                               : rota_create_task(write_all, e.client.s, data,
                                                  SIZE, &done);
        until_full(t, &e);
        rota_task_cancel(t, "test");
        CHECK_INT(rota_await(t), -ROTA_ECHILD);
        CHECK(done > 0 && done < SIZE);
        t = rota_create_task(write_all, e.client.s, data + done, SIZE - done,
                             &done);
        read_pattern(e.server.s, SIZE, 0);
        CHECK_INT(rota_await(t), 0);
        check_end(&e);
    }
    fclose(f);
    free(data);
    return 0;
}

/* STRM-09 */
TEST("a write that is cancelled says what is out, and what follows follows")
{
    run_tls(cancels);
}

ROTA_ASYNC(write_and_close, (struct end *, e), (const char *, data),
           (size_t, size))
{
    int rc = rota_stream_write(e->s, data, size, NULL);
    rota_stream_close(e->s);
    e->s = NULL;
    return rc;
}

static int closes(void *arg)
{
    (void)arg;
    enum { SIZE = 4 * MEGABYTE };
    char *data = pattern(SIZE), byte;
    for (int round = 0; round < 4; round++) {
        struct ends e = kernel_ends();
        size_t size = (size_t)SIZE - (size_t)round * 4321;
        rota_task *t = rota_create_task(write_and_close, &e.client, data, size);
        until_full(t, &e);
        read_pattern(e.server.s, size, 0);
        CHECK_INT(rota_await(t), 0);
        CHECK_INT(rota_stream_read(e.server.s, &byte, 1), 0);
        end_ends(&e);
    }
    free(data);
    return 0;
}

TEST("what was written before closing arrives, however slowly it is read")
{
    run_tls(closes);
}

static int closes_under_file(void *arg)
{
    (void)arg;
    enum { SIZE = 4 * MEGABYTE };
    struct ends e = kernel_ends();
    FILE *f = tmpfile();
    size_t done = 0;
    CHECK(f != NULL);
    CHECK_INT(ftruncate(fileno(f), SIZE), 0);
    rota_task *t =
        rota_create_task(send_file, e.client.s, fileno(f), 0, SIZE, &done);
    until_full(t, &e);
    rota_stream_close(e.client.s);
    e.client.s = NULL;
    CHECK_INT(rota_await(t), -EBADF);
    CHECK(done < SIZE);
    static char data[MEGABYTE];
    ssize_t n;
    while ((n = rota_stream_read(e.server.s, data, sizeof data)) > 0)
        ;
    CHECK_INT(n, -ECONNRESET);
    fclose(f);
    end_ends(&e);
    return 0;
}

/* PITFALL 28 */
TEST("closing under a file that is sent is an error for the peer")
{
    run_tls(closes_under_file);
}

static int wants_new_keys(void *arg)
{
    (void)arg;
    struct ends e = ends_with(false, true);
    SSL *peer = ((struct tls *)e.client.s->state)->ssl;
    bool kernel = info_of(e.server.s).ktls_send;
    CHECK_INT(SSL_key_update(peer, SSL_KEY_UPDATE_REQUESTED), 1);
    check_talk(e.client.s, e.server.s, "by new keys");
    int rc = rota_stream_write(e.server.s, "answer", 6, NULL);
    CHECK_INT(rc, kernel ? -EPROTO : 0);
    if (kernel)
        CHECK_HAS(rota_errmsg(rc), "new keys");
    check_talk(e.client.s, e.server.s, "is read all the same");
    rota_stream_close(e.server.s);
    e.server.s = NULL;
    char data[16];
    CHECK_INT(rota_stream_read(e.client.s, data, sizeof data), kernel ? 0 : 6);
    end_ends(&e);
    return 0;
}

TEST("a peer that wants new keys is not sent a byte by the old ones")
{
    unsetenv("TEST_KTLS");
    run_tls(wants_new_keys);
}
