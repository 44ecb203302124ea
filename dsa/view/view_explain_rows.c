/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/base/str.h"
#include "dsa/directory/digest.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/table_print.h"
#include "dsa/view/view_explain.h"

/* What a person cannot read is shown by its size and digest. */
#define VALUE_MAX 1024
#define HEX_MAX 32 /* of what is no text: GUIDs, SIDs */
#define VALUES_MAX 100

/* One row, as it is being written down. */
struct showing {
	const struct explaining *e;
	const struct explain_row *row; /* NULL: there is none */
	const char *attr;
	enum side writes;
	struct entry *after;
};

static char *
hex_text(struct bytes v)
{
	struct buf b = {0};

	for (size_t i = 0; i < v.len; i++)
		buf_printf(&b, "%02X", ((const uint8_t *)v.data)[i]);
	return buf_take_str(&b);
}

static json_t *
view_value(struct bytes v)
{
	const char *s = v.data;
	char *text;
	json_t *o;

	if (v.len <= VALUE_MAX && utf8_valid(v) && !memchr(v.data, '\0', v.len))
		return json_of_text(*s == '<' ? dn_strip_extended(s) : s);
	text = v.len <= HEX_MAX ? hex_text(v) : digest_text(v);
	o = text ? json_of_text(text) : NULL;
	free(text);
	return o;
}

static json_t *
view_values(const struct entry *e, const char *attr)
{
	const struct attr *a = e ? entry_find(e, attr) : NULL;
	json_t *list = json_array();

	for (size_t i = 0; a && i < a->n_values && i < VALUES_MAX; i++)
		json_add_item(&list, view_value(a->values[i]));
	if (a && a->n_values > VALUES_MAX) {
		char *more = str_printf("... and %zu more", a->n_values - VALUES_MAX);

		json_add_item(&list, more ? json_of_text(more) : NULL);
		free(more);
	}
	return list;
}

static const struct entry *
object_of(const struct showing *s, enum side side)
{
	return s->e->x.object[side];
}

/* What it is called on SIDE: a row reads from one attribute and writes to another. */
static const char *
name_on(const struct showing *s, enum side side)
{
	const struct row *r = s->row ? &s->row->row : NULL;
	bool copies = r && !r->compute && r->source &&
		      (r->how == ROW_COPY || r->how == ROW_MERGE || r->how == ROW_DN);

	return copies && side != s->writes ? r->source : s->attr;
}

static const struct explaining_written *
find_written(const struct showing *s)
{
	for (size_t i = 0; i < s->e->n_written; i++)
		if (s->e->written[i].side == s->writes &&
		    str_equal_nocase(s->e->written[i].attr, s->attr))
			return &s->e->written[i];
	return NULL;
}

static json_t *
view_written(const struct explaining_written *w)
{
	static const char *const outcomes[] = {[JOURNAL_OPEN] = "unknown",
	    [JOURNAL_DONE] = "done",
	    [JOURNAL_FAILED] = "refused",
	    [JOURNAL_STALE] = "stale"};
	json_t *o;

	if (!w)
		return json_null();
	o = json_object();
	json_put_member(&o, "cycle", json_of_count(w->cycle));
	json_put_member(&o, "number", json_of_count(w->number));
	json_put_member(&o, "at", json_of_time(w->at));
	json_put_member(&o, "reason", json_of_text(w->reason));
	json_put_member(&o, "server", json_of_text(w->server));
	json_put_member(&o, "outcome", json_of_text(outcomes[w->outcome]));
	json_put_member(&o, "error", json_of_text(w->error));
	return o;
}

/* Did galsync write all that is there? */
static json_t *
view_ours(const struct showing *s)
{
	const struct record *r = s->e->x.record;
	const struct entry *e = s->e->x.object[s->writes];
	const struct attr *a = e ? entry_find(e, s->attr) : NULL;
	bool ours = true;

	if (!r || !a || !a->n_values)
		return json_null();
	for (size_t i = 0; i < a->n_values; i++)
		ours &=
		    record_was_written(r, s->writes, record_written_hash(s->attr, a->values[i]));
	return json_boolean(ours);
}

static bool
same_values(const struct attr *x, const struct attr *y)
{
	size_t nx = x ? x->n_values : 0, ny = y ? y->n_values : 0;

	if (nx != ny)
		return false;
	for (size_t i = 0; i < nx; i++)
		if (!attr_has(y, x->values[i], false))
			return false;
	return true;
}

static const char *
waits_for(const struct showing *s)
{
	const struct explain *x = &s->e->x;

	for (size_t i = 0; s->writes == TARGET && i < x->n_steps; i++)
		for (size_t j = 0; j < x->steps[i].step->n_waiting; j++)
			if (str_equal_nocase(x->steps[i].step->waiting[j].attr, s->attr))
				return x->steps[i].step->waiting[j].wanted;
	return NULL;
}

/* Does a step that a limit holds write it? */
static bool
is_held(const struct showing *s)
{
	const struct explain *x = &s->e->x;

	for (size_t i = 0; i < x->n_steps; i++)
		for (size_t j = 0; x->steps[i].held && j < x->steps[i].step->n_changes; j++) {
			const struct plan_change *pc = &x->steps[i].step->changes[j];

			for (size_t k = 0; pc->side == s->writes && k < pc->change->n_mods; k++)
				if (str_equal_nocase(pc->change->mods[k].attr, s->attr))
					return true;
		}
	return false;
}

/* What is left out of the plan of it: members that are to go, a primary address. NULL: nothing. */
static const char *
why_left_out(const struct showing *s)
{
	bool member = str_equal_nocase(s->attr, "member");
	bool address = s->writes == TARGET && (str_equal_nocase(s->attr, "proxyAddresses") ||
						  str_equal_nocase(s->attr, "mail"));
	enum explain_held held = member	   ? s->e->x.held[HELD_MEMBER_REMOVALS]
				 : address ? s->e->x.held[HELD_PRIMARY_CHANGES]
					   : EXPLAIN_FREE;

	if (held == EXPLAIN_HELD)
		return member ? "a limit holds that members are removed"
			      : "a limit holds that the primary address changes";
	if (held == EXPLAIN_REJECTED)
		return member ? "an operator has rejected that members are removed"
			      : "an operator has rejected that the primary address changes";
	return NULL;
}

/* Whether galsync would write it at all, and if not why. NULL: it would. */
static const char *
why_left(const struct showing *s)
{
	const struct explain *x = &s->e->x;

	if (!s->row)
		return "no row of the projection table is about it: galsync leaves it alone";
	if (x->record && x->record->ended)
		return "the coexistence was ended: nothing is written";
	if (!x->read || x->d.verdict != SCOPE_IN)
		return "nothing is written of what is not in scope";
	if (x->d.state == DECIDE_CONFLICT)
		return "nothing is written of what is in conflict";
	if (!decision_has_target(&x->d))
		return "nothing is written";
	if (!s->row->flows && s->row->row.authority == AUTHORITY_NONE)
		return "nothing is written to the mailbox that is in use";
	if (!s->row->flows)
		return "it does not flow in this direction: the other side has the authority";
	return NULL;
}

static void
say_row(const struct showing *s, struct buf *b)
{
	const struct entry *e = s->e->x.object[s->writes];
	const char *why = why_left(s), *waits = waits_for(s), *out = why_left_out(s);
	bool same = same_values(e ? entry_find(e, s->attr) : NULL, entry_find(s->after, s->attr));

	if (why && same)
		buf_add_str(b, why);
	else if (!same)
		buf_add_str(b, "the next cycle writes it");
	else if (is_held(s))
		buf_add_str(b, "a limit holds its change");
	else if (!waits && (why || !out))
		buf_add_str(b, "it is as it should be");
	if (!why && out)
		buf_printf(b, "%s%s", b->len ? "; " : "", out);
	if (waits)
		buf_printf(
		    b, "%sa value waits for a counterpart of '%s'", b->len ? "; " : "", waits);
}

static json_t *
view_row(const struct showing *s)
{
	const struct row *r = s->row ? &s->row->row : NULL;
	const struct conf_link *link = s->e->x.link;
	_cleanup_(buf_done) struct buf text = {0};
	json_t *o = json_object();

	say_row(s, &text);
	json_put_member(&o, "attribute", json_of_text(s->attr));
	json_put_member(&o, "forest",
	    json_of_text(!r ? NULL : (s->writes == SOURCE ? link->source : link->target)->name));
	json_put_member(&o, "source", view_values(object_of(s, SOURCE), name_on(s, SOURCE)));
	json_put_member(&o, "target", view_values(object_of(s, TARGET), name_on(s, TARGET)));
	json_put_member(&o, "after", view_values(s->after, s->attr));
	json_put_member(&o, "how", json_of_text(r ? table_how(r) : NULL));
	json_put_member(&o, "from", json_of_text(r ? table_from(r) : NULL));
	json_put_member(&o, "when", json_of_text(r ? table_when(r) : NULL));
	json_put_member(&o, "matched", json_of_text(r ? table_matched(r) : NULL));
	json_put_member(&o, "authority", json_of_text(r ? table_authority(r) : NULL));
	json_put_member(&o, "flows", json_boolean(s->row && s->row->flows));
	json_put_member(&o, "ours", view_ours(s));
	json_put_member(&o, "written", view_written(find_written(s)));
	json_put_member(&o, "text", text.failed ? NULL : json_of_text((const char *)text.data));
	return o;
}

static bool
has_values(const struct entry *e, const char *attr)
{
	const struct attr *a = e ? entry_find(e, attr) : NULL;

	return a && a->n_values;
}

/* Adds S's attribute, unless it is of no interest: nobody asked for it, and it has no value. */
static int
add_row(struct showing *s, bool asked, json_t **list, struct err *err)
{
	int rc = explain_after(&s->e->x, s->writes, s->attr, &s->after, err);

	if (rc == 0 && !s->after)
		rc = err_nomem(err);
	if (rc == 0 && (asked || has_values(object_of(s, SOURCE), name_on(s, SOURCE)) ||
			   has_values(object_of(s, TARGET), name_on(s, TARGET)) ||
			   has_values(s->after, s->attr)))
		json_add_item(list, view_row(s));
	entry_free(TAKE(s->after));
	return rc;
}

/* Is R about ATTRIBUTE, by its name on either side? NULL: any. */
static bool
is_asked(const struct explain_row *r, const char *attribute)
{
	if (!attribute || str_equal_nocase(r->row.attr, attribute))
		return true;
	return !r->row.compute && r->row.how != ROW_CONSTANT && r->row.source &&
	       str_equal_nocase(r->row.source, attribute);
}

json_t *
view_explain_rows(const struct explaining *e, const char *attribute, struct err *err)
{
	_cleanup_(json_release) json_t *list = json_array();
	size_t n = 0;

	for (size_t i = 0; i < e->x.n_rows; i++) {
		const struct explain_row *r = &e->x.rows[i];
		struct showing s = {e, r, r->row.attr, r->back ? SOURCE : TARGET, NULL};

		/* What may flow back, and does not now, is said by its forward row. */
		if (!is_asked(r, attribute) || (r->back && !r->flows))
			continue;
		n++;
		if (add_row(&s, attribute != NULL, &list, err) < 0)
			return NULL;
	}
	if (!n && attribute) {
		struct showing s = {e, NULL, attribute, TARGET, NULL};

		if (add_row(&s, true, &list, err) < 0)
			return NULL;
	}
	if (!list)
		(void)err_nomem(err);
	return TAKE(list);
}
