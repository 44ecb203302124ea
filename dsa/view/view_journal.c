/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_journal.h"

#include "dsa/base/json.h"

json_t *
view_journal(const struct journal_size *n)
{
	json_t *o = json_object();

	json_put_member(&o, "entries", json_of_count(n->entries));
	json_put_member(&o, "octets", json_of_count(n->octets));
	json_put_member(&o, "oldest", json_of_time(n->oldest));
	return o;
}
