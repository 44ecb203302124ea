/* SPDX-License-Identifier: MIT */

/* Scenarios: what must hold of every cycle, and of the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "mapping/journal.h"
#include "tests/support/scenario_priv.h"

#define SOURCE_REDIRECT "redirect.acme.example"

/* ---- the plan and what is done ---- */

/* The changes of a text, each from its "# forest" line to a blank one, sorted. */
struct blocks {
	char **v;
	size_t n;
};

static int
by_text(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

/* "# forest: acme (source), create" and "# forest 'acme'" both become "acme". */
static char *
block_of(const char *from, size_t len)
{
	const char *name = from + strlen("# forest") + 2, *eol = memchr(from, '\n', len);
	size_t name_len = strcspn(name, " '");

	assert_non_null(eol);
	return str_printf("%.*s%.*s", (int)name_len, name, (int)(len - (size_t)(eol - from)), eol);
}

static struct blocks
split(const char *text)
{
	struct blocks b = {NULL, 0};
	const char *at = strstr(text, "# forest");

	while (at) {
		const char *end = strstr(at, "\n\n");

		assert_int_equal(list_grow_by_one(b.v, b.n), 0);
		b.v[b.n] = block_of(at, end ? (size_t)(end + 2 - at) : strlen(at));
		assert_non_null(b.v[b.n++]);
		at = strstr(at + 1, "# forest");
	}
	if (b.n)
		qsort(b.v, b.n, sizeof *b.v, by_text);
	return b;
}

static void
blocks_done(struct blocks *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->v[i]);
	free(b->v);
}

/* A marker has the time, and the plan was made a moment before. */
static void
forget_times(struct blocks *b)
{
	static const char marked[] = "galsync:switched:";

	for (size_t i = 0; i < b->n; i++)
		for (char *at = b->v[i]; (at = strstr(at, marked)); at += sizeof marked - 1)
			for (size_t j = 0; j < sizeof "2026-11-29T18:31:09Z" - 1; j++)
				if (at[sizeof marked - 1 + j])
					at[sizeof marked - 1 + j] = '-';
}

/* What a contact gives to its heir is in no plan: then MADE may have more. */
static void
drop_unplanned(const struct lab *l, const struct blocks *planned, struct blocks *made)
{
	size_t n = 0, next = 0;

	for (size_t i = 0; l->res.gave_way && i < made->n; i++)
		if (next < planned->n && strcmp(planned->v[next], made->v[i]) == 0) {
			made->v[n++] = made->v[i];
			next++;
		} else {
			free(made->v[i]);
		}
	if (l->res.gave_way)
		made->n = n;
}

static void
same_changes(const struct lab *l, const char *plan, struct tap *tap)
{
	struct blocks planned, made;

	buf_add_char(&tap->text, '\0');
	assert_false(tap->text.failed);
	planned = split(plan);
	made = split((const char *)tap->text.data);
	forget_times(&planned);
	forget_times(&made);
	drop_unplanned(l, &planned, &made);
	for (size_t i = 0; i < planned.n || i < made.n; i++) {
		const char *p = i < planned.n ? planned.v[i] : "(nothing)";
		const char *m = i < made.n ? made.v[i] : "(nothing)";

		if (strcmp(p, m) != 0)
			fail_msg("%s: planned:\n%s\nmade:\n%s", l->sc->name, p, m);
	}
	blocks_done(&planned);
	blocks_done(&made);
}

char *
lab_plan(struct lab *l)
{
	uint64_t usn[SIDES] = {fakedir_usn(l->fd[SOURCE]), fakedir_usn(l->fd[TARGET])};
	_cleanup_(buf_done) struct buf before = {0}, after = {0};
	struct tap tap = {.stop_at = 0};
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	lab_dump(l, &before, LAB_DUMP_ALL);
	if (lab_cycle_to(l, &tap, to) < 0)
		fail_msg("%s: plan: %s", l->sc->name, l->err.text);
	assert_int_equal(fclose(to), 0);
	lab_dump(l, &after, LAB_DUMP_ALL);
	assert_int_equal(tap.writes, 0);
	assert_int_equal(fakedir_usn(l->fd[SOURCE]), usn[SOURCE]);
	assert_int_equal(fakedir_usn(l->fd[TARGET]), usn[TARGET]);
	lab_same_dumps(l, "after a plan", &before, &after);
	assert_int_equal(l->res.number, 0);
	tap_done(&tap);
	return text;
}

void
lab_run(struct lab *l)
{
	_cleanup_(free) char *plan = lab_plan(l);
	struct tap tap = {.stop_at = 0};
	uint64_t planned = l->res.changes;

	if (lab_cycle(l, &tap) < 0)
		fail_msg("%s: %s", l->sc->name, l->err.text);
	if (l->res.failed || *l->why || l->needs_full)
		fail_msg("%s: %s\n%.*s", l->sc->name, l->why, (int)l->notes.len,
		    l->notes.len ? (const char *)l->notes.data : "");
	same_changes(l, plan, &tap);
	if (!l->res.gave_way)
		assert_int_equal(l->res.changes, planned);
	assert_int_equal(l->res.applied, l->res.changes);
	/* And what a dead run made without knowing it. */
	assert_true(l->told[RUN_CHANGED] >= planned);
	assert_int_equal(l->res.drift, 0);
	tap_done(&tap);
}

void
lab_run_silent(struct lab *l)
{
	struct tap tap = {.stop_at = 0};
	uint64_t usn[SIDES] = {fakedir_usn(l->fd[SOURCE]), fakedir_usn(l->fd[TARGET])};

	if (lab_cycle(l, &tap) < 0)
		fail_msg("%s: %s", l->sc->name, l->err.text);
	if (tap.writes || l->res.changes)
		fail_msg("%s: a run too many wrote:\n%.*s", l->sc->name, (int)tap.text.len,
		    tap.text.len ? (const char *)tap.text.data : "");
	assert_int_equal(fakedir_usn(l->fd[SOURCE]), usn[SOURCE]);
	assert_int_equal(fakedir_usn(l->fd[TARGET]), usn[TARGET]);
	assert_int_equal(l->res.failed, 0);
	assert_false(l->needs_full);
	for (size_t i = 0; i <= LEAVE_DELETE; i++)
		assert_int_equal(l->res.left[i], 0);
	tap_done(&tap);
}

void
lab_run_idle(struct lab *l)
{
	_cleanup_(buf_done) struct buf before = {0}, after = {0};

	lab_dump(l, &before, LAB_DUMP_ALL);
	lab_run_silent(l);
	lab_dump(l, &after, LAB_DUMP_ALL);
	lab_same_dumps(l, "after an idle run", &before, &after);
}

/* ---- scenarios ---- */

void
lab_expect(struct lab *l, const struct expect *x)
{
	size_t n = x->attr ? lab_count(l, x->side, x->dn, x->attr) : 0;
	bool ok;

	if (!x->attr)
		ok = lab_exists(l, x->side, x->dn) == (x->value != NULL);
	else if (!x->value)
		ok = lab_exists(l, x->side, x->dn) && n == 0;
	else if (x->value[0] == '!')
		ok = lab_exists(l, x->side, x->dn) &&
		     !lab_has(l, x->side, x->dn, x->attr, x->value + 1);
	else
		ok = lab_has(l, x->side, x->dn, x->attr, x->value);
	if (!ok) {
		_cleanup_(buf_done) struct buf b = {0};

		fakedir_dump(l->fd[x->side], &b, FAKEDIR_DUMP_STABLE);
		fail_msg("%s: %s: %s is not %s\n%.*s\n%.*s", l->sc->name, x->dn,
		    x->attr ? x->attr : "the object", x->value ? x->value : "absent", (int)b.len,
		    (const char *)b.data, (int)l->notes.len,
		    l->notes.len ? (const char *)l->notes.data : "");
	}
}

static void
check_count(const struct lab *l, const char *what, uint64_t is, uint64_t should)
{
	if (is != should)
		fail_msg("%s: %s: %llu, not %llu\n%.*s", l->sc->name, what, (unsigned long long)is,
		    (unsigned long long)should, (int)l->notes.len,
		    l->notes.len ? (const char *)l->notes.data : "");
}

struct conflicts {
	size_t n;
	enum conflict_reason last;
};

static int
count_conflict(uint32_t link, const struct conflict *c, void *arg, struct err *err)
{
	struct conflicts *n = arg;

	(void)err;
	(void)link;
	n->n++;
	n->last = c->reason;
	assert_string_not_equal(c->what, "");
	return 0;
}

static void
check_counts(struct lab *l)
{
	const struct scenario *sc = l->sc;
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct conflicts n = {0, CONFLICT_REASON_MAX};
	struct err err = {0};

	for (size_t i = 0; i < SHAPE_MAX; i++)
		check_count(l, shape_name((enum shape)i), l->res.created[i], sc->counts.created[i]);
	for (size_t i = 0; i <= LEAVE_DELETE; i++)
		check_count(l, "left", l->res.left[i], sc->counts.left[i]);
	check_count(l, "promoted", l->res.promoted, sc->counts.promoted);
	check_count(l, "matched", l->res.matched, sc->counts.matched);
	check_count(l, "conflicts", l->res.conflicts, sc->counts.conflicts);
	check_count(l, "problems", l->res.problems, sc->counts.problems);
	check_count(l, "waiting", l->res.waiting, sc->counts.waiting);
	check_count(l, "renamed", l->res.renamed, sc->counts.renamed);
	if (store_begin(l->store, STORE_READ, &t, &err) < 0 ||
	    store_each_conflict(t, 0, count_conflict, &n, &err) < 0)
		fail_msg("%s", err.text);
	check_count(l, "stored conflicts", n.n, sc->counts.conflicts);
	if (n.n)
		assert_string_equal(conflict_reason_name(n.last), conflict_reason_name(sc->reason));
}

void
lab_play(struct lab *l)
{
	const struct scenario *sc = l->sc;

	lab_run(l);
	if (sc->between) {
		sc->between(l);
		l->delta = sc->delta;
		lab_run(l);
	}
	check_counts(l);
	for (size_t i = 0; i < SCENARIO_EXPECTS && sc->expect[i].dn; i++)
		lab_expect(l, &sc->expect[i]);
	if (sc->tidies)
		lab_run_silent(l);
	/* What it wrote itself comes back to a delta. */
	if (l->delta)
		lab_run_idle(l);
	l->delta = false;
	lab_run_idle(l);
}

void
scenario_play(const struct scenario *sc)
{
	struct lab l;

	lab_open(&l, sc);
	lab_play(&l);
	lab_close(&l);
}

static void
play(void **state)
{
	const struct scenario *sc = *state;
	struct scenario delta = *sc;

	scenario_play(sc);
	if (!sc->between || sc->delta || sc->full_only)
		return;
	delta.delta = true;
	scenario_play(&delta);
}

void
scenario_tests(const struct scenario *sc, size_t n, struct CMUnitTest *ret)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = (struct CMUnitTest){.name = sc[i].name,
		    .test_func = play,
		    .initial_state = (void *)(uintptr_t)&sc[i]};
}

/* ---- mail ---- */

/* True if E carries the SMTP address that TARGET_ADDRESS ("SMTP:...") names. */
static bool
carries(const struct entry *e, const char *target_address)
{
	const struct attr *a = entry_find(e, "proxyAddresses");

	return a && attr_has(a, bytes_of(target_address), true);
}

static int
check_counterpart(struct entry *e, void *arg, struct err *err)
{
	static const char *const attrs[] = {"proxyAddresses", "targetAddress", NULL};
	_cleanup_(entry_free) struct entry *target = e, *source = NULL;
	const char *to = entry_get_str(target, "targetAddress"), *back;
	struct lab *l = arg;
	struct stamp stamp;

	l->checks++;
	if (!to || !stamp_parse(entry_get_str(target, "extensionAttribute15"), &stamp))
		return 0;
	if (dir_read_guid(l->eye[SOURCE], &stamp.source, attrs, &source, err) < 0)
		return -1;
	if (!source || *l->why)
		return 0;
	back = entry_get_str(source, "targetAddress");
	if (back && carries(target, back) && carries(source, to))
		(void)snprintf(
		    l->why, sizeof l->why, "a loop between '%s' and its counterpart", source->dn);
	else if (strstr(to, "@" SOURCE_REDIRECT) && !carries(source, to))
		(void)snprintf(l->why, sizeof l->why,
		    "'%s' points to %s, which '%s' does not carry", target->dn, to, source->dn);
	return 0;
}

bool
lab_check_mail(struct lab *l)
{
	static const char *const attrs[] = {
	    "targetAddress", "proxyAddresses", "extensionAttribute15", NULL};
	struct dir_query q = {.base = "DC=globex,DC=example",
	    .scope = DIR_SUBTREE,
	    .filter = "(targetAddress=*)",
	    .attrs = attrs};
	struct err err = {0};

	if (l->eye[TARGET]->ops->search(l->eye[TARGET], &q, check_counterpart, l, &err) < 0 &&
	    !*l->why)
		(void)snprintf(l->why, sizeof l->why, "%s", err.text);
	return !*l->why;
}

/* ---- dumps ---- */

struct dumping {
	struct lab *l;
	struct buf *ret;
	unsigned flags;
};

static void
dump_hashes(struct buf *ret, const struct record *r)
{
	buf_add_str(ret, "put:");
	for (size_t i = 0; i < r->written[TARGET].n; i++)
		buf_printf(ret, " %llx", (unsigned long long)r->written[TARGET].v[i]);
	for (size_t i = 0; i < r->written[SOURCE].n; i++)
		buf_printf(ret, " back %llx", (unsigned long long)r->written[SOURCE].v[i]);
	buf_add_char(ret, '\n');
}

static void
dump_side(struct dumping *d, const struct record *r, enum side side)
{
	const struct record_side *s = &r->side[side];
	char name[GUID_TEXT_SIZE + 8], guid[GUID_TEXT_SIZE];
	const struct entry *e;

	guid_format(&s->guid, guid);
	(void)snprintf(name, sizeof name, "<GUID=%s>", guid);
	e = fakedir_find(d->l->fd[side], name);
	/* The numbers themselves depend on the order of events. */
	buf_printf(d->ret, "%s: %s, is %s%s\n", side_name(side), s->dn, e ? e->dn : "nowhere",
	    e && bytes_equal(entry_get(e, "objectSid"), s->sid) ? "" : ", another SID");
	for (size_t i = 0; i < s->n_legacy_dns; i++)
		buf_printf(d->ret, "%s legacy: %s\n", side_name(side), s->legacy_dns[i]);
}

static int
dump_record(const struct record *r, void *arg, struct err *err)
{
	struct dumping *d = arg;
	char guid[GUID_TEXT_SIZE];

	(void)err;
	guid_format(&r->side[SOURCE].guid, guid);
	buf_printf(d->ret, "\nrecord: %s\nkind: %s\ncreated: %d\nactive: %s\nstate: %s\n", guid,
	    kind_name(r->kind), r->created, side_name(r->active), record_state_name(r->state));
	if (d->flags & LAB_DUMP_EVIDENCE)
		buf_printf(
		    d->ret, "rule: %s\nevidence: %s\n", match_method_name(r->rule), r->evidence);
	buf_printf(d->ret, "alias: %s\nerror: %s\n", r->alias, r->last_error);
	dump_side(d, r, SOURCE);
	dump_side(d, r, TARGET);
	for (size_t i = 0; i < r->n_addresses; i++)
		buf_printf(d->ret, "address: %s\n", r->addresses[i]);
	if (d->flags & LAB_DUMP_WRITTEN)
		dump_hashes(d->ret, r);
	return 0;
}

static int
dump_waiting(const struct waiting_ref *w, void *arg, struct err *err)
{
	struct dumping *d = arg;
	char guid[GUID_TEXT_SIZE];

	(void)err;
	guid_format(&w->referrer, guid);
	buf_printf(d->ret, "\nwaiting: %s %s %s\n", guid, w->attr, w->wanted);
	return 0;
}

static int
dump_open(const struct journal_entry *e, void *arg, struct err *err)
{
	struct dumping *d = arg;

	(void)err;
	buf_printf(d->ret, "\nopen: %s\n", e->change->dn);
	return 0;
}

/* Records sort by their source: ids depend on the order of events. */
static void
dump_map(struct lab *l, struct buf *ret, unsigned flags)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(buf_done) struct buf text = {0};
	struct dumping d = {l, &text, flags};
	struct blocks b = {NULL, 0};
	struct err err = {0};

	if (store_begin(l->store, STORE_READ, &t, &err) < 0 ||
	    store_each(t, 0, dump_record, &d, &err) < 0 ||
	    store_each_waiting(t, 1, NULL, dump_waiting, &d, &err) < 0 ||
	    journal_each_open(t, 0, dump_open, &d, &err) < 0)
		fail_msg("%s", err.text);
	/* The end of the last one is like that of the others. */
	if (text.len && text.data[text.len - 1] == '\n')
		text.data[text.len - 1] = '\0';
	buf_add_char(&text, '\0');
	for (char *at = (char *)text.data, *next; at && *at; at = next) {
		assert_int_equal(list_grow_by_one(b.v, b.n), 0);
		next = strstr(at, "\n\n");
		if (next)
			*next++ = '\0';
		b.v[b.n++] = at;
	}
	if (b.n)
		qsort(b.v, b.n, sizeof *b.v, by_text);
	for (size_t i = 0; i < b.n; i++)
		buf_printf(ret, "%s\n", b.v[i]);
	free(b.v);
}

bool
lab_try_all(void)
{
	const char *v = getenv("GALSYNC_CRASH_ALL");

	return v && *v == '1';
}

void
lab_dump(struct lab *l, struct buf *ret, unsigned flags)
{
	for (int side = SOURCE; side < SIDES; side++)
		fakedir_dump(l->fd[side], ret, FAKEDIR_DUMP_STABLE);
	dump_map(l, ret, flags);
	assert_false(ret->failed);
}

void
lab_same_dumps(
    const struct lab *l, const char *what, const struct buf *before, const struct buf *after)
{
	const char *p = (const char *)before->data, *q = (const char *)after->data;
	const char *object = "";

	/* buf_add_str() keeps a NUL behind the text. */
	while (*p && *q) {
		size_t n = strcspn(p, "\n"), m = strcspn(q, "\n");

		if (n != m || memcmp(p, q, n) != 0)
			break;
		if (str_starts_nocase(p, "dn: ") || str_starts_nocase(p, "record: "))
			object = p;
		p += n + (p[n] != '\0');
		q += m + (q[m] != '\0');
	}
	if (*p || *q)
		fail_msg("%s: %s: %.*s\nbefore: %.*s\nafter:  %.*s", l->sc->name, what,
		    (int)strcspn(object, "\n"), object, (int)strcspn(p, "\n"), p,
		    (int)strcspn(q, "\n"), q);
}
