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

/* Each begins with WORD and its member WHAT. */
static void
print_findings(const json_t *answer, const char *word, const char *what)
{
	const json_t *results = json_object_get(answer, "results");
	long long unlisted = number_of(answer, "unlisted");

	for (size_t i = 0; i < json_array_size(results); i++) {
		const json_t *r = json_array_get(results, i);

		(void)printf("%s %s: %s object '%s'\n  there:     %s\n  should be: %s\n", word,
		    text_of(r, what), text_of(r, "side"), text_of(r, "dn"), text_of(r, "there"),
		    text_of(r, "should_be"));
	}
	if (unlisted)
		(void)printf("... and %lld more that are not listed\n", unlisted);
}

static void
print_counts(const json_t *by)
{
	const char *name;
	json_t *n;

	json_object_foreach((json_t *)(uintptr_t)by, name, n)(void)
	    printf("%-26s %lld\n", name, (long long)json_integer_value(n));
}

static void
print_unwritten(const json_t *s)
{
	if (number_of(s, "not_written_yet"))
		(void)printf(
		    "%lld are not written to the target yet\n", number_of(s, "not_written_yet"));
}

static void
print_summary(const json_t *s)
{
	print_counts(json_object_get(s, "by_invariant"));
	print_replies(s);
	(void)printf("%lld correspondences checked in %lld.%03lld s (%lld a second), %lld broken\n",
	    number_of(s, "checked"), number_of(s, "ms") / 1000, number_of(s, "ms") % 1000,
	    number_of(s, "per_second"), number_of(s, "broken"));
	print_unwritten(s);
	if (number_of(s, "left"))
		(void)printf("%lld left or are finished: only that nothing loops was checked\n",
		    number_of(s, "left"));
}

static void
print_moves(const json_t *s)
{
	print_counts(json_object_get(s, "by_attribute"));
	(void)printf("%lld ready, %lld not\n", number_of(s, "ready"), number_of(s, "not_ready"));
	print_unwritten(s);
}

static void
print_answer(const json_t *answer, bool moves)
{
	const json_t *summary = json_object_get(answer, "summary");

	if (moves) {
		print_findings(answer, "MISSING", "attribute");
		print_moves(summary);
	} else {
		print_findings(answer, "BROKEN", "invariant");
		print_summary(summary);
	}
}

/* Removes --move-ready from the arguments: true if it was there. */
static bool
take_move_ready(int *argc, char **argv)
{
	int n = 1;

	for (int i = 1; i < *argc; i++)
		if (strcmp(argv[i], "--move-ready") != 0)
			argv[n++] = argv[i];
	if (n == *argc)
		return false;
	*argc = n;
	return true;
}

static void
print_verified(const json_t *answer)
{
	print_answer(answer, false);
}

static void
print_move_ready(const json_t *answer)
{
	print_answer(answer, true);
}

enum ctl_status
ctl_verb_verify(struct ctl *c, int argc, char **argv)
{
	_cleanup_(json_release) json_t *objects = json_array();
	bool moves = take_move_ready(&argc, argv);
	const char *link;
	enum ctl_status status = ctl_read_args(argc, argv,
	    "verify [--move-ready] [--link LINK] [--file FILE] [WHO...]", &link, &objects);
	json_t *o;

	if (status != CTL_DONE)
		return status;
	o = ctl_request("verify", link);
	if (argc > (link ? 3 : 1))
		json_put_member(&o, "objects", TAKE(objects));
	if (moves)
		json_put_member(&o, "move_ready", json_true());
	return ctl_report(c, o, moves ? print_move_ready : print_verified);
}
