/* want: duplicate member */
#include "rota/model.h"

ROTA_MODEL(Item, (i64, n), (str, n));
