/* Datagrams: what is sent and what arrives, addresses, options, groups. */
#include "pair.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <poll.h>

/* Runs the body as the main task, which leaves no descriptor behind. */
#define UDP_TEST(name_)                                   \
    static int TEST_JOIN(udp_body_, __LINE__)(void *arg); \
    TEST_LIMITED(name_, 120)                              \
    {                                                     \
        run_clean(TEST_JOIN(udp_body_, __LINE__));        \
    }                                                     \
    static int TEST_JOIN(udp_body_, __LINE__)(__attribute__((unused)) void *arg)

static int bind_with(const char *host, const rota_udp_options *o)
{
    int fd = rota_udp_bind(host, 0, o);
    CHECK(fd >= 0);
    return fd;
}

static int bind_any(const char *host)
{
    return bind_with(host, NULL);
}

static rota_address address_of(int fd)
{
    rota_address a;
    CHECK_INT(rota_getsockname(fd, &a), 0);
    return a;
}

static int udp_port(int fd)
{
    rota_address a = address_of(fd);
    return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

static void expect(int fd, const char *text, rota_address *from)
{
    char data[64];
    ssize_t n = rota_recvfrom(fd, data, sizeof data - 1, from);
    CHECK(n >= 0);
    data[n] = '\0';
    CHECK_STR(data, text);
}

static void say(int fd, const char *text, const rota_address *to)
{
    CHECK_INT(rota_sendto(fd, text, strlen(text), to), (ssize_t)strlen(text));
}

UDP_TEST("a datagram arrives with its sender's address, and is answered")
{
    int a = bind_any("127.0.0.1"), b = bind_any("127.0.0.1");
    rota_address to = address_of(b), from;
    char text[ROTA_ADDRESS_TEXT], want[64];
    say(a, "hello", &to);
    expect(b, "hello", &from);
    rota_address_format(&from, text);
    snprintf(want, sizeof want, "127.0.0.1:%d", udp_port(a));
    CHECK_STR(text, want);
    say(b, "you too", &from);
    expect(a, "you too", NULL);
    CHECK_INT(rota_close(a), 0);
    CHECK_INT(rota_close(b), 0);
    return 0;
}

static bool has_v6(void)
{
    int fd = rota_udp_bind("::1", 0, NULL);
    if (fd >= 0)
        CHECK_INT(rota_close(fd), 0);
    return fd >= 0;
}

UDP_TEST("a socket for all of this machine takes IPv4 and IPv6")
{
    if (!has_v6())
        return 0;
    int all = bind_any(NULL);
    int v4 = rota_udp_connect("127.0.0.1", udp_port(all), NULL);
    int v6 = rota_udp_connect("::1", udp_port(all), NULL);
    rota_address from;
    char text[ROTA_ADDRESS_TEXT];
    say(v4, "four", NULL);
    expect(all, "four", &from);
    rota_address_format(&from, text);
    CHECK_HAS(text, "[::ffff:127.0.0.1]:");
    say(all, "4", &from);
    expect(v4, "4", NULL);
    say(v6, "six", NULL);
    expect(all, "six", &from);
    say(all, "6", &from);
    expect(v6, "6", NULL);
    CHECK_INT(rota_close(all) + rota_close(v4) + rota_close(v6), 0);
    return 0;
}

UDP_TEST("a connected socket hears its peer only")
{
    int server = bind_any("127.0.0.1"), other = bind_any("127.0.0.1");
    int fd = rota_udp_connect("127.0.0.1", udp_port(server), NULL);
    CHECK(fd >= 0);
    rota_address to = address_of(fd);
    say(other, "stranger", &to);
    say(server, "friend", &to);
    expect(fd, "friend", NULL);
    CHECK_INT(rota_close(fd) + rota_close(server) + rota_close(other), 0);
    return 0;
}

static ROTA_ASYNC(receive_one, (int, fd), (char *, data))
{
    return (int)rota_recvfrom(fd, data, 64, NULL);
}

UDP_TEST("nobody listens: told once, then the socket works on")
{
    int server = bind_any("127.0.0.1"), port = udp_port(server);
    int fd = rota_udp_connect("127.0.0.1", port, NULL);
    CHECK_INT(rota_close(server), 0);
    char data[64];
    say(fd, "anyone?", NULL); /* the answer comes later */
    rota_task *t = rota_create_task(receive_one, fd, data);
    CHECK_INT(rota_await(t), -ECONNREFUSED);
    server = rota_udp_bind("127.0.0.1", port, NULL);
    if (server >= 0) { /* nobody has taken the port meanwhile */
        rota_address to = address_of(fd);
        say(fd, "there?", NULL);
        expect(server, "there?", NULL);
        say(server, "here", &to);
        expect(fd, "here", NULL);
        CHECK_INT(rota_close(server), 0);
    }
    CHECK_INT(rota_close(fd), 0);
    return 0;
}

UDP_TEST("a receiver that waits is told that nobody listens")
{
    int server = bind_any("127.0.0.1");
    int fd = rota_udp_connect("127.0.0.1", udp_port(server), NULL);
    char data[64];
    rota_task *t = rota_create_task(receive_one, fd, data);
    settle();
    CHECK_INT(rota_close(server), 0);
    say(fd, "anyone?", NULL);
    CHECK_INT(rota_await(t), -ECONNREFUSED);
    CHECK_INT(rota_close(fd), 0);
    return 0;
}

UDP_TEST("an empty datagram is one, and no end")
{
    int a = bind_any("127.0.0.1"), b = bind_any("127.0.0.1");
    rota_address to = address_of(b), from;
    char data[8];
    CHECK_INT(rota_sendto(a, NULL, 0, &to), 0);
    say(a, "x", &to);
    CHECK_INT(rota_recvfrom(b, data, sizeof data, &from), 0);
    CHECK(from.len == sizeof from.v4);
    expect(b, "x", NULL);
    say(a, "", &to);
    CHECK_INT(rota_recvfrom(b, NULL, 0, NULL), 0); /* no room is enough */
    CHECK_INT(rota_close(a) + rota_close(b), 0);
    return 0;
}

UDP_TEST("a datagram longer than the room is told, and only that one is cut")
{
    int a = bind_any("127.0.0.1"), b = bind_any("127.0.0.1");
    rota_address to = address_of(b), from;
    char data[5] = "....";
    say(a, "longest", &to);
    say(a, "next", &to);
    CHECK_INT(rota_recvfrom(b, data, 4, &from), -EMSGSIZE);
    CHECK_STR(data, "long");
    CHECK_INT(ntohs(from.v4.sin_port), udp_port(a));
    expect(b, "next", NULL);
    CHECK_INT(rota_close(a) + rota_close(b), 0);
    return 0;
}

UDP_TEST("what is too long, or has no receiver, is refused when it is sent")
{
    static char much[70000];
    int a = bind_any("127.0.0.1"), b = bind_any("127.0.0.1");
    rota_address to = address_of(b);
    CHECK_INT(rota_sendto(a, much, sizeof much, &to), -EMSGSIZE);
    CHECK_INT(rota_sendto(a, much, 65507, &to), 65507);
    CHECK_INT(rota_recvfrom(b, much, sizeof much, NULL), 65507);
    CHECK_INT(rota_sendto(a, much, 1, NULL), -EDESTADDRREQ);
    CHECK_INT(rota_close(a) + rota_close(b), 0);
    CHECK_INT(rota_sendto(-1, much, 1, &to), -EBADF);
    CHECK_INT(rota_recvfrom(-1, much, 1, NULL), -EBADF);
    int pipe_ends[2];
    CHECK_INT(pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC), 0);
    CHECK_INT(rota_recvfrom(pipe_ends[0], much, 1, NULL), -ENOTSOCK);
    CHECK_INT(rota_sendto(pipe_ends[1], much, 1, NULL), -ENOTSOCK);
    CHECK_INT(rota_close(pipe_ends[0]) + rota_close(pipe_ends[1]), 0);
    return 0;
}

/* PITFALL 23 */
UDP_TEST("one receives and one sends; a second receiver is told -EBUSY")
{
    int a = bind_any("127.0.0.1");
    rota_address to = address_of(a);
    char data[64], second[8];
    rota_task *t = rota_create_task(receive_one, a, data);
    settle();
    CHECK_INT(rota_recvfrom(a, second, sizeof second, NULL), -EBUSY);
    rota_datagram d = { .data = second, .size = sizeof second };
    CHECK_INT(rota_recvmmsg(a, &d, 1), -EBUSY);
    say(a, "myself", &to);
    CHECK_INT(rota_await(t), 6);
    CHECK(memcmp(data, "myself", 6) == 0);
    CHECK_INT(rota_close(a), 0);
    return 0;
}

/* PITFALL 24, STRM-12 */
UDP_TEST("closing ends who waits for a datagram, and its number is free")
{
    int a = bind_any("127.0.0.1");
    char data[64];
    rota_task *t = rota_create_task(receive_one, a, data);
    settle();
    CHECK_INT(rota_close(a), 0);
    int b = bind_any("127.0.0.1");
    CHECK_INT(b, a);
    CHECK_INT(rota_await(t), -EBADF);
    rota_address to = address_of(b);
    say(b, "mine", &to);
    expect(b, "mine", NULL);
    CHECK_INT(rota_close(b), 0);
    return 0;
}

UDP_TEST("a cancelled receiver takes nothing, and one cancelled before neither")
{
    int a = bind_any("127.0.0.1");
    rota_address to = address_of(a);
    char data[64];
    rota_task *t = rota_create_task(receive_one, a, data);
    settle();
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    say(a, "kept", &to);
    t = rota_create_task(receive_one, a, data);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    expect(a, "kept", NULL);
    CHECK_INT(rota_close(a), 0);
    return 0;
}

enum { ROUNDS = 100000 };

static int received_of(rota_task *t, const char *data, char want)
{
    rota_outcome out;
    CHECK_INT(rota_join(t, &out), 0);
    rota_task_unref(t);
    if (out.state == ROTA_CANCELLED)
        return 0;
    CHECK_INT(out.rc, 1);
    CHECK_INT(data[0], want);
    return 1;
}

/* PITFALL 32 */
UDP_TEST("a datagram that meets a cancellation is returned or still there")
{
    int a = bind_any("127.0.0.1");
    rota_address to = address_of(a);
    for (int i = 0; i < ROUNDS; i++) {
        char data[64] = "", c = (char)('a' + i % 26);
        rota_task *t = rota_create_task(receive_one, a, data);
        CHECK_INT(rota_checkpoint(), 0); /* it waits now */
        bool first = i % 2;
        if (first)
            rota_task_cancel(t, NULL);
        CHECK_INT(rota_sendto(a, &c, 1, &to), 1);
        if (!first)
            rota_task_cancel(t, NULL);
        if (!received_of(t, data, c)) {
            CHECK_INT(rota_recvfrom(a, data, sizeof data, NULL), 1);
            CHECK_INT(data[0], c);
        }
    }
    CHECK_INT(rota_close(a), 0);
    return 0;
}

/* PITFALLS 24, 32 */
UDP_TEST("a datagram that meets a close is returned, or gone with the socket")
{
    int got = 0, peer = bind_any("127.0.0.1");
    for (int i = 0; i < ROUNDS / 4; i++) {
        char data[64] = "";
        int a = bind_any("127.0.0.1");
        rota_address to = address_of(a);
        rota_task *t = rota_create_task(receive_one, a, data);
        CHECK_INT(rota_checkpoint(), 0);
        if (i % 3)
            CHECK_INT(rota_sendto(peer, "x", 1, &to), 1);
        if (i % 3 == 2)
            CHECK_INT(rota_checkpoint(), 0);
        CHECK_INT(rota_close(a), 0);
        int rc = rota_await(t);
        if (rc != 1)
            CHECK_INT(rc, -EBADF);
        got += rc == 1;
    }
    CHECK(got > 0);
    CHECK_INT(rota_close(peer), 0);
    return 0;
}

/* ------------------------------------------------------------- batches */

enum { MANY = 100, BYTES = 100 };

static void fill_batch(rota_datagram *d, unsigned count, char (*data)[BYTES],
                       const rota_address *to)
{
    for (unsigned i = 0; i < count; i++) {
        memset(data[i], (int)i, BYTES);
        d[i] = (rota_datagram){ .data = data[i], .size = i + 1 };
        if (to)
            d[i].peer = *to;
    }
}

/* Receives `count` datagrams as fill_batch has made them. */
static void expect_batch(int fd, unsigned count, int port)
{
    static char data[MANY][BYTES];
    rota_datagram d[MANY];
    for (unsigned got = 0; got < count;) {
        for (unsigned i = 0; i < MANY; i++)
            d[i] = (rota_datagram){ .data = data[i], .size = BYTES };
        int n = rota_recvmmsg(fd, d, MANY);
        CHECK(n > 0 && n <= ROTA_RECV_MOST);
        for (int i = 0; i < n; i++, got++) {
            CHECK_INT(d[i].len, got + 1);
            CHECK_INT(data[i][got], (int)got);
            CHECK_INT(ntohs(d[i].peer.v4.sin_port), port);
            CHECK(!d[i].cut && d[i].segment == 0 && d[i].local.len == 0);
        }
    }
}

UDP_TEST("a batch arrives whole, in its order, by few calls")
{
    static char data[MANY][BYTES];
    rota_datagram d[MANY];
    int a = bind_any("127.0.0.1"), b = bind_any("127.0.0.1");
    rota_address to = address_of(b);
    fill_batch(d, MANY, data, &to);
    CHECK_INT(rota_sendmmsg(a, d, MANY), MANY);
    CHECK_INT(d[MANY - 1].len, MANY);
    expect_batch(b, MANY, udp_port(a));
    CHECK_INT(rota_sendmmsg(a, d, 0), 0);
    CHECK_INT(rota_recvmmsg(b, d, 0), -EINVAL);
    CHECK_INT(rota_close(a) + rota_close(b), 0);
    return 0;
}

static ROTA_ASYNC(receive_batch, (int, fd), (rota_datagram *, d), (int, count))
{
    return rota_recvmmsg(fd, d, (unsigned)count);
}

UDP_TEST("a batch waits for the first datagram only, and tells of cut ones")
{
    char data[3][8];
    rota_datagram d[3];
    for (int i = 0; i < 3; i++)
        d[i] = (rota_datagram){ .data = data[i], .size = 4 };
    int a = bind_any("127.0.0.1");
    rota_address to = address_of(a);
    rota_task *t = rota_create_task(receive_batch, a, d, 3);
    settle();
    say(a, "longer", &to);
    CHECK_INT(rota_await(t), 1);
    CHECK(d[0].cut && d[0].len == 4 && memcmp(data[0], "long", 4) == 0);
    t = rota_create_task(receive_batch, a, d, 3);
    settle();
    CHECK_INT(rota_close(a), 0);
    CHECK_INT(rota_await(t), -EBADF);
    return 0;
}

UDP_TEST("a batch that fails in its middle says how far it came")
{
    static char much[70000];
    int a = bind_any("127.0.0.1"), b = bind_any("127.0.0.1");
    rota_address to = address_of(b);
    rota_datagram d[3] = {
        { .data = "one", .size = 3, .peer = to },
        { .data = much, .size = sizeof much, .peer = to },
        { .data = "three", .size = 5, .peer = to },
    };
    CHECK_INT(rota_sendmmsg(a, d, 3), 1);
    CHECK_INT(rota_sendmmsg(a, d + 1, 2), -EMSGSIZE);
    CHECK_INT(rota_sendmmsg(a, d + 2, 1), 1);
    expect(b, "one", NULL);
    expect(b, "three", NULL);
    CHECK_INT(rota_close(a) + rota_close(b), 0);
    return 0;
}

/* PITFALL 32 */
UDP_TEST("a batch that meets a cancellation loses no datagram")
{
    int a = bind_any("127.0.0.1");
    rota_address to = address_of(a);
    for (int i = 0; i < ROUNDS / 4; i++) {
        char data[2][8], c[2] = { 'x', 'y' };
        rota_datagram d[2] = { { .data = data[0], .size = 8 },
                               { .data = data[1], .size = 8 } };
        rota_task *t = rota_create_task(receive_batch, a, d, 2);
        CHECK_INT(rota_checkpoint(), 0);
        CHECK_INT(rota_sendto(a, &c[0], 1, &to), 1);
        if (i % 2)
            CHECK_INT(rota_checkpoint(), 0);
        rota_task_cancel(t, NULL);
        CHECK_INT(rota_sendto(a, &c[1], 1, &to), 1);
        rota_outcome out;
        CHECK_INT(rota_join(t, &out), 0);
        rota_task_unref(t);
        int got = out.state == ROTA_CANCELLED ? 0 : out.rc;
        for (; got < 2; got++) {
            CHECK_INT(rota_recvfrom(a, data[0], 8, NULL), 1);
            CHECK_INT(data[0][0], c[got]);
        }
    }
    CHECK_INT(rota_close(a), 0);
    return 0;
}

/* ------------------------------------------------------------ segments */

enum { SEGMENT = 1200, SEGMENTED = 150000 };

/* Sends SEGMENTED bytes in segments, in two datagrams of a batch. */
static void send_segments(int fd, const rota_address *to)
{
    static char data[SEGMENTED];
    for (int i = 0; i < SEGMENTED; i++)
        data[i] = (char)(i / SEGMENT);
    rota_datagram d[2] = {
        { .data = data, .size = SEGMENTED, .segment = SEGMENT },
        { .data = "end", .size = 3, .segment = SEGMENT },
    };
    if (to)
        d[0].peer = d[1].peer = *to;
    CHECK_INT(rota_sendmmsg(fd, d, 2), 2);
    CHECK_INT(d[0].len, SEGMENTED);
    CHECK_INT(d[1].len, 3);
}

static void check_segment(const char *data, size_t len, size_t nth)
{
    size_t at = nth * SEGMENT, left = SEGMENTED - at;
    CHECK_INT(len, left < SEGMENT ? left : SEGMENT);
    for (size_t i = 0; i < len; i++)
        CHECK_INT(data[i], (char)nth);
}

/* Receives them, joined or not; how many rota_recvmmsg gave. */
static int expect_segments(int fd)
{
    static char data[65536];
    size_t got = 0;
    int calls = 0;
    for (;; calls++) {
        rota_datagram d = { .data = data, .size = sizeof data };
        CHECK_INT(rota_recvmmsg(fd, &d, 1), 1);
        CHECK(!d.cut);
        if (d.len == 3 && memcmp(data, "end", 3) == 0)
            break;
        size_t each = d.segment ? d.segment : d.len;
        for (size_t at = 0; at < d.len; at += each, got++)
            check_segment(data + at, d.len - at < each ? d.len - at : each,
                          got);
    }
    CHECK_INT(got, SEGMENTED / SEGMENT);
    return calls;
}

static int segments_between(const rota_udp_options *receiver, bool refuse)
{
    rota_udp_options o = *receiver;
    o.receive_buffer = 1 << 20;
    int b = bind_with("127.0.0.1", &o), a = bind_any("127.0.0.1");
    rota_address to = address_of(b);
    int on = 1; /* without checksums the kernel does not cut */
    if (refuse)
        CHECK_INT(setsockopt(a, SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
    send_segments(a, &to);
    int calls = expect_segments(b);
    CHECK_INT(rota_close(a) + rota_close(b), 0);
    return calls;
}

static bool small_buffers(void)
{
    int fd = bind_with("127.0.0.1",
                       &(rota_udp_options){ .receive_buffer = 1 << 20 });
    int size = 0;
    socklen_t len = sizeof size;
    CHECK_INT(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len), 0);
    CHECK_INT(rota_close(fd), 0);
    return size < 400000; /* 125 datagrams, and what the kernel adds to each */
}

UDP_TEST("segments arrive as datagrams of their own")
{
    test_needs_kernel();
    if (small_buffers())
        test_skip("net.core.rmem_max is too small");
    CHECK_INT(segments_between(&(rota_udp_options){ 0 }, false),
              SEGMENTED / SEGMENT);
    return 0;
}

UDP_TEST("where the kernel does not cut segments the same arrives")
{
    test_needs_kernel();
    if (small_buffers())
        test_skip("net.core.rmem_max is too small");
    CHECK_INT(segments_between(&(rota_udp_options){ 0 }, true),
              SEGMENTED / SEGMENT);
    return 0;
}

UDP_TEST("what the kernel joins comes with the length of its parts")
{
    test_needs_kernel();
    if (small_buffers())
        test_skip("net.core.rmem_max is too small");
    /* What it was given as one, and cuts, it keeps together for a receiver on
     * this machine (Linux 5.0); cut by us, it may or may not join. */
    CHECK(segments_between(&(rota_udp_options){ .gro = true }, false) <
          SEGMENTED / SEGMENT);
    CHECK(segments_between(&(rota_udp_options){ .gro = true }, true) <=
          SEGMENTED / SEGMENT);
    return 0;
}

UDP_TEST("segments above the MTU go out as the datagrams they are")
{
    test_needs_kernel();
    static char data[65507 * 2];
    int b = bind_with("127.0.0.1",
                      &(rota_udp_options){ .receive_buffer = 1 << 20 });
    int a = rota_udp_connect("127.0.0.1", udp_port(b), NULL);
    rota_datagram d = { .data = data, .size = 40000, .segment = 30000 };
    CHECK_INT(rota_sendmmsg(a, &d, 1), 1);
    CHECK_INT(rota_recvfrom(b, data, sizeof data, NULL), 30000);
    CHECK_INT(rota_recvfrom(b, data, sizeof data, NULL), 10000);
    /* One that is no datagram at all is refused, cut or not. */
    d = (rota_datagram){ .data = data, .size = sizeof data, .segment = 65508 };
    CHECK_INT(rota_sendmmsg(a, &d, 1), -EMSGSIZE);
    CHECK_INT(rota_close(a) + rota_close(b), 0);
    return 0;
}

UDP_TEST("segments on a Unix socket are datagrams too")
{
    int ends[2];
    CHECK_INT(
        socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
        0);
    rota_datagram d = { .data = "abcde", .size = 5, .segment = 2 };
    CHECK_INT(rota_sendmmsg(ends[0], &d, 1), 1);
    expect(ends[1], "ab", NULL);
    expect(ends[1], "cd", NULL);
    expect(ends[1], "e", NULL);
    CHECK_INT(rota_close(ends[0]) + rota_close(ends[1]), 0);
    return 0;
}

/* --------------------------------------------- addresses and groups */

/* Sends to one of this machine's addresses, and echoes as it came. */
static void echo_of(const char *server, const char *host, const char *local)
{
    char data[16], text[ROTA_ADDRESS_TEXT];
    int s = bind_with(server, &(rota_udp_options){ .packet_info = true });
    int c = rota_udp_connect(host, udp_port(s), NULL);
    CHECK(c >= 0);
    say(c, "whom?", NULL);
    rota_datagram d = { .data = data, .size = sizeof data };
    CHECK_INT(rota_recvmmsg(s, &d, 1), 1);
    rota_address_format(&d.local, text);
    CHECK_STR(text, local);
    d.size = d.len;
    CHECK_INT(rota_sendmmsg(s, &d, 1), 1);
    expect(c, "whom?", NULL); /* it takes none from another address */
    CHECK_INT(rota_close(s) + rota_close(c), 0);
}

UDP_TEST("a server for all addresses answers from the one that was asked")
{
    echo_of("0.0.0.0", "127.0.0.1", "127.0.0.1:0");
    echo_of("0.0.0.0", "127.1.2.3", "127.1.2.3:0");
    if (has_v6()) {
        echo_of("::1", "::1", "[::1]:0");
        echo_of(NULL, "::1", "[::1]:0");
        echo_of(NULL, "127.1.2.3", "[::ffff:127.1.2.3]:0");
    }
    return 0;
}

UDP_TEST("who has joined a group gets what is sent to it, and no longer")
{
    test_needs_kernel();
    rota_udp_options o = { .reuse_address = true };
    int a = bind_with("0.0.0.0", &o);
    int b = rota_udp_bind("0.0.0.0", udp_port(a), &o);
    CHECK(b >= 0);
    rota_udp_options out = { .multicast_interface = "lo", .multicast_ttl = 1 };
    int s = rota_udp_connect("239.255.1.2", udp_port(a), &out);
    if (s == -ENETUNREACH)
        s = -1;
    CHECK_INT(rota_udp_join(a, "239.255.1.2", "lo"), 0);
    CHECK_INT(rota_udp_join(a, "239.255.1.2", "lo"), -EADDRINUSE);
    CHECK_INT(rota_udp_join(b, "239.255.1.2", "lo"), 0);
    CHECK(s >= 0);
    say(s, "all", NULL);
    expect(a, "all", NULL);
    expect(b, "all", NULL);
    CHECK_INT(rota_udp_leave(a, "239.255.1.2", "lo"), 0);
    CHECK_INT(rota_udp_leave(a, "239.255.1.2", "lo"), -EADDRNOTAVAIL);
    say(s, "b alone", NULL);
    expect(b, "b alone", NULL);
    struct pollfd p = { .fd = a, .events = POLLIN };
    CHECK_INT(poll(&p, 1, 0), 0);
    CHECK_INT(rota_close(a) + rota_close(b) + rota_close(s), 0);
    return 0;
}

UDP_TEST("an IPv6 group is joined by its interface's name")
{
    test_needs_kernel();
    if (!has_v6())
        return 0;
    rota_udp_options o = { .multicast_interface = "lo" };
    int a = bind_with("::", &o), s = bind_with("::", &o);
    CHECK_INT(rota_udp_join(a, "ff01::1234", "lo"), 0);
    rota_address to = address_of(a);
    CHECK_INT(inet_pton(AF_INET6, "ff01::1234", &to.v6.sin6_addr), 1);
    ssize_t n = rota_sendto(s, "six", 3, &to);
    if (n != -ENETUNREACH) { /* this machine's loopback has such a route */
        CHECK_INT(n, 3);
        expect(a, "six", NULL);
    }
    CHECK_INT(rota_udp_leave(a, "ff01::1234%lo", NULL), 0);
    CHECK_INT(rota_close(a) + rota_close(s), 0);
    return 0;
}

UDP_TEST("a group or an interface that is none is refused")
{
    test_needs_kernel();
    int a = bind_any("127.0.0.1");
    CHECK_INT(rota_udp_join(a, "127.0.0.1", NULL), -EINVAL);
    CHECK_INT(rota_udp_join(a, "a-name", NULL), -EINVAL);
    CHECK_INT(rota_udp_join(a, "", NULL), -EINVAL);
    CHECK_INT(rota_udp_join(a, NULL, NULL), -EINVAL);
    CHECK_INT(rota_udp_join(a, "239.1.2.3", "no-such-if"), -ENODEV);
    CHECK_INT(rota_udp_join(-1, "239.1.2.3", NULL), -EBADF);
    CHECK_INT(rota_close(a), 0);
    return 0;
}

UDP_TEST("a broadcast needs its option")
{
    test_needs_kernel();
    int b = bind_any("0.0.0.0"), a = bind_any("127.0.0.1");
    int c = bind_with("127.0.0.1", &(rota_udp_options){ .broadcast = true });
    rota_address to = address_of(b);
    CHECK_INT(inet_pton(AF_INET, "127.255.255.255", &to.v4.sin_addr), 1);
    CHECK_INT(rota_sendto(a, "x", 1, &to), -EACCES);
    say(c, "all", &to);
    expect(b, "all", NULL);
    CHECK_INT(rota_close(a) + rota_close(b) + rota_close(c), 0);
    return 0;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    CHECK_INT(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

UDP_TEST("options are set, for both protocols, and bad ones refused")
{
    rota_udp_options o = { .reuse_port = true,
                           .receive_buffer = 8192,
                           .send_buffer = 16384,
                           .ttl = 7,
                           .dont_fragment = true,
                           .multicast_ttl = 9,
                           .gro = true,
                           .multicast_no_loop = true };
    int a = bind_with(has_v6() ? "::" : "0.0.0.0", &o);
    CHECK_INT(option(a, SOL_SOCKET, SO_REUSEPORT), 1);
    CHECK_INT(option(a, SOL_SOCKET, SO_REUSEADDR), 0);
    CHECK_INT(option(a, SOL_SOCKET, SO_RCVBUF), 2 * 8192); /* socket(7) */
    CHECK_INT(option(a, SOL_SOCKET, SO_SNDBUF), 2 * 16384);
    CHECK_INT(option(a, IPPROTO_IP, IP_TTL), 7);
    CHECK_INT(option(a, IPPROTO_IP, IP_MULTICAST_TTL), 9);
    CHECK_INT(option(a, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
    CHECK_INT(option(a, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DO);
    if (has_v6()) {
        CHECK_INT(option(a, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 7);
        CHECK_INT(option(a, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 9);
        CHECK_INT(option(a, IPPROTO_IPV6, IPV6_V6ONLY), 0);
    }
    CHECK(fcntl(a, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(a, F_GETFD) & FD_CLOEXEC);
    int b = rota_udp_bind(has_v6() ? "::" : "0.0.0.0", udp_port(a), &o);
    CHECK(b >= 0); /* the port is shared */
    CHECK_INT(rota_udp_bind("127.0.0.1", udp_port(a), NULL), -EADDRINUSE);
    CHECK_INT(rota_close(a) + rota_close(b), 0);
    o = (rota_udp_options){ .ttl = 300 };
    CHECK_INT(rota_udp_bind("127.0.0.1", 0, &o), -EINVAL);
    o = (rota_udp_options){ .multicast_interface = "no-such-if" };
    CHECK_INT(rota_udp_bind("127.0.0.1", 0, &o), -ENODEV);
    CHECK_INT(rota_udp_bind("127.0.0.1", 70000, NULL), -EINVAL);
    CHECK_INT(rota_udp_bind("127.0.0.1:9", 0, NULL), -EINVAL);
    CHECK_INT(rota_udp_connect("127.0.0.1", -1, NULL), -EINVAL);
    CHECK_INT(rota_udp_bind("192.0.2.1", 0, NULL), -EADDRNOTAVAIL);
    return 0;
}

/* -------------------------------------------------------- Unix sockets */

static ROTA_ASYNC(send_many, (int, fd), (int, count), (rota_address *, to))
{
    for (int i = 0; i < count; i++) {
        char c = (char)i;
        ssize_t n = rota_sendto(fd, &c, 1, to);
        if (n < 0)
            return (int)n;
    }
    return 0;
}

static void expect_bytes(int fd, int count)
{
    for (int i = 0; i < count; i++) {
        char c;
        CHECK_INT(rota_recvfrom(fd, &c, 1, NULL), 1);
        CHECK_INT(c, (char)i);
    }
}

enum { MORE_THAN_QUEUE = 700 }; /* net.unix.max_dgram_qlen is 512 at most */

UDP_TEST("a sender waits while a Unix receiver's queue is full")
{
    int ends[2];
    CHECK_INT(
        socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
        0);
    rota_task *t = rota_create_task(send_many, ends[0], MORE_THAN_QUEUE, NULL);
    settle();
    expect_bytes(ends[1], MORE_THAN_QUEUE);
    CHECK_INT(rota_await(t), 0);
    t = rota_create_task(send_many, ends[0], 1 << 20, NULL);
    settle();
    CHECK_INT(rota_close(ends[0]), 0); /* who waits to send is told */
    CHECK_INT(rota_await(t), -EBADF);
    CHECK_INT(rota_close(ends[1]), 0);
    return 0;
}

static int unix_bound(rota_address *a)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    CHECK_INT(bind(fd, (struct sockaddr *)&un, sizeof(sa_family_t)), 0);
    *a = address_of(fd); /* an abstract one, of the kernel's choice */
    return fd;
}

UDP_TEST("a Unix receiver that is not connected to makes its sender wait")
{
    rota_address at, other;
    int receiver = unix_bound(&at), sender = unix_bound(&other);
    char text[ROTA_ADDRESS_TEXT];
    rota_address_format(&at, text);
    CHECK_HAS(text, "unix:@");
    rota_task *t = rota_create_task(send_many, sender, MORE_THAN_QUEUE, &at);
    settle();
    expect_bytes(receiver, MORE_THAN_QUEUE);
    CHECK_INT(rota_await(t), 0);
    t = rota_create_task(send_many, sender, 1 << 20, &at);
    settle();
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    t = rota_create_task(send_many, sender, 1 << 20, &at);
    settle();
    CHECK_INT(rota_close(sender), 0);
    CHECK_INT(rota_await(t), -EBADF);
    CHECK_INT(rota_close(receiver), 0);
    return 0;
}
