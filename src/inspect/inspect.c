/*
 * Reading what may change meanwhile. A task's struct is read in one go, then
 * what it points at, then the struct again: when it is the same, so was the
 * rest. A list is good when each node's `prev` is the node one came from, and
 * it ends where it began.
 */
#include "inspect/inspect.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "task/runtime.h"
#include "task/task.h"

enum {
    TASK_SIZE_MOST = 1024,
    CLAUSE_SIZE_MOST = 128,
    ENTRIES_MOST = 256,
    TRIES = 3, /* of a task that switches while it is read */
    SCOPES_MOST = 256,
    ARRAY_MOST = 1024, /* of gathered tasks */
};

extern struct layout_root root_hidden;

static const struct {
    const char *name;
    size_t at;
} fields[] = {
#define FIELD(name, value) { #name, offsetof(struct layout, name) },
    LAYOUT(FIELD)
#undef FIELD
};

enum { FIELDS = sizeof fields / sizeof *fields };

/* Puts the entry where it belongs; how many that were. */
static unsigned take_entry(struct layout *l, const struct layout_entry *e)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (strncmp(fields[i].name, e->name, sizeof e->name) == 0) {
            memcpy((char *)l + fields[i].at, &e->value, sizeof e->value);
            return 1;
        }
    return 0;
}

int inspect_open(struct inspect *in, struct peek *p, uint64_t root)
{
    struct layout_root r;
    struct layout_entry e;
    unsigned known = 0;
    memset(in, 0, sizeof *in);
    in->peek = p;
    in->root = root;
    if (!p->read(p, root, &r, sizeof r) || memcmp(r.magic, "rotaroot", 8) != 0)
        return -ENOEXEC;
    if (r.version != LAYOUT_VERSION || r.count > ENTRIES_MOST)
        return -EPROTO;
    if (r.entries == 0)
        return 0; /* no loop has ever run */
    for (uint32_t i = 0; i < r.count; i++) {
        if (!p->read(p, r.entries + i * sizeof e, &e, sizeof e))
            return -EPROTO;
        known += take_entry(&in->layout, &e);
    }
    if (known < FIELDS || in->layout.task_size > TASK_SIZE_MOST ||
        in->layout.clause_size > CLAUSE_SIZE_MOST)
        return -EPROTO;
    return 0;
}

void inspect_self(struct inspect *in, struct peek *p)
{
    static const struct layout ours = {
#define OURS(name, value) .name = value,
        LAYOUT(OURS)
#undef OURS
    };
    peek_process(p, getpid());
    *in = (struct inspect){ p, ours, (uintptr_t)&root_hidden };
}

int inspect_first(struct inspect *in, uint64_t *loop)
{
    uint64_t at = in->root + offsetof(struct layout_root, runtimes);
    return peek_word(in->peek, at, loop) ? 0 : -EAGAIN;
}

static bool get(struct inspect *in, uint64_t at, void *to, size_t n)
{
    return in->peek->read(in->peek, at, to, n);
}

int inspect_loop(struct inspect *in, uint64_t at, struct inspect_loop *l)
{
    const struct layout *lay = &in->layout;
    uint64_t backend = 0, name = 0;
    memset(l, 0, sizeof *l);
    l->address = at;
    bool good = get(in, at + lay->runtime_next, &l->next, 8) &&
                get(in, at + lay->runtime_tid, &l->tid, sizeof l->tid) &&
                get(in, at + lay->runtime_tasks, &l->tasks, 8) &&
                get(in, at + lay->runtime_made, &l->made, 8) &&
                get(in, at + lay->loop_turns, &l->turns, 8) &&
                get(in, at + lay->loop_slice, &l->slice, sizeof l->slice) &&
                get(in, at + lay->loop_current, &l->current, 8) &&
                get(in, at + lay->loop_now, &l->now, 8) &&
                get(in, at + lay->loop_asleep, &l->asleep, 1) &&
                get(in, at + lay->loop_backend, &backend, 8) &&
                get(in, backend + lay->backend_name, &name, 8) &&
                peek_string(in->peek, name, l->backend, sizeof l->backend);
    return good ? 0 : -EAGAIN;
}

/* A task's struct as it was at one moment. */
struct image {
    unsigned char bytes[TASK_SIZE_MOST];
};

static uint64_t word(const struct image *i, uint32_t at)
{
    uint64_t w;
    memcpy(&w, i->bytes + at, sizeof w);
    return w;
}

static unsigned number(const struct image *i, uint32_t at)
{
    unsigned n;
    memcpy(&n, i->bytes + at, sizeof n);
    return n;
}

/* The string at `at`, "" for NULL. */
static bool string(struct inspect *in, uint64_t at, char *to, size_t size)
{
    to[0] = '\0';
    return at == 0 || peek_string(in->peek, at, to, size);
}

/* The first of an array of tasks that is not over: without it the wait does
 * not end. */
static bool first_pending(struct inspect *in, uint64_t at, uint64_t *task)
{
    uint64_t array[2]; /* where, how many */
    unsigned state = ROTA_OK;
    if (!get(in, at, array, sizeof array))
        return false;
    for (uint64_t i = 0; i < array[1] && i < ARRAY_MOST; i++) {
        if (!get(in, array[0] + i * 8, task, 8))
            return false;
        if (*task &&
            !get(in, *task + in->layout.task_state, &state, sizeof state))
            return false;
        if (*task && state == ROTA_PENDING)
            return true;
    }
    *task = 0;
    return true;
}

/* Who could end the wait, by its kind's `holder`. */
static bool read_holder(struct inspect *in, uint64_t holder,
                        struct inspect_wait *w)
{
    const struct layout *lay = &in->layout;
    unsigned form, at;
    if (!holder || !w->object)
        return true;
    if (!get(in, holder + lay->holder_form, &form, sizeof form) ||
        !get(in, holder + lay->holder_at, &at, sizeof at))
        return false;
    w->members = form == HOLDER_MEMBERS;
    if (form == HOLDER_OBJECT)
        w->holder = w->object;
    if (form == HOLDER_TASKS)
        return first_pending(in, w->object + at, &w->holder);
    return form != HOLDER_AT || get(in, w->object + at, &w->holder, 8);
}

static bool read_wait(struct inspect *in, uint64_t clause,
                      struct inspect_wait *w)
{
    const struct layout *lay = &in->layout;
    uint64_t kind, name, holder;
    memset(w, 0, sizeof *w);
    return get(in, clause + lay->clause_kind, &kind, 8) &&
           get(in, clause + lay->clause_object, &w->object, 8) &&
           get(in, kind + lay->kind_name, &name, 8) &&
           get(in, kind + lay->kind_holder, &holder, 8) &&
           string(in, name, w->kind, sizeof w->kind) &&
           read_holder(in, holder, w);
}

static bool read_waits(struct inspect *in, const struct image *i,
                       struct inspect_task *t)
{
    uint64_t clauses = word(i, in->layout.task_clauses);
    t->wait_count = clauses ? number(i, in->layout.task_clause_count) : 0;
    for (unsigned k = 0; k < t->wait_count && k < INSPECT_CLAUSES; k++)
        if (!read_wait(in, clauses + k * in->layout.clause_size, &t->waits[k]))
            return false;
    return true;
}

/* Deadline and cancellation as the innermost scope sees them. */
static bool read_scopes(struct inspect *in, uint64_t scope,
                        struct inspect_task *t)
{
    const struct layout *lay = &in->layout;
    bool hidden = false;
    t->deadline = ROTA_FOREVER;
    for (t->scopes = 0; scope && t->scopes < SCOPES_MOST; t->scopes++) {
        rota_time deadline;
        uint64_t reason;
        unsigned char flags;
        if (!get(in, scope + lay->scope_deadline, &deadline, 8) ||
            !get(in, scope + lay->scope_reason, &reason, 8) ||
            !get(in, scope + lay->scope_flags, &flags, 1) ||
            !get(in, scope + lay->scope_parent, &scope, 8))
            return false;
        if (t->scopes == 0)
            t->cancelled = flags & LAYOUT_VISIBLE;
        if (hidden)
            continue;
        if (deadline < t->deadline)
            t->deadline = deadline;
        if (t->cancelled && reason && !t->reason[0] &&
            !string(in, reason, t->reason, sizeof t->reason))
            return false;
        hidden = flags & LAYOUT_SHIELD;
    }
    return true;
}

static enum inspect_state state_of(const struct inspect *in,
                                   const struct inspect_loop *l,
                                   const struct image *i, uint64_t at)
{
    if (l->current == at + in->layout.task_coro)
        return INSPECT_RUNNING;
    bool parked = word(i, in->layout.task_clauses) ||
                  number(i, in->layout.task_lingering);
    return parked ? INSPECT_WAITING : INSPECT_READY;
}

static bool read_once(struct inspect *in, const struct inspect_loop *l,
                      uint64_t at, const struct image *i,
                      struct inspect_task *t)
{
    const struct layout *lay = &in->layout;
    memset(t, 0, sizeof *t);
    t->address = at;
    t->id = word(i, lay->task_id);
    t->state = state_of(in, l, i, at);
    t->since = (rota_time)word(i, lay->task_since);
    t->shielded = i->bytes[lay->task_shielded];
    t->cancels = number(i, lay->task_cancels);
    t->group = word(i, lay->task_group);
    t->sp = t->state == INSPECT_RUNNING ? 0 : word(i, lay->task_sp);
    return string(in, word(i, lay->task_name), t->name, sizeof t->name) &&
           string(in, word(i, lay->task_site), t->site, sizeof t->site) &&
           get(in, t->group + lay->group_host, &t->host, 8) &&
           read_scopes(in, word(i, lay->task_scope), t) && read_waits(in, i, t);
}

int inspect_task(struct inspect *in, const struct inspect_loop *l, uint64_t at,
                 struct inspect_task *t)
{
    struct image before, after;
    size_t size = in->layout.task_size;
    bool good = false;
    if (!get(in, at, before.bytes, size))
        return -EAGAIN;
    for (int i = 0; i < TRIES; i++) {
        good = read_once(in, l, at, &before, t);
        if (!get(in, at, after.bytes, size))
            return -EAGAIN;
        if (good && memcmp(before.bytes, after.bytes, size) == 0)
            return 0;
        before = after;
    }
    /* It stood, but never still. */
    t->state = INSPECT_MOVING;
    t->wait_count = 0;
    t->sp = 0;
    return word(&before, in->layout.task_id) == t->id ? 0 : -EAGAIN;
}

int inspect_tasks(struct inspect *in, const struct inspect_loop *l,
                  int (*fn)(const struct inspect_task *t, void *arg), void *arg)
{
    struct list node;
    struct inspect_task t;
    uint64_t head = l->address + in->layout.runtime_all, before = head;
    uint64_t most = l->tasks + 16; /* some may come meanwhile */
    if (!get(in, head, &node, sizeof node))
        return -EAGAIN;
    uint64_t at = (uintptr_t)node.next;
    for (uint64_t n = 0; at != head; n++) {
        int rc = n < most
                     ? inspect_task(in, l, at - in->layout.task_in_runtime, &t)
                     : -EAGAIN;
        if (rc == 0 && (!get(in, at, &node, sizeof node) ||
                        (uintptr_t)node.prev != before))
            rc = -EAGAIN;
        if (rc == 0)
            rc = fn(&t, arg);
        if (rc != 0)
            return rc;
        before = at;
        at = (uintptr_t)node.next;
    }
    return 0;
}

void inspect_trace(struct inspect *in, const struct inspect_task *t,
                   struct trace *trace)
{
    trace->count = 0;
    if (t->sp)
        trace_parked(trace, in->peek, t->sp, in->layout.saved_fp,
                     in->layout.saved_pc);
}

const char *inspect_state_name(const struct inspect_task *t)
{
    static const char *const names[] = {
        [INSPECT_RUNNING] = "running",
        [INSPECT_READY] = "ready",
        [INSPECT_WAITING] = "waiting",
        [INSPECT_MOVING] = "switching",
    };
    return names[t->state];
}
