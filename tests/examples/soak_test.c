/*
 * Short connections to the echo server of examples/, as fast as the machine
 * gives them: 3 seconds, or a minute with TEST_LONG=1. What a connection costs
 * and does not give back shows as descriptors or memory, in the server or
 * here; what the system runs out of shows as a later one's error.
 *
 * A closed connection keeps its pair of addresses for a minute (TIME_WAIT, RFC
 * 9293, 3.6), so the clients spread over many addresses of their own.
 */
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rota.h"
#include "test.h"

enum {
    CLIENTS = 64,
    ADDRESSES = 250, /* 127.0.1.1 to 127.0.1.250 */
    MESSAGE = 64,    /* bytes */
    /* KiB, from a tenth of the time to the end: the stacks of a moment when
     * many came at once are kept. A minute brings half a million. */
    GROWTH_MOST = 4096,
};

struct soak {
    rota_process *server;
    int port;
    rota_time until;
    unsigned long count; /* connections that were served */
};

static int descriptors(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    CHECK(d);
    int n = -3; /* ".", ".." and, of ours, the directory itself */
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static long resident(pid_t pid)
{
    char path[64], line[256];
    long kib = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    CHECK(f);
    while (kib < 0 && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kib) != 1)
            kib = -1;
    fclose(f);
    return kib;
}

/* A socket bound to one of the addresses, in turn. */
static int next_socket(const struct soak *s)
{
    const int on = 1;
    struct sockaddr_in at = { .sin_family = AF_INET };
    at.sin_addr.s_addr = htonl(0x7f000101u + (uint32_t)(s->count % ADDRESSES));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    /* The port is chosen when the other end is known. */
    CHECK_INT(
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on), 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* One connection: a message there and back, and the end. */
static void visit(struct soak *s)
{
    char sent[MESSAGE], got[MESSAGE];
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)s->port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    rota_stream *stream;
    memset(sent, 'a' + (int)(s->count % 26), sizeof sent);
    int fd = next_socket(s);
    CHECK_INT(rota_connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    CHECK_INT(rota_stream_new(fd, &stream), 0);
    CHECK_INT(rota_stream_write(stream, sent, sizeof sent, NULL), 0);
    CHECK_INT(rota_stream_readexactly(stream, got, sizeof got, NULL), 0);
    CHECK(memcmp(sent, got, sizeof got) == 0);
    rota_stream_close(stream);
}

static int client(void *arg)
{
    struct soak *s = arg;
    while (rota_now() < s->until) {
        test_note("after %lu connections", s->count);
        visit(s);
        s->count++;
    }
    return 0;
}

static void connect_for(struct soak *s, rota_dur duration)
{
    rota_group g;
    s->until = rota_time_add(rota_now(), duration);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    for (int i = 0; i < CLIENTS; i++)
        CHECK_INT(rota_group_spawn(&g, client, s, NULL, NULL), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
}

static void start_server(struct soak *s)
{
    const char *argv[] = { getenv("ECHO_SERVER"), "0", NULL };
    rota_process_options o = { .out = ROTA_PROCESS_PIPE,
                               .flags = ROTA_PROCESS_KILL_ON_FREE };
    char line[128] = "";
    CHECK(argv[0]);
    CHECK_INT(rota_process_start(argv, &o, &s->server), 0);
    CHECK(rota_read(rota_process_out(s->server), line, sizeof line - 1) > 0);
    CHECK_INT(sscanf(line, "listening on port %d", &s->port), 1);
}

static void stop_server(struct soak *s)
{
    int status;
    CHECK_INT(rota_process_signal(s->server, SIGTERM), 0);
    CHECK_INT(rota_process_wait(s->server, &status), 0);
    CHECK_INT(status, 0);
    rota_process_free(s->server);
}

/* The server sees the last ends a little later than we do. */
static void await_descriptors(pid_t pid, int count)
{
    while (descriptors(pid) > count)
        CHECK_INT(rota_sleep(rota_ms(5)), 0);
    CHECK_INT(descriptors(pid), count);
}

static void check_growth(const char *whose, long before, long after)
{
    printf("# %s: %ld KiB resident, %ld at the end\n", whose, before, after);
    CHECK(test_sanitized() || after - before <= GROWTH_MOST);
}

static int soak(void *arg)
{
    (void)arg;
    struct soak s = { 0 };
    rota_dur duration = rota_seconds(getenv("TEST_LONG") ? 60 : 3);
    start_server(&s);
    pid_t pids[] = { rota_process_pid(s.server), getpid() };
    int files[] = { descriptors(pids[0]), descriptors(pids[1]) };
    connect_for(&s, duration / 10);
    unsigned long early = s.count;
    long memory[] = { resident(pids[0]), resident(pids[1]) };
    connect_for(&s, duration - duration / 10);
    for (int i = 0; i < 2; i++)
        await_descriptors(pids[i], files[i]);
    check_growth("server", memory[0], resident(pids[0]));
    check_growth("clients", memory[1], resident(pids[1]));
    stop_server(&s);
    printf("# %lu connections, %lu of them in the first tenth\n", s.count,
           early);
    fflush(stdout);
    CHECK(s.count > early);
    return 0;
}

TEST_LIMITED("short connections leak nothing and end no later ones in error",
             180)
{
    CHECK_INT(rota_run(soak, NULL, NULL), 0);
}
