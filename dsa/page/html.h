/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_PAGE_HTML_H
#define GALSYNC_PAGE_HTML_H

/* Text that others wrote as text of a page: no character of it has a meaning there. */

#include "dsa/base/mem.h"

/* Appends S (NULL: nothing), with the escapes of escape.h: it may stand between tags and in a
 * quoted attribute. */
void html_add_text(struct buf *b, const char *s);

#endif
