/*
 * What Valgrind is told of stacks: of memory that passes from one task to the
 * next nothing is defined, as in memory that is fresh.
 */
#include <valgrind/memcheck.h>

#include "runner.h"

enum { SIZE = 200 * 1024 };

static void touch(const struct stack *s)
{
    memset(s->top - SIZE, 0xa5, SIZE);
}

/* Of 100 bytes below the top those of which Valgrind says that they are
 * defined. */
static int defined_below(const struct stack *s)
{
    unsigned char undefined[100];
    int count = 0;
    CHECK_INT(VALGRIND_GET_VBITS(s->top - sizeof undefined, undefined,
                                 sizeof undefined),
              1);
    for (size_t i = 0; i < sizeof undefined; i++)
        count += undefined[i] == 0;
    return count;
}

/* PITFALL 15 */
TEST("what the last task left on a stack is undefined to the next one")
{
    if (!RUNNING_ON_VALGRIND)
        test_skip("it takes Valgrind to see it");
    runner_begin();
    struct stack *s = stack_get(&pool, 0), *other = stack_get(&pool, 0);
    touch(s);
    CHECK_INT(defined_below(s), 100);
    stack_put(&pool, s);
    CHECK(stack_get(&pool, 0) == s); /* the last one put back */
    CHECK_INT(defined_below(s), 0);
    touch(s);
    stack_put(&pool, s);
    stack_put(&pool, other);
    CHECK(stack_get(&pool, 0) == other);
    CHECK(stack_get(&pool, 0) == s); /* from those that are kept */
    CHECK_INT(defined_below(s), 0);
    stack_put(&pool, s);
    stack_put(&pool, other);
    runner_end();
}
