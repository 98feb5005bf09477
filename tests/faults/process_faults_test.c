/*
 * Child processes, with every call failing once, those of the child too.
 */
#include <errno.h>
#include <sys/wait.h>

#include "faults.h"
#include "rota.h"
#include "test.h"

static const char *const cat[] = { "/bin/cat", NULL };

static int run_cat(void *arg)
{
    (void)arg;
    rota_process_options o = { .program = "cat", .cwd = "/" };
    rota_process *p;
    int status = -1;
    int rc = rota_process_run(cat, &o, "meow", 4, &status, &p);
    if (rc < 0)
        return rc;
    rc = status == 0 ? (int)rota_process_output(p).len : -EINVAL;
    if (rota_process_errors(p).len > 0)
        rc = -EINVAL;
    rota_process_free(p);
    return rc;
}

static int run_run_cat(void)
{
    return rota_run(run_cat, NULL, NULL);
}

/* PITFALL 58, PITFALL 63 */
FAULT_TEST("a process run from begin to end", run_run_cat, 4)

/* A stream of its output, and one that is its input. */
static int talk(rota_process *p)
{
    rota_stream *in = NULL, *out = NULL;
    rota_str line;
    int rc = rota_process_stream(p, 0, &in);
    if (rc == 0)
        rc = rota_process_stream(p, 1, &out);
    if (rc == 0)
        rc = rota_stream_write(in, "to\n", 3, NULL);
    if (rc == 0)
        rc = rota_stream_write_eof(in);
    if (rc == 0)
        rc = (int)rota_stream_readline(out, &line);
    rota_stream_close(in);
    rota_stream_close(out);
    return rc;
}

/* The shell ends before the other member of its group, who does not mind
 * SIGTERM. */
static int stop_group(void *arg)
{
    (void)arg;
    rota_process_options o = { .in = ROTA_PROCESS_PIPE,
                               .out = ROTA_PROCESS_PIPE,
                               .grace = rota_ms(10),
                               .flags = ROTA_PROCESS_GROUP };
    rota_process *p;
    int rc = rota_process_shell(
        "cat; (trap '' TERM; exec sleep 1000 >/dev/null) & exit 5", &o, &p);
    if (rc < 0)
        return rc;
    int status = 0, got = talk(p);
    rota_process_close_in(p);
    /* Streams that did not come to be have left the ends to the handle. */
    rc = got == 3 ? rota_process_wait(p, &status) : got;
    if (rc == 0 && WEXITSTATUS(status) != 5)
        rc = -EINVAL;
    if (rc == 0)
        rc = rota_process_signal(p, 0);
    int stopped = rota_process_stop(p);
    if (stopped == -EPERM) /* nobody may stay behind */
        stopped = rota_process_stop(p) == 0 ? -EPERM : -EIO;
    rota_process_free(p);
    return rc < 0 ? rc : stopped;
}

static int run_stop_group(void)
{
    return rota_run(stop_group, NULL, NULL);
}

/* PITFALL 58, PITFALL 63 */
FAULT_TEST("a process group talked to, and stopped", run_stop_group, 0)
