/*
 * Names, with the system's resolver and a name server that is slow, silent,
 * or knows of no such host. The test has a network and an /etc/resolv.conf of
 * its own (namespaces(7)); the server is a task beside those that ask.
 */
#include "pair.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

/* -------------------------------------------------- a world of its own */

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
    write_fully(fd, text, strlen(text));
    close(fd);
}

static bool enter_namespaces(void)
{
    char map[32];
    int uid = (int)getuid(), gid = (int)getgid();
    if (unshare(CLONE_NEWNS | CLONE_NEWNET) == 0)
        return true;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) < 0)
        return false;
    write_file("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %d 1", uid);
    write_file("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "0 %d 1", gid);
    write_file("/proc/self/gid_map", map);
    return true;
}

static void raise_loopback(void)
{
    struct ifreq r = { .ifr_name = "lo" };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK_INT(ioctl(fd, SIOCGIFFLAGS, &r), 0);
    r.ifr_flags |= IFF_UP;
    CHECK_INT(ioctl(fd, SIOCSIFFLAGS, &r), 0);
    close(fd);
}

/* The file holds `text` from now on, for this process. */
static bool cover(const char *file, const char *text)
{
    char path[] = "/tmp/rota-dns-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_INT(fchmod(fd, 0644), 0);
    write_fully(fd, text, strlen(text));
    close(fd);
    int rc = mount(path, file, NULL, MS_BIND, NULL);
    unlink(path);
    return rc == 0;
}

static void make_world(const char *options)
{
    char text[128];
    test_needs_kernel();
    if (access("/var/run/nscd/socket", F_OK) == 0)
        test_skip("nscd answers for the resolver here");
    if (!enter_namespaces())
        test_skip("this system allows no namespaces");
    CHECK_INT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    raise_loopback();
    snprintf(text, sizeof text, "nameserver 127.0.0.1\nsearch .\noptions %s\n",
             options);
    if (!cover("/etc/resolv.conf", text) ||
        !cover("/etc/nsswitch.conf", "hosts: files dns\n"))
        test_skip("this system allows no mounts");
}

/* ----------------------------------------------------- the name server */

enum {
    HEADER = 12,
    MESSAGE_MOST = 512, /* RFC 1035, 2.3.4 */
    TYPE_A = 1,
    TYPE_PTR = 12,
    TYPE_AAAA = 28,
    NXDOMAIN = 3,
};

static int server;          /* its socket */
static int queries;         /* that have come */
static rota_event released; /* the slow ones are answered */

struct query {
    rota_address from;
    size_t len; /* of the header and the question */
    unsigned char message[MESSAGE_MOST];
    char name[256];
    int type;
};

static void read_question(struct query *q)
{
    size_t at = HEADER, n = 0;
    while (q->message[at]) {
        size_t label = q->message[at];
        memcpy(q->name + n, q->message + at + 1, label);
        n += label;
        q->name[n++] = '.';
        at += label + 1;
    }
    q->name[n ? n - 1 : 0] = '\0';
    q->type = q->message[at + 1] << 8 | q->message[at + 2];
    q->len = at + 5;
}

/* RFC 1035, 4.1.3, with a pointer to the question's name. */
static void add_answer(struct query *q, const void *data, size_t size)
{
    unsigned char head[] = { 0xc0, HEADER, 0, (unsigned char)q->type,
                             0,    1,      0, 0,
                             0,    9,      0, (unsigned char)size };
    memcpy(q->message + q->len, head, sizeof head);
    memcpy(q->message + q->len + sizeof head, data, size);
    q->len += sizeof head + size;
    q->message[7]++; /* ANCOUNT */
}

static void reply(struct query *q)
{
    static const unsigned char v4[] = { 10, 1, 2, 3 };
    static const unsigned char v6[16] = { 0xfd, [15] = 1 };
    static const char back[] = "\4host\7example";
    memset(q->message + 2, 0, HEADER - 2);
    q->message[2] = 0x81; /* an answer, recursion desired ... */
    q->message[3] = 0x80; /* ... and available */
    q->message[5] = 1;
    if (strncmp(q->name, "none", 4) == 0)
        q->message[3] |= NXDOMAIN;
    else if (q->type == TYPE_A)
        add_answer(q, v4, sizeof v4);
    else if (q->type == TYPE_AAAA)
        add_answer(q, v6, sizeof v6);
    else if (q->type == TYPE_PTR)
        add_answer(q, back, sizeof back);
    ssize_t n;
    do /* another answer may be on its way out */
        n = rota_sendto(server, q->message, q->len, &q->from);
    while (n == -EBUSY && rota_checkpoint() == 0);
}

static ROTA_ASYNC(answer_later, (struct query *, q))
{
    if (rota_event_wait(&released) == 0)
        reply(q);
    free(q);
    return 0;
}

static void serve_query(struct query *q)
{
    read_question(q);
    queries++;
    if (strncmp(q->name, "silent", 6) == 0) {
        free(q);
    } else if (strncmp(q->name, "slow", 4) == 0) {
        rota_task *t = rota_create_task(answer_later, q);
        CHECK(t);
        rota_task_unref(t);
    } else {
        reply(q);
        free(q);
    }
}

static int serve(void *arg)
{
    (void)arg;
    for (;;) {
        struct query *q = calloc(1, sizeof *q);
        CHECK(q);
        ssize_t n =
            rota_recvfrom(server, q->message, sizeof q->message, &q->from);
        if (n < 0) {
            free(q);
            return (int)n;
        }
        CHECK(n > HEADER);
        serve_query(q);
    }
}

static rota_fn *scenario;

static int run_scenario(void *arg)
{
    (void)arg;
    CHECK_INT(rota_event_init(&released, 0), 0);
    server = rota_udp_bind("127.0.0.1", 53, NULL);
    CHECK(server >= 0);
    rota_task *t = rota_spawn(serve, NULL, NULL);
    int rc = scenario(NULL);
    CHECK_INT(rota_close(server), 0);
    CHECK_INT(rota_await(t), -EBADF);
    return rc;
}

static void run(rota_fn *fn, const char *resolver_options)
{
    make_world(resolver_options);
    scenario = fn;
    CHECK_INT(rota_run(run_scenario, NULL, NULL), 0);
}

/* ------------------------------------------------------------ the tests */

static void check_found(const char *name)
{
    rota_address a[4];
    char text[2][ROTA_ADDRESS_TEXT];
    CHECK_INT(rota_getaddrinfo(name, 80, AF_UNSPEC, a, 4), 2);
    int v6 = a[0].any.sa_family == AF_INET6 ? 0 : 1;
    rota_address_format(&a[v6], text[0]);
    rota_address_format(&a[!v6], text[1]);
    CHECK_STR(text[0], "[fd00::1]:80");
    CHECK_STR(text[1], "10.1.2.3:80");
}

static int asks_server(void *arg)
{
    (void)arg;
    char name[64];
    rota_address a;
    check_found("good.example");
    CHECK_INT(queries, 2);
    check_found("good.example");
    CHECK_INT(queries, 2); /* remembered */
    CHECK_INT(rota_getaddrinfo("good.example", 80, AF_INET, &a, 1), 1);
    CHECK_INT(queries, 3);
    CHECK_INT(rota_getnameinfo(&a, name, sizeof name), 12);
    CHECK_STR(name, "host.example");
    CHECK_INT(rota_getaddrinfo("none.example", 80, AF_INET, &a, 1), -ENOENT);
    int after = queries;
    CHECK_INT(rota_getaddrinfo("none.example", 80, AF_INET, &a, 1), -ENOENT);
    CHECK_INT(queries, after);
    CHECK_INT(rota_getaddrinfo("silent.example", 80, AF_INET, &a, 1), -EAGAIN);
    return 0;
}

/* PITFALL 56 */
TEST("a name server's answer, denial and silence are told apart")
{
    run(asks_server, "timeout:1 attempts:1");
}

static ROTA_ASYNC(ask_slow, (int, i))
{
    char name[32];
    rota_address a;
    snprintf(name, sizeof name, "slow%d.example", i);
    return rota_getaddrinfo(name, 80, AF_INET, &a, 1);
}

enum { LOOKUPS = 100, THREADS = 32 };

static int answer(void *arg)
{
    return *(int *)arg;
}

static int asks_many(void *arg)
{
    (void)arg;
    rota_task *t[LOOKUPS];
    for (int i = 0; i < LOOKUPS; i++)
        t[i] = rota_create_task(ask_slow, i);
    while (queries < THREADS)
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    int number = 42;
    CHECK_INT(rota_to_thread(answer, &number), 42);
    CHECK_INT(queries, THREADS);
    rota_event_set(&released);
    for (int i = 0; i < LOOKUPS; i++)
        CHECK_INT(rota_await(t[i]), 1);
    CHECK_INT(queries, LOOKUPS);
    return 0;
}

/* PITFALLS 54, 56 */
TEST("100 lookups wait for a slow name server, and nothing else does")
{
    run(asks_many, "timeout:30 attempts:1");
}

static int gives_up(void *arg)
{
    (void)arg;
    rota_scope s;
    rota_address a;
    rota_task *t = rota_create_task(ask_slow, 1);
    while (queries < 1)
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    for (int i = 0; i < 3; i++) {
        rota_timeout_begin(&s, rota_ms(20));
        int rc = rota_getaddrinfo("slow1.example", 80, AF_INET, &a, 1);
        CHECK_INT(rota_scope_end(&s, rc), -ETIMEDOUT);
    }
    rota_event_set(&released);
    CHECK_INT(rota_getaddrinfo("slow1.example", 80, AF_INET, &a, 1), 1);
    CHECK_INT(queries, 1); /* one lookup for all five */
    return 0;
}

/* PITFALL 56 */
TEST("who gives up on a slow name server goes, and the answer is not lost")
{
    run(gives_up, "timeout:30 attempts:1");
}
