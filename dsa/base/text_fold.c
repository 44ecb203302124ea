/* SPDX-License-Identifier: MIT */
#include "dsa/base/text_fold.h"

#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "dsa/base/str.h"

/* Letters without a decomposition; sharp s is folded to ss by the case folding of Unicode. */
static const struct {
	ucs4_t letter;
	const char *to;
} spelled[] = {
    {0x00e6, "ae"}, /* ae */
    {0x00f0, "d"},  /* eth */
    {0x00f8, "o"},  /* o with stroke */
    {0x00fe, "th"}, /* thorn */
    {0x0111, "d"},  /* d with stroke */
    {0x0127, "h"},  /* h with stroke */
    {0x0131, "i"},  /* dotless i */
    {0x0142, "l"},  /* l with stroke */
    {0x014b, "n"},  /* eng */
    {0x0153, "oe"}, /* oe */
    {0x0167, "t"},  /* t with stroke */
};

/* The katakana that have a hiragana, which stand so many code points before them. */
#define KATAKANA_FIRST 0x30a1
#define KATAKANA_LAST 0x30f6
#define KATAKANA_SHIFT 0x60

static bool
is_ascii(const char *s)
{
	while (*s && (uint8_t)*s < 0x80)
		s++;
	return !*s;
}

/* Appends the code points of V, which is UTF-8, but nonspacing marks. */
static void
add_unmarked(struct buf *b, const uint8_t *v, size_t len)
{
	ucs4_t c;

	for (size_t at = 0, n; at < len; at += n) {
		n = (size_t)u8_mbtouc(&c, v + at, len - at);
		if (!uc_is_general_category(c, UC_CATEGORY_Mn))
			buf_add(b, v + at, n);
	}
}

/* What letter C is spelled as; NULL: as itself. */
static const char *
spelling_of(ucs4_t c)
{
	for (size_t i = 0; i < ARRAY_SIZE(spelled); i++)
		if (spelled[i].letter == c)
			return spelled[i].to;
	return NULL;
}

static void
add_letter(struct buf *b, ucs4_t c)
{
	const char *to = spelling_of(c);
	uint8_t utf8[6];
	int n;

	if (to) {
		buf_add_str(b, to);
		return;
	}
	n = u8_uctomb(
	    utf8, c >= KATAKANA_FIRST && c <= KATAKANA_LAST ? c - KATAKANA_SHIFT : c, sizeof utf8);
	buf_add(b, utf8, n > 0 ? (size_t)n : 0);
}

char *
text_fold_key(const char *text)
{
	_cleanup_(buf_done) struct buf letters = {0}, key = {0};
	_cleanup_(free) uint8_t *parts = NULL, *folded = NULL;
	size_t len = strlen(text);

	if (is_ascii(text) || u8_check((const uint8_t *)text, len))
		return str_lower_dup(text);
	parts = u8_normalize(UNINORM_NFKD, (const uint8_t *)text, len, NULL, &len);
	if (!parts)
		return NULL;
	/* Before the folding, which makes a letter of the iota subscript. */
	add_unmarked(&letters, parts, len);
	folded = u8_casefold(letters.data, letters.len, NULL, NULL, NULL, &len);
	if (!folded || letters.failed)
		return NULL;
	for (size_t at = 0; at < len;) {
		ucs4_t c;

		at += (size_t)u8_mbtouc(&c, folded + at, len - at);
		add_letter(&key, c);
	}
	return buf_take_str(&key);
}
