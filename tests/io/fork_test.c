/*
 * fork: the child has no loop, and cannot hurt its parent's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rota.h"
#include "test.h"

/* Runs fn in a child; waits for its end without the loop. */
static int in_child(void (*fn)(int fd), int fd)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        fn(fd);
        fflush(NULL);
        _exit(0);
    }
    int status = -1;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    return status;
}

static ROTA_ASYNC(read_one, (int, fd))
{
    char c;
    ssize_t n = rota_read(fd, &c, 1);
    return n == 1 ? c : (int)n;
}

static int task_fn(void *arg)
{
    return arg != NULL;
}

static void nothing(void *arg)
{
    (void)arg;
}

static void call_all(int fd)
{
    char c = 'x';
    rota_scope s;
    rota_group g;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    rota_signals *signals;
    CHECK(rota_current_task() == NULL);
    CHECK(rota_create_task(read_one, fd) == NULL);
    CHECK(rota_future_new() == NULL);
    CHECK_INT(rota_sleep(1), -ESTALE);
    CHECK_INT(rota_checkpoint(), -ESTALE);
    CHECK_INT(rota_await(NULL), -ESTALE);
    CHECK_INT(rota_read(fd, &c, 1), -ESTALE);
    CHECK_INT(rota_write(fd, &c, 1), -ESTALE);
    CHECK_INT(rota_close(fd), -ESTALE);
    CHECK_INT(rota_scope_begin(&s, 0), -ESTALE);
    CHECK_INT(rota_group_begin(&g, 0), -ESTALE);
    CHECK_INT(rota_to_thread(task_fn, NULL), -ESTALE);
    CHECK_INT(rota_call_soon(nothing, NULL), -ESTALE);
    CHECK_INT(rota_defer(nothing, NULL), -ESTALE);
    CHECK_INT(rota_signals_open(&set, &signals), -ESTALE);
    CHECK_INT(rota_add_signal_handler(SIGUSR1, nothing, NULL), -ESTALE);
    CHECK_INT(rota_file_open("/dev/null", O_RDONLY, 0), -ESTALE);
    CHECK_INT(rota_run(task_fn, NULL, NULL), -ESTALE);
}

static int fork_and_go_on(void *arg)
{
    (void)arg;
    int ends[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    rota_task *t = rota_create_task(read_one, ends[0]);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(in_child(call_all, ends[1]), 0);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(rota_write(ends[1], "y", 1), 1);
    CHECK_INT(rota_await(t), 'y');
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* FORK-01, PITFALL 59 */
TEST("in the child every call is -ESTALE; the parent goes on")
{
    CHECK_INT(rota_run(fork_and_go_on, NULL, NULL), 0);
}

static int ping_pong(void *arg)
{
    (void)arg;
    int ends[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    rota_task *t = rota_create_task(read_one, ends[0]);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(rota_write(ends[1], "p", 1), 1);
    CHECK_INT(rota_await(t), 'p');
    CHECK_INT(rota_close(ends[0]), 0);
    CHECK_INT(rota_close(ends[1]), 0);
    CHECK_INT(rota_to_thread(task_fn, "x"), 1);
    return 5;
}

static size_t open_fds(void)
{
    size_t n = 0;
    for (int fd = 3; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static size_t fds_before;

static void begin_anew(int fd)
{
    sigset_t mask;
    CHECK_INT(rota_after_fork_child(), 0);
    CHECK_INT(rota_after_fork_child(), 0);
    close(fd);
    CHECK_INT(open_fds(), fds_before);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    CHECK_INT(sigismember(&mask, SIGUSR1), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(rota_run(ping_pong, NULL, NULL), 5);
    CHECK_INT(open_fds(), fds_before);
}

static void count_signal(void *count)
{
    ++*(int *)count;
}

static int forks_anew(void *arg)
{
    (void)arg;
    int signals = 0, ends[2];
    CHECK_INT(pipe(ends), 0);
    CHECK_INT(rota_add_signal_handler(SIGUSR1, count_signal, &signals), 0);
    rota_task *t = rota_create_task(read_one, ends[0]);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    fds_before += 2 - 1; /* what the child keeps: the pipe, less one end */
    CHECK_INT(in_child(begin_anew, ends[1]), 0);
    CHECK_INT(write(ends[1], "z", 1), 1);
    CHECK_INT(rota_await(t), 'z');
    CHECK_INT(kill(getpid(), SIGUSR1), 0);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(signals, 1);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* FORK-02, PITFALL 59 */
TEST("after rota_after_fork_child a child runs loops of its own")
{
    fds_before = open_fds();
    CHECK_INT(rota_run(forks_anew, NULL, NULL), 0);
}

static int fork_on_thread(void *arg)
{
    return in_child(begin_anew, *(int *)arg);
}

static int forks_on_thread(void *arg)
{
    (void)arg;
    int fd = dup(STDERR_FILENO);
    return rota_to_thread(fork_on_thread, &fd);
}

static void *fork_beside(void *arg)
{
    CHECK_INT(in_child(call_all, -1), 0);
    CHECK_INT(in_child(begin_anew, *(int *)arg), 0);
    return NULL;
}

static int forks_beside(void *arg)
{
    (void)arg;
    int fd = dup(STDERR_FILENO);
    pthread_t other;
    CHECK_INT(pthread_create(&other, NULL, fork_beside, &fd), 0);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(pthread_join(other, NULL), 0);
    return close(fd);
}

/* PITFALL 59 */
TEST("so does the child of a pool thread, and of one that has no loop")
{
    fds_before = open_fds();
    CHECK_INT(rota_run(forks_on_thread, NULL, NULL), 0);
    fds_before = open_fds(); /* the one dup'ed above is still open */
    CHECK_INT(rota_run(forks_beside, NULL, NULL), 0);
}

static void close_it(int fd)
{
    CHECK_INT(close(fd), 0);
}

static int closes_in_child(void *arg)
{
    (void)arg;
    int ends[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    rota_task *t = rota_create_task(read_one, ends[0]);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(in_child(close_it, ends[0]), 0);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK(!rota_task_done(t));
    CHECK_INT(write(ends[1], "w", 1), 1);
    CHECK_INT(rota_await(t), 'w');
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* FORK-03 */
TEST("a socket the child closes still wakes the parent")
{
    CHECK_INT(rota_run(closes_in_child, NULL, NULL), 0);
}

static void raise_term(int fd)
{
    (void)fd;
    kill(getpid(), SIGTERM); /* blocked here: pending, and nobody reads it */
    CHECK_INT(rota_sleep(1), -ESTALE);
    CHECK_INT(rota_after_fork_child(), 0);
    _exit(3); /* the default has ended us before */
}

static void raise_int(int fd)
{
    (void)fd;
    kill(getpid(), SIGINT);
    _exit(3);
}

static int signals_child(void *arg)
{
    (void)arg;
    int count = 0;
    CHECK_INT(rota_add_signal_handler(SIGTERM, count_signal, &count), 0);
    int status = in_child(raise_term, -1);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    status = in_child(raise_int, -1);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    CHECK_INT(rota_sleep(rota_ms(2)), 0);
    CHECK_INT(count, 0);
    return 0;
}

/* FORK-04 */
TEST("a signal to the child alone is none of the parent's handlers'")
{
    signal(SIGINT, SIG_DFL);
    CHECK_INT(rota_run(signals_child, NULL, NULL), 0);
}

static int goes_on(void *arg)
{
    (void)arg;
    fflush(NULL);
    pid_t pid = fork();
    if (pid > 0) {
        int status;
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
    return 0;
}

static void run_goes_on(void)
{
    CHECK_INT(rota_run(goes_on, NULL, NULL), 0);
}

TEST("a child that goes on as if it were the parent is a clear panic")
{
    char err[1024];
    CHECK_INT(test_child(run_goes_on, err, sizeof err), 0);
    CHECK_HAS(err, "a child made by fork went on in its parent's loop");
}

static void exit_at_once(int fd)
{
    (void)fd;
    exit(0); /* with what atexit has */
}

static int exits(void *arg)
{
    (void)arg;
    CHECK_INT(rota_to_thread(task_fn, NULL), 0);
    return in_child(exit_at_once, -1);
}

/* PITFALL 59 */
TEST("a child may exit in order")
{
    CHECK_INT(rota_run(exits, NULL, NULL), 0);
}

static void run_plainly(int fd)
{
    (void)fd;
    CHECK_INT(rota_run(ping_pong, NULL, NULL), 5);
}

TEST("who forks while no loop runs needs nothing of all this")
{
    CHECK_INT(rota_run(ping_pong, NULL, NULL), 5);
    CHECK_INT(in_child(run_plainly, -1), 0);
}
