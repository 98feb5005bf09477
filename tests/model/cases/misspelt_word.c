/* want: optinal */
#include "rota/model.h"

ROTA_MODEL(Item, (str, name, optinal));
