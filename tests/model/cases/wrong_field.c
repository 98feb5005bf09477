/* want: itemid */
#include "rota/model.h"

ROTA_PARAMS(GetItem, path(i64, item_id));

int64_t use(const GetItem *in);

int64_t use(const GetItem *in)
{
    return in->itemid;
}
