/*
 * Choosing among all there is to wait for, and work on several loops, with
 * every call failing once.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "faults.h"
#include "rota.h"
#include "rota/chan.h"
#include "rota/event.h"
#include "rota/fd.h"
#include "rota/gather.h"
#include "rota/loop.h"
#include "rota/select.h"
#include "rota/signal.h"
#include "test.h"

/* More cases than a select has room for on the stack. */
enum { NEVER = 40, WAYS = 5 };

enum { LOOPS = 3, ITEMS = 10, SUM = ITEMS * (ITEMS + 1) / 2 };

/* What a select is over, each ready in its turn. */
struct ways {
    rota_chan *chan;
    rota_event event;
    rota_signals *signals;
    rota_task *task;
    int pipe[2];
};

static int make_true(struct ways *w, int way)
{
    switch (way) {
    case 0: return rota_chan_send(w->chan, &way);
    case 1: rota_event_set(&w->event); return 0;
    case 2: return kill(getpid(), SIGUSR1) < 0 ? -errno : 0;
    case 3: return (int)rota_write(w->pipe[1], "x", 1);
    default: return rota_task_cancel(w->task, NULL) == 1 ? 0 : -EIO;
    }
}

static ROTA_ASYNC(come_true, (struct ways *, w), (int, way))
{
    int rc = rota_sleep(rota_us(10));
    if (rc == 0)
        rc = make_true(w, way);
    if (rc < 0)
        rota_event_set(&w->event); /* who waits must not wait for ever */
    return rc;
}

static ROTA_ASYNC(sleep_on)
{
    return rota_sleep(ROTA_FOREVER);
}

/* Waits for all at once; the number of the one that came true. */
static int choose(struct ways *w)
{
    int got = -1;
    rota_case cases[WAYS + NEVER] = {
        rota_case_recv(w->chan, &got),
        rota_case_event(&w->event),
        rota_case_signal(w->signals),
        rota_case_readable(w->pipe[0]),
        rota_case_done(rota_task_future(w->task)),
    };
    int i = rota_select(cases, WAYS + NEVER, rota_seconds(60), 0);
    return i < 0 ? i : cases[i].rc < 0 ? cases[i].rc : i;
}

static int choose_each(struct ways *w)
{
    int rc = 0, sum = 0;
    for (int way = 0; way < WAYS && rc >= 0; way++) {
        rota_task *t = rota_create_task(come_true, w, way);
        if (!t)
            return -ENOMEM;
        rc = choose(w);
        if (rc < 0)
            rota_task_cancel(t, NULL);
        int end = rota_await(t);
        if (rc >= 0 && end < 0)
            rc = end;
        sum += rc == way;
        rota_event_clear(&w->event);
        char c;
        int n = rc == 3 ? (int)rota_read(w->pipe[0], &c, 1) : 1;
        if (n != 1)
            return n < 0 ? n : -EIO;
    }
    return rc < 0 ? rc : sum;
}

/* Sets up what may fail, and calls choose_each. */
static int use_select(void *arg)
{
    struct ways w = { 0 };
    (void)arg;
    int rc = rota_event_init(&w.event, 0);
    if (rc < 0)
        return rc;
    faults_off();
    rc = pipe(w.pipe) < 0 ? -errno : 0;
    faults_on();
    w.chan = rota_chan_new(sizeof(int), 0, 0);
    w.task = rota_create_task(sleep_on);
    if (rc == 0)
        rc = w.chan && w.task ? 0 : -ENOMEM;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    if (rc == 0)
        rc = rota_signals_open(&set, &w.signals);
    if (rc == 0)
        rc = choose_each(&w);
    if (w.task) {
        rota_task_cancel(w.task, NULL);
        rota_ignore(rota_await(w.task));
    }
    if (w.signals)
        rota_signals_close(w.signals);
    rota_close(w.pipe[0]);
    rota_close(w.pipe[1]);
    rota_chan_unref(w.chan);
    rota_ignore(rota_event_fini(&w.event));
    return rc;
}

static void nothing(int number)
{
    (void)number;
}

/* A round that ends early leaves a signal that nobody takes. */
static int run_use_select(void)
{
    signal(SIGUSR1, nothing);
    return rota_run(use_select, NULL, NULL);
}

/* PITFALL 63 */
FAULT_TEST("a select over everything", run_use_select, WAYS)

static ROTA_ASYNC(send_on, (rota_chan *, c), (rota_event *, go))
{
    int rc = rota_event_wait(go);
    for (int i = 1; i <= ITEMS && rc == 0; i++)
        rc = rota_chan_send(c, &i);
    rota_chan_close(c);
    return rc;
}

static int receive_all(rota_chan *c)
{
    int rc, n, sum = 0;
    while ((rc = rota_chan_recv(c, &n)) == 0)
        sum += n;
    return rc == -EPIPE ? sum : rc;
}

/* A task of another loop sends what this one receives. */
static int talk_across(void *arg)
{
    (void)arg;
    rota_event go;
    int rc = rota_event_init(&go, ROTA_SHARED);
    if (rc < 0)
        return rc;
    rota_chan *c = rota_chan_new(sizeof(int), 2, ROTA_SHARED);
    rota_task *t =
        c ? rota_create_task_on(rota_loop_at(1), send_on, c, &go) : NULL;
    rota_event_set(&go);
    rc = t ? receive_all(c) : -ENOMEM;
    if (c)
        rota_chan_close(c);
    int end = t ? rota_await(t) : 0;
    rota_chan_unref(c);
    rota_ignore(rota_event_fini(&go));
    return end < 0 && end != -EPIPE ? end : rc;
}

static ROTA_ASYNC(ten_times, (int, n))
{
    int rc = rota_sleep(rota_us(10));
    return rc < 0 ? rc : n * 10;
}

/* Tasks of every loop, gathered on one; and one that is cancelled from afar. */
static int gather_across(void *arg)
{
    (void)arg;
    rota_task *tasks[LOOPS],
        *sleeper = rota_create_task_on(rota_loop_at(1), sleep_on);
    int results[LOOPS];
    for (int i = 0; i < LOOPS; i++)
        tasks[i] = rota_create_task_on(rota_loop_at((size_t)i), ten_times, i);
    int rc = rota_gather(tasks, LOOPS, results, 0);
    for (int i = 0; i < LOOPS && rc >= 0; i++)
        rc = results[i] < 0 ? results[i] : rc + results[i];
    for (int i = 0; i < LOOPS; i++) /* gathering had no memory to begin */
        if (tasks[i])
            rota_task_unref(tasks[i]);
    if (!sleeper)
        return rc < 0 ? rc : -ENOMEM;
    rota_task_cancel(sleeper, NULL);
    int end = rota_await(sleeper);
    return rc < 0 || end == -ROTA_ECHILD || end == -ECANCELED ? rc : end;
}

static int run_talk_across(void)
{
    return rota_run_multi(LOOPS, talk_across, NULL, NULL);
}

static int run_gather_across(void)
{
    return rota_run_multi(LOOPS, gather_across, NULL, NULL);
}

/* PITFALL 63 */
FAULT_TEST("a channel between two loops", run_talk_across, SUM)
FAULT_TEST("tasks of several loops", run_gather_across, 30)
