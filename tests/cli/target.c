/*
 * Programs for others to look at: each does what its argument says, for ever,
 * after the line "ready".
 */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "rota.h"

static void ready(void)
{
    printf("ready\n");
    fflush(stdout);
}

static ROTA_ASYNC(sleeper)
{
    return rota_sleep(rota_seconds(100000)); /* a timer: no deadlock */
}

static ROTA_ASYNC(pair, (bool, last))
{
    rota_group g;
    int rc = rota_group_begin(&g, 0);
    for (int i = 0; rc == 0 && i < 2; i++)
        rc = rota_group_create_task(&g, sleeper);
    if (last)
        ready();
    return rota_group_end(&g, rc);
}

/* A group of two groups of two sleepers. */
static int tree(void *arg)
{
    (void)arg;
    rota_group g;
    int rc = rota_group_begin(&g, 0);
    if (rc == 0)
        rc = rota_group_create_task(&g, pair, false);
    if (rc == 0)
        rc = rota_group_create_task(&g, pair, true);
    return rota_group_end(&g, rc);
}

static ROTA_ASYNC(ticker)
{
    while (rota_sleep(rota_ms(1)) == 0)
        ;
    return 0;
}

static rota_lock locks[2];

static ROTA_ASYNC(crossed, (int, first))
{
    int rc = rota_lock_acquire(&locks[first]);
    if (rc == 0)
        rc = rota_checkpoint(); /* the other takes its first one */
    if (rc == 0)
        rc = rota_lock_acquire(&locks[!first]);
    return rc;
}

/* Two tasks wait for each other's lock, while a timer goes on. */
static int cycle(void *arg)
{
    (void)arg;
    rota_lock_init(&locks[0]);
    rota_lock_init(&locks[1]);
    rota_task *t = rota_create_task(ticker);
    rota_task_unref(rota_create_task(crossed, 0));
    rota_task_unref(rota_create_task(crossed, 1));
    if (rota_wait_all_blocked(0) == 0)
        ready();
    return rota_await(t);
}

static rota_task *others[2];

static ROTA_ASYNC(gathers)
{
    return rota_gather(others, 1, NULL, 0);
}

static ROTA_ASYNC(joins)
{
    return rota_join(others[1], NULL);
}

/* A gathers B, B awaits A. */
static int awaits(void *arg)
{
    (void)arg;
    others[1] = rota_create_task(gathers);
    others[0] = rota_create_task(joins);
    if (rota_wait_all_blocked(0) == 0)
        ready();
    return sleeper();
}

static volatile int spinning = 1;

static __attribute__((noinline)) void spin(void)
{
    while (spinning)
        ;
}

static ROTA_ASYNC(hog)
{
    ready();
    spin();
    return 0;
}

/* The loop hangs, busy. */
static int busy(void *arg)
{
    (void)arg;
    rota_task_unref(rota_create_task(sleeper));
    return rota_await(rota_create_task(hog));
}

static ROTA_ASYNC(blocker)
{
    ready();
    pause();
    return 0;
}

/* The loop hangs in a system call. */
static int blocked(void *arg)
{
    (void)arg;
    rota_task_unref(rota_create_task(sleeper));
    return rota_await(rota_create_task(blocker));
}

static ROTA_ASYNC(switcher)
{
    int rc;
    while ((rc = rota_sleep(0)) == 0)
        ;
    return rc;
}

/* Tasks that switch as fast as they can. */
static int switching(void *arg)
{
    (void)arg;
    for (int i = 0; i < 8; i++)
        rota_task_unref(rota_create_task(switcher));
    ready();
    return switcher();
}

static ROTA_ASYNC(brief)
{
    return 1;
}

/* Tasks that come and go as fast as they can. */
static int storm(void *arg)
{
    int rc = 1;
    (void)arg;
    ready();
    while (rc == 1)
        rc = rota_await(rota_create_task(brief));
    return rc;
}

static int none(void)
{
    ready();
    pause();
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        rota_fn *fn;
    } ways[] = {
        { "tree", tree },   { "cycle", cycle },     { "awaits", awaits },
        { "busy", busy },   { "blocked", blocked }, { "switching", switching },
        { "storm", storm },
    };
    const char *way = argc > 1 ? argv[1] : "";
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* where Yama restricts it */
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(way, ways[i].name) == 0)
            return rota_run(ways[i].fn, NULL, NULL) < 0;
    return strcmp(way, "none") == 0 ? none() : 2;
}
