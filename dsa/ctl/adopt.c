/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/shown.h"

#define USAGE "adopt [LINK] [--plan]"

static void
print_names(const json_t *r, const char *side, const char *n)
{
	const json_t *names = json_object_get(r, side);
	long long more = number_of(r, n) - (long long)json_array_size(names);

	for (size_t i = 0; i < json_array_size(names); i++)
		(void)printf(
		    "  %s  %s\n", side, shown(json_string_value(json_array_get(names, i))));
	if (more > 0)
		(void)printf("  %s  ... and %lld more\n", side, more);
}

/* A line for a pair; what is not adopted is named in full. */
static void
print_key(const json_t *r)
{
	const char *verdict = text_of(r, "verdict"), *where = text_of(r, "redirection");
	const json_t *source = json_object_get(r, "source");

	if (!json_is_true(json_object_get(r, "ok"))) {
		(void)printf("NOT ADOPTED %s %s: %s\n", text_of(r, "tool"), text_of(r, "key"),
		    text_of(r, "why"));
		print_names(r, "source", "n_source");
		print_names(r, "target", "n_target");
	} else if (strcmp(verdict, "pair") == 0) {
		(void)printf("%s  active %s, redirection %s\n",
		    shown(json_string_value(json_array_get(source, 0))), text_of(r, "active"),
		    where);
	}
}

static void
print_keys(const json_t *answer)
{
	const json_t *results = json_object_get(answer, "results");
	long long unlisted = number_of(answer, "unlisted");

	for (size_t i = 0; i < json_array_size(results); i++)
		print_key(json_array_get(results, i));
	if (unlisted)
		(void)printf("... and %lld more that are not listed\n", unlisted);
}

static void
print_count(long long n, const char *what)
{
	if (n)
		(void)printf("  %-52s %lld\n", what, n);
}

static void
print_unread(const json_t *s)
{
	print_count(
	    number_of(s, "unreadable_source"), "source objects with a value that is no key");
	print_count(
	    number_of(s, "unreadable_target"), "target objects with a value that is no key");
}

static void
print_summary(const json_t *answer)
{
	const json_t *s = json_object_get(answer, "summary");
	const json_t *by = json_object_get(s, "by_verdict");
	const json_t *r = json_object_get(s, "redirections");
	bool recorded = json_is_true(json_object_get(answer, "recorded"));

	(void)printf("%lld pairs %s: of %lld the source is active, of %lld the target\n",
	    number_of(s, "pairs"), recorded ? "are adopted" : "would be adopted",
	    number_of(s, "source_active"), number_of(s, "target_active"));
	print_count(number_of(by, "known"), "pairs that the map has already");
	print_count(number_of(by, "alone"), "keys without a partner");
	print_count(number_of(by, "several"), "keys that several objects of a side carry");
	print_count(number_of(by, "taken"), "keys with an object of another correspondence");
	print_count(number_of(by, "out"), "keys whose source object is not in scope");
	print_count(number_of(by, "refused"), "keys with an object that may not be a counterpart");
	print_count(number_of(by, "kind"), "keys whose objects are of kinds that do not fit");
	print_count(number_of(by, "stamp"), "keys with a foreign value in the stamp_attribute");
	print_unread(s);
	(void)printf("The next full synchronization %s:\n", recorded ? "writes" : "would write");
	print_count(number_of(s, "stamps"), "stamps of galsync on target objects");
	print_count(number_of(r, "turned"), "redirections, from the tool's domain to galsync's");
	print_count(number_of(r, "set"), "redirections that are missing");
	print_count(number_of(s, "loops"), "loops, which it ends");
	(void)printf("and the addresses of both sides. It leaves:\n");
	print_count(number_of(r, "away"), "redirections to a third place");
	(void)printf("  every value of the tool in its own attributes\n");
}

static void
print_adoption(const json_t *answer)
{
	print_keys(answer);
	print_summary(answer);
}

enum ctl_status
ctl_verb_adopt(struct ctl *c, int argc, char **argv)
{
	const char *link = NULL;
	bool plan = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--plan") == 0)
			plan = true;
		else if (argv[i][0] != '-' && !link)
			link = argv[i];
		else
			return ctl_usage(USAGE);
	}
	return ctl_report(c, ctl_request(plan ? "adopt-plan" : "adopt", link), print_adoption);
}
