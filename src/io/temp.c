/*
 * Temporary files. Each is made by one piece of work on a pool thread, so one
 * that a cancelled task has no use for is never made, or is the task's.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rota/file.h"
#include "rota/fs.h"
#include "task/thread.h"

static const char pattern[] = "XXXXXX";

/* mkstemp(3) and mkdtemp(3) leave no pattern behind when they fail. */
static int failed(char *name, int error)
{
    size_t len = strlen(name), n = sizeof pattern - 1;
    if (len >= n && error != EINVAL)
        memcpy(name + len - n, pattern, n);
    return -error;
}

static int make_file(void *name)
{
    int fd;
    do
        fd = mkostemp(name, O_CLOEXEC);
    while (fd < 0 && failed(name, errno) == -EINTR);
    return fd < 0 ? -errno : fd;
}

static int make_directory(void *name)
{
    return mkdtemp(name) ? 0 : failed(name, errno);
}

int rota_mkstemp(char *name)
{
    return thread_run(POOL_FILE, make_file, name);
}

int rota_mkdtemp(char *name)
{
    return thread_run(POOL_FILE, make_directory, name);
}

/* A file system that knows no files without names gets one that loses its. */
static int make_and_unlink(const char *dir)
{
    char name[PATH_MAX];
    int len = snprintf(name, sizeof name, "%s/.rota-%s", dir, pattern);
    if (len >= (int)sizeof name)
        return -ENAMETOOLONG;
    int fd = make_file(name);
    if (fd >= 0)
        unlink(name);
    return fd;
}

static int make_nameless(void *dir)
{
    int fd = rota_file_open(dir, O_TMPFILE | O_RDWR, 0600);
    /* EISDIR: a kernel that does not know O_TMPFILE; open(2). */
    return fd == -EOPNOTSUPP || fd == -EISDIR ? make_and_unlink(dir) : fd;
}

int rota_tmpfile(const char *dir)
{
    return thread_run(POOL_FILE, make_nameless, (void *)dir);
}
