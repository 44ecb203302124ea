/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/verify.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/kind.h"
#include "dsa/jobs/verify_priv.h"
#include "dsa/rules/scope.h"
#include "mapping/resolution.h"

#define CHUNK 256 /* correspondences that are read at once, where not all are */

/* What all readings of one run share. */
struct verifying {
	struct run *run;
	const struct verify_options *opt;
	struct verify_result *res;
	struct guid_set conflicts, toggled;
	const char **attrs[SIDES];
	struct guid_list suspects; /* to be read once more */
};

static int
take_conflict(uint32_t link, const struct conflict *c, void *arg, struct err *err)
{
	struct verifying *r = arg;

	(void)link;
	return guid_set_add(&r->conflicts, &c->source) < 0 ? err_nomem(err) : 0;
}

/* What is left out of one that is left alone is known. */
static int
take_resolution(uint32_t link, const struct resolution *x, void *arg, struct err *err)
{
	struct verifying *r = arg;

	(void)link;
	if (x->as != RESOLVED_IGNORE)
		return 0;
	return guid_set_add(&r->conflicts, &x->source) < 0 ? err_nomem(err) : 0;
}

static int
take_operation(const struct store_operation *o, void *arg, struct err *err)
{
	struct verifying *r = arg;

	if (o->kind != OPERATION_TOGGLE)
		return 0;
	return guid_set_add(&r->toggled, &o->source) < 0 ? err_nomem(err) : 0;
}

/* What is read of SIDE: a server takes time for each attribute that it gives. */
static int
choose_attrs(struct verifying *r, enum side side)
{
	const struct conf_link *link = r->run->link;
	const char *const *attrs = r->opt->missing ? move_ready_attrs : audit_attrs[side];
	const char **all;
	size_t n = 0;

	while (attrs[n])
		n++;
	all = r->attrs[side] = calloc(n + 2, sizeof *all);
	if (!all)
		return -1;
	memcpy(all, attrs, n * sizeof *all);
	all[n] = side == SOURCE ? link->marker_attribute : link->target->stamp_attribute;
	return 0;
}

static int
prepare(struct verifying *r, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (choose_attrs(r, SOURCE) < 0 || choose_attrs(r, TARGET) < 0)
		return err_nomem(err);
	if (run_open_known(r->run, err) < 0 ||
	    store_begin(r->run->store, STORE_READ, &t, err) < 0 ||
	    store_each_conflict(t, r->run->link_id, take_conflict, r, err) < 0 ||
	    store_each_resolution(t, r->run->link_id, take_resolution, r, err) < 0)
		return -1;
	return store_each_operation(t, r->run->link_id, take_operation, r, err);
}

static struct verify
reading_of(struct verifying *r)
{
	return (struct verify){.run = r->run,
	    .opt = r->opt,
	    .res = r->res,
	    .conflicts = &r->conflicts,
	    .toggled = &r->toggled,
	    .attrs = {r->attrs[SOURCE], r->attrs[TARGET]}};
}

/* ---- judging ---- */

/* How a finding gets out. */
struct telling {
	struct verify *v;
	size_t n;
	bool silent; /* only counted here: it is read once more before it is told */
	bool passed; /* over: no native move is about it */
};

static void
tell(const struct audit_finding *f, void *arg)
{
	struct telling *t = arg;

	t->n++;
	if (t->silent)
		return;
	t->v->res->by[f->what]++;
	t->v->opt->found(f, t->v->opt->arg);
}

static void
tell_missing(const struct move_ready_finding *f, void *arg)
{
	struct telling *t = arg;

	t->n++;
	if (t->silent)
		return;
	t->v->res->by_need[f->need]++;
	t->v->opt->missing(f, t->v->opt->arg);
}

static int
holder(enum side side, struct bytes address, const struct entry *self, bool fresh, char **ret_dn,
    void *arg, struct err *err)
{
	return verify_holder(side, address, self, fresh, ret_dn, ((struct telling *)arg)->v, err);
}

static struct audit_env
audit_of(struct telling *t)
{
	const struct conf_link *link = t->v->run->link;

	/* A native and its contact have no redirections. */
	bool none = link->forth != NULL;

	return (struct audit_env){.redirect_domain = {none ? NULL : link->source->redirect_domain,
				      none ? NULL : link->target->redirect_domain},
	    .own_domain = {link->source->redirect_domain, link->target->redirect_domain},
	    .routing_domain = {link->source->routing_domain, link->target->routing_domain},
	    .adopted = {link->adopted_domains[SOURCE], link->adopted_domains[TARGET]},
	    .toggle_domain = link->toggle_domain,
	    .stamp_attribute = link->target->stamp_attribute,
	    .marker_attribute = link->marker_attribute,
	    .holder = holder,
	    .found = tell,
	    .arg = t};
}

static void
judge_move(struct telling *t, const struct audit_pair *p)
{
	const struct conf_link *link = t->v->run->link;
	const struct move_ready_env env = {
	    .redirect_domain = {link->source->redirect_domain, link->target->redirect_domain},
	    .toggle_domain = link->toggle_domain,
	    .found = tell_missing,
	    .arg = t};
	const struct move_ready_pair pair = {
	    p->record, {p->side[SOURCE], p->side[TARGET]}, p->conflict};

	t->passed = t->v->opt->n_sources == 0 && !move_ready_concerns(&pair);
	if (!t->passed)
		(void)move_ready_judge(&env, &pair);
}

/* The side that decides about SOURCE, if that has no mailbox on either side. */
static enum side
authority_over(const struct conf_link *link, const struct entry *source)
{
	struct err ignored;
	_cleanup_(free) char *norm = source ? dn_normalize(source->dn, &ignored) : NULL;
	const struct conf_scope *s =
	    norm ? scope_find(link, norm, KIND_BIT(kind_of(source))) : NULL;

	return s ? s->authority : SOURCE;
}

/* Judges one record from what was read. */
static int
judge(struct telling *t, const struct record *r, struct audit_replies *replies, struct err *err)
{
	_cleanup_(entry_free) struct entry *source = NULL, *target = NULL;
	struct verify *v = t->v;
	struct audit_env env = audit_of(t);
	struct audit_pair pair = {
	    .record = r, .conflict = guid_set_has(v->conflicts, &r->side[SOURCE].guid)};

	if (verify_find(v, SOURCE, &r->side[SOURCE].guid, &source, &v->at[SOURCE], err) < 0 ||
	    verify_find(v, TARGET, &r->side[TARGET].guid, &target, &v->at[TARGET], err) < 0)
		return -1;
	pair.side[SOURCE] = source;
	pair.side[TARGET] = target;
	pair.authority = authority_over(v->run->link, source);
	if (!v->opt->missing)
		return audit_pair(&env, &pair, replies, err);
	judge_move(t, &pair);
	return 0;
}

/* Of a named one that is not written yet a native move can say what it needs. */
static void
count_checked(const struct telling *t, const struct record *r)
{
	struct verify_result *res = t->v->res;

	if (guid_is_zero(&r->side[TARGET].guid) && !(t->v->opt->missing && t->v->opt->n_sources))
		res->unwritten++;
	else
		res->checked += !t->passed;
	res->left += record_has_left(r) && !t->passed;
}

static void
add_replies(struct verify_result *res, const struct audit_replies *r)
{
	res->replies.known += r->known;
	res->replies.missing += r->missing;
}

/* ---- dummies ---- */

struct naming {
	struct guid source;
	bool found;
};

static int
take_source(const struct record *r, void *arg, struct err *err)
{
	struct naming *n = arg;

	(void)err;
	n->source = r->side[SOURCE].guid;
	n->found = true;
	return 1;
}

static int
tell_dummies(struct verify *v, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *txn = NULL;
	struct telling t = {.v = v};
	struct audit_env env = audit_of(&t);

	if (v->opt->missing)
		return 0;
	if (store_begin(v->run->store, STORE_READ, &txn, err) < 0)
		return -1;
	for (int s = SOURCE; s < SIDES; s++)
		for (size_t i = 0; i < v->side[s].n_dummies; i++) {
			_cleanup_(entry_free) struct entry *e = NULL;
			struct naming n = {.found = false};

			if (workset_get(v->side[s].ws, v->side[s].dummies[i], &e, err) < 0 ||
			    store_lookup_guid(txn, (enum side)s, &e->guid, take_source, &n, err) <
				0)
				return -1;
			if (s == TARGET || !guid_set_has(v->toggled, &e->guid))
				(void)audit_dummies(
				    &env, (enum side)s, e, n.found ? &n.source : NULL);
		}
	return 0;
}

/* ---- all ---- */

struct sweep {
	struct verifying *all;
	struct verify v;
	struct store_counts counts;
	uint64_t done;
};

static size_t
sure_max(const struct verifying *r)
{
	return r->opt->sure_max ? r->opt->sure_max : VERIFY_SURE_MAX;
}

/* What looks broken is put down to be read again, as long as there is room for it. */
static int
sweep_one(struct sweep *s, const struct record *r, struct err *err)
{
	struct verifying *all = s->all;
	struct telling t = {.v = &s->v, .silent = all->suspects.n < sure_max(all)};
	struct audit_replies replies = {0};

	if (judge(&t, r, &replies, err) < 0)
		return -1;
	count_checked(&t, r);
	if (t.n && t.silent)
		return guid_list_add(&all->suspects, &r->side[SOURCE].guid, err);
	all->res->broken += t.n > 0;
	add_replies(all->res, &replies);
	return 0;
}

static int
sweep_record(const struct record *r, void *arg, struct err *err)
{
	struct sweep *s = arg;
	int rc = sweep_one(s, r, err);

	if (++s->done % 256 == 0)
		run_progress(s->all->run, RUN_PHASE_DECIDE, s->done, s->counts.records);
	return rc;
}

static int
sweep_map(struct sweep *s, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(s->all->run->store, STORE_READ, &t, err) < 0 ||
	    store_count(t, s->all->run->link_id, &s->counts, err) < 0)
		return -1;
	return store_each(t, s->all->run->link_id, sweep_record, s, err);
}

static int
sweep_all(struct sweep *s, struct err *err)
{
	if (verify_open(&s->v, err) < 0 || verify_read_all(&s->v, err) < 0 || sweep_map(s, err) < 0)
		return -1;
	return tell_dummies(&s->v, err);
}

/* ---- some ---- */

struct some {
	struct verifying *all;
	struct record *records[CHUNK];
	size_t n;
	bool again; /* they were counted before */
};

/* Who is named is meant to be synchronized. The object with source GUID G is not: THERE. */
static void
tell_outside(
    struct verifying *r, const struct guid *g, const char *dn, const char *there, const char *want)
{
	struct audit_finding f = {.what = AUDIT_OBJECTS, .side = SOURCE, .source = g, .dn = dn};
	struct move_ready_finding m = {
	    .need = MOVE_READY_OBJECT, .side = SOURCE, .source = g, .dn = dn};

	if (r->opt->missing) {
		(void)snprintf(m.there, sizeof m.there, "%s", there);
		(void)snprintf(m.want, sizeof m.want, "%s", want);
		r->res->by_need[m.need]++;
		r->opt->missing(&m, r->opt->arg);
		return;
	}
	(void)snprintf(f.there, sizeof f.there, "%s", there);
	(void)snprintf(f.want, sizeof f.want, "%s", want);
	r->res->by[f.what]++;
	r->opt->found(&f, r->opt->arg);
}

/* A source that is not in the map was named by its GUID. */
static void
tell_unknown(struct verifying *r, const struct guid *g)
{
	char guid[GUID_TEXT_SIZE];

	guid_format(g, guid);
	r->res->broken++;
	r->res->checked += r->opt->missing != NULL;
	tell_outside(r, g, guid, "nothing", "a correspondence in the map");
}

/* True if R, which was named, left; told. One that is finished has left as it should. */
static bool
tell_left(struct verifying *all, const struct record *r)
{
	if (r->state != RECORD_LEFT)
		return false;
	tell_outside(all, &r->side[SOURCE].guid, r->side[SOURCE].dn,
	    "it has left the synchronization", "an object that is synchronized");
	return true;
}

static int
load(struct some *s, const struct guid *sources, size_t n, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(s->all->run->store, STORE_READ, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct record *r = NULL;

		if (store_find_guid(t, s->all->run->link_id, SOURCE, &sources[i], &r, err) < 0)
			return -1;
		if (r)
			s->records[s->n++] = r;
		else if (!s->again)
			tell_unknown(s->all, &sources[i]);
	}
	return 0;
}

static int
judge_chunk(struct some *s, struct verify *v, struct err *err)
{
	struct verify_result *res = s->all->res;

	for (size_t i = 0; i < s->n; i++) {
		struct telling t = {.v = v};
		struct audit_replies replies = {0};
		bool left = !s->again && tell_left(s->all, s->records[i]);

		if (judge(&t, s->records[i], &replies, err) < 0)
			return -1;
		add_replies(res, &replies);
		res->broken += left || t.n > 0;
		if (s->again) /* one that was moved since it was counted is none of them */
			res->checked -= t.passed;
		else
			count_checked(&t, s->records[i]);
	}
	return s->again ? 0 : tell_dummies(v, err);
}

static int
verify_chunk(struct some *s, const struct guid *sources, size_t n, struct err *err)
{
	struct verify v = reading_of(s->all);
	int rc = load(s, sources, n, err);

	if (rc == 0)
		rc = verify_open(&v, err);
	if (rc == 0)
		rc = verify_read_some(&v, s->records, s->n, err);
	if (rc == 0)
		rc = judge_chunk(s, &v, err);
	verify_close(&v);
	while (s->n)
		record_free(s->records[--s->n]);
	return rc;
}

static int
verify_some(struct verifying *r, const struct guid *sources, size_t n, bool again, struct err *err)
{
	struct some *s = calloc(1, sizeof *s);
	int rc = s ? 0 : err_nomem(err);

	if (s)
		*s = (struct some){.all = r, .again = again};
	for (size_t i = 0; rc == 0 && i < n; i += CHUNK) {
		rc = verify_chunk(s, &sources[i], n - i < CHUNK ? n - i : CHUNK, err);
		run_progress(r->run, RUN_PHASE_DECIDE, i, n);
	}
	free(s);
	return rc;
}

static int
verify_all(struct verifying *r, struct err *err)
{
	struct sweep s = {.all = r, .v = reading_of(r)};
	int rc = sweep_all(&s, err);

	verify_close(&s.v);
	return rc == 0 ? verify_some(r, r->suspects.v, r->suspects.n, true, err) : -1;
}

int
verify_run(
    struct run *run, const struct verify_options *opt, struct verify_result *ret, struct err *err)
{
	int64_t since = clock_monotonic_ms();
	struct verifying r = {.run = run, .opt = opt, .res = ret};
	int rc;

	*ret = (struct verify_result){0};
	rc = prepare(&r, err);
	if (rc == 0)
		rc = opt->n_sources ? verify_some(&r, opt->sources, opt->n_sources, false, err)
				    : verify_all(&r, err);
	ret->ms = (uint64_t)(clock_monotonic_ms() - since);
	guid_set_done(&r.conflicts);
	guid_set_done(&r.toggled);
	free(r.suspects.v);
	free(r.attrs[SOURCE]);
	free(r.attrs[TARGET]);
	return rc;
}
