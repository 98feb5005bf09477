/*
 * Error texts and the misuse handler.
 */
#include "rota/error.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/misuse.h"

enum { MISUSE_TEXT = 512 };

const char *(*_Atomic misuse_task_name)(void);
atomic_bool misuse_stale;

static _Atomic(rota_misuse_fn *) handler;

const char *rota_strerror(int code)
{
    int positive = code < 0 && code > INT_MIN ? -code : code;
    switch (positive) {
    case 0: return "success";
    case ROTA_EBROKEN: return "barrier broken";
    case ROTA_ECHILD: return "what was awaited was cancelled";
    default: break;
    }
    const char *text = strerrordesc_np(positive);
    return text ? text : "unknown error";
}

void rota_set_misuse_handler(rota_misuse_fn *fn)
{
    atomic_store(&handler, fn);
}

int misuse(int code, const char *format, ...)
{
    char text[MISUSE_TEXT];
    if (atomic_load(&misuse_stale))
        return -ESTALE;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    rota_misuse_fn *fn = atomic_load(&handler);
    if (fn) {
        fn(text);
        return code;
    }
    const char *(*name)(void) = misuse_task_name;
    const char *task = name ? name() : NULL;
    fprintf(stderr, "rota: panic: %s (in %s%s)\n", text,
            task ? "task " : "no task", task ? task : "");
    abort();
}
