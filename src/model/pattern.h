/*
 * Patterns of string fields: PCRE2, compiled once per process on first use
 * and matched with limits, so that no input can make a match run away.
 */
#ifndef MODEL_PATTERN_H
#define MODEL_PATTERN_H

#include <stddef.h>

#include "rota/str.h"

/*
 * Is `pattern` found in `text`, which is UTF-8? 1: yes; 0: no, or not within
 * the limits; -EINVAL: the pattern does not compile; -ENOMEM. `pattern` is
 * known by its address, and must live and stay as it is for good.
 */
int model_pattern_match(const char *pattern, rota_str text);

/* 0, or -EINVAL with what is wrong with the pattern in err; -ENOMEM. */
int model_pattern_check(const char *pattern, char *err, size_t size);

#endif
