/*
 * The process looks at its own tasks as `rota pstree` does from outside, so
 * that any thread may, while all loops go on.
 */
#include "inspect/cycles.h"

#include <stdio.h>

#include "inspect/describe.h"
#include "inspect/stuck.h"
#include "rota/debug.h"
#include "rota/log.h"

enum { RETRIES = 5 };

static uint64_t sum_of(const struct stuck *k)
{
    const struct snapshot *s = k->snapshot;
    uint64_t sum = 0;
    for (size_t i = 0; i < s->count; i++)
        if (k->waits_for[i] != s->count)
            sum += s->tasks[i].address ^ (s->tasks[i].id << 16);
    return sum;
}

static void log_cycle(const struct snapshot *s, const size_t *tasks, size_t n,
                      void *arg)
{
    (void)arg;
    rota_log(ROTA_LOG_ERROR, "deadlock: %zu tasks wait for each other:", n);
    for (size_t i = 0; i < n; i++) {
        const struct inspect_task *task = &s->tasks[tasks[i]];
        struct text t;
        text_init(&t, -1);
        describe_wait(&t, s->in, task);
        rota_log(ROTA_LOG_ERROR, "  %s #%llu (spawned at %s) %s", task->name,
                 (unsigned long long)task->id, task->site[0] ? task->site : "?",
                 text_string(&t));
    }
}

static int report(const struct snapshot *s, struct cycles_told *told)
{
    struct stuck k;
    int rc = stuck_find(&k, s);
    if (rc < 0)
        return rc;
    stuck_confirm(&k);
    uint64_t sum = sum_of(&k);
    if (!told || told->sum != sum)
        rc = stuck_cycles(&k, log_cycle, NULL);
    if (told)
        told->sum = sum;
    stuck_free(&k);
    return rc;
}

int cycles_report(struct cycles_told *told)
{
    struct inspect in;
    struct peek self;
    struct snapshot s;
    inspect_self(&in, &self);
    int rc = snapshot_take(&s, &in, RETRIES);
    if (rc < 0)
        return rc;
    rc = report(&s, told);
    snapshot_free(&s);
    return rc;
}

int rota_report_deadlocks(void)
{
    return cycles_report(NULL);
}
