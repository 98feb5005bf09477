/*
 * Cases of a select that wait for a descriptor: an operation that only waits,
 * on both backends. The kernel may not let go of it at once: then the select
 * returns when it has.
 */
#include <poll.h>
#include <string.h>

#include "sync/select.h"
#include "sync/source.h"

bool pick_has_fd(const struct pick *p)
{
    return p->of->kind == ROTA_CASE_READABLE ||
           p->of->kind == ROTA_CASE_WRITABLE || p->of->kind == ROTA_CASE_SIGNAL;
}

static int fd_of(const rota_case *c)
{
    if (c->kind == ROTA_CASE_SIGNAL)
        return ((struct source *)c->object)->fd;
    return c->fd;
}

static short events_of(const rota_case *c)
{
    return c->kind == ROTA_CASE_WRITABLE ? POLLOUT : POLLIN;
}

void pick_probe(struct pick *p, struct loop *l)
{
    int fd = fd_of(p->of);
    p->result = fd < 0 || fd_is_closing(fd)
                    ? -EBADF
                    : op_poll_now(l, fd, events_of(p->of));
}

int pick_finish_fd(struct pick *p, int rc)
{
    if (rc <= 0 || p->of->kind != ROTA_CASE_SIGNAL)
        return rc;
    struct source *s = p->of->object;
    return s->take(s);
}

int pick_try_fd(struct pick *p)
{
    return p->result == 0 ? -EAGAIN : pick_finish_fd(p, p->result);
}

static void completed(struct op *op)
{
    struct pick *p = container_of(op, struct pick, io.op);
    bool closed = p->io.use.closing && op->result == -ECANCELED;
    clause_fire(p->clause, closed ? -EBADF : op->result);
}

/* True when the operation is ours again. */
static bool recall(struct pick *p)
{
    return !p->io.op.armed ||
           op_cancel(task_loop(p->clause->task), &p->io.op) == 1;
}

static bool withdraw(struct clause *c)
{
    return recall(c->record);
}

static void leave(struct fd_use *u)
{
    struct pick *p = container_of(u, struct pick, io.use);
    if (p->io.op.armed && recall(p))
        clause_fire(p->clause, -EBADF);
}

static const struct wait_kind fd_wait = { "wait for descriptor", withdraw,
                                          NULL };

int pick_wait_fd(struct pick *p, struct loop *l)
{
    p->io.op = (struct op){
        .kind = OP_POLL,
        .fd = fd_of(p->of),
        .events = events_of(p->of),
        .done = completed,
    };
    clause_init(p->clause, &fd_wait, &p->io.op);
    p->clause->record = p;
    int rc = fd_use_begin(&p->io.use, p->io.op.fd, leave);
    p->io.used = rc == 0;
    if (rc < 0)
        return rc;
    rc = op_submit(l, &p->io.op);
    return rc == 1 ? p->io.op.result : rc;
}

void pick_end_fd(struct pick *p)
{
    if (p->io.used)
        fd_use_end(&p->io.use);
}
