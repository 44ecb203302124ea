/* SPDX-License-Identifier: MIT */
/*
 * A map as it is in the middle of a migration: recipients of every kind and state, waves,
 * conflicts, what a limit holds, and a history; some with names that would be markup or formulas.
 * For what shows maps, and for measuring it.
 *
 *   people DIR RECIPIENTS        makes the map in DIR
 *   people DIR RECIPIENTS TOUCH  changes TOUCH records of one that is there, in one transaction
 */
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "mapping/held.h"
#include "mapping/journal.h"
#include "mapping/store.h"
#include "mapping/wave.h"

#define BATCH 10000 /* records a commit */
#define SIZE_MB 8192
#define DAY 86400
#define WAVE_SIZE 40
#define WAVES 12

static const char *const hostile[] = {"<script>document.title='owned'</script>",
    "\"><img src=x onerror=\"document.title='owned'\">", "=HYPERLINK(\"http://evil.example\")",
    "</title><svg onload=alert(1)>", "\xe2\x80\xaegnp.exe\xe2\x80\xac", "O'Neill & Sons <ceo>"};

static void
die(const char *what, const struct err *err)
{
	(void)fprintf(stderr, "people: %s: %s\n", what, err ? err->text : "no memory");
	exit(1);
}

static struct guid
guid_of(uint64_t n, enum side side)
{
	struct guid g = {{0x67, 0x61, 0x6c, 0x73, 0x79, 0x6e, (uint8_t)side}};

	for (size_t i = 0; i < 8; i++)
		g.octets[8 + i] = (uint8_t)(n >> (56 - 8 * i));
	return g;
}

/* Everybody has a name, and few have the same. */
static void
name_of(uint64_t n, char *ret, size_t size)
{
	static const char *const first[] = {"Anna", "Bruno", "Carla", "Dmitri", "Eszter", "Farid",
	    "Gr\xc3\xa1inne", "Hiroshi", "Ines", "J\xc3\xbcrgen", "Kalinda"};
	static const char *const last[] = {"Adams", "M\xc3\xbcller", "Castro", "O'Brien",
	    "\xc5\x81ukasz", "Nguyen", "Schmidt", "Rossi", "Yamada"};

	if (n < ARRAY_SIZE(hostile))
		(void)snprintf(ret, size, "%s", hostile[n]);
	else
		(void)snprintf(ret, size, "%s %s %llu", first[n % ARRAY_SIZE(first)],
		    last[n % ARRAY_SIZE(last)], (unsigned long long)n);
}

static int
fill_side(struct record_side *s, uint64_t n, enum side side)
{
	static const char *const places[] = {"Dublin", "Wien", "Osaka", "Lima"};
	const char *forest = side == SOURCE ? "acme" : "globex";
	_cleanup_(free) char *parent = str_printf(
	    "OU=%s,OU=Staff,DC=%s,DC=example", places[n / 7 % ARRAY_SIZE(places)], forest);
	_cleanup_(free) char *dn = NULL, *legacy = NULL;
	char name[128];

	name_of(n, name, sizeof name);
	if (!parent)
		return -1;
	dn = dn_build("CN", name, parent);
	legacy =
	    str_printf("/o=%s/ou=First/cn=Recipients/cn=user%llu", forest, (unsigned long long)n);
	if (!dn || !legacy)
		return -1;
	s->guid = guid_of(n, side);
	return record_set_str(&s->dn, dn) < 0 ? -1 : record_add_legacy_dn(s, legacy);
}

static enum record_state
state_of(uint64_t n)
{
	return n % 97 == 5    ? RECORD_ERROR
	       : n % 89 == 7  ? RECORD_WAITING
	       : n % 101 == 9 ? RECORD_PENDING
			      : RECORD_SYNCED;
}

/* Of every second wave the mailboxes were switched. */
static bool
is_switched(uint64_t n)
{
	return n < WAVES * WAVE_SIZE && n / WAVE_SIZE % 2 == 0 && state_of(n) == RECORD_SYNCED;
}

static void
fill_times(struct record *r, uint64_t n, int64_t now)
{
	r->created_at = now - 60 * DAY;
	r->synced_at = now - (int64_t)(n % 5000) * 60;
	if (is_switched(n)) {
		r->active = TARGET;
		r->switched_at = now - (int64_t)(WAVES - n / WAVE_SIZE) * DAY;
	}
}

static struct record *
make_record(uint64_t n, uint32_t link, int64_t now)
{
	_cleanup_(record_free) struct record *r = record_new();
	char text[96];

	if (!r || fill_side(&r->side[SOURCE], n, SOURCE) < 0 ||
	    fill_side(&r->side[TARGET], n, TARGET) < 0)
		die("record", NULL);
	r->link = link;
	r->kind = n % 23 == 20 ? KIND_GROUP : n % 29 == 28 ? KIND_CONTACT : KIND_USER;
	r->created = n % 5 != 0;
	r->rule = MATCH_MAIL;
	r->state = state_of(n);
	fill_times(r, n, now);
	(void)snprintf(text, sizeof text, "user%llu", (unsigned long long)n);
	if (record_set_str(&r->alias, text) < 0 ||
	    record_set_str(
		&r->last_error, r->state == RECORD_ERROR ? "insufficient access rights" : "") < 0)
		die("record", NULL);
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(text, sizeof text, "user%llu@%s.example", (unsigned long long)n,
		    i ? "globex" : "acme");
		if (record_add_address(r, text) < 0)
			die("record", NULL);
	}
	return TAKE(r);
}

static void
put_records(struct store *s, uint64_t n, int64_t now)
{
	struct store_txn *t = NULL;
	uint32_t link = 0;
	struct err err;

	for (uint64_t i = 0; i < n; i++) {
		_cleanup_(record_free) struct record *r = NULL;

		if (!t && store_begin(s, STORE_WRITE, &t, &err) < 0)
			die("begin", &err);
		if (!link && store_link_id(t, "acme-globex", &link, &err) < 0)
			die("link", &err);
		r = make_record(i, link, now);
		if (store_put(t, r, &err) < 0)
			die("put", &err);
		if ((i + 1) % BATCH == 0 && store_commit(TAKE(t), &err) < 0)
			die("commit", &err);
	}
	if (t && store_commit(t, &err) < 0)
		die("commit", &err);
}

static void
put_wave(struct store_txn *t, uint32_t id, int64_t now)
{
	struct wave_member m[WAVE_SIZE] = {0};
	char name[32], why[] = "", texts[WAVE_SIZE][64], empty[] = "";
	int64_t at = now - (int64_t)(WAVES - id) * DAY;
	struct wave w = {.link = 1,
	    .state = id % 2 ? WAVE_PLANNED : WAVE_DONE,
	    .at = id % 2 ? now + (int64_t)id * DAY : at,
	    .planned_at = at - 7 * DAY,
	    .name = name,
	    .why = why};
	struct err err;

	(void)snprintf(name, sizeof name, "Night %u", id + 1);
	for (uint32_t i = 0; i < WAVE_SIZE; i++) {
		uint64_t n = (uint64_t)id * WAVE_SIZE + i;

		(void)snprintf(texts[i], sizeof texts[i], "CN=user%llu,DC=acme,DC=example",
		    (unsigned long long)n);
		m[i] = (struct wave_member){.source = guid_of(n, SOURCE),
		    .line = i + 1,
		    .result = id % 2	       ? WAVE_OPEN
			      : is_switched(n) ? WAVE_SUCCEEDED
					       : WAVE_FAILED,
		    .at = id % 2 ? 0 : at,
		    .dn = texts[i],
		    .text = empty};
		w.succeeded += m[i].result == WAVE_SUCCEEDED;
		w.failed += m[i].result == WAVE_FAILED;
	}
	if (wave_add(t, &w, m, WAVE_SIZE, &err) < 0)
		die("wave", &err);
}

static void
put_troubles(struct store_txn *t, uint64_t n, int64_t now)
{
	struct err err;

	for (uint64_t i = 0; i < 40 && n > 100; i++) {
		struct guid g = guid_of(n + i, SOURCE);
		char dn[] = "CN=In Conflict,OU=Staff,DC=acme,DC=example", what[] = "mail",
		     candidate[] = "CN=<b>One</b>,DC=globex,DC=example",
		     *candidates[] = {candidate};
		struct conflict c = {.source = g,
		    .reason = (enum conflict_reason)(i % CONFLICT_REASON_MAX),
		    .source_dn = dn,
		    .what = what,
		    .candidates = candidates,
		    .n_candidates = 1,
		    .since = now - (int64_t)(i * i) * 1000};
		struct store_held h = {.source = guid_of(i + 50, SOURCE),
		    .kind = HELD_SWITCHES,
		    .verdict = HELD_WAITS,
		    .since = now - (int64_t)i * 600};

		if (store_put_conflict(t, 1, &c, &err) < 0 ||
		    (i < 10 && store_put_held(t, 1, &h, &err) < 0))
			die("trouble", &err);
	}
}

static void
put_rest(struct store *s, uint64_t n, int64_t now)
{
	struct store_txn *t = NULL;
	struct err err;

	if (store_begin(s, STORE_WRITE, &t, &err) < 0)
		die("begin", &err);
	for (uint32_t i = 0; i < WAVES && n >= WAVES * WAVE_SIZE; i++)
		put_wave(t, i, now);
	put_troubles(t, n, now);
	if (store_commit(t, &err) < 0)
		die("commit", &err);
}

static void
touch(struct store *s, uint64_t n, uint64_t total, int64_t now)
{
	struct store_txn *t = NULL;
	struct err err;

	if (store_begin(s, STORE_WRITE, &t, &err) < 0)
		die("begin", &err);
	for (uint64_t i = 0; i < n; i++) {
		_cleanup_(record_free) struct record *r = NULL;
		struct guid g = guid_of(i * (total / n), SOURCE);

		if (store_find_guid(t, 1, SOURCE, &g, &r, &err) < 0 || !r)
			die("touch", &err);
		r->synced_at = now + (int64_t)i;
		if (store_put(t, r, &err) < 0)
			die("touch", &err);
	}
	if (store_commit(t, &err) < 0)
		die("commit", &err);
}

int
main(int argc, char **argv)
{
	_cleanup_(store_close) struct store *s = NULL;
	int64_t n, changed = 0, now = clock_realtime_s();
	struct err err;

	if (argc < 3 || argc > 4 || !str_to_i64(argv[2], &n) || n < 1 ||
	    (argc == 4 && (!str_to_i64(argv[3], &changed) || changed < 1 || changed > n))) {
		(void)fputs("usage: people DIR RECIPIENTS [TOUCH]\n", stderr);
		return 2;
	}
	if (store_open(argv[1], STORE_WRITE, SIZE_MB, &s, &err) < 0)
		die("open", &err);
	if (changed) {
		touch(s, (uint64_t)changed, (uint64_t)n, now);
		return 0;
	}
	put_records(s, (uint64_t)n, now);
	put_rest(s, (uint64_t)n, now);
	return 0;
}
