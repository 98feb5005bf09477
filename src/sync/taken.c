/*
 * From a queue under a lock to the tasks of any loop.
 */
#include "sync/taken.h"

#include "task/task.h"

void taken_gather(struct list *queue, struct list *taken)
{
    while (!list_empty(queue)) {
        struct clause *c = container_of(queue->next, struct clause, link);
        if (clause_take(c))
            list_push(taken, &c->link);
    }
}

void taken_deliver(struct list *taken, int rc)
{
    struct list *link;
    while ((link = list_pop(taken)) != NULL)
        clause_deliver(container_of(link, struct clause, link), rc);
}
