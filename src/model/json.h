/*
 * JSON inside the library: writing to a buffer, and reading as a part of a
 * larger input.
 */
#ifndef MODEL_JSON_H
#define MODEL_JSON_H

#include "base/buf.h"
#include "model/report.h"
#include "rota/json.h"

/*
 * Appends `value` of `type` to `out`. 0; -EINVAL (see rota_json_dump) or
 * -ENOMEM: `out` may then hold a part.
 */
int json_write(struct buf *out, const rota_type *type, const void *value)
    ROTA_INTERNAL(json_write);

/* Appends a string with its quotes and escapes. 0, -EINVAL: not UTF-8,
 * -ENOMEM. */
int json_write_str(struct buf *out, rota_str s) ROTA_INTERNAL(json_write_str);

/*
 * Reads `text` as a value of `type`, which is the field `f` (NULL: no
 * constraints), into zeroed `out`, telling errors in `report`. 0 (look at
 * report->found), -EBADMSG or -ENOMEM.
 */
int json_read(struct model_report *report, const rota_type *type,
              const rota_field *f, rota_str text, void *out);

#endif
