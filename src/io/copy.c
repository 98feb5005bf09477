/*
 * Copying a file: the kernel moves the bytes itself, or, where it does not
 * (from one file system to another, from /proc), a buffer does. One piece of
 * work on a pool thread, which looks for a cancellation between the parts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/file_call.h"
#include "rota/file.h"
#include "rota/fs.h"
#include "rota/thread.h"
#include "task/thread.h"

enum {
    PART = 16 << 20,
    BUFFER = 256 << 10,
    PERMISSIONS = 0777,
};

struct copy {
    const char *from;
    const char *to;
    int in;
    int out;
    struct stat st;
};

static int open_both(struct copy *c)
{
    struct stat st;
    c->in = rota_file_open(c->from, O_RDONLY, 0);
    int rc = c->in < 0 ? c->in : rota_file_stat(c->in, &c->st);
    if (rc < 0)
        return rc;
    if (S_ISDIR(c->st.st_mode))
        return -EISDIR;
    if (S_ISFIFO(c->st.st_mode) || S_ISSOCK(c->st.st_mode))
        return -ESPIPE;
    c->out =
        rota_file_open(c->to, O_WRONLY | O_CREAT, c->st.st_mode & PERMISSIONS);
    rc = c->out < 0 ? c->out : rota_file_stat(c->out, &st);
    if (rc < 0)
        return rc;
    if (st.st_dev == c->st.st_dev && st.st_ino == c->st.st_ino)
        return -EINVAL;
    return S_ISREG(st.st_mode) ? rota_file_ftruncate(c->out, 0) : 0;
}

static int copy_by_buffer(struct copy *c)
{
    char *buffer = malloc(BUFFER);
    if (!buffer)
        return -ENOMEM;
    ssize_t n = 1;
    while (n > 0 && !rota_thread_cancelled()) {
        n = rota_file_read(c->in, buffer, BUFFER);
        ssize_t put = n > 0 ? rota_file_write(c->out, buffer, (size_t)n) : n;
        /* The rest of a short write tells why it was short. */
        if (put > 0 && put < n)
            put = rota_file_write(c->out, buffer + put, (size_t)(n - put));
        n = put < 0 ? put : n;
    }
    free(buffer);
    return n > 0 ? -ECANCELED : (int)n;
}

/* 1: not here, and nothing is copied yet. */
static int copy_in_kernel(struct copy *c)
{
    bool begun = false;
    while (!rota_thread_cancelled()) {
        ssize_t n = copy_file_range(c->in, NULL, c->out, NULL, PART, 0);
        if (n == 0 && begun)
            return 0;
        if (n <= 0 && !begun)
            return 1;
        if (n < 0 && errno != EINTR)
            return -errno;
        begun = true;
    }
    return -ECANCELED;
}

static int copy(void *arg)
{
    struct copy *c = arg;
    int rc = open_both(c);
    if (rc == 0)
        rc = copy_in_kernel(c);
    if (rc == 1)
        rc = copy_by_buffer(c);
    if (c->in >= 0)
        rota_file_close(c->in);
    int closed = c->out >= 0 ? rota_file_close(c->out) : 0;
    return rc < 0 ? rc : closed;
}

int rota_copy_file(const char *from, const char *to)
{
    struct copy c = { .from = from, .to = to, .in = -1, .out = -1 };
    return thread_run(POOL_FILE, copy, &c);
}
