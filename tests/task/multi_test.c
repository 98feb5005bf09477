/*
 * Several loops in one run: tasks placed, awaited, cancelled and dropped
 * across them, and their end in step.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/cores.h"
#include "tasks.h"

/* TEST whose body is the main task of a run of `loops_` loops. */
#define MULTI_TEST(loops_, name_)                                           \
    static void TEST_JOIN(body_, __LINE__)(void);                           \
    static int TEST_JOIN(main_, __LINE__)(void *arg)                        \
    {                                                                       \
        (void)arg;                                                          \
        TEST_JOIN(body_, __LINE__)();                                       \
        return 0;                                                           \
    }                                                                       \
    TEST(name_)                                                             \
    {                                                                       \
        CHECK_INT(                                                          \
            rota_run_multi(loops_, TEST_JOIN(main_, __LINE__), NULL, NULL), \
            0);                                                             \
    }                                                                       \
    static void TEST_JOIN(body_, __LINE__)(void)

enum { LOOPS = 4 };

static rota_loop *other_loop(void)
{
    return rota_loop_at(1);
}

static int index_of(rota_loop *l)
{
    for (size_t i = 0; i < rota_loop_count(); i++)
        if (rota_loop_at(i) == l)
            return (int)i;
    return -ENOENT;
}

static ROTA_ASYNC(where)
{
    int before = index_of(rota_current_loop());
    CHECK_INT(rota_sleep(rota_us(10)), 0);
    CHECK_INT(index_of(rota_current_loop()), before);
    return before;
}

MULTI_TEST(LOOPS, "a task runs on the loop it was placed on, and its result "
                  "comes back")
{
    CHECK_INT(rota_loop_count(), LOOPS);
    CHECK(!rota_loop_at(LOOPS));
    CHECK_INT(where(), 0);
    for (int i = 0; i < LOOPS; i++)
        CHECK_INT(
            rota_await(rota_create_task_on(rota_loop_at((size_t)i), where)), i);
    CHECK_INT(rota_await(rota_create_task_on(NULL, where)), 0);
}

static atomic_int ran[LOOPS];

static ROTA_ASYNC(burn, (int, us))
{
    rota_time end = rota_now() + rota_us(us);
    while (rota_now() < end)
        ;
    atomic_fetch_add(&ran[index_of(rota_current_loop())], 1);
    return 0;
}

static ROTA_ASYNC(burn_many, (int, count))
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    for (int i = 0; i < count; i++) {
        rota_task *t = rota_create_task_on(ROTA_LEAST_LOADED, burn, 10);
        CHECK(t != NULL);
        if (i % 64 == 63)
            CHECK_INT(rota_await(t), 0);
        else
            rota_task_unref(t);
    }
    return rota_group_end(&g, 0);
}

static int burn_everywhere(void *arg)
{
    int count = *(int *)arg / LOOPS;
    rota_task *t[LOOPS];
    for (size_t i = 0; i < LOOPS; i++)
        t[i] = rota_create_task_on(rota_loop_at(i), burn_many, count);
    for (size_t i = 0; i < LOOPS; i++)
        CHECK_INT(rota_await(t[i]), 0);
    return 0;
}

/* ML-01, PITFALL 21 */
TEST("of very many tasks placed on the least loaded loop each runs once, and "
     "all loops have some")
{
    int count = test_sanitized() ? 20000 : 100000, sum = 0;
    CHECK_INT(rota_run_multi(LOOPS, burn_everywhere, &count, NULL), 0);
    for (int i = 0; i < LOOPS; i++) {
        CHECK(ran[i] > 0);
        sum += ran[i];
    }
    CHECK_INT(sum, count);
}

static ROTA_ASYNC(stay)
{
    pid_t tid = gettid();
    const int *at = &errno;
    for (int i = 0; i < 100; i++) {
        CHECK_INT(rota_sleep(i % 3 ? 0 : rota_us(5)), 0);
        CHECK_INT(gettid(), tid);
        CHECK(&errno == at);
    }
    return 0;
}

/* ML-02 */
MULTI_TEST(LOOPS, "a task never moves once it has started")
{
    rota_task *t[100];
    for (size_t i = 0; i < 100; i++)
        t[i] = rota_create_task_on(ROTA_LEAST_LOADED, stay);
    for (int i = 0; i < 100; i++)
        CHECK_INT(rota_await(t[i]), 0);
}

static ROTA_ASYNC(join_thrice, (rota_task *, t))
{
    rota_outcome out;
    for (int i = 0; i < 3; i++) {
        CHECK_INT(rota_join(t, &out), 0);
        CHECK_INT(out.rc, 5);
        CHECK_INT(out.state, ROTA_OK);
    }
    return out.rc;
}

/* TASK-08 */
MULTI_TEST(2, "a task is joined three times from two loops, with one outcome")
{
    rota_task *t = rota_create_task(give_after, rota_us(300), 5);
    rota_task *far = rota_create_task_on(other_loop(), join_thrice, t);
    CHECK_INT(join_thrice(t), 5);
    CHECK_INT(rota_await(far), 5);
    CHECK(rota_task_done(t));
    CHECK_INT(rota_await(rota_create_task_on(other_loop(), join_thrice, t)), 5);
    rota_task_unref(t);
}

static ROTA_ASYNC(fail_with_text)
{
    return rota_fail(-EIO, "far away");
}

MULTI_TEST(2, "a far task's error, text and cancellation are seen as those of "
              "any task")
{
    rota_outcome out;
    rota_task *t = rota_create_task_on(other_loop(), fail_with_text);
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_STR(out.err->text, "far away");
    CHECK_INT(rota_await(t), -EIO);

    t = rota_create_task_on(other_loop(), sleep_long);
    CHECK_INT(rota_task_cancel(t, "enough"), 1);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);

    t = rota_create_task_on(other_loop(), sleep_long);
    CHECK_INT(rota_wait_for(t, rota_ms(1)), -ETIMEDOUT);
    CHECK_INT(rota_wait_for(rota_create_task_on(other_loop(), give, 4), LONG),
              4);

    t = rota_create_task_on(other_loop(), clean_up_for, rota_ms(1), 6);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(rota_wait_for(t, rota_ms(1)), 6);
}

static ROTA_ASYNC(await_far, (rota_task *, t))
{
    return rota_await(t);
}

static ROTA_ASYNC(join_far, (rota_task *, t))
{
    return rota_join(t, NULL);
}

/* TASK-09 */
MULTI_TEST(2, "who awaits a far task and is cancelled cancels it too; who "
              "joins it does not")
{
    rota_task *t = rota_create_task_on(other_loop(), sleep_long);
    rota_task *joiner = rota_create_task(join_far, t);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_task_cancel(joiner, NULL);
    CHECK_INT(rota_await(joiner), -ROTA_ECHILD);
    CHECK(!rota_task_done(t));

    rota_task_cancel(t, NULL);
    rota_outcome out;
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.state, ROTA_CANCELLED);
    rota_task_unref(t);

    t = rota_create_task_on(other_loop(), clean_up_for, rota_ms(1), 3);
    rota_task *mine = rota_task_ref(rota_create_task(await_far, t));
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_task_cancel(mine, NULL);
    CHECK_INT(rota_await(mine), -ROTA_ECHILD);
    rota_task_unref(mine);
}

static ROTA_ASYNC(churn_far, (int, seed))
{
    unsigned random = (unsigned)seed;
    for (int i = 0; i < 300; i++) {
        random = random * 1103515245 + 12345;
        rota_dur patience = rota_us(random >> 16 & 63);
        rota_task *t = rota_create_task_on(rota_loop_at(random >> 24 & 3),
                                           give_after, rota_us(30), 1);
        int rc = 0;
        ROTA_TIMEOUT (patience, rc) {
            rc = rota_join(t, NULL);
        }
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        if (random >> 27 & 1) {
            rota_task_cancel(t, NULL);
            rota_task_unref(t);
        } else {
            rc = rota_wait_for(t, patience);
            CHECK(rc == 1 || rc == -ETIMEDOUT);
        }
    }
    return 0;
}

/* RACE-01 */
MULTI_TEST(LOOPS, "joins of far tasks cut at any moment lose nothing")
{
    rota_task *t[8];
    for (size_t i = 0; i < 8; i++)
        t[i] = rota_create_task_on(rota_loop_at(i % LOOPS), churn_far, (int)i);
    for (int i = 0; i < 8; i++)
        CHECK_INT(rota_await(t[i]), 0);
}

static ROTA_ASYNC(join_all, (rota_task **, tasks), (int, n))
{
    for (int i = 0; i < n; i++)
        CHECK_INT(rota_join(tasks[i], NULL), 0);
    return 0;
}

MULTI_TEST(LOOPS, "a storm: all loops join all tasks of all loops")
{
    enum { EACH = 50, ALL = EACH * LOOPS };
    static rota_task *t[ALL], *joiners[LOOPS];
    for (size_t i = 0; i < ALL; i++)
        t[i] = rota_create_task_on(rota_loop_at(i % LOOPS), give_after,
                                   rota_us(100 * (i % 7)), 0);
    for (size_t i = 0; i < LOOPS; i++)
        joiners[i] = rota_create_task_on(rota_loop_at(i), join_all, t, ALL);
    for (int i = 0; i < LOOPS; i++)
        CHECK_INT(rota_await(joiners[i]), 0);
    for (int i = 0; i < ALL; i++)
        rota_task_unref(t[i]);
}

MULTI_TEST(LOOPS, "tasks of several loops are gathered and raced as those of "
                  "one")
{
    enum { COUNT = 40 };
    rota_task *t[COUNT];
    int results[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        t[i] = rota_create_task_on(rota_loop_at(i % LOOPS), give_after,
                                   rota_us(50 * (i % 9)), (int)i);
    CHECK_INT(rota_gather(t, COUNT, results, 0), 0);
    for (int i = 0; i < COUNT; i++)
        CHECK(results[i] == i && !t[i]);

    t[0] = t[2] = rota_create_task_on(other_loop(), sleep_long);
    t[1] = rota_create_task_on(rota_loop_at(2), fail_with_text);
    t[3] = rota_create_task(sleep_long);
    CHECK_INT(rota_gather(t, 4, results, 0), -EIO);
    CHECK_INT(results[0], -ROTA_ECHILD);
    CHECK_INT(results[2], -ROTA_ECHILD);
    CHECK_INT(results[3], -ROTA_ECHILD);

    size_t winner = 9;
    t[0] = rota_create_task_on(other_loop(), sleep_long);
    t[1] = rota_create_task(sleep_long);
    t[2] = rota_create_task_on(rota_loop_at(3), give_after, rota_us(200), 8);
    CHECK_INT(rota_race(t, 3, &winner, NULL), 8);
    CHECK_INT(winner, 2);
}

static ROTA_ASYNC(gather_far)
{
    rota_task *t[2] = { rota_create_task_on(other_loop(), sleep_long),
                        rota_create_task_on(other_loop(), clean_up_for,
                                            rota_ms(1), 0) };
    return rota_gather(t, 2, NULL, 0);
}

MULTI_TEST(2, "who gathers far tasks and is cancelled cancels them, and waits")
{
    rota_task *t = rota_create_task(gather_far);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
}

static ROTA_ASYNC(misuse_future, (rota_future *, f), (rota_task *, t))
{
    rota_future *of_task = rota_task_future(t);
    rota_as_completed it;
    CHECK_INT(rota_future_set(f, 1, NULL, NULL), -EXDEV);
    CHECK_INT(rota_future_cancel(f), -EXDEV);
    CHECK_INT(rota_future_wait(f, NULL), -EXDEV);
    CHECK_INT(rota_future_on_done(f, free, NULL), -EXDEV);
    CHECK_INT(rota_future_off_done(f, free, NULL), -EXDEV);
    CHECK_INT(rota_wait(&of_task, 1, ROTA_ALL_COMPLETED, 0), -EXDEV);
    CHECK_INT(rota_as_completed_init(&it, &of_task, 1), -EXDEV);
    CHECK(!rota_task_ref(t));
    CHECK_INT(misuses, 6);
    CHECK_INT(rota_future_wait(of_task, NULL), 0);
    return 0;
}

MULTI_TEST(2, "what a future's own loop alone may do is told to others")
{
    rota_set_misuse_handler(count_misuse);
    rota_future *f = rota_future_new();
    rota_task *t = rota_create_task(give_after, rota_ms(1), 0);
    CHECK_INT(
        rota_await(rota_create_task_on(other_loop(), misuse_future, f, t)), 0);
    CHECK(!rota_future_done(f));
    rota_future_unref(f);
    rota_task_unref(t);
    rota_group g;
    rota_task_options o = { .loop = other_loop() };
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_spawn(&g, nothing_rota_entry, NULL, &o, NULL),
              -EINVAL);
    CHECK_INT(rota_group_try_spawn(&g, nothing_rota_entry, NULL, &o, NULL),
              -EINVAL);
    CHECK_INT(rota_group_end(&g, 0), 0);
}

struct pipe_ends {
    int ends[2];
    atomic_bool waiting;
};

static ROTA_ASYNC(read_far, (struct pipe_ends *, p))
{
    char c;
    atomic_store(&p->waiting, true);
    ssize_t n = rota_read(p->ends[0], &c, 1);
    return n == 1 ? c : (int)n;
}

static ROTA_ASYNC(close_far, (struct pipe_ends *, p))
{
    return rota_close(p->ends[0]);
}

/* LOOP-14 */
MULTI_TEST(2, "main may wait for a task of another loop that waits for a "
              "descriptor: that is no deadlock")
{
    struct pipe_ends p = { .waiting = false };
    CHECK_INT(pipe(p.ends), 0);
    rota_task *t = rota_create_task_on(other_loop(), read_far, &p);
    while (!atomic_load(&p.waiting))
        CHECK_INT(rota_sleep(rota_us(100)), 0);
    CHECK_INT(rota_wait_for(rota_create_task(join_far, t), rota_ms(20)),
              -ETIMEDOUT);
    CHECK(!rota_task_done(t));
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);

    t = rota_create_task_on(other_loop(), read_far, &p);
    rota_task *waiter = rota_create_task(await_far, t);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(write(p.ends[1], "x", 1), 1);
    CHECK_INT(rota_await(waiter), 'x');

    atomic_store(&p.waiting, false);
    t = rota_create_task_on(other_loop(), read_far, &p);
    while (!atomic_load(&p.waiting))
        CHECK_INT(rota_sleep(rota_us(100)), 0);
    CHECK_INT(rota_await(rota_create_task_on(other_loop(), close_far, &p)), 0);
    CHECK_INT(rota_await(t), -EBADF);
    close(p.ends[1]);
}

static atomic_bool computing, may_end;

static ROTA_ASYNC(compute)
{
    atomic_store(&computing, true);
    while (!atomic_load(&may_end))
        ;
    return 0;
}

/* ML-05 */
MULTI_TEST(2, "a task that is cancelled while its loop computes ends when that "
              "is done; who cancelled it goes on at once")
{
    rota_task *parked = rota_create_task_on(other_loop(), sleep_long);
    rota_task *busy = rota_create_task_on(other_loop(), compute);
    while (!atomic_load(&computing))
        CHECK_INT(rota_sleep(rota_us(100)), 0);
    CHECK_INT(rota_task_cancel(parked, "from afar"), 1);
    CHECK(!rota_task_done(parked));
    atomic_store(&may_end, true);
    CHECK_INT(rota_await(parked), -ROTA_ECHILD);
    CHECK_INT(rota_await(busy), 0);
}

/* A group on one loop, and a task that asks for members from another. */
struct far_spawns {
    rota_group group;
    rota_loop *loop;
    int accepted, refused, run; /* the group's loop's own */
    atomic_int handled;
    atomic_bool stop;
};

static int count_run(void *arg)
{
    ((struct far_spawns *)arg)->run++;
    return 0;
}

static void spawn_member(void *arg)
{
    struct far_spawns *f = arg;
    int rc = rota_group_try_spawn(&f->group, count_run, f, NULL, NULL);
    CHECK(rc == 0 || rc == -ESHUTDOWN);
    f->accepted += rc == 0;
    f->refused += rc < 0;
    atomic_fetch_add(&f->handled, 1);
}

static ROTA_ASYNC(ask_for_members, (struct far_spawns *, f))
{
    enum { AHEAD = 3 };
    for (int asked = 0; !atomic_load(&f->stop);) {
        if (asked < atomic_load(&f->handled) + AHEAD) {
            CHECK_INT(rota_call_soon_threadsafe(f->loop, spawn_member, f), 0);
            asked++;
        }
        CHECK_INT(rota_sleep(0), 0);
    }
    return 0;
}

/* ML-03 */
MULTI_TEST(2, "a member asked for from another loop runs and is awaited, or is "
              "refused, whenever the group ends")
{
    static struct far_spawns f;
    f.loop = rota_current_loop();
    CHECK_INT(rota_group_begin(&f.group, 0), 0);
    rota_task *asker = rota_create_task_on(other_loop(), ask_for_members, &f);
    for (int i = 0; i < 1000 || f.accepted < 100 || f.refused < 100; i++) {
        if (i % 2)
            CHECK_INT(rota_sleep(rota_us(i % 50)), 0);
        CHECK_INT(rota_group_end(&f.group, 0), 0);
        CHECK_INT(f.run, f.accepted);
        if (i % 3 == 0)
            CHECK_INT(rota_sleep(rota_us(i % 50)), 0);
        CHECK_INT(rota_group_begin(&f.group, 0), 0);
    }
    atomic_store(&f.stop, true);
    CHECK_INT(rota_await(asker), 0);
    CHECK_INT(rota_group_end(&f.group, 0), 0);
    CHECK_INT(f.run, f.accepted);
}

static atomic_int alive;

/* When it is cut it has others clean up on all loops, down to `depth`. */
static ROTA_ASYNC(spread_out, (int, depth))
{
    atomic_fetch_add(&alive, 1);
    rota_ignore(rota_sleep(LONG));
    ROTA_SHIELD (ROTA_FOREVER) {
        rota_task *t[LOOPS];
        for (size_t i = 0; depth > 0 && i < LOOPS; i++)
            t[i] = rota_create_task_on(rota_loop_at(i), spread_out, depth - 1);
        for (size_t i = 0; depth > 0 && i < LOOPS; i += 2)
            CHECK(rota_await(t[i]) == 0);
        for (size_t i = 1; depth > 0 && i < LOOPS; i += 2)
            rota_task_unref(t[i]);
    }
    atomic_fetch_sub(&alive, 1);
    return 0;
}

static int leave_tasks(void *arg)
{
    for (size_t i = 0; i < LOOPS; i++)
        rota_task_unref(
            rota_create_task_on(rota_loop_at(i), spread_out, *(int *)arg));
    return rota_sleep(rota_ms(1)) == 0 ? 9 : 1;
}

TEST("the loops end in step: tasks that place tasks while they are cut are all "
     "waited for")
{
    for (int i = 0; i < 30; i++) {
        CHECK_INT(rota_run_multi(LOOPS, leave_tasks, &(int){ i % 4 }, NULL), 9);
        CHECK_INT(alive, 0);
    }
}

static int count_threads(void)
{
    int count = 0;
    char line[128];
    FILE *f = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, f))
        sscanf(line, "Threads: %d", &count);
    fclose(f);
    return count;
}

static ROTA_ASYNC(stop_here)
{
    rota_loop_stop(rota_current_loop());
    return rota_sleep(LONG);
}

static int stopped_from_any(void *arg)
{
    rota_task_unref(
        rota_create_task_on(rota_loop_at(*(size_t *)arg), stop_here));
    int rc = rota_sleep(LONG);
    CHECK_STR(rota_cancel_reason(), "stopped");
    return rc;
}

/* PITFALL 60 */
TEST("stopping any loop stops the run, which can be begun again; no thread "
     "stays")
{
    for (size_t i = 0; i < LOOPS; i++)
        CHECK_INT(rota_run_multi(LOOPS, stopped_from_any, &i, NULL),
                  -ECANCELED);
    struct timespec t = { 0, 1000000 };
    for (int i = 0; i < 2000 && count_threads() > 1; i++)
        nanosleep(&t, NULL); /* the kernel counts a joined one longer */
    CHECK(count_threads() == 1 || test_sanitized());
}

static ROTA_ASYNC(on_thread)
{
    return rota_to_thread(nothing_rota_entry, NULL) == 0 &&
                   rota_to_cpu(nothing_rota_entry, NULL) == 0
               ? 0
               : -EIO;
}

MULTI_TEST(LOOPS, "tasks of every loop send work to threads")
{
    rota_task *t[LOOPS * 5];
    for (size_t i = 0; i < LOOPS * 5; i++)
        t[i] = rota_create_task_on(rota_loop_at(i % LOOPS), on_thread);
    for (int i = 0; i < LOOPS * 5; i++)
        CHECK_INT(rota_await(t[i]), 0);
}

static rota_task *kept;

static int keep_task(void *arg)
{
    (void)arg;
    kept = rota_create_task_on(other_loop(), fail_with_text);
    CHECK_INT(rota_join(kept, NULL), 0);
    return 0;
}

static void *drop_kept(void *arg)
{
    (void)arg;
    CHECK_INT(rota_task_cancel(kept, NULL), 0);
    rota_task_unref(kept);
    return NULL;
}

TEST("a handle outlives the loops, and any thread may drop it")
{
    CHECK_INT(rota_run_multi(2, keep_task, NULL, NULL), 0);
    CHECK(rota_task_done(kept));
    CHECK_STR(rota_task_name(kept), "fail_with_text");
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, drop_kept, NULL), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
}

static int count_cores(void *arg)
{
    (void)arg;
    return (int)rota_loop_count();
}

/* PITFALL 67 */
TEST("without a number there are as many loops as cores the affinity allows; "
     "more loops than cores will do")
{
    cpu_set_t all, one;
    CHECK_INT(sched_getaffinity(0, sizeof all, &all), 0);
    CHECK_INT(rota_run_multi(0, count_cores, NULL, NULL), cores_usable());
    int first = 0;
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    CHECK_INT(sched_setaffinity(0, sizeof one, &one), 0);
    CHECK_INT(rota_run_multi(0, count_cores, NULL, NULL), 1);
    CHECK_INT(rota_run_multi(9, leave_tasks, &(int){ 1 }, NULL), 9);
    CHECK_INT(alive, 0);
}

static void put(const char *folder, const char *file, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "w");
    CHECK(f != NULL);
    fputs(text, f);
    fclose(f);
}

static unsigned quota(const char *root, const char *groups)
{
    char self[256];
    put(root, "self", groups);
    snprintf(self, sizeof self, "%s/self", root);
    return cores_quota(root, self);
}

/* PITFALL 67 */
TEST("a control group's quota limits the cores: the smallest on the way up, of "
     "either version")
{
    char root[] = "/tmp/rota-cores-XXXXXX", command[300];
    CHECK(mkdtemp(root) != NULL);
    snprintf(command, sizeof command, "mkdir -p %s/a/b %s/cpu/x", root, root);
    CHECK_INT(system(command), 0);
    CHECK_INT(quota(root, "0::/a/b\n"), 0);
    put(root, "a/b/cpu.max", "max 100000\n");
    CHECK_INT(quota(root, "0::/a/b\n"), 0);
    put(root, "a/cpu.max", "250000 100000\n");
    CHECK_INT(quota(root, "0::/a/b\n"), 3);
    put(root, "a/b/cpu.max", "50000 100000\n");
    CHECK_INT(quota(root, "0::/a/b\n"), 1);
    CHECK_INT(quota(root, "0::/a\n"), 3);
    put(root, "cpu.max", "150000 100000\n");
    CHECK_INT(quota(root, "0::/not/there\n"), 2);
    put(root, "cpu/x/cpu.cfs_quota_us", "400000\n");
    put(root, "cpu/x/cpu.cfs_period_us", "100000\n");
    CHECK_INT(quota(root, "4:cpuset:/\n3:cpuacct,cpu:/x\n"), 4);
    put(root, "cpu/x/cpu.cfs_quota_us", "-1\n");
    CHECK_INT(quota(root, "3:cpu,cpuacct:/x\n"), 0);
    CHECK_INT(quota(root, "nonsense\n::\n"), 2);
    CHECK_INT(cores_quota(root, "/not/there"), 0);
    snprintf(command, sizeof command, "rm -r %s", root);
    CHECK_INT(system(command), 0);
}

TEST("a run of several loops is refused inside a loop, and with too many")
{
    CHECK_INT(rota_run_multi(5000, count_cores, NULL, NULL), -EINVAL);
    CHECK_INT(rota_loop_count(), 0);
    CHECK(!rota_loop_at(0));
}

static int run_inside(void *arg)
{
    CHECK_INT(rota_loop_count(), 1);
    CHECK(rota_loop_at(0) == rota_current_loop());
    CHECK_INT(rota_await(rota_create_task_on(ROTA_LEAST_LOADED, give, 3)), 3);
    return rota_run_multi(2, count_cores, arg, NULL);
}

TEST("a single loop is a crew of one")
{
    CHECK_INT(rota_run(run_inside, NULL, NULL), -EBUSY);
}

static int no_thread_for_a_loop(void *arg)
{
    (void)arg;
    CHECK(false);
    return 0;
}

TEST("when a loop's thread cannot be made the run says so, and nothing has "
     "begun")
{
    if (test_sanitized())
        test_skip("sanitizers need address space");
    struct rlimit old, some = { 48 << 20, 0 };
    CHECK_INT(rota_run_multi(2, count_cores, NULL, NULL), 2);
    CHECK_INT(getrlimit(RLIMIT_AS, &old), 0);
    some.rlim_max = old.rlim_max;
    CHECK_INT(setrlimit(RLIMIT_AS, &some), 0);
    int rc = rota_run_multi(40, no_thread_for_a_loop, NULL, NULL);
    CHECK_INT(setrlimit(RLIMIT_AS, &old), 0);
    CHECK(rc == -EAGAIN || rc == -ENOMEM);
    CHECK_INT(rota_run_multi(2, count_cores, NULL, NULL), 2);
}
