/*
 * What a server process costs: CPU time, memory and threads, read from outside
 * while it runs; and how busy the machine is with everything there is.
 */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct process {
    int64_t cpu_ns; /* user and system time of all threads, ended ones too */
    long rss_kib;   /* resident now */
    long peak_kib;  /* resident at most, ever (VmHWM) */
    long threads;   /* alive now */
};

/* Reads all of it. Returns 0, or a negative errno (-ESRCH: no such process). */
int process_read(pid_t pid, struct process *out);

/* CPU time of the whole machine since it started, in steps of 10 ms. */
struct machine {
    int64_t busy_ns; /* neither idle nor waiting for a disk */
    int64_t all_ns;  /* of all cores */
};

/* Reads it. Returns 0 or a negative errno. */
int machine_read(struct machine *out);

#endif
