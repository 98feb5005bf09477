/*
 * The counters of tasks made and alive tell whether a list was changed while
 * it was read: when both are as before, no task came or went.
 */
#include "inspect/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOPS_MOST = 4096, PAUSE_NS = 500 * 1000 };

/* Room for one more in a table of `count`; the sizes are powers of two. */
static int more(void **table, size_t count, size_t size)
{
    if (count & (count - 1))
        return 0;
    void *grown = realloc(*table, (count ? count * 2 : 1) * size);
    if (!grown)
        return -ENOMEM;
    *table = grown;
    return 0;
}

static int keep_task(const struct inspect_task *t, void *arg)
{
    struct snapshot *s = arg;
    if (more((void **)&s->tasks, s->count, sizeof *s->tasks) < 0 ||
        more((void **)&s->loop_of, s->count, sizeof *s->loop_of) < 0)
        return -ENOMEM;
    s->tasks[s->count] = *t;
    s->loop_of[s->count++] = s->loop_count - 1;
    return 0;
}

static int keep_loop(struct snapshot *s, uint64_t at)
{
    if (s->loop_count == LOOPS_MOST)
        return -EAGAIN; /* a list that was torn */
    if (more((void **)&s->loops, s->loop_count, sizeof *s->loops) < 0)
        return -ENOMEM;
    struct inspect_loop *l = &s->loops[s->loop_count];
    int rc = inspect_loop(s->in, at, l);
    if (rc < 0)
        return rc;
    s->loop_count++;
    return inspect_tasks(s->in, l, keep_task, s);
}

static int check_unchanged(struct snapshot *s)
{
    uint64_t at;
    size_t i = 0;
    int rc = inspect_first(s->in, &at);
    for (struct inspect_loop now; rc == 0 && at; at = now.next, i++) {
        rc = inspect_loop(s->in, at, &now);
        if (rc < 0 || i == s->loop_count || s->loops[i].address != at ||
            s->loops[i].made != now.made || s->loops[i].tasks != now.tasks)
            return -EAGAIN;
    }
    return rc < 0 || i != s->loop_count ? -EAGAIN : 0;
}

static int take(struct snapshot *s)
{
    uint64_t at;
    s->loop_count = s->count = 0;
    int rc = inspect_first(s->in, &at);
    while (rc == 0 && at) {
        rc = keep_loop(s, at);
        if (rc == 0)
            at = s->loops[s->loop_count - 1].next;
    }
    return rc < 0 ? rc : check_unchanged(s);
}

static int compare(const void *a, const void *b, void *arg)
{
    const struct snapshot *s = arg;
    uint64_t x = s->tasks[*(const size_t *)a].address;
    uint64_t y = s->tasks[*(const size_t *)b].address;
    return (x > y) - (x < y);
}

static int sort(struct snapshot *s)
{
    s->by_address = malloc((s->count ? s->count : 1) * sizeof *s->by_address);
    if (!s->by_address)
        return -ENOMEM;
    for (size_t i = 0; i < s->count; i++)
        s->by_address[i] = i;
    qsort_r(s->by_address, s->count, sizeof *s->by_address, compare, s);
    return 0;
}

int snapshot_take(struct snapshot *s, struct inspect *in, unsigned retries)
{
    *s = (struct snapshot){ .in = in };
    int rc = take(s);
    while (rc == -EAGAIN && retries-- > 0) {
        nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
        rc = take(s);
    }
    if (rc == 0)
        rc = sort(s);
    if (rc < 0)
        snapshot_free(s);
    return rc;
}

void snapshot_free(struct snapshot *s)
{
    free(s->loops);
    free(s->tasks);
    free(s->loop_of);
    free(s->by_address);
    *s = (struct snapshot){ .in = s->in };
}

size_t snapshot_find(const struct snapshot *s, uint64_t address)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        size_t i = s->by_address[mid];
        if (s->tasks[i].address == address)
            return i;
        if (s->tasks[i].address < address)
            low = mid + 1;
        else
            high = mid;
    }
    return s->count;
}
