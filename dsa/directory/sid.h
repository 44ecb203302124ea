/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_SID_H
#define GALSYNC_DIRECTORY_SID_H

/*
 * Security identifiers (MS-DTYP 2.4.2). In directories and in the map a SID is its octets; the
 * text form "S-1-5-21-..." is for people. AD wants octets on write, never the text.
 */

#include <stdbool.h>

#include "dsa/base/mem.h"

#define SID_MAX_LEN 68 /* 8 + 15 * 4 octets */
#define SID_TEXT_SIZE 192

/* True if V is a well-formed SID: revision 1, at most 15 sub-authorities, exact length. */
bool sid_valid(struct bytes v);
/* Writes the text form; false (and an empty string) if V is not valid. */
bool sid_format(struct bytes v, char ret[SID_TEXT_SIZE]);
/* Parses the text form into RET (SID_MAX_LEN octets), its length into *RET_LEN. */
bool sid_parse(const char *s, uint8_t ret[SID_MAX_LEN], size_t *ret_len);
/* True if V is S-1-5-10 (SELF), with which Exchange marks a disabled account as its own master. */
bool sid_is_self(struct bytes v);
/* The last sub-authority of V, by which its domain tells it from others. False if V has none. */
bool sid_rid(struct bytes v, uint32_t *ret);
/* DN names a foreign security principal (MS-ADTS 6.1.1.4.10), what stands in a domain for an object
 * of another forest: the SID of that object into RET and *RET_LEN. False if it names none. */
bool sid_of_foreign(const char *dn, uint8_t ret[SID_MAX_LEN], size_t *ret_len);

#endif
