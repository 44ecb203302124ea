/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"

#define USAGE                                                                                      \
	"finish [--plan] [--link LINK] [--file FILE] WHO... | --wave ID | LINK | --all [--link "   \
	"LINK]"

/* What the arguments say beside those that name objects. */
struct finish_args {
	bool plan, all;
	const char *wave;
};

/* Takes them out of ARGV; returns how many arguments are left. */
static int
take_args(int argc, char **argv, struct finish_args *ret)
{
	int n = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--plan") == 0)
			ret->plan = true;
		else if (strcmp(argv[i], "--all") == 0)
			ret->all = true;
		else if (strcmp(argv[i], "--wave") == 0 && !ret->wave && i + 1 < argc)
			ret->wave = argv[++i];
		else
			argv[n++] = argv[i];
	}
	return n;
}

static bool
parse_wave(const char *text, long long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(text, &end, 10);
	return !errno && end != text && !*end && *ret > 0;
}

static void
print_blockers(const json_t *blockers)
{
	for (size_t i = 0; i < json_array_size(blockers); i++) {
		const json_t *b = json_array_get(blockers, i);
		const char *attribute = text_of(b, "attribute"), *value = text_of(b, "value");

		(void)printf("  %s: %s\n", text_of(b, "dn"), text_of(b, "text"));
		if (*attribute)
			(void)printf("    %s%s%s\n", attribute, *value ? ": " : "", value);
	}
}

static void
print_results(const json_t *answer, bool plan)
{
	const json_t *results = json_object_get(answer, "results");
	const json_t *s = json_object_get(answer, "summary");

	for (size_t i = 0; i < json_array_size(results); i++) {
		const json_t *r = json_array_get(results, i);
		const json_t *blockers = json_object_get(r, "blockers");
		bool ok = json_is_true(json_object_get(r, "ok"));

		(void)printf("%-7s %s%s%s\n",
		    blockers ? "BLOCKED"
		    : !ok    ? "FAILED"
		    : plan   ? "would"
			     : "done",
		    text_of(r, "dn"), blockers ? "" : ": ", blockers ? "" : text_of(r, "text"));
		print_blockers(blockers);
	}
	if (number_of(answer, "unlisted"))
		(void)printf(
		    "... and %lld more that are not listed\n", number_of(answer, "unlisted"));
	(void)printf("%lld %s, %lld blocked, %lld failed\n", number_of(s, "done"),
	    plan ? "can be finished" : "finished", number_of(s, "blocked"), number_of(s, "failed"));
}

static enum ctl_status
ask_finish(struct ctl *c, json_t *request, bool plan)
{
	_cleanup_(json_release) json_t *answer = NULL;
	enum ctl_status status = ctl_ask(c, request, &answer);

	if (status != CTL_DONE)
		return status;
	if (!c->json)
		print_results(answer, plan);
	else if (ctl_print_json(json_incref(answer)) != CTL_DONE)
		return CTL_FAILED;
	return (enum ctl_status)number_of(answer, "status");
}

enum ctl_status
ctl_verb_finish(struct ctl *c, int argc, char **argv)
{
	_cleanup_(json_release) json_t *objects = json_array();
	struct finish_args a = {.plan = false};
	int n = take_args(argc, argv, &a);
	const char *link;
	long long wave = 0;
	bool named;
	enum ctl_status status = ctl_read_args(n, argv, USAGE, &link, &objects);
	json_t *o;

	if (status != CTL_DONE)
		return status;
	named = json_array_size(objects) > 0;
	/* Where a name is missing not all are meant. */
	if (named + (a.wave != NULL) + a.all != 1 || (a.wave && !parse_wave(a.wave, &wave)))
		return ctl_usage("%s", USAGE);
	o = ctl_request("finish", link);
	if (a.wave)
		json_put_member(&o, "wave", json_integer(wave));
	else if (named)
		json_put_member(&o, "objects", TAKE(objects));
	else
		json_put_member(&o, "all", json_true());
	json_put_member(&o, "dry_run", json_boolean(a.plan));
	return ask_finish(c, o, a.plan);
}
