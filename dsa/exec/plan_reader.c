/* SPDX-License-Identifier: MIT */
/* The lines of a plan: from text. */
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/directory/change_json.h"
#include "dsa/exec/plan_text.h"
#include "dsa/world/world.h"

struct plan_reader {
	const char *name;
	unsigned long line; /* the last one */
	gnutls_hash_hd_t hash;
	char *link;
	enum side flow;
	char *forest[SIDES];
	bool begun, summed; /* the head, the summary was there */
	bool sealed;	    /* the last line, and it is right */
};

void
plan_line_done(struct plan_line *l)
{
	plan_step_free(TAKE(l->step));
	json_decref(TAKE(l->json));
}

int
plan_reader_new(const char *name, struct plan_reader **ret, struct err *err)
{
	struct plan_reader *r = calloc(1, sizeof *r);

	/* A program may start without GnuTLS; else this only counts. */
	if (!r || gnutls_global_init() < 0 || gnutls_hash_init(&r->hash, GNUTLS_DIG_SHA256) < 0) {
		free(r);
		return err_nomem(err);
	}
	r->name = name;
	*ret = r;
	return 0;
}

void
plan_reader_free(struct plan_reader *r)
{
	if (!r)
		return;
	gnutls_hash_deinit(r->hash, NULL);
	free(r->link);
	free(r->forest[SOURCE]);
	free(r->forest[TARGET]);
	free(r);
}

const char *
plan_reader_link(const struct plan_reader *r)
{
	return r->link ? r->link : "";
}

enum side
plan_reader_flow(const struct plan_reader *r)
{
	return r->flow;
}

const char *
plan_reader_forest(const struct plan_reader *r, enum side side)
{
	return r->forest[side] ? r->forest[side] : "";
}

/* Copies the text member NAME of JSON. */
static int
take_text(const json_t *json, const char *name, char **ret, struct err *err)
{
	const char *text = change_json_text(json, name, err);

	if (!text)
		return -1;
	free(*ret);
	*ret = strdup(text);
	return *ret ? 0 : err_nomem(err);
}

static int
check_texts(const json_t *json, const char *const *names, size_t n, struct err *err)
{
	if (json_check_members(json, names, n, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!change_json_text(json, names[i], err))
			return -1;
	return 0;
}

/* ---- the lines ---- */

static int
take_head(struct plan_reader *r, struct plan_line *l, struct err *err)
{
	static const char *const names[] = {"galsync_plan", "link", "made", "version"};
	const json_t *format = json_object_get(l->json, "galsync_plan");

	if (r->begun)
		return err_data(err, "it is there already");
	if (!json_is_integer(format) || json_integer_value(format) != PLAN_TEXT_FORMAT)
		return err_data(err, "the format is not known: it is %d", PLAN_TEXT_FORMAT);
	if (json_check_members(l->json, names, ARRAY_SIZE(names), ARRAY_SIZE(names), err) < 0 ||
	    !change_json_text(l->json, "made", err) || !change_json_text(l->json, "version", err))
		return -1;
	r->begun = true;
	return take_text(l->json, "link", &r->link, err);
}

static int
take_flow(struct plan_reader *r, struct plan_line *l, struct err *err)
{
	static const char *const names[] = {"flow", "source", "target"};
	const char *flow;

	if (check_texts(l->json, names, ARRAY_SIZE(names), err) < 0)
		return -1;
	flow = json_string_value(json_object_get(l->json, "flow"));
	if (strcmp(flow, "forward") != 0 && strcmp(flow, "return") != 0)
		return err_data(err, "\"flow\" is neither forward nor return");
	r->flow = strcmp(flow, "forward") == 0 ? SOURCE : TARGET;
	return take_text(l->json, "source", &r->forest[SOURCE], err) < 0
		   ? -1
		   : take_text(l->json, "target", &r->forest[TARGET], err);
}

static int
side_of(const struct plan_reader *r, const char *forest, enum side *ret, struct err *err)
{
	for (int side = SOURCE; side < SIDES; side++)
		if (r->forest[side] && strcmp(forest, r->forest[side]) == 0) {
			*ret = (enum side)side;
			return 0;
		}
	return err_data(err, "\"forest\" is not of this flow");
}

static int
take_change(const struct plan_reader *r, struct plan_step *s, const json_t *json, struct err *err)
{
	static const char *const names[] = {"forest", "reason", "change", "before"};
	struct plan_change *pc = &s->changes[s->n_changes];
	const json_t *before = json_object_get(json, "before");
	const char *forest;

	if (json_check_members(json, names, 3, ARRAY_SIZE(names), err) < 0 ||
	    !(forest = change_json_text(json, "forest", err)) ||
	    side_of(r, forest, &pc->side, err) < 0)
		return -1;
	s->n_changes++;
	if (take_text(json, "reason", &pc->reason, err) < 0)
		return -1;
	if (change_of_json(json_object_get(json, "change"), &pc->change, err) < 0)
		return err_ctx(err, "\"change\"");
	if (before && change_entry_of_json(before, &pc->before, err) < 0)
		return err_ctx(err, "\"before\"");
	return 0;
}

static int
take_changes(
    const struct plan_reader *r, struct plan_step *s, const json_t *changes, struct err *err)
{
	size_t n = json_array_size(changes);

	if (n == 0 || n > PLAN_MAX_CHANGES)
		return err_data(err, "\"changes\" is no list of 1 to %d changes", PLAN_MAX_CHANGES);
	for (size_t i = 0; i < n; i++)
		if (take_change(r, s, json_array_get(changes, i), err) < 0)
			return err_ctx(err, "change %zu", i + 1);
	return 0;
}

static int
check_held(struct plan_line *l, struct err *err)
{
	static const char *const names[] = {"step", "held"};
	const char *held = NULL;

	if (json_check_members(l->json, names, 1, 2, err) < 0)
		return -1;
	if (json_object_get(l->json, "held") && !(held = change_json_text(l->json, "held", err)))
		return -1;
	if (held && held_kind_of(held) == HELD_NOTHING)
		return err_data(err, "\"held\" is no limit");
	l->held = held;
	return 0;
}

static int
take_step_of(struct plan_reader *r, struct plan_line *l, const json_t *step, struct err *err)
{
	static const char *const names[] = {"changes", "source"};
	struct guid guid = {{0}};
	const char *text = NULL;

	if (json_check_members(step, names, 1, 2, err) < 0 ||
	    (json_object_get(step, "source") && !(text = change_json_text(step, "source", err))))
		return -1;
	if (text && (!guid_parse(text, &guid) || guid_is_zero(&guid)))
		return err_data(err, "\"source\" is no GUID");
	l->step = plan_step_new(WORLD_NONE, &guid);
	if (!l->step)
		return err_nomem(err);
	return take_changes(r, l->step, json_object_get(step, "changes"), err);
}

static int
take_step(struct plan_reader *r, struct plan_line *l, struct err *err)
{
	return check_held(l, err) < 0 ? -1
				      : take_step_of(r, l, json_object_get(l->json, "step"), err);
}

static int
take_later(struct plan_reader *r, struct plan_line *l, struct err *err)
{
	static const char *const names[] = {"later"};

	return json_check_members(l->json, names, 1, 1, err) < 0
		   ? -1
		   : take_step_of(r, l, json_object_get(l->json, "later"), err);
}

static int
take_held(struct plan_reader *r, struct plan_line *l, struct err *err)
{
	static const char *const line[] = {"held"};
	static const char *const names[] = {"limit", "source_dn"};
	const json_t *x = json_object_get(l->json, "held");

	(void)r;
	if (json_check_members(l->json, line, 1, 1, err) < 0 ||
	    check_texts(x, names, ARRAY_SIZE(names), err) < 0)
		return -1;
	if (held_kind_of(json_string_value(json_object_get(x, "limit"))) == HELD_NOTHING)
		return err_data(err, "\"limit\" is no limit");
	return 0;
}

static int
take_conflict(struct plan_reader *r, struct plan_line *l, struct err *err)
{
	static const char *const line[] = {"conflict"};
	static const char *const names[] = {"source_dn", "reason", "what", "candidates"};
	const json_t *x = json_object_get(l->json, "conflict");
	const json_t *candidates = json_object_get(x, "candidates");

	(void)r;
	if (json_check_members(l->json, line, 1, 1, err) < 0 ||
	    json_check_members(x, names, ARRAY_SIZE(names), ARRAY_SIZE(names), err) < 0)
		return -1;
	for (size_t i = 0; i < 3; i++)
		if (!change_json_text(x, names[i], err))
			return -1;
	if (!json_is_array(candidates))
		return err_data(err, "\"candidates\" is no list");
	for (size_t i = 0; i < json_array_size(candidates); i++)
		if (!json_is_string(json_array_get(candidates, i)))
			return err_data(err, "candidate %zu is no text", i + 1);
	return 0;
}

static int
take_ready(struct plan_reader *r, struct plan_line *l, struct err *err)
{
	static const char *const names[] = {"ready"};

	(void)r;
	return check_texts(l->json, names, 1, err);
}

static int
take_summary(struct plan_reader *r, struct plan_line *l, struct err *err)
{
	static const char *const names[] = {"summary"};

	r->summed = true;
	if (json_check_members(l->json, names, 1, 1, err) < 0)
		return -1;
	return json_is_object(json_object_get(l->json, "summary"))
		   ? 0
		   : err_data(err, "\"summary\" is no object");
}

static int
take_sum(struct plan_reader *r, struct plan_line *l, struct err *err)
{
	static const char *const names[] = {"sha256"};
	char text[2 * PLAN_DIGEST_LEN + 1] = "";
	uint8_t sum[PLAN_DIGEST_LEN];

	if (check_texts(l->json, names, 1, err) < 0)
		return -1;
	gnutls_hash_output(r->hash, sum);
	for (size_t i = 0; i < sizeof sum; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", sum[i]);
	if (strcmp(text, json_string_value(json_object_get(l->json, "sha256"))) != 0)
		return err_data(err, "the check sum is another one: the file is not as it was "
				     "saved");
	r->sealed = true;
	return 0;
}

static const struct {
	const char *member; /* that a line of the kind has */
	int (*take)(struct plan_reader *r, struct plan_line *l, struct err *err);
} lines[] = {
    [PLAN_LINE_HEAD] = {"galsync_plan", take_head},
    [PLAN_LINE_FLOW] = {"flow", take_flow},
    [PLAN_LINE_STEP] = {"step", take_step},
    [PLAN_LINE_LATER] = {"later", take_later},
    [PLAN_LINE_HELD] = {"held", take_held},
    [PLAN_LINE_CONFLICT] = {"conflict", take_conflict},
    [PLAN_LINE_READY] = {"ready", take_ready},
    [PLAN_LINE_SUMMARY] = {"summary", take_summary},
    [PLAN_LINE_SUM] = {"sha256", take_sum},
};

/* Does a line of KIND belong here? */
static int
check_order(const struct plan_reader *r, enum plan_line_kind kind, struct err *err)
{
	if (r->sealed)
		return err_data(err, "there is something behind the check sum");
	if (!r->begun && kind != PLAN_LINE_HEAD)
		return err_data(err, "it is no plan: the first line has no \"galsync_plan\"");
	if (r->summed != (kind == PLAN_LINE_SUM))
		return err_data(err, r->summed ? "only the check sum is behind the summary"
					       : "the summary is missing");
	if (!r->forest[SOURCE] && kind >= PLAN_LINE_STEP && kind <= PLAN_LINE_READY)
		return err_data(err, "it is of no flow");
	return 0;
}

static int
take_line(struct plan_reader *r, struct plan_line *l, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (!json_object_get(l->json, lines[i].member))
			continue;
		l->kind = (enum plan_line_kind)i;
		if (check_order(r, l->kind, err) < 0)
			return -1;
		return lines[i].take(r, l, err) < 0 ? err_ctx(err, "\"%s\"", lines[i].member) : 0;
	}
	return err_data(err, "it is no line of a plan");
}

int
plan_reader_take(struct plan_reader *r, struct bytes line, struct plan_line *ret, struct err *err)
{
	_cleanup_(plan_line_done) struct plan_line l = {.json = NULL};
	json_error_t why;
	int rc = 0;

	r->line++;
	l.json = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(l.json))
		rc = err_data(
		    err, "it is no JSON object: %.200s", l.json ? "another value" : why.text);
	else
		rc = take_line(r, &l, err);
	if (rc == 0 &&
	    (gnutls_hash(r->hash, line.data, line.len) < 0 || gnutls_hash(r->hash, "\n", 1) < 0))
		rc = err_nomem(err);
	if (rc < 0)
		return err_ctx(err, "%s:%lu", r->name, r->line);
	*ret = l;
	l = (struct plan_line){.json = NULL};
	return 0;
}

int
plan_reader_end(const struct plan_reader *r, struct err *err)
{
	if (r->sealed)
		return 0;
	return err_data(err,
	    r->line ? "the end is missing: the file was cut off: %s:%lu" : "it is empty: %s:%lu",
	    r->name, r->line);
}
