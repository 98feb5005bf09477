/*
 * The helpers of the SQLite tests.
 */
#include "sqlite.h"

#include <stdlib.h>
#include <unistd.h>

static char directory[64];
static char path[80];

const char *test_path(void)
{
    if (*path)
        return path;
    /* Where every user may go: one test is somebody else for a while. */
    snprintf(directory, sizeof directory, "/tmp/rota-sqlite-XXXXXX");
    CHECK(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/test.db", directory);
    return path;
}

static void clean_up(void)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
    for (size_t i = 0; *path && i < sizeof suffixes / sizeof *suffixes; i++) {
        char file[96];
        snprintf(file, sizeof file, "%s%s", path, suffixes[i]);
        unlink(file);
    }
    if (*directory)
        rmdir(directory);
}

rota_sqlite *test_open(const rota_sqlite_options *options)
{
    rota_sqlite *db;
    if (rota_sqlite_open(test_path(), options, &db) < 0)
        test_fail(TEST_AT, "%s", rota_sqlite_errmsg());
    return db;
}

rota_sqlite *test_items(void)
{
    rota_sqlite *db = test_open(NULL);
    CHECK_INT(rota_sqlite_script(db, ITEMS), 0);
    return db;
}

int64_t test_count(rota_sqlite *db)
{
    int64_t n = -1;
    CHECK_INT(rota_sqlite_get(db, NULL, &n, "select count(*) from items"), 1);
    return n;
}

void test_run(int (*fn)(void *))
{
    int rc = rota_run(fn, NULL, NULL);
    clean_up();
    CHECK_INT(rc, 0);
}

void test_wait_running(rota_sqlite *db, unsigned n)
{
    rota_sqlite_stats s;
    do {
        CHECK_INT(rota_sleep(rota_us(200)), 0);
        rota_sqlite_stats_get(db, &s);
    } while (s.running != n);
}
