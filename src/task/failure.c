/*
 * What errors were told with: a sentence for each task, of its last failure,
 * and for each thread that of the run that ended last.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rota/error.h"
#include "task/task.h"

enum { FAILURE_TEXT = 320 };

/* On the heap, since most tasks have nothing to say. */
struct failure {
    rota_failure said; /* first: the future knows it as that */
    int code;          /* the error it belongs to */
    char text[FAILURE_TEXT];
};

/* Of the run that ended last in this thread. */
static _Thread_local struct {
    int code;
    char text[FAILURE_TEXT];
} of_run;

int rota_fail_at(const char *site, int code, const char *format, ...)
{
    struct rota_task *t = task_current();
    if (!t)
        return code;
    struct failure *f = (struct failure *)t->done.err;
    if (!f)
        f = malloc(sizeof *f);
    if (!f)
        return code; /* it goes its way without the text */

    /* The old text may be part of the new one. */
    char text[FAILURE_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(f->text, text, sizeof text);
    f->said = (rota_failure){ f->text, site };
    f->code = code;
    t->done.err = &f->said;
    return code;
}

int task_failure_code(const struct rota_task *t)
{
    const struct failure *f = (const struct failure *)t->done.err;
    return f ? f->code : 0;
}

void task_failure_keep(const struct rota_task *main)
{
    of_run.code = main ? task_failure_code(main) : 0;
    if (of_run.code)
        snprintf(of_run.text, sizeof of_run.text, "%s", main->done.err->text);
}

const char *rota_errmsg(int code)
{
    const struct rota_task *t = task_current();
    if (t && code && task_failure_code(t) == code)
        return t->done.err->text;
    if (!t && code && of_run.code == code)
        return of_run.text;
    return rota_strerror(code);
}
