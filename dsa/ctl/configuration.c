/* SPDX-License-Identifier: MIT */
/* Part of `status`: does the daemon work by the configuration file as it is? The daemon says what
 * it has loaded and refused; what the file is like now, galsyncctl sees itself. */
#include <stdio.h>
#include <string.h>

#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/view/view_configuration.h"

static bool
is_in(const json_t *configuration, enum configuration_state s)
{
	return strcmp(text_of(configuration, "state"), configuration_state_name(s)) == 0;
}

/* What galsyncctl sees of the file that the daemon, which gave OF (NULL: none answers), has loaded,
 * where that is worse than what the daemon says. */
static json_t *
look_at_file(const struct ctl *c, json_t *of)
{
	struct view_configuration v = {
	    .file = c->file, .state = c->mistakes->n ? CONFIGURATION_BROKEN : CONFIGURATION_VALID};
	_cleanup_(json_release) json_t *own = NULL;

	view_configuration_note(&v, c->mistakes->lines, c->mistakes->n);
	own = view_configuration(&v);
	if (!of)
		return TAKE(own);
	if (own && v.state == CONFIGURATION_BROKEN && is_in(of, CONFIGURATION_IN_EFFECT) &&
	    strcmp(text_of(of, "file"), c->file) == 0) {
		(void)json_object_set(of, "state", json_object_get(own, "state"));
		(void)json_object_set(of, "error", json_object_get(own, "error"));
	}
	return json_incref(of);
}

json_t *
ctl_configuration(const struct ctl *c, const json_t *answer)
{
	json_t *of = json_object_get(answer, "configuration");

	if (c->file)
		return look_at_file(c, of);
	return of ? json_incref(of) : json_null();
}

void
ctl_print_configuration(const json_t *o)
{
	const char *loaded = time_of(o, "loaded");

	if (!json_is_object(o))
		return;
	(void)printf("configuration\n  file           %s\n  state          ", text_of(o, "file"));
	if (is_in(o, CONFIGURATION_REFUSED))
		(void)printf("REFUSED since %s: the one that was loaded %s stays in effect\n",
		    time_of(o, "refused_since"), loaded);
	else if (is_in(o, CONFIGURATION_BROKEN) && *loaded)
		(void)printf("BROKEN: the one that was loaded %s is in effect, but galsyncd cannot "
			     "start again\n",
		    loaded);
	else if (is_in(o, CONFIGURATION_BROKEN))
		(void)puts("BROKEN: galsyncd cannot start");
	else
		(void)printf("%s%s%s\n", text_of(o, "state"), *loaded ? " since " : "", loaded);
	if (*text_of(o, "error"))
		(void)printf("  mistake        %s\n", text_of(o, "error"));
}

bool
ctl_configuration_is_bad(const json_t *o)
{
	return is_in(o, CONFIGURATION_REFUSED) || is_in(o, CONFIGURATION_BROKEN);
}
