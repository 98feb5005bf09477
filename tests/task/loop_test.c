/*
 * A loop and other threads: handles, posts, tasks run for a thread, stopping.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tasks.h"

static void nap(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&t, NULL);
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, fn, arg), 0);
    return thread;
}

static void join(pthread_t thread)
{
    CHECK_INT(pthread_join(thread, NULL), 0);
}

static void set_future(void *f)
{
    CHECK_INT(rota_future_set(f, 7, NULL, NULL), 0);
}

struct setter {
    rota_loop *loop;
    rota_future *future;
};

static void *set_later(void *arg)
{
    struct setter *s = arg;
    nap(5); /* the loop is asleep now, as a rule */
    CHECK_INT(rota_call_soon_threadsafe(s->loop, set_future, s->future), 0);
    return NULL;
}

/* THR-01, EVT-06 */
TASK_TEST("a callback posted from a thread wakes a loop that sleeps for ever")
{
    struct setter s = { rota_current_loop(), rota_future_new() };
    rota_loop_ref(s.loop); /* or nothing could wake us: a deadlock */
    pthread_t thread = start(set_later, &s);
    rota_outcome out;
    CHECK_INT(rota_future_wait(s.future, &out), 0);
    CHECK_INT(out.rc, 7);
    join(thread);
    rota_future_unref(s.future);
    rota_loop_unref(s.loop);
}

enum { POSTERS = 8 };

struct poster {
    rota_loop *loop;
    int number;
    int posts;
    int run; /* by the loop */
    rota_future *all;
};

struct numbered {
    struct poster *from;
    int number;
};

static int posters_left;

static void check_order(void *arg)
{
    struct numbered *n = arg;
    struct poster *p = n->from;
    CHECK_INT(n->number, p->run);
    if (++p->run == p->posts && --posters_left == 0)
        CHECK_INT(rota_future_set(p->all, 0, NULL, NULL), 0);
    free(n);
}

static void *post_many(void *arg)
{
    struct poster *p = arg;
    for (int i = 0; i < p->posts; i++) {
        struct numbered *n = malloc(sizeof *n);
        *n = (struct numbered){ p, i };
        CHECK_INT(rota_call_soon_threadsafe(p->loop, check_order, n), 0);
    }
    return NULL;
}

/* THR-02, PITFALL 21, PITFALL 53 */
TASK_TEST("of what eight threads post nothing is lost, and each one's order "
          "stays")
{
    struct poster p[POSTERS];
    pthread_t threads[POSTERS];
    rota_future *all = rota_future_new();
    rota_loop *l = rota_loop_ref(rota_current_loop());
    posters_left = POSTERS;
    for (int i = 0; i < POSTERS; i++) {
        int posts = test_sanitized() ? 20000 : 100000;
        p[i] = (struct poster){ l, i, posts, 0, all };
        threads[i] = start(post_many, &p[i]);
    }
    CHECK_INT(rota_future_wait(all, NULL), 0);
    for (int i = 0; i < POSTERS; i++)
        join(threads[i]);
    rota_future_unref(all);
    rota_loop_unref(l);
}

static int rounds;
static atomic_int handled;

static void handle(void *all)
{
    if (atomic_fetch_add(&handled, 1) + 1 == rounds)
        CHECK_INT(rota_future_set(all, 0, NULL, NULL), 0);
}

/* Posts again as soon as the last one was run: the loop is then about to fall
 * asleep. */
static void *post_in_step(void *arg)
{
    struct setter *s = arg;
    for (int i = 0; i < rounds; i++) {
        CHECK_INT(rota_call_soon_threadsafe(s->loop, handle, s->future), 0);
        while (atomic_load(&handled) <= i)
            sched_yield();
        for (volatile int spin = i % 200; spin > 0; spin--)
            ;
    }
    return NULL;
}

/* EVT-06, PITFALL 53 */
TASK_TEST("a post that comes just as the loop falls asleep wakes it")
{
    struct setter s = { rota_loop_ref(rota_current_loop()), rota_future_new() };
    rounds = test_sanitized() ? 2000 : 20000;
    pthread_t thread = start(post_in_step, &s);
    CHECK_INT(rota_future_wait(s.future, NULL), 0);
    join(thread);
    rota_future_unref(s.future);
    rota_loop_unref(s.loop);
}

static rota_loop *endless_loop;
static int endless_calls, endless_end;

static void repost(void *arg)
{
    endless_calls++;
    endless_end = rota_call_soon_threadsafe(endless_loop, repost, arg);
}

static int yield_20(void *arg)
{
    (void)arg;
    endless_loop = rota_current_loop();
    CHECK_INT(rota_call_soon_threadsafe(endless_loop, repost, NULL), 0);
    for (int i = 0; i < 20; i++)
        CHECK_INT(rota_sleep(rota_us(10)), 0);
    return endless_calls;
}

/* THR-03 */
TEST("a callback that posts itself for ever starves nobody, and ends with the "
     "loop")
{
    int calls = rota_run(yield_20, NULL, NULL);
    CHECK(calls > 0);
    CHECK_INT(endless_end, -ESHUTDOWN);
}

static int keep_handle(void *arg)
{
    *(rota_loop **)arg = rota_loop_ref(rota_current_loop());
    return 0;
}

static void never(void *arg)
{
    (void)arg;
    CHECK(false);
}

static int never_run(void *arg)
{
    never(arg);
    return 0;
}

TEST("a handle outlives its loop, and says that nothing is accepted")
{
    rota_loop *l;
    CHECK_INT(rota_run(keep_handle, &l, NULL), 0);
    CHECK(!rota_current_loop());
    CHECK_INT(rota_call_soon_threadsafe(l, never, NULL), -ESHUTDOWN);
    CHECK(!rota_run_coroutine_threadsafe(l, never_run, NULL));
    rota_loop_stop(l);
    rota_loop_unref(l);
    rota_loop_unref(NULL);
}

static atomic_int accepted, called;

static void count_call(void *arg)
{
    (void)arg;
    atomic_fetch_add(&called, 1);
}

static void *post_until_refused(void *loop)
{
    int rc;
    while ((rc = rota_call_soon_threadsafe(loop, count_call, NULL)) == 0) {
        atomic_fetch_add(&accepted, 1);
        sched_yield();
    }
    CHECK_INT(rc, -ESHUTDOWN);
    rota_loop_unref(loop);
    return NULL;
}

static int return_soon(void *threads)
{
    for (int i = 0; i < 3; i++)
        ((pthread_t *)threads)[i] =
            start(post_until_refused, rota_loop_ref(rota_current_loop()));
    return rota_sleep(rota_us(200));
}

TEST("what was accepted is called, what comes while the loop ends is refused, "
     "and nothing is in between")
{
    for (int i = 0; i < 100; i++) {
        pthread_t threads[3];
        CHECK_INT(rota_run(return_soon, threads, NULL), 0);
        for (int j = 0; j < 3; j++)
            join(threads[j]);
        CHECK_INT(atomic_load(&called), atomic_load(&accepted));
    }
}

static int fork_with_handle(void *arg)
{
    (void)arg;
    rota_loop *l = rota_current_loop();
    pid_t pid = fork();
    if (pid == 0) {
        bool refused =
            rota_call_soon_threadsafe(l, never, NULL) == -ESHUTDOWN &&
            !rota_run_coroutine_threadsafe(l, never_run, NULL) &&
            rota_after_fork_child() == 0 &&
            rota_call_soon_threadsafe(l, never, NULL) == -ESHUTDOWN;
        _exit(refused ? 5 : 6);
    }
    int status;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

TEST("a child made by fork reaches no loop of its parent by a handle")
{
    CHECK_INT(rota_run(fork_with_handle, NULL, NULL), 5);
}

/* A loop on a thread of its own, for tests that are outside of it. */
struct host {
    pthread_t thread;
    rota_loop *loop;
    pthread_barrier_t up;
    int rc;
};

static int host_main(void *arg)
{
    struct host *h = arg;
    h->loop = rota_loop_ref(rota_current_loop());
    pthread_barrier_wait(&h->up);
    return rota_sleep(LONG);
}

static void *host_thread(void *arg)
{
    struct host *h = arg;
    h->rc = rota_run(host_main, h, NULL);
    return NULL;
}

static void host_up(struct host *h)
{
    pthread_barrier_init(&h->up, NULL, 2);
    h->thread = start(host_thread, h);
    pthread_barrier_wait(&h->up);
}

static void host_down(struct host *h)
{
    rota_loop_stop(h->loop);
    join(h->thread);
    rota_loop_unref(h->loop);
    CHECK_INT(h->rc, -ECANCELED);
}

static int say_what(void *arg)
{
    int rc = *(int *)arg;
    CHECK_INT(rota_sleep(rota_us(100)), 0);
    return rc < 0 ? rota_fail(rc, "said so") : rc;
}

static int cancel_self(void *arg)
{
    (void)arg;
    rota_task_cancel(rota_current_task(), "enough");
    return rota_sleep(LONG);
}

static int set_value(void *arg)
{
    CHECK_INT(rota_task_set_value(arg, free), 0);
    return 1;
}

/* THR-09 */
TEST("a thread has a loop run a task, and gets its outcome: a value, an error, "
     "a cancellation")
{
    struct host h;
    host_up(&h);
    rota_outcome out;
    rota_tfuture *f =
        rota_run_coroutine_threadsafe(h.loop, say_what, &(int){ 42 });
    CHECK_INT(rota_tfuture_wait(f, ROTA_FOREVER, &out), 0);
    CHECK_INT(out.state, ROTA_OK);
    CHECK_INT(out.rc, 42);
    CHECK_INT(rota_tfuture_wait(f, 0, &out), 0);
    CHECK_INT(rota_tfuture_cancel(f), 0);
    rota_tfuture_unref(f);

    f = rota_run_coroutine_threadsafe(h.loop, say_what, &(int){ -EIO });
    CHECK_INT(rota_tfuture_wait(f, ROTA_FOREVER, &out), 0);
    CHECK_INT(out.state, ROTA_ERROR);
    CHECK_INT(out.rc, -EIO);
    CHECK_STR(out.err->text, "said so");
    rota_tfuture_unref(f);

    f = rota_run_coroutine_threadsafe(h.loop, cancel_self, NULL);
    CHECK_INT(rota_tfuture_wait(f, ROTA_FOREVER, &out), 0);
    CHECK_INT(out.state, ROTA_CANCELLED);
    rota_tfuture_unref(f);

    f = rota_run_coroutine_threadsafe(h.loop, set_value, strdup("value"));
    CHECK_INT(rota_tfuture_wait(f, ROTA_FOREVER, &out), 0);
    CHECK_STR(out.value, "value");
    host_down(&h);
    CHECK_STR(out.value, "value"); /* the handle outlives the loop */
    rota_tfuture_unref(f);
}

/* THR-10 */
TEST("a wait that runs out leaves the task alone; one that cancels sees its "
     "end")
{
    struct host h;
    host_up(&h);
    rota_outcome out = { .rc = 99 };
    rota_tfuture *f =
        rota_run_coroutine_threadsafe(h.loop, sleep_long_rota_entry, NULL);
    CHECK_INT(rota_tfuture_wait(f, rota_ms(10), &out), -ETIMEDOUT);
    CHECK_INT(rota_tfuture_wait(f, -1, &out), -ETIMEDOUT);
    CHECK_INT(out.rc, 99);
    CHECK_INT(rota_tfuture_wait_cancel(f, rota_ms(1), &out), 0);
    CHECK_INT(out.state, ROTA_CANCELLED);
    rota_tfuture_unref(f);
    host_down(&h);
}

static int wait_for_own(void *arg)
{
    (void)arg;
    rota_set_misuse_handler(count_misuse);
    rota_tfuture *f = rota_run_coroutine_threadsafe(rota_current_loop(),
                                                    nothing_rota_entry, NULL);
    CHECK_INT(rota_tfuture_wait(f, ROTA_FOREVER, NULL), -EDEADLK);
    CHECK_INT(rota_tfuture_wait_cancel(f, 0, NULL), -EDEADLK);
    CHECK_INT(misuses, 2);
    while (rota_tfuture_cancel(f) == 1)
        CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_tfuture_wait(f, 0, NULL), 0);
    rota_tfuture_unref(f);
    return 0;
}

/* THR-11 */
TEST("a loop's thread that would block for a task of its own is told so")
{
    CHECK_INT(rota_run(wait_for_own, NULL, NULL), 0);
}

static ROTA_ASYNC(sleep_on)
{
    return rota_sleep(ROTA_FOREVER);
}

static int cancel_at_once(void *arg)
{
    (void)arg;
    rota_tfuture *f = rota_run_coroutine_threadsafe(rota_current_loop(),
                                                    sleep_on_rota_entry, NULL);
    rota_outcome out;
    rota_set_misuse_handler(count_misuse);
    CHECK_INT(rota_tfuture_cancel(f), 1);
    while (rota_tfuture_wait(f, 0, &out) == -EDEADLK) /* it is not over */
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(out.state, ROTA_CANCELLED);
    rota_tfuture_unref(f);
    return 0;
}

TEST("a task of the own loop is cancelled before it has got there")
{
    CHECK_INT(rota_run(cancel_at_once, NULL, NULL), 0);
}

static atomic_int side_effects;

static int have_effect(void *arg)
{
    (void)arg;
    rota_ignore(rota_sleep(rota_ms(2)));
    atomic_fetch_add(&side_effects, 1);
    return 0;
}

TEST("a task whose handle a thread drops runs on")
{
    struct host h;
    host_up(&h);
    for (int i = 0; i < 10; i++)
        rota_tfuture_unref(
            rota_run_coroutine_threadsafe(h.loop, have_effect, NULL));
    while (atomic_load(&side_effects) < 10)
        nap(1);
    host_down(&h);
}

struct race {
    struct host host;
    rota_future *future;
    atomic_int won, lost;
    rota_future *all;
};

static struct race race;

static void try_set(void *arg)
{
    int rc = rota_future_set(race.future, *(int *)arg, NULL, NULL);
    CHECK(rc == 0 || rc == -EALREADY);
    atomic_fetch_add(rc == 0 ? &race.won : &race.lost, 1);
    if (race.won + race.lost == POSTERS)
        CHECK_INT(rota_future_set(race.all, 0, NULL, NULL), 0);
}

static void *race_to_set(void *arg)
{
    CHECK_INT(rota_call_soon_threadsafe(race.host.loop, try_set, arg), 0);
    return NULL;
}

/* FUT-07 */
TASK_TEST("eight threads race to set a future through its loop: one wins, and "
          "all who wait see its value")
{
    int values[POSTERS];
    pthread_t threads[POSTERS];
    race.host.loop = rota_loop_ref(rota_current_loop());
    race.future = rota_future_new();
    race.all = rota_future_new();
    for (int i = 0; i < POSTERS; i++) {
        values[i] = i + 1;
        threads[i] = start(race_to_set, &values[i]);
    }
    rota_outcome one, two;
    CHECK_INT(rota_future_wait(race.future, &one), 0);
    CHECK_INT(rota_future_wait(race.all, NULL), 0);
    CHECK_INT(rota_future_wait(race.future, &two), 0);
    CHECK_INT(atomic_load(&race.won), 1);
    CHECK_INT(atomic_load(&race.lost), POSTERS - 1);
    CHECK(one.rc > 0 && one.rc == two.rc);
    for (int i = 0; i < POSTERS; i++)
        join(threads[i]);
    rota_future_unref(race.future);
    rota_future_unref(race.all);
    rota_loop_unref(race.host.loop);
}

static void cancel_group(void *g)
{
    rota_group_cancel(g, "from outside");
}

struct group_canceller {
    rota_loop *loop;
    rota_group *group;
};

static void *cancel_from_thread(void *arg)
{
    struct group_canceller *c = arg;
    CHECK_INT(rota_call_soon_threadsafe(c->loop, cancel_group, c->group), 0);
    return NULL;
}

/* GRP-17 */
TASK_TEST("a group is cancelled from another thread by a post to its loop")
{
    rota_group g;
    struct group_canceller c = { rota_loop_ref(rota_current_loop()), &g };
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, sleep_long), 0);
    pthread_t thread = start(cancel_from_thread, &c);
    CHECK_INT(rota_group_end(&g, 0), 0);
    join(thread);
    rota_loop_unref(c.loop);
}

static char order[64];

static void append(void *word)
{
    strcat(order, word);
}

static void stop_and_post(void *loop)
{
    rota_loop_stop(loop);
    rota_loop_stop(loop);
    CHECK_INT(rota_call_soon(append, "called "), 0);
    strcat(order, "stopped ");
}

static ROTA_ASYNC(say_when_cut, (const char *, word))
{
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    CHECK_STR(rota_cancel_reason(), "shutdown");
    strcat(order, word);
    return -ECANCELED;
}

static int be_stopped(void *arg)
{
    (void)arg;
    rota_task_unref(rota_create_task(say_when_cut, "first "));
    rota_task_unref(rota_create_task(say_when_cut, "second "));
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_call_soon_threadsafe(rota_current_loop(), stop_and_post,
                                        rota_current_loop()),
              0);
    int rc = rota_sleep(LONG);
    CHECK_STR(rota_cancel_reason(), "stopped");
    strcat(order, "main ");
    return rc;
}

/* LOOP-07, PITFALL 60 */
TEST("a stopped loop still does what was accepted, cancels its tasks in order, "
     "and can be run again")
{
    for (int i = 0; i < 3; i++) {
        order[0] = '\0';
        CHECK_INT(rota_run(be_stopped, NULL, NULL), -ECANCELED);
        CHECK_STR(order, "stopped called main first second ");
    }
}

static void *stop_soon(void *loop)
{
    nap(2);
    rota_loop_stop(loop);
    rota_loop_unref(loop);
    return NULL;
}

static int sleep_until_stopped(void *thread)
{
    *(pthread_t *)thread = start(stop_soon, rota_loop_ref(rota_current_loop()));
    return rota_sleep(LONG) == -ECANCELED ? 5 : 6;
}

/* PITFALL 60 */
TEST("a thread stops a loop, and main may still give its result")
{
    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        CHECK_INT(rota_run(sleep_until_stopped, &thread, NULL), 5);
        join(thread);
    }
}

/* What 4 threads do to tasks of one loop, at any moment of their lives. */
static void *harass(void *arg)
{
    struct host *h = arg;
    unsigned random = (unsigned)(uintptr_t)&h;
    for (int i = 0; i < 2000; i++) {
        rota_tfuture *f =
            rota_run_coroutine_threadsafe(h->loop, have_effect, NULL);
        random = random * 1103515245 + 12345;
        if (!f)
            break; /* the host was stopped */
        if (random >> 16 & 1)
            rota_tfuture_cancel(f);
        if ((random >> 17 & 7) == 0)
            CHECK_INT(rota_tfuture_wait_cancel(f, rota_us(500), NULL), 0);
        rota_tfuture_unref(f);
    }
    return NULL;
}

TEST("tasks are made, cancelled, waited for and dropped by four threads while "
     "their loop is stopped")
{
    for (int i = 0; i < 4; i++) {
        struct host h;
        pthread_t threads[4];
        host_up(&h);
        for (int j = 0; j < 4; j++)
            threads[j] = start(harass, &h);
        nap(5 + 5 * i);
        rota_loop_stop(h.loop);
        join(h.thread);
        for (int j = 0; j < 4; j++)
            join(threads[j]);
        rota_loop_unref(h.loop);
    }
}
