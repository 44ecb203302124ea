/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_CLIENT_H
#define GALSYNC_CTL_CLIENT_H

/* What the daemon says, as it is printed. */

#include "dsa/base/line_client.h"

/* A member of an object, or "" and 0. A text is as shown() gives it. */
const char *text_of(const json_t *o, const char *key);
/* A member that is a time, in the local zone with its offset; a text that is none as it is. It
 * lives as what shown() gives. */
const char *time_of(const json_t *o, const char *key);

static inline long long
number_of(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

#endif
