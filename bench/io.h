/*
 * What the programs of bench/io share. Each does the same things in its own
 * library's words:
 *
 *   program tcp PORT              sends back what it is sent, on 127.0.0.1
 *   program udp PORT              the same with datagrams
 *   program tls PORT CERT KEY     the same over TLS
 *   program small DIRECTORY COUNT reads the files DIRECTORY/0 and so on
 *   program large FILE            reads a file from end to end
 *
 * The servers go on until they are ended, and their CPU time is read from
 * outside. The others print cpu=NANOSECONDS, for a file or a MiB.
 */
#ifndef BENCH_IO_H
#define BENCH_IO_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
    IO_BUFFER = 65536, /* bytes read at once */
    IO_SMALL = 4096,   /* bytes of a small file */
    IO_AT_ONCE = 16,   /* small files read at the same time */
    IO_MIB = 1 << 20,
};

enum io_mode { IO_TCP, IO_UDP, IO_TLS, IO_SMALL_FILES, IO_LARGE_FILE };

struct io_args {
    enum io_mode mode;
    long port;
    const char *path; /* the directory, or the file */
    long count;       /* of small files */
    const char *cert, *key;
};

__attribute__((noreturn)) static inline void io_usage(const char *program)
{
    fprintf(stderr,
            "usage: %s tcp PORT | udp PORT | tls PORT CERT KEY |\n"
            "       small DIRECTORY COUNT | large FILE\n",
            program);
    exit(2);
}

static inline struct io_args io_arguments(int argc, char **argv)
{
    static const struct {
        const char *name;
        enum io_mode mode;
        int argc;
    } modes[] = { { "tcp", IO_TCP, 3 },
                  { "udp", IO_UDP, 3 },
                  { "tls", IO_TLS, 5 },
                  { "small", IO_SMALL_FILES, 4 },
                  { "large", IO_LARGE_FILE, 3 } };
    for (size_t i = 0; argc > 2 && i < sizeof modes / sizeof *modes; i++)
        if (strcmp(argv[1], modes[i].name) == 0 && argc == modes[i].argc)
            return (struct io_args){ .mode = modes[i].mode,
                                     .port = strtol(argv[2], NULL, 10),
                                     .path = argv[2],
                                     .count = strtol(argv[argc - 1], NULL, 10),
                                     .cert = argc > 4 ? argv[3] : NULL,
                                     .key = argc > 4 ? argv[4] : NULL };
    io_usage(argv[0]);
}

/* CPU time of the process, in nanoseconds. */
static inline double io_cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline void io_told(double from, double count)
{
    printf("cpu=%.1f\n", (io_cpu() - from) / count);
}

static inline void io_small_path(const struct io_args *args, long i, char *path,
                                 size_t size)
{
    snprintf(path, size, "%s/%ld", args->path, i);
}

/* A non-blocking socket for datagrams on 127.0.0.1. */
static inline int io_udp(long port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        perror("datagrams");
        exit(1);
    }
    return fd;
}

#endif
