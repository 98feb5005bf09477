/*
 * Names in the file system: each is one call.
 */
#include "rota/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file_call.h"
#include "io/file_stat.h"
#include "task/thread.h"

static int look(const char *path, int flags, struct stat *st)
{
    struct file_call c = {
        .op = { .kind = FILE_STAT, .fd = -1, .path = path, .flags = flags }
    };
    return file_stat(&c, st);
}

int rota_stat(const char *path, struct stat *st)
{
    return look(path, 0, st);
}

int rota_lstat(const char *path, struct stat *st)
{
    return look(path, AT_SYMLINK_NOFOLLOW, st);
}

int rota_rename(const char *from, const char *to)
{
    struct file_call c = {
        .op = { .kind = FILE_RENAME, .fd = -1, .path = from, .to = to }
    };
    return file_call(&c);
}

int rota_unlink(const char *path)
{
    struct file_call c = { .op = {
                               .kind = FILE_UNLINK, .fd = -1, .path = path } };
    return file_call(&c);
}

int rota_rmdir(const char *path)
{
    struct file_call c = { .op = { .kind = FILE_UNLINK,
                                   .fd = -1,
                                   .path = path,
                                   .flags = AT_REMOVEDIR } };
    return file_call(&c);
}

int rota_mkdir(const char *path, mode_t mode)
{
    struct file_call c = {
        .op = { .kind = FILE_MKDIR, .fd = -1, .path = path, .mode = mode }
    };
    return file_call(&c);
}

int rota_symlink(const char *target, const char *path)
{
    struct file_call c = {
        .op = { .kind = FILE_SYMLINK, .fd = -1, .path = target, .to = path }
    };
    return file_call(&c);
}

int rota_chmod(const char *path, mode_t mode)
{
    struct file_call c = {
        .op = { .kind = FILE_CHMOD, .fd = -1, .path = path, .mode = mode }
    };
    return file_call(&c);
}

struct makedirs {
    char path[PATH_MAX]; /* cut where a '/' became a NUL */
    mode_t mode;
};

static int make(const struct makedirs *m)
{
    return mkdir(m->path, m->mode) < 0 && errno != EEXIST ? -errno : 0;
}

/* Cuts the last name and the slashes before it off; false: it is the first. */
static bool go_up(struct makedirs *m)
{
    char *slash = strrchr(m->path, '/');
    while (slash && slash > m->path && slash[-1] == '/')
        slash--;
    if (!slash || slash == m->path)
        return false;
    *slash = '\0';
    return true;
}

/* Work: up to the first that is there, and down again. */
static int makedirs(void *arg)
{
    struct makedirs *m = arg;
    size_t len = strlen(m->path);
    while (len > 1 && m->path[len - 1] == '/')
        m->path[--len] = '\0';
    int rc = make(m);
    while (rc == -ENOENT && go_up(m))
        rc = make(m);
    for (size_t at; rc == 0 && (at = strlen(m->path)) < len;) {
        m->path[at] = '/';
        rc = make(m);
    }
    struct stat st;
    if (rc == 0 && stat(m->path, &st) < 0)
        rc = -errno;
    return rc == 0 && !S_ISDIR(st.st_mode) ? -EEXIST : rc;
}

int rota_makedirs(const char *path, mode_t mode)
{
    struct makedirs m = { .mode = mode };
    size_t len = strlen(path);
    if (len >= sizeof m.path)
        return -ENAMETOOLONG;
    memcpy(m.path, path, len + 1);
    return thread_run(POOL_FILE, makedirs, &m);
}

struct readlink {
    const char *path;
    char target[PATH_MAX];
};

static int read_link(void *arg)
{
    struct readlink *r = arg;
    ssize_t n = readlink(r->path, r->target, sizeof r->target);
    return n < 0 ? -errno : (int)n;
}

int rota_readlink(const char *path, rota_arena *a, rota_str *out)
{
    struct readlink r = { .path = path };
    int rc = thread_run(POOL_FILE, read_link, &r);
    if (rc < 0)
        return rc;
    char *target = rota_arena_strndup(a, r.target, (size_t)rc);
    if (!target)
        return -ENOMEM;
    *out = (rota_str){ target, (size_t)rc };
    return 0;
}
