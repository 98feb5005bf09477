/*
 * Opening and closing, and what the world does to a database: files that are
 * none, disks that are full, other processes' locks, forks.
 */
#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sqlite.h"

static void refused(const char *path, const rota_sqlite_options *o, int rc,
                    const char *text)
{
    rota_sqlite *db = (rota_sqlite *)&db;
    CHECK_INT(rota_sqlite_open(path, o, &db), rc);
    CHECK(db == NULL);
    CHECK_HAS(rota_sqlite_errmsg(), text);
    CHECK_HAS(rota_sqlite_errmsg(), path);
}

static int bad_paths(void *arg)
{
    (void)arg;
    rota_sqlite_options read_only = { .read_only = true };
    refused("no/such/directory/x.db", NULL, -ENOENT, "directory must exist");
    refused("/usr", NULL, -EISDIR, "irectory");
    refused("/dev/null/x.db", NULL, -ENOTDIR, "irectory");
    refused(test_path(), &read_only, -ENOENT, "open");
    FILE *f = fopen(test_path(), "w");
    CHECK(f);
    for (int i = 0; i < 500; i++)
        fputs("this is a text and no database\n", f);
    fclose(f);
    refused(test_path(), NULL, -EBADMSG, "is not an SQLite database");
    rota_sqlite *db;
    CHECK_INT(rota_sqlite_open(
                  ":memory:", &(rota_sqlite_options){ .setup = "oops" }, &db),
              -EINVAL);
    CHECK_HAS(rota_sqlite_errmsg(), "syntax");
    return 0;
}

TEST("what cannot be opened is refused with a line that says why")
{
    test_run(bad_paths);
}

static bool shut_out; /* who is not root cannot come near the file */

static int unwritable(void *arg)
{
    (void)arg;
    CHECK_INT(rota_sqlite_close(test_items()), 0);
    CHECK_INT(chmod(test_path(), 0444), 0);
    char directory[64];
    snprintf(directory, sizeof directory, "%.*s",
             (int)(strrchr(test_path(), '/') - test_path()), test_path());
    CHECK_INT(chmod(directory, 0777), 0);
    uid_t me = geteuid();
    const uid_t nobody = 65534; /* root may write everything */
    if (me == 0)
        CHECK_INT(seteuid(nobody), 0);
    shut_out = eaccess(directory, W_OK) < 0;
    if (shut_out)
        return seteuid(me);
    /* A pool thread has credentials of its own to the kernel, but glibc gives
     * the change to all threads. */
    refused(test_path(), NULL, -EROFS, "can only be read");
    rota_sqlite *db = test_open(&(rota_sqlite_options){ .read_only = true });
    CHECK_INT(test_count(db), 0);
    CHECK_INT(rota_sqlite_exec(db, "insert into items (name) values ('a')"),
              -EROFS);
    rota_sqlite_tx tx;
    if (rota_sqlite_begin(db, &tx) == 0)
        rota_sqlite_rollback(&tx);
    CHECK_INT(test_count(db), 0);
    CHECK_INT(rota_sqlite_close(db), 0);
    if (me == 0)
        CHECK_INT(seteuid(me), 0);
    return 0;
}

TEST("a file that can only be read is refused, or opened read_only")
{
    test_run(unwritable);
    if (shut_out)
        test_skip("other users may not enter the temporary folder");
}

static int full(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_open(
        &(rota_sqlite_options){ .setup = "pragma max_page_count = 30" });
    CHECK_INT(rota_sqlite_script(db, "create table t (x)"), 0);
    CHECK_INT(rota_sqlite_exec(db, "insert into t values (zeroblob(1000000))"),
              -ENOSPC);
    CHECK_INT(rota_sqlite_exec(db, "insert into t values (1)"), 1);
    int rc;
    ROTA_TRANSACTION (db, tx, rc) {
        CHECK_INT(rota_sqlite_exec(tx, "insert into t values (2)"), 1);
        rc = rota_sqlite_exec(tx, "insert into t values (zeroblob(1000000))");
    }
    CHECK_INT(rc, -ENOSPC);
    int64_t n;
    CHECK_INT(rota_sqlite_get(db, NULL, &n, "select count(*) from t"), 1);
    CHECK_INT(n, 1);
    return rota_sqlite_close(db);
}

TEST("a full disk is -ENOSPC, and what fits goes on")
{
    test_run(full);
}

/* Another process, as far as SQLite can tell. */
static sqlite3 *lock_it(void)
{
    sqlite3 *other;
    CHECK_INT(sqlite3_open(test_path(), &other), SQLITE_OK);
    CHECK_INT(sqlite3_exec(other, "begin immediate", NULL, NULL, NULL),
              SQLITE_OK);
    return other;
}

ROTA_ASYNC(write_one, (rota_sqlite *, db))
{
    return rota_sqlite_exec(db, "insert into items (name) values ('a')");
}

static int busy(void *arg)
{
    (void)arg;
    CHECK_INT(rota_sqlite_close(test_items()), 0);
    rota_sqlite *hasty =
        test_open(&(rota_sqlite_options){ .busy_timeout = rota_ms(20) });
    rota_sqlite *patient =
        test_open(&(rota_sqlite_options){ .busy_timeout = ROTA_FOREVER });
    sqlite3 *other = lock_it();
    rota_sqlite_tx tx;
    CHECK_INT(rota_sqlite_exec(hasty, "insert into items (name) values "
                                      "('a')"),
              -EBUSY);
    CHECK_HAS(rota_sqlite_errmsg(), "locked");
    CHECK_INT(rota_sqlite_begin(hasty, &tx), -EBUSY);
    CHECK_INT(test_count(hasty), 0); /* readers are not in the way */
    rota_task *t = rota_create_task(write_one, patient);
    test_wait_running(patient, 1);
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    t = rota_create_task(write_one, patient);
    test_wait_running(patient, 1);
    CHECK_INT(sqlite3_exec(other, "rollback", NULL, NULL, NULL), SQLITE_OK);
    CHECK_INT(rota_await(t), 1);
    CHECK_INT(sqlite3_close(other), SQLITE_OK);
    CHECK_INT(test_count(hasty), 1);
    CHECK_INT(rota_sqlite_close(patient), 0);
    return rota_sqlite_close(hasty);
}

TEST("another process's lock is waited for, as long as was said")
{
    test_run(busy);
}

ROTA_ASYNC(endless, (rota_sqlite *, db))
{
    int64_t n;
    return rota_sqlite_get(db, NULL, &n, ENDLESS);
}

static int forced(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_open(&(rota_sqlite_options){ .readers = 2 });
    rota_task *t[4];
    for (int i = 0; i < 4; i++)
        t[i] = rota_create_task(endless, db);
    test_wait_running(db, 2);
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(5), rc) {
        rc = rota_sqlite_close(db);
    }
    CHECK_INT(rc, 0);
    for (int i = 0; i < 4; i++)
        CHECK_INT(rota_await(t[i]), -ESHUTDOWN);
    return 0;
}

TEST("a close under a deadline interrupts what runs")
{
    test_run(forced);
}

struct closing {
    rota_sqlite *db;
    bool began, go_on;
};

ROTA_ASYNC(finishes, (struct closing *, c))
{
    int rc;
    ROTA_TRANSACTION (c->db, tx, rc) {
        c->began = true;
        while (!c->go_on)
            CHECK_INT(rota_sleep(rota_us(100)), 0);
        rc = rota_sqlite_exec(tx, "insert into items (name) values ('a')");
    }
    return rc;
}

ROTA_ASYNC(closes, (struct closing *, c))
{
    return rota_sqlite_close(c->db);
}

static int graceful(void *arg)
{
    (void)arg;
    struct closing c = { .db = test_items() };
    rota_task *t = rota_create_task(finishes, &c);
    while (!c.began)
        CHECK_INT(rota_sleep(0), 0);
    rota_task *waits = rota_create_task(write_one, c.db);
    CHECK_INT(rota_sleep(0), 0);
    rota_task *closer = rota_create_task(closes, &c);
    CHECK_INT(rota_await(waits), -ESHUTDOWN);
    CHECK_INT(rota_sqlite_exec(c.db, "select 1"), -ESHUTDOWN);
    CHECK_INT(rota_sqlite_close(c.db), -EALREADY);
    CHECK(!rota_task_done(closer));
    c.go_on = true;
    CHECK_INT(rota_await(t), 1);
    CHECK_INT(rota_await(closer), 0);
    c.db = test_open(NULL);
    CHECK_INT(test_count(c.db), 1);
    return rota_sqlite_close(c.db);
}

TEST("a close lets open transactions end and sends the waiting away")
{
    test_run(graceful);
}

ROTA_ASYNC(holds, (struct closing *, c), (int *, last))
{
    int rc;
    ROTA_TRANSACTION (c->db, tx, rc) {
        CHECK_INT(rota_sqlite_exec(tx, "insert into items (name) values "
                                       "('a')"),
                  1);
        c->began = true;
        while (!c->go_on)
            CHECK_INT(rota_sleep(rota_us(100)), 0);
        *last = rota_sqlite_exec(tx, "delete from items");
        if (*last == -ESHUTDOWN)
            continue;
    }
    return rc;
}

ROTA_ASYNC(closes_now, (struct closing *, c))
{
    int rc = 0;
    ROTA_TIMEOUT (0, rc) {
        c->go_on = true;
        rc = rota_sqlite_close(c->db);
    }
    return rc;
}

static int forced_transaction(void *arg)
{
    (void)arg;
    struct closing c = { .db = test_items() };
    int last = 0;
    rota_task *t = rota_create_task(holds, &c, &last);
    while (!c.began)
        CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_await(rota_create_task(closes_now, &c)), 0);
    CHECK_INT(rota_await(t), -ESHUTDOWN);
    CHECK_INT(last, -ESHUTDOWN);
    c.db = test_open(NULL);
    CHECK_INT(test_count(c.db), 0);
    return rota_sqlite_close(c.db);
}

TEST("a forced close has open transactions rolled back")
{
    test_run(forced_transaction);
}

static int forked(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    pid_t child = fork();
    if (child == 0)
        _exit(write_one(db) == -ESTALE ? 0 : 1);
    int status;
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
    CHECK_INT(write_one(db), 1);
    return rota_sqlite_close(db);
}

TEST("a fork of the process may not use the database")
{
    test_run(forked);
}

static int settings(void *arg)
{
    (void)arg;
    rota_sqlite *db =
        test_open(&(rota_sqlite_options){ .setup = "pragma cache_size = 123" });
    rota_arena a;
    rota_arena_init(&a, NULL, 0);
    rota_str mode;
    int64_t n;
    CHECK_INT(rota_sqlite_get(db, &a, &mode, "pragma journal_mode"), 1);
    CHECK_STR(mode.ptr, "wal");
    CHECK_INT(rota_sqlite_get(db, NULL, &n, "pragma foreign_keys"), 1);
    CHECK_INT(n, 1);
    CHECK_INT(rota_sqlite_get(db, NULL, &n, "pragma synchronous"), 1);
    CHECK_INT(n, 1);
    CHECK_INT(rota_sqlite_get(db, NULL, &n, "pragma cache_size"), 1);
    CHECK_INT(n, 123);
    CHECK_INT(rota_sqlite_exec(db, "pragma user_version = 5"), 0);
    CHECK_INT(rota_sqlite_get(db, NULL, &n, "pragma user_version"), 1);
    CHECK_INT(n, 5);
    CHECK_INT(rota_sqlite_exec(db, "vacuum"), 0);
    /* A name in double quotes is never a string, nor in a schema. */
    CHECK_INT(rota_sqlite_script(db, "create table t (name)"), 0);
    CHECK_INT(rota_sqlite_exec(db, "create index i on t (\"nmae\")"), -EINVAL);
    CHECK_INT(rota_sqlite_exec(db, "create index i on t (\"name\")"), 0);
    rota_arena_fini(&a);
    CHECK_INT(rota_sqlite_close(db), 0);
    return rota_sqlite_close(NULL);
}

TEST("a connection has the settings that were promised")
{
    test_run(settings);
}
