/*
 * Debug mode's life: it begins before the loop and ends after it, so that it
 * sees all that the loop opens. Handles may be dropped by other threads and
 * after the loop, hence the lock around the list of tasks that are over.
 */
#include "inspect/debug.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/ledger.h"
#include "rota/error.h"
#include "rota/log.h"
#include "task/debug.h"
#include "task/runtime.h"
#include "task/task.h"

static const rota_dur slow_step = 100 * 1000000LL;
static pthread_mutex_t ended_lock = PTHREAD_MUTEX_INITIALIZER;

static bool wanted(const struct runtime *rt)
{
    const char *said = getenv("ROTA_DEBUG");
    return rt->options.debug || (said && *said && strcmp(said, "0") != 0);
}

int debug_open(struct runtime *rt)
{
    if (!wanted(rt))
        return 0;
    rt->debug = calloc(1, sizeof *rt->debug);
    if (!rt->debug)
        return -ENOMEM;
    list_init(&rt->debug->ended);
    rt->debug->slow_step =
        rt->options.slow_step > 0 ? rt->options.slow_step : slow_step;
    ledger_fds_begin(rt->debug);
    return 0;
}

void debug_start(struct runtime *rt)
{
    if (!rt->debug)
        return;
    int rc = watchdog_start();
    rt->debug->watching = rc == 0;
    if (rc < 0)
        rota_log(ROTA_LOG_WARNING, "debug mode without a watchdog: %s",
                 rota_strerror(rc));
}

void debug_close(struct runtime *rt)
{
    if (rt->debug && rt->debug->watching)
        watchdog_stop();
    pthread_mutex_lock(&ended_lock);
    ledger_take(rt, &rt->ledger);
    if (rt->debug) {
        ledger_report(rt, &rt->ledger);
        usage_log(&rt->debug->usages);
        while (list_pop(&rt->debug->ended))
            ;
    }
    pthread_mutex_unlock(&ended_lock);
}

void debug_fini(struct runtime *rt)
{
    if (rt->debug) {
        rt->ledger.fds = ledger_fds(rt->debug, true);
        free(rt->debug->fds);
        free(rt->debug->usages.table);
        free(rt->debug);
        rt->debug = NULL;
    }
    ledger_set_last(&rt->ledger);
}

void debug_over(struct rota_task *t)
{
    usage_note(&t->runtime->debug->usages, t);
    if (__atomic_load_n(&t->done.refs, __ATOMIC_RELAXED) == 1)
        return;
    pthread_mutex_lock(&ended_lock);
    t->kept = true;
    list_push(&t->runtime->debug->ended, &t->in_runtime);
    pthread_mutex_unlock(&ended_lock);
}

void debug_forget(struct rota_task *t)
{
    pthread_mutex_lock(&ended_lock);
    list_remove(&t->in_runtime);
    pthread_mutex_unlock(&ended_lock);
}
