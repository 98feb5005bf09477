/*
 * Servers of streams: each connection a task, closed in the ways there are.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include "pair.h"

static int handled, reports, warnings;

static void count_report(const rota_unhandled *what)
{
    (void)what;
    reports++;
}

static void count_warning(enum rota_log_level level, const char *text)
{
    if (level == ROTA_LOG_WARNING && strstr(text, "cannot accept"))
        warnings++;
}

static int echo(rota_stream *s, void *arg)
{
    (void)arg;
    handled++;
    rota_str line;
    ssize_t n = 0;
    while (n >= 0 && (n = rota_stream_readline(s, &line)) > 0)
        n = rota_stream_write(s, line.ptr, line.len, NULL);
    return (int)n;
}

/* Reads until the end, and likes it. */
static int until_end(rota_stream *s, void *arg)
{
    char data[64];
    ssize_t n;
    handled++;
    while ((n = rota_stream_read(s, data, sizeof data)) > 0)
        ;
    if (arg)
        *(int *)arg = (int)n;
    return 0;
}

static int fail(rota_stream *s, void *arg)
{
    (void)s;
    (void)arg;
    return rota_fail(-EIO, "not today");
}

struct tested {
    rota_server *server;
    int port;
};

static struct tested start(rota_connection_fn *fn, void *arg)
{
    struct tested t;
    int listener = rota_listen("127.0.0.1", 0, NULL);
    CHECK(listener >= 0);
    t.port = port_of(listener);
    CHECK_INT(rota_server_start(listener, fn, arg, &t.server), 0);
    return t;
}

static rota_stream *dial(struct tested t)
{
    rota_stream *s = NULL;
    CHECK_INT(rota_open_connection("127.0.0.1", t.port, &s), 0);
    return s;
}

static ROTA_ASYNC(talk, (struct tested *, t), (int, n))
{
    rota_stream *s = dial(*t);
    char text[32];
    rota_str line;
    int size = snprintf(text, sizeof text, "client %d\n", n);
    CHECK_INT(rota_stream_write(s, text, (size_t)size, NULL), 0);
    CHECK_INT(rota_stream_readline(s, &line), size);
    CHECK(memcmp(line.ptr, text, (size_t)size) == 0);
    rota_stream_close(s);
    return 0;
}

static int hundred(void *arg)
{
    (void)arg;
    struct tested t = start(echo, NULL);
    rota_task *all[100];
    for (int i = 0; i < 100; i++)
        all[i] = rota_create_task(talk, &t, i);
    CHECK_INT(rota_gather(all, 100, NULL, 0), 0);
    CHECK_INT(handled, 100);
    rota_server_close(t.server);
    CHECK_INT(rota_server_wait_closed(t.server), 0);
    CHECK_INT(rota_server_clients(t.server), 0);
    rota_server_free(t.server);
    rota_server_free(NULL);
    return 0;
}

/* SRV-01 */
TEST("100 clients are served by 100 handlers")
{
    run_clean(hundred);
}

static int out_of_descriptors(void *arg)
{
    (void)arg;
    rota_set_log_handler(count_warning);
    struct tested t = start(echo, NULL);
    rota_stream *s = dial(t), *late;
    CHECK_INT(talk(&t, 1), 0);
    struct rlimit before, few;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    few = (struct rlimit){ (rlim_t)client + 1, before.rlim_max };
    struct sockaddr_in in = loopback(t.port);
    int full[64], held = 0;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (held < 64 && (full[held] = dup(0)) >= 0)
        held++;
    CHECK_INT(rota_connect(client, (struct sockaddr *)&in, sizeof in), 0);
    CHECK_INT(rota_sleep(rota_ms(1500)), 0); /* two tries */
    CHECK_INT(warnings, 1);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK_INT(rota_stream_new(client, &late), 0);
    rota_str line;
    CHECK_INT(rota_stream_write(late, "x\n", 2, NULL), 0);
    CHECK_INT(rota_stream_readline(late, &line), 2); /* it has recovered */
    while (held > 0)
        close(full[--held]);
    rota_stream_close(late);
    rota_stream_close(s);
    rota_server_close(t.server);
    CHECK_INT(rota_server_wait_closed(t.server), 0);
    rota_server_free(t.server);
    return 0;
}

/* SRV-02, PITFALL 27 */
TEST("out of descriptors the server pauses, says so once, and recovers")
{
    test_needs_kernel();
    run_clean(out_of_descriptors);
}

static int failing(void *arg)
{
    (void)arg;
    rota_set_unhandled_handler(count_report);
    struct tested t = start(fail, NULL);
    rota_stream *s = dial(t);
    char c;
    CHECK_INT(rota_stream_read(s, &c, 1), 0);
    rota_stream_close(s);
    rota_server_close(t.server);
    CHECK_INT(rota_server_wait_closed(t.server), 0);
    CHECK_INT(rota_checkpoint(), 0);
    CHECK_INT(reports, 1);
    rota_server_free(t.server);
    return 0;
}

/* SRV-03 */
TEST("a handler's error closes its connection and is reported once")
{
    run_clean(failing);
}

static char path[64];

static int unix_file(void *arg)
{
    bool replaced = *(bool *)arg;
    struct stat st;
    rota_server *server;
    CHECK_INT(
        rota_server_start(rota_listen_unix(path, NULL), echo, NULL, &server),
        0);
    settle(); /* it is parked in accept */
    CHECK_INT(stat(path, &st), 0);
    int other = -1;
    if (replaced) {
        CHECK_INT(unlink(path), 0);
        other = rota_listen_unix(path, NULL);
        CHECK(other >= 0);
    }
    rota_server_close(server);
    rota_server_close(server); /* nothing */
    CHECK_INT(stat(path, &st), replaced ? 0 : -1);
    CHECK_INT(rota_server_wait_closed(server), 0);
    rota_server_free(server);
    if (other >= 0)
        CHECK_INT(rota_close(other), 0);
    unlink(path);
    return 0;
}

/* SRV-04 */
TEST("a close ends the parked accept; only an own socket file is removed")
{
    snprintf(path, sizeof path, "/tmp/rota-server-%d", getpid());
    unlink(path); /* of a test that was ended */
    for (int replaced = 0; replaced < 2; replaced++) {
        bool flag = replaced;
        CHECK_INT(rota_run(unix_file, &flag, NULL), 0);
    }
    CHECK_INT(rota_run(unix_file, &(bool){ false }, NULL), 0);
}

static bool closed;

static ROTA_ASYNC(wait_closed, (rota_server *, s))
{
    int rc = rota_server_wait_closed(s);
    closed = true;
    return rc;
}

static int waits_to_the_end(void *arg)
{
    (void)arg;
    struct tested t = start(until_end, NULL);
    rota_stream *s = dial(t);
    rota_task *early = rota_create_task(wait_closed, t.server);
    settle();
    CHECK(!closed && handled == 1);
    rota_server_close(t.server);
    settle();
    CHECK(!closed); /* there is a client still */
    rota_stream *none = NULL;
    CHECK_INT(rota_open_connection("127.0.0.1", t.port, &none), -ECONNREFUSED);
    rota_stream_close(s);
    CHECK_INT(rota_await(early), 0);
    CHECK(closed);
    rota_server_free(t.server);
    return 0;
}

/* SRV-05 */
TEST("wait_closed waits for the close and for the last client")
{
    run_clean(waits_to_the_end);
}

static int ends_silent_clients(void *arg)
{
    (void)arg;
    int saw = 1;
    char c;
    for (int abort = 0; abort < 2; abort++) {
        struct tested t = start(until_end, &saw);
        rota_stream *s = dial(t);
        settle();
        CHECK_INT(rota_server_clients(t.server), 1);
        rota_server_close(t.server);
        if (abort)
            rota_server_abort_clients(t.server);
        else
            rota_server_close_clients(t.server);
        CHECK_INT(rota_server_wait_closed(t.server), 0);
        CHECK_INT(saw, abort ? -ECANCELED : 0);
        CHECK_INT(rota_stream_read(s, &c, 1), abort ? -ECONNRESET : 0);
        rota_stream_close(s);
        rota_server_free(t.server);
    }
    return 0;
}

/* SRV-06 */
TEST("clients that say nothing are ended, or reset, by the server")
{
    run_clean(ends_silent_clients);
}

static rota_server *left; /* behind, by main */

static int left_running(void *arg)
{
    (void)arg;
    struct tested t = start(until_end, NULL);
    rota_stream *s = dial(t);
    settle();
    rota_server_free(t.server);
    rota_stream_close(s);
    left = start(echo, NULL).server;
    CHECK_INT(rota_server_start(-EADDRINUSE, echo, NULL, &t.server),
              -EADDRINUSE);
    return 0;
}

TEST("a server that is dropped, or left behind, ends with the loop")
{
    int before = open_files();
    CHECK_INT(rota_run(left_running, NULL, NULL), 0);
    CHECK(left != NULL);
    CHECK_INT(open_files(), before);
}
