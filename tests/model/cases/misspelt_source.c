/* want: pth */
#include "rota/model.h"

ROTA_PARAMS(GetItem, pth(i64, id));
