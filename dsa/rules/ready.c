/* SPDX-License-Identifier: MIT */
#include "dsa/rules/ready.h"

bool
ready_is(const struct conf_link *link, const struct entry *source)
{
	const struct attr *a =
	    link->readiness_attribute ? entry_find(source, link->readiness_attribute) : NULL;

	if (!a || a->n_values == 0)
		return false;
	return !link->readiness_value || attr_has(a, bytes_of(link->readiness_value), true);
}

enum ready
ready_judge(bool is_ready, const struct record *record, enum match_method rule, enum side active)
{
	if (!is_ready)
		return record && record->ready_used ? READY_AGAIN : READY_NOTHING;
	if (active == TARGET)
		return READY_NOTHING;
	if (!record)
		return rule == MATCH_STAMP ? READY_USED : READY_SWITCH;
	return record->ready_used ? READY_NOTHING : READY_SWITCH;
}
