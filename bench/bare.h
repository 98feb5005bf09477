/*
 * What both bare loops have in common. A bare loop is the yardstick of
 * bench/http: it finds the blank line that ends a request, writes one fixed
 * answer for each, and does nothing else a web server does. Whatever is slower
 * than it is so by its own doing.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <stddef.h>
#include <string.h>

enum {
    BARE_BACKLOG = 4096,
    /* Answers that can be owed to a connection and still leave in one write. */
    BARE_BATCH = 256,
    /* A blank line cut in two by a read: what of it can have come before. */
    BARE_CARRY = 3
};

/* The fixed answer, BARE_BATCH times over. */
struct bare_answer {
    char *bytes;
    size_t len; /* of one */
};

/*
 * Reads the command line (--port N [--answer FILE]), prepares the answer and
 * the listening socket on 127.0.0.1. Returns the socket; ends the program with
 * a message if something is wrong.
 */
int bare_start(int argc, char **argv, struct bare_answer *answer);

/* A non-blocking socket that listens on 127.0.0.1; ends the program with a
 * message if that fails. Raises the limit of descriptors, too. */
int bare_listen(long port);

/* Ends the program with what failed; error is an errno. */
__attribute__((noreturn)) void bare_die(const char *what, int error);

typedef unsigned char bare_lanes __attribute__((vector_size(16)));

static inline bare_lanes bare_load(const char *p)
{
    bare_lanes v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/*
 * Counts the blank lines ("\r\n\r\n") in data[0..len), sixteen places at a
 * time; up to 18 bytes behind the end must be readable.
 */
static inline unsigned bare_count(const char *data, size_t len)
{
    unsigned count = 0;
    size_t places = len < 4 ? 0 : len - 3;

    for (size_t i = 0; i < places; i += sizeof(bare_lanes)) {
        bare_lanes hit = (bare_lanes)((bare_load(data + i) == '\r') &
                                      (bare_load(data + i + 1) == '\n') &
                                      (bare_load(data + i + 2) == '\r') &
                                      (bare_load(data + i + 3) == '\n'));
        unsigned long long half[2];
        memcpy(half, &hit, sizeof(half));
        if (__builtin_expect((half[0] | half[1]) == 0, 1))
            continue;
        for (size_t lane = 0; lane < sizeof(hit) && i + lane < places; lane++)
            count += hit[lane] & 1;
    }
    return count;
}

#endif
