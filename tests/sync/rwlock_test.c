/*
 * Readers-writer locks: who may be inside with whom, and in which order.
 */
#include "steps.h"

static rota_rwlock l = ROTA_RWLOCK_INIT;

/* Reads (writes) from its word to the same in brackets. */
static ROTA_ASYNC(use, (bool, read), (const char *, word), (int, passes))
{
    int rc = read ? rota_rwlock_read(&l) : rota_rwlock_write(&l);
    if (rc < 0)
        return rc;
    say(word);
    for (int i = 0; i < passes; i++)
        pass();
    say(".");
    return rota_rwlock_release(&l);
}

#define reading(word, passes) rota_create_task(use, true, word, passes)
#define writing(word, passes) rota_create_task(use, false, word, passes)

/* RWL-01 */
TASK_TEST("a writer that waits keeps later readers out")
{
    CHECK_INT(rota_rwlock_read(&l), 0);
    rota_task *w = writing("w", 1);
    rota_task *r = reading("r", 1);
    pass();
    CHECK_STR(trace, "");
    CHECK_INT(rota_rwlock_waiters(&l), 2);
    CHECK_INT(rota_rwlock_release(&l), 0);
    CHECK_INT(rota_await(w), 0);
    CHECK_INT(rota_await(r), 0);
    CHECK_STR(trace, "w.r.");
}

/* RWL-03 */
TASK_TEST("readers that wait together go in together, writers alone")
{
    CHECK_INT(rota_rwlock_write(&l), 0);
    rota_task *t[4] = { reading("1", 2), reading("2", 2), writing("w", 2),
                        reading("3", 2) };
    pass();
    CHECK_STR(trace, "");
    CHECK_INT(rota_rwlock_release(&l), 0);
    CHECK_INT(rota_gather(t, 4, NULL, 0), 0);
    CHECK_STR(trace, "12..w.3.");
    CHECK_INT(rota_rwlock_fini(&l), 0);
}

TASK_TEST("any number of tasks read at once")
{
    rota_task *t[8];
    for (int i = 0; i < 8; i++)
        t[i] = reading("r", 1);
    CHECK_INT(rota_gather(t, 8, NULL, 0), 0);
    CHECK_STR(trace, "rrrrrrrr........");
}

TASK_TEST("a cancelled writer lets the readers behind it in at once")
{
    CHECK_INT(rota_rwlock_read(&l), 0);
    rota_task *w = writing("w", 0);
    rota_task *r = reading("r", 0);
    rota_task *v = writing("v", 0);
    pass();
    rota_task_cancel(w, NULL);
    CHECK_INT(rota_rwlock_waiters(&l), 1); /* the other writer */
    CHECK_INT(rota_await(r), 0);
    CHECK_INT(rota_await(w), -ROTA_ECHILD);
    CHECK_INT(rota_rwlock_release(&l), 0);
    CHECK_INT(rota_await(v), 0);
    CHECK_STR(trace, "r.v.");
}

TASK_TEST("a reader cancelled after it was let in reads; before, it does not")
{
    CHECK_INT(rota_rwlock_write(&l), 0);
    rota_task *r = reading("r", 0);
    rota_task *s = reading("s", 0);
    pass();
    rota_task_cancel(r, NULL);
    CHECK_INT(rota_rwlock_release(&l), 0);
    rota_task_cancel(s, NULL);
    CHECK_INT(rota_await(r), -ROTA_ECHILD);
    CHECK_INT(rota_await(s), 0);
    CHECK_STR(trace, "s.");
    CHECK_INT(rota_rwlock_fini(&l), 0);
}

TASK_TEST("a writer goes on as a reader, with the readers that wait, before "
          "any writer")
{
    CHECK_INT(rota_rwlock_write(&l), 0);
    rota_task *r = reading("r", 0);
    rota_task *w = writing("w", 0);
    rota_task *s = reading("s", 0);
    pass();
    CHECK_INT(rota_rwlock_downgrade(&l), 0);
    pass();
    CHECK_STR(trace, "r.");
    say("m");
    CHECK_INT(rota_rwlock_release(&l), 0);
    CHECK_INT(rota_await(r), 0);
    CHECK_INT(rota_await(w), 0);
    CHECK_INT(rota_await(s), 0);
    CHECK_STR(trace, "r.mw.s.");
}

TASK_TEST("a task that has the lock does not get it again, and a reader does "
          "not become a writer")
{
    tolerate();
    CHECK_INT(rota_rwlock_read(&l), 0);
    CHECK_INT(rota_rwlock_write(&l), -EDEADLK);
    CHECK_INT(rota_rwlock_read(&l), -EDEADLK);
    CHECK_INT(rota_rwlock_try_write(&l), -EDEADLK);
    CHECK_INT(rota_rwlock_downgrade(&l), -EPERM);
    CHECK_INT(rota_rwlock_release(&l), 0);
    CHECK_INT(rota_rwlock_release(&l), -EPERM);
    CHECK_INT(rota_rwlock_write(&l), 0);
    CHECK_INT(rota_rwlock_read(&l), -EDEADLK);
    CHECK_INT(rota_rwlock_fini(&l), -EBUSY);
    CHECK_INT(rota_rwlock_release(&l), 0);
    CHECK_INT(misuses, 7);
}

static ROTA_ASYNC(try_both, (int, read), (int, write))
{
    CHECK_INT(rota_rwlock_try_write(&l), write);
    if (write == 0)
        CHECK_INT(rota_rwlock_release(&l), 0);
    CHECK_INT(rota_rwlock_try_read(&l), read);
    if (read == 0)
        CHECK_INT(rota_rwlock_release(&l), 0);
    return 0;
}

TASK_TEST("the try forms go in when they need not wait")
{
    CHECK_INT(try_both(0, 0), 0);
    CHECK_INT(rota_rwlock_read(&l), 0);
    CHECK_INT(rota_await(rota_create_task(try_both, 0, -EAGAIN)), 0);
    rota_task *w = writing("w", 0);
    pass();
    CHECK_INT(rota_await(rota_create_task(try_both, -EAGAIN, -EAGAIN)), 0);
    CHECK_INT(rota_rwlock_release(&l), 0);
    CHECK_INT(rota_await(w), 0);
    CHECK_INT(rota_rwlock_write(&l), 0);
    CHECK_INT(rota_await(rota_create_task(try_both, -EAGAIN, -EAGAIN)), 0);
    CHECK_INT(rota_rwlock_release(&l), 0);
    CHECK_INT(rota_rwlock_fini(&l), 0);
}

static ROTA_ASYNC(forget, (bool, read))
{
    return read ? rota_rwlock_read(&l) : rota_rwlock_write(&l);
}

TASK_TEST("a writer that ends inside breaks the lock; a reader is shown out")
{
    tolerate();
    rota_task *t = rota_create_task(forget, true);
    rota_task *w = writing("w", 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(misuses, 1);
    CHECK_INT(rota_await(w), 0);
    t = rota_create_task(forget, false);
    rota_task *r = reading("r", 0);
    w = writing("w", 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(misuses, 2);
    CHECK_INT(rota_await(r), -EOWNERDEAD);
    CHECK_INT(rota_await(w), -EOWNERDEAD);
    CHECK_INT(rota_rwlock_read(&l), -EOWNERDEAD);
    CHECK_INT(rota_rwlock_try_write(&l), -EOWNERDEAD);
    rota_rwlock_init(&l);
    CHECK_INT(rota_rwlock_write(&l), 0);
    CHECK_INT(rota_rwlock_release(&l), 0);
    CHECK_STR(trace, "w.");
}

static int readers, writers;

static ROTA_ASYNC(use_many_ways, (int, seed))
{
    unsigned random = (unsigned)seed;
    for (int i = 0; i < 100; i++) {
        random = random * 1103515245 + 12345;
        bool read = random >> 16 & 3;
        int rc = 0;
        ROTA_TIMEOUT (rota_us(random >> 20 & 255), rc) {
            rc = read ? rota_rwlock_read(&l) : rota_rwlock_write(&l);
            if (rc < 0)
                continue;
            ++*(read ? &readers : &writers);
            CHECK(writers == 0 || (writers == 1 && readers == 0));
            rota_ignore(rota_sleep(rota_us(random >> 25)));
            --*(read ? &readers : &writers);
            rc = rota_rwlock_release(&l);
        }
        CHECK(rc == 0 || rc == -ETIMEDOUT);
    }
    return 0;
}

TASK_TEST("deadlines in a crowd of readers and writers: the lock is free in "
          "the end")
{
    rota_task *t[32];
    for (int i = 0; i < 32; i++)
        t[i] = rota_create_task(use_many_ways, i);
    CHECK_INT(rota_gather(t, 32, NULL, 0), 0);
    CHECK_INT(rota_rwlock_fini(&l), 0);
}
