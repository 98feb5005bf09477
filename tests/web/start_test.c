/*
 * What a program says when its application cannot start: one line on stderr
 * that says what to do, and exit status 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http/process.h"
#include "rota/web.h"
#include "test.h"

#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

ROTA_PARAMS(ById, path(i64, id));
ROTA_PARAMS(ByName, path(str, name));
ROTA_PARAMS(BadDefault, query(i32, n, def(50), le(10)));
ROTA_PARAMS(BadPattern, query(str, s, pattern("(")));

static None *by_id(rota_request *r, const ById *in)
{
    (void)r;
    (void)in;
    return NULL;
}

static None *by_name(rota_request *r, const ByName *in)
{
    (void)r;
    (void)in;
    return NULL;
}

static None *by_none(rota_request *r, const None *in)
{
    (void)r;
    (void)in;
    return NULL;
}

static None *bad_default(rota_request *r, const BadDefault *in)
{
    (void)r;
    (void)in;
    return NULL;
}

static None *bad_pattern(rota_request *r, const BadPattern *in)
{
    (void)r;
    (void)in;
    return NULL;
}

ROTA_ROUTES(good, "", GET("/{id}", by_id, ById, None));
ROTA_ROUTES(same, "", GET("/{name}", by_name, ByName, None));
ROTA_ROUTES(crossing, "", GET("/a/{id}", by_id, ById, None),
            GET("/{name}/b", by_name, ByName, None));
ROTA_ROUTES(no_param, "", GET("/x/{id}", by_none, None, None));
ROTA_ROUTES(no_brace, "", GET("/x", by_id, ById, None));
ROTA_ROUTES(other_name, "", GET("/x/{ident}", by_id, ById, None));
ROTA_ROUTES(no_slash, "", GET("x", by_none, None, None));
ROTA_ROUTES(open_brace, "", GET("/{x", by_none, None, None));
ROTA_ROUTES(defaults, "", GET("/x", bad_default, BadDefault, None));
ROTA_ROUTES(patterns, "", GET("/x", bad_pattern, BadPattern, None));

static int fail_to_start(void *state)
{
    (void)state;
    return rota_fail(-ENOENT, "the shop has no door (build one)");
}

static const char *flag = "default";
static const char *told = "warning"; /* not what else is worth telling */
static char *args[8];

static int run(void *app)
{
    int argc = 0;
    while (args[argc])
        argc++;
    return rota_app_run(argc, args, app);
}

static void start(struct process *p, const rota_app *app, const char *option,
                  const char *value)
{
    setenv("ROTA_LOG", told, 1);
    memset(args, 0, sizeof args);
    args[0] = "/usr/bin/shop";
    args[1] = (char *)option;
    args[2] = option ? (char *)value : NULL;
    process_fork(p, run, (void *)app);
}

/* It says just one line, with these in it, and ends with status 1. */
static void want_complaint(const rota_app *app, const char *option,
                           const char *value, const char *first,
                           const char *second)
{
    struct process p;
    start(&p, app, option, value);
    int status = process_end(&p, 0);
    const char *log = process_log(&p);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 1);
    CHECK_HAS(log, "shop: ");
    CHECK_HAS(log, first);
    CHECK_HAS(log, second);
    const char *end = strchr(log, '\n');
    if (!end || end[1] != '\0')
        test_fail(TEST_AT, "not one line: %s", log);
}

TEST("two routes that conflict are refused, and both named")
{
    static const rota_app app = { .routers = { &good, &same } };
    static const rota_app cross = { .routers = { &crossing } };
    want_complaint(&app, "--port", "0", "/{id}", "/{name}");
    want_complaint(&app, "--port", "0", "start_test.c:", "start_test.c:");
    want_complaint(&cross, "--port", "0", "/a/{id}", "/{name}/b");
}

TEST("a pattern and its path parameters must name the same")
{
    static const rota_app a = { .routers = { &no_param } };
    static const rota_app b = { .routers = { &no_brace } };
    static const rota_app c = { .routers = { &other_name } };
    want_complaint(&a, "--port", "0", "{id}", "start_test.c:");
    want_complaint(&b, "--port", "0", "path(..., id)", "start_test.c:");
    want_complaint(&c, "--port", "0", "{ident}", "ById");
}

TEST("a pattern or type that cannot work is refused")
{
    static const rota_app a = { .routers = { &no_slash } };
    static const rota_app b = { .routers = { &open_brace } };
    static const rota_app c = { .routers = { &defaults } };
    static const rota_app d = { .routers = { &patterns } };
    want_complaint(&a, "--port", "0", "start_test.c:", "/");
    want_complaint(&b, "--port", "0", "start_test.c:", "{x");
    want_complaint(&c, "--port", "0", "BadDefault", "n");
    want_complaint(&d, "--port", "0", "BadPattern", "s");
}

TEST("why the application's start failed is said")
{
    static const rota_app app = { .routers = { &good },
                                  .start = fail_to_start };
    want_complaint(&app, "--port", "0", "the shop has no door", "build one");
}

static void *idle_thread(void *arg)
{
    (void)arg;
    pause();
    return NULL;
}

/* As a library does that knows nothing of the application's signals. */
static int start_thread(void *state)
{
    static pthread_t thread;
    (void)state;
    return -pthread_create(&thread, NULL, idle_thread, NULL);
}

static int start_never(void *state)
{
    (void)state;
    rota_log(ROTA_LOG_WARNING, "starting");
    return rota_sleep(ROTA_FOREVER);
}

static int start_slowly(void *state)
{
    (void)state;
    return rota_sleep(rota_ms(1500));
}

static void stop(void *state)
{
    (void)state;
    rota_log(ROTA_LOG_WARNING, "stopped");
}

static void want_good_end(struct process *p)
{
    int status = process_end(p, SIGTERM);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}

TEST("a signal reaches the application, not a thread that its start has made")
{
    static const rota_app app = { .routers = { &good },
                                  .start = start_thread,
                                  .stop = stop };
    struct process p;
    start(&p, &app, "--port", "0");
    process_want_port(&p);
    want_good_end(&p);
    CHECK_HAS(process_log(&p), "stopped");
}

TEST("a signal breaks off the start, and nothing is stopped then")
{
    static const rota_app app = { .routers = { &good },
                                  .start = start_never,
                                  .stop = stop };
    struct process p;
    start(&p, &app, "--port", "0");
    process_want_log(&p, "starting");
    want_good_end(&p);
    CHECK(!strstr(process_log(&p), "stopped"));
}

TEST("a start that takes long says so, and is waited for")
{
    static const rota_app app = { .routers = { &good }, .start = start_slowly };
    struct process p;
    told = "info";
    start(&p, &app, "--port", "0");
    process_want_log(&p, "shop is still starting");
    process_want_port(&p);
    want_good_end(&p);
}

TEST("a bad option is one line that names it and what helps")
{
    static const rota_app app = {
        .routers = { &good }, .flags = { { "door", "N", "which", &flag } }
    };
    static const char *const bad[][4] = {
        { "--nope", "1", "--nope", "--help" },
        { "-x", NULL, "-x", "--help" },
        { "word", NULL, "word", "--help" },
        { "--port", NULL, "--port", "needs a value" },
        { "--door", NULL, "--door", "needs a value" },
        { "--port", "", "--port", "0 to 65535" },
        { "--port", "x", "--port", "0 to 65535" },
        { "--port", "80x", "--port", "0 to 65535" },
        { "--port", "-1", "--port", "0 to 65535" },
        { "--port", "65536", "--port", "0 to 65535" },
        { "--port=99999999999999999999", NULL, "--port", "0 to 65535" },
        { "--host", "300.1.1.1", "300.1.1.1", "" },
        { "--host", "192.0.2.1", "192.0.2.1", "" },
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        want_complaint(&app, bad[i][0], bad[i][1], bad[i][2], bad[i][3]);
}

TEST("a port in use is one line that says so")
{
    static const rota_app app = { .routers = { &good } };
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    char port[16];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&a, len), 0);
    CHECK_INT(listen(fd, 1), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(port, sizeof port, "%u", ntohs(a.sin_port));
    want_complaint(&app, "--port", port, port, "in use");
    close(fd);
}

TEST("--help tells of all options, and is no error")
{
    static const rota_app app = {
        .routers = { &good }, .flags = { { "door", "N", "which", &flag } }
    };
    struct process p;
    char text[1024] = "";
    start(&p, &app, "--help", NULL);
    ssize_t n, len = 0;
    while ((n = read(p.out, text + len, sizeof text - 1 - (size_t)len)) > 0)
        len += n;
    CHECK_HAS(text, "usage: shop");
    CHECK_HAS(text, "--port");
    CHECK_HAS(text, "--host");
    CHECK_HAS(text, "--door N");
    CHECK_HAS(text, "(default)");
    CHECK_INT(process_end(&p, 0), 0);
}
