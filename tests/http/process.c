/*
 * A server process beside the test.
 */
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static void start(struct process *p, int (*fn)(void *arg), void *arg)
{
    int ends[2];
    pid_t parent = getpid();
    *p = (struct process){ .err = memfd_create("stderr", MFD_CLOEXEC) };
    CHECK(p->err >= 0 && pipe(ends) == 0);
    fflush(NULL);
    p->pid = fork();
    CHECK(p->pid >= 0);
    if (p->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        dup2(ends[1], STDOUT_FILENO);
        dup2(p->err, STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        exit(fn(arg)); /* not _exit: leak checkers look at the end */
    }
    close(ends[1]);
    p->out = ends[0];
}

void process_fork(struct process *p, int (*fn)(void *arg), void *arg)
{
    start(p, fn, arg);
}

static int run_program(void *argv)
{
    char *const *args = argv;
    execv(args[0], args);
    fprintf(stderr, "%s: %s\n", args[0], strerror(errno));
    return 127;
}

void process_exec(struct process *p, char *const argv[])
{
    start(p, run_program, (void *)argv);
}

void process_want_port(struct process *p)
{
    static const char mark[] = "http://127.0.0.1:";
    char line[256];
    size_t len = 0;
    while (len + 1 < sizeof line && read(p->out, line + len, 1) == 1 &&
           line[len] != '\n')
        len++;
    line[len] = '\0';
    const char *at = strstr(line, mark);
    if (!at)
        test_fail(TEST_AT, "no port in \"%s\"; stderr: %s", line,
                  process_log(p));
    p->port = atoi(at + sizeof mark - 1);
    CHECK(p->port > 0);
}

const char *process_log(struct process *p)
{
    static char text[64 * 1024];
    ssize_t n = pread(p->err, text, sizeof text - 1, 0);
    CHECK(n >= 0);
    text[n] = '\0';
    return text;
}

size_t process_log_count(struct process *p, const char *text)
{
    size_t n = 0;
    for (const char *at = process_log(p); (at = strstr(at, text)); at++)
        n++;
    return n;
}

void process_want_log(struct process *p, const char *text)
{
    struct timespec nap = { 0, 5 * 1000 * 1000 };
    while (!strstr(process_log(p), text))
        nanosleep(&nap, NULL); /* the test's limit ends it */
}

long process_memory(struct process *p)
{
    char path[64], line[128];
    long kib = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)p->pid);
    FILE *f = fopen(path, "r");
    CHECK(f != NULL);
    while (kib < 0 && fgets(line, sizeof line, f))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = atol(line + 6);
    fclose(f);
    CHECK(kib > 0);
    return kib;
}

int process_end(struct process *p, int sig)
{
    int status = 0;
    if (sig)
        CHECK_INT(kill(p->pid, sig), 0);
    CHECK_INT(waitpid(p->pid, &status, 0), p->pid);
    p->pid = 0;
    close(p->out);
    return status;
}

void process_stop(struct process *p)
{
    int status = process_end(p, SIGTERM);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        test_fail(TEST_AT, "the server ended with wait status %#x: %s",
                  (unsigned)status, process_log(p));
}
