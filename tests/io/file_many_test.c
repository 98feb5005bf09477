/* Files that many tasks open and close at the same time. */
#include <mqueue.h>

#include "folder.h"
#include "loop/loop.h"

enum { MANY = 16, ROUNDS = 200 };

static int begun, opened_among; /* tasks that had begun when one had opened */

static int open_and_close(void *arg)
{
    (void)arg;
    begun++;
    int fd = rota_file_open(path_of("a"), O_RDONLY, 0);
    CHECK(fd >= 0);
    if (!opened_among)
        opened_among = begun;
    return rota_file_close(fd);
}

/* How many tasks had begun when the first had its file. */
static int crowd(int size)
{
    rota_group g;
    begun = opened_among = 0;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    for (int i = 0; i < size; i++)
        CHECK_INT(rota_group_spawn(&g, open_and_close, NULL, NULL, NULL), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK_INT(begun, size);
    return opened_among;
}

static int go_together(void *arg)
{
    (void)arg;
    bool ring = strcmp(rota_backend_name(), "uring") == 0;
    CHECK_INT(rota_write_file(path_of("a"), "12345", 5, 0600), 0);
    CHECK_INT(access(path_of("a"), F_OK), 0); /* it is known from now on */
    if (!opens_at_once(path_of("a"), O_RDONLY))
        test_skip("this file system waits"); /* an overlay, on Linux 6.1 */
    CHECK_INT(crowd(MANY), ring ? MANY : 1);
    CHECK_INT(crowd(2), 1);
    CHECK_INT(crowd(1), 1);
    return 0;
}

TEST("a ring opens the files of many in one go, those of two at once")
{
    test_needs_kernel();
    run_in_folder(go_together);
}

static int read_in_turn(void *arg)
{
    (void)arg;
    char path[128], data[8]; /* others pause with a path_of() as well */
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(path, sizeof path, "%s/%d", folder, i % 7);
        int fd = rota_file_open(path, O_RDONLY, 0);
        CHECK(fd >= 0);
        CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        CHECK_INT(rota_file_pread(fd, data, sizeof data, 0), 1);
        CHECK_INT(data[0], '0' + i % 7);
        CHECK_INT(rota_file_close(fd), 0);
        strcat(path, "none");
        CHECK_INT(rota_file_open(path, O_RDONLY, 0), -ENOENT);
        CHECK_INT(rota_file_close(-1), -EBADF);
    }
    return 0;
}

static int read_many(void *arg)
{
    (void)arg;
    rota_group g;
    char name[8];
    for (int i = 0; i < 7; i++) {
        snprintf(name, sizeof name, "%d", i);
        CHECK_INT(rota_write_file(path_of(name), name, 1, 0600), 0);
    }
    CHECK_INT(rota_group_begin(&g, 0), 0);
    for (int i = 0; i < MANY; i++)
        CHECK_INT(rota_group_spawn(&g, read_in_turn, NULL, NULL, NULL), 0);
    return rota_group_end(&g, 0);
}

TEST("many that open, read and close have each its own file")
{
    run_in_folder(read_many);
}

static int cancelled;

static int hold(void *arg)
{
    (void)arg;
    int fd = rota_file_open(path_of("a"), O_RDONLY, 0);
    if (fd == -ECANCELED)
        cancelled++;
    else
        CHECK_INT(rota_file_close(fd), 0); /* cancelled or not */
    return fd < 0 ? fd : rota_checkpoint();
}

static int cancel_many(void *arg)
{
    (void)arg;
    CHECK_INT(rota_write_file(path_of("a"), "12345", 5, 0600), 0);
    for (int i = 0; i < ROUNDS; i++) {
        rota_group g;
        CHECK_INT(rota_group_begin(&g, 0), 0);
        for (int k = 0; k < MANY; k++)
            CHECK_INT(rota_group_spawn(&g, hold, NULL, NULL, NULL), 0);
        for (int k = 0; k < i % 5; k++)
            CHECK_INT(rota_checkpoint(), 0);
        rota_group_cancel(&g, "test");
        rota_ignore(rota_group_end(&g, 0));
    }
    CHECK(cancelled > 0);
    return 0;
}

TEST("a crowd that is cancelled as it opens and closes leaves nothing open")
{
    run_in_folder(cancel_many);
}

/* A queue is closed on a thread by every ring: its file has a flush(). */
static mqd_t queue_open(void)
{
    char name[64];
    struct mq_attr small = { .mq_maxmsg = 1, .mq_msgsize = 1 };
    snprintf(name, sizeof name, "/rota-test-%d", (int)getpid());
    mqd_t q = mq_open(name, O_RDONLY | O_CREAT | O_CLOEXEC, 0600, &small);
    if (q < 0)
        test_skip("no message queues here");
    CHECK_INT(mq_unlink(name), 0);
    return q;
}

static bool spared; /* one was closed without a pause */

static int close_queues(void *arg)
{
    (void)arg;
    while (!spared) {
        mqd_t q = queue_open();
        uint64_t turn = loop_current()->turns;
        CHECK_INT(rota_file_close(q), 0);
        spared |= loop_current()->turns == turn;
        CHECK_INT(rota_checkpoint(), 0);
    }
    return 0;
}

static int close_slow(void *arg)
{
    (void)arg;
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    for (int i = 0; i < MANY; i++)
        CHECK_INT(rota_group_spawn(&g, close_queues, NULL, NULL, NULL), 0);
    return rota_group_end(&g, 0);
}

TEST("what a ring would close on a thread is soon closed by the caller")
{
    test_needs_kernel();
    run_clean(close_slow);
}
