/*
 * The root: where everybody who looks at a process begins: the process
 * itself, `rota ps` in another one, gdb on a core file. It leads to the
 * runtimes, and says where in their structures things lie.
 */
#ifndef TASK_ROOT_H
#define TASK_ROOT_H

#include "rota/export.h"

struct runtime;

/* Puts a runtime, whose loop runs on this thread, where all are found; and
 * takes it away before it ends. */
void root_add(struct runtime *rt);
void root_remove(struct runtime *rt);

/* Holds the list while the process forks: both sides unlock. */
void root_lock(void);
void root_unlock(void);

/* In a child made by fork: none of them is this process' own. Returns the
 * first, linked by `next`. */
struct runtime *root_disown(void);

/* Calls fn for each. No runtime comes or goes meanwhile. */
void root_each(void (*fn)(struct runtime *rt, void *arg), void *arg);

#endif
