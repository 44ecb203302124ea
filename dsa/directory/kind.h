/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_KIND_H
#define GALSYNC_DIRECTORY_KIND_H

/*
 * What sort of recipient an entry is. The kind follows from objectClass; the flavour of a user
 * from msExchRecipientTypeDetails, msExchMasterAccountSid and userAccountControl.
 */

#include <stdbool.h>

#include "dsa/directory/entry.h"

enum kind {
	KIND_OTHER, /* no recipient: computers, OUs, ... */
	KIND_USER,
	KIND_CONTACT,
	KIND_GROUP,
	KIND_DYNAMIC_GROUP,
	KIND_PUBLIC_FOLDER,
	KIND_MAX
};

#define KIND_BIT(k) (1U << (k))

/* msExchRecipientTypeDetails of mailboxes in a tenant. */
#define REMOTE_USER_MAILBOX (INT64_C(1) << 31)
#define REMOTE_ROOM_MAILBOX (INT64_C(1) << 33)
#define REMOTE_EQUIPMENT_MAILBOX (INT64_C(1) << 34)
#define REMOTE_SHARED_MAILBOX (INT64_C(1) << 35)

/* userAccountControl bits (MS-ADTS 2.2.16). */
#define UAC_ACCOUNTDISABLE 0x2
#define UAC_NORMAL_ACCOUNT 0x200

/* "user", "contact", "group", "dynamic-group", "public-folder", "other". */
const char *kind_name(enum kind k);
/* KIND_OTHER if the name is unknown. */
enum kind kind_from_name(const char *name);
enum kind kind_of(const struct entry *e);
/* True if a mailbox belongs to the user: it has homeMDB or msExchHomeServerName. */
bool kind_has_mailbox(const struct entry *e);
/* True if the user has a mailbox in the tenant of a hybrid organization: it is a remote mailbox, by
 * msExchRecipientTypeDetails, and has none here. */
bool kind_is_remote_mailbox(const struct entry *e);
/* True if Exchange has finished the recipient: Update-Recipient put it into an address list. */
bool kind_is_finished(const struct entry *e);
/* True if the account is disabled (ACCOUNTDISABLE). False for what is no account. */
bool kind_is_disabled(const struct entry *e);

#endif
