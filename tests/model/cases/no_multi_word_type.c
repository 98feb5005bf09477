/* want: error */
#include "rota/model.h"

ROTA_MODEL(Item, (unsigned int, n));
