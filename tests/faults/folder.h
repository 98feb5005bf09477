/*
 * A folder of a round's own. What the scenario needs of it never fails, and it
 * is gone when the round has ended.
 */
#ifndef FAULTS_FOLDER_H
#define FAULTS_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "faults.h"
#include "rota.h"

static char folder[64];

/* The path of `name` in the folder; four of them stand at a time. */
static inline const char *path_of(const char *name)
{
    static char path[4][128];
    static unsigned turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static inline int remove_one(const char *path, const struct stat *st, int type,
                             struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

/* Runs `fn` as main in a folder of its own. */
static inline int run_in_folder(rota_fn *fn)
{
    faults_off();
    snprintf(folder, sizeof folder, "/tmp/rota-faults-XXXXXX");
    if (!mkdtemp(folder))
        _exit(1);
    faults_on();
    int rc = rota_run(fn, NULL, NULL);
    faults_off();
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    faults_on();
    return rc;
}

#endif
