/*
 * A source: something that is read from a descriptor one by one, and that a
 * select can take from. Rooms above begin their handle with one; that handle
 * is the object of a case.
 */
#ifndef SYNC_SOURCE_H
#define SYNC_SOURCE_H

struct source {
    int fd; /* readable when there is one; -1: closed */
    /* Takes the next: a number >= 0; -EAGAIN: there is none. Must not wait. */
    int (*take)(struct source *s);
};

#endif
