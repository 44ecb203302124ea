/* SPDX-License-Identifier: MIT */
/*
 * What the values of the configuration must be together. Every check gets the structure and the
 * setting it came from, so that a message names the line. A value that is wrong by itself, or
 * absent though it is required, was noted while it was loaded: the checks here pass it over.
 */
#include "dsa/config/conf_passes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/config/conf_key.h"
#include "dsa/config/conf_notes.h"
#include "dsa/config/template.h"
#include "dsa/config/used_attrs.h"
#include "dsa/directory/dn.h"

struct checking {
	const struct conf *conf;
	const config_setting_t *root;
	struct conf_notes *notes;
};

/* Element I of list KEY of GROUP if it is a group, else NULL. */
static const config_setting_t *
element(const config_setting_t *group, const char *key, size_t i)
{
	const config_setting_t *list = conf_member(group, key);
	const config_setting_t *e = list ? config_setting_get_elem(list, (unsigned)i) : NULL;

	return e && config_setting_is_group(e) ? e : NULL;
}

static bool
given(const config_setting_t *group, const char *key)
{
	return group && conf_member(group, key) != NULL;
}

/* The value of an enum is only worth a further check if it was not refused itself. */
static bool
enum_ok(enum conf_section section, const config_setting_t *group, const char *key, int value)
{
	const config_setting_t *s = conf_member(group, key);
	const char *text = s ? config_setting_get_string(s) : NULL;

	return !s || (text && strcmp(conf_find_key(section, key)->names[value], text) == 0);
}

static bool
is_among(const char *name, char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_equal_nocase(name, names[i]))
			return true;
	return false;
}

static void
check_auth(const struct checking *c, const config_setting_t *s, const struct conf_forest *f)
{
	const config_setting_t *auth = conf_member(s, "auth"), *tls = conf_member(s, "tls");
	bool simple = f->dir.mechanism == AUTH_SIMPLE;
	const char *const needed[2] = {
	    simple ? "bind_dn" : "principal", simple ? "password_file" : "keytab"};

	if (!auth || !config_setting_is_group(auth) ||
	    !enum_ok(CONF_AUTH, auth, "mechanism", (int)f->dir.mechanism))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!given(auth, needed[i]))
			conf_note(c->notes, auth, needed[i], "is missing; allowed: %s",
			    conf_find_key(CONF_AUTH, needed[i])->allowed);
	if (simple && f->dir.tls == TLS_NONE &&
	    (!tls || (config_setting_is_group(tls) && enum_ok(CONF_TLS, tls, "mode", TLS_NONE))))
		conf_note(c->notes, auth, "mechanism",
		    "'SIMPLE' would send the password in clear; allowed: tls.mode \"starttls\" or "
		    "\"ldaps\" with it");
}

static void
check_servers(const struct checking *c, const config_setting_t *s, const struct conf_forest *f)
{
	const config_setting_t *list = conf_member(s, "servers");

	if (!given(s, "domain") && (!list || config_setting_length(list) == 0))
		conf_note(c->notes, s, "domain",
		    "is missing, and servers too; allowed: one of them or both");
	for (size_t i = 0; i < f->n_servers; i++) {
		bool ldaps = str_starts_nocase(f->servers[i], "ldaps://");

		if (ldaps != (f->dir.tls == TLS_LDAPS) && (ldaps || strstr(f->servers[i], "://")))
			conf_note(c->notes, config_setting_get_elem(list, (unsigned)i), NULL,
			    "'%s' does not go with tls.mode; allowed: ldaps:// with \"ldaps\", "
			    "ldap:// with the others",
			    f->servers[i]);
	}
}

/* The attribute of a stamp or a marker is for nothing else. */
static void
check_own_attr(
    const struct checking *c, const config_setting_t *s, const char *key, const char *attr)
{
	if (attr && used_attr(attr))
		conf_note(c->notes, s, key,
		    "'%s' is read or written by galsync as what it is; allowed: an attribute that "
		    "has no other use, such as extensionAttribute1 to extensionAttribute15",
		    attr);
}

static void
check_forest(const struct checking *c, const config_setting_t *s, size_t i)
{
	const struct conf_forest *f = &c->conf->forests[i];

	for (size_t j = 0; f->name && j < i; j++)
		if (c->conf->forests[j].name && strcmp(f->name, c->conf->forests[j].name) == 0) {
			conf_note(c->notes, s, "name",
			    "'%s' names two forests; allowed: each name once", f->name);
			break;
		}
	check_own_attr(c, s, "stamp_attribute", f->stamp_attribute);
	check_servers(c, s, f);
	check_auth(c, s, f);
	if (f->redirect_domain && is_among(f->redirect_domain, f->mail_domains, f->n_mail_domains))
		conf_note(c->notes, s, "redirect_domain",
		    "'%s' is one of the mail_domains; allowed: a domain that carries redirected "
		    "mail only",
		    f->redirect_domain);
}

/* DN must lie in F's domain. */
static void
check_domain(const struct checking *c, const config_setting_t *s, const char *key, const char *dn,
    const struct conf_forest *f)
{
	struct err err = {0};
	_cleanup_(free) char *norm = dn ? dn_normalize(dn, &err) : NULL;
	_cleanup_(free) char *domain = norm ? dn_to_dns_domain(dn) : NULL;
	char why[512];

	if (dn && !norm && c->notes->n == 0)
		c->notes->nomem = true;
	if (!norm || !f)
		return;
	if (!domain)
		c->notes->nomem = true;
	else if (!*domain)
		conf_note(c->notes, s, key,
		    "'%s' names no domain; allowed: a DN that ends in DC=...", dn);
	else if (f->dir.domain && str_equal_nocase(domain, f->dir.domain) &&
		 !conf_check_dns(domain, why, sizeof why))
		conf_note(c->notes, s, key,
		    "'%s' names the domain '%s', which %s; allowed: a DN that ends in DC=...", dn,
		    domain, why);
	else if (f->dir.domain && !str_equal_nocase(domain, f->dir.domain) &&
		 conf_check_dns(f->dir.domain, why, sizeof why))
		conf_note(c->notes, s, key,
		    "'%s' is outside the domain of forest '%s'; allowed: an OU in %s", dn, f->name,
		    f->dir.domain);
}

static void
check_scope(const struct checking *c, const config_setting_t *s, const struct conf_link *l,
    const struct conf_scope *scope)
{
	check_domain(c, s, "base", scope->base, l->source);
	check_domain(c, s, "target_ou", scope->target_ou, l->target);
	if (scope->linked && given(s, "create") && scope->create != CREATE_MAILBOX &&
	    scope->create != CREATE_MAIL_USER &&
	    enum_ok(CONF_SCOPE, s, "create", (int)scope->create))
		conf_note(c->notes, s, "linked",
		    "true needs accounts to link; allowed: create \"mailbox\" or \"mail-user\" "
		    "with it");
}

static bool
overlap(const struct conf_scope *x, const struct conf_scope *y)
{
	return x->base_norm && y->base_norm && (x->kinds & y->kinds) &&
	       (dn_norm_is_under(x->base_norm, y->base_norm) ||
		   dn_norm_is_under(y->base_norm, x->base_norm));
}

/* Scope I of link L against all earlier ones between the same forests: an object that lies in two
 * scopes would have two counterparts, or one that two rules fight for. */
static void
check_overlap(
    const struct checking *c, const config_setting_t *s, const struct conf_link *l, size_t i)
{
	for (const struct conf_link *m = c->conf->links; m <= l; m++) {
		if (m->source != l->source || m->target != l->target)
			continue;
		for (size_t j = 0; j < (m == l ? i : m->n_scopes); j++)
			if (overlap(&l->scopes[i], &m->scopes[j])) {
				conf_note(c->notes, s, "base",
				    "'%s' overlaps the scope of line %d ('%s') and takes the same "
				    "kinds; allowed: separate bases or separate kinds",
				    l->scopes[i].base, m->scopes[j].line, m->scopes[j].base);
				return;
			}
	}
}

/* The kinds of what scope S creates. */
static unsigned
made_kinds(const struct conf_scope *s)
{
	unsigned users = s->create == CREATE_CONTACT ? KIND_BIT(KIND_CONTACT) : KIND_BIT(KIND_USER);
	unsigned groups =
	    s->create == CREATE_CONTACT ? KIND_BIT(KIND_CONTACT) : KIND_BIT(KIND_GROUP);
	unsigned others = s->kinds & ~(KIND_BIT(KIND_USER) | KIND_BIT(KIND_GROUP));

	if (s->create == CREATE_NOTHING)
		return 0;
	return (s->kinds & KIND_BIT(KIND_USER) ? users : 0) |
	       (s->kinds & KIND_BIT(KIND_GROUP) ? groups : 0) |
	       (others ? KIND_BIT(KIND_CONTACT) : 0);
}

/* Would TAKES take what MAKES creates? A mirror of the source's OUs may reach a base below. */
static bool
takes_back(const struct conf_scope *takes, const struct conf_scope *makes)
{
	return takes->base && makes->target_ou && (takes->kinds & made_kinds(makes)) &&
	       (dn_is_under(makes->target_ou, takes->base) ||
		   (makes->layout == LAYOUT_MIRROR && dn_is_under(takes->base, makes->target_ou)));
}

/* Scope X of link L, setting S, against scope Y of link M, which leads back. */
static bool
note_against(const struct checking *c, const config_setting_t *s,
    const struct conf_link *const l[2], const struct conf_scope *x, const struct conf_scope *y)
{
	if (takes_back(x, y)) {
		conf_note(c->notes, s, "base",
		    "link '%s' would take from '%s' what link '%s' in the other direction "
		    "creates in '%s' (line %d); allowed: a base apart from the target_ou of such a "
		    "link",
		    l[0]->name, x->base, l[1]->name, y->target_ou, y->line);
		return true;
	}
	if (!takes_back(y, x))
		return false;
	conf_note(c->notes, s, "target_ou",
	    "link '%s' would create in '%s' what link '%s' in the other direction takes from '%s' "
	    "(line %d); allowed: a target_ou apart from the bases of such a link",
	    l[0]->name, x->target_ou, l[1]->name, y->base, y->line);
	return true;
}

/* Scope I of link L against all earlier links between the same forests in the other direction: what
 * one creates would come back by the other. */
static void
check_against(
    const struct checking *c, const config_setting_t *s, const struct conf_link *l, size_t i)
{
	for (const struct conf_link *m = c->conf->links; m < l; m++) {
		const struct conf_link *const both[2] = {l, m};

		if (!l->name || !m->name || !conf_same_forest(m->source, l->target) ||
		    !conf_same_forest(m->target, l->source))
			continue;
		for (size_t j = 0; j < m->n_scopes; j++)
			if (note_against(c, s, both, &l->scopes[i], &m->scopes[j]))
				return;
	}
}

/* A redirect domain is accepted by one organization and by no other, or mail loops. */
static void
check_redirect(const struct checking *c, const struct conf_link *l)
{
	const config_setting_t *root = c->root;
	const struct conf_forest *ends[] = {l->source, l->target};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		const struct conf_forest *own = ends[i], *other = ends[1 - i];
		const config_setting_t *f =
		    element(root, "forests", (size_t)(own - c->conf->forests));

		if (!f || !own->redirect_domain)
			continue;
		if (is_among(own->redirect_domain, other->mail_domains, other->n_mail_domains))
			conf_note(c->notes, f, "redirect_domain",
			    "'%s' is one of the mail_domains of forest '%s', the other end of link "
			    "'%s'; allowed: a domain of this forest only",
			    own->redirect_domain, other->name, l->name);
		if (i == 1 && other->redirect_domain &&
		    str_equal_nocase(own->redirect_domain, other->redirect_domain))
			conf_note(c->notes, f, "redirect_domain",
			    "'%s' is that of forest '%s' too, the other end of link '%s'; allowed: "
			    "a domain of this forest only",
			    own->redirect_domain, other->name, l->name);
	}
}

/* Every address in toggle_domain is taken for a leftover and removed: no object may own one. */
static void
check_toggle(const struct checking *c, const config_setting_t *s, const struct conf_link *l)
{
	for (size_t i = 0; l->toggle_domain && i < c->conf->n_forests; i++) {
		const struct conf_forest *f = &c->conf->forests[i];

		if (is_among(l->toggle_domain, f->mail_domains, f->n_mail_domains) ||
		    (f->redirect_domain && str_equal_nocase(l->toggle_domain, f->redirect_domain)))
			conf_note(c->notes, s, "toggle_domain",
			    "'%s' is a mail domain of forest '%s': addresses in it would be "
			    "removed; "
			    "allowed: a domain in which no object has an address",
			    l->toggle_domain, f->name ? f->name : "");
	}
}

static void
check_row_value(const struct checking *c, const config_setting_t *s, const struct conf_row *r)
{
	bool wants_value = r->how == ROW_CONSTANT || r->how == ROW_TEMPLATE;
	char why[512] = "";

	if (!enum_ok(CONF_ROW, s, "how", (int)r->how))
		return;
	if (wants_value && !given(s, "value"))
		conf_note(c->notes, s, "value", "is missing; allowed: text");
	if (!wants_value && given(s, "value"))
		conf_note(c->notes, s, "value",
		    "has no meaning here; allowed: only with how \"constant\" or \"template\"");
	if ((wants_value || r->how == ROW_REMOVE) && given(s, "source"))
		conf_note(c->notes, s, "source",
		    "has no meaning here; allowed: only with how \"copy\", \"dn\" or \"merge\"");
	if (r->how == ROW_TEMPLATE && r->value && !conf_check_template(r->value, why, sizeof why))
		conf_note(c->notes, s, "value", "'%s' %s; allowed: %s", r->value, why,
		    CONF_TEMPLATE_HELP);
}

/* What every object has a value of its own of. */
static void
check_row_constant(const struct checking *c, const config_setting_t *s, const struct conf_row *r)
{
	char why[512] = "";

	if (!r->attr || !r->value || !used_attr_is_unique(r->attr) ||
	    !enum_ok(CONF_ROW, s, "how", (int)r->how) ||
	    !(r->how == ROW_CONSTANT ||
		(r->how == ROW_TEMPLATE && conf_check_template(r->value, why, sizeof why) &&
		    template_is_constant(r->value))))
		return;
	conf_note(c->notes, s, "value",
	    "'%s' would be the %s of every object, which each must have for itself; allowed: how "
	    "\"template\" and %s",
	    r->value, r->attr, CONF_TEMPLATE_HELP);
}

/* What marks the switched mailboxes of this target, where it is the source of another link. */
static void
check_row_marker(const struct checking *c, const config_setting_t *s, const struct conf_link *l,
    const struct conf_row *r)
{
	for (size_t i = 0; l->target && i < c->conf->n_links; i++) {
		const struct conf_link *m = &c->conf->links[i];

		if (m->source != l->target || !m->marker_attribute ||
		    !str_equal_nocase(r->attr, m->marker_attribute))
			continue;
		conf_note(c->notes, s, "attribute",
		    "'%s' is the marker_attribute of link '%s' in forest '%s'; allowed: other "
		    "attributes",
		    r->attr, m->name ? m->name : "", l->target->name);
		return;
	}
}

static void
check_row(const struct checking *c, const config_setting_t *s, const struct conf_link *l, size_t i)
{
	const struct conf_row *r = &l->rows[i];

	check_row_value(c, s, r);
	check_row_constant(c, s, r);
	if (!r->attr)
		return;
	if (used_attr_is_reserved(r->attr))
		conf_note(c->notes, s, "attribute",
		    "'%s' is governed by galsync itself or never written; allowed: other "
		    "attributes",
		    r->attr);
	if (l->target && l->target->stamp_attribute &&
	    str_equal_nocase(r->attr, l->target->stamp_attribute))
		conf_note(c->notes, s, "attribute",
		    "'%s' carries the stamp in forest '%s'; allowed: other attributes", r->attr,
		    l->target->name);
	if (conf_is_kept(l, r->attr))
		conf_note(c->notes, s, "attribute",
		    "'%s' belongs to a tool of adopt, and keeps its values; allowed: other "
		    "attributes",
		    r->attr);
	check_row_marker(c, s, l, r);
	for (size_t j = 0; j < i; j++)
		if (l->rows[j].attr && str_equal_nocase(r->attr, l->rows[j].attr) &&
		    (!r->kinds || !l->rows[j].kinds || (r->kinds & l->rows[j].kinds))) {
			conf_note(c->notes, s, "attribute",
			    "'%s' has a row for the same kinds in line %d; allowed: one row for "
			    "each attribute and kind",
			    r->attr, l->rows[j].line);
			break;
		}
}

/* On the source object both have a value of their own: neither may lie over the other. */
static void
check_marker(const struct checking *c, const config_setting_t *s, const struct conf_link *l)
{
	const char *attr = l->marker_attribute;

	check_own_attr(c, s, "marker_attribute", attr);
	if (attr && l->source && l->source->stamp_attribute &&
	    str_equal_nocase(attr, l->source->stamp_attribute))
		conf_note(c->notes, s, "marker_attribute",
		    "'%s' carries the stamp in forest '%s'; allowed: another attribute", attr,
		    l->source->name);
}

/* What galsync writes itself would switch mailboxes that no administrator called ready, or keep
 * others from it. */
static void
check_readiness(const struct checking *c, const config_setting_t *s, const struct conf_link *l)
{
	const char *attr = l->readiness_attribute;

	if (!attr && given(s, "readiness_value"))
		conf_note(c->notes, s, "readiness_value",
		    "has no meaning here; allowed: only with readiness_attribute");
	if (attr && l->marker_attribute && str_equal_nocase(attr, l->marker_attribute))
		conf_note(c->notes, s, "readiness_attribute",
		    "'%s' is the marker_attribute, which a switch writes; allowed: another "
		    "attribute",
		    attr);
	if (attr && l->source && l->source->stamp_attribute &&
	    str_equal_nocase(attr, l->source->stamp_attribute))
		conf_note(c->notes, s, "readiness_attribute",
		    "'%s' carries the stamp in forest '%s'; allowed: another attribute", attr,
		    l->source->name);
}

/* Users write it: nothing may follow from it but what a report says. */
static void
check_client(const struct checking *c, const config_setting_t *s, const struct conf_link *l)
{
	const struct {
		const char *attr, *what;
	} others[] = {{l->marker_attribute, "the marker_attribute"},
	    {l->readiness_attribute, "the readiness_attribute"},
	    {l->source ? l->source->stamp_attribute : NULL, "the stamp_attribute of the source"}};
	const char *attr = l->client_attribute;

	for (size_t i = 0; attr && i < ARRAY_SIZE(others); i++)
		if (others[i].attr && str_equal_nocase(attr, others[i].attr))
			conf_note(c->notes, s, "client_attribute",
			    "'%s' is %s; allowed: another attribute", attr, others[i].what);
}

/* A tool that is not built in is described in full. */
static void
check_tool(const struct checking *c, const config_setting_t *s, const struct conf_link *l, size_t i)
{
	static const char *const needed[] = {"source_attribute", "target_attribute", "value"};
	const struct conf_adopt *a = &l->adopt[i];

	if (!a->tool)
		return;
	for (size_t j = 0; j < i; j++)
		if (l->adopt[j].tool && strcmp(l->adopt[j].tool, a->tool) == 0) {
			conf_note(c->notes, s, "tool",
			    "'%s' is adopted twice; allowed: each tool once", a->tool);
			break;
		}
	for (size_t j = 0; j < ARRAY_SIZE(needed) && !conf_is_tool(a->tool); j++)
		if (!given(s, needed[j]))
			conf_note(c->notes, s, needed[j],
			    "is missing, tool '%s' is not built in; allowed: %s, or one of the "
			    "tools " CONF_TOOLS,
			    a->tool, conf_find_key(CONF_ADOPT, needed[j])->allowed);
}

/* Where the tool has its values nothing of galsync's has room. */
static void
check_kept(const struct checking *c, const config_setting_t *s, const struct conf_link *l)
{
	const char *stamp = l->target ? l->target->stamp_attribute : NULL;

	if (stamp && conf_is_kept(l, stamp))
		conf_note(c->notes, s, "adopt",
		    "'%s' belongs to a tool, but carries the stamp in forest '%s'; allowed: "
		    "another stamp_attribute there, such as extensionAttribute7",
		    stamp, l->target->name);
	if (l->marker_attribute && conf_is_kept(l, l->marker_attribute))
		conf_note(c->notes, s, "adopt",
		    "'%s' belongs to a tool, but is the marker_attribute; allowed: another "
		    "marker_attribute, such as extensionAttribute6",
		    l->marker_attribute);
}

/* Why DOMAIN cannot be the one in which a tool redirects to SIDE, or NULL. */
static const char *
tool_domain_refusal(const struct conf_link *l, enum side side, const char *domain)
{
	const struct conf_forest *const ends[SIDES] = {l->source, l->target};
	const char *const *others = l->adopted_domains[side_other(side)];

	for (int i = SOURCE; i < SIDES; i++)
		if (is_among(domain, ends[i]->mail_domains, ends[i]->n_mail_domains))
			return "is a mail domain of one of both forests";
	if (ends[side_other(side)]->redirect_domain &&
	    str_equal_nocase(domain, ends[side_other(side)]->redirect_domain))
		return "is the redirect_domain of the other forest";
	for (size_t i = 0; others && others[i]; i++)
		if (str_equal_nocase(domain, others[i]))
			return "leads to the other side too";
	return l->toggle_domain && str_equal_nocase(domain, l->toggle_domain)
		   ? "is the toggle_domain"
		   : NULL;
}

/* Which side is active is read from where redirections lead. */
static void
check_tool_domains(
    const struct checking *c, const config_setting_t *s, const struct conf_link *l, size_t i)
{
	static const char *const keys[SIDES] = {"source_redirect_domain", "target_redirect_domain"};

	for (int side = SOURCE; l->source && l->target && side < SIDES; side++) {
		const char *domain = l->adopt[i].redirect_domain[side];
		const char *why = domain ? tool_domain_refusal(l, (enum side)side, domain) : NULL;

		if (why)
			conf_note(c->notes, s, keys[side],
			    "'%s' %s; allowed: the domain in which the tool redirects to the %s "
			    "forest, and nothing else",
			    domain, why, side_name((enum side)side));
	}
}

static void
check_adopt(const struct checking *c, const config_setting_t *s, const struct conf_link *l)
{
	check_kept(c, s, l);
	for (size_t i = 0; i < l->n_adopt; i++) {
		const config_setting_t *a = element(s, "adopt", i);

		if (a) {
			check_tool(c, a, l, i);
			check_tool_domains(c, a, l, i);
		}
	}
}

/* An object that lies in two scopes would have two contacts. */
static void
check_return_scopes(const struct checking *c, const config_setting_t *s, const struct conf_link *l)
{
	if (l->n_return_scopes && !l->return_contacts_ou)
		conf_note(c->notes, s, "return_scopes",
		    "are of no use without return_contacts_ou; allowed: both");
	for (size_t i = 0; i < l->n_return_scopes; i++) {
		const config_setting_t *scope = element(s, "return_scopes", i);

		if (scope)
			check_domain(c, scope, "base", l->return_scopes[i].base, l->target);
		for (size_t j = 0; scope && j < i; j++)
			if (overlap(&l->return_scopes[i], &l->return_scopes[j])) {
				conf_note(c->notes, scope, "base",
				    "'%s' overlaps the scope of line %d ('%s') and takes the same "
				    "kinds; allowed: separate bases or separate kinds",
				    l->return_scopes[i].base, l->return_scopes[j].line,
				    l->return_scopes[j].base);
				break;
			}
	}
}

static void
check_link(const struct checking *c, const config_setting_t *s, size_t i)
{
	const struct conf_link *l = &c->conf->links[i];

	for (size_t j = 0; l->name && j < i; j++)
		if (c->conf->links[j].name && strcmp(l->name, c->conf->links[j].name) == 0) {
			conf_note(c->notes, s, "name",
			    "'%s' names two links; allowed: each name once", l->name);
			break;
		}
	if (l->source && l->source == l->target)
		conf_note(c->notes, s, "target", "'%s' is the source too; allowed: another forest",
		    l->target->name);
	else if (l->source && l->target && l->name)
		check_redirect(c, l);
	check_toggle(c, s, l);
	check_domain(c, s, "return_contacts_ou", l->return_contacts_ou, l->source);
	check_return_scopes(c, s, l);
	check_domain(c, s, "marker_group", l->marker_group, l->source);
	for (size_t j = 0; j < l->n_match_bases; j++)
		check_domain(c, s, "match_bases", l->match_bases[j], l->target);
	conf_check_mailbox(c->conf, c->root, s, l, c->notes);
	check_marker(c, s, l);
	check_readiness(c, s, l);
	check_client(c, s, l);
	check_adopt(c, s, l);
	for (size_t j = 0; j < l->n_scopes; j++) {
		const config_setting_t *scope = element(s, "scopes", j);

		if (scope) {
			check_scope(c, scope, l, &l->scopes[j]);
			check_overlap(c, scope, l, j);
			check_against(c, scope, l, j);
		}
	}
	for (size_t j = 0; j < l->n_rows; j++) {
		const config_setting_t *row = element(s, "attributes", j);

		if (row)
			check_row(c, row, l, j);
	}
}

/* A full map stops everything: the journal must leave room for the rest. */
static void
check_journal(const struct checking *c, const config_setting_t *root)
{
	int64_t most = c->conf->map_size_mb / 2;

	if (given(root, "journal_size_mb") && c->conf->journal_size_mb > most)
		conf_note(c->notes, root, "journal_size_mb",
		    "%" PRId64 " is too much for map_size_mb; allowed: half of that, 1 to %" PRId64,
		    c->conf->journal_size_mb, most);
}

void
conf_check(const struct conf *conf, const config_setting_t *root, struct conf_notes *notes)
{
	const struct checking c = {conf, root, notes};
	const config_setting_t *s;

	check_journal(&c, root);
	if (conf->n_forests == 1)
		conf_note(notes, root, "forests", "has one forest; allowed: two or more");
	for (size_t i = 0; i < conf->n_forests; i++)
		if ((s = element(root, "forests", i)))
			check_forest(&c, s, i);
	for (size_t i = 0; i < conf->n_links; i++)
		if ((s = element(root, "links", i)))
			check_link(&c, s, i);
	conf_check_authority(conf, root, notes);
}
