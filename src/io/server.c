/*
 * A server of streams: one task accepts, and each connection is a task of its
 * own. The server counts them: it has ended when it is closed and the last of
 * them has.
 */
#include "rota/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/list.h"
#include "io/net.h"
#include "io/stream.h"
#include "loop/loop.h"
#include "rota/fd.h"
#include "rota/log.h"
#include "rota/net.h"
#include "rota/scope.h"
#include "rota/task.h"

static const rota_dur retry_after = 1000000000;

struct rota_server {
    unsigned refs; /* the handle, the accepting task, the connections */
    int listener;  /* -1: closed */
    rota_connection_fn *fn;
    void *arg;
    struct list clients;
    size_t count;
    rota_future *closed;
    bool warned; /* that it cannot accept; once until it can */

    /* The file of a Unix socket, to be removed if it is still that one. */
    struct sockaddr_un file; /* sun_path empty: there is none */
    struct stat made;
};

struct client {
    struct list link;
    rota_server *server;
    rota_stream *stream;
    rota_task *task;
    int fd; /* the stream's */
};

static void unref(rota_server *s)
{
    if (--s->refs > 0)
        return;
    rota_future_unref(s->closed);
    free(s);
}

static void ended_when_empty(rota_server *s)
{
    if (s->listener < 0 && s->count == 0)
        rota_future_set(s->closed, 0, NULL, NULL);
}

static int serve(void *arg)
{
    struct client *c = arg;
    rota_server *s = c->server;
    int rc = s->fn(c->stream, s->arg);
    list_remove(&c->link);
    rota_stream_close(c->stream);
    s->count--;
    ended_when_empty(s);
    unref(s);
    rota_task_unref(c->task); /* so that its error is reported */
    free(c);
    return rc;
}

/* Gives a connection to a task: 0, or why there is none. */
static int begin(rota_server *s, int fd, int family)
{
    struct client *c = malloc(sizeof *c);
    if (!c)
        return -ENOMEM;
    *c = (struct client){ .server = s, .fd = fd };
    int rc = stream_new(fd, family, &c->stream);
    if (rc < 0) {
        free(c);
        return rc;
    }
    rota_task_options o = { .name = "connection" };
    c->task = rota_spawn(serve, c, &o);
    if (!c->task) {
        rota_stream_close(c->stream);
        free(c);
        return 0; /* it is closed, that is all */
    }
    list_push(&s->clients, &c->link);
    s->count++;
    s->refs++;
    return 0;
}

/* May the next accept do better? */
static bool is_passing(int rc)
{
    return rc == -EMFILE || rc == -ENFILE || rc == -ENOBUFS || rc == -ENOMEM;
}

static int accept_all(void *arg)
{
    rota_server *s = arg;
    int rc = net_unblock(s->listener);
    while (rc >= 0 && s->listener >= 0) {
        struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
        socklen_t size = sizeof peer;
        int fd = rc = net_accept(s->listener, (struct sockaddr *)&peer, &size);
        if (fd >= 0)
            rc = begin(s, fd, peer.ss_family);
        if (fd >= 0 && rc < 0)
            rota_close(fd);
        if (!is_passing(rc)) {
            s->warned = s->warned && rc < 0;
            continue;
        }
        if (!s->warned)
            rota_log(ROTA_LOG_WARNING,
                     "cannot accept connections for now: %s (%zu are open)",
                     rota_strerror(rc), s->count);
        s->warned = true;
        rc = rota_sleep(retry_after);
        if (rc == -ENOMEM) /* for the timer: it is short of that too */
            rc = rota_checkpoint();
    }
    if (s->listener >= 0 && rc != -ECANCELED)
        rota_log(ROTA_LOG_ERROR, "accepting has ended: %s", rota_strerror(rc));
    rota_server_close(s);
    unref(s);
    return 0;
}

/* Remembers the file of a Unix socket. */
static void note_file(rota_server *s)
{
    socklen_t size = sizeof s->file;
    struct loop *l = loop_current();
    struct sockaddr *name = (struct sockaddr *)&s->file;
    if (sock_simulated(l) || /* there a path is no file */
        sock_calls(l)->name(l, s->listener, false, name, &size) < 0 ||
        s->file.sun_family != AF_UNIX || stat(s->file.sun_path, &s->made) < 0)
        s->file.sun_path[0] = '\0';
}

static void remove_file(const rota_server *s)
{
    struct stat now;
    if (s->file.sun_path[0] && stat(s->file.sun_path, &now) == 0 &&
        now.st_dev == s->made.st_dev && now.st_ino == s->made.st_ino)
        unlink(s->file.sun_path);
}

int rota_server_start(int listener, rota_connection_fn *fn, void *arg,
                      rota_server **server)
{
    if (listener < 0)
        return listener;
    rota_server *s = calloc(1, sizeof *s);
    if (!s)
        goto no_server;
    s->refs = 2;
    s->listener = listener;
    s->fn = fn;
    s->arg = arg;
    list_init(&s->clients);
    s->closed = rota_future_new();
    if (!s->closed)
        goto no_future;
    note_file(s);
    rota_task_options o = { .name = "server" };
    rota_task *t = rota_spawn(accept_all, s, &o);
    if (!t)
        goto no_task;
    rota_task_unref(t);
    *server = s;
    return 0;
no_task:
    rota_future_unref(s->closed);
no_future:
    free(s);
no_server:
    rota_close(listener);
    return -ENOMEM;
}

void rota_server_close(rota_server *s)
{
    int listener = s->listener;
    if (listener < 0)
        return;
    s->listener = -1;
    remove_file(s);
    s->refs++; /* who waits may free it meanwhile */
    rota_close(listener);
    ended_when_empty(s);
    unref(s);
}

void rota_server_close_clients(rota_server *s)
{
    struct loop *l = loop_current();
    list_each (it, &s->clients)
        sock_calls(l)->shutdown(l, container_of(it, struct client, link)->fd,
                                SHUT_RDWR);
}

void rota_server_abort_clients(rota_server *s)
{
    struct linger at_once = { .l_onoff = 1 };
    struct loop *l = loop_current();
    list_each (it, &s->clients) {
        struct client *c = container_of(it, struct client, link);
        sock_calls(l)->set(l, c->fd, SOL_SOCKET, SO_LINGER, &at_once,
                           sizeof at_once);
        rota_task_cancel(c->task, "the server's connections are aborted");
    }
}

int rota_server_wait_closed(rota_server *s)
{
    return rota_future_wait(s->closed, NULL);
}

size_t rota_server_clients(const rota_server *s)
{
    return s->count;
}

void rota_server_free(rota_server *s)
{
    if (!s)
        return;
    rota_server_close(s);
    unref(s);
}
