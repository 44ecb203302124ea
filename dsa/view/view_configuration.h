/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_CONFIGURATION_H
#define GALSYNC_VIEW_VIEW_CONFIGURATION_H

/*
 * Whether the daemon works by the configuration file as it is: the member `configuration` of the
 * daemon's answer to `status`, of its event `state` and of an item of `galsyncctl --json status`.
 * Its members, in this order:
 *
 *   file           the configuration file
 *   state          "in effect"; "refused": it was to be loaded again and has mistakes, so the one
 *                  before it stays in effect; by galsyncctl also "broken": it has mistakes now, so
 *                  that the daemon cannot start with it; and "valid": it has none, and no daemon
 *                  answers
 *   loaded         when the one in effect was loaded; text in UTC, or null
 *   refused_since  since when it is refused; text in UTC, or null
 *   error          the first mistake, and how many more there are; or ""
 */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/mem.h"

enum configuration_state {
	CONFIGURATION_IN_EFFECT,
	CONFIGURATION_REFUSED,
	CONFIGURATION_BROKEN,
	CONFIGURATION_VALID,
	CONFIGURATION_STATE_MAX
};
/* "in effect", "refused", ... */
const char *configuration_state_name(enum configuration_state s);

struct view_configuration {
	const char *file;
	enum configuration_state state;
	int64_t loaded_at, refused_at; /* seconds since the epoch; 0: never */
	char error[1024];
};

/* Puts the first of the N LINES of mistakes into V. */
void view_configuration_note(struct view_configuration *v, char *const *lines, size_t n);
/* NULL without memory. */
json_t *view_configuration(const struct view_configuration *v) MUST_CHECK;

#endif
