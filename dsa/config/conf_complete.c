/* SPDX-License-Identifier: MIT */
/* Fills in what follows from other values: names shared between structures, parsed forms, and
 * defaults that a table cannot know. Values that are wrong were noted before and are passed over.
 */
#include "dsa/config/conf_passes.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/config/conf_notes.h"
#include "dsa/directory/dn.h"

struct completing {
	struct conf *conf;
	struct conf_notes *notes;
};

/* Takes the fresh string S over into *FIELD; NULL is no memory. */
static void
take_str(struct completing *c, char **field, char *s)
{
	if (!s)
		c->notes->nomem = true;
	else
		*field = s;
}

/* A forest reached by its servers alone gets its domain from the names of a link's OUs. */
static void
default_domain(struct completing *c, const struct conf_forest *forest, const char *dn)
{
	struct conf_forest *f = &c->conf->forests[forest - c->conf->forests];
	char *domain;

	if (f->dir.domain)
		return;
	if (!(domain = dn_to_dns_domain(dn)))
		c->notes->nomem = true;
	else if (*domain)
		f->dir.domain = domain;
	else
		free(domain);
}

/* The base of S lies in forest FROM. */
static void
complete_base(struct completing *c, const struct conf_forest *from, struct conf_scope *s)
{
	struct err err = {0};

	if (s->base) {
		s->base_norm = dn_normalize(s->base, &err);
		if (from)
			default_domain(c, from, s->base);
	}
	if (s->filter_text && filter_parse(s->filter_text, &s->filter, &err) < 0)
		s->filter = NULL;
	/* Both were tried when they were loaded: what fails now, unnoted, failed for memory. A
	 * scope must never lose its filter that way. */
	if (c->notes->n == 0 && ((s->base && !s->base_norm) || (s->filter_text && !s->filter)))
		c->notes->nomem = true;
}

static void
complete_scope(struct completing *c, const struct conf_link *l, struct conf_scope *s)
{
	complete_base(c, l->source, s);
	if (s->target_ou && l->target)
		default_domain(c, l->target, s->target_ou);
}

static void
complete_row(struct completing *c, struct conf_row *r)
{
	bool from_attr = r->how == ROW_COPY || r->how == ROW_DN || r->how == ROW_MERGE;

	if (from_attr && !r->from && r->attr)
		take_str(c, &r->from, strdup(r->attr));
	if (r->how != ROW_REMOVE)
		r->source = from_attr ? r->from : r->value;
}

static char *
usual_admin_group(const struct conf_link *l)
{
	static const char config[] = "/cn=Configuration";

	for (const char *p = l->home_server; p && *p; p++)
		if (p != l->home_server && str_starts_nocase(p, config))
			return strndup(l->home_server, (size_t)(p - l->home_server));
	return str_printf("/o=%s/ou=%s", l->target->name, CONF_USUAL_ADMIN_GROUP);
}

static void
complete_link(struct completing *c, struct conf_link *l)
{
	l->whole = c->conf;
	for (size_t i = 0; i < l->n_scopes; i++)
		complete_scope(c, l, &l->scopes[i]);
	for (size_t i = 0; i < l->n_return_scopes; i++)
		complete_base(c, l->target, &l->return_scopes[i]);
	for (size_t i = 0; i < l->n_rows; i++)
		complete_row(c, &l->rows[i]);
	if (!conf_complete_adopt(l))
		c->notes->nomem = true;
	if (!l->target)
		return;
	if (!l->upn_suffix && l->target->dir.domain)
		take_str(c, &l->upn_suffix, strdup(l->target->dir.domain));
	if (!l->admin_group && l->target->name)
		take_str(c, &l->admin_group, usual_admin_group(l));
}

void
conf_complete(struct conf *conf, const config_setting_t *root, struct conf_notes *notes)
{
	struct completing c = {conf, notes};

	if (!conf_member(root, "journal_size_mb"))
		conf->journal_size_mb = conf->map_size_mb / 4;
	for (size_t i = 0; i < conf->n_forests; i++) {
		struct conf_forest *f = &conf->forests[i];

		f->dir.name = f->name;
		f->dir.servers = (const char *const *)f->servers;
		f->dir.n_servers = f->n_servers;
	}
	for (size_t i = 0; i < conf->n_links; i++)
		complete_link(&c, &conf->links[i]);
	/* A domain may follow from another link's names. */
	for (size_t i = 0; notes->n == 0 && i < conf->n_links; i++)
		notes->nomem |= !conf_complete_return(&conf->links[i]);
}
