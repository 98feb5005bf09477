/*
 * The call graph of one task: its own frames, then those of who waits for it,
 * and of who waits for them, each once; so a cycle ends as well.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "inspect/describe.h"
#include "inspect/snapshot.h"
#include "rota/debug.h"
#include "task/task.h"

enum { RETRIES = 5 };

struct graph {
    struct snapshot s;
    struct inspect in;
    struct peek peek;
    struct symbols symbols;
    struct text text;
    const struct trace *here; /* of the running task */
    size_t *queue;            /* tasks to be printed, in order */
    size_t queued;
    bool *seen;
};

static bool waits_for(const struct inspect_task *t,
                      const struct inspect_task *other)
{
    for (unsigned i = 0; i < t->wait_count && i < INSPECT_CLAUSES; i++) {
        const struct inspect_wait *w = &t->waits[i];
        if (w->members ? w->object == other->group
                       : w->holder == other->address)
            return true;
    }
    return false;
}

static void enqueue(struct graph *g, size_t i)
{
    if (g->seen[i])
        return;
    g->seen[i] = true;
    g->queue[g->queued++] = i;
}

static void print_task(struct graph *g, size_t i, bool first)
{
    const struct inspect_task *t = &g->s.tasks[i];
    struct trace trace;
    bool running = t->address == (uintptr_t)task_current();
    text_add(&g->text, first ? "" : "awaited by ");
    describe_task(&g->text, &g->in, t, g->s.loops[g->s.loop_of[i]].now);
    inspect_trace(&g->in, t, &trace);
    describe_trace(&g->text, &g->symbols, running ? g->here : &trace, running);
}

static int print(struct graph *g, size_t i)
{
    size_t count = g->s.count;
    g->queue = calloc(count, sizeof *g->queue);
    g->seen = calloc(count, sizeof *g->seen);
    if (!g->queue || !g->seen)
        return -ENOMEM;
    enqueue(g, i);
    for (size_t at = 0; at < g->queued; at++) {
        size_t now = g->queue[at];
        print_task(g, now, at == 0);
        for (size_t k = 0; k < count; k++)
            if (waits_for(&g->s.tasks[k], &g->s.tasks[now]))
                enqueue(g, k);
    }
    text_flush(&g->text);
    return (int)g->queued;
}

int rota_print_call_graph(int fd, const rota_task *t)
{
    struct graph g = { 0 };
    struct trace here;
    inspect_self(&g.in, &g.peek);
    trace_from(&here, &g.peek, (uintptr_t)__builtin_return_address(0),
               *(uintptr_t *)__builtin_frame_address(0));
    g.here = &here;
    int rc = snapshot_take(&g.s, &g.in, RETRIES);
    if (rc < 0)
        return rc;
    symbols_init(&g.symbols, &g.peek);
    text_init(&g.text, fd);
    size_t i = snapshot_find(&g.s, (uintptr_t)t);
    if (i < g.s.count)
        rc = print(&g, i);
    free(g.queue);
    free(g.seen);
    symbols_fini(&g.symbols);
    snapshot_free(&g.s);
    return rc;
}
