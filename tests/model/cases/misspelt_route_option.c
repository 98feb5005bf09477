/* want: ROTA_OPT_stauts */
#include "rota/route.h"

static None *nothing(rota_request *r, const None *in)
{
    (void)r;
    (void)in;
    return 0;
}

ROTA_ROUTES(items, "/items", GET("", nothing, None, None, stauts(201)));
