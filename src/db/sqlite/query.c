/*
 * A query's way: from the task that asks, to the right thread (a reader's, or
 * after waiting for the turn the writer's), and back with its outcome.
 *
 * Which thread is right, SQLite says when the statement is prepared. The first
 * word only tells where to try first: a "with" that turns out to write is sent
 * on by the reader.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/misuse.h"
#include "db/sqlite/sqlite.h"
#include "task/runtime.h"

struct rota_task *sqlite_query_task(struct rota_sqlite *db, int *rc)
{
    struct rota_task *t = task_current();
    if (!t)
        *rc = misuse(-EPERM, "SQLite used from outside of a task");
    else if (t->runtime != db->runtime) {
        *rc =
            misuse(-EPERM, "SQLite database %s used on another loop", db->path);
        t = NULL;
    }
    return t;
}

int sqlite_query_enter(struct rota_sqlite *db, bool inside)
{
    if (db->pid != getpid())
        return -ESTALE;
    if (inside ? db->forced : db->closing)
        return -ESHUTDOWN;
    db->users++;
    return 0;
}

void sqlite_query_leave(struct rota_sqlite *db)
{
    if (--db->users == 0 && db->closer)
        clause_fire(db->closer, 0);
}

/* On its thread. */
static int perform(void *arg)
{
    struct sqlite_query *q = arg;
    struct sqlite_conn *c = sqlite_conn_take(q);
    if (!c)
        return -ECANCELED;
    if (!q->in_tx)
        sqlite_conn_settle(c); /* a rollback that found no thread */
    int rc = q->run(q, c);
    q->lost = !sqlite_conn_in_tx(c);
    sqlite_conn_give(q);
    return rc;
}

int sqlite_query_run(struct sqlite_query *q)
{
    struct rota_sqlite *db = q->db;
    list_push(&db->queries, &q->link);
    int rc = pool_run(q->writer ? db->write_pool : db->read_pool, perform, q,
                      sqlite_conn_interrupt);
    list_remove(&q->link);
    return rc == -ECANCELED && q->closed ? -ESHUTDOWN : rc;
}

static const char *skip_blanks(const char *sql)
{
    while (*sql == ' ' || *sql == '\t' || *sql == '\n' || *sql == '\r')
        sql++;
    return sql;
}

/* Words with which a statement surely writes. */
static bool surely_writes(const char *sql)
{
    static const char *const words[] = { "insert", "update",  "delete",
                                         "create", "replace", "drop",
                                         "alter" };
    sql = skip_blanks(sql);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncasecmp(sql, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

/* By itself on the writer: in turn with transactions and other writes. */
static int write_alone(struct sqlite_query *q, struct rota_task *t)
{
    struct rota_sqlite *db = q->db;
    if (db->owner == t)
        return sqlite_fail(q, -EDEADLK,
                           "this task has a transaction open: pass it "
                           "instead of the database");
    if (t->scope->visible)
        return rota_checkpoint();
    int rc = sqlite_gate_enter(db, t, false);
    if (rc < 0)
        return rc;
    q->writer = true;
    rc = sqlite_query_run(q);
    sqlite_gate_leave(db, false);
    return rc;
}

static int outside(struct sqlite_query *q, struct rota_task *t)
{
    bool script = q->call->what == ROTA_SQLITE_SCRIPT_;
    int rc = sqlite_query_enter(q->db, false);
    if (rc < 0)
        return rc;
    q->redirect = !q->db->read_pool || script || surely_writes(q->call->sql);
    if (!q->redirect)
        rc = sqlite_query_run(q);
    if (q->redirect)
        rc = write_alone(q, t);
    sqlite_query_leave(q->db);
    return rc;
}

/* Hands the rows over; *out of a call that failed is empty. */
static void deliver(struct sqlite_query *q, int rc)
{
    const rota_sqlite_call_ *call = q->call;
    bool any = rc > 0;
    struct {
        void *at;
        size_t len;
    } *list = call->out;
    switch (call->what) {
    case ROTA_SQLITE_ONE_: *(void **)call->out = any ? q->rows.at : NULL; break;
    case ROTA_SQLITE_ALL_:
        list->at = any ? q->rows.at : NULL;
        list->len = any ? q->rows.len : 0;
        break;
    case ROTA_SQLITE_INSERT_:
        if (any && q->has_id)
            *(int64_t *)call->out = q->id;
        break;
    default: break;
    }
}

static bool lacks_arena(const rota_sqlite_call_ *call)
{
    bool rows =
        call->what == ROTA_SQLITE_ONE_ || call->what == ROTA_SQLITE_ALL_;
    bool bytes = call->what == ROTA_SQLITE_GET_ &&
                 (!call->type || call->type->kind == ROTA_KIND_STR);
    return !call->arena && (rows || bytes);
}

struct request {
    int in_tx;
    void *on;
    const rota_sqlite_call_ *call;
};

static struct sqlite_tx *tx_of(const struct request *r)
{
    return r->in_tx ? ((rota_sqlite_tx *)r->on)->private_tx : NULL;
}

/* Runs the query of a request, which is on a task. */
static int run_query(struct sqlite_query *q, struct sqlite_tx *tx,
                     struct rota_task *t)
{
    int rc = sqlite_rows_init(&q->rows, q->call);
    if (rc == 0)
        rc = tx ? sqlite_tx_query(tx, q) : outside(q, t);
    deliver(q, rc);
    sqlite_rows_fini(&q->rows);
    return rc;
}

static int run_request(void *arg)
{
    struct request *r = arg;
    struct sqlite_tx *tx = tx_of(r);
    struct rota_sqlite *db = r->in_tx ? (tx ? tx->db : NULL) : r->on;
    if (!db && r->in_tx)
        return -EALREADY; /* a transaction that is over */
    if (!db || !r->call->sql || lacks_arena(r->call))
        return misuse(-EINVAL, "an SQLite query without its %s",
                      !db             ? "database"
                      : !r->call->sql ? "SQL"
                                      : "arena");
    int rc = 0;
    struct rota_task *t = sqlite_query_task(db, &rc);
    if (!t)
        return rc;
    struct sqlite_query q = { .db = db,
                              .run = sqlite_call_run,
                              .call = r->call };
    rc = run_query(&q, tx, t);
    if (rc < 0)
        sqlite_caller_text(t, *q.text ? q.text : rota_strerror(rc));
    return rc;
}

int rota_sqlite_run_(int in_tx, void *on, const rota_sqlite_call_ *call)
{
    struct request r = { in_tx, on, call };
    return thread_is_worker() ? thread_ask_task(run_request, &r)
                              : run_request(&r);
}
