/*
 * Where things lie: the names and offsets of all that is read by whoever looks
 * at a process from outside. The root carries them as a table of words and
 * numbers, so that a tool can read programs of other versions of the library,
 * and gdb's script needs no debug information. A new entry is no new version;
 * one that changes its meaning, or goes, is.
 */
#ifndef TASK_LAYOUT_H
#define TASK_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

enum { LAYOUT_VERSION = 1 };

/* X(name, value). */
#define LAYOUT(X)                                                   \
    X(runtime_next, offsetof(struct runtime, next))                 \
    X(runtime_tid, offsetof(struct runtime, tid))                   \
    X(runtime_tasks, offsetof(struct runtime, tasks))               \
    X(runtime_made, offsetof(struct runtime, loop.made))            \
    X(runtime_all, offsetof(struct runtime, all))                   \
    X(loop_current, offsetof(struct runtime, loop.thread.current))  \
    X(loop_now, offsetof(struct runtime, loop.now))                 \
    X(loop_turns, offsetof(struct runtime, loop.turns))             \
    X(loop_slice, offsetof(struct runtime, loop.slice))             \
    X(loop_asleep, offsetof(struct runtime, loop.inbox.asleep))     \
    X(loop_backend, offsetof(struct runtime, loop.backend))         \
    X(backend_name, offsetof(struct backend, name))                 \
    X(task_state, offsetof(struct rota_task, done.state))           \
    X(task_size, sizeof(struct rota_task))                          \
    X(task_id, offsetof(struct rota_task, co.id))                   \
    X(task_name, offsetof(struct rota_task, co.coro.name))          \
    X(task_site, offsetof(struct rota_task, co.coro.site))          \
    X(task_coro, offsetof(struct rota_task, co.coro))               \
    X(task_sp, offsetof(struct rota_task, co.coro.sp))              \
    X(task_clauses, offsetof(struct rota_task, clauses))            \
    X(task_clause_count, offsetof(struct rota_task, clause_count))  \
    X(task_lingering, offsetof(struct rota_task, lingering))        \
    X(task_shielded, offsetof(struct rota_task, shielded))          \
    X(task_since, offsetof(struct rota_task, since))                \
    X(task_cancels, offsetof(struct rota_task, cancels))            \
    X(task_scope, offsetof(struct rota_task, scope))                \
    X(task_group, offsetof(struct rota_task, group))                \
    X(task_in_runtime, offsetof(struct rota_task, in_runtime))      \
    X(clause_size, sizeof(struct clause))                           \
    X(clause_kind, offsetof(struct clause, kind))                   \
    X(clause_object, offsetof(struct clause, object))               \
    X(kind_name, offsetof(struct wait_kind, name))                  \
    X(kind_holder, offsetof(struct wait_kind, holder))              \
    X(holder_at, offsetof(struct wait_holder, at))                  \
    X(holder_form, offsetof(struct wait_holder, form))              \
    X(scope_parent, offsetof(struct scope, parent))                 \
    X(scope_deadline, offsetof(struct scope, deadline))             \
    X(scope_reason, offsetof(struct scope, reason))                 \
    X(scope_flags, offsetof(struct scope, reason) + sizeof(char *)) \
    X(group_host, offsetof(struct group, host))                     \
    X(saved_fp, CORO_SAVED_FP)                                      \
    X(saved_pc, CORO_SAVED_PC)

/* Bits of a scope's flags; a test compares them with struct scope. */
enum { LAYOUT_SHIELD = 1 << 0, LAYOUT_VISIBLE = 1 << 7 };

/* The same as a struct, for readers in C. */
struct layout {
#define LAYOUT_FIELD(name, value) uint32_t name;
    LAYOUT(LAYOUT_FIELD)
#undef LAYOUT_FIELD
};

/* What the root is, byte for byte. */
struct layout_entry {
    char name[20];
    uint32_t value;
};

struct layout_root {
    char magic[8]; /* "rotaroot" */
    uint32_t version;
    uint32_t count; /* of entries */
    uint64_t entries;
    uint64_t runtimes; /* address of the first one; 0: none runs */
};

#endif
