/* SPDX-License-Identifier: MIT */
#include "dsa/ldap/ldap_err.h"

#include <ldap.h>
#include <stdio.h>
#include <string.h>

/*
 * What a result code means for the engine. A code that is not here ends the cycle of the link and
 * is tried again later: that loses nothing and decides nothing.
 *
 * The last rows of each group are additions to the usual table: codes that say the same of one
 * entry, or of the way the link logs in, as their neighbours do.
 */
static const struct judgement {
	int rc;
	enum err_scope scope;
	enum err_retry retry;
} judgements[] = {
    /* The connection or the server: another session, perhaps with another server. */
    {LDAP_SERVER_DOWN, ERR_PEER, ERR_LATER},
    {LDAP_CONNECT_ERROR, ERR_PEER, ERR_LATER},
    {LDAP_TIMEOUT, ERR_PEER, ERR_LATER},
    {LDAP_UNAVAILABLE, ERR_PEER, ERR_LATER},
    {LDAP_BUSY, ERR_PEER, ERR_LATER},
    /* The object is not what we read: read again, plan again. */
    {LDAP_NO_SUCH_OBJECT, ERR_ENTRY, ERR_REREAD},
    {LDAP_ALREADY_EXISTS, ERR_ENTRY, ERR_REREAD},
    {LDAP_NO_SUCH_ATTRIBUTE, ERR_ENTRY, ERR_REREAD},
    {LDAP_TYPE_OR_VALUE_EXISTS, ERR_ENTRY, ERR_REREAD},
    {LDAP_NOT_ALLOWED_ON_NONLEAF, ERR_ENTRY, ERR_REREAD},
    /* The request can never work as it is. */
    {LDAP_CONSTRAINT_VIOLATION, ERR_ENTRY, ERR_NEVER},
    {LDAP_OBJECT_CLASS_VIOLATION, ERR_ENTRY, ERR_NEVER},
    {LDAP_NAMING_VIOLATION, ERR_ENTRY, ERR_NEVER},
    {LDAP_UNDEFINED_TYPE, ERR_ENTRY, ERR_NEVER},
    {LDAP_INVALID_SYNTAX, ERR_ENTRY, ERR_NEVER},
    {LDAP_INVALID_DN_SYNTAX, ERR_ENTRY, ERR_NEVER},
    {LDAP_UNWILLING_TO_PERFORM, ERR_ENTRY, ERR_NEVER},
    {LDAP_NOT_ALLOWED_ON_RDN, ERR_ENTRY, ERR_NEVER},
    {LDAP_NO_OBJECT_CLASS_MODS, ERR_ENTRY, ERR_NEVER},
    {LDAP_AFFECTS_MULTIPLE_DSAS, ERR_ENTRY, ERR_NEVER},
    /* An operator must change something: rights, credentials, the server's policy. */
    {LDAP_INVALID_CREDENTIALS, ERR_LINK, ERR_NEVER},
    {LDAP_INSUFFICIENT_ACCESS, ERR_LINK, ERR_NEVER},
    {LDAP_STRONG_AUTH_REQUIRED, ERR_LINK, ERR_NEVER},
    {LDAP_UNAVAILABLE_CRITICAL_EXTENSION, ERR_LINK, ERR_NEVER},
    {LDAP_CONFIDENTIALITY_REQUIRED, ERR_LINK, ERR_NEVER},
    {LDAP_AUTH_METHOD_NOT_SUPPORTED, ERR_LINK, ERR_NEVER},
    {LDAP_INAPPROPRIATE_AUTH, ERR_LINK, ERR_NEVER},
    {LDAP_AUTH_UNKNOWN, ERR_LINK, ERR_NEVER},
    {LDAP_FILTER_ERROR, ERR_LINK, ERR_NEVER},
};

static struct judgement
judge(int rc)
{
	for (size_t i = 0; i < ARRAY_SIZE(judgements); i++) {
		if (judgements[i].rc == rc)
			return judgements[i];
	}
	return (struct judgement){rc, ERR_LINK, ERR_LATER};
}

/* DIAG without the line ends and blanks that servers put behind it. */
static struct bytes
trimmed(const char *diag)
{
	size_t len = diag ? strlen(diag) : 0;

	while (len && strchr(" \t\r\n", diag[len - 1]))
		len--;
	return (struct bytes){diag, len};
}

int
err_ldap_at(struct err *e, struct err_place at, int rc, const char *diag, const char *fmt, ...)
{
	struct judgement j = judge(rc);
	struct bytes words = trimmed(diag);
	char what[256], said[320];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	err_escape(said, sizeof said, words);
	return err_set_at(e, at, ERR_LDAP, j.scope, j.retry, rc, "%s: %s (%d)%s%s", what,
	    ldap_err2string(rc), rc, words.len ? ": " : "", said);
}

bool
ldap_is_busy(int rc)
{
	return rc == LDAP_BUSY || rc == LDAP_UNAVAILABLE;
}
