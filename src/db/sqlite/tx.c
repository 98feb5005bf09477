/*
 * Transactions. The outermost one holds the turn to write from its begin to
 * its end; those inside are savepoints. However a transaction ends, the writer
 * is clean afterwards and the turn handed on, also when the task is cancelled:
 * that is what the shielded rollback is for.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/misuse.h"
#include "db/sqlite/sqlite.h"
#include "rota/scope.h"

struct sqlite_tx *sqlite_tx_root(struct sqlite_tx *t)
{
    while (t->outer)
        t = t->outer;
    return t;
}

static const char over[] = "the transaction is over";

/* On the writer's thread: how a transaction and an inner one begin and end. */

static int begin_root_there(struct sqlite_query *q, struct sqlite_conn *c)
{
    (void)q;
    return sqlite_conn_own(c, SQLITE_OWN_BEGIN);
}

static int begin_inner_there(struct sqlite_query *q, struct sqlite_conn *c)
{
    if (!sqlite_conn_in_tx(c))
        return sqlite_fail(q, -EALREADY, "%s", over);
    return sqlite_conn_own(c, SQLITE_OWN_SAVEPOINT);
}

static int commit_root_there(struct sqlite_query *q, struct sqlite_conn *c)
{
    if (!sqlite_conn_in_tx(c))
        return sqlite_fail(q, -EALREADY, "%s", over);
    return sqlite_conn_own(c, SQLITE_OWN_COMMIT);
}

static int commit_inner_there(struct sqlite_query *q, struct sqlite_conn *c)
{
    if (!sqlite_conn_in_tx(c))
        return sqlite_fail(q, -EALREADY, "%s", over);
    return sqlite_conn_own(c, SQLITE_OWN_RELEASE);
}

static int undo_root_there(struct sqlite_query *q, struct sqlite_conn *c)
{
    (void)q;
    sqlite_conn_settle(c);
    return 0;
}

static int undo_inner_there(struct sqlite_query *q, struct sqlite_conn *c)
{
    if (!sqlite_conn_in_tx(c))
        return sqlite_fail(q, -EALREADY, "%s", over);
    int rc = sqlite_conn_own(c, SQLITE_OWN_UNDO);
    return rc < 0 ? rc : sqlite_conn_own(c, SQLITE_OWN_RELEASE);
}

int sqlite_tx_query(struct sqlite_tx *t, struct sqlite_query *q)
{
    struct sqlite_tx *root = sqlite_tx_root(t);
    if (root->lost)
        return sqlite_fail(q, -EALREADY,
                           "the transaction is over: an error or a "
                           "cancellation has rolled it back");
    int rc = sqlite_query_enter(q->db, true);
    if (rc < 0)
        return rc;
    q->writer = true;
    q->in_tx = true;
    rc = sqlite_query_run(q);
    root->lost |= q->lost;
    sqlite_query_leave(q->db);
    return rc;
}

static int begin_inner(struct sqlite_tx *t, struct sqlite_query *q)
{
    int rc = sqlite_tx_query(t->outer, q);
    if (rc == 0)
        t->outer->inner++;
    return rc;
}

static int begin_root(struct sqlite_tx *t, struct sqlite_query *q)
{
    struct rota_sqlite *db = t->db;
    if (db->owner == t->task)
        return sqlite_fail(q, -EDEADLK,
                           "this task has a transaction open: begin inside "
                           "of it");
    if (t->task->scope->visible)
        return rota_checkpoint();
    int rc = sqlite_query_enter(db, false);
    if (rc < 0)
        return rc;
    rc = sqlite_gate_enter(db, t->task, true);
    if (rc < 0)
        goto leave;
    q->writer = true;
    rc = sqlite_query_run(q);
    if (rc < 0)
        goto turn;
    db->owner = t->task;
    return 0; /* it remains a user until it ends */
turn:
    sqlite_gate_leave(db, true);
leave:
    sqlite_query_leave(db);
    return rc;
}

/* Takes it out of its task's list. */
static void drop(struct sqlite_tx *t)
{
    list_remove(&t->link);
    free(t);
}

static void finish(struct sqlite_tx *t)
{
    struct rota_sqlite *db = t->db;
    bool root = !t->outer;
    if (!root)
        t->outer->inner--;
    drop(t);
    if (!root)
        return;
    db->owner = NULL;
    sqlite_gate_leave(db, true);
    sqlite_query_leave(db);
}

/* Sends the end of the transaction to the writer. */
static int run_end(struct sqlite_tx *t, struct sqlite_query *q)
{
    struct sqlite_tx *root = sqlite_tx_root(t);
    if (root->lost)
        return sqlite_fail(q, -EALREADY, "%s", over);
    q->db = t->db;
    q->writer = true;
    q->in_tx = true;
    q->shielded = true;
    return sqlite_query_run(q);
}

void sqlite_tx_abandon(struct sqlite_tx *t)
{
    rota_scope shield;
    struct sqlite_query q = { .run = t->outer ? undo_inner_there
                                              : undo_root_there };
    int rc = rota_shield_begin(&shield, ROTA_FOREVER);
    if (rc == 0)
        rc = rota_scope_end(&shield, run_end(t, &q));
    /* Without a thread to do it: the next query on the writer will. */
    if (rc < 0 && t->outer)
        sqlite_tx_root(t)->lost = true;
    finish(t);
}

/* The call's transaction, if it may be used here. */
static struct sqlite_tx *mine(rota_sqlite_tx *tx, int *rc)
{
    struct sqlite_tx *t = tx->private_tx;
    *rc = -EALREADY;
    if (!t || !sqlite_query_task(t->db, rc))
        return NULL;
    if (t->task != task_current())
        *rc = misuse(-EPERM, "an SQLite transaction of another task");
    else if (t->inner > 0)
        *rc = misuse(-EINVAL,
                     "an SQLite transaction ended before the one inside it");
    else
        return t;
    return NULL;
}

static int commit(void *arg)
{
    rota_sqlite_tx *tx = arg;
    int rc;
    struct sqlite_tx *t = mine(tx, &rc);
    if (!t)
        return rc;
    struct rota_task *me = t->task;
    struct sqlite_query q = { .run = t->outer ? commit_inner_there
                                              : commit_root_there };
    rc = t->db->forced ? -ESHUTDOWN : run_end(t, &q);
    tx->private_tx = NULL;
    if (rc < 0) {
        sqlite_caller_text(me, *q.text ? q.text : rota_strerror(rc));
        sqlite_tx_abandon(t);
    } else {
        finish(t);
    }
    return rc;
}

static int rollback(void *arg)
{
    rota_sqlite_tx *tx = arg;
    int rc;
    struct sqlite_tx *t = mine(tx, &rc);
    if (!t)
        return rc;
    tx->private_tx = NULL;
    sqlite_tx_abandon(t);
    return 0;
}

int rota_sqlite_commit(rota_sqlite_tx *tx)
{
    return thread_is_worker() ? thread_ask_task(commit, tx) : commit(tx);
}

int rota_sqlite_rollback(rota_sqlite_tx *tx)
{
    return thread_is_worker() ? thread_ask_task(rollback, tx) : rollback(tx);
}

struct begin {
    int in_tx;
    void *on;
    rota_sqlite_tx *tx;
};

/* Begins `t`, for its task. */
static int begin_new(struct sqlite_tx *t, rota_sqlite_tx *tx)
{
    struct sqlite_query q = { .db = t->db,
                              .run = t->outer ? begin_inner_there
                                              : begin_root_there };
    int rc = sqlite_caller_watch(t);
    if (rc == 0)
        rc = t->outer ? begin_inner(t, &q) : begin_root(t, &q);
    if (rc < 0) {
        sqlite_caller_text(t->task, *q.text ? q.text : rota_strerror(rc));
        drop(t);
        return rc;
    }
    tx->private_tx = t;
    return 0;
}

static int begin(void *arg)
{
    struct begin *b = arg;
    *b->tx = (rota_sqlite_tx){ 0 };
    struct sqlite_tx *outer =
        b->in_tx ? ((rota_sqlite_tx *)b->on)->private_tx : NULL;
    if (b->in_tx && !outer)
        return -EALREADY;
    struct rota_sqlite *db = outer ? outer->db : b->on;
    if (!db)
        return misuse(-EINVAL, "a transaction without a database");
    int rc = 0;
    struct rota_task *me = sqlite_query_task(db, &rc);
    if (!me)
        return rc;
    if (outer && outer->task != me)
        return misuse(-EPERM, "an SQLite transaction of another task");
    struct sqlite_tx *t = malloc(sizeof *t);
    if (!t)
        return -ENOMEM;
    *t = (struct sqlite_tx){ .db = db, .outer = outer, .task = me };
    list_init(&t->link);
    return begin_new(t, b->tx);
}

int rota_sqlite_begin_at_(int in_tx, void *on, rota_sqlite_tx *tx)
{
    struct begin b = { in_tx, on, tx };
    return thread_is_worker() ? thread_ask_task(begin, &b) : begin(&b);
}

rota_sqlite_tx *rota_sqlite_block_(int in_tx, void *on, rota_sqlite_tx *tx,
                                   int *rc)
{
    *rc = rota_sqlite_begin_at_(in_tx, on, tx);
    tx->private_rc = rc;
    return *rc == 0 ? tx : NULL;
}

rota_sqlite_tx *rota_sqlite_block_end_(rota_sqlite_tx *tx)
{
    if (*tx->private_rc >= 0) {
        int rc = rota_sqlite_commit(tx);
        if (rc < 0)
            *tx->private_rc = rc;
    }
    return NULL; /* what is left open is rolled back on the way out */
}

void rota_sqlite_block_leave_(rota_sqlite_tx *tx)
{
    if (tx->private_tx)
        rota_sqlite_rollback(tx);
}
