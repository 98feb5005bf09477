/* Plain descriptors: PITFALLS 22-26, 28. */
#include "pair.h"

#include <poll.h>
#include <sys/wait.h>

struct ends {
    int in;
    int out;
};

static struct ends pipe_of(int flags)
{
    int fds[2];
    CHECK_INT(pipe2(fds, O_CLOEXEC | flags), 0);
    return (struct ends){ fds[0], fds[1] };
}

static void ends_close(struct ends *e)
{
    CHECK_INT(rota_close(e->in), 0);
    CHECK_INT(rota_close(e->out), 0);
}

ROTA_ASYNC(read_fd, (int, fd), (char *, data), (size_t, size))
{
    return (int)rota_read(fd, data, size);
}

ROTA_ASYNC(write_fd, (int, fd), (const char *, data), (size_t, size))
{
    return (int)rota_write(fd, data, size);
}

ROTA_ASYNC(wait_fd, (int, fd), (short, events))
{
    return rota_wait_fd(fd, events);
}

static int pipe_ends(void *arg)
{
    (void)arg;
    for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
        struct ends e = pipe_of(flags);
        char data[8];
        CHECK_INT(rota_read(e.in, data, 0), 0);
        rota_task *t = rota_create_task(read_fd, e.in, data, sizeof data);
        settle();
        CHECK_INT(rota_read(e.in, data, 1), -EBUSY);
        CHECK_INT(rota_write(e.out, "abc", 3), 3);
        CHECK_INT(rota_await(t), 3);
        t = rota_create_task(read_fd, e.in, data, sizeof data);
        settle();
        CHECK_INT(rota_close(e.out), 0); /* while it is empty */
        CHECK_INT(rota_await(t), 0);
        CHECK_INT(rota_read(e.in, data, sizeof data), 0);
        CHECK_INT(rota_close(e.in), 0);
        CHECK_INT(fcntl(e.in, F_GETFD), -1);
    }
    return 0;
}

TEST("PITFALL 22: a pipe's reader gets what comes, and its end at once")
{
    run_clean(pipe_ends);
}

static int no_reader(void *arg)
{
    (void)arg;
    enum { MUCH = 1 << 20 };
    static char block[MUCH];
    for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
        struct ends e = pipe_of(flags);
        rota_task *t = rota_create_task(write_fd, e.out, block, MUCH);
        settle();
        CHECK(!rota_task_done(t));
        CHECK_INT(rota_write(e.out, block, 1), -EBUSY);
        CHECK_INT(rota_close(e.in), 0);
        int n = rota_await(t);
        CHECK(n > 0 && n < MUCH);
        CHECK_INT(rota_write(e.out, block, 1), -EPIPE);
        CHECK_INT(rota_close(e.out), 0);
    }
    sigset_t now;
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    CHECK_INT(sigismember(&now, SIGPIPE), 0);
    sigpending(&now);
    CHECK_INT(sigismember(&now, SIGPIPE), 0);
    return 0;
}

TEST("writing to a pipe nobody reads: a count, then -EPIPE, never SIGPIPE")
{
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    run_clean(no_reader);
}

static int pumps(void *arg)
{
    (void)arg;
    enum { MUCH = 3 << 20 };
    static char block[MUCH], got[MUCH];
    for (int i = 0; i < MUCH; i++)
        block[i] = (char)(i * 7 + i / 251);
    for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
        struct ends e = pipe_of(flags);
        rota_task *t = rota_create_task(write_fd, e.out, block, MUCH);
        for (int n = 0; n < MUCH;) {
            int some = (int)rota_read(e.in, got + n, 50000);
            CHECK(some > 0);
            n += some;
        }
        CHECK_INT(rota_await(t), MUCH);
        CHECK(memcmp(block, got, MUCH) == 0);
        ends_close(&e);
    }
    return 0;
}

TEST("a long write to a pipe is cut to what it takes, in both modes")
{
    run_clean(pumps);
}

static int closes_under(void *arg)
{
    (void)arg;
    static char block[1 << 20];
    for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
        struct ends e = pipe_of(flags);
        struct ends f = pipe_of(flags);
        char data[4] = "";
        rota_task *r = rota_create_task(read_fd, e.in, data, sizeof data);
        rota_task *w = rota_create_task(write_fd, f.out, block, sizeof block);
        rota_task *p = rota_create_task(wait_fd, e.out, POLLIN);
        settle();
        CHECK_INT(rota_close(e.in), 0);
        CHECK_INT(rota_await(r), -EBADF);
        CHECK_INT(rota_close(f.out), 0);
        CHECK(rota_await(w) > 0); /* it had written that much */
        rota_ignore(rota_close(e.out));
        int rc = rota_await(p);
        CHECK(rc == -EBADF || rc == POLLERR); /* of the closed reader */
        CHECK_INT(rota_read(e.in, data, 4), -EBADF);
        CHECK_INT(rota_close(e.in), -EBADF);
        CHECK_INT(rota_close(f.in), 0);
    }
    return 0;
}

TEST("PITFALL 24: closing under a reader, a writer and a waiter: -EBADF")
{
    run_clean(closes_under);
}

/* The reader is woken by data, or by the close: the number is used again at
 * once, by a pipe with other data in it, which it must never see. */
static int reuses_numbers(void *arg)
{
    (void)arg;
    int read_ok = 0, closed = 0;
    for (int i = 0; i < 3000; i++) {
        struct ends e = pipe_of(O_NONBLOCK);
        char data[4] = "";
        rota_task *r = rota_create_task(read_fd, e.in, data, sizeof data);
        for (int k = 0; k <= i % 3; k++)
            CHECK_INT(rota_checkpoint(), 0);
        if (i % 2)
            CHECK_INT(rota_write(e.out, "old", 3), 3);
        for (int k = 0; k < i / 6 % 2; k++)
            CHECK_INT(rota_checkpoint(), 0);
        CHECK_INT(rota_close(e.in), 0);
        struct ends n = pipe_of(O_NONBLOCK);
        write_fully(n.out, "new", 3);
        int rc = rota_await(r);
        if (rc == 3)
            CHECK(memcmp(data, "old", 3) == 0);
        else
            CHECK_INT(rc, -EBADF);
        read_ok += rc == 3;
        closed += rc == -EBADF;
        CHECK_INT(rota_read(n.in, data, 4), 3);
        CHECK(memcmp(data, "new", 3) == 0);
        ends_close(&n);
        CHECK_INT(rota_close(e.out), 0);
    }
    CHECK(read_ok > 0 && closed > 0);
    return 0;
}

TEST_LIMITED("PITFALL 24: 3000 closes that meet data and a used number", 120)
{
    run_clean(reuses_numbers);
}

static int waits(void *arg)
{
    (void)arg;
    struct ends e = pipe_of(0);
    CHECK_INT(rota_wait_fd(e.out, POLLOUT), POLLOUT);
    rota_task *t = rota_create_task(wait_fd, e.in, POLLIN);
    settle();
    CHECK(!rota_task_done(t));
    CHECK_INT(rota_wait_fd(e.in, POLLIN), -EBUSY);
    write_fully(e.out, "x", 1);
    CHECK_INT(rota_await(t), POLLIN);
    int rc = 0;
    char data[4];
    CHECK_INT(rota_read(e.in, data, 4), 1);
    ROTA_TIMEOUT (rota_ms(1), rc) {
        rc = rota_wait_fd(e.in, POLLIN);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(rota_close(e.out), 0);
    CHECK(rota_wait_fd(e.in, POLLIN) & POLLHUP);
    CHECK_INT(rota_close(e.in), 0);
    CHECK_INT(rota_wait_fd(e.in, POLLIN), -EBADF);
    return 0;
}

TEST("rota_wait_fd tells which events hold, and is cut short by a deadline")
{
    run_clean(waits);
}

static int reads_race(void *arg)
{
    (void)arg;
    enum { ROUNDS = 5000 };
    for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
        struct ends e = pipe_of(flags);
        int got = 0, cancelled = 0;
        for (int i = 0; i < ROUNDS; i++) {
            char data[4] = "", mark = (char)('A' + i % 26);
            rota_task *t = rota_create_task(read_fd, e.in, data, sizeof data);
            for (int k = 0; k < i % 3; k++)
                CHECK_INT(rota_checkpoint(), 0);
            write_fully(e.out, &mark, 1);
            for (int k = 0; k < i / 3 % 3; k++)
                CHECK_INT(rota_checkpoint(), 0);
            rota_task_cancel(t, "test");
            int rc = rota_await(t);
            got += rc == 1;
            cancelled += rc == -ROTA_ECHILD;
            if (rc < 0)
                CHECK_INT(rota_read(e.in, data, sizeof data), 1);
            CHECK_INT(data[0], mark);
        }
        CHECK(got > 0 && cancelled > 0);
        CHECK_INT(got + cancelled, ROUNDS);
        ends_close(&e);
    }
    return 0;
}

TEST_LIMITED("10000 cancels that meet a byte in a pipe lose none", 120)
{
    run_clean(reads_race);
}

static int odd_files(void *arg)
{
    (void)arg;
    char data[8];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    CHECK_INT(rota_read(null, data, 8), 0);
    CHECK_INT(rota_write(null, data, 8), 8);
    CHECK_INT(rota_wait_fd(null, POLLIN), POLLIN);
    CHECK_INT(rota_close(null), 0);
    FILE *f = tmpfile();
    CHECK(f != NULL);
    int fd = fileno(f);
    CHECK_INT(rota_write(fd, "plain", 5), 5);
    CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
    CHECK_INT(rota_read(fd, data, 8), 5);
    CHECK_INT(rota_read(fd, data, 8), 0);
    fclose(f);
    return 0;
}

TEST("PITFALL 25: /dev/null and a file on disk can be read and written")
{
    run_clean(odd_files);
}

static int storm(void *arg)
{
    test_storm_begin();
    while (test_storm_count() < 200) {
        CHECK_INT(pumps(arg), 0);
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    }
    test_storm_end();
    return 0;
}

TEST_LIMITED("PITFALL 26: signals that interrupt every call change nothing",
             120)
{
    run_clean(storm);
}

static int pump_often(void *arg)
{
    for (int i = 0; i < 20; i++) {
        CHECK_INT(pumps(arg), 0);
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    }
    return 0;
}

/* PITFALL 26 */
TEST_LIMITED("a process that is stopped and continued again and again goes on",
             120)
{
    test_needs_kernel();
    pid_t pid = fork();
    if (pid == 0) {
        run_clean(pump_often);
        _exit(0);
    }
    int status = 0, stops = 0;
    pid_t ended = 0;
    for (; ended == 0; stops++) {
        kill(pid, SIGSTOP);
        usleep(1000);
        kill(pid, SIGCONT);
        usleep(1000);
        ended = waitpid(pid, &status, WNOHANG);
    }
    CHECK_INT(ended, pid);
    CHECK_INT(status, 0);
    CHECK(stops > 1);
}

static void reads_outside(void)
{
    char c;
    _exit(rota_read(0, &c, 1) == -EPERM ? 0 : 1);
}

TEST("outside of a task a suspending call is misuse, and says so")
{
    char text[512];
    int status = test_child(reads_outside, text, sizeof text);
    CHECK(WIFSIGNALED(status));
    CHECK_HAS(text, "outside of a task");
}
