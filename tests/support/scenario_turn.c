/* SPDX-License-Identifier: MIT */
#include "tests/support/scenario_turn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/jobs/toggle.h"
#include "dsa/jobs/turns.h"
#include "mapping/journal.h"

#define GUARD "msExchCalendarRepairDisabled"
#define MARKER "extensionAttribute14"
#define MARKED "galsync:switched:"
#define TIME_LEN 20 /* "2001-09-09T01:46:40Z" */
#define DUMMY "@delete.me"

const char *
lab_op_name(enum lab_op op)
{
	static const char *const names[] = {
	    [LAB_SWITCH] = "switch", [LAB_UNDO] = "undo", [LAB_TOGGLE] = "toggle"};

	return names[op];
}

/* ---- turning ---- */

struct turning {
	enum lab_op op;
	struct guid guids[8];
	size_t n;
};

static int
act_turn(struct lab *l, struct run *run, void *arg)
{
	const struct turning *t = arg;
	const struct turn_order o = {.turn = t->op == LAB_UNDO ? TURN_UNDO : TURN_SWITCH,
	    .force = t->op == LAB_SWITCH,
	    .sources = t->guids,
	    .n = t->n};

	return t->op == LAB_TOGGLE ? toggle_run(run, t->guids, t->n, &l->err)
				   : turns_run(run, &o, &l->err);
}

int
lab_turn(struct lab *l, struct tap *tap, enum lab_op op, const char *const *who)
{
	struct turning t = {.op = op};
	struct tap own = {.stop_at = 0};
	int rc;

	for (; who[t.n]; t.n++) {
		const struct entry *e = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, who[t.n]));

		assert_non_null(e);
		assert_true(t.n < ARRAY_SIZE(t.guids));
		t.guids[t.n] = e->guid;
	}
	rc = lab_act(l, tap ? tap : &own, act_turn, &t);
	tap_done(&own);
	return rc;
}

bool
lab_told(const struct lab *l, const char *how, const char *name, const char *word)
{
	_cleanup_(free) char *start = str_printf("%s %s,", how, name);
	_cleanup_(free) char *text =
	    str_printf("%.*s", (int)l->notes.len, l->notes.len ? (char *)l->notes.data : "");
	char *rest = text;

	assert_true(start && text);
	for (char *line; (line = strsep(&rest, "\n"));)
		if (str_starts_nocase(line, start) && strstr(line, word))
			return true;
	return false;
}

/* ---- what must hold ---- */

/* The counterpart by its stamp: the map may know nothing of it. */
static const struct entry *
counterpart(struct lab *l, const char *name)
{
	_cleanup_(record_free) struct record *r = lab_record(l, name);
	char dn[GUID_TEXT_SIZE + 8], guid[GUID_TEXT_SIZE];

	if (!r)
		return NULL;
	guid_format(&r->side[TARGET].guid, guid);
	(void)snprintf(dn, sizeof dn, "<GUID=%s>", guid);
	return fakedir_find(l->fd[TARGET], dn);
}

bool
lab_both_redirect(struct lab *l, const char *name)
{
	const struct entry *s = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, name));
	const struct entry *t = s ? counterpart(l, name) : NULL;

	return s && t && entry_get_str(s, "targetAddress") && entry_get_str(t, "targetAddress");
}

static void
must_be(const struct entry *e, const char *attr, const char *want)
{
	const char *have = entry_get_str(e, attr);

	if (have != want && !(have && want && strcmp(have, want) == 0))
		fail_msg("%s: %s is %s, not %s", e->dn, attr, have ? have : "absent",
		    want ? want : "absent");
}

static void
check_marker(const struct entry *source, const struct record *r, bool guarded)
{
	const char *have = entry_get_str(source, MARKER);
	char guid[GUID_TEXT_SIZE], *end;

	if (r->active == SOURCE) {
		must_be(source, MARKER, NULL);
		return;
	}
	guid_format(&r->side[TARGET].guid, guid);
	end = str_printf(":%s%s", guid, guarded ? "" : ":guard");
	assert_non_null(end);
	if (!have || !str_starts_nocase(have, MARKED) || strlen(have) < strlen(MARKED) + TIME_LEN ||
	    strcmp(have + strlen(MARKED) + TIME_LEN, end) != 0)
		fail_msg("%s: the marker is %s", source->dn, have ? have : "absent");
	free(end);
}

enum side
lab_check_mailbox(struct lab *l, const char *name, bool guarded)
{
	const struct entry *s = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, name));
	const struct entry *t = counterpart(l, name);
	_cleanup_(record_free) struct record *r = lab_record(l, name);
	_cleanup_(free) char *there = NULL, *back = NULL;
	bool switched;

	assert_true(s && t && r);
	switched = r->active == TARGET;
	back = str_printf("SMTP:%s@redirect.acme.example", r->alias);
	there = str_printf("SMTP:%s@redirect.globex.example", r->alias);
	assert_true(there && back);
	must_be(s, "targetAddress", switched ? there : NULL);
	must_be(t, "targetAddress", switched ? NULL : back);
	must_be(s, GUARD, switched || guarded ? "TRUE" : NULL);
	must_be(t, GUARD, switched ? NULL : "TRUE");
	assert_true(attr_has(entry_find(s, "proxyAddresses"), bytes_of(back), true));
	assert_true(attr_has(entry_find(t, "proxyAddresses"), bytes_of(there), true));
	check_marker(s, r, guarded);
	if (lab_has(l, SOURCE, LAB_GROUP, "member", s->dn) != switched)
		fail_msg("%s is %s member of the group", s->dn, switched ? "no" : "a");
	return r->active;
}

static int
found_operation(const struct store_operation *o, void *arg, struct err *err)
{
	(void)err;
	*(int *)arg = (int)o->kind;
	return 1;
}

static int
found_open(const struct journal_entry *e, void *arg, struct err *err)
{
	(void)err;
	*(bool *)arg = true;
	(void)e;
	return 1;
}

void
lab_check_nothing_open(struct lab *l)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(buf_done) struct buf all = {0};
	struct err err = {0};
	int operation = 0;
	bool open = false;

	if (store_begin(l->store, STORE_READ, &t, &err) < 0 ||
	    store_each_operation(t, 1, found_operation, &operation, &err) < 0 ||
	    journal_each_open(t, 0, found_open, &open, &err) < 0)
		fail_msg("%s", err.text);
	if (operation)
		fail_msg("operation %d is open", operation);
	assert_false(open);
	for (int side = SOURCE; side < SIDES; side++)
		fakedir_dump(l->fd[side], &all, FAKEDIR_DUMP_STABLE);
	buf_add_char(&all, '\0');
	assert_false(all.failed);
	assert_null(strstr((const char *)all.data, DUMMY));
}

void
lab_dump_turned(struct lab *l, struct buf *ret)
{
	lab_dump(l, ret, LAB_DUMP_ALL);
	for (char *at = (char *)ret->data; (at = strstr(at, MARKED)); at += strlen(MARKED))
		if (strlen(at) >= strlen(MARKED) + TIME_LEN)
			memset(at + strlen(MARKED), '-', TIME_LEN);
}
