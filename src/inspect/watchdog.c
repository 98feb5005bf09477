/*
 * Every now and then the watchdog compares where each loop is: its turn, its
 * slice and its coroutine tell steps apart, so that running tasks write
 * nothing for it. For a step that takes too long it interrupts the loop's
 * thread with a signal; the handler walks the frame pointers, the watchdog
 * finds the names and writes the lines.
 */
#include "inspect/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "inspect/cycles.h"
#include "inspect/debug.h"
#include "inspect/describe.h"
#include "rota/log.h"
#include "task/root.h"
#include "task/runtime.h"

enum {
    LOOKS = 5,              /* in the time of a slow step */
    NAP_LEAST = 1000000,    /* ns */
    ANSWER_MOST = 500000000 /* how long the signal's handler is waited for */
};

rota_dur watchdog_deadlocks_every = 10 * 1000000000LL;

/* Held while one begins or ends: the next may begin only then. */
static pthread_mutex_t life = PTHREAD_MUTEX_INITIALIZER;
static unsigned users; /* runtimes in debug mode */
static pid_t owner;    /* a forked child has no such thread */
static pthread_t thread;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of `leaving` */
static pthread_cond_t changed;
static bool leaving;

/* What the handler is asked for; an answer that comes too late finds another
 * number. */
static struct {
    atomic_uint number; /* of the question; 0: nobody asks */
    struct trace trace;
    atomic_uint told; /* the number of the question it answers */
    sem_t answered;
} question;
static int signal_number;
static struct sigaction signal_before;

static void on_question(int number, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    unsigned asked = (unsigned)info->si_value.sival_int;
    struct peek self;
    if (info->si_code != SI_QUEUE || info->si_pid != getpid()) {
        /* It is not ours, and nobody had a handler: it kills. */
        signal(number, SIG_DFL);
        raise(number);
    } else if (atomic_compare_exchange_strong(&question.number, &asked, 0)) {
        peek_process(&self, getpid());
        trace_context(&question.trace, &self, context);
        atomic_store(&question.told, (unsigned)info->si_value.sival_int);
        sem_post(&question.answered);
    }
    errno = saved_errno;
}

/* The highest real-time signal nobody has a use for: 0 or -EBUSY. */
static int take_signal(void)
{
    struct sigaction ours = { .sa_sigaction = on_question,
                              .sa_flags =
                                  SA_SIGINFO | SA_RESTART | SA_ONSTACK };
    sigemptyset(&ours.sa_mask);
    for (int n = SIGRTMAX; n > SIGRTMIN; n--) {
        if (sigaction(n, NULL, &signal_before) < 0 ||
            signal_before.sa_flags & SA_SIGINFO ||
            signal_before.sa_handler != SIG_DFL)
            continue;
        signal_number = n;
        return sigaction(n, &ours, NULL) < 0 ? -errno : 0;
    }
    return -EBUSY;
}

static void give_signal_back(void)
{
    struct sigaction now;
    if (sigaction(signal_number, NULL, &now) == 0 &&
        now.sa_flags & SA_SIGINFO && now.sa_sigaction == on_question)
        sigaction(signal_number, &signal_before, NULL);
}

/* Waits for the handler, if it ever begins; false: the question is taken
 * back. */
static bool await_answer(unsigned number)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ANSWER_MOST;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int rc;
    while ((rc = sem_clockwait(&question.answered, CLOCK_MONOTONIC, &until)) <
               0 &&
           errno == EINTR)
        ;
    if (rc == 0)
        return true;
    unsigned asked = number;
    if (atomic_compare_exchange_strong(&question.number, &asked, 0))
        return false;
    while (sem_wait(&question.answered) < 0)
        ; /* it is just at it */
    return true;
}

/* Where the thread is, in question.trace; false: it does not say. */
static bool ask(pid_t tid)
{
    static unsigned last;
    siginfo_t info;
    unsigned number = ++last ? last : ++last;
    memset(&info, 0, sizeof info);
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = (int)number;
    atomic_store(&question.number, number);
    if (syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, signal_number, &info) < 0)
        return false;
    return await_answer(number) && atomic_load(&question.told) == number;
}

static bool same_step(const struct inspect_loop *l, const struct watched *w)
{
    return l->turns == w->turns && l->slice == w->slice &&
           l->current == w->current;
}

/* Is it still at it? Then what was read about it meanwhile is right. */
static bool still(struct inspect *in, struct inspect_loop *l,
                  const struct watched *w)
{
    return inspect_loop(in, l->address, l) == 0 && same_step(l, w);
}

/* "task fetch #3 (spawned at app.c:12)"; or it is no task. */
static void add_subject(struct text *t, struct inspect *in,
                        const struct inspect_loop *l)
{
    struct inspect_task task;
    uint64_t at = l->current - in->layout.task_coro;
    uint64_t root = l->address + offsetof(struct runtime, loop.thread.root);
    if (l->current == root || inspect_task(in, l, at, &task) < 0) {
        text_add(t, "a callback");
        return;
    }
    text_add(t, "task ");
    text_add(t, task.name);
    text_add(t, " #");
    text_add_number(t, task.id);
    text_add(t, " (spawned at ");
    text_add(t, task.site[0] ? task.site : "?");
    text_add(t, ")");
}

static void log_trace(struct inspect *in, const struct trace *trace)
{
    struct symbols symbols;
    symbols_init(&symbols, in->peek);
    for (size_t i = 0; i < trace->count; i++) {
        struct text t;
        text_init(&t, -1);
        symbols_add(&symbols, &t, trace->frames[i] - (i > 0));
        rota_log(ROTA_LOG_WARNING, "    #%zu %s", i, text_string(&t));
    }
    symbols_fini(&symbols);
}

static void tell_step(struct inspect *in, struct inspect_loop *l,
                      struct watched *w, rota_time now)
{
    struct text t;
    text_init(&t, -1);
    add_subject(&t, in, l);
    text_add(&t, " has run for ");
    text_add_duration(&t, now - w->step_since);
    text_add(&t, " without a pause, and nothing else on its loop");
    bool answered = ask(l->tid);
    if (!still(in, l, w))
        return; /* just over: what was read may be of the next one */
    w->step_told = true;
    rota_log(ROTA_LOG_WARNING, "%s%s", text_string(&t),
             answered ? ":" : "; the thread does not say where it is");
    if (answered)
        log_trace(in, &question.trace);
}

static void tell_turn(struct inspect *in, struct inspect_loop *l,
                      struct watched *w, rota_time now)
{
    struct text t;
    text_init(&t, -1);
    text_add(&t, "I/O and timers wait: one turn of the loop takes ");
    text_add_duration(&t, now - w->turn_since);
    text_add(&t, ", now for ");
    add_subject(&t, in, l);
    if (!still(in, l, w))
        return;
    w->turn_told = true;
    rota_log(ROTA_LOG_WARNING, "%s", text_string(&t));
}

static void watch(struct inspect *in, struct inspect_loop *l, struct watched *w,
                  rota_dur slow)
{
    rota_time now = rota_now();
    bool first = w->step_since == 0;
    if (first || !same_step(l, w) || l->asleep) {
        w->step_since = now;
        w->step_told = false;
    }
    if (first || l->turns != w->turns || l->asleep) {
        w->turn_since = now;
        w->turn_told = false;
    }
    w->turns = l->turns;
    w->slice = l->slice;
    w->current = l->current;
    if (now - w->step_since >= slow && !w->step_told)
        tell_step(in, l, w, now);
    else if (now - w->turn_since >= slow && !w->turn_told && !w->step_told)
        tell_turn(in, l, w, now);
}

/* One look at all loops. */
struct look {
    struct inspect in;
    struct peek peek;
    rota_dur nap; /* until the next */
};

static void watch_runtime(struct runtime *rt, void *arg)
{
    struct look *look = arg;
    struct inspect_loop l;
    if (!rt->debug)
        return;
    rota_dur nap = rt->debug->slow_step / LOOKS;
    look->nap = nap < look->nap ? nap : look->nap;
    if (inspect_loop(&look->in, (uintptr_t)rt, &l) == 0)
        watch(&look->in, &l, &rt->debug->watched, rt->debug->slow_step);
}

static void nap(rota_dur d)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    d += until.tv_nsec;
    until.tv_sec += d / 1000000000;
    until.tv_nsec = d % 1000000000;
    pthread_mutex_lock(&lock);
    if (!leaving)
        pthread_cond_timedwait(&changed, &lock, &until);
    pthread_mutex_unlock(&lock);
}

static bool is_leaving(void)
{
    pthread_mutex_lock(&lock);
    bool yes = leaving;
    pthread_mutex_unlock(&lock);
    return yes;
}

static void *watchdog_main(void *arg)
{
    static struct look look;
    struct cycles_told told = { 0 };
    rota_time next_search = rota_now() + watchdog_deadlocks_every;
    (void)arg;
    inspect_self(&look.in, &look.peek);
    while (!is_leaving()) {
        look.nap = watchdog_deadlocks_every;
        root_each(watch_runtime, &look);
        if (rota_now() >= next_search) {
            cycles_report(&told);
            next_search = rota_now() + watchdog_deadlocks_every;
        }
        nap(look.nap > NAP_LEAST ? look.nap : NAP_LEAST);
    }
    return NULL;
}

/* Starts the thread with all signals blocked: they are the program's. */
static int begin(void)
{
    sigset_t all, before;
    pthread_condattr_t clock;
    int rc = take_signal();
    if (rc < 0)
        return rc;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &clock);
    pthread_condattr_destroy(&clock);
    sem_init(&question.answered, 0, 0);
    leaving = false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = -pthread_create(&thread, NULL, watchdog_main, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_setname_np(thread, "rota-watchdog");
    else
        give_signal_back();
    return rc;
}

int watchdog_start(void)
{
    int rc = 0;
    pthread_mutex_lock(&life);
    if (owner != getpid())
        users = 0;
    owner = getpid();
    if (users == 0)
        rc = begin();
    if (rc == 0)
        users++;
    pthread_mutex_unlock(&life);
    return rc;
}

static void end(void)
{
    pthread_mutex_lock(&lock);
    leaving = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    pthread_cond_destroy(&changed);
    sem_destroy(&question.answered);
    give_signal_back();
}

void watchdog_stop(void)
{
    pthread_mutex_lock(&life);
    if (owner == getpid() && --users == 0)
        end();
    pthread_mutex_unlock(&life);
}
