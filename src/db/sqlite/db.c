/*
 * A database: made of a writer, its readers and their threads; and taken down
 * again when nobody uses it any more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/misuse.h"
#include "db/sqlite/sqlite.h"
#include "rota/scope.h"
#include "task/runtime.h"

enum { READERS = 4, STATEMENTS = 64 };

static const rota_dur default_busy_timeout = 5 * 1000000000LL;

static void set_options(struct rota_sqlite *db, const rota_sqlite_options *o)
{
    if (o)
        db->options = *o;
    if (db->options.readers == 0)
        db->options.readers = READERS;
    if (db->options.statements == 0)
        db->options.statements = STATEMENTS;
    if (db->options.busy_timeout == 0)
        db->options.busy_timeout = default_busy_timeout;
}

static struct rota_sqlite *db_new(const char *path,
                                  const rota_sqlite_options *o)
{
    struct rota_sqlite *db = calloc(1, sizeof *db);
    if (!db)
        return NULL;
    set_options(db, o);
    db->runtime = runtime_current();
    db->pid = getpid();
    list_init(&db->turns);
    list_init(&db->queries);
    list_init(&db->idle);
    pthread_mutex_init(&db->lock, NULL);
    db->path = strdup(path);
    db->setup = db->options.setup ? strdup(db->options.setup) : NULL;
    db->readers = calloc(db->options.readers, sizeof *db->readers);
    db->write_pool = pool_new(db->runtime, "sql-w", 1, 0);
    return db;
}

static void db_free(struct rota_sqlite *db)
{
    pool_free(db->write_pool);
    pool_free(db->read_pool);
    pthread_mutex_destroy(&db->lock);
    free(db->readers);
    free(db->setup);
    free(db->path);
    free(db);
}

/* The parts of it that can be missing for want of memory. */
static bool db_whole(struct rota_sqlite *db, const rota_sqlite_options *o)
{
    bool setup = !o || !o->setup || db->setup;
    return db->path && db->readers && db->write_pool && setup;
}

/* On the writer's thread. */
static int close_all(void *arg)
{
    struct rota_sqlite *db = arg;
    for (unsigned i = 0; i < db->options.readers; i++)
        sqlite_conn_close(&db->readers[i]);
    sqlite_conn_close(&db->writer); /* last: it empties the WAL */
    return 0;
}

/* In memory, or SQLite's own temporary file: one connection is all of it. */
static bool only_here(struct sqlite_conn *c)
{
    return !*sqlite3_db_filename(c->handle, "main");
}

static int open_readers(struct sqlite_query *q)
{
    struct rota_sqlite *db = q->db;
    for (unsigned i = 0; i < db->options.readers; i++) {
        struct sqlite_conn *c = &db->readers[i];
        int rc =
            atomic_load(&q->stop) ? -ECANCELED : sqlite_conn_open(c, q, false);
        if (rc < 0)
            return rc;
        list_push(&db->idle, &c->idle);
    }
    return 0;
}

static int open_all(void *arg)
{
    struct sqlite_query *q = arg;
    struct rota_sqlite *db = q->db;
    if (!sqlite3_threadsafe())
        return sqlite_fail(q, -ENOTSUP,
                           "this SQLite was built without "
                           "threads");
    int rc = sqlite_conn_open(&db->writer, q, true);
    if (rc == 0 && !only_here(&db->writer))
        rc = open_readers(q);
    if (rc < 0)
        close_all(db);
    return rc;
}

static void stop_opening(void *arg)
{
    struct sqlite_query *q = arg;
    atomic_store(&q->stop, true);
}

static int open_new(struct rota_sqlite *db, struct sqlite_query *q)
{
    int rc = pool_run(db->write_pool, open_all, q, stop_opening);
    if (rc < 0)
        return rc;
    if (list_empty(&db->idle))
        return 0;
    db->read_pool = pool_new(db->runtime, "sql-r", db->options.readers, 0);
    if (db->read_pool)
        return 0;
    close_all(db);
    return -ENOMEM;
}

struct opening {
    const char *path;
    const rota_sqlite_options *options;
    rota_sqlite **out;
};

static int open_on_task(void *arg)
{
    struct opening *o = arg;
    struct rota_task *me = task_current();
    *o->out = NULL;
    if (!me)
        return misuse(-EPERM, "SQLite used from outside of a task");
    if (!o->path)
        return misuse(-EINVAL, "an SQLite database without a path");
    struct rota_sqlite *db = db_new(o->path, o->options);
    if (!db)
        return -ENOMEM;
    struct sqlite_query q = { .db = db };
    int rc = db_whole(db, o->options) ? open_new(db, &q) : -ENOMEM;
    if (rc < 0) {
        sqlite_caller_text(me, *q.text ? q.text : rota_strerror(rc));
        db_free(db);
        return rc;
    }
    *o->out = db;
    return 0;
}

int rota_sqlite_open(const char *path, const rota_sqlite_options *options,
                     rota_sqlite **out)
{
    struct opening o = { path, options, out };
    return thread_is_worker() ? thread_ask_task(open_on_task, &o)
                              : open_on_task(&o);
}

/* What runs is to end now. */
static void force(struct rota_sqlite *db)
{
    db->forced = true;
    list_each (it, &db->queries) {
        struct sqlite_query *q = container_of(it, struct sqlite_query, link);
        q->closed = true;
        sqlite_conn_interrupt(q);
    }
}

static const struct wait_kind close_wait = { "sqlite close", NULL, NULL };

/* Waits until nobody is in any more. */
static void wait_for_users(struct rota_sqlite *db, struct rota_task *me)
{
    struct clause gone;
    clause_init(&gone, &close_wait, db);
    db->closer = &gone;
    if (me->scope->visible || wait_park(me, &gone, 1) < 0) {
        force(db);
        clause_init(&gone, &close_wait, db);
        if (db->users > 0)
            wait_park_shielded(me, &gone, 1);
    }
    db->closer = NULL;
}

/* The connections are closed on a thread, since that may write; and here if
 * there is none to be had. */
static void close_shielded(struct rota_sqlite *db)
{
    rota_scope shield;
    int rc = rota_shield_begin(&shield, ROTA_FOREVER);
    if (rc == 0)
        rc = rota_scope_end(&shield,
                            pool_run(db->write_pool, close_all, db, NULL));
    if (rc < 0)
        close_all(db);
}

static int close_on_task(void *arg)
{
    struct rota_sqlite *db = arg;
    int rc = 0;
    struct rota_task *me = sqlite_query_task(db, &rc);
    if (!me)
        return rc;
    if (db->owner == me)
        return -EDEADLK;
    if (db->closing)
        return -EALREADY;
    db->closing = true;
    sqlite_gate_clear(db);
    if (db->users > 0)
        wait_for_users(db, me);
    close_shielded(db);
    db_free(db);
    return 0;
}

int rota_sqlite_close(rota_sqlite *db)
{
    if (!db)
        return 0;
    return thread_is_worker() ? thread_ask_task(close_on_task, db)
                              : close_on_task(db);
}

void rota_sqlite_stats_get(rota_sqlite *db, rota_sqlite_stats *out)
{
    *out = (rota_sqlite_stats){
        .queries = atomic_load(&db->count_queries),
        .prepared = atomic_load(&db->count_prepared),
        .retries = atomic_load(&db->count_retries),
        .running = atomic_load(&db->count_running),
    };
}
