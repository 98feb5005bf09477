/*
 * rota's web framework: typed endpoints over HTTP, whose handlers are
 * straight-line code that awaits.
 */
#ifndef ROTA_WEB_H
#define ROTA_WEB_H

#include "rota.h"
#include "rota/app.h"
#include "rota/json.h"
#include "rota/model.h"
#include "rota/request.h"
#include "rota/route.h"

#endif
