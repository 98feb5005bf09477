/*
 * The floor under all of it: a bare switch of Boost.Context, there and back,
 * without a scheduler, without anything to be told. (Its assembly functions
 * have C names; the library's own headers are C++.)
 */
#include <stddef.h>

#include "micro.h"

struct transfer {
    void *context;
    void *data;
};

struct transfer jump_fcontext(void *to, void *data);
void *make_fcontext(void *top, size_t size, void (*fn)(struct transfer));

static void back_and_forth(struct transfer t)
{
    for (;;)
        t = jump_fcontext(t.context, NULL);
}

int main(int argc, char **argv)
{
    enum { STACK = 64 * 1024 };
    if (micro_sleepers(argc, argv))
        return 2;
    char *stack = aligned_alloc(64, STACK);
    if (!stack)
        return 1;
    struct transfer t = { make_fcontext(stack + STACK, STACK, back_and_forth),
                          NULL };
    double from = micro_now();
    for (int i = 0; i < MICRO_TURNS; i++)
        t = jump_fcontext(t.context, NULL);
    micro_told("pair", from, MICRO_TURNS);
    free(stack);
    return 0;
}
