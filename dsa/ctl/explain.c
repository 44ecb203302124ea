/* SPDX-License-Identifier: MIT */
/* explain: why an object is, or is not, in the other address list. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/explain_html.h"
#include "dsa/ctl/shown.h"

#define USAGE "explain WHO [ATTRIBUTE] [--html] [--link LINK]"

static void
print_line(const char *what, const char *text)
{
	if (*text)
		(void)printf("  %-12s %s\n", what, text);
}

/* ---- one object ---- */

static void
print_object(const json_t *a)
{
	const json_t *hit = json_array_get(json_object_get(a, "hits"), 0);
	const json_t *scope = json_object_get(a, "scope");
	const json_t *c = json_object_get(a, "counterpart");

	(void)printf("  %-12s %s, in %s\n", "object", text_of(hit, "dn"), text_of(hit, "forest"));
	(void)printf("  %-12s %s %s, link %s\n", "", text_of(hit, "kind"), text_of(hit, "guid"),
	    text_of(a, "link"));
	print_line("scope", text_of(scope, "why"));
	if (!json_is_object(c))
		return;
	(void)printf("  %-12s %s\n", "counterpart", text_of(c, "dn"));
	(void)printf("  %-12s %s%s%s%s\n", "", text_of(c, "shape"),
	    json_is_true(json_object_get(c, "created")) ? ", galsync's own" : ", matched",
	    *text_of(c, "rule") ? ", by " : "", text_of(c, "rule"));
	print_line("evidence", text_of(c, "evidence"));
}

static void
print_names(const json_t *a)
{
	const json_t *n = json_object_get(a, "names");

	if (!json_is_object(n))
		return;
	print_line("name", text_of(n, "rdn"));
	print_line("account", text_of(n, "sam_account_name"));
	print_line("", text_of(n, "user_principal_name"));
}

static void
print_conflict(const json_t *a)
{
	const json_t *x = json_object_get(a, "conflict");
	const json_t *candidates = json_object_get(x, "candidates");

	if (!json_is_object(x))
		return;
	(void)printf("  %-12s %s: %s\n", "conflict", text_of(x, "reason"), text_of(x, "what"));
	for (size_t i = 0; i < json_array_size(candidates); i++)
		(void)printf("  %-12s %s\n", i ? "" : "with",
		    shown(json_string_value(json_array_get(candidates, i))));
	print_line("help", text_of(x, "help"));
}

static void
print_resolved(const json_t *a)
{
	const json_t *x = json_object_get(a, "resolved");
	const char *target = text_of(x, "target_dn");

	if (!json_is_object(x))
		return;
	(void)printf("  %-12s %s%s%s, by user %lld, %s\n", "resolved", text_of(x, "resolution"),
	    *target ? " " : "", target, number_of(x, "by"), time_of(x, "at"));
}

static void
print_record(const json_t *a)
{
	const json_t *r = json_object_get(a, "record");

	if (!json_is_object(r))
		return;
	(void)printf(
	    "  %-12s %s, active side %s\n", "state", text_of(r, "state"), text_of(r, "active"));
	print_line("last written", time_of(r, "synced_at"));
	print_line("switched", time_of(r, "switched_at"));
	print_line("problem", text_of(r, "last_error"));
	print_line("left", time_of(a, "left"));
}

static void
print_held(const json_t *a)
{
	const json_t *held = json_object_get(a, "held"), *w = json_object_get(a, "wave"),
		     *r = json_object_get(a, "retry"), *client = json_object_get(a, "client");

	for (size_t i = 0; i < json_array_size(held); i++) {
		const json_t *h = json_array_get(held, i);
		const char *since = time_of(h, "since");

		(void)printf("  %-12s limits.%s%s%s\n", text_of(h, "verdict"), text_of(h, "limit"),
		    *since ? " since " : "", since);
	}
	if (json_is_object(w))
		(void)printf("  %-12s %lld, %s at %s\n", "wave", number_of(w, "id"),
		    json_is_true(json_object_get(w, "undo")) ? "back to the source" : "a switch",
		    time_of(w, "at"));
	if (json_is_object(client))
		(void)printf("  %-12s %s%s%s%s%s\n", "client",
		    *text_of(client, "result") ? text_of(client, "result")
					       : "nothing since the switch",
		    *text_of(client, "at") ? ", " : "", time_of(client, "at"),
		    json_is_true(json_object_get(client, "done")) ? ", done" : "",
		    json_is_true(json_object_get(client, "several")) ? ", on several machines"
								     : "");
	if (json_is_object(r))
		(void)printf("  %-12s %lld attempts, again at %s: %s\n", "refused",
		    number_of(r, "attempts"), time_of(r, "next"), text_of(r, "why"));
}

static void
print_texts(const char *what, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		(void)printf("  %-12s %s\n", i ? "" : what,
		    shown(json_string_value(json_array_get(list, i))));
}

static void
print_changes(const json_t *a)
{
	const json_t *list = json_object_get(a, "changes");
	const json_t *waiting = json_object_get(a, "waiting");
	long long others = number_of(a, "others");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);

		(void)printf("  %-12s %s in %s (%s)%s: %s\n", i ? "" : "next cycle",
		    text_of(c, "op"), text_of(c, "forest"), text_of(c, "reason"),
		    json_is_true(json_object_get(c, "held")) ? ", held" : "",
		    text_of(c, "attributes"));
	}
	if (others)
		(void)printf(
		    "  %-12s %lld other object%s\n", "with it", others, others == 1 ? "" : "s");
	for (size_t i = 0; i < json_array_size(waiting); i++)
		(void)printf("  %-12s %s: %s\n", i ? "" : "waits",
		    text_of(json_array_get(waiting, i), "attribute"),
		    text_of(json_array_get(waiting, i), "dn"));
}

/* ---- attributes ---- */

static void
print_values(const char *what, const json_t *values)
{
	for (size_t i = 0; i < json_array_size(values); i++)
		(void)printf("    %-10s %s\n", i ? "" : what,
		    shown(json_string_value(json_array_get(values, i))));
	if (!json_array_size(values))
		(void)printf("    %-10s -\n", what);
}

static void
print_written(const json_t *row)
{
	const json_t *w = json_object_get(row, "written");
	const json_t *ours = json_object_get(row, "ours");

	if (json_is_object(w))
		(void)printf("    %-10s %s, cycle %lld, %s, on %s%s%s%s%s\n", "written",
		    time_of(w, "at"), number_of(w, "cycle"), text_of(w, "reason"),
		    text_of(w, "server"), strcmp(text_of(w, "outcome"), "done") == 0 ? "" : ": ",
		    strcmp(text_of(w, "outcome"), "done") == 0 ? "" : text_of(w, "outcome"),
		    *text_of(w, "error") ? ": " : "", text_of(w, "error"));
	if (json_is_boolean(ours))
		(void)printf("    %-10s %s\n", "values",
		    json_is_true(ours) ? "galsync wrote them"
				       : "galsync did not write all of them");
}

static void
print_row(const json_t *row)
{
	json_t *source = json_object_get(row, "source"), *target = json_object_get(row, "target");
	const json_t *after = json_object_get(row, "after");
	const char *how = text_of(row, "how");

	(void)printf("  %s: %s\n", text_of(row, "attribute"), text_of(row, "text"));
	if (json_equal(source, target) && json_array_size(source)) {
		print_values("both", source);
	} else {
		print_values("source", source);
		print_values("target", target);
	}
	if (strstr(text_of(row, "text"), "next cycle"))
		print_values("then", after);
	if (*how)
		(void)printf("    %-10s %s, from %s; %s; on matched %s; authority %s; in %s\n",
		    "row", how, text_of(row, "from"), text_of(row, "when"), text_of(row, "matched"),
		    text_of(row, "authority"), text_of(row, "forest"));
	print_written(row);
}

/* Where nothing is written, an attribute says nothing that was not said. */
static bool
is_written(const json_t *a)
{
	static const char *const none[] = {"out", "gone", "conflict", "nothing", "no-flow"};

	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (strcmp(text_of(a, "verdict"), none[i]) == 0)
			return false;
	return true;
}

static void
print_rows(const json_t *a, bool asked)
{
	const json_t *rows = json_object_get(a, "attributes");

	if (!json_array_size(rows) || !(asked || is_written(a)))
		return;
	(void)puts("attributes:");
	for (size_t i = 0; i < json_array_size(rows); i++)
		print_row(json_array_get(rows, i));
}

static void
print_hits(const json_t *a)
{
	const json_t *hits = json_object_get(a, "hits");

	for (size_t i = 0; i < json_array_size(hits); i++) {
		const json_t *h = json_array_get(hits, i);

		(void)printf("  %s  %-8s %s  %s, in %s\n", text_of(h, "guid"), text_of(h, "kind"),
		    text_of(h, "name"), text_of(h, "dn"), text_of(h, "forest"));
	}
}

static void
print_answer(const json_t *a, bool asked)
{
	(void)puts(text_of(a, "sentence"));
	if (json_array_size(json_object_get(a, "hits")) != 1) {
		print_hits(a);
		return;
	}
	print_object(a);
	print_names(a);
	print_conflict(a);
	print_resolved(a);
	print_record(a);
	print_held(a);
	print_changes(a);
	print_texts("notes", json_object_get(a, "notes"));
	print_texts("decided", json_object_get(a, "decisions"));
	print_rows(a, asked);
}

/* One is an answer; of several it is to be said which. */
static enum ctl_status
status_of(const json_t *a)
{
	size_t n = json_array_size(json_object_get(a, "hits"));

	if (n != 1)
		return n ? CTL_USAGE : CTL_FAILED;
	return (enum ctl_status)number_of(a, "status");
}

struct asked {
	const char *who, *attribute, *link;
	bool html;
};

static bool
read_args(int argc, char **argv, struct asked *ret)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--link") == 0 && i + 1 < argc && !ret->link)
			ret->link = argv[++i];
		else if (strcmp(argv[i], "--html") == 0)
			ret->html = true;
		else if (argv[i][0] != '-' && !ret->who)
			ret->who = argv[i];
		else if (argv[i][0] != '-' && !ret->attribute)
			ret->attribute = argv[i];
		else
			return false;
	}
	return ret->who != NULL;
}

enum ctl_status
ctl_verb_explain(struct ctl *c, int argc, char **argv)
{
	_cleanup_(json_release) json_t *answer = NULL;
	struct asked asked = {.html = false};
	enum ctl_status status;
	json_t *o;

	if (!read_args(argc, argv, &asked) || (asked.html && c->json))
		return ctl_usage(USAGE);
	o = ctl_request("explain", asked.link);
	json_put_member(&o, "who", json_string(asked.who));
	if (asked.attribute)
		json_put_member(&o, "attribute", json_string(asked.attribute));
	status = ctl_ask(c, o, &answer);
	if (status != CTL_DONE)
		return status;
	if (c->json) {
		if (ctl_print_json(json_incref(answer)) != CTL_DONE)
			return CTL_FAILED;
	} else if (asked.html) {
		explain_html(answer, stdout);
	} else {
		print_answer(answer, asked.attribute != NULL);
	}
	return status_of(answer);
}
