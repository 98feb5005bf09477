#include "rota.h"
#include "test.h"
