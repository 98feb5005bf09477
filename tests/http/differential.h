/*
 * The parts of the differential test: messages, what a parser makes of one,
 * and the known classes of difference.
 */
#ifndef HTTP_DIFFERENTIAL_H
#define HTTP_DIFFERENTIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "http/h1.h"

/* One request, perhaps with a body and more behind it. */
struct message {
    const char *label; /* the family it was generated in, or a file's name */
    const char *ptr;
    size_t len;
};

enum {
    READING_ROOM = 70000,
    METHOD_ROOM = 32,
};

enum verdict {
    READ_REFUSED,
    READ_PARTIAL, /* the message has no end yet */
    READ_WHOLE,
};

/* What a parser makes of the first request of a message. Text that a caller
 * would see is gathered whole, whatever pieces it came in. */
struct reading {
    enum verdict verdict;
    bool head; /* the head was accepted; what is below holds */
    char method[METHOD_ROOM];
    enum h1_body body;
    bool keep_alive;
    size_t target_len, lines_len, data_len;
    size_t used; /* bytes of the request, when READ_WHOLE */
    char target[READING_ROOM];
    char lines[2 * READING_ROOM]; /* "name:value\n" of each header line */
    char data[READING_ROOM];      /* the body */
};

void ours_read(const struct message *m, struct reading *r);
void llhttp_read(const struct message *m, struct reading *r);

/* Calls `take` with each generated message. */
void corpus_each(void (*take)(const struct message *m));

/* Calls `take` with each file's bytes in a directory; returns how many. */
int corpus_files(const char *directory, void (*take)(const struct message *m));

enum side {
    OURS_REFUSES, /* and llhttp takes it, or waits for more of it */
    LLHTTP_REFUSES,
    BOTH_TAKE, /* and understand it differently */
};

/* A way in which the two are known to differ. */
struct difference {
    const char *name; /* as in docs/http-differences.md */
    enum side side;
    bool (*applies)(const struct message *m);
};

extern const struct difference differences[];
extern const size_t differences_count;

#endif
