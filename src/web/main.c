/*
 * The program around an application: command line, start, signals, end.
 * Whatever goes wrong before the first request is one line on stderr.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/net.h"
#include "loop/op.h"
#include "rota.h"
#include "rota/signal.h"
#include "rota/timer.h"
#include "web/app.h"

enum { ERROR_LINE = 512 };

static const rota_dur threads_grace = HTTP_SECOND / 2;
static const rota_dur start_patience = HTTP_SECOND;
static const rota_dur retry_pause = HTTP_SECOND / 20;

struct program {
    const rota_app *config;
    const char *name;
    const char *host;
    int port;
    bool said; /* what is wrong */
};

static void complain(struct program *p, const char *what)
{
    p->said = true;
    fprintf(stderr, "%s: %s\n", p->name, what);
}

/* ------------------------------------------------------------ command line */

static void print_help(const struct program *p)
{
    const rota_app *app = p->config;
    printf("usage: %s [options]\n\n", p->name);
    printf("  --host ADDRESS   where to listen (%s)\n", p->host);
    printf("  --port NUMBER    0 takes any free one (%d)\n", p->port);
    for (size_t i = 0; i < ROTA_FLAGS_MOST && app->flags[i].name; i++) {
        const rota_flag *f = &app->flags[i];
        int n = printf("  --%s %s", f->name, f->value ? f->value : "VALUE");
        printf("%*s%s (%s)\n", n < 19 ? 19 - n : 1, "", f->help,
               *f->store ? *f->store : "none");
    }
    printf("  --help           this text\n");
}

static int set_port(struct program *p, const char *value)
{
    char *end;
    long port = strtol(value, &end, 10);
    if (*value == '\0' || *end != '\0' || port < 0 || port > 65535)
        return -EINVAL;
    p->port = (int)port;
    return 0;
}

/* Takes one option: 0, -ENOENT (there is none of this name), -EINVAL. */
static int set_option(struct program *p, const char *name, const char *value)
{
    const rota_app *app = p->config;
    if (strcmp(name, "port") == 0)
        return set_port(p, value);
    if (strcmp(name, "host") == 0) {
        p->host = value;
        return 0;
    }
    for (size_t i = 0; i < ROTA_FLAGS_MOST && app->flags[i].name; i++)
        if (strcmp(name, app->flags[i].name) == 0) {
            *app->flags[i].store = value;
            return 0;
        }
    return -ENOENT;
}

/* Splits "--name=value" and "--name value"; *i moves on. NULL: no value. */
static const char *option_value(int argc, char **argv, int *i, char *name,
                                size_t size)
{
    const char *arg = argv[*i] + 2;
    const char *equals = strchr(arg, '=');
    size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
    snprintf(name, size, "%.*s", (int)len, arg);
    if (equals)
        return equals + 1;
    return *i + 1 < argc ? argv[++*i] : NULL;
}

/* 0: go on; 1: all was said; -EINVAL: complained. */
static int read_options(struct program *p, int argc, char **argv)
{
    char name[64], line[ERROR_LINE];
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(p);
            return 1;
        }
        int rc = -ENOENT;
        const char *value = NULL, *given = argv[i];
        if (strncmp(argv[i], "--", 2) == 0) {
            value = option_value(argc, argv, &i, name, sizeof name);
            rc = set_option(p, name, value ? value : "");
        }
        if (rc == 0 && value)
            continue;
        if (rc == -ENOENT)
            snprintf(line, sizeof line, "unknown option %s: see --help", given);
        else if (!value)
            snprintf(line, sizeof line, "--%s needs a value: see --help", name);
        else
            snprintf(line, sizeof line,
                     "--%s %s: must be a number from 0 to 65535", name, value);
        complain(p, line);
        return -EINVAL;
    }
    return 0;
}

/* ------------------------------------------------------------------ serving */

/* What a signal ends: the application's start, then the server. */
struct watcher {
    rota_signals *signals;
    struct http_server *server;
    rota_scope *starting; /* NULL: it has started */
};

/* A server that could not be ended any more would be worse than one that
 * waits for memory. */
static int next_signal(const struct watcher *w)
{
    int sig;
    while ((sig = rota_signal_next(w->signals)) < 0 && sig != -ECANCELED)
        if (rota_sleep(retry_pause) == -ENOMEM)
            rota_ignore(rota_checkpoint());
    return sig;
}

static void end(const struct watcher *w)
{
    if (w->starting)
        rota_scope_cancel(w->starting, "a signal");
    else
        http_server_drain(w->server);
}

/* The first signal begins the drain. The second ends it; only what blocks a
 * thread cannot be ended, and then the process goes without it. It also goes
 * without `stop`, which would take away what is still in use there. */
static ROTA_ASYNC(watch_signals, (struct watcher *, w))
{
    int sig = next_signal(w);
    if (sig < 0)
        return sig;
    rota_log(ROTA_LOG_INFO, "%s: %s, then ending (again: at once)",
             strsignal(sig),
             w->starting ? "breaking off the start"
                         : "answering what has been asked");
    end(w);
    sig = next_signal(w);
    if (sig < 0)
        return sig;
    end(w);
    int rc = rota_sleep(threads_grace);
    if (rc < 0)
        return rc;
    rota_log(ROTA_LOG_WARNING, "ended while handlers ran on threads");
    _exit(EXIT_FAILURE);
}

static int open_signals(rota_signals **out)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return rota_signals_open(&set, out);
}

static void say_listening(const struct program *p, int fd)
{
    char name[NET_NAME] = "?";
    rota_ignore(net_local_name(fd, name));
    printf("%s: listening on http://%s (backend %s)\n",
           p->config->title ? p->config->title : p->name, name,
           rota_backend_name());
    fflush(stdout);
}

static int listen_at(struct program *p)
{
    char err[ERROR_LINE] = "";
    int fd = net_listen(p->host, p->port, NULL, err, sizeof err);
    if (fd == -EADDRINUSE || fd == -EACCES)
        strncat(err, " (--port)", sizeof err - strlen(err) - 1);
    if (fd < 0)
        complain(p, err[0] ? err : rota_strerror(fd));
    return fd;
}

/* Or one would wonder why nothing answers. */
static void say_starting(void *arg)
{
    const struct program *p = arg;
    rota_log(ROTA_LOG_INFO, "%s is still starting; who connects waits for it",
             p->config->title ? p->config->title : p->name);
}

/* What the application's start returns; *ended: a signal has cut it short. */
static int start_app(struct program *p, struct watcher *w, bool *ended)
{
    const rota_app *config = p->config;
    rota_scope scope;
    rota_timer *slow = NULL;
    *ended = false;
    if (!config->start)
        return 0;
    rota_ignore(rota_call_later(start_patience, say_starting, p, &slow));
    rota_ignore(rota_scope_begin(&scope, 0));
    w->starting = &scope;
    int rc = config->start(config->state);
    w->starting = NULL;
    rota_ignore(rota_timer_cancel(slow));
    rota_ignore(rota_scope_end(&scope, 0));
    *ended = rota_scope_cancelled(&scope);
    if (rc < 0 && !*ended)
        complain(p, rota_errmsg(rc));
    return rc;
}

/* From the application's start to its stop; `fd` is closed. */
static int serve_app(struct program *p, struct watcher *w, int fd)
{
    bool ended;
    int rc = start_app(p, w, &ended);
    if (rc < 0 || ended)
        op_close(w->server->loop, fd);
    if (rc < 0)
        return ended ? 0 : rc;
    if (!ended) {
        say_listening(p, fd);
        rc = http_server_run(w->server);
    }
    if (p->config->stop)
        p->config->stop(p->config->state);
    return rc;
}

/* Has signals watched meanwhile. They are blocked before the application
 * starts: a thread of its own would else take one, and end the process. */
static int serve_until_signal(struct program *p, struct app *app, int fd)
{
    struct watcher w = { .server = &app->server };
    int rc = open_signals(&w.signals);
    rota_task *watching = rc < 0 ? NULL : rota_create_task(watch_signals, &w);
    if (watching) {
        rc = serve_app(p, &w, fd);
        rota_task_cancel(watching, "the server has ended");
        rota_ignore(rota_await(watching));
    } else {
        op_close(app->server.loop, fd);
        rc = rc < 0 ? rc : -ENOMEM;
    }
    rota_signals_close(w.signals);
    return rc;
}

/* Listens before the application starts: when the port is in use, nothing
 * else has happened yet. Who connects meanwhile is kept waiting. */
static int listen_and_serve(struct program *p, struct app *app)
{
    struct http_options options = HTTP_OPTIONS_DEFAULT;
    int fd = listen_at(p);
    if (fd < 0)
        return fd;
    if (p->config->drain_timeout > 0)
        options.drain_timeout = rota_seconds(p->config->drain_timeout);
    http_server_init(&app->server, fd, &options, app_answer, app);
    return serve_until_signal(p, app, fd);
}

static int run_program(void *arg)
{
    struct program *p = arg;
    char err[ERROR_LINE] = "";
    struct app *app = malloc(sizeof *app);
    if (!app)
        return -ENOMEM;
    int rc = app_init(app, p->config, err, sizeof err);
    if (rc == 0)
        rc = listen_and_serve(p, app);
    else if (err[0])
        complain(p, err);
    app_fini(app);
    free(app);
    return rc;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int rota_app_run(int argc, char **argv, const rota_app *app)
{
    struct program p = {
        .config = app,
        .name = argc > 0 ? base_name(argv[0]) : "rota",
        .host = app->host ? app->host : "127.0.0.1",
        .port = app->port ? app->port : 8000,
    };
    int rc = read_options(&p, argc, argv);
    if (rc != 0)
        return rc < 0;
    rota_run_options o = { .threads = app->threads };
    rc = rota_run(run_program, &p, &o);
    if (rc < 0 && !p.said)
        complain(&p, rota_strerror(rc));
    return rc < 0;
}
