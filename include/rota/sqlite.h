/*
 * SQLite, awaited (librota-sqlite). The queries run on threads of their own:
 * one that writes, a few that read; the loop is never blocked. Rows become
 * models, parameters are bound by their C type and never pasted into SQL.
 *
 *     rota_sqlite *db;
 *     int rc = rota_sqlite_open("shop.db", NULL, &db);
 *
 *     Item *item;
 *     rc = rota_sqlite_one(db, arena, Item, &item,
 *                          "select * from items where id = ?", id);
 *     if (rc == 0) ...no such row...
 *
 *     ROTA_TRANSACTION(db, tx, rc) {
 *         rc = rota_sqlite_exec(tx, "update accounts set n = n - ? where "
 *                               "id = ?", n, from);
 *         if (rc == 1)
 *             rc = rota_sqlite_exec(tx, "update accounts set n = n + ? where "
 *                                   "id = ?", n, to);
 *     }
 *
 * All calls are for tasks of the loop the database was opened on, and for
 * their handlers on pool threads (rota_to_thread), where they block. Every
 * query returns, beside what it says:
 *
 *   -ECANCELED  the task is cancelled, or was while the query ran: the query
 *               was interrupted and has changed nothing
 *   -EEXIST     a row with this key is there already (unique, primary key)
 *   -EPERM      another rule of the schema (check, not null, foreign key,
 *               trigger) refuses
 *   -EINVAL     wrong SQL, wrong number of parameters, or a row that does not
 *               fit the model
 *   -ERANGE     a number that does not fit
 *   -EBUSY      another process has locked the database, longer than
 *               busy_timeout
 *   -EROFS      the database is read-only
 *   -ENOSPC     the disk, or the database's own limit, is full
 *   -EIO -EBADMSG  the disk fails; the file is damaged or no database
 *   -EMSGSIZE   a value too large for SQLite
 *   -EDEADLK    it would wait for a transaction of this very task
 *   -EALREADY   the transaction is over
 *   -ESHUTDOWN  the database is being closed
 *   -ESTALE     this is a fork of the process that opened it
 *   -ENOMEM -EAGAIN  no memory; no thread could be made
 */
#ifndef ROTA_SQLITE_H
#define ROTA_SQLITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rota/arena.h"
#include "rota/error.h"
#include "rota/export.h"
#include "rota/model.h"
#include "rota/str.h"
#include "rota/time.h"

typedef struct rota_sqlite rota_sqlite;

/* All may be left zero. */
typedef struct rota_sqlite_options {
    unsigned readers;      /* threads that read, and connections: 4 */
    unsigned statements;   /* prepared ones kept, per connection: 64 */
    rota_dur busy_timeout; /* wait for other processes' locks: 5 s; < 0: no */
    bool read_only;        /* never write; the file must exist */
    const char *setup;     /* SQL for every new connection (pragmas) */
} rota_sqlite_options;

/*
 * Opens the database in file `path`, made when it is not there, in WAL mode,
 * with synchronous=normal and foreign keys on; "x" in double quotes is a name
 * and never a string. ":memory:" is a database that
 * lives until it is closed; all its queries share one connection and one
 * thread. `*out` is then the caller's, for rota_sqlite_close; NULL on failure.
 * Returns 0, or an error as above; what the system says when the file cannot
 * be opened (-ENOENT, -EACCES, -EISDIR, ...); -EROFS when it can only be read
 * and read_only was not asked for. rota_sqlite_errmsg() says what to do.
 * Suspends: yes. Cancel: nothing is opened, unless it was already (then 0).
 */
ROTA_API int rota_sqlite_open(const char *path,
                              const rota_sqlite_options *options,
                              rota_sqlite **out) ROTA_MUST;

/*
 * Closes it, before the loop ends. New work is refused, what waits for its
 * turn is sent away (-ESHUTDOWN), what runs is waited for; when the caller is
 * cancelled meanwhile (a deadline around the call) what runs is interrupted
 * and returns -ESHUTDOWN. Then `db` is gone. Returns 0; -EDEADLK when the
 * caller has a transaction open, -EALREADY when another task is closing it:
 * `db` stands. NULL: nothing. Suspends: yes. Cancel: see above; it is closed.
 */
ROTA_API int rota_sqlite_close(rota_sqlite *db);

/*
 * Why the calling task's last failed call failed, as a line of text; "" when
 * none did. Valid until its next failing call. Suspends: no.
 */
ROTA_API const char *rota_sqlite_errmsg(void);

/* Bytes as SQLite's blob, as a parameter and as a result. */
typedef struct rota_sqlite_blob {
    const void *ptr;
    size_t len;
} rota_sqlite_blob;

/*
 * A transaction, from begin to commit or rollback. It has the writer to
 * itself: other transactions and writes wait in the order they came, reads go
 * on. It belongs to the task that began it.
 */
typedef struct rota_sqlite_tx {
    struct sqlite_tx *private_tx;
    int *private_rc;
} rota_sqlite_tx;

/*
 * The queries. `on` is a rota_sqlite * or a rota_sqlite_tx *. The parameters
 * (at most 96) are bound in order: integers, bool, double, const char * (NULL
 * is null), rota_str, rota_sqlite_blob, NULL, and rota_sqlite_if(). `sql` is
 * one statement; it is prepared once for every text, so a text should not be
 * pasted together. BEGIN, COMMIT, SAVEPOINT, ATTACH are refused; a pragma with
 * a value acts on the writer only (see options.setup).
 *
 * Outside of a transaction every statement is one of its own. Suspends: yes.
 * Cancel: a query that waits is dropped, one that runs is interrupted; what
 * it wrote is undone. Inside a transaction an interrupted write undoes all of
 * it (so SQLite does): it is over, and what follows gives -EALREADY.
 */

/* Runs a statement whose rows nobody wants; returns how many rows it changed
 * (triggers not counted). */
#define rota_sqlite_exec(on, sql, ...) \
    ROTA_SQLITE_CALL_(on, ROTA_SQLITE_EXEC_, NULL, NULL, NULL, sql, __VA_ARGS__)

/* The same; *id (int64_t) is the rowid of the last row inserted, unchanged
 * when none was. "returning *" with rota_sqlite_one often serves better. */
#define rota_sqlite_insert(on, id, sql, ...)               \
    ROTA_SQLITE_CALL_(on, ROTA_SQLITE_INSERT_, NULL, NULL, \
                      ROTA_SQLITE_SAME_(id, int64_t *), sql, __VA_ARGS__)

/*
 * Reads the first row as a model T into the arena: *out (T *) is it, NULL
 * when there is none. Columns meet fields by name. 1; 0: no row; -EINVAL with
 * the name in rota_sqlite_errmsg(): a column without a field, a field that
 * must be given without a column, a null in a field that is neither optional
 * nor nullable, a value of another type. A list or a model is read from JSON
 * text. An error outside of a transaction undoes what the statement wrote.
 */
#define rota_sqlite_one(on, arena, T, out, sql, ...)               \
    ROTA_SQLITE_CALL_(on, ROTA_SQLITE_ONE_, arena, &rota_type_##T, \
                      ROTA_SQLITE_SAME_(out, T **), sql, __VA_ARGS__)

/* Reads all rows into *out (a T_list); returns how many there are. */
#define rota_sqlite_all(on, arena, T, out, sql, ...)               \
    ROTA_SQLITE_CALL_(on, ROTA_SQLITE_ALL_, arena, &rota_type_##T, \
                      ROTA_SQLITE_SAME_(out, T##_list *), sql, __VA_ARGS__)

/*
 * Reads the only column of the first row into *out: bool, int32_t, uint32_t,
 * int64_t, uint64_t, double, rota_str or rota_sqlite_blob (any bytes, of a
 * blob or a text). 1; 0 when there is no row, or it holds null: *out is then
 * unchanged. The arena may be NULL for numbers.
 */
#define rota_sqlite_get(on, arena, out, sql, ...)                          \
    ROTA_SQLITE_CALL_(on, ROTA_SQLITE_GET_, arena, ROTA_SQLITE_TYPE_(out), \
                      out, sql, __VA_ARGS__)

/*
 * Runs all statements of `sql`, as a schema has them: either all or, on an
 * error, none. 0 or an error. Suspends: yes. Cancel: as a query.
 */
#define rota_sqlite_script(on, sql) \
    ROTA_SQLITE_CALL_(on, ROTA_SQLITE_SCRIPT_, NULL, NULL, NULL, sql)

/* As a parameter: `x` when `given`, else null. For optional fields:
 * rota_sqlite_if(in->has.note, in->note). */
#define rota_sqlite_if(given, x) \
    ((given) ? ROTA_SQLITE_ARG_(x) : rota_sqlite_arg_null_(NULL))

/*
 * Begins a transaction (immediate: from here on nobody else writes). On a
 * rota_sqlite_tx * it begins one inside, a savepoint: its rollback undoes its
 * own part only. `tx` is the caller's memory. 0, or an error as above;
 * -EDEADLK when this task has one open already on this database.
 * Suspends: yes. Cancel: its place in the queue; nothing has begun.
 */
#define rota_sqlite_begin(on, tx) \
    rota_sqlite_begin_at_(        \
        _Generic((on), rota_sqlite * : 0, rota_sqlite_tx * : 1), on, tx)

/*
 * Ends it, kept. On any error, also when the caller is cancelled, it has been
 * rolled back. After it `tx` is over, always. Suspends: yes. Cancel: it is
 * rolled back, unless the commit came first (then 0).
 */
ROTA_API int rota_sqlite_commit(rota_sqlite_tx *tx) ROTA_MUST;

/* Ends it, undone. 0, or -EALREADY when it was over. Suspends: yes. Cancel:
 * not cancellable. */
ROTA_API int rota_sqlite_rollback(rota_sqlite_tx *tx);

/*
 * ROTA_TRANSACTION(on, tx, rc) { ... } runs the block in a transaction, which
 * `tx` points at; `on` is a database or an outer transaction. `rc`, an int
 * variable, is 0 at its begin. When the block ends with rc >= 0 the
 * transaction is committed, and rc stays unless that fails. When rc < 0, and
 * when the block is left by break, return or goto, it is rolled back, also in
 * a cancelled task. When it cannot begin the block is skipped, and rc says why.
 */
#define ROTA_TRANSACTION(on, tx, rc) ROTA_SQLITE_BLOCK_(on, tx, rc, __LINE__)

/* Counters since the database was opened. */
typedef struct rota_sqlite_stats {
    uint64_t queries;  /* statements run */
    uint64_t prepared; /* statements that had to be prepared */
    uint64_t retries;  /* after a lock that SQLite did not wait for */
    unsigned running;  /* queries on a thread now */
} rota_sqlite_stats;

/* Suspends: no. */
ROTA_API void rota_sqlite_stats_get(rota_sqlite *db, rota_sqlite_stats *out);

/* From here on: how the macros above do it. */

enum rota_sqlite_what_ {
    ROTA_SQLITE_EXEC_,
    ROTA_SQLITE_INSERT_,
    ROTA_SQLITE_ONE_,
    ROTA_SQLITE_ALL_,
    ROTA_SQLITE_GET_,
    ROTA_SQLITE_SCRIPT_,
};

typedef struct rota_sqlite_arg {
    enum {
        ROTA_SQLITE_NULL_,
        ROTA_SQLITE_INT_,
        ROTA_SQLITE_F64_,
        ROTA_SQLITE_TEXT_,
        ROTA_SQLITE_BLOB_,
        ROTA_SQLITE_TOO_BIG_, /* an unsigned number SQLite cannot hold */
        ROTA_SQLITE_POINTER_, /* a void * that is not NULL */
    } kind;
    union {
        int64_t i64;
        double f64;
        rota_str bytes;
    };
} rota_sqlite_arg;

typedef struct rota_sqlite_call_ {
    enum rota_sqlite_what_ what;
    rota_arena *arena;
    const rota_type *type; /* NULL with rota_sqlite_get: raw bytes */
    void *out;
    const char *sql;
    const rota_sqlite_arg *args;
    size_t count;
} rota_sqlite_call_;

ROTA_API int rota_sqlite_run_(int in_tx, void *on,
                              const rota_sqlite_call_ *call) ROTA_MUST;
ROTA_API int rota_sqlite_begin_at_(int in_tx, void *on,
                                   rota_sqlite_tx *tx) ROTA_MUST;

#define ROTA_SQLITE_CALL_(on_, what_, arena_, type_, out_, sql_, ...)          \
    rota_sqlite_run_(_Generic((on_), rota_sqlite * : 0, rota_sqlite_tx * : 1), \
                     (on_),                                                    \
                     &(rota_sqlite_call_){                                     \
                         .what = what_,                                        \
                         .arena = arena_,                                      \
                         .type = type_,                                        \
                         .out = out_,                                          \
                         .sql = sql_,                                          \
                         .args = (rota_sqlite_arg[]){ __VA_OPT__(ROTA_M_EACH(  \
                             ROTA_SQLITE_EACH_, , __VA_ARGS__)){ 0 } },        \
                         .count = 0 __VA_OPT__(ROTA_M_EACH(ROTA_SQLITE_COUNT_, \
                                                           , __VA_ARGS__)) })
#define ROTA_SQLITE_EACH_(unused, x)  ROTA_SQLITE_ARG_(x),
#define ROTA_SQLITE_COUNT_(unused, x) +1

/* `x`, which must be of that pointer type. */
#define ROTA_SQLITE_SAME_(x, type) (1 ? (x) : (type)0)

#define ROTA_SQLITE_TYPE_(out) \
    _Generic((out),                                \
        _Bool *: &rota_type__Bool,                 \
        int32_t *: &rota_type_i32,                 \
        uint32_t *: &rota_type_u32,                \
        int64_t *: &rota_type_i64,                 \
        uint64_t *: &rota_type_u64,                \
        double *: &rota_type_f64,                  \
        rota_str *: &rota_type_str,                \
        rota_sqlite_blob *: (const rota_type *)0)

#define ROTA_SQLITE_ARG_(x) \
    _Generic((x),                                    \
        _Bool: rota_sqlite_arg_i64_,                 \
        char: rota_sqlite_arg_i64_,                  \
        signed char: rota_sqlite_arg_i64_,           \
        unsigned char: rota_sqlite_arg_i64_,         \
        short: rota_sqlite_arg_i64_,                 \
        unsigned short: rota_sqlite_arg_i64_,        \
        int: rota_sqlite_arg_i64_,                   \
        unsigned: rota_sqlite_arg_i64_,              \
        long: rota_sqlite_arg_i64_,                  \
        long long: rota_sqlite_arg_i64_,             \
        unsigned long: rota_sqlite_arg_u64_,         \
        unsigned long long: rota_sqlite_arg_u64_,    \
        float: rota_sqlite_arg_f64_,                 \
        double: rota_sqlite_arg_f64_,                \
        char *: rota_sqlite_arg_text_,               \
        const char *: rota_sqlite_arg_text_,         \
        rota_str: rota_sqlite_arg_str_,              \
        rota_sqlite_blob: rota_sqlite_arg_blob_,     \
        rota_sqlite_arg: rota_sqlite_arg_same_,      \
        void *: rota_sqlite_arg_null_)(x)

static inline rota_sqlite_arg rota_sqlite_arg_i64_(int64_t v)
{
    return (rota_sqlite_arg){ .kind = ROTA_SQLITE_INT_, .i64 = v };
}

static inline rota_sqlite_arg rota_sqlite_arg_u64_(uint64_t v)
{
    return (rota_sqlite_arg){ .kind = v > INT64_MAX ? ROTA_SQLITE_TOO_BIG_
                                                    : ROTA_SQLITE_INT_,
                              .i64 = (int64_t)v };
}

static inline rota_sqlite_arg rota_sqlite_arg_f64_(double v)
{
    return (rota_sqlite_arg){ .kind = ROTA_SQLITE_F64_, .f64 = v };
}

static inline rota_sqlite_arg rota_sqlite_arg_str_(rota_str v)
{
    return (rota_sqlite_arg){ .kind = ROTA_SQLITE_TEXT_, .bytes = v };
}

static inline rota_sqlite_arg rota_sqlite_arg_text_(const char *v)
{
    return (rota_sqlite_arg){ .kind = v ? ROTA_SQLITE_TEXT_ : ROTA_SQLITE_NULL_,
                              .bytes = rota_str_of(v) };
}

static inline rota_sqlite_arg rota_sqlite_arg_blob_(rota_sqlite_blob v)
{
    return (rota_sqlite_arg){ .kind = ROTA_SQLITE_BLOB_,
                              .bytes = { v.ptr, v.len } };
}

static inline rota_sqlite_arg rota_sqlite_arg_same_(rota_sqlite_arg v)
{
    return v;
}

static inline rota_sqlite_arg rota_sqlite_arg_null_(const void *v)
{
    return (rota_sqlite_arg){ .kind = v ? ROTA_SQLITE_POINTER_
                                        : ROTA_SQLITE_NULL_ };
}

/* Begins, gives the block its pointer; NULL: it is skipped. */
ROTA_API rota_sqlite_tx *rota_sqlite_block_(int in_tx, void *on,
                                            rota_sqlite_tx *tx, int *rc);
/* The block came to its end: commits or rolls back. NULL. */
ROTA_API rota_sqlite_tx *rota_sqlite_block_end_(rota_sqlite_tx *tx);
/* It was left otherwise. */
ROTA_API void rota_sqlite_block_leave_(rota_sqlite_tx *tx);

#define ROTA_SQLITE_BLOCK_(on, tx, rc, line) \
    ROTA_SQLITE_BLOCK__(on, tx, rc, line)
#define ROTA_SQLITE_BLOCK__(on, tx, rc, line)                             \
    for (rota_sqlite_tx rota_sqlite_tx_##line                             \
         __attribute__((cleanup(rota_sqlite_block_leave_))) = { 0 },      \
         *tx = rota_sqlite_block_(                                        \
             _Generic((on), rota_sqlite * : 0, rota_sqlite_tx * : 1), on, \
             &rota_sqlite_tx_##line, &(rc));                              \
         tx; tx = rota_sqlite_block_end_(tx))

#endif
