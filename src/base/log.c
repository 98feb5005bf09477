/*
 * The log: one formatted line, one write, so that lines of several threads do
 * not mix.
 */
#include "rota/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_LINE = 1024, LOG_UNSET = -1 };

static const char *const names[] = { "error", "warning", "info", "debug" };

static _Atomic(rota_log_fn *) handler;
static atomic_int limit = LOG_UNSET;

static void to_stderr(enum rota_log_level level, const char *line)
{
    char out[LOG_LINE + 32];
    int n =
        level == ROTA_LOG_INFO
            ? snprintf(out, sizeof out, "rota: %s\n", line)
            : snprintf(out, sizeof out, "rota: %s: %s\n", names[level], line);
    if (n > 0 && write(STDERR_FILENO, out, (size_t)n) < 0)
        return; /* there is nowhere left to say it */
}

static int limit_from_environment(void)
{
    const char *wanted = getenv("ROTA_LOG");
    for (int i = 0; wanted && i <= ROTA_LOG_DEBUG; i++)
        if (strcmp(wanted, names[i]) == 0)
            return i;
    return ROTA_LOG_INFO;
}

void rota_set_log_handler(rota_log_fn *fn)
{
    atomic_store(&handler, fn);
}

void rota_set_log_level(enum rota_log_level level)
{
    atomic_store(&limit, (int)level);
}

void rota_log(enum rota_log_level level, const char *format, ...)
{
    int most = atomic_load(&limit);
    if (most == LOG_UNSET)
        atomic_store(&limit, most = limit_from_environment());
    if ((int)level > most)
        return;
    char line[LOG_LINE];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    rota_log_fn *fn = atomic_load(&handler);
    (fn ? fn : to_stderr)(level, line);
}
