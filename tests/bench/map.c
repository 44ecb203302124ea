/* SPDX-License-Identifier: MIT */
/*
 * Look-ups in a map of many records, against bare LMDB gets of the same records: same file, same
 * thread, same read transaction, same number, each by random keys.
 *
 *   map DIR RECORDS LOOKUPS ROUNDS      prints "NAME VALUE" lines
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "mapping/record_view.h"
#include "mapping/store.h"
#include "mapping/store_db.h"
#include "mapping/store_keys.h"

#define BATCH 10000 /* records a commit */
#define SIZE_MB 65536

static void
die(const char *what, const struct err *err)
{
	(void)fprintf(stderr, "map: %s: %s\n", what, err ? err->text : "no memory");
	exit(1);
}

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* SplitMix64: the same records and the same look-ups in every run. */
static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static struct guid
guid_of(uint64_t n, enum side side)
{
	uint64_t halves[2] = {mix(2 * n + side), mix(~n)};
	struct guid g;

	memcpy(g.octets, halves, sizeof g.octets);
	return g;
}

#define ALIAS_SIZE 32
#define ADDRESS_SIZE 64

static void
alias_of(uint64_t n, char ret[ALIAS_SIZE])
{
	static const char *const names[] = {"anna", "bruno", "carla", "dmitri", "eszter", "farid"};

	(void)snprintf(
	    ret, ALIAS_SIZE, "%s.mueller%llu", names[n % ARRAY_SIZE(names)], (unsigned long long)n);
}

static void
address_of(uint64_t n, const char *domain, char ret[ADDRESS_SIZE])
{
	char alias[ALIAS_SIZE];

	alias_of(n, alias);
	(void)snprintf(ret, ADDRESS_SIZE, "%s@%s", alias, domain);
}

static int
fill_side(struct record_side *s, uint64_t n, enum side side)
{
	const char *forest = side == SOURCE ? "acme" : "globex";
	uint8_t sid[28] = {1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
	char alias[ALIAS_SIZE], text[256];
	uint32_t rid = (uint32_t)n + 1000;

	alias_of(n, alias);
	s->guid = guid_of(n, side);
	memcpy(sid + 24, &rid, sizeof rid);
	sid[12] = (uint8_t)side;
	(void)snprintf(
	    text, sizeof text, "CN=%s,OU=Sales,OU=Dublin,OU=Staff,DC=%s,DC=example", alias, forest);
	if (record_set_str(&s->dn, text) < 0 ||
	    record_set_sid(s, (struct bytes){sid, sizeof sid}) < 0)
		return -1;
	(void)snprintf(text, sizeof text,
	    "/o=%s/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=%s", forest,
	    alias);
	return record_add_legacy_dn(s, text);
}

static struct record *
make_record(uint64_t n, uint32_t link)
{
	static const char *const domains[] = {
	    "acme.example", "old.acme.example", "redirect.acme.example", "redirect.globex.example"};
	_cleanup_(record_free) struct record *r = record_new();
	char text[ADDRESS_SIZE];
	uint64_t put[12];

	if (!r || fill_side(&r->side[SOURCE], n, SOURCE) < 0 ||
	    fill_side(&r->side[TARGET], n, TARGET) < 0)
		die("record", NULL);
	r->link = link;
	r->created = true;
	r->state = RECORD_SYNCED;
	r->created_at = r->synced_at = 1700000000;
	for (size_t i = 0; i < ARRAY_SIZE(put); i++)
		put[i] = mix(n * ARRAY_SIZE(put) + i);
	for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
		address_of(n, domains[i], text);
		if (record_add_address(r, text) < 0)
			die("record", NULL);
	}
	alias_of(n, text);
	if (record_set_written(r, TARGET, put, ARRAY_SIZE(put)) < 0 ||
	    record_set_str(&r->alias, text) < 0)
		die("record", NULL);
	return TAKE(r);
}

static uint32_t
fill(struct store *s, uint64_t n)
{
	struct store_txn *t = NULL;
	struct err err;
	uint32_t link = 0;

	for (uint64_t i = 0; i < n; i++) {
		_cleanup_(record_free) struct record *r = NULL;

		if (!t && store_begin(s, STORE_WRITE, &t, &err) < 0)
			die("begin", &err);
		if (!link && store_link_id(t, "bench", &link, &err) < 0)
			die("link", &err);
		r = make_record(i, link);
		if (store_put(t, r, &err) < 0)
			die("put", &err);
		if ((i + 1) % BATCH == 0 && store_commit(TAKE(t), &err) < 0)
			die("commit", &err);
	}
	if (t && store_commit(t, &err) < 0)
		die("commit", &err);
	return link;
}

struct bench {
	struct store_txn *t;
	uint32_t link;
	uint64_t records, lookups;
	uint64_t found; /* of one run */
};

static int
note(const struct record *r, void *arg, struct err *err)
{
	struct bench *b = arg;

	(void)err;
	b->found += r->alias[0] != '\0';
	return 1;
}

/* One look-up of the record number N each. */
static void
bare_get(struct bench *b, uint64_t n)
{
	struct guid g = guid_of(n, SOURCE);
	uint64_t id = store_home(b->link, &g);
	MDB_val k = {sizeof id, &id}, v;

	if (mdb_get(b->t->txn, b->t->s->db[DB_RECORD], &k, &v) == 0)
		b->found += *(const uint8_t *)v.mv_data == RECORD_FORMAT;
}

/* What a look-up by anything else cannot do without: the index, then the record. */
static void
bare_two_gets(struct bench *b, uint64_t n)
{
	struct guid g = guid_of(n, SOURCE);
	uint64_t hash = store_key_hash(KEY_SOURCE_GUID, guid_bytes(&g));
	MDB_val k = {sizeof hash, &hash}, v;

	if (mdb_get(b->t->txn, b->t->s->db[DB_KEY], &k, &v) == 0 &&
	    mdb_get(b->t->txn, b->t->s->db[DB_RECORD], &v, &k) == 0)
		b->found += *(const uint8_t *)k.mv_data == RECORD_FORMAT;
}

static void
by_guid(struct bench *b, uint64_t n)
{
	struct guid g = guid_of(n, SOURCE);
	struct err err;

	if (store_lookup_guid(b->t, SOURCE, &g, note, b, &err) < 0)
		die("look-up", &err);
}

static void
by_address(struct bench *b, uint64_t n)
{
	char text[ADDRESS_SIZE];
	struct err err;

	address_of(n, "old.acme.example", text);
	if (store_lookup(b->t, KEY_ADDRESS, text, note, b, &err) < 0)
		die("look-up", &err);
}

static void
by_alias(struct bench *b, uint64_t n)
{
	char text[ALIAS_SIZE];
	struct err err;

	alias_of(n, text);
	if (store_lookup(b->t, KEY_ALIAS, text, note, b, &err) < 0)
		die("look-up", &err);
}

static const struct {
	const char *name;
	void (*look_up)(struct bench *b, uint64_t n);
} sorts[] = {{"bare", bare_get}, {"two", bare_two_gets}, {"guid", by_guid}, {"address", by_address},
    {"alias", by_alias}};

/* Prints look-ups a second. Every round asks for other records. */
static void
measure(struct bench *b, size_t sort, uint64_t round)
{
	double start = now_s();

	b->found = 0;
	for (uint64_t i = 0; i < b->lookups; i++)
		sorts[sort].look_up(b, mix(round * b->lookups + i) % b->records);
	if (b->found != b->lookups)
		die(sorts[sort].name, &(struct err){.text = "not every record was found"});
	(void)printf("%s %.0f\n", sorts[sort].name, (double)b->lookups / (now_s() - start));
	(void)fflush(stdout);
}

int
main(int argc, char **argv)
{
	_cleanup_(store_close) struct store *s = NULL;
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct bench b = {0};
	struct store_counts count;
	struct err err;
	double start;

	if (argc != 5 || !(b.records = strtoull(argv[2], NULL, 10)) ||
	    !(b.lookups = strtoull(argv[3], NULL, 10))) {
		(void)fputs("usage: map DIR RECORDS LOOKUPS ROUNDS\n", stderr);
		return 2;
	}
	if (store_open(argv[1], STORE_WRITE, SIZE_MB, &s, &err) < 0)
		die("open", &err);
	start = now_s();
	b.link = fill(s, b.records);
	(void)printf("put %.0f\n", (double)b.records / (now_s() - start));
	if (store_begin(s, STORE_READ, &t, &err) < 0 || store_count(t, b.link, &count, &err) < 0)
		die("read", &err);
	(void)printf("bytes %.0f\n", (double)count.bytes_used / (double)b.records);
	b.t = t;
	for (uint64_t round = 0; round < strtoull(argv[4], NULL, 10); round++)
		for (size_t i = 0; i < ARRAY_SIZE(sorts); i++)
			measure(&b, i, round);
	return 0;
}
