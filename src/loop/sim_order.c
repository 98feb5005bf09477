/*
 * The order in which a simulated loop runs what is ready. Tasks that became
 * ready in one turn might as well have done so in any other order, on another
 * machine or another day: they are shuffled. Callbacks were promised to run
 * in the order of their registration, so they keep it, while their places
 * among the tasks are drawn too.
 *
 * Shuffling works on the queue's own links: two lists are merged by drawing
 * from which the next entry comes, each by how much it has left, which makes
 * every interleaving equally likely. A list is shuffled by merging its two
 * shuffled halves.
 */
#include "loop/loop.h"
#include "loop/sim.h"

/* As many entries as `count` says; the last one's link means nothing. */
struct run {
    struct ready *first;
    size_t count;
};

static struct run merge(struct rng *chance, struct run a, struct run b)
{
    struct run all = { NULL, a.count + b.count };
    struct ready **end = &all.first;
    while (a.count + b.count > 0) {
        bool of_a = rng_below(chance, a.count + b.count) < a.count;
        struct run *from = of_a ? &a : &b;
        struct ready *r = from->first;
        if (--from->count > 0)
            from->first = r->next;
        *end = r;
        end = &r->next;
    }
    return all;
}

static struct run shuffle(struct rng *chance, struct run all)
{
    if (all.count < 2)
        return all;
    struct run half = { all.first, all.count / 2 };
    struct run rest = { all.first, all.count - half.count };
    for (size_t i = 0; i < half.count; i++)
        rest.first = rest.first->next;
    half = shuffle(chance, half);
    return merge(chance, half, shuffle(chance, rest));
}

static void reorder(struct ready_queue *q, struct rng *chance)
{
    struct run runs[2] = { { NULL, 0 }, { NULL, 0 } }; /* tasks, callbacks */
    struct ready **ends[2] = { &runs[0].first, &runs[1].first };
    for (struct ready *r = q->first; r; r = r->next) {
        int kind = r->run != NULL;
        *ends[kind] = r; /* a link behind us, or this run's first */
        ends[kind] = &r->next;
        runs[kind].count++;
    }
    struct run all = merge(chance, shuffle(chance, runs[0]), runs[1]);
    q->first = all.first;
    q->last = &q->first;
    for (size_t i = 0; i < all.count; i++)
        q->last = &(*q->last)->next;
    *q->last = NULL;
}

unsigned sim_arrange(struct loop *l)
{
    struct sim *s = sim_of(l);
    unsigned count = 0;
    if (!l->ready.first)
        return 0;
    if (s->seed)
        reorder(&l->ready, &l->chance);
    sim_note(s, (uint64_t)s->now);
    for (struct ready *r = l->ready.first; r; r = r->next, count++)
        sim_note(s, r->run ? 0 : container_of(r, struct loop_coro, ready)->id);
    return count;
}
