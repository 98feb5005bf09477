/*
 * The file system by names: what they stand for, renaming and removing,
 * directories, temporary files, copies. What a name leads to on disk is
 * rota/file.h's.
 *
 * Every call suspends, unless it says otherwise, and returns 0, or what the
 * system call of its name says as a negative errno. Cancel: what has not begun
 * is not done (-ECANCELED); what has is finished, and its result returned.
 * Names must stand until then, and do, since the call waits. On a pool thread
 * they simply run.
 */
#ifndef ROTA_FS_H
#define ROTA_FS_H

#include <dirent.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "rota/arena.h"
#include "rota/export.h"
#include "rota/str.h"

/* What `path` is; rota_lstat: of a symbolic link the link itself. */
ROTA_API int rota_stat(const char *path, struct stat *st) ROTA_MUST;
ROTA_API int rota_lstat(const char *path, struct stat *st) ROTA_MUST;

/* Renames `from`, within a file system; what `to` was is replaced. */
ROTA_API int rota_rename(const char *from, const char *to) ROTA_MUST;

/* Removes a name that is not a directory's. */
ROTA_API int rota_unlink(const char *path) ROTA_MUST;

/* Makes a directory. -EEXIST: there is something. */
ROTA_API int rota_mkdir(const char *path, mode_t mode) ROTA_MUST;

/* Makes a directory and those above it that are missing, as `mkdir -p`. One
 * that is there is fine; -EEXIST, -ENOTDIR: there is something else. On an
 * error some may have been made. */
ROTA_API int rota_makedirs(const char *path, mode_t mode) ROTA_MUST;

/* Removes an empty directory. */
ROTA_API int rota_rmdir(const char *path) ROTA_MUST;

/* Makes `path` a symbolic link that leads to `target`. */
ROTA_API int rota_symlink(const char *target, const char *path) ROTA_MUST;

/* Where a symbolic link leads, in the arena and with a NUL byte behind. */
ROTA_API int rota_readlink(const char *path, rota_arena *a,
                           rota_str *out) ROTA_MUST;

/* Sets the mode's permission bits; of what a symbolic link leads to. */
ROTA_API int rota_chmod(const char *path, mode_t mode) ROTA_MUST;

/*
 * The entries of a directory, in the order the file system has them, without
 * "." and "..". A block of them is held at a time, however many there are.
 *
 *     rota_dir *d;
 *     rota_dir_entry e;
 *     int rc = rota_dir_open(path, &d);
 *     if (rc < 0)
 *         return rc;
 *     while ((rc = rota_dir_next(d, &e)) > 0)
 *         printf("%s\n", e.name.ptr);
 *     rota_dir_close(d);
 */
typedef struct rota_dir rota_dir;

typedef struct rota_dir_entry {
    rota_str name;      /* with a NUL byte behind; until the next call */
    unsigned char type; /* DT_REG, DT_DIR, DT_LNK, ... of readdir(3) */
} rota_dir_entry;

/* Stores an owned iterator. -ENOTDIR, -ENOMEM. */
ROTA_API int rota_dir_open(const char *path, rota_dir **dir) ROTA_MUST;

/* The next entry: 1, 0: there is none any more; -EBUSY: another task is in
 * this call. Cancel: no entry is lost. */
ROTA_API int rota_dir_next(rota_dir *dir, rota_dir_entry *entry) ROTA_MUST;

/* Closes and frees it (NULL is nothing). No task may be in rota_dir_next.
 * Cancel: it is closed all the same. */
ROTA_API void rota_dir_close(rota_dir *dir);

/* Makes a new file, open for reading and writing and its owner's only, and
 * puts its name into `name`, which ends in "XXXXXX". Returns the descriptor.
 * On an error `name` is as it was. */
ROTA_API int rota_mkstemp(char *name) ROTA_MUST;

/* The same with a directory; 0. */
ROTA_API int rota_mkdtemp(char *name) ROTA_MUST;

/* A file without a name, in the file system of `dir`, open for reading and
 * writing: it is gone when it is closed. Returns the descriptor. */
ROTA_API int rota_tmpfile(const char *dir) ROTA_MUST;

/*
 * Copies a file's bytes, inside the file system where it can. `to` is made
 * with the permissions of `from` if there is none, else emptied first. -EINVAL:
 * both are one file; -EISDIR; -ESPIPE: a FIFO or the like. On an error, and
 * when a cancellation stops a long copy (-ECANCELED), `to` may hold a part.
 */
ROTA_API int rota_copy_file(const char *from, const char *to) ROTA_MUST;

#endif
