/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_VALUE_TEXT_H
#define GALSYNC_DIRECTORY_VALUE_TEXT_H

/* Values as people read them. */

#include "dsa/base/mem.h"

/* Appends value V of the attribute ATTR: a GUID and a SID in their text forms, text as it is (not
 * escaped), a large value, or its digest (digest.h), by size and SHA-256, other octets as
 * hexadecimal digits. */
void value_text(const char *attr, struct bytes v, struct buf *ret);

#endif
