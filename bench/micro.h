/*
 * What the C programs of bench/micro share: the clock, the memory, and how a
 * figure is told. Each program measures the same things in its own library's
 * words and prints lines "name=value"; bench/micro reads them.
 *
 *   program small            every figure but the sleepers'
 *   program sleep COUNT      COUNT sleeping tasks
 *
 * All times are CPU time of the process, so that a busy machine disturbs them
 * as little as can be.
 */
#ifndef BENCH_MICRO_H
#define BENCH_MICRO_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    MICRO_TURNS = 200000, /* of each small measurement */
    MICRO_QUEUE = 100,    /* items a queue has room for */
};

static inline double micro_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Tells what one of `count` turns cost since `from`. */
static inline void micro_told(const char *name, double from, double count)
{
    printf("%s=%.4f\n", name, (micro_now() - from) / count);
    fflush(stdout);
}

/* Resident bytes of this process. */
static inline double micro_resident(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fscanf(f, "%*d %ld", &pages) != 1)
            pages = 0;
        fclose(f);
    }
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* What the command line asks for: the number of sleepers; 0: the small ones. */
static inline long micro_sleepers(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "sleep") == 0)
        return atol(argv[2]);
    if (argc == 2 && strcmp(argv[1], "small") == 0)
        return 0;
    fprintf(stderr, "usage: %s small | sleep COUNT\n", argv[0]);
    exit(2);
}

#endif
