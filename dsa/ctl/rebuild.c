/* SPDX-License-Identifier: MIT */
/* map rebuild: the map made anew from the directories. */
#include <stdio.h>
#include <string.h>

#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"

static void
print_findings(const json_t *answer)
{
	const json_t *results = json_object_get(answer, "results");
	long long unlisted = number_of(answer, "unlisted");

	for (size_t i = 0; i < json_array_size(results); i++) {
		const json_t *r = json_array_get(results, i);
		const char *source = text_of(r, "source");

		(void)printf("%s: '%s'\n  source object: %s\n", text_of(r, "what"),
		    text_of(r, "target"), *source ? source : text_of(r, "guid"));
	}
	if (unlisted)
		(void)printf("... and %lld more that are not listed\n", unlisted);
}

static void
print_report(const json_t *answer)
{
	const json_t *texts = json_object_get(answer, "texts");
	const char *name;
	json_t *n;

	json_object_foreach(json_object_get(answer, "report"), name, n) if (json_integer_value(n))(
	    void) printf("%-20s %8lld  %s\n", name, (long long)json_integer_value(n),
	    text_of(texts, name));
	json_object_foreach(json_object_get(answer, "by_kind"), name, n)(void)
	    printf("  %-18s %8lld\n", name, (long long)json_integer_value(n));
	(void)puts(json_is_true(json_object_get(answer, "written"))
		       ? "The map is made anew; a full synchronization follows."
		       : "Nothing was written.");
}

static void
print_rebuild(const json_t *answer)
{
	print_findings(answer);
	print_report(answer);
}

enum ctl_status
ctl_verb_rebuild(struct ctl *c, int argc, char **argv)
{
	const char *link = NULL;
	bool plan = false;
	json_t *o;

	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--plan") == 0)
			plan = true;
		else if (argv[i][0] == '-' || link)
			return ctl_usage(
			    "map rebuild [LINK] [--plan]: '%s' is not understood", argv[i]);
		else
			link = argv[i];
	}
	o = ctl_request("map-rebuild", link);
	json_put_member(&o, "plan", json_boolean(plan));
	return ctl_report(c, o, print_rebuild);
}
