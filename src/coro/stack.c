/*
 * A slab is one mapping cut into stacks of one size class; each stack lies
 * above its guard. Stacks are made ready a few at a time: to guard each by a
 * call of its own, and to have its first page by a fault of its own, is a
 * quarter of what a first use costs.
 *
 *   | guard | deep part ........ | watermark | 16 KiB | stagger |
 *   map     base                                    top         stride
 *
 * Two facts of the kernel shape it. First, a first touch of a page costs
 * microseconds, so a recycled stack keeps the pages above its watermark, and
 * the last one put back is the first one handed out. Second, fresh pages are
 * zero, and reading one maps the one shared zero page: zeroes at the
 * watermark tell that nobody went deeper, without a system call and without a
 * resident page. Even that first reading is a fault, dearer than most tasks;
 * but whoever goes deep leaves a trail, and where the lowest words of the
 * first page are zero nothing below is read. A frame may step over the places
 * looked at and leave them zero, so at each 64th look the deep part is given
 * back unseen. Looking takes longer than all the rest of a recycling, so the
 * stack put back last is looked at when another one comes: mostly it goes out
 * again before.
 *
 * A program whose tasks all go deep would pay for its deep pages again with
 * each task; a few stacks of each pool, by a budget in bytes, may keep theirs.
 */
#include "coro/stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "coro/advise.h"
#include "coro/guard.h"
#include "coro/sanitize.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef PR_SET_VMA_ANON_NAME
#define PR_SET_VMA_ANON_NAME 0
#endif

enum {
    SLAB_STACKS = 64,
    SLAB_BYTES = SLAB_STACKS * STACK_DEFAULT, /* larger stacks: fewer */

    /* Tops differ in their low bits, or all tasks would compete for the same
     * sets of the cache; by so little that a shallow task keeps to a page. */
    STAGGER_STEP = 64,
    STAGGER_STEPS = 16,
    STAGGER_ROOM = STAGGER_STEP * STAGGER_STEPS,

    WATERMARK = 16 * 1024,
    PAGES_ASKED = 256, /* of the kernel at once, whether they have memory */

    PROBES = 4,        /* places looked at in a page, */
    PROBE_STEP = 1024, /* bytes from one to the next below the watermark, */
    PROBE_NEAR = 256,  /* and at the end of the first page, */
    PROBE_WORDS = 8,   /* and words looked at in each */
    UNSEEN = 64,       /* looks from one without looking to the next */

    READY_SHARE = 8, /* of all stacks may be ready and not yet used */

    CACHE_MOST = 8192,                        /* warm stacks a pool keeps, */
    WARM_MOST = CACHE_MOST + 4 * SLAB_STACKS, /* and a few whose slab may be
                                                 about to go as a whole */
    DEEP_BYTES = 2 * 1024 * 1024, /* what a pool's deep stacks may hold */
};

_Static_assert(STACK_LEAST << STACK_DEFAULT_CLASS == STACK_DEFAULT,
               "the default is not of its class");

struct stack_slab {
    struct list link; /* in its class */
    struct stack_class *class;
    char *map;
    size_t stride;   /* bytes from one stack to the next */
    unsigned count;  /* stacks there is room for */
    unsigned ready;  /* that were made ready, from the first one on, */
    unsigned carved; /* and that were handed out at least once */
    unsigned used;   /* that are out now */
    struct stack stacks[];
};

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* One past the stack's last byte, stagger and all. */
static char *stack_end(const struct stack *s)
{
    size_t i = (size_t)(s - s->slab->stacks);
    return s->slab->map + (i + 1) * s->slab->stride;
}

size_t stack_size(const struct stack *s)
{
    return (size_t)(s->top - s->base);
}

bool stack_guard_hit(const struct stack *s, const void *address)
{
    const char *a = address;
    return s->guarded && a >= s->base - guard_size() && a < s->base;
}

void stack_pool_init(struct stack_pool *p)
{
    *p = (struct stack_pool){ 0 };
    for (int i = 0; i < STACK_CLASSES; i++) {
        list_init(&p->classes[i].free);
        list_init(&p->classes[i].slabs);
    }
}

/* Unmaps a slab none of whose stacks is out. False: the kernel has no memory
 * to do so (a hole makes two mappings of one); the slab stands. */
static bool slab_free(struct stack_pool *p, struct stack_slab *slab)
{
    size_t size = slab->stride * slab->count, guards = 0;
    sanitize_open(slab->map, slab->map + size);
    if (munmap(slab->map, size) < 0)
        return false;
    for (unsigned i = 0; i < slab->ready; i++)
        guards += slab->stacks[i].guarded;
    for (unsigned i = 0; i < slab->carved; i++) {
        struct stack *s = &slab->stacks[i];
        p->cached -= !list_empty(&s->link);
        p->warm -= !list_empty(&s->link) && !s->cold;
        p->deep_bytes -= s->deep ? stack_size(s) : 0;
        list_remove(&s->link);
        sanitize_stack_gone(s->valgrind);
    }
    guard_unmapped(guards);
    if (slab->class->fresh == slab)
        slab->class->fresh = NULL;
    list_remove(&slab->link);
    free(slab);
    return true;
}

/* The last one put back is no longer spared the look. */
static void keep_last(struct stack_pool *p)
{
    struct stack *last = p->last;
    p->last = NULL;
    if (last)
        stack_keep(p, last);
}

void stack_pool_fini(struct stack_pool *p)
{
    keep_last(p);
    for (int i = 0; i < STACK_CLASSES; i++)
        list_each_safe (it, &p->classes[i].slabs) {
            struct stack_slab *slab = container_of(it, struct stack_slab, link);
            if (slab->used == 0)
                slab_free(p, slab);
        }
}

static char *map_slab(size_t size)
{
    char *map =
        mmap(NULL, size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    /* One huge page would make 2 MiB resident for a task of 4 KiB. Neither
     * call is needed for anything to work. */
    madvise(map, size, MADV_NOHUGEPAGE);
    prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, map, size, "rota stacks");
    return map;
}

static struct stack_slab *slab_new(struct stack_class *class, size_t size,
                                   unsigned count)
{
    struct stack_slab *slab =
        calloc(1, sizeof *slab + count * sizeof slab->stacks[0]);
    if (!slab)
        return NULL;
    slab->class = class;
    slab->count = count;
    slab->stride = guard_size() + round_up(size + STAGGER_ROOM, guard_page());
    slab->map = map_slab(slab->stride * count);
    if (!slab->map) {
        free(slab);
        return NULL;
    }
    list_insert(&class->slabs, &slab->link);
    return slab;
}

/* A new slab, smaller than usual where that is all there is. */
static struct stack_slab *add_slab(struct stack_pool *p,
                                   struct stack_class *class, size_t size)
{
    size_t most =
        size < SLAB_BYTES / SLAB_STACKS ? SLAB_STACKS : SLAB_BYTES / size;
    unsigned count = most ? (unsigned)most : 1;
    class->fresh = slab_new(class, size, count);
    if (!class->fresh)
        stack_pool_trim(p);
    for (; !class->fresh && count > 0; count /= 2)
        class->fresh = slab_new(class, size, count);
    return class->fresh;
}

/* Guards the next stacks of a slab, one or, where there are many already, a
 * few, and has the kernel give these their first page. */
static void make_ready(struct stack_pool *p, struct stack_slab *slab)
{
    size_t share = (p->live + p->cached) / READY_SHARE;
    size_t left = slab->count - slab->ready;
    size_t n = share < left ? share : left;
    n = n < 1 ? 1 : n > ADVISE_MOST ? ADVISE_MOST : n;
    struct stack *first = &slab->stacks[slab->ready];
    char *low = slab->map + slab->ready * slab->stride;
    size_t guarded = guards_install(low, slab->stride, n), page = guard_page();
    if (n > 1)
        advise_each(low + slab->stride - page, page, slab->stride, n,
                    MADV_POPULATE_WRITE);
    for (size_t i = 0; i < guarded; i++)
        first[i].guarded = true;
    slab->ready += (unsigned)n;
}

static struct stack *carve(struct stack_pool *p, struct stack_class *class,
                           size_t size)
{
    struct stack_slab *slab = class->fresh;
    if (!slab || slab->carved == slab->count)
        slab = add_slab(p, class, size);
    if (!slab)
        return NULL;
    if (slab->carved == slab->ready)
        make_ready(p, slab);
    unsigned i = slab->carved++;
    struct stack *s = &slab->stacks[i];
    char *low = slab->map + i * slab->stride;
    s->slab = slab;
    list_init(&s->link);
    s->base = low + guard_size();
    s->top = stack_end(s) - i % STAGGER_STEPS * STAGGER_STEP;
    p->unguarded += !s->guarded;
    s->usual = s->guarded && class == &p->classes[STACK_DEFAULT_CLASS];
    s->valgrind = sanitize_stack_new(s->base, s->top);
    return s;
}

/* The class of `size`, which becomes what the class holds; -1: too large. */
static int class_of(size_t *size)
{
    size_t have = STACK_DEFAULT;
    int i = STACK_DEFAULT_CLASS;
    if (*size) {
        for (i = 0, have = STACK_LEAST; have < *size && i < STACK_CLASSES; i++)
            have *= 2;
    }
    *size = have;
    return i < STACK_CLASSES ? i : -1;
}

struct stack *stack_find(struct stack_pool *p, size_t size)
{
    int i = class_of(&size);
    if (i < 0)
        return NULL;
    struct stack_class *class = &p->classes[i];
    struct list *first = list_pop(&class->free);
    struct stack *s =
        first ? container_of(first, struct stack, link) : carve(p, class, size);
    if (!s)
        return NULL;
    p->cached -= first != NULL;
    p->warm -= first && !s->cold;
    p->live++;
    s->slab->used++;
    s->cold = false;
    sanitize_renew(s->base, s->top);
    return s;
}

/* Is there anything in the places below `end`, one each `step` bytes? */
static bool is_written(const char *end, size_t step)
{
    uint64_t seen = 0;
    for (size_t i = 1; i <= PROBES; i++) {
        const uint64_t *word = (const void *)(end - i * step);
        for (int j = 0; j < PROBE_WORDS; j++)
            seen |= word[j];
    }
    return seen != 0;
}

/* Nobody goes below it as a rule; NULL: too small a stack. */
static const char *watermark(const struct stack *s)
{
    const char *mark = stack_end(s) - round_up(WATERMARK, guard_page());
    return mark - s->base < PROBES * PROBE_STEP ? NULL : mark;
}

/* False when what lies below `mark` was not used, as far as one can see. */
static bool went_below(const struct stack *s, const char *mark)
{
    const char *first_page = stack_end(s) - guard_page();
    return is_written(first_page + PROBES * PROBE_NEAR, PROBE_NEAR) &&
           is_written(mark, PROBE_STEP);
}

/* Gives back what lies below `end`. */
static void drop(struct stack_pool *p, struct stack *s, const char *end)
{
    madvise(s->base, (size_t)(end - s->base), MADV_DONTNEED);
    p->deep_bytes -= s->deep ? stack_size(s) : 0;
    s->deep = false;
}

static void recycle_deep(struct stack_pool *p, struct stack *s)
{
    const char *mark = watermark(s);
    if (!mark)
        return;
    if (++s->looks % UNSEEN == 0)
        drop(p, s, mark);
    else if (s->deep || !went_below(s, mark))
        return;
    else if (p->deep_bytes + stack_size(s) > DEEP_BYTES)
        drop(p, s, mark);
    else {
        s->deep = true;
        p->deep_bytes += stack_size(s);
    }
}

/* Gives back all memory of a stack that is not out. */
static void cool(struct stack_pool *p, struct stack *s)
{
    if (s->cold)
        return;
    drop(p, s, stack_end(s));
    s->cold = true;
    p->warm--;
}

static void check_canary(const struct stack *s)
{
    if (s->guarded || !guard_broken(s->base - guard_size()))
        return;
    fprintf(stderr,
            "rota: stack overflow in a task that has ended, %zu KiB stack "
            "without a guard: memory is damaged\n",
            stack_size(s) / 1024);
    abort();
}

void stack_keep(struct stack_pool *p, struct stack *s)
{
    struct stack_class *class = s->slab->class;
    sanitize_open(s->base, s->top);
    check_canary(s);
    s->slab->used--;
    bool full = p->cached > CACHE_MOST;
    if (!full)
        recycle_deep(p, s);
    else if (s->slab->used == 0 && slab_free(p, s->slab)) {
        p->cached--;
        return;
    }
    p->warm++;
    list_insert(full ? &class->free : class->free.next, &s->link);
    if (p->warm > WARM_MOST)
        cool(p, s);
    sanitize_close(s->base, s->top);
}

void stack_pool_trim(struct stack_pool *p)
{
    keep_last(p);
    for (int i = 0; i < STACK_CLASSES; i++) {
        struct stack_class *class = &p->classes[i];
        list_each_safe (it, &class->slabs) {
            struct stack_slab *slab = container_of(it, struct stack_slab, link);
            if (slab->used == 0)
                slab_free(p, slab);
        }
        list_each (it, &class->free)
            cool(p, container_of(it, struct stack, link));
    }
}

void stack_clear(struct stack *s)
{
    madvise(s->base, (size_t)(stack_end(s) - s->base), MADV_DONTNEED);
}

/* The lowest page from `at` up that has memory. Reading the others would give
 * them some. */
static char *first_resident(char *at, char *end)
{
    unsigned char have[PAGES_ASKED];
    size_t page = guard_page();
    while (at < end) {
        size_t n = (size_t)(end - at) / page;
        n = n < PAGES_ASKED ? n : PAGES_ASKED;
        if (n == 0 || mincore(at, n * page, have) < 0)
            return at;
        for (size_t i = 0; i < n; i++, at += page)
            if (have[i] & 1)
                return at;
    }
    return at;
}

size_t stack_used(const struct stack *s)
{
    sanitize_open(s->base, s->top);
    const char *at = first_resident(s->base, stack_end(s));
    while (at < s->top && *(const uint64_t *)at == 0)
        at += sizeof(uint64_t);
    return at < s->top ? (size_t)(s->top - at) : 0;
}
