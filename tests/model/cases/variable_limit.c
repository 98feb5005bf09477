/* want: constant */
#include "rota/model.h"

extern int limit;
ROTA_MODEL(Item, (i64, n, le(limit)));
