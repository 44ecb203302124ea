/* SPDX-License-Identifier: MIT */
#include "dsa/rules/across.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/kind.h"
#include "dsa/rules/scope.h"
#include "mapping/match.h"
#include "redirect/address.h"

#define MARKER "galsync:switched:"

const struct conf_link *
across_find_link(const struct conf_link *link, const char *name)
{
	const struct conf_link *found = link->whole ? conf_find_flow(link->whole, name) : NULL;

	return found == link ? NULL : found;
}

void
across_add(struct across *a, const struct conf_link *link, const struct record *r, enum side side,
    const struct guid *source)
{
	/* That a native has a contact somewhere takes nothing from it. */
	if (record_has_left(r) || (side == SOURCE && link->forth))
		return;
	if (side == SOURCE)
		a->source_of = link;
	else if (!source || !guid_equal(&r->side[SOURCE].guid, source))
		a->target_of = link;
}

static const struct conf_forest *
forest_of(const struct conf_link *link, enum side side)
{
	return side == SOURCE ? link->source : link->target;
}

/* Link I whose source forest is that of SIDE of LINK; LINK itself is none of them. NULL: it is not
 * such a link. */
static const struct conf_link *
link_from(const struct conf_link *link, enum side side, size_t i)
{
	const struct conf_link *other = &link->whole->links[i];

	return other != link && conf_same_forest(other->source, forest_of(link, side)) ? other
										       : NULL;
}

static size_t
n_links(const struct conf_link *link)
{
	return link->whole ? link->whole->n_links : 0;
}

void
across_each_attr(const struct conf_link *link, enum side side,
    void (*fn)(const char *attr, void *arg), void *arg)
{
	const struct conf_forest *forest = forest_of(link, side);

	for (size_t i = 0; link->whole && i < link->whole->n_forests; i++)
		if (conf_same_forest(&link->whole->forests[i], forest))
			fn(link->whole->forests[i].stamp_attribute, arg);
	if (side == TARGET)
		fn(link->marker_attribute, arg);
	for (size_t i = 0; i < n_links(link); i++)
		if (link_from(link, side, i))
			fn(link->whole->links[i].marker_attribute, arg);
}

/* The stamp of E, an object of FOREST, in another attribute than the forest's own, or that. */
static bool
find_stamp(const struct conf_link *link, const struct conf_forest *forest, const struct entry *e,
    struct stamp *ret, const char **ret_attr)
{
	*ret_attr = forest->stamp_attribute;
	if (stamp_of(e, *ret_attr, ret))
		return true;
	for (size_t i = 0; link->whole && i < link->whole->n_forests; i++) {
		const struct conf_forest *f = &link->whole->forests[i];

		*ret_attr = f->stamp_attribute;
		if (conf_same_forest(f, forest) && stamp_of(e, *ret_attr, ret))
			return true;
	}
	return false;
}

bool
across_is_stamped(const struct conf_link *link, const struct entry *e)
{
	const char *attr;
	struct stamp stamp;

	return find_stamp(link, link->source, e, &stamp, &attr);
}

/* A marker names the counterpart: one that names its own object is a copy that came from the
 * source with other attributes, and says nothing of this one. */
static bool
is_marked(const struct entry *e, const char *attr)
{
	const char *v = entry_get_str(e, attr);
	char guid[GUID_TEXT_SIZE];

	guid_format(&e->guid, guid);
	return v && str_starts_nocase(v, MARKER) && !strstr(v, guid);
}

static const char *
address_in(const struct entry *e, const char *domain)
{
	const struct attr *a = entry_find(e, "proxyAddresses");

	for (size_t i = 0; a && i < a->n_values; i++)
		if (address_in_domain(a->values[i], domain))
			return a->values[i].data;
	return NULL;
}

static bool
takes(const struct conf_link *link, const struct entry *e)
{
	struct err ignored;
	_cleanup_(free) char *norm = dn_normalize(e->dn, &ignored);

	return norm && scope_find(link, norm, KIND_BIT(kind_of(e)));
}

/* The marker of E, which a switch of its mailbox leaves on a source object. */
static bool
refuses_marked(const struct entry *e, const char *attr, char why[ACROSS_TEXT_SIZE])
{
	if (!is_marked(e, attr))
		return false;
	(void)snprintf(why, ACROSS_TEXT_SIZE,
	    "it is a source object: its %s says that its mailbox was switched", attr);
	return true;
}

/* Is E, a target object of another link, a source object of OTHER, by what it carries? */
static bool
refuses_source(const struct conf_link *other, const struct entry *e, char why[ACROSS_TEXT_SIZE])
{
	const char *domain = other->source->redirect_domain, *address;

	if (refuses_marked(e, other->marker_attribute, why))
		return true;
	address = domain && kind_of(e) == KIND_USER ? address_in(e, domain) : NULL;
	if (!address || !takes(other, e))
		return false;
	(void)snprintf(why, ACROSS_TEXT_SIZE,
	    "it has %.128s, as a source object of link '%s', in whose scope it is", address,
	    other->name);
	return true;
}

/* Without the map. */
static bool
refuses_by_itself(
    const struct conf_link *link, const struct entry *target, char why[ACROSS_TEXT_SIZE])
{
	if (refuses_marked(target, link->marker_attribute, why))
		return true;
	for (size_t i = 0; i < n_links(link); i++)
		if (link_from(link, TARGET, i) &&
		    refuses_source(&link->whole->links[i], target, why))
			return true;
	return false;
}

bool
across_refuses(const struct across_in *in, char why[ACROSS_TEXT_SIZE])
{
	const struct conf_link *link = in->link;
	const char *attr;
	struct stamp stamp;

	*why = '\0';
	if (find_stamp(link, link->target, in->target, &stamp, &attr)) {
		if (guid_equal(&stamp.source, in->source) ||
		    str_equal_nocase(attr, link->target->stamp_attribute))
			return false;
		(void)snprintf(why, ACROSS_TEXT_SIZE,
		    "it is the counterpart of another object: its %s says so", attr);
		return true;
	}
	if (in->map.target_of) {
		(void)snprintf(why, ACROSS_TEXT_SIZE,
		    "it is the counterpart of another object by link '%s'",
		    in->map.target_of->name);
		return true;
	}
	if (in->recorded)
		return false;
	if (in->map.source_of) {
		(void)snprintf(why, ACROSS_TEXT_SIZE, "it is a source object of link '%s'",
		    in->map.source_of->name);
		return true;
	}
	return refuses_by_itself(link, in->target, why);
}

bool
across_redirects(
    const struct conf_link *link, const struct entry *source, enum kind kind, enum shape shape)
{
	/* A mailbox of the target is one that Exchange may have moved there by itself. */
	bool mailbox = shape == SHAPE_MAILBOX || shape == SHAPE_REMOTE_MAILBOX ||
		       (shape == SHAPE_MAIL_USER && kind_has_mailbox(source));

	return kind == KIND_USER && mailbox && !link->forth && link->source->redirect_domain &&
	       link->target->redirect_domain;
}

bool
across_has_redirected(const struct conf_link *link, const struct record *r)
{
	const char *domain = link->forth ? NULL : link->target->redirect_domain;

	for (size_t i = 0;
	     domain && !record_has_left(r) && r->kind == KIND_USER && i < r->n_addresses; i++) {
		const char *at = strrchr(r->addresses[i], '@');

		if (at && str_equal_nocase(at + 1, domain))
			return true;
	}
	return false;
}
