/* SPDX-License-Identifier: MIT */
/* client: tells the daemon what became of a user's profile on a computer. */
#include <stdio.h>
#include <string.h>

#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "mapping/client_report.h"

#define USAGE "client WHO --result ok|failed [--link LINK] [--machine NAME] [--text TEXT]"

/* The member of the request that an option with a value is, or NULL. */
static const char *
member_of(int i, char **argv)
{
	if (strcmp(argv[i], "--result") == 0)
		return "result";
	if (strcmp(argv[i], "--machine") == 0)
		return "machine";
	if (strcmp(argv[i], "--text") == 0)
		return "text";
	return strcmp(argv[i], "--link") == 0 ? "link" : NULL;
}

static enum ctl_status
read_args(int argc, char **argv, json_t **request)
{
	const char *member, *who = NULL, *result;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-' && !who)
			who = argv[i];
		else if ((member = member_of(i, argv)) && i + 1 < argc &&
			 !json_object_get(*request, member))
			json_put_member(request, member, json_of_text(argv[++i]));
		else
			return ctl_usage("client: '%s' is not understood: " USAGE, argv[i]);
	}
	result = json_string_value(json_object_get(*request, "result"));
	if (!who || !result)
		return ctl_usage("client takes WHO and --result: " USAGE);
	if (client_result_from_name(result) == CLIENT_RESULT_MAX)
		return ctl_usage("client: --result is ok or failed, not '%.64s'", result);
	json_put_member(request, "object", json_of_text(who));
	return CTL_DONE;
}

enum ctl_status
ctl_verb_client(struct ctl *c, int argc, char **argv)
{
	_cleanup_(json_release) json_t *request = ctl_request("client", NULL), *answer = NULL;
	enum ctl_status status = read_args(argc, argv, &request);
	const json_t *told;

	if (status != CTL_DONE)
		return status;
	status = ctl_ask(c, TAKE(request), &answer);
	if (status != CTL_DONE)
		return status;
	if (c->json)
		return ctl_print_json(TAKE(answer));
	told = json_object_get(answer, "client");
	(void)puts(json_is_true(json_object_get(told, "done"))
		       ? "noted; the profile is done"
		       : "noted; the profile is not done yet");
	if (json_is_true(json_object_get(told, "several")))
		(void)puts("NOTICE its profile was updated on several machines");
	return CTL_DONE;
}
