/* SPDX-License-Identifier: MIT */
#include "dsa/rules/project.h"

#include <stdio.h>

#include "dsa/config/template.h"

/* TARGET is a user without a mailbox, or NULL. What is a recipient of another sort stays that: it
 * is an administrator's to make a remote mailbox of it. */
static enum shape
user_shape(const struct conf_scope *scope, const struct entry *source, const struct entry *target)
{
	if (target && kind_is_remote_mailbox(target))
		return SHAPE_REMOTE_MAILBOX;
	if (!kind_has_mailbox(source))
		return SHAPE_MAIL_USER;
	if (scope->create == CREATE_MAILBOX)
		return SHAPE_MAILBOX;
	return scope->create == CREATE_REMOTE_MAILBOX &&
		       !(target && entry_get(target, "msExchRecipientTypeDetails").data)
		   ? SHAPE_REMOTE_MAILBOX
		   : SHAPE_MAIL_USER;
}

enum shape
project_shape(const struct conf_scope *scope, enum kind kind, const struct entry *source,
    const struct entry *target)
{
	bool contacts = scope->create == CREATE_CONTACT;

	if (target) {
		if (kind_of(target) == KIND_GROUP)
			return SHAPE_GROUP;
		if (kind_of(target) != KIND_USER)
			return SHAPE_CONTACT;
		return kind_has_mailbox(target) ? SHAPE_MAILBOX : user_shape(scope, source, target);
	}
	if (kind == KIND_GROUP && !contacts)
		return SHAPE_GROUP;
	if (kind != KIND_USER || contacts)
		return SHAPE_CONTACT;
	return user_shape(scope, source, NULL);
}

static int
project_links(const struct row *r, const struct project_in *in, project_ref_fn *ref, void *arg,
    struct entry *ret, struct err *err)
{
	const struct attr *a = entry_find(in->source, r->source);

	for (size_t i = 0; a && i < a->n_values; i++) {
		_cleanup_(free) char *dn = NULL;
		int rc = ref(r->attr, a->values[i].data, arg, &dn, err);

		if (rc < 0 || (rc > 0 && entry_add_str(ret, r->attr, dn) < 0))
			return rc < 0 ? -1 : err_nomem(err);
	}
	return 0;
}

static int
add_str(struct entry *e, const char *attr, const char *v, struct err *err)
{
	return entry_add_str(e, attr, v) < 0 ? err_nomem(err) : 0;
}

/* 1: what is there is left as it is. */
static int
project_row(const struct row *r, const struct project_in *in, project_ref_fn *ref, void *arg,
    struct entry *ret, struct err *err)
{
	_cleanup_(free) char *text = NULL;
	const struct attr *a;

	if (r->compute)
		return r->compute(in, ret, err);
	switch (r->how) {
	case ROW_DN: return project_links(r, in, ref, arg, ret, err);
	case ROW_CONSTANT: return add_str(ret, r->attr, r->source, err);
	case ROW_TEMPLATE:
		if (template_expand(r->source, in->source, &text, err) < 0)
			return -1;
		return add_str(ret, r->attr, text, err);
	case ROW_COPY:
	case ROW_MERGE:
		a = entry_find(in->source, r->source);
		for (size_t i = 0; a && i < a->n_values; i++)
			if (entry_add(ret, r->attr, a->values[i]) < 0)
				return err_nomem(err);
		return 0;
	case ROW_REMOVE: break;
	}
	return 0;
}

/* May A be written to the target, whose schema says SA of it? If not, WHY says what it does not
 * take.
 */
static bool
is_admitted(const struct schema_attr *sa, const struct attr *a, char *why, size_t size)
{
	if (sa->single && a->n_values > 1) {
		(void)snprintf(why, size, "%zu values, one is allowed", a->n_values);
		return false;
	}
	for (size_t i = 0; i < a->n_values; i++)
		if (!schema_check_value(sa, a->values[i], why, size))
			return false;
	return true;
}

/* Reports and drops an attribute that the target would refuse. */
static void
drop_invalid(const struct row *r, struct entry *e, project_problem_fn *problem, void *arg)
{
	const struct schema_attr *sa = r->schema;
	const struct attr *a = entry_find(e, r->attr);
	char why[160];

	if (!sa || !a || is_admitted(sa, a, why, sizeof why))
		return;
	(void)problem(r->attr, why, arg);
	entry_remove(e, r->attr);
}

/* Is value I of A one value of the target with another one, which comes first by its octets? */
static bool
is_shadowed(const struct schema_attr *sa, const struct attr *a, size_t i)
{
	for (size_t j = 0; j < a->n_values; j++)
		if (schema_compare(sa, a->values[i], a->values[j]) == SCHEMA_RESPELLED &&
		    bytes_compare(a->values[j], a->values[i]) < 0)
			return true;
	return false;
}

/* The source may have several spellings of what is one value to the target. */
static int
keep_one_spelling(const struct row *r, struct entry *e, struct err *err)
{
	const struct schema_attr *sa = r->schema;
	_cleanup_(entry_free) struct entry *all = NULL;
	const struct attr *a;

	if (!sa || !sa->nocase || r->meet == MEET_ADDRESSES)
		return 0;
	a = entry_find(e, r->attr);
	if (!a || a->n_values < 2)
		return 0;
	if (!(all = entry_dup_attr(e, r->attr)))
		return err_nomem(err);
	entry_remove(e, r->attr);
	a = entry_find(all, r->attr);
	for (size_t i = 0; i < a->n_values; i++)
		if (!is_shadowed(sa, a, i) && entry_add(e, r->attr, a->values[i]) < 0)
			return err_nomem(err);
	return 0;
}

enum side
project_lead(const struct conf_scope *scope, const struct active_side *a)
{
	if (a->side == TARGET || a->facts.mailbox[SOURCE] || a->facts.mailbox[TARGET])
		return a->side;
	return scope->authority;
}

/* Mail to what galsync created must go on arriving, whatever became of its primary address. */
static bool
restores_primary(const struct row *r, const struct project_in *in)
{
	return r->compute == compute_mail && project_lacks_primary(in);
}

bool
project_row_flows(const struct row *r, const struct project_in *in)
{
	bool forth = !in->back;

	switch (r->authority) {
	case AUTHORITY_SOURCE: return forth;
	case AUTHORITY_TARGET: return !forth || !in->target;
	case AUTHORITY_ACTIVE:
		return forth ? in->lead == SOURCE || !in->target || r->lasts ||
				   restores_primary(r, in)
			     : in->lead == TARGET;
	case AUTHORITY_NONE: break;
	}
	return forth && (in->active == SOURCE || !in->target || r->lasts);
}

struct project_in
project_back(const struct project_in *in)
{
	struct project_in b = *in;

	b.source = in->target;
	b.target = in->source;
	b.created = false;
	b.back = true;
	return b;
}

int
project(const struct table *table, const struct project_in *in, unsigned when,
    const struct project_calls *calls, struct entry **ret, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = entry_new("");
	int rc;

	if (!e)
		return err_nomem(err);
	for (size_t i = 0; i < table->n; i++) {
		const struct row *r = &table->rows[i];

		if (!(r->when & when) || !(r->kinds & KIND_BIT(in->kind)) ||
		    !(r->shapes & SHAPE_BIT(in->shape)) || !project_row_flows(r, in))
			continue;
		if (entry_touch(e, r->attr) < 0)
			return err_nomem(err);
		rc = project_row(r, in, calls->ref, calls->arg, e, err);
		if (rc < 0)
			return err_ctx(err, "attribute '%s'", r->attr);
		if (rc == 0 && keep_one_spelling(r, e, err) < 0)
			return -1;
		if (rc > 0)
			entry_remove(e, r->attr);
		else
			drop_invalid(r, e, calls->problem, calls->arg);
	}
	*ret = TAKE(e);
	return 0;
}
