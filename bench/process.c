/*
 * CPU time is read from the process' CPU clock, not from /proc/PID/stat: the
 * clock counts nanoseconds where stat counts ticks of 10 ms, and it keeps the
 * time of threads that have ended, which /proc/PID/task/.../schedstat loses.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The number after "\nName:" in /proc/PID/status, or 0 if it has no such
 * line (a process that is ending has none of the Vm ones). */
static long status_field(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtol(at + strlen(name), NULL, 10) : 0;
}

/* Reads the file's beginning as a string. */
static int file_read(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, text, size - 1);
    int rc = n < 0 ? -errno : 0;
    close(fd);
    text[n < 0 ? 0 : n] = '\0';
    return rc;
}

int process_read(pid_t pid, struct process *out)
{
    char path[64], text[4096];
    clockid_t clock;
    struct timespec cpu;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    int rc = file_read(path, text, sizeof(text));
    if (rc < 0)
        return rc == -ENOENT ? -ESRCH : rc;
    rc = clock_getcpuclockid(pid, &clock);
    if (rc != 0)
        return -rc;
    if (clock_gettime(clock, &cpu) < 0)
        return -errno;
    *out = (struct process){
        .cpu_ns = (int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec,
        .rss_kib = status_field(text, "\nVmRSS:"),
        .peak_kib = status_field(text, "\nVmHWM:"),
        .threads = status_field(text, "\nThreads:"),
    };
    return 0;
}

int machine_read(struct machine *out)
{
    /* proc(5): user nice system idle iowait irq softirq steal. */
    enum { IDLE = 3, IOWAIT = 4, FIELDS = 8 };
    char text[512];
    int64_t tick_ns = 1000000000 / sysconf(_SC_CLK_TCK);

    int rc = file_read("/proc/stat", text, sizeof(text));
    if (rc < 0)
        return rc;
    char *at = text + strcspn(text, " ");
    *out = (struct machine){ 0 };
    for (int i = 0; i < FIELDS; i++) {
        int64_t ns = strtoll(at, &at, 10) * tick_ns;
        out->all_ns += ns;
        if (i != IDLE && i != IOWAIT)
            out->busy_ns += ns;
    }
    return 0;
}
