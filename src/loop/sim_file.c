/*
 * Files in a simulation are real; when they are worked on, the world decides.
 * A call begins at one moment, may be done in several parts, and is told at
 * another: a cancellation comes before, between or too late. It is done by
 * plain calls on the loop's thread.
 */
#include <errno.h>
#include <unistd.h>

#include "loop/loop.h"
#include "loop/sim.h"

/* The most a part takes. */
static const rota_dur part_most = 50000;

/* At another moment, which is drawn. False: there is no memory for it. */
static bool go_on_later(struct sim *s, struct file_op *op,
                        void (*fire)(struct timer *t))
{
    rota_dur pause = 0;
    if (s->seed != 0)
        pause = (rota_dur)loop_random(s->loop, (uint64_t)part_most);
    op->moment.fire = fire;
    return timer_arm(&s->events, &op->moment, s->now + pause) == 0;
}

static void tell(struct timer *t)
{
    struct file_op *op = container_of(t, struct file_op, moment);
    struct sim *s = sim_of(loop_current());
    list_remove(&op->link);
    op->armed = false;
    sim_note(s, (uint64_t)op->kind);
    op->done(op);
}

static void tell_later(struct sim *s, struct file_op *op, int result)
{
    op->result = result;
    if (!go_on_later(s, op, tell))
        tell(&op->moment);
}

static bool moves(const struct file_op *op)
{
    return op->kind == FILE_READ || op->kind == FILE_WRITE;
}

/* Does a part. True: there is more to do. */
static bool do_part(struct sim *s, struct file_op *op)
{
    size_t size = op->size, left = size - op->moved, part = left;
    if (moves(op) && left > 1 && sim_whim(s))
        part = 1 + (size_t)loop_random(s->loop, left);
    if (moves(op))
        op->size = op->moved + part;
    op->result = op->here(op);
    bool full = op->moved == op->size;
    op->size = size;
    return moves(op) && op->result == 0 && full && op->moved < size;
}

static void work(struct timer *t)
{
    struct file_op *op = container_of(t, struct file_op, moment);
    struct sim *s = sim_of(loop_current());
    if (op->cancelled)
        tell_later(s, op, -ECANCELED);
    else if (!do_part(s, op))
        tell_later(s, op, op->result);
    else if (!go_on_later(s, op, work))
        tell_later(s, op, -EAGAIN);
}

/* Always: what the kernel's memory holds is chance. */
bool sim_file_due(struct loop *l, void *state, enum file_kind kind)
{
    (void)l;
    (void)state;
    (void)kind;
    return true;
}

int sim_file_submit(void *state, struct file_op *op)
{
    struct sim *s = state;
    op->moment.place = 0;
    if (!go_on_later(s, op, work))
        return -EAGAIN;
    op->armed = true;
    list_push(&s->files, &op->link);
    return 0;
}

/* With a kernel's whim it is about to be done, and goes on. */
void sim_file_cancel(void *state, struct file_op *op)
{
    op->cancelled = !sim_whim(state);
}

/* What nobody will be told of. */
static void discard(struct file_op *op)
{
    bool done = op->moment.fire == tell;
    if (op->kind == FILE_OPEN && done && op->result >= 0)
        close(op->result);
    if (op->kind == FILE_CLOSE && !done)
        close(op->fd);
}

void sim_file_end_all(struct sim *s)
{
    struct list *link;
    while ((link = list_pop(&s->files))) {
        struct file_op *op = container_of(link, struct file_op, link);
        timer_cancel(&s->events, &op->moment);
        discard(op);
    }
}

size_t sim_file_ops(void *state)
{
    const struct sim *s = state;
    size_t n = 0;
    list_each (it, &s->files)
        n++;
    return n;
}
