/* SPDX-License-Identifier: MIT */
#include "dsa/rules/adopt.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/directory/dn.h"
#include "dsa/rules/evidence.h"

/* ---- keys ---- */

struct adopt_tools {
	const struct conf_link *link;
	regex_t *patterns; /* by tool */
	size_t n;	   /* of those that are compiled */
};

int
adopt_tools_new(const struct conf_link *link, struct adopt_tools **ret, struct err *err)
{
	_cleanup_(adopt_tools_free) struct adopt_tools *t = calloc(1, sizeof *t);
	char why[256] = "";

	if (!t || !(t->patterns = calloc(link->n_adopt + 1, sizeof *t->patterns)))
		return err_nomem(err);
	t->link = link;
	for (; t->n < link->n_adopt; t->n++) {
		const char *value = link->adopt[t->n].value;
		int rc = regcomp(&t->patterns[t->n], value, REG_EXTENDED);

		if (rc == REG_ESPACE)
			return err_nomem(err);
		if (rc == 0)
			continue;
		(void)regerror(rc, &t->patterns[t->n], why, sizeof why);
		return err_conf(err, "'%s' is no regular expression: %s", value, why);
	}
	*ret = TAKE(t);
	return 0;
}

void
adopt_tools_free(struct adopt_tools *t)
{
	if (!t)
		return;
	while (t->n)
		regfree(&t->patterns[--t->n]);
	free(t->patterns);
	free(t);
}

/* Several values leave open which one counts. */
struct bytes
adopt_key(const struct adopt_tools *t, size_t i, enum side side, const struct entry *e)
{
	const struct attr *a = entry_find(e, t->link->adopt[i].attribute[side]);
	const char *text = a && a->n_values == 1 ? a->values[0].data : NULL;
	const regex_t *re = &t->patterns[i];
	regmatch_t at[2];
	const regmatch_t *key = &at[re->re_nsub ? 1 : 0];

	if (!text || regexec(re, text, ARRAY_SIZE(at), at, 0) != 0 || key->rm_so < 0 ||
	    key->rm_eo <= key->rm_so)
		return (struct bytes){NULL, 0};
	return (struct bytes){text + key->rm_so, (size_t)(key->rm_eo - key->rm_so)};
}

bool
adopt_find_key(const struct adopt_tools *t, enum side side, const struct entry *e, size_t *ret_tool,
    struct bytes *ret_key)
{
	for (size_t i = 0; i < t->n; i++) {
		*ret_tool = i;
		*ret_key = adopt_key(t, i, side, e);
		if (ret_key->data)
			return true;
	}
	return false;
}

/* ---- pairs ---- */

const char *
adopt_verdict_name(enum adopt_verdict v)
{
	static const char *const names[] = {[ADOPT_PAIR] = "pair",
	    [ADOPT_KNOWN] = "known",
	    [ADOPT_ALONE] = "alone",
	    [ADOPT_SEVERAL] = "several",
	    [ADOPT_TAKEN] = "taken",
	    [ADOPT_OUT] = "out",
	    [ADOPT_REFUSED] = "refused",
	    [ADOPT_KIND] = "kind",
	    [ADOPT_STAMP] = "stamp"};

	_Static_assert(ARRAY_SIZE(names) == ADOPT_MAX, "a name for each verdict");
	return names[v];
}

/* A contact that would have to give way to a new object is no partner: that object would not carry
 * the tool's values. */
static enum adopt_verdict
judge_identity(const struct adopt_facts *f, enum create_as create, const char **ret_why)
{
	const struct identity_in in = {.source = f->side[SOURCE],
	    .target = f->side[TARGET],
	    .stamp_attribute = f->link->target->stamp_attribute,
	    .create = create,
	    .promote_contacts = f->link->promote_contacts};
	bool ignored;

	switch (identity_judge(&in, &ignored)) {
	case IDENTITY_MATCHED: *ret_why = NULL; return ADOPT_PAIR;
	case IDENTITY_TAKEN:
		*ret_why = "the target's stamp names another source object";
		return ADOPT_TAKEN;
	case IDENTITY_FOREIGN_STAMP:
		*ret_why = "the target's stamp_attribute has a value that is not galsync's";
		return ADOPT_STAMP;
	case IDENTITY_PROMOTE:
	case IDENTITY_KIND: break;
	}
	*ret_why = "an object of this kind cannot be the counterpart";
	return ADOPT_KIND;
}

static enum adopt_verdict
judge_objects(const struct adopt_facts *f, const char *dn_norm, const char **ret_why)
{
	const struct conf_scope *scope = NULL;
	enum scope_verdict v = scope_judge(f->link, f->side[SOURCE], dn_norm, false, &scope);

	if (v != SCOPE_IN) {
		*ret_why = scope_verdict_name(v);
		return ADOPT_OUT;
	}
	for (int side = SOURCE; side < SIDES; side++)
		if ((*ret_why = identity_refusal(f->side[side], &f->guard[side])))
			return ADOPT_REFUSED;
	if (!evidence_is_in_place(f->link, MATCH_ADOPT, f->side[TARGET]->dn)) {
		*ret_why = "it lies outside match_bases";
		return ADOPT_REFUSED;
	}
	if ((*ret_why = f->across))
		return ADOPT_TAKEN;
	return judge_identity(f, scope->create, ret_why);
}

int
adopt_judge(
    const struct adopt_facts *f, enum adopt_verdict *ret, const char **ret_why, struct err *err)
{
	_cleanup_(free) char *norm = NULL;

	*ret_why = NULL;
	if (!f->n[SOURCE] || !f->n[TARGET]) {
		*ret = ADOPT_ALONE;
		*ret_why = f->n[SOURCE] ? "no object of the target carries the key"
					: "no object of the source carries the key";
	} else if (f->n[SOURCE] > 1 || f->n[TARGET] > 1) {
		*ret = ADOPT_SEVERAL;
		*ret_why = "several objects of one side carry the key";
	} else if (f->known) {
		*ret = ADOPT_KNOWN;
	} else if (f->taken) {
		*ret = ADOPT_TAKEN;
		*ret_why = "one of them is in a correspondence already";
	} else if (!(norm = dn_normalize(f->side[SOURCE]->dn, err))) {
		return -1;
	} else {
		*ret = judge_objects(f, norm, ret_why);
	}
	return 0;
}

/* ---- redirections ---- */

enum adopt_redirection
adopt_redirection_of(const struct conf_link *link, const struct entry *const side[SIDES],
    const struct active_side *a)
{
	const struct conf_forest *active = a->side == SOURCE ? link->source : link->target;
	enum side passive = side_other(a->side);
	const char *to = entry_get_str(side[passive], "targetAddress");

	if (!a->facts.mailbox[a->side] || !active->redirect_domain)
		return ADOPT_REDIRECT_NONE;
	if (a->facts.leads[passive] == LEADS_AWAY)
		return ADOPT_REDIRECT_AWAY;
	if (active_leads_to(to, NULL, active->redirect_domain))
		return ADOPT_REDIRECT_OURS;
	return to ? ADOPT_REDIRECT_TURN : ADOPT_REDIRECT_SET;
}
