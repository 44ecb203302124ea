/* SPDX-License-Identifier: MIT */
#include "dsa/rules/redirect_use.h"

#include "dsa/base/str.h"
#include "dsa/config/template.h"
#include "dsa/rules/project.h"
#include "mapping/match.h"
#include "redirect/address.h"

static const struct conf_forest *
forest_of(const struct conf_link *link, enum side side)
{
	return side == SOURCE ? link->source : link->target;
}

const char *
redirect_use_domain(const struct conf_link *link, enum side side)
{
	const char *domain = forest_of(link, side)->redirect_domain;
	const char *const *adopted = link->adopted_domains[side];

	for (size_t i = 0; domain && adopted && adopted[i]; i++)
		if (str_equal_nocase(adopted[i], domain))
			return NULL;
	return domain;
}

/* The link behind *I from the forest of SIDE of LINK, or NULL. */
static const struct conf_link *
next_link(const struct conf_link *link, enum side side, size_t *i)
{
	const struct conf *whole = link->whole;

	if (!whole)
		return (*i)++ == 0 && side == SOURCE ? link : NULL;
	while (*i < whole->n_links) {
		const struct conf_link *l = &whole->links[(*i)++];

		if (conf_same_forest(l->source, forest_of(link, side)))
			return l;
	}
	return NULL;
}

void
redirect_use_each_attr(const struct conf_link *link, enum side side,
    void (*fn)(const char *attr, void *arg), void *arg)
{
	const struct conf_link *l;

	fn("objectGUID", arg);
	fn("proxyAddresses", arg);
	fn(forest_of(link, side)->stamp_attribute, arg);
	for (size_t i = 0; (l = next_link(link, side, &i));)
		template_each_attr(l->redirect_template, fn, arg);
}

/* Is ADDRESS, without its type, what LINK makes of E? */
static bool
is_made_by(const struct conf_link *link, const struct entry *e, struct bytes address)
{
	for (int spare = 0; spare < 2; spare++) {
		const struct project_in in = {
		    .link = link, .source = e, .spare = {[SOURCE] = spare}};
		_cleanup_(free) char *made = NULL;
		struct err ignored;

		if (project_redirect_address(&in, SOURCE, &made, &ignored) == 0 && made &&
		    bytes_equal_nocase(bytes_of(made), address))
			return true;
	}
	return false;
}

static bool
is_ours(const struct conf_link *link, enum side side, const struct entry *e, struct bytes address)
{
	const struct conf_link *l;

	for (size_t i = 0; (l = next_link(link, side, &i));)
		if (is_made_by(l, e, address_value(address)))
			return true;
	return false;
}

struct bytes
redirect_use_foreign(
    const struct conf_link *link, enum side side, const struct entry *e, enum side *ret_of)
{
	const struct attr *a = entry_find(e, "proxyAddresses");
	struct stamp stamp;

	if (stamp_of(e, forest_of(link, side)->stamp_attribute, &stamp))
		return (struct bytes){0};
	for (int of = SOURCE; of < SIDES; of++) {
		const char *domain = redirect_use_domain(link, (enum side)of);

		for (size_t i = 0; domain && a && i < a->n_values; i++) {
			struct bytes v = a->values[i];

			*ret_of = (enum side)of;
			if (address_in_domain(v, domain) &&
			    !((int)side == of && is_ours(link, side, e, v)))
				return v;
		}
	}
	return (struct bytes){0};
}

void
redirect_use_tell(
    const struct conf_link *link, const struct redirect_use *use, struct mistakes *ret)
{
	const char *domain = forest_of(link, use->of)->redirect_domain;
	const struct mistake_at at = mistake_at(link, domain, "redirect_domain");

	mistakes_add(ret, MISTAKE_WARNS, link, &at,
	    "'%s' is in use in forest '%s': %zu object%s addresses in it that galsync did not "
	    "give, such as '%s' of '%s'; take them away, or choose a domain in which no object has "
	    "an address",
	    domain, forest_of(link, use->side)->name, use->n, use->n == 1 ? " has" : "s have",
	    use->address, use->dn);
}
