/*
 * What is kept for a task that uses a database: why its last failed call
 * failed, and the transactions it has open. It is kept by task because tasks
 * take turns on one thread, and because a handler on a pool thread asks from
 * there. A task gets its record with its first error or transaction, and
 * loses it when it ends.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/misuse.h"
#include "db/sqlite/sqlite.h"

enum { BUCKETS = 256 };

struct caller {
    struct caller *next; /* in its bucket */
    struct rota_task *task;
    struct list transactions; /* newest last */
    char text[SQLITE_TEXT_SIZE];
};

/* Of all loops of the process: the lock guards the chains, a record itself
 * is its task's. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct caller *buckets[BUCKETS];

static struct caller **bucket_of(struct rota_task *t)
{
    const unsigned low_bits = 6; /* the same for all that malloc returns */
    return &buckets[((uintptr_t)t >> low_bits) % BUCKETS];
}

static struct caller *find(struct rota_task *t)
{
    pthread_mutex_lock(&lock);
    struct caller *c = *bucket_of(t);
    while (c && c->task != t)
        c = c->next;
    pthread_mutex_unlock(&lock);
    return c;
}

static void forget(struct caller *c)
{
    pthread_mutex_lock(&lock);
    struct caller **at = bucket_of(c->task);
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    pthread_mutex_unlock(&lock);
    free(c);
}

/* The task ends. */
static void ended(void *arg)
{
    struct caller *c = arg;
    if (!list_empty(&c->transactions))
        misuse(0, "the task returned with an open SQLite transaction");
    while (!list_empty(&c->transactions))
        sqlite_tx_abandon(
            container_of(c->transactions.prev, struct sqlite_tx, link));
    forget(c);
}

static struct caller *find_or_make(struct rota_task *t)
{
    struct caller *c = find(t);
    if (c)
        return c;
    c = calloc(1, sizeof *c);
    if (!c || rota_defer(ended, c) < 0) {
        free(c);
        return NULL;
    }
    c->task = t;
    list_init(&c->transactions);
    pthread_mutex_lock(&lock);
    struct caller **at = bucket_of(t);
    c->next = *at;
    *at = c;
    pthread_mutex_unlock(&lock);
    return c;
}

void sqlite_caller_text(struct rota_task *t, const char *text)
{
    struct caller *c = find_or_make(t);
    if (c)
        snprintf(c->text, sizeof c->text, "%s", text);
}

int sqlite_caller_watch(struct sqlite_tx *t)
{
    struct caller *c = find_or_make(t->task);
    if (!c)
        return -ENOMEM;
    list_push(&c->transactions, &t->link);
    return 0;
}

static int find_mine(void *out)
{
    *(struct caller **)out = find(task_current());
    return 0;
}

const char *rota_sqlite_errmsg(void)
{
    struct caller *c = NULL;
    if (thread_is_worker())
        thread_ask_task(find_mine, &c);
    else
        find_mine(&c);
    return c ? c->text : "";
}
