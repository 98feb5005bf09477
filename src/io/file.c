/*
 * Files by descriptor: each call packs what it was given and sends it to a
 * pool thread, where the plain system calls are made, again and again until
 * all is done.
 */
#include "rota/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <unistd.h>

#include "rota/scope.h"
#include "rota/thread.h"
#include "rota/time.h"
#include "task/thread.h"

enum { ALWAYS = O_CLOEXEC | O_NOCTTY | O_NONBLOCK };

/* The arguments and the result of one call. */
struct work {
    int fd;
    const char *path;
    int flags;
    mode_t mode;
    char *data;
    size_t size;
    off_t offset;
    struct stat *st;
    ssize_t result; /* where an int is too small */
    bool ran;
};

static int open_here(void *arg)
{
    struct work *w = arg;
    int fd;
    do
        fd = open(w->path, w->flags | ALWAYS, w->mode);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

/* Reads until `size` bytes are there or the file ends. A count goes before an
 * error; the next read meets that again. */
static int pread_here(void *arg)
{
    struct work *w = arg;
    size_t got = 0;
    int error = 0;
    while (got < w->size && !error) {
        ssize_t n =
            pread(w->fd, w->data + got, w->size - got, w->offset + (off_t)got);
        if (n == 0)
            break;
        if (n > 0)
            got += (size_t)n;
        else if (errno != EINTR)
            error = -errno;
    }
    w->result = got > 0 ? (ssize_t)got : error;
    return 0;
}

static int pwrite_here(void *arg)
{
    struct work *w = arg;
    size_t put = 0;
    int error = 0;
    while (put < w->size && !error) {
        ssize_t n =
            pwrite(w->fd, w->data + put, w->size - put, w->offset + (off_t)put);
        if (n > 0)
            put += (size_t)n;
        else if (n == 0)
            error = -EIO;
        else if (errno != EINTR)
            error = -errno;
    }
    w->result = put > 0 ? (ssize_t)put : error;
    return 0;
}

static int fsync_here(void *arg)
{
    int rc;
    do
        rc = fsync(((struct work *)arg)->fd);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

static int stat_here(void *arg)
{
    struct work *w = arg;
    return fstat(w->fd, w->st) < 0 ? -errno : 0;
}

/* On Linux the descriptor is gone even when a signal interrupts. */
static int close_here(void *arg)
{
    struct work *w = arg;
    w->ran = true;
    return close(w->fd) < 0 && errno != EINTR ? -errno : 0;
}

int rota_file_open(const char *path, int flags, mode_t mode)
{
    struct work w = { .path = path, .flags = flags, .mode = mode };
    return thread_run(POOL_FILE, open_here, &w);
}

static bool fits(size_t size, off_t offset)
{
    return size <= SSIZE_MAX && offset >= 0 &&
           (off_t)size <= INT64_MAX - offset;
}

ssize_t rota_file_pread(int fd, void *data, size_t size, off_t offset)
{
    if (!fits(size, offset))
        return -EINVAL;
    struct work w = { .fd = fd, .data = data, .size = size, .offset = offset };
    int rc = thread_run(POOL_FILE, pread_here, &w);
    return rc < 0 ? rc : w.result;
}

ssize_t rota_file_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    if (!fits(size, offset))
        return -EINVAL;
    struct work w = {
        .fd = fd, .data = (char *)data, .size = size, .offset = offset
    };
    int rc = thread_run(POOL_FILE, pwrite_here, &w);
    return rc < 0 ? rc : w.result;
}

int rota_file_fsync(int fd)
{
    struct work w = { .fd = fd };
    return thread_run(POOL_FILE, fsync_here, &w);
}

int rota_file_stat(int fd, struct stat *st)
{
    struct stat found;
    struct work w = { .fd = fd, .st = &found };
    int rc = thread_run(POOL_FILE, stat_here, &w);
    if (rc == 0)
        *st = found;
    return rc;
}

int rota_file_close(int fd)
{
    struct work w = { .fd = fd };
    int rc = 0;
    if (thread_is_worker())
        return close_here(&w);
    ROTA_SHIELD (ROTA_FOREVER) {
        rc = thread_run(POOL_FILE, close_here, &w);
    }
    /* No thread could be had: a short wait is better than a leak. */
    return w.ran ? rc : close_here(&w);
}
