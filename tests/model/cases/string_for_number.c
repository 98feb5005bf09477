/* want: error */
#include "rota/model.h"

ROTA_MODEL(Item, (i64, n, ge("1")));
