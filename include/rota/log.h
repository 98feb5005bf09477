/*
 * Log lines. rota writes few: what an operator must know. They go to stderr
 * as "rota: warning: text"; a program may take them over.
 */
#ifndef ROTA_LOG_H
#define ROTA_LOG_H

#include "rota/export.h"

enum rota_log_level {
    ROTA_LOG_ERROR,
    ROTA_LOG_WARNING,
    ROTA_LOG_INFO,
    ROTA_LOG_DEBUG, /* off by default */
};

/* Receives one line without newline. May be called from any thread. */
typedef void rota_log_fn(enum rota_log_level level, const char *line);

/* Replaces where lines go; NULL restores stderr. */
ROTA_API void rota_set_log_handler(rota_log_fn *fn);

/* Lines above `level` are dropped. The default is ROTA_LOG_INFO, or what
 * ROTA_LOG=error|warning|info|debug says. */
ROTA_API void rota_set_log_level(enum rota_log_level level);

ROTA_API void rota_log(enum rota_log_level level, const char *format, ...)
    ROTA_PRINTF(2, 3);

#endif
