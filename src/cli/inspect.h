/*
 * The commands that look inside a process: `rota ps`, `pstree` and `dump`.
 */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include "inspect/snapshot.h"
#include "inspect/stuck.h"

/* Each prints to stdout; `now` is the target's time. */
void show_list(const struct snapshot *s, rota_time now);
void show_tree(const struct snapshot *s);
void show_dump(const struct snapshot *s, rota_time now);

/* The cycles of tasks that wait for each other. */
void show_cycles(const struct stuck *k);

/* `rota ps|pstree|dump ...`: the exit status. */
int inspect_main(int argc, char **argv);

#endif
