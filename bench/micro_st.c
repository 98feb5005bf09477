/*
 * The micro benchmark of state-threads. It has neither channels nor queues
 * nor futures: here they are what its users write, a variable and condition
 * variables. It has no yield but a sleep of 0.
 */
#include <st.h>

#include "micro.h"

static void *count_down(void *arg)
{
    long *left = arg;
    while (--*left > 0)
        st_usleep(0);
    return NULL;
}

static void *nothing(void *arg)
{
    return arg;
}

static st_thread_t spawn(void *(*fn)(void *), void *arg)
{
    st_thread_t t = st_thread_create(fn, arg, 1, 0);
    if (!t)
        abort();
    return t;
}

static void yield(const char *name, int tasks)
{
    long left[100];
    st_thread_t all[100];
    double from = micro_now();
    for (int i = 0; i < tasks; i++) {
        left[i] = 2 * MICRO_TURNS / tasks;
        all[i] = spawn(count_down, &left[i]);
    }
    for (int i = 0; i < tasks; i++)
        st_thread_join(all[i], NULL);
    micro_told(name, from, 2.0 * MICRO_TURNS);
}

static void spawn_join(void)
{
    double from = micro_now();
    for (int i = 0; i < MICRO_TURNS; i++)
        st_thread_join(spawn(nothing, NULL), NULL);
    micro_told("spawn_join", from, MICRO_TURNS);
}

/* What two threads hand to each other: `full` says whose turn it is. */
static struct {
    st_cond_t changed[2];
    int full;
} channel;

static void hand(int me)
{
    while (channel.full != me)
        st_cond_wait(channel.changed[me]);
    channel.full = !me;
    st_cond_signal(channel.changed[!me]);
}

static void *pong(void *arg)
{
    for (int i = 0; i < MICRO_TURNS; i++)
        hand(1);
    return arg;
}

static void ping_pong(void)
{
    channel.changed[0] = st_cond_new();
    channel.changed[1] = st_cond_new();
    st_thread_t t = spawn(pong, NULL);
    double from = micro_now();
    for (int i = 0; i < MICRO_TURNS; i++)
        hand(0);
    st_thread_join(t, NULL);
    micro_told("channel", from, MICRO_TURNS);
}

static struct {
    st_cond_t room, items;
    long slots[MICRO_QUEUE];
    int first, count;
} queue;

static void *take(void *arg)
{
    long sum = 0;
    for (int i = 0; i < MICRO_TURNS; i++) {
        while (queue.count == 0)
            st_cond_wait(queue.items);
        sum += queue.slots[queue.first];
        queue.first = (queue.first + 1) % MICRO_QUEUE;
        if (queue.count-- == MICRO_QUEUE)
            st_cond_signal(queue.room);
    }
    *(long *)arg = sum;
    return NULL;
}

static void put_all(void)
{
    long sum;
    queue.room = st_cond_new();
    queue.items = st_cond_new();
    double from = micro_now();
    st_thread_t t = spawn(take, &sum);
    for (int i = 0; i < MICRO_TURNS; i++) {
        while (queue.count == MICRO_QUEUE)
            st_cond_wait(queue.room);
        queue.slots[(queue.first + queue.count) % MICRO_QUEUE] = i;
        if (queue.count++ == 0)
            st_cond_signal(queue.items);
    }
    st_thread_join(t, NULL);
    micro_told("queue", from, MICRO_TURNS);
}

static void *hold(void *arg)
{
    for (int i = 0; i < MICRO_TURNS / 2; i++) {
        st_mutex_lock(arg);
        st_usleep(0);
        st_mutex_unlock(arg);
    }
    return NULL;
}

static void lock(void)
{
    st_mutex_t m = st_mutex_new();
    double from = micro_now();
    st_thread_t t = spawn(hold, m), u = spawn(hold, m);
    st_thread_join(t, NULL);
    st_thread_join(u, NULL);
    micro_told("lock", from, MICRO_TURNS);
}

static long parked;
static st_utime_t until;

static void *sleeper(void *arg)
{
    st_utime_t now = st_utime();
    parked++;
    st_usleep(until > now ? until - now : 0);
    return arg;
}

static void sleepers(long count)
{
    st_thread_t *all = malloc((size_t)count * sizeof *all);
    double before = micro_resident(), from = micro_now();
    if (!all)
        abort();
    for (long i = 0; i < count; i++)
        all[i] = spawn(sleeper, NULL);
    until = st_utime() + 200000 + 10 * (st_utime_t)count;
    while (parked < count)
        st_usleep(0);
    micro_told("sleep_spawn", from, (double)count);
    printf("sleep_bytes=%.0f\n", (micro_resident() - before) / (double)count);
    printf("late=%d\n", st_utime() > until);
    from = micro_now();
    for (long i = 0; i < count; i++)
        st_thread_join(all[i], NULL);
    micro_told("sleep_wake", from, (double)count);
    free(all);
}

int main(int argc, char **argv)
{
    long count = micro_sleepers(argc, argv);
    st_set_eventsys(ST_EVENTSYS_ALT);
    if (st_init() < 0)
        return 1;
    if (count) {
        sleepers(count);
        return 0;
    }
    yield("yield", 2);
    yield("yield100", 100);
    spawn_join();
    ping_pong();
    put_all();
    lock();
    return 0;
}
