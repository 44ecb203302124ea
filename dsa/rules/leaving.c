/* SPDX-License-Identifier: MIT */
#include "dsa/rules/leaving.h"

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/kind.h"
#include "mapping/match.h"
#include "redirect/address.h"

#define HIDES "msExchHideFromAddressLists"
#define UAC "userAccountControl"

/* The scope that the source of RECORD was in, or NULL. */
static const struct conf_scope *
last_scope(const struct conf_link *link, const struct record *record)
{
	struct err ignored;
	_cleanup_(free) char *norm = dn_normalize(record->side[SOURCE].dn, &ignored);

	return norm ? scope_find(link, norm, KIND_BIT(record->kind)) : NULL;
}

bool
leaving_deletes_children(const struct conf_link *link, const struct record *record)
{
	const struct conf_scope *s = last_scope(link, record);
	bool all = link->n_scopes > 0;

	if (s)
		return s->delete_children;
	for (size_t i = 0; i < link->n_scopes; i++)
		all &= link->scopes[i].delete_children;
	return all;
}

enum leave_action
leaving_action(const struct conf_link *link, const struct record *record, enum scope_verdict why)
{
	const struct conf_scope *s = last_scope(link, record);
	enum leave_action mildest = LEAVE_DELETE;

	if (why == SCOPE_OURS || why == SCOPE_COUNTERPART)
		return LEAVE_KEEP;
	if (s)
		return s->on_leave;
	for (size_t i = 0; i < link->n_scopes; i++)
		if (link->scopes[i].on_leave < mildest)
			mildest = link->scopes[i].on_leave;
	return mildest;
}

static bool
is_enabled(const struct entry *target)
{
	return entry_get(target, UAC).data && !kind_is_disabled(target);
}

bool
leaving_is_in_use(const struct active_side *a)
{
	const struct active_facts *f = &a->facts;

	return f->mailbox[TARGET] && (a->side == TARGET || f->stamp == WITNESS_TARGET ||
					 f->marker == WITNESS_TARGET || f->map == WITNESS_TARGET);
}

enum leaving
leaving_judge(const struct leaving_facts *f)
{
	if (f->missed)
		return LEAVING_MISSED;
	if (!f->target)
		return f->may_come ? LEAVING_LATER : LEAVING_FORGET;
	if (leaving_is_in_use(&f->active))
		return LEAVING_FINISH;
	if (f->action == LEAVE_KEEP)
		return LEAVING_KEEP;
	if (f->foreign)
		return LEAVING_FOREIGN;
	if (f->action == LEAVE_DELETE && f->record->created && f->gone && !f->children)
		return LEAVING_DELETE;
	if (f->action == LEAVE_DISABLE && f->record->created && is_enabled(f->target))
		return LEAVING_DISABLE;
	return LEAVING_HIDE;
}

const char *
leaving_text(enum leaving l)
{
	static const char *const texts[] = {[LEAVING_MISSED] = "stays, for the source is there",
	    [LEAVING_LATER] = "may be on another server",
	    [LEAVING_FORGET] = "is gone or not its own",
	    [LEAVING_FINISH] = "is in use and stays as it is: it is finished",
	    [LEAVING_KEEP] = "stays as it is",
	    [LEAVING_FOREIGN] = "stays as it is while others use its stamp attribute",
	    [LEAVING_HIDE] = "is hidden from the address lists",
	    [LEAVING_DISABLE] = "is disabled and hidden from the address lists",
	    [LEAVING_DELETE] = "is deleted"};

	_Static_assert(ARRAY_SIZE(texts) == LEAVING_MAX, "a text for each");
	return texts[l];
}

/* As compare-and-set, so that a change of it meanwhile is noticed. */
static int
set(struct change *c, const struct entry *e, const char *attr, const char *value, struct err *err)
{
	const char *now = entry_get_str(e, attr);

	if ((now && change_mod_str(c, MOD_DELETE, attr, now) < 0) ||
	    change_mod_str(c, MOD_ADD, attr, value) < 0)
		return err_nomem(err);
	return 0;
}

static int
disable(struct change *c, const struct entry *e, struct err *err)
{
	_cleanup_(free) char *bits =
	    str_printf("%lld", (long long)(entry_get_i64(e, UAC, 0) | UAC_ACCOUNTDISABLE));

	return bits ? set(c, e, UAC, bits, err) : err_nomem(err);
}

int
leaving_change(enum leaving l, const struct entry *target, struct change **ret, struct err *err)
{
	_cleanup_(change_free) struct change *c = NULL;

	*ret = NULL;
	if (l < LEAVING_HIDE)
		return 0;
	c = change_new(
	    l == LEAVING_DELETE ? CHANGE_DELETE : CHANGE_MODIFY, target->dn, &target->guid);
	if (!c)
		return err_nomem(err);
	if (l != LEAVING_DELETE && !entry_get_bool(target, HIDES) &&
	    set(c, target, HIDES, "TRUE", err) < 0)
		return -1;
	if (l == LEAVING_DISABLE && disable(c, target, err) < 0)
		return -1;
	if (!change_is_empty(c))
		*ret = TAKE(c);
	return 0;
}

/* That galsync has hidden it. */
static uint64_t
hidden_hash(void)
{
	return record_written_hash(HIDES, bytes_of("TRUE"));
}

bool
leaving_lets_go(const struct conf_link *link, enum leaving l, const struct leaving_facts *f)
{
	if (!link->back || !f->gone || f->shared || f->foreign || f->record->ended)
		return false;
	return l == LEAVING_FINISH ||
	       ((l == LEAVING_HIDE || l == LEAVING_KEEP) && !f->record->created);
}

int
leaving_let_go(const struct conf_link *link, enum leaving l, const struct leaving_facts *f,
    struct change *c, struct err *err)
{
	const struct entry *target = f->target;
	const char *attr = link->target->stamp_attribute, *domain = link->source->redirect_domain;
	const char *stamp = entry_get_str(target, attr);
	struct bytes to = entry_get(target, "targetAddress");
	struct stamp ours;

	if (stamp_of(target, attr, &ours) && change_mod_str(c, MOD_DELETE, attr, stamp) < 0)
		return err_nomem(err);
	if (to.data && domain && kind_has_mailbox(target) && address_in_domain(to, domain) &&
	    change_mod(c, MOD_DELETE, "targetAddress", to) < 0)
		return err_nomem(err);
	if (l == LEAVING_FINISH && entry_get_bool(target, HIDES) &&
	    record_was_written(f->record, TARGET, hidden_hash()) &&
	    change_mod_str(c, MOD_DELETE, HIDES, entry_get_str(target, HIDES)) < 0)
		return err_nomem(err);
	return 0;
}

int
leaving_note(enum leaving l, const struct entry *target, struct record *record, struct err *err)
{
	uint64_t hidden = hidden_hash();

	record->state = l == LEAVING_FINISH ? RECORD_FINISHED : RECORD_LEFT;
	if (l == LEAVING_FINISH)
		record->active = TARGET;
	if (target)
		record->side[TARGET].guid = target->guid;
	if ((l != LEAVING_HIDE && l != LEAVING_DISABLE) ||
	    (!record->created && entry_get_bool(target, HIDES)))
		return 0;
	return record_add_written(record, TARGET, &hidden, 1) < 0 ? err_nomem(err) : 0;
}
