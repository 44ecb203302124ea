/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_RESOLVE_FILE_H
#define GALSYNC_CTL_RESOLVE_FILE_H

/*
 * A file of what is said about conflicts, as `map export --resolved` writes it: CSV as base/csv.h
 * has it, with the columns source, resolution ("with", "create" or "ignore"), target (of "with";
 * else empty), and link, which may be missing or empty, as may all behind it. A first line
 * "source,resolution,..." is passed over.
 */

#include "mapping/resolution.h"

struct resolve_line {
	char *who, *target, *link; /* TARGET and LINK may be NULL */
	enum resolved_as as;
	unsigned number;
};
struct resolve_file {
	struct resolve_line *v;
	size_t n, cap;
};
void resolve_file_done(struct resolve_file *f);
static inline void
resolve_file_donep(struct resolve_file *f)
{
	resolve_file_done(f);
}
/* Reads PATH ("-": the standard input) whole. ERR_CONF names the first line that is wrong, and
 * what is allowed. RET is zeroed at first. */
int resolve_file_read(const char *path, struct resolve_file *ret, struct err *err) MUST_CHECK;

#endif
