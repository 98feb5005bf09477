/*
 * What the SQLite tests share: a file of their own, a database opened on it,
 * and a table to play with.
 */
#ifndef TESTS_DB_SQLITE_H
#define TESTS_DB_SQLITE_H

#include "rota.h"
#include "rota/sqlite.h"
#include "test.h"

ROTA_MODEL(Item, (i64, id, optional), (str, name), (f64, price, def(1.5)),
           (bool, in_stock, def(true)), (str, note, nullable, optional));

/* A statement that runs until it is interrupted, as far as a test can wait. */
#define ENDLESS                                                       \
    "with recursive n(i) as (select 1 union all select i + 1 from n " \
    "where i < 100000000000) select count(*) from n"

#define ITEMS                                                              \
    "create table items (id integer primary key, name text not null "      \
    "unique, price real not null default 1.5 check (price > 0), in_stock " \
    "integer not null default 1, note text);"

/* Where this test's database file is; its directory is new. */
const char *test_path(void);

/* Opens it (options may be NULL), or the test fails. */
rota_sqlite *test_open(const rota_sqlite_options *options);

/* The same with the table items. */
rota_sqlite *test_items(void);

int64_t test_count(rota_sqlite *db);

/* Runs fn in a loop of its own and checks that it returns 0. The file and
 * its directory are removed. */
void test_run(int (*fn)(void *));

/* Waits until so many queries are on their threads. */
void test_wait_running(rota_sqlite *db, unsigned n);

#endif
