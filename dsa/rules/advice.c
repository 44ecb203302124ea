/* SPDX-License-Identifier: MIT */
#include "dsa/rules/advice.h"

#include "dsa/base/str.h"
#include "dsa/rules/group_type.h"

/* Results of RFC 4511 appendix A. */
#define ADMIN_LIMIT_EXCEEDED 11
#define INSUFFICIENT_ACCESS 50
#define UNWILLING_TO_PERFORM 53
#define NOT_ALLOWED_ON_NONLEAF 66

static const char *
about_rights(const struct entry *e)
{
	if (e && entry_get_i64(e, "adminCount", 0) > 0)
		return "AD protects the object (adminCount, AdminSDHolder): what is granted on its "
		       "OU does not reach it; take it out of the privileged groups, clear "
		       "adminCount and let its access control list inherit again";
	return e ? "grant the right (delegate.sh does), or let the object's access control list "
		   "inherit"
		 : "grant the right (delegate.sh does)";
}

/* The value that C gives ATTR, or takes away, or NULL. */
static const char *
value_of(const struct change *c, enum mod_op op, const char *attr)
{
	for (size_t i = 0; i < c->n_mods; i++)
		if (c->mods[i].op == op && c->mods[i].n_values &&
		    str_equal_nocase(c->mods[i].attr, attr))
			return c->mods[i].values[0].data;
	return NULL;
}

static const char *
about_group(const struct change *c)
{
	const char *from = value_of(c, MOD_DELETE, "groupType");
	const char *to = value_of(c, MOD_ADD, "groupType");

	return from && to ? group_type_condition(from, to) : "";
}

const char *
advice_of(const struct err *err, const struct change *change, const struct entry *e)
{
	if (err->src != ERR_LDAP)
		return "";
	switch (err->code) {
	case INSUFFICIENT_ACCESS: return about_rights(e);
	case UNWILLING_TO_PERFORM: return about_group(change);
	case ADMIN_LIMIT_EXCEEDED:
		return "it has more values than the directory takes: take some away in the source";
	case NOT_ALLOWED_ON_NONLEAF:
		return change->op == CHANGE_DELETE
			   ? "there are objects below it: delete them, or let delete_children do it"
			   : "";
	default: return "";
	}
}
