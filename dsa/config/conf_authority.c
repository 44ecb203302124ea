/* SPDX-License-Identifier: MIT */
/* Whose side an attribute flows from: what of it can flow back, and that two targets do not both
 * decide about one source object, which would be written to and fro for ever. */
#include "dsa/config/conf_passes.h"

#include "dsa/config/conf_notes.h"
#include "dsa/config/used_attrs.h"
#include "dsa/directory/dn.h"

/* Element I of list KEY of GROUP, or NULL. */
static const config_setting_t *
element(const config_setting_t *group, const char *key, size_t i)
{
	const config_setting_t *list = group ? conf_member(group, key) : NULL;

	return list ? config_setting_get_elem(list, (unsigned)i) : NULL;
}

/* What flows back must be a copy of something, and nobody else's identity. */
static void
check_row(struct conf_notes *notes, const config_setting_t *s, const struct conf_row *r)
{
	bool copies = r->how == ROW_COPY || r->how == ROW_DN || r->how == ROW_MERGE;

	if (r->authority != AUTHORITY_TARGET)
		return;
	if (!copies)
		conf_note(notes, s, "authority",
		    "\"target\" has no meaning here; allowed: only with how \"copy\", \"dn\" or "
		    "\"merge\"");
	else if (r->source && (used_attr_is_reserved(r->source) || used_attr_is_unique(r->source)))
		conf_note(notes, s, "authority",
		    "'%s' of a source object is never written; allowed: \"active\" or \"source\"",
		    r->source);
}

/* Does the target of L decide about something of S's objects whatever mailbox is in use? */
static bool
target_decides(const struct conf_link *l, const struct conf_scope *s)
{
	bool decides = s->authority == TARGET;

	for (size_t i = 0; i < l->n_rows; i++)
		decides |= l->rows[i].authority == AUTHORITY_TARGET &&
			   (!l->rows[i].kinds || (l->rows[i].kinds & s->kinds));
	return decides;
}

static bool
share_objects(const struct conf_scope *x, const struct conf_scope *y)
{
	return x->base_norm && y->base_norm && (x->kinds & y->kinds) &&
	       (dn_norm_is_under(x->base_norm, y->base_norm) ||
		   dn_norm_is_under(y->base_norm, x->base_norm));
}

/* Scope S of L against those of the links before it. */
static void
check_scope(const struct conf *c, struct conf_notes *notes, const config_setting_t *at,
    const struct conf_link *l, const struct conf_scope *s)
{
	for (const struct conf_link *m = c->links; target_decides(l, s) && m < l; m++) {
		if (!m->source || !conf_same_forest(m->source, l->source))
			continue;
		for (size_t i = 0; i < m->n_scopes; i++) {
			if (!share_objects(s, &m->scopes[i]) || !target_decides(m, &m->scopes[i]))
				continue;
			conf_note(notes, at, "base",
			    "the targets of this link and of link '%s' both decide about objects "
			    "below '%s'; allowed: authority \"target\" in one of them",
			    m->name ? m->name : "", s->base);
			return;
		}
	}
}

void
conf_check_authority(const struct conf *c, const config_setting_t *root, struct conf_notes *notes)
{
	for (size_t i = 0; i < c->n_links; i++) {
		const struct conf_link *l = &c->links[i];
		const config_setting_t *link = element(root, "links", i);

		for (size_t j = 0; j < l->n_rows; j++)
			check_row(notes, element(link, "attributes", j), &l->rows[j]);
		for (size_t j = 0; l->source && j < l->n_scopes; j++)
			check_scope(c, notes, element(link, "scopes", j), l, &l->scopes[j]);
	}
}
