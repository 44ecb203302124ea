/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/verbs_resolve.h"

#include <stdlib.h>
#include <string.h>

#include "dsa/daemon/verbs_wait.h"

/* False with C refused. */
static bool
take_decision(
    struct client *c, const json_t *request, enum resolved_as *ret, const char **ret_target)
{
	const json_t *with = json_object_get(request, "with");
	bool create, ignore;

	*ret_target = json_string_value(with);
	if (!verbs_take_flag(c, request, "create", &create) ||
	    !verbs_take_flag(c, request, "ignore", &ignore))
		return false;
	if (with && (!*ret_target || !**ret_target)) {
		client_refuse(c, "\"with\" names an object of the other forest");
		return false;
	}
	*ret = with ? RESOLVED_WITH : create ? RESOLVED_CREATE : RESOLVED_IGNORE;
	if ((with != NULL) + create + ignore == 1)
		return true;
	client_refuse(c, "one of \"with\", \"create\" and \"ignore\" says what becomes of it");
	return false;
}

static void
ask(struct verbs *v, struct client *c, const json_t *request, enum resolved_as as,
    const char *target)
{
	const char *who = json_string_value(json_object_get(request, "object"));
	struct worker *w = verbs_worker(v, c, request);
	char *copy, *copy_of_target;

	if (!w)
		return;
	if (!who || !*who) {
		client_refuse(c, "\"object\" is an address, a name, a DN, a GUID or a SID");
		return;
	}
	copy = strdup(who);
	copy_of_target = target ? strdup(target) : NULL;
	if (!copy || (target && !copy_of_target)) {
		free(copy);
		free(copy_of_target);
		client_refuse(c, "out of memory");
		return;
	}
	verbs_wait_for(
	    c, w, worker_request_resolve(w, client_uid(c), copy, as, copy_of_target), -1);
}

void
verb_conflict_resolve(struct verbs *v, struct client *c, const json_t *request)
{
	enum resolved_as as;
	const char *target;

	if (take_decision(c, request, &as, &target))
		ask(v, c, request, as, target);
}

void
verb_conflict_reopen(struct verbs *v, struct client *c, const json_t *request)
{
	ask(v, c, request, RESOLVED_NOT, NULL);
}
