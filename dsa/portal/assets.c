/* SPDX-License-Identifier: MIT */
#include "dsa/portal/assets.h"

#include "dsa/base/embed.h"

EMBED(portal_js, "dsa/portal/portal.js")
EMBED(portal_icon, "dsa/portal/portal.svg")

struct bytes
assets_js(void)
{
	return EMBEDDED(portal_js);
}

struct bytes
assets_icon(void)
{
	return EMBEDDED(portal_icon);
}
