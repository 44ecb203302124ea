/* SPDX-License-Identifier: MIT */

/* What is taken back of a change, what is left, and why. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/rules/undo.h"
#include "mapping/match.h"
#include "tests/support/given.h"

#define STAMP "extensionAttribute15"
#define MARKER "extensionAttribute14"
#define STAMP_OF(side) STAMP ": galsync:created:" GIVEN_GUID ":" side "\n"
#define RS(alias) "SMTP:" alias "@redirect.acme.example"
#define RT(alias) "SMTP:" alias "@redirect.globex.example"
#define NAME "CN=Ann" GLOBEX

/* SIDE is that of what was written; ACTIVE TARGET: it is switched. NOW and PARTNER are attributes
 * of users, NULL: gone. DONE is what the change did: "-title: A\n+title: B\n". */
struct undo_case {
	enum side side;
	const char *done, *now, *want; /* WANT: the modifications */
	const char *left;	       /* "ATTRIBUTE VALUE: WHY", a line each; NULL: nothing */
	const char *before, *partner, *reason;
	enum side active;
	bool no_record, ended;
};

static const struct undo_case modifications[] = {
    /* One value. */
    {.side = TARGET, "-title: A\n+title: B\n", "title: B\n", "-title: B\n+title: A\n"},
    {.side = TARGET, "+title: B\n", "title: B\n", "-title: B\n"},
    {.side = TARGET, "-title: A\n", "", "+title: A\n"},
    {.side = TARGET, "-title: A\n+title: B\n", "title: C\n", "", "title C: it was changed since\n"},
    {.side = TARGET, "-title: A\n+title: B\n", "", "", "title : it was changed since\n"},
    {.side = TARGET, "-title: A\n", "title: C\n", "", "title C: it was changed since\n"},
    {.side = TARGET, "-title: A\n+title: B\n", "title: A\n", ""},
    {.side = TARGET, "-title: A\n", "title: A\n", ""},
    {.side = TARGET, "+title: B\n", "", ""},
    /* The case of a text is part of it. */
    {.side = TARGET, "-title: a\n+title: A\n", "title: A\n", "-title: A\n+title: a\n"},
    /* Without naming what went. */
    {.side = TARGET, "=title: B\n", "title: B\n", "-title: B\n+title: A\n", .before = "title: A\n"},
    {.side = TARGET, "=title: B\n", "title: B\n", "-title: B\n", .before = ""},
    /* What was changed since stays, the rest goes. */
    {.side = TARGET,
	"+title: B\n+company: X\n",
	"title: C\ncompany: X\n",
	"-company: X\n",
	"title C: it was changed since\n"},
    {.side = TARGET, "+title: B\n", NULL, "", " : it is gone\n"},

    /* Many values. */
    {.side = TARGET,
	"+proxyAddresses: smtp:a@x\n",
	"proxyAddresses: smtp:a@x\nproxyAddresses: SMTP:b@x\n",
	"-proxyAddresses: smtp:a@x\n"},
    {.side = TARGET,
	"-proxyAddresses: smtp:a@x\n",
	"proxyAddresses: SMTP:b@x\n",
	"+proxyAddresses: smtp:a@x\n"},
    {.side = TARGET,
	"+proxyAddresses: smtp:a@x\n-proxyAddresses: smtp:c@x\n",
	"proxyAddresses: SMTP:b@x\n",
	"+proxyAddresses: smtp:c@x\n"},
    {.side = TARGET,
	"-proxyAddresses: smtp:a@x\n",
	"proxyAddresses: smtp:A@x\n",
	"",
	"proxyAddresses smtp:a@x: it was changed since\n"},
    {.side = TARGET,
	"+member: CN=x,DC=y\n-member: CN=z,DC=y\n",
	"member: cn=X,dc=Y\n",
	"-member: cn=X,dc=Y\n+member: CN=z,DC=y\n"},

    /* One primary address, never two, never none. */
    {.side = TARGET,
	"-proxyAddresses: SMTP:a@x\n+proxyAddresses: smtp:a@x\n+proxyAddresses: SMTP:b@x\n",
	"proxyAddresses: smtp:a@x\nproxyAddresses: SMTP:b@x\n",
	"-proxyAddresses: smtp:a@x\n-proxyAddresses: SMTP:b@x\n+proxyAddresses: SMTP:a@x\n"},
    {.side = TARGET,
	"-proxyAddresses: SMTP:a@x\n+proxyAddresses: smtp:a@x\n+proxyAddresses: SMTP:b@x\n",
	"proxyAddresses: smtp:a@x\nproxyAddresses: smtp:b@x\nproxyAddresses: SMTP:c@x\n",
	"",
	"proxyAddresses SMTP:a@x: another primary address was chosen since\n"},
    {.side = TARGET,
	"+proxyAddresses: SMTP:a@x\n",
	"proxyAddresses: SMTP:a@x\nproxyAddresses: smtp:c@x\n",
	"",
	"proxyAddresses SMTP:a@x: there would be no primary address\n"},
    {.side = TARGET,
	"+proxyAddresses: SMTP:a@x\n",
	"proxyAddresses: SMTP:a@x\n",
	"-proxyAddresses: SMTP:a@x\n"},

    /* What the counterpart redirects to is needed. */
    {.side = SOURCE,
	"+proxyAddresses: smtp:ann@redirect.acme.example\n",
	"proxyAddresses: smtp:ann@redirect.acme.example\nproxyAddresses: SMTP:a@x\n",
	"",
	"proxyAddresses smtp:ann@redirect.acme.example: its counterpart redirects to this "
	"address\n",
	.partner = "targetAddress: " RS("ann") "\n"},
    {.side = SOURCE,
	"+proxyAddresses: smtp:ann@redirect.acme.example\n",
	"proxyAddresses: smtp:ann@redirect.acme.example\nproxyAddresses: SMTP:a@x\n",
	"-proxyAddresses: smtp:ann@redirect.acme.example\n",
	.partner = ""},

    /* Redirections. */
    {.side = TARGET,
	"+targetAddress: " RS("ann") "\n",
	"targetAddress: " RS("ann") "\n",
	"-targetAddress: " RS("ann") "\n",
	.partner = ""},
    {.side = TARGET,
	"-targetAddress: " RS("ann") "\n",
	"",
	"+targetAddress: " RS("ann") "\n",
	.partner = ""},
    {.side = TARGET,
	"-targetAddress: " RS("ann") "\n",
	"",
	"",
	"targetAddress : its counterpart redirects: mail could go round\n",
	.partner = "targetAddress: " RT("ann") "\n"},
    {.side = TARGET,
	"-targetAddress: " RS("ann") "\n",
	"",
	"",
	"targetAddress : its counterpart is gone: mail could get lost\n"},
    /* Both lead to one third place. */
    {.side = TARGET,
	"-targetAddress: SMTP:a@else\n",
	"",
	"+targetAddress: SMTP:a@else\n",
	.partner = "targetAddress: SMTP:a@else\n"},
    {.side = SOURCE,
	"+targetAddress: " RT("ann") "\n",
	"targetAddress: " RT("ann") "\n",
	"",
	"targetAddress " RT("ann") ": the redirection of an original follows its switch\n",
	.partner = ""},

    /* Which mailbox is in use. */
    {.side = TARGET,
	"-" STAMP_OF("source") "+" STAMP_OF("target"),
	STAMP_OF("target"),
	"",
	STAMP " galsync:created:" GIVEN_GUID ":target: which mailbox is in use\n"},
    {.side = TARGET, "+" STAMP_OF("source"), STAMP_OF("source"), "-" STAMP_OF("source")},
    {.side = SOURCE, "+" MARKER ": x\n", MARKER ": x\n", "", MARKER " x: the marker follows\n"},
    {.side = TARGET,
	"+title: B\n+proxyAddresses: smtp:a@x\n+targetAddress: x\n",
	"title: B\nproxyAddresses: smtp:a@x\ntargetAddress: x\n",
	"-title: B\n",
	"proxyAddresses smtp:a@x: its mailbox is switched\n"
	"targetAddress x: its mailbox is switched\n",
	.active = TARGET},

    /* What has a way back of its own. */
    {.side = TARGET,
	"-targetAddress: x\n",
	"",
	"",
	" : a switch is taken back by galsyncctl undo-switch\n",
	.reason = "switch",
	.partner = ""},
    {.side = TARGET,
	"+targetAddress: x\n",
	"targetAddress: x\n",
	"",
	" : a switch that was taken back\n",
	.reason = "undo switch",
	.partner = ""},
    {.side = SOURCE,
	"-targetAddress: x\n",
	"",
	"",
	" : a loop that was ended\n",
	.reason = "circle"},
    {.side = SOURCE,
	"+proxyAddresses: smtp:a@x\n",
	"proxyAddresses: smtp:a@x\n",
	"",
	" : a dummy address\n",
	.reason = "proxy toggle"},
    {.side = TARGET,
	"+title: B\n",
	"title: B\n",
	"",
	" : its coexistence was ended\n",
	.ended = true},
    {.side = TARGET, "+title: B\n", "title: B\nadminCount: 1\n", "", " : \n"},
};

static struct change *
change_of(const char *text)
{
	struct change *c = change_new(CHANGE_MODIFY, NAME, NULL);

	assert_non_null(c);
	for (; *text; text += strcspn(text, "\n") + 1) {
		_cleanup_(free) char *line = strndup(text + 1, strcspn(text + 1, "\n"));
		char *colon = line ? strstr(line, ": ") : NULL;
		enum mod_op op = *text == '+' ? MOD_ADD : *text == '-' ? MOD_DELETE : MOD_REPLACE;

		assert_non_null(colon);
		*colon = '\0';
		assert_int_equal(change_mod_str(c, op, line, colon + 2), 0);
	}
	return c;
}

static struct entry *
user(const char *attrs, const char *forest)
{
	_cleanup_(free) char *ldif =
	    attrs ? str_printf("dn: CN=Ann%s\nobjectClass: user\n%s\n", forest, attrs) : NULL;

	return ldif ? given_entry(ldif) : NULL;
}

/* What is left, in lines; WANT has as much of each reason as it wants. */
static bool
left_as(const struct finish_blockers *l, const char *want)
{
	size_t i = 0;

	for (; want && *want; want += strcspn(want, "\n") + 1, i++) {
		_cleanup_(free) char *line = strndup(want, strcspn(want, "\n")), *got = NULL;

		if (i < l->n)
			got =
			    str_printf("%s %s: %s", l->v[i].attribute, l->v[i].value, l->v[i].why);
		if (!got || !line || strncmp(got, line, strlen(line)) != 0)
			return false;
	}
	return i == l->n;
}

static void
check_left(size_t row, const char *done, const struct finish_blockers *l, const char *want)
{
	_cleanup_(buf_done) struct buf got = {0};

	if (left_as(l, want))
		return;
	buf_add_str(&got, "");
	for (size_t i = 0; i < l->n; i++)
		buf_printf(&got, "%s %s: %s\n", l->v[i].attribute, l->v[i].value, l->v[i].why);
	given_same(row, done, (const char *)got.data, want ? want : "");
}

/* IN is about a correspondence as C says. */
static void
decide(struct undo_in *in, enum side active, bool ended, struct undo_out *ret)
{
	_cleanup_(record_free) struct record *r = given_record(NULL);
	_cleanup_(schema_free) struct schema *schema = NULL;
	struct given g;
	struct err err = {0};

	given_init(&g);
	table_free(given_table(&g.link, &schema));
	r->kind = KIND_USER;
	r->active = active;
	r->ended = ended;
	in->record = r;
	in->schema = schema;
	in->stamp_attribute = in->entry->side == TARGET ? STAMP : NULL;
	in->marker_attribute = in->entry->side == SOURCE ? MARKER : NULL;
	if (undo_decide(in, ret, &err) < 0)
		fail_msg("%s", err.text);
}

static void
modify_one(size_t row, const struct undo_case *x)
{
	_cleanup_(entry_free) struct entry *now = user(x->now, GLOBEX), *partner = NULL,
					   *before = NULL;
	_cleanup_(change_free) struct change *c = change_of(x->done);
	_cleanup_(undo_done) struct undo_out out = {.change = NULL};
	_cleanup_(free) char *mods = NULL;
	struct journal_entry e = {.side = x->side,
	    .change = c,
	    .reason = given_str(x->reason ? x->reason : "project"),
	    .outcome = JOURNAL_DONE};
	struct undo_in in = {.entry = &e, .now = now};

	partner = user(x->partner, ACME);
	before = user(x->before, GLOBEX);
	in.partner = partner;
	e.before = before;
	decide(&in, x->active, x->ended, &out);
	mods = out.change ? given_mods(out.change) : strdup("");
	given_same(row, x->done, mods, x->want);
	check_left(row, x->done, &out.left, x->left);
}

static void
modify(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modifications); i++)
		modify_one(i, &modifications[i]);
	given_all_same();
}

/* ---- objects ---- */

#define WRITTEN "title: B\nproxyAddresses: SMTP:a@x\n" STAMP_OF("source")
#define FINISHED "homeMDB: CN=DB\nshowInAddressBook: CN=GAL,DC=y\n"

/* NOW, PARTNER: attributes of users; WANT: "delete", or what the new object has. */
struct object_case {
	const char *now, *want, *left, *partner;
	enum side active;
	bool children;
};

static const struct object_case adds[] = {
    {.now = WRITTEN, "delete"},
    {.now = NULL, .want = ""},
    {.now = WRITTEN "whenCreated: 20240101000000.0Z\nlogonCount: 0\npwdLastSet: 0\n", "delete"},
    {.now = WRITTEN "company: X\n", "", "company X: it was not written by this change\n"},
    {.now = "title: C\nproxyAddresses: SMTP:a@x\n" STAMP_OF("source"),
	"",
	"title C: it was changed since\n"},
    {.now = "proxyAddresses: SMTP:a@x\n" STAMP_OF("source"), "", "title : it was changed since\n"},
    {.now = WRITTEN "proxyAddresses: smtp:b@x\n",
	"",
	"proxyAddresses SMTP:a@x: it was changed since\n"},
    {.now = WRITTEN "memberOf: CN=G,DC=y\n", "", "memberOf CN=G,DC=y: others name it\n"},
    {.now = WRITTEN, "", " : there are objects below it\n", .children = true},
    {.now = WRITTEN "logonCount: 3\n", "", " : it was logged on with\n"},
    {.now = WRITTEN FINISHED, "", " : Exchange has finished its mailbox\n"},
    {.now = WRITTEN "showInAddressBook: CN=GAL,DC=y\n", "delete"},
    {.now = WRITTEN, "", " : its mailbox is switched\n", .active = TARGET},
    {.now = WRITTEN,
	"",
	" : its counterpart redirects to it\n",
	.partner = "homeMDB: CN=DB\ntargetAddress: " RT("ann") "\n"},
    {.now = WRITTEN "adminCount: 1\n", "", " : \n"},
};

static void
add_one(size_t row, const struct object_case *x)
{
	_cleanup_(entry_free) struct entry *now = user(x->now, GLOBEX), *partner = NULL;
	_cleanup_(change_free) struct change *c = change_new(CHANGE_ADD, NAME, NULL);
	_cleanup_(undo_done) struct undo_out out = {.change = NULL};
	const struct journal_entry e = {
	    .side = TARGET, .change = c, .reason = given_str("create"), .outcome = JOURNAL_DONE};
	struct undo_in in = {.entry = &e, .now = now, .has_children = x->children};

	assert_non_null(c);
	c->entry = user(WRITTEN, GLOBEX);
	partner = user(x->partner, ACME);
	in.partner = partner;
	decide(&in, x->active, false, &out);
	given_same(row, "add", out.change ? change_op_name(out.change->op) : "", x->want);
	check_left(row, "add", &out.left, x->left);
	if (out.change)
		assert_true(guid_equal(&out.change->guid, &now->guid));
}

static void
add(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(adds); i++)
		add_one(i, &adds[i]);
	given_all_same();
}

#define WAS                                                                                        \
	"title: B\nwhenCreated: 20240101000000.0Z\nprimaryGroupID: 513\nsAMAccountName: ann\n"     \
	"targetAddress: " RS("ann") "\n"

static const struct {
	const char *was, *now, *partner, *want, *left;
} deletes[] = {
    {.was = WAS, NULL, "", "title sAMAccountName targetAddress "},
    {.was = WAS, WAS, "", ""},
    {.was = WAS, NULL, "targetAddress: " RT("ann") "\n", "", " : its counterpart redirects\n"},
    {.was = WAS "memberOf: CN=G,DC=y\n",
	NULL,
	"",
	"title sAMAccountName targetAddress ",
	"memberOf CN=G,DC=y: it was named there\n"},
    {.was = NULL, NULL, "", "", " : the journal does not have what it was\n"},
};

static void delete (void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(deletes); i++) {
		_cleanup_(entry_free) struct entry *was = user(deletes[i].was, GLOBEX), *now = NULL,
						   *partner = NULL;
		_cleanup_(change_free) struct change *c = change_new(CHANGE_DELETE, NAME, NULL);
		_cleanup_(undo_done) struct undo_out out = {.change = NULL};
		_cleanup_(buf_done) struct buf got = {0};
		const struct journal_entry e = {.side = TARGET,
		    .change = c,
		    .before = was,
		    .reason = given_str("leave"),
		    .outcome = JOURNAL_DONE};
		struct undo_in in = {.entry = &e};

		now = user(deletes[i].now, GLOBEX);
		partner = user(deletes[i].partner, ACME);
		in.now = now;
		in.partner = partner;
		decide(&in, SOURCE, false, &out);
		buf_add_str(&got, "");
		for (size_t j = 0; out.change && j < out.change->entry->n_attrs; j++)
			if (strcmp(out.change->entry->attrs[j].name, "objectClass") != 0)
				buf_printf(&got, "%s ", out.change->entry->attrs[j].name);
		given_same(i, "delete", (const char *)got.data, deletes[i].want);
		check_left(i, "delete", &out.left, deletes[i].left);
	}
	given_all_same();
}

/* What a deleted object was, what is left of it, and what is written to bring it back. */
static const struct {
	const char *was, *left_of_it, *want;
} returns[] = {
    {"title: B\nsn: Ash\n", "", "+title: B\n+sn: Ash\n"},
    {"title: B\nsAMAccountName: ann\nuserAccountControl: 514\n",
	"sAMAccountName: ann\nuserAccountControl: 514\n", "+title: B\n"},
    {"sAMAccountName: ann\n", "sAMAccountName: other\n",
	"-sAMAccountName: other\n+sAMAccountName: ann\n"},
    /* With a recycle bin all of it is. */
    {"proxyAddresses: SMTP:a@x\nproxyAddresses: smtp:b@x\ntitle: B\n",
	"proxyAddresses: smtp:b@x\ntitle: B\n", "+proxyAddresses: SMTP:a@x\n"},
    {"title: B\n", "title: B\nlastKnownParent: OU=Acme,DC=y\n", ""},
};

static void
comes_back(size_t i)
{
	_cleanup_(entry_free) struct entry *tombstone = user(returns[i].left_of_it, GLOBEX);
	struct undo_out out = {.change = change_new(CHANGE_ADD, NAME, NULL)};
	_cleanup_(schema_free) struct schema *schema = NULL;
	_cleanup_(free) char *mods = NULL, *want = NULL;
	struct undo_in in = {.now = NULL};
	struct given g;
	struct err err;

	given_init(&g);
	table_free(given_table(&g.link, &schema));
	in.schema = schema;
	assert_non_null(out.change);
	assert_non_null(out.change->entry = user(returns[i].was, GLOBEX));
	assert_int_equal(undo_bring_back(&in, tombstone, &out, &err), 0);
	assert_string_equal(change_brought_back(out.change), NAME);
	assert_int_equal(out.change->mods[0].n_values, 0);
	mods = given_mods(out.change);
	want = str_printf("=distinguishedName: " NAME "\n%s", returns[i].want);
	given_same(i, returns[i].was, mods, want);
	undo_done(&out);
}

static void
come_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(returns); i++)
		comes_back(i);
	given_all_same();
}

/* ---- names ---- */

static const struct {
	const char *new_rdn, *new_parent, *now, *want, *left;
} renames[] = {
    {.new_rdn = "CN=Bea", NULL, "CN=Bea" GLOBEX, "CN=Ann"},
    {.new_rdn = "CN=Bea",
	"OU=New,DC=y",
	"CN=Bea,OU=New,DC=y",
	"CN=Ann to OU=Acme,DC=globex,DC=example"},
    {.new_rdn = "CN=Bea", NULL, "CN=Ann" GLOBEX, ""},
    {.new_rdn = "CN=Bea", NULL, "CN=Cid" GLOBEX, "", " : it was changed since\n"},
    {.new_rdn = "CN=ann", NULL, "CN=ann" GLOBEX, "CN=Ann"},
    {.new_rdn = "CN=Bea", NULL, NULL, "", " : it is gone\n"},
};

static void
names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(renames); i++) {
		_cleanup_(change_free) struct change *c = change_new(CHANGE_RENAME, NAME, NULL);
		_cleanup_(entry_free) struct entry *now = user(renames[i].now ? "" : NULL, GLOBEX);
		_cleanup_(undo_done) struct undo_out out = {.change = NULL};
		_cleanup_(free) char *got = NULL;
		const struct journal_entry e = {.side = TARGET,
		    .change = c,
		    .reason = given_str("rename"),
		    .outcome = JOURNAL_DONE};
		struct undo_in in = {.entry = &e, .now = now};

		assert_non_null(c);
		assert_non_null(c->new_rdn = strdup(renames[i].new_rdn));
		if (renames[i].new_parent)
			assert_non_null(c->new_parent = strdup(renames[i].new_parent));
		if (now)
			entry_set_dn(now, strdup(renames[i].now));
		decide(&in, SOURCE, false, &out);
		got = out.change ? str_printf("%s%s%s", out.change->new_rdn,
				       out.change->new_parent ? " to " : "",
				       out.change->new_parent ? out.change->new_parent : "")
				 : strdup("");
		given_same(i, "rename", got, renames[i].want);
		check_left(i, "rename", &out.left, renames[i].left);
	}
	given_all_same();
}

/* ---- editing ---- */

/* What is withheld takes its other spelling with it; and what is pretended is as it would be. */
static void
edits(void **state)
{
	_cleanup_(entry_free) struct entry *now =
	    user("title: A\nproxyAddresses: smtp:a@x\nproxyAddresses: SMTP:b@x\n", GLOBEX);
	struct undo_out out = {
	    .change = change_of("-proxyAddresses: smtp:a@x\n-title: A\n+proxyAddresses: SMTP:a@x\n"
				"+proxyAddresses: smtp:c@x\n+title: B\n")};
	_cleanup_(free) char *mods = NULL, *title = NULL, *addresses = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(
	    undo_withhold(&out, "proxyAddresses", bytes_of("SMTP:a@x"), "because", &err), 0);
	mods = given_mods(out.change);
	assert_string_equal(mods, "-title: A\n+proxyAddresses: smtp:c@x\n+title: B\n");
	assert_true(left_as(&out.left, "proxyAddresses SMTP:a@x: because\n"));
	assert_int_equal(undo_pretend(now, out.change, &err), 0);
	title = given_values(entry_find(now, "title"));
	addresses = given_values(entry_find(now, "proxyAddresses"));
	assert_string_equal(title, "B");
	assert_string_equal(addresses, "smtp:a@x|SMTP:b@x|smtp:c@x");
	undo_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(modify),
	    cmocka_unit_test(add),
	    cmocka_unit_test(delete),
	    cmocka_unit_test(come_back),
	    cmocka_unit_test(names),
	    cmocka_unit_test(edits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
