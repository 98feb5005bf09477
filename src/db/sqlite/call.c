/*
 * What a query does on its thread: it finds its statement, binds, steps, and
 * reads rows. A statement that writes and whose rows are read, or several
 * statements in a script, stand inside a guard: when anything fails they are
 * undone, although SQLite itself found nothing wrong.
 */
#include <errno.h>
#include <limits.h>

#include "db/sqlite/sqlite.h"

static int guard_begin(struct sqlite_query *q, struct sqlite_conn *c)
{
    return sqlite_conn_own(c, q->in_tx ? SQLITE_OWN_GUARD : SQLITE_OWN_BEGIN);
}

static void guard_undo(struct sqlite_query *q, struct sqlite_conn *c)
{
    if (!sqlite_conn_in_tx(c))
        return; /* SQLite has undone it */
    if (!q->in_tx) {
        sqlite_conn_settle(c);
        return;
    }
    q->shielded = true;
    sqlite_conn_own(c, SQLITE_OWN_GUARD_UNDO);
    sqlite_conn_own(c, SQLITE_OWN_GUARD_RELEASE);
    q->shielded = false;
}

static int guard_end(struct sqlite_query *q, struct sqlite_conn *c, int rc)
{
    if (rc >= 0) {
        int end = sqlite_conn_own(c, q->in_tx ? SQLITE_OWN_GUARD_RELEASE
                                              : SQLITE_OWN_COMMIT);
        if (end == 0)
            return rc;
        rc = end;
    }
    guard_undo(q, c);
    return rc;
}

/* Reads what the statement gives; `rc` is what its first step returned. */
static int read_rows(struct sqlite_query *q, struct sqlite_conn *c,
                     sqlite3_stmt *stmt, int rc)
{
    enum rota_sqlite_what_ what = q->call->what;
    if (what == ROTA_SQLITE_GET_)
        return rc > 0 ? sqlite_rows_scalar(q, stmt) : rc;
    int fit = sqlite_rows_columns(q, stmt);
    if (fit < 0)
        return fit;
    while (rc > 0) {
        rc = sqlite_rows_add(q, stmt);
        if (rc < 0 || what == ROTA_SQLITE_ONE_)
            break;
        rc = sqlite_conn_step(c, stmt);
    }
    if (rc < 0)
        return rc;
    return q->rows.len > INT_MAX ? -EOVERFLOW : (int)q->rows.len;
}

/* Steps to the end; how many rows were changed. */
static int change_rows(struct sqlite_query *q, struct sqlite_conn *c,
                       sqlite3_stmt *stmt, int rc, int64_t before)
{
    while (rc > 0)
        rc = sqlite_conn_step(c, stmt);
    if (rc < 0 || sqlite3_total_changes64(c->handle) == before)
        return rc; /* sqlite3_changes would tell of an earlier one */
    q->has_id = true;
    q->id = sqlite3_last_insert_rowid(c->handle);
    int64_t changes = sqlite3_changes64(c->handle);
    return changes > INT_MAX ? INT_MAX : (int)changes;
}

static int run_statement(struct sqlite_query *q, struct sqlite_conn *c,
                         sqlite3_stmt *stmt)
{
    enum rota_sqlite_what_ what = q->call->what;
    int64_t before = sqlite3_total_changes64(c->handle);
    int rc = sqlite_bind(c, stmt, q->call);
    if (rc < 0)
        return rc;
    atomic_fetch_add(&c->db->count_queries, 1);
    rc = sqlite_conn_first_step(c, stmt);
    if (rc < 0)
        return rc;
    if (what == ROTA_SQLITE_EXEC_ || what == ROTA_SQLITE_INSERT_)
        return change_rows(q, c, stmt, rc, before);
    return read_rows(q, c, stmt, rc);
}

static int run_call(struct sqlite_query *q, struct sqlite_conn *c)
{
    struct sqlite_statement *s;
    int rc = sqlite_statement_get(c, q->call->sql, &s);
    if (rc < 0)
        return rc;
    if (s->writes && !q->writer) {
        q->redirect = true;
        return 0;
    }
    bool reads = q->call->what != ROTA_SQLITE_EXEC_ &&
                 q->call->what != ROTA_SQLITE_INSERT_;
    bool guarded = reads && !sqlite3_stmt_readonly(s->stmt);
    if (guarded)
        rc = guard_begin(q, c);
    if (rc == 0)
        rc = run_statement(q, c, s->stmt);
    sqlite3_reset(s->stmt);
    sqlite3_clear_bindings(s->stmt); /* they point into the caller's memory */
    return guarded ? guard_end(q, c, rc) : rc;
}

static int run_next(struct sqlite_conn *c, const char **sql)
{
    sqlite3_stmt *stmt;
    c->prepares_user = true;
    int rc = sqlite_prepare(c, *sql, &stmt, sql);
    c->prepares_user = false;
    if (rc < 0 || !stmt)
        return rc;
    atomic_fetch_add(&c->db->count_queries, 1);
    rc = sqlite_conn_first_step(c, stmt);
    while (rc > 0)
        rc = sqlite_conn_step(c, stmt);
    sqlite3_finalize(stmt);
    return rc;
}

static int run_script(struct sqlite_query *q, struct sqlite_conn *c)
{
    const char *sql = q->call->sql;
    int rc = guard_begin(q, c);
    if (rc < 0)
        return rc;
    while (rc == 0 && *sql)
        rc = run_next(c, &sql);
    return guard_end(q, c, rc);
}

int sqlite_call_run(struct sqlite_query *q, struct sqlite_conn *c)
{
    /* Meant for the transaction, but that is over. */
    if (q->in_tx && !sqlite_conn_in_tx(c))
        return sqlite_fail(q, -EALREADY, "the transaction is over");
    return q->call->what == ROTA_SQLITE_SCRIPT_ ? run_script(q, c)
                                                : run_call(q, c);
}
