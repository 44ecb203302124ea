/* SPDX-License-Identifier: MIT */
#include "dsa/config/used_attrs.h"

#include <stddef.h>

#include "dsa/base/mem.h"
#include "dsa/base/str.h"

/* A site's row that removed targetAddress could make mail loop. */
static const char *const reserved[] = {"objectClass", "objectGUID", "objectSid", "sIDHistory",
    "nTSecurityDescriptor", "unicodePwd", "userPassword", "dBCSPwd", "lmPwdHistory", "ntPwdHistory",
    "supplementalCredentials", "distinguishedName", "name", "proxyAddresses", "targetAddress",
    "mail", "legacyExchangeDN", "showInAddressBook", "member", "msExchMailboxSecurityDescriptor"};

/* What is neither reserved nor one of the fifteen. */
static const char *const others[] = {"adminCount", "altRecipient", "assistant", "authOrig", "c",
    "cn", "co", "company", "countryCode", "delivContLength", "deliverAndRedirect", "department",
    "displayName", "displayNamePrintable", "dLMemRejectPerms", "dLMemSubmitPerms",
    "facsimileTelephoneNumber", "generationQualifier", "givenName", "groupType", "hideDLMembership",
    "homeMDB", "homePhone", "info", "initials", "internetEncoding", "ipPhone",
    "isCriticalSystemObject", "l", "mailNickname", "managedBy", "manager", "mAPIRecipient",
    "mDBUseDefaults", "mobile", "msExchArchiveGUID", "msExchArchiveName", "msExchAssistantName",
    "msExchBlockedSendersHash", "msExchCalendarRepairDisabled", "msExchCoManagedByLink",
    "msExchExtensionCustomAttribute1", "msExchExtensionCustomAttribute2",
    "msExchExtensionCustomAttribute3", "msExchExtensionCustomAttribute4",
    "msExchExtensionCustomAttribute5", "msExchHideFromAddressLists", "msExchHomeServerName",
    "msExchMailboxGuid", "msExchMasterAccountSid", "msExchOriginatingForest",
    "msExchPoliciesExcluded", "msExchPoliciesIncluded", "msExchRecipientDisplayType",
    "msExchRecipientTypeDetails", "msExchRequireAuthToSendTo", "msExchResourceCapacity",
    "msExchResourceDisplay", "msExchResourceMetaData", "msExchResourceSearchProperties",
    "msExchSafeRecipientsHash", "msExchSafeSendersHash", "msExchUserCulture",
    "msExchRemoteRecipientType", "msExchVersion", "oOFReplyToOriginator",
    "otherFacsimileTelephoneNumber", "otherHomePhone", "otherMobile", "otherPager",
    "otherTelephone", "pager", "personalTitle", "physicalDeliveryOfficeName", "postalCode",
    "postOfficeBox", "primaryGroupID", "publicDelegates", "reportToOriginator", "reportToOwner",
    "sAMAccountName", "sn", "st", "streetAddress", "telephoneAssistant", "telephoneNumber",
    "thumbnailPhoto", "title", "unauthOrig", "url", "userAccountControl", "userCertificate",
    "userPrincipalName", "userSMIMECertificate", "whenCreated", "wWWHomePage"};

/* Of proxyAddresses, mail and legacyExchangeDN a site has no rows. A common name is unique among
 * those in its OU; an alias is what Exchange and the redirect addresses are made of. */
static const char *const unique[] = {"cn", "mailNickname", "msExchArchiveGUID", "msExchMailboxGuid",
    "sAMAccountName", "userPrincipalName"};

static bool
is_in(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_equal_nocase(name, names[i]))
			return true;
	return false;
}

bool
used_attr_is_reserved(const char *name)
{
	return is_in(name, reserved, ARRAY_SIZE(reserved));
}

bool
used_attr_is_unique(const char *name)
{
	return is_in(name, unique, ARRAY_SIZE(unique));
}

bool
used_attr(const char *name)
{
	return used_attr_is_reserved(name) || is_in(name, others, ARRAY_SIZE(others));
}
