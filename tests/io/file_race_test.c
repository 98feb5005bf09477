/* Files under many calls at once: cancelled, closed, left behind. */
#include "file_races.h"

ROTA_ASYNC(open_one, (const char *, path))
{
    return rota_file_open(path, O_RDONLY, 0);
}

ROTA_ASYNC(read_one, (const char *, path))
{
    rota_arena a;
    rota_str out;
    rota_arena_init(&a, NULL, 0);
    int rc = rota_read_file(path, &a, 1 << 20, &out);
    if (rc == 0)
        rc = (int)out.len;
    rota_arena_fini(&a);
    return rc;
}

static int cancel_races(void *arg)
{
    (void)arg;
    enum { ROUNDS = 2000 };
    CHECK_INT(rota_write_file(path_of("a"), "12345", 5, 0600), 0);
    int before = open_files(), ok = 0;
    for (int i = 0; i < ROUNDS; i++) {
        rota_task *t = i % 2 ? rota_create_task(open_one, path_of("a"))
                             : rota_create_task(read_one, path_of("a"));
        for (int k = 0; k < i % 7; k++)
            CHECK_INT(rota_checkpoint(), 0);
        rota_task_cancel(t, "test");
        int rc = rota_await(t);
        if (rc != -ROTA_ECHILD)
            ok++;
        if (i % 2 && rc >= 0) {
            t = rota_create_task(close_one, rc);
            rota_task_cancel(t, "test");
            CHECK_INT(rota_await(t), 0);
        } else if (rc >= 0) {
            CHECK_INT(rc, 5);
        } else {
            CHECK_INT(rc, -ROTA_ECHILD);
        }
        CHECK_INT(open_files(), before);
    }
    CHECK(ok < ROUNDS);
    return 0;
}

TEST_LIMITED("2000 cancels that meet an open or a read leave nothing open", 120)
{
    run_in_folder(cancel_races);
}

enum { SLOT = 64 };

ROTA_ASYNC(own_slot, (int, fd), (int, i))
{
    char slot[SLOT], back[SLOT];
    memset(slot, i % 251, SLOT);
    CHECK_INT(rota_file_pwrite(fd, slot, SLOT, (off_t)i * SLOT), SLOT);
    CHECK_INT(rota_file_pread(fd, back, SLOT, (off_t)i * SLOT), SLOT);
    CHECK(memcmp(slot, back, SLOT) == 0);
    return i;
}

static int thousands(void *arg)
{
    (void)arg;
    enum { TASKS = 3000 };
    static rota_task *t[TASKS];
    struct stat st;
    int fd = rota_file_open(path_of("a"), O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0);
    for (int i = 0; i < TASKS; i++) {
        t[i] = rota_create_task(own_slot, fd, i);
        CHECK(t[i] != NULL);
    }
    for (int i = 0; i < TASKS; i++)
        CHECK_INT(rota_await(t[i]), i);
    CHECK_INT(rota_file_stat(fd, &st), 0);
    CHECK_INT(st.st_size, TASKS * SLOT);
    CHECK_INT(rota_file_close(fd), 0);
    return 0;
}

/* PITFALL 30 */
TEST_LIMITED("thousands of calls on one file at once all come true", 120)
{
    run_in_folder(thousands);
}

enum { PIECE = 200000 };

/* A piece of the file that is all 'a', or nothing, but never another's; the
 * memory is gone at once. */
ROTA_ASYNC(read_piece, (int, fd))
{
    char *data = malloc(PIECE);
    CHECK(data != NULL);
    ssize_t n = rota_file_pread(fd, data, PIECE, 0);
    for (ssize_t i = 0; i < n; i++)
        CHECK_INT(data[i], 'a');
    free(data);
    return n < 0 ? (int)n : 0;
}

static int close_races(void *arg)
{
    (void)arg;
    enum { ROUNDS = 200, READERS = 4 };
    char *data = malloc(PIECE);
    CHECK(data != NULL);
    memset(data, 'a', PIECE);
    CHECK_INT(rota_write_file(path_of("a"), data, PIECE, 0600), 0);
    memset(data, 'b', PIECE);
    CHECK_INT(rota_write_file(path_of("b"), data, PIECE, 0600), 0);
    free(data);
    for (int i = 0; i < ROUNDS; i++) {
        rota_task *t[READERS];
        int fd = rota_file_open(path_of("a"), O_RDONLY, 0);
        CHECK(fd >= 0);
        for (int k = 0; k < READERS; k++)
            t[k] = rota_create_task(read_piece, fd);
        for (int k = 0; k <= i % 5; k++) /* they have all begun */
            CHECK_INT(rota_checkpoint(), 0);
        CHECK_INT(rota_file_close(fd), 0);
        int other = rota_file_open(path_of("b"), O_RDONLY, 0);
        for (int k = 0; k < READERS; k++) {
            int rc = rota_await(t[k]);
            CHECK(rc == 0 || rc == -EBADF);
        }
        CHECK_INT(rota_file_close(other), 0);
    }
    return 0;
}

/* PITFALL 24 */
TEST_LIMITED("calls on a file that is closed never meet another's number", 120)
{
    run_in_folder(close_races);
}

static int cancel_reads(void *arg)
{
    (void)arg;
    enum { ROUNDS = 500 };
    char *data = malloc(PIECE);
    CHECK(data != NULL);
    memset(data, 'a', PIECE);
    CHECK_INT(rota_write_file(path_of("a"), data, PIECE, 0600), 0);
    free(data);
    int fd = rota_file_open(path_of("a"), O_RDONLY, 0), cut = 0;
    for (int i = 0; i < ROUNDS; i++) {
        rota_task *t = rota_create_task(read_piece, fd);
        for (int k = 0; k < i % 5; k++)
            CHECK_INT(rota_checkpoint(), 0);
        rota_task_cancel(t, "test");
        int rc = rota_await(t);
        CHECK(rc == 0 || rc == -ROTA_ECHILD);
        cut += rc < 0;
    }
    CHECK(cut > 0);
    CHECK_INT(rota_file_close(fd), 0);
    return 0;
}

/* PITFALL 55, PITFALL 32 */
TEST_LIMITED("a cancelled read returns when its memory is no longer used", 120)
{
    run_in_folder(cancel_reads);
}

ROTA_ASYNC(sync_for_ever, (int, fd))
{
    int rc = 0;
    while (rc >= 0)
        rc = rota_file_pwrite(fd, "x", 1, 0) == 1 ? rota_file_fsync(fd)
                                                  : -ECANCELED;
    return rc;
}

static int leave_behind(void *arg)
{
    int fd = *(int *)arg;
    for (int i = 0; i < 8; i++) {
        rota_task *t = rota_create_task(sync_for_ever, fd);
        CHECK(t != NULL);
        rota_task_unref(t);
    }
    CHECK_INT(rota_sleep(rota_ms(2)), 0);
    return 0;
}

/* PITFALL 55 */
TEST("a run ends while files are being written")
{
    folder_make();
    int fd = open(path_of("a"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_INT(rota_run(leave_behind, &fd, NULL), 0);
    close(fd);
}

static void pause_for(unsigned turns)
{
    for (unsigned i = 0; i < turns; i++)
        CHECK_INT(rota_checkpoint(), 0);
}

static void go_on(rota_task *t, unsigned i)
{
    unsigned turns = i % 4 < 3 ? i / 4 % 6 : i / 4 % 307;
    if (i % 16 < 15)
        pause_for(turns);
    while (i % 16 == 15 && !rota_task_done(t))
        pause_for(1);
}

static const struct file_race race = { 100000, go_on };

static int cut_writes(void *arg)
{
    (void)arg;
    file_race_writes(&race);
    return 0;
}

/* PITFALL 32, PITFALL 55 */
TEST_LIMITED("100000 cancels of a write: it is done and told, or it is not",
             600)
{
    run_in_folder(cut_writes);
}

static int cut_opens(void *arg)
{
    (void)arg;
    file_race_opens(&race);
    return 0;
}

/* PITFALL 24, PITFALL 32 */
TEST_LIMITED("100000 cancels of an open or a close leave nothing open", 600)
{
    run_in_folder(cut_opens);
}

static int cut_closes(void *arg)
{
    (void)arg;
    file_race_closes(&race);
    return 0;
}

/* PITFALL 24 */
TEST_LIMITED("100000 closes meet a writer, and a number in use", 600)
{
    run_in_folder(cut_closes);
}
