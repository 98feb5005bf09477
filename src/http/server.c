/*
 * The server: accepts, counts, drains. After an error of accept that will pass
 * (no descriptors, no memory) it waits a second instead of spinning.
 */
#include "http/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "http/conn.h"
#include "http/serve.h"
#include "rota/log.h"

enum { DESCRIPTORS_KEPT = 64 }; /* for files, databases, the loop itself */

static const rota_dur accept_retry = HTTP_SECOND;

/* Until a while has passed, or a connection has gone. */
static void pause_accepting(struct http_server *s, int rc)
{
    rota_time later = s->loop->now + accept_retry;
    if (s->loop->now >= s->warn_at) {
        rota_log(ROTA_LOG_WARNING,
                 "cannot accept connections for now: %s (%zu are open)",
                 rota_strerror(rc), s->count);
        s->warn_at = later;
    }
    if (!s->accept.armed)
        rota_ignore(timer_arm(&s->loop->timers, &s->retry, later));
}

static void accept_more(struct http_server *s)
{
    if (s->draining || s->accept.armed || s->retry.place ||
        s->count >= s->options.connections)
        return;
    int rc = op_submit(s->loop, &s->accept);
    if (rc < 0)
        pause_accepting(s, rc);
}

static void retry(struct timer *timer)
{
    accept_more(container_of(timer, struct http_server, retry));
}

static void stopped_when_empty(struct http_server *s)
{
    struct clause *waiting = s->stopped;
    if (!s->draining || s->count > 0 || s->accept.armed || !waiting)
        return;
    s->stopped = NULL;
    clause_fire(waiting, 0);
}

static void accepted(struct op *op)
{
    struct http_server *s = container_of(op, struct http_server, accept);
    if (op->result >= 0) {
        rota_ignore(conn_new(s, op->result));
        if (s->count >= s->options.connections && op->armed)
            op_cancel(s->loop, op);
    } else if (!op_is_of_connection(op->result) && op->result != -EAGAIN &&
               op->result != -ECANCELED && !s->draining) {
        pause_accepting(s, op->result);
    }
    accept_more(s);
    stopped_when_empty(s);
}

static size_t connections_possible(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0 ||
        files.rlim_cur <= 2 * DESCRIPTORS_KEPT)
        return DESCRIPTORS_KEPT;
    return files.rlim_cur - DESCRIPTORS_KEPT;
}

static void drain_over(struct timer *timer)
{
    struct http_server *s = container_of(timer, struct http_server, end);
    if (s->count == 0)
        return;
    rota_log(ROTA_LOG_WARNING, "%zu connections did not end in time", s->count);
    list_each_safe (it, &s->connections)
        conn_abort(container_of(it, struct http_conn, link));
}

void http_server_init(struct http_server *s, int fd,
                      const struct http_options *options, http_handler *handler,
                      void *arg)
{
    *s = (struct http_server){
        .options = *options,
        .handler = handler,
        .arg = arg,
        .loop = loop_current(),
        .accept = { .kind = OP_ACCEPT, .fd = fd, .done = accepted },
        .retry.fire = retry,
        .end.fire = drain_over,
    };
    /* Inherited by what is accepted; refused by Unix sockets. */
    sock_set_int(s->loop, fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (s->options.connections == 0)
        s->options.connections = connections_possible();
    list_init(&s->connections);
    list_init(&s->idle);
}

/* Takes the connections that stand in the kernel's queue: their clients think
 * they are connected. */
static void accept_rest(struct http_server *s)
{
    const struct sock_calls *calls = sock_calls(s->loop);
    int fd;
    while ((fd = calls->accept(s->loop, s->accept.fd, NULL, NULL)) >= 0)
        rota_ignore(conn_new(s, fd));
}

static void stop_listening(struct http_server *s)
{
    s->draining = true;
    timer_cancel(&s->loop->timers, &s->retry);
    if (s->accept.armed)
        op_cancel(s->loop, &s->accept);
}

void http_server_drain(struct http_server *s)
{
    if (s->draining) {
        drain_over(&s->end);
        return;
    }
    stop_listening(s);
    accept_rest(s);
    /* Who comes now is refused, not kept. */
    sock_calls(s->loop)->shutdown(s->loop, s->accept.fd, SHUT_RD);
    rota_ignore(timer_arm(&s->loop->timers, &s->end,
                          s->loop->now + s->options.drain_timeout));
    list_each_safe (it, &s->connections)
        conn_drain(container_of(it, struct http_conn, link));
    stopped_when_empty(s);
}

void http_server_forget(struct http_server *s)
{
    s->count--;
    timer_cancel(&s->loop->timers, &s->retry);
    accept_more(s);
    stopped_when_empty(s);
}

static const struct wait_kind stop_wait = { "http server's end", NULL, NULL };

/* Parks until everything has ended. */
static int wait_stopped(struct http_server *s, bool shielded)
{
    struct rota_task *t = rota_current_task();
    struct clause stopped;
    clause_init(&stopped, &stop_wait, s);
    if (s->draining && s->count == 0 && !s->accept.armed)
        return 0;
    s->stopped = &stopped;
    int rc = shielded ? wait_park_shielded(t, &stopped, 1)
                      : wait_park(t, &stopped, 1);
    s->stopped = NULL;
    return rc;
}

int http_server_run(struct http_server *s)
{
    struct rota_task *t;
    int rc = wait_begin(&t);
    if (rc == 0)
        rc = rota_group_begin(&s->requests, ROTA_GROUP_ISOLATE);
    if (rc < 0) {
        op_close(s->loop, s->accept.fd);
        return rc;
    }
    accept_more(s);
    rc = wait_stopped(s, false);
    if (rc < 0) {
        stop_listening(s);
        list_each_safe (it, &s->connections)
            conn_abort(container_of(it, struct http_conn, link));
        wait_stopped(s, true);
    }
    timer_cancel(&s->loop->timers, &s->end);
    serve_end_idle(s);
    int ended = rota_group_end(&s->requests, 0);
    op_close(s->loop, s->accept.fd);
    while (s->spares > 0)
        buf_fini(&s->spare[--s->spares]);
    return rc < 0 ? rc : ended;
}

/* Not strftime: the words must not follow the program's locale. */
static void write_date(char out[HTTP_DATE_SIZE], time_t now)
{
    static const char days[][4] = { "Sun", "Mon", "Tue", "Wed",
                                    "Thu", "Fri", "Sat" };
    static const char months[][4] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun",
        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
    };
    struct tm tm;
    gmtime_r(&now, &tm);
    snprintf(out, HTTP_DATE_SIZE,
             "Date: %s, %02u %s %04u %02u:%02u:%02u GMT\r\n",
             days[tm.tm_wday % 7], (unsigned)tm.tm_mday % 100,
             months[tm.tm_mon % 12], (unsigned)(tm.tm_year + 1900) % 10000,
             (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
             (unsigned)tm.tm_sec % 100);
}

const char *http_server_date(struct http_server *s)
{
    if (s->loop->now >= s->date_until) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        write_date(s->date, now.tv_sec);
        s->date_until = s->loop->now + HTTP_SECOND - now.tv_nsec;
    }
    return s->date;
}

struct buf http_server_take_buffer(struct http_server *s)
{
    return s->spares ? s->spare[--s->spares] : (struct buf){ 0 };
}

void http_server_give_buffer(struct http_server *s, struct buf *b)
{
    enum { KEPT_MOST = 16 * 1024 };
    if (b->data && s->spares < HTTP_SPARE_BUFFERS && b->size <= KEPT_MOST)
        s->spare[s->spares++] =
            (struct buf){ .data = b->data, .size = b->size };
    else
        buf_fini(b);
    *b = (struct buf){ 0 };
}
