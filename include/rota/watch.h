/*
 * Watching files and directories for changes (inotify(7)).
 *
 *     rota_watch *w;
 *     rota_watch_event e;
 *     int rc = rota_watch_new(&w);
 *     if (rc < 0)
 *         return rc;
 *     rc = rota_watch_add(w, "/etc/app.conf");
 *     while (rc >= 0 && (rc = rota_watch_next(w, &e)) >= 0)
 *         reload(e.what);
 *     rota_watch_close(w);
 *
 * A directory is watched for what happens to its entries, any other path for
 * what happens to that name in its directory: so an editor that writes another
 * file and renames it into place does not end the watch, and the file need not
 * be there yet. What lies deeper is not watched; a symbolic link is followed to
 * a directory, not to a file.
 *
 * These calls are a task's; a pool thread reaches them through
 * rota_from_thread_run.
 */
#ifndef ROTA_WATCH_H
#define ROTA_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "rota/export.h"
#include "rota/str.h"

typedef struct rota_watch rota_watch;

typedef enum rota_watch_what {
    ROTA_WATCH_CREATED,    /* also by link(2), mkdir(2) */
    ROTA_WATCH_MODIFIED,   /* written to, or truncated */
    ROTA_WATCH_ATTRIBUTES, /* mode, owner, times, number of links */
    ROTA_WATCH_DELETED,
    ROTA_WATCH_MOVED_FROM, /* renamed: it has this name no more */
    ROTA_WATCH_MOVED_TO,   /* renamed: it has this name now */
    ROTA_WATCH_GONE,       /* the directory is removed, renamed or unmounted:
                              this watch has ended */
    ROTA_WATCH_OVERFLOW,   /* too many events at once: some are lost, and what
                              one knows of all watches is to be looked up anew */
} rota_watch_what;

typedef struct rota_watch_event {
    int id; /* as rota_watch_add gave it; 0: of none (overflow) */
    rota_watch_what what;
    bool directory;  /* it happened to a directory */
    uint32_t cookie; /* joins the MOVED_FROM and the MOVED_TO of one renaming */
    rota_str name;   /* in the directory, with a NUL byte behind, until the next
                        call; empty: the directory itself */
} rota_watch_event;

/* Stores an owned watcher of nothing yet. 0; -EMFILE: too many (inotify(7) has
 * a limit of its own); -ENOMEM; -EOPNOTSUPP in a simulation. Suspends: no. */
ROTA_API int rota_watch_new(rota_watch **watch) ROTA_MUST;

/*
 * Watches `path` from now on. Returns an id above 0. -ENOENT, -EACCES,
 * -ENOTDIR; -ENOSPC: the system's limit of watches; -EBADF: it is being
 * closed; -ENOMEM. Suspends: yes. Cancel: it is not watched, or the id is
 * returned all the same.
 */
ROTA_API int rota_watch_add(rota_watch *w, const char *path) ROTA_MUST;

/* Ends one watch; its events that were not yet taken are not reported. 0;
 * -ENOENT: no such id, or it has ended. Suspends: no. */
ROTA_API int rota_watch_remove(rota_watch *w, int id);

/*
 * Waits for the next event. 0; -EBUSY: another task waits; -EBADF: the watcher
 * is being closed. Suspends: yes. Cancel: nothing is lost.
 */
ROTA_API int rota_watch_next(rota_watch *w, rota_watch_event *event) ROTA_MUST;

/* Closes and frees it (NULL is nothing). Tasks in its calls return -EBADF, and
 * are waited for. Suspends: yes. Cancel: it is closed all the same. */
ROTA_API void rota_watch_close(rota_watch *w);

#endif
