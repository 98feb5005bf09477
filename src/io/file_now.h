/*
 * Calls on files that need no waiting: what the kernel's memory holds is had
 * at once, on every backend, for less than the way to any other thread costs.
 */
#ifndef IO_FILE_NOW_H
#define IO_FILE_NOW_H

#include <stdbool.h>

#include "loop/file_op.h"

/* Opens, reads or closes as far as it goes without waiting. True: that was all,
 * and op->result says how it went; false: the rest is to be done by who may
 * wait, op->moved tells of a read. */
bool file_now(struct file_op *op);

/* The descriptor is closed by somebody else. */
void file_now_forget(int fd);

#endif
