/*
 * The micro benchmark of rota.
 */
#include "micro.h"
#include "rota.h"

static int count_down(void *arg)
{
    long *left = arg;
    while (--*left > 0)
        rota_ignore(rota_checkpoint());
    return 0;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* Two tasks that let each other run. */
static void yield(void)
{
    long a = MICRO_TURNS, b = MICRO_TURNS;
    double from = micro_now();
    rota_task *t = rota_spawn(count_down, &a, NULL);
    rota_task *u = rota_spawn(count_down, &b, NULL);
    rota_ignore(rota_await(t));
    rota_ignore(rota_await(u));
    micro_told("yield", from, 2.0 * MICRO_TURNS);
}

/* A hundred tasks that let each other run. */
static void yield_many(void)
{
    enum { TASKS = 100 };
    long left[TASKS];
    rota_task *tasks[TASKS];
    double from = micro_now();
    for (int i = 0; i < TASKS; i++) {
        left[i] = MICRO_TURNS / TASKS;
        tasks[i] = rota_spawn(count_down, &left[i], NULL);
    }
    for (int i = 0; i < TASKS; i++)
        rota_ignore(rota_await(tasks[i]));
    micro_told("yield100", from, MICRO_TURNS);
}

static void spawn_join(void)
{
    double from = micro_now();
    for (int i = 0; i < MICRO_TURNS; i++)
        rota_ignore(rota_await(rota_spawn(nothing, NULL, NULL)));
    micro_told("spawn_join", from, MICRO_TURNS);
}

static int set(void *arg)
{
    rota_future **slot = arg;
    for (int i = 0; i < MICRO_TURNS; i++) {
        rota_ignore(rota_future_set(*slot, 1, NULL, NULL));
        rota_ignore(rota_checkpoint());
    }
    return 0;
}

/* One task makes futures and awaits them, another sets them. */
static void future(void)
{
    rota_future *slot = rota_future_new();
    double from = micro_now();
    rota_task *t = rota_spawn(set, &slot, NULL);
    for (int i = 0; i < MICRO_TURNS; i++) {
        rota_ignore(rota_future_wait(slot, NULL));
        rota_future_unref(slot);
        slot = rota_future_new();
    }
    micro_told("future", from, MICRO_TURNS);
    rota_ignore(rota_await(t));
    rota_future_unref(slot);
}

static int pong(void *arg)
{
    rota_chan **both = arg;
    for (int value, i = 0; i < MICRO_TURNS; i++) {
        rota_ignore(rota_chan_recv(both[0], &value));
        rota_ignore(rota_chan_send(both[1], &value));
    }
    return 0;
}

/* There and back over two channels without a buffer. */
static void channel(void)
{
    rota_chan *both[] = { rota_chan_new(sizeof(int), 0, 0),
                          rota_chan_new(sizeof(int), 0, 0) };
    double from = micro_now();
    rota_task *t = rota_spawn(pong, both, NULL);
    for (int i = 0; i < MICRO_TURNS; i++) {
        rota_ignore(rota_chan_send(both[0], &i));
        rota_ignore(rota_chan_recv(both[1], &i));
    }
    rota_ignore(rota_await(t));
    micro_told("channel", from, MICRO_TURNS);
    rota_chan_unref(both[0]);
    rota_chan_unref(both[1]);
}

static int take(void *arg)
{
    void *item;
    for (int i = 0; i < MICRO_TURNS; i++)
        rota_ignore(rota_queue_get(arg, &item));
    return 0;
}

static void queue(void)
{
    rota_queue *q = rota_queue_new(ROTA_QUEUE_FIFO, MICRO_QUEUE, NULL);
    double from = micro_now();
    rota_task *t = rota_spawn(take, q, NULL);
    for (int i = 0; i < MICRO_TURNS; i++)
        rota_ignore(rota_queue_put(q, NULL));
    rota_ignore(rota_await(t));
    micro_told("queue", from, MICRO_TURNS);
    rota_queue_unref(q);
}

static int hold(void *arg)
{
    for (int i = 0; i < MICRO_TURNS / 2; i++) {
        rota_ignore(rota_lock_acquire(arg));
        rota_ignore(rota_checkpoint());
        rota_lock_release(arg);
    }
    return 0;
}

/* Two tasks that yield while they hold it, so that it is always asked for. */
static void lock(void)
{
    rota_lock l;
    rota_lock_init(&l);
    double from = micro_now();
    rota_task *t = rota_spawn(hold, &l, NULL);
    rota_task *u = rota_spawn(hold, &l, NULL);
    rota_ignore(rota_await(t));
    rota_ignore(rota_await(u));
    micro_told("lock", from, MICRO_TURNS);
}

static int small(void *arg)
{
    (void)arg;
    yield();
    yield_many();
    spawn_join();
    channel();
    queue();
    lock();
    future();
    return 0;
}

static long parked, woken;
static rota_time until;

static int sleeper(void *arg)
{
    (void)arg;
    parked++;
    int rc = rota_sleep_until(until);
    woken++;
    return rc;
}

static int sleepers(void *arg)
{
    long count = *(long *)arg;
    rota_group g;
    rota_ignore(rota_group_begin(&g, 0));
    double before = micro_resident(), from = micro_now();
    for (long i = 0; i < count; i++)
        if (rota_group_spawn(&g, sleeper, NULL, NULL, NULL) < 0)
            abort();
    until = rota_time_add(rota_now(), rota_ms(200) + rota_us(10) * count);
    while (parked < count)
        rota_ignore(rota_checkpoint());
    micro_told("sleep_spawn", from, (double)count);
    printf("sleep_bytes=%.0f\n", (micro_resident() - before) / (double)count);
    printf("late=%d\n", rota_now() > until);
    from = micro_now();
    rota_ignore(rota_group_end(&g, 0));
    micro_told("sleep_wake", from, (double)count);
    return woken == count ? 0 : -EIO;
}

int main(int argc, char **argv)
{
    long count = micro_sleepers(argc, argv);
    return rota_run(count ? sleepers : small, &count, NULL) < 0;
}
