/*
 * No memory: each allocation of a scenario fails once, in turn, until the
 * scenario gets through. What failed has done nothing. Linked with
 * --wrap=malloc and --wrap=reallocarray.
 */
#include "steps.h"

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

static int left = -1; /* allocations until one fails, -1: none does */

static bool fails(void)
{
    return left >= 0 && left-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
    return fails() ? NULL : __real_reallocarray(p, n, size);
}

/* Runs it until it succeeds, which is after so many failures. */
static void until_success(int (*scenario)(void), int failures)
{
    for (int i = 0;; i++) {
        left = i;
        int rc = scenario();
        bool failed = left < 0;
        left = -1;
        CHECK_INT(rc, failed ? -ENOMEM : 0);
        if (!failed) {
            CHECK_INT(i, failures);
            return;
        }
    }
}

static rota_limiter limiter;

static int enter(void)
{
    int rc = rota_limiter_acquire(&limiter);
    CHECK_INT(rota_limiter_taken(&limiter), rc == 0);
    if (rc < 0)
        return rc;
    CHECK_INT(rota_limiter_release(&limiter), 0);
    rc = rota_limiter_try(&limiter);
    CHECK_INT(rota_limiter_taken(&limiter), rc == 0);
    return rc < 0 ? rc : rota_limiter_release(&limiter);
}

TASK_TEST("a place that there is no memory for is not taken")
{
    rota_limiter_init(&limiter, 1);
    until_success(enter, 2);
    CHECK_INT(rota_limiter_fini(&limiter), 0);
}

static rota_rwlock rwlock = ROTA_RWLOCK_INIT;

static int read_and_downgrade(void)
{
    int rc = rota_rwlock_read(&rwlock);
    CHECK(rota_rwlock_locked(&rwlock) == (rc == 0));
    if (rc < 0)
        return rc;
    CHECK_INT(rota_rwlock_release(&rwlock), 0);
    CHECK_INT(rota_rwlock_write(&rwlock), 0); /* takes none */
    rc = rota_rwlock_downgrade(&rwlock);
    CHECK_INT(rota_rwlock_release(&rwlock), 0); /* as what it was */
    return rc;
}

TASK_TEST("a reader that there is no memory for is not inside, a writer stays")
{
    until_success(read_and_downgrade, 2);
    CHECK_INT(rota_rwlock_fini(&rwlock), 0);
}

enum { ITEMS = 40 }; /* more than the first room */

static enum rota_queue_kind kind;

static int fill(void)
{
    rota_queue *q = rota_queue_new(kind, 0, NULL);
    int rc = q ? 0 : -ENOMEM;
    size_t n = 0;
    while (rc == 0 && n < ITEMS) {
        rc = rota_queue_put(q, &limiter);
        n += rc == 0;
        CHECK_INT(rota_queue_size(q), n);
        CHECK_INT(rota_queue_unfinished(q), n);
    }
    rota_queue_unref(q);
    return rc;
}

TASK_TEST("an item that there is no memory for is not in the queue")
{
    for (kind = ROTA_QUEUE_FIFO; kind <= ROTA_QUEUE_PRIORITY; kind++)
        until_success(fill, 1 + 3); /* itself, 16, 32, 64 */
}

static rota_lock lock = ROTA_LOCK_INIT;
static rota_cond cond = ROTA_COND_INIT(&lock);
static rota_sem sem;

/* With no memory at all. */
TASK_TEST("locks, conditions and semaphores take no memory")
{
    CHECK_INT(rota_sem_init(&sem, 1, 0), 0);
    left = 0;
    CHECK_INT(rota_sem_acquire(&sem, 1), 0);
    CHECK_INT(rota_sem_release(&sem, 1), 0);
    ROTA_WITH_LOCK (&lock) {
        CHECK_INT(rota_cond_notify_all(&cond), 0);
    }
    CHECK_INT(left, 0);
    left = -1;
}
