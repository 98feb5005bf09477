/*
 * Typed models: one declaration of a type does four jobs. It is a C struct, it
 * parses and validates what comes in, it writes what goes out, and it
 * documents itself. A declaration becomes a struct and a constant table that
 * describes it; nothing is registered and no code runs before main.
 *
 *   ROTA_MODEL(Address, (str, city, min_len(1)), (str, zip, max_len(10)));
 *   ROTA_MODEL(Item,
 *       (i64,      id,       optional, doc("Assigned by the server")),
 *       (str,      name,     min_len(1), max_len(80), example("lamp")),
 *       (f64,      price,    gt(0)),
 *       (bool,     in_stock, def(true)),
 *       (str_list, tags,     optional, max_items(10)),
 *       (Address,  ship_to,  optional));
 *
 * gives the C types Item and Item_list and the tables rota_type_Item and
 * rota_type_Item_list. The field types are
 *
 *   bool i32 u32 i64 u64 f64 str, every model and ROTA_ENUM declared above,
 *   and each of them with _list behind it (struct { T *at; size_t len; }).
 *
 * These words, and the options, are bare because they are only ever pasted to
 * a prefix: none of them is a macro or a type of its own.
 *
 * Beside its fields a model holds `has` and `null`, a bool for every field:
 * has.x says that x was given, null.x that what was given is null (only a
 * nullable field can be). A struct filled by hand is zeroed first; when it is
 * written as JSON a required field or one with a default is always written
 * (as null when null.x), an optional one only when has.x.
 */
#ifndef ROTA_MODEL_H
#define ROTA_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rota/export.h"
#include "rota/model_each.h"
#include "rota/str.h"

/* What a type is; how a value of it lies in memory. */
enum rota_kind {
    ROTA_KIND_NONE,   /* no value at all: None */
    ROTA_KIND_BOOL,   /* bool */
    ROTA_KIND_I32,    /* int32_t */
    ROTA_KIND_U32,    /* uint32_t */
    ROTA_KIND_I64,    /* int64_t */
    ROTA_KIND_U64,    /* uint64_t */
    ROTA_KIND_F64,    /* double */
    ROTA_KIND_STR,    /* rota_str */
    ROTA_KIND_ENUM,   /* a C enum that counts from 0; `names` in its order */
    ROTA_KIND_LIST,   /* struct { T *at; size_t len; }, `elem` describes T */
    ROTA_KIND_MODEL,  /* struct of `fields`, with has and null */
    ROTA_KIND_PARAMS, /* struct of `fields`, with has: see ROTA_PARAMS */
    ROTA_KIND_OPAQUE, /* somebody else's; never parsed nor written here */
};

/* Where a field comes from. */
enum rota_in {
    ROTA_IN_MEMBER, /* a member of a JSON object */
    ROTA_IN_PATH,
    ROTA_IN_QUERY,
    ROTA_IN_HEADER,
    ROTA_IN_COOKIE,
    ROTA_IN_BODY, /* the whole body, as JSON */
};

/* A numeric limit, exact for 64-bit integers and for doubles alike. */
enum rota_limit_kind {
    ROTA_LIMIT_NONE,
    ROTA_LIMIT_INT,  /* (int64_t)bits is exact */
    ROTA_LIMIT_UINT, /* bits is exact */
    ROTA_LIMIT_F64,  /* only f64 is */
};

typedef struct rota_limit {
    enum rota_limit_kind kind;
    uint64_t bits;
    double f64; /* the nearest double, whatever the kind */
} rota_limit;

typedef struct rota_type rota_type;

/*
 * One field of a type. On a list field min_items, max_items and unique speak
 * of the list, all other constraints of each element.
 */
typedef struct rota_field {
    rota_str name;  /* as in C */
    rota_str key;   /* "name": as it is written in JSON */
    rota_str alias; /* the same of name(...), empty when not given */
    const rota_type *type;
    uint32_t offset;      /* of the value in the struct */
    uint32_t has_offset;  /* of has.x */
    uint32_t null_offset; /* of null.x, 0 in ROTA_PARAMS */
    enum rota_in in;

    bool optional;
    bool nullable;
    bool unique;     /* no two equal elements */
    bool secret;     /* read, never written nor shown in an error */
    bool read_only;  /* written; what a client sends is ignored */
    bool write_only; /* read, never written */
    bool deprecated;
    bool low_open;  /* low itself is not allowed: gt */
    bool high_open; /* high itself is not allowed: lt */
    bool has_max_len;
    bool has_max_items;

    uint32_t min_len; /* characters (Unicode code points), not bytes */
    uint32_t max_len;
    uint32_t min_items;
    uint32_t max_items;
    rota_limit low;  /* ge, gt */
    rota_limit high; /* le, lt */
    rota_limit step; /* multiple_of */

    const char *pattern; /* PCRE2, found anywhere unless anchored */
    const char *format;  /* date, date-time, email, uuid, uri, ipv4, ipv6 */
    const char *def;     /* the default as JSON text (0, 1 for a bool; an
                            enum's bare word), NULL: none */
    const char *example; /* as JSON text */
    const char *doc;
} rota_field;

struct rota_type {
    const char *name;
    enum rota_kind kind;
    bool strict;              /* unknown members are refused */
    uint16_t count;           /* of fields, or of names */
    uint32_t size;            /* of the C type, bytes */
    const rota_field *fields; /* MODEL, PARAMS */
    const rota_type *elem;    /* LIST */
    const char *const *names; /* ENUM */
};

/* The field's name on the wire: name(...), else the C name. A header without
 * name(...) is also known by that name with - for _. */
static inline rota_str rota_field_wire(const rota_field *f)
{
    rota_str key = f->alias.len ? f->alias : f->key;

    return (rota_str){ key.ptr + 1, key.len - sizeof("\"\":") + 1 };
}

/* A field that must be given. */
static inline bool rota_field_required(const rota_field *f)
{
    return !f->optional && !f->def && !f->read_only;
}

/*
 * Looks a type over, with all types below it, for what the compiler could not
 * see: a pattern that does not compile, an unknown format, a default that its
 * own constraints refuse, a constraint its type cannot have, a wire name that
 * is used twice or needs escaping. Meant for program start and for tests.
 * Returns 0, -EINVAL with a sentence in err (of `size` bytes), -ENOMEM.
 * Suspends: no.
 */
ROTA_API int rota_type_check(const rota_type *type, char *err,
                             size_t size) ROTA_MUST;

/* The built-in types. rota_c_X is what the field type word X stands for. */
#define ROTA_M_BUILTIN(word, c_type)                  \
    typedef c_type rota_c_##word;                     \
    typedef struct rota_##word##_list {               \
        c_type *at;                                   \
        size_t len;                                   \
    } rota_##word##_list;                             \
    typedef rota_##word##_list rota_c_##word##_list;  \
    extern ROTA_API const rota_type rota_type_##word; \
    extern ROTA_API const rota_type rota_type_##word##_list

ROTA_M_BUILTIN(i32, int32_t);
ROTA_M_BUILTIN(u32, uint32_t);
ROTA_M_BUILTIN(i64, int64_t);
ROTA_M_BUILTIN(u64, uint64_t);
ROTA_M_BUILTIN(f64, double);
ROTA_M_BUILTIN(str, rota_str);

/* bool comes as itself or, as the macro of stdbool.h, as _Bool. */
typedef struct rota_bool_list {
    bool *at;
    size_t len;
} rota_bool_list;
typedef _Bool rota_c__Bool;
typedef rota_bool_list rota_c_bool_list;
typedef rota_bool_list rota_c__Bool_list;
extern ROTA_API const rota_type rota_type__Bool;
extern ROTA_API const rota_type rota_type_bool_list;

/* "No parameters" of a handler, "no body" of an answer. */
typedef struct None {
    char unused;
} None;
extern ROTA_API const rota_type rota_type_None;

/*
 * Declares the model `T` with fields (type, name, options...), at most 96. The
 * options:
 *
 *   optional          need not be given
 *   nullable          may be null (then null.x is set)
 *   def(v)            the value when it is not given; v is written as in JSON
 *   ge gt le lt(n)    bounds of a number; exact for 64-bit integers
 *   multiple_of(n)
 *   min_len max_len(n)      bounds of a string, in characters
 *   min_items max_items(n)  bounds of a list
 *   unique            no two elements of the list are equal
 *   pattern("...")    a PCRE2 pattern, found anywhere unless anchored
 *   format("...")     date, date-time, email, uuid, uri, ipv4 or ipv6
 *   name("...")       its name on the wire
 *   secret            is read, but neither written nor shown in an error
 *   read_only         is written; what a client sends is ignored
 *   write_only        is read, never written
 *   doc("...") example(v) deprecated    for the documentation
 */
#define ROTA_MODEL(T, ...) ROTA_M_MODEL(T, false, __VA_ARGS__)

/* The same, but a member that is not declared is an error. */
#define ROTA_MODEL_STRICT(T, ...) ROTA_M_MODEL(T, true, __VA_ARGS__)

/*
 * Declares the parameters of a request, each where it comes from:
 *
 *   ROTA_PARAMS(GetItem,
 *       path(i64, item_id, ge(1), doc("Item number")),
 *       query(str, q, optional, max_len(50)),
 *       header(str, x_token, optional, name("X-Token")),
 *       cookie(str, session, optional));
 *   ROTA_PARAMS(CreateItem, body(Item, item));
 *
 * path, header and cookie take scalars; query also lists (the key repeats);
 * body takes any type, once.
 */
#define ROTA_PARAMS(T, ...)                                    \
    typedef struct T {                                         \
        ROTA_M_EACH(ROTA_M_PARAM, T, __VA_ARGS__)              \
        struct {                                               \
            ROTA_M_EACH(ROTA_M_PARAM_FLAG, T, __VA_ARGS__)     \
        } has;                                                 \
    } T;                                                       \
    static const rota_field rota_fields_##T[] = { ROTA_M_EACH( \
        ROTA_M_PARAM_ROW, T, __VA_ARGS__) };                   \
    ROTA_M_TABLE(T, ROTA_KIND_PARAMS, false)

/*
 * Declares a C enum T with the constants T_name, counting from 0, that is
 * the string "name" on the wire: ROTA_ENUM(Color, red, green) has Color_red.
 */
#define ROTA_ENUM(T, ...)                                                     \
    typedef enum T { ROTA_M_EACH(ROTA_M_CONSTANT, T, __VA_ARGS__) } T;        \
    static const char *const rota_names_##T[] = { ROTA_M_EACH(ROTA_M_NAME, T, \
                                                              __VA_ARGS__) }; \
    static const rota_type rota_type_##T __attribute__((unused)) = {          \
        .name = #T,                                                           \
        .kind = ROTA_KIND_ENUM,                                               \
        .size = sizeof(T),                                                    \
        .count = sizeof(rota_names_##T) / sizeof(rota_names_##T[0]),          \
        .names = rota_names_##T,                                              \
    };                                                                        \
    ROTA_M_LIST(T)

/* From here on: how the macros above do it. */

#define ROTA_M_MODEL(T, strict_, ...)                                         \
    typedef struct T {                                                        \
        ROTA_M_EACH(ROTA_M_MEMBER, T, __VA_ARGS__)                            \
        struct {                                                              \
            ROTA_M_EACH(ROTA_M_FLAG, T, __VA_ARGS__)                          \
        } has, null;                                                          \
    } T;                                                                      \
    static const rota_field rota_fields_##T[] = { ROTA_M_EACH(ROTA_M_ROW, T,  \
                                                              __VA_ARGS__) }; \
    ROTA_M_TABLE(T, ROTA_KIND_MODEL, strict_);                                \
    ROTA_M_LIST(T)

#define ROTA_M_TABLE(T, kind_, strict_)                                \
    static const rota_type rota_type_##T __attribute__((unused)) = {   \
        .name = #T,                                                    \
        .kind = kind_,                                                 \
        .strict = strict_,                                             \
        .size = sizeof(T),                                             \
        .count = sizeof(rota_fields_##T) / sizeof(rota_fields_##T[0]), \
        .fields = rota_fields_##T,                                     \
    }

#define ROTA_M_LIST(T)                                                      \
    typedef T rota_c_##T;                                                   \
    typedef struct T##_list {                                               \
        T *at;                                                              \
        size_t len;                                                         \
    } T##_list;                                                             \
    typedef T##_list rota_c_##T##_list;                                     \
    static const rota_type rota_type_##T##_list __attribute__((unused)) = { \
        .name = #T "_list",                                                 \
        .kind = ROTA_KIND_LIST,                                             \
        .size = sizeof(T##_list),                                           \
        .elem = &rota_type_##T,                                             \
    }

#define ROTA_M_TEXT(s)   \
    {                    \
        s, sizeof(s) - 1 \
    }

/* (type, name, options...) of a model. */
#define ROTA_M_MEMBER(T, tuple)   ROTA_M_MEMBER_ tuple
#define ROTA_M_MEMBER_(t, n, ...) rota_c_##t n;
#define ROTA_M_FLAG(T, tuple)     ROTA_M_FLAG_ tuple
#define ROTA_M_FLAG_(t, n, ...)   bool n;
#define ROTA_M_BARE(...)          __VA_ARGS__
#define ROTA_M_ROW(T, tuple) \
    ROTA_M_ROW_(T, ROTA_IN_MEMBER, NULL_OFFSET, ROTA_M_BARE tuple)
#define ROTA_M_ROW_(T, in_, null_, ...) ROTA_M_ROW__(T, in_, null_, __VA_ARGS__)
#define ROTA_M_ROW__(T, in_, null_, t, n, ...) \
    { .name = ROTA_M_TEXT(#n),                 \
      .key = ROTA_M_TEXT("\"" #n "\":"),       \
      .type = &rota_type_##t,                  \
      .offset = offsetof(T, n),                \
      .has_offset = offsetof(T, has.n),        \
      ROTA_M_##null_(T, n).in = in_,           \
      ROTA_M_OPTIONS(__VA_ARGS__) },
#define ROTA_M_NULL_OFFSET(T, n) .null_offset = offsetof(T, null.n),
#define ROTA_M_NO_NULL(T, n)

/* where(type, name, options...) of ROTA_PARAMS. */
#define ROTA_M_PARAM(T, p)             ROTA_M_PARAM_##p
#define ROTA_M_PARAM_path(t, n, ...)   rota_c_##t n;
#define ROTA_M_PARAM_query(t, n, ...)  rota_c_##t n;
#define ROTA_M_PARAM_header(t, n, ...) rota_c_##t n;
#define ROTA_M_PARAM_cookie(t, n, ...) rota_c_##t n;
#define ROTA_M_PARAM_body(t, n, ...)   rota_c_##t n;
#define ROTA_M_PARAM_FLAG(T, p)        ROTA_M_PARAM_FLAG_##p
#define ROTA_M_PARAM_FLAG_path         ROTA_M_FLAG_
#define ROTA_M_PARAM_FLAG_query        ROTA_M_FLAG_
#define ROTA_M_PARAM_FLAG_header       ROTA_M_FLAG_
#define ROTA_M_PARAM_FLAG_cookie       ROTA_M_FLAG_
#define ROTA_M_PARAM_FLAG_body         ROTA_M_FLAG_
#define ROTA_M_PARAM_ROW(T, p)         ROTA_M_PARAM_ROW_(T, ROTA_M_PARAM_IN_##p)
#define ROTA_M_PARAM_ROW_(T, ...)      ROTA_M_PARAM_ROW__(T, __VA_ARGS__)
#define ROTA_M_PARAM_ROW__(T, in_, ...) \
    ROTA_M_ROW_(T, in_, NO_NULL, __VA_ARGS__)
#define ROTA_M_PARAM_IN_path(...)   ROTA_IN_PATH, __VA_ARGS__
#define ROTA_M_PARAM_IN_query(...)  ROTA_IN_QUERY, __VA_ARGS__
#define ROTA_M_PARAM_IN_header(...) ROTA_IN_HEADER, __VA_ARGS__
#define ROTA_M_PARAM_IN_cookie(...) ROTA_IN_COOKIE, __VA_ARGS__
#define ROTA_M_PARAM_IN_body(...)   ROTA_IN_BODY, __VA_ARGS__

#define ROTA_M_CONSTANT(T, n)       T##_##n,
#define ROTA_M_NAME(T, n)           #n,

/*
 * A constant as a rota_limit. The unary plus refuses pointers; an integer
 * never passes through a double on its way to `bits`.
 */
#define ROTA_M_LIMIT(v)                                          \
    {                                                            \
        .kind = _Generic(+(v), float                             \
                         : ROTA_LIMIT_F64, double                \
                         : ROTA_LIMIT_F64, long double           \
                         : ROTA_LIMIT_F64, unsigned long         \
                         : ROTA_LIMIT_UINT, unsigned long long   \
                         : ROTA_LIMIT_UINT, default              \
                         : ROTA_LIMIT_INT),                      \
        .bits = (uint64_t) _Generic(+(v), float : 0, double : 0, \
                                    long double : 0, default     \
                                    : (v)),                      \
        .f64 = (double)(v)                                       \
    }

/* A constant that counts something: an integer, and not below zero. */
#define ROTA_M_SIZE(v)          (sizeof(char[(v) >= 0 ? 1 : -1]) * 0 + +(v))

#define ROTA_OPT_optional       .optional = true,
#define ROTA_OPT_nullable       .nullable = true,
#define ROTA_OPT_unique         .unique = true,
#define ROTA_OPT_secret         .secret = true,
#define ROTA_OPT_read_only      .read_only = true,
#define ROTA_OPT_write_only     .write_only = true,
#define ROTA_OPT_deprecated     .deprecated = true,
#define ROTA_OPT_ge(v)          .low = ROTA_M_LIMIT(v),
#define ROTA_OPT_gt(v)          .low = ROTA_M_LIMIT(v), .low_open = true,
#define ROTA_OPT_le(v)          .high = ROTA_M_LIMIT(v),
#define ROTA_OPT_lt(v)          .high = ROTA_M_LIMIT(v), .high_open = true,
#define ROTA_OPT_multiple_of(v) .step = ROTA_M_LIMIT(v),
#define ROTA_OPT_min_len(v)     .min_len = ROTA_M_SIZE(v),
#define ROTA_OPT_max_len(v)     .max_len = ROTA_M_SIZE(v), .has_max_len = true,
#define ROTA_OPT_min_items(v)   .min_items = ROTA_M_SIZE(v),
#define ROTA_OPT_max_items(v) \
    .max_items = ROTA_M_SIZE(v), .has_max_items = true,
#define ROTA_OPT_pattern(s)   .pattern = "" s,
#define ROTA_OPT_format(s)    .format = "" s,
#define ROTA_OPT_name(s)      .alias = ROTA_M_TEXT("\"" s "\":"),
#define ROTA_OPT_doc(s)       .doc = "" s,
#define ROTA_OPT_def(...)     .def = #__VA_ARGS__,
#define ROTA_OPT_example(...) .example = #__VA_ARGS__,

#endif
