/*
 * The command line of bench/io's clients.
 */
#ifndef BENCH_IO_OPTIONS_H
#define BENCH_IO_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct io_options {
    long port, pid;   /* of the server */
    long udp;         /* 1: datagrams */
    long handshakes;  /* 1: a new connection for each message */
    long connections; /* at the same time */
    long size;        /* bytes of a message */
    double warmup;    /* seconds before the measured time, ... */
    double seconds;   /* ... and its length */
};

__attribute__((noreturn)) static inline void io_options_usage(
    const char *program)
{
    fprintf(stderr,
            "usage: %s --port N --pid PID [--udp 1] [--handshakes 1]\n"
            "       [--connections N] [--size BYTES] [--warmup SECONDS] "
            "[--seconds SECONDS]\n",
            program);
    exit(2);
}

static inline bool io_options_take(struct io_options *o, const char *name,
                                   const char *value)
{
    const struct {
        const char *name;
        long *whole;
        double *real;
    } known[] = {
        { "--port", &o->port, NULL },
        { "--pid", &o->pid, NULL },
        { "--udp", &o->udp, NULL },
        { "--handshakes", &o->handshakes, NULL },
        { "--connections", &o->connections, NULL },
        { "--size", &o->size, NULL },
        { "--warmup", NULL, &o->warmup },
        { "--seconds", NULL, &o->seconds },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, known[i].name) != 0)
            continue;
        if (known[i].whole)
            *known[i].whole = strtol(value, NULL, 10);
        else
            *known[i].real = strtod(value, NULL);
        return true;
    }
    return false;
}

/* Reads it into *o, which holds the defaults; ends the program when it is
 * wrong. */
static inline void io_options_read(struct io_options *o, int argc, char **argv)
{
    bool known = argc % 2 == 1;
    for (int i = 1; known && i + 1 < argc; i += 2)
        known = io_options_take(o, argv[i], argv[i + 1]);
    if (!known || o->port < 1 || o->pid < 1 || o->connections < 1 ||
        o->size < 1)
        io_options_usage(argv[0]);
}

#endif
