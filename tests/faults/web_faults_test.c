/*
 * The program around an application, and a server that answers, with every call
 * failing once.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "faults.h"
#include "http/server.h"
#include "rota.h"
#include "rota/web.h"
#include "test.h"

/* Ends the server, once it listens for signals. */
static ROTA_ASYNC(end_soon)
{
    int rc = rota_sleep(rota_ms(2));
    faults_off();
    if (rc != -ECANCELED)
        kill(getpid(), SIGTERM);
    faults_on();
    return 0;
}

static int start(void *state)
{
    (void)state;
    rota_task *t = rota_create_task(end_soon);
    rota_task_unref(t);
    return t ? 0 : -ENOMEM;
}

static int run_app(void)
{
    static char *argv[] = { "faults", "--port", "0", NULL };
    static const rota_app app = { .title = "Faults", .start = start };
    return rota_app_run(3, argv, &app);
}

/* PITFALL 63 */
FAULT_TEST("an application that starts and ends", run_app, 0, { 1 })

static void answer(struct http_request *r, void *arg)
{
    (void)arg;
    http_respond(r, 200, ROTA_STR("text/plain"), ROTA_STR("ok"));
}

static ROTA_ASYNC(serve, (struct http_server *, s))
{
    return http_server_run(s);
}

/* One request: 0, or why it was not answered well. */
static int ask(int port)
{
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    rota_stream *s;
    rota_str line = { NULL, 0 };
    int rc = rota_open_connection("127.0.0.1", port, &s);
    if (rc < 0)
        return rc;
    rc = rota_stream_write(s, request, sizeof request - 1, NULL);
    if (rc == 0)
        rc = (int)rota_stream_readline(s, &line);
    if (rc >= 0)
        rc = rota_str_eq(line, ROTA_STR("HTTP/1.1 200 OK\r\n")) ? 0
                                                                : -ECONNRESET;
    rota_stream_close(s);
    return rc;
}

static int serve_one(void *arg)
{
    static struct http_server server;
    struct http_options options = HTTP_OPTIONS_DEFAULT;
    rota_address at;
    (void)arg;
    int fd = rota_listen("127.0.0.1", 0, NULL);
    if (fd < 0)
        return fd;
    int rc = rota_getsockname(fd, &at);
    http_server_init(&server, fd, &options, answer, NULL);
    rota_task *t = rc < 0 ? NULL : rota_create_task(serve, &server);
    if (!t) {
        rota_close(fd);
        return rc < 0 ? rc : -ENOMEM;
    }
    rc = ask(ntohs(at.v4.sin_port));
    http_server_drain(&server);
    int ended = rota_await(t);
    return rc < 0 ? rc : ended;
}

static int run_server(void)
{
    return rota_run(serve_one, NULL, NULL);
}

/* A client is left without its answer when there is no memory for it, never
 * because the server has stopped to accept. */
FAULT_TEST("a server that answers", run_server, 0,
           { -ECONNRESET, -EPIPE, -EIO })
