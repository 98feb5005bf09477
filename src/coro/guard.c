/*
 * Three ways to guard a stack, the best that the system has:
 *
 * MADV_GUARD_INSTALL (Linux 6.13) marks page table entries. It splits no
 * mapping, and it survives MADV_DONTNEED.
 *
 * mprotect makes two mappings of one. A process may have vm.max_map_count of
 * them, and when they are used up, malloc fails too: hence a budget of 80 %,
 * shared by all threads.
 *
 * Nothing: a stack is never refused for want of a guard. The place of the
 * guard is then a canary: it starts as zeroes, and whoever finds something
 * else there knows of the overflow too late, but knows. One warning is given.
 *
 * A guard is 16 KiB wide, so that most frames cannot step over it; code with
 * larger locals is to be compiled with -fstack-clash-protection, as rota is.
 */
#include "coro/guard.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "coro/advise.h"

enum {
    GUARD_LEAST = 16 * 1024,
    CANARY_SIZE = 512,
    MAPS_DEFAULT = 65530, /* vm.max_map_count when it cannot be read */
    MAPS_PER_GUARD = 2,
    BUDGET_PERCENT = 80,
};

static enum { BY_MADVISE, BY_MPROTECT, BY_NOTHING } way;
static size_t page;
static long budget; /* guards that mprotect may make */
static atomic_long spent;
static atomic_bool warned;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Emulators and old sandboxes take any advice and do nothing: believe it only
 * when the kernel itself can no longer write there. */
static bool madvise_guards(void)
{
    void *p = mmap(NULL, page, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return false;
    bool taken = advise_each(p, page, page, 1, MADV_GUARD_INSTALL) == 1 ||
                 madvise(p, page, MADV_GUARD_INSTALL) == 0;
    bool good = taken && uname(p) < 0 && errno == EFAULT;
    munmap(p, page);
    return good;
}

static long max_map_count(void)
{
    long maps = MAPS_DEFAULT;
    FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
    if (!f)
        return maps;
    if (fscanf(f, "%ld", &maps) != 1)
        maps = MAPS_DEFAULT;
    fclose(f);
    return maps;
}

static void choose(void)
{
    const char *forced = getenv("ROTA_GUARD"); /* for tests */
    page = (size_t)sysconf(_SC_PAGESIZE);
    budget = max_map_count() / MAPS_PER_GUARD * BUDGET_PERCENT / 100;
    if (forced && strcmp(forced, "none") == 0)
        way = BY_NOTHING;
    else if (forced && strcmp(forced, "mprotect") == 0)
        way = BY_MPROTECT;
    else
        way = madvise_guards() ? BY_MADVISE : BY_MPROTECT;
}

size_t guard_page(void)
{
    pthread_once(&once, choose);
    return page;
}

size_t guard_size(void)
{
    size_t least = guard_page();
    return least > GUARD_LEAST ? least : GUARD_LEAST;
}

static bool protect(char *at)
{
    if (atomic_fetch_add(&spent, 1) < budget &&
        mprotect(at, guard_size(), PROT_NONE) == 0)
        return true;
    atomic_fetch_sub(&spent, 1);
    return false;
}

static bool install(char *at)
{
    if (way == BY_MADVISE)
        return madvise(at, guard_size(), MADV_GUARD_INSTALL) == 0;
    return way == BY_MPROTECT && protect(at);
}

size_t guards_install(char *at, size_t stride, size_t count)
{
    size_t done = 0;
    if (way == BY_MADVISE && count > 1)
        done = advise_each(at, guard_size(), stride, count, MADV_GUARD_INSTALL);
    while (done < count && install(at + done * stride))
        done++;
    if (done < count && !atomic_exchange(&warned, true))
        fprintf(stderr,
                "rota: some stacks have no guard: overflow is found late "
                "or not at all (vm.max_map_count is too small, or "
                "ROTA_GUARD=none)\n");
    return done;
}

void guard_unmapped(size_t count)
{
    if (way == BY_MPROTECT)
        atomic_fetch_sub(&spent, (long)count);
}

bool guard_broken(const char *at)
{
    const uint64_t *end = (const uint64_t *)(const void *)(at + guard_size());
    for (size_t i = 1; i <= CANARY_SIZE / sizeof *end; i++)
        if (end[-(ptrdiff_t)i] != 0)
            return true;
    return false;
}
