/*
 * Reading memory that may be gone or change meanwhile: of this process, of
 * another one, of a core file. A read fails where a pointer would crash. For
 * processes all of it is async-signal-safe.
 */
#ifndef BASE_PEEK_H
#define BASE_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PEEK_PATH = 256 };

/* Where a piece of memory comes from. */
struct peek_map {
    uint64_t start, end;
    uint64_t offset;      /* in the file, of `start` */
    char path[PEEK_PATH]; /* "" when it is no file's */
};

struct peek {
    bool (*read)(struct peek *p, uint64_t at, void *to, size_t n);
    /* The first mapping that ends above `at`; false: there is none. */
    bool (*map)(struct peek *p, uint64_t at, struct peek_map *out);
    void *owner;      /* whose read and map they are, if they need that */
    pid_t pid;        /* of peek_process */
    const char *root; /* what stands before a path of this process' files */
    char root_path[32];
};

/* The memory of a process, which may be this one. */
void peek_process(struct peek *p, pid_t pid);

/* The string at `at`, cut to `size`, NUL-terminated. False: not readable, and
 * `to` is "". */
bool peek_string(struct peek *p, uint64_t at, char *to, size_t size);

/* The pointer at `at`; false: not readable. */
bool peek_word(struct peek *p, uint64_t at, uint64_t *to);

#endif
