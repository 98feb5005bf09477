/*
 * Rows into models. Columns meet fields by name; the values are stored by the
 * model room, which refuses what does not fit.
 *
 * A row's texts go to the caller's arena, which the caller's loop may be using
 * for other tasks at the same time. So this thread takes whole blocks of it,
 * by asking the waiting task, and cuts them up by itself. A row that does not
 * fit the rest of a block is read again into the next.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "db/sqlite/sqlite.h"
#include "model/model.h"

enum {
    FIRST_ROWS = 8,
    FIRST_BLOCK = 256,
    LARGEST_BLOCK = 1 << 20, /* unless one row needs more */
    CELL_SLACK = 32,         /* the NUL and the alignment of a copied text */
};

/* On the task: memory from its arena. */
static int take_memory(void *rows)
{
    struct sqlite_rows *r = rows;
    r->ask_result = rota_arena_alloc(r->arena, r->ask_size);
    return 0;
}

/* The same, from this thread. */
static void *ask_memory(struct sqlite_rows *r, size_t size)
{
    r->ask_size = size;
    thread_ask_task(take_memory, r);
    return r->ask_result;
}

static void use_block(struct sqlite_rows *r, void *memory, size_t size)
{
    rota_arena_init(&r->piece, memory, size);
    r->block = size;
}

int sqlite_rows_init(struct sqlite_rows *r, const rota_sqlite_call_ *call)
{
    *r = (struct sqlite_rows){ .arena = call->arena, .type = call->type };
    if (call->what == ROTA_SQLITE_ONE_)
        r->most = 1;
    else if (call->what == ROTA_SQLITE_ALL_)
        r->most = FIRST_ROWS;
    bool texts = r->most || (r->type && r->type->kind == ROTA_KIND_STR);
    if (!texts)
        return 0;
    if (r->most)
        r->at = rota_arena_alloc(r->arena, r->most * r->type->size);
    void *block = rota_arena_alloc(r->arena, FIRST_BLOCK);
    if (!block || (r->most && !r->at))
        return -ENOMEM;
    use_block(r, block, FIRST_BLOCK);
    return 0;
}

void sqlite_rows_fini(struct sqlite_rows *r)
{
    rota_arena_fini(&r->piece);
    free(r->fields);
}

/* At least what the row's values take as they are; a list in JSON may take
 * more, then the next attempt doubles. */
static size_t row_size(sqlite3_stmt *stmt, int columns)
{
    size_t size = CELL_SLACK;
    for (int i = 0; i < columns; i++) {
        int type = sqlite3_column_type(stmt, i);
        if (type == SQLITE_TEXT || type == SQLITE_BLOB)
            size += (size_t)sqlite3_column_bytes(stmt, i) + CELL_SLACK;
    }
    return size;
}

static int next_block(struct sqlite_rows *r, size_t need)
{
    size_t size = r->block * 2 < LARGEST_BLOCK ? r->block * 2 : LARGEST_BLOCK;
    if (size < need)
        size = need;
    rota_arena_fini(&r->piece);
    void *block = ask_memory(r, size);
    if (!block)
        return -ENOMEM;
    use_block(r, block, size);
    return 0;
}

static int grow(struct sqlite_rows *r)
{
    if (r->len < r->most)
        return 0;
    size_t size;
    if (r->most > SIZE_MAX / 2 ||
        __builtin_mul_overflow(r->most * 2, (size_t)r->type->size, &size))
        return -ENOMEM;
    char *at = ask_memory(r, size);
    if (!at)
        return -ENOMEM;
    memcpy(at, r->at, r->len * r->type->size);
    r->at = at;
    r->most *= 2;
    return 0;
}

static size_t index_of(const rota_type *type, const rota_field *f)
{
    return (size_t)(f - type->fields);
}

static int column_field(struct sqlite_query *q, const char *name, bool *seen,
                        const rota_field **out)
{
    const rota_type *type = q->rows.type;
    const rota_field *f = model_field_find(type, rota_str_of(name));
    if (!f)
        return sqlite_fail(q, -EINVAL,
                           "column \"%s\" has no field in the model %s", name,
                           type->name);
    if (seen[index_of(type, f)])
        return sqlite_fail(q, -EINVAL, "column \"%s\" comes twice", name);
    seen[index_of(type, f)] = true;
    *out = f;
    return 0;
}

/* A field that would be left without a value. */
static bool needed(const rota_field *f)
{
    return !f->optional && !f->def && !f->write_only;
}

static int missing(struct sqlite_query *q, const bool *seen)
{
    const rota_type *type = q->rows.type;
    for (size_t i = 0; i < type->count; i++)
        if (!seen[i] && needed(&type->fields[i]))
            return sqlite_fail(q, -EINVAL,
                               "no column for the field \"%.*s\" of %s",
                               ROTA_STR_ARG(type->fields[i].name), type->name);
    return 0;
}

int sqlite_rows_columns(struct sqlite_query *q, sqlite3_stmt *stmt)
{
    struct sqlite_rows *r = &q->rows;
    int n = sqlite3_column_count(stmt);
    if (n == 0)
        return sqlite_fail(q, -EINVAL,
                           "the statement gives no rows (in: "
                           "%.200s)",
                           q->call->sql);
    bool *seen = calloc(r->type->count, sizeof *seen);
    r->fields = calloc((size_t)n, sizeof(*r->fields));
    r->columns = n;
    int rc = seen && r->fields ? 0 : -ENOMEM;
    for (int i = 0; i < n && rc == 0; i++)
        rc = column_field(q, sqlite3_column_name(stmt, i), seen, &r->fields[i]);
    if (rc == 0)
        rc = missing(q, seen);
    free(seen);
    return rc;
}

static int store(rota_arena *a, const rota_field *f, void *row,
                 sqlite3_stmt *stmt, int i)
{
    switch (sqlite3_column_type(stmt, i)) {
    case SQLITE_INTEGER:
        return model_store_i64(a, f, row, sqlite3_column_int64(stmt, i));
    case SQLITE_FLOAT:
        return model_store_f64(a, f, row, sqlite3_column_double(stmt, i));
    case SQLITE_NULL: return model_store_null(f, row);
    case SQLITE_BLOB: return -EINVAL;
    default: break;
    }
    const char *text = (const char *)sqlite3_column_text(stmt, i);
    if (!text)
        return -ENOMEM;
    size_t len = (size_t)sqlite3_column_bytes(stmt, i);
    return model_store_str(a, f, row, (rota_str){ text, len });
}

static const char *type_name(sqlite3_stmt *stmt, int i)
{
    switch (sqlite3_column_type(stmt, i)) {
    case SQLITE_INTEGER: return "an integer";
    case SQLITE_FLOAT: return "a real number";
    case SQLITE_TEXT: return "a text";
    case SQLITE_BLOB: return "a blob";
    default: return "null";
    }
}

/* Says which column holds what does not fit. */
static int misfit(struct sqlite_query *q, int rc, const rota_field *f,
                  sqlite3_stmt *stmt, int i)
{
    if (rc == -ENOMEM)
        return rc;
    const char *name = sqlite3_column_name(stmt, i);
    if (sqlite3_column_type(stmt, i) == SQLITE_NULL)
        return sqlite_fail(q, rc,
                           "column \"%s\" is null, but its field is neither "
                           "optional nor nullable",
                           name);
    if (rc == -ERANGE)
        return sqlite_fail(q, rc, "column \"%s\": %s does not fit %s", name,
                           sqlite3_column_text(stmt, i), f->type->name);
    return sqlite_fail(q, -EINVAL, "column \"%s\" holds %s, which is no %s",
                       name, type_name(stmt, i), f->type->name);
}

static int defaults(struct sqlite_rows *r, void *row)
{
    for (size_t i = 0; i < r->type->count; i++) {
        const rota_field *f = &r->type->fields[i];
        bool has = *((bool *)row + f->has_offset);
        int rc = f->def && !has ? model_default(&r->piece, f, row) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int fill(struct sqlite_query *q, sqlite3_stmt *stmt, void *row)
{
    struct sqlite_rows *r = &q->rows;
    memset(row, 0, r->type->size);
    for (int i = 0; i < r->columns; i++) {
        int rc = store(&r->piece, r->fields[i], row, stmt, i);
        if (rc < 0)
            return misfit(q, rc, r->fields[i], stmt, i);
    }
    return defaults(r, row);
}

int sqlite_rows_add(struct sqlite_query *q, sqlite3_stmt *stmt)
{
    struct sqlite_rows *r = &q->rows;
    int rc = grow(r);
    if (rc < 0)
        return rc;
    char *row = r->at + r->len * r->type->size;
    for (size_t need = row_size(stmt, r->columns);; need *= 2) {
        rc = fill(q, stmt, row);
        if (rc < 0)
            return rc;
        if (!r->piece.chunks)
            break; /* the block had room for all of it */
        rc = next_block(r, need);
        if (rc < 0)
            return rc;
    }
    r->len++;
    return 0;
}

/* Any bytes, as they are. */
static int scalar_bytes(struct sqlite_query *q, sqlite3_stmt *stmt)
{
    rota_sqlite_blob *out = q->call->out;
    int type = sqlite3_column_type(stmt, 0);
    if (type != SQLITE_BLOB && type != SQLITE_TEXT)
        return sqlite_fail(q, -EINVAL, "column \"%s\" holds %s, not a blob",
                           sqlite3_column_name(stmt, 0), type_name(stmt, 0));
    const void *bytes = sqlite3_column_blob(stmt, 0);
    size_t len = (size_t)sqlite3_column_bytes(stmt, 0);
    if (!bytes && sqlite3_errcode(sqlite3_db_handle(stmt)) == SQLITE_NOMEM)
        return -ENOMEM;
    char *copy = ask_memory(&q->rows, len + 1);
    if (!copy)
        return -ENOMEM;
    if (len)
        memcpy(copy, bytes, len);
    *out = (rota_sqlite_blob){ copy, len };
    return 1;
}

/* A row of one field, to read a value with what reads models. */
struct scalar {
    union {
        uint64_t number;
        rota_str str;
    } value;
    bool has;
};

static int scalar_typed(struct sqlite_query *q, sqlite3_stmt *stmt)
{
    struct sqlite_rows *r = &q->rows;
    const rota_field f = { .type = r->type,
                           .offset = offsetof(struct scalar, value),
                           .has_offset = offsetof(struct scalar, has) };
    struct scalar row;
    for (size_t need = row_size(stmt, 1);; need *= 2) {
        int rc = store(&r->piece, &f, &row, stmt, 0);
        if (rc < 0)
            return misfit(q, rc, &f, stmt, 0);
        if (!r->piece.chunks)
            break;
        rc = next_block(r, need);
        if (rc < 0)
            return rc;
    }
    memcpy(q->call->out, &row.value, r->type->size);
    return 1;
}

int sqlite_rows_scalar(struct sqlite_query *q, sqlite3_stmt *stmt)
{
    int n = sqlite3_column_count(stmt);
    if (n != 1)
        return sqlite_fail(q, -EINVAL, "%d columns where one is asked for", n);
    if (sqlite3_column_type(stmt, 0) == SQLITE_NULL)
        return 0;
    return q->rows.type ? scalar_typed(q, stmt) : scalar_bytes(q, stmt);
}
