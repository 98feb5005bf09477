/*
 * Users of descriptors, found by their descriptor when it is closed: a small
 * table of lists, one table for each thread, since a descriptor's ops are a
 * loop's.
 */
#include "task/fd_use.h"

#include <errno.h>

#include "loop/op.h"
#include "task/runtime.h"

enum { BUCKETS = 64 };

struct fd_table {
    struct list uses[BUCKETS]; /* by descriptor */
    struct list closings;
    struct runtime_ender ender;
    bool ready;
};

/* What is left are calls of tasks that were abandoned, or, in a child made by
 * fork, of the parent's. */
static void forget(struct runtime_ender *e, bool forked)
{
    (void)forked;
    container_of(e, struct fd_table, ender)->ready = false;
}

static void table_init(struct fd_table *t)
{
    for (int i = 0; i < BUCKETS; i++)
        list_init(&t->uses[i]);
    list_init(&t->closings);
    t->ender.fn = forget;
    runtime_at_end(runtime_current(), &t->ender);
    t->ready = true;
}

/* Not inlined: the address of a thread's own memory must not be kept over a
 * switch. */
__attribute__((noinline)) static struct fd_table *table(void)
{
    static _Thread_local struct fd_table self;
    if (!self.ready)
        table_init(&self);
    return &self;
}

static struct list *uses_in(struct fd_table *t, int fd)
{
    return &t->uses[(unsigned)fd % BUCKETS];
}

static bool closing_in(struct fd_table *t, int fd)
{
    list_each (it, &t->closings)
        if (container_of(it, struct fd_closing, link)->fd == fd)
            return true;
    return false;
}

bool fd_is_closing(int fd)
{
    return closing_in(table(), fd);
}

int fd_use_begin(struct fd_use *u, int fd, void (*leave)(struct fd_use *u))
{
    struct fd_table *t = table();
    if (fd < 0 || closing_in(t, fd))
        return -EBADF;
    *u = (struct fd_use){ .fd = fd, .leave = leave };
    list_push(uses_in(t, fd), &u->link);
    return 0;
}

void fd_use_end(struct fd_use *u)
{
    list_remove(&u->link);
    if (u->closing && --u->closing->left == 0)
        clause_fire(&u->closing->clause, 0);
}

int fd_use_write(struct fd_use *u)
{
    list_each (it, uses_in(table(), u->fd)) {
        struct fd_use *other = container_of(it, struct fd_use, link);
        if (other->fd == u->fd && other->writes)
            return -EBUSY;
    }
    u->writes = true;
    return 0;
}

static const struct wait_kind close_wait = { "close", NULL, NULL };

int fd_use_drain(struct rota_task *t, int fd, struct fd_closing *c)
{
    if (fd < 0 || fd_is_closing(fd))
        return -EBADF;
    *c = (struct fd_closing){ .fd = fd };
    clause_init(&c->clause, &close_wait, NULL);
    list_push(&table()->closings, &c->link);
    list_each (it, uses_in(table(), fd)) {
        struct fd_use *u = container_of(it, struct fd_use, link);
        if (u->fd != fd)
            continue;
        u->closing = c;
        c->left++;
        u->leave(u);
    }
    if (c->left > 0)
        wait_park_shielded(t, &c->clause, 1);
    return 0;
}

void fd_closed(struct fd_closing *c)
{
    list_remove(&c->link);
}

int fd_use_close(struct rota_task *t, int fd)
{
    struct fd_closing closing;
    int rc = fd_use_drain(t, fd, &closing);
    if (rc < 0)
        return rc;
    fd_closed(&closing);
    return op_close(task_loop(t), fd);
}
