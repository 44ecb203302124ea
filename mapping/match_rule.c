/* SPDX-License-Identifier: MIT */
#include "mapping/match.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/attr_name.h"

#define ATTRIBUTE_PREFIX "attribute:"
#define CSV_PREFIX "csv:"

static const char *const names[] = {
    [MATCH_RECORD] = "record",
    [MATCH_STAMP] = "stamp",
    [MATCH_SID_HISTORY] = "sid-history",
    [MATCH_X500] = "x500",
    [MATCH_MAIL] = "mail",
    [MATCH_SAM] = "sam-account-name",
    [MATCH_UPN] = "user-principal-name",
    [MATCH_ATTRIBUTE] = "attribute",
    [MATCH_CSV] = "csv",
    [MATCH_ADOPT] = "adopt",
    [MATCH_SID_ON_TARGET] = "sid-on-target",
    [MATCH_X500_ON_TARGET] = "x500-on-target",
    [MATCH_MAIL_ON_TARGET] = "mail-on-target",
};
_Static_assert(ARRAY_SIZE(names) == MATCH_METHOD_MAX, "a name for each method");

static const char allowed[] = "stamp, sid-on-target, x500-on-target, mail-on-target, sid-history, "
			      "x500, mail, sam-account-name, user-principal-name, "
			      "attribute:SOURCE=TARGET, attribute:NAME, csv:FILE";

const char *
match_method_name(enum match_method m)
{
	return names[m];
}

/* "SOURCE=TARGET", or "NAME" for both. */
static int
parse_pair(const char *text, struct match_rule *ret, struct err *err)
{
	size_t len = strcspn(text, "=");
	const char *target = text[len] ? text + len + 1 : text;

	if (!attr_name_ok(text, len) || !attr_name_ok(target, strlen(target)))
		return err_conf(err,
		    "match rule 'attribute:%s' does not name attributes; allowed: "
		    "attribute:SOURCE=TARGET or attribute:NAME",
		    text);
	ret->method = MATCH_ATTRIBUTE;
	ret->source_attr = strndup(text, len);
	ret->target_attr = strdup(target);
	return ret->source_attr && ret->target_attr ? 0 : err_nomem(err);
}

/* Is M a rule that is configured by its name alone? */
static bool
is_plain(enum match_method m)
{
	return m != MATCH_RECORD && m != MATCH_ATTRIBUTE && m != MATCH_CSV && m != MATCH_ADOPT;
}

static int
parse(const char *text, struct match_rule *ret, struct err *err)
{
	if (strncmp(text, ATTRIBUTE_PREFIX, sizeof ATTRIBUTE_PREFIX - 1) == 0)
		return parse_pair(text + sizeof ATTRIBUTE_PREFIX - 1, ret, err);
	if (strncmp(text, CSV_PREFIX, sizeof CSV_PREFIX - 1) == 0) {
		const char *file = text + sizeof CSV_PREFIX - 1;

		if (!*file)
			return err_conf(err, "match rule 'csv:' names no file; allowed: csv:FILE");
		ret->method = MATCH_CSV;
		ret->csv_file = strdup(file);
		return ret->csv_file ? 0 : err_nomem(err);
	}
	for (size_t i = MATCH_STAMP; i < MATCH_METHOD_MAX; i++)
		if (is_plain((enum match_method)i) && strcmp(text, names[i]) == 0) {
			ret->method = (enum match_method)i;
			return 0;
		}
	if (strcmp(text, names[MATCH_RECORD]) == 0)
		return err_conf(err,
		    "match rule 'record' is always asked first and is not configured; allowed: %s",
		    allowed);
	if (strcmp(text, names[MATCH_ADOPT]) == 0)
		return err_conf(err,
		    "match rule 'adopt' is what galsyncctl adopt records and is not configured; "
		    "allowed: %s",
		    allowed);
	return err_conf(err, "unknown match rule '%s'; allowed: %s", text, allowed);
}

int
match_rule_parse(const char *text, struct match_rule *ret, struct err *err)
{
	struct match_rule r = {0};

	if (parse(text, &r, err) < 0) {
		match_rule_done(&r);
		return -1;
	}
	*ret = r;
	return 0;
}

void
match_rule_done(struct match_rule *r)
{
	free(r->source_attr);
	free(r->target_attr);
	free(r->csv_file);
	*r = (struct match_rule){0};
}

char *
match_rule_format(const struct match_rule *r)
{
	if (r->method == MATCH_CSV)
		return str_printf(CSV_PREFIX "%s", r->csv_file);
	if (r->method != MATCH_ATTRIBUTE)
		return strdup(names[r->method]);
	if (strcmp(r->source_attr, r->target_attr) == 0)
		return str_printf(ATTRIBUTE_PREFIX "%s", r->source_attr);
	return str_printf(ATTRIBUTE_PREFIX "%s=%s", r->source_attr, r->target_attr);
}
