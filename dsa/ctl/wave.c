/* SPDX-License-Identifier: MIT */
/* wave: plans, cancels and reschedules through the daemon. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/base/when.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/look.h"
#include "dsa/ctl/shown.h"
#include "dsa/ctl/together.h"
#include "dsa/ctl/wave_file.h"
#include "dsa/ctl/wave_priv.h"

/* What a request may hold; see galsync-control(7). */
#define PART_MAX 500
#define PART_OCTETS 50000

/* ---- asking the daemon ---- */

/* One request and its answer, which the caller releases. A refusal is printed. */
static enum ctl_status
ask(const struct ctl *ctl, struct client *c, json_t *request, json_t **ret)
{
	_cleanup_(json_release) json_t *answer = NULL;
	struct err err;

	/* A daemon that refuses at once says why before it hangs up: that is read in any case. */
	if ((client_ask(c, request, &err) < 0 && err.code != EPIPE && err.code != ECONNRESET) ||
	    client_next(c, &answer, &err) < 0)
		return ctl_fail(&err);
	if (!json_is_true(json_object_get(answer, "ok"))) {
		if (ctl->json)
			(void)ctl_print_json(json_incref(answer));
		(void)fprintf(stderr, "galsyncctl: %s\n", text_of(answer, "error"));
		return CTL_FAILED;
	}
	*ret = TAKE(answer);
	return CTL_DONE;
}

/* ---- planning ---- */

struct wave_request {
	const char *file;     /* or what selects: called so in messages */
	const char *selector; /* a member of `wave-suggest`, or NULL: FILE is one */
	const char *link, *name, *at_text;
	bool undo, force, now, dry_run;
	int64_t at;
	struct wave_file lines;
	json_t *problems;
	size_t unread; /* lines of the file that could not even be sent */
};

/* The next part, from line number *AT of the list on. */
static json_t *
next_part(const struct wave_request *p, size_t *at)
{
	json_t *objects = json_array(), *lines = json_array(),
	       *o = ctl_request("wave-add", p->link);
	size_t octets = 0, n = 0;

	for (; *at < p->lines.n && n < PART_MAX && octets < PART_OCTETS; n++, (*at)++) {
		const struct wave_line *l = &p->lines.lines[*at];

		/* Quotes and backslashes are doubled. */
		octets += 2 * strlen(l->who) + 24;
		json_add_item(&objects, json_string(l->who));
		json_add_item(&lines, json_integer(l->line));
	}
	json_put_member(&o, "objects", objects);
	json_put_member(&o, "lines", lines);
	json_put_member(&o, "undo", json_boolean(p->undo));
	return o;
}

static void
add_problems(struct wave_request *p, const json_t *more)
{
	for (size_t i = 0; i < json_array_size(more); i++)
		json_add_item(&p->problems, json_incref(json_array_get(more, i)));
}

static enum ctl_status
send_list(const struct ctl *ctl, struct client *c, struct wave_request *p)
{
	for (size_t at = 0; at < p->lines.n;) {
		_cleanup_(json_release) json_t *answer = NULL;
		enum ctl_status status = ask(ctl, c, next_part(p, &at), &answer);

		if (status != CTL_DONE)
			return status;
		add_problems(p, json_object_get(answer, "problems"));
	}
	return CTL_DONE;
}

static int
by_line(const void *x, const void *y)
{
	long long p = number_of(*(json_t *const *)x, "line");
	long long q = number_of(*(json_t *const *)y, "line");

	return p < q ? -1 : p > q;
}

/* The problems in the order of their lines; NULL without memory. */
static json_t **
sorted(const json_t *problems)
{
	size_t n = json_array_size(problems);
	json_t **v = calloc(n + 1, sizeof(json_t *));

	for (size_t i = 0; v && i < n; i++)
		v[i] = json_array_get(problems, i);
	if (v)
		qsort(v, n, sizeof(json_t *), by_line);
	return v;
}

static enum ctl_status
report_problems(const struct ctl *ctl, const struct wave_request *p)
{
	_cleanup_(free) json_t **v = sorted(p->problems);
	size_t n = json_array_size(p->problems), of = p->lines.n + p->unread;
	json_t *all = json_array(), *o = json_object();

	for (size_t i = 0; v && i < n; i++) {
		json_add_item(&all, json_incref(v[i]));
		if (!ctl->json)
			wave_file_print_problem(p->file, v[i]);
	}
	(void)fprintf(stderr,
	    "galsyncctl: nothing was planned: %zu line%s of '%s' cannot be taken (%zu were read)\n",
	    n, n == 1 ? "" : "s", shown(p->file), of);
	json_put_member(&o, "ok", json_false());
	json_put_member(&o, "problems", all);
	if (ctl->json)
		(void)ctl_print_json(TAKE(o));
	json_decref(o);
	return CTL_FAILED;
}

static enum ctl_status
send_plan(const struct ctl *ctl, struct client *c, const struct wave_request *p)
{
	_cleanup_(json_release) json_t *answer = NULL;
	json_t *o = ctl_request("wave-plan", NULL);
	char at[WAVE_TIME_SIZE];
	enum ctl_status status;

	if (!p->now)
		json_put_member(&o, "at", json_integer(p->at));
	if (p->name)
		json_put_member(&o, "name", json_string(p->name));
	if (p->force)
		json_put_member(&o, "force", json_true());
	status = ask(ctl, c, o, &answer);
	if (status != CTL_DONE)
		return status;
	if (ctl->json)
		return ctl_print_json(json_incref(answer));
	wave_format_time(p->at, at);
	(void)printf("wave %lld: %s of %lld mailboxes of link %s at %s\n",
	    number_of(answer, "wave"), p->undo ? "undo" : "switch", number_of(answer, "mailboxes"),
	    text_of(answer, "link"), at);
	return CTL_DONE;
}

/* Prints the lines that are no mailboxes of a wave; with JSON they are a member of ANSWER. */
static void
print_problems(const struct ctl *ctl, const struct wave_request *p, json_t **answer)
{
	_cleanup_(free) json_t **v = sorted(p->problems);
	size_t n = json_array_size(p->problems);
	json_t *all = json_array();

	for (size_t i = 0; v && i < n; i++) {
		json_add_item(&all, json_incref(v[i]));
		if (!ctl->json)
			wave_file_print_problem(p->file, v[i]);
	}
	json_put_member(answer, "problems", all);
}

/* What is wrong with the list, and what the mailboxes lack. */
static enum ctl_status
send_look(const struct ctl *ctl, struct client *c, const struct wave_request *p)
{
	_cleanup_(json_release) json_t *answer = NULL;
	size_t bad = json_array_size(p->problems);
	json_t *o = ctl_request("wave-plan", NULL);
	enum ctl_status status = CTL_DONE;

	json_put_member(&o, "dry_run", json_true());
	json_put_member(&o, "force", json_boolean(p->force));
	/* Without a mailbox the daemon has no list. */
	if (bad < p->lines.n + p->unread)
		status = ctl_ask_over(ctl, c, TAKE(o), &answer);
	else
		answer = json_object();
	json_decref(o);
	if (status != CTL_DONE)
		return status;
	print_problems(ctl, p, &answer);
	if (!ctl->json)
		look_print(answer);
	else if (ctl_print_json(json_incref(answer)) != CTL_DONE)
		return CTL_FAILED;
	return bad ? CTL_HELD : (enum ctl_status)number_of(answer, "status");
}

/* Who the wave is of: the lines of the file, or what the daemon selects. */
static enum ctl_status
find_mailboxes(struct ctl *ctl, struct wave_request *p)
{
	json_t *o;
	struct err err;

	if (p->selector) {
		o = ctl_request("wave-suggest", p->link);
		json_put_member(&o, p->selector, json_of_text(p->file));
		return together_select(ctl, o, &p->lines);
	}
	if (wave_file_read(p->file, &p->lines, &p->problems, &err) < 0)
		return ctl_fail(&err);
	wave_file_tell_header(&p->lines, p->file);
	p->unread = json_array_size(p->problems);
	return CTL_DONE;
}

static enum ctl_status
plan(struct ctl *ctl, struct wave_request *p)
{
	_cleanup_(client_close) struct client *c = NULL;
	enum ctl_status status = find_mailboxes(ctl, p);
	struct err err;

	if (status != CTL_DONE)
		return status;
	if (p->lines.n == 0 && p->unread == 0) {
		(void)fprintf(stderr, "galsyncctl: '%s' names nobody\n", shown(p->file));
		return CTL_FAILED;
	}
	if (client_connect(ctl->socket, &c, &err) < 0)
		return ctl_unreachable(&err);
	status = send_list(ctl, c, p);
	if (status != CTL_DONE)
		return status;
	if (!p->problems) {
		(void)err_nomem(&err);
		return ctl_fail(&err);
	}
	if (p->dry_run)
		return send_look(ctl, c, p);
	if (json_array_size(p->problems))
		return report_problems(ctl, p);
	return send_plan(ctl, c, p);
}

static enum ctl_status
parse_at(const char *text, int64_t *ret)
{
	char why[WHEN_WHY_SIZE];

	if (!text)
		return ctl_usage("--at TIME is missing");
	return when_parse(text, clock_realtime_s(), ret, why, sizeof why) ? CTL_DONE
									  : ctl_usage("%s", why);
}

static enum ctl_status
verb_plan(struct ctl *ctl, int argc, char **argv)
{
	static const char how[] =
	    "wave FILE | --group DN | --ou DN | --filter FILTER --at TIME | --dry-run "
	    "[--name NAME] [--undo | --force] [LINK]";
	struct wave_request p = {0};
	enum ctl_status status;
	const char *selector;

	for (int i = 1; i < argc; i++) {
		if (i + 1 < argc && !p.file && (selector = together_selector(i, argv))) {
			p.selector = selector;
			p.file = argv[++i];
		} else if (strcmp(argv[i], "--at") == 0 && i + 1 < argc && !p.at_text)
			p.at_text = argv[++i];
		else if (strcmp(argv[i], "--name") == 0 && i + 1 < argc && !p.name)
			p.name = argv[++i];
		else if (strcmp(argv[i], "--undo") == 0)
			p.undo = true;
		else if (strcmp(argv[i], "--force") == 0)
			p.force = true;
		else if (strcmp(argv[i], "--dry-run") == 0)
			p.dry_run = true;
		else if ((argv[i][0] != '-' || !argv[i][1]) && !p.file)
			p.file = argv[i];
		else if (argv[i][0] != '-' && !p.link)
			p.link = argv[i];
		else
			return ctl_usage("%s", how);
	}
	/* What selects finds those that can be switched. */
	if (!p.file || (p.undo && (p.force || p.selector)))
		return ctl_usage("%s", how);
	status = p.dry_run && !p.at_text ? CTL_DONE : parse_at(p.at_text, &p.at);
	if (status != CTL_DONE)
		return status;
	p.now = p.at_text && str_equal_nocase(p.at_text, "now");
	p.problems = json_array();
	status = plan(ctl, &p);
	json_decref(p.problems);
	wave_file_done(&p.lines);
	return status;
}

/* ---- cancel, reschedule ---- */

static enum ctl_status
verb_change(const struct ctl *ctl, int argc, char **argv)
{
	bool cancel = strcmp(argv[1], "cancel") == 0;
	_cleanup_(client_close) struct client *c = NULL;
	_cleanup_(json_release) json_t *answer = NULL;
	enum ctl_status status;
	char text[WAVE_TIME_SIZE];
	struct err err;
	int64_t at = 0;
	uint32_t id;
	json_t *o;

	if (!wave_parse_id(argc > 2 ? argv[2] : NULL, &id) || argc != (cancel ? 3 : 5) ||
	    (!cancel && strcmp(argv[3], "--at") != 0))
		return ctl_usage(cancel ? "wave cancel ID" : "wave reschedule ID --at TIME");
	if (!cancel && (status = parse_at(argv[4], &at)) != CTL_DONE)
		return status;
	if (client_connect(ctl->socket, &c, &err) < 0)
		return ctl_unreachable(&err);
	o = ctl_request(cancel ? "wave-cancel" : "wave-reschedule", NULL);
	json_put_member(&o, "wave", json_integer(id));
	if (!cancel)
		json_put_member(&o, "at", json_integer(at));
	status = ask(ctl, c, o, &answer);
	if (status != CTL_DONE)
		return status;
	if (ctl->json)
		return ctl_print_json(json_incref(answer));
	wave_format_time(at, text);
	if (cancel)
		(void)printf("wave %u is cancelled: %lld of %lld mailboxes had ended\n", id,
		    number_of(answer, "ended"), number_of(answer, "mailboxes"));
	else
		(void)printf("wave %u: at %s\n", id, text);
	return CTL_DONE;
}

/* What each mailbox lacks, and what the wave would split, which is for people to judge: it does not
 * make the check fail. */
static enum ctl_status
print_check(const struct ctl *ctl, json_t *answer, json_t *ties)
{
	if (!ctl->json) {
		look_print(answer);
		together_print_splits(ties);
	} else if (json_object_set(answer, "ties", json_object_get(ties, "ties")) < 0 ||
		   json_object_set(answer, "splits", json_object_get(ties, "splits")) < 0 ||
		   ctl_print_json(json_incref(answer)) != CTL_DONE)
		return CTL_FAILED;
	return (enum ctl_status)number_of(answer, "status");
}

static enum ctl_status
verb_check(struct ctl *ctl, int argc, char **argv)
{
	_cleanup_(json_release) json_t *answer = NULL, *ties = NULL;
	enum ctl_status status;
	uint32_t id;
	json_t *o;

	if (argc != 3 || !wave_parse_id(argv[2], &id))
		return ctl_usage("wave check ID");
	o = ctl_request("wave-check", NULL);
	json_put_member(&o, "wave", json_integer(id));
	status = ctl_ask(ctl, o, &answer);
	if (status != CTL_DONE)
		return status;
	o = ctl_request("wave-suggest", NULL);
	json_put_member(&o, "wave", json_integer(id));
	status = ctl_ask(ctl, o, &ties);
	return status == CTL_DONE ? print_check(ctl, answer, ties) : status;
}

enum ctl_status
ctl_verb_wave(struct ctl *c, int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "check") == 0)
		return verb_check(c, argc, argv);
	if (argc > 1 && (strcmp(argv[1], "cancel") == 0 || strcmp(argv[1], "reschedule") == 0))
		return verb_change(c, argc, argv);
	return verb_plan(c, argc, argv);
}
