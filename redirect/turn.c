/* SPDX-License-Identifier: MIT */
#include "redirect/turn.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dsa/base/str.h"
#include "dsa/directory/kind.h"
#include "redirect/active_side.h"
#include "redirect/address.h"
#include "redirect/tenant.h"

#define GUARD "msExchCalendarRepairDisabled"
#define GUARD_OURS ":guard" /* behind the marker: galsync set it on the source */

const char *const turn_attrs[] = {"objectGUID", "objectClass", "mailNickname", "mail",
    "proxyAddresses", "targetAddress", "legacyExchangeDN", "homeMDB", "msExchHomeServerName",
    "msExchMailboxGuid", "msExchRecipientTypeDetails", "displayName", "showInAddressBook", GUARD,
    "msExchUserCulture", "c", NULL};

static bool PRINTF_LIKE(3, 4) refuse(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return false;
}

enum side
turn_side(enum turn turn, size_t i)
{
	/* The switch begins at the target, the undo at the source. */
	return (turn == TURN_SWITCH) == (i == 0) ? TARGET : SOURCE;
}

/* The side whose mailbox is used after the turn. */
static enum side
active_after(enum turn turn)
{
	return turn == TURN_SWITCH ? TARGET : SOURCE;
}

/* How well ADDRESS serves: it is in use, or of ALIAS, or any. */
static int
rank(const char *address, const char *in_use, const char *alias)
{
	size_t n = alias ? strlen(alias) : 0;

	if (in_use && str_starts_nocase(in_use, "smtp:") && str_equal_nocase(in_use + 5, address))
		return 2;
	return n && str_starts_nocase(address, alias) && address[n] == '@';
}

const char *
turn_redirect_address(
    const struct entry *source, const struct entry *target, enum side of, const char *domain)
{
	const struct entry *e = of == SOURCE ? source : target;
	const struct entry *from = of == SOURCE ? target : source;
	const struct attr *a = e && domain ? entry_find(e, "proxyAddresses") : NULL;
	const char *in_use = from ? entry_get_str(from, "targetAddress") : NULL;
	const char *alias = source ? entry_get_str(source, "mailNickname") : NULL;
	const char *found = NULL;
	int best = -1;

	for (size_t i = 0; a && i < a->n_values; i++) {
		const char *v = address_value(a->values[i]).data;
		int r = rank(v, in_use, alias);

		if (!address_in_domain(a->values[i], domain) || r < best)
			continue;
		/* Of two that serve alike: the same whatever order the server gives. */
		if (r > best || strcmp(v, found) < 0)
			found = v;
		best = r;
	}
	return found;
}

static const char *
address_of(const struct turn_conf *conf, const struct turn_facts *f, enum side side)
{
	return turn_redirect_address(
	    f->side[SOURCE], f->side[TARGET], side, conf->redirect_domain[side]);
}

static bool
redirects_to(const struct entry *e, const char *address)
{
	const char *v = e ? entry_get_str(e, "targetAddress") : NULL;

	return v && address && str_starts_nocase(v, "smtp:") && str_equal_nocase(v + 5, address);
}

/* The address, without type, that the targetAddress of the active SIDE has: that of its mailbox in
 * a tenant, or NULL. */
static const char *
resting_address(const struct turn_conf *conf, const struct turn_facts *f, enum side side)
{
	const struct entry *e = f->side[side];

	return side == TARGET && e && kind_is_remote_mailbox(e)
		   ? tenant_route(e, conf->routing_domain)
		   : NULL;
}

/* Of a mailbox in a tenant: may targetAddress lead elsewhere and back? */
static bool
check_tenant(const struct turn_conf *conf, const struct turn_facts *f, enum side side, char *why,
    size_t size)
{
	const struct entry *e = f->side[side];

	if (side == SOURCE || !kind_is_remote_mailbox(e))
		return true;
	if (!conf->routing_domain)
		return refuse(why, size,
		    "the target's mailbox is in a tenant, and its forest has no routing_domain");
	if (!tenant_keeps_route(e, conf->routing_domain))
		return refuse(why, size,
		    "the target object has no address in %s, which leads to its mailbox in the "
		    "tenant: wait for a cycle",
		    conf->routing_domain);
	return true;
}

static bool
has_x500(const struct entry *e, const char *legacy_dn)
{
	_cleanup_(free) char *x500 = address_x500_of(legacy_dn);
	const struct attr *a = entry_find(e, "proxyAddresses");

	return x500 && a && attr_has(a, bytes_of(x500), true);
}

/* ---- what must be true, each by itself; of a side its object is there, but for the first ---- */

static bool
check_object(const struct turn_conf *conf, const struct turn_facts *f, enum side side, char *why,
    size_t size)
{
	(void)conf;
	return f->side[side] || refuse(why, size, "the %s object is gone", side_name(side));
}

static bool
check_mailbox(const struct turn_conf *conf, const struct turn_facts *f, enum side side, char *why,
    size_t size)
{
	(void)conf;
	return active_has_mailbox(f->side[side], side) ||
	       refuse(why, size,
		   "the %s object has no mailbox (neither homeMDB nor "
		   "msExchHomeServerName)",
		   side_name(side));
}

static bool
check_address(const struct turn_conf *conf, const struct turn_facts *f, enum side side, char *why,
    size_t size)
{
	if (!conf->redirect_domain[side])
		return refuse(why, size, "the %s forest has no redirect_domain", side_name(side));
	return address_of(conf, f, side) ||
	       refuse(why, size, "the %s object has no address in %s: wait for a cycle",
		   side_name(side), conf->redirect_domain[side]);
}

static bool
check_unique(const struct turn_conf *conf, const struct turn_facts *f, enum side side, char *why,
    size_t size)
{
	return f->holders[side] <= 1 ||
	       refuse(why, size, "%zu %s objects hold the redirect address %s", f->holders[side],
		   side_name(side), address_of(conf, f, side));
}

static bool
check_x500(const struct turn_conf *conf, const struct turn_facts *f, enum side side, char *why,
    size_t size)
{
	const struct entry *e = f->side[side], *peer = f->side[side_other(side)];
	const char *legacy = peer ? entry_get_str(peer, "legacyExchangeDN") : NULL;
	const char *own = entry_get_str(e, "legacyExchangeDN");

	(void)conf;
	return !legacy || (own && str_equal_nocase(own, legacy)) || has_x500(e, legacy) ||
	       refuse(why, size,
		   "the %s object lacks the X500 address of its counterpart: wait for a cycle",
		   side_name(side));
}

/* A redirection that is neither ours nor none is an administrator's decision. */
static bool
check_redirection(const struct turn_conf *conf, const struct turn_facts *f, enum side side,
    char *why, size_t size)
{
	const struct entry *e = f->side[side];
	const char *to = entry_get_str(e, "targetAddress");
	const char *want = address_of(conf, f, side_other(side));

	return !to || redirects_to(e, want) || redirects_to(e, resting_address(conf, f, side)) ||
	       refuse(why, size,
		   "the %s object redirects to %.200s, which galsync did not set: clear it first",
		   side_name(side), to);
}

bool
turn_verify(const struct turn_conf *conf, enum turn turn, const struct turn_facts *f, char *why,
    size_t size)
{
	enum side active = active_after(turn), passive = side_other(active);
	const char *want = address_of(conf, f, active);
	const char *rests = resting_address(conf, f, active);

	if (!f->side[SOURCE] || !f->side[TARGET])
		return refuse(why, size, "one of the objects is gone");
	if (rests ? !redirects_to(f->side[active], rests)
		  : entry_get_str(f->side[active], "targetAddress") != NULL)
		return refuse(why, size, "the %s object still redirects%s%s", side_name(active),
		    rests ? ", or does not lead to its tenant by " : "", rests ? rests : "");
	if (!redirects_to(f->side[passive], want))
		return refuse(why, size, "the %s object does not redirect to %s",
		    side_name(passive), want ? want : "the other side");
	return true;
}

/* What the next cycles still have to write may be an address that mail is sent to. */
static bool
check_settled(const struct turn_conf *conf, const struct turn_facts *f, enum side side, char *why,
    size_t size)
{
	(void)conf;
	(void)side;
	if (f->begun)
		return true;
	if (f->record->state == RECORD_PENDING)
		return refuse(why, size, "a change of it is not finished: wait for a cycle");
	if (f->record->state == RECORD_ERROR)
		return refuse(why, size, "its last change failed: %.200s", f->record->last_error);
	return true;
}

/* The stamp as it is on the target, if it is this correspondence's. False: it is another value. */
static bool
own_stamp(const struct turn_conf *conf, const struct turn_facts *f, struct stamp *ret)
{
	const struct entry *target = f->side[TARGET];

	*ret =
	    (struct stamp){.created = f->record->created, .source = f->record->side[SOURCE].guid};
	if (!entry_get(target, conf->stamp_attribute).data)
		return true;
	return stamp_of(target, conf->stamp_attribute, ret) &&
	       guid_equal(&ret->source, &f->record->side[SOURCE].guid);
}

/* Are the directories as they must be after the turn, the stamp too? The map is not asked. */
static bool
is_turned(const struct turn_conf *conf, enum turn turn, const struct turn_facts *f, char *why,
    size_t size)
{
	const struct active_conf ac = {
	    .redirect_domain = {conf->redirect_domain[SOURCE], conf->redirect_domain[TARGET]},
	    .routing_domain = conf->routing_domain,
	    .stamp_attribute = conf->stamp_attribute,
	    .marker_attribute = conf->marker_attribute};
	const struct entry *const side[SIDES] = {f->side[SOURCE], f->side[TARGET]};
	struct active_side a = active_side_of(&ac, side, NULL);
	enum active_witness vouched =
	    active_after(turn) == TARGET ? WITNESS_TARGET : WITNESS_SOURCE;

	return a.side == active_after(turn) && turn_verify(conf, turn, f, why, size) &&
	       (!conf->stamp_attribute || a.facts.stamp == vouched);
}

/* A foreign value stays, so the switch could not be seen without the map. */
static bool
check_stamp(const struct turn_conf *conf, const struct turn_facts *f, enum side side, char *why,
    size_t size)
{
	struct stamp ignored;

	(void)side;
	if (!f->side[TARGET] || !conf->stamp_attribute || own_stamp(conf, f, &ignored))
		return true;
	return refuse(why, size, "'%s' of the target object is '%.200s', which is not its stamp",
	    conf->stamp_attribute, entry_get_str(f->side[TARGET], conf->stamp_attribute));
}

const char *
turn_unfinished(const struct record *r, const struct entry *target)
{
	/* The map may not know yet what Update-Recipient has done. */
	return r->state == RECORD_WAITING && !(target && kind_is_finished(target))
		   ? "Exchange has not finished the mailbox in the target yet"
		   : NULL;
}

static bool
check_finished(const struct turn_conf *conf, const struct turn_facts *f, enum side side, char *why,
    size_t size)
{
	const char *unfinished = turn_unfinished(f->record, f->side[TARGET]);

	(void)conf;
	(void)side;
	return f->begun || f->force || !unfinished ||
	       refuse(why, size, "%s: run Update-Recipient for it (--force switches all the same)",
		   unfinished);
}

static bool
check_record(const struct record *r, char *why, size_t size)
{
	if (!r)
		return refuse(why, size, "it is not in the map");
	if (r->kind != KIND_USER)
		return refuse(why, size, "it is a %s, not a mailbox", kind_name(r->kind));
	if (guid_is_zero(&r->side[TARGET].guid))
		return refuse(why, size, "it has no counterpart yet");
	if (r->ended)
		return refuse(why, size,
		    "it is finished: its coexistence was ended, and its redirection is an "
		    "administrator's from now on");
	if (record_has_left(r))
		return refuse(why, size, "its source object has left the synchronization");
	return true;
}

/* Everything behind the record, in the order in which it is asked. */
static const struct need {
	const char *name;
	bool (*check)(const struct turn_conf *conf, const struct turn_facts *f, enum side side,
	    char *why, size_t size);
	enum side side; /* SIDES: of none */
	bool of_switch; /* an undo does not need it */
} needs[] = {
    {"settled", check_settled, SIDES, true},
    {"stamp", check_stamp, SIDES, true},
    {"source_object", check_object, SOURCE, false},
    {"source_mailbox", check_mailbox, SOURCE, false},
    {"source_address", check_address, SOURCE, false},
    {"source_unique", check_unique, SOURCE, false},
    {"source_x500", check_x500, SOURCE, false},
    {"target_object", check_object, TARGET, false},
    {"target_mailbox", check_mailbox, TARGET, false},
    {"target_tenant", check_tenant, TARGET, false},
    {"target_address", check_address, TARGET, false},
    {"target_unique", check_unique, TARGET, false},
    {"target_x500", check_x500, TARGET, false},
    {"source_redirection", check_redirection, SOURCE, false},
    {"target_redirection", check_redirection, TARGET, false},
    {"finished", check_finished, SIDES, true},
};
_Static_assert(ARRAY_SIZE(needs) + 1 == TURN_NEEDS, "and the map");

const char *
turn_need_name(size_t i)
{
	return i ? needs[i - 1].name : "map";
}

/* Can N be asked? Where a redirection should lead is not known without an address there: that is
 * missing, and is told. */
static bool
applies(
    const struct turn_conf *conf, const struct need *n, enum turn turn, const struct turn_facts *f)
{
	if (n->of_switch && turn != TURN_SWITCH)
		return false;
	if (n->check == check_redirection && !address_of(conf, f, side_other(n->side)))
		return false;
	return n->side == SIDES || n->check == check_object || f->side[n->side];
}

bool
turn_check(const struct turn_conf *conf, enum turn turn, const struct turn_facts *f, bool *done,
    char *why, size_t size)
{
	*done = false;
	if (!check_record(f->record, why, size))
		return false;
	if (is_turned(conf, turn, f, why, size)) {
		*done = true;
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
		if (applies(conf, &needs[i], turn, f) &&
		    !needs[i].check(conf, f, needs[i].side, why, size))
			return false;
	return true;
}

void
turn_check_each(const struct turn_conf *conf, enum turn turn, const struct turn_facts *f,
    bool *done, turn_need_fn *fn, void *arg)
{
	char why[TURN_WHY_SIZE] = "";
	bool ok = check_record(f->record, why, sizeof why);

	*done = ok && is_turned(conf, turn, f, why, sizeof why);
	fn(0, ok, ok ? "" : why, arg);
	for (size_t i = 0; ok && !*done && i < ARRAY_SIZE(needs); i++) {
		bool fine;

		if (!applies(conf, &needs[i], turn, f))
			continue;
		fine = needs[i].check(conf, f, needs[i].side, why, sizeof why);
		fn(i + 1, fine, fine ? "" : why, arg);
	}
}

/* Replaces the value of single-valued ATTR by V (NULL: none), naming what is there. */
static int
set_value(struct change *c, const struct entry *now, const char *attr, const char *v)
{
	const char *old = entry_get_str(now, attr);

	if (old && v && strcmp(old, v) == 0)
		return 0;
	if (old && change_mod_str(c, MOD_DELETE, attr, old) < 0)
		return -1;
	return v ? change_mod_str(c, MOD_ADD, attr, v) : 0;
}

static int
marker_text(const struct turn_facts *f, int64_t now, char **ret)
{
	char guid[GUID_TEXT_SIZE], when[32] = "";
	time_t t = (time_t)now;
	struct tm tm;

	guid_format(&f->side[TARGET]->guid, guid);
	if (gmtime_r(&t, &tm))
		(void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	*ret = str_printf("galsync:switched:%s:%s%s", when, guid,
	    entry_get_bool(f->side[SOURCE], GUARD) || !active_has_mailbox(f->side[SOURCE], SOURCE)
		? ""
		: GUARD_OURS);
	return *ret ? 0 : -1;
}

bool
turn_can_mark(const struct turn_conf *conf, const struct entry *source)
{
	const char *v = source ? entry_get_str(source, conf->marker_attribute) : NULL;

	return !v || active_is_marker(v);
}

bool
turn_marker_guards(const char *marker)
{
	return active_is_marker(marker) && strstr(marker, GUARD_OURS);
}

/* The guard is taken off only where galsync put it: the record knows, and of the source the marker
 * too, which outlives the loss of the map. */
bool
turn_guard_is_ours(const struct turn_conf *conf, const struct turn_facts *f, enum side side)
{
	if (side == TARGET)
		return record_was_written(
		    f->record, TARGET, record_written_hash(GUARD, bytes_of("TRUE")));
	if (f->record->source_guard)
		return true;
	return turn_marker_guards(entry_get_str(f->side[SOURCE], conf->marker_attribute));
}

static int
guard(const struct turn_conf *conf, const struct turn_facts *f, enum side side, bool active,
    struct change *c)
{
	const struct entry *e = f->side[side];

	if (!active)
		return entry_get_bool(e, GUARD) || !kind_has_mailbox(e)
			   ? 0
			   : set_value(c, e, GUARD, "TRUE");
	return turn_guard_is_ours(conf, f, side) ? set_value(c, e, GUARD, NULL) : 0;
}

int
turn_note_guard(const struct change *c, enum side side, struct record *r, bool *ret_noted)
{
	uint64_t hash = record_written_hash(GUARD, bytes_of("TRUE"));

	*ret_noted = false;
	for (size_t i = 0; c && i < c->n_mods; i++)
		*ret_noted |= c->mods[i].op == MOD_ADD && strcmp(c->mods[i].attr, GUARD) == 0;
	if (!*ret_noted)
		return 0;
	if (side == TARGET)
		return record_add_written(r, TARGET, &hash, 1);
	r->source_guard = true;
	return 0;
}

/* The marker on the source: there while the target is active. A foreign value stays. */
static int
mark(const struct turn_conf *conf, enum turn turn, const struct turn_facts *f, int64_t now,
    struct change *c)
{
	const char *old = entry_get_str(f->side[SOURCE], conf->marker_attribute);
	_cleanup_(free) char *text = NULL;

	if (!turn_can_mark(conf, f->side[SOURCE]))
		return 0;
	if (turn == TURN_UNDO)
		return set_value(c, f->side[SOURCE], conf->marker_attribute, NULL);
	if (old)
		return 0;
	return marker_text(f, now, &text) < 0
		   ? -1
		   : set_value(c, f->side[SOURCE], conf->marker_attribute, text);
}

/* The stamp of the target says whose mailbox is active, also when the map is lost. */
static int
restamp(const struct turn_conf *conf, enum turn turn, const struct turn_facts *f, struct change *c)
{
	char text[STAMP_TEXT_SIZE];
	struct stamp s;

	if (!conf->stamp_attribute || !own_stamp(conf, f, &s))
		return 0;
	s.has_side = true;
	s.active = active_after(turn);
	stamp_format(&s, text);
	return set_value(c, f->side[TARGET], conf->stamp_attribute, text);
}

static int
no_address(const struct turn_conf *conf, enum side side, struct err *err)
{
	const char *domain = conf->redirect_domain[side];

	return domain ? err_data(err, "the %s object has no address in %s", side_name(side), domain)
		      : err_data(err, "the %s forest has no redirect_domain", side_name(side));
}

static int
change_side(const struct turn_conf *conf, enum turn turn, const struct turn_facts *f,
    enum side side, int64_t now, struct change *c, struct err *err)
{
	const struct entry *e = f->side[side];
	bool active = side == active_after(turn);
	const char *to =
	    active ? resting_address(conf, f, side) : address_of(conf, f, side_other(side));
	_cleanup_(free) char *address = to ? str_printf("SMTP:%s", to) : NULL;

	if (!active && !to)
		return no_address(conf, side_other(side), err);
	if ((to && !address) || set_value(c, e, "targetAddress", address) < 0 ||
	    guard(conf, f, side, active, c) < 0 ||
	    (side == SOURCE ? mark(conf, turn, f, now, c) : restamp(conf, turn, f, c)) < 0)
		return err_nomem(err);
	return 0;
}

int
turn_changes(const struct turn_conf *conf, enum turn turn, const struct turn_facts *f, int64_t now,
    struct change *ret[TURN_CHANGES], struct err *err)
{
	for (size_t i = 0; i < TURN_CHANGES; i++) {
		enum side side = turn_side(turn, i);
		const struct entry *e = f->side[side];

		ret[i] = change_new(CHANGE_MODIFY, e->dn, &e->guid);
		if (!ret[i])
			(void)err_nomem(err);
		if (!ret[i] || change_side(conf, turn, f, side, now, ret[i], err) < 0) {
			for (size_t j = 0; j <= i; j++)
				change_free(TAKE(ret[j]));
			return -1;
		}
		if (change_is_empty(ret[i]))
			change_free(TAKE(ret[i]));
	}
	return 0;
}

int
turn_take_away(const struct turn_conf *conf, enum turn turn, const struct turn_facts *f,
    struct change **ret, struct err *err)
{
	enum side side = turn_side(turn, 0);
	const struct entry *e = f->side[side];
	const char *to = e ? entry_get_str(e, "targetAddress") : NULL;
	_cleanup_(change_free) struct change *c = NULL;

	*ret = NULL;
	if (!active_leads_to(to, NULL, conf->redirect_domain[side_other(side)]))
		return 0; /* not by galsync */
	c = change_new(CHANGE_MODIFY, e->dn, &e->guid);
	if (!c)
		return err_nomem(err);
	if (change_side(conf, turn, f, side, 0, c, err) < 0)
		return -1;
	*ret = TAKE(c);
	return 0;
}
