/* SPDX-License-Identifier: MIT */
#include "dsa/rules/settle.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/digest.h"
#include "dsa/directory/dn.h"
#include "mapping/match.h"

/* Results of RFC 4511 appendix A. */
#define CONSTRAINT_VIOLATION 19
#define UNWILLING_TO_PERFORM 53
#define NOT_ALLOWED_ON_NONLEAF 66

enum settle
settle_failure(const struct err *err, enum change_op op, bool first_look)
{
	if (err->scope == ERR_PEER)
		return SETTLE_UNKNOWN;
	if (err->src == ERR_SYS && err->code == ECANCELED)
		return SETTLE_UNSENT;
	/* What lies below an object was not read, and stays there however often that is. */
	if (err->retry == ERR_REREAD)
		return op == CHANGE_DELETE && err->code == NOT_ALLOWED_ON_NONLEAF ? SETTLE_REFUSED
										  : SETTLE_DRIFT;
	return first_look && err->src == ERR_LDAP && op != CHANGE_DELETE &&
		       (err->code == CONSTRAINT_VIOLATION || err->code == UNWILLING_TO_PERFORM)
		   ? SETTLE_DRIFT
		   : SETTLE_REFUSED;
}

/* Does NOW have what the add of an object gave that nothing else gives? */
static bool
add_made(const struct entry *added, const struct entry *now)
{
	struct stamp stamp;

	for (size_t i = 0; i < added->n_attrs; i++) {
		const struct attr *a = &added->attrs[i];
		bool is_class = str_equal_nocase(a->name, "objectClass");

		for (size_t j = 0; j < a->n_values; j++)
			if ((is_class || stamp_parse(a->values[j].data, &stamp)) &&
			    !attr_has(entry_find(now, a->name), a->values[j], true))
				return false;
	}
	return true;
}

/* Has A the value V, which the journal may have kept as a digest? */
static bool
has_value(const struct attr *a, struct bytes v, bool nocase)
{
	if (attr_has(a, v, nocase))
		return true;
	for (size_t i = 0; digest_is(v) && a && i < a->n_values; i++)
		if (digest_matches(v, a->values[i]))
			return true;
	return false;
}

/* Every value that M adds is there, and none that it takes away. One may be taken away and come
 * back in another spelling: "SMTP:", "smtp:". What is no text has but one. */
static bool
mod_made(const struct mod *m, const struct attr *a)
{
	size_t n = a ? a->n_values : 0;

	if (m->op == MOD_REPLACE && n != m->n_values)
		return false;
	if (m->op == MOD_DELETE && m->n_values == 0)
		return n == 0;
	for (size_t i = 0; i < m->n_values; i++)
		if (has_value(a, m->values[i], m->op == MOD_ADD && utf8_valid(m->values[i])) !=
		    (m->op != MOD_DELETE))
			return false;
	return true;
}

/* A name may change in the case of its letters alone: so it must be there as it was written. */
static bool
rename_made(const struct change *c, const struct entry *now)
{
	struct err ignored;
	_cleanup_(free) char *is = dn_rdn_value(now->dn, &ignored);
	_cleanup_(free) char *wanted = dn_rdn_value(c->new_rdn, &ignored);

	return is && wanted && strcmp(is, wanted) == 0 &&
	       (!c->new_parent || dn_equal(dn_parent(now->dn), c->new_parent));
}

/* The first two modifications of one that brings an object back say so, and where. */
static bool
modify_made(const struct change *c, const struct entry *now)
{
	const char *to = change_brought_back(c);

	if (to && (entry_get_bool(now, "isDeleted") || !dn_equal(now->dn, to)))
		return false;
	for (size_t i = to ? 2 : 0; i < c->n_mods; i++)
		if (!mod_made(&c->mods[i], entry_find(now, c->mods[i].attr)))
			return false;
	return true;
}

bool
settle_was_made(const struct change *change, const struct entry *now)
{
	if (change->op == CHANGE_DELETE || !now)
		return change->op == CHANGE_DELETE && !now;
	if (change->op == CHANGE_ADD)
		return add_made(change->entry, now);
	return change->op == CHANGE_RENAME ? rename_made(change, now) : modify_made(change, now);
}
