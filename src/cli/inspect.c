/*
 * `rota ps`, `rota pstree` and `rota dump`: they read the memory of a process
 * or of a core file, and run nothing in it; a process that hangs can be looked
 * at as well.
 */
#include "cli/inspect.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/target.h"

enum { RETRIES = 50, EXIT_USAGE = 2, EXIT_TORN = 75 };

struct request {
    const char *verb;
    const char *core; /* NULL: a process */
    pid_t pid;
    unsigned retries;
};

static int usage(const char *verb)
{
    fprintf(stderr, "usage: rota %s [--retries N] PID | --core FILE\n", verb);
    return EXIT_USAGE;
}

/* A number in decimal and nothing else; -1. */
static long number(const char *s)
{
    char *end;
    errno = 0;
    long n = strtol(s, &end, 10);
    return *s && !*end && !errno && n >= 0 && n <= INT32_MAX ? n : -1;
}

static int parse(struct request *r, int argc, char **argv)
{
    static const struct option options[] = {
        { "core", required_argument, NULL, 'c' },
        { "retries", required_argument, NULL, 'r' },
        { 0 },
    };
    *r = (struct request){ .verb = argv[0], .retries = RETRIES };
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'c')
            r->core = optarg;
        else if (o == 'r' && number(optarg) >= 0)
            r->retries = (unsigned)number(optarg);
        else
            return -EINVAL;
    }
    if (argc - optind != !r->core)
        return -EINVAL;
    if (!r->core && number(argv[optind]) <= 0)
        return -EINVAL;
    r->pid = r->core ? 0 : (pid_t)number(argv[optind]);
    return 0;
}

/* A simulated clock may be ahead; a core's stands still. */
static rota_time time_of(const struct target *t, const struct snapshot *s)
{
    rota_time now = t->is_core ? 0 : rota_now();
    for (size_t i = 0; i < s->loop_count; i++)
        if (s->loops[i].now > now)
            now = s->loops[i].now;
    return now;
}

static int show(const struct request *r, struct target *t, struct snapshot *s)
{
    struct stuck k;
    if (strcmp(r->verb, "ps") == 0)
        show_list(s, time_of(t, s));
    else if (strcmp(r->verb, "pstree") == 0)
        show_tree(s);
    else
        show_dump(s, time_of(t, s));
    int rc = stuck_find(&k, s);
    if (rc < 0)
        return rc;
    stuck_confirm(&k);
    show_cycles(&k);
    stuck_free(&k);
    return 0;
}

static int look(const struct request *r, struct target *t)
{
    struct snapshot s;
    int rc = snapshot_take(&s, &t->in, r->retries);
    if (rc == 0 && s.loop_count == 0)
        printf("%s runs no loop\n", t->name);
    else if (rc == 0)
        rc = show(r, t, &s);
    if (rc < 0)
        fprintf(stderr, "rota: %s\n", target_error(t, rc));
    else
        snapshot_free(&s);
    return rc;
}

int inspect_main(int argc, char **argv)
{
    static struct target t;
    struct request r;
    if (parse(&r, argc, argv) < 0)
        return usage(argv[0]);
    int rc = r.core ? target_core(&t, r.core) : target_process(&t, r.pid);
    if (rc < 0) {
        fprintf(stderr, "rota: %s\n", t.what);
        return EXIT_FAILURE;
    }
    rc = look(&r, &t);
    target_close(&t);
    return rc == -EAGAIN ? EXIT_TORN : rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
