/*
 * Replacing a file's contents so that at every moment, and after a crash, it
 * holds the old ones or the new ones: they are written to a file beside it,
 * which, once on the disk, takes its name.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "rota/file.h"
#include "rota/fs.h"
#include "rota/thread.h"
#include "rota/time.h"
#include "task/thread.h"

enum {
    TRIES = 100,       /* of names; each is taken by chance, or never */
    MODE_BITS = 07777, /* permissions, set-id bits, sticky */
};

struct replace {
    const char *data;
    size_t len;
    mode_t mode;
    char path[PATH_MAX]; /* whose symbolic links are resolved */
    char temp[PATH_MAX];
    int dir; /* its directory, to be synced */
    int fd;  /* the new file */
};

/* Finds what a symbolic link leads to: that is replaced, not the link. */
static int resolve(struct replace *r, const char *path)
{
    char *real = realpath(path, NULL);
    if (!real && errno != ENOENT)
        return -errno;
    int len = snprintf(r->path, sizeof r->path, "%s", real ? real : path);
    free(real);
    return len < (int)sizeof r->path ? 0 : -ENAMETOOLONG;
}

/* Opens the directory, whose name stands in `temp` then, with a '/'. */
static int open_directory(struct replace *r)
{
    const char *slash = strrchr(r->path, '/');
    int len = slash ? (int)(slash - r->path) + 1 : 2;
    snprintf(r->temp, sizeof r->temp, "%.*s", len, slash ? r->path : "./");
    r->dir = rota_file_open(r->temp, O_RDONLY | O_DIRECTORY, 0);
    return r->dir < 0 ? r->dir : 0;
}

static int make_temp(struct replace *r)
{
    size_t at = strlen(r->temp);
    int rc = -EEXIST;
    for (int i = 0; i < TRIES && rc == -EEXIST; i++) {
        unsigned long long number;
        if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number)
            number = (unsigned long long)rota_now(); /* it will do */
        int len =
            snprintf(r->temp + at, sizeof r->temp - at, ".rota-%llx", number);
        if (len >= (int)(sizeof r->temp - at))
            return -ENAMETOOLONG;
        rc = r->fd =
            rota_file_open(r->temp, O_WRONLY | O_CREAT | O_EXCL, r->mode);
    }
    return rc < 0 ? rc : 0;
}

/* Owner and mode become those of the old file, if there is one. */
static int take_after(struct replace *r)
{
    struct stat st;
    int rc = rota_stat(r->path, &st);
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    if (fchown(r->fd, st.st_uid, st.st_gid) < 0 && errno != EPERM)
        return -errno;
    return fchmod(r->fd, st.st_mode & MODE_BITS) < 0 ? -errno : 0;
}

/* A write that a cancellation cuts short, returns short. */
static int fill(struct replace *r)
{
    size_t put = 0;
    while (put < r->len && !rota_thread_cancelled()) {
        ssize_t n = rota_file_write(r->fd, r->data + put, r->len - put);
        if (n < 0)
            return (int)n;
        put += (size_t)n;
    }
    return put < r->len ? -ECANCELED : rota_file_fsync(r->fd);
}

static int swap(struct replace *r)
{
    int rc = make_temp(r);
    if (rc < 0)
        return rc;
    rc = take_after(r);
    if (rc == 0)
        rc = fill(r);
    int closed = rota_file_close(r->fd);
    rc = rc < 0 ? rc : closed;
    if (rc == 0 && rota_thread_cancelled())
        rc = -ECANCELED;
    if (rc == 0)
        rc = rota_rename(r->temp, r->path);
    if (rc < 0)
        unlink(r->temp);
    return rc < 0 ? rc : rota_file_fsync(r->dir);
}

/* The arguments stand in front of the work's own memory, which is a heap's:
 * two names are a lot for a task's stack. */
struct request {
    const char *path;
    const void *data;
    size_t len;
    mode_t mode;
};

static int replace(void *arg)
{
    struct request *q = arg;
    struct replace *r = malloc(sizeof *r);
    if (!r)
        return -ENOMEM;
    r->data = q->data;
    r->len = q->len;
    r->mode = q->mode;
    int rc = resolve(r, q->path);
    if (rc == 0)
        rc = open_directory(r);
    if (rc == 0) {
        rc = swap(r);
        rota_file_close(r->dir);
    }
    free(r);
    return rc;
}

int rota_replace_file(const char *path, const void *data, size_t len,
                      mode_t mode)
{
    struct request q = { path, data, len, mode };
    return thread_run(POOL_FILE, replace, &q);
}
