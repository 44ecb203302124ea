/* SPDX-License-Identifier: MIT */

/* The text of a plan: what is written comes back, and nothing else is taken. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/json.h"
#include "dsa/exec/plan_text.h"
#include "dsa/world/world.h"

static const char *const forest[SIDES] = {"acme", "globex"};

static struct plan_step *
some_step(void)
{
	const struct guid g = {{1, 2, 3}}, t = {{9}};
	struct plan_step *s = plan_step_new(WORLD_NONE, &g);
	struct change *modify = change_new(CHANGE_MODIFY, "CN=J\xc3\xb6,DC=globex", &t);
	struct change *name = change_new(CHANGE_RENAME, "CN=J,DC=globex", &t);
	struct change *add = change_new(CHANGE_ADD, "CN=N,DC=globex", NULL);
	struct change *away = change_new(CHANGE_DELETE, "CN=X,DC=acme", &g);
	struct entry *before = entry_new("CN=J,DC=globex");
	struct err err;

	before->guid = t;
	assert_int_equal(entry_add_str(before, "title", "Clerk"), 0);
	assert_int_equal(entry_add(before, "thumbnailPhoto", (struct bytes){"\xff\0\x01", 3}), 0);
	assert_int_equal(change_mod_str(modify, MOD_DELETE, "title", "Clerk"), 0);
	assert_int_equal(change_mod_str(modify, MOD_ADD, "title", "Boss\n\"x\""), 0);
	assert_int_equal(change_mod(modify, MOD_ADD, "thumbnailPhoto", (struct bytes){"\0", 1}), 0);
	name->new_rdn = strdup("CN=K");
	name->new_parent = strdup("OU=Y,DC=globex");
	add->entry = entry_new("CN=N,DC=globex");
	assert_int_equal(entry_add_str(add->entry, "cn", "N"), 0);
	assert_int_equal(plan_step_add(s, TARGET, modify, before, "project", &err), 0);
	assert_int_equal(plan_step_add(s, TARGET, name, before, "rename", &err), 0);
	assert_int_equal(plan_step_add(s, TARGET, add, NULL, "create", &err), 0);
	assert_int_equal(plan_step_add(s, SOURCE, away, before, "leave", &err), 0);
	s->counts = HELD_BIT(HELD_DELETES);
	entry_free(before);
	return s;
}

/* A whole plan; the last line too if SEALED. */
static void
compose(const struct plan_step *s, bool held, bool sealed, struct buf *ret)
{
	char candidate[] = "CN=B,DC=globex", dn[] = "CN=A,DC=acme", what[] = "mail a@acme.example";
	char *candidates[] = {candidate};
	const struct conflict c = {.source_dn = dn,
	    .reason = CONFLICT_AMBIGUOUS,
	    .what = what,
	    .candidates = candidates,
	    .n_candidates = 1};
	char octets[8192];
	FILE *f = tmpfile();
	struct err err;
	ssize_t n;

	plan_text_head("acme-globex", 1700000000, ret);
	plan_text_flow(SOURCE, forest, ret);
	plan_text_step(s, forest, held ? HELD_REDIRECTIONS : HELD_NOTHING, ret);
	plan_text_later(s, forest, ret);
	plan_text_held(HELD_DELETES, "CN=H,DC=acme", ret);
	plan_text_conflict(&c, ret);
	plan_text_ready("CN=R,DC=acme", ret);
	plan_text_summary(json_object(), ret);
	assert_false(ret->failed);
	assert_non_null(f);
	assert_int_equal(fwrite(ret->data, 1, ret->len, f), ret->len);
	assert_int_equal(fflush(f), 0);
	if (sealed) {
		assert_int_equal(plan_text_seal(fileno(f), &err), 0);
		n = pread(fileno(f), octets, sizeof octets, 0);
		assert_true(n > 0);
		buf_reset(ret);
		buf_add(ret, octets, (size_t)n);
	}
	(void)fclose(f);
}

struct read {
	struct plan_step *step;
	bool held;
	size_t lines;
};

static int
read_plan(const struct buf *text, struct read *ret, struct err *err)
{
	_cleanup_(plan_reader_free) struct plan_reader *r = NULL;
	const char *at = (char *)text->data, *end;

	*ret = (struct read){.step = NULL};
	assert_int_equal(plan_reader_new("a.plan", &r, err), 0);
	for (; (end = strchr(at, '\n')); at = end + 1, ret->lines++) {
		_cleanup_(plan_line_done) struct plan_line l = {.json = NULL};

		if (plan_reader_take(r, (struct bytes){at, (size_t)(end - at)}, &l, err) < 0)
			return -1;
		if (l.kind == PLAN_LINE_LATER)
			assert_true(l.step && l.step->n_changes == 4 && !l.held);
		if (l.kind == PLAN_LINE_STEP) {
			plan_step_free(ret->step);
			ret->step = TAKE(l.step);
			ret->held = l.held != NULL;
		}
	}
	return plan_reader_end(r, err);
}

static void
round_trip(void **state)
{
	(void)state;
	for (int held = 0; held < 2; held++) {
		_cleanup_(plan_step_free) struct plan_step *s = some_step();
		_cleanup_(buf_done) struct buf b = {0};
		uint8_t x[PLAN_DIGEST_LEN], y[PLAN_DIGEST_LEN];
		struct read r;
		struct err err = {.text = ""};

		compose(s, held, true, &b);
		if (read_plan(&b, &r, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(r.lines, 9);
		assert_int_equal(r.held, held);
		assert_int_equal(r.step->n_changes, 4);
		assert_int_equal(plan_step_digest(s, SOURCE, x, &err), 0);
		assert_int_equal(plan_step_digest(r.step, SOURCE, y, &err), 0);
		assert_memory_equal(x, y, sizeof x);
		assert_int_equal(plan_step_digest(r.step, TARGET, y, &err), 0);
		assert_memory_not_equal(x, y, sizeof x);
		plan_step_free(r.step);
	}
}

/* FROM is replaced by TO; the sum is right again, unless WRONG is about that. */
static const struct {
	const char *from, *to, *wrong;
} mistakes[] = {
    {"{\"galsync_plan\":1", "{\"galsync_plan\":2", "the format is not known: it is 1"},
    {"{\"galsync_plan\":1", "{\"galsync_plan\":\"1\"", "the format is not known"},
    {",\"version\":", ",\"Version\":", "\"version\" is missing"},
    {"\"flow\":\"forward\"", "\"flow\":\"back\"", "\"flow\" is neither forward nor return"},
    {"{\"flow\"", "{\"flaw\"", "it is no line of a plan: a.plan:2"},
    {"\"forest\":\"globex\"", "\"forest\":\"other\"", "\"forest\" is not of this flow: change 1"},
    {"\"op\":\"modify\"", "\"op\":\"frob\"",
	"\"op\" is none of add, modify, rename, delete: \"change\": change 1"},
    {"\"mods\":[{\"op\":\"delete\"", "\"mods\":[{\"op\":\"drop\"",
	"\"op\" is none of add, delete, replace: modification 1"},
    {"\"attr\":\"title\"", "\"attr\":\"ti\\ntle\"",
	"it is no name of an attribute: \"attr\": modification 1"},
    {"\"values\":[\"Clerk\"]", "\"values\":[]", "\"values\" is no list of values: modification 1"},
    {"\"values\":[\"Clerk\"]", "\"values\":[7]", "is no object: value 1 of title: modification 1"},
    {"\"values\":[\"Clerk\"]", "\"values\":[\"Cl\\u0000erk\"]", "a.plan:3"},
    {"{\"base64\":\"AA==\"}", "{\"base64\":\"AA\"}", "it is no base64 of octets that are no text"},
    {"{\"base64\":\"AA==\"}", "{\"base64\":\"\"}", "it is no base64"},
    {"{\"base64\":\"AA==\"}", "{\"base64\":\"QQ==\"}",
	"it is no base64 of octets that are no text"},
    {"\"guid\":\"", "\"guid\":\"x", "\"guid\" is no GUID"},
    {"\"source\":\"00", "\"source\":\"x0", "\"source\" is no GUID"},
    {"\"before\":{\"dn\"", "\"before\":{\"Dn\"", "\"dn\" is missing: \"before\": change 1"},
    {"\"new_rdn\"", "\"new_rd\"", "\"new_rdn\" is missing: \"change\": change 2"},
    {"\"attrs\":{\"cn\":[\"N\"]", "\"attrs\":{\"cn\":\"N\"",
	"it has no list of values: attribute \"cn\""},
    {"\"changes\":[{", "\"changes\":[7,{", "is no object: change 1"},
    {"\"conflict\":{\"source_dn\"", "\"conflict\":{\"source\"", "\"source_dn\" is missing"},
    {"\"candidates\":[", "\"candidates\":[7,", "candidate 1 is no text"},
    {"{\"ready\":\"", "{\"ready\":7,\"x\":\"", "\"x\" is not known"},
    {"{\"held\":{\"limit\":\"deletes\"", "{\"held\":{\"limit\":\"x\"", "\"limit\" is no limit"},
    {"{\"summary\":{}}\n", "", "the summary is missing"},
    {"{\"summary\":{}}\n", "{\"summary\":{}}\n{\"ready\":\"CN=Q\"}\n",
	"only the check sum is behind the summary: a.plan:9"},
    {"{\"later\"", "{\"x\":1,\"later\"", "\"x\" is not known"},
    {"\"reason\":\"project\"", "\"reason\":\"project\",\"reason\":\"x\"",
	"it is no JSON object: duplicate object key"},
    {"{\"ready\"", "[{\"ready\"", "it is no JSON object"},
};

static void
replace(struct buf *b, const char *from, const char *to)
{
	_cleanup_(buf_done) struct buf n = {0};
	char *at = strstr((char *)b->data, from);

	if (!at)
		fail_msg("%s is not in\n%s", from, (char *)b->data);
	buf_add(&n, b->data, (size_t)(at - (char *)b->data));
	buf_add_str(&n, to);
	buf_add_str(&n, at + strlen(from));
	buf_reset(b);
	buf_add(b, n.data, n.len);
}

static void
seal(struct buf *b)
{
	char line[128];
	FILE *f = tmpfile();
	struct err err;
	ssize_t n;

	assert_non_null(f);
	assert_int_equal(fwrite(b->data, 1, b->len, f), b->len);
	assert_int_equal(fflush(f), 0);
	assert_int_equal(plan_text_seal(fileno(f), &err), 0);
	n = pread(fileno(f), line, sizeof line, (off_t)b->len);
	assert_true(n > 0);
	buf_add(b, line, (size_t)n);
	(void)fclose(f);
}

static void
strictness(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		_cleanup_(plan_step_free) struct plan_step *s = some_step();
		_cleanup_(buf_done) struct buf b = {0};
		struct read r;
		struct err err = {.text = ""};

		compose(s, false, false, &b);
		replace(&b, mistakes[i].from, mistakes[i].to);
		seal(&b);
		if (read_plan(&b, &r, &err) == 0)
			fail_msg("taken: %s", mistakes[i].to);
		if (!strstr(err.text, mistakes[i].wrong))
			fail_msg("%s\nsays: %s", mistakes[i].wrong, err.text);
		assert_non_null(strstr(err.text, "a.plan:"));
		plan_step_free(r.step);
	}
}

/* An accident is found, and so is what was cut off or put behind. */
static void
sums(void **state)
{
	static const struct {
		const char *from, *to, *wrong;
	} accidents[] = {
	    {"Clerk", "Clark", "the check sum is another one: the file is not as it was saved"},
	    {"\"version\":", "\"version\": ", "the check sum is another one"},
	    {"{\"sha256\":\"", "{\"sha256\":\"0", "the check sum is another one"},
	};
	_cleanup_(plan_step_free) struct plan_step *s = some_step();
	_cleanup_(buf_done) struct buf whole = {0};
	struct err err = {.text = ""};
	struct read r;

	(void)state;
	compose(s, false, true, &whole);
	for (size_t i = 0; i < ARRAY_SIZE(accidents); i++) {
		_cleanup_(buf_done) struct buf b = {0};

		buf_add(&b, whole.data, whole.len);
		replace(&b, accidents[i].from, accidents[i].to);
		assert_int_equal(read_plan(&b, &r, &err), -1);
		assert_non_null(strstr(err.text, accidents[i].wrong));
		plan_step_free(r.step);
	}
	buf_add_str(&whole, "{\"ready\":\"CN=Q\"}\n");
	assert_int_equal(read_plan(&whole, &r, &err), -1);
	assert_non_null(strstr(err.text, "there is something behind the check sum: a.plan:10"));
	plan_step_free(r.step);
	buf_reset(&whole);
	compose(s, false, false, &whole);
	assert_int_equal(read_plan(&whole, &r, &err), -1);
	assert_non_null(strstr(err.text, "the end is missing: the file was cut off: a.plan:8"));
	plan_step_free(r.step);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip),
	    cmocka_unit_test(strictness),
	    cmocka_unit_test(sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
