/* Routes that compile without a word: what the cases break in one place. */
#include "rota/route.h"

ROTA_MODEL(Item, (i64, id));
ROTA_PARAMS(GetItem, path(i64, item_id));

static Item *read_item(rota_request *r, const GetItem *in)
{
    (void)r;
    (void)in;
    return 0;
}

static rota_response *page(rota_request *r, const None *in)
{
    (void)r;
    (void)in;
    return 0;
}

ROTA_ROUTES(items, "/items",
            GET("/{item_id}", read_item, GetItem, Item, status(203)),
            GET("/page", page, None, Response, thread, timeout(2)));
