/*
 * Names, with a resolver that does as the test says: getaddrinfo and
 * getnameinfo are wrapped at link level. What a real one does is in
 * dns_server_test.c.
 */
#include "pair.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "io/net.h"

/* ------------------------------------------------------ the resolver */

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate = PTHREAD_COND_INITIALIZER;
static bool closed; /* whoever asks waits */
static int asking, asking_most;
static atomic_int asked; /* since the test began */

static void close_gate(void)
{
    pthread_mutex_lock(&gate_lock);
    closed = true;
    pthread_mutex_unlock(&gate_lock);
}

static void open_gate(void)
{
    pthread_mutex_lock(&gate_lock);
    closed = false;
    pthread_cond_broadcast(&gate);
    pthread_mutex_unlock(&gate_lock);
}

static void pass_gate(void)
{
    pthread_mutex_lock(&gate_lock);
    if (++asking > asking_most)
        asking_most = asking;
    asked++;
    while (closed)
        pthread_cond_wait(&gate, &gate_lock);
    asking--;
    pthread_mutex_unlock(&gate_lock);
}

int __real_getaddrinfo(const char *host, const char *service,
                       const struct addrinfo *hints, struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *service,
                       const struct addrinfo *hints, struct addrinfo **out);

/* Ten times ::1, and then 127.0.0.1, twice. */
static int find_many(struct addrinfo **out)
{
    const struct addrinfo six = { .ai_family = AF_INET6,
                                  .ai_socktype = SOCK_STREAM };
    const struct addrinfo four = { .ai_family = AF_INET,
                                   .ai_socktype = SOCK_STREAM };
    for (int i = 0; i < 12; i++) {
        bool late = i >= 10;
        CHECK_INT(__real_getaddrinfo(late ? "127.0.0.1" : "::1", NULL,
                                     late ? &four : &six, out),
                  0);
        out = &(*out)->ai_next;
    }
    return 0;
}

/* "none", "silent" and "broken" are that, "many" has a dozen; any other is
 * 127.0.0.1 or ::1. */
int __wrap_getaddrinfo(const char *host, const char *service,
                       const struct addrinfo *hints, struct addrinfo **out)
{
    pass_gate();
    if (strstr(host, "none"))
        return EAI_NONAME;
    if (strstr(host, "silent"))
        return EAI_AGAIN;
    if (strstr(host, "broken")) {
        errno = ENETDOWN;
        return EAI_SYSTEM;
    }
    if (strstr(host, "many"))
        return find_many(out);
    const char *to = hints->ai_family == AF_INET6 ? "::1" : "127.0.0.1";
    return __real_getaddrinfo(to, service, hints, out);
}

int __wrap_getnameinfo(const struct sockaddr *a, socklen_t len, char *host,
                       socklen_t host_size, char *service,
                       socklen_t service_size, int flags);

int __wrap_getnameinfo(const struct sockaddr *a, socklen_t len, char *host,
                       socklen_t host_size, char *service,
                       socklen_t service_size, int flags)
{
    (void)len, (void)service, (void)service_size;
    CHECK_INT(flags, NI_NAMEREQD);
    pass_gate();
    if (a->sa_family == AF_INET6)
        return EAI_NONAME;
    snprintf(host, host_size, "host.test");
    return 0;
}

/* --------------------------------------------------------- the asking */

#define DNS_TEST(name_, ...)                                              \
    static int TEST_JOIN(dns_body_, __LINE__)(void *arg);                 \
    TEST(name_)                                                           \
    {                                                                     \
        int before = open_files();                                        \
        rota_run_options o = { __VA_ARGS__ };                             \
        CHECK_INT(rota_run(TEST_JOIN(dns_body_, __LINE__), NULL, &o), 0); \
        CHECK_INT(open_files(), before);                                  \
        rota_ledger l;                                                    \
        rota_ledger_get(&l);                                              \
        CHECK_INT(l.tasks + l.stacks + l.ops, 0);                         \
    }                                                                     \
    static int TEST_JOIN(dns_body_, __LINE__)(__attribute__((unused)) void *arg)

static int find(const char *host)
{
    rota_address a;
    int rc = rota_getaddrinfo(host, 80, AF_INET, &a, 1);
    if (rc > 0)
        CHECK_INT(ntohl(a.v4.sin_addr.s_addr), INADDR_LOOPBACK);
    return rc;
}

static ROTA_ASYNC(ask, (const char *, host))
{
    return find(host);
}

/* Waits until `n` threads ask, or have asked. */
static void until_asked(int n)
{
    while (asked < n)
        CHECK_INT(rota_sleep(rota_us(200)), 0);
}

enum { TASKS = 100 };

/* PITFALL 56 */
DNS_TEST("all who ask for a name meanwhile share one lookup", .threads = 0)
{
    rota_task *t[TASKS];
    close_gate();
    for (int i = 0; i < TASKS; i++)
        t[i] = rota_create_task(ask, i % 2 ? "one.test" : "ONE.Test");
    until_asked(1);
    settle();
    open_gate();
    for (int i = 0; i < TASKS; i++)
        CHECK_INT(rota_await(t[i]), 1);
    CHECK_INT(asked, 1);
    CHECK_INT(find("one.test"), 1); /* remembered */
    CHECK_INT(find("oNe.test"), 1);
    CHECK_INT(asked, 1);
    return 0;
}

/* PITFALL 56 */
DNS_TEST("failures are told, and only \"no such host\" is remembered",
         .threads = 0)
{
    for (int i = 0; i < 3; i++) {
        CHECK_INT(find("none.test"), -ENOENT);
        CHECK_INT(asked, 1);
    }
    asked = 0;
    for (int i = 1; i <= 3; i++) {
        CHECK_INT(find("silent.test"), -EAGAIN);
        CHECK_INT(asked, i);
    }
    asked = 0;
    for (int i = 1; i <= 3; i++) {
        CHECK_INT(find("broken.test"), -ENETDOWN);
        CHECK_INT(asked, i);
    }
    return 0;
}

DNS_TEST("what is remembered is forgotten when its time is over",
         .dns_ttl = rota_ms(5), .dns_negative_ttl = rota_ms(5))
{
    CHECK_INT(find("one.test"), 1);
    CHECK_INT(find("none.test"), -ENOENT);
    CHECK_INT(rota_sleep(rota_ms(6)), 0);
    asked = 0;
    CHECK_INT(find("one.test"), 1);
    CHECK_INT(find("none.test"), -ENOENT);
    CHECK_INT(asked, 2);
    return 0;
}

DNS_TEST("nothing is remembered where the options say so", .dns_ttl = -1,
         .dns_negative_ttl = -1)
{
    for (int i = 0; i < 3; i++) {
        CHECK_INT(find("one.test"), 1);
        CHECK_INT(find("none.test"), -ENOENT);
    }
    CHECK_INT(asked, 6);
    return 0;
}

DNS_TEST("as many names are remembered as the options say", .dns_cache = 4)
{
    char host[32];
    for (int i = 0; i < 10; i++) {
        snprintf(host, sizeof host, "h%d.test", i);
        CHECK_INT(find(host), 1);
    }
    CHECK_INT(asked, 10);
    for (int i = 6; i < 10; i++) {
        snprintf(host, sizeof host, "h%d.test", i);
        CHECK_INT(find(host), 1);
    }
    CHECK_INT(asked, 10);
    CHECK_INT(find("h5.test"), 1);
    CHECK_INT(asked, 11);
    return 0;
}

DNS_TEST("each family is asked for by itself", .threads = 0)
{
    rota_address a;
    CHECK_INT(rota_getaddrinfo("one.test", 80, AF_INET6, &a, 1), 1);
    CHECK_INT(a.any.sa_family, AF_INET6);
    CHECK_INT(ntohs(a.v6.sin6_port), 80);
    CHECK_INT(rota_getaddrinfo("one.test", 81, AF_INET, &a, 1), 1);
    CHECK_INT(a.any.sa_family, AF_INET);
    CHECK_INT(ntohs(a.v4.sin_port), 81);
    CHECK_INT(asked, 2);
    return 0;
}

DNS_TEST("of a host's addresses the best is first, then families take turns",
         .threads = 0)
{
    rota_address a[16];
    CHECK_INT(rota_getaddrinfo("many.test", 80, AF_UNSPEC, a, 16), 12);
    for (int i = 0; i < 12; i++) {
        int family = i == 1 || i == 3 ? AF_INET : AF_INET6;
        CHECK_INT(a[i].any.sa_family, family);
    }
    CHECK_INT(rota_getaddrinfo("many.test", 80, AF_INET6, a, 16), 12);
    return 0;
}

/* STRM-15 */
DNS_TEST("many dead addresses of a host do not hide one that is alive",
         .threads = 0)
{
    rota_stream *s;
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    int listener = rota_listen("127.0.0.1", 0, NULL);
    CHECK(listener >= 0);
    CHECK_INT(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    CHECK_INT(rota_open_connection("many.test", ntohs(at.sin_port), &s), 0);
    rota_stream_close(s);
    return rota_close(listener);
}

/* -------------------------------------------------------- cancelling */

/* PITFALL 56 */
DNS_TEST("who is cancelled goes at once, for the others the lookup goes on",
         .threads = 0)
{
    close_gate();
    rota_task *t[3];
    for (int i = 0; i < 3; i++)
        t[i] = rota_create_task(ask, "one.test");
    until_asked(1);
    for (int i = 0; i < 2; i++) {
        rota_task_cancel(t[i], NULL);
        CHECK_INT(rota_await(t[i]), -ROTA_ECHILD); /* the gate is closed */
    }
    open_gate();
    CHECK_INT(rota_await(t[2]), 1);
    CHECK_INT(asked, 1);
    return 0;
}

/* PITFALLS 55, 56 */
DNS_TEST("a lookup nobody waits for any more is there for the next to ask",
         .threads = 0)
{
    close_gate();
    rota_task *t = rota_create_task(ask, "one.test");
    until_asked(1);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    t = rota_create_task(ask, "one.test"); /* joins it */
    settle();
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    open_gate();
    CHECK_INT(find("one.test"), 1);
    CHECK_INT(asked, 1);
    return 0;
}

DNS_TEST("a lookup that waits for a thread is called off with its last asker",
         .dns_threads = 1)
{
    close_gate();
    rota_task *first = rota_create_task(ask, "one.test");
    until_asked(1);
    rota_task *a = rota_create_task(ask, "two.test");
    rota_task *b = rota_create_task(ask, "two.test");
    settle();
    rota_task_cancel(a, NULL);
    rota_task_cancel(b, NULL);
    CHECK_INT(rota_await(a), -ROTA_ECHILD);
    CHECK_INT(rota_await(b), -ROTA_ECHILD);
    rota_task *again = rota_create_task(ask, "two.test");
    settle();
    open_gate();
    CHECK_INT(rota_await(first), 1);
    CHECK_INT(rota_await(again), 1);
    CHECK_INT(asked, 2);
    return 0;
}

static int asks_until_cancelled(void *arg)
{
    (void)arg;
    rota_task *t = rota_create_task(ask, "one.test");
    until_asked(1);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    return 7;
}

static void *open_later(void *arg)
{
    while (asked < 1)
        usleep(1000);
    usleep(20000);
    open_gate();
    return arg;
}

/* PITFALL 55 */
TEST("a run ends with a lookup under way, and leaves nothing")
{
    pthread_t opener;
    close_gate();
    CHECK_INT(pthread_create(&opener, NULL, open_later, NULL), 0);
    CHECK_INT(rota_run(asks_until_cancelled, NULL, NULL), 7);
    CHECK_INT(pthread_join(opener, NULL), 0);
    rota_ledger l;
    rota_ledger_get(&l);
    CHECK_INT(l.tasks + l.stacks + l.ops, 0);
}

enum { ROUNDS = 300 };

DNS_TEST("answers and cancellations meet in any order", .dns_ttl = -1,
         .dns_threads = 2)
{
    for (int i = 0; i < ROUNDS; i++) {
        rota_task *t[4];
        for (int k = 0; k < 4; k++)
            t[k] = rota_create_task(ask, k % 2 ? "one.test" : "two.test");
        for (int k = 0; k < i % 7; k++)
            CHECK_INT(rota_checkpoint(), 0);
        for (int k = i % 3; k < 4; k += 2)
            rota_task_cancel(t[k], NULL);
        for (int k = 0; k < 4; k++) {
            int rc = rota_await(t[k]);
            CHECK(rc == 1 || rc == -ROTA_ECHILD);
        }
    }
    return 0;
}

/* ------------------------------------------------------------ threads */

static int answer(void *arg)
{
    return *(int *)arg;
}

static ROTA_ASYNC(ask_number, (int, i))
{
    char host[32];
    snprintf(host, sizeof host, "h%d.test", i);
    return find(host);
}

/* PITFALLS 54, 56 */
DNS_TEST("100 slow lookups leave files, user work and computing alone",
         .threads = 1)
{
    rota_task *t[TASKS];
    close_gate();
    for (int i = 0; i < TASKS; i++)
        t[i] = rota_create_task(ask_number, i);
    until_asked(32);
    int number = 42;
    CHECK_INT(rota_to_thread(answer, &number), 42);
    CHECK_INT(rota_to_cpu(answer, &number), 42);
    rota_arena arena;
    rota_str text;
    rota_arena_init(&arena, NULL, 0);
    CHECK_INT(rota_read_file("/proc/self/stat", &arena, 65536, &text), 0);
    CHECK(text.len > 0);
    rota_arena_fini(&arena);
    CHECK_INT(asked, 32); /* no more threads than these */
    CHECK_INT(
        rota_getaddrinfo("127.0.0.1", 0, AF_INET, &(rota_address){ 0 }, 1), 1);
    open_gate();
    for (int i = 0; i < TASKS; i++)
        CHECK_INT(rota_await(t[i]), 1);
    CHECK_INT(asked, TASKS);
    CHECK_INT(asking_most, 32);
    return 0;
}

/* What all but the threads of files can do, and those of names. */
static void check_others(void)
{
    int number = 42, ends[2];
    char c;
    CHECK_INT(rota_to_thread(answer, &number), 42);
    CHECK_INT(rota_to_cpu(answer, &number), 42);
    CHECK_INT(find("meanwhile.test"), 1);
    CHECK_INT(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    CHECK_INT(rota_write(ends[1], "x", 1), 1);
    CHECK_INT(rota_read(ends[0], &c, 1), 1);
    CHECK_INT(rota_close(ends[0]), 0);
    CHECK_INT(rota_close(ends[1]), 0);
}

static atomic_bool released;
static atomic_int held;

int __wrap_chmod(const char *path, mode_t mode);

/* A file system that does not answer. */
int __wrap_chmod(const char *path, mode_t mode)
{
    (void)path, (void)mode;
    atomic_fetch_add(&held, 1);
    while (!atomic_load(&released))
        usleep(200);
    return 0;
}

static ROTA_ASYNC(change_mode, (const char *, path))
{
    return rota_chmod(path, 0700);
}

/* PITFALL 54 */
DNS_TEST("calls on files that hang leave user work, computing and names alone",
         .threads = 1)
{
    enum { THREADS = 64 };
    rota_task *t[TASKS]; /* more than files have threads */
    for (int i = 0; i < TASKS; i++)
        t[i] = rota_create_task(change_mode, "/remote");
    while (atomic_load(&held) < THREADS)
        CHECK_INT(rota_sleep(rota_us(200)), 0);
    check_others();
    CHECK_INT(atomic_load(&held), THREADS);
    atomic_store(&released, true);
    return rota_gather(t, TASKS, NULL, 0);
}

static int hold(void *arg)
{
    (void)arg;
    while (!atomic_load(&released))
        usleep(200);
    return 0;
}

static ROTA_ASYNC(hold_thread, (bool, computes))
{
    return computes ? rota_to_cpu(hold, NULL) : rota_to_thread(hold, NULL);
}

/* PITFALL 54 */
DNS_TEST("user work and computing that block all threads leave names alone",
         .threads = 2, .cpu_threads = 1)
{
    rota_task *t[8];
    for (int i = 0; i < 8; i++)
        t[i] = rota_create_task(hold_thread, i % 2 == 1);
    settle();
    CHECK_INT(find("meanwhile.test"), 1);
    for (int i = 0; i < 8; i++)
        CHECK(!rota_task_done(t[i]));
    atomic_store(&released, true);
    return rota_gather(t, 8, NULL, 0);
}

DNS_TEST("as many threads look up names as the options say", .dns_threads = 3)
{
    rota_task *t[TASKS];
    for (int i = 0; i < TASKS; i++)
        t[i] = rota_create_task(ask_number, i);
    for (int i = 0; i < TASKS; i++)
        CHECK_INT(rota_await(t[i]), 1);
    CHECK(asking_most <= 3);
    return 0;
}

/* ---------------------------------------------------- without a resolver */

static void check_known(const char *host, const char *text)
{
    rota_address a;
    char got[ROTA_ADDRESS_TEXT];
    CHECK_INT(rota_getaddrinfo(host, 80, AF_UNSPEC, &a, 1), 1);
    rota_address_format(&a, got);
    CHECK_STR(got, text);
}

/* PITFALL 56 */
DNS_TEST("numbers and words for this machine need no resolver", .threads = 0)
{
    char scoped[64];
    check_known("127.0.0.1", "127.0.0.1:80");
    check_known("127.1", "127.0.0.1:80"); /* inet_aton(3) */
    check_known("::1", "[::1]:80");
    check_known("[::1]", "[::1]:80");
    check_known("::ffff:1.2.3.4", "[::ffff:1.2.3.4]:80");
    check_known("localhost", "127.0.0.1:80");
    check_known(NULL, "[::]:80");
    check_known("*", "[::]:80");
    check_known("fe80::1%lo", "[fe80::1%lo]:80");
    snprintf(scoped, sizeof scoped, "fe80::1%%%u", if_nametoindex("lo"));
    check_known(scoped, "[fe80::1%lo]:80");
    check_known("fe80::1%4000000000", "[fe80::1%4000000000]:80");
    rota_address a[4];
    CHECK_INT(rota_getaddrinfo("localhost", 1, AF_INET6, a, 4), 1);
    CHECK_INT(rota_getaddrinfo("localhost", 1, AF_UNSPEC, a, 4), 2);
    CHECK_INT(rota_getaddrinfo("127.0.0.1", 1, AF_INET6, a, 4), -ENOENT);
    CHECK_INT(asked, 0);
    return 0;
}

DNS_TEST("what can be no host is refused without asking", .threads = 0)
{
    static const char *const hosts[] = {
        "fe80::1%no-such-if",
        "fe80::1%",
        "fe80::1%5000000000",
        "::g",
        "1:2",
        "a b",
        "a/b",
        "[]",
        "fe80::1%1x",
        "a\n",
    };
    rota_address a;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        CHECK_INT(rota_getaddrinfo(hosts[i], 80, AF_UNSPEC, &a, 1), -EINVAL);
    char longest[400];
    memset(longest, 'a', sizeof longest);
    longest[399] = '\0';
    CHECK_INT(rota_getaddrinfo(longest, 80, AF_UNSPEC, &a, 1), -EINVAL);
    CHECK_INT(rota_getaddrinfo("one.test", -1, AF_UNSPEC, &a, 1), -EINVAL);
    CHECK_INT(rota_getaddrinfo("one.test", 65536, AF_UNSPEC, &a, 1), -EINVAL);
    CHECK_INT(rota_getaddrinfo("one.test", 80, AF_UNIX, &a, 1), -EINVAL);
    CHECK_INT(rota_getaddrinfo("one.test", 80, AF_UNSPEC, &a, 0), -EINVAL);
    CHECK_INT(asked, 0);
    return 0;
}

/* ------------------------------------------------------- who uses names */

static ROTA_ASYNC(connect_to, (const char *, host), (int, port))
{
    rota_stream *s;
    int rc = rota_open_connection(host, port, &s);
    if (rc == 0)
        rota_stream_close(s);
    return rc;
}

static void check_outcome(const char *host, int rc, const char *text)
{
    rota_outcome out;
    rota_task *t = rota_create_task(connect_to, host, 1);
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.rc, rc);
    CHECK_HAS(out.err->text, text);
    rota_task_unref(t);
}

/* PITFALL 56 */
DNS_TEST("connections, listeners and datagrams go by name", .threads = 0)
{
    int listener = rota_listen("one.test", 0, NULL);
    CHECK(listener >= 0);
    rota_task *t = rota_create_task(connect_to, "one.test", port_of(listener));
    int fd = rota_accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    CHECK_INT(rota_await(t), 0);
    int udp = rota_udp_bind("one.test", 0, NULL);
    CHECK(udp >= 0);
    CHECK_INT(rota_close(fd) + rota_close(listener) + rota_close(udp), 0);
    CHECK_INT(asked, 1);
    check_outcome("none.test", -ENOENT, "there is no host named none.test");
    check_outcome("silent.test", -EAGAIN,
                  "silent.test cannot be looked up: Temporary failure");
    check_outcome("broken.test", -ENETDOWN, "Network is down");
    return 0;
}

TEST("outside of a task a name is looked up at once")
{
    char err[NET_ERROR_TEXT];
    rota_address a[4];
    int n = net_resolve("one.test", 80, a, 4, err, sizeof err);
    CHECK_INT(n, 1);
    CHECK_INT(ntohs(a[0].v4.sin_port), 80);
    CHECK_INT(net_resolve("none.test", 80, a, 4, err, sizeof err), -ENOENT);
    CHECK_HAS(err, "no host named none.test");
}

/* ------------------------------------------------------------- reverse */

static ROTA_ASYNC(look_back, (rota_address *, a))
{
    char name[64];
    return rota_getnameinfo(a, name, sizeof name);
}

DNS_TEST("an address has a name, or none", .threads = 0)
{
    rota_address v4, v6, unix_address = { .len = sizeof(sa_family_t) };
    char name[64];
    unix_address.any.sa_family = AF_UNIX;
    CHECK_INT(rota_getaddrinfo("127.0.0.1", 0, AF_INET, &v4, 1), 1);
    CHECK_INT(rota_getaddrinfo("::1", 0, AF_INET6, &v6, 1), 1);
    CHECK_INT(rota_getnameinfo(&v4, name, sizeof name), 9);
    CHECK_STR(name, "host.test");
    CHECK_INT(rota_getnameinfo(&v4, name, 9), -ENOSPC);
    CHECK_INT(rota_getnameinfo(&v6, name, sizeof name), -ENOENT);
    asked = 0;
    CHECK_INT(rota_getnameinfo(&unix_address, name, sizeof name), -EINVAL);
    CHECK_INT(rota_getnameinfo(&(rota_address){ 0 }, name, sizeof name),
              -EINVAL);
    CHECK_INT(asked, 0);
    close_gate();
    rota_task *t = rota_create_task(look_back, &v4);
    until_asked(1);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    open_gate();
    return 0;
}
