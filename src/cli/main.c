/*
 * The `rota` command.
 */
#include <stdio.h>
#include <string.h>

#include "cli/inspect.h"

static const struct {
    const char *verb;
    int (*run)(int argc, char **argv);
    const char *help;
} verbs[] = {
    { "ps", inspect_main, "PID: the tasks of a process" },
    { "pstree", inspect_main, "PID: the same as a tree" },
    { "dump", inspect_main, "PID: all that is known, with backtraces" },
};

int main(int argc, char **argv)
{
    enum { EXIT_USAGE = 2 };
    size_t count = sizeof verbs / sizeof *verbs;
    for (size_t i = 0; argc > 1 && i < count; i++)
        if (strcmp(argv[1], verbs[i].verb) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    bool asked = argc > 1 && strcmp(argv[1], "--help") == 0;
    FILE *to = asked ? stdout : stderr;
    for (size_t i = 0; i < count; i++)
        fprintf(to, "%s rota %-7s %s\n", i ? "      " : "usage:", verbs[i].verb,
                verbs[i].help);
    return asked ? 0 : EXIT_USAGE;
}
