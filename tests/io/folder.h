/*
 * A folder of a test's own, gone with all that is in it when the test ends,
 * however it does.
 */
#ifndef FOLDER_H
#define FOLDER_H

#include <ftw.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "pair.h"

static char folder[64];

/* The path of `name` in the folder; four of them stand at a time. */
static inline const char *path_of(const char *name)
{
    static char path[4][512];
    static unsigned turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static inline int folder_remove_one(const char *path, const struct stat *st,
                                    int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline void folder_remove(void)
{
    nftw(folder, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void folder_make(void)
{
    snprintf(folder, sizeof folder, "/tmp/io-test-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    atexit(folder_remove);
}

/* Whether kernel and file system say what they know of a name without
 * waiting. */
static inline bool opens_at_once(const char *path, int flags)
{
    struct open_how how = { .flags = (unsigned)flags,
                            .resolve = RESOLVE_CACHED };
    long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd >= 0)
        close((int)fd);
    return fd >= 0;
}

/* Runs `fn` with an empty folder. */
static inline void run_in_folder(rota_fn *fn)
{
    folder_make();
    run_clean(fn);
}

#endif
