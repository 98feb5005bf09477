/*
 * The table of stack use. There are as many rows as places in the program
 * that spawn; names are literals, so that their addresses tell them apart. The
 * name a task was given later is its own and goes with it: it counts as none.
 */
#include "inspect/usage.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "inspect/debug.h"
#include "rota/debug.h"
#include "rota/log.h"
#include "task/runtime.h"
#include "task/task.h"

static struct usage *row_of(struct usages *u, const struct rota_task *t)
{
    const char *site = t->co.coro.site;
    const char *name = t->named ? NULL : t->co.coro.name;
    for (size_t i = 0; i < u->count; i++)
        if (u->table[i].site == site && u->table[i].name == name)
            return &u->table[i];
    struct usage *more = realloc(u->table, (u->count + 1) * sizeof *more);
    if (!more)
        return NULL;
    u->table = more;
    more[u->count] = (struct usage){ .site = site, .name = name };
    return &more[u->count++];
}

void usage_note(struct usages *u, const struct rota_task *t)
{
    const struct stack *stack = t->co.coro.stack;
    struct usage *row = row_of(u, t);
    if (!row)
        return; /* a report less */
    size_t used = stack_used(stack);
    row->tasks++;
    if (used > row->most)
        row->most = used;
    if (stack_size(stack) > row->size)
        row->size = stack_size(stack);
}

static void describe(struct text *t, const struct usage *u)
{
    text_add(t, u->name ? u->name : "task");
    text_add(t, " (spawned at ");
    text_add(t, u->site ? u->site : "?");
    text_add(t, "): ");
    text_add_number(t, u->most);
    text_add(t, " of ");
    text_add_number(t, u->size);
    text_add(t, " bytes, ");
    text_add_number(t, u->tasks);
    text_add(t, u->tasks == 1 ? " task" : " tasks");
}

void usage_log(const struct usages *u)
{
    for (size_t i = 0; i < u->count; i++) {
        struct text t;
        text_init(&t, -1);
        describe(&t, &u->table[i]);
        rota_log(ROTA_LOG_DEBUG, "stack use: %s", text_string(&t));
    }
}

static int by_use(const void *a, const void *b)
{
    size_t x = ((const struct usage *)a)->most;
    size_t y = ((const struct usage *)b)->most;
    return (x < y) - (x > y);
}

int rota_print_stacks(int fd)
{
    struct runtime *rt = runtime_current();
    if (!rt || !rt->debug)
        return -ENODATA;
    struct usages *u = &rt->debug->usages;
    if (u->count > 0)
        qsort(u->table, u->count, sizeof *u->table, by_use);
    struct text t;
    text_init(&t, fd);
    for (size_t i = 0; i < u->count; i++) {
        describe(&t, &u->table[i]);
        text_add(&t, "\n");
    }
    text_flush(&t);
    return 0;
}
