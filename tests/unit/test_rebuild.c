/* SPDX-License-Identifier: MIT */

/* What a target object's stamp says when the map is made anew, and what becomes of records. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/rules/rebuild.h"
#include "dsa/run/active.h"
#include "tests/support/given.h"

#define STAMP "extensionAttribute15"
#define MARKER "extensionAttribute14"
#define HIDDEN "msExchHideFromAddressLists: TRUE\n"
#define BOX "homeMDB: CN=DB1\n"
#define OTHER_GUID "22222222-2222-2222-2222-222222222222"
#define T(extra)                                                                                   \
	THERE("user", "Ann",                                                                       \
	    "objectGUID:: IiIiIiIiIiIiIiIiIiIiIg==\n" BOX "mail: ann@acme.example\n" extra)
#define ELSEWHERE "dn: CN=Ann,CN=Users,DC=acme,DC=example\nobjectClass: user\n"
#define ABROAD "dn: CN=Ann,OU=People,DC=globex,DC=example\nobjectClass: user\n" BOX
#define RS "targetAddress: SMTP:ann@redirect.acme.example\n"
#define RT "targetAddress: SMTP:ann@redirect.globex.example\n"
#define READY "extensionAttribute1: yes\n"
#define MARKED MARKER ": galsync:switched:2026-05-01T20:00:00Z:" OTHER_GUID

static const char *const verdicts[] = {[REBUILD_PAIR] = "pair",
    [REBUILD_FINISHED] = "finished",
    [REBUILD_LEFT] = "left",
    [REBUILD_UNNOTICED] = "unnoticed",
    [REBUILD_OTHERS] = "others",
    [REBUILD_TWICE] = "twice",
    [REBUILD_REFUSED] = "refused"};
_Static_assert(ARRAY_SIZE(verdicts) == REBUILD_VERDICT_MAX, "a word for each");

static const struct rebuild_case {
	const char *source, *target;
	const char *stamp; /* behind the GUID: ":source", "" */
	const char *want;  /* the verdict, the active side, what differs */
	/* The record: its state and what it has; NULL: nothing changes. */
	const char *record;
	bool matched, shares, twice, known, known_target, other_pair, keeps, others;
} cases[] = {
    /* In scope. */
    {MAILBOX("Ann", "ann", ""), T(RS), ":source", .want = "pair source",
	.record = "pending source stamp"},
    {MAILBOX("Ann", "ann", ""), T(RS), "", .want = "pair source", .record = "pending source stamp"},
    {MAILBOX("Ann", "ann", RT), T(""), ":target", .want = "pair target",
	.record = "pending target stamp"},
    {MAILBOX("Ann", "ann", RT MARKED "\n"), T(""), "", .want = "pair target",
	.record = "pending target stamp switched"},
    {MAILBOX("Ann", "ann", RT MARKED ":guard\n"), T(""), ":target", .want = "pair target",
	.record = "pending target stamp switched guard"},
    {MAILBOX("Ann", "ann", ""), T(RS), ":source", .want = "pair source",
	.record = "pending source stamp", .matched = true, .shares = true},
    /* Readiness that is there was seen before the map was lost. */
    {MAILBOX("Ann", "ann", READY), T(RS), ":source", .want = "pair source",
	.record = "pending source stamp ready-used"},
    {MAILBOX("Ann", "ann", READY RT), T(""), ":target", .want = "pair target",
	.record = "pending target stamp"},
    /* Half of a turn, and a loop: the witnesses say how it goes on. */
    {MAILBOX("Ann", "ann", ""), T(""), ":target", .want = "pair target half",
	.record = "pending target stamp"},
    {MAILBOX("Ann", "ann", ""), T(""), ":source", .want = "pair source half",
	.record = "pending source stamp"},
    {MAILBOX("Ann", "ann", RT), T(RS), ":target", .want = "pair target half",
	.record = "pending target stamp"},
    {MAILBOX("Ann", "ann", RT), T(""), ":source", .want = "pair target half",
	.record = "pending target stamp"},

    /* What the map knows of the same pair stays. */
    {MAILBOX("Ann", "ann", ""), T(RS), ":source", .want = "pair source", .record = NULL,
	.known = true},
    {MAILBOX("Ann", "ann", READY), T(RS), ":source", .want = "pair source", .record = NULL,
	.known = true},
    {MAILBOX("Ann", "ann", RT), T(""), ":target", .want = "pair target side-differs",
	.record = "pending target x500 switched", .known = true},
    {MAILBOX("Ann", "ann", ""), T(RS), ":source", .want = "pair source side-differs",
	.record = "pending source x500 ready-used", .known = true, .known_target = true},
    /* What no stamp of ours vouches for is the next cycle's, which tells it and limits it. */
    {MAILBOX("Ann", "ann", RT), T(""), ":source", .want = "pair target half side-differs",
	.record = NULL, .known = true},
    {MAILBOX("Ann", "ann", ""), T(RS), ":source", .want = "pair source counterpart-differs",
	.record = "pending source stamp", .known = true, .other_pair = true},

    /* The source left. */
    {MAILBOX("Ann", "ann", HIDDEN RT), T(""), ":target", .want = "finished target",
	.record = "finished target stamp"},
    {MAILBOX("Ann", "ann", HIDDEN RT MARKED "\n"), T(""), "", .want = "finished target",
	.record = "finished target stamp switched"},
    {MAILBOX("Ann", "ann", HIDDEN RT), T(""), ":target", .want = "finished target", .record = NULL,
	.known = true},
    {ELSEWHERE, T(""), ":target", .want = "finished target", .record = "finished target stamp"},
    {NULL, T(""), ":target", .want = "finished target", .record = "finished target stamp"},
    {NULL, T(HIDDEN), ":target", .want = "finished target", .record = "finished target stamp"},
    {MAILBOX("Ann", "ann", HIDDEN), T(HIDDEN RS), ":source", .want = "left source",
	.record = "left source stamp hidden"},
    {MAILBOX("Ann", "ann", HIDDEN), T(HIDDEN RS), ":source", .want = "left source",
	.record = "left source stamp", .matched = true},
    {NULL, T(HIDDEN RS), ":source", .want = "left source", .record = "left source stamp hidden"},
    {NULL, T(RS), ":source", .want = "left source", .record = "left source stamp", .keeps = true},
    {NULL, T(RS), ":source", .want = "unnoticed source", .record = NULL},
    {NULL, T(RS), "", .want = "unnoticed source", .record = NULL},
    {MAILBOX("Ann", "ann", HIDDEN), T(RS), ":source", .want = "unnoticed source", .record = NULL},
    {MAILBOX("Ann", "ann", HIDDEN), T(RS), ":source", .want = "unnoticed source", .record = NULL,
	.known = true},

    /* Another link has its counterparts there too. */
    {NULL, T(""), ":target", .want = "finished target", .record = "finished target stamp",
	.shares = true},
    {NULL, T(""), ":target", .want = "others target", .record = NULL, .shares = true,
	.matched = true},
    {NULL, ABROAD, ":target", .want = "others target", .record = NULL, .shares = true},
    {NULL, ABROAD, ":target", .want = "finished target", .record = "finished target stamp"},
    {ELSEWHERE, ABROAD, ":target", .want = "others target", .record = NULL, .shares = true},
    {MAILBOX("Ann", "ann", HIDDEN), ABROAD, ":target", .want = "finished target",
	.record = "finished target stamp", .shares = true},

    {MAILBOX("Ann", "ann", HIDDEN), T(""), ":target", .want = "others target", .others = true},
    {MAILBOX("Ann", "ann", HIDDEN RT), T(""), ":target", .want = "finished target", .others = true,
	.known = true},
    {MAILBOX("Ann", "ann", ""), T(RS), ":source", .want = "pair source",
	.record = "pending source stamp", .others = true},

    /* Nothing is chosen, and what may be no counterpart is none. */
    {MAILBOX("Ann", "ann", ""), T(RS), ":source", .want = "twice source", .record = NULL,
	.twice = true},
    {NULL, T(""), ":target", .want = "twice target", .record = NULL, .twice = true},
    {NULL, ABROAD, ":target", .want = "others target", .record = NULL, .twice = true,
	.shares = true},
    {MAILBOX("Ann", "ann", ""), T(RS "isCriticalSystemObject: TRUE\n"), ":source",
	.want = "refused source", .record = NULL},
};

static char *
text_of_verdict(const struct rebuild_judged *j)
{
	return str_printf("%s %s%s%s%s", verdicts[j->verdict], side_name(j->active.side),
	    j->half ? " half" : "", j->side_differs ? " side-differs" : "",
	    j->counterpart_differs ? " counterpart-differs" : "");
}

static char *
text_of_record(const struct record *r)
{
	uint64_t hidden = record_written_hash("msExchHideFromAddressLists", bytes_of("TRUE"));

	return r ? str_printf("%s %s %s%s%s%s%s", record_state_name(r->state), side_name(r->active),
		       match_method_name(r->rule), r->switched_at > 1 ? " switched" : "",
		       r->source_guard ? " guard" : "", r->ready_used ? " ready-used" : "",
		       record_was_written(r, TARGET, hidden) ? " hidden" : "")
		 : NULL;
}

/* As a cycle of before has left it. */
static struct record *
known_record(const struct rebuild_case *c, const struct rebuild_in *in)
{
	struct rebuild_judged j;
	struct record *r = NULL;
	struct err err = {0};

	assert_int_equal(rebuild_judge(in, &j, &err), 0);
	j.verdict = REBUILD_PAIR;
	j.scope = &in->link->scopes[0];
	assert_int_equal(rebuild_fill(in, &j, &r, &err), 0);
	assert_non_null(r);
	r->id = 1;
	r->state = RECORD_SYNCED;
	r->synced_at = 1;
	r->rule = MATCH_X500;
	r->ready_used = false;
	r->active = c->known_target ? TARGET : SOURCE;
	r->switched_at = c->known_target;
	if (c->other_pair)
		assert_true(guid_parse(GIVEN_GUID, &r->side[TARGET].guid));
	return r;
}

static void
prepare(const struct rebuild_case *c, struct given *g, struct conf *whole)
{
	static struct conf_link links[1];

	given_init(g);
	/* Another link with the same target. */
	links[0] = g->link;
	*whole = (struct conf){.links = links, .n_links = 1};
	g->scope.on_leave = c->keeps ? LEAVE_KEEP : LEAVE_DELETE;
	g->link.readiness_attribute = given_str("extensionAttribute1");
	g->link.whole = c->shares ? whole : NULL;
}

static void
judge_case(size_t i, const struct rebuild_case *c)
{
	_cleanup_(entry_free) struct entry *source = given_entry(c->source);
	_cleanup_(entry_free) struct entry *target = given_entry(c->target);
	_cleanup_(record_free) struct record *known = NULL, *r = NULL;
	_cleanup_(free) char *verdict = NULL, *record = NULL, *stamp = NULL;
	struct given g;
	struct conf whole;
	struct active_conf active;
	struct rebuild_in in;
	struct rebuild_judged j;
	struct err err = {0};

	prepare(c, &g, &whole);
	active = active_conf_of(&g.link);
	stamp =
	    str_printf("galsync:%s:" GIVEN_GUID "%s", c->matched ? "matched" : "created", c->stamp);
	assert_int_equal(entry_add(target, STAMP, bytes_of(stamp)), 0);
	in = (struct rebuild_in){.link = &g.link,
	    .active = &active,
	    .source = source,
	    .target = target,
	    .link_id = 1,
	    .now = 42};
	assert_true(stamp_of(target, STAMP, &in.stamp));
	if (c->known)
		in.known = known = known_record(c, &in);
	in.twice = c->twice;
	in.is_others = c->others;
	given_ended(i, "judge", rebuild_judge(&in, &j, &err), &err, NULL);
	verdict = text_of_verdict(&j);
	given_same(i, "verdict", verdict, c->want);
	given_ended(i, "fill", rebuild_fill(&in, &j, &r, &err), &err, NULL);
	record = text_of_record(r);
	given_same(i, "record", record, c->record);
}

static void
stamps(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		judge_case(i, &cases[i]);
	given_all_same();
}

/* ---- records ---- */

static void
fates(void **state)
{
	static const struct {
		bool there, ours, theirs, stamped, fresh, ended;
		enum rebuild_fate want;
	} rows[] = {
	    {.there = true, .ours = true, .stamped = true, .want = REBUILD_CONFIRMED},
	    {.there = true, .theirs = true, .stamped = true, .want = REBUILD_REPLACED},
	    {.there = true, .stamped = true, .want = REBUILD_REPLACED},
	    {.stamped = true, .want = REBUILD_REPLACED},
	    {.there = true, .theirs = true, .want = REBUILD_DROPPED},
	    {.there = true, .theirs = true, .fresh = true, .want = REBUILD_DROPPED},
	    {.there = true, .want = REBUILD_UNCONFIRMED},
	    {.want = REBUILD_DROPPED},
	    /* This server may not have it yet. */
	    {.fresh = true, .want = REBUILD_UNCONFIRMED},
	    /* No stamp speaks for what is finished for good. */
	    {.there = true, .ended = true, .want = REBUILD_CONFIRMED},
	    {.there = true, .theirs = true, .ended = true, .want = REBUILD_CONFIRMED},
	    {.ended = true, .want = REBUILD_CONFIRMED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(record_free) struct record *r = given_record(NULL);
		struct stamp stamp = {.source = r->side[SOURCE].guid};
		const struct rebuild_record_facts f = {.record = r,
		    .there = rows[i].there,
		    .stamp = rows[i].ours || rows[i].theirs ? &stamp : NULL,
		    .stamped = rows[i].stamped,
		    .now = 1000,
		    .replication_s = rows[i].fresh ? 1000 : 100};

		r->ended = rows[i].ended;
		if (rows[i].theirs)
			assert_true(guid_parse(OTHER_GUID, &stamp.source));
		if (rebuild_fate_of(&f) != rows[i].want)
			fail_msg("row %zu", i);
	}
}

static void
report(void **state)
{
	_cleanup_(buf_done) struct buf text = {0};
	struct rebuild_report r = {.n = {[REBUILD_STAMPED] = 3, [REBUILD_ENDED] = 2}};

	(void)state;
	rebuild_report_print(&r, &text);
	assert_string_equal((const char *)text.data,
	    "3 target objects with a stamp of galsync, 0 correspondences, 2 finished");
	for (size_t i = 0; i < REBUILD_COUNT_MAX; i++)
		assert_true(*rebuild_count_name((enum rebuild_count)i) &&
			    *rebuild_count_text((enum rebuild_count)i));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stamps), cmocka_unit_test(fates), cmocka_unit_test(report)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
