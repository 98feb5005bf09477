/*
 * fork, and what a child is told.
 */
#ifndef TASK_FORK_H
#define TASK_FORK_H

/* Has the child of every fork from now on know: 0 or -ENOMEM. */
int fork_watch(void);

#endif
