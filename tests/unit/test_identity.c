/* SPDX-License-Identifier: MIT */

/* Which objects correspond, once candidates are found. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dsa/rules/identity.h"
#include "tests/support/given.h"

#define STAMP_ATTRIBUTE "extensionAttribute15"
#define OTHER_GUID "22222222-2222-2222-2222-222222222222"
#define STAMP(how, guid) STAMP_ATTRIBUTE ": galsync:" how ":" guid "\n"
#define CREATED STAMP("created", GIVEN_GUID)
#define MATCHED STAMP("matched", GIVEN_GUID)
#define OTHERS STAMP("matched", OTHER_GUID)
#define OTHERS_CREATED STAMP("created", OTHER_GUID)
#define FOREIGN STAMP_ATTRIBUTE ": HR-4711\n"

/* ---- the door ---- */

#define NO_RECIPIENT "it is no recipient"
#define CRITICAL "the directory needs it itself (isCriticalSystemObject)"
#define PRIVILEGED "it is privileged (adminCount)"
#define OWN "it is the account of galsync itself, or a group of it"
#define NEEDED(v) "isCriticalSystemObject: " v "\n"

static const struct {
	const char *object, *want;
} refusals[] = {
    {THERE("user", "Ann", ""), NULL},
    {THERE("contact", "Ann", ""), NULL},
    {THERE("group", "Ann", ""), NULL},
    {THERE("msExchDynamicDistributionList", "Ann", ""), NULL},
    {THERE("publicFolder", "Ann", ""), NULL},
    {THERE("user", "Ann", NEEDED("FALSE")), NULL},
    {THERE("user", "Ann", OTHERS), NULL},
    {THERE("user", "Administrator", NEEDED("TRUE")), CRITICAL},
    {THERE("user", "Administrator", NEEDED("true")), CRITICAL},
    {THERE("group", "Domain Admins", NEEDED("TRUE")), CRITICAL},
    {THERE("user", "PC1", "objectClass: computer\n"), NO_RECIPIENT},
    {THERE("user", "DC1", "objectClass: computer\n" NEEDED("TRUE")), NO_RECIPIENT},
    {THERE("organizationalUnit", "Ann", ""), NO_RECIPIENT},
    {THERE("container", "Users", NEEDED("TRUE")), NO_RECIPIENT},
    {"dn: CN=Ann" GLOBEX "\nmail: ann@acme.example\n", NO_RECIPIENT},
    {THERE("user", "Ann", "adminCount: 1\n"), PRIVILEGED},
    {THERE("group", "Ann", "adminCount: 1\n"), PRIVILEGED},
    {THERE("user", "Ann", "adminCount: 0\n"), NULL},
    {THERE("user", "galsync", "objectSid: S-OWN\n"), OWN},
    {THERE("group", "galsync-accounts", "objectSid: S-ITS-GROUP\n"), OWN},
    {THERE("user", "Ann", "objectSid: S-OTHER\n"), NULL},
};

static void
refused(void **state)
{
	_cleanup_(entry_free) struct entry *root = given_entry("dn: \ntokenGroups: S-OWN\n"
							       "tokenGroups: S-ITS-GROUP\n");
	struct identity_guard guard = {.own_sids = entry_find(root, "tokenGroups")};
	_cleanup_(entry_free) struct entry *ann = given_entry(THERE("user", "Ann", ""));

	(void)state;
	assert_null(identity_refusal(ann, &(struct identity_guard){.privileged = false}));
	assert_string_equal(identity_refusal(ann, &(struct identity_guard){.privileged = true}),
	    "it is in a privileged group");
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		_cleanup_(entry_free) struct entry *e = given_entry(refusals[i].object);

		given_same(i, e->dn, identity_refusal(e, &guard), refusals[i].want);
	}
	given_all_same();
}

/* ---- the only candidate ---- */

static const char *const verdicts[] = {[IDENTITY_MATCHED] = "matched",
    [IDENTITY_PROMOTE] = "promote",
    [IDENTITY_TAKEN] = "taken",
    [IDENTITY_KIND] = "kind",
    [IDENTITY_FOREIGN_STAMP] = "foreign"};

#define USER(extra) "user", extra
#define CARD(extra) "contact", extra
#define TEAM(extra) "group", extra

/* WAS: the record says that galsync created it; BECOMES: and so will the new one. */
static const struct judge_case {
	const char *source;		   /* class */
	const char *target, *target_extra; /* class and lines */
	enum create_as create;
	enum identity_verdict want;
	bool promotes, was, becomes;
} judged_cases[] = {
    {"user", USER(""), CREATE_MAILBOX, .want = IDENTITY_MATCHED},
    {"user", USER(MATCHED), CREATE_MAILBOX, .want = IDENTITY_MATCHED},
    {"user", USER(CREATED), CREATE_MAILBOX, .want = IDENTITY_MATCHED, .becomes = true},
    {"user", USER(""), CREATE_NOTHING, .want = IDENTITY_MATCHED},
    {"user", USER(""), CREATE_CONTACT, .want = IDENTITY_MATCHED},

    /* The record speaks where the stamp does not, and only there. */
    {"user", USER(""), CREATE_MAILBOX, .want = IDENTITY_MATCHED, .was = true, .becomes = true},
    {"user", USER(MATCHED), CREATE_MAILBOX, .want = IDENTITY_MATCHED, .was = true},
    {"user", USER(CREATED), CREATE_MAILBOX, .want = IDENTITY_MATCHED, .was = true, .becomes = true},

    /* A value of others where the stamp belongs, whatever the record says. */
    {"user", USER(FOREIGN), CREATE_MAILBOX, .want = IDENTITY_FOREIGN_STAMP},
    {"user", USER(FOREIGN), CREATE_MAILBOX, .want = IDENTITY_FOREIGN_STAMP, .was = true},
    {"user", USER(FOREIGN), CREATE_NOTHING, .want = IDENTITY_FOREIGN_STAMP},
    {"user", USER(FOREIGN MATCHED), CREATE_MAILBOX, .want = IDENTITY_FOREIGN_STAMP},
    {"user", USER(CREATED FOREIGN), CREATE_MAILBOX, .want = IDENTITY_FOREIGN_STAMP},
    {"user", USER(MATCHED CREATED), CREATE_MAILBOX, .want = IDENTITY_MATCHED},
    {"user", USER(STAMP_ATTRIBUTE ": galsync:created:HR-4711\n"), CREATE_MAILBOX,
	.want = IDENTITY_FOREIGN_STAMP},
    {"user", USER("extensionAttribute14: HR-4711\n"), CREATE_MAILBOX, .want = IDENTITY_MATCHED},
    {"user", CARD(FOREIGN), CREATE_MAILBOX, .want = IDENTITY_FOREIGN_STAMP, .promotes = true},
    {"user", CARD(CREATED FOREIGN), CREATE_MAILBOX, .want = IDENTITY_FOREIGN_STAMP},
    {"user", CARD(FOREIGN), CREATE_CONTACT, .want = IDENTITY_FOREIGN_STAMP},
    {"group", TEAM(FOREIGN), CREATE_MAILBOX, .want = IDENTITY_FOREIGN_STAMP},
    /* What could not be the counterpart without it either keeps its first reason. */
    {"user", CARD(FOREIGN), CREATE_MAILBOX, .want = IDENTITY_KIND},
    {"user", TEAM(FOREIGN), CREATE_MAILBOX, .want = IDENTITY_KIND},
    {"user", USER(OTHERS FOREIGN), CREATE_MAILBOX, .want = IDENTITY_TAKEN},

    /* A stamp of another source object, whatever else is so. */
    {"user", USER(OTHERS), CREATE_MAILBOX, .want = IDENTITY_TAKEN},
    {"user", USER(OTHERS_CREATED), CREATE_MAILBOX, .want = IDENTITY_TAKEN, .was = true},
    {"user", CARD(OTHERS), CREATE_MAILBOX, .want = IDENTITY_TAKEN, .promotes = true},
    {"user", CARD(OTHERS), CREATE_CONTACT, .want = IDENTITY_TAKEN},
    {"user", TEAM(OTHERS), CREATE_MAILBOX, .want = IDENTITY_TAKEN},

    /* A contact in the way of a group: galsync's own, made for that group. */
    {"group", CARD(CREATED), CREATE_MAILBOX, .want = IDENTITY_PROMOTE, .becomes = true},
    {"group", CARD(""), CREATE_MAILBOX, .want = IDENTITY_KIND},
    {"group", CARD(""), CREATE_MAILBOX, .want = IDENTITY_KIND, .promotes = true},
    {"group", CARD(MATCHED), CREATE_MAILBOX, .want = IDENTITY_KIND, .promotes = true},
    {"group", CARD(OTHERS_CREATED), CREATE_MAILBOX, .want = IDENTITY_TAKEN},
    {"group", CARD(CREATED), CREATE_CONTACT, .want = IDENTITY_MATCHED, .becomes = true},
    {"group", USER(CREATED), CREATE_MAILBOX, .want = IDENTITY_KIND},

    /* A contact in the way of a user. */
    {"user", CARD(""), CREATE_MAILBOX, .want = IDENTITY_KIND},
    {"user", CARD(""), CREATE_MAIL_USER, .want = IDENTITY_KIND, .was = true},
    {"user", CARD(MATCHED), CREATE_MAILBOX, .want = IDENTITY_KIND},
    {"user", CARD(""), CREATE_MAILBOX, .want = IDENTITY_PROMOTE, .promotes = true, .becomes = true},
    {"user", CARD(MATCHED), CREATE_MAILBOX, .want = IDENTITY_PROMOTE, .promotes = true,
	.becomes = true},
    {"user", CARD(CREATED), CREATE_MAILBOX, .want = IDENTITY_PROMOTE, .becomes = true},
    {"user", CARD(""), CREATE_CONTACT, .want = IDENTITY_MATCHED, .promotes = true},
    {"user", CARD(CREATED), CREATE_CONTACT, .want = IDENTITY_MATCHED, .becomes = true},
    {"user", CARD(""), CREATE_NOTHING, .want = IDENTITY_MATCHED},
    {"user", CARD(MATCHED), CREATE_NOTHING, .want = IDENTITY_MATCHED},
    {"user", CARD(""), CREATE_NOTHING, .want = IDENTITY_PROMOTE, .promotes = true, .becomes = true},

    {"user", TEAM(""), CREATE_MAILBOX, .want = IDENTITY_KIND},
    {"user", TEAM(""), CREATE_MAILBOX, .want = IDENTITY_KIND, .promotes = true, .was = true},
    {"user", TEAM(CREATED), CREATE_CONTACT, .want = IDENTITY_KIND},
    {"group", TEAM(""), CREATE_MAILBOX, .want = IDENTITY_MATCHED},
    {"group", TEAM(CREATED), CREATE_CONTACT, .want = IDENTITY_MATCHED, .becomes = true},
    {"group", CARD(""), CREATE_MAILBOX, .want = IDENTITY_KIND, .promotes = true},
    {"group", CARD(""), CREATE_CONTACT, .want = IDENTITY_MATCHED},
    {"group", USER(""), CREATE_MAILBOX, .want = IDENTITY_KIND},
    {"contact", CARD(""), CREATE_MAILBOX, .want = IDENTITY_MATCHED},
    {"contact", USER(""), CREATE_MAILBOX, .want = IDENTITY_KIND},
    {"contact", TEAM(""), CREATE_CONTACT, .want = IDENTITY_KIND},
    {"msExchDynamicDistributionList", CARD(""), CREATE_MAILBOX, .want = IDENTITY_MATCHED},
    {"publicFolder", CARD(""), CREATE_MAILBOX, .want = IDENTITY_MATCHED},
    {"publicFolder", "publicFolder", "", CREATE_MAILBOX, .want = IDENTITY_KIND},
};

static struct entry *
of_class(const char *class_name, const char *extra)
{
	_cleanup_(buf_done) struct buf b = {0};

	buf_printf(&b, "dn: CN=Ann" GLOBEX "\nobjectClass: %s\n%s", class_name, extra);
	assert_false(b.failed);
	return given_entry((const char *)b.data);
}

static void
judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(judged_cases); i++) {
		const struct judge_case *c = &judged_cases[i];
		_cleanup_(entry_free) struct entry *source = of_class(c->source, "");
		_cleanup_(entry_free) struct entry *target = of_class(c->target, c->target_extra);
		const struct identity_in in = {.source = source,
		    .target = target,
		    .stamp_attribute = STAMP_ATTRIBUTE,
		    .create = c->create,
		    .promote_contacts = c->promotes,
		    .was_created = c->was};
		bool created = !c->becomes;

		given_same(
		    i, c->source, verdicts[identity_judge(&in, &created)], verdicts[c->want]);
		given_same(i, "created", created ? "yes" : "no", c->becomes ? "yes" : "no");
	}
	given_all_same();
}

/* ---- the recorded counterpart ---- */

#define ALIAS "mailNickname: ann\n"

static const struct belief_case {
	const char *extra; /* of the target object */
	enum record_state state;
	enum match_method rule;
	bool synced, created; /* the record: was synchronized once; galsync created it */
	bool want, becomes;
} beliefs[] = {
    {ALIAS MATCHED, RECORD_SYNCED, .synced = true, .want = true},
    {ALIAS MATCHED, RECORD_SYNCED, .synced = true, .created = true, .want = true},
    {ALIAS CREATED, RECORD_PENDING, .created = true, .want = true},
    {ALIAS OTHERS, RECORD_SYNCED, .synced = true, .created = true, .want = false},
    {OTHERS, RECORD_SYNCED, .synced = true, .created = true, .want = false},

    /* Without a stamp: only intended, or written once. */
    {ALIAS, RECORD_PENDING, .want = false},
    {"", RECORD_PENDING, .created = true, .want = false},
    {ALIAS, RECORD_PENDING, .synced = true, .want = true},
    /* Adopted: approved before anything was written. */
    {ALIAS, RECORD_PENDING, .rule = MATCH_ADOPT, .want = true},
    {ALIAS OTHERS, RECORD_PENDING, .rule = MATCH_ADOPT, .want = false},
    {ALIAS, RECORD_PENDING, .rule = MATCH_ADOPT, .created = true, .want = false},
    {ALIAS, RECORD_SYNCED, .want = true},
    {ALIAS, RECORD_ERROR, .want = true},
    {ALIAS, RECORD_WAITING, .want = true},
    {ALIAS, RECORD_LEFT, .synced = true, .want = true},
    {ALIAS "extensionAttribute15: Building 7\n", RECORD_SYNCED, .synced = true, .want = true},

    /* The stamp went with all that Exchange knew, or alone. */
    {"", RECORD_SYNCED, .synced = true, .created = true, .want = true, .becomes = true},
    {"", RECORD_SYNCED, .synced = true, .want = true},
    {"title: Boss\n", RECORD_SYNCED, .synced = true, .created = true, .want = true,
	.becomes = true},
    {"mail: ann@acme.example\n", RECORD_SYNCED, .synced = true, .created = true, .want = true,
	.becomes = true},
    {ALIAS, RECORD_SYNCED, .synced = true, .created = true, .want = true},
    {"proxyAddresses: smtp:a@x\n", RECORD_SYNCED, .synced = true, .created = true, .want = true},
    {"targetAddress: SMTP:a@x\n", RECORD_SYNCED, .synced = true, .created = true, .want = true},
    {"legacyExchangeDN: /o=x\n", RECORD_SYNCED, .synced = true, .created = true, .want = true},
    {"homeMDB: CN=DB1,CN=Configuration,DC=globex,DC=example\n", RECORD_SYNCED, .synced = true,
	.created = true, .want = true},
    {"msExchHomeServerName: /o=x\n", RECORD_SYNCED, .synced = true, .created = true, .want = true},
    {"msExchMailboxGuid: 0123456789abcdef\n", RECORD_SYNCED, .synced = true, .created = true,
	.want = true},
};

static void
believed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(beliefs); i++) {
		const struct belief_case *c = &beliefs[i];
		_cleanup_(entry_free) struct entry *target = of_class("user", c->extra);
		_cleanup_(record_free) struct record *r = given_record(NULL);
		bool created = !c->becomes;

		r->state = c->state;
		r->rule = c->rule;
		r->synced_at = c->synced;
		r->created = c->created;
		given_same(i, c->extra,
		    identity_believes(r, &r->side[SOURCE].guid, target, STAMP_ATTRIBUTE, &created)
			? "believed"
			: "not believed",
		    c->want ? "believed" : "not believed");
		given_same(i, "created", created ? "yes" : "no", c->becomes ? "yes" : "no");
	}
	given_all_same();
}

#define T_GUID "33333333-3333-3333-3333-333333333333"

static const struct recorded_case {
	const char *guid;  /* of the target by the record, "" if it was never learned */
	const char *extra; /* of the object, whose GUID is T_GUID */
	enum record_state state;
	enum match_method rule;
	bool synced, want;
} recorded_cases[] = {
    {T_GUID, "", RECORD_SYNCED, .synced = true, .want = true},
    {T_GUID, MATCHED, RECORD_SYNCED, .synced = true, .want = true},
    {T_GUID, CREATED, RECORD_PENDING, .want = true},
    {T_GUID, MATCHED, RECORD_PENDING, .want = true},
    {T_GUID, "", RECORD_PENDING, .want = false},
    /* adopted: approved before anything was written */
    {T_GUID, "", RECORD_PENDING, .rule = MATCH_ADOPT, .want = true},
    {T_GUID, OTHERS, RECORD_PENDING, .rule = MATCH_ADOPT, .want = false},
    {OTHER_GUID, "", RECORD_PENDING, .rule = MATCH_ADOPT, .want = false},
    {T_GUID, "", RECORD_PENDING, .synced = true, .want = true},
    {T_GUID, OTHERS, RECORD_SYNCED, .synced = true, .want = false},
    {T_GUID, OTHERS, RECORD_PENDING, .want = false},
    {OTHER_GUID, "", RECORD_SYNCED, .synced = true, .want = false},
    {OTHER_GUID, CREATED, RECORD_SYNCED, .synced = true, .want = false},
    {"", CREATED, RECORD_PENDING, .want = true},
    {"", CREATED, RECORD_SYNCED, .synced = true, .want = true},
    {"", MATCHED, RECORD_PENDING, .want = false},
    {"", OTHERS_CREATED, RECORD_PENDING, .want = false},
    {"", "", RECORD_SYNCED, .synced = true, .want = false},
};

static void
recorded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recorded_cases); i++) {
		const struct recorded_case *c = &recorded_cases[i];
		_cleanup_(entry_free) struct entry *e = of_class("user", c->extra);
		_cleanup_(record_free) struct record *r = given_record(NULL);

		assert_true(guid_parse(T_GUID, &e->guid));
		assert_true(!*c->guid || guid_parse(c->guid, &r->side[TARGET].guid));
		r->state = c->state;
		r->rule = c->rule;
		r->synced_at = c->synced;
		given_same(i, c->extra,
		    identity_is_recorded(r, e, STAMP_ATTRIBUTE) ? "recorded" : "another",
		    c->want ? "recorded" : "another");
	}
	given_all_same();
}

/* ---- two sources, one target ---- */

static const char *const owners[] = {
    [IDENTITY_OLD] = "old", [IDENTITY_NOW] = "now", [IDENTITY_NEITHER] = "neither"};

static const struct {
	enum match_method old;
	bool old_conflicts;
	enum match_method now;
	enum identity_owner want;
} rivals[] = {
    {MATCH_RECORD, false, MATCH_RECORD, IDENTITY_OLD},
    {MATCH_RECORD, false, MATCH_STAMP, IDENTITY_OLD},
    {MATCH_STAMP, false, MATCH_RECORD, IDENTITY_OLD},
    {MATCH_RECORD, false, MATCH_MAIL, IDENTITY_OLD},
    {MATCH_STAMP, false, MATCH_CSV, IDENTITY_OLD},
    {MATCH_MAIL, false, MATCH_RECORD, IDENTITY_NOW},
    {MATCH_SID_HISTORY, false, MATCH_STAMP, IDENTITY_NOW},
    {MATCH_CSV, false, MATCH_STAMP, IDENTITY_NOW},
    {MATCH_MAIL, false, MATCH_MAIL, IDENTITY_NEITHER},
    {MATCH_CSV, false, MATCH_SID_HISTORY, IDENTITY_NEITHER},
    {MATCH_ATTRIBUTE, false, MATCH_SAM, IDENTITY_NEITHER},
    {MATCH_X500, false, MATCH_UPN, IDENTITY_NEITHER},
    /* What is in conflict has lost it. */
    {MATCH_RECORD, true, MATCH_RECORD, IDENTITY_NOW},
    {MATCH_STAMP, true, MATCH_STAMP, IDENTITY_NOW},
    {MATCH_RECORD, true, MATCH_MAIL, IDENTITY_NEITHER},
    {MATCH_MAIL, true, MATCH_STAMP, IDENTITY_NOW},
    /* Of three by softer evidence none has it. */
    {MATCH_MAIL, true, MATCH_MAIL, IDENTITY_NEITHER},
};

static void
settled(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rivals); i++)
		given_same(i, match_method_name(rivals[i].now),
		    owners[identity_settle(rivals[i].old, rivals[i].old_conflicts, rivals[i].now)],
		    owners[rivals[i].want]);
	given_all_same();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refused),
	    cmocka_unit_test(judged),
	    cmocka_unit_test(believed),
	    cmocka_unit_test(recorded),
	    cmocka_unit_test(settled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
