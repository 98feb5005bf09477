/* want: minlen */
#include "rota/model.h"

ROTA_MODEL(Item, (str, name, minlen(1)));
