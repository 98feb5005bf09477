/*
 * From a queue under a lock to the tasks of any loop.
 */
#include "sync/shared.h"

#include "task/task.h"

void shared_take_all(struct list *queue, struct list *taken)
{
    while (!list_empty(queue)) {
        struct clause *c = container_of(queue->next, struct clause, link);
        if (clause_take(c))
            list_push(taken, &c->link);
    }
}

void shared_deliver_all(struct list *taken, int rc)
{
    struct list *link;
    while ((link = list_pop(taken)) != NULL)
        clause_deliver(container_of(link, struct clause, link), rc);
}
