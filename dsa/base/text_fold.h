/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_TEXT_FOLD_H
#define GALSYNC_BASE_TEXT_FOLD_H

/*
 * Which names a directory may take for one. AD compares names by sort keys that ignore case, width,
 * the type of kana and nonspacing marks (MS-ADTS 6.5): José and JOSE are one RDN, and one
 * sAMAccountName, to it. Its tables are not public in every detail; where a doubt is, names are
 * taken for one.
 */

#include "dsa/base/mem.h"

/* The key of TEXT: names that AD may take for one have one key, and some that it tells apart have
 * too. The compatibility decomposition (NFKD) without nonspacing marks, case folded; the Latin
 * letters that do not decompose (o with stroke, ae, thorn, ...) are spelled as they collate, and
 * katakana are hiragana. The key of a key is itself. Where TEXT is not UTF-8 only its ASCII letters
 * are folded. Caller frees; NULL without memory. */
char *text_fold_key(const char *text) MUST_CHECK;

#endif
