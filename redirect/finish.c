/* SPDX-License-Identifier: MIT */
#include "redirect/finish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/kind.h"
#include "redirect/active_side.h"

#define GUARD "msExchCalendarRepairDisabled"
#define WHY_SIZE 400

void
finish_blockers_done(struct finish_blockers *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->v[i].dn);
		free(b->v[i].attribute);
		free(b->v[i].value);
		free(b->v[i].why);
	}
	free(b->v);
	*b = (struct finish_blockers){0};
}

bool
finish_is_done(const struct record *r)
{
	return r->state == RECORD_FINISHED && r->ended;
}

/* ---- saying it ---- */

struct judging {
	const struct finish_conf *conf;
	const struct finish_facts *f;
	struct active_side verdict;
	struct finish_blockers *ret;
	bool failed; /* no memory */
};

static void
add(struct judging *j, const char *dn, const char *attribute, const char *value, const char *why)
{
	struct finish_blockers *b = j->ret;
	struct finish_blocker x;

	if (j->failed || list_grow(b->v, b->n, b->cap) < 0) {
		j->failed = true;
		return;
	}
	x = (struct finish_blocker){.dn = strdup(dn),
	    .attribute = strdup(attribute),
	    .value = strdup(value ? value : ""),
	    .why = strdup(why)};
	j->failed = !x.dn || !x.attribute || !x.value || !x.why;
	b->v[b->n++] = x;
}

static const char *
dn_of(const struct judging *j, enum side side)
{
	return j->f->side[side] ? j->f->side[side]->dn : j->f->record->side[side].dn;
}

/* About the object of SIDE, or its ATTRIBUTE, which has VALUE or (NULL) lacks something. */
static void block(struct judging *j, enum side side, const char *attribute, const char *value,
    const char *fmt, ...) PRINTF_LIKE(5, 6);

static void
block(struct judging *j, enum side side, const char *attribute, const char *value, const char *fmt,
    ...)
{
	char why[WHY_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	add(j, dn_of(j, side), attribute, value, why);
}

/* ---- what the map says ---- */

static void
judge_record(struct judging *j)
{
	const struct record *r = j->f->record;

	if (r->state == RECORD_LEFT)
		block(j, SOURCE, "", NULL,
		    "its source object left the synchronization before it was switched");
	else if (r->state == RECORD_PENDING)
		block(j, SOURCE, "", NULL, "a change of it is not finished: wait for a cycle");
	else if (r->state == RECORD_ERROR)
		block(j, SOURCE, "", NULL, "its last change failed: %.300s", r->last_error);
	if (j->f->under_way)
		block(j, SOURCE, "", NULL,
		    "a switch, an undo, a toggle or a finish of it is under way");
	if (j->f->wave)
		block(j, SOURCE, "", NULL, "it is in wave %u, which is not over", j->f->wave);
	if (j->f->in_conflict)
		block(j, SOURCE, "", NULL, "it is in conflict: see \"galsyncctl conflicts\"");
	if (j->f->is_held)
		block(j, SOURCE, "", NULL,
		    "a change of it is held, or approved and not made yet: see \"galsyncctl list "
		    "--held\"");
}

/* ---- redirections ---- */

static const char *
redirection(const struct judging *j, enum side side)
{
	return j->f->side[side] ? entry_get_str(j->f->side[side], "targetAddress") : NULL;
}

/* True if the target is the active side, and nothing but the source redirects. */
static bool
judge_side(struct judging *j)
{
	const struct active_side *a = &j->verdict;
	const char *to = redirection(j, SOURCE), *back = redirection(j, TARGET);

	if (a->facts.leads[SOURCE] == LEADS_HOME)
		block(j, SOURCE, "targetAddress", to, "it redirects to itself");
	if (a->facts.leads[TARGET] == LEADS_HOME)
		block(j, TARGET, "targetAddress", back, "it redirects to itself");
	if (a->is_loop)
		block(j, TARGET, "targetAddress", back, "both objects redirect to each other");
	else if (a->side != TARGET)
		block(j, SOURCE, "targetAddress", to,
		    "it is not switched: the source is the active side");
	else if (a->facts.leads[TARGET] == LEADS_AWAY)
		block(
		    j, TARGET, "targetAddress", back, "the active side redirects to a third place");
	if (a->is_loop || a->side != TARGET)
		return false;
	if (!a->facts.mailbox[TARGET])
		block(j, TARGET, "homeMDB", NULL, "the active side has no mailbox");
	if (j->f->record->active != TARGET)
		block(j, SOURCE, "", NULL,
		    "the map does not know yet that it is switched: wait for a cycle");
	return true;
}

static bool
has_address(const struct entry *e, struct bytes address)
{
	const struct attr *a = e ? entry_find(e, "proxyAddresses") : NULL;

	return a && attr_has(a, address, true);
}

/* What has neither a mailbox nor an address receives nothing that would have to be redirected. */
static void
judge_redirection(struct judging *j)
{
	const struct entry *source = j->f->side[SOURCE];
	const char *to = redirection(j, SOURCE);
	const char *domain = j->conf->turn->redirect_domain[TARGET];

	if (!source || !(active_has_mailbox(source, SOURCE) ||
			   entry_find(source, "proxyAddresses") || entry_find(source, "mail")))
		return;
	if (!to || !domain || !address_in_domain(bytes_of(to), domain) ||
	    !has_address(j->f->side[TARGET], bytes_of(to)))
		block(j, SOURCE, "targetAddress", to,
		    "it does not redirect to an address that its counterpart has in %s",
		    domain ? domain : "the target's redirect_domain, which is not configured");
}

/* ---- names and addresses ---- */

/* Is LEGACY a name of the target? */
static bool
resolves(const struct entry *target, const char *legacy, const char *x500)
{
	const char *own = entry_get_str(target, "legacyExchangeDN");

	return has_address(target, bytes_of(x500)) || (own && str_equal_nocase(own, legacy));
}

static void
judge_names(struct judging *j)
{
	_cleanup_(address_list_done) struct address_list list = {0};
	const struct record_side *known = &j->f->record->side[SOURCE];
	const struct entry *source = j->f->side[SOURCE];
	const char *legacy = source ? entry_get_str(source, "legacyExchangeDN") : NULL;
	const struct attr *v = source ? entry_find(source, "proxyAddresses") : NULL;

	j->failed |= legacy && address_list_add_x500(&list, legacy) < 0;
	for (size_t i = 0; i < known->n_legacy_dns; i++)
		j->failed |= address_list_add_x500(&list, known->legacy_dns[i]) < 0;
	for (size_t i = 0; v && i < v->n_values; i++)
		j->failed |=
		    address_is_x500(v->values[i]) && address_list_add(&list, v->values[i]) < 0;
	for (size_t i = 0; !j->failed && i < list.n; i++) {
		const char *x500 = list.values[i].data;

		if (!resolves(j->f->side[TARGET], x500 + strlen("X500:"), x500))
			block(j, TARGET, "proxyAddresses", x500,
			    "it lacks this name of its source: old replies to it would fail");
	}
}

static bool
is_in(struct bytes address, const char *domain)
{
	return domain && address_in_domain(address, domain);
}

static void
judge_addresses(struct judging *j)
{
	const struct entry *source = j->f->side[SOURCE];
	const struct attr *v = source ? entry_find(source, "proxyAddresses") : NULL;

	for (size_t i = 0; v && i < v->n_values; i++)
		if (address_is_smtp(v->values[i]) &&
		    !is_in(v->values[i], j->conf->turn->redirect_domain[SOURCE]) &&
		    !is_in(v->values[i], j->conf->toggle_domain) &&
		    !has_address(j->f->side[TARGET], v->values[i]))
			block(j, TARGET, "proxyAddresses", v->values[i].data,
			    "it lacks this address of its source: mail to it has to go by the "
			    "source");
}

int
finish_addresses(const struct finish_facts *f, const struct finish_conf *conf,
    struct address_list *ret, struct err *err)
{
	const struct attr *v =
	    f->side[SOURCE] ? entry_find(f->side[SOURCE], "proxyAddresses") : NULL;
	const char *domain = conf->turn->redirect_domain[SOURCE];
	bool bad = false;

	for (size_t i = 0; v && i < v->n_values; i++)
		bad |= address_is_smtp(v->values[i]) &&
		       !has_address(f->side[TARGET], v->values[i]) &&
		       address_list_addf(
			   ret, "smtp:%s", (const char *)address_value(v->values[i]).data) < 0;
	/* A redirect address that it had is remembered when the source is gone. */
	for (size_t i = 0; i < f->record->n_addresses; i++) {
		_cleanup_(free) char *smtp = str_printf("smtp:%s", f->record->addresses[i]);

		bad |= !smtp ||
		       (is_in(bytes_of(smtp), domain) && address_list_add(ret, bytes_of(smtp)) < 0);
	}
	return bad ? err_nomem(err) : 0;
}

/* ---- references ---- */

static void
judge_references(struct judging *j)
{
	for (size_t i = 0; i < j->f->n_references; i++) {
		const struct finish_reference *r = &j->f->references[i];
		const char *why = "it forwards to an object that redirects to the source";

		if (r->side == SOURCE)
			why = "it is in use and forwards to the source object";
		else if (strcmp(r->attribute, "targetAddress") == 0)
			why = "it redirects to an address that only the source has";
		else if (strcmp(r->attribute, "member") == 0)
			why = "it has a member that redirects to the source";
		add(j, r->dn, r->attribute, r->value, why);
	}
}

/* ---- all of it ---- */

static struct active_side
active_of(const struct finish_conf *conf, const struct finish_facts *f)
{
	const struct active_conf ac = {.redirect_domain = {conf->turn->redirect_domain[SOURCE],
					   conf->turn->redirect_domain[TARGET]},
	    .routing_domain = conf->turn->routing_domain,
	    .stamp_attribute = conf->turn->stamp_attribute,
	    .marker_attribute = conf->turn->marker_attribute};

	return active_side_of(&ac, f->side, f->record);
}

int
finish_judge(const struct finish_conf *conf, const struct finish_facts *f,
    struct finish_blockers *ret, struct err *err)
{
	struct judging j = {.conf = conf, .f = f, .ret = ret};
	bool left = record_has_left(f->record);

	if (f->record->kind != KIND_USER)
		block(
		    &j, SOURCE, "", NULL, "it is a %s, not a mailbox", kind_name(f->record->kind));
	else if (guid_is_zero(&f->record->side[TARGET].guid))
		block(&j, SOURCE, "", NULL, "it has no counterpart yet");
	else if (!f->side[TARGET])
		block(&j, TARGET, "", NULL, "the target object is gone");
	else if (!f->side[SOURCE] && !left)
		block(&j, SOURCE, "", NULL, "the source object is gone: wait for a cycle");
	if (j.failed || ret->n)
		return j.failed ? err_nomem(err) : 0;
	j.verdict = active_of(conf, f);
	judge_record(&j);
	if (judge_side(&j)) {
		judge_redirection(&j);
		judge_names(&j);
		judge_addresses(&j);
		judge_references(&j);
	}
	return j.failed ? err_nomem(err) : 0;
}

/* ---- what is taken away ---- */

/* The value of ATTRIBUTE that is galsync's, or NULL. */
static const char *
own_value(const struct finish_conf *conf, const struct finish_facts *f, enum side side)
{
	const char *attribute =
	    side == SOURCE ? conf->turn->marker_attribute : conf->turn->stamp_attribute;
	const char *v = attribute ? entry_get_str(f->side[side], attribute) : NULL;
	struct stamp s;

	if (side == SOURCE)
		return active_is_marker(v) ? v : NULL;
	return attribute && stamp_of(f->side[TARGET], attribute, &s) &&
		       guid_equal(&s.source, &f->record->side[SOURCE].guid)
		   ? v
		   : NULL;
}

static int
take_away(
    const struct finish_conf *conf, const struct finish_facts *f, enum side side, struct change *c)
{
	const struct turn_facts tf = {
	    .record = f->record, .side = {f->side[SOURCE], f->side[TARGET]}};
	const char *own = own_value(conf, f, side);
	const char *guard = entry_get_str(f->side[side], GUARD);

	if (own && change_mod_str(c, MOD_DELETE,
		       side == SOURCE ? conf->turn->marker_attribute : conf->turn->stamp_attribute,
		       own) < 0)
		return -1;
	if (!guard || !entry_get_bool(f->side[side], GUARD) ||
	    !turn_guard_is_ours(conf->turn, &tf, side))
		return 0;
	return change_mod_str(c, MOD_DELETE, GUARD, guard);
}

int
finish_changes(const struct finish_conf *conf, const struct finish_facts *f,
    struct change *ret[SIDES], struct err *err)
{
	_cleanup_(change_free) struct change *source = NULL, *target = NULL;
	struct change **of[SIDES] = {&source, &target};

	for (int s = SOURCE; s < SIDES; s++) {
		const struct entry *e = f->side[s];

		if (!e)
			continue;
		*of[s] = change_new(CHANGE_MODIFY, e->dn, &e->guid);
		if (!*of[s] || take_away(conf, f, (enum side)s, *of[s]) < 0)
			return err_nomem(err);
		if (change_is_empty(*of[s]))
			change_free(TAKE(*of[s]));
	}
	ret[SOURCE] = TAKE(source);
	ret[TARGET] = TAKE(target);
	return 0;
}

void
finish_note(struct record *r)
{
	r->state = RECORD_FINISHED;
	r->ended = true;
	r->active = TARGET;
	r->source_guard = false;
	record_forget_written(r, TARGET, record_written_hash(GUARD, bytes_of("TRUE")));
}
