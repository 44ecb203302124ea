/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_configuration.h"

#include <stdio.h>

#include "dsa/base/json.h"
#include "dsa/base/str.h"

static const char *const state_names[] = {
    [CONFIGURATION_IN_EFFECT] = "in effect",
    [CONFIGURATION_REFUSED] = "refused",
    [CONFIGURATION_BROKEN] = "broken",
    [CONFIGURATION_VALID] = "valid",
};
_Static_assert(ARRAY_SIZE(state_names) == CONFIGURATION_STATE_MAX, "a name for each state");

const char *
configuration_state_name(enum configuration_state s)
{
	return state_names[s];
}

void
view_configuration_note(struct view_configuration *v, char *const *lines, size_t n)
{
	char more[48] = "";

	if (n > 1)
		(void)snprintf(
		    more, sizeof more, " (and %zu more mistake%s)", n - 1, n > 2 ? "s" : "");
	(void)snprintf(v->error, sizeof v->error, "%.*s%s",
	    n ? (int)utf8_prefix_utf16(bytes_of(lines[0]), 300) : 0, n ? lines[0] : "", more);
}

json_t *
view_configuration(const struct view_configuration *v)
{
	json_t *o = json_object();

	json_put_member(&o, "file", json_of_text(v->file));
	json_put_member(&o, "state", json_of_text(configuration_state_name(v->state)));
	json_put_member(&o, "loaded", json_of_time(v->loaded_at));
	json_put_member(&o, "refused_since", json_of_time(v->refused_at));
	json_put_member(&o, "error", json_of_text(v->error));
	return o;
}
