/*
 * Prepared statements, kept by their text, the least recently used one leaving
 * when there are too many; and the binding of parameters. Whether a statement
 * belongs on the writer is found when it is prepared and kept with it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "db/sqlite/sqlite.h"

/* FNV-1a, 32 bits. */
static uint32_t hash_of(const char *sql)
{
    uint32_t h = 2166136261u;
    for (; *sql; sql++)
        h = (h ^ (unsigned char)*sql) * 16777619u;
    return h;
}

void sqlite_statements_init(struct sqlite_conn *c)
{
    for (int i = 0; i < SQLITE_BUCKETS; i++)
        list_init(&c->buckets[i]);
    list_init(&c->by_use);
}

static void drop(struct sqlite_conn *c, struct sqlite_statement *s)
{
    list_remove(&s->same_hash);
    list_remove(&s->by_use);
    sqlite3_finalize(s->stmt);
    free(s);
    c->kept--;
}

static struct sqlite_statement *oldest(struct sqlite_conn *c)
{
    return container_of(c->by_use.next, struct sqlite_statement, by_use);
}

void sqlite_statements_fini(struct sqlite_conn *c)
{
    while (!list_empty(&c->by_use))
        drop(c, oldest(c));
}

static struct sqlite_statement *find(struct sqlite_conn *c, const char *sql,
                                     uint32_t hash)
{
    struct list *bucket = &c->buckets[hash % SQLITE_BUCKETS];
    list_each (it, bucket) {
        struct sqlite_statement *s =
            container_of(it, struct sqlite_statement, same_hash);
        if (s->hash == hash && strcmp(s->sql, sql) == 0)
            return s;
    }
    return NULL;
}

/* The room is made first, so that a statement in use never goes. */
static void keep(struct sqlite_conn *c, struct sqlite_statement *s)
{
    while (c->kept >= c->db->options.statements)
        drop(c, oldest(c));
    list_push(&c->buckets[s->hash % SQLITE_BUCKETS], &s->same_hash);
    list_push(&c->by_use, &s->by_use);
    c->kept++;
}

int sqlite_prepare(struct sqlite_conn *c, const char *sql, sqlite3_stmt **out,
                   const char **rest)
{
    int rc = sqlite3_prepare_v3(c->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                out, rest);
    return rc == SQLITE_OK ? 0 : sqlite_conn_error(c, rc);
}

/* 1 when a statement follows at `rest`, not only blanks and comments. */
static int more_follows(struct sqlite_conn *c, const char *rest)
{
    while (*rest) {
        sqlite3_stmt *stmt;
        int rc = sqlite_prepare(c, rest, &stmt, &rest);
        if (rc < 0)
            return rc;
        sqlite3_finalize(stmt);
        if (stmt)
            return 1;
    }
    return 0;
}

/* Prepares a text that must be one statement. */
static int prepare_one(struct sqlite_conn *c, const char *sql,
                       sqlite3_stmt **out)
{
    const char *rest;
    int rc = sqlite_prepare(c, sql, out, &rest);
    if (rc < 0)
        return rc;
    if (!*out)
        return sqlite_fail(c->query, -EINVAL, "there is no SQL in it");
    rc = more_follows(c, rest);
    if (rc == 0)
        return 0;
    sqlite3_finalize(*out);
    return rc < 0 ? rc
                  : sqlite_fail(c->query, -EINVAL,
                                "more than one statement; "
                                "rota_sqlite_script runs several");
}

static int add(struct sqlite_conn *c, const char *sql, uint32_t hash,
               struct sqlite_statement **out)
{
    size_t size = strlen(sql) + 1;
    struct sqlite_statement *s = malloc(sizeof *s + size);
    if (!s)
        return -ENOMEM;
    c->prepares_user = true;
    c->sets = false;
    int rc = prepare_one(c, sql, &s->stmt);
    c->prepares_user = false;
    if (rc < 0) {
        free(s);
        return rc;
    }
    atomic_fetch_add(&c->db->count_prepared, 1);
    memcpy(s->sql, sql, size);
    s->hash = hash;
    s->writes = c->sets || !sqlite3_stmt_readonly(s->stmt);
    keep(c, s);
    *out = s;
    return 0;
}

int sqlite_statement_get(struct sqlite_conn *c, const char *sql,
                         struct sqlite_statement **out)
{
    uint32_t hash = hash_of(sql);
    struct sqlite_statement *s = find(c, sql, hash);
    if (!s)
        return add(c, sql, hash, out);
    list_remove(&s->by_use);
    list_push(&c->by_use, &s->by_use);
    *out = s;
    return 0;
}

static int bind_one(sqlite3_stmt *stmt, int i, const rota_sqlite_arg *a)
{
    /* A null pointer would be bound as null. */
    const char *bytes = a->bytes.ptr ? a->bytes.ptr : "";
    switch (a->kind) {
    case ROTA_SQLITE_INT_: return sqlite3_bind_int64(stmt, i, a->i64);
    case ROTA_SQLITE_F64_: return sqlite3_bind_double(stmt, i, a->f64);
    case ROTA_SQLITE_TEXT_:
        return sqlite3_bind_text64(stmt, i, bytes, a->bytes.len, SQLITE_STATIC,
                                   SQLITE_UTF8);
    case ROTA_SQLITE_BLOB_:
        return sqlite3_bind_blob64(stmt, i, bytes, a->bytes.len, SQLITE_STATIC);
    default: return sqlite3_bind_null(stmt, i);
    }
}

int sqlite_bind(struct sqlite_conn *c, sqlite3_stmt *stmt,
                const rota_sqlite_call_ *call)
{
    struct sqlite_query *q = c->query;
    size_t wanted = (size_t)sqlite3_bind_parameter_count(stmt);
    if (wanted != call->count)
        return sqlite_fail(q, -EINVAL,
                           "%zu parameters for %zu places (in: %.200s)",
                           call->count, wanted, call->sql);
    for (size_t i = 0; i < call->count; i++) {
        const rota_sqlite_arg *a = &call->args[i];
        if (a->kind == ROTA_SQLITE_TOO_BIG_)
            return sqlite_fail(q, -ERANGE, "parameter %zu is beyond 63 bits",
                               i + 1);
        if (a->kind == ROTA_SQLITE_POINTER_)
            return sqlite_fail(q, -EINVAL, "parameter %zu is a void pointer",
                               i + 1);
        int rc = bind_one(stmt, (int)i + 1, a);
        if (rc != SQLITE_OK)
            return sqlite_conn_error(c, rc);
    }
    return 0;
}
