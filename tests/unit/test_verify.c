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
	const struct verify_options opt = {
	    .sources = sources, .n_sources = n, .sure_max = SURE, .found = on_found, .arg = k};
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
	fakedir_set_trusting(k->l.fd[TARGET], true);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(all_and_some),
	    cmocka_unit_test(mended_meanwhile), cmocka_unit_test(many), cmocka_unit_test(errors)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
