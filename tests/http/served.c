/*
 * The server under test: one handler, many ways to use or misuse a request.
 */
#include "served.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/net.h"
#include "rota.h"
#include "rota/signal.h"
#include "test.h"

static const char piece[1000] = { [0 ... 999] = 'p' };

static void respond(struct http_request *r, int status, const char *body)
{
    http_respond(r, status, ROTA_STR("text/plain"), rota_str_of(body));
}

static long query(struct http_request *r)
{
    rota_str q = http_query(r);
    char text[32];
    snprintf(text, sizeof text, "%.*s", ROTA_STR_ARG(q));
    return atol(text);
}

static void echo(struct http_request *r)
{
    rota_str body;
    int rc = http_body_all(r, SERVED_ECHO_MOST, &body);
    rota_log(ROTA_LOG_INFO, "echo: %s", rc < 0 ? rota_strerror(rc) : "whole");
    if (rc == 0)
        http_respond(r, 200, ROTA_STR("text/plain"), body);
    else if (rc == -EMSGSIZE)
        respond(r, 413, "too much");
    else if (rc == -ETIMEDOUT)
        respond(r, 408, "too slow");
    else
        respond(r, 400, "broken");
}

static void sleep_then_answer(struct http_request *r)
{
    if (rota_sleep(rota_ms(query(r))) == 0)
        respond(r, 200, "slept");
}

static void wait_for_cancel(struct http_request *r)
{
    rota_log(ROTA_LOG_INFO, "waiting");
    int rc = rota_sleep(ROTA_FOREVER);
    rota_log(ROTA_LOG_INFO, "cancelled: %s", rota_strerror(rc));
    if (http_timed_out(r))
        respond(r, 504, "too late");
}

static void wait_for_deadline(struct http_request *r)
{
    http_set_timeout(r, rota_ms(query(r)));
    wait_for_cancel(r);
}

/* Its deadline begins when it is set, however long the loop stood still. */
static void block(struct http_request *r)
{
    usleep((useconds_t)query(r) * 1000);
    http_set_timeout(r, rota_ms(query(r)));
    int rc = rota_sleep(rota_ms(1));
    respond(r, http_timed_out(r) ? 504 : 200, rota_strerror(rc));
}

static void big(struct http_request *r)
{
    size_t n = (size_t)query(r);
    char *body = rota_arena_alloc(&r->arena, n);
    if (!body)
        return;
    memset(body, 'b', n);
    rota_log(ROTA_LOG_INFO, "big");
    http_respond(r, 200, ROTA_STR("text/plain"), (rota_str){ body, n });
}

static void pieces(struct http_request *r)
{
    long n = query(r);
    int rc = 0;
    http_begin(r, 200, ROTA_STR("text/plain"), -1);
    while (n-- > 0 && rc == 0)
        rc = http_write(r, piece, sizeof piece);
    rota_log(ROTA_LOG_INFO, "pieces: %s", rota_strerror(rc));
}

static void known(struct http_request *r)
{
    long announced = query(r);
    const char *comma = memchr(http_query(r).ptr, ',', http_query(r).len);
    http_begin(r, 200, ROTA_STR("text/plain"), announced);
    int rc = http_write(r, piece, (size_t)atol(comma + 1));
    rota_log(ROTA_LOG_INFO, "wrote: %s", rota_strerror(rc));
}

static void pieces_until_deadline(struct http_request *r)
{
    http_set_timeout(r, rota_ms(query(r)));
    http_begin(r, 200, ROTA_STR("text/plain"), -1);
    while (http_write(r, piece, 1) == 0 && rota_sleep(rota_ms(5)) == 0)
        ;
}

static void read_and_write_in_time(struct http_request *r)
{
    long n = atol(
        (const char *)memchr(http_query(r).ptr, ',', http_query(r).len) + 1);
    char *body = rota_arena_zalloc(&r->arena, (size_t)n);
    rota_str in;
    http_set_timeout(r, rota_ms(query(r)));
    int rc = body ? http_body_all(r, SERVED_ECHO_MOST, &in) : -ENOMEM;
    http_begin(r, 200, ROTA_STR("text/plain"), n);
    if (rc == 0)
        rc = http_write(r, body, (size_t)n);
    if (rc == 0)
        rc = rota_sleep(rota_ms(1)); /* where it would be cancelled */
    rota_log(ROTA_LOG_INFO, "timed: %s", rota_strerror(rc));
}

static void take_slowly(struct http_request *r)
{
    rota_str spoon;
    if (http_body_next(r, &spoon) < 0 || rota_sleep(rota_ms(query(r))) < 0)
        return;
    rota_log(ROTA_LOG_INFO, "hungry");
    echo(r);
}

static void talk(struct http_request *r)
{
    rota_str body = { 0 };
    http_begin(r, 200, ROTA_STR("text/plain"), -1);
    int rc = http_write(r, "you said: ", 10);
    if (rc == 0)
        rc = http_body_all(r, SERVED_ECHO_MOST, &body);
    if (rc == 0)
        rc = http_write(r, body.ptr, body.len);
    rota_log(ROTA_LOG_INFO, "talk: %s", rota_strerror(rc));
}

static void split(struct http_request *r)
{
    static const char *const names[] = {
        "X-A", "X-A", "X-A", "X A", "X:", "", "X\r\n", "Content-Length"
    };
    static const char *const values[] = {
        "a\r\nX-Evil: 1", "a\nb", "a\rb", "a", "a", "a", "a", "5"
    };
    size_t i = (size_t)query(r);
    rota_str type = ROTA_STR("text/plain");
    if (i == COUNT_OF(names))
        type = ROTA_STR("text/plain\r\nX-Evil: 1");
    else if (i == COUNT_OF(names) + 1)
        http_add_header(r, ROTA_STR("X-A"), ROTA_STR("a\0b"));
    else
        http_add_header(r, rota_str_of(names[i]), rota_str_of(values[i]));
    http_respond(r, 200, type, ROTA_STR("never"));
}

static void answer_twice(struct http_request *r)
{
    respond(r, 200, "first");
    respond(r, 200, "second");
}

static void describe(struct http_request *r)
{
    rota_str method = http_method(r);
    rota_str target = { r->bytes + r->head->target.at, r->head->target.len };
    respond(r, 200,
            rota_arena_printf(&r->arena, "%.*s %.*s", ROTA_STR_ARG(method),
                              ROTA_STR_ARG(target)));
}

static void handle(struct http_request *r, void *arg)
{
    static const struct {
        const char *path;
        void (*answer)(struct http_request *r);
    } paths[] = {
        { "/echo", echo },
        { "/sleep", sleep_then_answer },
        { "/wait", wait_for_cancel },
        { "/late", wait_for_deadline },
        { "/block", block },
        { "/big", big },
        { "/pieces", pieces },
        { "/known", known },
        { "/cancelled", pieces_until_deadline },
        { "/timed", read_and_write_in_time },
        { "/picky", take_slowly },
        { "/talk", talk },
        { "/split", split },
        { "/twice", answer_twice },
    };
    (void)arg;
    rota_str path = http_path(r);
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        if (rota_str_eq(path, rota_str_of(paths[i].path))) {
            paths[i].answer(r);
            return;
        }
    if (rota_str_eq(path, ROTA_STR("/ignore")))
        respond(r, 200, "ignored");
    else if (rota_str_eq(path, ROTA_STR("/early")))
        respond(r, 413, "too much");
    else if (rota_str_eq(path, ROTA_STR("/status")))
        respond(r, (int)query(r), "status");
    else if (rota_str_eq(path, ROTA_STR("/after")))
        rota_log(ROTA_LOG_ERROR, "what stood behind an error was served");
    else if (!rota_str_eq(path, ROTA_STR("/silent")))
        describe(r);
}

/* -------------------------------------------------------------- the process */

int served_room;
static struct http_server server;

static ROTA_ASYNC(drain_on_signal, (rota_signals *, signals))
{
    int sig;
    while ((sig = rota_signal_next(signals)) >= 0) {
        rota_log(ROTA_LOG_INFO, "draining");
        http_server_drain(&server);
    }
    return sig;
}

static int serve_until_signal(void *options)
{
    char err[256], name[NET_NAME];
    int fd = net_listen("127.0.0.1", 0, NULL, err, sizeof err);
    sigset_t set;
    rota_signals *signals;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    if (fd < 0 || net_local_name(fd, name) < 0 ||
        rota_signals_open(&set, &signals) < 0)
        return -EIO;
    if (served_room) /* what is accepted inherits it */
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &served_room, sizeof served_room);
    http_server_init(&server, fd, options, handle, NULL);
    rota_task *watching = rota_create_task(drain_on_signal, signals);
    printf("listening on http://%s\n", name);
    fflush(stdout);
    int rc = http_server_run(&server);
    rota_task_cancel(watching, "over");
    rota_ignore(rota_await(watching));
    rota_signals_close(signals);
    return rc;
}

static int run(void *options)
{
    return rota_run(serve_until_signal, options, NULL) < 0;
}

void served_start(struct process *p, const struct http_options *options)
{
    static struct http_options o;
    o = options ? *options : HTTP_OPTIONS_DEFAULT;
    process_fork(p, run, &o);
    process_want_port(p);
}
