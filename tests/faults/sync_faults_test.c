/*
 * What tasks and threads share, with every call failing once.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>

#include "faults.h"
#include "rota.h"
#include "rota/chan.h"
#include "rota/event.h"
#include "rota/limiter.h"
#include "rota/loop.h"
#include "rota/queue.h"
#include "test.h"

enum { ITEMS = 40, SUM = ITEMS * (ITEMS + 1) / 2 };

static ROTA_ASYNC(put_all, (rota_queue *, q))
{
    int rc = 0;
    for (intptr_t i = 1; i <= ITEMS && rc == 0; i++)
        rc = rota_queue_put_priority(q, (void *)i, i % 3);
    rota_ignore(rota_queue_shutdown(q, ROTA_QUEUE_DRAIN));
    return rc;
}

static int sum_up(rota_queue *q)
{
    void *item;
    int rc, sum = 0;
    while ((rc = rota_queue_get(q, &item)) == 0)
        sum += (int)(intptr_t)item;
    return rc == -EPIPE ? sum : rc;
}

static int use_queue(void *kind)
{
    rota_queue *q = rota_queue_new(*(enum rota_queue_kind *)kind, 0, NULL);
    if (!q)
        return -ENOMEM;
    rota_task *t = rota_create_task(put_all, q);
    int rc = t ? sum_up(q) : -ENOMEM;
    int end = t ? rota_await(t) : 0;
    rota_queue_unref(q);
    return end < 0 ? end : rc;
}

static int run_use_queue(void)
{
    return rota_run(use_queue, &(enum rota_queue_kind){ ROTA_QUEUE_FIFO },
                    NULL);
}

static int run_use_heap(void)
{
    return rota_run(use_queue, &(enum rota_queue_kind){ ROTA_QUEUE_PRIORITY },
                    NULL);
}

/* PITFALL 63 */
FAULT_TEST("a queue", run_use_queue, SUM)
FAULT_TEST("a queue by priority", run_use_heap, SUM)

static ROTA_ASYNC(send_all, (rota_chan *, c))
{
    int rc = 0;
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

struct channel {
    size_t capacity;
    unsigned flags;
};

static int use_channel(void *arg)
{
    const struct channel *how = arg;
    rota_chan *c = rota_chan_new(sizeof(int), how->capacity, how->flags);
    if (!c)
        return -ENOMEM;
    rota_task *t = rota_create_task(send_all, c);
    int rc = t ? receive_all(c) : -ENOMEM;
    rota_chan_close(c);
    int end = t ? rota_await(t) : 0;
    rota_chan_unref(c);
    return end < 0 && end != -EPIPE ? end : rc;
}

static int run_unbuffered(void)
{
    return rota_run(use_channel, &(struct channel){ 0, 0 }, NULL);
}

static int run_unbounded(void)
{
    return rota_run(use_channel, &(struct channel){ ROTA_UNBOUNDED, 0 }, NULL);
}

static int run_shared(void)
{
    return rota_run(use_channel, &(struct channel){ 4, ROTA_SHARED }, NULL);
}

FAULT_TEST("a channel without a buffer", run_unbuffered, SUM)
FAULT_TEST("a channel that grows", run_unbounded, SUM)
FAULT_TEST("a shared channel", run_shared, SUM)

static ROTA_ASYNC(enter, (rota_limiter *, l), (rota_event *, e))
{
    int rc = rota_event_wait(e);
    if (rc == 0)
        rc = rota_limiter_acquire(l);
    if (rc < 0)
        return rc;
    rc = rota_sleep(0);
    rota_ignore(rota_limiter_release(l));
    return rc;
}

static int use_limiter(void *arg)
{
    (void)arg;
    rota_limiter l;
    rota_event e;
    rota_group g;
    rota_limiter_init(&l, 2);
    int rc = rota_event_init(&e, 0);
    if (rc < 0)
        return rc;
    rc = rota_group_begin(&g, 0);
    for (int i = 0; i < 8 && rc == 0; i++)
        rc = rota_group_create_task(&g, enter, &l, &e);
    rota_event_set(&e);
    rc = rota_group_end(&g, rc);
    rota_ignore(rota_event_fini(&e));
    rota_ignore(rota_limiter_fini(&l));
    return rc;
}

static int run_use_limiter(void)
{
    return rota_run(use_limiter, NULL, NULL);
}

FAULT_TEST("an event and a limiter", run_use_limiter, 0)

/* ----------------------------------------------------------- other threads */

static void count(void *arg)
{
    ++*(int *)arg;
}

static int calls;

static int answer(void *arg)
{
    int rc = rota_sleep(rota_us(10));
    return rc < 0 ? rc : *(int *)arg;
}

struct outsider {
    rota_loop *loop;
    int rc;
};

static void *ask(void *arg)
{
    struct outsider *o = arg;
    rota_outcome out;
    o->rc = rota_call_soon_threadsafe(o->loop, count, &calls);
    rota_tfuture *f =
        rota_run_coroutine_threadsafe(o->loop, answer, &(int){ 5 });
    int rc = f ? rota_tfuture_wait(f, ROTA_FOREVER, &out) : -ENOMEM;
    if (o->rc == 0)
        o->rc = rc < 0 ? rc : out.rc;
    if (f)
        rota_tfuture_unref(f);
    rota_loop_unref(o->loop);
    return NULL;
}

static int join(void *thread)
{
    return -pthread_join(*(pthread_t *)thread, NULL);
}

static int be_asked(void *arg)
{
    (void)arg;
    pthread_t thread;
    struct outsider o = { rota_loop_ref(rota_current_loop()), 0 };
    faults_off(); /* its failing is the test's business, not the library's */
    int rc = -pthread_create(&thread, NULL, ask, &o);
    faults_on();
    if (rc < 0)
        return rc;
    do
        rc = rota_to_thread(join, &thread);
    while (rc == -EAGAIN || rc == -ENOMEM); /* once only */
    return o.rc;
}

static int run_be_asked(void)
{
    calls = 0;
    return rota_run(be_asked, NULL, NULL);
}

FAULT_TEST("a thread from outside", run_be_asked, 5, { -ESHUTDOWN })
