/*
 * The switch keeps what the ABI says a call keeps, and what each coroutine
 * believes is its own: registers, rounding, errno, a trace that ends.
 */
#include <errno.h>
#include <execinfo.h>
#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner.h"

int register_probe(void (*call)(void *), void *arg, uint64_t seed);

enum { TRAMPOLINE_SIZE = 64, ROUNDS = 100, DEPTH = 50 };

static void park(void *arg)
{
    (void)arg;
    fiber_park();
}

static void probe(void *arg)
{
    uint64_t seed = (uintptr_t)arg;
    for (int i = 0; i < ROUNDS; i++, seed *= 3)
        CHECK_INT(register_probe(park, NULL, seed), 0);
}

/* PITFALL 1 */
TEST("all callee-saved registers hold over a switch")
{
    struct fiber a, b;
    runner_begin();
    CHECK(fiber_new(&a, probe, (void *)0x1234567812345678, 0));
    CHECK(fiber_new(&b, probe, (void *)0x0fedcba987654321, 0));
    while (!a.ended || !b.ended) {
        if (!a.ended)
            fiber_resume(&a);
        if (!b.ended)
            fiber_resume(&b);
    }
    runner_end();
}

static void resume(void *arg)
{
    fiber_resume(arg);
}

/* PITFALL 1 */
TEST("the thread's own registers hold over a switch too")
{
    struct fiber a;
    runner_begin();
    CHECK(fiber_new(&a, probe, (void *)0x1234567812345678, 0));
    for (uint64_t seed = 0xabcdef; !a.ended; seed *= 5)
        CHECK_INT(register_probe(resume, &a, seed), 0);
    runner_end();
}

static void round_own_way(void *arg)
{
    int way = (int)(intptr_t)arg;
    volatile double one = 1, three = 3;
    volatile long double lone = 1, lthree = 3;
    CHECK_INT(fegetround(), FE_TONEAREST);
    CHECK_INT(fesetround(way), 0);
    double want = one / three;
    long double lwant = lone / lthree;
    for (int i = 0; i < ROUNDS; i++) {
        fiber_park();
        CHECK_INT(fegetround(), way);
        CHECK(one / three == want);
        CHECK(lone / lthree == lwant);
    }
}

/* PITFALL 2 */
TEST("the rounding of each coroutine is its own")
{
    struct fiber up, down;
    volatile double one = 1, three = 3;
    runner_begin();
    double want = one / three;
    CHECK(fiber_new(&up, round_own_way, (void *)FE_UPWARD, 0));
    CHECK(fiber_new(&down, round_own_way, (void *)FE_DOWNWARD, 0));
    while (!up.ended) {
        fiber_resume(&up);
        CHECK_INT(fegetround(), FE_TONEAREST);
        CHECK(one / three == want);
        fiber_resume(&down);
    }
    CHECK(down.ended);
    runner_end();
}

#ifdef __x86_64__
enum {
    MXCSR_FTZ = 0x8000,
    MXCSR_DEFAULT = 0x1f80,
    X87_DEFAULT = 0x37f,
    X87_DOUBLE = 0x27f,
};

static unsigned mxcsr(void)
{
    unsigned n;
    __asm__ volatile("stmxcsr %0" : "=m"(n));
    return n & 0xffc0;
}

static unsigned x87(void)
{
    unsigned short n;
    __asm__ volatile("fnstcw %0" : "=m"(n));
    return n;
}

static void flush_to_zero(void *arg)
{
    (void)arg;
    unsigned ftz = MXCSR_DEFAULT | MXCSR_FTZ;
    unsigned short cw = X87_DOUBLE;
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(ftz), "m"(cw));
    fiber_park();
    CHECK_INT(mxcsr(), ftz);
    CHECK_INT(x87(), X87_DOUBLE);
}

/* PITFALL 2 */
TEST("mxcsr and the x87 control word are per coroutine")
{
    struct fiber f;
    runner_begin();
    test_needs_kernel();
    CHECK(fiber_new(&f, flush_to_zero, NULL, 0));
    while (!f.ended) {
        fiber_resume(&f);
        CHECK_INT(mxcsr(), MXCSR_DEFAULT);
        CHECK_INT(x87(), X87_DEFAULT);
    }
    runner_end();
}
#endif

static void aligned(void *arg)
{
    _Alignas(64) volatile char wide[64] = { 0 };
    char text[64];
    CHECK_INT((uintptr_t)wide % 64, 0);
    /* variadic, with a float: gcc stores xmm registers with movaps */
    snprintf(text, sizeof text, "%.3f %.2Lf", *(double *)arg, 2.5L);
    CHECK_STR(text, "1.500 2.50");
}

/* PITFALL 3 */
TEST("the stack is aligned at entry, whatever room is taken")
{
    double number = 1.5;
    runner_begin();
    for (size_t room = 0; room < 100; room++) {
        struct fiber f = { .fn = aligned, .arg = &number };
        void *at;
        struct stack *s = stack_get(&pool, 0);
        coro_init(&f.coro, s, fiber_entry, &f, room, &at);
        CHECK_INT((uintptr_t)at % 16, 0);
        CHECK((char *)at + room <= s->top && (char *)at > s->top - 256);
        memset(at, 0xa5, room);
        fiber_resume(&f);
        CHECK(f.ended);
    }
    runner_end();
}

static int trace_length;
static void *trace_frames[4 * DEPTH];

static __attribute__((noinline)) int descend(int depth)
{
    volatile int left = depth;
    if (left == 0)
        trace_length = backtrace(trace_frames, 4 * DEPTH);
    else
        left = descend(left - 1);
    __asm__ volatile(""); /* not a tail call */
    return left + 1;
}

static void descend_from_top(void *arg)
{
    (void)arg;
    CHECK_INT(descend(DEPTH), DEPTH + 1);
}

/* PITFALL 7 */
TEST("a trace from depth 50 ends at the trampoline")
{
    runner_begin();
    fiber_run(descend_from_top, NULL);
    CHECK(trace_length > DEPTH && trace_length < DEPTH + 10);
    char *last = trace_frames[trace_length - 1];
    const char *end = (const char *)coro_trampoline;
    CHECK(last >= end && last < end + TRAMPOLINE_SIZE);
    runner_end();
}

static void with_errno(void *arg)
{
    int mine = (int)(intptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        errno = mine;
        fiber_park();
        CHECK_INT(errno, mine);
    }
}

/* PITFALL 18 */
TEST("errno is kept over a switch")
{
    struct fiber a, b;
    runner_begin();
    CHECK(fiber_new(&a, with_errno, (void *)EAGAIN, 0));
    CHECK(fiber_new(&b, with_errno, (void *)ENOENT, 0));
    errno = EINTR;
    while (!a.ended) {
        fiber_resume(&a);
        CHECK_INT(errno, EINTR);
        fiber_resume(&b);
        CHECK_INT(errno, EINTR);
    }
    CHECK(b.ended);
    runner_end();
}

/* What a fiber that left by its last step is told: its own argument. */
static int told(struct coro_thread *t)
{
    coro_resume(t);
    return (int)(intptr_t)container_of(t->current, struct fiber, coro)->arg;
}

static __attribute__((noinline)) int leave(void)
{
    return coro_switch_last(&thread, &thread.root, told);
}

static void leave_here(void *arg)
{
    CHECK_INT(leave(), *(int *)arg);
}

static void leave_there(void *arg)
{
    CHECK_INT(leave() + 1, *(int *)arg + 1);
}

/* Goes back to where the other one left, and to another place. */
static void probe_last(void *arg)
{
    int mine = (int)(intptr_t)arg;
    uint64_t seed = (uintptr_t)arg;
    CHECK_INT(fesetround(mine % 2 ? FE_UPWARD : FE_DOWNWARD), 0);
    for (int i = 0; i < ROUNDS; i++, seed *= 3) {
        errno = mine;
        bool here = i < ROUNDS / 2 || mine % 2;
        CHECK_INT(register_probe(here ? leave_here : leave_there, &mine, seed),
                  0);
        CHECK_INT(errno, mine);
        CHECK_INT(fegetround(), mine % 2 ? FE_UPWARD : FE_DOWNWARD);
    }
}

/* PITFALL 1 */
/* PITFALL 2 */
/* PITFALL 18 */
TEST("a switch that is a function's last step goes back to its caller")
{
    struct fiber a, b, c;
    runner_begin();
    CHECK(fiber_new(&a, probe_last, (void *)0x12345671, 0));
    CHECK(fiber_new(&b, probe_last, (void *)0x12345672, 0));
    CHECK(fiber_new(&c, probe, (void *)0x1234567812345678, 0));
    while (!a.ended || !b.ended || !c.ended) {
        if (!a.ended)
            fiber_resume(&a);
        if (!c.ended)
            fiber_resume(&c);
        if (!b.ended)
            fiber_resume(&b);
        CHECK_INT(fegetround(), FE_TONEAREST);
    }
    runner_end();
}

static void note(void *arg)
{
    struct coro **seen = arg;
    *seen = coro_thread()->current;
}

static void park_with_note(void *arg)
{
    struct coro_action after = { note, arg };
    coro_switch(&thread, &thread.root, &after);
}

TEST("an action runs once, on the other side")
{
    struct fiber f;
    struct coro *seen = NULL;
    runner_begin();
    CHECK(fiber_new(&f, park_with_note, &seen, 0));
    fiber_resume(&f);
    CHECK(seen == &thread.root);
    seen = NULL;
    fiber_resume(&f);
    CHECK(f.ended && !seen);
    runner_end();
}

static void nothing(void *arg)
{
    (void)arg;
}

TEST("an action frees the stack of one that ended, and it is used again")
{
    runner_begin();
    struct stack *first = stack_get(&pool, 0);
    stack_put(&pool, first);
    for (int i = 0; i < ROUNDS; i++) {
        struct fiber f;
        CHECK(fiber_new(&f, nothing, NULL, 0));
        CHECK(f.coro.stack == first);
        fiber_resume(&f);
        CHECK(f.ended);
    }
    runner_end();
}

struct deep {
    const struct stack *stack; /* the caller's */
    uintptr_t at;              /* where the call's frame was */
    int calls;
};

static bool lies_in(const struct stack *s, uintptr_t at)
{
    return at >= (uintptr_t)s->base && at < (uintptr_t)s->top;
}

static void go_deep(void *arg)
{
    struct deep *d = arg;
    char local[STACK_DEFAULT]; /* more than the caller's stack holds */
    memset(local, 1, sizeof local);
    CHECK(thread.current == &thread.root);
    CHECK(!lies_in(d->stack, (uintptr_t)local));
    CHECK(!d->at || d->at == (uintptr_t)local);
    d->at = (uintptr_t)local;
    d->calls++;
    errno = E2BIG;
}

static void call_deep(void *arg)
{
    struct deep *d = arg;
    struct coro *me = thread.current;
    d->stack = me->stack;
    for (int i = 0; i < 3; i++) {
        errno = EDOM;
        coro_call_on_root(&thread, go_deep, d);
        CHECK_INT(errno, EDOM);
        CHECK(thread.current == me);
    }
    fiber_park();
    coro_call_on_root(&thread, go_deep, d);
}

TEST("calls are made on the thread's own stack, all at one depth")
{
    enum { FIBERS = 100 };
    static struct fiber f[FIBERS];
    struct deep d = { NULL };
    runner_begin();
    for (int i = 0; i < FIBERS; i++)
        CHECK(fiber_new(&f[i], call_deep, &d, 0));
    for (int i = 0; i < FIBERS; i++)
        fiber_resume(&f[i]);
    CHECK_INT(d.calls, 3 * FIBERS);
    for (int i = 0; i < FIBERS; i++) {
        d.stack = f[i].coro.stack;
        fiber_resume(&f[i]);
        CHECK(f[i].ended);
    }
    CHECK_INT(d.calls, 4 * FIBERS);
    CHECK(!thread.serving && !thread.caller);
    runner_end();
}

static void note_calls(void *arg)
{
    ++*(int *)arg;
}

static void call_within(void *arg)
{
    coro_call_on_root(&thread, note_calls, arg);
    note_calls(arg);
}

static void call_twice(void *arg)
{
    coro_call_on_root(&thread, call_within, arg);
}

/* One after the other, without the thread's own coming to run between. */
static void call_and_go_on(void *arg)
{
    struct fiber *next = arg;
    int calls = 0;
    call_twice(&calls);
    CHECK_INT(calls, 2);
    if (!next)
        fiber_park();
    else
        coro_switch(&thread, &next->coro, NULL);
}

TEST("a call on the thread's own stack from there is a plain call")
{
    struct fiber last, first;
    int calls = 0;
    runner_begin();
    call_twice(&calls);
    CHECK_INT(calls, 2);
    CHECK(fiber_new(&last, call_and_go_on, NULL, 0));
    CHECK(fiber_new(&first, call_and_go_on, &last, 0));
    fiber_resume(&first);
    fiber_resume(&first);
    CHECK(first.ended);
    fiber_resume(&last);
    CHECK(last.ended);
    runner_end();
}

static void use_and_park(void *arg)
{
    char local[200];
    volatile char *p = local;
    for (int i = 0; i < 4; i++) {
        for (size_t j = 0; j < sizeof local; j++)
            p[j] = (char)(uintptr_t)arg;
        fiber_park();
        CHECK(p[17] == (char)(uintptr_t)arg);
    }
}

/* PITFALL 9 */
TEST_LIMITED("100 000 switches and exits give no false report", 60)
{
    enum { FIBERS = 20, GENERATIONS = 1000 };
    struct fiber f[FIBERS];
    runner_begin();
    for (uintptr_t g = 0; g < GENERATIONS; g++) {
        for (int i = 0; i < FIBERS; i++)
            CHECK(fiber_new(&f[i], use_and_park, (void *)(g + (unsigned)i), 0));
        while (!f[FIBERS - 1].ended)
            for (int i = 0; i < FIBERS; i++)
                fiber_resume(&f[i]);
    }
    runner_end();
}

static jmp_buf jump;
static volatile bool jumping = true;

static __attribute__((noinline)) void jump_from(int depth)
{
    volatile char local[100];
    local[depth] = 1;
    if (depth == 0 && jumping)
        longjmp(jump, 1);
    if (depth > 0)
        jump_from(depth - 1);
    local[depth]++;
}

static void jump_within(void *arg)
{
    volatile int *count = arg;
    for (volatile int i = 0; i < 10; i++) {
        if (setjmp(jump) == 0)
            jump_from(20);
        *count += 1;
        fiber_park();
    }
}

/* PITFALL 9 */
TEST("longjmp within a coroutine works")
{
    int count = 0;
    runner_begin();
    fiber_run(jump_within, &count);
    CHECK_INT(count, 10);
    runner_end();
}

static volatile sig_atomic_t caught;

static void on_signal(int signal)
{
    volatile char local[4096];
    local[signal] = 1;
    caught += local[signal];
}

static void raise_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        raise(SIGUSR1);
        fiber_park();
    }
}

/* PITFALL 10 */
TEST("a signal handler runs on a coroutine's stack")
{
    runner_begin();
    signal(SIGUSR1, on_signal);
    fiber_run(raise_often, NULL);
    CHECK_INT(caught, ROUNDS);
    runner_end();
}

static void return_at_once(void)
{
    struct coro c;
    runner_begin();
    coro_init(&c, stack_get(&pool, 0), nothing, NULL, 0, NULL);
    coro_switch(&thread, &c, NULL);
}

/* PITFALL 5 */
TEST("an entry that returns is told so, and the process aborts")
{
    char err[4096];
    int status = test_child(return_at_once, err, sizeof err);
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGABRT);
    CHECK_HAS(err, "entry of a coroutine returned");
}

static void say_goodbye(void)
{
    fprintf(stderr, "goodbye\n");
}

static void exit_inside(void *arg)
{
    (void)arg;
    atexit(say_goodbye);
    setvbuf(stderr, NULL, _IOFBF, 4096);
    fprintf(stderr, "buffered\n");
    exit(3);
}

static void run_exit_inside(void)
{
    runner_begin();
    fiber_run(exit_inside, NULL);
}

/* PITFALL 5 */
TEST("exit inside a coroutine runs atexit and flushes stdio")
{
    char err[4096];
    if (getenv("TEST_SLOW"))
        test_skip("a leak checker would have its say at exit");
    int status = test_child(run_exit_inside, err, sizeof err);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 3);
    CHECK_HAS(err, "buffered\ngoodbye\n");
}

TEST("a thread is entered once, and can be left and entered again")
{
    struct coro_thread other;
    CHECK(coro_thread() == NULL);
    runner_begin();
    CHECK(coro_thread() == &thread);
    CHECK(thread.current == &thread.root);
    CHECK_INT(coro_enter(&other), -EBUSY);
    runner_end();
    CHECK(coro_thread() == NULL);
    CHECK_INT(coro_enter(&other), 0);
    CHECK(coro_thread() == &other);
    coro_leave(&other);
}

struct worker {
    struct coro_thread thread;
    struct coro coro;
    int count;
};

static void count_up(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < 10000; i++) {
        w->count++;
        CHECK(coro_thread() == &w->thread);
        coro_switch(&w->thread, &w->thread.root, NULL);
    }
    coro_exit(&w->thread, &w->thread.root, NULL);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct stack_pool own;
    CHECK_INT(coro_enter(&w->thread), 0);
    stack_pool_init(&own);
    struct stack *s = stack_get(&own, 0);
    CHECK(s);
    coro_init(&w->coro, s, count_up, w, 0, NULL);
    for (int i = 0; i <= 10000; i++)
        coro_switch(&w->thread, &w->coro, NULL);
    coro_fini(&w->coro);
    stack_put(&own, s);
    stack_pool_fini(&own);
    coro_leave(&w->thread);
    return NULL;
}

TEST("threads run their coroutines at the same time")
{
    enum { THREADS = 4 };
    struct worker w[THREADS] = { 0 };
    pthread_t id[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&id[i], NULL, work, &w[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK_INT(pthread_join(id[i], NULL), 0);
        CHECK_INT(w[i].count, 10000);
    }
}
