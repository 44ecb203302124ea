/* SPDX-License-Identifier: MIT */
/* The verbs that talk to the running daemon. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dsa/base/clock.h"
#include "dsa/base/output.h"
#include "dsa/base/pace.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/look.h"
#include "dsa/ctl/shown.h"
#include "dsa/ctl/wave_file.h"

#define BAR 30

/* ---- progress ---- */

static void
clear_line(void)
{
	output_command(stderr, "\r\033[K");
}

/* Only for who looks at a terminal, and did not ask for quiet. */
static bool
shows_progress(const struct ctl *ctl)
{
	return !ctl->quiet && isatty(STDERR_FILENO);
}

static void
show_progress(const json_t *event, struct pace *pace)
{
	long long done = number_of(event, "done"), total = number_of(event, "total");
	char bar[BAR + 1] = "", line[BAR + PACE_TEXT_SIZE + 96], left[PACE_TEXT_SIZE];
	size_t filled = total > 0 ? (size_t)(done * BAR / total) : 0;
	int64_t now_ms = clock_monotonic_ms();

	(void)pace_rate(pace, text_of(event, "phase"), done, now_ms);
	pace_text(pace_left_s(pace, done, total, now_ms), left);
	memset(bar, ' ', BAR);
	memset(bar, '#', filled > BAR ? BAR : filled);
	(void)snprintf(line, sizeof line, "%-8.20s [%s] %lld/%lld%s%s", text_of(event, "phase"),
	    bar, done, total, *left ? ", " : "", left);
	clear_line();
	output_line(stderr, line);
}

/* ---- a request and its answer ---- */

/* A piece of a plan: LDIF escapes what it must by itself, and has lines; so has JSON. */
static int
take_piece(const struct ctl *ctl, json_t *o, struct err *err)
{
	const char *ldif = json_string_value(json_object_get(o, "ldif"));
	const char *lines = json_string_value(json_object_get(o, "lines"));
	const char *text = ldif ? ldif : lines ? lines : "";

	if (ctl->piece)
		return ctl->piece(text, ctl->piece_arg, err);
	if (ctl->json)
		(void)ctl_print_json(json_incref(o));
	else
		(void)fputs(text, stdout);
	return 0;
}

/* Prints the pieces of a plan, shows progress, and returns the answer. */
static int
wait_for_answer(const struct ctl *ctl, struct client *c, json_t **ret, struct err *err)
{
	struct pace pace = {.done = 0};

	for (;;) {
		_cleanup_(json_release) json_t *o = NULL;
		const char *event;

		if (client_next(c, &o, err) < 0)
			return -1;
		event = json_string_value(json_object_get(o, "event"));
		if (!event) {
			if (shows_progress(ctl))
				clear_line();
			*ret = TAKE(o);
			return 0;
		}
		if (strcmp(event, "plan") == 0 && take_piece(ctl, o, err) < 0)
			return -1;
		if (strcmp(event, "progress") == 0 && shows_progress(ctl))
			show_progress(o, &pace);
	}
}

void
ctl_print_results(const json_t *results, bool dry_run)
{
	for (size_t i = 0; i < json_array_size(results); i++) {
		const json_t *r = json_array_get(results, i);
		const char *text = text_of(r, "text");

		(void)printf("%-6s %s%s%s\n",
		    !json_is_true(json_object_get(r, "ok")) ? "FAILED"
		    : dry_run				    ? "would"
							    : "done",
		    text_of(r, "dn"), *text ? ": " : "", text);
	}
}

static void
print_summary(const json_t *s)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)s, key, v)
	{
		if (json_is_integer(v) && json_integer_value(v))
			(void)printf(
			    "  %-16s %lld\n", shown(key), (long long)json_integer_value(v));
		else if (json_is_string(v) && *json_string_value(v))
			(void)printf("  %-16s %s\n", shown(key), time_of(s, key));
	}
}

enum ctl_status
ctl_ask(struct ctl *ctl, json_t *request, json_t **ret)
{
	_cleanup_(client_close) struct client *c = NULL;
	struct err err;

	if (client_connect(ctl->socket, &c, &err) < 0) {
		json_decref(request);
		return ctl_unreachable(&err);
	}
	return ctl_ask_over(ctl, c, request, ret);
}

enum ctl_status
ctl_ask_over(const struct ctl *ctl, struct client *c, json_t *request, json_t **ret)
{
	_cleanup_(json_release) json_t *answer = NULL;
	bool dry_run = json_is_true(json_object_get(request, "dry_run"));
	struct err err;

	/* A daemon that refuses at once says why before it hangs up: that is read in any case. */
	if ((client_ask(c, request, &err) < 0 && err.code != EPIPE && err.code != ECONNRESET) ||
	    wait_for_answer(ctl, c, &answer, &err) < 0)
		return ctl_fail(&err);
	if (!json_is_true(json_object_get(answer, "ok")) && *text_of(answer, "error")) {
		if (ctl->json)
			(void)ctl_print_json(json_incref(answer));
		else
			ctl_print_results(json_object_get(answer, "results"), dry_run);
		(void)fprintf(stderr, "galsyncctl: %s\n", text_of(answer, "error"));
		return CTL_FAILED;
	}
	*ret = TAKE(answer);
	return CTL_DONE;
}

enum ctl_status
ctl_report(struct ctl *c, json_t *request, ctl_print_fn *print)
{
	_cleanup_(json_release) json_t *answer = NULL;
	enum ctl_status status = ctl_ask(c, request, &answer);

	if (status != CTL_DONE)
		return status;
	if (!c->json)
		print(answer);
	else if (ctl_print_json(json_incref(answer)) != CTL_DONE)
		return CTL_FAILED;
	return (enum ctl_status)number_of(answer, "status");
}

/* Asks, waits and prints; QUIET: not the answer, unless as JSON. */
static enum ctl_status
ask(struct ctl *ctl, json_t *request, bool quiet)
{
	_cleanup_(json_release) json_t *answer = NULL;
	bool dry_run = json_is_true(json_object_get(request, "dry_run"));
	enum ctl_status status = ctl_ask(ctl, request, &answer);

	if (status != CTL_DONE)
		return status;
	if (ctl->json && ctl_print_json(json_incref(answer)) != CTL_DONE)
		return CTL_FAILED;
	if (!quiet && !ctl->json && json_is_array(json_object_get(answer, "results")) &&
	    json_array_size(json_object_get(answer, "results")) == 0)
		(void)puts("nothing was found");
	else if (!quiet && !ctl->json && json_object_get(answer, "results"))
		ctl_print_results(json_object_get(answer, "results"), dry_run);
	else if (!quiet && !ctl->json)
		print_summary(json_object_get(answer, "summary"));
	return (enum ctl_status)number_of(answer, "status");
}

json_t *
ctl_request(const char *verb, const char *link)
{
	json_t *o = json_object();

	json_put_member(&o, "version", json_integer(1));
	json_put_member(&o, "verb", json_string(verb));
	if (link)
		json_put_member(&o, "link", json_string(link));
	return o;
}

enum ctl_status
ctl_verb_resync(struct ctl *c, int argc, char **argv)
{
	const char *link = NULL, *object = NULL;
	json_t *o;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--object") == 0 && i + 1 < argc && !object)
			object = argv[++i];
		else if (argv[i][0] != '-' && !link)
			link = argv[i];
		else
			return ctl_usage("resync [LINK] [--object WHO]");
	}
	o = ctl_request("resync", link);
	if (object)
		json_put_member(&o, "object", json_string(object));
	return ask(c, o, false);
}

/* A verb that takes a link at most. */
static enum ctl_status
ask_of_link(struct ctl *c, int argc, char **argv)
{
	const char *link = argc == 2 ? argv[1] : NULL;

	if (argc > 2 || (link && *link == '-'))
		return ctl_usage("%s takes at most one LINK", argv[0]);
	return ask(c, ctl_request(argv[0], link), true);
}

enum ctl_status
ctl_verb_pause(struct ctl *c, int argc, char **argv)
{
	return ask_of_link(c, argc, argv);
}

enum ctl_status
ctl_read_list(const char *file, json_t **objects)
{
	_cleanup_(wave_file_done) struct wave_file f = {0};
	_cleanup_(json_release) json_t *problems = json_array();
	size_t n;
	struct err err;

	if (wave_file_read(file, &f, &problems, &err) < 0)
		return ctl_fail(&err);
	wave_file_tell_header(&f, file);
	n = json_array_size(problems);
	for (size_t i = 0; i < n; i++)
		wave_file_print_problem(file, json_array_get(problems, i));
	if (n || !f.n) {
		(void)fprintf(stderr, "galsyncctl: '%s' %s\n", shown(file),
		    n ? "has lines that cannot be taken: nothing was begun" : "names nobody");
		return CTL_FAILED;
	}
	for (size_t i = 0; i < f.n; i++)
		json_add_item(objects, json_string(f.lines[i].who));
	return CTL_DONE;
}

enum ctl_status
ctl_read_args(int argc, char **argv, const char *usage, const char **ret_link, json_t **objects)
{
	enum ctl_status status = CTL_DONE;
	struct err err;

	*ret_link = NULL;
	for (int i = 1; status == CTL_DONE && i < argc; i++) {
		if (strcmp(argv[i], "--file") == 0 && i + 1 < argc)
			status = ctl_read_list(argv[++i], objects);
		else if (strcmp(argv[i], "--link") == 0 && i + 1 < argc && !*ret_link)
			*ret_link = argv[++i];
		else if (argv[i][0] == '-')
			return ctl_usage("%s", usage);
		else
			json_add_item(objects, json_string(argv[i]));
	}
	/* A request without objects may mean all of them. */
	if (status == CTL_DONE && !*objects) {
		(void)err_nomem(&err);
		return ctl_fail(&err);
	}
	return status;
}

/* The request VERB about those that the arguments name, who are some: *RET. */
static enum ctl_status
request_about(int argc, char **argv, const char *verb, const char *usage, json_t **ret)
{
	_cleanup_(json_release) json_t *objects = json_array();
	const char *link;
	enum ctl_status status = ctl_read_args(argc, argv, usage, &link, &objects);

	if (status != CTL_DONE)
		return status;
	if (json_array_size(objects) == 0)
		return ctl_usage("%s: nobody is named", usage);
	*ret = ctl_request(verb, link);
	json_put_member(ret, "objects", TAKE(objects));
	return CTL_DONE;
}

/* argv[0] is the verb of the protocol too. FLAG is a member that is true, or NULL. */
static enum ctl_status
turn(struct ctl *c, int argc, char **argv, const char *flag, const char *usage)
{
	json_t *o;
	enum ctl_status status = request_about(argc, argv, argv[0], usage, &o);

	if (status != CTL_DONE)
		return status;
	if (flag)
		json_put_member(&o, flag, json_true());
	return ask(c, o, false);
}

/* What the turn needs, and nothing more. */
static enum ctl_status
look(struct ctl *c, int argc, char **argv, bool force, const char *usage)
{
	json_t *o;
	enum ctl_status status = request_about(argc, argv, "switch-plan", usage, &o);

	if (status != CTL_DONE)
		return status;
	json_put_member(&o, "undo", json_boolean(strcmp(argv[0], "undo-switch") == 0));
	json_put_member(&o, "force", json_boolean(force));
	return ctl_report(c, o, look_print);
}

/* switch, which has an option more, and undo-switch. */
enum ctl_status
ctl_verb_turn(struct ctl *c, int argc, char **argv)
{
	bool may = strcmp(argv[0], "switch") == 0, force = false, dry_run = false;
	char usage[96];
	int n = 1;

	(void)snprintf(usage, sizeof usage, "%s [--dry-run] %s[--link LINK] [--file FILE] [WHO...]",
	    argv[0], may ? "[--force] " : "");
	for (int i = 1; i < argc; i++) {
		if (may && strcmp(argv[i], "--force") == 0)
			force = true;
		else if (strcmp(argv[i], "--dry-run") == 0)
			dry_run = true;
		else
			argv[n++] = argv[i];
	}
	if (dry_run)
		return look(c, n, argv, force, usage);
	return turn(c, n, argv, force ? "force" : NULL, usage);
}

/* Where no object is named the answer may have none. */
static enum ctl_status
sweep(struct ctl *c, const char *link, bool dry_run)
{
	json_t *o = ctl_request("proxy-toggle", link);

	json_put_member(&o, "sweep", json_true());
	json_put_member(&o, "dry_run", json_boolean(dry_run));
	return ask(c, o, false);
}

#define TOGGLE_USAGE                                                                               \
	"proxy-toggle [--dry-run] [--link LINK] [--file FILE] [WHO...] | [--dry-run] --sweep "     \
	"[LINK]"

/* As ctl_verb_turn(), with options of its own. */
enum ctl_status
ctl_verb_toggle(struct ctl *c, int argc, char **argv)
{
	bool dry_run = false, sweeps = false, file = false;
	int n = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--dry-run") == 0)
			dry_run = true;
		else if (strcmp(argv[i], "--sweep") == 0)
			sweeps = true;
		else
			argv[n++] = argv[i];
	}
	for (int i = 1; i < n; i++)
		file |= argv[i][0] == '-';
	if (!sweeps)
		return turn(c, n, argv, dry_run ? "dry_run" : NULL, TOGGLE_USAGE);
	if (n > 2 || file)
		return ctl_usage("%s", TOGGLE_USAGE);
	return sweep(c, n == 2 ? argv[1] : NULL, dry_run);
}

/* ---- the daemon's part of status ---- */

json_t *
ctl_daemon_status(const struct ctl *c)
{
	_cleanup_(client_close) struct client *client = NULL;
	_cleanup_(json_release) json_t *answer = NULL;
	struct err err;

	if (client_connect(c->socket, &client, &err) < 0 ||
	    client_ask(client, ctl_request("status", NULL), &err) < 0 ||
	    client_next(client, &answer, &err) < 0)
		return NULL;
	return json_is_array(json_object_get(answer, "links")) ? TAKE(answer) : NULL;
}

json_t *
ctl_daemon_links(const struct ctl *c)
{
	_cleanup_(json_release) json_t *answer = ctl_daemon_status(c);

	return json_incref(json_object_get(answer, "links"));
}
