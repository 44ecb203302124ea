/* SPDX-License-Identifier: MIT */
#include "redirect/active_side.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "dsa/base/str.h"

#define GUID_S "6f9619ff-8b86-d011-b42d-00c04fc964ff"
#define GUID_T "11111111-2222-3333-4444-555555555555"

/* ---- the rule ---- */

enum boxes { NO_BOX, BOX_S, BOX_T, BOTH };

static struct active_facts
facts(const char *arrows, enum boxes boxes)
{
	return (struct active_facts){.mailbox = {(boxes & BOX_S) != 0, (boxes & BOX_T) != 0},
	    .leads = {arrows[0] == '>' ? LEADS_ACROSS : LEADS_NOWHERE,
		arrows[1] == '<' ? LEADS_ACROSS : LEADS_NOWHERE}};
}

/* '>': S leads to T, '<': T leads to S. What the witnesses may change has '?'. */
static const struct {
	const char *arrows;
	char verdict[4]; /* by enum boxes: 's', 't', '?' */
} table[] = {
    {"-<", {'s', 's', 's', 's'}},
    {">-", {'?', 's', 't', 't'}},
    {"--", {'?', 's', 't', '?'}},
    {"><", {'?', 's', 't', '?'}},
};

static enum side
expected(char c, const enum active_witness w[3])
{
	for (size_t i = 0; c == '?' && i < 3; i++)
		if (w[i] != WITNESS_SILENT)
			return w[i] == WITNESS_TARGET ? TARGET : SOURCE;
	return c == 't' ? TARGET : SOURCE;
}

static void
every_row_and_witness(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		for (int boxes = NO_BOX; boxes <= BOTH; boxes++)
			for (int n = 0; n < 27; n++) {
				struct active_facts f = facts(table[i].arrows, (enum boxes)boxes);
				const enum active_witness w[] = {(enum active_witness)(n % 3),
				    (enum active_witness)(n / 3 % 3), (enum active_witness)(n / 9)};
				struct active_side a;
				enum side want = expected(table[i].verdict[boxes], w);
				enum active_witness says =
				    want == TARGET ? WITNESS_TARGET : WITNESS_SOURCE;

				f.stamp = w[0];
				f.marker = w[1];
				f.map = w[2];
				a = active_side_judge(&f);
				assert_int_equal(a.side, want);
				assert_int_equal(a.is_loop, i == 3);
				assert_int_equal(a.lost, want == SOURCE && boxes == BOX_T);
				assert_int_equal(active_is_purged(&a),
				    i == 1 && !(boxes & BOX_T) &&
					(w[0] == WITNESS_TARGET || w[1] == WITNESS_TARGET ||
					    w[2] == WITNESS_TARGET));
				assert_int_equal(a.moved,
				    w[2] != WITNESS_SILENT && w[2] != says && w[0] != says);
			}
}

/* A third place, and the object itself, count as no redirection. */
static void
other_places_count_as_none(void **state)
{
	static const enum active_leads others[] = {LEADS_HOME, LEADS_AWAY};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		for (int boxes = NO_BOX; boxes <= BOTH; boxes++)
			for (int side = SOURCE; side < SIDES; side++) {
				struct active_facts f = facts("--", (enum boxes)boxes), g = f;

				f.leads[side] = others[i];
				assert_int_equal(
				    active_side_judge(&f).side, active_side_judge(&g).side);
				assert_false(active_side_judge(&f).is_loop);
			}
}

/* A loop of what is finished is ended towards the target; nothing else of the verdict changes. */
static void
finished_loops(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		for (int boxes = NO_BOX; boxes <= BOTH; boxes++)
			for (int stamp = WITNESS_SILENT; stamp <= WITNESS_TARGET; stamp++) {
				struct active_facts f = facts(table[i].arrows, (enum boxes)boxes),
						    g;

				f.stamp = (enum active_witness)stamp;
				g = f;
				g.finished = true;
				assert_int_equal(active_side_judge(&g).side,
				    i == 3 && (boxes & BOX_T) ? TARGET
							      : active_side_judge(&f).side);
			}
}

/* ---- reading ---- */

static const char *const tools[SIDES][3] = {{"old.acme", "source.qmm", NULL}, {"target.qmm", NULL}};
static const struct active_conf conf = {.adopted = {tools[SOURCE], tools[TARGET]},
    .redirect_domain = {"redirect.acme", "redirect.globex"},
    .stamp_attribute = "extensionAttribute15",
    .marker_attribute = "extensionAttribute14"};

/* "attr=value|attr=value"; NULL: no object. */
static struct entry *
entry_of(const char *text, const char *guid)
{
	struct entry *e;
	char copy[512], *save = NULL;

	if (!text)
		return NULL;
	e = entry_new("CN=x");
	assert_non_null(e);
	assert_true(guid_parse(guid, &e->guid));
	(void)snprintf(copy, sizeof copy, "%s", text);
	for (char *p = strtok_r(copy, "|", &save); p; p = strtok_r(NULL, "|", &save)) {
		char *eq = strchr(p, '=');

		assert_non_null(eq);
		*eq = '\0';
		assert_int_equal(entry_add_str(e, p, eq + 1), 0);
	}
	return e;
}

#define USER "objectClass=user|"
#define MBX USER "homeMDB=db|"
#define S_ADDR "proxyAddresses=SMTP:ann@acme|proxyAddresses=smtp:ann@redirect.acme"
#define T_ADDR "proxyAddresses=SMTP:ann@acme|proxyAddresses=smtp:ann@redirect.globex"

static const struct {
	const char *s, *t;
	enum active_leads leads[SIDES];
	enum active_witness stamp, marker;
	enum side verdict;
} rows[] = {
    /* before and after a switch */
    {MBX S_ADDR, MBX T_ADDR "|targetAddress=SMTP:ann@redirect.acme", {LEADS_NOWHERE, LEADS_ACROSS},
	WITNESS_SILENT, WITNESS_SILENT, SOURCE},
    {MBX S_ADDR "|targetAddress=smtp:Ann@Redirect.Globex", MBX T_ADDR,
	{LEADS_ACROSS, LEADS_NOWHERE}, WITNESS_SILENT, WITNESS_SILENT, TARGET},
    /* half of a turn: stamp, then marker */
    {MBX S_ADDR, MBX T_ADDR "|extensionAttribute15=galsync:created:" GUID_S ":target",
	{LEADS_NOWHERE, LEADS_NOWHERE}, WITNESS_TARGET, WITNESS_SILENT, TARGET},
    {MBX S_ADDR "|extensionAttribute14=galsync:switched:2026-05-01T20:00:00Z:" GUID_T ":guard",
	MBX T_ADDR "|extensionAttribute15=galsync:created:" GUID_S, {LEADS_NOWHERE, LEADS_NOWHERE},
	WITNESS_SILENT, WITNESS_TARGET, TARGET},
    {MBX S_ADDR "|extensionAttribute14=galsync:switched:x",
	MBX T_ADDR "|extensionAttribute15=galsync:matched:" GUID_S ":source",
	{LEADS_NOWHERE, LEADS_NOWHERE}, WITNESS_SOURCE, WITNESS_TARGET, SOURCE},
    /* the stamp of another correspondence, and foreign values, say nothing */
    {MBX S_ADDR "|extensionAttribute14=HR-1",
	MBX T_ADDR "|extensionAttribute15=galsync:created:" GUID_T ":target",
	{LEADS_NOWHERE, LEADS_NOWHERE}, WITNESS_SILENT, WITNESS_SILENT, SOURCE},
    /* a native move */
    {USER S_ADDR "|targetAddress=SMTP:ann@redirect.globex", MBX T_ADDR,
	{LEADS_ACROSS, LEADS_NOWHERE}, WITNESS_SILENT, WITNESS_SILENT, TARGET},
    /* to itself: by domain, or because the mailbox has the address, though both have it */
    {MBX S_ADDR, MBX T_ADDR "|targetAddress=SMTP:ann@redirect.globex", {LEADS_NOWHERE, LEADS_HOME},
	WITNESS_SILENT, WITNESS_SILENT, SOURCE},
    {MBX S_ADDR, MBX T_ADDR "|targetAddress=SMTP:ann@acme", {LEADS_NOWHERE, LEADS_HOME},
	WITNESS_SILENT, WITNESS_SILENT, SOURCE},
    /* a mail user carries its destination as an address */
    {MBX S_ADDR, USER T_ADDR "|targetAddress=SMTP:ann@acme", {LEADS_NOWHERE, LEADS_ACROSS},
	WITNESS_SILENT, WITNESS_SILENT, SOURCE},
    /* a third place */
    {MBX S_ADDR "|targetAddress=SMTP:ann@elsewhere", MBX T_ADDR, {LEADS_AWAY, LEADS_NOWHERE},
	WITNESS_SILENT, WITNESS_SILENT, SOURCE},
    /* mail users on both sides with one destination */
    {USER S_ADDR "|targetAddress=SMTP:ann@elsewhere",
	USER T_ADDR "|targetAddress=SMTP:ann@elsewhere", {LEADS_AWAY, LEADS_AWAY}, WITNESS_SILENT,
	WITNESS_SILENT, SOURCE},
    /* the mailbox is in the target's tenant */
    {MBX S_ADDR "|targetAddress=SMTP:ann@redirect.globex",
	USER T_ADDR "|msExchRecipientTypeDetails=2147483648|targetAddress=SMTP:a@tenant",
	{LEADS_ACROSS, LEADS_NOWHERE}, WITNESS_SILENT, WITNESS_SILENT, TARGET},
    /* what another tool redirected, whether the counterpart has the address or not */
    {MBX S_ADDR, MBX T_ADDR "|targetAddress=SMTP:ann@source.qmm", {LEADS_NOWHERE, LEADS_ACROSS},
	WITNESS_SILENT, WITNESS_SILENT, SOURCE},
    {MBX S_ADDR, MBX T_ADDR "|targetAddress=smtp:ann@Old.Acme", {LEADS_NOWHERE, LEADS_ACROSS},
	WITNESS_SILENT, WITNESS_SILENT, SOURCE},
    {MBX S_ADDR "|targetAddress=SMTP:ann@target.qmm", MBX T_ADDR, {LEADS_ACROSS, LEADS_NOWHERE},
	WITNESS_SILENT, WITNESS_SILENT, TARGET},
    {USER S_ADDR "|targetAddress=SMTP:ann@target.qmm", MBX T_ADDR, {LEADS_ACROSS, LEADS_NOWHERE},
	WITNESS_SILENT, WITNESS_SILENT, TARGET},
    {MBX S_ADDR "|targetAddress=SMTP:ann@target.qmm", USER T_ADDR, {LEADS_ACROSS, LEADS_NOWHERE},
	WITNESS_SILENT, WITNESS_SILENT, SOURCE},
    {MBX S_ADDR "|targetAddress=SMTP:ann@target.qmm",
	MBX T_ADDR "|targetAddress=SMTP:ann@source.qmm", {LEADS_ACROSS, LEADS_ACROSS},
	WITNESS_SILENT, WITNESS_SILENT, SOURCE},
    {MBX S_ADDR, MBX T_ADDR "|targetAddress=SMTP:ann@target.qmm", {LEADS_NOWHERE, LEADS_HOME},
	WITNESS_SILENT, WITNESS_SILENT, SOURCE},
    {MBX S_ADDR, MBX T_ADDR "|targetAddress=SMTP:ann@not.target.qmm", {LEADS_NOWHERE, LEADS_AWAY},
	WITNESS_SILENT, WITNESS_SILENT, SOURCE},
    /* one of them is gone */
    {NULL, MBX T_ADDR, {LEADS_NOWHERE, LEADS_NOWHERE}, WITNESS_SILENT, WITNESS_SILENT, TARGET},
    {MBX S_ADDR, NULL, {LEADS_NOWHERE, LEADS_NOWHERE}, WITNESS_SILENT, WITNESS_SILENT, SOURCE},
    /* what is no user */
    {"objectClass=contact|targetAddress=SMTP:x@redirect.globex", "objectClass=contact",
	{LEADS_NOWHERE, LEADS_NOWHERE}, WITNESS_SILENT, WITNESS_SILENT, SOURCE},
};

static void
what_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(entry_free) struct entry *s = entry_of(rows[i].s, GUID_S);
		_cleanup_(entry_free) struct entry *t = entry_of(rows[i].t, GUID_T);
		struct active_side a =
		    active_side_of(&conf, (const struct entry *const[SIDES]){s, t}, NULL);

		print_message("row %zu\n", i);
		for (int side = SOURCE; side < SIDES; side++)
			assert_int_equal(a.facts.leads[side], rows[i].leads[side]);
		assert_int_equal(a.facts.stamp, rows[i].stamp);
		assert_int_equal(a.facts.marker, rows[i].marker);
		assert_int_equal(a.facts.map, WITNESS_SILENT);
		assert_int_equal(a.side, rows[i].verdict);
		assert_int_equal(a.since, i == 3 ? 1777665600 : 0);
	}
}

/* ---- a mailbox in the target's tenant ---- */

#define REMOTE USER T_ADDR "|msExchRecipientTypeDetails=2147483648"
#define TO_RS "|targetAddress=SMTP:ann@redirect.acme"
#define TO_RT "|targetAddress=SMTP:ann@redirect.globex"
#define STAMPED(side) "|extensionAttribute15=galsync:created:" GUID_S ":" side

static const struct {
	const char *s, *t;
	enum active_leads leads[SIDES];
	enum side verdict;
	bool is_loop, unknown; /* UNKNOWN: the configuration does not name the routing domain */
} tenant_rows[] = {
    /* before and after a switch, and half of one */
    {MBX S_ADDR, REMOTE TO_RS, {LEADS_NOWHERE, LEADS_ACROSS}, .verdict = SOURCE},
    {MBX S_ADDR TO_RT, REMOTE "|targetAddress=SMTP:a@tenant", {LEADS_ACROSS, LEADS_NOWHERE},
	.verdict = TARGET},
    {MBX S_ADDR, REMOTE "|targetAddress=SMTP:a@tenant" STAMPED("target"),
	{LEADS_NOWHERE, LEADS_NOWHERE}, .verdict = TARGET},
    {MBX S_ADDR, REMOTE "|targetAddress=SMTP:a@tenant" STAMPED("source"),
	{LEADS_NOWHERE, LEADS_NOWHERE}, .verdict = SOURCE},
    /* found, not yet redirected */
    {MBX S_ADDR, REMOTE "|targetAddress=SMTP:a@Tenant", {LEADS_NOWHERE, LEADS_NOWHERE},
	.verdict = SOURCE},
    {MBX S_ADDR, REMOTE "|targetAddress=SMTP:a@other", {LEADS_NOWHERE, LEADS_AWAY},
	.verdict = SOURCE},
    {MBX S_ADDR, REMOTE "|targetAddress=SMTP:a@other", {LEADS_NOWHERE, LEADS_NOWHERE},
	.verdict = SOURCE, .unknown = true},
    {MBX S_ADDR, REMOTE TO_RT, {LEADS_NOWHERE, LEADS_HOME}, .verdict = SOURCE},
    {USER S_ADDR, REMOTE "|targetAddress=SMTP:a@tenant", {LEADS_NOWHERE, LEADS_NOWHERE},
	.verdict = TARGET},
    /* a loop */
    {MBX S_ADDR TO_RT, REMOTE TO_RS STAMPED("target"), {LEADS_ACROSS, LEADS_ACROSS},
	.verdict = TARGET, .is_loop = true},
    {MBX S_ADDR TO_RT, REMOTE TO_RS, {LEADS_ACROSS, LEADS_ACROSS}, .verdict = SOURCE,
	.is_loop = true},
    /* the source leads to the tenant itself: by the address that the target has, or leads by */
    {MBX S_ADDR "|targetAddress=SMTP:A@tenant", REMOTE "|targetAddress=SMTP:a@tenant",
	{LEADS_ACROSS, LEADS_NOWHERE}, .verdict = TARGET},
    {USER S_ADDR "|targetAddress=SMTP:a@tenant",
	REMOTE "|targetAddress=SMTP:b@tenant|proxyAddresses=smtp:a@tenant",
	{LEADS_ACROSS, LEADS_NOWHERE}, .verdict = TARGET},
    {MBX S_ADDR "|targetAddress=SMTP:c@tenant", REMOTE "|targetAddress=SMTP:a@tenant",
	{LEADS_AWAY, LEADS_NOWHERE}, .verdict = SOURCE},
    {MBX S_ADDR "|targetAddress=SMTP:a@other", REMOTE "|targetAddress=SMTP:a@other",
	{LEADS_AWAY, LEADS_AWAY}, .verdict = SOURCE},
    /* a source with the same address in the tenant: the target leads to the tenant nevertheless */
    {MBX S_ADDR "|proxyAddresses=smtp:a@tenant", REMOTE "|targetAddress=SMTP:a@tenant",
	{LEADS_NOWHERE, LEADS_NOWHERE}, .verdict = SOURCE},
    /* a mailbox of the organization is none of the tenant, whatever else it says */
    {MBX S_ADDR, MBX T_ADDR "|msExchRecipientTypeDetails=2147483648|targetAddress=SMTP:a@tenant",
	{LEADS_NOWHERE, LEADS_AWAY}, .verdict = SOURCE},
    {MBX S_ADDR "|msExchRecipientTypeDetails=2147483648|targetAddress=SMTP:a@tenant", MBX T_ADDR,
	{LEADS_AWAY, LEADS_NOWHERE}, .verdict = SOURCE},
};

static void
in_a_tenant(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tenant_rows); i++) {
		_cleanup_(entry_free) struct entry *s = entry_of(tenant_rows[i].s, GUID_S);
		_cleanup_(entry_free) struct entry *t = entry_of(tenant_rows[i].t, GUID_T);
		struct active_conf hybrid = conf;
		struct active_side a;

		hybrid.routing_domain = tenant_rows[i].unknown ? NULL : "tenant";
		a = active_side_of(&hybrid, (const struct entry *const[SIDES]){s, t}, NULL);
		print_message("row %zu\n", i);
		for (int side = SOURCE; side < SIDES; side++)
			assert_int_equal(a.facts.leads[side], tenant_rows[i].leads[side]);
		assert_true(a.facts.mailbox[TARGET]);
		assert_int_equal(a.side, tenant_rows[i].verdict);
		assert_int_equal(a.is_loop, tenant_rows[i].is_loop);
	}
}

/* ---- the map ---- */

/* The map is a witness once the pair was synchronized, and knows what galsync put. */
static void
what_the_map_says(void **state)
{
	static const char left[] = "SMTP:ann.old@acme";
	_cleanup_(entry_free) struct entry *s = entry_of(MBX S_ADDR, GUID_S);
	_cleanup_(entry_free) struct entry *t =
	    entry_of(MBX T_ADDR "|extensionAttribute15=galsync:created:" GUID_S, GUID_T);
	_cleanup_(entry_free) struct entry *put =
	    entry_of(MBX T_ADDR "|targetAddress=SMTP:ann.old@acme", GUID_T);
	_cleanup_(record_free) struct record *r = record_new();
	const struct entry *const side[SIDES] = {s, t}, *const with_put[SIDES] = {s, put};
	uint64_t hash = record_written_hash("targetAddress", bytes_of(left));
	struct active_side a;

	(void)state;
	assert_non_null(r);
	r->active = TARGET;
	assert_int_equal(active_side_of(&conf, side, r).facts.map, WITNESS_SILENT);
	r->id = 1;
	r->synced_at = 1;
	a = active_side_of(&conf, side, r);
	assert_int_equal(a.facts.map, WITNESS_TARGET);
	assert_int_equal(a.side, TARGET);
	assert_false(a.moved);
	r->active = SOURCE;
	assert_int_equal(active_side_of(&conf, with_put, r).facts.leads[TARGET], LEADS_AWAY);
	assert_int_equal(record_add_written(r, TARGET, &hash, 1), 0);
	assert_int_equal(active_side_of(&conf, with_put, r).facts.leads[TARGET], LEADS_ACROSS);
}

/* ---- mail that goes round ---- */

#define TO(address) "|targetAddress=SMTP:" address
#define IN_TENANT "|msExchRecipientTypeDetails=2147483648"

static const struct {
	const char *name, *s, *t;
	const char *want; /* "S", "T", "ST" or "" */
	bool finished;
} circles[] = {
    {"as it must be", MBX S_ADDR, MBX T_ADDR TO("ann@redirect.acme"), .want = ""},
    {"a loop", MBX S_ADDR TO("ann@redirect.globex"), MBX T_ADDR TO("ann@redirect.acme"),
	.want = "S"},
    {"a loop, finished", MBX S_ADDR TO("ann@redirect.globex"), MBX T_ADDR TO("ann@redirect.acme"),
	.want = "T", .finished = true},
    {"a loop by other addresses", MBX S_ADDR "|proxyAddresses=smtp:a@acme" TO("a@globex"),
	MBX T_ADDR "|proxyAddresses=smtp:A@Globex" TO("a@acme"), .want = "S"},
    {"a loop, one has no mailbox", USER S_ADDR TO("ann@redirect.globex"),
	MBX T_ADDR TO("ann@redirect.acme"), .want = "T"},
    {"a loop, none has a mailbox", USER S_ADDR TO("ann@redirect.globex"),
	USER T_ADDR TO("ann@redirect.acme"), .want = "S"},
    {"a loop from a tenant", MBX S_ADDR TO("ann@redirect.globex"),
	USER T_ADDR IN_TENANT TO("ann@redirect.acme"), .want = "T", .finished = true},
    {"one leads to another object", MBX S_ADDR TO("bea@redirect.globex"),
	MBX T_ADDR TO("ann@redirect.acme"), .want = ""},
    {"the other one does", MBX S_ADDR TO("ann@redirect.globex"), MBX T_ADDR TO("bea@redirect.acme"),
	.want = ""},
    {"to itself", MBX S_ADDR TO("ann@redirect.acme"), MBX T_ADDR, .want = "S"},
    {"to itself, by its own address", MBX S_ADDR, MBX T_ADDR TO("ann@acme"), .want = "T"},
    {"to itself, both", MBX S_ADDR TO("ann@redirect.acme"), MBX T_ADDR TO("ann@redirect.globex"),
	.want = "ST"},
    {"to itself, the source is gone", NULL, MBX T_ADDR TO("ann@redirect.globex"), .want = "T"},
    {"to itself, the target is gone", MBX S_ADDR TO("ann@redirect.acme"), NULL, .want = "S"},
    {"to itself, without a mailbox", MBX S_ADDR, USER T_ADDR TO("ann@redirect.globex"),
	.want = "T"},
    {"to another one of its forest", MBX S_ADDR, MBX T_ADDR TO("bea@redirect.globex"), .want = ""},
    {"to a destination that it carries", MBX S_ADDR, USER T_ADDR TO("ann@acme"), .want = ""},
    {"to its tenant", MBX S_ADDR, USER T_ADDR IN_TENANT TO("ann@redirect.globex"), .want = ""},
    {"to a third place", MBX S_ADDR TO("ann@else"), MBX T_ADDR TO("ann@redirect.acme"), .want = ""},
};

static void
goes_round(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(circles); i++) {
		_cleanup_(entry_free) struct entry *s = entry_of(circles[i].s, GUID_S);
		_cleanup_(entry_free) struct entry *t = entry_of(circles[i].t, GUID_T);
		_cleanup_(record_free) struct record *r = record_new();
		const struct entry *const side[SIDES] = {s, t};
		struct active_side a;

		assert_non_null(r);
		r->kind = KIND_USER;
		r->state = circles[i].finished ? RECORD_FINISHED : RECORD_LEFT;
		a = active_side_of(&conf, side, r);
		print_message("%s\n", circles[i].name);
		assert_int_equal(
		    active_goes_round(&a, side, SOURCE), strchr(circles[i].want, 'S') != NULL);
		assert_int_equal(
		    active_goes_round(&a, side, TARGET), strchr(circles[i].want, 'T') != NULL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_and_witness),
	    cmocka_unit_test(other_places_count_as_none),
	    cmocka_unit_test(finished_loops),
	    cmocka_unit_test(what_is_read),
	    cmocka_unit_test(in_a_tenant),
	    cmocka_unit_test(what_the_map_says),
	    cmocka_unit_test(goes_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
