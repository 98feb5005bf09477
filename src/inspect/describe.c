/*
 * A task's line: "fetch #3 (app.c:12): waiting: lock 0x55d0 of main #1,
 * for 12.0 ms, deadline in 3.0 s".
 */
#include "inspect/describe.h"

void describe_loop(struct text *t, const struct inspect_loop *l)
{
    text_add(t, "loop of thread ");
    text_add_number(t, (uint64_t)l->tid);
    text_add(t, " (");
    text_add(t, l->backend);
    text_add(t, "): ");
    text_add_number(t, l->tasks);
    text_add(t, l->tasks == 1 ? " task" : " tasks");
    text_add(t, l->asleep ? ", asleep" : ", busy");
}

static void add_title(struct text *t, const char *name, uint64_t id)
{
    text_add(t, name[0] ? name : "task");
    text_add(t, " #");
    text_add_number(t, id);
}

/* The holder's title, as far as it can be read. */
static void add_holder(struct text *t, struct inspect *in, uint64_t holder)
{
    uint64_t id = 0, name_at = 0;
    char name[INSPECT_NAME];
    if (!peek_word(in->peek, holder + in->layout.task_id, &id) ||
        !peek_word(in->peek, holder + in->layout.task_name, &name_at) ||
        !peek_string(in->peek, name_at, name, sizeof name)) {
        text_add_hex(t, holder, 1);
        return;
    }
    add_title(t, name, id);
}

static void add_wait(struct text *t, struct inspect *in,
                     const struct inspect_wait *w)
{
    text_add(t, w->kind);
    if (w->object) {
        text_add(t, " ");
        text_add_hex(t, w->object, 1);
    }
    if (w->holder) {
        text_add(t, " of ");
        add_holder(t, in, w->holder);
    }
}

void describe_wait(struct text *t, struct inspect *in,
                   const struct inspect_task *task)
{
    text_add(t, inspect_state_name(task));
    for (unsigned i = 0; i < task->wait_count; i++) {
        text_add(t, i ? " or " : ": ");
        if (i == INSPECT_CLAUSES) {
            text_add_number(t, task->wait_count - i);
            text_add(t, " more");
            break;
        }
        add_wait(t, in, &task->waits[i]);
    }
}

static void add_cancel(struct text *t, const struct inspect_task *task)
{
    if (!task->cancelled)
        return;
    text_add(t, ", cancelled");
    if (task->cancels > 0) {
        text_add(t, " ");
        text_add_number(t, task->cancels);
        text_add(t, "x");
    }
    if (task->reason[0]) {
        text_add(t, " (");
        text_add(t, task->reason);
        text_add(t, ")");
    }
    if (task->shielded)
        text_add(t, ", shielded");
}

void describe_task(struct text *t, struct inspect *in,
                   const struct inspect_task *task, rota_time now)
{
    add_title(t, task->name, task->id);
    if (task->site[0]) {
        text_add(t, " (");
        text_add(t, task->site);
        text_add(t, ")");
    }
    text_add(t, " ");
    describe_wait(t, in, task);
    if (task->state == INSPECT_WAITING) {
        text_add(t, ", for ");
        text_add_duration(t, now - task->since);
    }
    if (task->deadline != ROTA_FOREVER) {
        text_add(t, task->deadline > now ? ", deadline in " : ", deadline ");
        text_add_duration(t, task->deadline > now ? task->deadline - now
                                                  : now - task->deadline);
        text_add(t, task->deadline > now ? "" : " ago");
    }
    text_add(t, ", ");
    text_add_number(t, task->scopes);
    text_add(t, task->scopes == 1 ? " scope" : " scopes");
    add_cancel(t, task);
    text_add(t, "\n");
}

void describe_trace(struct text *t, struct symbols *s,
                    const struct trace *trace, bool exact)
{
    for (size_t i = 0; i < trace->count; i++) {
        text_add(t, "    #");
        text_add_number(t, i);
        text_add(t, " ");
        symbols_add(s, t, trace->frames[i] - (exact && i == 0 ? 0 : 1));
        text_add(t, "\n");
    }
}
