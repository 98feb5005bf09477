/*
 * Everything at once: tasks that draw what they do next, with objects of all
 * kinds, under deadlines and behind shields, while others are drawn to be
 * cancelled. Whatever came of it, nothing is lost, held or waited for at the
 * end: each object says so by its own count.
 */
#include "loops.h"
#include "sim.h"

enum { TASKS = 12, STEPS = 15, PERMITS = 3, PLACES = 2, PARTIES = 3 };

static struct world {
    rota_lock lock, cond_lock;
    rota_rwlock rwlock;
    rota_cond cond;
    rota_sem sem;
    rota_barrier barrier;
    rota_limiter limiter;
    rota_event event;
    rota_once once;
    rota_wg wg;
    rota_queue *queue;
    rota_chan *chans[3]; /* rendezvous, buffered, shared */
    long put, got;       /* items of the queue, */
    long sent, received; /* and elements */
    bool inside;         /* of the lock */
    int readers;         /* of the rwlock; -1: a writer */
    rota_task *tasks[TASKS];
} w;

static unsigned draw(unsigned n)
{
    return (unsigned)rota_sim_random(n);
}

static void linger(void)
{
    rota_ignore(rota_sleep(rota_us((int64_t)draw(3) * 50)));
}

static void with_lock(void)
{
    if (draw(4) == 0) {
        ROTA_WITH_LOCK (&w.lock) {
            CHECK(!w.inside);
            w.inside = true;
            linger();
            w.inside = false;
        }
        return;
    }
    if (rota_lock_acquire(&w.lock) < 0)
        return;
    CHECK(!w.inside);
    w.inside = true;
    linger();
    w.inside = false;
    CHECK_INT(rota_lock_release(&w.lock), 0);
}

static void with_rwlock(void)
{
    if (draw(2)) {
        if (rota_rwlock_read(&w.rwlock) < 0)
            return;
        CHECK(w.readers >= 0);
        w.readers++;
        linger();
        w.readers--;
    } else {
        if (rota_rwlock_write(&w.rwlock) < 0)
            return;
        CHECK_INT(w.readers, 0);
        w.readers = -1;
        linger();
        w.readers = 0;
    }
    CHECK_INT(rota_rwlock_release(&w.rwlock), 0);
}

static void with_cond(void)
{
    if (rota_lock_acquire(&w.cond_lock) < 0)
        return;
    if (draw(2))
        rota_ignore(rota_cond_wait(&w.cond));
    else
        CHECK_INT(rota_cond_notify(&w.cond, draw(3)), 0);
    CHECK_INT(rota_lock_release(&w.cond_lock), 0);
}

static void with_sem(void)
{
    long n = 1 + draw(PERMITS);
    if (rota_sem_acquire(&w.sem, n) < 0)
        return;
    linger();
    CHECK_INT(rota_sem_release(&w.sem, n), 0);
}

static void with_limiter(void)
{
    if (rota_limiter_acquire(&w.limiter) < 0)
        return;
    CHECK(rota_limiter_taken(&w.limiter) <= PLACES);
    linger();
    CHECK_INT(rota_limiter_release(&w.limiter), 0);
}

static void with_queue(void)
{
    void *item;
    if (draw(2))
        w.put += rota_queue_put(w.queue, &w) == 0;
    else
        w.got += rota_queue_get(w.queue, &item) == 0;
}

static void with_chan(void)
{
    rota_chan *c = w.chans[draw(3)];
    int n = 7;
    if (draw(2))
        w.sent += rota_chan_send(c, &n) == 0;
    else
        w.received += rota_chan_recv(c, &n) == 0;
    CHECK_INT(n, 7);
}

static void with_select(void)
{
    int in[3] = { 7, 7, 7 }, out = 7;
    rota_case cases[] = {
        rota_case_recv(w.chans[draw(3)], &in[0]),
        rota_case_send(w.chans[draw(3)], &out),
        rota_case_recv(w.chans[draw(3)], &in[1]),
        rota_case_event(&w.event),
        rota_case_done(rota_task_future(w.tasks[0])),
    };
    size_t n = 1 + draw(5);
    int i = rota_select(cases, n, draw(2) ? rota_us(draw(300)) : LONG, 0);
    if (i < 0 || cases[i].rc < 0)
        return;
    w.sent += i == 1;
    w.received += i == 0 || i == 2;
}

static void with_event(void)
{
    switch (draw(3)) {
    case 0: rota_event_pulse(&w.event); break;
    case 1: rota_event_set(&w.event); break;
    default: rota_ignore(rota_event_wait(&w.event)); rota_event_clear(&w.event);
    }
}

static int run_once(void *arg)
{
    (void)arg;
    linger();
    return draw(2) ? -EIO : 0;
}

static void with_wg(void)
{
    if (draw(2)) {
        rota_ignore(rota_wg_wait(&w.wg));
        return;
    }
    CHECK_INT(rota_wg_add(&w.wg, 1), 0);
    linger();
    CHECK_INT(rota_wg_done(&w.wg), 0);
}

static void step(void);

static ROTA_ASYNC(be_child)
{
    step();
    return draw(4) ? 0 : -EIO;
}

static void with_children(void)
{
    if (draw(2)) {
        rota_task *t[2] = { rota_create_task(be_child),
                            rota_create_task(be_child) };
        rota_ignore(rota_gather(t, 2, NULL, draw(2) ? ROTA_COLLECT : 0));
        return;
    }
    rota_group g;
    CHECK_INT(rota_group_begin(&g, draw(2) ? ROTA_GROUP_ISOLATE : 0), 0);
    rota_group_limit(&g, draw(3));
    for (unsigned i = draw(4); i > 0; i--)
        rota_ignore(rota_group_create_task(&g, be_child));
    if (draw(4) == 0)
        rota_group_cancel(&g, "drawn");
    rota_ignore(rota_group_end(&g, 0));
}

static void step(void)
{
    static void (*const steps[])(void) = {
        with_lock, with_rwlock, with_cond,  with_sem, with_limiter,  with_queue,
        with_chan, with_select, with_event, with_wg,  with_children,
    };
    switch (draw(16)) {
    case 0: rota_ignore(rota_barrier_wait(&w.barrier)); break;
    case 1: rota_ignore(rota_once_run(&w.once, run_once, NULL)); break;
    case 2: rota_task_cancel(w.tasks[draw(TASKS)], "drawn"); break;
    case 3: rota_task_uncancel(rota_current_task()); break;
    default: steps[draw(sizeof steps / sizeof *steps)](); break;
    }
}

static ROTA_ASYNC(act)
{
    for (int i = 0; i < STEPS; i++) {
        int rc = 0;
        if (draw(3) == 0)
            ROTA_TIMEOUT (rota_us(draw(500)), rc) {
                step();
            }
        else if (draw(8) == 0)
            ROTA_SHIELD (rota_us(draw(500))) {
                step();
            }
        else
            step();
    }
    return 0;
}

static void begin(void)
{
    w = (struct world){ 0 };
    rota_cond_init(&w.cond, &w.cond_lock);
    CHECK_INT(rota_sem_init(&w.sem, PERMITS, PERMITS), 0);
    CHECK_INT(rota_barrier_init(&w.barrier, PARTIES), 0);
    rota_limiter_init(&w.limiter, PLACES);
    CHECK_INT(rota_event_init(&w.event, draw(2) ? ROTA_SHARED : 0), 0);
    w.queue = rota_queue_new(draw(3), 2, NULL);
    for (size_t i = 0; i < 3; i++)
        w.chans[i] = rota_chan_new(sizeof(int), i, i == 2 ? ROTA_SHARED : 0);
}

/* Each says -EBUSY of whoever still waits, by misuse. */
static void end(void)
{
    size_t left = 0;
    CHECK_INT(rota_lock_fini(&w.lock), 0);
    CHECK_INT(rota_lock_fini(&w.cond_lock), 0);
    CHECK_INT(rota_rwlock_fini(&w.rwlock), 0);
    CHECK_INT(rota_cond_fini(&w.cond), 0);
    CHECK_INT(rota_sem_value(&w.sem), PERMITS);
    CHECK_INT(rota_sem_fini(&w.sem), 0);
    CHECK_INT(rota_barrier_waiting(&w.barrier), 0);
    CHECK_INT(rota_barrier_fini(&w.barrier), 0);
    CHECK_INT(rota_limiter_fini(&w.limiter), 0);
    CHECK_INT(rota_event_fini(&w.event), 0);
    CHECK_INT(rota_wg_count(&w.wg), 0);
    CHECK_INT(rota_wg_fini(&w.wg), 0);
    CHECK_INT(w.put - w.got, rota_queue_size(w.queue));
    rota_queue_unref(w.queue);
    for (int i = 0; i < 3; i++) {
        left += rota_chan_len(w.chans[i]);
        rota_chan_unref(w.chans[i]);
    }
    CHECK_INT(w.sent - w.received, left);
}

SIM_TEST("whatever tasks do to each other, nothing is lost and all end")
{
    begin();
    for (int i = 0; i < TASKS; i++)
        w.tasks[i] = rota_create_task(act);
    CHECK_INT(rota_sleep(rota_ms(20)), 0);
    for (int i = 0; i < TASKS; i++)
        while (!rota_task_done(w.tasks[i])) {
            rota_task_cancel(w.tasks[i], "the end");
            CHECK_INT(rota_sleep(rota_ms(1)), 0);
        }
    for (int i = 0; i < TASKS; i++)
        rota_task_unref(w.tasks[i]);
    end();
}
