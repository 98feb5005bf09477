/* want: error */
#include "rota/model.h"

ROTA_MODEL(Item, (str, name, pattern(5)));
