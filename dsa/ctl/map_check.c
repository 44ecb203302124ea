/* SPDX-License-Identifier: MIT */
/* map check: is the map whole? Read by this process, while the daemon goes on. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/ctl/ctl.h"
#include "mapping/check.h"
#include "mapping/damage.h"

static void
print_damage(const char *what, void *arg)
{
	(void)arg;
	(void)puts(what);
}

static void
add_damage(const char *what, void *arg)
{
	json_add_item(arg, json_of_text(what));
}

static enum ctl_status
print_json(const struct map_check *n, json_t *damages)
{
	json_t *o = json_object();

	json_put_member(&o, "whole", json_boolean(n->damages == 0));
	json_put_member(&o, "sums", json_boolean(n->sums));
	json_put_member(&o, "records", json_of_count(n->records));
	json_put_member(&o, "journal", json_of_count(n->journal));
	json_put_member(&o, "values", json_of_count(n->values));
	json_put_member(&o, "damages", damages);
	return ctl_print_json(o);
}

enum ctl_status
ctl_verb_map_check(struct ctl *c, int argc, char **argv)
{
	_cleanup_(json_release) json_t *damages = json_array();
	enum ctl_status status = CTL_DONE;
	struct map_check n = {.damages = 0};
	struct err err;

	/* argv[1] is "check". */
	if (argc > 2)
		return ctl_usage("map check: '%s' is not understood", argv[2]);
	if (map_check(c->store, c->json ? add_damage : print_damage, &damages, &n, &err) < 0)
		return ctl_fail(&err);
	if (c->json)
		status = print_json(&n, TAKE(damages));
	else if (!n.damages)
		(void)printf(
		    "the map is whole: %llu records, %llu journal entries, %llu values%s\n",
		    (unsigned long long)n.records, (unsigned long long)n.journal,
		    (unsigned long long)n.values,
		    n.sums ? "" : "; they have no check sums: galsyncd adds them when it starts");
	if (!n.damages)
		return status;
	(void)fprintf(stderr, "galsyncctl: the map is damaged: " DAMAGE_REMEDY "\n");
	return CTL_FAILED;
}
