/*
 * Queries beside each other: the loop goes on, readers overlap, and a cancel
 * hits its own query only.
 */
#include <errno.h>
#include <stdlib.h>

#include "sqlite.h"

ROTA_ASYNC(endless, (rota_sqlite *, db), (int *, got))
{
    int64_t n;
    *got = rota_sqlite_get(db, NULL, &n, ENDLESS);
    return *got;
}

ROTA_ASYNC(ticker, (unsigned *, ticks))
{
    int rc;
    while ((rc = rota_sleep(rota_us(50))) == 0)
        ++*ticks;
    return rc;
}

static void cancel(rota_task *t)
{
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
}

static int overlap(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    int got[2] = { 1, 1 };
    unsigned ticks = 0;
    rota_task *clock = rota_create_task(ticker, &ticks);
    rota_task *a = rota_create_task(endless, db, &got[0]);
    rota_task *b = rota_create_task(endless, db, &got[1]);
    test_wait_running(db, 2);
    unsigned before = ticks;
    while (ticks < before + 100)
        CHECK_INT(rota_sleep(0), 0);
    /* While both run, others read and write. */
    CHECK_INT(rota_sqlite_exec(db, "insert into items (name) values ('a')"), 1);
    CHECK_INT(test_count(db), 1);
    rota_sqlite_stats s;
    rota_sqlite_stats_get(db, &s);
    CHECK_INT(s.running, 2);
    CHECK(!rota_task_done(a) && !rota_task_done(b));
    cancel(a);
    cancel(b);
    CHECK_INT(got[0], -ECANCELED);
    CHECK_INT(got[1], -ECANCELED);
    cancel(clock);
    return rota_sqlite_close(db);
}

TEST("slow queries overlap, and the loop and the writer go on meanwhile")
{
    test_run(overlap);
}

static int more_than_readers(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_open(&(rota_sqlite_options){ .readers = 1 });
    int got[3] = { 1, 1, 1 };
    rota_task *t[3];
    for (int i = 0; i < 3; i++)
        t[i] = rota_create_task(endless, db, &got[i]);
    test_wait_running(db, 1);
    cancel(t[1]); /* it waited: dropped, and the first is not touched */
    CHECK_INT(got[1], -ECANCELED);
    CHECK(!rota_task_done(t[0]));
    cancel(t[0]);
    test_wait_running(db, 1);
    cancel(t[2]);
    int64_t n;
    CHECK_INT(rota_sqlite_get(db, NULL, &n, "select 7"), 1);
    CHECK_INT(n, 7);
    return rota_sqlite_close(db);
}

TEST("a query that waits for a reader is dropped when cancelled")
{
    test_run(more_than_readers);
}

#define FILL                                                                \
    "insert into items (name) with recursive n(i) as (select ?1 union all " \
    "select i + 1 from n where i < ?1 + 1999) select i from n"

ROTA_ASYNC(fill, (rota_sqlite *, db), (int64_t, from), (int *, got))
{
    *got = rota_sqlite_exec(db, FILL, from);
    return *got;
}

ROTA_ASYNC(look, (rota_sqlite *, db), (int *, got))
{
    int64_t n;
    *got = rota_sqlite_get(db, NULL, &n,
                           "with recursive n(i) as (select 1 union all select "
                           "i + 1 from n where i < 3000) select count(*) "
                           "from n");
    return *got;
}

/* Long enough for the thread to ask for memory several times. */
ROTA_ASYNC(list, (rota_sqlite *, db), (int *, got))
{
    rota_arena a;
    rota_arena_init(&a, NULL, 0);
    Item_list all;
    *got = rota_sqlite_all(db, &a, Item, &all,
                           "with recursive n(i) as (select 1 union all select "
                           "i + 1 from n where i < 1500) select i as id, 'item "
                           "' || i as name from n");
    rota_arena_fini(&a);
    return *got;
}

static rota_task *racer(rota_sqlite *db, int i, int *got)
{
    switch (i % 3) {
    case 0: return rota_create_task(fill, db, i * 2000, got);
    case 1: return rota_create_task(look, db, got);
    default: return rota_create_task(list, db, got);
    }
}

/* Reads and writes on the same connections, and must never be hit. */
ROTA_ASYNC(stranger, (rota_sqlite *, db), (bool *, stop), (unsigned *, rounds))
{
    int64_t n;
    while (!*stop) {
        CHECK_INT(rota_sqlite_get(db, NULL, &n,
                                  "with recursive n(i) as (select 1 union all "
                                  "select i + 1 from n where i < 2000) select "
                                  "count(*) from n"),
                  1);
        CHECK_INT(n, 2000);
        CHECK_INT(rota_sqlite_exec(db, "update strange set n = n + 1"), 1);
        ++*rounds;
    }
    return 0;
}

static int races(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    CHECK_INT(rota_sqlite_script(db, "create table strange (n); insert into "
                                     "strange values (0)"),
              0);
    bool stop = false;
    unsigned rounds = 0;
    rota_task *other = rota_create_task(stranger, db, &stop, &rounds);
    unsigned seed = 1;
    int64_t filled = 0;
    int hit = 0;
    int most = test_sanitized() ? 300 : 1000;
    static const int whole[] = { 2000, 1, 1500 };
    for (int i = 0; i < most; i++) {
        int got = 1;
        rota_task *t = racer(db, i, &got);
        CHECK_INT(rota_sleep(rota_us(rand_r(&seed) % 1500)), 0);
        rota_task_cancel(t, "test");
        int rc = rota_await(t);
        CHECK_INT(got, rc == -ROTA_ECHILD ? -ECANCELED : whole[i % 3]);
        hit += got == -ECANCELED;
        filled += got == 2000 ? 2000 : 0;
        if (i % 16 == 0)
            CHECK_INT(test_count(db), filled);
    }
    CHECK_INT(test_count(db), filled);
    CHECK(hit > 0);
    stop = true;
    CHECK_INT(rota_await(other), 0);
    CHECK(rounds > 0);
    int64_t n;
    CHECK_INT(rota_sqlite_get(db, NULL, &n, "select n from strange"), 1);
    CHECK_INT(n, rounds);
    return rota_sqlite_close(db);
}

TEST_LIMITED("in a thousand races a cancel hits its own query, whole or not "
             "at all",
             120)
{
    test_run(races);
}

ROTA_ASYNC(small, (rota_sqlite *, db), (int, i))
{
    int64_t n;
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    int rc = rota_sqlite_exec(db, "insert into items (id, name) values (?, ?)",
                              i, name);
    if (rc == 1)
        rc = rota_sqlite_get(db, NULL, &n,
                             "select id from items where name = ?", name);
    return rc == 1 && n == i ? 0 : -EIO;
}

static int many(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    int most = test_sanitized() ? 1000 : 10000;
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    for (int i = 0; i < most; i++)
        CHECK_INT(rota_group_create_task(&g, small, db, i + 1), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK_INT(test_count(db), most);
    return rota_sqlite_close(db);
}

TEST_LIMITED("ten thousand tasks query at once", 120)
{
    test_run(many);
}

ROTA_ASYNC(same_arena, (rota_sqlite *, db), (rota_arena *, a), (int, i))
{
    Item_list list;
    int rc = rota_sqlite_all(
        db, a, Item, &list,
        "with recursive n(i) as (select 0 union all select i + 1 from n where "
        "i < 999) select ?1 as id, printf('%d-%.*c', ?1, 100, 'x') as name "
        "from n",
        i);
    char name[128];
    snprintf(name, sizeof name, "%d-", i);
    for (size_t k = 0; k < list.len; k++)
        if (list.at[k].id != i ||
            strncmp(list.at[k].name.ptr, name, strlen(name)) != 0)
            return -EIO;
    return rc == 1000 ? 0 : -EIO;
}

static int one_arena(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_open(NULL);
    rota_arena a;
    rota_arena_init(&a, NULL, 0);
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    for (int i = 0; i < 8; i++)
        CHECK_INT(rota_group_create_task(&g, same_arena, db, &a, i), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
    rota_arena_fini(&a);
    return rota_sqlite_close(db);
}

TEST("queries of several tasks may share one arena")
{
    test_run(one_arena);
}

static int cancelled_before(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    rota_scope s;
    rota_sqlite_tx tx;
    int64_t n;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, "test");
    CHECK_INT(rota_sqlite_exec(db, "insert into items (name) values ('a')"),
              -ECANCELED);
    CHECK_INT(rota_sqlite_get(db, NULL, &n, "select 1"), -ECANCELED);
    CHECK_INT(rota_sqlite_begin(db, &tx), -ECANCELED);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), 0);
    CHECK_INT(test_count(db), 0);
    int rc = 0;
    ROTA_TIMEOUT(rota_ms(5), rc)
    {
        rc = rota_sqlite_get(db, NULL, &n, ENDLESS);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    return rota_sqlite_close(db);
}

TEST("a cancelled task's query is not attempted, a deadline ends one")
{
    test_run(cancelled_before);
}

ROTA_ASYNC(fails, (rota_sqlite *, db), (const char *, column))
{
    char sql[64];
    snprintf(sql, sizeof sql, "select %s from items", column);
    int rc = rota_sqlite_exec(db, sql);
    CHECK_INT(rota_sleep(rota_ms(2)), 0);
    CHECK_HAS(rota_sqlite_errmsg(), column);
    return rc;
}

static int texts(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    rota_task *a = rota_create_task(fails, db, "wrong");
    rota_task *b = rota_create_task(fails, db, "bad");
    CHECK_INT(rota_await(a), -EINVAL);
    CHECK_INT(rota_await(b), -EINVAL);
    CHECK_STR(rota_sqlite_errmsg(), "");
    return rota_sqlite_close(db);
}

TEST("each task keeps the text of its own failure")
{
    test_run(texts);
}
