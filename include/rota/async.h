/*
 * ROTA_ASYNC(name, (type, argument), ...) { body } defines the coroutine
 *
 *     int name(type argument, ...)
 *
 * with what rota_create_task needs to spawn it: a struct of its arguments and
 * an entry that unpacks them. Up to 12 arguments; `static` may stand before.
 * ROTA_ASYNC_DECLARE(name, ...) is the declaration alone, for a header; the
 * function is then defined as any other.
 */
#ifndef ROTA_ASYNC_H
#define ROTA_ASYNC_H

#define ROTA_ASYNC_DECLARE(name, ...)                                     \
    int name(ROTA_A_(PARAM, __VA_ARGS__));                                \
    struct name##_rota_args {                                             \
        ROTA_A_(FIELD, __VA_ARGS__)                                       \
    };                                                                    \
    __attribute__((unused)) static int name##_rota_entry(void *rota_args) \
    {                                                                     \
        struct name##_rota_args *a __attribute__((unused)) = rota_args;   \
        return name(ROTA_A_(PASS, __VA_ARGS__));                          \
    }                                                                     \
    struct name##_rota_args

#define ROTA_ASYNC(name, ...)              \
    ROTA_ASYNC_DECLARE(name, __VA_ARGS__); \
    int name(ROTA_A_(PARAM, __VA_ARGS__))

/*
 * ROTA_A_(what, pairs...): the pairs as struct fields (FIELD), as parameters
 * (PARAM), as arguments of the call (PASS). They are counted, not scanned
 * recursively, so that a compiler's message about one of them stays short.
 */
#define ROTA_A_FIRST_FIELD(type, name) type name;
#define ROTA_A_FIRST_PARAM(type, name) type name
#define ROTA_A_FIRST_PASS(type, name)  a->name
#define ROTA_A_NEXT_FIELD(type, name)  type name;
#define ROTA_A_NEXT_PARAM(type, name)  , type name
#define ROTA_A_NEXT_PASS(type, name)   , a->name
#define ROTA_A_NONE_FIELD
#define ROTA_A_NONE_PARAM void
#define ROTA_A_NONE_PASS

#define ROTA_A_(what, ...)                                               \
    ROTA_A_PICK_(0 __VA_OPT__(, ) __VA_ARGS__, ROTA_A_12_, ROTA_A_11_,   \
                 ROTA_A_10_, ROTA_A_9_, ROTA_A_8_, ROTA_A_7_, ROTA_A_6_, \
                 ROTA_A_5_, ROTA_A_4_, ROTA_A_3_, ROTA_A_2_, ROTA_A_1_,  \
                 ROTA_A_0_, 0)                                           \
    (what, __VA_ARGS__)
#define ROTA_A_PICK_(_0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, \
                     which, ...)                                            \
    which

#define ROTA_A_0_(what, ...)  ROTA_A_NONE_##what
#define ROTA_A_1_(what, pair) ROTA_A_FIRST_##what pair
#define ROTA_A_2_(what, pair, ...) \
    ROTA_A_FIRST_##what pair ROTA_A_R1_(what, __VA_ARGS__)
#define ROTA_A_3_(what, pair, ...) \
    ROTA_A_FIRST_##what pair ROTA_A_R2_(what, __VA_ARGS__)
#define ROTA_A_4_(what, pair, ...) \
    ROTA_A_FIRST_##what pair ROTA_A_R3_(what, __VA_ARGS__)
#define ROTA_A_5_(what, pair, ...) \
    ROTA_A_FIRST_##what pair ROTA_A_R4_(what, __VA_ARGS__)
#define ROTA_A_6_(what, pair, ...) \
    ROTA_A_FIRST_##what pair ROTA_A_R5_(what, __VA_ARGS__)
#define ROTA_A_7_(what, pair, ...) \
    ROTA_A_FIRST_##what pair ROTA_A_R6_(what, __VA_ARGS__)
#define ROTA_A_8_(what, pair, ...) \
    ROTA_A_FIRST_##what pair ROTA_A_R7_(what, __VA_ARGS__)
#define ROTA_A_9_(what, pair, ...) \
    ROTA_A_FIRST_##what pair ROTA_A_R8_(what, __VA_ARGS__)
#define ROTA_A_10_(what, pair, ...) \
    ROTA_A_FIRST_##what pair ROTA_A_R9_(what, __VA_ARGS__)
#define ROTA_A_11_(what, pair, ...) \
    ROTA_A_FIRST_##what pair ROTA_A_R10_(what, __VA_ARGS__)
#define ROTA_A_12_(what, pair, ...) \
    ROTA_A_FIRST_##what pair ROTA_A_R11_(what, __VA_ARGS__)

/* The rest, of that many pairs. */
#define ROTA_A_R1_(what, pair) ROTA_A_NEXT_##what pair
#define ROTA_A_R2_(what, pair, ...) \
    ROTA_A_NEXT_##what pair ROTA_A_R1_(what, __VA_ARGS__)
#define ROTA_A_R3_(what, pair, ...) \
    ROTA_A_NEXT_##what pair ROTA_A_R2_(what, __VA_ARGS__)
#define ROTA_A_R4_(what, pair, ...) \
    ROTA_A_NEXT_##what pair ROTA_A_R3_(what, __VA_ARGS__)
#define ROTA_A_R5_(what, pair, ...) \
    ROTA_A_NEXT_##what pair ROTA_A_R4_(what, __VA_ARGS__)
#define ROTA_A_R6_(what, pair, ...) \
    ROTA_A_NEXT_##what pair ROTA_A_R5_(what, __VA_ARGS__)
#define ROTA_A_R7_(what, pair, ...) \
    ROTA_A_NEXT_##what pair ROTA_A_R6_(what, __VA_ARGS__)
#define ROTA_A_R8_(what, pair, ...) \
    ROTA_A_NEXT_##what pair ROTA_A_R7_(what, __VA_ARGS__)
#define ROTA_A_R9_(what, pair, ...) \
    ROTA_A_NEXT_##what pair ROTA_A_R8_(what, __VA_ARGS__)
#define ROTA_A_R10_(what, pair, ...) \
    ROTA_A_NEXT_##what pair ROTA_A_R9_(what, __VA_ARGS__)
#define ROTA_A_R11_(what, pair, ...) \
    ROTA_A_NEXT_##what pair ROTA_A_R10_(what, __VA_ARGS__)

#endif
