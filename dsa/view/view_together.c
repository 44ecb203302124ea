/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_together.h"

#include <stdlib.h>

#include "dsa/base/json.h"

struct viewing {
	const struct together *t;
	size_t most;
	bool *wanted;	 /* by the first of a set: one in it was asked about */
	size_t *members; /* by the same: that move */
	uint64_t asked, sets, splits, unlisted;
	json_t *mailboxes, *ties;
};

static json_t *
guid_json(const struct guid *g)
{
	char text[GUID_TEXT_SIZE];

	guid_format(g, text);
	return json_of_text(text);
}

static void
add_mailbox(struct viewing *v, size_t i)
{
	const struct together_mailbox *m = &v->t->v[i];
	json_t *o;

	if (!v->t->moves[i] || !v->wanted[v->t->set[i]])
		return;
	v->asked += v->t->asked[i];
	if (json_array_size(v->mailboxes) >= v->most) {
		v->unlisted++;
		return;
	}
	o = json_object();
	json_put_member(&o, "guid", guid_json(&m->guid));
	json_put_member(&o, "dn", json_of_text(m->dn));
	json_put_member(&o, "name", json_of_text(m->name));
	json_put_member(&o, "mail", json_of_text(m->mail));
	json_put_member(&o, "set", json_of_count(v->t->set[i]));
	json_put_member(&o, "asked", json_boolean(v->t->asked[i]));
	json_add_item(&v->mailboxes, o);
}

static void
add_tie(struct viewing *v, const struct together_tie *tie)
{
	const struct together *t = v->t;
	bool split = together_splits(tie, t->moves, t->asked);
	json_t *o;

	if (!t->moves[tie->from] || !t->moves[tie->to] || !v->wanted[t->set[tie->from]])
		return;
	v->splits += split;
	if (json_array_size(v->ties) >= v->most) {
		v->unlisted++;
		return;
	}
	o = json_object();
	json_put_member(&o, "from", guid_json(&t->v[tie->from].guid));
	json_put_member(&o, "to", guid_json(&t->v[tie->to].guid));
	json_put_member(&o, "set", json_of_count(t->set[tie->from]));
	json_put_member(&o, "tie", json_of_text(tie_name(tie->tie)));
	json_put_member(&o, "breaks", json_of_text(tie_breaks(tie->tie)));
	json_put_member(&o, "split", json_boolean(split));
	json_add_item(&v->ties, o);
}

static void
look_at_sets(struct viewing *v)
{
	const struct together *t = v->t;

	for (size_t i = 0; i < t->n; i++) {
		v->wanted[t->set[i]] |= t->moves[i] && t->asked[i];
		v->members[t->set[i]] += t->moves[i];
	}
	for (size_t i = 0; i < t->n; i++)
		v->sets += v->wanted[i] && v->members[i] > 1;
}

json_t *
view_together(const struct together *t, size_t most, bool *ret_split)
{
	_cleanup_(free) bool *wanted = calloc(t->n + 1, sizeof *wanted);
	_cleanup_(free) size_t *members = calloc(t->n + 1, sizeof *members);
	struct viewing v = {.t = t,
	    .most = most,
	    .wanted = wanted,
	    .members = members,
	    .mailboxes = json_array(),
	    .ties = json_array()};
	json_t *o = json_object();

	if (wanted && members) {
		look_at_sets(&v);
		for (size_t i = 0; i < t->n; i++)
			add_mailbox(&v, i);
		for (size_t i = 0; i < t->n_ties; i++)
			add_tie(&v, &t->ties[i]);
	} else {
		json_decref(TAKE(v.mailboxes));
	}
	json_put_member(&o, "asked", json_of_count(v.asked));
	json_put_member(&o, "mailboxes", v.mailboxes);
	json_put_member(&o, "ties", v.ties);
	json_put_member(&o, "sets", json_of_count(v.sets));
	json_put_member(&o, "splits", json_of_count(v.splits));
	json_put_member(&o, "unlisted", json_of_count(v.unlisted));
	*ret_split = v.splits > 0;
	return o;
}
