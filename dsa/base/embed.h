/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_EMBED_H
#define GALSYNC_BASE_EMBED_H

/*
 * A file of the tree as a part of the program:
 *
 *	EMBED(page_css, "dsa/page/page.css")
 *	...
 *	return EMBEDDED(page_css);
 *
 * FILE is named from the top of the tree, where the compiler runs; the Makefile says that the
 *object depends on it. Behind its octets is a NUL.
 */

#include "dsa/base/mem.h"

#define EMBED(name, file)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
		".global " #name "\n"                                                              \
		".hidden " #name "\n" #name ":\n"                                                  \
		".incbin \"" file "\"\n"                                                           \
		".L" #name "_end: .byte 0\n"                                                       \
		".balign 8\n"                                                                      \
		".global " #name "_size\n"                                                         \
		".hidden " #name "_size\n" #name "_size: .quad .L" #name "_end - " #name "\n"      \
		".popsection\n");                                                                  \
	extern const uint8_t name[];                                                               \
	extern const uint64_t name##_size;

#define EMBEDDED(name) ((struct bytes){name, (size_t)name##_size})

#endif
