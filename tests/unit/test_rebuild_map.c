/* SPDX-License-Identifier: MIT */

/*
 * The map is thrown away and made anew from the directories, by the verb and by itself: it is what
 * it was but for evidence, times and what galsync wrote on matched objects, and nothing is written
 * to the directories.
 */

#include "tests/support/limits_fixture.h"

#include "dsa/jobs/rebuild.h"

#define STAMP "extensionAttribute15"
#define MARKER "extensionAttribute14"
#define READY "extensionAttribute1"
#define HIDES "msExchHideFromAddressLists"
#define MATCHED(cn, alias)                                                                         \
	THERE("user", cn,                                                                          \
	    "sAMAccountName: t-" alias "\nhomeMDB: CN=DB1,CN=Configuration,DC=globex,DC=example\n" \
	    "mailNickname: " alias "\nlegacyExchangeDN: /o=Globex/cn=" alias "\n"                  \
	    "proxyAddresses: smtp:" alias "@acme.example\nuserAccountControl: 512\n")
#define DETAILS(n) "msExchRecipientTypeDetails: " n "\n"

/* Thirty recipients of every kind. */
static const struct scenario everybody = {.name = "everybody",
    .scope = "create = \"mailbox\"; on_leave = \"hide\"; hidden = \"leave\"; disabled = \"leave\"; "
	     "filter = \"(!(department=Gone))\";",
    .link = "match = [\"stamp\", \"mail\"]; readiness_attribute = \"" READY "\";"
	    "limits = { deletes = 50; delete_percent = 100; redirections = 50; "
	    "redirection_percent = 100; matches = 9; };",
    .source = {MAILBOX("Ann", "ann", "title: Boss\n") MAILBOX("Bea", "bea", "")
		   MAILBOX("Cleo", "cleo", "") MAILBOX("Dora", "dora", "manager: CN=Ann" ACME "\n"),
	MAILBOX("Fay", "fay", "") MAILBOX("Gil", "gil", "") MAILBOX("Hal", "hal", DETAILS("4"))
	    MAILBOX("Ida", "ida", DETAILS("16")) MAILBOX("Jan", "jan", DETAILS("32"))
		MAILBOX("Kay", "kay", ""),
	CONTACT("Leo", "leo", "") CONTACT("Max", "max", "") CONTACT("Moe", "moe", "") EXTERNAL(
	    "Ned", "ned", "SMTP:ned@else.example") EXTERNAL("Nia", "nia", "SMTP:nia@else.example"),
	GROUP("All", "all", MEMBER("Ann") MEMBER("Fay") MEMBER("Leo")) GROUP("Few", "few",
	    MEMBER("Bea")) GROUP("None", "none", "") GROUP("Out", "out", MEMBER("Sam")),
	MAILBOX("Ola", "ola", "") MAILBOX("Pia", "pia", "") MAILBOX("Quin", "quin", "")
	    MAILBOX("Rex", "rex", "") MAILBOX("Sam", "sam", "") MAILBOX("Tia", "tia", ""),
	MAILBOX("Uma", "uma", "") MAILBOX("Vic", "vic", "") MAILBOX("Wes", "wes", "")
	    MAILBOX("Xia", "xia", "") MAILBOX("Yul", "yul", "") MAILBOX("Zoe", "zoe", "")},
    .target = {THERE_OU MATCHED("Fay", "fay") MATCHED("Gil", "gil") MATCHED("Uma", "uma")}};

static const char *const switched[] = {
    "CN=Bea", "CN=Gil", "CN=Ola", "CN=Pia", "CN=Quin", "CN=Yul", "CN=Zoe", NULL};
static const char *const undone[] = {"CN=Kay", NULL};

/* What New-MoveRequest leaves. */
static void
move_natively(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Cleo", "homeMDB", NULL);
	lab_set(l, SOURCE, "CN=Cleo", "msExchHomeServerName", NULL);
	lab_set(l, SOURCE, "CN=Cleo", "msExchRecipientTypeDetails", "128");
	lab_set(l, SOURCE, "CN=Cleo", "targetAddress", RT("cleo"));
	lab_set(l, TARGET, "CN=Cleo", "msExchRecipientTypeDetails", "1");
	lab_set(l, TARGET, "CN=Cleo", "targetAddress", NULL);
}

static void
move_away(struct lab *l, const char *cn)
{
	if (fakedir_rename(l->fd[SOURCE], lab_dn(SOURCE, cn), cn, "CN=Users,DC=acme,DC=example") <
	    0)
		fail_msg("%s", fakedir_error(l->fd[SOURCE]));
}

/* The estate in the middle of its migration. */
static void
begin(struct lab *l)
{
	lab_open(l, &everybody);
	lab_run(l);
	lab_set(l, TARGET, "CN=Pia", "userAccountControl", "512");
	assert_int_equal(lab_turn(l, NULL, LAB_SWITCH, switched), 0);
	/* Switched by its readiness, and then undone. */
	lab_set(l, TARGET, "CN=Kay", "showInAddressBook", "CN=Users,DC=globex,DC=example");
	lab_set(l, SOURCE, "CN=Kay", READY, "yes");
	assert_int_equal(lab_cycle(l, NULL), 0);
	assert_true(is(l, TARGET, "CN=Kay", NULL));
	assert_int_equal(lab_turn(l, NULL, LAB_UNDO, undone), 0);
	assert_true(lab_told(l, "done", "CN=Kay", ""));
	move_natively(l);
	/* Finished, by the ways that leave an object. */
	lab_set(l, SOURCE, "CN=Ola", HIDES, "TRUE");
	lab_set(l, SOURCE, "CN=Pia", "userAccountControl", "514");
	lab_set(l, SOURCE, "CN=Quin", "department", "Gone");
	/* And left. */
	lab_set(l, SOURCE, "CN=Rex", HIDES, "TRUE");
	lab_set(l, SOURCE, "CN=Sam", "userAccountControl", "514");
	lab_set(l, SOURCE, "CN=Tia", "department", "Gone");
	lab_set(l, SOURCE, "CN=Uma", HIDES, "TRUE");
	lab_set(l, SOURCE, "CN=Max", HIDES, "TRUE");
	assert_int_equal(lab_cycle(l, NULL), 0);
	lab_run_silent(l);
	lab_run_idle(l);
}

/* ---- what is compared ---- */

/* By source, for ids depend on the order of events. */
static void
same_rest(struct lab *l, const struct record *const *before, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(record_free) struct record *r = NULL;
		struct store_txn *t;
		struct err err;

		assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
		assert_int_equal(
		    store_find_guid(t, 1, SOURCE, &before[i]->side[SOURCE].guid, &r, &err), 0);
		store_abort(t);
		assert_non_null(r);
		if (r->ready_used != before[i]->ready_used ||
		    r->source_guard != before[i]->source_guard ||
		    !r->switched_at != !before[i]->switched_at)
			fail_msg("%s: used %d, guard %d, switched %lld, before: %d, %d, %lld",
			    r->side[SOURCE].dn, r->ready_used, r->source_guard,
			    (long long)r->switched_at, before[i]->ready_used,
			    before[i]->source_guard, (long long)before[i]->switched_at);
	}
}

struct kept {
	const struct record *v[64];
	size_t n;
};

static int
keep(const struct record *r, void *arg, struct err *err)
{
	struct kept *k = arg;
	struct record *copy;

	assert_true(k->n < ARRAY_SIZE(k->v));
	assert_int_equal(record_dup(r, &copy, err), 0);
	k->v[k->n++] = copy;
	return 0;
}

static void
keep_all(struct lab *l, struct kept *k)
{
	struct store_txn *t;
	struct err err;

	*k = (struct kept){.n = 0};
	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	assert_int_equal(store_each(t, 0, keep, k, &err), 0);
	store_abort(t);
}

static void
forget_all(struct kept *k)
{
	for (size_t i = 0; i < k->n; i++)
		record_free((struct record *)(uintptr_t)k->v[i]);
}

/* ---- the verb ---- */

struct verb {
	bool plan_only;
	size_t found[REBUILD_COUNT_MAX];
	struct rebuild_report report;
};

static void
note(const struct rebuild_finding *f, void *arg)
{
	((struct verb *)arg)->found[f->what]++;
}

static int
act_rebuild(struct lab *l, struct run *run, void *arg)
{
	struct verb *v = arg;
	const struct rebuild_options opt = {.plan_only = v->plan_only, .found = note, .arg = v};

	return rebuild_run(run, &opt, &v->report, &l->err);
}

static struct verb
rebuild(struct lab *l, bool plan_only)
{
	struct verb v = {.plan_only = plan_only};
	uint64_t usn[SIDES] = {fakedir_usn(l->fd[SOURCE]), fakedir_usn(l->fd[TARGET])};

	if (lab_act(l, NULL, act_rebuild, &v) < 0)
		fail_msg("%s", l->err.text);
	assert_int_equal(fakedir_usn(l->fd[SOURCE]), usn[SOURCE]);
	assert_int_equal(fakedir_usn(l->fd[TARGET]), usn[TARGET]);
	return v;
}

static bool
has_cursors(struct lab *l)
{
	struct bytes cursor;
	struct store_txn *t;
	struct err err;
	bool yes;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	assert_int_equal(store_get_cursor(t, 1, SOURCE, &cursor, &err), 0);
	store_abort(t);
	yes = cursor.data != NULL;
	free((void *)(uintptr_t)cursor.data);
	return yes;
}

/* ---- the tests ---- */

static void
lost(void **state)
{
	(void)state;
	for (int verb = 0; verb < 2; verb++) {
		_cleanup_(buf_done) struct buf before = {0}, after = {0};
		struct kept k;
		struct lab l;

		begin(&l);
		lab_dump(&l, &before, 0);
		keep_all(&l, &k);
		assert_int_equal(k.n, 31);
		lab_lose_map(&l);
		if (verb) {
			struct verb v = rebuild(&l, false);

			assert_int_equal(v.report.n[REBUILD_STAMPED], k.n);
			assert_int_equal(v.report.n[REBUILD_UNKNOWN], k.n);
			assert_int_equal(v.report.n[REBUILD_ENDED], 3);
			assert_int_equal(v.report.n[REBUILD_ARE_LEFT], 5);
			assert_int_equal(v.report.n[REBUILD_MATCHED], 2);
			assert_int_equal(v.report.n[REBUILD_TARGET_ACTIVE], 5);
			assert_int_equal(v.report.by_kind[KIND_GROUP], 4);
			assert_int_equal(v.report.n[REBUILD_HALF_TURNS], 0);
			assert_false(has_cursors(&l));
		}
		lab_run_silent(&l);
		if (!verb)
			assert_non_null(strstr(lab_notes(&l), "the map knows nothing of the link"));
		lab_dump(&l, &after, 0);
		lab_same_dumps(&l, "after the map was made anew", &before, &after);
		same_rest(&l, k.v, k.n);
		lab_run_idle(&l);
		/* Readiness that was used up does not switch. */
		assert_true(is(&l, TARGET, "CN=Kay", RS("kay")));
		forget_all(&k);
		lab_close(&l);
	}
}

/* A map that is as it should be stays as it is, with all that only it knows. */
static void
known(void **state)
{
	_cleanup_(buf_done) struct buf before = {0}, after = {0};
	struct verb v;
	struct lab l;

	(void)state;
	begin(&l);
	lab_dump(&l, &before, LAB_DUMP_ALL);
	v = rebuild(&l, true);
	assert_int_equal(v.report.n[REBUILD_STAMPED], 31);
	assert_true(has_cursors(&l));
	v = rebuild(&l, false);
	for (size_t i = 0; i < REBUILD_COUNT_MAX; i++)
		assert_int_equal(v.found[i], 0);
	assert_int_equal(v.report.n[REBUILD_UNKNOWN], 0);
	assert_false(has_cursors(&l));
	lab_dump(&l, &after, LAB_DUMP_ALL);
	lab_same_dumps(&l, "after a rebuild", &before, &after);
	lab_run_idle(&l);
	lab_close(&l);
}

/* The source objects are gone: what the target and its stamp tell is known again. */
static void
sources_gone(void **state)
{
	struct record *r, *was[2];
	struct lab l;

	(void)state;
	begin(&l);
	was[0] = lab_record(&l, "CN=Yul");
	was[1] = lab_record(&l, "CN=Wes");
	lab_delete(&l, SOURCE, "CN=Yul");
	lab_delete(&l, SOURCE, "CN=Wes");
	lab_set(&l, SOURCE, "CN=Zoe", "proxyAddresses", NULL);
	lab_set(&l, SOURCE, "CN=Zoe", "mailNickname", NULL);
	lab_set(&l, SOURCE, "CN=Zoe", "mail", NULL);
	lab_set(&l, SOURCE, "CN=Zoe", "targetAddress", NULL);
	lab_set(&l, SOURCE, "CN=Zoe", "msExchHomeServerName", NULL);
	move_away(&l, "CN=Vic");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	/* And one that nobody saw leave. */
	lab_delete(&l, SOURCE, "CN=Xia");
	lab_lose_map(&l);
	lab_run_silent(&l);
	assert_non_null(strstr(lab_notes(&l), "CN=Xia,OU=Acme,DC=globex,DC=example"));
	assert_non_null(strstr(lab_notes(&l), "they are left alone"));
	r = lab_record(&l, "CN=Vic,CN=Users,DC=acme,DC=example");
	assert_non_null(r);
	assert_int_equal(r->state, RECORD_LEFT);
	assert_string_equal(r->side[SOURCE].dn, "CN=Vic,CN=Users,DC=acme,DC=example");
	record_free(r);
	r = lab_record(&l, "CN=Zoe");
	assert_non_null(r);
	assert_int_equal(r->state, RECORD_FINISHED);
	assert_string_equal(r->alias, "zoe");
	assert_true(record_has_address(r, "zoe@acme.example"));
	record_free(r);
	for (size_t i = 0; i < 2; i++) {
		struct store_txn *t;
		struct err err;

		assert_int_equal(store_begin(l.store, STORE_READ, &t, &err), 0);
		assert_int_equal(
		    store_find_guid(t, 1, SOURCE, &was[i]->side[SOURCE].guid, &r, &err), 0);
		store_abort(t);
		assert_non_null(r);
		assert_int_equal(r->state, i ? RECORD_LEFT : RECORD_FINISHED);
		assert_int_equal(r->active, i ? SOURCE : TARGET);
		assert_true(guid_equal(&r->side[TARGET].guid, &was[i]->side[TARGET].guid));
		assert_string_equal(r->alias, was[i]->alias);
		assert_string_equal(r->addresses[0], was[i]->addresses[0]);
		record_free(r);
		record_free(was[i]);
	}
	lab_run_idle(&l);
	lab_close(&l);
}

/* Two target objects name one source: none of them is recorded, and both are named. */
static void
twice(void **state)
{
	char stamp[128];
	struct record *r;
	struct verb v;
	struct lab l;

	(void)state;
	lab_open(&l, &everybody);
	lab_run(&l);
	(void)snprintf(
	    stamp, sizeof stamp, "galsync:created:%s:source", lab_source_guid(&l, "CN=Ann"));
	lab_add(&l, TARGET, THERE("user", "Copy", "sAMAccountName: copy\n"));
	lab_set(&l, TARGET, "CN=Copy", STAMP, stamp);
	/* The map knows which one it is. */
	v = rebuild(&l, false);
	assert_int_equal(v.found[REBUILD_NAMED_TWICE], 2);
	r = lab_record(&l, "CN=Ann");
	assert_non_null(r);
	record_free(r);
	lab_run_silent(&l);
	lab_lose_map(&l);
	v = rebuild(&l, false);
	assert_int_equal(v.found[REBUILD_NAMED_TWICE], 2);
	assert_null(lab_record(&l, "CN=Ann"));
	lab_run_silent(&l);
	assert_int_equal(l.res.conflicts, 1);
	lab_close(&l);
}

/* Changes RECORD of the map by hand. */
static void
store(struct lab *l, struct record *r)
{
	struct store_txn *t;
	struct err err;

	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(store_put(t, r, &err), 0);
	assert_int_equal(store_commit(t, &err), 0);
	record_free(r);
}

/* An old map, and one that was damaged by hand, are made what the directories say. */
static void
wrong(void **state)
{
	_cleanup_(buf_done) struct buf before = {0}, after = {0};
	struct record *r, *other;
	struct verb v;
	struct lab l;

	(void)state;
	begin(&l);
	lab_dump(&l, &before, 0);
	r = lab_record(&l, "CN=Bea"); /* was switched since */
	r->active = SOURCE;
	r->switched_at = 0;
	store(&l, r);
	r = lab_record(&l, "CN=Ann"); /* each has the other's counterpart */
	other = lab_record(&l, "CN=Dora");
	r->side[TARGET].guid = other->side[TARGET].guid;
	record_free(other);
	store(&l, r);
	r = lab_record(&l, "CN=Leo"); /* a source that never was */
	r->id = 0;
	assert_true(guid_parse("99999999-9999-9999-9999-999999999999", &r->side[SOURCE].guid));
	store(&l, r);
	v = rebuild(&l, true);
	assert_int_equal(v.found[REBUILD_SIDE_DIFFERS], 1);
	assert_int_equal(v.found[REBUILD_COUNTERPART_DIFFERS], 1);
	assert_int_equal(v.found[REBUILD_GO], 1);
	(void)rebuild(&l, false);
	lab_run_silent(&l);
	assert_int_equal(l.told[RUN_MOVED], 0);
	lab_dump(&l, &after, 0);
	lab_same_dumps(&l, "after a rebuild", &before, &after);
	lab_run_idle(&l);
	lab_close(&l);
}

/* What a crash in the middle leaves: a part of the records, and the operation. */
static void
interrupted(void **state)
{
	static const char *const losers[] = {"CN=Ola", "CN=Bea", "CN=Rex"};
	_cleanup_(buf_done) struct buf before = {0}, after = {0};
	const struct store_operation o = {.kind = OPERATION_REBUILD, .since = 1};
	struct store_txn *t;
	struct err err;
	struct lab l;

	(void)state;
	begin(&l);
	lab_dump(&l, &before, 0);
	for (size_t i = 0; i < ARRAY_SIZE(losers); i++) {
		struct record *r = lab_record(&l, losers[i]);

		assert_int_equal(store_begin(l.store, STORE_WRITE, &t, &err), 0);
		assert_int_equal(store_delete(t, r->id, &err), 0);
		assert_int_equal(store_put_operation(t, 1, &o, &err), 0);
		assert_int_equal(store_clear_cursors(t, 1, &err), 0);
		assert_int_equal(store_commit(t, &err), 0);
		record_free(r);
	}
	l.delta = true;
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_true(l.needs_full);
	l.delta = false;
	lab_run_silent(&l);
	assert_non_null(strstr(lab_notes(&l), "interrupted"));
	lab_dump(&l, &after, 0);
	lab_same_dumps(&l, "after an interrupted rebuild", &before, &after);
	lab_run_idle(&l);
	assert_null(strstr(lab_notes(&l), "interrupted"));
	lab_close(&l);
}

/* A first synchronization has nothing to make anew. */
static void
first(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &everybody);
	lab_run(&l);
	assert_null(strstr(lab_notes(&l), "made anew"));
	lab_close(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lost),
	    cmocka_unit_test(known),
	    cmocka_unit_test(sources_gone),
	    cmocka_unit_test(twice),
	    cmocka_unit_test(wrong),
	    cmocka_unit_test(interrupted),
	    cmocka_unit_test(first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
