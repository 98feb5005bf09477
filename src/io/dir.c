/*
 * Directories, a block of entries at a time. A pool thread asks for the block,
 * and for the types that the file system does not tell by itself.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "rota/file.h"
#include "rota/fs.h"
#include "task/thread.h"

enum { BLOCK = 32768 };

struct rota_dir {
    int fd;
    bool busy; /* a task is in rota_dir_next */
    size_t at;
    size_t len;
    _Alignas(struct dirent64) char block[BLOCK];
};

int rota_dir_open(const char *path, rota_dir **dir)
{
    struct rota_dir *d = malloc(sizeof *d);
    if (!d)
        return -ENOMEM;
    d->busy = false;
    d->at = d->len = 0;
    d->fd = rota_file_open(path, O_RDONLY | O_DIRECTORY, 0);
    if (d->fd < 0) {
        int rc = d->fd;
        free(d);
        return rc;
    }
    *dir = d;
    return 0;
}

static struct dirent64 *entry_at(struct rota_dir *d, size_t at)
{
    return (struct dirent64 *)(void *)(d->block + at);
}

static void find_type(struct rota_dir *d, struct dirent64 *e)
{
    struct stat st;
    if (e->d_type == DT_UNKNOWN &&
        fstatat(d->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        e->d_type = (unsigned char)IFTODT(st.st_mode);
}

/* Work: the next block. One whose directory was removed has no more. */
static int fill(void *arg)
{
    struct rota_dir *d = arg;
    ssize_t n = getdents64(d->fd, d->block, sizeof d->block);
    if (n < 0 && errno != ENOENT)
        return -errno;
    d->at = 0;
    d->len = n > 0 ? (size_t)n : 0;
    for (size_t at = 0; at < d->len; at += entry_at(d, at)->d_reclen)
        find_type(d, entry_at(d, at));
    return n > 0;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int next(struct rota_dir *d, rota_dir_entry *entry)
{
    for (;;) {
        int rc = d->at < d->len ? 1 : thread_run(POOL_FILE, fill, d);
        if (rc <= 0)
            return rc;
        const struct dirent64 *e = entry_at(d, d->at);
        d->at += e->d_reclen;
        if (is_dots(e->d_name))
            continue;
        entry->name = rota_str_of(e->d_name);
        entry->type = e->d_type;
        return 1;
    }
}

int rota_dir_next(rota_dir *d, rota_dir_entry *entry)
{
    if (d->busy)
        return -EBUSY;
    d->busy = true;
    int rc = next(d, entry);
    d->busy = false;
    return rc;
}

void rota_dir_close(rota_dir *d)
{
    if (!d)
        return;
    rota_file_close(d->fd);
    free(d);
}
