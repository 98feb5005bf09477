/* want: nam */
#include "rota/model.h"

ROTA_MODEL(Item, (str, name));

bool use(const Item *it);

bool use(const Item *it)
{
    return it->has.nam;
}
