/*
 * The program around an application, with every call failing once.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "faults.h"
#include "rota.h"
#include "rota/web.h"
#include "test.h"

/* Ends the server, once it listens for signals. */
static ROTA_ASYNC(end_soon)
{
    int rc = rota_sleep(rota_ms(2));
    if (rc != -ECANCELED)
        kill(getpid(), SIGTERM);
    return 0;
}

static int start(void *state)
{
    (void)state;
    rota_task *t = rota_create_task(end_soon);
    rota_task_unref(t);
    return t ? 0 : -ENOMEM;
}

static int run_app(void)
{
    static char *argv[] = { "faults", "--port", "0", NULL };
    static const rota_app app = { .title = "Faults", .start = start };
    return rota_app_run(3, argv, &app);
}

/* PITFALL 63 */
FAULT_TEST("an application that starts and ends", run_app, 0, { 1 })
