/*
 * Misuse: a call that is wrong whatever happens at run time. It panics with a
 * clear message unless the program set a handler.
 */
#ifndef BASE_MISUSE_H
#define BASE_MISUSE_H

#include "rota/export.h"

/* Reports and, when a handler lets it, returns `code` for the caller to
 * return. */
int misuse(int code, const char *format, ...) ROTA_INTERNAL(misuse)
    ROTA_PRINTF(2, 3);

/* Names the running task in messages; set by the task room. */
extern const char *(*misuse_task_name)(void);

#endif
