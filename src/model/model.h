/*
 * Values and the fields they belong to: what the readers of this room and
 * the row mappers of the databases share.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/buf.h"
#include "model/number.h"
#include "model/valid.h"
#include "rota/arena.h"
#include "rota/model.h"

/* The field with this C name or wire name, NULL: none. */
const rota_field *model_field_find(const rota_type *type, rota_str name)
    ROTA_INTERNAL(model_field_find);

/*
 * Store a value that comes with a type of its own (a database column) into
 * the field `f` of the struct `row`, and set its has or null flag. They
 * convert only what loses nothing: 1 to true, 5.0 to 5, an enum's name, the
 * JSON text of a list or model. Constraints are not looked at: what a
 * database holds is taken as it is.
 *
 * 0; -ERANGE: the number does not fit; -EINVAL: not of the field's type, or
 * null where it cannot be; -ENOMEM.
 */
int model_store_i64(rota_arena *a, const rota_field *f, void *row,
                    int64_t value) ROTA_INTERNAL(model_store_i64);
int model_store_f64(rota_arena *a, const rota_field *f, void *row, double value)
    ROTA_INTERNAL(model_store_f64);
int model_store_str(rota_arena *a, const rota_field *f, void *row,
                    rota_str value) ROTA_INTERNAL(model_store_str);
int model_store_null(const rota_field *f, void *row)
    ROTA_INTERNAL(model_store_null);

/* Stores the default of `f`, which has one; has stays unset. 0, -ENOMEM, or
 * -EINVAL when it is none of its type. */
int model_default(rota_arena *a, const rota_field *f, void *row)
    ROTA_INTERNAL(model_default);

/*
 * A literal of a declaration (a default, an example) as a value of `type`
 * into `out`: JSON text, or for an enum its bare name, for a bool 0 or 1.
 * 0, -ENOMEM, or -EINVAL when it is none.
 */
int model_literal(rota_arena *a, const rota_type *type, const char *text,
                  void *out);

/* Appends such a literal to `out` as JSON proper. 0, -EINVAL, -ENOMEM. */
int model_write_literal(rota_arena *a, struct buf *out, const rota_type *type,
                        const char *text) ROTA_INTERNAL(model_write_literal);

/* Text that stands by itself (a query value) as a scalar: 0; 1: it is none,
 * see fault; -ENOMEM. Constraints are the caller's. */
int model_text_store(rota_arena *a, const rota_type *type, rota_str text,
                     void *out, struct model_fault *fault);

/* "must be a string", for the type. */
struct model_fault model_wrong_type(const rota_type *type);

/* A number as a value of its type: 0; 1: it does not fit, see fault;
 * -ENOMEM. */
int model_number_store(rota_arena *a, const rota_type *type,
                       const struct json_number *n, void *out,
                       struct model_fault *fault);

/* An enum's value by its name: 0; 1: unknown, see fault; -ENOMEM. */
int model_enum_store(rota_arena *a, const rota_type *type, rota_str name,
                     void *out, struct model_fault *fault);

#endif
