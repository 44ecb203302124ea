/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/shown.h"

#define USAGE "trace ADDRESS [--from FOREST] [--link LINK]"

/* What a computer of its user reported last. */
static void
print_client(const json_t *client, int indent)
{
	if (!*text_of(client, "result"))
		return;
	(void)printf("%*sits user's profile: %s at %s%s\n", indent, "", text_of(client, "result"),
	    time_of(client, "at"),
	    json_is_true(json_object_get(client, "several")) ? ", from several machines" : "");
}

static void
print_hop(const json_t *hop)
{
	const char *dn = text_of(hop, "dn"), *address = text_of(hop, "address");
	int indent = 2 * (int)number_of(hop, "depth") + 2;

	(void)printf("%*s%s: ", indent, "", text_of(hop, "forest"));
	if (*address)
		(void)printf("%s: ", address);
	if (*dn)
		(void)printf("%s '%s': ", text_of(hop, "kind"), dn);
	(void)printf("%s\n", text_of(hop, "text"));
	print_client(json_object_get(hop, "client"), indent + 2);
}

static void
print_way(const char *address, const json_t *way)
{
	const json_t *hops = json_object_get(way, "hops");
	long long unlisted = number_of(way, "unlisted");
	const char *step, *between = "";
	json_t *n;

	(void)printf("%s sent in %s:\n", shown(address), text_of(way, "from"));
	for (size_t i = 0; i < json_array_size(hops); i++)
		print_hop(json_array_get(hops, i));
	if (!unlisted)
		return;
	(void)printf("  ... and %lld more that are not listed; all together: ", unlisted);
	json_object_foreach(json_object_get(way, "count"), step, n)
	{
		(void)printf("%s%lld %s", between, (long long)json_integer_value(n), step);
		between = ", ";
	}
	(void)putchar('\n');
}

enum ctl_status
ctl_verb_trace(struct ctl *c, int argc, char **argv)
{
	_cleanup_(json_release) json_t *answer = NULL;
	const char *address = NULL, *from = NULL, *link = NULL;
	const json_t *ways;
	enum ctl_status status;
	json_t *o;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--from") == 0 && i + 1 < argc && !from)
			from = argv[++i];
		else if (strcmp(argv[i], "--link") == 0 && i + 1 < argc && !link)
			link = argv[++i];
		else if (argv[i][0] != '-' && !address)
			address = argv[i];
		else
			return ctl_usage(USAGE);
	}
	if (!address)
		return ctl_usage(USAGE);
	o = ctl_request("trace", link);
	json_put_member(&o, "address", json_string(address));
	if (from)
		json_put_member(&o, "from", json_string(from));
	status = ctl_ask(c, o, &answer);
	if (status != CTL_DONE)
		return status;
	if (c->json && ctl_print_json(json_incref(answer)) != CTL_DONE)
		return CTL_FAILED;
	ways = json_object_get(answer, "ways");
	for (size_t i = 0; !c->json && i < json_array_size(ways); i++)
		print_way(address, json_array_get(ways, i));
	return (enum ctl_status)number_of(answer, "status");
}
