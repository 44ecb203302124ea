/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_HEX_H
#define GALSYNC_BASE_HEX_H

/* Hexadecimal text. */

#include <stdint.h>

/* The octet (0 to 255) that the first two characters of S spell as hexadecimal digits of either
 * case; -1 if they are no such digits. What stands behind them is not read, nor is anything behind
 * the end of S. */
int hex_octet(const char *s);
/* The two lower-case digits of OCTET, without a NUL. */
void hex_put(uint8_t octet, char ret[2]);

#endif
