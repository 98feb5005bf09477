/*
 * Which backend is chosen, what happens where io_uring is forbidden, and that
 * the paths for older kernels give the same results as the newest.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "loop/uring.h"
#include "ops.h"
#include "rota/run.h"
#include "rota/task.h"

static void lines(const char *text, const char *word, int want)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        n++;
    CHECK_INT(n, want);
}

static void use_wrong_name(void)
{
    setenv("ROTA_BACKEND", "nonsense", 1);
    CHECK_INT(loop_init(&loop), -EINVAL);
    /* Nothing is kept: the next attempt is not hindered. */
    setenv("ROTA_BACKEND", "epoll", 1);
    CHECK_INT(loop_init(&loop), 0);
    CHECK_STR(loop.backend->name, "epoll");
    loop_fini(&loop);
}

TEST("a ROTA_BACKEND there is not is an error, told in one line")
{
    char err[4096];
    CHECK_INT(test_child(use_wrong_name, err, sizeof err), 0);
    CHECK_HAS(err, "error");
    lines(err, "nonsense", 1);
}

static void install(struct sock_filter *code, size_t count)
{
    struct sock_fprog program = { (unsigned short)count, code };
    CHECK_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_INT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* From here on the system call fails with `error`. */
static void forbid(int number, int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    install(code, sizeof code / sizeof *code);
}

/* From here on a ring takes submissions only together with completions, as
 * when these overflow. */
static void forbid_early_submits(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 offsetof(struct seccomp_data, args[3])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IORING_ENTER_GETEVENTS, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EBUSY),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    install(code, sizeof code / sizeof *code);
}

static void echo_once(void)
{
    int ends[2];
    char data[8];
    make_pair(ends);
    struct job in = job_make(OP_RECV, ends[0], data, sizeof data);
    struct job out = job_make(OP_SEND, ends[1], "hello", 5);
    job_start(&in);
    CHECK_INT(job_run(&out), 5);
    turn_until(in.ended);
    CHECK_INT(in.last, 5);
    CHECK_INT(op_close(&loop, ends[0]), 0);
    CHECK_INT(op_close(&loop, ends[1]), 0);
}

static void run_without_uring(int error)
{
    forbid(SYS_io_uring_setup, error);
    setenv("ROTA_BACKEND", "uring", 1);
    for (int i = 0; i < 3; i++) {
        begin();
        CHECK_STR(loop.backend->name, "epoll");
        echo_once();
        end();
        unsetenv("ROTA_BACKEND");
    }
}

static void run_forbidden(void)
{
    run_without_uring(EPERM);
}

static void run_unknown(void)
{
    run_without_uring(ENOSYS);
}

static void run_without_memory(void)
{
    run_without_uring(ENOMEM);
}

/* PITFALL 31 */
TEST("io_uring forbidden, unknown or out of memory: epoll, and one line")
{
    test_needs_kernel();
    void (*cases[])(void) = { run_forbidden, run_unknown, run_without_memory };
    for (int i = 0; i < 3; i++) {
        char err[4096];
        CHECK_INT(test_child(cases[i], err, sizeof err), 0);
        lines(err, "using epoll", 1);
        lines(err, "\n", 1);
    }
}

/* Kernels before 5.12 count a ring's memory among what may be locked. */
static void run_without_locked_memory(void)
{
    CHECK_INT(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 0, 0 }), 0);
    begin();
    echo_once();
    end();
}

/* PITFALL 31 */
TEST("where no memory may be locked, there is a backend all the same")
{
    char err[4096];
    CHECK_INT(test_child(run_without_locked_memory, err, sizeof err), 0);
}

static int sleep_forbidden(void *arg)
{
    (void)arg;
    const int waits[] = {
        SYS_epoll_pwait,
        SYS_epoll_pwait2,
        SYS_io_uring_enter,
#ifdef SYS_epoll_wait
        SYS_epoll_wait,
#endif
    };
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        forbid(waits[i], EBADF);
    return rota_sleep(rota_ms(1));
}

static void run_blind(void)
{
    rota_ignore(rota_run(sleep_forbidden, NULL, NULL));
}

/* PITFALL 31 */
TEST("a loop that can wait for nothing any more dies with the reason")
{
    test_needs_kernel();
    char err[4096];
    int status = test_child(run_blind, err, sizeof err);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK_HAS(err, "cannot be waited at any more: Bad file descriptor");
}

static bool fired;

static void note_fired(struct timer *t)
{
    (void)t;
    fired = true;
}

TEST("epoll without epoll_pwait2 waits in milliseconds, never too short")
{
    test_needs_kernel();
    setenv("ROTA_BACKEND", "epoll", 1);
    forbid(SYS_epoll_pwait2, ENOSYS);
    begin();
    rota_time before = rota_now();
    settle();
    CHECK(rota_now() - before >= rota_ms(30));
    echo_once();
    int turns = 0;
    struct timer t = { .fire = note_fired };
    CHECK_INT(timer_arm(&loop.timers, &t, rota_now() + rota_us(900)), 0);
    for (; !fired; turns++)
        loop_turn(&loop);
    CHECK(turns <= 3); /* rounded down it would spin the last moment */
    end();
}

/* Begins on io_uring as if the kernel lacked some parts. */
static void begin_with_less(unsigned parts)
{
    setenv("ROTA_BACKEND", "uring", 1);
    uring_forbidden = parts;
    begin();
    if (!on_uring())
        test_skip("no io_uring here");
}

TEST("by default a ring that lacks too much is not used")
{
    unsetenv("ROTA_BACKEND");
    begin();
    bool usual = on_uring();
    end();
    if (!usual)
        test_skip("epoll is the default here");
    uring_forbidden = URING_DEFER;
    begin();
    CHECK_STR(loop.backend->name, "epoll");
    end();
}

static void accept_some(void)
{
    struct sockaddr_in address;
    int listener = make_listener(&address, 64);
    struct job door = job_make(OP_ACCEPT, listener, NULL, 0);
    job_start(&door);
    for (int i = 0; i < 10; i++)
        close(dial(&address));
    turn_until(door.calls == 10);
    CHECK(door.last >= 0 && door.op.armed);
    CHECK_INT(job_stop(&door), -ECANCELED);
    CHECK_INT(op_close(&loop, listener), 0);
}

static void stream_some(void)
{
    enum { SIZE = 3 << 20 };
    int ends[2];
    char *data = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = pattern(i);
    make_tcp_pair(ends);
    struct job in = job_make(OP_STREAM, ends[0], NULL, 0);
    struct job out = job_make(OP_SEND, ends[1], data, SIZE);
    in.bytes = malloc(SIZE);
    job_start(&in);
    CHECK_INT(job_run(&out), SIZE);
    turn_until(in.got == SIZE);
    CHECK(memcmp(in.bytes, data, SIZE) == 0);
    CHECK_INT(job_stop(&in), -ECANCELED);
    job_start(&in);
    reset_close(ends[1]);
    turn_until(in.ended);
    CHECK_INT(in.last, -ECONNRESET);
    CHECK_INT(op_close(&loop, ends[0]), 0);
    free(in.bytes);
    free(data);
}

static void pipe_some(void)
{
    int ends[2];
    char data[8];
    make_pipe(ends);
    struct job in = job_make(OP_READ, ends[0], data, sizeof data);
    job_start(&in);
    glance();
    glance();
    CHECK_INT(write(ends[1], "abc", 3), 3);
    turn_until(in.ended);
    CHECK_INT(in.last, 3);
    job_start(&in);
    glance();
    glance();
    CHECK_INT(job_stop(&in), -ECANCELED);
    op_close(&loop, ends[0]);
    op_close(&loop, ends[1]);
}

static int woken;

static void note_woken(struct post *p)
{
    (void)p;
    woken++;
}

static void wake_some(void)
{
    struct post p = { .run = note_woken };
    woken = 0;
    for (int i = 0; i < 5; i++) {
        /* What loop_post does when it finds the loop asleep. */
        uint64_t one = 1;
        loop_post(&loop, &p);
        CHECK_INT(write(loop.inbox.wake_fd, &one, sizeof one), sizeof one);
        turn_until(woken == i + 1);
        settle();
    }
}

static void run_all(unsigned without)
{
    begin_with_less(without);
    echo_once();
    accept_some();
    stream_some();
    pipe_some();
    wake_some();
    end();
}

TEST("an io_uring with all its parts works")
{
    run_all(0);
}

TEST("an io_uring without deferred task work works")
{
    run_all(URING_DEFER);
}

TEST("an io_uring without any flag works")
{
    run_all(URING_DEFER | URING_COOP);
}

TEST("an io_uring without multishot receives and accepts works")
{
    run_all(URING_MULTISHOT_RECV | URING_MULTISHOT_ACCEPT);
}

TEST("an io_uring that has nothing of the newer parts works")
{
    run_all(URING_DEFER | URING_COOP | URING_MULTISHOT_RECV |
            URING_MULTISHOT_ACCEPT | URING_MULTISHOT_POLL);
}

TEST("a stream without multishot, cancelled and begun again, loses nothing")
{
    begin_with_less(URING_MULTISHOT_RECV);
    int ends[2];
    make_tcp_pair(ends);
    struct job in = job_make(OP_STREAM, ends[0], NULL, 0);
    for (size_t i = 1; i <= 500; i++) {
        job_start(&in);
        if (i % 3)
            glance();
        CHECK_INT(write(ends[1], "x", 1), 1);
        if (i % 2)
            glance();
        job_stop(&in);
    }
    job_start(&in);
    turn_until(in.got == 500);
    job_stop(&in);
    end();
}

static void handle_sigpipe(int number)
{
    (void)number;
}

static void write_to_nobody(void)
{
    int ends[2];
    begin();
    make_pipe(ends);
    close(ends[0]);
    struct job j = job_make(OP_WRITE, ends[1], "x", 1);
    CHECK_INT(job_run(&j), -EPIPE);
    end();
}

TEST("a loop makes SIGPIPE harmless, unless the program chose otherwise")
{
    char err[1024];
    CHECK_INT(test_child(write_to_nobody, err, sizeof err), 0);
    struct sigaction now;
    signal(SIGPIPE, handle_sigpipe);
    begin();
    CHECK_INT(sigaction(SIGPIPE, NULL, &now), 0);
    CHECK(now.sa_handler == handle_sigpipe);
    end();
}

TEST("ops for which the ring has no room wait their turn, also to be cancelled")
{
    enum { MANY = 700 };
    static struct job jobs[MANY];
    static struct parcel parcels[MANY];
    static int ends[MANY][2];
    raise_files();
    begin_with_less(0);
    forbid_early_submits();
    for (int i = 0; i < MANY; i++) {
        make_pair(ends[i]);
        jobs[i] = job_receive(ends[i][0], &parcels[i]);
        job_start(&jobs[i]);
    }
    /* These were never handed over: they end at once. */
    CHECK_INT(op_cancel(&loop, &jobs[MANY - 1].op), 1);
    CHECK_INT(op_cancel(&loop, &jobs[0].op), 0);
    for (int i = 1; i < MANY - 1; i += 2)
        CHECK_INT(write(ends[i][1], "x", 1), 1);
    for (int i = 1; i < MANY - 1; i += 2) {
        turn_until(jobs[i].ended);
        CHECK_INT(jobs[i].last, 1);
    }
    turn_until(jobs[0].ended);
    CHECK_INT(jobs[0].last, -ECANCELED);
    for (int i = 2; i < MANY - 1; i += 2)
        CHECK_INT(op_cancel(&loop, &jobs[i].op), 0);
    for (int i = 2; i < MANY - 1; i += 2) {
        turn_until(jobs[i].ended);
        CHECK_INT(jobs[i].last, -ECANCELED);
    }
    end();
}
