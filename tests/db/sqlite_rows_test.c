/*
 * Values in and out: parameters bound by their C type, rows mapped into
 * models, and what is refused on the way.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>

#include "sqlite.h"

static int bind_types(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_open(NULL);
    rota_arena a;
    rota_arena_init(&a, NULL, 0);
    const char *sql = "select typeof(?1) || ':' || quote(?1)";
    rota_str got;
#define BOUND(x, text)                                         \
    do {                                                       \
        CHECK_INT(rota_sqlite_get(db, &a, &got, sql, (x)), 1); \
        CHECK_STR(got.ptr, text);                              \
    } while (0)
    BOUND(1, "integer:1");
    BOUND(-7L, "integer:-7");
    BOUND((unsigned short)65535, "integer:65535");
    BOUND(INT64_MIN, "integer:-9223372036854775808");
    BOUND((uint64_t)INT64_MAX, "integer:9223372036854775807");
    BOUND(true, "integer:1");
    BOUND('a', "integer:97");
    BOUND(0.5, "real:0.5");
    BOUND(0.5f, "real:0.5");
    BOUND("it's", "text:'it''s'");
    BOUND((char *)"x", "text:'x'");
    BOUND((const char *)NULL, "null:NULL");
    BOUND(NULL, "null:NULL");
    BOUND(((rota_str){ "abcdef", 3 }), "text:'abc'");
    BOUND(((rota_str){ NULL, 0 }), "text:''");
    BOUND(((rota_sqlite_blob){ "\0\1", 2 }), "blob:X'0001'");
    BOUND(((rota_sqlite_blob){ NULL, 0 }), "blob:X''");
    BOUND(rota_sqlite_if(true, 5), "integer:5");
    BOUND(rota_sqlite_if(false, "x"), "null:NULL");
    CHECK_INT(rota_sqlite_get(db, &a, &got, sql, UINT64_MAX), -ERANGE);
    CHECK_HAS(rota_sqlite_errmsg(), "parameter 1");
    CHECK_INT(rota_sqlite_get(db, &a, &got, sql, (void *)db), -EINVAL);
    CHECK_INT(rota_sqlite_get(db, &a, &got, sql), -EINVAL);
    CHECK_HAS(rota_sqlite_errmsg(), "0 parameters for 1 places");
    CHECK_INT(rota_sqlite_get(db, &a, &got, sql, 1, 2), -EINVAL);
    rota_arena_fini(&a);
    return rota_sqlite_close(db);
}

TEST("parameters are bound by their C type, exactly")
{
    test_run(bind_types);
}

static int get_types(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_open(NULL);
    int64_t i64 = 5;
    int32_t i32;
    uint32_t u32;
    uint64_t u64;
    double f64;
    bool b;
    CHECK_INT(rota_sqlite_get(db, NULL, &i64, "select -9223372036854775808"),
              1);
    CHECK_INT(i64, INT64_MIN);
    CHECK_INT(rota_sqlite_get(db, NULL, &i32, "select 2147483647"), 1);
    CHECK_INT(i32, INT32_MAX);
    CHECK_INT(rota_sqlite_get(db, NULL, &i32, "select 2147483648"), -ERANGE);
    CHECK_HAS(rota_sqlite_errmsg(), "2147483648");
    CHECK_INT(rota_sqlite_get(db, NULL, &u32, "select -1"), -ERANGE);
    CHECK_INT(rota_sqlite_get(db, NULL, &u64, "select 9223372036854775807"), 1);
    CHECK(u64 == INT64_MAX);
    CHECK_INT(rota_sqlite_get(db, NULL, &f64, "select 0.1"), 1);
    CHECK(f64 == 0.1);
    CHECK_INT(rota_sqlite_get(db, NULL, &b, "select 1"), 1);
    CHECK(b);
    CHECK_INT(rota_sqlite_get(db, NULL, &b, "select 2"), -ERANGE);
    i64 = 5;
    CHECK_INT(rota_sqlite_get(db, NULL, &i64, "select null"), 0);
    CHECK_INT(rota_sqlite_get(db, NULL, &i64, "select 1 where 0"), 0);
    CHECK_INT(i64, 5);
    CHECK_INT(rota_sqlite_get(db, NULL, &i64, "select 'x'"), -EINVAL);
    CHECK_HAS(rota_sqlite_errmsg(), "a text");
    CHECK_INT(rota_sqlite_get(db, NULL, &i64, "select 1, 2"), -EINVAL);
    return rota_sqlite_close(db);
}

TEST("a single value is read as what it is, or refused")
{
    test_run(get_types);
}

static int read_bytes(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_open(NULL);
    rota_arena a;
    rota_arena_init(&a, NULL, 0);
    rota_sqlite_blob blob, in = { "\0\377a\0", 4 };
    CHECK_INT(rota_sqlite_get(db, &a, &blob, "select ?", in), 1);
    CHECK_INT(blob.len, 4);
    CHECK(memcmp(blob.ptr, in.ptr, 4) == 0);
    CHECK_INT(rota_sqlite_get(db, &a, &blob, "select zeroblob(3000000)"), 1);
    CHECK_INT(blob.len, 3000000);
    CHECK_INT(rota_sqlite_get(db, &a, &blob, "select x''"), 1);
    CHECK_INT(blob.len, 0);
    CHECK_INT(rota_sqlite_get(db, &a, &blob, "select 1"), -EINVAL);
    rota_str text;
    rota_str nul = { "a\0b", 3 };
    CHECK_INT(rota_sqlite_get(db, &a, &text, "select ?", nul), -EINVAL);
    CHECK_INT(rota_sqlite_get(db, &a, &blob, "select ?", nul), 1);
    CHECK_INT(blob.len, 3);
    CHECK_INT(rota_sqlite_get(db, &a, &text, "select x'41'"), -EINVAL);
    CHECK_HAS(rota_sqlite_errmsg(), "a blob");
    CHECK_INT(rota_sqlite_get(db, &a, &text, "select cast(x'c328' as text)"),
              -EINVAL);
    rota_arena_fini(&a);
    return rota_sqlite_close(db);
}

TEST("blobs come back byte by byte, and a text must be text")
{
    test_run(read_bytes);
}

static int map_rows(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    rota_arena a;
    rota_arena_init(&a, NULL, 0);
    Item *it;
    const char *insert = "insert into items (id, name, price, in_stock, note) "
                         "values (?, ?, ?, ?, ?) returning *";
    CHECK_INT(rota_sqlite_one(db, &a, Item, &it, insert, INT64_MAX,
                              "l\xc3\xa4mp", 1e300, false, NULL),
              1);
    CHECK_INT(it->id, INT64_MAX);
    CHECK(it->has.id);
    CHECK_STR(it->name.ptr, "l\xc3\xa4mp");
    CHECK(it->price == 1e300);
    CHECK(!it->in_stock);
    CHECK(it->null.note && it->note.len == 0);
    CHECK_INT(rota_sqlite_one(db, &a, Item, &it,
                              "select * from items where id = ?", 1),
              0);
    CHECK(it == NULL);
    CHECK_INT(rota_sqlite_one(db, &a, Item, &it, "select name from items"), 1);
    CHECK(!it->has.id && !it->has.price);
    CHECK(it->price == 1.5 && it->in_stock); /* the model's own defaults */
    Item_list list;
    CHECK_INT(
        rota_sqlite_all(db, &a, Item, &list, "select * from items where 0"), 0);
    CHECK_INT(list.len, 0);
    rota_arena_fini(&a);
    return rota_sqlite_close(db);
}

TEST("rows become models, by the names of their columns")
{
    test_run(map_rows);
}

static int many_rows(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_open(NULL);
    rota_arena a;
    rota_arena_init(&a, NULL, 0);
    Item_list list;
    CHECK_INT(rota_sqlite_all(
                  db, &a, Item, &list,
                  "with recursive n(i) as (select 0 union all select i + 1 "
                  "from n where i < 9999) select i as id, 'item ' || i as "
                  "name, printf('%.*c', i % 700, 'x') as note from n"),
              10000);
    CHECK_INT(list.len, 10000);
    for (int i = 0; i < 10000; i++) {
        char name[32];
        snprintf(name, sizeof name, "item %d", i);
        CHECK_INT(list.at[i].id, i);
        CHECK_STR(list.at[i].name.ptr, name);
        CHECK_INT(list.at[i].note.len, i % 700 ? i % 700 : 1);
    }
    /* One row that is larger than any block. */
    CHECK_INT(rota_sqlite_all(db, &a, Item, &list,
                              "select hex(zeroblob(2000000)) as name union "
                              "all select 'b'"),
              2);
    CHECK_INT(list.at[0].name.len, 4000000);
    CHECK_STR(list.at[1].name.ptr, "b");
    rota_arena_fini(&a);
    return rota_sqlite_close(db);
}

TEST("ten thousand rows, and rows of megabytes, come whole")
{
    test_run(many_rows);
}

ROTA_ENUM(Color, red, green);
ROTA_MODEL(Place, (str, city), (i32, zip));
ROTA_MODEL(Rich, (Color, color), (str_list, tags), (Place, place),
           (i32_list, numbers, optional));

static int nested(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_open(NULL);
    rota_arena a;
    rota_arena_init(&a, NULL, 0);
    Rich *r;
    CHECK_INT(rota_sqlite_one(
                  db, &a, Rich, &r,
                  "select 'green' as color, '[\"a\",\"b\"]' as tags, "
                  "'{\"city\":\"Ulm\",\"zip\":89073}' as place, '[' || "
                  "substr(replace(hex(zeroblob(5000)), '00', ',1'), 2) || ']' "
                  "as numbers"),
              1);
    CHECK_INT(r->color, Color_green);
    CHECK_INT(r->tags.len, 2);
    CHECK_STR(r->place.city.ptr, "Ulm");
    CHECK_INT(r->numbers.len, 5000);
    CHECK_INT(r->numbers.at[4999], 1);
    CHECK_INT(rota_sqlite_one(db, &a, Rich, &r,
                              "select 'blue' as color, '[]' as tags, "
                              "'{\"city\":\"U\",\"zip\":1}' as place"),
              -EINVAL);
    CHECK_HAS(rota_sqlite_errmsg(), "color");
    CHECK_INT(rota_sqlite_one(db, &a, Rich, &r,
                              "select 'red' as color, '[1' as tags, "
                              "'{\"city\":\"U\",\"zip\":1}' as place"),
              -EINVAL);
    CHECK_HAS(rota_sqlite_errmsg(), "tags");
    rota_arena_fini(&a);
    return rota_sqlite_close(db);
}

TEST("enums come by name, lists and models as JSON")
{
    test_run(nested);
}

static int misfits(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    rota_arena a;
    rota_arena_init(&a, NULL, 0);
    Item *it;
    Item_list list;
    static const struct {
        const char *sql, *says;
        int rc;
    } cases[] = {
        { "select 1 as id, 'x' as name, 2 as colour", "\"colour\"", -EINVAL },
        { "select 1 as id", "\"name\"", -EINVAL },
        { "select 1 as id, null as name", "\"name\" is null", -EINVAL },
        { "select 1 as id, 5 as name", "\"name\"", -EINVAL },
        { "select 'x' as name, 'dear' as price", "\"price\"", -EINVAL },
        { "select 'x' as name, 2 as in_stock", "\"in_stock\"", -ERANGE },
        { "select 1.5 as id, 'x' as name", "\"id\"", -ERANGE },
        { "select 'x' as name, 'y' as name", "twice", -EINVAL },
        { "select x'41' as name", "a blob", -EINVAL },
        { "select * from itemz", "itemz", -EINVAL },
        { "selekt 1", "syntax", -EINVAL },
        { "", "no SQL", -EINVAL },
        { "-- nothing", "no SQL", -EINVAL },
        { "select 1 as id, 'x' as name; select 2", "more than one", -EINVAL },
        { "begin", "rota_sqlite_begin", -EINVAL },
        { "/* */ commit", "rota_sqlite_begin", -EINVAL },
        { "savepoint x", "rota_sqlite_begin", -EINVAL },
        { "attach ':memory:' as x", "setup", -EINVAL },
        { "select * from items where name = \"x\"", "x", -EINVAL },
        { "create table t (x)", "no rows", -EINVAL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_INT(rota_sqlite_one(db, &a, Item, &it, cases[i].sql),
                  cases[i].rc);
        CHECK_HAS(rota_sqlite_errmsg(), cases[i].says);
        CHECK(it == NULL);
        CHECK_INT(rota_sqlite_all(db, &a, Item, &list, cases[i].sql),
                  cases[i].rc);
        CHECK_INT(list.len, 0);
    }
    /* The columns are looked at even when no row comes. */
    CHECK_INT(rota_sqlite_one(db, &a, Item, &it, "select 1 as colour where 0"),
              -EINVAL);
    /* "create table t" was undone with its error. */
    CHECK_INT(rota_sqlite_exec(db, "create table t (x)"), 0);
    CHECK_INT(rota_sqlite_exec(db, "select 1; -- and no more"), 0);
    rota_arena_fini(&a);
    return rota_sqlite_close(db);
}

TEST("what does not fit the model is refused with the column's name")
{
    test_run(misfits);
}

static int undone(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    rota_arena a;
    rota_arena_init(&a, NULL, 0);
    Item_list list;
    const char *sql = "insert into items (name) values ('a'), ('b') "
                      "returning id, case name when 'b' then null else name "
                      "end as name";
    CHECK_INT(rota_sqlite_all(db, &a, Item, &list, sql), -EINVAL);
    CHECK_INT(test_count(db), 0);
    int rc;
    ROTA_TRANSACTION(db, tx, rc)
    {
        CHECK_INT(rota_sqlite_exec(tx, "insert into items (name) values "
                                       "('kept')"),
                  1);
        CHECK_INT(rota_sqlite_all(tx, &a, Item, &list, sql), -EINVAL);
    }
    CHECK_INT(rc, 0);
    CHECK_INT(test_count(db), 1);
    rota_arena_fini(&a);
    return rota_sqlite_close(db);
}

TEST("a write whose rows do not fit the model is undone")
{
    test_run(undone);
}

static int injection(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    const char *evil = "x'); drop table items; --";
    int64_t id = 0;
    CHECK_INT(rota_sqlite_insert(db, &id, "insert into items (name) values (?)",
                                 evil),
              1);
    CHECK_INT(id, 1);
    CHECK_INT(rota_sqlite_exec(db, "update items set note = ? where name = ?",
                               "' or '1'='1", "' or '1'='1"),
              0);
    CHECK_INT(test_count(db), 1);
    rota_arena a;
    rota_arena_init(&a, NULL, 0);
    rota_str name;
    CHECK_INT(rota_sqlite_get(db, &a, &name, "select name from items"), 1);
    CHECK_STR(name.ptr, evil);
    rota_arena_fini(&a);
    return rota_sqlite_close(db);
}

TEST("what stands in a parameter is never SQL")
{
    test_run(injection);
}

static int counts(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    CHECK_INT(rota_sqlite_exec(db, "insert into items (name) values ('a'), "
                                   "('b'), ('c')"),
              3);
    CHECK_INT(rota_sqlite_exec(db, "create table other (x)"), 0);
    CHECK_INT(rota_sqlite_exec(db, "update items set price = 2"), 3);
    CHECK_INT(rota_sqlite_exec(db, "delete from items where id > 1"), 2);
    CHECK_INT(rota_sqlite_exec(db, "select * from items"), 0);
    CHECK_INT(rota_sqlite_exec(db, "with x(n) as (select 'd') insert into "
                                   "items (name) select n from x"),
              1);
    CHECK_INT(test_count(db), 2);
    int64_t id = -1;
    CHECK_INT(rota_sqlite_insert(db, &id, "delete from other"), 0);
    CHECK_INT(id, -1);
    return rota_sqlite_close(db);
}

TEST("exec returns how many rows it changed, whatever ran before")
{
    test_run(counts);
}

static int cached(void *arg)
{
    (void)arg;
    rota_sqlite *db =
        test_open(&(rota_sqlite_options){ .statements = 2, .readers = 1 });
    rota_sqlite_stats before, after;
    int64_t n;
    rota_sqlite_stats_get(db, &before);
    for (int i = 0; i < 100; i++) {
        CHECK_INT(rota_sqlite_get(db, NULL, &n, "select ?", i), 1);
        CHECK_INT(n, i);
    }
    rota_sqlite_stats_get(db, &after);
    CHECK_INT(after.prepared - before.prepared, 1);
    CHECK_INT(after.queries - before.queries, 100);
    /* Three texts in a cache of two: the oldest goes each time. */
    for (int i = 0; i < 9; i++) {
        char sql[32];
        snprintf(sql, sizeof sql, "select %d", i % 3);
        CHECK_INT(rota_sqlite_get(db, NULL, &n, sql), 1);
        CHECK_INT(n, i % 3);
    }
    rota_sqlite_stats_get(db, &before);
    CHECK_INT(before.prepared - after.prepared, 9);
    return rota_sqlite_close(db);
}

TEST("a statement is prepared once and kept, up to the limit")
{
    test_run(cached);
}

static int schema_changes(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_open(NULL);
    rota_arena a;
    rota_arena_init(&a, NULL, 0);
    Item *it;
    CHECK_INT(rota_sqlite_script(db, "create table i (name text); insert "
                                     "into i values ('a')"),
              0);
    CHECK_INT(rota_sqlite_one(db, &a, Item, &it, "select * from i"), 1);
    CHECK(!it->has.note);
    CHECK_INT(rota_sqlite_exec(db, "alter table i add column note text "
                                   "default 'n'"),
              0);
    CHECK_INT(rota_sqlite_one(db, &a, Item, &it, "select * from i"), 1);
    CHECK_STR(it->note.ptr, "n");
    CHECK_INT(rota_sqlite_exec(db, "alter table i add column other"), 0);
    CHECK_INT(rota_sqlite_one(db, &a, Item, &it, "select * from i"), -EINVAL);
    CHECK_HAS(rota_sqlite_errmsg(), "\"other\"");
    rota_arena_fini(&a);
    return rota_sqlite_close(db);
}

TEST("a kept statement follows the schema when that changes")
{
    test_run(schema_changes);
}

static int constraints(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    CHECK_INT(rota_sqlite_script(
                  db, "create table parts (item references items (id)); "
                      "create trigger t before delete on items begin select "
                      "raise(abort, 'items stay'); end;"
                      "insert into items (name) values ('a')"),
              0);
    CHECK_INT(rota_sqlite_exec(db, "insert into items (name) values ('a')"),
              -EEXIST);
    CHECK_HAS(rota_sqlite_errmsg(), "items.name");
    CHECK_INT(rota_sqlite_exec(db, "insert into items values (1, 'b', 1, 1, "
                                   "'')"),
              -EEXIST);
    CHECK_INT(rota_sqlite_exec(db, "insert into items (name, price) values "
                                   "('b', -1)"),
              -EPERM);
    CHECK_HAS(rota_sqlite_errmsg(), "CHECK");
    CHECK_INT(rota_sqlite_exec(db, "insert into items (name) values (?)", NULL),
              -EPERM);
    CHECK_INT(rota_sqlite_exec(db, "insert into parts values (99)"), -EPERM);
    CHECK_HAS(rota_sqlite_errmsg(), "FOREIGN KEY");
    CHECK_INT(rota_sqlite_exec(db, "delete from items"), -EPERM);
    CHECK_HAS(rota_sqlite_errmsg(), "items stay");
    CHECK_INT(test_count(db), 1);
    return rota_sqlite_close(db);
}

TEST("the schema's rules are told apart by code and by text")
{
    test_run(constraints);
}

static int scripts(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_open(NULL);
    CHECK_INT(rota_sqlite_script(db, "create table a (x); create table b (x);"
                                     "insert into a values (1); oops"),
              -EINVAL);
    CHECK_INT(rota_sqlite_exec(db, "select * from a"), -EINVAL);
    CHECK_INT(rota_sqlite_script(db, ""), 0);
    CHECK_INT(rota_sqlite_script(db, "create table a (x); commit"), -EINVAL);
    CHECK_INT(rota_sqlite_script(db, " create table a (x); -- one\n; ;"), 0);
    CHECK_INT(rota_sqlite_exec(db, "select * from a"), 0);
    return rota_sqlite_close(db);
}

TEST("a script runs as a whole or not at all")
{
    test_run(scripts);
}
