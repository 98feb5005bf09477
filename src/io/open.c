/*
 * Opening connections. The addresses of a host race (RFC 8305): each starts
 * when the one before has failed or has kept silent for a while, and the
 * first to answer wins. The race is run by the completions themselves; the
 * task is parked until the last attempt has let go.
 */
#include <errno.h>
#include <string.h>

#include "io/net.h"
#include "io/wait.h"
#include "loop/sock.h"
#include "rota/fd.h"
#include "rota/stream.h"
#include "rota/task.h"

/* RFC 8305 5: the recommended delay between attempts. */
static const rota_dur head_start = 250 * 1000000LL;

struct race;

struct attempt {
    struct op op; /* its fd is -1 when it never began */
    struct race *race;
};

struct race {
    struct rota_task *task;
    struct clause clause; /* the task's wait for `live` to come to 0 */
    struct timer timer;   /* starts the next attempt */
    rota_address addresses[NET_ADDRESSES];
    struct attempt attempts[NET_ADDRESSES];
    int count;   /* of addresses */
    int started; /* of attempts */
    int live;    /* attempts under way */
    int winner;  /* its descriptor; -1: none yet */
    int error;   /* of the first attempt that failed */
    bool over;   /* no more attempts: won, or cancelled */
};

/* A port of this machine nobody listens at may be lent to the very socket
 * that tries it, which then talks to itself (RFC 9293 3.5, simultaneous
 * open). */
static bool is_self(int fd)
{
    char ours[NET_NAME], theirs[NET_NAME];
    return net_local_name(fd, ours) == 0 && net_peer_name(fd, theirs) == 0 &&
           strcmp(ours, theirs) == 0;
}

static void stop(struct race *r)
{
    struct loop *l = task_loop(r->task);
    r->over = true;
    timer_cancel(&l->timers, &r->timer);
    for (int i = 0; i < r->started; i++) {
        struct op *op = &r->attempts[i].op;
        if (op->armed && op_cancel(l, op) == 1)
            r->live--;
    }
}

static void settle(struct race *r, struct attempt *a, int result)
{
    if (result == 0 && is_self(a->op.fd))
        result = -ECONNREFUSED;
    if (result == 0 && r->winner < 0) {
        r->winner = a->op.fd;
        stop(r);
    } else if (!r->error && result != -ECANCELED) {
        r->error = result;
    }
}

/* No attempt is under way any more: the task goes on. */
static void wake_at_end(struct race *r)
{
    bool cancelled = r->over && r->winner < 0;
    if (r->live == 0)
        clause_fire(&r->clause, cancelled ? -ECANCELED : 0);
}

static void start_next(struct race *r);

static void attempt_done(struct op *op)
{
    struct attempt *a = container_of(op, struct attempt, op);
    struct race *r = a->race;
    r->live--;
    settle(r, a, op->result);
    start_next(r);
    wake_at_end(r);
}

/* Begins one: true when it is under way. */
static bool start(struct race *r, struct attempt *a, rota_address *to)
{
    *a = (struct attempt){ .race = r };
    struct loop *l = task_loop(r->task);
    a->op.fd = sock_calls(l)->open(l, to->any.sa_family);
    int rc = a->op.fd < 0 ? a->op.fd : 0;
    a->op.kind = OP_CONNECT;
    a->op.done = attempt_done;
    a->op.data = &to->any;
    a->op.size = to->len;
    if (rc == 0)
        rc = op_submit(l, &a->op);
    if (rc == 0) {
        r->live++;
        return true;
    }
    settle(r, a, rc == 1 ? a->op.result : rc);
    return false;
}

static void start_next(struct race *r)
{
    struct timers *timers = &task_loop(r->task)->timers;
    timer_cancel(timers, &r->timer);
    bool pending = false;
    while (!pending && !r->over && r->started < r->count) {
        int i = r->started++;
        pending = start(r, &r->attempts[i], &r->addresses[i]);
    }
    /* Without memory for a timer the next waits for this one's failure. */
    if (!r->over && r->started < r->count)
        rota_ignore(timer_arm(timers, &r->timer, rota_now() + head_start));
}

static void head_start_over(struct timer *t)
{
    struct race *r = container_of(t, struct race, timer);
    start_next(r);
    wake_at_end(r);
}

static bool race_withdraw(struct clause *c)
{
    struct race *r = container_of(c, struct race, clause);
    stop(r);
    return r->live == 0;
}

static const struct wait_kind race_wait = { "connect", race_withdraw, NULL };

/* Runs the race: the winner's descriptor or an error; all others are closed. */
static int run(struct race *r)
{
    int rc = wait_begin(&r->task);
    if (rc < 0)
        return rc;
    r->winner = -1;
    r->timer = (struct timer){ .fire = head_start_over };
    clause_init(&r->clause, &race_wait, r);
    start_next(r);
    if (r->live > 0)
        rc = wait_park(r->task, &r->clause, 1);
    for (int i = 0; i < r->started; i++)
        if (r->attempts[i].op.fd != r->winner && r->attempts[i].op.fd >= 0)
            rota_ignore(op_close(task_loop(r->task), r->attempts[i].op.fd));
    if (r->winner >= 0)
        rc = r->winner;
    else if (rc == 0)
        rc = r->error;
    return wait_done(r->task, rc);
}

/* Makes the stream of a descriptor, or closes it. */
static int wrap(int fd, rota_stream **stream)
{
    int rc = rota_stream_new(fd, stream);
    if (rc < 0)
        rota_close(fd);
    return rc;
}

int rota_open_connection(const char *host, int port, rota_stream **stream)
{
    if (!host || !*host)
        host = "localhost"; /* to connect, "all of this machine" is that */
    struct race r = { 0 };
    char err[NET_ERROR_TEXT] = "";
    int rc =
        net_resolve(host, port, r.addresses, NET_ADDRESSES, err, sizeof err);
    if (rc < 0)
        return rc == -ECANCELED ? rc : rota_fail(rc, "%s", err);
    r.count = rc;
    rc = run(&r);
    if (rc >= 0)
        return wrap(rc, stream);
    return rc == -ECANCELED ? rc
                            : rota_fail(rc, "cannot connect to %s, port %d: %s",
                                        host, port, strerror(-rc));
}

int rota_open_unix_connection(const char *path, rota_stream **stream)
{
    rota_address a;
    int rc = net_unix_address(path, &a);
    if (rc < 0)
        return rc;
    struct loop *l = loop_current();
    int fd = sock_calls(l)->open(l, AF_UNIX);
    if (fd < 0)
        return fd;
    rc = rota_connect(fd, (const struct sockaddr *)&a.any, a.len);
    if (rc == 0)
        return wrap(fd, stream);
    rota_close(fd);
    return rc;
}
