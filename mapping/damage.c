/* SPDX-License-Identifier: MIT */
#include "mapping/damage.h"

#include <lmdb.h>
#include <stdio.h>

int
store_damaged(const char *dir, struct err *err, const char *fmt, ...)
{
	char what[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return err_set(err, ERR_LMDB, ERR_DAEMON, ERR_NEVER, MDB_CORRUPTED,
	    "map in '%.160s' is damaged: %s: " DAMAGE_REMEDY, dir, what);
}
