/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/doctor.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/cycle/check.h"
#include "dsa/rules/table.h"

struct doctor {
	const struct run *run;
	struct mistakes found; /* of one look */
	struct check check;
	struct table *table; /* NULL: there is none, and that was told */
	bool places_wrong;   /* what is not there has no rights either */
	bool partial;	     /* the look that is taken cannot see everything */
	doctor_fn *fn;
	void *arg;
};

/* FMT with what is known of it. */
PRINTF_LIKE(3, 4)
static void
tell(const struct doctor *d, enum doctor_verdict verdict, const char *fmt, ...)
{
	_cleanup_(free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	d->fn(verdict, text ? text : "out of memory", d->arg);
}

/* ---- sessions ---- */

static const struct conf_forest *
forest_of(const struct doctor *d, enum side side)
{
	return side == SOURCE ? d->run->link->source : d->run->link->target;
}

/* Where the forest stands: what is wrong with a session may be in any of its settings. */
static void
tell_session(const struct doctor *d, enum side side, const struct err *err)
{
	const struct conf_forest *f = forest_of(d, side);
	const char *where = conf_where(d->run->link->whole, f->name);

	tell(d, DOCTOR_PROBLEM, "%s%s%s", where ? where : "", where ? ": " : "", err->text);
}

static void
tell_server(const struct doctor *d, enum side side)
{
	const struct dir_info *info = d->run->dir[side]->ops->info(d->run->dir[side]);
	const char *how = info->sasl_ssf > 1 ? "signed and sealed by Kerberos"
			  : info->tls	     ? "by TLS"
					     : "in clear";

	tell(d, DOCTOR_OK, "forest '%s': %s answers, %s", forest_of(d, side)->name, info->server,
	    how);
}

static int
ignore_change(const struct dir_change *c, void *arg, struct err *err)
{
	(void)c;
	(void)arg;
	(void)err;
	return 0;
}

/* A question without a cursor finds out by what right the next one is asked. */
static int
look_at_changes(const struct doctor *d, enum side side, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", "name", NULL};
	struct dir *dir = d->run->dir[side];
	const struct dir_since since = {.attrs = attrs};
	_cleanup_(buf_done) struct buf cursor = {0};
	enum dir_feed feed;

	if (dir->ops->changes(dir, &since, ignore_change, NULL, &cursor, &feed, err) < 0)
		return -1;
	if (dir->ops->info(dir)->by_usn)
		tell(d, DOCTOR_NOTE,
		    "forest '%s': the account lacks the right DS-Replication-Get-Changes: changes "
		    "are found by uSNChanged on one domain controller, and everything is read "
		    "again after a failover; grant it (delegate.sh does)",
		    dir->name);
	else
		tell(d, DOCTOR_OK, "forest '%s': changes are found by DirSync", dir->name);
	return 0;
}

/* Who may not read the container sees its name at most. */
static int
note_seen(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;

	(void)err;
	*(bool *)arg = entry_find(own, "objectClass") != NULL;
	return 0;
}

static int
look_at_deleted(const struct doctor *d, enum side side, struct err *err)
{
	static const char *const attrs[] = {"objectClass", NULL};
	struct dir *dir = d->run->dir[side];
	_cleanup_(free) char *base =
	    str_printf("CN=Deleted Objects,%s", dir->ops->info(dir)->domain_dn);
	const struct dir_query q = {.base = base,
	    .scope = DIR_BASE,
	    .filter = "(objectClass=*)",
	    .attrs = attrs,
	    .deleted = true};
	bool seen = false;

	if (!base)
		return err_nomem(err);
	/* Windows answers as if it were not there. */
	if (dir->ops->search(dir, &q, note_seen, &seen, err) < 0 && err->src != ERR_LDAP)
		return -1;
	if (!seen)
		tell(d, DOCTOR_PROBLEM,
		    "forest '%s': the account does not see deleted objects: a deletion is found by "
		    "a full synchronization only; grant the right (delegate.sh does)",
		    dir->name);
	else
		tell(d, DOCTOR_OK, "forest '%s': deleted objects are seen", dir->name);
	return 0;
}

static void
look_at_session(struct doctor *d, enum side side)
{
	struct err err = {.text = ""};

	d->check.open[side] = dir_open(d->run->dir[side], &err) == 0;
	if (!d->check.open[side]) {
		tell_session(d, side, &err);
		return;
	}
	tell_server(d, side);
	if (look_at_changes(d, side, &err) < 0 || look_at_deleted(d, side, &err) < 0)
		tell_session(d, side, &err);
}

/* ---- looks ---- */

static int
look_at_names(struct doctor *d, struct err *err)
{
	(void)err;
	check_names(&d->check);
	return 0;
}

static int
look_at_places(struct doctor *d, struct err *err)
{
	return check_places(&d->check, err);
}

static int
look_at_mailboxes(struct doctor *d, struct err *err)
{
	return check_mailboxes(&d->check, err);
}

static int
look_at_rights(struct doctor *d, struct err *err)
{
	d->partial = d->places_wrong;
	return check_rights(&d->check, err);
}

static int
look_at_addresses(struct doctor *d, struct err *err)
{
	return check_addresses(&d->check, err);
}

static int
look_at_values(struct doctor *d, struct err *err)
{
	d->partial = !d->table;
	return d->table ? check_values(&d->check, d->table, err) : 0;
}

struct look {
	int (*at)(struct doctor *d, struct err *err);
	bool of[SIDES]; /* the sides that it takes for the whole answer */
	const char *ok, *what;
};

static const struct look looks[] = {
    {look_at_names, {true, true}, "every attribute that the configuration names is in the schemas",
	"the attributes that the configuration names"},
    {look_at_places, {true, true}, "every OU and group that the configuration names is there",
	"the OUs and groups that the configuration names"},
    {look_at_mailboxes, {false, true}, "databases and home server of new mailboxes are there",
	"databases and home server"},
    {look_at_rights, {true, true}, "the accounts have the rights that they need",
	"the rights of the accounts"},
    {look_at_addresses, {true, true}, "no others have addresses in the redirect domains",
	"addresses in the redirect domains"},
    {look_at_values, {true, false}, "no setting gives one value to two objects",
	"values that two objects would have"},
};

/* True if something was wrong. */
static bool
tell_mistakes(struct doctor *d)
{
	bool wrong = d->found.nomem;

	if (d->found.nomem)
		tell(d, DOCTOR_PROBLEM, "out of memory");
	for (size_t i = 0; i < d->found.n; i++) {
		bool note = d->found.v[i].weight == MISTAKE_NOTE;

		wrong |= !note;
		tell(d, note ? DOCTOR_NOTE : DOCTOR_PROBLEM, "%s", d->found.v[i].text);
	}
	mistakes_done(&d->found);
	return wrong;
}

static bool
is_whole(const struct doctor *d, const struct look *l)
{
	if (d->partial)
		return false;
	for (int side = SOURCE; side < SIDES; side++)
		if (l->of[side] && !d->check.open[side])
			return false;
	return true;
}

static void
take_look(struct doctor *d, const struct look *l)
{
	const char *link = d->run->link->name;
	struct err err = {.text = ""};
	bool failed, wrong;

	d->partial = false;
	failed = l->at(d, &err) < 0;
	wrong = tell_mistakes(d);
	d->places_wrong |= l->at == look_at_places && wrong;
	if (failed)
		tell(d, DOCTOR_PROBLEM, "link %s: %s cannot be looked at: %s", link, l->what,
		    err.text);
	else if (!is_whole(d, l))
		tell(d, DOCTOR_NOTE,
		    "link %s: %s: not all could be looked at because of the problems above", link,
		    l->what);
	else if (!wrong)
		tell(d, DOCTOR_OK, "link %s: %s", link, l->ok);
}

/* What galsync needs itself. */
static void
make_table(struct doctor *d)
{
	struct dir *const *dir = d->run->dir;
	const struct conf_link *l = d->run->link;
	const struct schema *schema[SIDES];
	struct err err;

	if (!d->check.open[SOURCE] || !d->check.open[TARGET])
		return;
	for (int side = SOURCE; side < SIDES; side++)
		schema[side] = dir[side]->ops->schema(dir[side]);
	if (table_check_required(l, schema[SOURCE], schema[TARGET], &err) < 0)
		tell(d, DOCTOR_PROBLEM, "link %s: %s", l->name, err.text);
	/* What else it minds are names, which are looked at next. */
	else if (table_new(l, schema[SOURCE], schema[TARGET], &d->table, &err) < 0)
		d->table = NULL;
	if (d->table && d->table->n_lacking)
		tell(d, DOCTOR_NOTE, "link %s: not synchronized because a schema lacks them: %s",
		    l->name, d->table->lacking);
}

void
doctor_run(const struct run *run, doctor_fn *fn, void *arg)
{
	struct doctor d = {.run = run, .check = {.run = run}, .fn = fn, .arg = arg};

	d.check.found = &d.found;
	for (int side = SOURCE; side < SIDES; side++)
		look_at_session(&d, (enum side)side);
	make_table(&d);
	for (size_t i = 0; i < ARRAY_SIZE(looks); i++)
		take_look(&d, &looks[i]);
	table_free(d.table);
	mistakes_done(&d.found);
}
