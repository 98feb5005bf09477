/* want: error */
#include "rota/model.h"

ROTA_MODEL(Item, (str, name, min_len("x")));
