/*
 * The runner: a fork for each test, a pipe for what it says on failure, an
 * alarm that the parent keeps. `program [-l] [PATTERN]` lists the tests, or
 * runs those whose name holds PATTERN.
 */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    EXIT_SKIPPED = 77,
    EXIT_FAILED = 99,
    DEFAULT_SECONDS = 30,
    PATIENCE = 4, /* times what was asked for: the machine may be busy */
    SANITIZED_FACTOR = 5,
    STORM_US = 200, /* from one signal to the next, */
    STORM_SLOW_US = 4000,
    NOTE_SIZE = 256,
};

static struct test *first, **last = &first;

/* What test_note said last: shared with the child, so that it outlives it. */
static char *note;

void test_register(struct test *t)
{
    *last = t;
    last = &t->next;
}

bool test_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
    return true;
#endif
#endif
    return getenv("TEST_SLOW") || getenv("TEST_EMULATED");
}

void test_needs_kernel(void)
{
    if (getenv("TEST_EMULATED"))
        test_skip("an emulator is not the kernel this is about");
}

static volatile sig_atomic_t storm_count;

static void note_signal(int sig)
{
    (void)sig;
    storm_count++;
}

static void signal_each(suseconds_t us)
{
    struct itimerval each = { { 0, us }, { 0, us } };
    if (setitimer(ITIMER_REAL, &each, NULL) < 0)
        test_fail(TEST_AT, "setitimer: %s", strerror(errno));
}

void test_storm_begin(void)
{
    struct sigaction a = { .sa_handler = note_signal };
    sigaction(SIGALRM, &a, NULL);
    signal_each(test_sanitized() ? STORM_SLOW_US : STORM_US);
}

void test_storm_end(void)
{
    signal_each(0);
}

int test_storm_count(void)
{
    return storm_count;
}

void test_fail(const char *where, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "# %s: ", where);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    fflush(NULL);
    _exit(EXIT_FAILED);
}

void test_skip(const char *reason)
{
    fprintf(stderr, "# skipped: %s\n", reason);
    fflush(NULL);
    _exit(EXIT_SKIPPED);
}

void test_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(note, NOTE_SIZE, format, args);
    va_end(args);
}

int test_child(void (*fn)(void), char *err, size_t size)
{
    int ends[2];
    if (pipe(ends) < 0)
        test_fail(TEST_AT, "pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        fn();
        fflush(NULL);
        _exit(0);
    }
    close(ends[1]);
    size_t got = 0;
    for (;;) {
        char rest[512];
        bool keep = got + 1 < size;
        ssize_t n = read(ends[0], keep ? err + got : rest,
                         keep ? size - got - 1 : sizeof rest);
        if (n <= 0)
            break;
        got += keep ? (size_t)n : 0;
    }
    if (size)
        err[got] = '\0';
    close(ends[0]);
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

/* Waits for the child at most until its limit; true when it had to be
 * killed, with the processes it had started, which hold our output open. */
static bool wait_limited(pid_t pid, unsigned seconds, int *status)
{
    struct timespec nap = { 0, 500 * 1000 };
    time_t end = time(NULL) + (time_t)seconds + 1;
    while (waitpid(pid, status, WNOHANG) == 0) {
        if (time(NULL) > end) {
            kill(-pid, SIGKILL);
            waitpid(pid, status, 0);
            return true;
        }
        nanosleep(&nap, NULL);
        if (nap.tv_nsec < 20 * 1000 * 1000)
            nap.tv_nsec *= 2;
    }
    return false;
}

/* TEST_LIMIT: so many seconds at most, whatever a test asks for. */
static unsigned limit_of(const struct test *t)
{
    const char *most = getenv("TEST_LIMIT");
    unsigned seconds = (t->seconds ? t->seconds : DEFAULT_SECONDS) * PATIENCE;
    if (test_sanitized())
        seconds *= SANITIZED_FACTOR;
    return most && seconds > (unsigned)atoi(most) ? (unsigned)atoi(most)
                                                  : seconds;
}

/* Runs one test; prints its TAP line; true unless it failed. */
static bool run(const struct test *t, int number)
{
    fflush(NULL);
    note[0] = '\0';
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        t->run();
        exit(0); /* not _exit: leak checkers look at the end of a process */
    }
    int status = 0;
    bool late = wait_limited(pid, limit_of(t), &status);
    bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED;
    bool good =
        !late && WIFEXITED(status) && (WEXITSTATUS(status) == 0 || skipped);
    printf("%sok %d - %s%s\n", good ? "" : "not ", number, t->name,
           skipped ? " # SKIP" : "");
    if (late)
        printf("# took longer than %u s\n", limit_of(t));
    else if (WIFSIGNALED(status))
        printf("# died of signal %d (%s)\n", WTERMSIG(status),
               strsignal(WTERMSIG(status)));
    if (!good && note[0])
        printf("# %s\n", note);
    fflush(stdout);
    return good;
}

int main(int argc, char **argv)
{
    bool listing = argc > 1 && strcmp(argv[1], "-l") == 0;
    const char *pattern = argc > 1 && !listing ? argv[1] : "";
    note = mmap(NULL, NOTE_SIZE, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (note == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    int count = 0, failed = 0;
    for (struct test *t = first; t; t = t->next)
        count += strstr(t->name, pattern) != NULL;
    if (!listing)
        printf("1..%d\n", count);
    int number = 0;
    for (struct test *t = first; t; t = t->next) {
        if (!strstr(t->name, pattern))
            continue;
        if (listing)
            printf("%s\n", t->name);
        else
            failed += !run(t, ++number);
    }
    return failed > 0;
}
