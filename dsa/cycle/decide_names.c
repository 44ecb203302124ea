/* SPDX-License-Identifier: MIT */
/* Names for what is to be created: what is taken on the target, and what was claimed in this cycle.
 */
#include "dsa/cycle/decide.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/base/text_fold.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/names.h"
#include "mapping/match.h"

struct taking {
	struct cycle *c;
	uint32_t self, replaced; /* the source entry, and the target entry that makes way or none */
	int rc;
	struct err *err;
};

/* Under what a name is looked up and claimed: as AD compares it, without accents. */
static enum match_key
folded_key(enum match_key key)
{
	return key == MATCH_KEY_SAM   ? MATCH_KEY_SAM_FOLDED
	       : key == MATCH_KEY_UPN ? MATCH_KEY_UPN_FOLDED
				      : key;
}

static char *
folded_value(enum match_key key, const char *value)
{
	return key == MATCH_KEY_NAME ? strdup(value) : text_fold_key(value);
}

static int
take_any(struct world_hit *hit, void *arg, struct err *err)
{
	(void)hit;
	(void)err;
	*(bool *)arg = true;
	return 1;
}

static int
find_name(struct taking *t, enum match_key key, const char *value, bool *ret)
{
	_cleanup_(free) char *fold = folded_value(key, value);
	struct world_query q = world_query(TARGET, folded_key(key), bytes_of(fold ? fold : ""));

	if (!fold)
		return err_nomem(t->err);
	/* A delta searches the name itself; the folded key finds what that read. */
	if (world_demand(t->c->world, TARGET, key, bytes_of(value), t->err) < 0 ||
	    world_fetch(t->c->world, TARGET, t->err) < 0)
		return -1;
	q.but_entry = t->replaced;
	q.but_claim = t->self;
	return world_find_each(t->c->world, &q, take_any, ret, t->err) < 0 ? -1 : 0;
}

static bool
key_taken(struct taking *t, enum match_key key, const char *value)
{
	bool taken = false;

	if (find_name(t, key, value, &taken) < 0)
		t->rc = -1;
	return taken;
}

/* An account without userPrincipalName logs on as sAMAccountName@domain (MS-ADTS 5.1.1.1.1),
 * so the two names exclude each other in the domain's own suffix. */
static bool
name_taken(enum match_key key, const char *value, void *arg)
{
	struct taking *t = arg;
	const char *domain = t->c->run->dir[TARGET]->ops->info(t->c->run->dir[TARGET])->domain_dns;
	const char *at = strrchr(value, '@');
	enum match_key other_key = key == MATCH_KEY_UPN ? MATCH_KEY_SAM : MATCH_KEY_UPN;
	_cleanup_(free) char *other = NULL;

	if (key == MATCH_KEY_UPN && at && str_equal_nocase(at + 1, domain))
		other = strndup(value, (size_t)(at - value));
	else if (key == MATCH_KEY_SAM)
		other = str_printf("%s@%s", value, domain);
	else
		return key_taken(t, key, value);
	if (!other)
		t->rc = err_nomem(t->err);
	/* One request for both. */
	else if (world_demand(t->c->world, TARGET, other_key, bytes_of(other), t->err) < 0)
		t->rc = -1;
	else
		return key_taken(t, key, value) || key_taken(t, other_key, other);
	return false;
}

static int
claim_names(
    struct cycle *c, uint32_t index, const struct names *n, const char *parent, struct err *err)
{
	_cleanup_(free) char *name = names_key(parent, n->rdn_value);
	struct {
		enum match_key key;
		const char *value;
	} claims[] = {{MATCH_KEY_NAME, name}, {MATCH_KEY_SAM, n->sam}, {MATCH_KEY_UPN, n->upn}};

	if (!name)
		return err_nomem(err);
	for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
		_cleanup_(free) char *fold = NULL;

		if (!claims[i].value)
			continue;
		fold = folded_value(claims[i].key, claims[i].value);
		if (!fold)
			return err_nomem(err);
		if (world_claim(c->world, TARGET, folded_key(claims[i].key), bytes_of(fold), index,
			err) < 0)
			return -1;
	}
	return 0;
}

/* The target OU, or with the mirror layout the OU below it that mirrors the source's. */
static int
parent_of(const struct cycle *c, const struct decision *d, const struct entry *source, char **ret,
    struct err *err)
{
	const struct conf_scope *s = &c->run->link->scopes[d->scope];
	const char *parent = dn_parent(source->dn);
	_cleanup_(buf_done) struct buf b = {0};

	if (s->layout == LAYOUT_MIRROR)
		for (; *parent && !dn_equal(parent, s->base); parent = dn_parent(parent)) {
			_cleanup_(free) char *value = dn_rdn_value(parent, err), *escaped = NULL;

			if (!value)
				return -1;
			/* What a replication conflict left in two is one OU of the target. */
			dn_unmangle(value);
			if (!(escaped = dn_escape_value(value)))
				return err_nomem(err);
			buf_printf(&b, "OU=%s,", escaped);
		}
	buf_add_str(&b, s->target_ou);
	*ret = buf_take_str(&b);
	return *ret ? 0 : err_nomem(err);
}

static int
fetch_names(struct cycle *c, const struct entry *source, const char *parent, struct err *err)
{
	_cleanup_(free) char *rdn = dn_rdn_value(source->dn, err);

	return rdn ? world_fetch_names(c->world, parent, rdn, err) : -1;
}

int
decide_names(struct cycle *c, uint32_t index, const struct entry *source, struct decision *d,
    struct err *err)
{
	struct taking t = {.c = c, .self = index, .replaced = d->target, .err = err};
	_cleanup_(free) char *parent = NULL;
	struct names_in in;
	struct names n = {0};
	enum world_ou ignored;
	int rc;

	if (parent_of(c, d, source, &parent, err) < 0)
		return -1;
	/* The plan wants to know whether it is there, and reads nothing. */
	if (fetch_names(c, source, parent, err) < 0 ||
	    world_find_ou(c->world, parent, &ignored, err) < 0)
		return -1;
	in = (struct names_in){c->run->link, d->shape, source, parent};
	rc = names_choose(&in, name_taken, &t, &n, err);
	if (rc == 0 && t.rc == 0)
		rc = claim_names(c, index, &n, parent, err);
	if (rc == 0 && t.rc == 0) {
		free(d->target_dn);
		d->target_dn = TAKE(n.dn);
		d->rdn_value = TAKE(n.rdn_value);
		d->sam = TAKE(n.sam);
		d->upn = TAKE(n.upn);
	}
	names_done(&n);
	return t.rc < 0 ? -1 : rc;
}
