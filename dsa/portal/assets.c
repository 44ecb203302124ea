/* SPDX-License-Identifier: MIT */
#include "dsa/portal/assets.h"

#define ASSET(name, file)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
		".global " name "_begin\n"                                                         \
		".global " name "_end\n" name "_begin:\n"                                          \
		".incbin \"" file "\"\n" name "_end:\n"                                            \
		".byte 0\n"                                                                        \
		".popsection\n")

ASSET("assets_js", "dsa/portal/portal.js");
ASSET("assets_icon", "dsa/portal/portal.svg");

extern const uint8_t assets_js_begin[] __attribute__((visibility("hidden")));
extern const uint8_t assets_js_end[] __attribute__((visibility("hidden")));
extern const uint8_t assets_icon_begin[] __attribute__((visibility("hidden")));
extern const uint8_t assets_icon_end[] __attribute__((visibility("hidden")));

struct bytes
assets_js(void)
{
	return (struct bytes){assets_js_begin, (size_t)(assets_js_end - assets_js_begin)};
}

struct bytes
assets_icon(void)
{
	return (struct bytes){assets_icon_begin, (size_t)(assets_icon_end - assets_icon_begin)};
}
