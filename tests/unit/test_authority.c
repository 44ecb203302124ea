/* SPDX-License-Identifier: MIT */

/* From which side an attribute flows, and what comes back to the source. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/rules/diff.h"
#include "tests/support/given.h"

#define HIDES "msExchHideFromAddressLists"
#define PROXY(v) "proxyAddresses: " v "\n"
#define HERE(cn) "CN=" cn ACME

/* ---- the rule ---- */

static void
who_leads(void **state)
{
	static const struct {
		enum side active, scope;
		bool mailbox[SIDES];
		enum side lead;
	} rows[] = {
	    {SOURCE, SOURCE, {true, true}, SOURCE},
	    {TARGET, SOURCE, {true, true}, TARGET},
	    {TARGET, SOURCE, {false, true}, TARGET},
	    /* What the scope says is about pairs that no switch can turn. */
	    {SOURCE, TARGET, {true, true}, SOURCE},
	    {SOURCE, TARGET, {true, false}, SOURCE},
	    {SOURCE, TARGET, {false, true}, SOURCE},
	    {SOURCE, TARGET, {false, false}, TARGET},
	    {SOURCE, SOURCE, {false, false}, SOURCE},
	    {TARGET, SOURCE, {false, false}, TARGET},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct conf_scope scope = {.authority = rows[i].scope};
		const struct active_side a = {.side = rows[i].active,
		    .facts.mailbox = {rows[i].mailbox[SOURCE], rows[i].mailbox[TARGET]}};

		given_same(i, "lead", side_name(project_lead(&scope, &a)), side_name(rows[i].lead));
	}
	given_all_same();
}

/* Forth while the target is to be made / is there, and back; by the side that leads, with the
 * source active. */
static void
which_way(void **state)
{
	static const struct {
		enum authority authority;
		bool lasts;
		const char *source, *target; /* "new forth back" of what flows */
	} rows[] = {
	    {AUTHORITY_ACTIVE, false, " new forth", " new back"},
	    {AUTHORITY_ACTIVE, true, " new forth", " new forth back"},
	    {AUTHORITY_SOURCE, false, " new forth", " new forth"},
	    {AUTHORITY_TARGET, false, " new back", " new back"},
	    {AUTHORITY_NONE, false, " new forth", " new forth"},
	    {AUTHORITY_NONE, true, " new forth", " new forth"},
	};
	const struct entry there = {.dn = NULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int lead = SOURCE; lead < SIDES; lead++) {
			const struct row r = {
			    .authority = rows[i].authority, .lasts = rows[i].lasts};
			struct project_in in = {.source = &there, .lead = (enum side)lead};
			struct buf b = {0};
			_cleanup_(free) char *got = NULL;

			buf_add_str(&b, project_row_flows(&r, &in) ? " new" : "");
			in.target = &there;
			buf_add_str(&b, project_row_flows(&r, &in) ? " forth" : "");
			in.back = true;
			buf_add_str(&b, project_row_flows(&r, &in) ? " back" : "");
			got = buf_take_str(&b);
			given_same(i, side_name((enum side)lead), got,
			    lead == SOURCE ? rows[i].source : rows[i].target);
		}
	given_all_same();
}

/* What makes a counterpart is written while the source is active, whichever side leads. */
static void
own_rows(void **state)
{
	const struct entry there = {.dn = NULL};
	const struct row own = {.authority = AUTHORITY_NONE};
	const struct row stamp = {.authority = AUTHORITY_NONE, .lasts = true};
	const struct project_in in = {
	    .source = &there, .target = &there, .lead = TARGET, .active = TARGET};

	(void)state;
	assert_false(project_row_flows(&own, &in));
	assert_true(project_row_flows(&stamp, &in));
}

/* ---- the table ---- */

static char *
shown(const struct table *t, const char *attr)
{
	struct buf b = {0};

	for (size_t i = 0; i < t->n; i++) {
		const struct row *r = &t->rows[i];

		if (!str_equal_nocase(r->attr, attr))
			continue;
		buf_printf(&b, "%s%s", b.len ? "|" : "", r->source);
		for (int k = KIND_USER; k < KIND_MAX; k++)
			if (!(r->kinds & KIND_BIT(k)))
				buf_printf(&b, " !%s", kind_name((enum kind)k));
		buf_printf(&b, "%s%s", r->meet == MEET_MERGE ? " merge" : "",
		    r->when & WHEN_MATCHED ? "" : " created");
	}
	return b.len ? buf_take_str(&b) : NULL;
}

struct site_row {
	const char *attr, *from;
	enum row_how how;
	unsigned kinds;
	enum authority authority;
};

/* The site's rows, at most two, and the way back of one attribute of the source. */
static const struct back_case {
	const char *attr, *want; /* WANT NULL: none */
	const char *readiness;
	struct site_row row[2];
} back_cases[] = {
    {"title", .want = "title"},
    {"otherTelephone", .want = "otherTelephone merge"},
    {"member", .want = "member !user !contact !dynamic-group !public-folder"},
    {"proxyAddresses", .want = "proxyAddresses"},
    {"mail", .want = "mail"},
    {HIDES, .want = HIDES},
    {"delivContLength", .want = "delivContLength created"},
    /* What galsync makes the counterpart of, it makes there alone. */
    {"targetAddress", .want = NULL},
    {"legacyExchangeDN", .want = NULL},
    {"mailNickname", .want = NULL},
    {"homeMDB", .want = NULL},
    {"groupType", .want = NULL},
    {"userAccountControl", .want = NULL},
    {"msExchRecipientTypeDetails", .want = NULL},
    {"msExchArchiveName", .want = NULL},
    /* Of the source for itself. */
    {"extensionAttribute15", .want = NULL},
    {"extensionAttribute14", .want = NULL},
    {"extensionAttribute13", .want = "extensionAttribute13"},
    {"extensionAttribute13", .readiness = "extensionAttribute13", .want = NULL},
    /* The site's. */
    {"title", .row = {{"title", .how = ROW_REMOVE}}, .want = NULL},
    {"title", .row = {{"title", .from = "x", .how = ROW_CONSTANT}}, .want = NULL},
    {"title", .row = {{"title", .from = "title", .authority = AUTHORITY_SOURCE}}, .want = NULL},
    {"title", .row = {{"title", .from = "title", .authority = AUTHORITY_TARGET}}, .want = "title"},
    {"company", .row = {{"title", .from = "company"}}, .want = "company"},
    {"department", .row = {{"title", .from = "department"}, {"department", .how = ROW_REMOVE}},
	.want = "title"},
    /* From its own name first, for the kinds that have such a row. */
    {"department",
	.row = {{"title", .from = "department"},
	    {"department", .how = ROW_REMOVE, .kinds = KIND_BIT(KIND_USER)}},
	.want = "department !user|title !contact !group !dynamic-group !public-folder"},
    /* One value makes no room among many. */
    {"url", .row = {{"title", .from = "url"}, {"url", .how = ROW_REMOVE}}, .want = "title merge"},
    /* What belongs to one object alone, or what no client may write. */
    {"sAMAccountName", .row = {{"title", .from = "sAMAccountName"}}, .want = NULL},
    {"proxyAddresses", .row = {{"title", .from = "proxyAddresses"}}, .want = "proxyAddresses"},
    {"whenCreated", .row = {{"title", .from = "whenCreated"}}, .want = NULL},
};

static void
ways_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(back_cases); i++) {
		const struct back_case *c = &back_cases[i];
		_cleanup_(schema_free) struct schema *schema = NULL;
		_cleanup_(table_free) struct table *t = NULL;
		_cleanup_(free) char *got = NULL;
		struct conf_row rows[2] = {{.attr = NULL}};
		struct given g;

		given_init(&g);
		g.link.rows = rows;
		for (size_t j = 0; j < 2 && c->row[j].attr; j++)
			rows[g.link.n_rows++] = (struct conf_row){.attr = given_str(c->row[j].attr),
			    .source = c->row[j].from,
			    .how = c->row[j].how,
			    .kinds = c->row[j].kinds,
			    .on_matched = true,
			    .authority = c->row[j].authority};
		g.link.readiness_attribute = given_str(c->readiness);
		t = given_table(&g.link, &schema);
		assert_null(t->back->back);
		got = shown(t->back, c->attr);
		given_same(i, c->attr, got, c->want);
	}
	given_all_same();
}

/* A native is its forest's: nothing flows back in a return flow. */
static void
not_to_natives(void **state)
{
	_cleanup_(schema_free) struct schema *schema = NULL;
	_cleanup_(table_free) struct table *t = NULL;
	struct given g;

	(void)state;
	given_init(&g);
	g.link.forth = &g.link;
	t = given_table(&g.link, &schema);
	assert_int_equal(t->back->n, 0);
}

/* ---- values ---- */

#define S_ANN "dn: CN=Ann" ACME "\nobjectClass: user\nmailNickname: ann\nhomeMDB: CN=DB\n"
#define T_ANN "dn: CN=Ann" GLOBEX "\nobjectClass: user\nmailNickname: ann\nhomeMDB: CN=DB\n"

/* A switched mailbox, or with KIND another pair whose target has the authority: what is written to
 * the source object, and what is known as galsync's there. */
static const struct value_case {
	const char *target, *source; /* of what they have */
	const char *written;	     /* by galsync on the source */
	const char *mods, *keep;     /* KEEP NULL: not asked */
	const char *lost, *put;	     /* what is told of it; by galsync on the target */
	const char *primary_template;
	bool matched, hidden_flows;
} value_cases[] = {
    /* One value. */
    {"title: Boss\n", "title: Boss\n", .mods = "", .keep = ""},
    {"title: Boss\n", "", .mods = "+title: Boss\n", .keep = "title: Boss\n"},
    {"title: Boss\n", "title: Old\n", .mods = "-title: Old\n+title: Boss\n",
	.keep = "title: Boss\n", .lost = "title 'Old'"},
    {"title: Boss\n", "title: Old\n", .put = "title: Old\n", .mods = "-title: Old\n+title: Boss\n"},
    {"title: Boss\n", "title: Old\n", .written = "title: Old\n",
	.mods = "-title: Old\n+title: Boss\n", .keep = "title: Boss\n"},
    /* Where the target has none, only what galsync put goes. */
    {"", "title: Old\n", .mods = "", .keep = ""},
    {"", "title: Old\n", .put = "title: Old\n", .mods = "", .keep = ""},
    {"", "title: Old\n", .written = "title: Old\n", .mods = "-title: Old\n", .keep = ""},
    {"", "title: Other\n", .written = "title: Old\n", .mods = "", .keep = ""},
    /* Several. */
    {"otherTelephone: 1\n", "otherTelephone: 2\notherTelephone: 3\n",
	.written = "otherTelephone: 3\n", .mods = "-otherTelephone: 3\n+otherTelephone: 1\n",
	.keep = "otherTelephone: 1\n"},
    /* On what was matched, only what flows there as well. */
    {"delivContLength: 5\n", "", .mods = "+delivContLength: 5\n"},
    {"delivContLength: 5\n", "", .matched = true, .mods = ""},
    /* What is galsync's stays where it is. */
    {"msExchHomeServerName: /o=G/cn=1\nextensionAttribute15: galsync:created:" GIVEN_GUID
     ":target\nextensionAttribute14: x\n",
	"", .mods = ""},
    /* Hidden. */
    {HIDES ": TRUE\n", "", .mods = "", .keep = ""},
    {HIDES ": TRUE\n", "", .hidden_flows = true, .mods = "+" HIDES ": TRUE\n",
	.keep = HIDES ": TRUE\n"},
    {"", HIDES ": TRUE\n", .hidden_flows = true, .written = HIDES ": TRUE\n",
	.mods = "-" HIDES ": TRUE\n"},
    {"", HIDES ": TRUE\n", .hidden_flows = true, .mods = ""},
    /* Addresses. */
    {PROXY("SMTP:a@x") PROXY("smtp:b@x"), PROXY("SMTP:a@x"),
	.mods = "+mail: a@x\n+proxyAddresses: smtp:b@x\n", .keep = "mail: a@x\n" PROXY("smtp:b@x")},
    {PROXY("SMTP:b@x") PROXY("smtp:a@x"), "mail: a@x\n" PROXY("SMTP:a@x"),
	.mods = "-mail: a@x\n+mail: b@x\n-proxyAddresses: SMTP:a@x\n+proxyAddresses: SMTP:b@x\n"
		"+proxyAddresses: smtp:a@x\n"},
    {PROXY("SMTP:a@x"), "mail: a@x\n" PROXY("SMTP:a@x") PROXY("smtp:b@x") PROXY("smtp:c@x"),
	.written = PROXY("smtp:b@x"), .mods = "-proxyAddresses: smtp:b@x\n", .keep = ""},
    {PROXY("SMTP:a@x") PROXY("smtp:ann@redirect.globex.example") PROXY("smtp:d@delete.me")
	    PROXY("X500:/o=G") PROXY("sip:a@x") PROXY("smtp:nonsense"),
	"mail: a@x\n" PROXY("SMTP:a@x") PROXY("smtp:ann@redirect.acme.example"), .mods = ""},
    {PROXY("SMTP:a@redirect.globex.example"), "mail: a@x\n" PROXY("SMTP:a@x"), .mods = ""},
    {"", "mail: a@x\n" PROXY("SMTP:a@x"), .mods = ""},
    {PROXY("SMTP:A@x"), "mail: a@x\n" PROXY("SMTP:a@x"), .mods = "-mail: a@x\n+mail: A@x\n"},
    /* What a template gave the target is no news, another primary address is. */
    {PROXY("SMTP:ann@globex.example"), "mail: a@x\n" PROXY("SMTP:a@x"),
	.primary_template = "%{mailNickname}@globex.example",
	.mods = "+proxyAddresses: smtp:ann@globex.example\n"},
    {PROXY("SMTP:bea@globex.example"), "mail: a@x\n" PROXY("SMTP:a@x"),
	.primary_template = "%{mailNickname}@globex.example",
	.mods = "-mail: a@x\n+mail: bea@globex.example\n-proxyAddresses: SMTP:a@x\n"
		"+proxyAddresses: smtp:a@x\n+proxyAddresses: SMTP:bea@globex.example\n"},
    /* References: what the target never had is no reason to lose it. */
    {"manager: CN=Ours1" GLOBEX "\n", "manager: " HERE("Old") "\n",
	.mods = "-manager: " HERE("Old") "\n+manager: " HERE("Ours1") "\n",
	.lost = "manager '" HERE("Old") "'"},
    {"manager: CN=Native" GLOBEX "\n", "manager: " HERE("Old") "\n", .mods = ""},
    {"", "manager: " HERE("Ours1") "\n", .mods = ""},
    {"publicDelegates: CN=Ours1" GLOBEX "\n",
	"publicDelegates: " HERE("Ours2") "\npublicDelegates: " HERE("Ours1") "\n", .mods = ""},
};

static int
resolve(const char *attr, const char *dn, void *arg, char **ret_dn, struct err *err)
{
	(void)attr, (void)arg, (void)err;
	if (strncmp(dn, "CN=Ours", 7) != 0)
		return 0;
	*ret_dn = str_printf("CN=Ours%c" ACME, dn[7]);
	return *ret_dn ? 1 : -1;
}

static int
no_problem(const char *attr, const char *why, void *arg)
{
	(void)arg;
	fail_msg("%s: %s", attr, why);
	return 0;
}

static struct entry *
made(const char *head, const char *more)
{
	_cleanup_(free) char *ldif = str_printf("%s%s", head, more);

	return given_entry(ldif);
}

/* What was put on the target is on the record as given; what was put on the source, likewise. */
static struct record *
recorded(const struct value_case *c)
{
	struct record *r = given_record(c->put);
	_cleanup_(record_free) struct record *back = given_record(c->written);
	const struct record_written *w = &back->written[TARGET];

	assert_int_equal(record_set_written(r, SOURCE, w->v, w->n), 0);
	return r;
}

static void
check_keep(size_t i, const struct value_case *c, const struct record *r)
{
	_cleanup_(record_free) struct record *want = c->keep ? given_record(c->keep) : NULL;
	const struct record_written *w = want ? &want->written[TARGET] : NULL;

	if (w && (r->written[SOURCE].n != w->n ||
		     (w->n && memcmp(r->written[SOURCE].v, w->v, w->n * sizeof *w->v) != 0)))
		given_same(i, "written", "other values", c->keep);
}

static void
check_values(size_t i, const struct value_case *c)
{
	_cleanup_(entry_free) struct entry *source = made(S_ANN, c->source), *want = NULL;
	_cleanup_(entry_free) struct entry *target = made(T_ANN, c->target);
	_cleanup_(record_free) struct record *old = recorded(c), *record = recorded(c);
	_cleanup_(change_free) struct change *change = change_new(CHANGE_MODIFY, "", NULL);
	_cleanup_(schema_free) struct schema *schema = NULL;
	_cleanup_(table_free) struct table *table = NULL;
	_cleanup_(free) char *mods = NULL;
	const struct project_calls calls = {resolve, no_problem, NULL};
	unsigned when = c->matched ? WHEN_MATCHED : WHEN_CREATED;
	char lost[DIFF_LOST_SIZE];
	struct diff_in d;
	struct project_in in;
	struct given g;
	struct err err = {0};

	given_init(&g);
	g.link.primary_template = given_str(c->primary_template);
	g.scope.hidden_leaves = !c->hidden_flows;
	table = given_table(&g.link, &schema);
	in = given_pair(&g, source, target);
	in.active = in.lead = TARGET;
	in = project_back(&in);
	given_ended(i, "project", project(table->back, &in, when, &calls, &want, &err), &err, NULL);
	d = (struct diff_in){table->back, &in, when, want, source, old, NULL, NULL, NULL};
	given_ended(i, "diff", diff_target(&d, change, &err), &err, NULL);
	mods = given_mods(change);
	given_same(i, c->target, mods, c->mods);
	given_same(i, "lost", diff_lost(&d, change, lost, sizeof lost) ? lost : NULL, c->lost);
	given_ended(i, "note", diff_note_written(&d, change, record, &err), &err, NULL);
	check_keep(i, c, record);
	assert_int_equal(record->written[TARGET].n, old->written[TARGET].n);
}

static void
values(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(value_cases); i++)
		check_values(i, &value_cases[i]);
	given_all_same();
}

/* A link that both had goes with that of the target, in whatever form the server shows it. */
static void
links_remembered(void **state)
{
	static const char there[] =
	    "publicDelegates: " HERE("Ours1") "\npublicDelegates: " HERE("Ours2") "\n";
	_cleanup_(entry_free) struct entry *source = made(S_ANN, there);
	_cleanup_(entry_free) struct entry *shown_so =
	    made(S_ANN, "publicDelegates: <GUID=11111111-1111-1111-1111-111111111111>;cn=OURS1, "
			"OU=Staff,DC=acme,"
			"DC=example\npublicDelegates: " HERE("Ours2") "\n");
	_cleanup_(entry_free) struct entry *none = made(S_ANN, "");
	_cleanup_(record_free) struct record *record = given_record(NULL);
	_cleanup_(schema_free) struct schema *schema = NULL;
	_cleanup_(table_free) struct table *table = NULL;
	struct project_in in;
	struct given g;
	struct err err = {0};

	(void)state;
	given_init(&g);
	table = given_table(&g.link, &schema);
	in = given_pair(&g, source, source);
	in.lead = TARGET;
	in = project_back(&in);
	for (int round = 0; round < 3; round++) {
		/* The target has Ours1, then none, and then none again. */
		_cleanup_(entry_free) struct entry *want = entry_new("");
		_cleanup_(change_free) struct change *change = change_new(CHANGE_MODIFY, "", NULL);
		const struct entry *present = round == 0 ? source : round == 1 ? shown_so : none;
		const struct diff_in d = {
		    table->back, &in, WHEN_CREATED, want, present, record, NULL, NULL, NULL};

		in.target = present;
		assert_int_equal(entry_touch(want, "publicDelegates"), 0);
		if (round == 0)
			assert_int_equal(entry_add_str(want, "publicDelegates", HERE("Ours1")), 0);
		assert_int_equal(diff_target(&d, change, &err), 0);
		assert_int_equal(change->n_mods, round == 1);
		assert_int_equal(diff_note_written(&d, change, record, &err), 0);
		assert_int_equal(record->written[SOURCE].n, round == 0);
	}
}

/* The object of Ours1 and Renamed is one; another one is Ours2; of others nothing is known. */
static bool
who(const char *dn, struct guid *ret, void *arg)
{
	bool one = strstr(dn, "Ours1") || strstr(dn, "Renamed");

	(void)arg;
	*ret = (struct guid){.octets = {one ? 1 : 2}};
	return one || strstr(dn, "Ours2");
}

/* A link that both had goes with that of the target, though its object was renamed meanwhile. */
static void
links_renamed(void **state)
{
	static const char *const there[] = {
	    "publicDelegates: " HERE("Ours1") "\npublicDelegates: " HERE("Strange") "\n",
	    "publicDelegates: " HERE("Renamed") "\npublicDelegates: " HERE("Ours2") "\n"};
	_cleanup_(record_free) struct record *record = given_record(NULL);
	_cleanup_(schema_free) struct schema *schema = NULL;
	_cleanup_(table_free) struct table *table = NULL;
	struct given g;
	struct err err = {0};

	(void)state;
	given_init(&g);
	table = given_table(&g.link, &schema);
	for (int round = 0; round < 2; round++) {
		_cleanup_(entry_free) struct entry *source = made(S_ANN, there[round]);
		_cleanup_(entry_free) struct entry *want = entry_new("");
		_cleanup_(change_free) struct change *change = change_new(CHANGE_MODIFY, "", NULL);
		struct project_in in = given_pair(&g, source, source);
		struct diff_in d = {
		    table->back, &in, WHEN_CREATED, want, source, record, NULL, who, NULL};

		in.lead = TARGET;
		in = project_back(&in);
		assert_int_equal(entry_touch(want, "publicDelegates"), 0);
		for (int i = 0; round == 0 && i < 2; i++)
			assert_int_equal(entry_add_str(want, "publicDelegates",
					     i ? HERE("Strange") : HERE("Ours1")),
			    0);
		assert_int_equal(diff_target(&d, change, &err), 0);
		assert_int_equal(change->n_mods, round);
		if (round) {
			assert_int_equal(change->mods[0].n_values, 1);
			assert_string_equal(change->mods[0].values[0].data, HERE("Renamed"));
		}
		assert_int_equal(diff_note_written(&d, change, record, &err), 0);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_leads),
	    cmocka_unit_test(which_way),
	    cmocka_unit_test(own_rows),
	    cmocka_unit_test(ways_back),
	    cmocka_unit_test(not_to_natives),
	    cmocka_unit_test(values),
	    cmocka_unit_test(links_remembered),
	    cmocka_unit_test(links_renamed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
