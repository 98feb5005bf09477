/*
 * All parked tasks are taken to be stuck; then whoever has a way out is taken
 * away, until nobody has: a deadline, a wait that nobody in particular ends, a
 * holder that is not stuck. A wait for a group ends when all its members do,
 * so one that is stuck is enough; of several clauses any one ends the wait, so
 * all must be. The rest wait for each other for ever.
 */
#include "inspect/stuck.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_stuck(const struct stuck *k, size_t i)
{
    return i < k->snapshot->count && k->waits_for[i] != k->snapshot->count;
}

static size_t stuck_member(const struct stuck *k, uint64_t group)
{
    const struct snapshot *s = k->snapshot;
    size_t i = 0;
    while (i < s->count && !(s->tasks[i].group == group && is_stuck(k, i)))
        i++;
    return i;
}

/* A task that is stuck and without which `w` does not end; count: none. */
static size_t blocker(const struct stuck *k, const struct inspect_wait *w)
{
    if (w->members)
        return stuck_member(k, w->object);
    size_t i =
        w->holder ? snapshot_find(k->snapshot, w->holder) : k->snapshot->count;
    return is_stuck(k, i) ? i : k->snapshot->count;
}

/* Who `t` waits for in vain; count: it has a way out. */
static size_t vain(const struct stuck *k, const struct inspect_task *t)
{
    size_t none = k->snapshot->count, first = none;
    if (t->state != INSPECT_WAITING || t->wait_count == 0 ||
        t->wait_count > INSPECT_CLAUSES || t->deadline != ROTA_FOREVER)
        return none;
    for (unsigned i = 0; i < t->wait_count; i++) {
        size_t b = blocker(k, &t->waits[i]);
        if (b == none)
            return none;
        if (first == none)
            first = b;
    }
    return first;
}

static void settle(struct stuck *k)
{
    const struct snapshot *s = k->snapshot;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < s->count; i++) {
            if (!is_stuck(k, i))
                continue;
            k->waits_for[i] = vain(k, &s->tasks[i]);
            if (!is_stuck(k, i)) {
                k->count--;
                changed = true;
            }
        }
    }
}

int stuck_find(struct stuck *k, const struct snapshot *s)
{
    k->snapshot = s;
    k->count = s->count;
    k->waits_for = calloc(s->count ? s->count : 1, sizeof *k->waits_for);
    if (!k->waits_for)
        return -ENOMEM;
    settle(k);
    return 0;
}

void stuck_free(struct stuck *k)
{
    free(k->waits_for);
}

static bool same_wait(const struct inspect_task *a,
                      const struct inspect_task *b)
{
    return a->since == b->since && a->wait_count == b->wait_count &&
           memcmp(a->waits, b->waits, sizeof a->waits) == 0;
}

void stuck_confirm(struct stuck *k)
{
    const struct snapshot *s = k->snapshot;
    for (size_t i = 0; i < s->count; i++) {
        struct inspect_task now;
        if (!is_stuck(k, i))
            continue;
        const struct inspect_task *was = &s->tasks[i];
        if (inspect_task(s->in, &s->loops[s->loop_of[i]], was->address, &now) ==
                0 &&
            now.id == was->id && same_wait(&now, was))
            continue;
        k->waits_for[i] = s->count;
        k->count--;
    }
    settle(k);
}

int stuck_cycles(const struct stuck *k,
                 void (*fn)(const struct snapshot *s, const size_t *tasks,
                            size_t n, void *arg),
                 void *arg)
{
    size_t count = k->snapshot->count, *path = NULL;
    /* Of each task, the walk that came by it; 0: none did. */
    size_t *seen = calloc(count ? count : 1, sizeof *seen);
    int cycles = seen ? 0 : -ENOMEM;
    path = calloc(count ? count : 1, sizeof *path);
    if (!path)
        cycles = -ENOMEM;
    for (size_t from = 0; cycles >= 0 && from < count; from++) {
        size_t at = from, n = 0;
        for (; is_stuck(k, at) && !seen[at]; at = k->waits_for[at]) {
            seen[at] = from + 1;
            path[n++] = at;
        }
        if (!is_stuck(k, at) || seen[at] != from + 1)
            continue;
        size_t begin = 0;
        while (path[begin] != at)
            begin++;
        fn(k->snapshot, path + begin, n - begin, arg);
        cycles++;
    }
    free(seen);
    free(path);
    return cycles;
}
