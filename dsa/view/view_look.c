/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_look.h"

#include "dsa/base/json.h"

void
view_look_init(struct view_look *v, size_t most)
{
	*v = (struct view_look){.results = json_array(), .most = most};
}

void
view_look_done(struct view_look *v)
{
	json_decref(TAKE(v->results));
}

static json_t *
checks_json(const struct turn_looked *l)
{
	json_t *o = json_object();

	for (size_t i = 0; i < TURN_NEEDS; i++)
		json_put_member(&o, turn_need_name(i),
		    !l->need[i].asked ? json_null()
		    : l->need[i].ok   ? json_true()
				      : json_of_text(l->need[i].why));
	return o;
}

int
view_look_looked(const struct turn_looked *l, void *arg, struct err *err)
{
	struct view_look *v = arg;
	char guid[GUID_TEXT_SIZE];
	json_t *o;

	v->checked++;
	v->broken += !l->ok;
	v->already += l->already;
	/* The one half of the room is for those that are broken. */
	if (json_array_size(v->results) >= (l->ok ? v->most / 2 : v->most)) {
		v->unlisted++;
		return 0;
	}
	guid_format(l->source, guid);
	o = json_object();
	json_put_member(&o, "guid", json_string(guid));
	json_put_member(&o, "dn", json_of_text(l->dn));
	json_put_member(&o, "ok", json_boolean(l->ok));
	json_put_member(&o, "text", json_of_text(l->remark));
	json_put_member(&o, "checks", checks_json(l));
	json_add_item(&v->results, o);
	return v->results ? 0 : err_nomem(err);
}

json_t *
view_look(struct view_look *v, enum turn turn)
{
	json_t *o = json_object();

	json_put_member(&o, "turn", json_string(turn == TURN_SWITCH ? "switch" : "undo"));
	json_put_member(&o, "results", TAKE(v->results));
	json_put_member(&o, "checked", json_of_count(v->checked));
	json_put_member(&o, "broken", json_of_count(v->broken));
	json_put_member(&o, "already", json_of_count(v->already));
	json_put_member(&o, "unlisted", json_of_count(v->unlisted));
	return o;
}
