/* SPDX-License-Identifier: MIT */
#include "dsa/base/hex.h"

/* The value of one digit; -1: it is none. */
static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
hex_octet(const char *s)
{
	int high = digit(s[0]), low = high < 0 ? -1 : digit(s[1]);

	return low < 0 ? -1 : high << 4 | low;
}

void
hex_put(uint8_t octet, char ret[2])
{
	static const char digits[] = "0123456789abcdef";

	ret[0] = digits[octet >> 4];
	ret[1] = digits[octet & 0x0f];
}
