/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_TERMINAL_H
#define GALSYNC_BASE_TERMINAL_H

/*
 * Names and values come from directories, where users write some of them: on a terminal a control
 * character in one must not command it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "dsa/base/mem.h"

/* What of a character went before; begin with false. */
struct terminal_guard {
	bool lead; /* an octet 0xC2 is kept back */
};
/* Appends N octets to RET, each control character of ASCII but line feed and tab, and each of
 * U+0080 to U+009F, as "\xNN". The last octet of a piece may be kept back for the next one. */
void terminal_escape(struct terminal_guard *g, const char *s, size_t n, struct buf *ret);

/* Puts that between standard output and a terminal; what is no terminal gets everything as it is.
 * Without memory nothing is changed. */
void terminal_guard_stdout(void);

#endif
