/* want: error */
#include "rota/model.h"

ROTA_MODEL(Item, (str, name, max_len(-1)));
