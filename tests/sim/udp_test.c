/* Datagrams in a simulated network: lost, doubled, overtaking, refused. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "rota.h"
#include "sim.h"

static int bind_at(const char *host, int port)
{
    int fd = rota_udp_bind(host, port, NULL);
    CHECK(fd >= 0);
    return fd;
}

static int connect_to(const char *host, int port)
{
    int fd = rota_udp_connect(host, port, NULL);
    CHECK(fd >= 0);
    return fd;
}

static void say(int fd, const char *text)
{
    CHECK_INT(rota_sendto(fd, text, strlen(text), NULL), (ssize_t)strlen(text));
}

static void expect(int fd, const char *text, rota_address *from)
{
    char data[64];
    ssize_t n = rota_recvfrom(fd, data, sizeof data - 1, from);
    CHECK(n >= 0);
    data[n] = '\0';
    CHECK_STR(data, text);
}

static void close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        CHECK_INT(rota_close(fds[i]), 0);
}

static ROTA_ASYNC(echo, (int, fd))
{
    char data[64];
    rota_address from;
    ssize_t n;
    while ((n = rota_recvfrom(fd, data, sizeof data, &from)) >= 0)
        n = rota_sendto(fd, data, (size_t)n, &from);
    return (int)n;
}

SIM_TEST("a datagram goes to a host by name, and its answer comes back")
{
    int server = bind_at("dns.example", 53);
    rota_task *t = rota_create_task(echo, server);
    int fd = connect_to("dns.example", 53);
    say(fd, "query");
    expect(fd, "query", NULL);
    say(fd, "");
    expect(fd, "", NULL);
    close_all((int[]){ fd, server }, 2);
    CHECK_INT(rota_await(t), -EBADF);
}

SIM_TEST("nobody listens: the connected sender is told once")
{
    int fd = connect_to("10.1.1.1", 9), other = bind_at("10.1.1.2", 9);
    char data[8];
    say(fd, "anyone?");
    CHECK_INT(rota_recvfrom(fd, data, sizeof data, NULL), -ECONNREFUSED);
    int server = bind_at("10.1.1.1", 9);
    say(fd, "now?");
    expect(server, "now?", NULL);
    CHECK_INT(rota_udp_bind("10.1.1.1", 9, NULL), -EADDRINUSE);
    CHECK_INT(rota_sendto(other, "x", 1, NULL), -EDESTADDRREQ);
    close_all((int[]){ fd, other, server }, 3);
}

SIM_TEST("one too long is cut, and told, or refused at once")
{
    static char much[70000];
    int b = bind_at("10.0.0.1", 1), a = connect_to("10.0.0.1", 1);
    char data[5] = "....";
    say(a, "longest");
    CHECK_INT(rota_recvfrom(b, data, 4, NULL), -EMSGSIZE);
    CHECK_STR(data, "long");
    say(a, "next");
    expect(b, "next", NULL);
    CHECK_INT(rota_sendto(a, much, sizeof much, NULL), -EMSGSIZE);
    close_all((int[]){ a, b }, 2);
}

/* Sends 0 ... COUNT - 1; how many of each come, and whether out of order. */
enum { COUNT = 50 };

struct tally {
    int total, doubled, overtaken;
};

static struct tally send_numbers(void)
{
    struct tally tally = { 0 };
    int seen[COUNT] = { 0 }, last = -1;
    int b = bind_at("10.0.0.1", 1), a = connect_to("10.0.0.1", 1);
    for (unsigned char i = 0; i < COUNT; i++)
        CHECK_INT(rota_sendto(a, &i, 1, NULL), 1);
    ROTA_TIMEOUT (rota_seconds(1)) {
        unsigned char i;
        while (rota_recvfrom(b, &i, 1, NULL) == 1) {
            CHECK(i < COUNT);
            tally.total++;
            tally.doubled += seen[i]++ > 0;
            tally.overtaken += i < last;
            last = i;
        }
    }
    close_all((int[]){ a, b }, 2);
    return tally;
}

SIM_TEST("a faultless network delivers all, in their order")
{
    struct tally t = send_numbers();
    CHECK(t.total == COUNT && t.doubled == 0 && t.overtaken == 0);
}

/* Over all seeds: each fault must have been met. */
static int lost, doubled, overtaken;

SIM_TEST_WITH("a bad network loses, doubles and reorders", 200,
              .net = { .latency = rota_ms(5),
                       .jitter = rota_ms(20),
                       .lose_one_in = 10,
                       .duplicate_one_in = 10 })
{
    struct tally t = send_numbers();
    CHECK(t.total - t.doubled <= COUNT && t.doubled < COUNT);
    lost += COUNT - (t.total - t.doubled);
    doubled += t.doubled;
    overtaken += t.overtaken;
    CHECK(lost > 0 && doubled > 0 && overtaken > 0); /* in the first already */
}

SIM_TEST_WITH("latency is what the network says", 20,
              .net = { .latency = rota_ms(40) })
{
    int server = bind_at("10.0.0.1", 1), fd = connect_to("10.0.0.1", 1);
    rota_task *t = rota_create_task(echo, server);
    rota_time began = rota_now();
    say(fd, "ping");
    expect(fd, "ping", NULL);
    CHECK_INT(rota_now() - began, rota_ms(80));
    close_all((int[]){ fd, server }, 2);
    CHECK_INT(rota_await(t), -EBADF);
}

SIM_TEST("what is sent to a host that is cut off is lost")
{
    int server = bind_at("10.0.0.1", 1), fd = connect_to("10.0.0.1", 1);
    CHECK_INT(rota_sim_partition("10.0.0.1"), 0);
    say(fd, "lost");
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(rota_sim_heal("10.0.0.1"), 0);
    say(fd, "found");
    expect(server, "found", NULL);
    close_all((int[]){ fd, server }, 2);
}

SIM_TEST_WITH("what a receiver has no room for is lost", 50,
              .net = { .buffer = 10 })
{
    int server = bind_at("10.0.0.1", 1), fd = connect_to("10.0.0.1", 1);
    say(fd, "123456");
    say(fd, "7890");
    say(fd, "too much");
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    expect(server, "123456", NULL);
    say(fd, "again");
    expect(server, "7890", NULL);
    expect(server, "again", NULL);
    close_all((int[]){ fd, server }, 2);
}

static ROTA_ASYNC(receive_one, (int, fd), (char *, data))
{
    return (int)rota_recvfrom(fd, data, 1, NULL);
}

/* PITFALL 32 */
SIM_TEST("a datagram that meets a cancellation is returned or still there")
{
    int server = bind_at("10.0.0.1", 1), fd = connect_to("10.0.0.1", 1);
    char data = 0;
    rota_task *t = rota_create_task(receive_one, server, &data);
    for (uint64_t i = rota_sim_random(4); i > 0; i--)
        CHECK_INT(rota_checkpoint(), 0);
    say(fd, "x");
    for (uint64_t i = rota_sim_random(6); i > 0; i--)
        CHECK_INT(rota_checkpoint(), 0);
    rota_task_cancel(t, NULL);
    int rc = rota_await(t);
    if (rc == 1)
        CHECK_INT(data, 'x');
    else
        expect(server, "x", NULL);
    close_all((int[]){ fd, server }, 2);
}

/* PITFALL 24 */
SIM_TEST("closing ends who waits, and the number is used again")
{
    int server = bind_at("10.0.0.1", 1);
    char data;
    rota_task *t = rota_create_task(receive_one, server, &data);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(rota_close(server), 0);
    int fd = bind_at("10.0.0.2", 1);
    CHECK_INT(fd, server);
    CHECK_INT(rota_await(t), -EBADF);
    close_all(&fd, 1);
}

SIM_TEST("batches and segments go as single datagrams do")
{
    char data[8][4];
    rota_datagram d[8];
    int server = bind_at("10.0.0.1", 1), fd = connect_to("10.0.0.1", 1);
    rota_datagram out[2] = { { .data = "abcdefg", .size = 7, .segment = 3 },
                             { .data = "h", .size = 1 } };
    CHECK_INT(rota_sendmmsg(fd, out, 2), 2);
    char all[16] = "";
    for (int got = 0; got < 4;) {
        for (int i = 0; i < 8; i++)
            d[i] = (rota_datagram){ .data = data[i], .size = 3 };
        int n = rota_recvmmsg(server, d, 8);
        CHECK(n > 0);
        for (int i = 0; i < n; i++, got++) {
            strncat(all, data[i], d[i].len);
            strcat(all, "|");
        }
    }
    CHECK_STR(all, "abc|def|g|h|");
    close_all((int[]){ fd, server }, 2);
}

/* A server on all addresses answers from the one that was asked. */
static void echo_of(const char *server, const char *host)
{
    char data[8];
    rota_udp_options o = { .packet_info = true };
    int s = rota_udp_bind(server, 7, &o), c = connect_to(host, 7);
    CHECK(s >= 0);
    say(c, "whom?");
    rota_datagram d = { .data = data, .size = sizeof data };
    CHECK_INT(rota_recvmmsg(s, &d, 1), 1);
    d.size = d.len;
    CHECK_INT(rota_sendmmsg(s, &d, 1), 1);
    expect(c, "whom?", NULL);
    close_all((int[]){ s, c }, 2);
}

SIM_TEST_WITH("a server with many addresses answers from the one asked", 50,
              .run = { 0 })
{
    echo_of("0.0.0.0", "10.9.8.7");
    echo_of("::", "10.9.8.7");
    echo_of("::", "fd00::7");
    echo_of("fd00::7", "fd00::7");
}

SIM_TEST_WITH("groups and broadcasts reach all who want them", 50, .run = { 0 })
{
    rota_udp_options shared = { .reuse_address = true, .broadcast = true };
    int a = rota_udp_bind("0.0.0.0", 5353, &shared);
    int b = rota_udp_bind("0.0.0.0", 5353, &shared);
    int c = rota_udp_bind("0.0.0.0", 1000, &shared);
    CHECK(a >= 0 && b >= 0 && c >= 0);
    CHECK_INT(rota_udp_join(a, "239.1.2.3", "eth7"), 0);
    CHECK_INT(rota_udp_join(a, "239.1.2.3", NULL), -EADDRINUSE);
    CHECK_INT(rota_udp_join(a, "10.1.2.3", NULL), -EINVAL);
    CHECK_INT(rota_udp_leave(b, "239.1.2.3", NULL), -EADDRNOTAVAIL);
    int s = connect_to("239.1.2.3", 5353);
    say(s, "group");
    expect(a, "group", NULL);
    CHECK_INT(rota_udp_leave(a, "239.1.2.3", NULL), 0);
    say(s, "nobody");
    rota_address all;
    CHECK_INT(rota_getaddrinfo("255.255.255.255", 5353, AF_INET, &all, 1), 1);
    CHECK_INT(rota_sendto(c, "all", 3, &all), 3);
    expect(a, "all", NULL);
    expect(b, "all", NULL);
    int quiet = bind_at("10.0.0.1", 1);
    CHECK_INT(rota_sendto(quiet, "all", 3, &all), -EACCES);
    close_all((int[]){ a, b, c, s, quiet }, 5);
}

/* A name of a simulation has an address, and an address no name. */
SIM_TEST_WITH("names are known without a resolver", 20, .run = { 0 })
{
    rota_address a[2];
    char name[8];
    CHECK_INT(rota_getaddrinfo("db.example", 1, AF_UNSPEC, a, 2), 1);
    CHECK_INT(ntohl(a[0].v4.sin_addr.s_addr) >> 24, 10);
    CHECK_INT(rota_getnameinfo(a, name, sizeof name), -ENOENT);
    CHECK_INT(rota_getaddrinfo("db.example", 1, AF_INET6, a, 2), -ENOENT);
}

/* Stop and wait: each number until its echo comes, whatever gets lost. */
static void exchange(int fd, unsigned char number)
{
    unsigned char back;
    for (bool done = false; !done;) {
        CHECK_INT(rota_sendto(fd, &number, 1, NULL), 1);
        ROTA_TIMEOUT (rota_ms(100)) {
            while (!done && rota_recvfrom(fd, &back, 1, NULL) == 1)
                done = back == number;
        }
    }
}

SIM_TEST_WITH("a protocol of retries gets through a bad network", 300,
              .net = { .latency = rota_ms(5),
                       .jitter = rota_ms(20),
                       .lose_one_in = 3,
                       .duplicate_one_in = 5 })
{
    int server = bind_at("10.0.0.1", 1), fd = connect_to("10.0.0.1", 1);
    rota_task *t = rota_create_task(echo, server);
    for (unsigned char i = 0; i < 20; i++)
        exchange(fd, i);
    close_all((int[]){ fd, server }, 2);
    CHECK_INT(rota_await(t), -EBADF);
}
