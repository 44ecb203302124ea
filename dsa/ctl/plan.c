/* SPDX-License-Identifier: MIT */
/* plan: what would be done, shown and saved. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/output.h"
#include "dsa/base/replace.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/plan_show.h"
#include "dsa/ctl/shown.h"

#define USAGE "plan [LINK] [--object WHO] [--save FILE] [-o ldif|diff|csv|json]"

enum form { FORM_NONE, FORM_LDIF, FORM_DIFF, FORM_CSV, FORM_JSON, FORM_MAX };
static const char *const form_names[] = {[FORM_NONE] = "",
    [FORM_LDIF] = "ldif",
    [FORM_DIFF] = "diff",
    [FORM_CSV] = "csv",
    [FORM_JSON] = "json"};

struct args {
	const char *link, *object, *save, *form_name;
	enum form form;
};

static enum form
form_of(const char *name)
{
	for (size_t i = FORM_LDIF; i < FORM_MAX; i++)
		if (strcmp(name, form_names[i]) == 0)
			return (enum form)i;
	return FORM_NONE;
}

static bool
take_args(int argc, char **argv, struct args *a)
{
	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;

		if (strcmp(argv[i], "--object") == 0 && more && !a->object)
			a->object = argv[++i];
		else if (strcmp(argv[i], "--save") == 0 && more && !a->save)
			a->save = argv[++i];
		else if (strcmp(argv[i], "-o") == 0 && more && !a->form_name)
			a->form_name = argv[++i];
		else if (argv[i][0] != '-' && !a->link)
			a->link = argv[i];
		else
			return false;
	}
	a->form = a->form_name ? form_of(a->form_name) : FORM_NONE;
	return !a->form_name || a->form != FORM_NONE;
}

/* ---- lines as they come ---- */

struct taking {
	const struct args *args;
	struct plan_reader *reader;
	struct replace *file; /* NULL: it is not saved */
	struct buf rest;      /* the beginning of a line whose end is still to come */
	size_t steps;	      /* that can be applied */
};

static void
taking_donep(struct taking *t)
{
	plan_reader_free(t->reader);
	replace_abort(t->file);
	buf_done(&t->rest);
}

static int
take_line(struct taking *t, struct bytes line, struct err *err)
{
	_cleanup_(plan_line_done) struct plan_line l = {.json = NULL};

	if (plan_reader_take(t->reader, line, &l, err) < 0)
		return -1;
	t->steps += l.step && !l.held;
	if (t->args->form == FORM_DIFF || t->args->form == FORM_CSV)
		return plan_show_line(
		    t->args->form == FORM_CSV ? PLAN_SHOW_CSV : PLAN_SHOW_DIFF, t->reader, &l, err);
	if (t->args->form == FORM_JSON)
		(void)printf("%.*s\n", (int)line.len, (const char *)line.data);
	return 0;
}

static int
take_piece(const char *text, void *arg, struct err *err)
{
	struct taking *t = arg;
	const char *end;

	if (t->file && replace_write(t->file, bytes_of(text), err) < 0)
		return -1;
	while ((end = strchr(text, '\n'))) {
		buf_add(&t->rest, text, (size_t)(end - text));
		if (t->rest.failed)
			return err_nomem(err);
		if (take_line(t, buf_bytes(&t->rest), err) < 0)
			return -1;
		buf_reset(&t->rest);
		text = end + 1;
	}
	buf_add_str(&t->rest, text);
	return t->rest.failed ? err_nomem(err) : 0;
}

static json_t *
request_of(const struct args *a)
{
	json_t *o = ctl_request("plan", a->link);

	if (a->object)
		json_put_member(&o, "object", json_string(a->object));
	if (a->save || a->form > FORM_LDIF)
		json_put_member(&o, "form", json_string("lines"));
	return o;
}

/* The plan is whole: the file gets its name. */
static int
save(struct taking *t, struct err *err)
{
	if (plan_reader_end(t->reader, err) < 0)
		return -1;
	if (!t->file)
		return 0;
	if (replace_end(TAKE(t->file), false, err) < 0)
		return -1;
	(void)fprintf(t->args->form == FORM_NONE ? stdout : stderr,
	    "%zu step%s saved in '%s': galsyncctl apply makes them\n", t->steps,
	    t->steps == 1 ? " is" : "s are", shown(t->args->save));
	return 0;
}

static enum ctl_status
plan_lines(struct ctl *ctl, const struct args *a)
{
	_cleanup_(taking_done) struct taking t = {.args = a};
	_cleanup_(json_release) json_t *answer = NULL;
	struct ctl asking = *ctl;
	enum ctl_status status;
	struct err err;

	if (plan_reader_new("the plan", &t.reader, &err) < 0 ||
	    (a->save && replace_begin(a->save, true, &t.file, &err) < 0))
		return ctl_fail(&err);
	if (a->form == FORM_CSV)
		plan_show_begin(PLAN_SHOW_CSV);
	asking.piece = take_piece;
	asking.piece_arg = &t;
	status = ctl_ask(&asking, request_of(a), &answer);
	if (status != CTL_DONE)
		return status;
	if (save(&t, &err) < 0)
		return ctl_fail(&err);
	if (a->form == FORM_NONE && !ctl->json)
		plan_show_counts(json_object_get(answer, "summary"));
	if (ctl->json && a->form == FORM_NONE && ctl_print_json(json_incref(answer)) != CTL_DONE)
		return CTL_FAILED;
	return (enum ctl_status)number_of(answer, "status");
}

/* As it comes; what is known only at the end stands there as comments. */
static enum ctl_status
plan_ldif(struct ctl *ctl, const struct args *a)
{
	_cleanup_(json_release) json_t *answer = NULL;
	enum ctl_status status = ctl_ask(ctl, request_of(a), &answer);

	if (status != CTL_DONE)
		return status;
	if (!ctl->json)
		plan_show_counts(json_object_get(answer, "summary"));
	else if (ctl_print_json(json_incref(answer)) != CTL_DONE)
		return CTL_FAILED;
	return (enum ctl_status)number_of(answer, "status");
}

enum ctl_status
ctl_verb_plan(struct ctl *c, int argc, char **argv)
{
	struct args a = {.form = FORM_NONE};

	if (!take_args(argc, argv, &a))
		return ctl_usage("%s", USAGE);
	if (a.save && a.form == FORM_LDIF)
		return ctl_usage("a plan that is saved is shown by -o diff, csv or json");
	return a.save || a.form > FORM_LDIF ? plan_lines(c, &a) : plan_ldif(c, &a);
}
