/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_ATTR_NAME_H
#define GALSYNC_DIRECTORY_ATTR_NAME_H

/*
 * What an attribute may be called (RFC 4512 section 1.4, keystring; options and numeric OIDs are
 * not for configuration files). Rules, templates and the configuration ask the same question.
 */

#include <stdbool.h>
#include <stddef.h>

/* True if the LEN octets at S are a letter followed by letters, digits and hyphens. */
static inline bool
attr_name_ok(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool letter = (s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z');

		if (!letter && (i == 0 || (s[i] != '-' && (s[i] < '0' || s[i] > '9'))))
			return false;
	}
	return len > 0;
}

#endif
