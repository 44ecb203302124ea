/* SPDX-License-Identifier: MIT */
#include "dsa/rules/group_type.h"

#include <stdlib.h>

/* MS-ADTS 2.2.12. */
#define GLOBAL 0x2U
#define DOMAIN_LOCAL 0x4U
#define UNIVERSAL 0x8U
#define SECURITY 0x80000000U
#define SCOPES (GLOBAL | DOMAIN_LOCAL | UNIVERSAL)

/* Directories show the type as a signed 32-bit number. */
static uint32_t
number(const char *text)
{
	return (uint32_t)strtoll(text, NULL, 10);
}

static uint32_t
with_scope(uint32_t type, uint32_t scope)
{
	return (type & ~SCOPES) | scope;
}

static void
add(struct group_type_steps *s, uint32_t type)
{
	s->v[s->n++] = (int32_t)type;
}

struct group_type_steps
group_type_steps(const char *from, const char *to)
{
	uint32_t now = number(from), want = number(to), scope = want & SCOPES;
	struct group_type_steps s = {.n = 0};

	if ((now & SCOPES) != scope && !(now & UNIVERSAL)) {
		add(&s, now = with_scope(now, UNIVERSAL));
		s.n_before = 1;
	}
	if ((now & SCOPES) != scope)
		add(&s, now = with_scope(now, scope));
	if (now != want)
		add(&s, want);
	return s;
}

enum group_scope
group_type_scope(const char *type)
{
	switch (type ? number(type) & SCOPES : 0) {
	case GLOBAL: return GROUP_GLOBAL;
	case DOMAIN_LOCAL: return GROUP_DOMAIN_LOCAL;
	case UNIVERSAL: return GROUP_UNIVERSAL;
	default: return GROUP_NONE;
	}
}

bool
group_scope_holds(enum group_scope outer, enum group_scope inner)
{
	if (inner == GROUP_NONE)
		return true;
	return outer == GROUP_GLOBAL	  ? inner == GROUP_GLOBAL
	       : outer == GROUP_UNIVERSAL ? inner != GROUP_DOMAIN_LOCAL
					  : true;
}

const char *
group_scope_name(enum group_scope s)
{
	static const char *const names[] = {[GROUP_GLOBAL] = "global",
	    [GROUP_DOMAIN_LOCAL] = "domain local",
	    [GROUP_UNIVERSAL] = "universal",
	    [GROUP_NONE] = ""};

	return names[s];
}

int32_t
group_type_universal(const char *type)
{
	return (int32_t)with_scope(number(type), UNIVERSAL);
}

bool
group_type_is_security(const char *type)
{
	return number(type) & SECURITY;
}

const char *
group_type_condition(const char *from, const char *to)
{
	uint32_t now = number(from) & SCOPES, want = number(to) & SCOPES;

	if (now == DOMAIN_LOCAL && want == UNIVERSAL)
		return "a domain local group becomes universal only without domain local groups "
		       "among its members";
	if (now == GLOBAL && want == UNIVERSAL)
		return "a global group becomes universal only if it is a member of no global group";
	if (now == UNIVERSAL && want == GLOBAL)
		return "a universal group becomes global only without universal groups and objects "
		       "of other domains among its members";
	if (now == UNIVERSAL && want == DOMAIN_LOCAL)
		return "a universal group becomes domain local only if it is a member of no "
		       "universal group";
	return "";
}
