/*
 * The thread pools. A job lives on the stack of the task that waits for it,
 * which is why a running job is always waited for; only one that was begun as
 * abandonable is on the heap, and may go its own way. Threads are made when a
 * job finds none idle, and leave after a while without work.
 */
#include "task/thread.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cores.h"
#include "base/misuse.h"
#include "rota/log.h"
#include "rota/thread.h"
#include "task/context.h"
#include "task/runtime.h"
#include "task/task.h"

enum {
    QUEUE_MOST = 1024, /* jobs a pool holds before tasks wait for room */
    IDLE_SECONDS = 10, /* a thread without work leaves after */
    BLOCKING_MOST = 256,
    FILE_MOST = 64, /* what a disk can well do at once */
    DNS_MOST = 32,  /* name servers think in parallel, but are not ours */
    /* The resolver's modules have grown used to much, and yet each is to be a
     * small part of a process' address space. */
    DNS_STACK = 1024 * 1024,
    CPU_NICE = 5, /* the loop's thread goes before those that compute */
};

static const rota_time ns_per_s = 1000000000;

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE };

struct job {
    struct list link; /* in the pool's queue */
    struct pool *pool;
    rota_fn *fn;
    void *arg;
    rota_cb *interrupt;
    enum job_state state; /* under the pool's lock */
    bool asks;            /* and this: it waits for its task's answer */
    atomic_bool cancelled;
    int rc;

    struct context *context; /* a snapshot of the task's */

    /* Of an abandonable one. */
    rota_cb *destroy; /* NULL: it is none */
    bool *left;       /* the task's: it has gone. NULL: it has */

    struct clause *wait; /* the task's, on its stack: it may outlive us */
    struct post post;    /* to the loop: it is done, or it asks */

    /* What a running job asks its task to do (thread_ask_task). */
    rota_fn *ask;
    void *ask_arg;
    int answer;
    sem_t answered;
};

struct worker {
    struct list link; /* among the pool's workers, or its leavers */
    pthread_t thread;
    struct pool *pool;
    struct coro_thread coro;
};

struct pool {
    struct runtime *runtime;
    const char *name;
    unsigned most;
    int nice;
    size_t stack_size;   /* of its threads; 0: the system's default */
    struct list waiting; /* clauses of tasks that wait for room (loop only) */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work;
    pthread_cond_t left; /* a thread has left, or posted */
    struct list queue;
    size_t queued;
    struct list workers;
    struct list leavers; /* to be joined */
    unsigned threads;
    unsigned idle;
    unsigned number;  /* of threads ever made, for their names */
    unsigned posting; /* threads that are about to post to the loop */
    bool closing;
    bool orphaned; /* the runtime is gone */
};

static struct job *current_job(void)
{
    struct coro_thread *t = coro_thread();
    return t ? t->worker : NULL;
}

struct context **thread_context(void)
{
    struct job *j = current_job();
    return j ? &j->context : NULL;
}

bool thread_is_worker(void)
{
    return current_job() != NULL;
}

struct runtime *thread_runtime(void)
{
    struct job *j = current_job();
    return j ? j->pool->runtime : runtime_current();
}

/* On the loop: the job's task goes on. */
static void job_posted(struct post *p)
{
    struct job *j = container_of(p, struct job, post);
    clause_fire(j->wait, j->rc);
}

/* Before and after a thread posts to the loop: it must not be gone then.
 * False: it is. Locked. */
static bool begin_post(struct pool *p)
{
    p->posting += !p->orphaned;
    return !p->orphaned;
}

static void end_post(struct pool *p)
{
    p->posting--;
    if (p->closing)
        pthread_cond_signal(&p->left);
}

static void job_init(struct job *j, struct pool *p, struct rota_task *t,
                     rota_fn *fn, void *arg)
{
    *j = (struct job){
        .pool = p,
        .fn = fn,
        .arg = arg,
        .post.run = job_posted,
        .context = context_ref(t->context),
    };
    list_init(&j->link);
    sem_init(&j->answered, 0, 0);
}

static void job_fini(struct job *j)
{
    sem_destroy(&j->answered);
    context_unref(j->context);
}

/* A job whose task has gone is over: it ends its own affairs. */
static void end_abandoned(struct job *j)
{
    j->destroy(j->arg);
    job_fini(j);
    free(j);
}

/* Locked, but while the job runs. */
static void run_job(struct worker *w, struct job *j)
{
    struct pool *p = w->pool;
    pthread_mutex_unlock(&p->lock);
    w->coro.worker = j;
    j->rc = j->fn(j->arg);
    pthread_mutex_lock(&p->lock);
    if (j->destroy && !j->left) {
        pthread_mutex_unlock(&p->lock);
        end_abandoned(j);
        w->coro.worker = NULL;
        pthread_mutex_lock(&p->lock);
        return;
    }
    w->coro.worker = NULL;
    j->state = JOB_DONE;
    if (!begin_post(p))
        return;
    pthread_mutex_unlock(&p->lock);
    loop_post(&p->runtime->loop, &j->post); /* the job may be gone now */
    pthread_mutex_lock(&p->lock);
    end_post(p);
}

/* The system's time `d` from now: threads know no other. */
static struct timespec later(rota_dur d)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    rota_time when = rota_time_add(t.tv_sec * ns_per_s + t.tv_nsec, d);
    return (struct timespec){ when / ns_per_s, when % ns_per_s };
}

/* Waits for work; false when the time for it is over. Locked. */
static bool wait_for_work(struct pool *p)
{
    struct timespec until = later(IDLE_SECONDS * ns_per_s);
    p->idle++;
    int rc = 0;
    while (list_empty(&p->queue) && !p->closing && rc != ETIMEDOUT)
        rc =
            pthread_cond_clockwait(&p->work, &p->lock, CLOCK_MONOTONIC, &until);
    p->idle--;
    return !list_empty(&p->queue);
}

static void pool_destroy(struct pool *p)
{
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->left);
    free(p);
}

/* The end of a thread that nobody will join. Locked, and unlocks. */
static void leave_orphaned(struct worker *w)
{
    struct pool *p = w->pool;
    bool last = p->threads == 0;
    pthread_mutex_unlock(&p->lock);
    free(w);
    if (last)
        pool_destroy(p);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct pool *p = w->pool;
    coro_attach(&w->coro);
    clock_follow(p->runtime->loop.clock);
    if (p->nice)
        setpriority(PRIO_PROCESS, (id_t)gettid(), p->nice);
    pthread_mutex_lock(&p->lock);
    while (wait_for_work(p)) {
        struct job *j = container_of(list_pop(&p->queue), struct job, link);
        p->queued--;
        j->state = JOB_RUNNING;
        run_job(w, j);
    }
    coro_detach();
    p->threads--;
    list_remove(&w->link);
    if (p->orphaned) {
        leave_orphaned(w);
        return NULL;
    }
    list_push(&p->leavers, &w->link);
    if (p->closing)
        pthread_cond_signal(&p->left);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Joins threads that have left. Unlocks meanwhile. */
static void reap(struct pool *p)
{
    struct list *link;
    while ((link = list_pop(&p->leavers)) != NULL) {
        struct worker *w = container_of(link, struct worker, link);
        pthread_mutex_unlock(&p->lock);
        pthread_join(w->thread, NULL);
        free(w);
        pthread_mutex_lock(&p->lock);
    }
}

static int create_thread(struct worker *w)
{
    pthread_attr_t attr;
    if (w->pool->stack_size == 0)
        return pthread_create(&w->thread, NULL, worker_main, w);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, w->pool->stack_size);
    int rc = pthread_create(&w->thread, &attr, worker_main, w);
    pthread_attr_destroy(&attr);
    return rc;
}

/* Starts one more thread, with all signals blocked: they are the loop's.
 * Locked. 0 or a negative errno. */
static int add_thread(struct pool *p)
{
    reap(p);
    struct worker *w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    w->pool = p;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = create_thread(w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        free(w);
        return -rc;
    }
    char name[16];
    snprintf(name, sizeof name, "rota-%s-%u", p->name, ++p->number);
    pthread_setname_np(w->thread, name);
    list_push(&p->workers, &w->link);
    p->threads++;
    return 0;
}

struct pool *pool_new(struct runtime *rt, const char *name, unsigned most,
                      int nice)
{
    struct pool *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->runtime = rt;
    p->name = name;
    p->most = most;
    p->nice = nice;
    list_init(&p->waiting);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->left, NULL);
    list_init(&p->queue);
    list_init(&p->workers);
    list_init(&p->leavers);
    return p;
}

/* Waits until all threads have left, at most for `patience`. Locked. */
static void wait_for_leavers(struct pool *p, rota_dur patience)
{
    struct timespec end = later(patience);
    int rc = 0;
    while ((p->threads > 0 && rc != ETIMEDOUT) || p->posting > 0)
        rc = patience == ROTA_FOREVER || rc == ETIMEDOUT
                 ? (pthread_cond_wait(&p->left, &p->lock), rc)
                 : pthread_cond_clockwait(&p->left, &p->lock, CLOCK_MONOTONIC,
                                          &end);
}

/* Its threads go on without us. Locked. */
static void orphan(struct pool *p)
{
    rota_log(ROTA_LOG_ERROR,
             "%u threads of the pool %s still work and are left to themselves",
             p->threads, p->name);
    p->orphaned = true;
    list_each (it, &p->workers)
        pthread_detach(container_of(it, struct worker, link)->thread);
}

bool pool_end(struct pool *p, rota_dur patience)
{
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_broadcast(&p->work);
    wait_for_leavers(p, patience);
    reap(p);
    bool all = p->threads == 0;
    if (!all)
        orphan(p);
    pthread_mutex_unlock(&p->lock);
    if (all)
        pool_destroy(p);
    return all;
}

void pool_free(struct pool *p)
{
    if (p)
        pool_end(p, ROTA_FOREVER);
}

/* Queues a job: 0, or why not. */
static int enqueue(struct pool *p, struct job *j)
{
    pthread_mutex_lock(&p->lock);
    int rc = 0;
    if (p->idle <= p->queued && p->threads < p->most)
        rc = add_thread(p);
    if (p->threads > 0) {
        rc = 0; /* fewer threads than wished for will do */
        list_push(&p->queue, &j->link);
        p->queued++;
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->lock);
    return rc;
}

/* Lets an abandonable job go; from then on it is its thread's. Locked. */
static bool abandon(struct job *j)
{
    if (!j->left || j->asks)
        return false;
    *j->left = true;
    j->left = NULL;
    return true;
}

/* Takes a job back that has not begun; one that runs is told, or let go. */
static bool job_withdraw(struct clause *c)
{
    struct job *j = c->record;
    struct pool *p = j->pool;
    rota_cb *interrupt = j->interrupt;
    void *arg = j->arg;
    pthread_mutex_lock(&p->lock);
    bool queued = j->state == JOB_QUEUED;
    bool running = j->state == JOB_RUNNING;
    atomic_store(&j->cancelled, true);
    if (queued) {
        list_remove(&j->link);
        p->queued--;
    }
    bool gone = queued || (running && abandon(j));
    pthread_mutex_unlock(&p->lock);
    if (running && interrupt)
        interrupt(arg);
    return gone;
}

static const struct wait_kind job_wait = { "to_thread", job_withdraw, NULL };
static const struct wait_kind room_wait = { "thread pool's queue", NULL, NULL };

static bool full(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    bool is = p->queued >= QUEUE_MOST;
    pthread_mutex_unlock(&p->lock);
    return is;
}

/* Begins a call of the running task, once the queue has room: 0 or
 * -ECANCELED. */
static int wait_for_room(struct pool *p, struct rota_task **t)
{
    int rc = wait_begin(t);
    while (rc == 0 && full(p)) {
        struct clause room;
        clause_init(&room, &room_wait, p);
        list_push(&p->waiting, &room.link);
        rc = wait_park(*t, &room, 1);
        if (rc == 0)
            rc = wait_begin(t); /* nothing is lost yet */
    }
    return rc;
}

/* A place in the queue came free, or the one who was given it was
 * cancelled. */
static void pass_room_on(struct pool *p)
{
    if (!list_empty(&p->waiting) && !full(p))
        clause_fire(container_of(p->waiting.next, struct clause, link), 0);
}

/* Does what the job asks for, on its task. False: the job was let go. */
static bool answer(struct job *j, struct rota_task *t)
{
    rota_fn *ask = j->ask;
    j->ask = NULL;
    task_loop(t)->outside--; /* it waits for us */
    j->answer = ask(j->ask_arg);
    task_loop(t)->outside++;
    pthread_mutex_lock(&j->pool->lock);
    j->asks = false;
    pthread_mutex_unlock(&j->pool->lock);
    bool gone = t->scope->visible && job_withdraw(j->wait);
    sem_post(&j->answered); /* it waits: whoever let it go has it still */
    return !gone;
}

/* Parks until the job is done or gone, doing meanwhile what it asks for. */
static int serve(struct job *j, struct rota_task *t, const bool *left)
{
    struct clause wait;
    j->wait = &wait;
    for (;;) {
        clause_init(&wait, &job_wait, j);
        wait.record = j;
        int rc = wait_park(t, &wait, 1);
        if (*left || !j->ask)
            return rc;
        if (!answer(j, t))
            return -ECANCELED;
    }
}

/* Queues the job and waits for it. */
static int job_run(struct job *j, struct rota_task *t, const bool *left)
{
    struct loop *l = task_loop(t);
    struct pool *p = j->pool;
    l->outside++;
    int rc = enqueue(p, j);
    if (rc == 0)
        rc = serve(j, t, left);
    l->outside--;
    pass_room_on(p);
    return rc;
}

int pool_run(struct pool *p, rota_fn *fn, void *arg, rota_cb *interrupt)
{
    struct rota_task *t;
    int rc = wait_for_room(p, &t);
    if (rc < 0) {
        pass_room_on(p);
        return rc;
    }
    struct job j;
    job_init(&j, p, t, fn, arg);
    j.interrupt = interrupt;
    rc = job_run(&j, t, &(bool){ false });
    job_fini(&j);
    return rc;
}

/* *left: the job goes on without its task. */
static int run_abandonable(struct pool *p, rota_fn *fn, void *arg,
                           rota_cb *destroy, bool *left)
{
    struct rota_task *t;
    struct job *j = NULL;
    int rc = wait_for_room(p, &t);
    if (rc == 0) {
        j = malloc(sizeof *j);
        rc = j ? 0 : -ENOMEM;
    }
    if (rc < 0) {
        pass_room_on(p);
        return rc;
    }
    job_init(j, p, t, fn, arg);
    j->destroy = destroy;
    j->left = left;
    rc = job_run(j, t, left);
    if (*left)
        return rc;
    job_fini(j);
    free(j);
    return rc;
}

int thread_ask_task(rota_fn *fn, void *arg)
{
    struct job *j = current_job();
    struct pool *p = j->pool;
    pthread_mutex_lock(&p->lock);
    bool reachable = (!j->destroy || j->left) && begin_post(p);
    j->asks = reachable;
    pthread_mutex_unlock(&p->lock);
    if (!reachable)
        return -ESHUTDOWN;
    j->ask = fn;
    j->ask_arg = arg;
    loop_post(&p->runtime->loop, &j->post);
    pthread_mutex_lock(&p->lock);
    end_post(p);
    pthread_mutex_unlock(&p->lock);
    while (sem_wait(&j->answered) < 0 && errno == EINTR)
        ;
    return j->answer;
}

static struct pool *dns_pool(struct runtime *rt, unsigned most)
{
    struct pool *p = pool_new(rt, "dns", most ? most : DNS_MOST, 0);
    if (p)
        p->stack_size = DNS_STACK;
    return p;
}

static struct pool *pool_make(struct runtime *rt, enum pool_kind kind)
{
    const rota_run_options *o = &rt->options;
    switch (kind) {
    case POOL_CPU:
        return pool_new(rt, "cpu",
                        o->cpu_threads ? o->cpu_threads : cores_usable(),
                        CPU_NICE);
    case POOL_FILE: return pool_new(rt, "file", FILE_MOST, 0);
    case POOL_DNS: return dns_pool(rt, o->dns_threads);
    default:
        return pool_new(rt, "wk", o->threads ? o->threads : BLOCKING_MOST, 0);
    }
}

static struct pool *pool_of(enum pool_kind kind)
{
    struct runtime *rt = runtime_current();
    if (rt && !rt->pools[kind])
        rt->pools[kind] = pool_make(rt, kind);
    return rt ? rt->pools[kind] : NULL;
}

int thread_run(enum pool_kind kind, rota_fn *fn, void *arg)
{
    if (thread_is_worker())
        return fn(arg);
    if (!task_current())
        return misuse(-EPERM, "work sent to a thread from outside a task");
    struct pool *p = pool_of(kind);
    return p ? pool_run(p, fn, arg, NULL) : -ENOMEM;
}

int rota_to_thread(rota_fn *fn, void *arg)
{
    return thread_run(POOL_BLOCKING, fn, arg);
}

int thread_run_abandonable(enum pool_kind kind, rota_fn *fn, void *arg,
                           rota_cb *destroy)
{
    bool left = false;
    int rc;
    if (thread_is_worker()) {
        rc = fn(arg);
    } else if (task_current()) {
        struct pool *p = pool_of(kind);
        rc = p ? run_abandonable(p, fn, arg, destroy, &left) : -ENOMEM;
    } else {
        rc = misuse(-EPERM, "work sent to a thread from outside a task");
    }
    if (rc == -ECANCELED && !left)
        destroy(arg); /* one rule, whoever was first */
    return rc;
}

int rota_to_thread_abandonable(rota_fn *fn, void *arg, rota_cb *destroy)
{
    return thread_run_abandonable(POOL_BLOCKING, fn, arg, destroy);
}

int rota_to_cpu(rota_fn *fn, void *arg)
{
    return thread_run(POOL_CPU, fn, arg);
}

bool rota_thread_cancelled(void)
{
    struct job *j = current_job();
    return j && atomic_load(&j->cancelled);
}

int rota_from_thread_run(rota_fn *fn, void *arg)
{
    if (!thread_is_worker())
        return misuse(-EPERM, "rota_from_thread_run on no pool thread");
    return thread_ask_task(fn, arg);
}
