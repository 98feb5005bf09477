/*
 * A connection: opened with the settings we stand for, lent to one query at a
 * time, and told to stop when that query's task is cancelled.
 *
 * The stop must hit this query and no other. sqlite3_interrupt alone cannot do
 * that: it is forgotten when it comes before the first step. So the query
 * carries a flag that the progress handler looks at, and sqlite3_interrupt,
 * called under the lock that also ends the loan, only makes it faster.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "db/sqlite/sqlite.h"

enum {
    PROGRESS_STEPS = 1000, /* of the virtual machine, between two looks */
    SECOND = 1000000000,
};

/* Between two tries for a lock: 1 ms, doubling up to 32. */
static const rota_dur first_pause = 1000000;
enum { PAUSE_DOUBLINGS = 5 };

static const char *const own_sql[] = {
    [SQLITE_OWN_BEGIN] = "begin immediate",
    [SQLITE_OWN_COMMIT] = "commit",
    [SQLITE_OWN_ROLLBACK] = "rollback",
    [SQLITE_OWN_SAVEPOINT] = "savepoint rota_inner",
    [SQLITE_OWN_RELEASE] = "release rota_inner",
    [SQLITE_OWN_UNDO] = "rollback to rota_inner",
    [SQLITE_OWN_GUARD] = "savepoint rota_statement",
    [SQLITE_OWN_GUARD_RELEASE] = "release rota_statement",
    [SQLITE_OWN_GUARD_UNDO] = "rollback to rota_statement",
};

static bool stopped(struct sqlite_conn *c)
{
    return c->query && !c->query->shielded && atomic_load(&c->query->stop);
}

/* SQLite looks once more when all is done, and would call interrupted what it
 * has committed. */
static int look_at_stop(void *conn)
{
    struct sqlite_conn *c = conn;
    return stopped(c) && !c->commits;
}

static int on_commit(void *conn)
{
    struct sqlite_conn *c = conn;
    c->commits = true;
    return 0; /* go on */
}

/* Waits before the next try for a lock; false when it is not worth it: the
 * time is over, or the task is cancelled. */
static bool be_patient(struct sqlite_conn *c, unsigned attempt)
{
    rota_time now = rota_now();
    if (c->patience_end == 0)
        c->patience_end = rota_time_add(now, c->db->options.busy_timeout);
    if (attempt > PAUSE_DOUBLINGS)
        attempt = PAUSE_DOUBLINGS;
    rota_time until = rota_time_add(now, first_pause << attempt);
    if (until > c->patience_end)
        until = c->patience_end;
    struct timespec at = { until / SECOND, until % SECOND };
    int rc = 0;
    pthread_mutex_lock(&c->db->lock);
    while (!stopped(c) && now < until && rc != ETIMEDOUT)
        rc = pthread_cond_clockwait(&c->wake, &c->db->lock, CLOCK_MONOTONIC,
                                    &at);
    pthread_mutex_unlock(&c->db->lock);
    return !stopped(c) && rota_now() < c->patience_end;
}

static int on_busy(void *conn, int attempt)
{
    return be_patient(conn, (unsigned)attempt);
}

/* What a program's SQL may not do: to end our transactions behind our back,
 * and to change one connection of several. */
static int authorize(void *conn, int action, const char *first,
                     const char *second, const char *database,
                     const char *trigger)
{
    struct sqlite_conn *c = conn;
    (void)first, (void)database, (void)trigger;
    if (!c->prepares_user)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
        c->refusal = "transactions are for rota_sqlite_begin";
        return SQLITE_DENY;
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
        c->refusal = "attach and detach belong into options.setup";
        return SQLITE_DENY;
    case SQLITE_PRAGMA: c->sets |= second != NULL; return SQLITE_OK;
    default: return SQLITE_OK;
    }
}

int sqlite_conn_step(struct sqlite_conn *c, sqlite3_stmt *stmt)
{
    c->commits = false;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        return 1;
    return rc == SQLITE_DONE ? 0 : sqlite_conn_error(c, rc);
}

int sqlite_conn_first_step(struct sqlite_conn *c, sqlite3_stmt *stmt)
{
    for (unsigned attempt = 0;; attempt++) {
        int rc = sqlite_conn_step(c, stmt);
        if (rc != -EBUSY || !be_patient(c, attempt))
            return stopped(c) && rc == -EBUSY ? -ECANCELED : rc;
        sqlite3_reset(stmt);
        atomic_fetch_add(&c->db->count_retries, 1);
    }
}

int sqlite_conn_own(struct sqlite_conn *c, enum sqlite_own which)
{
    sqlite3_stmt **stmt = &c->own[which];
    if (!*stmt) {
        int rc = sqlite3_prepare_v3(c->handle, own_sql[which], -1,
                                    SQLITE_PREPARE_PERSISTENT, stmt, NULL);
        if (rc != SQLITE_OK)
            return sqlite_conn_error(c, rc);
    }
    int rc = sqlite_conn_first_step(c, *stmt);
    sqlite3_reset(*stmt);
    return rc;
}

bool sqlite_conn_in_tx(struct sqlite_conn *c)
{
    return !sqlite3_get_autocommit(c->handle);
}

void sqlite_conn_settle(struct sqlite_conn *c)
{
    if (!sqlite_conn_in_tx(c))
        return;
    /* What went wrong before is what is to be told. */
    char text[SQLITE_TEXT_SIZE];
    memcpy(text, c->query->text, sizeof text);
    sqlite_conn_own(c, SQLITE_OWN_ROLLBACK);
    memcpy(c->query->text, text, sizeof text);
}

/* Runs the statements of a setting. They may have to wait for a lock, too. */
static int set(struct sqlite_conn *c, const char *sql)
{
    while (*sql) {
        sqlite3_stmt *stmt;
        int rc = sqlite_prepare(c, sql, &stmt, &sql);
        if (rc < 0)
            return rc;
        if (!stmt)
            continue;
        rc = sqlite_conn_first_step(c, stmt);
        while (rc > 0)
            rc = sqlite_conn_step(c, stmt);
        sqlite3_finalize(stmt);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int open_error(struct sqlite_conn *c, const char *path, int rc)
{
    struct sqlite_query *q = c->query;
    char why[SQLITE_TEXT_SIZE / 2];
    int code = sqlite_conn_error(c, rc);
    if (code == -EBADMSG)
        return sqlite_fail(q, code, "%.200s is not an SQLite database", path);
    snprintf(why, sizeof why, "%s", rota_strerror(code));
    return sqlite_fail(q, code,
                       "cannot open the database %.200s: %s (its directory "
                       "must exist and be writable)",
                       path, why);
}

/* The settings every connection gets, the program's own last. */
static int settle_in(struct sqlite_conn *c, bool writer)
{
    const rota_sqlite_options *o = &c->db->options;
    int rc = set(c, "pragma foreign_keys = on;"
                    "select 1 from sqlite_schema limit 1");
    if (rc == 0 && writer && !o->read_only)
        rc = set(c, "pragma journal_mode = wal");
    if (rc == 0)
        rc = set(c, "pragma synchronous = normal");
    if (rc == 0 && c->db->setup)
        rc = set(c, c->db->setup);
    if (rc == 0 && !writer)
        rc = set(c, "pragma query_only = on");
    return rc;
}

static int open_handle(struct sqlite_conn *c, bool writer)
{
    struct rota_sqlite *db = c->db;
    int flags =
        db->options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (writer && !db->options.read_only)
        flags |= SQLITE_OPEN_CREATE;
    int rc = sqlite3_open_v2(db->path, &c->handle, flags | SQLITE_OPEN_NOMUTEX,
                             NULL);
    if (rc != SQLITE_OK)
        return c->handle ? open_error(c, db->path, rc) : -ENOMEM;
    if (!db->options.read_only && sqlite3_db_readonly(c->handle, "main") == 1)
        return sqlite_fail(c->query, -EROFS,
                           "the database %.200s can only be read: give this "
                           "user the right to write it, or open it read_only",
                           db->path);
    return 0;
}

int sqlite_conn_open(struct sqlite_conn *c, struct sqlite_query *q, bool writer)
{
    *c = (struct sqlite_conn){ .db = q->db, .query = q };
    list_init(&c->idle);
    pthread_cond_init(&c->wake, NULL);
    sqlite_statements_init(c);
    int rc = open_handle(c, writer);
    if (rc < 0)
        return rc;
    sqlite3_extended_result_codes(c->handle, 1);
    /* "name" is a column and never a string. */
    sqlite3_db_config(c->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(c->handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_busy_handler(c->handle, on_busy, c);
    sqlite3_progress_handler(c->handle, PROGRESS_STEPS, look_at_stop, c);
    sqlite3_commit_hook(c->handle, on_commit, c);
    sqlite3_set_authorizer(c->handle, authorize, c);
    rc = settle_in(c, writer);
    if (rc == -EBADMSG || rc == -EACCES || rc == -ENOENT || rc == -EIO)
        rc = open_error(c, q->db->path, sqlite3_extended_errcode(c->handle));
    c->query = NULL;
    return rc;
}

void sqlite_conn_close(struct sqlite_conn *c)
{
    if (!c->db)
        return;
    c->query = NULL;
    sqlite_statements_fini(c);
    for (int i = 0; i < SQLITE_OWN_COUNT; i++)
        sqlite3_finalize(c->own[i]);
    sqlite3_close(c->handle);
    pthread_cond_destroy(&c->wake);
}

struct sqlite_conn *sqlite_conn_take(struct sqlite_query *q)
{
    struct rota_sqlite *db = q->db;
    pthread_mutex_lock(&db->lock);
    if (!atomic_load(&q->stop) || q->shielded)
        q->conn = q->writer ? &db->writer
                            : container_of(list_pop(&db->idle),
                                           struct sqlite_conn, idle);
    struct sqlite_conn *c = q->conn;
    pthread_mutex_unlock(&db->lock);
    if (!c)
        return NULL;
    c->query = q;
    c->patience_end = 0;
    atomic_fetch_add(&db->count_running, 1);
    return c;
}

void sqlite_conn_give(struct sqlite_query *q)
{
    struct rota_sqlite *db = q->db;
    struct sqlite_conn *c = q->conn;
    pthread_mutex_lock(&db->lock);
    c->query = NULL;
    q->conn = NULL;
    if (!q->writer)
        list_insert(db->idle.next, &c->idle); /* its cache is warm */
    pthread_mutex_unlock(&db->lock);
    atomic_fetch_sub(&db->count_running, 1);
}

void sqlite_conn_interrupt(void *query)
{
    struct sqlite_query *q = query;
    pthread_mutex_lock(&q->db->lock);
    atomic_store(&q->stop, true);
    if (q->conn && !q->shielded) {
        sqlite3_interrupt(q->conn->handle);
        pthread_cond_broadcast(&q->conn->wake);
    }
    pthread_mutex_unlock(&q->db->lock);
}
