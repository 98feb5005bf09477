/*
 * Stacks cost what was touched, come back warm, give memory back, and are
 * never refused for want of a guard.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coro/guard.h"
#include "runner.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

static size_t resident(void)
{
    unsigned long total = 0, rss = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f);
    CHECK_INT(fscanf(f, "%lu %lu", &total, &rss), 2);
    fclose(f);
    return rss * guard_page();
}

static size_t map_count(void)
{
    size_t lines = 0;
    int c;
    FILE *f = fopen("/proc/self/maps", "r");
    CHECK(f);
    while ((c = getc(f)) != EOF)
        lines += c == '\n';
    fclose(f);
    return lines;
}

/* Memory is compared only where no sanitizer keeps its own, and where a page
 * is what the limits below were made for. */
static void need_plain_memory(void)
{
    if (test_sanitized())
        test_skip("a sanitizer's memory is not ours");
    if (guard_page() != 4096)
        test_skip("pages are large");
}

static void touch(struct stack *s, size_t depth)
{
    memset(s->top - depth, 0xa5, depth);
}

static size_t grown(size_t from)
{
    size_t now = resident();
    return now > from ? now - from : 0;
}

TEST("sizes are rounded up to classes; too large is refused")
{
    static const size_t sizes[] = { 1,          STACK_LEAST,   STACK_LEAST + 1,
                                    60 * KIB,   STACK_DEFAULT, 300 * KIB,
                                    1 * MIB + 1 };
    runner_begin();
    struct stack *s = stack_get(&pool, 0);
    CHECK(stack_size(s) >= STACK_DEFAULT);
    stack_put(&pool, s);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        s = stack_get(&pool, sizes[i]);
        CHECK(s && stack_size(s) >= sizes[i] && stack_size(s) >= STACK_LEAST);
        CHECK(stack_size(s) < 2 * sizes[i] + STACK_LEAST + 64 * KIB);
        memset(s->base, 1, stack_size(s));
        stack_put(&pool, s);
    }
    CHECK(stack_get(&pool, (size_t)STACK_MOST + 1) == NULL);
    CHECK(stack_get(&pool, SIZE_MAX) == NULL);
    runner_end();
}

TEST("stacks do not overlap, and their tops are staggered within 1 KiB")
{
    enum { COUNT = 200 };
    struct stack *s[COUNT];
    size_t offsets[1024 / 64] = { 0 };
    runner_begin();
    for (int i = 0; i < COUNT; i++) {
        s[i] = stack_get(&pool, 32 * KIB);
        CHECK(s[i]);
        CHECK_INT((uintptr_t)s[i]->top % 16, 0);
        size_t below = -(uintptr_t)s[i]->top % guard_page();
        CHECK(below < 1024);
        offsets[below / 64]++;
        for (int j = 0; j < i; j++)
            CHECK(s[i]->base >= s[j]->top || s[j]->base >= s[i]->top);
    }
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
        CHECK(offsets[i] > COUNT / 32);
    for (int i = 0; i < COUNT; i++)
        stack_put(&pool, s[i]);
    CHECK_INT(pool.cached, COUNT);
    runner_end();
}

TEST("the last stack given back is the first handed out")
{
    runner_begin();
    struct stack *a = stack_get(&pool, 0), *b = stack_get(&pool, 0);
    stack_put(&pool, a);
    stack_put(&pool, b);
    CHECK(stack_get(&pool, 0) == b);
    CHECK(stack_get(&pool, 0) == a);
    CHECK_INT(pool.cached, 0);
    CHECK_INT(pool.live, 2);
    stack_put(&pool, a);
    stack_put(&pool, b);
    runner_end();
}

TEST("a parked task that went not deep keeps one page")
{
    test_needs_kernel();
    enum { COUNT = 10000 };
    static struct stack *s[COUNT];
    need_plain_memory();
    runner_begin();
    stack_put(&pool, stack_get(&pool, 0));
    memset(s, 1, sizeof s); /* its own pages are not to count */
    size_t before = resident();
    for (int i = 0; i < COUNT; i++) {
        s[i] = stack_get(&pool, 0);
        touch(s[i], 3 * KIB);
    }
    printf("# %zu bytes each\n", grown(before) / COUNT);
    CHECK(grown(before) / COUNT < 4300);
    for (int i = 0; i < COUNT; i++)
        stack_put(&pool, s[i]);
    runner_end();
}

static void park(void *arg)
{
    (void)arg;
    fiber_park();
}

/* Returns how many mappings there were meanwhile. */
static size_t park_many(void)
{
    size_t count = test_sanitized() ? 2000 : 200 * 1000;
    struct fiber *f = calloc(count, sizeof *f);
    CHECK(f);
    runner_begin();
    for (size_t i = 0; i < count; i++) {
        CHECK(fiber_new(&f[i], park, NULL, 0));
        fiber_resume(&f[i]);
    }
    size_t maps = map_count();
    printf("# %zu parked: %zu maps, %zu without a guard\n", count, maps,
           pool.unguarded);
    for (size_t i = 0; i < count; i++) {
        fiber_resume(&f[i]);
        CHECK(f[i].ended);
    }
    free(f);
    runner_end();
    return maps;
}

/* PITFALL 12 */
TEST_LIMITED("200 000 coroutines are parked", 120)
{
    test_needs_kernel();
    size_t maps = park_many();
    if (!getenv("ROTA_GUARD"))
        CHECK(pool.unguarded == 0 || maps > 1000);
}

/* PITFALL 12 */
TEST_LIMITED("200 000 are parked where guards cost mappings", 120)
{
    setenv("ROTA_GUARD", "mprotect", 1);
    park_many();
    if (!test_sanitized())
        CHECK(pool.unguarded > 0);
}

/* PITFALL 12 */
TEST_LIMITED("200 000 are parked where there are no guards", 120)
{
    setenv("ROTA_GUARD", "none", 1);
    park_many();
    CHECK(pool.unguarded >= 2000);
}

/* PITFALL 13 */
TEST_LIMITED("memory returns after 100 000 were freed", 60)
{
    test_needs_kernel();
    enum { COUNT = 100 * 1000 };
    static struct stack *s[COUNT];
    need_plain_memory();
    runner_begin();
    memset(s, 1, sizeof s);
    size_t before = resident();
    for (size_t i = 0; i < COUNT; i++) {
        s[i] = stack_get(&pool, 0);
        CHECK(s[i]);
        touch(s[i], 3 * KIB);
    }
    CHECK(grown(before) > COUNT * 4000ul);
    for (size_t i = 0; i < COUNT; i++) /* in a scattered order */
        stack_put(&pool, s[i * 7919 % COUNT]);
    printf("# kept: %zu stacks, %zu KiB\n", pool.cached, grown(before) / KIB);
    CHECK(grown(before) < 64 * MIB);
    stack_pool_trim(&pool);
    printf("# trimmed: %zu stacks, %zu KiB\n", pool.cached,
           grown(before) / KIB);
    CHECK(grown(before) < 12 * MIB);
    CHECK_INT(pool.cached, 0);
    runner_end();
}

/* PITFALL 13 */
TEST("tasks that once went deep do not pin it when recycled")
{
    enum { COUNT = 200, DEEP = 200 * KIB, KEPT = 2 * MIB };
    struct stack *s[COUNT];
    need_plain_memory();
    runner_begin();
    size_t before = resident();
    for (int i = 0; i < COUNT; i++) {
        s[i] = stack_get(&pool, 0);
        touch(s[i], DEEP);
    }
    CHECK(grown(before) >= (size_t)COUNT * DEEP);
    for (int i = 0; i < COUNT; i++)
        stack_put(&pool, s[i]);
    for (int i = 0; i < COUNT; i++)
        s[i] = stack_get(&pool, 0);
    printf("# %zu KiB\n", grown(before) / KIB);
    CHECK(grown(before) < KEPT + COUNT * 20 * KIB + MIB);
    for (int i = 0; i < COUNT; i++)
        stack_put(&pool, s[i]);
    stack_pool_trim(&pool);
    CHECK(grown(before) < 2 * MIB);
    CHECK_INT(pool.deep_bytes, 0);
    runner_end();
}

static bool is_resident(char *at)
{
    unsigned char vec = 0;
    char *page = at - (uintptr_t)at % guard_page();
    CHECK_INT(mincore(page, guard_page(), &vec), 0);
    return vec & 1;
}

TEST("whether a shallow stack was used deeply is seen without a fault")
{
    need_plain_memory();
    runner_begin();
    struct stack *s = stack_get(&pool, 0), *other = stack_get(&pool, 0);
    for (int i = 0; i < 10; i++) {
        touch(s, 2 * KIB);
        stack_put(&pool, s);
        stack_put(&pool, other); /* so that the one before is looked at */
        CHECK(!is_resident(s->top - 20 * KIB));
        CHECK(stack_get(&pool, 0) == other);
        CHECK(stack_get(&pool, 0) == s);
    }
    stack_put(&pool, s);
    stack_put(&pool, other);
    runner_end();
}

/* PITFALL 13 */
TEST("what steps over the watermark is given back in time")
{
    need_plain_memory();
    runner_begin();
    struct stack *s = stack_get(&pool, 0), *other = stack_get(&pool, 0);
    char *deep = s->top - 100 * KIB;
    *deep = 1;
    CHECK(is_resident(deep));
    for (int i = 0; i < 64; i++) {
        stack_put(&pool, s);
        stack_put(&pool, other); /* so that the one before is looked at */
        CHECK(stack_get(&pool, 0) == other);
        CHECK(stack_get(&pool, 0) == s);
    }
    CHECK(!is_resident(deep));
    stack_put(&pool, s);
    stack_put(&pool, other);
    runner_end();
}

TEST("the stack put back last goes out first, and is not looked at before")
{
    need_plain_memory();
    runner_begin();
    struct stack *s = stack_get(&pool, 0), *other = stack_get(&pool, 0);
    char *deep = s->top - 100 * KIB;
    touch(s, 100 * KIB);
    pool.deep_bytes = SIZE_MAX / 2; /* no stack may keep what is deep */
    stack_put(&pool, s);
    CHECK(is_resident(deep));
    CHECK(stack_get(&pool, 0) == s);
    stack_put(&pool, s);
    stack_put(&pool, other);
    CHECK(!is_resident(deep));
    CHECK_INT(pool.cached, 2);
    CHECK_INT(pool.live, 0);
    pool.deep_bytes = 0;
    runner_end();
}

TEST("a trimmed pool keeps the stacks of slabs in use, without their memory")
{
    runner_begin();
    struct stack *a = stack_get(&pool, 0), *b = stack_get(&pool, 0);
    touch(b, 3 * KIB);
    stack_put(&pool, b);
    stack_pool_trim(&pool);
    CHECK_INT(pool.cached, 1);
    CHECK_INT(pool.live, 1);
    CHECK(stack_get(&pool, 0) == b);
    CHECK_INT(b->top[-1], 0);
    stack_put(&pool, b);
    stack_put(&pool, a);
    stack_pool_trim(&pool);
    CHECK_INT(pool.cached, 0);
    runner_end();
}

TEST("the address of a fault is known for a guard's")
{
    runner_begin();
    struct stack *s = stack_get(&pool, 0);
    if (!s->guarded)
        test_skip("no guards here");
    CHECK(stack_guard_hit(s, s->base - 1));
    CHECK(stack_guard_hit(s, s->base - guard_size()));
    CHECK(!stack_guard_hit(s, s->base - guard_size() - 1));
    CHECK(!stack_guard_hit(s, s->base));
    CHECK(!stack_guard_hit(s, NULL));
    CHECK(guard_size() >= 16 * KIB);
    stack_put(&pool, s);
    runner_end();
}

/* The kernel cannot read there. */
static bool is_deadly(const char *at)
{
    return access(at, F_OK) < 0 && errno == EFAULT;
}

TEST("stacks that are made ready together are guarded each, and no more")
{
    enum { COUNT = 500 };
    static struct stack *s[COUNT];
    test_needs_kernel();
    runner_begin();
    for (int i = 0; i < COUNT; i++) {
        s[i] = stack_get(&pool, 0);
        CHECK(s[i]->guarded);
        CHECK(is_deadly(s[i]->base - 1));
        CHECK(is_deadly(s[i]->base - guard_size()));
        touch(s[i], stack_size(s[i]));
    }
    for (int i = 0; i < COUNT; i++)
        stack_put(&pool, s[i]);
    runner_end();
}

enum { IN_SLAB = 64 };

/* How many of the slab's stacks after `s`, which is the i-th, have their
 * first page. */
static size_t ready_after(const struct stack *s, size_t i, size_t stride)
{
    size_t count = 0;
    char *page = s->base + stride - guard_size() - guard_page();
    while (++i < IN_SLAB) {
        unsigned char vec = 0;
        CHECK_INT(mincore(page += stride, guard_page(), &vec), 0);
        count += vec & 1;
    }
    return count;
}

TEST("few stacks are made ready ahead of their use")
{
    static struct stack *s[IN_SLAB];
    test_needs_kernel();
    runner_begin();
    for (size_t i = 0; i < IN_SLAB; i++) {
        s[i] = stack_get(&pool, 0);
        touch(s[i], 100);
        size_t stride = (size_t)(s[i]->base - s[i ? i - 1 : 0]->base);
        if (i > 0)
            CHECK(ready_after(s[i], i, stride) <= (i + 1) / 8);
    }
    for (size_t i = 0; i < IN_SLAB; i++)
        stack_put(&pool, s[i]);
    runner_end();
}

static void write_to_guard(void)
{
    signal(SIGSEGV, SIG_DFL);
    stack_pool_init(&pool);
    struct stack *a = stack_get(&pool, 0), *s = stack_get(&pool, 0);
    touch(s, 200 * KIB);
    stack_put(&pool, s);
    stack_pool_trim(&pool);
    if (!a || stack_get(&pool, 0) != s)
        return;
    *(volatile char *)s->base = 1;
    fprintf(stderr, "base is usable\n");
    *(volatile char *)(s->base - 1) = 1;
}

static void check_guard(void)
{
    char err[4096];
    int status = test_child(write_to_guard, err, sizeof err);
    CHECK_HAS(err, "base is usable\n");
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGSEGV);
}

TEST("a guard survives that its stack's memory is given back")
{
    check_guard();
}

TEST("a guard by mprotect does so as well")
{
    setenv("ROTA_GUARD", "mprotect", 1);
    check_guard();
}

static void damage(void)
{
    stack_pool_init(&pool);
    struct stack *s = stack_get(&pool, 0);
    s->base[-8] = 1;
    stack_put(&pool, s);
    fprintf(stderr, "not seen\n");
}

/* PITFALL 11 */
TEST("overflow of a stack without a guard is found at its end")
{
    char err[4096];
    setenv("ROTA_GUARD", "none", 1);
    int status = test_child(damage, err, sizeof err);
    CHECK_HAS(err, "rota: some stacks have no guard");
    CHECK_HAS(err, "rota: stack overflow in a task that has ended");
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGABRT);
}

/* PITFALL 17, TASK-23 */
TEST("with no address space left, get gives NULL")
{
    test_needs_kernel();
    enum { MOST = 4096 };
    static struct stack *s[MOST];
    struct rlimit limit = { 300 * MIB, 300 * MIB };
    if (test_sanitized())
        test_skip("a sanitizer needs address space");
    runner_begin();
    CHECK_INT(setrlimit(RLIMIT_AS, &limit), 0);
    CHECK(stack_get(&pool, 512 * MIB) == NULL);
    int n = 0;
    while (n < MOST && (s[n] = stack_get(&pool, 0)))
        touch(s[n++], 100);
    printf("# %d stacks in 300 MiB\n", n);
    CHECK(n > 500 && n < MOST);
    CHECK_INT(pool.live, n);
    CHECK(stack_get(&pool, 0) == NULL);
    stack_put(&pool, s[--n]);
    CHECK((s[n++] = stack_get(&pool, 0)) != NULL);
    while (n > 0)
        stack_put(&pool, s[--n]);
    /* what is cached in one size makes room for another */
    struct stack *large = stack_get(&pool, 128 * MIB);
    CHECK(large);
    stack_put(&pool, large);
    runner_end();
}

/* PITFALL 66 */
TEST("guards and stacks lie on the system's pages, whatever their size")
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    stack_pool_init(&pool);
    struct stack *s = stack_get(&pool, 0), *next = stack_get(&pool, 0);
    CHECK_INT(guard_size() % page, 0);
    CHECK(guard_size() >= page);
    CHECK_INT((uintptr_t)s->base % page, 0);
    CHECK_INT((uintptr_t)next->base % page, 0);
    CHECK(next->base >= s->top + guard_size());
    stack_put(&pool, next);
    stack_put(&pool, s);
    stack_pool_fini(&pool);
}

/* PITFALL 14 */
TEST("slabs take no huge pages")
{
    char line[4096];
    bool inside = false, found = false;
    test_needs_kernel();
    runner_begin();
    struct stack *s = stack_get(&pool, 0);
    FILE *f = fopen("/proc/self/smaps", "r");
    if (!f || access("/sys/kernel/mm/transparent_hugepage", F_OK) < 0)
        test_skip("no smaps or no huge pages");
    while (fgets(line, sizeof line, f)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = from <= (uintptr_t)s->base && (uintptr_t)s->base < to;
        if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            CHECK_HAS(line, " nh");
            found = true;
        }
    }
    fclose(f);
    CHECK(found);
    stack_put(&pool, s);
    runner_end();
}
