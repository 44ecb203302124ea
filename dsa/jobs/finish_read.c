/* SPDX-License-Identifier: MIT */
/*
 * What is read of a mailbox that is to be finished. What refers to it is found by searches: in the
 * target forest what redirects to an address that only the source has, and then the groups and
 * forwards that lead to those objects; in the source forest what forwards to the source object.
 */
#include "dsa/jobs/finish_priv.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/filter.h"
#include "mapping/wave.h"

#define NO_SUCH_OBJECT 32 /* RFC 4511 appendix A */

static void
forget_references(struct finish_reading *r)
{
	for (size_t i = 0; i < r->n_references; i++) {
		free(r->references[i].dn);
		free(r->references[i].value);
	}
	r->n_references = 0;
}

static void
forget_objects(struct finish_reading *r)
{
	entry_free(TAKE(r->side[SOURCE]));
	entry_free(TAKE(r->side[TARGET]));
	entry_free(TAKE(r->group));
	forget_references(r);
}

void
finish_reading_done(struct finish_reading *r)
{
	forget_objects(r);
	free(r->references);
	record_free(r->record);
	*r = (struct finish_reading){.record = NULL};
}

/* ---- the map ---- */

struct operations {
	const struct guid *source;
	bool found;
};

static int
take_operation(const struct store_operation *o, void *arg, struct err *err)
{
	struct operations *w = arg;

	(void)err;
	w->found = guid_equal(&o->source, w->source);
	return w->found;
}

static int
find_held(struct store_txn *t, uint32_t link, const struct guid *source, bool *ret, struct err *err)
{
	for (enum held_kind k = HELD_NOTHING + 1; k < HELD_KIND_MAX; k++) {
		struct store_held h;
		bool found;

		if (store_find_held(t, link, k, source, &h, &found, err) < 0)
			return -1;
		*ret |= found && h.verdict != HELD_REJECTED;
	}
	return 0;
}

int
finish_look_up(const struct run *run, const struct guid *source, bool resuming,
    struct finish_reading *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(conflict_done) struct conflict c = {.n_candidates = 0};
	struct operations w = {.source = source};
	struct finish_facts *f = &ret->facts;

	if (store_begin(run->store, STORE_READ, &t, err) < 0 ||
	    store_find_guid(t, run->link_id, SOURCE, source, &ret->record, err) < 0 ||
	    store_find_conflict(t, run->link_id, source, &c, &f->in_conflict, err) < 0 ||
	    wave_holding(t, run->link_id, source, &f->wave, err) < 0 ||
	    find_held(t, run->link_id, source, &f->is_held, err) < 0)
		return -1;
	if (!resuming && store_each_operation(t, run->link_id, take_operation, &w, err) < 0)
		return -1;
	f->under_way = w.found;
	f->record = ret->record;
	return 0;
}

/* ---- references ---- */

struct finding {
	struct finish_reading *r;
	enum side side;
	const char *attribute; /* by which they refer */
	/* What is referred to: one of these is among the values of ATTRIBUTE. */
	const struct address_list *sought;
};

/* The first of the sought values that E has. */
static const char *
value_of(const struct finding *f, const struct entry *e)
{
	const struct attr *a = entry_find(e, f->attribute);

	for (size_t i = 0; a && i < f->sought->n; i++)
		if (attr_has(a, f->sought->values[i], true))
			return f->sought->values[i].data;
	return "";
}

/* Of the pair itself the rule knows already. What is itself redirected uses no forward. */
static bool
is_meant(const struct finding *f, const struct entry *e)
{
	const struct entry *own = f->r->side[f->side];

	return !(own && guid_equal(&own->guid, &e->guid)) &&
	       !(f->side == SOURCE && entry_find(e, "targetAddress"));
}

static int
take_reference(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct finding *f = arg;
	struct finish_reading *r = f->r;
	struct finish_reference ref = {.side = f->side, .attribute = f->attribute};

	if (!is_meant(f, own))
		return 0;
	if (list_grow(r->references, r->n_references, r->cap_references) < 0)
		return err_nomem(err);
	ref.dn = strdup(own->dn);
	ref.value = strdup(value_of(f, own));
	r->references[r->n_references++] = ref;
	return ref.dn && ref.value ? 0 : err_nomem(err);
}

static int
search(const struct run *run, struct finding *f, struct err *err)
{
	const char *const attrs[] = {"objectGUID", f->attribute, "targetAddress", NULL};
	_cleanup_(buf_done) struct buf filter = {0};
	struct dir *d = run->dir[f->side];
	struct dir_query q = {
	    .base = d->ops->info(d)->domain_dn, .scope = DIR_SUBTREE, .attrs = attrs};

	if (f->sought->n == 0)
		return 0;
	buf_add_str(&filter, "(|");
	for (size_t i = 0; i < f->sought->n; i++) {
		_cleanup_(free) char *v = filter_escape(f->sought->values[i]);

		if (!v)
			return err_nomem(err);
		buf_printf(&filter, "(%s=%s)", f->attribute, v);
	}
	buf_add_str(&filter, ")");
	buf_add_char(&filter, '\0');
	if (filter.failed)
		return err_nomem(err);
	q.filter = (const char *)filter.data;
	return d->ops->search(d, &q, take_reference, f, err);
}

/* What leads to the objects that were found so far. */
static int
find_behind(const struct run *run, struct finish_reading *r, struct err *err)
{
	static const char *const by[] = {"member", "altRecipient"};
	_cleanup_(address_list_done) struct address_list names = {0};

	for (size_t i = 0; i < r->n_references; i++)
		if (address_list_add(&names, bytes_of(r->references[i].dn)) < 0)
			return err_nomem(err);
	for (size_t i = 0; i < ARRAY_SIZE(by); i++) {
		struct finding f = {r, TARGET, by[i], &names};

		if (search(run, &f, err) < 0)
			return -1;
	}
	return 0;
}

static int
find_references(const struct run *run, const struct finish_conf *conf, struct finish_reading *r,
    struct err *err)
{
	_cleanup_(address_list_done) struct address_list addresses = {0}, self = {0};
	struct finding redirects = {r, TARGET, "targetAddress", &addresses};
	struct finding forwards = {r, SOURCE, "altRecipient", &self};

	if (finish_addresses(&r->facts, conf, &addresses, err) < 0)
		return -1;
	if (r->side[SOURCE] && address_list_add(&self, bytes_of(r->side[SOURCE]->dn)) < 0)
		return err_nomem(err);
	if (search(run, &redirects, err) < 0 || find_behind(run, r, err) < 0)
		return -1;
	return search(run, &forwards, err);
}

/* ---- the objects ---- */

static int
read_objects(const struct run *run, const struct finish_conf *conf, struct finish_reading *r,
    struct err *err)
{
	const char *attrs[32];
	size_t n = 0;

	while (n < ARRAY_SIZE(attrs) - 3 && turn_attrs[n]) {
		attrs[n] = turn_attrs[n];
		n++;
	}
	attrs[n++] = conf->turn->marker_attribute;
	attrs[n] = conf->turn->stamp_attribute;
	attrs[n + 1] = NULL;
	for (int s = SOURCE; s < SIDES; s++)
		if (!guid_is_zero(&r->record->side[s].guid) &&
		    dir_read_guid(run->dir[s], &r->record->side[s].guid, attrs, &r->side[s], err) <
			0)
			return -1;
	return 0;
}

static int
take_group(struct entry *e, void *arg, struct err *err)
{
	struct finish_reading *r = arg;

	entry_free(r->group);
	r->group = e;
	/* Not the whole list of its members, which is long: the one that goes. */
	return entry_set_str(e, "member", r->side[SOURCE]->dn) < 0 ? err_nomem(err) : 0;
}

static int
read_group(const struct run *run, const struct finish_conf *conf, struct finish_reading *r,
    struct err *err)
{
	static const char *const attrs[] = {"objectGUID", NULL};
	_cleanup_(free) char *dn = NULL, *filter = NULL;
	struct dir *d = run->dir[SOURCE];
	struct dir_query q = {.base = conf->turn->marker_group, .scope = DIR_BASE, .attrs = attrs};

	if (!conf->turn->marker_group || !r->side[SOURCE])
		return 0;
	dn = filter_escape(bytes_of(r->side[SOURCE]->dn));
	filter = dn ? str_printf("(member=%s)", dn) : NULL;
	if (!filter)
		return err_nomem(err);
	q.filter = filter;
	if (d->ops->search(d, &q, take_group, r, err) == 0)
		return 0;
	/* What is no group has no members. */
	return err->src == ERR_LDAP && err->code == NO_SUCH_OBJECT ? 0 : -1;
}

int
finish_read(const struct run *run, const struct finish_conf *conf, struct finish_reading *r,
    struct err *err)
{
	forget_objects(r);
	if (read_objects(run, conf, r, err) < 0 || read_group(run, conf, r, err) < 0)
		return -1;
	r->facts.side[SOURCE] = r->side[SOURCE];
	r->facts.side[TARGET] = r->side[TARGET];
	if (find_references(run, conf, r, err) < 0)
		return -1;
	r->facts.references = r->references;
	r->facts.n_references = r->n_references;
	return 0;
}
