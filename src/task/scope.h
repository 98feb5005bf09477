/*
 * Inside a cancel scope. Scopes form a tree: a task's root scope hangs below
 * the scope of the group that owns the task, and the scopes the task opens
 * hang below each other. `visible` caches whether a suspending call inside
 * must fail; it is kept right by walking the subtree whenever that changes.
 */
#ifndef TASK_SCOPE_H
#define TASK_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "loop/timer.h"
#include "rota/scope.h"

struct rota_task;

struct scope {
    struct scope *parent;   /* NULL at the top of the tree */
    struct rota_task *task; /* who opened it; NULL: not by a task */
    struct list children;   /* scopes directly inside */
    struct list sibling;
    struct timer timer; /* the deadline's */
    struct link *links; /* from tokens that cancel it */
    rota_time deadline; /* ROTA_FOREVER: none */
    const char *reason; /* of the first cancel */
    union {
        uint16_t flags; /* all of them: */
        struct {
            bool shield : 1; /* outer cancellation is hidden */
            bool strict : 1;
            bool timeout : 1; /* its expiry is an error */
            bool open : 1;
            bool ended : 1;
            bool cancelled : 1;
            bool expired : 1;   /* cancelled by its deadline */
            bool visible : 1;   /* calls inside fail */
            bool delivered : 1; /* one did */
            bool caught : 1;
        };
    };
};

static inline struct scope *scope_of(rota_scope *s)
{
    return (struct scope *)s;
}

/* Is a cancellation from outside seen inside? */
static inline bool scope_outer_visible(const struct scope *s)
{
    return !s->shield && s->parent && s->parent->visible;
}

/* Opens `s` below `parent` for `task`; both may be NULL. Inline, since each
 * task has one, and where `flags` is a constant there is little to do. */
static inline void scope_open(struct scope *s, struct scope *parent,
                              struct rota_task *task, unsigned flags)
{
    bool cancelled = (flags & ROTA_SCOPE_PREPARED) && s->cancelled;
    const char *reason = cancelled ? s->reason : NULL;
    s->parent = parent;
    s->task = task;
    list_init(&s->children);
    if (parent)
        list_push(&parent->children, &s->sibling);
    else
        list_init(&s->sibling);
    s->timer.place = 0;
    s->links = NULL;
    s->deadline = ROTA_FOREVER;
    s->reason = reason;
    s->flags = 0; /* at once */
    s->shield = (flags & ROTA_SCOPE_SHIELD) != 0;
    s->strict = (flags & ROTA_SCOPE_STRICT) != 0;
    s->timeout = (flags & ROTA_SCOPE_TIMEOUT) != 0;
    s->open = true;
    s->cancelled = cancelled;
    if (cancelled || scope_outer_visible(s))
        s->visible = true;
}

/* Disarms its deadline, and takes it from its tokens. */
void scope_disarm(struct scope *s);

/* Takes it out of the tree; its deadline is disarmed. */
static inline void scope_close(struct scope *s)
{
    if (s->timer.place || s->links)
        scope_disarm(s);
    list_remove(&s->sibling);
    s->open = false;
    s->ended = true;
}

/* Hangs it, with all below, below `parent`. */
void scope_move(struct scope *s, struct scope *parent);

/* 0, or the code of the misuse: an open scope is its own loop's to touch. */
int scope_here(const struct scope *s);

/* Cancels, with all that hangs below and is not shielded. */
void scope_cancel(struct scope *s, const char *reason);

/* Lowers the level again (rota_task_uncancel). */
void scope_uncancel(struct scope *s);

/* What `rc` means outside of `s`, which is being ended. */
int scope_result(struct scope *s, int rc);

/* The scope whose cancellation the innermost scope `s` sees; NULL. */
struct scope *scope_cause(struct scope *s);

/* Closes the innermost scope of a task, which goes on in the one around. */
void scope_leave(struct scope *s);

#endif
