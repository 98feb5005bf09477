/*
 * Inside a task group: a scope, and the tasks that live in it.
 */
#ifndef TASK_GROUP_H
#define TASK_GROUP_H

#include "base/list.h"
#include "rota/group.h"
#include "task/scope.h"
#include "task/task.h"

enum { GROUP_ERRORS_KEPT = 16 };

/* Among a group's flags: it is in a struct start, for one task whose word is
 * waited for. */
#define GROUP_NEST (1u << 31)

struct group {
    struct scope scope;
    size_t live;            /* members */
    struct rota_task *host; /* who opened it; NULL: the runtime */
    struct clause *ender;   /* the host, waiting for the end */
    unsigned flags;
    bool open;

    size_t limit;         /* most members; 0: any number */
    struct list spawners; /* who waits for a place, if it is full */
    size_t promised;      /* places given to those who did, and kept for
                             members that have not started */

    bool cut;                      /* body or a member ended cancelled */
    bool won;                      /* ROTA_GROUP_ANY: a member ended well */
    int last_error;                /* 0: none */
    size_t error_count;            /* how many there were */
    int errors[GROUP_ERRORS_KEPT]; /* the first of them */
};

static inline struct group *group_of(rota_group *g)
{
    return (struct group *)g;
}

/* Opens a group below `parent`; host and parent may be NULL. */
void group_open(struct group *g, struct rota_task *host, unsigned flags);

/* What the group makes of it that `t`, which was a member, did not end well, or
 * first. */
void group_note(struct group *g, struct rota_task *t);

/* Waits for a place: 0, or why there is none. */
int group_admit(struct group *g);

/* A place of a member, or a promised one, came free: it goes to who waits
 * first. */
void group_place_freed(struct group *g);

/* `t`, a member, has ended. */
static inline void group_leave(struct group *g, struct rota_task *t)
{
    g->live--;
    if (t->done.state != ROTA_OK || (g->flags & ROTA_GROUP_ANY))
        group_note(g, t);
    if (g->limit > 0 || g->ender)
        group_place_freed(g);
}

/* `t` leaves its group for `g`, in which a place is promised to it. */
void group_adopt(struct group *g, struct rota_task *t);

/* True when `t` is a member of `g`, or of a group opened by one. */
bool group_holds(struct group *g, struct rota_task *t);

#endif
