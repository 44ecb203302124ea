/* SPDX-License-Identifier: MIT */
/* undo: takes changes back, by way of the daemon. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/base/str.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/shown.h"

#define USAGE "undo [--plan] [--link LINK] CHANGE | --cycle N | --wave ID | WHO"

static void
print_left(const json_t *left)
{
	for (size_t i = 0; i < json_array_size(left); i++) {
		const json_t *b = json_array_get(left, i);
		const char *attribute = text_of(b, "attribute"), *value = text_of(b, "value");

		(void)printf("  left: %s%s%s%s%s\n", attribute, *value ? " '" : "", value,
		    *value	 ? "': "
		    : *attribute ? ": "
				 : "",
		    text_of(b, "text"));
	}
}

static void
print_answer(const json_t *answer)
{
	const json_t *results = json_object_get(answer, "results");
	const json_t *s = json_object_get(answer, "summary");

	for (size_t i = 0; i < json_array_size(results); i++) {
		const json_t *r = json_array_get(results, i),
			     *left = json_object_get(r, "blockers");
		bool ok = json_is_true(json_object_get(r, "ok"));

		(void)printf("%-7s %s: %s\n",
		    ok	   ? "done"
		    : left ? "LEFT"
			   : "FAILED",
		    text_of(r, "dn"), text_of(r, "text"));
		print_left(left);
	}
	if (number_of(answer, "unlisted"))
		(void)printf(
		    "... and %lld more that are not listed\n", number_of(answer, "unlisted"));
	(void)printf("%lld taken back, %lld left, %lld failed\n", number_of(s, "done"),
	    number_of(s, "left"), number_of(s, "failed"));
}

/* In a plan what is done would be. */
static void
print_plan(const json_t *answer)
{
	(void)puts("nothing is written; it would be:");
	print_answer(answer);
}

struct undo_args {
	const char *link, *who;
	int64_t change, cycle, wave;
	bool plan, wrong;
};

static int64_t
number(const char *text, bool *wrong)
{
	int64_t n = 0;

	*wrong |= !text || !str_to_i64(text, &n) || n < 1;
	return n;
}

static struct undo_args
take_args(int argc, char **argv)
{
	struct undo_args a = {.plan = false};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--plan") == 0)
			a.plan = true;
		else if (strcmp(argv[i], "--link") == 0 && i + 1 < argc && !a.link)
			a.link = argv[++i];
		else if (strcmp(argv[i], "--cycle") == 0 && i + 1 < argc && !a.cycle)
			a.cycle = number(argv[++i], &a.wrong);
		else if (strcmp(argv[i], "--wave") == 0 && i + 1 < argc && !a.wave)
			a.wave = number(argv[++i], &a.wrong);
		else if (argv[i][0] == '-' || a.who)
			a.wrong = true;
		else
			a.who = argv[i];
	}
	/* Who has a number for a name has other names too. */
	if (a.who && str_to_i64(a.who, &a.change) && a.change > 0)
		a.who = NULL;
	else
		a.change = 0;
	a.wrong |= (a.who != NULL) + (a.change > 0) + (a.cycle > 0) + (a.wave > 0) != 1;
	return a;
}

enum ctl_status
ctl_verb_undo(struct ctl *c, int argc, char **argv)
{
	const struct undo_args a = take_args(argc, argv);
	json_t *o;

	if (a.wrong)
		return ctl_usage(USAGE);
	o = ctl_request("undo", a.link);
	if (a.who)
		json_put_member(&o, "object", json_string(a.who));
	else if (a.change)
		json_put_member(&o, "change", json_integer(a.change));
	else if (a.cycle)
		json_put_member(&o, "cycle", json_integer(a.cycle));
	else
		json_put_member(&o, "wave", json_integer(a.wave));
	json_put_member(&o, "dry_run", json_boolean(a.plan));
	return ctl_report(c, o, a.plan ? print_plan : print_answer);
}
