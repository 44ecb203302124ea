/* SPDX-License-Identifier: MIT */
#include "dsa/directory/kind.h"

#include <string.h>

static const char *const names[] = {
    [KIND_OTHER] = "other",
    [KIND_USER] = "user",
    [KIND_CONTACT] = "contact",
    [KIND_GROUP] = "group",
    [KIND_DYNAMIC_GROUP] = "dynamic-group",
    [KIND_PUBLIC_FOLDER] = "public-folder",
};
_Static_assert(ARRAY_SIZE(names) == KIND_MAX, "a name for each kind");

const char *
kind_name(enum kind k)
{
	return names[k];
}

enum kind
kind_from_name(const char *name)
{
	for (size_t i = KIND_USER; i < KIND_MAX; i++)
		if (strcmp(names[i], name) == 0)
			return (enum kind)i;
	return KIND_OTHER;
}

enum kind
kind_of(const struct entry *e)
{
	/* computer is a subclass of user, so it is looked for first. */
	static const struct {
		const char *name;
		enum kind kind;
	} classes[] = {{"computer", KIND_OTHER}, {"user", KIND_USER}, {"contact", KIND_CONTACT},
	    {"group", KIND_GROUP}, {"msExchDynamicDistributionList", KIND_DYNAMIC_GROUP},
	    {"publicFolder", KIND_PUBLIC_FOLDER}};
	const struct attr *a = entry_find(e, "objectClass");

	for (size_t i = 0; a && i < ARRAY_SIZE(classes); i++)
		if (attr_has(a, bytes_of(classes[i].name), true))
			return classes[i].kind;
	return KIND_OTHER;
}

bool
kind_has_mailbox(const struct entry *e)
{
	return entry_get(e, "homeMDB").data || entry_get(e, "msExchHomeServerName").data;
}

bool
kind_is_remote_mailbox(const struct entry *e)
{
	return !kind_has_mailbox(e) && (entry_get_i64(e, "msExchRecipientTypeDetails", 0) &
					   (REMOTE_USER_MAILBOX | REMOTE_ROOM_MAILBOX |
					       REMOTE_EQUIPMENT_MAILBOX | REMOTE_SHARED_MAILBOX));
}

bool
kind_is_finished(const struct entry *e)
{
	return entry_get(e, "showInAddressBook").data != NULL;
}

bool
kind_is_disabled(const struct entry *e)
{
	return (entry_get_i64(e, "userAccountControl", 0) & UAC_ACCOUNTDISABLE) != 0;
}
