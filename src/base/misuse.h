/*
 * Misuse: a call that is wrong whatever happens at run time. It panics with a
 * clear message unless the program set a handler.
 */
#ifndef BASE_MISUSE_H
#define BASE_MISUSE_H

#include <stdatomic.h>

#include "rota/export.h"

/* Reports and, when a handler lets it, returns `code` for the caller to
 * return. */
int misuse(int code, const char *format, ...) ROTA_INTERNAL(misuse)
    ROTA_PRINTF(2, 3);

/* In a child made by fork, until rota_after_fork_child: then nothing is a
 * misuse, every call is -ESTALE. */
extern atomic_bool misuse_stale;

/* Names the running task in messages; set by the task room, for each loop
 * anew. */
extern const char *(*_Atomic misuse_task_name)(void);

#endif
