/*
 * A stack overflow says whose it was, and the process dies as it would have;
 * every other fault goes its old way.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner.h"

enum { ERR_SIZE = 64 * 1024 };

static char err[ERR_SIZE];

static __attribute__((noinline)) int recurse(int depth)
{
    volatile char frame[512];
    frame[depth % 512] = (char)depth;
    if (depth < 0)
        return 0;
    return recurse(depth + 1) + frame[depth % 512];
}

static void overflow(void *arg)
{
    (void)arg;
    recurse(1);
}

static void run_named(const char *name, const char *site, void (*fn)(void *),
                      size_t size)
{
    struct fiber f;
    runner_begin();
    CHECK(fiber_new(&f, fn, NULL, size));
    f.coro.name = name;
    f.coro.site = site;
    fiber_resume(&f);
    fprintf(stderr, "came back\n");
    _exit(7);
}

/* By SIGSEGV, or as a sanitizer ends a process that gets it. */
static void check_died_of(int status, int signal)
{
    if (test_sanitized() && WIFEXITED(status))
        CHECK(WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 7);
    else {
        CHECK(WIFSIGNALED(status));
        CHECK_INT(WTERMSIG(status), signal);
    }
}

static void overflow_named(void)
{
    run_named("fetch-12", "client.c:34", overflow, 0);
}

static void check_report(void)
{
    check_died_of(test_child(overflow_named, err, sizeof err), SIGSEGV);
    CHECK_HAS(err, "rota: stack overflow in task fetch-12 (spawned at "
                   "client.c:34), ");
    CHECK_HAS(err, " KiB stack; give it a larger one: .stack_size\n");
    CHECK(!strstr(err, "came back"));
}

/* PITFALL 11, TASK-22 */
TEST("overflow names the task, then the process dies")
{
    check_report();
}

/* PITFALL 11 */
TEST("the report has a trace")
{
    check_report();
    const char *trace = strstr(err, ".stack_size\n") + strlen(".stack_size\n");
    CHECK_HAS(trace, "[0x");
    CHECK_HAS(trace, " more ...\n");
}

/* PITFALL 11 */
TEST("overflow is told with guards by mprotect")
{
    setenv("ROTA_GUARD", "mprotect", 1);
    check_report();
}

static void overflow_nameless(void)
{
    run_named(NULL, NULL, overflow, 1);
}

TEST("overflow of a task without name and site is told too")
{
    check_died_of(test_child(overflow_nameless, err, sizeof err), SIGSEGV);
    CHECK_HAS(err, "rota: stack overflow in task (unnamed), ");
    CHECK_HAS(err, "KiB stack;");
}

static void overflow_long_name(void)
{
    static char name[4096];
    memset(name, 'x', sizeof name - 1);
    run_named(name, name, overflow, 0);
}

TEST("a name that is too long for the report is cut")
{
    check_died_of(test_child(overflow_long_name, err, sizeof err), SIGSEGV);
    CHECK_HAS(err, "rota: stack overflow in task xxxxx");
}

static void *overflow_in_thread(void *arg)
{
    (void)arg;
    run_named("threaded", "t.c:1", overflow, 0);
    return NULL;
}

static void start_thread(void)
{
    pthread_t id;
    if (pthread_create(&id, NULL, overflow_in_thread, NULL) == 0)
        pthread_join(id, NULL);
}

TEST("overflow is told in any thread")
{
    check_died_of(test_child(start_thread, err, sizeof err), SIGSEGV);
    CHECK_HAS(err, "rota: stack overflow in task threaded (spawned at t.c:1)");
}

#ifdef TEST_STACK_CLASH
static __attribute__((noinline)) int large_frame(int depth)
{
    volatile char local[100 * 1024];
    local[depth] = (char)depth;
    if (depth > 100)
        return 0;
    return large_frame(depth + 1) + local[depth];
}

static void overflow_by_leap(void *arg)
{
    (void)arg;
    large_frame(0);
}

static void leap(void)
{
    run_named("leaper", "l.c:5", overflow_by_leap, 0);
}

/* PITFALL 11 */
TEST("a local of 100 KB does not leap over the guard")
{
    check_died_of(test_child(leap, err, sizeof err), SIGSEGV);
    CHECK_HAS(err, "rota: stack overflow in task leaper (spawned at l.c:5)");
}
#endif

static void *volatile bad = (void *)8;

static void fault(void *arg)
{
    (void)arg;
    *(volatile int *)bad = 1;
}

static void fault_in_task(void)
{
    run_named("clumsy", "c.c:1", fault, 0);
}

TEST("another fault dies as ever, and is no overflow")
{
    check_died_of(test_child(fault_in_task, err, sizeof err), SIGSEGV);
    CHECK(!strstr(err, "rota: stack overflow"));
    CHECK(!strstr(err, "came back"));
}

static void fault_ignored(void)
{
    signal(SIGSEGV, SIG_IGN);
    run_named("clumsy", "c.c:1", fault, 0);
}

TEST("a fault that was to be ignored dies all the same")
{
    int status = test_child(fault_ignored, err, sizeof err);
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGSEGV);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    _exit(info->si_addr == bad ? 42 : 1);
}

static void fault_handled(void)
{
    struct sigaction a = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &a, NULL);
    run_named("clumsy", "c.c:1", fault, 0);
}

static void on_simple_fault(int signal)
{
    _exit(signal == SIGSEGV ? 43 : 1);
}

static void fault_handled_simply(void)
{
    signal(SIGSEGV, on_simple_fault);
    run_named("clumsy", "c.c:1", fault, 0);
}

TEST("another fault goes to the handler that was there before")
{
    int status = test_child(fault_handled, err, sizeof err);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 42);
    status = test_child(fault_handled_simply, err, sizeof err);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 43);
}

static void send_segv(void *arg)
{
    (void)arg;
    kill(getpid(), SIGSEGV);
    fiber_park();
}

static void sent(void)
{
    signal(SIGSEGV, SIG_DFL);
    run_named("sent", "s.c:1", send_segv, 0);
}

static void sent_ignored(void)
{
    signal(SIGSEGV, SIG_IGN);
    run_named("sent", "s.c:1", send_segv, 0);
}

TEST("a SIGSEGV that was sent kills, or is ignored, as it would have been")
{
    int status = test_child(sent, err, sizeof err);
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGSEGV);
    status = test_child(sent_ignored, err, sizeof err);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 7);
}

static void bus_error(void *arg)
{
    FILE *f = tmpfile();
    (void)arg;
    char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(f), 0);
    CHECK(p != MAP_FAILED && *(volatile char *)p == 0);
}

static void bus(void)
{
    run_named("bus", "b.c:1", bus_error, 0);
}

TEST("SIGBUS goes its old way")
{
    check_died_of(test_child(bus, err, sizeof err), SIGBUS);
    CHECK(!strstr(err, "rota: stack overflow"));
}

TEST("the signal stack of a thread is restored when it is left")
{
    stack_t before, inside, after;
    CHECK_INT(sigaltstack(NULL, &before), 0);
    runner_begin();
    CHECK_INT(sigaltstack(NULL, &inside), 0);
    CHECK(!(inside.ss_flags & SS_DISABLE));
    CHECK(inside.ss_size >= 32 * 1024);
    runner_end();
    CHECK_INT(sigaltstack(NULL, &after), 0);
    CHECK_INT(after.ss_flags, before.ss_flags);
    if (!(before.ss_flags & SS_DISABLE)) /* or the address says nothing */
        CHECK(after.ss_sp == before.ss_sp);
}
