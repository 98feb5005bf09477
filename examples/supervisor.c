/*
 * supervisor: keeps programs running.
 *
 *     supervisor 'exec web --port 8000' 'while sleep 60; do clean; done'
 *
 * Each argument is a line of the shell. What ends is started again, after a
 * pause that doubles from time to time, unless it has ended well (status 0).
 * On SIGINT and SIGTERM all are asked to end (SIGTERM), made to after a grace
 * (SIGKILL), and waited for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "rota.h"

static const rota_dur pause_least = 100 * 1000000LL;
static const rota_dur pause_most = 10 * 1000000000LL;
static const rota_dur long_enough = 10 * 1000000000LL; /* to forget crashes */
static rota_dur grace; /* from SIGTERM to SIGKILL */

static void tell(const char *command, const char *what, int number)
{
    printf("%s: %s %d\n", command, what, number);
}

/* Runs a command until it ends, and gives its status as of waitpid(2). When we
 * are cancelled it is stopped, with all it has started. */
static int run_once(const char *command, int *status)
{
    rota_process_options o = { .flags = ROTA_PROCESS_GROUP, .grace = grace };
    rota_process *p;
    int rc = rota_process_shell(command, &o, &p);
    if (rc < 0)
        return rc;
    tell(command, "runs as process", rota_process_pid(p));
    rc = rota_process_wait(p, status);
    if (rc == -ECANCELED)
        rota_process_stop(p);
    rota_process_free(p);
    return rc;
}

/* True: it has ended well, and is not to be started again. */
static bool has_ended(const char *command, int status)
{
    if (WIFSIGNALED(status))
        tell(command, "ended by signal", WTERMSIG(status));
    else
        tell(command, "ended with status", WEXITSTATUS(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

ROTA_ASYNC(keep, (const char *, command))
{
    rota_dur pause = pause_least;
    for (;;) {
        int status = 0;
        rota_time started = rota_now();
        int rc = run_once(command, &status);
        if (rc == -ECANCELED)
            return rc;
        if (rc < 0)
            tell(command, "cannot be started, error", -rc);
        else if (has_ended(command, status))
            return 0;
        if (rota_now() - started >= long_enough)
            pause = pause_least;
        rc = rota_sleep(pause);
        if (rc < 0)
            return rc;
        pause = 2 * pause < pause_most ? 2 * pause : pause_most;
    }
}

static void stop(void *group)
{
    rota_group_cancel(group, "a signal");
}

static int supervise(void *arg)
{
    char **commands = arg;
    rota_group g;
    int rc = rota_group_begin(&g, ROTA_GROUP_ISOLATE);
    if (rc < 0)
        return rc;
    rc = rota_add_signal_handler(SIGTERM, stop, &g);
    if (rc == 0)
        rc = rota_add_signal_handler(SIGINT, stop, &g);
    for (; rc == 0 && *commands; commands++)
        rc = rota_group_create_task(&g, keep, *commands);
    rc = rota_group_end(&g, rc);
    rota_remove_signal_handler(SIGTERM);
    rota_remove_signal_handler(SIGINT);
    return rc;
}

int main(int argc, char **argv)
{
    char **commands = argv + 1;
    double seconds = 5;
    if (argc > 2 && strcmp(argv[1], "-g") == 0) {
        seconds = strtod(argv[2], NULL);
        commands += 2;
    }
    if (!*commands || !(seconds > 0)) {
        fprintf(stderr, "usage: %s [-g GRACE-SECONDS] COMMAND...\n", argv[0]);
        return 2;
    }
    grace = rota_seconds(seconds);
    setlinebuf(stdout);
    int rc = rota_run(supervise, commands, NULL);
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", argv[0], rota_errmsg(rc));
    return rc < 0;
}
