/* SPDX-License-Identifier: MIT */
/*
 * The return flow of a link. To all other code it is a link: from the target forest to the source
 * forest, with scopes that create contacts below return_contacts_ou. So what is true of forward
 * contacts is true of return contacts, without a second word anywhere.
 */
#include "dsa/config/conf_passes.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "mapping/store.h"

/* What is already in return_contacts_ou may be a contact of another tool: it is known by evidence,
 * never by what the native says of itself. */
static const char *const evidence[] = {
    "stamp", "sid-on-target", "x500-on-target", "mail-on-target"};

void
conf_free_back(struct conf_link *b)
{
	if (!b)
		return;
	free(b->name);
	free(b->admin_group);
	free(b->upn_suffix);
	free(b->match_bases);
	for (size_t i = 0; b->scopes && i < b->n_scopes; i++) {
		filter_free(b->scopes[i].filter);
		free(b->scopes[i].base_norm);
		free(b->scopes[i].base);
	}
	free(b->scopes);
	for (size_t i = 0; b->match && i < b->n_match; i++)
		match_rule_done(&b->match[i]);
	free(b->match);
	for (int side = SOURCE; side < SIDES; side++)
		free(b->adopted_domains[side]);
	free(b);
}

/* "DC=globex,DC=example" of "globex.example". */
static char *
domain_dn(const char *domain)
{
	_cleanup_(buf_done) struct buf b = {0};

	for (const char *label = domain; *label;) {
		size_t n = strcspn(label, ".");

		buf_printf(&b, "%sDC=%.*s", b.len ? "," : "", (int)n, label);
		label += n;
		label += *label == '.';
	}
	return buf_take_str(&b);
}

/* FROM as configured; NULL: every native of the forest that is not hidden. */
static bool
make_scope(const struct conf_link *l, const struct conf_scope *from, struct conf_scope *ret)
{
	struct err err;

	*ret = (struct conf_scope){
	    .kinds = from ? from->kinds
			  : KIND_BIT(KIND_USER) | KIND_BIT(KIND_GROUP) | KIND_BIT(KIND_CONTACT) |
				KIND_BIT(KIND_DYNAMIC_GROUP) | KIND_BIT(KIND_PUBLIC_FOLDER),
	    .layout = from ? from->layout : LAYOUT_FLAT,
	    .target_ou = l->return_contacts_ou,
	    .filter_text = from ? from->filter_text : NULL,
	    .create = CREATE_CONTACT,
	    .hidden_leaves = true,
	    .on_leave = LEAVE_DELETE,
	    .line = from ? from->line : l->line};
	ret->base = from ? strdup(from->base) : domain_dn(l->target->dir.domain);
	ret->base_norm = ret->base ? dn_normalize(ret->base, &err) : NULL;
	return ret->base_norm &&
	       (!ret->filter_text || filter_parse(ret->filter_text, &ret->filter, &err) == 0);
}

static bool
make_scopes(const struct conf_link *l, struct conf_link *b)
{
	size_t n = l->n_return_scopes ? l->n_return_scopes : 1;

	b->scopes = calloc(n, sizeof *b->scopes);
	while (b->scopes && b->n_scopes < n) {
		size_t i = b->n_scopes++;

		if (!make_scope(l, l->n_return_scopes ? &l->return_scopes[i] : NULL, &b->scopes[i]))
			return false;
	}
	return b->scopes != NULL;
}

static bool
make_match(const struct conf_link *l, struct conf_link *b)
{
	struct err err;

	b->match = calloc(ARRAY_SIZE(evidence), sizeof *b->match);
	b->match_bases = calloc(1, sizeof *b->match_bases);
	if (!b->match || !b->match_bases)
		return false;
	b->match_bases[b->n_match_bases++] = l->return_contacts_ou;
	while (b->n_match < ARRAY_SIZE(evidence))
		if (match_rule_parse(evidence[b->n_match], &b->match[b->n_match], &err) < 0)
			return false;
		else
			b->n_match++;
	return true;
}

/* The other tools' redirect domains of L, seen from the other end. */
static bool
turn_domains(const struct conf_link *l, struct conf_link *b)
{
	for (int side = SOURCE; side < SIDES; side++) {
		const char *const *from = l->adopted_domains[side_other((enum side)side)];
		size_t n = 0;

		while (from && from[n])
			n++;
		if (!from)
			continue;
		b->adopted_domains[side] = calloc(n + 1, sizeof *from);
		if (!b->adopted_domains[side])
			return false;
		memcpy(b->adopted_domains[side], from, n * sizeof *from);
	}
	return true;
}

/* What of L counts for both flows; the strings stay L's. */
static void
copy_common(const struct conf_link *l, struct conf_link *b)
{
	b->whole = l->whole;
	b->forth = l;
	b->source = l->target;
	b->target = l->source;
	b->foreign_addresses = l->foreign_addresses;
	b->redirect_template = l->redirect_template;
	b->marker_attribute = l->marker_attribute;
	b->toggle_domain = l->toggle_domain;
	b->hook = l->hook;
	b->hook_events = l->hook_events;
	b->n_hook_events = l->n_hook_events;
	b->hook_timeout_s = l->hook_timeout_s;
	b->max_deletes = l->max_deletes;
	b->max_delete_percent = l->max_delete_percent;
	b->max_redirections = l->max_redirections;
	b->max_redirection_percent = l->max_redirection_percent;
	b->max_matches = l->max_matches;
	b->max_member_removals = l->max_member_removals;
	b->max_member_removal_percent = l->max_member_removal_percent;
	b->max_primary_changes = l->max_primary_changes;
	b->max_primary_change_percent = l->max_primary_change_percent;
	b->interval_s = l->interval_s;
	b->file = l->file;
	b->line = l->line;
}

bool
conf_complete_return(struct conf_link *l)
{
	struct conf_link *b;

	/* What is missing was noted before. */
	if (!l->return_contacts_ou || !l->name || !l->source || !l->target ||
	    !l->target->dir.domain)
		return true;
	for (size_t i = 0; i < l->n_return_scopes; i++)
		if (!l->return_scopes[i].base_norm)
			return true;
	b = l->back = calloc(1, sizeof *b);
	if (!b)
		return false;
	copy_common(l, b);
	b->name = str_printf("%s" STORE_RETURN_SUFFIX, l->name);
	b->admin_group =
	    str_printf("/o=%s/ou=" CONF_USUAL_ADMIN_GROUP, l->source->name ? l->source->name : "");
	b->upn_suffix = strdup(l->source->dir.domain ? l->source->dir.domain : "");
	return b->name && b->admin_group && b->upn_suffix && make_scopes(l, b) &&
	       make_match(l, b) && turn_domains(l, b);
}
