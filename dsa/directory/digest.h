/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_DIGEST_H
#define GALSYNC_DIRECTORY_DIGEST_H

/*
 * Large values by size and SHA-256: enough to say whether a value is the same, and 48 octets
 * instead of a photo. A digest stands in the place of the value, in the same lists: it begins with
 * a mark, and a value that begins with the mark is digested whatever its size, so that none can
 * pass for a digest.
 */

#include "dsa/base/mem.h"
#include "dsa/directory/change.h"
#include "dsa/directory/entry.h"

/* Values of more octets are large. */
#define DIGEST_ABOVE 4096

/* True if V is a digest. */
bool digest_is(struct bytes v);
/* True if V is large (or has to be digested as if it were), and no digest yet. */
bool digest_is_due(struct bytes v);
/* True if DIGEST is that of V. */
bool digest_matches(struct bytes digest, struct bytes v);
/* Appends what is known of V, or of the value whose digest V is: "41213 octets, SHA-256 9f86...".
 */
void digest_describe(struct bytes v, struct buf *ret);
/* V as people see what is too large, or no text: "87 octets, SHA-256 3a0f..."; caller frees, NULL
 * without memory. A digest is shown as what it stands for. */
char *digest_text(struct bytes v) MUST_CHECK;
/* Puts digests in the place of the large ones of the values of E's attribute A; of all values of C.
 * -1 without memory. */
int digest_attr(struct entry *e, struct attr *a) MUST_CHECK;
int digest_change(struct change *c) MUST_CHECK;
/* True if that would change something. */
bool digest_attr_is_due(const struct attr *a);
bool digest_change_is_due(const struct change *c);

#endif
