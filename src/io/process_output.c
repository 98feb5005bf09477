/*
 * Talking to a process to its end: fed and drained at the same time, or both
 * would wait for each other once a pipe is full. All that was read stays in
 * the handle, so a cancelled call loses nothing.
 */
#include <errno.h>

#include "io/process.h"
#include "rota/fd.h"
#include "rota/group.h"

enum { READ_SIZE = 16 * 1024 };

struct feed {
    rota_process *process;
    const char *input;
    size_t size;
};

static int feed(void *arg)
{
    struct feed *f = arg;
    rota_process *p = f->process;
    ssize_t n = 0;
    while (p->fed < f->size && n >= 0) {
        n = rota_write(p->pipe[0], f->input + p->fed, f->size - p->fed);
        if (n > 0)
            p->fed += (size_t)n;
    }
    if (n < 0 && n != -EPIPE) /* it need not read all */
        return (int)n;
    rota_process_close_in(p);
    return 0;
}

static int drain(rota_process *p, int i)
{
    struct buf *b = &p->outputs[i];
    ssize_t n;
    do {
        size_t left = p->limit - buf_len(b);
        char *to = buf_reserve(b, READ_SIZE);
        if (!to)
            return -ENOMEM;
        n = rota_read(p->pipe[1 + i], to, READ_SIZE);
        if (n > 0 && (size_t)n > left)
            return -EMSGSIZE;
        if (n > 0)
            buf_commit(b, (size_t)n);
    } while (n > 0);
    if (n < 0)
        return (int)n;
    int fd = p->pipe[1 + i];
    p->pipe[1 + i] = -1;
    return rota_close(fd);
}

static int drain_out(void *p)
{
    return drain(p, 0);
}

static int drain_err(void *p)
{
    return drain(p, 1);
}

int rota_process_communicate(rota_process *p, const void *input, size_t size)
{
    struct feed f = { p, input, size };
    rota_group g;
    int rc = rota_group_begin(&g, 0);
    if (rc < 0)
        return rc;
    if (p->pipe[0] >= 0)
        rc = rota_group_spawn(&g, feed, &f, NULL, NULL);
    if (rc == 0 && p->pipe[1] >= 0)
        rc = rota_group_spawn(&g, drain_out, p, NULL, NULL);
    if (rc == 0 && p->pipe[2] >= 0)
        rc = rota_group_spawn(&g, drain_err, p, NULL, NULL);
    if (rc == 0)
        rc = rota_process_wait(p, NULL);
    return rota_group_end(&g, rc);
}

static rota_str collected(const struct buf *b)
{
    return (rota_str){ b->data ? b->data + b->begin : "", buf_len(b) };
}

rota_str rota_process_output(const rota_process *p)
{
    return collected(&p->outputs[0]);
}

rota_str rota_process_errors(const rota_process *p)
{
    return collected(&p->outputs[1]);
}

int rota_process_run(const char *const *argv,
                     const rota_process_options *options, const void *input,
                     size_t size, int *status, rota_process **process)
{
    rota_process_options o = options ? *options : (rota_process_options){ 0 };
    if (o.in == ROTA_PROCESS_INHERIT)
        o.in = size > 0 ? ROTA_PROCESS_PIPE : ROTA_PROCESS_NULL;
    if (o.out == ROTA_PROCESS_INHERIT)
        o.out = ROTA_PROCESS_PIPE;
    if (o.err == ROTA_PROCESS_INHERIT)
        o.err = ROTA_PROCESS_PIPE;
    rota_process *p;
    int rc = rota_process_start(argv, &o, &p);
    if (rc < 0)
        return rc;
    rc = rota_process_communicate(p, input, size);
    if (rc == 0)
        rc = rota_process_wait(p, status);
    if (rc < 0) {
        rota_process_stop(p);
        rota_process_free(p);
        return rc;
    }
    *process = p;
    return 0;
}
