/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/check.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/filter.h"
#include "dsa/rules/named_attrs.h"
#include "mapping/store.h"

/* A result of RFC 4511 appendix A. */
#define INSUFFICIENT_ACCESS 50

const char *const check_attrs[] = {"objectClass", "allowedChildClassesEffective",
    "allowedAttributes", "allowedAttributesEffective", NULL};

bool
check_may_create(const struct entry *e, const char *class_name)
{
	const struct attr *a = entry_find(e, "allowedChildClassesEffective");

	return a && attr_has(a, bytes_of(class_name), true);
}

int
check_read(
    const struct check *k, enum side side, const char *dn, struct entry **ret, struct err *err)
{
	struct dir *d = k->run->dir[side];
	const struct dir_info *info = d->ops->info(d);

	*ret = NULL;
	if (!dn_is_under(dn, info->domain_dn) && !dn_is_under(dn, info->config_dn))
		return 0;
	return d->ops->read(d, dn, check_attrs, ret, err);
}

static const char *
forest_name(const struct check *k, enum side side)
{
	return k->run->dir[side]->name;
}

/* ---- names ---- */

void
check_names(const struct check *k)
{
	const struct schema *schema[SIDES] = {NULL, NULL};

	for (int side = SOURCE; side < SIDES; side++)
		if (k->open[side])
			schema[side] = k->run->dir[side]->ops->schema(k->run->dir[side]);
	named_attrs_check(k->run->link, schema, k->found);
}

/* ---- places ---- */

/* A place that the configuration names, and what it means that it is not there. */
struct place {
	enum side side;
	const char *dn, *key;
	int line;
	enum mistake_weight weight;
	const char *what_to_do;
};

static struct mistake_at
at_place(const struct check *k, const struct place *p)
{
	struct mistake_at at = mistake_at(k->run->link, p->dn, p->key);

	at.line = p->line ? p->line : at.line;
	return at;
}

/* True, and told, if P is in another domain than the one that is spoken to. */
static bool
is_outside(const struct check *k, const struct place *p)
{
	struct dir *d = k->run->dir[p->side];
	const char *domain = d->ops->info(d)->domain_dn;
	const struct mistake_at at = at_place(k, p);

	if (dn_is_under(p->dn, domain))
		return false;
	mistakes_add(k->found, p->weight, k->run->link, &at,
	    "'%s' lies outside the domain '%s' of forest '%s'; allowed: a DN in it", p->dn, domain,
	    d->name);
	return true;
}

/* *RET NULL, and told: it is not there. */
static int
find_place(const struct check *k, const struct place *p, struct entry **ret, struct err *err)
{
	const struct mistake_at at = at_place(k, p);

	*ret = NULL;
	if (is_outside(k, p))
		return 0;
	if (check_read(k, p->side, p->dn, ret, err) < 0)
		return -1;
	if (!*ret)
		mistakes_add(k->found, p->weight, k->run->link, &at,
		    "'%s' does not exist in forest '%s', or the account does not see it; %s", p->dn,
		    forest_name(k, p->side), p->what_to_do);
	return 0;
}

static int
look_for(const struct check *k, const struct place *p, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;

	if (!p->dn || !k->open[p->side])
		return 0;
	return find_place(k, p, &e, err);
}

/* OU is the nearest place above the target OU of S that is there, and E what was read of it. */
static void
judge_missing_ou(
    const struct check *k, const struct conf_scope *s, const char *ou, const struct entry *e)
{
	const struct place p = {.dn = s->target_ou, .key = "target_ou", .line = s->line};
	const struct mistake_at at = at_place(k, &p);

	if (s->create == CREATE_NOTHING)
		mistakes_add(k->found, MISTAKE_WARNS, k->run->link, &at,
		    "'%s' does not exist in forest '%s'; correct the name, or create the OU",
		    s->target_ou, forest_name(k, TARGET));
	else if (check_may_create(e, "organizationalUnit"))
		mistakes_add(k->found, MISTAKE_NOTE, k->run->link, &at,
		    "'%s' does not exist yet in forest '%s'; galsync creates it", s->target_ou,
		    forest_name(k, TARGET));
	else
		mistakes_add(k->found, MISTAKE_STOPS, k->run->link, &at,
		    "'%s' does not exist in forest '%s', and the account may not create it in "
		    "'%s'; correct the name, or create the OU and let delegate.sh grant the rights "
		    "on it",
		    s->target_ou, forest_name(k, TARGET), ou);
}

static int
check_target_ou(const struct check *k, const struct conf_scope *s, struct err *err)
{
	const struct place p = {.side = TARGET,
	    .dn = s->target_ou,
	    .key = "target_ou",
	    .line = s->line,
	    .weight = MISTAKE_STOPS};
	_cleanup_(entry_free) struct entry *e = NULL;
	const char *ou = s->target_ou;

	if (!k->open[TARGET] || is_outside(k, &p))
		return 0;
	if (check_read(k, TARGET, ou, &e, err) < 0)
		return -1;
	if (e)
		return 0;
	while (!e && *(ou = dn_parent(ou)))
		if (check_read(k, TARGET, ou, &e, err) < 0)
			return -1;
	if (e)
		judge_missing_ou(k, s, ou, e);
	return 0;
}

static int
check_scope(const struct check *k, const struct conf_scope *s, struct err *err)
{
	const struct place base = {SOURCE, s->base, "base", s->line, MISTAKE_STOPS,
	    "correct the name, or grant the right to read it (delegate.sh does)"};

	return look_for(k, &base, err) < 0 ? -1 : check_target_ou(k, s, err);
}

static int
check_marker_group(const struct check *k, struct err *err)
{
	const char *dn = k->run->link->marker_group;
	const struct place p = {SOURCE, dn, "marker_group", 0, MISTAKE_WARNS,
	    "correct the name, or create the group: nobody becomes its member until then"};
	const struct mistake_at at = at_place(k, &p);
	_cleanup_(entry_free) struct entry *e = NULL;

	if (!dn || !k->open[SOURCE])
		return 0;
	if (find_place(k, &p, &e, err) < 0)
		return -1;
	if (e && !entry_has_class(e, "group"))
		mistakes_add(k->found, MISTAKE_WARNS, k->run->link, &at,
		    "'%s' of forest '%s' is no group; allowed: the DN of a group", dn,
		    forest_name(k, SOURCE));
	return 0;
}

int
check_places(const struct check *k, struct err *err)
{
	const struct conf_link *l = k->run->link;
	const struct place return_ou = {SOURCE, l->return_contacts_ou, "return_contacts_ou", 0,
	    MISTAKE_WARNS, "correct the name, or create the OU"};

	for (size_t i = 0; i < l->n_scopes; i++)
		if (check_scope(k, &l->scopes[i], err) < 0)
			return -1;
	for (size_t i = 0; i < l->n_match_bases; i++) {
		const struct place p = {TARGET, l->match_bases[i], "match_bases", 0, MISTAKE_STOPS,
		    "correct the name, or take it out: nobody would be found there"};

		if (look_for(k, &p, err) < 0)
			return -1;
	}
	return look_for(k, &return_ou, err) < 0 ? -1 : check_marker_group(k, err);
}

/* ---- mailboxes ---- */

/* Databases lie in the configuration of the forest, beside its domains. */
static int
check_database(const struct check *k, const char *dn, struct err *err)
{
	const struct mistake_at at = mistake_at(k->run->link, dn, "mailbox.databases");
	_cleanup_(entry_free) struct entry *e = NULL;

	if (check_read(k, TARGET, dn, &e, err) < 0)
		return -1;
	if (!e)
		mistakes_add(k->found, MISTAKE_STOPS, k->run->link, &at,
		    "'%s' does not exist in forest '%s', or the account does not see it; allowed: "
		    "the DN of a database (Get-MailboxDatabase shows it)",
		    dn, forest_name(k, TARGET));
	return 0;
}

static int
note_found(struct entry *e, void *arg, struct err *err)
{
	(void)err;
	entry_free(e);
	*(bool *)arg = true;
	return 0;
}

static int
check_server(const struct check *k, const char *name, struct err *err)
{
	static const char *const attrs[] = {"objectClass", NULL};
	const struct mistake_at at = mistake_at(k->run->link, name, "mailbox.home_server");
	struct dir *d = k->run->dir[TARGET];
	_cleanup_(free) char *value = filter_escape(bytes_of(name)), *filter = NULL;
	struct dir_query q = {
	    .base = d->ops->info(d)->config_dn, .scope = DIR_SUBTREE, .attrs = attrs, .limit = 1};
	bool found = false;

	if (!value || !(filter = str_printf("(legacyExchangeDN=%s)", value)))
		return err_nomem(err);
	q.filter = filter;
	if (d->ops->search(d, &q, note_found, &found, err) < 0)
		return -1;
	if (!found)
		mistakes_add(k->found, MISTAKE_STOPS, k->run->link, &at,
		    "the configuration of forest '%s' has no server '%s', or the account does not "
		    "see it; allowed: the legacyExchangeDN of a server (Get-ExchangeServer shows "
		    "it)",
		    forest_name(k, TARGET), name);
	return 0;
}

int
check_mailboxes(const struct check *k, struct err *err)
{
	const struct conf_link *l = k->run->link;

	if (!k->open[TARGET])
		return 0;
	for (size_t i = 0; i < l->n_databases; i++)
		if (check_database(k, l->databases[i], err) < 0)
			return -1;
	return l->home_server ? check_server(k, l->home_server, err) : 0;
}

/* ---- of a cycle ---- */

/* Each mistake is said once. STOP (or NULL) is not: it is the cycle's error. */
static void
report(const struct run *run, const struct mistakes *found, const struct mistake *stop)
{
	for (size_t i = 0; i < found->n; i++) {
		const struct mistake *m = &found->v[i];

		if (m != stop && m->weight != MISTAKE_NOTE)
			run_message(run, m->weight == MISTAKE_WARNS ? LOG_WARNING : LOG_ERR, NULL,
			    run->link->name, "%s", m->text);
	}
}

static int
judge(const struct run *run, const struct mistakes *found, struct err *err)
{
	const struct mistake *stop = mistakes_stop(found);

	if (found->nomem)
		return err_nomem(err);
	report(run, found, stop);
	if (!stop)
		return 0;
	return stop->weight == MISTAKE_STOPS ? err_conf(err, "%s", stop->text)
					     : err_set(err, ERR_LDAP, ERR_LINK, ERR_NEVER,
						   INSUFFICIENT_ACCESS, "%s", stop->text);
}

/* A plan's answer is that an administrator has something to see to before the first write. */
static void
count_warnings(struct cycle *c, const struct mistakes *found)
{
	for (size_t i = 0; c->opt->plan_only && i < found->n; i++)
		c->res->problems += found->v[i].weight == MISTAKE_WARNS;
}

int
cycle_check_names(struct cycle *c, struct err *err)
{
	_cleanup_(mistakes_done) struct mistakes found = {.n = 0};
	const struct check k = {c->run, {true, true}, &found};
	struct dir *source = c->run->dir[SOURCE], *target = c->run->dir[TARGET];

	check_names(&k);
	count_warnings(c, &found);
	if (table_check_required(
		c->run->link, source->ops->schema(source), target->ops->schema(target), err) == 0)
		return judge(c->run, &found, err);
	/* A schema that was never extended: what else it lacks follows from that. */
	report(c->run, &found, NULL);
	return err_ctx(err, "link '%s'", c->run->link->name);
}

int
cycle_check(struct cycle *c, struct err *err)
{
	_cleanup_(mistakes_done) struct mistakes found = {.n = 0};
	const struct check k = {c->run, {true, true}, &found};
	bool known;

	if (check_places(&k, err) < 0 || check_mailboxes(&k, err) < 0 ||
	    check_rights(&k, err) < 0 || run_is_known(c->run, &known, err) < 0)
		return -1;
	/* Nothing has been written for it yet, as far as the map knows. */
	if ((!known || c->opt->plan_only) && check_addresses(&k, err) < 0)
		return -1;
	if (c->opt->plan_only && check_values(&k, c->table, err) < 0)
		return -1;
	count_warnings(c, &found);
	return judge(c->run, &found, err);
}
