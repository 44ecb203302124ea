/* SPDX-License-Identifier: MIT */
#include "dsa/ctl/plan_show.h"

#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dsa/base/csv.h"
#include "dsa/base/str.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/shown.h"
#include "dsa/directory/sid.h"

/* ---- one value ---- */

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcasecmp(s + n - m, end) == 0;
}

static void
add_base64(struct bytes v, struct buf *ret)
{
	const gnutls_datum_t in = {(unsigned char *)(uintptr_t)v.data, (unsigned)v.len};
	gnutls_datum_t out = {NULL, 0};

	if (v.len > UINT32_MAX || gnutls_base64_encode2(&in, &out) < 0) {
		ret->failed = true;
		return;
	}
	buf_add_str(ret, "base64:");
	buf_add(ret, out.data, out.size);
	gnutls_free(out.data);
}

/* V, of ATTR, as people read it. */
static void
add_decoded(const char *attr, struct bytes v, struct buf *ret)
{
	char sid[SID_TEXT_SIZE], guid[GUID_TEXT_SIZE];
	struct guid g;

	if (ends_with(attr, "guid") && guid_from_bytes(v, &g)) {
		guid_format(&g, guid);
		buf_add_str(ret, guid);
	} else if ((ends_with(attr, "sid") || ends_with(attr, "sidHistory")) &&
		   sid_format(v, sid)) {
		buf_add_str(ret, sid);
	} else if (utf8_valid(v) && !memchr(v.len ? v.data : "", '\0', v.len)) {
		buf_add(ret, v.len ? v.data : "", v.len);
	} else {
		add_base64(v, ret);
	}
}

static char *
decode(const char *attr, const struct bytes *v, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	char *text;

	if (v)
		add_decoded(attr, *v, &b);
	text = buf_take_str(&b);
	if (!text)
		(void)err_nomem(err);
	return text;
}

/* ---- what is printed of one change ---- */

struct showing {
	enum plan_show_form form;
	const struct plan_reader *r;
	const struct plan_change *change;
	const char *held;
	bool later; /* it is no change of the plan, but comes after it */
	bool any;   /* a value of the change was shown */
};

static void
print_row(const struct showing *s, const char *const cells[10])
{
	_cleanup_(buf_done) struct buf b = {0};

	(void)s;
	for (size_t i = 0; i < 10; i++)
		csv_add_cell(&b, cells[i], i < 9 ? ',' : '\n');
	if (!b.failed)
		(void)fwrite(b.data, 1, b.len, stdout);
}

static void
print_value_row(const struct showing *s, const char *attr, const char *old, const char *new)
{
	const struct plan_change *pc = s->change;
	const char *const cells[10] = {s->held	  ? "held"
				       : s->later ? "later"
						  : "change",
	    plan_reader_flow(s->r) == SOURCE ? "forward" : "return",
	    plan_reader_forest(s->r, pc->side), pc->change->dn, change_op_name(pc->change->op),
	    pc->reason, attr, old, new, s->held ? s->held : ""};

	print_row(s, cells);
}

static void
print_value_line(const char *attr, const char *old, const char *new, bool has_old, bool has_new)
{
	if (has_old && has_new)
		(void)printf("  %s: '%s' -> '%s'\n", attr, shown(old), shown(new));
	else
		(void)printf(
		    "  %s: %c '%s'\n", attr, has_old ? '-' : '+', shown(has_old ? old : new));
}

/* OLD and NEW may each be NULL: there is none. */
static int
show_value(struct showing *s, const char *attr, const struct bytes *old, const struct bytes *new,
    struct err *err)
{
	_cleanup_(free) char *was = decode(attr, old, err), *is = decode(attr, new, err);

	if (!was || !is)
		return -1;
	s->any = true;
	if (s->form == PLAN_SHOW_CSV)
		print_value_row(s, attr, was, is);
	else
		print_value_line(attr, was, is, old != NULL, new != NULL);
	return 0;
}

static int
show_entry(struct showing *s, const struct entry *e, bool goes, struct err *err)
{
	for (size_t i = 0; e && i < e->n_attrs; i++)
		for (size_t j = 0; j < e->attrs[i].n_values; j++) {
			const struct bytes *v = &e->attrs[i].values[j];

			if (show_value(s, e->attrs[i].name, goes ? v : NULL, goes ? NULL : v, err) <
			    0)
				return -1;
		}
	return 0;
}

static int
show_text(struct showing *s, const char *attr, const char *old, const char *new, struct err *err)
{
	const struct bytes was = bytes_of(old ? old : ""), is = bytes_of(new);

	return show_value(s, attr, old ? &was : NULL, &is, err);
}

static int
show_rename(struct showing *s, const struct change *c, struct err *err)
{
	if (show_text(s, "name", c->dn, c->new_rdn, err) < 0)
		return -1;
	return c->new_parent ? show_text(s, "parent", NULL, c->new_parent, err) : 0;
}

/* The values that a replacement takes away, of BEFORE. */
static int
show_replaced(struct showing *s, const struct mod *m, struct err *err)
{
	const struct attr *a = s->change->before ? entry_find(s->change->before, m->attr) : NULL;

	for (size_t i = 0; a && i < a->n_values; i++)
		if (show_value(s, m->attr, &a->values[i], NULL, err) < 0)
			return -1;
	return 0;
}

static int
show_mod(struct showing *s, const struct mod *m, struct err *err)
{
	if (m->op == MOD_REPLACE && show_replaced(s, m, err) < 0)
		return -1;
	for (size_t i = 0; i < m->n_values; i++) {
		const struct bytes *v = &m->values[i];
		bool goes = m->op == MOD_DELETE;

		if (show_value(s, m->attr, goes ? v : NULL, goes ? NULL : v, err) < 0)
			return -1;
	}
	return 0;
}

/* Is one value put in the place of another? */
static bool
is_pair(const struct mod *m, const struct mod *next)
{
	return m->op == MOD_DELETE && next->op == MOD_ADD && m->n_values == 1 &&
	       next->n_values == 1 && str_equal_nocase(m->attr, next->attr);
}

static int
show_mods(struct showing *s, const struct change *c, struct err *err)
{
	for (size_t i = 0; i < c->n_mods; i++) {
		const struct mod *m = &c->mods[i];

		if (i + 1 < c->n_mods && is_pair(m, m + 1)) {
			if (show_value(s, m->attr, m->values, m[1].values, err) < 0)
				return -1;
			i++;
		} else if (show_mod(s, m, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
show_values(struct showing *s, struct err *err)
{
	const struct change *c = s->change->change;

	switch (c->op) {
	case CHANGE_ADD: return show_entry(s, c->entry, false, err);
	case CHANGE_MODIFY: return show_mods(s, c, err);
	case CHANGE_RENAME: return show_rename(s, c, err);
	case CHANGE_DELETE: return show_entry(s, s->change->before, true, err);
	}
	return 0;
}

static int
show_change(struct showing *s, struct err *err)
{
	const struct plan_change *pc = s->change;

	if (s->form == PLAN_SHOW_DIFF && s->held)
		(void)printf("held (limits.%s): ", s->held);
	if (s->form == PLAN_SHOW_DIFF && s->later)
		(void)printf("later: ");
	if (s->form == PLAN_SHOW_DIFF)
		(void)printf("%s '%s' in %s: %s\n", change_op_name(pc->change->op),
		    shown(pc->change->dn), shown(plan_reader_forest(s->r, pc->side)),
		    shown(pc->reason));
	s->any = false;
	if (show_values(s, err) < 0)
		return -1;
	if (s->form == PLAN_SHOW_CSV && !s->any)
		print_value_row(s, "", "", "");
	return 0;
}

/* ---- the other lines ---- */

static void
print_remark(const struct showing *s, const char *record, const char *dn, const char *reason,
    const char *text)
{
	const char *const cells[10] = {record,
	    plan_reader_flow(s->r) == SOURCE ? "forward" : "return", "", dn, "", reason, "", "", "",
	    text};

	if (s->form == PLAN_SHOW_CSV)
		print_row(s, cells);
	else
		(void)printf("# %s%s%s%s: '%s'%s%s\n", record, *reason ? " (" : "", shown(reason),
		    *reason ? ")" : "", shown(dn), *text ? ": " : "", shown(text));
}

static int
show_conflict(const struct showing *s, const json_t *x, struct err *err)
{
	const json_t *candidates = json_object_get(x, "candidates");
	_cleanup_(buf_done) struct buf b = {0};

	buf_add_str(&b, json_string_value(json_object_get(x, "what")));
	for (size_t i = 0; i < json_array_size(candidates); i++)
		buf_printf(&b, "%s'%s'", i ? " and " : ": ",
		    json_string_value(json_array_get(candidates, i)));
	if (b.failed)
		return err_nomem(err);
	print_remark(s, "conflict", json_string_value(json_object_get(x, "source_dn")),
	    json_string_value(json_object_get(x, "reason")), (const char *)b.data);
	return 0;
}

static int
show_step(struct showing *s, const struct plan_step *step, struct err *err)
{
	for (size_t i = 0; i < step->n_changes; i++) {
		s->change = &step->changes[i];
		if (show_change(s, err) < 0)
			return -1;
	}
	return 0;
}

typedef void count_fn(const char *name, long long n, void *arg);

/* Counts that are not 0, those of groups as "created: mailbox"; no times. */
static void
each_count(const json_t *summary, const char *of, count_fn *fn, void *arg)
{
	const char *key;
	char name[160];
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)summary, key, v)
	{
		(void)snprintf(name, sizeof name, "%s%s%s", of, *of ? ": " : "", key);
		if (json_is_object(v) && strcmp(key, "phase_ms") != 0)
			each_count(v, name, fn, arg);
		else if (json_is_integer(v) && json_integer_value(v))
			fn(name, (long long)json_integer_value(v), arg);
	}
}

static void
count_row(const char *name, long long n, void *arg)
{
	char text[32];
	const char *const cells[10] = {"count", "", "", "", "", name, "", "", "", text};

	(void)snprintf(text, sizeof text, "%lld", n);
	print_row(arg, cells);
}

static void
count_comment(const char *name, long long n, void *arg)
{
	(void)arg;
	(void)printf("# %s %lld\n", shown(name), n);
}

void
plan_show_counts(const json_t *summary)
{
	each_count(summary, "", count_comment, NULL);
}

void
plan_show_begin(enum plan_show_form form)
{
	if (form == PLAN_SHOW_CSV)
		(void)puts("record,flow,forest,dn,operation,reason,attribute,old,new,text");
}

int
plan_show_line(enum plan_show_form form, const struct plan_reader *r, const struct plan_line *l,
    struct err *err)
{
	struct showing s = {
	    .form = form, .r = r, .held = l->held, .later = l->kind == PLAN_LINE_LATER};
	const json_t *x;

	switch (l->kind) {
	case PLAN_LINE_STEP:
	case PLAN_LINE_LATER: return show_step(&s, l->step, err);
	case PLAN_LINE_CONFLICT:
		return show_conflict(&s, json_object_get(l->json, "conflict"), err);
	case PLAN_LINE_HELD:
		x = json_object_get(l->json, "held");
		print_remark(&s, "held", json_string_value(json_object_get(x, "source_dn")),
		    json_string_value(json_object_get(x, "limit")), "");
		return 0;
	case PLAN_LINE_READY:
		print_remark(
		    &s, "ready", json_string_value(json_object_get(l->json, "ready")), "", "");
		return 0;
	case PLAN_LINE_SUMMARY:
		each_count(json_object_get(l->json, "summary"), "",
		    form == PLAN_SHOW_CSV ? count_row : count_comment, &s);
		return 0;
	case PLAN_LINE_HEAD:
	case PLAN_LINE_FLOW:
	case PLAN_LINE_SUM: return 0;
	}
	return 0;
}
