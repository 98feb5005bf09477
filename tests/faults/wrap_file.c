/*
 * The wrapped calls on files and their names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "wrap.h"

WRAP(int, statx,
     (int dir, const char *path, int flags, unsigned mask, struct statx *st))
{
    FAILS(statx, ENOMEM, -1)
    INTERRUPTS(statx, -1)
    return __real_statx(dir, path, flags, mask, st);
}

WRAP(ssize_t, preadv64v2,
     (int fd, const struct iovec *v, int n, off_t at, int flags))
{
    FAILS(preadv2, EAGAIN, -1)
    INTERRUPTS(preadv2, -1)
    return __real_preadv64v2(fd, v, n, at, flags);
}

WRAP(int, fdatasync, (int fd))
{
    FAILS(fdatasync, EIO, -1)
    INTERRUPTS(fdatasync, -1)
    return __real_fdatasync(fd);
}

WRAP(int, ftruncate64, (int fd, off_t size))
{
    FAILS(ftruncate, EIO, -1)
    INTERRUPTS(ftruncate, -1)
    return __real_ftruncate64(fd, size);
}

WRAP(int, rename, (const char *from, const char *to))
{
    FAILS(rename, ENOSPC, -1)
    return __real_rename(from, to);
}

WRAP(int, unlinkat, (int dir, const char *path, int flags))
{
    FAILS(unlinkat, EIO, -1)
    return __real_unlinkat(dir, path, flags);
}

WRAP(int, mkdir, (const char *path, mode_t mode))
{
    FAILS(mkdir, ENOSPC, -1)
    return __real_mkdir(path, mode);
}

WRAP(int, symlink, (const char *to, const char *path))
{
    FAILS(symlink, ENOSPC, -1)
    return __real_symlink(to, path);
}

WRAP(ssize_t, readlink, (const char *path, char *to, size_t size))
{
    FAILS(readlink, EIO, -1)
    return __real_readlink(path, to, size);
}

WRAP(int, chmod, (const char *path, mode_t mode))
{
    FAILS(chmod, EIO, -1)
    return __real_chmod(path, mode);
}

WRAP(int, fchmod, (int fd, mode_t mode))
{
    FAILS(fchmod, EIO, -1)
    return __real_fchmod(fd, mode);
}

WRAP(int, fchown, (int fd, uid_t user, gid_t group))
{
    FAILS(fchown, EIO, -1)
    return __real_fchown(fd, user, group);
}

WRAP(int, mkostemp64, (char *name, int flags))
{
    FAILS(mkostemp, EMFILE, -1)
    return __real_mkostemp64(name, flags);
}

WRAP(char *, mkdtemp, (char *name))
{
    FAILS(mkdtemp, ENOSPC, NULL)
    return __real_mkdtemp(name);
}

WRAP(ssize_t, getdents64, (int fd, void *data, size_t size))
{
    FAILS(getdents64, EIO, -1)
    return __real_getdents64(fd, data, size);
}

WRAP(ssize_t, copy_file_range,
     (int in, off_t *from, int out, off_t *to, size_t size, unsigned flags))
{
    FAILS(copy_file_range, ENOMEM, -1)
    INTERRUPTS(copy_file_range, -1)
    return __real_copy_file_range(in, from, out, to, size, flags);
}

/* What the C library allocates for its callers is counted as theirs. */
WRAP(char *, realpath, (const char *path, char *to))
{
    FAILS(realpath, ENOMEM, NULL)
    return counted(__real_realpath(path, to));
}

WRAP(char *, strdup, (const char *s))
{
    FAILS(strdup, ENOMEM, NULL)
    return counted(__real_strdup(s));
}

WRAP(char *, strndup, (const char *s, size_t size))
{
    FAILS(strndup, ENOMEM, NULL)
    return counted(__real_strndup(s, size));
}

WRAP(int, inotify_init1, (int flags))
{
    FAILS(inotify_init1, EMFILE, -1)
    return __real_inotify_init1(flags);
}

WRAP(int, inotify_add_watch, (int fd, const char *path, uint32_t mask))
{
    FAILS(inotify_add_watch, ENOSPC, -1)
    return __real_inotify_add_watch(fd, path, mask);
}
