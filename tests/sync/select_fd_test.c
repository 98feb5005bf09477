/*
 * Select over descriptors and signals, on one loop.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "loops.h"

struct ends {
    int in;
    int out;
};

static struct ends new_pipe(void)
{
    int fds[2];
    CHECK_INT(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    return (struct ends){ fds[0], fds[1] };
}

static void close_both(struct ends e)
{
    CHECK_INT(rota_close(e.in), 0);
    CHECK_INT(rota_close(e.out), 0);
}

static ROTA_ASYNC(write_later, (int, fd), (rota_dur, d))
{
    int rc = rota_sleep(d);
    return rc < 0 ? rc : (int)rota_write(fd, "x", 1);
}

static ROTA_ASYNC(set_later, (rota_event *, e), (rota_dur, d))
{
    int rc = rota_sleep(d);
    rota_event_set(e);
    return rc;
}

static int read_one(int fd)
{
    char c;
    return (int)rota_read(fd, &c, 1);
}

/* SEL-14 */
BOTH_TEST("a descriptor that becomes readable is told, and nothing is read")
{
    struct ends p = new_pipe();
    rota_event e;
    CHECK_INT(rota_event_init(&e, flags), 0);
    rota_task *t = rota_create_task(sleep_long);
    rota_case cases[] = { rota_case_done(rota_task_future(t)),
                          rota_case_readable(p.in), rota_case_event(&e) };
    CHECK_INT(rota_select(cases, 3, 0, 0), -EAGAIN);
    rota_task *w = rota_create_task(write_later, p.out, rota_ms(2));
    CHECK_INT(rota_select(cases, 3, ROTA_FOREVER, 0), 1);
    CHECK(cases[1].rc & POLLIN);
    CHECK_INT(rota_await(w), 1);
    CHECK_INT(rota_select(cases, 3, 0, 0), 1); /* still there */
    CHECK_INT(read_one(p.in), 1);
    CHECK_INT(rota_select(cases, 3, 0, 0), -EAGAIN);

    w = rota_create_task(set_later, &e, rota_ms(1));
    CHECK_INT(rota_select(cases, 3, ROTA_FOREVER, 0), 2);
    CHECK(rota_event_is_set(&e));
    CHECK_INT(rota_await(w), 0);
    rota_event_clear(&e);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_select(cases, 3, ROTA_FOREVER, 0), 0);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    close_both(p);
    CHECK_INT(rota_event_fini(&e), 0);
}

TASK_TEST("both directions of one socket, and a pipe that is full")
{
    struct ends p = new_pipe();
    rota_case out[] = { rota_case_writable(p.out) };
    CHECK_INT(rota_select(out, 1, 0, 0), 0);
    CHECK(out[0].rc & POLLOUT);
    char block[4096] = { 0 };
    while (write(p.out, block, sizeof block) > 0)
        ;
    CHECK_INT(rota_select(out, 1, 0, 0), -EAGAIN);
    CHECK_INT(rota_select(out, 1, rota_ms(2), 0), -ETIMEDOUT);
    while (read(p.in, block, sizeof block) > 0)
        ;
    CHECK_INT(rota_select(out, 1, ROTA_FOREVER, 0), 0);
    rota_case both[] = { rota_case_readable(p.in), rota_case_writable(p.out) };
    CHECK_INT(rota_select(both, 2, ROTA_FOREVER, 0), 1);
    CHECK_INT(rota_write(p.out, "x", 1), 1);
    CHECK_INT(rota_select(both, 2, 0, ROTA_SELECT_PRIORITY), 0);
    close_both(p);
}

static ROTA_ASYNC(select_readable, (int, fd), (rota_event *, e),
                  (rota_case *, told))
{
    rota_case cases[] = { rota_case_readable(fd), rota_case_event(e) };
    int i = rota_select(cases, e ? 2 : 1, ROTA_FOREVER, 0);
    if (i >= 0)
        *told = cases[i];
    return i < 0 ? i - 1000 : i;
}

BOTH_TEST("a descriptor that is closed ends the select with -EBADF")
{
    for (int i = 0; i < 2; i++) {
        struct ends p = new_pipe();
        rota_event e;
        CHECK_INT(rota_event_init(&e, flags), 0);
        rota_case told = { 0 };
        rota_task *t =
            rota_create_task(select_readable, p.in, i ? &e : NULL, &told);
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
        CHECK_INT(rota_close(p.in), 0);
        CHECK_INT(rota_await(t), 0);
        CHECK_INT(told.rc, -EBADF);
        CHECK_INT(rota_event_waiters(&e), 0);
        CHECK_INT(rota_close(p.out), 0);
        CHECK_INT(rota_event_fini(&e), 0);
    }
    rota_case none[] = { rota_case_readable(-1), rota_case_readable(1 << 20) };
    CHECK_INT(rota_select(none, 1, 0, 0), -EAGAIN);
    CHECK_INT(rota_select(none, 2, ROTA_FOREVER, 0), 1);
    CHECK_INT(none[1].rc, -EBADF);
}

BOTH_TEST("who waits for a direction already is not disturbed: -EBUSY")
{
    struct ends p = new_pipe();
    rota_event e;
    CHECK_INT(rota_event_init(&e, flags), 0);
    rota_case told = { 0 };
    rota_task *t = rota_create_task(select_readable, p.in, &e, &told);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_case cases[] = { rota_case_event(&e), rota_case_readable(p.in) };
    CHECK_INT(rota_select(cases, 2, ROTA_FOREVER, 0), 1);
    CHECK_INT(cases[1].rc, -EBUSY);
    CHECK_INT(rota_event_waiters(&e), 1);
    CHECK_INT(rota_write(p.out, "x", 1), 1);
    CHECK_INT(rota_await(t), 0);
    CHECK(told.rc & POLLIN);
    CHECK_INT(read_one(p.in), 1);
    rota_case twice[] = { rota_case_readable(p.in), rota_case_readable(p.in) };
    int i = rota_select(twice, 2, ROTA_FOREVER, 0);
    CHECK(i >= 0);
    CHECK_INT(twice[i].rc, -EBUSY);
    close_both(p);
    CHECK_INT(rota_event_fini(&e), 0);
}

/* RACE-01, RACE-02 */
BOTH_TEST("a select on a descriptor is cancelled, and no byte is lost")
{
    struct ends p = new_pipe();
    rota_event e;
    CHECK_INT(rota_event_init(&e, flags), 0);
    for (int i = 0; i < 200; i++) {
        rota_case told = { 0 };
        rota_task *t =
            rota_create_task(select_readable, p.in, i % 2 ? &e : NULL, &told);
        CHECK_INT(rota_sleep(0), 0);
        CHECK_INT(rota_sleep(0), 0);
        if (i % 3)
            CHECK_INT(rota_write(p.out, "x", 1), 1);
        rota_task_cancel(t, NULL);
        int rc = rota_await(t);
        CHECK(rc == 0 || rc == -ECANCELED - 1000);
        CHECK(rc != 0 || i % 3);
        if (i % 3)
            CHECK_INT(read_one(p.in), 1);
        CHECK_INT(rota_event_waiters(&e), 0);
    }
    close_both(p);
    CHECK_INT(rota_event_fini(&e), 0);
}

static ROTA_ASYNC(send_many, (rota_chan *, c), (int, n))
{
    for (int i = 0; i < n; i++) {
        int rc = rota_chan_send(c, &i);
        if (rc < 0 || (i % 3 == 0 && (rc = rota_sleep(0)) < 0))
            return rc;
    }
    return rota_chan_close(c);
}

static ROTA_ASYNC(write_many, (int, fd), (int, n))
{
    for (int i = 0; i < n; i++) {
        ssize_t rc = rota_write(fd, "x", 1);
        if (rc < 0 || (i % 2 == 0 && (rc = rota_sleep(0)) < 0))
            return (int)rc;
    }
    return rota_close(fd);
}

/* A case that loses gives its operation back before the select returns: the
 * next select, and a read, find the descriptor free. PITFALL 52 */
BOTH_TEST("a descriptor and a channel take turns, many times")
{
    enum { MANY = 2000 };
    struct ends p = new_pipe();
    rota_chan *c = rota_chan_new(sizeof(int), 0, flags);
    rota_task *t = rota_create_task(send_many, c, MANY);
    rota_task *w = rota_create_task(write_many, p.out, MANY);
    int bytes = 0, items = 0;
    bool open = true;
    for (rota_chan *from = c; from || open;) {
        int value;
        rota_case cases[] = { rota_case_readable(open ? p.in : -1),
                              rota_case_recv(from, &value) };
        int i = rota_select(cases, 2, ROTA_FOREVER, 0);
        CHECK(i >= 0);
        if (i == 1 && cases[1].rc == 0)
            items++;
        else if (i == 1)
            from = NULL;
        else if (read_one(p.in) == 1)
            bytes++;
        else
            open = false;
    }
    CHECK_INT(items, MANY);
    CHECK_INT(bytes, MANY);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_await(w), 0);
    CHECK_INT(rota_close(p.in), 0);
    rota_chan_unref(c);
}

static ROTA_ASYNC(raise_later, (int, number), (rota_dur, d))
{
    int rc = rota_sleep(d);
    kill(getpid(), number);
    return rc;
}

BOTH_TEST("a signal is one of the cases, and is taken")
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    rota_signals *s;
    CHECK_INT(rota_signals_open(&set, &s), 0);
    rota_event e;
    CHECK_INT(rota_event_init(&e, flags), 0);
    rota_case cases[] = { rota_case_event(&e), rota_case_signal(s) };
    CHECK_INT(rota_select(cases, 2, 0, 0), -EAGAIN);
    CHECK_INT(rota_select(cases, 2, rota_ms(1), 0), -ETIMEDOUT);
    rota_task *t = rota_create_task(raise_later, SIGUSR2, rota_ms(1));
    CHECK_INT(rota_select(cases, 2, ROTA_FOREVER, 0), 1);
    CHECK_INT(cases[1].rc, SIGUSR2);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_select(cases, 2, 0, 0), -EAGAIN);
    kill(getpid(), SIGUSR1);
    rota_event_set(&e);
    CHECK_INT(rota_select(cases, 2, 0, ROTA_SELECT_PRIORITY), 0);
    CHECK_INT(rota_signal_next(s), SIGUSR1); /* it was not taken */
    rota_signals_close(s);
    CHECK_INT(rota_event_fini(&e), 0);
}

struct far {
    rota_event *event;
    int fd;
    atomic_bool over;
};

/* Sets and writes at any moment, from another thread. */
static void *disturb(void *arg)
{
    struct far *f = arg;
    while (!f->over) {
        rota_event_pulse(f->event);
        if (write(f->fd, "x", 1) < 0)
            sched_yield();
    }
    return NULL;
}

/* PITFALL 52, PITFALL 53 */
TASK_TEST_LIMITED("another thread, the kernel and a timeout race for a select",
                  120)
{
    struct ends p = new_pipe();
    rota_event e;
    CHECK_INT(rota_event_init(&e, ROTA_SHARED), 0);
    struct far f = { &e, p.out, false };
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, disturb, &f), 0);
    int rounds = test_sanitized() ? 2000 : 20000;
    for (int i = 0; i < rounds; i++) {
        rota_case cases[] = { rota_case_readable(p.in), rota_case_event(&e) };
        int k = rota_select(cases, 2, rota_us(1 + i % 30), 0);
        CHECK(k >= 0 || k == -ETIMEDOUT);
        if (k == 0)
            CHECK_INT(read_one(p.in), 1);
        else if (k == 1)
            CHECK_INT(cases[1].rc, 0);
    }
    f.over = true;
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_INT(rota_event_waiters(&e), 0);
    close_both(p);
    CHECK_INT(rota_event_fini(&e), 0);
}
