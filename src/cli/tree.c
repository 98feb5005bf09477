/*
 * What `rota pstree` prints: below each task those it must see the end of, the
 * members of its groups, and the tasks it alone awaits. Then the cycles of
 * tasks that wait for each other, which no tree can show.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inspect.h"
#include "inspect/describe.h"

enum { DEPTH_MOST = 64, INDENT = 8 };

struct tree {
    const struct snapshot *s;
    size_t *parent; /* of each task; s->count: none */
    char indent[DEPTH_MOST * INDENT];
};

static size_t awaiter(const struct snapshot *s, uint64_t address)
{
    for (size_t i = 0; i < s->count; i++)
        for (unsigned k = 0; k < s->tasks[i].wait_count && k < INSPECT_CLAUSES;
             k++) {
            const struct inspect_wait *w = &s->tasks[i].waits[k];
            if (w->holder == address && strcmp(w->kind, "await") == 0)
                return i;
        }
    return s->count;
}

/* Is `i` above, or the same as, `below`? */
static bool is_above(const struct tree *t, size_t i, size_t below)
{
    while (below < t->s->count && below != i)
        below = t->parent[below];
    return below == i;
}

/* A host outlives its members, so that hosts alone make no cycle; awaits
 * can. */
static void find_parents(struct tree *t)
{
    const struct snapshot *s = t->s;
    for (size_t i = 0; i < s->count; i++)
        t->parent[i] =
            s->tasks[i].host ? snapshot_find(s, s->tasks[i].host) : s->count;
    for (size_t i = 0; i < s->count; i++) {
        if (t->parent[i] != s->count)
            continue;
        size_t a = awaiter(s, s->tasks[i].address);
        if (a < s->count && !is_above(t, i, a))
            t->parent[i] = a;
    }
}

static size_t next_child(const struct tree *t, size_t parent, size_t after)
{
    size_t i = after;
    while (i < t->s->count && t->parent[i] != parent)
        i++;
    return i;
}

static void print_node(const struct tree *t, size_t i, const char *branch)
{
    const struct inspect_task *task = &t->s->tasks[i];
    struct text wait;
    text_init(&wait, -1);
    describe_wait(&wait, t->s->in, task);
    printf("%s%s%s #%llu %s%s%s%s\n", t->indent, branch, task->name,
           (unsigned long long)task->id, text_string(&wait),
           task->site[0] ? " (" : "", task->site, task->site[0] ? ")" : "");
}

static void print_below(struct tree *t, size_t parent, unsigned depth)
{
    size_t count = t->s->count, end = strlen(t->indent);
    if (depth == DEPTH_MOST - 1 && next_child(t, parent, 0) < count) {
        printf("%s└─ ...\n", t->indent);
        return;
    }
    for (size_t i = next_child(t, parent, 0), next; i < count; i = next) {
        next = next_child(t, parent, i + 1);
        bool last = next == count;
        print_node(t, i, last ? "└─ " : "├─ ");
        strcpy(t->indent + end, last ? "   " : "│  ");
        print_below(t, i, depth + 1);
        t->indent[end] = '\0';
    }
}

static void print_loop(struct tree *t, size_t loop)
{
    const struct snapshot *s = t->s;
    struct text title;
    text_init(&title, -1);
    describe_loop(&title, &s->loops[loop]);
    printf("%s\n", text_string(&title));
    for (size_t i = 0; i < s->count; i++) {
        if (s->loop_of[i] != loop || t->parent[i] != s->count)
            continue;
        print_node(t, i, "");
        print_below(t, i, 1);
    }
}

void show_tree(const struct snapshot *s)
{
    struct tree t = { .s = s };
    t.parent = calloc(s->count ? s->count : 1, sizeof *t.parent);
    if (!t.parent) {
        fprintf(stderr, "rota: out of memory\n");
        return;
    }
    find_parents(&t);
    for (size_t l = 0; l < s->loop_count; l++)
        print_loop(&t, l);
    free(t.parent);
}

static void show_cycle(const struct snapshot *s, const size_t *tasks, size_t n,
                       void *arg)
{
    (void)arg;
    printf("deadlock: %zu task%s wait%s for each other:\n", n,
           n == 1 ? "" : "s", n == 1 ? "s" : "");
    for (size_t i = 0; i < n; i++) {
        const struct inspect_task *task = &s->tasks[tasks[i]];
        struct text wait;
        text_init(&wait, -1);
        describe_wait(&wait, s->in, task);
        printf("  %s #%llu %s\n", task->name, (unsigned long long)task->id,
               text_string(&wait));
    }
}

void show_cycles(const struct stuck *k)
{
    if (stuck_cycles(k, show_cycle, NULL) < 0)
        fprintf(stderr, "rota: out of memory\n");
}
