/* SPDX-License-Identifier: MIT */
#include "mapping/match.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/keyed_hash.h"
#include "dsa/base/str.h"
#include "mapping/primary.h"

uint64_t
match_key_hash(unsigned key, struct bytes value)
{
	return keyed_hash_nocase(value, 0x9e3779b97f4a7c15ULL * (key + 1));
}

static bool
has_prefix(struct bytes v, const char *prefix)
{
	size_t len = strlen(prefix);

	return v.len > len && bytes_equal_nocase((struct bytes){v.data, len}, bytes_of(prefix));
}

static int
emit_values(const struct entry *e, const char *attr, unsigned key, match_key_fn *fn, void *arg)
{
	const struct attr *a = entry_find(e, attr);
	int rc = 0;

	for (size_t i = 0; a && rc == 0 && i < a->n_values; i++)
		if (a->values[i].len)
			rc = fn(key, a->values[i], arg);
	return rc;
}

/* The addresses in ATTR that begin with PREFIX, without it. */
static int
emit_prefixed(const struct entry *e, const char *attr, const char *prefix, unsigned key,
    match_key_fn *fn, void *arg)
{
	const struct attr *a = entry_find(e, attr);
	size_t len = strlen(prefix);
	int rc = 0;

	for (size_t i = 0; a && rc == 0 && i < a->n_values; i++) {
		struct bytes v = a->values[i];

		if (has_prefix(v, prefix))
			rc = fn(key, (struct bytes){(const char *)v.data + len, v.len - len}, arg);
	}
	return rc;
}

static int
emit_smtp(const struct entry *e, match_key_fn *fn, void *arg)
{
	int rc = emit_prefixed(e, "proxyAddresses", "smtp:", MATCH_KEY_SMTP, fn, arg);

	return rc ? rc : emit_values(e, "mail", MATCH_KEY_SMTP, fn, arg);
}

static int
emit_x500(const struct entry *e, match_key_fn *fn, void *arg)
{
	int rc = emit_values(e, "legacyExchangeDN", MATCH_KEY_X500, fn, arg);

	return rc ? rc : emit_prefixed(e, "proxyAddresses", "x500:", MATCH_KEY_X500, fn, arg);
}

static int
emit_sids(const struct entry *e, match_key_fn *fn, void *arg)
{
	int rc = emit_values(e, "objectSid", MATCH_KEY_SID, fn, arg);

	return rc ? rc : emit_values(e, "sIDHistory", MATCH_KEY_SID, fn, arg);
}

static int
emit_primary(const struct entry *e, match_key_fn *fn, void *arg)
{
	struct bytes primary = primary_of(e);

	return primary.len ? fn(MATCH_KEY_SMTP, primary, arg) : 0;
}

int
match_target_keys(const struct entry *target, const struct match_rule *rules, size_t n_rules,
    match_key_fn *fn, void *arg)
{
	int rc = emit_smtp(target, fn, arg);

	/* A contact, or a user without a mailbox, stands for the address its mail goes to. A
	 * mailbox with a targetAddress merely forwards, perhaps to another person: no evidence. */
	if (rc == 0 && !kind_has_mailbox(target) && !kind_is_remote_mailbox(target))
		rc = emit_prefixed(target, "targetAddress", "smtp:", MATCH_KEY_SMTP, fn, arg);
	if (rc == 0)
		rc = emit_x500(target, fn, arg);
	if (rc == 0)
		rc = emit_sids(target, fn, arg);
	if (rc == 0)
		rc = emit_values(target, "sAMAccountName", MATCH_KEY_SAM, fn, arg);
	if (rc == 0)
		rc = emit_values(target, "userPrincipalName", MATCH_KEY_UPN, fn, arg);
	for (size_t i = 0; rc == 0 && i < n_rules; i++)
		if (rules[i].method == MATCH_ATTRIBUTE)
			rc = emit_values(
			    target, rules[i].target_attr, MATCH_KEY_ATTR + (unsigned)i, fn, arg);
	return rc;
}

struct has_key {
	unsigned key;
	struct bytes value;
	bool exact;
};

static int
same_key(unsigned key, struct bytes value, void *arg)
{
	const struct has_key *h = arg;

	return key == h->key &&
	       (h->exact ? bytes_equal(value, h->value) : bytes_equal_nocase(value, h->value));
}

bool
match_verify(const struct entry *target, const struct match_rule *rules, size_t n, unsigned key,
    struct bytes value, bool exact)
{
	struct has_key h = {key, value, exact};

	return match_target_keys(target, rules, n, same_key, &h) != 0;
}

int
match_source_keys(const struct entry *source, const struct match_rule *rules, size_t index,
    match_key_fn *fn, void *arg)
{
	const struct match_rule *r = &rules[index];

	switch (r->method) {
	case MATCH_STAMP:
		return !guid_is_zero(&source->guid)
			   ? fn(MATCH_KEY_STAMP, guid_bytes(&source->guid), arg)
			   : 0;
	case MATCH_SID_HISTORY: return emit_sids(source, fn, arg);
	case MATCH_X500: return emit_x500(source, fn, arg);
	case MATCH_MAIL: return emit_smtp(source, fn, arg);
	case MATCH_SID_ON_TARGET: return emit_values(source, "objectSid", MATCH_KEY_SID, fn, arg);
	case MATCH_X500_ON_TARGET:
		return emit_values(source, "legacyExchangeDN", MATCH_KEY_X500, fn, arg);
	case MATCH_MAIL_ON_TARGET: return emit_primary(source, fn, arg);
	case MATCH_SAM:
		return kind_of(source) == KIND_GROUP
			   ? 0
			   : emit_values(source, "sAMAccountName", MATCH_KEY_SAM, fn, arg);
	case MATCH_UPN: return emit_values(source, "userPrincipalName", MATCH_KEY_UPN, fn, arg);
	case MATCH_ATTRIBUTE:
		return emit_values(
		    source, r->source_attr, MATCH_KEY_ATTR + (unsigned)index, fn, arg);
	case MATCH_RECORD:
	case MATCH_CSV:
	case MATCH_ADOPT:
	case MATCH_METHOD_MAX: break;
	}
	return 0;
}

void
stamp_format(const struct stamp *s, char ret[STAMP_TEXT_SIZE])
{
	char guid[GUID_TEXT_SIZE];

	guid_format(&s->source, guid);
	(void)snprintf(ret, STAMP_TEXT_SIZE, "galsync:%s:%s%s%s",
	    s->created ? "created" : "matched", guid, s->has_side ? ":" : "",
	    s->has_side ? side_name(s->active) : "");
}

/* What is behind the GUID of a stamp: nothing, or ":" and a side. */
static bool
parse_side(const char *text, struct stamp *s)
{
	s->has_side = *text != '\0';
	if (!s->has_side)
		return true;
	s->active = str_equal_nocase(text, ":target") ? TARGET : SOURCE;
	return s->active == TARGET || str_equal_nocase(text, ":source");
}

bool
stamp_parse(const char *text, struct stamp *ret)
{
	static const char created[] = "galsync:created:", matched[] = "galsync:matched:";
	struct stamp s = {.created = false};
	char guid[GUID_TEXT_SIZE] = "";

	if (!text)
		return false;
	s.created = str_starts_nocase(text, created);
	if (!s.created && !str_starts_nocase(text, matched))
		return false;
	text += sizeof created - 1;
	memcpy(guid, text, strnlen(text, sizeof guid - 1));
	if (!guid_parse(guid, &s.source) || !parse_side(text + strlen(guid), &s))
		return false;
	*ret = s;
	return true;
}

bool
stamp_of(const struct entry *e, const char *attribute, struct stamp *ret)
{
	return stamp_parse(entry_get_str(e, attribute), ret);
}

struct bytes
stamp_foreign(const struct entry *e, const char *attribute)
{
	const struct attr *a = entry_find(e, attribute);
	struct stamp ignored;

	for (size_t i = 0; a && i < a->n_values; i++)
		if (!stamp_parse(a->values[i].data, &ignored))
			return a->values[i];
	return (struct bytes){NULL, 0};
}

enum match_verdict
match_judge(enum kind source, enum kind target, bool as_contact)
{
	if (source == KIND_USER && target == KIND_CONTACT)
		return as_contact ? MATCH_FOUND : MATCH_PROMOTE;
	if (source == KIND_USER || (source == KIND_GROUP && !as_contact))
		return source == target ? MATCH_FOUND : MATCH_KIND;
	if (source == KIND_GROUP && target == KIND_GROUP)
		return MATCH_FOUND;
	return target == KIND_CONTACT ? MATCH_FOUND : MATCH_KIND;
}
