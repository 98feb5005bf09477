/*
 * What the tests of this room share: letting the others run, a caller whose
 * result is kept, and misuse that is told instead of a panic.
 */
#ifndef STEPS_H
#define STEPS_H

#include "task/tasks.h"

/* Lets every ready task run until it parks. */
#define pass() CHECK_INT(rota_sleep(0), 0)

/* From here on misuse is counted. */
#define tolerate() rota_set_misuse_handler(count_misuse)

enum { PARKED = 12345 }; /* a result that has not come yet */

#endif
