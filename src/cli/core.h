/*
 * A core file as memory to read. What the kernel left out, because it is in
 * the program's files, is read from those.
 */
#ifndef CLI_CORE_H
#define CLI_CORE_H

#include <stddef.h>

#include "base/peek.h"

struct core {
    const unsigned char *bytes; /* mapped */
    size_t size;
    const unsigned char *files; /* its list of mapped files; NULL */
    size_t files_size;
};

/* Makes `p` read the core file: 0, or a negative errno (-ENOEXEC: it is none
 * of a 64-bit program). */
int core_open(struct core *c, struct peek *p, const char *path);
void core_close(struct core *c);

#endif
