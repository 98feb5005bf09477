/* want: _Generic\|controlling expression */
#include "rota/route.h"

ROTA_MODEL(Item, (i64, id));
ROTA_PARAMS(GetItem, path(i64, item_id));

static int read_item(rota_request *r, const GetItem *in)
{
    return r && in;
}

ROTA_ROUTES(items, "/items", GET("/{item_id}", read_item, GetItem, Item));
