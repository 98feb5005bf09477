/*
 * What a file is. statx(2) is the one call that a ring and a thread share; what
 * it says becomes a struct stat here.
 */
#ifndef IO_FILE_STAT_H
#define IO_FILE_STAT_H

#include <sys/stat.h>

#include "io/file_call.h"

/* Makes a FILE_STAT call and fills `st`: 0, or as file_call. */
int file_stat(struct file_call *c, struct stat *st);

#endif
