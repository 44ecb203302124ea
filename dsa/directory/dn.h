/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_DN_H
#define GALSYNC_DIRECTORY_DN_H

/*
 * Distinguished names as text (RFC 4514), as far as a synchronization engine needs them: compare,
 * take apart, build. Directories write one name in several ways (`\2C` or `\,`, letters of either
 * case, blanks around commas, an extended `<GUID=...>;` prefix); dn_normalize() makes one spelling
 * of them. Only ASCII letters are folded here. AD folds more (José and Jose are one RDN to it): a
 * uniqueness check must use text_fold_key() instead.
 */

#include <stdbool.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"

/* Strips `<GUID=...>;`, `<SID=...>;` prefixes that extended DNs carry (also several). Borrowed. */
const char *dn_strip_extended(const char *dn);
/* The canonical spelling: attribute types lower case, ASCII letters of values lower case, every
 * escape resolved and re-made by one rule, no blanks around separators. Caller frees. NULL with
 * err (ERR_DATA, ERR_ENTRY) if the text is no DN. An empty DN gives "". */
char *dn_normalize(const char *dn, struct err *err) MUST_CHECK;
/* Both normalized first; false if either is no DN. */
bool dn_equal(const char *x, const char *y);
/* True if DN is BASE or lies below it. Both may have any spelling. */
bool dn_is_under(const char *dn, const char *base);
/* The same for two names already normalized; no allocation. */
bool dn_norm_is_under(const char *dn_norm, const char *base_norm);
/* The text behind the first separator, borrowed; "" for a DN of one RDN. Knows escapes. */
const char *dn_parent(const char *dn);
/* The first RDN as written, "CN=Smith\, John"; caller frees, NULL without memory. */
char *dn_rdn_dup(const char *dn) MUST_CHECK;
/* The first RDN's value with escapes resolved, "Smith, John"; caller frees. NULL with err if the
 * text is no DN. */
char *dn_rdn_value(const char *dn, struct err *err) MUST_CHECK;
/* Is DN's first RDN mangled (MS-ADTS 3.1.1.5.1.3, 3.1.1.5.5): "NAME\\0ACNF:GUID" of the object that
 * lost when two of one name were made on two servers, "NAME\\0ADEL:GUID" of a deleted one? Nobody
 * gave it that name, and no client may. */
bool dn_is_mangled(const char *dn);
/* Ends the RDN value VALUE where it was mangled: the name it had before. */
void dn_unmangle(char *value);
/* Escapes VALUE for use in an RDN (RFC 4514 section 2.4: , + " \ < > ; =, a leading # or blank,
 * a trailing blank, NUL; line ends as \0A, \0D). Caller frees. */
char *dn_escape_value(const char *value) MUST_CHECK;
/* "TYPE=escaped value,PARENT"; PARENT "" for none. Caller frees. */
char *dn_build(const char *type, const char *value, const char *parent) MUST_CHECK;
/* "dc1.acme.example" -> "DC=..."? No: "DC=acme,DC=example" -> "acme.example": the DNS name of the
 * trailing DC components, lower case; "" if there are none. Caller frees. */
char *dn_to_dns_domain(const char *dn) MUST_CHECK;

#endif
