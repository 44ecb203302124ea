/* SPDX-License-Identifier: MIT */
#include "tests/support/map_sample.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "mapping/event.h"
#include "mapping/held.h"
#include "mapping/journal.h"
#include "mapping/wave.h"

#define T0 1700000000
#define BOSS "cn=boss,ou=staff,dc=acme,dc=example"

static struct guid
guid(uint8_t n, uint8_t side)
{
	return (struct guid){
	    {n, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, side, 0, 0, 0, 0, 0xfe, 0xff}};
}

/* ---- records ---- */

static int
fill_side(struct record_side *s, uint8_t n, enum side side)
{
	const char *forest = side == SOURCE ? "acme" : "globex";
	uint8_t sid[] = {1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, n, (uint8_t)side, 4, 0};
	char text[96];

	s->guid = guid(n, (uint8_t)(side + 1));
	/* An umlaut and an escaped comma. */
	(void)snprintf(
	    text, sizeof text, "CN=M\xc3\xbcller\\, %u,OU=Staff,DC=%s,DC=example", n, forest);
	if (record_set_str(&s->dn, text) < 0 ||
	    record_set_sid(s, (struct bytes){sid, sizeof sid}) < 0)
		return -1;
	for (unsigned i = 0; i <= n % 3; i++) {
		(void)snprintf(text, sizeof text, "/o=%s/ou=First/cn=User%u-%u", forest, n, i);
		if (record_add_legacy_dn(s, text) < 0)
			return -1;
	}
	return 0;
}

static int
fill_addresses(struct record *r, uint8_t n)
{
	static const char *const forms[] = {"User%u@acme.example", "user%u@redirect.acme.example",
	    "u%u@globex.example", "%u@old.acme.example"};
	uint64_t put[ARRAY_SIZE(forms)];
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const char *form = forms[i];
		size_t before = (size_t)(strstr(form, "%u") - form);

		(void)snprintf(
		    text, sizeof text, "%.*s%u%s", (int)before, form, n, form + before + 2);
		if (record_add_address(r, text) < 0)
			return -1;
		put[i] = record_written_hash("proxyAddresses", bytes_of(text));
	}
	return record_set_written(r, TARGET, put, n % (ARRAY_SIZE(forms) + 1));
}

/* Record N: whatever has few values takes each of them in turn. */
static int
put_record(struct store_txn *t, uint32_t link, uint8_t n, struct err *err)
{
	_cleanup_(record_free) struct record *r = record_new();
	char text[64];

	if (!r)
		return err_nomem(err);
	r->link = link;
	r->kind = (enum kind)(n % KIND_MAX);
	r->created = n % 2;
	r->rule = (enum match_method)(n % MATCH_ADOPT); /* those that 0.1.0 had */
	r->active = n % 3 == 1 ? TARGET : SOURCE;
	r->state = (enum record_state)(n % RECORD_FINISHED);
	r->ready_used = n % 4 == 2;
	r->source_guard = n % 4 == 1;
	r->created_at = T0 + n;
	r->synced_at = r->state == RECORD_PENDING ? 0 : T0 + 100 + n;
	r->switched_at = r->active == TARGET ? T0 + 200 + n : 0;
	(void)snprintf(text, sizeof text, "alias%u", n);
	if (record_set_str(&r->alias, text) < 0 ||
	    record_set_str(&r->evidence, n % 2 ? "" : "mail=user@acme.example") < 0 ||
	    record_set_str(&r->last_error, r->state == RECORD_ERROR ? "no \xe2\x98\x82" : "") < 0 ||
	    fill_side(&r->side[SOURCE], n, SOURCE) < 0 ||
	    fill_side(&r->side[TARGET], n, TARGET) < 0 || fill_addresses(r, n) < 0)
		return err_nomem(err);
	/* A contact has no SID, and what is to be created has no GUID yet. */
	if (r->kind == KIND_CONTACT && record_set_sid(&r->side[SOURCE], (struct bytes){"", 0}) < 0)
		return err_nomem(err);
	if (n == 10)
		r->side[TARGET].guid = (struct guid){{0}};
	return store_put(t, r, err);
}

/* ---- the journal ---- */

static int
add_change(struct journal_entry *e, uint8_t n)
{
	struct guid g = guid(n, 2);
	enum change_op op = (enum change_op)(n % (CHANGE_DELETE + 1));
	struct bytes octets = {"\0\1\xff", 3};

	e->change = change_new(op, "CN=x,DC=globex,DC=example", op == CHANGE_ADD ? NULL : &g);
	if (!e->change)
		return -1;
	if (op == CHANGE_MODIFY)
		return change_mod_str(e->change, MOD_DELETE, "title", "Old") < 0 ||
			       change_mod_str(e->change, MOD_ADD, "title", "New") < 0 ||
			       change_mod(e->change, MOD_REPLACE, "msExchMailboxGuid", octets) < 0
			   ? -1
			   : 0;
	if (op == CHANGE_RENAME)
		return (e->change->new_rdn = strdup("CN=y")) &&
			       (e->change->new_parent = strdup("OU=z,DC=globex,DC=example"))
			   ? 0
			   : -1;
	if (op == CHANGE_ADD)
		return (e->change->entry = entry_new("CN=x,DC=globex,DC=example")) &&
			       entry_add_str(e->change->entry, "objectClass", "user") == 0 &&
			       entry_add(e->change->entry, "objectSid", octets) == 0
			   ? 0
			   : -1;
	return 0;
}

static int
add_before(struct journal_entry *e)
{
	if (e->change->op == CHANGE_ADD)
		return 0;
	e->before = entry_new("CN=x,DC=globex,DC=example");
	return e->before && entry_add_str(e->before, "title", "Old") == 0 &&
		       entry_touch(e->before, "msExchMailboxGuid") == 0
		   ? 0
		   : -1;
}

/* Entry N, with each outcome in turn. */
static int
put_entry(struct store_txn *t, uint32_t link, uint64_t cycle, uint8_t n, struct err *err)
{
	static const char *const words[] = {NULL, NULL, "insufficient access", NULL};
	_cleanup_(journal_entry_free) struct journal_entry *e = journal_entry_new();
	enum journal_outcome outcome = (enum journal_outcome)(n / 2 % (JOURNAL_STALE + 1));

	if (!e)
		return err_nomem(err);
	e->cycle = cycle;
	e->link = link;
	e->side = n % 2 ? TARGET : SOURCE;
	e->source = n == 5 ? (struct guid){{0}} : guid((uint8_t)(n % 4 + 1), 1);
	e->at = T0 + 60 * n;
	e->reason = strdup("project");
	e->server = strdup("dc1.globex.example");
	if (!e->reason || !e->server || add_change(e, n) < 0 || add_before(e) < 0)
		return err_nomem(err);
	if (journal_intend(t, e, err) < 0)
		return -1;
	return outcome == JOURNAL_OPEN ? 0
				       : journal_finish(t, e->number, outcome, words[outcome], err);
}

static int
fill_journal(struct store_txn *t, uint32_t link, struct err *err)
{
	uint64_t cycle;

	if (journal_begin_cycle(t, link, &cycle, err) < 0)
		return -1;
	for (uint8_t n = 0; n < 12; n++)
		if (put_entry(t, link, cycle, n, err) < 0)
			return -1;
	return 0;
}

/* ---- what is beside them ---- */

static int
put_conflict(struct store_txn *t, uint32_t link, uint8_t n, struct err *err)
{
	struct guid guids[2] = {guid(1, 2), guid(2, 2)};
	char dn[] = "CN=Cid,DC=acme,DC=example", what[] = "mail cid@acme.example";
	char first[] = "CN=A,DC=globex,DC=example", second[] = "CN=B,DC=globex,DC=example";
	char *candidates[2] = {first, second};
	struct conflict c = {.source = guid(n, 1),
	    .reason = (enum conflict_reason)(n % CONFLICT_ADOPT),
	    .source_dn = dn,
	    .what = what,
	    .candidates = candidates,
	    .candidate_guids = guids,
	    .n_candidates = n % 3,
	    .since = T0 + n};

	return store_put_conflict(t, link, &c, err);
}

static int
put_waiting(struct store_txn *t, uint32_t link, uint8_t n, struct err *err)
{
	struct guid g = guid(n, 1);
	char manager[] = "manager", member[] = "member", boss[] = BOSS;
	char other[] = "cn=other,ou=staff,dc=acme,dc=example";
	struct waiting_ref refs[] = {{g, manager, boss}, {g, member, other}, {g, member, boss}};

	return store_put_waiting(t, link, &g, refs, n % ARRAY_SIZE(refs) + 1, err);
}

static int
put_event(struct store_txn *t, uint32_t link, uint8_t n, struct err *err)
{
	char dn[] = "CN=Eve,DC=acme,DC=example", body[] = "{\"event\":\"switched\"}", none[] = "";
	char error[] = "exit status 1";
	struct store_event e = {.link = link,
	    .source = guid(n, 1),
	    .kind = n % 2 ? EVENT_SWITCHED : EVENT_UNDONE,
	    .at = T0 + n,
	    .attempts = n % 3,
	    .since = n % 3 ? T0 + 10 : 0,
	    .next = n % 3 ? T0 + 20 : 0,
	    .given_up = n % 3 == 2,
	    .dn = dn,
	    .body = body,
	    .error = n % 3 ? error : none};

	return store_add_event(t, &e, err);
}

static int
put_held(struct store_txn *t, uint32_t link, uint8_t n, struct err *err)
{
	struct store_held h = {.source = guid(n, 1),
	    .kind = (enum held_kind)(n % HELD_SWITCHES + 1) /* those that 0.1.0 had */,
	    .verdict = (enum held_verdict)(n / 3 % HELD_REJECTED + 1),
	    .since = T0 + n};

	if (store_add_spent(t, link, h.kind, T0 + 3600 * n, n, err) < 0)
		return -1;
	return store_put_held(t, link, &h, err);
}

static int
put_operation(struct store_txn *t, uint32_t link, uint8_t n, struct err *err)
{
	char dummy[] = "alias@delete.me", none[] = "";
	struct store_operation o = {.source = guid(n, 1),
	    .kind = (enum operation_kind)(n % OPERATION_TOGGLE + 1),
	    .since = T0 + n,
	    .detail = none};

	if (o.kind == OPERATION_TOGGLE)
		o.detail = dummy;
	return store_put_operation(t, link, &o, err);
}

static int
put_retry(struct store_txn *t, uint32_t link, uint8_t n, struct err *err)
{
	struct guid g = guid(n, 1);

	for (int i = 0; i <= n % 3; i++)
		if (store_put_retry(t, link, &g, "CN=Rex,DC=acme,DC=example", "it is busy",
			T0 + 600 * i, err) < 0)
			return -1;
	return 0;
}

/* A wave in the state N. */
static int
put_wave(struct store_txn *t, uint32_t link, uint8_t n, struct err *err)
{
	char name[] = "Monday", why[] = "the link is paused", none[] = "";
	char dn[] = "CN=Wes,DC=acme,DC=example", text[] = "it has no counterpart yet";
	struct wave_member m[3];
	struct wave w = {.link = link,
	    .undo = n % 2,
	    .state = (enum wave_state)n,
	    .at = T0 + 1000 * n,
	    .planned_at = T0,
	    .started_at = n == WAVE_PLANNED ? 0 : T0 + 1001 * n,
	    .ended_at = wave_is_open((enum wave_state)n) ? 0 : T0 + 1002 * n,
	    .succeeded = n % 2,
	    .failed = n / 2,
	    .name = n % 2 ? none : name,
	    .why = n == WAVE_PLANNED ? why : none};

	for (uint8_t i = 0; i < 3; i++)
		m[i] = (struct wave_member){.source = guid((uint8_t)(i + 1), 1),
		    .line = 7U - i,
		    .result = (enum wave_result)((n + i) % WAVE_RESULT_MAX),
		    .at = (n + i) % WAVE_RESULT_MAX == WAVE_OPEN ? 0 : T0 + i,
		    .dn = dn,
		    .text = (n + i) % WAVE_RESULT_MAX == WAVE_FAILED ? text : none};
	return wave_add(t, &w, m, 3, err);
}

static int
fill_link(struct store_txn *t, const char *name, uint8_t first, uint8_t n, struct err *err)
{
	struct guid place = guid(first, 1);
	size_t decided[HELD_KIND_MAX];
	uint32_t link;

	if (store_link_id(t, name, &link, err) < 0)
		return -1;
	for (uint8_t i = first; i < first + n; i++)
		if (put_record(t, link, i, err) < 0 || put_conflict(t, link, i, err) < 0 ||
		    put_waiting(t, link, i, err) < 0 || put_event(t, link, i, err) < 0 ||
		    put_held(t, link, i, err) < 0 || put_operation(t, link, i, err) < 0 ||
		    put_retry(t, link, i, err) < 0)
			return -1;
	if (store_put_summary(t, link, "{\"kind\":\"full\",\"changes\":7}", err) < 0 ||
	    store_put_cursor(t, link, SOURCE, (struct bytes){"\0cookie", 7}, err) < 0 ||
	    store_put_cursor(t, link, TARGET, bytes_of("usn 4711"), err) < 0 ||
	    store_put_conflict_place(t, link, &place, err) < 0 ||
	    store_decide_held(t, link, HELD_SWITCHES, &place, HELD_APPROVED, decided, err) < 0 ||
	    store_decide_held(t, link, HELD_DELETES, NULL, HELD_REJECTED, decided, err) < 0 ||
	    store_put_carried_out(t, link, 3, err) < 0)
		return -1;
	return fill_journal(t, link, err);
}

int
map_sample_fill(struct store *s, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(s, STORE_WRITE, &t, err) < 0 ||
	    fill_link(t, "acme-globex", 1, 12, err) < 0 ||
	    fill_link(t, "initech-globex", 1, 2, err) < 0)
		return -1;
	for (unsigned i = 0; i < WAVE_STATE_MAX; i++)
		if (put_wave(t, i % 2 + 1, (uint8_t)i, err) < 0)
			return -1;
	return store_commit(TAKE(t), err);
}
