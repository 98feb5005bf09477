/*
 * An application with a route for each thing that the framework does, in a
 * process of its own.
 */
#ifndef WEB_SHOP_H
#define WEB_SHOP_H

#include "http/client.h"
#include "http/process.h"
#include "test.h"

#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

enum { SHOP_BIG = 30 * 1000 * 1000 };

/* Where /file finds its files; made by shop_start, removed by shop_stop. */
extern char shop_folder[];

/* Starts it, listening on a free port. */
void shop_start(struct process *p);

/* Ends it by SIGTERM: its exit status must be 0. */
void shop_stop(struct process *p);

#endif
