/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_UNIT_WORLD_FIXTURE_H
#define GALSYNC_TESTS_UNIT_WORLD_FIXTURE_H

/* A world between two fake forests, for the tests of it. One at a time, kept in `f`. Behind
 * cmocka.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/world/world.h"
#include "tests/support/fakedir.h"
#include "tests/support/given.h"
#include "tests/support/place.h"
#include "tests/support/tapdir.h"

#define GLOBEX_DN "DC=globex,DC=example"
#define NOW_S 2000000000

static struct {
	struct given given;
	struct match_rule rules[3];
	struct schema *schema;
	struct table *table;
	struct fakedir *fd[SIDES];
	struct tap tap[SIDES];
	struct run_observer observer;
	struct run run;
	struct world *w;
	struct err err;
} f;

static inline void
check(int rc)
{
	if (rc < 0)
		fail_msg("%s", f.err.text);
}

/* Both forests with the objects of the texts (NULL: none), connected through taps that count
 * requests, and a world of them. */
static inline void
open_world(const char *source, const char *target, bool delta)
{
	static const char *const names[] = {"acme", "globex"};
	static const char *const domains[] = {"DC=acme,DC=example", GLOBEX_DN};
	static const char *const base[] = {
	    "dn: OU=Staff,DC=acme,DC=example\nobjectClass: organizationalUnit\n", THERE_OU};
	const char *const texts[] = {source, target};

	memset(&f, 0, sizeof f);
	given_init(&f.given);
	f.rules[0] = (struct match_rule){.method = MATCH_ATTRIBUTE,
	    .source_attr = given_str("employeeNumber"),
	    .target_attr = given_str("employeeID")};
	f.rules[1].method = MATCH_MAIL;
	f.rules[2].method = MATCH_STAMP;
	f.given.link.match = f.rules;
	f.given.link.n_match = ARRAY_SIZE(f.rules);
	f.table = given_table(&f.given.link, &f.schema);
	f.run = (struct run){.link = &f.given.link,
	    .link_id = 1,
	    .work_dir = place_root(),
	    .map_size_mb = 64,
	    .observer = &f.observer,
	    .start_s = NOW_S,
	    .is_delta = delta};
	for (int side = SOURCE; side < SIDES; side++) {
		f.fd[side] = fakedir_new(names[side], domains[side]);
		assert_non_null(f.fd[side]);
		assert_int_equal(fakedir_add_ldif(f.fd[side], base[side]), 0);
		if (texts[side])
			assert_int_equal(fakedir_add_ldif(f.fd[side], texts[side]), 0);
		f.tap[side].count_reads = true;
		f.run.dir[side] = tapdir_new(fakedir_connect(f.fd[side]), &f.tap[side]);
		assert_non_null(f.run.dir[side]);
		check(dir_open(f.run.dir[side], &f.err));
	}
	check(world_new(&f.run, f.table, &f.w, &f.err));
}

static inline void
close_world(void)
{
	world_free(f.w);
	for (int side = SOURCE; side < SIDES; side++) {
		dir_free(f.run.dir[side]);
		fakedir_free(f.fd[side]);
		tap_done(&f.tap[side]);
	}
	table_free(f.table);
	schema_free(f.schema);
}

/* How many requests the directory of SIDE got since the last call. */
static inline unsigned
requests(enum side side)
{
	static unsigned seen[SIDES];
	unsigned now = atomic_load(&f.tap[side].steps),
		 n = now < seen[side] ? now : now - seen[side];

	seen[side] = now;
	return n;
}

/* ---- objects by hand ---- */

static inline struct guid
guid_number(unsigned n)
{
	struct guid g = {.octets = {0xaa, (uint8_t)(n >> 8), (uint8_t)n}};

	return g;
}

/* Puts the object of the text into the world, as number INDEX or as a new one, under a GUID made of
 * its number. */
static inline uint32_t
put(enum side side, const char *ldif, uint32_t index)
{
	_cleanup_(entry_free) struct entry *e = given_entry(ldif);

	e->guid = guid_number(index == WORLD_NONE ? world_count(f.w, side) : index);
	check(world_put(f.w, side, e, &index, &f.err));
	return index;
}

static inline uint32_t
put_new(enum side side, const char *ldif)
{
	return put(side, ldif, WORLD_NONE);
}

/* ---- hits as text: "0 2 c1": entries 0 and 2, the claim of source entry 1 ---- */

static struct buf hits;
static size_t enough; /* a walk ends after so many; 0: never */

static inline int
note_hit(struct world_hit *hit, void *arg, struct err *err)
{
	size_t *n = arg;

	(void)err;
	assert_non_null(hit->entry);
	buf_printf(&hits, "%s%s%u", *n ? " " : "", hit->claim ? "c" : "", hit->index);
	return ++*n == enough;
}

/* What Q finds; borrowed until the next call. */
static inline const char *
found(const struct world_query *q)
{
	size_t n = 0;

	buf_reset(&hits);
	buf_add_str(&hits, "");
	check(world_find_each(f.w, q, note_hit, &n, &f.err));
	return (const char *)hits.data;
}

static inline const char *
found_by(enum side side, unsigned key, const char *value)
{
	const struct world_query q = world_query(side, key, bytes_of(value));

	return found(&q);
}

static inline uint32_t
number_of_dn(enum side side, const char *dn)
{
	uint32_t n = 0;

	check(world_find_dn(f.w, side, dn, &n, &f.err));
	return n;
}

static inline uint32_t
number_of_guid(enum side side, unsigned number)
{
	struct guid g = guid_number(number);
	uint32_t n = 0;

	check(world_find_guid(f.w, side, &g, &n, &f.err));
	return n;
}

#endif
