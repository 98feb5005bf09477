/* Watching for changes: what happens to files, their directory and the
 * watcher itself. */
#include "folder.h"

#include <sys/stat.h>

static void touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    close(fd);
}

static void append(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    CHECK(fd >= 0);
    write_fully(fd, "x", 1);
    close(fd);
}

static rota_watch_event expect(rota_watch *w, int id, rota_watch_what what,
                               const char *name)
{
    rota_watch_event e;
    CHECK_INT(rota_watch_next(w, &e), 0);
    CHECK_STR(e.name.ptr, name);
    CHECK_INT(e.what, what);
    CHECK_INT(e.id, id);
    return e;
}

/* No event is left. */
static void expect_none(rota_watch *w)
{
    rota_watch_event e;
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(20), rc) {
        rc = rota_watch_next(w, &e);
    }
    CHECK_INT(rc, -ETIMEDOUT);
}

static int in_directory(void *arg)
{
    (void)arg;
    rota_watch *w;
    CHECK_INT(rota_watch_new(&w), 0);
    int id = rota_watch_add(w, folder);
    CHECK(id > 0);
    touch(path_of("a"));
    CHECK(!expect(w, id, ROTA_WATCH_CREATED, "a").directory);
    append(path_of("a"));
    expect(w, id, ROTA_WATCH_MODIFIED, "a");
    CHECK_INT(chmod(path_of("a"), 0640), 0);
    expect(w, id, ROTA_WATCH_ATTRIBUTES, "a");
    CHECK_INT(rename(path_of("a"), path_of("b")), 0);
    uint32_t cookie = expect(w, id, ROTA_WATCH_MOVED_FROM, "a").cookie;
    CHECK(cookie != 0);
    CHECK_INT(expect(w, id, ROTA_WATCH_MOVED_TO, "b").cookie, cookie);
    CHECK_INT(unlink(path_of("b")), 0);
    expect(w, id, ROTA_WATCH_DELETED, "b");
    CHECK_INT(mkdir(path_of("sub"), 0700), 0);
    CHECK(expect(w, id, ROTA_WATCH_CREATED, "sub").directory);
    CHECK_INT(chmod(folder, 0711), 0);
    CHECK(expect(w, id, ROTA_WATCH_ATTRIBUTES, "").directory);
    expect_none(w);
    CHECK_INT(rota_watch_remove(w, id), 0);
    CHECK_INT(rota_watch_remove(w, id), -ENOENT);
    touch(path_of("a"));
    expect_none(w);
    rota_watch_close(w);
    return 0;
}

TEST("what happens in a directory is told, in order, until it is removed")
{
    test_needs_kernel();
    run_in_folder(in_directory);
}

static int of_names(void *arg)
{
    (void)arg;
    rota_watch *w;
    CHECK_INT(rota_watch_new(&w), 0);
    int all = rota_watch_add(w, folder);
    int conf = rota_watch_add(w, path_of("conf"));
    int again = rota_watch_add(w, path_of("conf"));
    CHECK(all > 0 && conf > all && again > conf);
    touch(path_of("other"));
    expect(w, all, ROTA_WATCH_CREATED, "other");
    touch(path_of("conf")); /* it was not there yet */
    expect(w, all, ROTA_WATCH_CREATED, "conf");
    expect(w, conf, ROTA_WATCH_CREATED, "conf");
    CHECK_INT(rota_watch_remove(w, all), 0);
    expect(w, again, ROTA_WATCH_CREATED, "conf");
    CHECK_INT(rota_watch_remove(w, again), 0);
    for (int i = 0; i < 3; i++) { /* as editors save, more than once */
        touch(path_of("new"));
        append(path_of("new"));
        CHECK_INT(rename(path_of("new"), path_of("conf")), 0);
        expect(w, conf, ROTA_WATCH_MOVED_TO, "conf");
        CHECK_INT(rename(path_of("conf"), path_of("conf~")), 0);
        expect(w, conf, ROTA_WATCH_MOVED_FROM, "conf");
    }
    CHECK_INT(rota_replace_file(path_of("conf"), "x", 1, 0600), 0);
    expect(w, conf, ROTA_WATCH_MOVED_TO, "conf");
    expect_none(w);
    rota_watch_close(w);
    return 0;
}

TEST("a file is watched by its name, however often it is replaced")
{
    test_needs_kernel();
    run_in_folder(of_names);
}

static int gone(void *arg)
{
    (void)arg;
    rota_watch *w;
    CHECK_INT(rota_watch_new(&w), 0);
    CHECK_INT(mkdir(path_of("sub"), 0700), 0);
    int sub = rota_watch_add(w, path_of("sub"));
    int file = rota_watch_add(w, path_of("sub/file"));
    CHECK(sub > 0 && file > sub);
    CHECK_INT(rmdir(path_of("sub")), 0);
    expect(w, sub, ROTA_WATCH_GONE, "");
    expect(w, file, ROTA_WATCH_GONE, "");
    CHECK_INT(rota_watch_remove(w, sub), -ENOENT);
    CHECK_INT(mkdir(path_of("sub"), 0700), 0);
    sub = rota_watch_add(w, path_of("sub"));
    CHECK(sub > file);
    CHECK_INT(rename(path_of("sub"), path_of("moved")), 0);
    expect(w, sub, ROTA_WATCH_GONE, "");
    touch(path_of("moved/file"));
    expect_none(w);
    rota_watch_close(w);
    return 0;
}

TEST("a watched directory that is removed or renamed ends its watches")
{
    test_needs_kernel();
    run_in_folder(gone);
}

static int refused(void *arg)
{
    (void)arg;
    rota_watch *w;
    CHECK_INT(rota_watch_new(&w), 0);
    CHECK_INT(rota_watch_add(w, path_of("no/such")), -ENOENT);
    CHECK_INT(rota_watch_add(w, path_of("no/")), -ENOENT);
    CHECK_INT(rota_watch_add(w, ""), -ENOENT);
    touch(path_of("file"));
    CHECK_INT(rota_watch_add(w, path_of("file/x")), -ENOTDIR);
    CHECK_INT(rota_watch_remove(w, 1), -ENOENT);
    rota_watch_close(w);
    rota_watch_close(NULL);
    return 0;
}

TEST("what cannot be watched says why")
{
    test_needs_kernel();
    run_in_folder(refused);
}

/* Events that the kernel holds for one reader at most. */
static int queue_limit(void)
{
    int most = 0;
    FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    CHECK(f != NULL);
    CHECK_INT(fscanf(f, "%d", &most), 1);
    fclose(f);
    return most;
}

static int overflow(void *arg)
{
    (void)arg;
    rota_watch *w;
    rota_watch_event e = { 0 };
    int most = queue_limit(), events = 0, lost = 0;
    if (most > 100000)
        test_skip("the system holds very many events");
    CHECK_INT(rota_watch_new(&w), 0);
    int id = rota_watch_add(w, folder);
    CHECK(id > 0);
    for (int i = 0; i < most / 2 + 100; i++) {
        touch(path_of("a"));
        CHECK_INT(unlink(path_of("a")), 0);
    }
    while (lost == 0) {
        CHECK_INT(rota_watch_next(w, &e), 0);
        lost += e.what == ROTA_WATCH_OVERFLOW;
        events++;
    }
    CHECK_INT(e.id, 0);
    CHECK_INT(events, most + 1);
    expect_none(w); /* it is told once */
    touch(path_of("b"));
    expect(w, id, ROTA_WATCH_CREATED, "b");
    rota_watch_close(w);
    return 0;
}

TEST_LIMITED("too many events at once are told to be too many", 120)
{
    test_needs_kernel();
    run_in_folder(overflow);
}

ROTA_ASYNC(next_one, (rota_watch *, w), (rota_watch_event *, e))
{
    return rota_watch_next(w, e);
}

ROTA_ASYNC(add_one, (rota_watch *, w), (const char *, path))
{
    return rota_watch_add(w, path);
}

static int cancels(void *arg)
{
    (void)arg;
    enum { ROUNDS = 2000, SANITIZED = 300 };
    int rounds = test_sanitized() ? SANITIZED : ROUNDS, cut = 0;
    rota_watch *w;
    rota_watch_event e;
    CHECK_INT(rota_watch_new(&w), 0);
    int id = rota_watch_add(w, folder);
    CHECK(id > 0);
    for (int i = 0; i < rounds; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d", i);
        rota_task *t = rota_create_task(next_one, w, &e);
        for (int k = 0; k < i % 4; k++)
            CHECK_INT(rota_checkpoint(), 0);
        touch(path_of(name));
        for (int k = 0; k < i / 4 % 4; k++)
            CHECK_INT(rota_checkpoint(), 0);
        rota_task_cancel(t, "test");
        int rc = rota_await(t);
        if (rc == 0)
            CHECK_STR(e.name.ptr, name);
        else
            expect(w, id, ROTA_WATCH_CREATED, name); /* not lost */
        cut += rc < 0;
    }
    CHECK(cut > 0);
    rota_watch_close(w);
    return 0;
}

TEST_LIMITED("a cancel that meets an event loses none", 120)
{
    test_needs_kernel();
    run_in_folder(cancels);
}

static int closes(void *arg)
{
    (void)arg;
    enum { ROUNDS = 200 };
    for (int i = 0; i < ROUNDS; i++) {
        rota_watch *w;
        rota_watch_event e;
        CHECK_INT(rota_watch_new(&w), 0);
        CHECK(rota_watch_add(w, folder) > 0);
        rota_task *t = rota_create_task(next_one, w, &e);
        rota_task *second = rota_create_task(next_one, w, &e);
        rota_task *adds = rota_create_task(add_one, w, folder);
        CHECK_INT(rota_await(second), -EBUSY);
        for (int k = 0; k < i % 5; k++)
            CHECK_INT(rota_checkpoint(), 0);
        rota_watch_close(w);
        int rc = rota_await(adds);
        CHECK(rc > 0 || rc == -EBADF);
        CHECK_INT(rota_await(t), -EBADF);
    }
    return 0;
}

TEST_LIMITED("closing ends who waits and who adds; a second waiter is -EBUSY",
             60)
{
    test_needs_kernel();
    run_in_folder(closes);
}

static int add_and_remove(void *arg)
{
    (void)arg;
    enum { ROUNDS = 300 };
    rota_watch *w;
    CHECK_INT(rota_watch_new(&w), 0);
    int id = rota_watch_add(w, folder);
    for (int i = 0; i < ROUNDS; i++) {
        rota_task *t = rota_create_task(add_one, w, folder);
        for (int k = 0; k < i % 8; k++)
            CHECK_INT(rota_checkpoint(), 0);
        CHECK_INT(rota_watch_remove(w, id), 0);
        id = rota_await(t);
        CHECK(id > 0);
        touch(path_of("a"));
        rota_watch_event e;
        do /* what came between is of the time before the new one */
            CHECK_INT(rota_watch_next(w, &e), 0);
        while (e.what != ROTA_WATCH_CREATED);
        CHECK_INT(e.id, id);
        CHECK_INT(unlink(path_of("a")), 0);
    }
    rota_watch_close(w);
    return 0;
}

TEST_LIMITED("adding a path while its last watch is removed watches it", 60)
{
    test_needs_kernel();
    run_in_folder(add_and_remove);
}

static int simulated(void *arg)
{
    (void)arg;
    rota_watch *w = NULL;
    CHECK_INT(rota_watch_new(&w), -EOPNOTSUPP);
    CHECK(w == NULL);
    return 0;
}

TEST("a simulation has no watchers")
{
    CHECK_INT(rota_sim_run(0, simulated, NULL, NULL), 0);
}
