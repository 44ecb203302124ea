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
	if (entry_has_class(e, "computer"))
		return KIND_OTHER;
	if (entry_has_class(e, "user"))
		return KIND_USER;
	if (entry_has_class(e, "contact"))
		return KIND_CONTACT;
	if (entry_has_class(e, "group"))
		return KIND_GROUP;
	if (entry_has_class(e, "msExchDynamicDistributionList"))
		return KIND_DYNAMIC_GROUP;
	if (entry_has_class(e, "publicFolder"))
		return KIND_PUBLIC_FOLDER;
	return KIND_OTHER;
}

bool
kind_has_mailbox(const struct entry *e)
{
	return entry_get(e, "homeMDB").data || entry_get(e, "msExchHomeServerName").data;
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
