/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_HEX_H
#define GALSYNC_BASE_HEX_H

/* Hexadecimal text. */

/* The octet (0 to 255) that the first two characters of S spell as hexadecimal digits of either
 * case; -1 if they are no such digits. What stands behind them is not read, nor is anything behind
 * the end of S. */
int hex_octet(const char *s);

#endif
