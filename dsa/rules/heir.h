/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_HEIR_H
#define GALSYNC_RULES_HEIR_H

/*
 * A contact gives way to the object that it stood for: its heir, in the same forest. Pure.
 *
 *   the contact                           its heir
 *   a return contact: its stamp names a   the source object that the stamp of that native names:
 *   native, and galsync made it           the native got a real counterpart
 *   one whose stamp names the source      the user or group whose stamp names it too: it became the
 *   object, in the target                 counterpart in the contact's place
 *
 * So what inherits from what is in the directories, and nowhere else. What moves, in this order,
 * each when the one before has moved:
 *
 *   references   each that names the contact: in one write it names the heir instead
 *   addresses    SMTP, and whatever else is no X500 name     a pair of writes: off the contact,
 *   names        X500, and the contact's legacyExchangeDN     onto the heir; nothing between
 *   end          the contact is deleted
 *
 * References go first: as long as anything names the contact, mail by way of that reaches a whole
 * object. Of a pair, the first write keeps what it takes away in the contact's HEIR_MEMO, and the
 * second gives the heir what is there: a process that dies between the two has lost nothing, and
 * the next one reads both objects and goes on from there. Addresses that are an organization's own
 * (redirect domains) are not inherited, nor are those of the native that galsync had given the
 * contact and the native has no more: another object may have them. An address that had been
 * primary becomes a secondary one.
 *
 *   feed -> entry -> match -> [project] -> diff -> plan -> exec -> record
 */

#include "dsa/config/conf.h"
#include "dsa/directory/change.h"
#include "dsa/directory/entry.h"
#include "mapping/record.h"

/* An attribute of every contact of AD, multi-valued and of any length. Values are
 * "galsync:ATTRIBUTE:VALUE"; others stay as they are. */
#define HEIR_MEMO "otherMailbox"
#define HEIR_HIDES "msExchHideFromAddressLists"

/* Number I of the attributes that are written on a contact that gives way, and of those by which
 * others name it; NULL behind the last one. */
const char *heir_attr(size_t i);
const char *heir_reference(size_t i);

struct heir_pair {
	const struct conf_link *link;
	/* As they are now, with what heir_read() names. */
	const struct entry *contact, *heir;
	/* The heir was made for this, and is hidden until it has everything: the names show it. */
	bool shows;
	/* Of a return contact its native as it is now, and the record of the flow that made it;
	 * NULL: not known. */
	const struct entry *native;
	const struct record *back;
};

/* What is to be read of both, but for the stamp: NULL-terminated. */
const char *const *heir_read(void);

/* Is E a return contact of LINK for the native NATIVE? */
bool heir_is_return_contact(
    const struct conf_link *link, const struct entry *e, const struct guid *native);
/* Is E, of the target, a contact that has to give way to the counterpart of SOURCE: of galsync's
 * making, or, with promote_contacts, of whose ever? */
bool heir_is_leftover(
    const struct conf_link *link, const struct entry *e, const struct guid *source);

/* The changes that make what names the contact name the heir, one for each referrer. *RET and each
 * of it is the caller's. */
int heir_references(
    const struct heir_pair *p, struct change ***ret, size_t *ret_n, struct err *err) MUST_CHECK;

enum heir_part { HEIR_ADDRESSES, HEIR_NAMES, HEIR_PARTS };
/* The pair of writes that moves PART: RET[0] takes it off the contact, RET[1] gives it to the heir.
 * Each may be empty, if that is done. The caller's. */
int heir_move(const struct heir_pair *p, enum heir_part part, struct change *ret[2],
    struct err *err) MUST_CHECK;
/* The heir could not be given what is in the memo: the contact gets it back. */
int heir_put_back(const struct heir_pair *p, struct change **ret, struct err *err) MUST_CHECK;

/* The name that CONTACT gets where its heir is to have its own: caller frees, NULL without memory.
 */
char *heir_spare_rdn(const struct entry *contact) MUST_CHECK;

#endif
