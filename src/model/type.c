/*
 * The built-in types.
 */
#include "rota/model.h"

#define BUILTIN(word, kind_, c_type)            \
    const rota_type rota_type_##word = {        \
        .name = #word,                          \
        .kind = kind_,                          \
        .size = sizeof(c_type),                 \
    };                                          \
    const rota_type rota_type_##word##_list = { \
        .name = #word "_list",                  \
        .kind = ROTA_KIND_LIST,                 \
        .size = sizeof(rota_##word##_list),     \
        .elem = &rota_type_##word,              \
    }

BUILTIN(i32, ROTA_KIND_I32, int32_t);
BUILTIN(u32, ROTA_KIND_U32, uint32_t);
BUILTIN(i64, ROTA_KIND_I64, int64_t);
BUILTIN(u64, ROTA_KIND_U64, uint64_t);
BUILTIN(f64, ROTA_KIND_F64, double);
BUILTIN(str, ROTA_KIND_STR, rota_str);

const rota_type rota_type__Bool = {
    .name = "bool",
    .kind = ROTA_KIND_BOOL,
    .size = sizeof(bool),
};

const rota_type rota_type_bool_list = {
    .name = "bool_list",
    .kind = ROTA_KIND_LIST,
    .size = sizeof(rota_bool_list),
    .elem = &rota_type__Bool,
};

const rota_type rota_type_None = {
    .name = "None",
    .kind = ROTA_KIND_NONE,
    .size = sizeof(None),
};
