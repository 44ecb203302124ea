/* SPDX-License-Identifier: MIT */

/* verify on the fake directory: bulk and some, many findings, and what is mended meanwhile. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "dsa/jobs/verify.h"
#include "tests/support/scenario.h"

#define MANY 300 /* more than are read at once, and than a second time */
#define SURE 270

struct looking {
	struct lab l;
	struct dir *dir[SIDES];
	struct verify_result res;
	size_t found;
	bool moves;			  /* what is missing for a native move is looked for */
	char text[256];			  /* the last finding */
	void (*meanwhile)(struct lab *l); /* after the bulk read, once */
};

static void
on_found(const struct audit_finding *f, void *arg)
{
	struct looking *k = arg;

	k->found++;
	(void)snprintf(k->text, sizeof k->text, "%s %s %.150s", audit_invariant_name(f->what),
	    side_name(f->side), f->dn);
}

static void
on_missing(const struct move_ready_finding *f, void *arg)
{
	struct looking *k = arg;

	k->found++;
	(void)snprintf(k->text, sizeof k->text, "%s %s %.150s", move_ready_name(f->need),
	    side_name(f->side), f->dn);
}

static void
on_progress(enum run_phase phase, uint64_t done, uint64_t total, void *arg)
{
	struct looking *k = arg;
	void (*meanwhile)(struct lab * l) = k->meanwhile;

	(void)done;
	(void)phase;
	if (!total || !meanwhile)
		return;
	k->meanwhile = NULL;
	meanwhile(&k->l);
}

static void
begin(struct looking *k, const struct scenario *sc)
{
	*k = (struct looking){.found = 0};
	lab_open(&k->l, sc);
	lab_run(&k->l);
	for (int side = SOURCE; side < SIDES; side++)
		k->dir[side] = fakedir_connect_read_only(k->l.fd[side]);
}

static void
end(struct looking *k)
{
	for (int side = SOURCE; side < SIDES; side++)
		dir_free(k->dir[side]);
	lab_close(&k->l);
}

static int
try(struct looking *k, const struct guid *sources, size_t n, struct err *err)
{
	const struct verify_options opt = {.sources = sources,
	    .n_sources = n,
	    .sure_max = SURE,
	    .found = on_found,
	    .missing = k->moves ? on_missing : NULL,
	    .arg = k};
	const struct run_observer o = {.progress = on_progress, .arg = k};
	struct run run = lab_run_of(&k->l, k->dir[SOURCE], k->dir[TARGET]);

	run.observer = &o;
	run.work_dir = k->l.dir;
	run.map_size_mb = 256;
	return verify_run(&run, &opt, &k->res, err);
}

static void
look(struct looking *k, const struct guid *sources, size_t n)
{
	struct err err = {.text = ""};

	k->found = 0;
	if (try(k, sources, n, &err) < 0)
		fail_msg("%s", err.text);
}

static struct guid
guid_of(struct looking *k, const char *dn)
{
	struct record *r = lab_record(&k->l, dn);
	struct guid g = r->side[SOURCE].guid;

	record_free(r);
	return g;
}

static const struct scenario people = {.name = "verify people",
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Cid", "cid", ""), CONTACT("Carl", "carl", ""),
	GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Carl"))}};

static void
all_and_some(void **state)
{
	struct looking k;
	struct guid g[2];

	(void)state;
	begin(&k, &people);
	look(&k, NULL, 0);
	assert_int_equal(k.found, 0);
	assert_int_equal(k.res.checked, 4);
	assert_int_equal(k.res.replies.missing, 0);
	lab_set(&k.l, TARGET, "CN=Cid", "targetAddress", NULL);
	look(&k, NULL, 0);
	assert_int_equal(k.found, 1);
	assert_int_equal(k.res.broken, 1);
	assert_string_equal(k.text, "redirection target CN=Cid" GLOBEX);
	g[0] = guid_of(&k, "CN=Ann");
	g[1] = guid_of(&k, "CN=Cid");
	look(&k, g, 1);
	assert_int_equal(k.found, 0);
	look(&k, g, 2);
	assert_int_equal(k.found, 1);
	assert_int_equal(k.res.checked, 2);
	/* Another holder of its address is found without being named. */
	lab_add_value(&k.l, TARGET, "CN=Carl", "proxyAddresses", "smtp:ANN@acme.example");
	look(&k, g, 1);
	assert_int_equal(k.found, 1);
	assert_string_equal(k.text, "unique target CN=Ann" GLOBEX);
	end(&k);
}

/* What is read of each side is what its verdict needs. */
static void
each_side(void **state)
{
	struct looking k;

	(void)state;
	begin(&k, &people);
	/* Switched, and then moved on into the tenant. */
	lab_set(&k.l, SOURCE, "CN=Ann", "targetAddress", "SMTP:ann@redirect.globex.example");
	lab_set(&k.l, SOURCE, "CN=Ann", "homeMDB", NULL);
	lab_set(&k.l, SOURCE, "CN=Ann", "msExchHomeServerName", NULL);
	lab_set(&k.l, TARGET, "CN=Ann", "targetAddress", NULL);
	lab_set(&k.l, TARGET, "CN=Ann", "homeMDB", NULL);
	lab_set(&k.l, TARGET, "CN=Ann", "msExchHomeServerName", NULL);
	lab_set(&k.l, TARGET, "CN=Ann", "msExchRecipientTypeDetails", "2147483648");
	look(&k, NULL, 0);
	assert_int_equal(k.res.by[AUDIT_MAP], 1);
	/* Of half of a turn only the marker tells. */
	lab_set(&k.l, SOURCE, "CN=Cid", "extensionAttribute14", "galsync:switched:x");
	lab_set(&k.l, TARGET, "CN=Cid", "targetAddress", NULL);
	lab_set(&k.l, TARGET, "CN=Cid", "extensionAttribute15", NULL);
	look(&k, NULL, 0);
	assert_int_equal(k.res.by[AUDIT_MAP], 2);
	end(&k);
}

/* A name is held as an X500 address or as the legacyExchangeDN. */
static void
held_names(void **state)
{
	struct looking k;
	struct guid ann;

	(void)state;
	begin(&k, &people);
	ann = guid_of(&k, "CN=Ann");
	lab_add_value(&k.l, SOURCE, "CN=Ann", "proxyAddresses", "x500:/o=Old/cn=x");
	lab_add_value(&k.l, TARGET, "CN=Ann", "proxyAddresses", "X500:/o=Old/cn=x");
	lab_set(&k.l, SOURCE, "CN=Carl", "legacyExchangeDN", "/o=OLD/cn=x");
	look(&k, NULL, 0);
	assert_int_equal(k.res.by[AUDIT_UNIQUE], 1);
	look(&k, &ann, 1);
	assert_int_equal(k.res.by[AUDIT_UNIQUE], 1);
	assert_string_equal(k.text, "unique source CN=Ann" ACME);
	end(&k);
}

static void
put_back(struct lab *l)
{
	lab_set(l, TARGET, "CN=Ann", "mail", "ann@acme.example");
}

/* A cycle without the observer of the scenarios, who looks at everybody before every write. */
static void
add_many(struct looking *k)
{
	_cleanup_(buf_done) struct buf b = {0};
	const struct cycle_options opt = {.plan_only = false};
	struct run run;
	struct dir *source, *target;

	for (int i = 0; i < MANY; i++)
		buf_printf(&b,
		    "dn: CN=P%d" ACME "\nobjectClass: contact\nmailNickname: p%d\n"
		    "mail: p%d@acme.example\nproxyAddresses: SMTP:p%d@acme.example\n"
		    "legacyExchangeDN: /o=Acme/cn=p%d\ntargetAddress: SMTP:p%d@else.example\n\n",
		    i, i, i, i, i, i);
	lab_add(&k->l, SOURCE, (const char *)b.data);
	source = fakedir_connect(k->l.fd[SOURCE]);
	target = fakedir_connect(k->l.fd[TARGET]);
	run = lab_run_of(&k->l, source, target);
	run.map_size_mb = 256;
	assert_int_equal(sync_run(&run, true, &opt, &k->l.res, &k->l.err), 0);
	dir_free(source);
	dir_free(target);
}

/* What others mend or change while both forests are read is no finding. */
static void
mended_meanwhile(void **state)
{
	struct looking k;

	(void)state;
	begin(&k, &people);
	/* Progress is told every 256 records. */
	add_many(&k);
	lab_set(&k.l, TARGET, "CN=Ann", "mail", "other@acme.example");
	k.meanwhile = put_back;
	look(&k, NULL, 0);
	assert_null(k.meanwhile);
	assert_int_equal(k.found, 0);
	assert_int_equal(k.res.broken, 0);
	assert_int_equal(k.res.checked, MANY + 4);
	assert_true(k.res.replies.known > MANY && k.res.replies.missing == 0);
	end(&k);
}

/* More than are read a second time: none is lost, none is told twice. */
static void
many(void **state)
{
	struct looking k;

	(void)state;
	begin(&k, &people);
	add_many(&k);
	for (int i = 0; i < MANY; i++) {
		char dn[32];

		(void)snprintf(dn, sizeof dn, "CN=P%d", i);
		lab_set(&k.l, TARGET, dn, "mail", "wrong@acme.example");
	}
	look(&k, NULL, 0);
	assert_int_equal(k.found, MANY);
	assert_int_equal(k.res.by[AUDIT_MAIL], MANY);
	assert_int_equal(k.res.broken, MANY);
	assert_int_equal(k.res.checked, MANY + 4);
	end(&k);
}

static void
errors(void **state)
{
	struct guid unknown = {{9}};
	struct looking k;
	struct err err;

	(void)state;
	begin(&k, &people);
	look(&k, &unknown, 1);
	assert_int_equal(k.found, 1);
	assert_string_equal(k.text, "objects source 00000009-0000-0000-0000-000000000000");
	fakedir_set_down(k.l.fd[TARGET], true);
	assert_int_equal(try(&k, NULL, 0, &err), -1);
	fakedir_set_down(k.l.fd[TARGET], false);
	look(&k, NULL, 0);
	assert_int_equal(k.found, 0);
	end(&k);
}

/* ---- native moves ---- */

#define LETTERS "AAAAAAAAAAAAAAA" /* and one more are a GUID */
#define MOVER(cn, alias, details, display, extra)                                                  \
	MAILBOX(cn, alias,                                                                         \
	    "displayName: " cn "\nmsExchUserCulture: en-US\nmsExchMailboxGuid: " LETTERS cn        \
	    "\nmsExchRecipientTypeDetails: " details "\nmsExchRecipientDisplayType: " display      \
	    "\n" extra)
#define ARCHIVE(cn) "msExchArchiveGUID: " LETTERS "1\nmsExchArchiveName: Archive of " cn "\n"
#define SELF "msExchMasterAccountSid:: AQEAAAAAAAUKAAAA\n"
#define MASTER "msExchMasterAccountSid:: AQUAAAAAAAUVAAAAAQAAAAIAAAADAAAAVwQAAA==\n"
#define MOVERS                                                                                     \
	{                                                                                          \
		MOVER("A", "a", "1", "1073741824", ""),                                            \
		    MOVER("B", "b", "1", "1073741824", ARCHIVE("B")),                              \
		    MOVER("C", "c", "16", "7", SELF), MOVER("D", "d", "32", "8", SELF),            \
		    MOVER("E", "e", "4", "0", SELF) MOVER("F", "f", "2", "0", MASTER),             \
		    CONTACT("Carl", "carl", "") GROUP("Sales", "sales", MEMBER("A"))               \
	}
#define N_MOVERS 6
#define AWAITS(cn, alias)                                                                          \
	THERE("user", cn " there",                                                                 \
	    "sAMAccountName: " alias "\nuserPrincipalName: " alias "@globex.example\nmail: " alias \
	    "@acme.example\n")

static const struct scenario mail_users[] = {
    {.name = "mail users that are created", .scope = "create = \"mail-user\";", .source = MOVERS},
    {.name = "mail users that are matched",
	.scope = "create = \"mail-user\";",
	.source = MOVERS,
	.target = {THERE_OU, AWAITS("A", "a") AWAITS("B", "b"), AWAITS("C", "c") AWAITS("D", "d"),
	    AWAITS("E", "e") AWAITS("F", "f")}},
    {.name = "mail users whose account is the source's",
	.scope = "create = \"mail-user\"; linked = true;",
	.source = {MOVER("A", "a", "1", "1073741824", ""),
	    MOVER("B", "b", "1", "1073741824", ARCHIVE("B"))}},
};

static void
begin_moves(struct looking *k, const struct scenario *sc)
{
	begin(k, sc);
	k->moves = true;
}

/* All that a full synchronization leaves behind is ready, and a second one has nothing to do. */
static void
ready_after_a_cycle(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mail_users); i++) {
		struct looking k;
		struct guid g;

		begin_moves(&k, &mail_users[i]);
		look(&k, NULL, 0);
		if (k.found)
			fail_msg("%s: %s", mail_users[i].name, k.text);
		assert_int_equal(k.res.checked, i < 2 ? N_MOVERS : 2);
		g = guid_of(&k, "CN=B");
		look(&k, &g, 1);
		assert_int_equal(k.found, 0);
		assert_int_equal(k.res.checked, 1);
		lab_run_idle(&k.l);
		end(&k);
	}
}

static void
finds_one(struct looking *k, const char *want)
{
	look(k, NULL, 0);
	assert_int_equal(k->found, 1);
	assert_int_equal(k->res.broken, 1);
	assert_string_equal(k->text, want);
}

/* What is lost comes back; what others put there stays and is told. */
static void
archives(void **state)
{
	static const char *const dn[] = {"CN=B", "CN=B there"};
	static const char *const told[] = {
	    "msExchArchiveGUID target CN=B" GLOBEX, "msExchArchiveGUID target CN=B there" GLOBEX};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(dn); i++) {
		struct looking k;

		begin_moves(&k, &mail_users[i]);
		lab_set(&k.l, TARGET, dn[i], "msExchArchiveGUID", NULL);
		finds_one(&k, told[i]);
		lab_run(&k.l);
		look(&k, NULL, 0);
		assert_int_equal(k.found, 0);
		/* The source has another archive. */
		lab_set(&k.l, SOURCE, "CN=B", "msExchArchiveGUID", LETTERS "2");
		lab_set(&k.l, SOURCE, "CN=B", "msExchArchiveName", "Another");
		lab_run(&k.l);
		look(&k, NULL, 0);
		assert_int_equal(k.found, 0);
		assert_true(lab_has(&k.l, TARGET, dn[i], "msExchArchiveGUID", LETTERS "2"));
		assert_int_equal(lab_count(&k.l, TARGET, dn[i], "msExchArchiveName"), 1);
		/* The target has one of its own. */
		lab_set(&k.l, TARGET, dn[i], "msExchArchiveGUID", LETTERS "9");
		lab_set(&k.l, SOURCE, "CN=B", "msExchArchiveName", "A third");
		lab_run(&k.l);
		assert_true(lab_has(&k.l, TARGET, dn[i], "msExchArchiveGUID", LETTERS "9"));
		assert_true(lab_has(&k.l, TARGET, dn[i], "msExchArchiveName", "Another"));
		look(&k, NULL, 0);
		assert_int_equal(k.found, 2);
		assert_int_equal(k.res.by_need[MOVE_READY_ARCHIVE_NAME], 1);
		/* The source has none any more. */
		lab_set(&k.l, SOURCE, "CN=B", "msExchArchiveGUID", NULL);
		lab_set(&k.l, SOURCE, "CN=B", "msExchArchiveName", NULL);
		lab_run(&k.l);
		assert_true(lab_has(&k.l, TARGET, dn[i], "msExchArchiveGUID", LETTERS "9"));
		look(&k, NULL, 0);
		assert_int_equal(k.found, 0);
		end(&k);
	}
}

/* A mail user that has the GUID of another mailbox, or types of others. */
static void
values_of_others(void **state)
{
	struct looking k;

	(void)state;
	begin_moves(&k, &mail_users[1]);
	lab_set(&k.l, TARGET, "CN=A there", "msExchMailboxGuid", LETTERS "9");
	finds_one(&k, "msExchMailboxGuid target CN=A there" GLOBEX);
	lab_set(&k.l, TARGET, "CN=A there", "msExchRecipientDisplayType", "6");
	look(&k, NULL, 0);
	assert_int_equal(k.found, 2);
	assert_int_equal(k.res.broken, 1);
	lab_run(&k.l);
	look(&k, NULL, 0);
	assert_int_equal(k.found, 2);
	assert_true(lab_has(&k.l, TARGET, "CN=A there", "msExchMailboxGuid", LETTERS "9"));
	end(&k);
}

static void
move_one(struct lab *l)
{
	lab_set(l, SOURCE, "CN=A", "msExchHomeServerName", NULL);
	lab_set(l, TARGET, "CN=A", "msExchHomeServerName", "/o=Globex/cn=EX1");
}

/* One that is named is judged whatever it is. */
static void
named_ones(void **state)
{
	const struct guid unknown = {{9}};
	struct looking k;
	struct guid g;

	(void)state;
	begin_moves(&k, &mail_users[0]);
	look(&k, &unknown, 1);
	assert_int_equal(k.found, 1);
	assert_int_equal(k.res.checked, 1);
	assert_int_equal(k.res.broken, 1);
	assert_string_equal(k.text, "object source 00000009-0000-0000-0000-000000000000");
	g = guid_of(&k, "CN=Carl");
	look(&k, &g, 1);
	assert_int_equal(k.found, 2);
	assert_string_equal(k.text, "object target CN=Carl" GLOBEX);
	/* After the move. */
	move_one(&k.l);
	look(&k, NULL, 0);
	assert_int_equal(k.found, 0);
	assert_int_equal(k.res.checked, N_MOVERS - 1);
	g = guid_of(&k, "CN=A");
	look(&k, &g, 1);
	assert_int_equal(k.found, 2);
	assert_int_equal(k.res.by_need[MOVE_READY_HOME_MDB], 1);
	assert_int_equal(k.res.by_need[MOVE_READY_HOME_SERVER], 1);
	end(&k);
}

/* It is moved between the bulk read and the second look. */
static void
moved_meanwhile(void **state)
{
	struct looking k;

	(void)state;
	begin_moves(&k, &mail_users[0]);
	add_many(&k);
	lab_set(&k.l, TARGET, "CN=A", "mail", NULL);
	k.meanwhile = move_one;
	look(&k, NULL, 0);
	assert_null(k.meanwhile);
	assert_int_equal(k.found, 0);
	assert_int_equal(k.res.broken, 0);
	assert_int_equal(k.res.checked, N_MOVERS - 1);
	end(&k);
}

/* What could not be deleted is hidden, and tried again: that is no end. */
static void
who_cannot_leave(void **state)
{
	struct record *r;
	struct looking k;
	struct store_txn *t;
	struct err err;

	(void)state;
	begin(&k, &people);
	lab_set(&k.l, SOURCE, "CN=Ann", "msExchHideFromAddressLists", "TRUE");
	lab_run(&k.l);
	r = lab_record(&k.l, "CN=Ann");
	assert_non_null(r);
	assert_int_equal(record_set_str(&r->last_error, "there are objects below it"), 0);
	assert_int_equal(store_begin(k.l.store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(store_put(t, r, &err), 0);
	assert_int_equal(store_commit(t, &err), 0);
	record_free(r);
	look(&k, NULL, 0);
	assert_int_equal(k.found, 1);
	assert_int_equal(k.res.broken, 1);
	assert_string_equal(k.text, "written target CN=Ann" GLOBEX);
	end(&k);
}

/* Who is named is meant to be synchronized; of all it is only counted. */
static void
who_left(void **state)
{
	struct looking k;
	struct guid g[2];

	(void)state;
	begin(&k, &people);
	g[0] = guid_of(&k, "CN=Ann");
	g[1] = guid_of(&k, "CN=Cid");
	lab_set(&k.l, SOURCE, "CN=Ann", "msExchHideFromAddressLists", "TRUE");
	lab_run(&k.l);
	look(&k, NULL, 0);
	assert_int_equal(k.found, 0);
	assert_int_equal(k.res.left, 1);
	look(&k, g, 2);
	assert_int_equal(k.found, 1);
	assert_int_equal(k.res.checked, 2);
	assert_int_equal(k.res.broken, 1);
	assert_int_equal(k.res.left, 1);
	assert_string_equal(k.text, "objects source CN=Ann" ACME);
	look(&k, &g[1], 1);
	assert_int_equal(k.found + k.res.left, 0);
	end(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(all_and_some),
	    cmocka_unit_test(each_side), cmocka_unit_test(held_names), cmocka_unit_test(who_left),
	    cmocka_unit_test(who_cannot_leave), cmocka_unit_test(mended_meanwhile),
	    cmocka_unit_test(many), cmocka_unit_test(errors), cmocka_unit_test(ready_after_a_cycle),
	    cmocka_unit_test(archives), cmocka_unit_test(values_of_others),
	    cmocka_unit_test(named_ones), cmocka_unit_test(moved_meanwhile)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
