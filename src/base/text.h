/*
 * Text in the making, without stdio and without memory of its own kind: for
 * reports from signal handlers. All of it is async-signal-safe.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum { TEXT_SIZE = 1024 };

/* What does not fit is dropped; unless `fd` is >= 0: then the text goes out
 * whenever it is full. */
struct text {
    int fd;
    size_t len;
    char bytes[TEXT_SIZE];
};

/* Sets `t` up; `fd` is where text_flush writes to, -1: nowhere. */
void text_init(struct text *t, int fd);

void text_add(struct text *t, const char *s);
void text_add_bytes(struct text *t, const char *s, size_t n);
void text_add_number(struct text *t, uint64_t n);

/* "0x1f", at least `digits` digits. */
void text_add_hex(struct text *t, uint64_t n, unsigned digits);

/* Nanoseconds for a reader: "12.3 ms", "4.0 s". */
void text_add_duration(struct text *t, int64_t ns);

/* Writes what is there to fd, and begins anew. */
void text_flush(struct text *t);

/* What is there, as a string. */
const char *text_string(struct text *t);

#endif
