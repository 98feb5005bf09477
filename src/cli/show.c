/*
 * What `rota ps` and `rota dump` print: a row for each task, or all that is
 * known of it.
 */
#include <stdio.h>

#include "cli/inspect.h"
#include "inspect/describe.h"

static void print_loop(const struct inspect_loop *l)
{
    struct text t;
    text_init(&t, -1);
    describe_loop(&t, l);
    printf("%s\n", text_string(&t));
}

static void print_row(const struct snapshot *s, const struct inspect_task *task,
                      rota_time now)
{
    struct text since, wait;
    text_init(&since, -1);
    text_init(&wait, -1);
    if (task->state == INSPECT_WAITING)
        text_add_duration(&since, now - task->since);
    describe_wait(&wait, s->in, task);
    printf("%6llu %9s  %-20s %-40s %s\n", (unsigned long long)task->id,
           text_string(&since), task->name, text_string(&wait), task->site);
}

void show_list(const struct snapshot *s, rota_time now)
{
    size_t i = 0;
    for (size_t l = 0; l < s->loop_count; l++) {
        print_loop(&s->loops[l]);
        printf("%6s %9s  %-20s %-40s %s\n", "ID", "SINCE", "NAME", "STATE",
               "SPAWNED AT");
        for (; i < s->count && s->loop_of[i] == l; i++)
            print_row(s, &s->tasks[i], now);
    }
}

void show_dump(const struct snapshot *s, rota_time now)
{
    struct symbols symbols;
    struct text t;
    size_t i = 0;
    symbols_init(&symbols, s->in->peek);
    fflush(stdout);
    text_init(&t, fileno(stdout));
    for (size_t l = 0; l < s->loop_count; l++) {
        describe_loop(&t, &s->loops[l]);
        text_add(&t, "\n");
        for (; i < s->count && s->loop_of[i] == l; i++) {
            struct trace trace;
            describe_task(&t, s->in, &s->tasks[i], now);
            inspect_trace(s->in, &s->tasks[i], &trace);
            describe_trace(&t, &symbols, &trace, false);
        }
    }
    text_flush(&t);
    symbols_fini(&symbols);
}
