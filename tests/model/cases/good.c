/* The base that every case breaks in one place: must compile. */
#include "rota/model.h"

ROTA_ENUM(Color, red, green);
ROTA_MODEL(Item, (i64, id, optional), (str, name, min_len(1)),
           (bool, on, def(true)), (Color_list, colors, optional),
           (u64, max, ge(18446744073709551615u)), (f64, f, multiple_of(0.5)));
ROTA_PARAMS(GetItem, path(i64, item_id, ge(1)), query(bool, all, optional),
            body(Item, item));

int64_t use(const GetItem *in);

int64_t use(const GetItem *in)
{
    return in->has.all ? in->item_id : (int64_t)in->item.colors.len;
}
