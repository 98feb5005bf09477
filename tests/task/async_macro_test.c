/*
 * ROTA_ASYNC: coroutines with typed arguments, called and spawned.
 */
#include <stdlib.h>

#include "tasks.h"

struct big {
    char bytes[200 * 1024];
};

ROTA_ASYNC_DECLARE(declared_first, (int, a), (const char *, text));

static ROTA_ASYNC(none)
{
    return 1;
}

static ROTA_ASYNC(one, (long, a))
{
    return (int)a;
}

static ROTA_ASYNC(four, (char, a), (double, b), (const char *, c), (bool, d))
{
    return a == 'x' && b == 2.5 && strcmp(c, "three") == 0 && d;
}

static ROTA_ASYNC(twelve, (int, a), (int, b), (int, c), (int, d), (int, e),
                  (int, f), (int, g), (int, h), (int, i), (int, j), (int, k),
                  (int, l))
{
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i +
           10 * j + 11 * k + 12 * l;
}

int declared_first(int a, const char *text)
{
    return a + (int)strlen(text);
}

TASK_TEST("a coroutine takes none, one, four or twelve arguments, called or "
          "spawned")
{
    CHECK_INT(none(), 1);
    CHECK_INT(rota_await(rota_create_task(none)), 1);
    CHECK_INT(one(5), 5);
    CHECK_INT(rota_await(rota_create_task(one, 5)), 5);
    CHECK_INT(rota_await(rota_create_task(four, 'x', 2.5, "three", true)), 1);
    CHECK_INT(rota_await(rota_create_task(twelve, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
                                          11, 12)),
              650);
    CHECK_INT(twelve(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 650);
}

TASK_TEST("a coroutine declared in a header is spawned like any other")
{
    CHECK_INT(declared_first(1, "abc"), 4);
    CHECK_INT(rota_await(rota_create_task(declared_first, 1, "abc")), 4);
}

TASK_TEST("arguments may be named; those left out are zero")
{
    CHECK_INT(rota_await(rota_create_task(declared_first, .text = "ab")), 2);
    CHECK_INT(rota_await(rota_create_task(one, .a = 7)), 7);
    CHECK_INT(rota_await(rota_create_task(one)), 0);
}

static ROTA_ASYNC(sum_after, (int *, values), (int, count))
{
    int rc = rota_sleep(rota_ms(1));
    for (int i = 0; i < count; i++)
        rc += values[i];
    return rc;
}

static rota_task *spawn_from_frame(int a)
{
    int twice = a * 2;
    return rota_create_task(one, twice);
}

TASK_TEST("arguments are copied: the frame that spawned may be gone")
{
    rota_task *t = spawn_from_frame(4);
    rota_task *u = spawn_from_frame(5);
    CHECK_INT(rota_await(t), 8);
    CHECK_INT(rota_await(u), 10);
    int values[] = { 1, 2, 3 };
    CHECK_INT(rota_await(rota_create_task(sum_after, values, 3)), 6);
}

static int sum_bytes(void *arg)
{
    struct big *b = arg;
    int sum = rota_sleep(0);
    for (size_t i = 0; i < sizeof b->bytes; i++)
        sum += b->bytes[i];
    return sum;
}

TASK_TEST("arguments larger than a stack make the stack larger")
{
    struct big *b = malloc(sizeof *b);
    memset(b, 1, sizeof *b);
    rota_task_options small = { .stack_size = 16 * 1024 };
    rota_task *t = rota_spawn_copy(sum_bytes, b, sizeof *b, &small, "big", "");
    rota_task *u = rota_spawn_copy(sum_bytes, b, sizeof *b, NULL, "big", "");
    memset(b, 2, sizeof *b);
    CHECK_INT(rota_await(t), sizeof *b);
    CHECK_INT(rota_await(u), sizeof *b);
    CHECK(rota_spawn_copy(sum_bytes, b, SIZE_MAX - 100, NULL, "", "") == NULL);
    free(b);
}

TASK_TEST("a task is named after its function, and by its options")
{
    rota_task *t = rota_create_task(one, 1);
    CHECK_STR(rota_task_name(t), "one");
    CHECK_INT(rota_await(t), 1);
    rota_task_options o = { .name = "worker" };
    t = rota_spawn(none_rota_entry, NULL, &o);
    CHECK_STR(rota_task_name(t), "worker");
    CHECK_INT(rota_await(t), 1);
}
