/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_MATCH_H
#define GALSYNC_MAPPING_MATCH_H

/*
 * Which objects correspond: the pure part. A rule turns a source object into search keys, and a
 * target object into the keys under which it is found; equal keys make a candidate. The rules are
 * asked in the configured order and the first one that finds a candidate decides: exactly one
 * eligible candidate is a match, two are a conflict. A rule never chooses.
 *
 * Keys are 64-bit hashes of (rule, normalized value). A hash that hits is verified by comparing
 * the values themselves (match_verify()), so that a collision of hashes never makes a match.
 *
 *   feed -> entry -> [match] -> project -> diff -> plan -> exec -> record
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/directory/entry.h"
#include "dsa/directory/guid.h"
#include "dsa/directory/kind.h"
#include "mapping/side.h"

enum match_method {
	MATCH_RECORD, /* the map already says so; always asked first, not configurable */
	MATCH_STAMP,
	MATCH_SID_HISTORY,
	MATCH_X500,
	MATCH_MAIL,
	MATCH_SAM,
	MATCH_UPN,
	MATCH_ATTRIBUTE, /* a pair of attributes */
	MATCH_CSV,	 /* a file of pairs */
	MATCH_ADOPT,	 /* another tool's key, approved as a whole; not configurable */
	/* Evidence: what the target object says of the source object (dsa/rules/evidence.h). */
	MATCH_SID_ON_TARGET,
	MATCH_X500_ON_TARGET,
	MATCH_MAIL_ON_TARGET,
	MATCH_METHOD_MAX
};

struct match_rule {
	enum match_method method;
	char *source_attr, *target_attr; /* MATCH_ATTRIBUTE */
	char *csv_file;			 /* MATCH_CSV */
};

/* "record", "stamp", "sid-history", "x500", "mail", "sam-account-name", "user-principal-name",
 * "attribute", "csv", "adopt", "sid-on-target", "x500-on-target", "mail-on-target". */
const char *match_method_name(enum match_method m);
/* Parses a configured rule: a method's name, "attribute:SOURCE=TARGET" ("attribute:NAME" for the
 * same name on both sides) or "csv:FILE". -1 with ERR_CONF that lists what is allowed. RET's
 * strings are owned by the caller (match_rule_done). */
int match_rule_parse(const char *text, struct match_rule *ret, struct err *err) MUST_CHECK;
void match_rule_done(struct match_rule *r);
/* The text form that match_rule_parse() reads; caller frees. */
char *match_rule_format(const struct match_rule *r) MUST_CHECK;

/* What an object is found by. MATCH_KEY_ATTR + i belongs to the i-th configured rule. */
enum match_key {
	MATCH_KEY_STAMP = 1,
	MATCH_KEY_GUID,
	MATCH_KEY_DN,
	MATCH_KEY_SID,
	MATCH_KEY_X500,
	MATCH_KEY_SMTP,
	MATCH_KEY_SAM,
	MATCH_KEY_UPN,
	MATCH_KEY_NAME, /* the folded RDN within its parent */
	/* text_fold_key() of account names: what AD takes for one name, but no rule for a match */
	MATCH_KEY_SAM_FOLDED,
	MATCH_KEY_UPN_FOLDED,
	MATCH_KEY_PRIMARY_GROUP, /* the RID of the group that is its primary one, as text */
	MATCH_KEY_MEMBER,	 /* the normalized DN of a member of a domain local group */
	MATCH_KEY_ATTR = 32
};
/* The hash of VALUE as a key of sort KEY, without regard to ASCII case, in this process: it is
 * never stored. */
uint64_t match_key_hash(unsigned key, struct bytes value);

typedef int match_key_fn(unsigned key, struct bytes value, void *arg);
/* Calls FN with every key under which TARGET can be found by the N rules and by what uniqueness
 * checks need (addresses, X500, sAMAccountName, userPrincipalName). The stamp, GUID, DN, name,
 * folded, primary group and member keys are the caller's business: they need more than the entry's
 * attributes, or are no rule's. A non-zero return of FN ends the walk and is returned. */
int match_target_keys(const struct entry *target, const struct match_rule *rules, size_t n_rules,
    match_key_fn *fn, void *arg);
/* True if TARGET really has VALUE under KEY: hashes collide, and they fold case. EXACT compares
 * octets; else ASCII letters compare without regard to case. */
bool match_verify(const struct entry *target, const struct match_rule *rules, size_t n,
    unsigned key, struct bytes value, bool exact) MUST_CHECK;
/* Calls FN with every key that rule INDEX of RULES looks for on behalf of SOURCE. For the CSV rule
 * the caller looks the source up in the file. sam-account-name finds no groups: who makes one
 * chooses its name. */
int match_source_keys(const struct entry *source, const struct match_rule *rules, size_t index,
    match_key_fn *fn, void *arg);

/* The stamp galsync writes on every target object: "galsync:created:<source GUID>:source", with
 * "matched" if the object was there before, and with "target" once the target's mailbox is the
 * active one. The directory itself so says who corresponds and which mailbox is in use. A stamp
 * without a side is of an older version: it says nothing about the active side. */
struct stamp {
	bool created;
	struct guid source;
	bool has_side;
	enum side active; /* meaningless without has_side */
};
#define STAMP_TEXT_SIZE 64
void stamp_format(const struct stamp *s, char ret[STAMP_TEXT_SIZE]);
/* False if TEXT (may be NULL) is no stamp of galsync. */
bool stamp_parse(const char *text, struct stamp *ret);
/* The same of E's ATTRIBUTE, which has one value. */
bool stamp_of(const struct entry *e, const char *attribute, struct stamp *ret);
/* The first value of E's ATTRIBUTE that is no stamp of galsync, borrowed from E; its data is NULL
 * if there is none. It belongs to others: nothing may take its place. */
struct bytes stamp_foreign(const struct entry *e, const char *attribute);

/* What became of the question "which is SOURCE's counterpart?". */
enum match_verdict {
	MATCH_NONE, /* no candidate: create one */
	MATCH_FOUND,
	MATCH_AMBIGUOUS, /* two or more candidates by the deciding rule */
	MATCH_KIND,	 /* the only candidate is of a kind that cannot be the counterpart */
	MATCH_PROMOTE	 /* the only candidate is a contact in the way of a user */
};
/* Judges the single candidate of a rule. A source user goes with a user; with a contact if
 * AS_CONTACT (users become contacts), else the contact is in the way: MATCH_PROMOTE. A group goes
 * with a group, or with a contact if AS_CONTACT. Everything else goes with contacts only. */
enum match_verdict match_judge(enum kind source, enum kind target, bool as_contact);

#endif
