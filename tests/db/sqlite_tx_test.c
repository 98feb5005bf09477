/*
 * Transactions: kept or undone as a whole, one after the other, and clean
 * however they end.
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>

#include "sqlite.h"

static int insert(rota_sqlite_tx *tx, const char *name)
{
    return rota_sqlite_exec(tx, "insert into items (name) values (?)", name);
}

static int kept(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    int rc = -1;
    ROTA_TRANSACTION (db, tx, rc) {
        CHECK_INT(rc, 0);
        CHECK_INT(insert(tx, "a"), 1);
        rc = insert(tx, "b");
        CHECK_INT(test_count(db), 0); /* others do not see it yet */
    }
    CHECK_INT(rc, 1);
    CHECK_INT(test_count(db), 2);
    rota_sqlite_tx tx;
    CHECK_INT(rota_sqlite_begin(db, &tx), 0);
    CHECK_INT(insert(&tx, "c"), 1);
    CHECK_INT(rota_sqlite_commit(&tx), 0);
    CHECK_INT(rota_sqlite_commit(&tx), -EALREADY);
    CHECK_INT(rota_sqlite_rollback(&tx), -EALREADY);
    CHECK_INT(insert(&tx, "d"), -EALREADY);
    CHECK_INT(test_count(db), 3);
    return rota_sqlite_close(db);
}

TEST("a transaction is seen by others when it is committed, whole")
{
    test_run(kept);
}

static int leaves(rota_sqlite *db, int how)
{
    int rc = 0;
    ROTA_TRANSACTION (db, tx, rc) {
        CHECK_INT(insert(tx, "a"), 1);
        if (how == 0)
            return 77;
        if (how == 1)
            goto out;
        if (how == 2)
            break;
        if (how == 3)
            rc = -EIO;
        if (how == 4)
            rc = insert(tx, "a");
        if (how == 5)
            continue; /* to the end: it counts as kept */
    }
out:
    return rc;
}

static int left(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    static const int codes[] = { 77, 0, 0, -EIO, -EEXIST };
    for (int i = 0; i < 5; i++) {
        CHECK_INT(leaves(db, i), codes[i]);
        CHECK_INT(test_count(db), 0);
    }
    CHECK_HAS(rota_sqlite_errmsg(), "UNIQUE");
    CHECK_INT(leaves(db, 5), 0);
    CHECK_INT(test_count(db), 1);
    return rota_sqlite_close(db);
}

TEST("a block left early or with an error is rolled back")
{
    test_run(left);
}

static int inner(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    int rc, rc2, rc3;
    ROTA_TRANSACTION (db, tx, rc) {
        CHECK_INT(insert(tx, "a"), 1);
        ROTA_TRANSACTION (tx, deeper, rc2) {
            CHECK_INT(insert(deeper, "b"), 1);
            ROTA_TRANSACTION (deeper, deepest, rc3) {
                CHECK_INT(insert(deepest, "c"), 1);
                rc3 = -EIO;
            }
            CHECK_INT(rc3, -EIO);
        }
        CHECK_INT(rc2, 0);
        ROTA_TRANSACTION (tx, deeper, rc2) {
            CHECK_INT(insert(deeper, "d"), 1);
            break;
        }
    }
    CHECK_INT(rc, 0);
    CHECK_INT(test_count(db), 2);
    int64_t n;
    CHECK_INT(rota_sqlite_get(db, NULL, &n,
                              "select count(*) from items where name in "
                              "('a', 'b')"),
              1);
    CHECK_INT(n, 2);
    return rota_sqlite_close(db);
}

TEST("an inner transaction undoes its own part only")
{
    test_run(inner);
}

static void ignore_misuse(const char *message)
{
    (void)message;
}

static int itself(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    rota_sqlite_tx tx, again, below;
    CHECK_INT(rota_sqlite_begin(db, &tx), 0);
    CHECK_INT(rota_sqlite_begin(db, &again), -EDEADLK);
    CHECK_INT(rota_sqlite_commit(&again), -EALREADY);
    CHECK_INT(rota_sqlite_exec(db, "delete from items"), -EDEADLK);
    CHECK_HAS(rota_sqlite_errmsg(), "instead of the database");
    CHECK_INT(rota_sqlite_close(db), -EDEADLK);
    CHECK_INT(rota_sqlite_begin(&tx, &below), 0);
    rota_set_misuse_handler(ignore_misuse);
    CHECK_INT(rota_sqlite_commit(&tx), -EINVAL);
    rota_set_misuse_handler(NULL);
    CHECK_INT(insert(&below, "a"), 1);
    CHECK_INT(rota_sqlite_commit(&below), 0);
    CHECK_INT(rota_sqlite_commit(&tx), 0);
    CHECK_INT(test_count(db), 1);
    return rota_sqlite_close(db);
}

TEST("a task that would wait for its own transaction is told")
{
    test_run(itself);
}

struct order {
    rota_sqlite *db;
    char seen[16];
    int len;
    int waiting;
};

static int in_turn(struct order *o, char name, bool alone)
{
    char text[2] = { name, 0 };
    int rc;
    o->waiting++;
    if (!alone) {
        rc = rota_sqlite_exec(o->db, "insert into items (name) values (?)",
                              text);
        o->seen[o->len++] = name;
        return rc;
    }
    ROTA_TRANSACTION (o->db, tx, rc) {
        o->seen[o->len++] = name;
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
        rc = insert(tx, text);
    }
    return rc;
}

ROTA_ASYNC(turn, (struct order *, o), (char, name), (bool, alone))
{
    return in_turn(o, name, alone);
}

static int fifo(void *arg)
{
    (void)arg;
    struct order o = { .db = test_items() };
    rota_task *t[6];
    rota_sqlite_tx tx;
    CHECK_INT(rota_sqlite_begin(o.db, &tx), 0);
    for (int i = 0; i < 6; i++)
        t[i] = rota_create_task(turn, &o, (char)('a' + i), i % 3 != 1);
    while (o.waiting < 6)
        CHECK_INT(rota_sleep(0), 0);
    /* One that gives up its place does not hold the others up. */
    rota_task_cancel(t[2], "gives up");
    CHECK_INT(rota_sqlite_commit(&tx), 0);
    for (int i = 0; i < 6; i++)
        CHECK_INT(rota_await(t[i]), i == 2 ? -ROTA_ECHILD : 1);
    CHECK_STR(o.seen, "abdef");
    CHECK_INT(test_count(o.db), 5);
    return rota_sqlite_close(o.db);
}

TEST("transactions and writes take turns in the order they came")
{
    test_run(fifo);
}

ROTA_ASYNC(cancelled_inside, (rota_sqlite *, db), (int *, stage))
{
    int rc;
    ROTA_TRANSACTION (db, tx, rc) {
        CHECK_INT(insert(tx, "a"), 1);
        *stage = 1;
        rc = rota_sleep(ROTA_FOREVER);
    }
    *stage = 2;
    return rc;
}

static int cancelled(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    int stage = 0;
    rota_task *t = rota_create_task(cancelled_inside, db, &stage);
    while (stage == 0)
        CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(stage, 2);
    CHECK_INT(test_count(db), 0);
    CHECK_INT(rota_sqlite_exec(db, "insert into items (name) values ('b')"), 1);
    /* Cancelled before the commit: it is not attempted. */
    int rc = 0, rc2 = 0;
    ROTA_TIMEOUT (ROTA_FOREVER, rc) {
        ROTA_TRANSACTION (db, tx, rc2) {
            CHECK_INT(insert(tx, "c"), 1);
            rota_task_cancel(rota_current_task(), "test");
        }
    }
    CHECK_INT(rc2, -ECANCELED);
    CHECK_INT(rota_task_uncancel(rota_current_task()), 0);
    CHECK_INT(test_count(db), 1);
    return rota_sqlite_close(db);
}

TEST("a transaction of a cancelled task is rolled back")
{
    test_run(cancelled);
}

#define FILL                                                               \
    "insert into items (name) with recursive n(i) as (select 1 union all " \
    "select i + 1 from n where i < 100000000000) select i from n"

/* A statement is cut within a transaction: what the transaction says. SQLite
 * has undone everything, and what follows must not run outside of it. If the
 * deadline came before the statement had begun, nothing is undone: -EAGAIN. */
static int cut_one(rota_sqlite *db, rota_dur d)
{
    int rc, rc2;
    ROTA_TRANSACTION (db, tx, rc) {
        CHECK_INT(insert(tx, "a"), 1);
        ROTA_TIMEOUT (d, rc2) {
            rc2 = rota_sqlite_exec(tx, FILL);
        }
        CHECK_INT(rc2, -ETIMEDOUT);
        rc = insert(tx, "b") == 1 ? -EAGAIN : 0;
        if (rc == 0)
            CHECK_HAS(rota_sqlite_errmsg(), "rolled it back");
    }
    return rc;
}

static int deadline(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    int rc, rc2;
    rota_scope s;
    CHECK_INT(rota_timeout_begin(&s, rota_seconds(1000)), 0);
    ROTA_TRANSACTION (db, tx, rc2) {
        CHECK_INT(insert(tx, "a"), 1);
        CHECK_INT(rota_scope_reschedule(&s, rota_now() + rota_ms(20)), 0);
        rc2 = rota_sqlite_exec(tx, FILL);
    }
    CHECK_INT(rc2, -ECANCELED);
    CHECK_INT(rota_scope_end(&s, rc2), -ETIMEDOUT);
    CHECK_INT(test_count(db), 0);
    rota_dur d = rota_ms(20);
    while ((rc = cut_one(db, d)) == -EAGAIN)
        d *= 2;
    CHECK_INT(rc, -EALREADY);
    CHECK_INT(test_count(db), 0);
    /* An interrupted read costs nothing. */
    int64_t n;
    ROTA_TRANSACTION (db, tx, rc) {
        CHECK_INT(insert(tx, "a"), 1);
        ROTA_TIMEOUT (rota_ms(20), rc2) {
            rc2 = rota_sqlite_get(tx, NULL, &n, ENDLESS);
        }
        CHECK_INT(rc2, -ETIMEDOUT);
        CHECK_INT(insert(tx, "b"), 1);
    }
    CHECK_INT(rc, 0);
    CHECK_INT(test_count(db), 2);
    return rota_sqlite_close(db);
}

TEST("a deadline inside a transaction undoes it, or only a read")
{
    test_run(deadline);
}

static char message[256];

static void keep_misuse(const char *text)
{
    snprintf(message, sizeof message, "%s", text);
}

ROTA_ASYNC(forgets, (rota_sqlite *, db))
{
    rota_sqlite_tx tx, below;
    CHECK_INT(rota_sqlite_begin(db, &tx), 0);
    CHECK_INT(insert(&tx, "a"), 1);
    CHECK_INT(rota_sqlite_begin(&tx, &below), 0);
    return 5;
}

static int forgotten(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    rota_set_misuse_handler(keep_misuse);
    CHECK_INT(rota_await(rota_create_task(forgets, db)), 5);
    rota_set_misuse_handler(NULL);
    CHECK_HAS(message, "open SQLite transaction");
    CHECK_INT(rota_sqlite_exec(db, "insert into items (name) values ('b')"), 1);
    CHECK_INT(test_count(db), 1);
    return rota_sqlite_close(db);
}

TEST("a transaction its task forgot is reported and rolled back")
{
    test_run(forgotten);
}

static int deferred(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    CHECK_INT(
        rota_sqlite_script(db, "create table parts (item references items (id) "
                               "deferrable initially deferred)"),
        0);
    int rc;
    ROTA_TRANSACTION (db, tx, rc) {
        CHECK_INT(rota_sqlite_exec(tx, "insert into parts values (9)"), 1);
    }
    CHECK_INT(rc, -EPERM);
    CHECK_HAS(rota_sqlite_errmsg(), "FOREIGN KEY");
    CHECK_INT(rota_sqlite_exec(db, "insert into items (name) values ('b')"), 1);
    return rota_sqlite_close(db);
}

TEST("a commit that a deferred rule refuses is a rollback")
{
    test_run(deferred);
}

ROTA_ASYNC(reads, (rota_sqlite *, db), (int *, stage))
{
    *stage = 1;
    int64_t n = test_count(db);
    *stage = 2;
    return (int)n;
}

static int memory(void *arg)
{
    (void)arg;
    rota_sqlite *db;
    CHECK_INT(rota_sqlite_open(":memory:", NULL, &db), 0);
    CHECK_INT(rota_sqlite_script(db, ITEMS), 0);
    int rc, stage = 0;
    rota_task *t = NULL;
    ROTA_TRANSACTION (db, tx, rc) {
        CHECK_INT(insert(tx, "a"), 1);
        t = rota_create_task(reads, db, &stage);
        while (stage == 0)
            CHECK_INT(rota_sleep(0), 0);
        CHECK_INT(insert(tx, "b"), 1);
        CHECK_INT(stage, 1); /* it waits: there is but one connection */
        int64_t n;
        CHECK_INT(rota_sqlite_get(db, NULL, &n, "select 1"), -EDEADLK);
        CHECK_INT(rota_sqlite_get(tx, NULL, &n, "select count(*) from items"),
                  1);
        CHECK_INT(n, 2);
        rc = -EIO;
    }
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(test_count(db), 0);
    return rota_sqlite_close(db);
}

TEST("a database in memory keeps readers out of an open transaction")
{
    test_run(memory);
}

static int on_thread(void *arg)
{
    rota_sqlite *db = arg;
    int rc;
    ROTA_TRANSACTION (db, tx, rc) {
        CHECK_INT(insert(tx, "a"), 1);
        rc = insert(tx, "a");
    }
    CHECK_INT(rc, -EEXIST);
    CHECK_HAS(rota_sqlite_errmsg(), "UNIQUE");
    CHECK_INT(test_count(db), 0);
    ROTA_TRANSACTION (db, tx, rc) {
        rc = insert(tx, "b");
    }
    CHECK_INT(rc, 1);
    rota_arena a;
    rota_arena_init(&a, NULL, 0);
    Item_list list;
    CHECK_INT(rota_sqlite_all(db, &a, Item, &list, "select * from items"), 1);
    CHECK_STR(list.at[0].name.ptr, "b");
    rota_arena_fini(&a);
    return 3;
}

static int handlers(void *arg)
{
    (void)arg;
    rota_sqlite *db = test_items();
    CHECK_STR(rota_sqlite_errmsg(), "");
    CHECK_INT(rota_to_thread(on_thread, db), 3);
    return rota_sqlite_close(db);
}

TEST("a handler on a pool thread uses the same calls")
{
    test_run(handlers);
}

struct blocking {
    rota_sqlite *db;
    atomic_bool began;
    int rc;
};

static int until_cancelled(void *arg)
{
    struct blocking *b = arg;
    ROTA_TRANSACTION (b->db, tx, b->rc) {
        CHECK_INT(insert(tx, "a"), 1);
        atomic_store(&b->began, true);
        while (!rota_thread_cancelled())
            sched_yield();
        b->rc = insert(tx, "b");
    }
    return b->rc;
}

ROTA_ASYNC(in_handler, (struct blocking *, b))
{
    return rota_to_thread(until_cancelled, b);
}

static int cancelled_handler(void *arg)
{
    (void)arg;
    struct blocking b = { .db = test_items() };
    rota_task *t = rota_create_task(in_handler, &b);
    while (!atomic_load(&b.began))
        CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(b.rc, -ECANCELED);
    CHECK_INT(test_count(b.db), 0);
    CHECK_INT(rota_sqlite_exec(b.db, "insert into items (name) values ('b')"),
              1);
    return rota_sqlite_close(b.db);
}

TEST("a cancelled handler on a pool thread has its transaction rolled back")
{
    test_run(cancelled_handler);
}
