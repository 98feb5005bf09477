/*
 * Inside a database: its connections and their threads, the turn to write,
 * and what a query is while it goes from its task to a thread and back.
 *
 * Who touches what: a connection belongs to the query that has taken it, on
 * the query's thread. A query belongs to its thread while it runs there,
 * except for `stop`, which the loop sets. Everything else is the loop's.
 */
#ifndef SQLITE_SQLITE_H
#define SQLITE_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "rota/sqlite.h"
#include "rota/task.h"
#include "task/task.h"
#include "task/thread.h"

enum { SQLITE_TEXT_SIZE = 512 };

/* SQL of our own, prepared once for every connection. */
enum sqlite_own {
    SQLITE_OWN_BEGIN,
    SQLITE_OWN_COMMIT,
    SQLITE_OWN_ROLLBACK,
    SQLITE_OWN_SAVEPOINT, /* an inner transaction */
    SQLITE_OWN_RELEASE,
    SQLITE_OWN_UNDO,
    SQLITE_OWN_GUARD, /* one statement inside a transaction */
    SQLITE_OWN_GUARD_RELEASE,
    SQLITE_OWN_GUARD_UNDO,
    SQLITE_OWN_COUNT,
};

/* A prepared statement, kept for the next query with the same text. */
struct sqlite_statement {
    struct list same_hash;
    struct list by_use; /* the cache's, oldest first */
    sqlite3_stmt *stmt;
    uint32_t hash;
    bool writes; /* belongs on the writer */
    char sql[];
};

enum { SQLITE_BUCKETS = 64 };

struct sqlite_conn {
    struct rota_sqlite *db;
    sqlite3 *handle;
    struct list idle;    /* among db->idle */
    pthread_cond_t wake; /* ends a wait for a lock; with db->lock */

    /* What it is busy with. */
    struct sqlite_query *query;
    int64_t patience_end; /* of waiting for locks; 0: has not waited */
    bool prepares_user;   /* the SQL being prepared is not our own */
    bool sets;            /* it is a pragma with a value */
    const char *refusal;  /* why it was not let through; NULL: it was */
    bool commits;         /* the statement: too late to stop it */

    sqlite3_stmt *own[SQLITE_OWN_COUNT];
    struct list buckets[SQLITE_BUCKETS];
    struct list by_use;
    unsigned kept;
};

struct rota_sqlite {
    struct runtime *runtime;
    pid_t pid;
    char *path;
    char *setup;
    rota_sqlite_options options;
    struct pool *write_pool;
    struct pool *read_pool; /* NULL: the writer reads too */

    /* The turn to write. */
    struct list turns;       /* who waits for it */
    unsigned sharing;        /* statements by themselves, on their way */
    bool held;               /* by a transaction, or by one beginning */
    struct rota_task *owner; /* of the open transaction */

    /* Closing. */
    unsigned users;        /* calls and transactions */
    struct list queries;   /* on their way to a thread and back */
    struct clause *closer; /* waits for users to be none */
    bool closing;
    bool forced; /* also for those who are in already */

    pthread_mutex_t lock; /* guards what follows, and query->conn */
    struct list idle;     /* readers' connections */

    struct sqlite_conn writer;
    struct sqlite_conn *readers; /* options.readers of them */

    atomic_uint_fast64_t count_queries;
    atomic_uint_fast64_t count_prepared;
    atomic_uint_fast64_t count_retries;
    atomic_uint count_running;
};

/* The memory rows go to. Blocks of it are taken from the caller's arena, by
 * the caller's task: other tasks may be using that arena meanwhile. */
struct sqlite_rows {
    rota_arena *arena;
    const rota_type *type;
    rota_arena piece; /* the rest of the last block */
    size_t block;     /* its size, bytes */
    char *at;         /* the rows */
    size_t len;
    size_t most;               /* for which `at` has room */
    const rota_field **fields; /* heap: one for each column */
    int columns;

    /* What the task is asked for. */
    size_t ask_size;
    void *ask_result;
};

struct sqlite_query {
    struct rota_sqlite *db;
    struct list link; /* among db->queries */
    int (*run)(struct sqlite_query *q, struct sqlite_conn *c);
    const rota_sqlite_call_ *call; /* NULL: not one of the macros' */
    bool writer;                   /* runs there */
    bool in_tx;                    /* is part of the transaction there */
    bool shielded;                 /* is never interrupted */

    struct sqlite_conn *conn; /* under db->lock; NULL: not running */
    atomic_bool stop;
    bool closed; /* it was the database that went */

    /* Outcome. */
    bool redirect; /* it must run on the writer */
    bool lost;     /* no transaction is open after it */
    int64_t id;
    bool has_id;
    struct sqlite_rows rows;
    char text[SQLITE_TEXT_SIZE];
};

struct sqlite_tx {
    struct rota_sqlite *db;
    struct sqlite_tx *outer; /* NULL: it holds the writer */
    unsigned inner;          /* open ones directly inside */
    bool lost;               /* SQLite rolled it back (on the outermost) */
    struct list link;        /* among its task's */
    struct rota_task *task;
};

/* error.c: what went wrong. */

/* A negative errno for SQLite's extended result code. `system` is the errno
 * behind it, 0: none. */
int sqlite_code(int extended, int system);

/* Writes the query's text and returns `rc`. */
int sqlite_fail(struct sqlite_query *q, int rc, const char *format, ...)
    ROTA_PRINTF(3, 4);

/* The code and the text of the connection's last error. */
int sqlite_conn_error(struct sqlite_conn *c, int rc);

/* caller.c: what is kept for a task. */

/* Keeps `text` as the reason of the task's last failure. */
void sqlite_caller_text(struct rota_task *t, const char *text);

/* Has the transaction rolled back if its task ends before it does. 0 or
 * -ENOMEM. */
int sqlite_caller_watch(struct sqlite_tx *t);

/* gate.c: the turn to write. */

/* Waits for the turn: alone, or with others that also want no more than
 * their statement to be queued. 0, -ECANCELED, -ESHUTDOWN. */
int sqlite_gate_enter(struct rota_sqlite *db, struct rota_task *t, bool alone);
void sqlite_gate_leave(struct rota_sqlite *db, bool alone);

/* Sends away all who wait. */
void sqlite_gate_clear(struct rota_sqlite *db);

/* conn.c: connections. */

/* Opens one into `c`; `q` is the query that does it. 0 or an error. */
int sqlite_conn_open(struct sqlite_conn *c, struct sqlite_query *q,
                     bool writer);
void sqlite_conn_close(struct sqlite_conn *c);

/* Finds the query its connection; NULL: it is not to run any more. */
struct sqlite_conn *sqlite_conn_take(struct sqlite_query *q);
void sqlite_conn_give(struct sqlite_query *q);

/* Interrupts what the query runs, and what it will run. On the loop. */
void sqlite_conn_interrupt(void *query);

/* One step: 1 a row, 0 the end, or an error. The first one of a statement
 * waits for locks that SQLite itself does not wait for. */
int sqlite_conn_first_step(struct sqlite_conn *c, sqlite3_stmt *stmt);
int sqlite_conn_step(struct sqlite_conn *c, sqlite3_stmt *stmt);

/* Runs SQL of our own. 0 or an error. */
int sqlite_conn_own(struct sqlite_conn *c, enum sqlite_own which);

/* True when a transaction is open. */
bool sqlite_conn_in_tx(struct sqlite_conn *c);

/* Ends a transaction that should not be open. */
void sqlite_conn_settle(struct sqlite_conn *c);

/* statement.c: prepared statements. */

void sqlite_statements_init(struct sqlite_conn *c);
void sqlite_statements_fini(struct sqlite_conn *c);

/* The prepared form of the first statement of `sql`, not from the cache and
 * not kept; *rest is what follows it. *out is NULL when there is none. */
int sqlite_prepare(struct sqlite_conn *c, const char *sql, sqlite3_stmt **out,
                   const char **rest);

/* The same from the cache, and it must be the only one. */
int sqlite_statement_get(struct sqlite_conn *c, const char *sql,
                         struct sqlite_statement **out);

/* Binds the call's parameters. */
int sqlite_bind(struct sqlite_conn *c, sqlite3_stmt *stmt,
                const rota_sqlite_call_ *call);

/* rows.c: rows into models. */

/* On the task: takes the first memory. 0 or -ENOMEM. */
int sqlite_rows_init(struct sqlite_rows *r, const rota_sqlite_call_ *call);
void sqlite_rows_fini(struct sqlite_rows *r);

/* Finds the fields for the columns: 0, -EINVAL, -ENOMEM. */
int sqlite_rows_columns(struct sqlite_query *q, sqlite3_stmt *stmt);

/* Reads the statement's row as the next one. */
int sqlite_rows_add(struct sqlite_query *q, sqlite3_stmt *stmt);

/* Reads its only column into call->out: 1, 0: it is null. */
int sqlite_rows_scalar(struct sqlite_query *q, sqlite3_stmt *stmt);

/* call.c: what the macros' calls do on a thread. */
int sqlite_call_run(struct sqlite_query *q, struct sqlite_conn *c);

/* query.c: from the task to a thread and back. */

/* Runs q->run on its thread. Returns its result. */
int sqlite_query_run(struct sqlite_query *q);

/* Is the caller in a task of the database's loop: its task, or NULL and the
 * error in *rc. */
struct rota_task *sqlite_query_task(struct rota_sqlite *db, int *rc);

/* A call begins: 0, -ESHUTDOWN, -ESTALE. `inside`: of a transaction. */
int sqlite_query_enter(struct rota_sqlite *db, bool inside);
void sqlite_query_leave(struct rota_sqlite *db);

/* tx.c: transactions. */

/* The outermost of the transactions around. */
struct sqlite_tx *sqlite_tx_root(struct sqlite_tx *t);

/* Runs a query inside of one. */
int sqlite_tx_query(struct sqlite_tx *t, struct sqlite_query *q);

/* Rolls it back and ends it. */
void sqlite_tx_abandon(struct sqlite_tx *t);

#endif
