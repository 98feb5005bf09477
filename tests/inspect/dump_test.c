/*
 * The dump: every task with what it waits for, from tasks, signal handlers and
 * other threads.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "coro/sanitize.h"
#include "inspect/inspect.h"
#include "task/task.h"
#include "task/tasks.h"

static char text[256 * 1024];

/* What a dump says now. */
static __attribute__((noinline)) int read_dump(void)
{
    FILE *f = tmpfile();
    CHECK(f != NULL);
    int rc = rota_dump(fileno(f));
    rewind(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    fclose(f);
    return rc;
}

/* The lines of the dump that are about the task `name`. */
static const char *about(const char *name)
{
    static char found[8192];
    const char *from = text, *end;
    size_t len = strlen(name);
    found[0] = '\0';
    while (from && (strncmp(from, name, len) != 0 || from[len] != ' '))
        from = (from = strchr(from, '\n')) ? from + 1 : NULL;
    if (!from)
        return found;
    end = strchr(from, '\n');
    while (end && end[1] == ' ')
        end = strchr(end + 1, '\n');
    snprintf(found, sizeof found, "%.*s",
             (int)(end ? end - from : (long)strlen(from)), from);
    return found;
}

static __attribute__((noinline)) int deep_inside(void)
{
    int rc = rota_sleep(LONG);
    __asm__ volatile("" ::: "memory"); /* no tail call */
    return rc;
}

static ROTA_ASYNC(sleeper)
{
    return deep_inside();
}

static ROTA_ASYNC(waits_for, (rota_task *, other))
{
    return rota_join(other, NULL);
}

static ROTA_ASYNC(dumps)
{
    return read_dump();
}

/* R34 */
TASK_TEST("a dump names each task, its wait, its spawn site and its trace")
{
    rota_task *a = rota_create_task(sleeper);
    rota_task *b = rota_create_task(waits_for, a);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_task *c = rota_create_task(nothing); /* not yet begun */
    CHECK_INT(rota_await(rota_create_task(dumps)), 0);
    CHECK_HAS(text, "loop of thread ");
    CHECK_HAS(about("sleeper"), " (tests/inspect/dump_test.c:");
    CHECK_HAS(about("sleeper"), " waiting: sleep");
    CHECK_HAS(about("sleeper"), "deep_inside+");
    CHECK_HAS(about("sleeper"), "coro_trampoline+");
    CHECK_HAS(about("waits_for"), "waiting: await 0x");
    CHECK_HAS(about("waits_for"), " of sleeper #2");
    CHECK_HAS(about("dumps"), " running");
    CHECK_HAS(about("dumps"), "read_dump+");
    CHECK_HAS(about("main"), "waiting: await 0x");
    CHECK_INT(rota_await(c), 0);
    rota_task_cancel(a, NULL);
    rota_task_unref(b);
    CHECK_INT(rota_await(a), -ROTA_ECHILD);
}

static int stays = 1;

static ROTA_ASYNC(under_scopes)
{
    int rc = 0;
    ROTA_TIMEOUT (rota_seconds(5000), rc) {
        rc = rota_sleep(LONG);
    }
    ROTA_SHIELD (ROTA_FOREVER) {
        while (stays)
            CHECK_INT(rota_sleep(rota_us(10)), 0);
    }
    return rc;
}

TASK_TEST("a dump shows deadline, cancellation with its reason, and shields")
{
    rota_task *t = rota_create_task(under_scopes);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(read_dump(), 0);
    CHECK_HAS(about("under_scopes"), "deadline in 49");
    CHECK(!strstr(about("under_scopes"), "cancelled"));
    rota_task_cancel(t, "told so");
    CHECK_INT(read_dump(), 0);
    CHECK_HAS(about("under_scopes"), "cancelled 1x (told so)");
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(read_dump(), 0);
    CHECK(!strstr(about("under_scopes"), "cancelled")); /* it sees none */
    CHECK(!strstr(about("under_scopes"), "deadline"));
    stays = 0;
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
}

TEST("the bits of a scope lie where the layout says")
{
    struct scope s = { .shield = true };
    const unsigned char *flags =
        (unsigned char *)&s + offsetof(struct scope, reason) + sizeof(char *);
    CHECK_INT(*flags, LAYOUT_SHIELD);
    s = (struct scope){ .visible = true };
    CHECK_INT(*flags, LAYOUT_VISIBLE);
}

/* Sends stderr to a file until read_stderr. */
static FILE *catcher;

static void catch_stderr(void)
{
    catcher = tmpfile();
    dup2(fileno(catcher), STDERR_FILENO);
}

static void read_stderr(void)
{
    rewind(catcher);
    size_t n = fread(text, 1, sizeof text - 1, catcher);
    text[n] = '\0';
}

/* Left out of the trace: libc calls its caller by no frame of its own. */
static __attribute__((noinline)) void raises(void)
{
    raise(SIGQUIT);
    __asm__ volatile("" ::: "memory");
}

static __attribute__((noinline)) void interrupted_here(void)
{
    raises();
    __asm__ volatile("" ::: "memory");
}

static ROTA_ASYNC(gets_signal)
{
    interrupted_here();
    return 0;
}

TASK_TEST("a signal dumps, with the place it interrupted")
{
#ifdef SANITIZE_THREAD
    test_skip("TSan delivers signals when it likes");
#endif
    CHECK_INT(rota_dump_on_signal(SIGKILL), -EINVAL);
    CHECK_INT(rota_dump_on_signal(SIGQUIT), 0);
    rota_task *a = rota_create_task(sleeper);
    CHECK_INT(rota_sleep(0), 0);
    catch_stderr();
    CHECK_INT(rota_await(rota_create_task(gets_signal)), 0);
    read_stderr();
    CHECK_HAS(about("gets_signal"), " running");
    CHECK_HAS(about("gets_signal"), "interrupted_here+");
    CHECK_HAS(about("sleeper"), "deep_inside+");
    rota_task_cancel(a, NULL);
    rota_task_unref(a);
}

static ROTA_ASYNC(spins, (int, rounds))
{
    for (int i = 0; i < rounds; i++)
        if (rota_await(rota_create_task(give_after, 0, 1)) != 1)
            return -EIO;
    return 0;
}

static atomic_bool over;
static atomic_int dumps_made;

static void *dump_on(void *arg)
{
    (void)arg;
    int null = open("/dev/null", O_WRONLY);
    while (!atomic_load(&over)) {
        int rc = rota_dump(null);
        CHECK(rc == 0 || rc == -EAGAIN);
        atomic_fetch_add(&dumps_made, 1);
    }
    close(null);
    return NULL;
}

/* DBG-06 */
TASK_TEST("dumps from another thread stand tasks that come and go")
{
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, dump_on, NULL), 0);
    while (atomic_load(&dumps_made) < 20)
        CHECK_INT(rota_await(rota_create_task(spins, 50)), 0);
    atomic_store(&over, true);
    pthread_join(thread, NULL);
}

static int storm(void *arg)
{
    (void)arg;
    rota_task *t[3];
    for (size_t i = 1; i <= 3; i++)
        t[i - 1] = rota_create_task_on(rota_loop_at(i), spins, 200);
    int rc = spins(200);
    int others = rota_gather(t, 3, NULL, 0);
    return rc < 0 ? rc : others;
}

/* DBG-06 */
TEST("dumps from another thread stand storms of tasks on four loops")
{
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, dump_on, NULL), 0);
    while (atomic_load(&dumps_made) < 20)
        CHECK_INT(rota_run_multi(4, storm, NULL, NULL), 0);
    atomic_store(&over, true);
    pthread_join(thread, NULL);
}

TEST("a dump outside of any loop says so much")
{
    CHECK_INT(read_dump(), 0);
    CHECK_HAS(text, "rota: the tasks of process ");
    CHECK(!strstr(text, "loop of thread"));
}
