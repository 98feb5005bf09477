/*
 * Child processes: started, fed, waited for, signalled, and always reaped.
 */
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "pair.h"

static const char *const true_[] = { "true", NULL };

static rota_process *start(const char *const *argv,
                           const rota_process_options *o)
{
    rota_process *p = NULL;
    CHECK_INT(rota_process_start(argv, o, &p), 0);
    return p;
}

static rota_process *shell(const char *line, const rota_process_options *o)
{
    rota_process *p = NULL;
    CHECK_INT(rota_process_shell(line, o, &p), 0);
    return p;
}

/* Runs a main that may leave neither a descriptor nor a child behind. */
static void run_reaped(rota_fn *fn)
{
    test_needs_kernel();
    run_clean(fn);
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
    CHECK_INT(errno, ECHILD);
}

static int echo_much(void *arg)
{
    (void)arg;
    enum { SIZE = 1 << 20 };
    char *data = malloc(SIZE);
    for (int i = 0; i < SIZE; i++)
        data[i] = (char)(i % 251);
    const char *const cat[] = { "cat", NULL };
    rota_process_options o = { .in = ROTA_PROCESS_PIPE,
                               .out = ROTA_PROCESS_PIPE };
    rota_process *p = start(cat, &o);
    CHECK_INT(rota_process_communicate(p, data, SIZE), 0);
    rota_str out = rota_process_output(p);
    CHECK_INT(out.len, SIZE);
    CHECK(memcmp(out.ptr, data, SIZE) == 0);
    int status = -1;
    CHECK_INT(rota_process_wait(p, &status), 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    rota_process_free(p);
    free(data);
    return 0;
}

/* PROC-01 */
TEST("a MiB goes through cat and comes back whole")
{
    run_reaped(echo_much);
}

static int not_there(void *arg)
{
    (void)arg;
    rota_process *p = NULL;
    rota_process_options o = { .in = ROTA_PROCESS_PIPE,
                               .out = ROTA_PROCESS_PIPE,
                               .err = ROTA_PROCESS_PIPE };
    const char *const none[] = { "/no/such/program", NULL };
    const char *const folder[] = { "/", NULL };
    const char *const empty[] = { NULL };
    CHECK_INT(rota_process_start(none, &o, &p), -ENOENT);
    CHECK_INT(rota_process_start(folder, &o, &p), -EACCES);
    CHECK_INT(rota_process_start(empty, &o, &p), -EINVAL);
    o.cwd = "/no/such/folder";
    CHECK_INT(rota_process_start(true_, &o, &p), -ENOENT);
    o = (rota_process_options){ .in = ROTA_PROCESS_STDOUT };
    CHECK_INT(rota_process_start(true_, &o, &p), -EINVAL);
    o = (rota_process_options){ .out = 9999 };
    CHECK_INT(rota_process_start(true_, &o, &p), -EBADF);
    CHECK(p == NULL);
    return 0;
}

/* PROC-02, PITFALL 58 */
TEST("a program that cannot be executed is an error of the start")
{
    run_reaped(not_there);
}

static ROTA_ASYNC(wait_status, (rota_process *, p))
{
    int status = -1;
    int rc = rota_process_wait(p, &status);
    return rc < 0 ? rc : WEXITSTATUS(status);
}

static int many_wait(void *arg)
{
    (void)arg;
    rota_process_options o = { .in = ROTA_PROCESS_PIPE };
    rota_process *p = shell("read x; exit 7", &o);
    rota_task *t[3];
    int results[3];
    for (int i = 0; i < 3; i++)
        t[i] = rota_create_task(wait_status, p);
    settle();
    CHECK_INT(rota_write(rota_process_in(p), "\n", 1), 1);
    CHECK_INT(rota_gather(t, 3, results, 0), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(results[i], 7);
    CHECK_INT(wait_status(p), 7); /* and afterwards */
    rota_process_free(p);
    return 0;
}

/* PROC-03 */
TEST("any number of tasks wait, before the end and after it")
{
    run_reaped(many_wait);
}

static int cancelled_wait(void *arg)
{
    (void)arg;
    rota_process_options o = { .in = ROTA_PROCESS_PIPE };
    rota_process *p = shell("read x; exit 3", &o);
    rota_task *t = rota_create_task(wait_status, p);
    settle();
    rota_task_cancel(t, "enough");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rota_process_signal(p, 0), 0); /* it lives */
    rota_process_close_in(p);
    CHECK_INT(rota_process_in(p), -1);
    CHECK_INT(wait_status(p), 3);
    rota_process_free(p);
    return 0;
}

/* PROC-04 */
TEST("a cancelled wait leaves the process alone, and a later one succeeds")
{
    run_reaped(cancelled_wait);
}

static int exact_status(void *arg)
{
    (void)arg;
    int status = -1;
    rota_process *p = shell("kill -9 $$", NULL);
    CHECK_INT(rota_process_wait(p, &status), 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    rota_process_free(p);
    p = shell("exit 255", NULL);
    CHECK_INT(rota_process_wait(p, &status), 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 255);
    rota_process_free(p);
    return 0;
}

/* PITFALL 58 */
TEST("the status tells an exit from a signal")
{
    run_reaped(exact_status);
}

static int resumed(void *arg)
{
    (void)arg;
    rota_process_options o = { .in = ROTA_PROCESS_PIPE,
                               .out = ROTA_PROCESS_PIPE };
    rota_process *p = shell("echo one; read x; echo two $x", &o);
    int rc = 0;
    while (rota_process_output(p).len < 4) { /* until "one" is there */
        rc = 0;
        ROTA_TIMEOUT (rota_ms(20), rc) {
            rc = rota_process_communicate(p, "", 0);
        }
        if (rc == 0)
            break;
        CHECK_INT(rc, -ETIMEDOUT);
        if (rota_process_in(p) < 0) /* nothing to feed: it was closed */
            break;
    }
    CHECK_INT(rota_process_communicate(p, "", 0), 0);
    rota_str out = rota_process_output(p);
    CHECK(rota_str_eq(out, ROTA_STR("one\ntwo\n")));
    rota_process_free(p);
    return 0;
}

TEST("a communicate that was cut goes on where it was, and loses no output")
{
    run_reaped(resumed);
}

static int grandchild(void *arg)
{
    (void)arg;
    rota_process_options o = { .out = ROTA_PROCESS_PIPE,
                               .in = ROTA_PROCESS_PIPE };
    /* The grandchild keeps both pipes until our end of `in` is closed. */
    rota_process *p = shell("exec 3<&0; (read x <&3; :) & echo data", &o);
    int status = -1;
    CHECK_INT(rota_process_wait(p, &status), 0);
    CHECK(WIFEXITED(status));
    char data[16];
    CHECK_INT(rota_read(rota_process_out(p), data, sizeof data), 5);
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(20), rc) {
        rc = (int)rota_read(rota_process_out(p), data, sizeof data);
    }
    CHECK_INT(rc, -ETIMEDOUT); /* no end yet */
    rota_process_close_in(p);
    CHECK_INT(rota_read(rota_process_out(p), data, sizeof data), 0);
    rota_process_free(p);
    return 0;
}

/* PROC-06 */
TEST("waiting is for the process and not for whoever has its pipes")
{
    run_reaped(grandchild);
}

static int signal_after_end(void *arg)
{
    (void)arg;
    rota_process *p = start(true_, NULL);
    CHECK_INT(rota_process_wait(p, NULL), 0);
    CHECK_INT(rota_process_signal(p, SIGKILL), -ESRCH);
    CHECK_INT(rota_process_stop(p), 0);
    rota_process_free(p);
    rota_process_free(NULL);
    return 0;
}

TEST("a process that was reaped cannot be signalled")
{
    run_reaped(signal_after_end);
}

/* Has the next process get the number `pid`: false where that is not ours to
 * say. */
static bool next_pid_is(pid_t pid)
{
    FILE *f = fopen("/proc/sys/kernel/ns_last_pid", "w");
    if (!f)
        return false;
    fprintf(f, "%d", pid - 1);
    return fclose(f) == 0;
}

static int reuse(void *arg)
{
    (void)arg;
    rota_process *p = start(true_, NULL);
    CHECK_INT(rota_process_wait(p, NULL), 0);
    pid_t stranger = -1;
    for (int i = 0; i < 100 && stranger != rota_process_pid(p); i++) {
        if (stranger > 0) {
            kill(stranger, SIGKILL);
            waitpid(stranger, NULL, 0);
        }
        if (!next_pid_is(rota_process_pid(p)))
            _exit(77);
        stranger = fork();
        if (stranger == 0) {
            pause();
            _exit(0);
        }
    }
    CHECK_INT(stranger, rota_process_pid(p));
    CHECK_INT(rota_process_signal(p, SIGKILL), -ESRCH);
    CHECK_INT(waitpid(stranger, NULL, WNOHANG), 0); /* it lives */
    kill(stranger, SIGKILL);
    CHECK_INT(waitpid(stranger, NULL, 0), stranger);
    rota_process_free(p);
    return 0;
}

/* PROC-07 */
TEST("whoever is given the number of an ended process is safe from signals")
{
    test_needs_kernel();
    if (test_sanitized())
        test_skip("a leak checker cannot look into another namespace");
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0 && unshare(CLONE_NEWPID) < 0)
        test_skip("pid namespaces are not allowed here");
    pid_t first = fork();
    if (first == 0)
        _exit(rota_run(reuse, NULL, NULL) == 0 ? 0 : 1);
    int status = 0;
    CHECK_INT(waitpid(first, &status, 0), first);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        test_skip("the next process' number cannot be chosen here");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static ROTA_ASYNC(run_stubborn, (const char *, line))
{
    const char *const argv[] = { "/bin/sh", "-c", line, NULL };
    rota_process_options o = { .grace = rota_ms(50) };
    rota_process *p = NULL;
    int status;
    int rc = rota_process_run(argv, &o, NULL, 0, &status, &p);
    CHECK(p == NULL);
    return rc;
}

static int escalate(void *arg)
{
    (void)arg;
    rota_task *t = rota_create_task(
        run_stubborn, "trap '' TERM; while :; do sleep 0.01; done");
    CHECK_INT(rota_sleep(rota_ms(50)), 0);
    rota_task_cancel(t, "enough");
    rota_outcome out;
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.rc, -ECANCELED);
    rota_task_unref(t);
    return 0;
}

/* PROC-08 */
TEST("a cancelled run ends a child that ignores SIGTERM by SIGKILL")
{
    run_reaped(escalate);
}

static ROTA_ASYNC(start_and_stop, (int, wait_us))
{
    (void)wait_us;
    const char *const argv[] = { "sleep", "1000", NULL };
    rota_process_options o = { .in = ROTA_PROCESS_PIPE,
                               .out = ROTA_PROCESS_PIPE };
    rota_process *p = NULL;
    int rc = rota_process_start(argv, &o, &p);
    CHECK((rc == 0) == (p != NULL));
    if (rc == 0) {
        rota_process_signal(p, SIGKILL);
        ROTA_SHIELD (ROTA_FOREVER) {
            CHECK_INT(rota_process_wait(p, NULL), 0);
        }
        rota_process_free(p);
    }
    return rc;
}

static int cancel_starts(void *arg)
{
    (void)arg;
    int cut = 0, rounds = test_sanitized() ? 100 : 1000;
    for (int i = 0; i < rounds; i++) {
        rota_task *t = rota_create_task(start_and_stop, i);
        for (int j = 0; j < i % 8; j++)
            CHECK_INT(rota_sleep(rota_us(100)), 0);
        rota_task_cancel(t, "changed my mind");
        rota_outcome out;
        CHECK_INT(rota_join(t, &out), 0);
        CHECK(out.rc == 0 || out.rc == -ECANCELED);
        cut += out.rc == -ECANCELED;
        rota_task_unref(t);
    }
    CHECK(cut > 0);
    return 0;
}

/* PROC-09 */
TEST_LIMITED("a start cancelled at any moment leaves no child behind", 120)
{
    run_reaped(cancel_starts);
}

static int inspect(void *arg)
{
    (void)arg;
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    CHECK_INT(sigprocmask(SIG_BLOCK, &usr1, NULL), 0);
    CHECK(signal(SIGUSR2, SIG_IGN) != SIG_ERR);
    int leak = dup(0); /* inheritable */
    CHECK(leak >= 0);
    const char *const argv[] = {
        "sh", "-c",
        "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status | cut -f2;"
        "cd /proc/self/fd; echo *",
        NULL
    };
    rota_process *p;
    int status;
    CHECK_INT(rota_process_run(argv, NULL, NULL, 0, &status, &p), 0);
    rota_str out = rota_process_output(p);
    char text[256] = "";
    CHECK(out.len < sizeof text);
    memcpy(text, out.ptr, out.len);
    unsigned long long blocked, ignored, caught;
    int at = 0;
    CHECK_INT(
        sscanf(text, "%llx %llx %llx %n", &blocked, &ignored, &caught, &at), 3);
    CHECK_INT(blocked, 0);
    CHECK_INT(ignored, 0);
    /* 3 is what the shell reads its own folder by */
    CHECK(strcmp(text + at, "0 1 2\n") == 0 ||
          strcmp(text + at, "0 1 2 3\n") == 0);
    rota_process_free(p);
    close(leak);
    return 0;
}

/* PROC-10, PITFALL 58 */
TEST("a child has no signal blocked or ignored, and descriptors 0 to 2")
{
    run_reaped(inspect);
}

static int drop_handle(void *arg)
{
    (void)arg;
    rota_process *p = start(true_, NULL);
    pid_t pid = rota_process_pid(p);
    rota_process_free(p);
    while (kill(pid, 0) == 0) /* until it is no zombie any more */
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    return 0;
}

/* PROC-11 */
TEST("a process whose handle was dropped is reaped all the same")
{
    run_reaped(drop_handle);
}

static rota_process *abandoned;

static int kill_on_free(void *arg)
{
    (void)arg;
    const char *const argv[] = { "sleep", "1000", NULL };
    rota_process_options o = { .flags = ROTA_PROCESS_KILL_ON_FREE };
    rota_process *p = start(argv, &o);
    pid_t pid = rota_process_pid(p);
    rota_process_free(p);
    while (kill(pid, 0) == 0)
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    abandoned = start(argv, &o); /* and one that main leaves behind */
    return 0;
}

TEST("one that is to be killed with its handle does not outlive the loop")
{
    test_needs_kernel();
    CHECK_INT(rota_run(kill_on_free, NULL, NULL), 0);
    CHECK(abandoned != NULL);
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
    CHECK_INT(errno, ECHILD);
}

static pid_t left_behind;

static int leave_behind(void *arg)
{
    (void)arg;
    const char *const argv[] = { "sleep", "1000", NULL };
    rota_process *p = start(argv, NULL);
    left_behind = rota_process_pid(p);
    rota_process_free(p);
    return 0;
}

TEST("one that outlives the loop is the program's own child again")
{
    test_needs_kernel();
    run_clean(leave_behind);
    CHECK_INT(kill(left_behind, SIGKILL), 0);
    CHECK_INT(waitpid(left_behind, NULL, 0), left_behind);
}

static int pipeline(void *arg)
{
    (void)arg;
    rota_process_options o = { .out = ROTA_PROCESS_PIPE,
                               .flags = ROTA_PROCESS_GROUP };
    rota_process *p = shell("sleep 1000 | sleep 1000 | sleep 1000", &o);
    CHECK_INT(rota_process_signal(p, SIGKILL), 0);
    CHECK_INT(rota_process_wait(p, NULL), 0);
    /* The pipe ends when the last member has gone. */
    char data[16];
    CHECK_INT(rota_read(rota_process_out(p), data, sizeof data), 0);
    rota_process_free(p);
    return 0;
}

/* PROC-12 */
TEST("a signal to a process group ends all members of a pipeline")
{
    run_reaped(pipeline);
}

/* A group whose leader has ended at once, and which goes on in one that says
 * when it listens; `trap` is how that one takes SIGTERM. */
static rota_process *orphaned_group(const char *trap, rota_dur grace)
{
    char line[128], ready[8];
    snprintf(line, sizeof line,
             "(%s; echo up; while :; do sleep 0.01; done) & exit 0", trap);
    rota_process_options o = { .out = ROTA_PROCESS_PIPE,
                               .flags = ROTA_PROCESS_GROUP,
                               .grace = grace };
    rota_process *p = shell(line, &o);
    int status = -1;
    CHECK_INT(rota_process_wait(p, &status), 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_INT(rota_read(rota_process_out(p), ready, sizeof ready), 3);
    return p;
}

/* The pipe ends when the last who has it has gone. */
static void check_gone(rota_process *p)
{
    char data[16];
    CHECK_INT(rota_read(rota_process_out(p), data, sizeof data), 0);
}

static int stubborn_grandchild(void *arg)
{
    (void)arg;
    rota_process *p = orphaned_group("trap '' TERM", rota_ms(50));
    CHECK_INT(rota_process_stop(p), 0);
    check_gone(p);
    CHECK_INT(rota_process_stop(p), 0); /* nobody is left */
    rota_process_free(p);
    return 0;
}

/* PROC-12 */
TEST("a stop kills what its group's leader has left, when the grace is over")
{
    run_reaped(stubborn_grandchild);
}

static int obedient_grandchild(void *arg)
{
    (void)arg;
    /* Were it killed before it has done its last, nothing would be read; were
     * the grace waited for, the test would never end. */
    rota_process *p = orphaned_group("trap 'sleep 0.05; echo bye; exit' TERM",
                                     rota_seconds(100000));
    CHECK_INT(rota_process_stop(p), 0);
    char data[16];
    CHECK_INT(rota_read(rota_process_out(p), data, sizeof data), 4);
    check_gone(p);
    rota_process_free(p);
    return 0;
}

TEST("a stop gives the whole group its grace, and no more than it needs")
{
    run_reaped(obedient_grandchild);
}

static int signal_orphans(void *arg)
{
    (void)arg;
    rota_process *p = orphaned_group(":", 0);
    CHECK_INT(rota_process_signal(p, SIGKILL), 0);
    check_gone(p);
    /* Only the leader's zombie is there, so nobody else can be hit. */
    CHECK_INT(kill(rota_process_pid(p), 0), 0);
    CHECK_INT(rota_process_signal(p, SIGKILL), 0);
    pid_t pid = rota_process_pid(p);
    rota_process_free(p);
    while (kill(pid, 0) == 0) /* until it is reaped */
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    return 0;
}

TEST("a group is signalled after its leader's end, which reserves its number")
{
    run_reaped(signal_orphans);
}

static int left_group_out = -1;

static int leave_group(void *arg)
{
    (void)arg;
    rota_process_options o = { .out = ROTA_PROCESS_PIPE,
                               .flags = ROTA_PROCESS_GROUP |
                                        ROTA_PROCESS_KILL_ON_FREE };
    rota_process *p = shell("(echo up; exec sleep 1000) & exit 0", &o);
    char ready[8];
    CHECK_INT(rota_process_wait(p, NULL), 0);
    CHECK_INT(rota_read(rota_process_out(p), ready, sizeof ready), 3);
    left_group_out = fcntl(rota_process_out(p), F_DUPFD_CLOEXEC, 0);
    abandoned = p;
    return 0;
}

TEST("a group that is to be killed with its handle does not outlive the loop")
{
    test_needs_kernel();
    CHECK_INT(rota_run(leave_group, NULL, NULL), 0);
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
    CHECK_INT(errno, ECHILD);
    char data[8]; /* its end comes: nobody has the pipe any more */
    CHECK_INT(fcntl(left_group_out, F_SETFL, 0), 0);
    CHECK_INT(read(left_group_out, data, sizeof data), 0);
}

static int limits(void *arg)
{
    (void)arg;
    const char *const argv[] = { "cat", "/dev/zero", NULL };
    rota_process_options o = { .limit = 100000 };
    rota_process *p = NULL;
    int status;
    CHECK_INT(rota_process_run(argv, &o, NULL, 0, &status, &p), -EMSGSIZE);
    CHECK(p == NULL);
    const char *const exact[] = { "head", "-c", "100000", "/dev/zero", NULL };
    CHECK_INT(rota_process_run(exact, &o, NULL, 0, &status, &p), 0);
    CHECK_INT(rota_process_output(p).len, 100000);
    rota_process_free(p);
    return 0;
}

TEST("output beyond the limit is an error, output up to it is not")
{
    run_reaped(limits);
}

static int unread_input(void *arg)
{
    (void)arg;
    static char much[1 << 18];
    int status = -1;
    rota_process *p;
    CHECK_INT(rota_process_run(true_, NULL, much, sizeof much, &status, &p), 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    rota_process_free(p);
    const char *const both[] = { "sh", "-c", "echo out; echo err >&2", NULL };
    rota_process_options o = { .err = ROTA_PROCESS_STDOUT };
    CHECK_INT(rota_process_run(both, &o, NULL, 0, &status, &p), 0);
    CHECK(rota_str_eq(rota_process_output(p), ROTA_STR("out\nerr\n")));
    CHECK_INT(rota_process_errors(p).len, 0);
    rota_process_free(p);
    CHECK_INT(rota_process_run(both, NULL, NULL, 0, &status, &p), 0);
    CHECK(rota_str_eq(rota_process_output(p), ROTA_STR("out\n")));
    CHECK(rota_str_eq(rota_process_errors(p), ROTA_STR("err\n")));
    rota_process_free(p);
    return 0;
}

TEST("input the child does not read is no error; err may go where out goes")
{
    run_reaped(unread_input);
}

static int environment(void *arg)
{
    (void)arg;
    const char *const argv[] = { "my-name", "-c", "echo $0 $COLOUR; pwd",
                                 NULL };
    const char *const env[] = { "COLOUR=blue", NULL };
    rota_process_options o = { .program = "/bin/sh", .env = env, .cwd = "/" };
    int status;
    rota_process *p;
    CHECK_INT(rota_process_run(argv, &o, NULL, 0, &status, &p), 0);
    CHECK(rota_str_eq(rota_process_output(p), ROTA_STR("my-name blue\n/\n")));
    rota_process_free(p);
    return 0;
}

TEST("a child gets the name, the environment and the folder it was given")
{
    run_reaped(environment);
}

static ROTA_ASYNC(one_of_many)
{
    int status = -1;
    rota_process *p = NULL;
    int rc = rota_process_run((const char *const[]){ "echo", "x", NULL }, NULL,
                              NULL, 0, &status, &p);
    if (rc < 0)
        return rc;
    bool good = rota_str_eq(rota_process_output(p), ROTA_STR("x\n"));
    rota_process_free(p);
    return good && status == 0 ? 0 : -EIO;
}

static int many(void *arg)
{
    (void)arg;
    int count = test_sanitized() ? 100 : 1000;
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_group_limit(&g, 50);
    for (int i = 0; i < count; i++)
        CHECK_INT(rota_group_create_task(&g, one_of_many), 0);
    return rota_group_end(&g, 0);
}

/* PITFALL 58 */
TEST_LIMITED("1000 children, 50 at a time, are all served and reaped", 120)
{
    run_reaped(many);
}

static int reaped_by_others(void *arg)
{
    (void)arg;
    rota_process_options o = { .in = ROTA_PROCESS_PIPE };
    signal(SIGCHLD, SIG_IGN); /* the kernel reaps */
    rota_process *p = shell("read x", &o);
    rota_process_close_in(p);
    CHECK_INT(rota_process_wait(p, NULL), -ECHILD);
    rota_process_free(p);
    signal(SIGCHLD, SIG_DFL);
    return 0;
}

TEST("a status that somebody else has taken is told as lost")
{
    run_reaped(reaped_by_others);
}

/* The standard descriptors of this process, away for a while. */
static void without_standard(rota_fn *fn)
{
    int saved[3], rc;
    for (int i = 0; i < 3; i++) {
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
        CHECK(saved[i] >= 0);
        close(i);
    }
    rc = fn(NULL);
    for (int i = 0; i < 3; i++) {
        dup2(saved[i], i);
        close(saved[i]);
    }
    CHECK_INT(rc, 0);
}

static int starts_without(void *arg)
{
    (void)arg;
    const char *const none[] = { "/no/such/program", NULL };
    const char *const cat[] = { "cat", NULL };
    rota_process *p = NULL;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int high = fcntl(null, F_DUPFD_CLOEXEC, 20);
    close(null);
    rota_process_options o = { .out = high };
    int rc = rota_process_start(none, &o, &p);
    close(high);
    if (rc != -ENOENT)
        return -1;
    int status = -1;
    o = (rota_process_options){ .err = ROTA_PROCESS_NULL };
    rc = rota_process_run(cat, &o, "in and out", 10, &status, &p);
    if (rc < 0)
        return rc;
    bool whole = rota_str_eq(rota_process_output(p), ROTA_STR("in and out"));
    rota_process_free(p);
    return whole && status == 0 ? 0 : -2;
}

static int closed_standard(void *arg)
{
    (void)arg;
    without_standard(starts_without);
    return 0;
}

TEST("who has closed its own standard descriptors starts processes as well")
{
    run_reaped(closed_standard);
}

enum { ARGUMENTS = 20000 };

/* A file without "#!" is a shell's, which is given all the arguments. */
static int many_arguments(void *arg)
{
    (void)arg;
    static const char *argv[ARGUMENTS + 2];
    char path[] = "/tmp/rota-test-XXXXXX";
    int fd = mkstemp(path), status = -1;
    CHECK(fd >= 0);
    write_fully(fd, "echo $#\n", 8);
    CHECK_INT(fchmod(fd, 0700), 0);
    CHECK_INT(close(fd), 0);
    for (int i = 0; i < ARGUMENTS; i++)
        argv[1 + i] = "x";
    argv[0] = path;
    rota_process *p = NULL;
    CHECK_INT(rota_process_run(argv, NULL, NULL, 0, &status, &p), 0);
    CHECK_INT(status, 0);
    CHECK(rota_str_eq(rota_process_output(p), ROTA_STR("20000\n")));
    rota_process_free(p);
    CHECK_INT(unlink(path), 0);
    return 0;
}

TEST("a script without an interpreter gets any number of arguments")
{
    run_reaped(many_arguments);
}

static int no_task(void *arg)
{
    (void)arg;
    return 0;
}

static int misuses;

static void count_misuse(const char *message)
{
    (void)message;
    misuses++;
}

TEST("a process started outside of a task is a misuse")
{
    rota_set_misuse_handler(count_misuse);
    rota_process *p = NULL;
    CHECK_INT(rota_process_start(true_, NULL, &p), -EPERM);
    CHECK_INT(misuses, 1);
    CHECK_INT(rota_run(no_task, NULL, NULL), 0);
}
