/* SPDX-License-Identifier: MIT */

/*
 * The schema of the fake directory: the attributes of a recipient in AD with Exchange that galsync
 * reads, writes or may be configured to, with the syntaxes, ranges and links of the published
 * schemas, and the few classes such objects have.
 */

#include "dsa/base/str.h"
#include "tests/support/fakedir_priv.h"

#define S 1  /* single-valued */
#define O 2  /* only the system writes it */
#define C 4  /* constructed or back link */
#define K 8  /* kept on tombstones */
#define P 16 /* printable characters only */

/* clang-format off */
static const struct row {
	const char *name;
	enum schema_syntax syntax;
	unsigned flags;
	int64_t lower, upper;
	int32_t link_id;
} rows[] = {
    {"accountExpires", SCHEMA_INTEGER, S, -1, -1, 0},
    {"adminCount", SCHEMA_INTEGER, S, -1, -1, 0},
    {"adminDescription", SCHEMA_STRING, S, 0, 1024, 0},
    {"allowedAttributesEffective", SCHEMA_OTHER, O|C, -1, -1, 0},
    {"allowedChildClassesEffective", SCHEMA_OTHER, O|C, -1, -1, 0},
    {"altRecipient", SCHEMA_DN, S, -1, -1, 12},
    {"altRecipientBL", SCHEMA_DN, C, -1, -1, 13},
    {"assistant", SCHEMA_DN, S, -1, -1, 0},
    {"authOrig", SCHEMA_OTHER, 0, -1, -1, 110},
    {"authOrigBL", SCHEMA_DN, C, -1, -1, 111},
    {"autoReply", SCHEMA_BOOLEAN, S, -1, -1, 0},
    {"c", SCHEMA_STRING, S, 1, 3, 0},
    {"carLicense", SCHEMA_STRING, 0, -1, -1, 0},
    {"cn", SCHEMA_STRING, S, 1, 64, 0},
    {"co", SCHEMA_STRING, S, 1, 128, 0},
    {"comment", SCHEMA_STRING, S, -1, -1, 0},
    {"company", SCHEMA_STRING, S, 1, 64, 0},
    {"countryCode", SCHEMA_INTEGER, S, 0, 65535, 0},
    {"dc", SCHEMA_STRING, S, 1, 255, 0},
    {"deletedItemFlags", SCHEMA_INTEGER, S, -1, -1, 0},
    {"delivContLength", SCHEMA_INTEGER, S, -1, -1, 0},
    {"deliverAndRedirect", SCHEMA_BOOLEAN, S, -1, -1, 0},
    {"department", SCHEMA_STRING, S, 1, 64, 0},
    {"description", SCHEMA_STRING, 0, 0, 1024, 0},
    {"directReports", SCHEMA_DN, O|C, -1, -1, 43},
    {"displayName", SCHEMA_STRING, S, 0, 256, 0},
    {"displayNamePrintable", SCHEMA_STRING, S, 1, 256, 0},
    {"distinguishedName", SCHEMA_DN, S|O|K, -1, -1, 0},
    {"division", SCHEMA_STRING, S, 0, 256, 0},
    {"dLMemDefault", SCHEMA_INTEGER, S, -1, -1, 0},
    {"dLMemRejectPerms", SCHEMA_OTHER, 0, -1, -1, 116},
    {"dLMemRejectPermsBL", SCHEMA_DN, C, -1, -1, 117},
    {"dLMemSubmitPerms", SCHEMA_OTHER, 0, -1, -1, 112},
    {"dLMemSubmitPermsBL", SCHEMA_DN, C, -1, -1, 113},
    {"dnQualifier", SCHEMA_STRING, S|P, 1, 1024, 0},
    {"employeeID", SCHEMA_STRING, S, 0, 16, 0},
    {"employeeNumber", SCHEMA_STRING, S, 1, 512, 0},
    {"employeeType", SCHEMA_STRING, S, 1, 256, 0},
    {"extensionAttribute1", SCHEMA_STRING, S, 1, 1024, 0},
    {"extensionAttribute10", SCHEMA_STRING, S, 1, 1024, 0},
    {"extensionAttribute11", SCHEMA_STRING, S, 1, 2048, 0},
    {"extensionAttribute12", SCHEMA_STRING, S, 1, 2048, 0},
    {"extensionAttribute13", SCHEMA_STRING, S, 1, 2048, 0},
    {"extensionAttribute14", SCHEMA_STRING, S, 1, 2048, 0},
    {"extensionAttribute15", SCHEMA_STRING, S, 1, 2048, 0},
    {"extensionAttribute2", SCHEMA_STRING, S, 1, 1024, 0},
    {"extensionAttribute3", SCHEMA_STRING, S, 1, 1024, 0},
    {"extensionAttribute4", SCHEMA_STRING, S, 1, 1024, 0},
    {"extensionAttribute5", SCHEMA_STRING, S, 1, 1024, 0},
    {"extensionAttribute6", SCHEMA_STRING, S, 1, 1024, 0},
    {"extensionAttribute7", SCHEMA_STRING, S, 1, 1024, 0},
    {"extensionAttribute8", SCHEMA_STRING, S, 1, 1024, 0},
    {"extensionAttribute9", SCHEMA_STRING, S, 1, 1024, 0},
    {"extensionName", SCHEMA_STRING, 0, 1, 255, 0},
    {"facsimileTelephoneNumber", SCHEMA_STRING, S, 1, 64, 0},
    {"forwardingAddress", SCHEMA_STRING, S, 1, 256, 0},
    {"generationQualifier", SCHEMA_STRING, S, 1, 64, 0},
    {"givenName", SCHEMA_STRING, S, 1, 64, 0},
    {"gPLink", SCHEMA_STRING, S, -1, -1, 0},
    {"groupType", SCHEMA_INTEGER, S|K, -1, -1, 0},
    {"hideDLMembership", SCHEMA_BOOLEAN, S, -1, -1, 0},
    {"homeMDB", SCHEMA_DN, S, -1, -1, 32},
    {"homeMDBBL", SCHEMA_DN, C, -1, -1, 33},
    {"homeMTA", SCHEMA_DN, S, -1, -1, 0},
    {"homePhone", SCHEMA_STRING, S, 1, 64, 0},
    {"homePostalAddress", SCHEMA_STRING, S, 1, 4096, 0},
    {"info", SCHEMA_STRING, S, 1, 1024, 0},
    {"initials", SCHEMA_STRING, S, 1, 6, 0},
    {"instanceType", SCHEMA_INTEGER, S|O|K, -1, -1, 0},
    {"internetEncoding", SCHEMA_INTEGER, S, -1, -1, 0},
    {"ipPhone", SCHEMA_STRING, S, -1, 64, 0},
    {"isCriticalSystemObject", SCHEMA_BOOLEAN, S, -1, -1, 0},
    {"isDeleted", SCHEMA_BOOLEAN, S|O, -1, -1, 0},
    {"jpegPhoto", SCHEMA_OCTETS, 0, -1, -1, 0},
    {"l", SCHEMA_STRING, S, 1, 128, 0},
    {"language", SCHEMA_STRING, S, 1, 64, 0},
    {"languageCode", SCHEMA_INTEGER, S, -1, -1, 0},
    {"lastKnownParent", SCHEMA_DN, S, -1, -1, 0},
    {"legacyExchangeDN", SCHEMA_STRING, S|K, -1, -1, 0},
    {"mail", SCHEMA_STRING, S, 0, 256, 0},
    {"mailNickname", SCHEMA_STRING, S, 1, 64, 0},
    {"managedBy", SCHEMA_DN, S, -1, -1, 72},
    {"managedObjects", SCHEMA_DN, O|C, -1, -1, 73},
    {"manager", SCHEMA_DN, S, -1, -1, 42},
    {"mAPIRecipient", SCHEMA_BOOLEAN, S, -1, -1, 0},
    {"mDBOverHardQuotaLimit", SCHEMA_INTEGER, S, -1, -1, 0},
    {"mDBOverQuotaLimit", SCHEMA_INTEGER, S, -1, -1, 0},
    {"mDBStorageQuota", SCHEMA_INTEGER, S, -1, -1, 0},
    {"mDBUseDefaults", SCHEMA_BOOLEAN, S, -1, -1, 0},
    {"member", SCHEMA_DN, 0, -1, -1, 2},
    {"memberOf", SCHEMA_DN, O|C, -1, -1, 3},
    {"middleName", SCHEMA_STRING, S, 0, 64, 0},
    {"mobile", SCHEMA_STRING, S, 1, 64, 0},
    {"msExchAddressBookFlags", SCHEMA_INTEGER, S, -1, -1, 0},
    {"msExchALObjectVersion", SCHEMA_INTEGER, S, -1, -1, 0},
    {"msExchArchiveGUID", SCHEMA_OCTETS, S|K, -1, 16, 0},
    {"msExchArchiveName", SCHEMA_STRING, 0, -1, 512, 0},
    {"msExchArchiveStatus", SCHEMA_INTEGER, S, -1, -1, 0},
    {"msExchAssistantName", SCHEMA_STRING, S, 1, 256, 0},
    {"msExchBlockedSendersHash", SCHEMA_OCTETS, S, 1, 4000, 0},
    {"msExchCalendarRepairDisabled", SCHEMA_BOOLEAN, S, -1, -1, 0},
    {"msExchCoManagedByLink", SCHEMA_DN, 0, -1, -1, 2000},
    {"msExchCoManagedObjectsBL", SCHEMA_DN, C, -1, -1, 2001},
    {"msExchCustomProxyAddresses", SCHEMA_STRING, 0, -1, -1, 0},
    {"msExchDynamicDLBaseDN", SCHEMA_DN, S, -1, -1, 0},
    {"msExchDynamicDLFilter", SCHEMA_STRING, S, -1, -1, 0},
    {"msExchELCMailboxFlags", SCHEMA_INTEGER, S, -1, -1, 0},
    {"msExchEnableModeration", SCHEMA_BOOLEAN, S, -1, -1, 0},
    {"msExchExpansionServerName", SCHEMA_STRING, S, -1, -1, 0},
    {"msExchExtensionCustomAttribute1", SCHEMA_STRING, 0, -1, 2048, 0},
    {"msExchExtensionCustomAttribute2", SCHEMA_STRING, 0, -1, 2048, 0},
    {"msExchExtensionCustomAttribute3", SCHEMA_STRING, 0, -1, 2048, 0},
    {"msExchExtensionCustomAttribute4", SCHEMA_STRING, 0, -1, 2048, 0},
    {"msExchExtensionCustomAttribute5", SCHEMA_STRING, 0, -1, 2048, 0},
    {"msExchExternalOOFOptions", SCHEMA_INTEGER, S, -1, -1, 0},
    {"msExchGenericForwardingAddress", SCHEMA_STRING, S, -1, 256, 0},
    {"msExchHideFromAddressLists", SCHEMA_BOOLEAN, S, -1, -1, 0},
    {"msExchHomeServerName", SCHEMA_STRING, S|K, -1, -1, 0},
    {"msExchImmutableId", SCHEMA_STRING, S, -1, 256, 0},
    {"msExchMailboxGuid", SCHEMA_OCTETS, S|K, 16, 16, 0},
    {"msExchMailboxSecurityDescriptor", SCHEMA_OCTETS, S|K, 0, 65535, 0},
    {"msExchMasterAccountHistory", SCHEMA_OCTETS, K, -1, -1, 0},
    {"msExchMasterAccountSid", SCHEMA_OCTETS, S|K, 0, 28, 0},
    {"msExchMDBRulesQuota", SCHEMA_INTEGER, S, 32, 1024, 0},
    {"msExchMobileMailboxFlags", SCHEMA_INTEGER, S, -1, -1, 0},
    {"msExchModerationFlags", SCHEMA_INTEGER, S, -1, -1, 0},
    {"msExchOriginatingForest", SCHEMA_STRING, 0, -1, -1, 0},
    {"msExchPoliciesExcluded", SCHEMA_STRING, 0, -1, -1, 0},
    {"msExchPoliciesIncluded", SCHEMA_STRING, 0, -1, -1, 0},
    {"msExchPreviousAccountSid", SCHEMA_OCTETS, S|K, 0, 28, 0},
    {"msExchPurportedSearchUI", SCHEMA_STRING, 0, -1, -1, 0},
    {"msExchRecipientDisplayType", SCHEMA_INTEGER, S, -1, -1, 0},
    {"msExchRecipientTypeDetails", SCHEMA_INTEGER, S, -1, -1, 0},
    {"msExchRecipLimit", SCHEMA_INTEGER, S, -1, -1, 0},
    {"msExchRemoteRecipientType", SCHEMA_INTEGER, S, -1, -1, 0},
    {"msExchRequireAuthToSendTo", SCHEMA_BOOLEAN, S, -1, -1, 0},
    {"msExchResourceCapacity", SCHEMA_INTEGER, S, -1, -1, 0},
    {"msExchResourceDisplay", SCHEMA_STRING, S, 1, 1024, 0},
    {"msExchResourceMetaData", SCHEMA_STRING, 0, 1, 1024, 0},
    {"msExchResourceSearchProperties", SCHEMA_STRING, 0, 1, 1024, 0},
    {"msExchSafeRecipientsHash", SCHEMA_OCTETS, S, -1, 12000, 0},
    {"msExchSafeSendersHash", SCHEMA_OCTETS, S, -1, 32000, 0},
    {"msExchUsageLocation", SCHEMA_STRING, S, -1, 3, 0},
    {"msExchUserAccountControl", SCHEMA_INTEGER, S|K, -1, -1, 0},
    {"msExchUserCulture", SCHEMA_STRING, S, -1, 54, 0},
    {"msExchVersion", SCHEMA_INTEGER, S, -1, -1, 0},
    {"name", SCHEMA_STRING, S|O|K, 1, 255, 0},
    {"nTSecurityDescriptor", SCHEMA_OCTETS, S|K, 0, 132096, 0},
    {"objectCategory", SCHEMA_DN, S, -1, -1, 0},
    {"objectClass", SCHEMA_OTHER, O|K, -1, -1, 0},
    {"objectGUID", SCHEMA_OCTETS, S|O|K, 16, 16, 0},
    {"objectSid", SCHEMA_OCTETS, S|O|K, 0, 28, 0},
    {"oOFReplyToOriginator", SCHEMA_BOOLEAN, S, -1, -1, 0},
    {"otherFacsimileTelephoneNumber", SCHEMA_STRING, 0, 1, 64, 0},
    {"otherHomePhone", SCHEMA_STRING, 0, 1, 64, 0},
    {"otherIpPhone", SCHEMA_STRING, 0, -1, -1, 0},
    {"otherMailbox", SCHEMA_STRING, 0, -1, -1, 0},
    {"otherMobile", SCHEMA_STRING, 0, 1, 64, 0},
    {"otherPager", SCHEMA_STRING, 0, 1, 64, 0},
    {"otherTelephone", SCHEMA_STRING, 0, 1, 64, 0},
    {"ou", SCHEMA_STRING, 0, 1, 64, 0},
    {"pager", SCHEMA_STRING, S, 1, 64, 0},
    {"personalTitle", SCHEMA_STRING, S, 1, 64, 0},
    {"physicalDeliveryOfficeName", SCHEMA_STRING, S, 1, 128, 0},
    {"postalCode", SCHEMA_STRING, S, 1, 40, 0},
    {"postOfficeBox", SCHEMA_STRING, 0, 1, 40, 0},
    {"preferredLanguage", SCHEMA_STRING, S, -1, -1, 0},
    {"primaryGroupID", SCHEMA_INTEGER, S, -1, -1, 0},
    {"protocolSettings", SCHEMA_STRING, 0, 0, 256, 0},
    {"proxyAddresses", SCHEMA_STRING, 0, 1, 1123, 0},
    {"publicDelegates", SCHEMA_DN, 0, -1, -1, 14},
    {"publicDelegatesBL", SCHEMA_DN, C, -1, -1, 15},
    {"pwdLastSet", SCHEMA_INTEGER, S, -1, -1, 0},
    {"reportToOriginator", SCHEMA_BOOLEAN, S, -1, -1, 0},
    {"reportToOwner", SCHEMA_BOOLEAN, S, -1, -1, 0},
    {"sAMAccountName", SCHEMA_STRING, S|K, 0, 256, 0},
    {"sAMAccountType", SCHEMA_INTEGER, S, -1, -1, 0},
    {"secretary", SCHEMA_DN, 0, -1, -1, 0},
    {"seeAlso", SCHEMA_DN, 0, -1, -1, 0},
    {"servicePrincipalName", SCHEMA_STRING, 0, -1, -1, 0},
    {"showInAddressBook", SCHEMA_DN, 0, -1, -1, 0},
    {"sIDHistory", SCHEMA_OCTETS, 0, -1, -1, 0},
    {"sn", SCHEMA_STRING, S, 1, 64, 0},
    {"st", SCHEMA_STRING, S, 1, 128, 0},
    {"street", SCHEMA_STRING, S, 1, 1024, 0},
    {"streetAddress", SCHEMA_STRING, S, 1, 1024, 0},
    {"submissionContLength", SCHEMA_INTEGER, S, -1, -1, 0},
    {"targetAddress", SCHEMA_STRING, S, 1, 1123, 0},
    {"telephoneAssistant", SCHEMA_STRING, S, 1, 64, 0},
    {"telephoneNumber", SCHEMA_STRING, S, 1, 64, 0},
    {"textEncodedORAddress", SCHEMA_STRING, S, 1, 1024, 0},
    {"thumbnailPhoto", SCHEMA_OCTETS, S, 0, 102400, 0},
    {"title", SCHEMA_STRING, S, 1, 128, 0},
    {"unauthOrig", SCHEMA_OTHER, 0, -1, -1, 114},
    {"unauthOrigBL", SCHEMA_DN, C, -1, -1, 115},
    {"unicodePwd", SCHEMA_OCTETS, S, -1, -1, 0},
    {"url", SCHEMA_STRING, 0, -1, -1, 0},
    {"userAccountControl", SCHEMA_INTEGER, S|K, -1, -1, 0},
    {"userCertificate", SCHEMA_OCTETS, 0, -1, 32768, 0},
    {"userPrincipalName", SCHEMA_STRING, S, -1, 1024, 0},
    {"userSMIMECertificate", SCHEMA_OCTETS, 0, -1, 32768, 0},
    {"uSNChanged", SCHEMA_INTEGER, S|O|K, -1, -1, 0},
    {"uSNCreated", SCHEMA_INTEGER, S|O|K, -1, -1, 0},
    {"wellKnownObjects", SCHEMA_OTHER, O, 16, 16, 0},
    {"whenChanged", SCHEMA_TIME, S|O, -1, -1, 0},
    {"whenCreated", SCHEMA_TIME, S|O, -1, -1, 0},
    {"wWWHomePage", SCHEMA_STRING, S, 1, 2048, 0},
};
/* clang-format on */

static const char *const top[] = {"top", NULL};
static const char *const person[] = {"top", "person", "organizationalPerson", NULL};
static const char *const user[] = {"top", "person", "organizationalPerson", "user", NULL};
static const char *const domain[] = {"top", "domain", NULL};
static const char *const mdb[] = {"top", "msExchMDB", NULL};

static const struct fake_class classes[] = {
    {"user", person, "CN", true},
    {"inetOrgPerson", user, "CN", true},
    {"computer", user, "CN", true},
    {"contact", person, "CN", false},
    {"group", top, "CN", true},
    {"organizationalUnit", top, "OU", false},
    {"container", top, "CN", false},
    {"foreignSecurityPrincipal", top, "CN", false},
    {"msExchDynamicDistributionList", top, "CN", false},
    {"publicFolder", top, "CN", false},
    {"msExchPrivateMDB", mdb, "CN", false},
    {"domainDNS", domain, "DC", false},
    {"configuration", top, "CN", false},
    {"dMD", top, "CN", false},
};

const struct fake_class *
fake_class_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (str_equal_nocase(classes[i].name, name))
			return &classes[i];
	return NULL;
}

int
fake_class_each(int (*add)(const char *name, void *arg), void *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (add(classes[i].name, arg) < 0)
			return -1;
	return 0;
}

bool
fake_schema_kept(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (str_equal_nocase(rows[i].name, name))
			return (rows[i].flags & K) != 0;
	return false;
}

bool
fake_schema_is_ref(const struct schema_attr *a)
{
	/* OR-names (authOrig and its kin) are links, though not of DN syntax. */
	return a->syntax == SCHEMA_DN || a->link_id != 0;
}

int
fake_schema_each_writable(int (*add)(const char *name, void *arg), void *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!(rows[i].flags & (O | C)) && add(rows[i].name, arg) < 0)
			return -1;
	return 0;
}

static bool
is_in(const char *const *list, const char *name)
{
	for (; list && *list; list++)
		if (str_equal_nocase(*list, name))
			return true;
	return false;
}

/* Some of them: MS-ADTS 3.1.1.2.3.3. */
static const char *const self_writable[] = {
    "info", "telephoneNumber", "thumbnailPhoto", "userCertificate", "url", NULL};

struct schema *
fakedir_schema_new(const char *const *without)
{
	_cleanup_(schema_free) struct schema *s = schema_new();

	for (size_t i = 0; s && i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		struct schema_attr a = {.name = (char *)(uintptr_t)r->name,
		    .syntax = r->syntax,
		    .single = (r->flags & S) != 0,
		    .system_only = (r->flags & O) != 0,
		    .self_writable = is_in(self_writable, r->name),
		    .constructed_or_backlink = (r->flags & C) != 0,
		    .unicode = r->syntax == SCHEMA_STRING && !(r->flags & P),
		    .nocase = r->syntax == SCHEMA_STRING && !(r->flags & P),
		    .range_upper = r->upper,
		    .range_lower = r->lower,
		    .link_id = r->link_id};

		if (!is_in(without, r->name) && schema_add(s, &a) < 0)
			return NULL;
	}
	/* The first look-up sorts: done before several threads look things up. */
	if (s)
		(void)schema_find(s, "cn");
	return TAKE(s);
}
