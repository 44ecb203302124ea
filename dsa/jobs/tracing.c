/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/tracing.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/filter.h"
#include "dsa/jobs/standing.h"
#include "dsa/run/active.h"

/* Entries that a search finds. */
struct finding {
	struct entry **e;
	size_t n, max;
	char **norms; /* or NULL; else the place of an entry is that of its name */
};

static int
take_any(struct entry *e, void *arg, struct err *err)
{
	struct finding *f = arg;

	(void)err;
	if (f->n < f->max)
		f->e[f->n++] = e;
	else
		entry_free(e);
	return 0;
}

static int
take_named(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	_cleanup_(free) char *norm = dn_normalize(dn_strip_extended(own->dn), err);
	struct finding *f = arg;

	if (!norm)
		return -1;
	for (size_t i = 0; i < f->max && own; i++)
		if (!f->e[i] && strcmp(f->norms[i], norm) == 0)
			f->e[i] = TAKE(own);
	return 0;
}

static int
search(const struct run *run, enum side side, const char *filter, unsigned limit, dir_entry_fn *fn,
    struct finding *f, struct err *err)
{
	struct dir *d = run->dir[side];
	struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .attrs = trace_attrs,
	    .limit = limit};

	return d->ops->search(d, &q, fn, f, err);
}

/* The objects that have the address in proxyAddresses; if there are none, those that have it
 * elsewhere. */
static int
holders(enum side side, const char *address, struct entry **ret, size_t *ret_n, void *arg,
    struct err *err)
{
	const struct run *run = arg;
	bool x500 = str_starts_nocase(address, "x500:");
	_cleanup_(free) char *value = filter_escape(bytes_of(strchr(address, ':') + 1));
	_cleanup_(free) char *first = NULL, *second = NULL;
	struct finding f = {.e = ret, .max = TRACE_HOLDERS};
	int rc;

	if (!value)
		return err_nomem(err);
	if (x500)
		first =
		    str_printf("(|(proxyAddresses=x500:%s)(legacyExchangeDN=%s))", value, value);
	else
		first = str_printf("(proxyAddresses=smtp:%s)", value);
	second = str_printf("(mail=%s)", value);
	if (!first || !second)
		return err_nomem(err);
	rc = search(run, side, first, TRACE_HOLDERS, take_any, &f, err);
	if (rc == 0 && f.n == 0 && !x500)
		rc = search(run, side, second, TRACE_HOLDERS, take_any, &f, err);
	*ret_n = f.n;
	return rc;
}

static int
normalize_all(const struct bytes *dns, size_t n, char **norms, struct buf *filter, struct err *err)
{
	buf_add_str(filter, "(|");
	for (size_t i = 0; i < n; i++) {
		const char *dn = dn_strip_extended(dns[i].data);
		_cleanup_(free) char *escaped = filter_escape(bytes_of(dn));

		norms[i] = dn_normalize(dn, err);
		if (!norms[i])
			return -1;
		if (!escaped)
			return err_nomem(err);
		buf_printf(filter, "(distinguishedName=%s)", escaped);
	}
	buf_add_char(filter, ')');
	return filter->failed ? err_nomem(err) : 0;
}

static int
objects(enum side side, const struct bytes *dns, size_t n, struct entry **ret, void *arg,
    struct err *err)
{
	_cleanup_(buf_done) struct buf filter = {0};
	char **norms = calloc(n, sizeof *norms);
	struct finding f = {.e = ret, .max = n, .norms = norms};
	int rc = norms ? normalize_all(dns, n, norms, &filter, err) : err_nomem(err);

	if (rc == 0)
		rc = search(arg, side, (const char *)filter.data, 0, take_named, &f, err);
	for (size_t i = 0; norms && i < n; i++)
		free(norms[i]);
	free(norms);
	return rc;
}

struct sought {
	uint32_t link;
	struct record *found;
};

static int
take_record(const struct record *r, void *arg, struct err *err)
{
	struct sought *s = arg;

	if (r->state == RECORD_LEFT || r->link != s->link)
		return 0;
	return record_dup(r, &s->found, err) < 0 ? -1 : 1;
}

static int
find_record(const struct run *run, enum side side, const struct guid *g, struct record **ret,
    struct err *err)
{
	_cleanup_(store_abort) struct store_txn *txn = NULL;
	struct sought s = {.found = NULL};

	if (store_begin(run->store, STORE_READ, &txn, err) < 0 ||
	    store_link_id(txn, run->link->name, &s.link, err) < 0 ||
	    store_lookup_guid(txn, side, g, take_record, &s, err) < 0)
		return -1;
	*ret = s.found;
	return 0;
}

/* Both objects are asked, not the map. */
static int
active(enum side side, const struct guid *g, enum trace_active *ret, void *arg, struct err *err)
{
	const struct run *run = arg;
	_cleanup_(record_free) struct record *r = NULL;
	struct active_side a;

	*ret = TRACE_NOT_IN_MAP;
	if (find_record(run, side, g, &r, err) < 0)
		return -1;
	if (!r)
		return 0;
	if (active_read(run, r, &a, err) < 0)
		return -1;
	*ret = a.side == side ? TRACE_ACTIVE : TRACE_PASSIVE;
	return 0;
}

static int
standing(enum side side, const struct guid *g, char **ret, void *arg, struct err *err)
{
	return standing_of_object(arg, side, g, ret, err);
}

static int
remembered(const char *address, char **ret, void *arg, struct err *err)
{
	return standing_of_address(arg, address, ret, err);
}

static struct trace_forest
forest_of(const struct conf_forest *f)
{
	return (struct trace_forest){.name = f->name,
	    .mail_domains = f->mail_domains,
	    .n_mail_domains = f->n_mail_domains,
	    .redirect_domain = f->redirect_domain};
}

void
tracing_init(struct trace_env *env, const struct conf_link *link, size_t max_hops)
{
	*env = (struct trace_env){.forest = {forest_of(link->source), forest_of(link->target)},
	    .max_hops = max_hops,
	    .holders = holders,
	    .objects = objects,
	    .active = active,
	    .standing = standing,
	    .remembered = remembered};
}

int
tracing_run(const struct run *run, const struct trace_env *env, enum side from, const char *address,
    struct trace *ret, struct err *err)
{
	struct run lent = *run;
	struct trace_env own = *env;

	if (run_open(run, err) < 0)
		return -1;
	own.arg = &lent;
	return trace_run(&own, from, address, ret, err);
}
