/*
 * What the `rota` command looks at: a process or a core file, and the root of
 * rota's structures in it.
 */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include "base/peek.h"
#include "cli/core.h"
#include "inspect/inspect.h"

struct target {
    struct peek peek;
    struct core core; /* of a core file */
    struct inspect in;
    char name[64];  /* "process 12", "core file x" */
    char what[160]; /* what went wrong */
    bool is_core;
};

/* 0, or a negative errno with the sentence in t->what. */
int target_process(struct target *t, pid_t pid);
int target_core(struct target *t, const char *path);
void target_close(struct target *t);

/* What an error of reading `t` means, as a sentence. */
const char *target_error(struct target *t, int rc);

#endif
