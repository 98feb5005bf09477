/* want: rota_c_Foo */
#include "rota/model.h"

ROTA_MODEL(Item, (Foo, foo));
