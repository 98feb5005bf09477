/*
 * Inside a user's timer.
 */
#ifndef TASK_LATER_H
#define TASK_LATER_H

struct runtime;

/* Lets those go that have not fired: the runtime ends. */
void later_close(struct runtime *rt);

#endif
