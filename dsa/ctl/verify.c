/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"

/* Names that all resolve are not called 100 % when one is missing. */
static void
print_replies(const json_t *s)
{
	long long known = number_of(s, "reply_names"),
		  missing = number_of(s, "reply_names_missing");
	long long tenths = known ? (known - missing) * 1000 / known : 1000;

	(void)printf("replyable %lld.%lld %%: %lld names, %lld missing\n", tenths / 10, tenths % 10,
	    known, missing);
}

static void
print_findings(const json_t *answer)
{
	const json_t *results = json_object_get(answer, "results");
	long long unlisted = number_of(answer, "unlisted");

	for (size_t i = 0; i < json_array_size(results); i++) {
		const json_t *r = json_array_get(results, i);

		(void)printf("BROKEN %s: %s object '%s'\n  there:     %s\n  should be: %s\n",
		    text_of(r, "invariant"), text_of(r, "side"), text_of(r, "dn"),
		    text_of(r, "there"), text_of(r, "should_be"));
	}
	if (unlisted)
		(void)printf("... and %lld more that are not listed\n", unlisted);
}

static void
print_summary(const json_t *s)
{
	const char *name;
	json_t *n;

	json_object_foreach(json_object_get(s, "by_invariant"), name, n)(void)
	    printf("%-25s %lld\n", name, (long long)json_integer_value(n));
	print_replies(s);
	(void)printf("%lld correspondences checked in %lld.%03lld s (%lld a second), %lld broken\n",
	    number_of(s, "checked"), number_of(s, "ms") / 1000, number_of(s, "ms") % 1000,
	    number_of(s, "per_second"), number_of(s, "broken"));
	if (number_of(s, "not_written_yet"))
		(void)printf(
		    "%lld are not written to the target yet\n", number_of(s, "not_written_yet"));
}

enum ctl_status
ctl_verb_verify(struct ctl *c, int argc, char **argv)
{
	_cleanup_(json_release) json_t *objects = json_array(), *answer = NULL;
	const char *link;
	enum ctl_status status = ctl_read_args(
	    argc, argv, "verify [--link LINK] [--file FILE] [WHO...]", &link, &objects);
	json_t *o;

	if (status != CTL_DONE)
		return status;
	o = ctl_request("verify", link);
	if (argc > (link ? 3 : 1))
		json_put_member(&o, "objects", TAKE(objects));
	status = ctl_ask(c, o, &answer);
	if (status != CTL_DONE)
		return status;
	if (c->json) {
		if (ctl_print_json(json_incref(answer)) != CTL_DONE)
			return CTL_FAILED;
	} else {
		print_findings(answer);
		print_summary(json_object_get(answer, "summary"));
	}
	return (enum ctl_status)number_of(answer, "status");
}
